// What is said of a model in a few words, in the catalogue and in pickers.
import { compact, perMillion, usd } from "../../core/format.ts";
import { Badge, type Tone } from "../../ui/controls.tsx";
import type { Model, Privacy } from "../../prompt/models.ts";

const privacyWords: Record<Privacy, { label: string; tone: Tone; says: string }> = {
  confidential: { label: "attested provider", tone: "accent", says: "At least one provider says that it serves inside attested hardware and keeps no prompts. That is the provider's word." },
  zdr: { label: "keeps nothing", tone: "good", says: "At least one provider's terms say that it keeps no prompts. That is the provider's word." },
  any: { label: "may keep prompts", tone: "warn", says: "Every provider of this model may keep prompts." },
};

export const privacyChoices: readonly { value: string; label: string }[] = [
  { value: "", label: "Any privacy" },
  { value: "zdr", label: "Keeps nothing" },
  { value: "confidential", label: "Attested provider" },
];

export function PrivacyBadge({ privacy }: { privacy: Privacy | null }) {
  if (privacy === null) return <Badge>several models</Badge>;
  const w = privacyWords[privacy];
  return <span title={w.says}><Badge tone={w.tone}>{w.label}</Badge></span>;
}

export const privacySays = (privacy: Privacy | null): string =>
  privacy === null ? "It is made of other models: each of them is another company that reads the prompt." : privacyWords[privacy].says;

const CAPABILITIES = [
  { id: "images", label: "images", has: (m: Model) => m.architecture.input_modalities.includes("image") },
  { id: "files", label: "files", has: (m: Model) => m.architecture.input_modalities.includes("file") },
  { id: "audio", label: "audio", has: (m: Model) => m.architecture.input_modalities.includes("audio") },
  { id: "tools", label: "tools", has: (m: Model) => m.supported_parameters.includes("tools") },
  { id: "reasoning", label: "thinking", has: (m: Model) => m.supported_parameters.includes("reasoning") },
  { id: "structured", label: "JSON schemas", has: (m: Model) => m.supported_parameters.includes("structured_outputs") },
  { id: "open", label: "open weights", has: (m: Model) => m.trustedrouter.open_weights === true },
] as const;

export const capabilityChoices: readonly { value: string; label: string }[] = [{ value: "", label: "Any capability" }, ...CAPABILITIES.map((c) => ({ value: c.id, label: c.label }))];
export const can = (m: Model, id: string): boolean => CAPABILITIES.find((c) => c.id === id)?.has(m) ?? false;
export const capabilitiesOf = (m: Model): string[] => CAPABILITIES.filter((c) => c.has(m)).map((c) => c.label);

const KINDS: Record<string, string> = { chat: "Chat", synth: "Synth", embeddings: "Embeddings", images: "Images", speech: "Speech", transcription: "Transcription", moderation: "Moderation", rerank: "Reranking" };
export const kindOf = (m: Model): string => KINDS[m.trustedrouter.kind] ?? m.trustedrouter.kind;
export const kindChoices: readonly { value: string; label: string }[] = [{ value: "", label: "Any kind" }, ...Object.entries(KINDS).map(([value, label]) => ({ value, label }))];

export const contextOf = (n: number | null | undefined): string => (n ? `${compact(n)} tokens` : "–");

/** Of one made of several: between which bounds. */
function synthPrice(m: Model, which: "prompt" | "completion"): string {
  const bounds = m.trustedrouter.synth?.pricing?.[which];
  return bounds ? `${perMillion(bounds.min).replace(" / 1M", "")} to ${perMillion(bounds.max)}` : "varies";
}

const UNITS = [["request", "request"], ["image", "image"], ["second", "second"], ["character", "character"], ["query", "query"]] as const;
/** Tokens whose price is not that of prompt or completion: the catalog names them only then. */
const TOKENS = [["image_token", "image tokens"], ["audio", "audio tokens"], ["internal_reasoning", "thinking tokens"], ["audio_output", "audio tokens of the answer"], ["image_output", "image tokens of the answer"]] as const;

const priced = (price: unknown): price is string => typeof price === "string" && Number(price) > 0;
const paidByToken = (m: Model): boolean => m.trustedrouter.kind === "synth" || Number(m.pricing.prompt) !== 0 || Number(m.pricing.completion) !== 0;

/** What is paid by something else than tokens: "$0.04 per image". */
const unitPrices = (m: Model): string[] => UNITS.flatMap(([name, word]) => (priced(m.pricing[name]) ? [`${usd(m.pricing[name] as string)} per ${word}`] : []));

/** What is paid beside the prices of prompt and completion. */
export function alsoPriced(m: Model): string[] {
  const tokens = TOKENS.flatMap(([name, word]) => (priced(m.pricing[name]) ? [`${perMillion(m.pricing[name] as string)} ${word}`] : []));
  return paidByToken(m) ? [...unitPrices(m), ...tokens] : tokens;
}

/** Of a model without a price of tokens, what it is paid by stands in the place of the prompt's price: it is not free. */
export function priceOf(m: Model, which: "prompt" | "completion"): string {
  if (m.trustedrouter.kind === "synth") return synthPrice(m, which);
  const units = paidByToken(m) ? [] : unitPrices(m);
  if (units.length > 0) return which === "prompt" ? units.join(", ") : "–";
  return m.trustedrouter.kind !== "chat" && paidByToken(m) && Number(m.pricing[which]) === 0 ? "–" : perMillion(m.pricing[which]);
}

export const cachedPriceOf = (m: Model): string => (paidByToken(m) ? perMillion(m.pricing.input_cache_read) : "–");

/** In a few words, for a card. */
export function pricesOf(m: Model): string[] {
  if (!paidByToken(m)) return [priceOf(m, "prompt"), ...alsoPriced(m)];
  const completion = priceOf(m, "completion");
  return [`${priceOf(m, "prompt")} in`, ...(completion === "–" ? [] : [`${completion} out`]), ...alsoPriced(m)];
}

/** For sorting; what varies stands by the least that it can cost. */
export const priceNumber = (m: Model, which: "prompt" | "completion"): number => Number(m.trustedrouter.synth?.pricing?.[which]?.min ?? m.pricing[which]);

/** Every word is in the id or the name. */
export function fits(m: Model, words: readonly string[]): boolean {
  const text = `${m.id} ${m.name}`.toLowerCase();
  return words.every((w) => text.includes(w));
}
export const searchWords = (text: string): string[] => text.toLowerCase().split(/\s+/).filter(Boolean);
