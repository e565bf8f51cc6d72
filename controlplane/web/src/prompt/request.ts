// A conversation as the request of a chat completion; what the reader typed wrongly is said before anything is sent.
import { isWhole } from "./answer.ts";
import type { Conversation, Settings, Turn } from "./conversations.ts";
import { takes, takesImages, type Model } from "./models.ts";

type Message = Record<string, unknown>;

function userMessage(turn: Extract<Turn, { role: "user" }>, images: boolean): Message {
  if (turn.images.length === 0 || !images) return { role: "user", content: turn.text };
  const parts = turn.images.map((i) => ({ type: "image_url", image_url: { url: i.url } }));
  return { role: "user", content: [...(turn.text === "" ? [] : [{ type: "text", text: turn.text }]), ...parts] };
}

function assistantMessages(turn: Extract<Turn, { role: "assistant" }>): Message[] {
  const { text, toolCalls } = turn.answer;
  if (toolCalls.length === 0 || !isWhole(turn.answer)) return text === "" ? [] : [{ role: "assistant", content: text }];
  const calls = toolCalls.map((c) => ({ id: c.id, type: "function", function: { name: c.name, arguments: c.arguments } }));
  const results = toolCalls.map((c) => ({ role: "tool", tool_call_id: c.id, content: turn.results[c.id] ?? "" }));
  return [{ role: "assistant", content: text === "" ? null : text, tool_calls: calls }, ...results];
}

const messagesOf = (c: Conversation, images: boolean): Message[] => [
  ...(c.settings.system.trim() === "" ? [] : [{ role: "system", content: c.settings.system }]),
  ...c.turns.flatMap((t) => (t.role === "user" ? [userMessage(t, images)] : assistantMessages(t))),
];

export interface ToolsRead {
  tools: object[];
  wrong: string | null;
}

function toolOf(v: unknown): object | null {
  const o = v as { type?: unknown; name?: unknown; function?: { name?: unknown } } | null;
  if (typeof o !== "object" || o === null) return null;
  if (o.type === "function" && typeof o.function?.name === "string") return o;
  return typeof o.name === "string" && o.type === undefined ? { type: "function", function: o } : null;
}

/** One schema or an array of them, with or without {"type": "function"} around it. */
export function readTools(text: string): ToolsRead {
  if (text.trim() === "") return { tools: [], wrong: null };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { tools: [], wrong: `This is no JSON: ${error instanceof Error ? error.message : "it cannot be read"}` };
  }
  const tools = (Array.isArray(value) ? value : [value]).map(toolOf);
  if (tools.some((t) => t === null)) return { tools: [], wrong: 'Each tool is {"type": "function", "function": {"name": …, "parameters": {…}}}.' };
  return { tools: tools as object[], wrong: null };
}

export const wordsOf = (text: string): string[] => text.split(/[\s,]+/).filter(Boolean);

/** null: fine or empty. */
export function numberFault(text: string, least: number, most: number, whole: boolean): string | null {
  if (text.trim() === "") return null;
  const n = Number(text);
  if (!Number.isFinite(n) || (whole && !Number.isInteger(n))) return whole ? "A whole number." : "A number.";
  return n < least || n > most ? `Between ${least} and ${most}.` : null;
}

export const faults = (s: Settings): Partial<Record<keyof Settings, string>> => {
  const found: [keyof Settings, string | null][] = [
    ["temperature", numberFault(s.temperature, 0, 2, false)],
    ["topP", numberFault(s.topP, 0, 1, false)],
    ["maxTokens", numberFault(s.maxTokens, 1, 10_000_000, true)],
    ["tools", readTools(s.tools).wrong],
  ];
  return Object.fromEntries(found.filter(([, fault]) => fault !== null));
};

function provider(s: Settings): object | null {
  const wishes = {
    ...(s.zdr ? { zdr: true } : {}),
    ...(wordsOf(s.order).length ? { order: wordsOf(s.order) } : {}),
    ...(wordsOf(s.ignore).length ? { ignore: wordsOf(s.ignore) } : {}),
  };
  return Object.keys(wishes).length ? wishes : null;
}

const numberOr = (name: string, text: string): object => (text.trim() === "" ? {} : { [name]: Number(text) });
const synthTool = { type: "trustedrouter:synth", parameters: { events: true, event_text: true } };

export function requestOf(c: Conversation, model: Model | undefined): object {
  const s = c.settings;
  const tools = [...(model?.trustedrouter.kind === "synth" ? [synthTool] : []), ...readTools(s.tools).tools];
  const wishes = provider(s);
  return {
    model: c.model,
    messages: messagesOf(c, takesImages(model)),
    ...numberOr("temperature", s.temperature),
    ...numberOr("top_p", s.topP),
    ...numberOr("max_tokens", s.maxTokens),
    ...(s.effort !== "" && takes(model, "reasoning") ? { reasoning: { effort: s.effort } } : {}),
    ...(tools.length ? { tools } : {}),
    ...(wishes ? { provider: wishes } : {}),
  };
}
