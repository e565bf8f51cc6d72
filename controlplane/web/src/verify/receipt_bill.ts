/** The cost that a receipt names, computed again from its usage and its prices (attestation/receipt_bill.c, proto/price.c). */
import { type Json, decoded, integer, only, plain, whole } from "./json.ts";

/** Classes of prices, and the class whose price each has unless said. */
const CLASSES = {
  prompt: null,
  completion: null,
  cached: "prompt",
  cache_write: "prompt",
  cache_write_long: "cache_write",
  reasoning: "completion",
  audio_input: "prompt",
  audio_output: "completion",
  image_input: "prompt",
  image_output: "completion",
} as const;
type PriceClass = keyof typeof CLASSES;
const CLASS_NAMES = Object.keys(CLASSES) as PriceClass[];
const FIRST_CLASSES: readonly PriceClass[] = ["prompt", "completion", "cached", "cache_write"];

interface Figure {
  /** as a receipt's usage names it */
  name: string;
  price: PriceClass;
  /** the figure that counts these tokens, too */
  within: number | null;
  /** receipts of before it was there do not name it */
  later: boolean;
}
function figure(name: string, price: PriceClass, within: number | null, later: boolean): Figure {
  return { name: `${name}_tokens`, price, within, later };
}
const PROMPT = 0;
const COMPLETION = 1;
const CACHED = 2;
const CACHE_WRITE = 3;
/** In the order of proto/usage_fields.h. */
export const FIGURES: readonly Figure[] = [
  figure("prompt", "prompt", null, false),
  figure("completion", "completion", null, false),
  figure("cached", "cached", PROMPT, false),
  figure("cache_write", "cache_write", PROMPT, false),
  figure("reasoning", "reasoning", COMPLETION, false),
  figure("cache_write_long", "cache_write_long", CACHE_WRITE, true),
  figure("audio_input", "audio_input", PROMPT, true),
  figure("audio_output", "audio_output", COMPLETION, true),
  figure("image_input", "image_input", PROMPT, true),
  figure("image_output", "image_output", COMPLETION, true),
];
const UNITS = ["", "request", "image", "second", "character", "query"];

export const UINT32_MAX = 0xffffffffn;
const INT64_MAX = (1n << 63n) - 1n;
const PUSD_PER_NUSD = 1000n;
const MILLION = 1_000_000n;
const MARKUP_MAX = 10_000_000n;

export type BillFault = "format" | "range";

/** A member that counts something; null: missing, twice, or not a whole number from 0 on. */
export function countOf(v: Json | undefined, name: string): bigint | null {
  const m = only(v, name);
  const n = m === "twice" ? null : integer(m);
  return n !== null && n >= 0n ? n : null;
}

/** The same of one that may be missing. */
function countIf(v: Json | undefined, name: string, otherwise: bigint): bigint | null {
  return only(v, name) === undefined ? otherwise : countOf(v, name);
}

export function truthOf(v: Json | undefined, name: string): boolean | null {
  const m = only(v, name);
  return m === undefined || m === "twice" || (m.kind !== "true" && m.kind !== "false") ? null : m.kind === "true";
}

type Rates = Record<PriceClass, bigint>;

function ratesOf(prices: Json): Rates | null {
  const out = {} as Rates;
  for (const c of CLASS_NAMES) {
    const follow: PriceClass | null = CLASSES[c];
    const n = FIRST_CLASSES.includes(c) ? countOf(prices, c) : countIf(prices, c, out[follow ?? "prompt"]);
    if (n === null) return null;
    out[c] = n;
  }
  return out;
}

interface Units {
  kind: number;
  n: bigint;
  requests: bigint;
  nusd: bigint[];
}

function unitsOf(billing: Json, usage: Json): Units | null {
  const prices = only(billing, "prices_nusd_per_unit");
  const none: Units = { kind: 0, n: 0n, requests: 0n, nusd: UNITS.map(() => 0n) };
  if (prices === undefined) return none;
  const requests = countOf(usage, "requests");
  const n = countOf(usage, "units");
  const unit = only(usage, "unit");
  const kind = unit === undefined || unit === "twice" ? -1 : UNITS.indexOf(decoded(unit) ?? "?");
  if (prices === "twice" || requests === null || requests > 1n || n === null || n > UINT32_MAX || kind < 0) return null;
  const nusd = UNITS.map((u) => (u === "" ? 0n : countOf(prices, u)));
  return nusd.includes(null) ? null : { kind, n, requests, nusd: nusd as bigint[] };
}

/** True: a figure counts more than the one that it is within has, which cannot be. */
function unbelievable(figures: readonly bigint[]): boolean {
  const used = [...figures];
  let lowered = false;
  FIGURES.forEach((f, i) => {
    if (f.within === null) return;
    const most = (used[f.within] ?? 0n) - (i === CACHE_WRITE ? (used[CACHED] ?? 0n) : 0n);
    if ((used[i] ?? 0n) > most) [used[i], lowered] = [most, true];
  });
  return lowered;
}

/** Is the class rounded by itself? What is read from a cache or written to it always is. */
function apart(r: Rates, c: PriceClass): boolean {
  const follow: PriceClass | null = CLASSES[c];
  return follow === null || c === "cached" || c === "cache_write" || r[c] !== r[follow];
}

/** How many tokens are paid at each figure's own price: a token once. */
function due(r: Rates, figures: readonly bigint[]): bigint[] {
  const out = [...figures];
  FIGURES.forEach((f, i) => {
    if (f.within === null) return;
    const left = out[f.within] ?? 0n;
    if ((out[i] ?? 0n) > left) out[i] = left;
    out[f.within] = left - (out[i] ?? 0n);
  });
  for (let i = FIGURES.length - 1; i >= 0; i--) {
    const f = FIGURES[i] as Figure;
    if (f.within === null || apart(r, f.price)) continue;
    out[f.within] = (out[f.within] ?? 0n) + (out[i] ?? 0n);
    out[i] = 0n;
  }
  return out;
}

function price(r: Rates, figures: readonly bigint[], u: Units): bigint | "range" {
  let sum = 0n;
  const parts = due(r, figures).map((n, i) => (n * r[(FIGURES[i] as Figure).price] + PUSD_PER_NUSD / 2n) / PUSD_PER_NUSD);
  parts.push((u.nusd[1] ?? 0n) * u.requests, u.kind > 1 ? (u.nusd[u.kind] ?? 0n) * u.n : 0n);
  for (const part of parts) {
    sum += part;
    if (part > INT64_MAX || sum > INT64_MAX) return "range";
  }
  return sum;
}

function compute(usage: Json, billing: Json, prices: Json): bigint | BillFault {
  const rates = ratesOf(prices);
  const units = rates === null ? null : unitsOf(billing, usage);
  const figures: bigint[] = [];
  if (rates === null || units === null) return "format";
  for (const f of FIGURES) {
    const n = f.later ? countIf(usage, f.name, 0n) : countOf(usage, f.name);
    if (n === null) return "format";
    if (n > UINT32_MAX) return "range";
    figures.push(n);
  }
  return unbelievable(figures) ? "range" : price(rates, figures, units);
}

/** A member of millionths; undefined: it is not there. */
function ppm(billing: Json, name: string, lo: bigint, hi: bigint): bigint | undefined | null {
  const v = only(billing, name);
  if (v === undefined) return undefined;
  const n = v === "twice" ? null : whole(v);
  return n !== null && n >= lo && n <= hi ? n : null;
}

/** What of the sum is paid, rounded up: the fee on a key of the customer's own, else with a markup when there is one. */
function share(billing: Json, sum: bigint): bigint | null {
  const fee = ppm(billing, "own_key_fee_ppm", 0n, MILLION);
  const markup = ppm(billing, "markup_ppm", 1n, MARKUP_MAX);
  if (fee === null || markup === null || (fee !== undefined && markup !== undefined)) return null;
  const pays = (sum * (fee ?? MILLION + (markup ?? 0n)) + MILLION - 1n) / MILLION;
  return pays > INT64_MAX ? INT64_MAX : pays;
}

/** The cost in nano-dollars: never more than usage and prices say, and less only where `clamped` says why. */
export function checkBill(usage: Json | undefined, billing: Json | undefined): bigint | BillFault {
  const cost = countOf(billing, "cost_nusd");
  const clamped = truthOf(usage, "clamped");
  const prices = only(billing, "prices_pusd_per_token");
  const rounding = plain(only(billing, "rounding"));
  if (cost === null || clamped === null || rounding !== "each_class_half_up_to_nusd") return "format";
  if (usage === undefined || billing === undefined || prices === undefined || prices === "twice") return "format";
  const sum = compute(usage, billing, prices);
  if (sum === "format" || (sum === "range" && !clamped)) return sum;
  const paid = share(billing, sum === "range" ? 0n : sum);
  if (paid === null) return "format";
  if (sum !== "range" && (cost > paid || (cost < paid && !clamped))) return "range";
  return cost;
}
