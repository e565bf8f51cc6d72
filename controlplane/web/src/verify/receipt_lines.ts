/** An orchestration in a receipt: a line for each of its parts, and what a part's own receipt says of it. */
import { type Bytes, concat, equal, hexExact, utf8 } from "./bytes.ts";
import { sha256 } from "./crypto.ts";
import { type Json, only, plain } from "./json.ts";
import { type BillFault, FIGURES, UINT32_MAX, checkBill, countOf, truthOf } from "./receipt_bill.ts";

const ROLES = ["panel", "judge", "final"] as const;
const PLACES = 8;
const LINES_MAX = ROLES.length * PLACES;
const TIME_BYTES = 6;
const INT64_MAX = (1n << 63n) - 1n;

export interface Line {
  role: (typeof ROLES)[number];
  place: number;
  id: string;
  model: string;
  refused: boolean;
  chosen: boolean;
  /** null: nobody was sent anything */
  asked: { provider: string; endpoint: bigint; body: Bytes; spki: Bytes | null; usage: Json; costNusd: bigint } | null;
}

/** "sha256:" and 64 digits. undefined: not there; null: it is something else. */
export function digestIf(v: Json | undefined, name: string): Bytes | undefined | null {
  const m = only(v, name);
  if (m === undefined) return undefined;
  const text = plain(m);
  return text?.startsWith("sha256:") === true ? hexExact(text.slice(7), 32) : null;
}

export function textOf(v: Json | undefined, name: string): string | null {
  return plain(only(v, name));
}

function idOf(text: string): Bytes | null {
  return text.startsWith("rcpt-") ? hexExact(text.slice(5), 16, true) : null;
}

/** Is `id` the receipt of this part of `whole`? The first bytes are the whole's, its time; the others of a digest. */
export async function idFollows(whole: string, role: string, place: number, id: string): Promise<boolean> {
  const w = idOf(whole);
  const got = idOf(id);
  const index = ROLES.indexOf(role as Line["role"]) * PLACES + place;
  if (w === null || got === null) return false;
  const digest = await sha256(concat(utf8("tr.part.v1\0"), w, new Uint8Array([index])));
  return equal(got, concat(w.subarray(0, TIME_BYTES), digest.subarray(0, 16 - TIME_BYTES)));
}

export function placeOf(v: Json | undefined): { role: Line["role"]; place: number } | null {
  const role = ROLES.find((r) => r === textOf(v, "role"));
  const place = countOf(v, "place");
  return role === undefined || place === null || place >= BigInt(PLACES) ? null : { role, place: Number(place) };
}

function askedOf(v: Json, provider: string): Line["asked"] | BillFault {
  const endpoint = countOf(v, "endpoint");
  const body = digestIf(v, "body_hash");
  const spki = digestIf(v, "tls_spki");
  const usage = only(v, "usage");
  const billing = only(v, "billing");
  if (endpoint === null || body === null || body === undefined || spki === null) return "format";
  if (usage === undefined || usage === "twice" || billing === undefined || billing === "twice") return "format";
  const cost = checkBill(usage, billing);
  return typeof cost === "string" ? cost : { provider, endpoint, body, spki: spki ?? null, usage, costNusd: cost };
}

/** Of a part that asked nobody there is no bill. */
async function lineOf(v: Json, whole: string): Promise<Line | BillFault> {
  const place = v.kind === "object" ? placeOf(v) : null;
  const id = textOf(v, "receipt_id");
  const model = only(v, "model");
  const modelText = model !== undefined && model !== "twice" && model.kind === "null" ? "" : plain(model);
  const refused = truthOf(v, "refused");
  const chosen = truthOf(v, "chosen");
  if (place === null || id === null || modelText === null || refused === null || chosen === null) return "format";
  if (!(await idFollows(whole, place.role, place.place, id))) return "format";
  const provider = textOf(v, "provider");
  const absent = ["provider", "usage", "billing", "body_hash"].every((name) => only(v, name) === undefined);
  const asked = provider !== null ? askedOf(v, provider) : absent ? null : "format";
  return typeof asked === "string" ? asked : { ...place, id, model: modelText, refused, chosen, asked };
}

export async function linesOf(event: Json, whole: string): Promise<Line[] | BillFault> {
  const list = only(event, "lines");
  const out: Line[] = [];
  if (list === undefined || list === "twice" || list.kind !== "array") return "format";
  for (const item of list.items) {
    const line = out.length === LINES_MAX ? "format" : await lineOf(item, whole);
    if (typeof line === "string") return line;
    if (out.some((other) => other.role === line.role && other.place === line.place)) return "format";
    out.push(line);
  }
  return out.length !== 0 && out.filter((line) => line.chosen).length <= 1 ? out : "format";
}

/** Sums of many tokens stop at what 32 bits hold, as the data plane's do. */
function tokensSumOk(lines: readonly Line[], usage: Json, name: string): boolean {
  let sum = 0n;
  for (const line of lines) {
    if (line.asked === null) continue;
    const n = countOf(line.asked.usage, name);
    if (n === null || n > UINT32_MAX) return false;
    sum = sum + n > UINT32_MAX ? UINT32_MAX : sum + n;
  }
  return countOf(usage, name) === sum;
}

/** The whole's usage and billing are the lines' sums: the cost. */
export function linesSum(lines: readonly Line[], usage: Json | undefined, billing: Json | undefined): bigint | BillFault {
  const cost = countOf(billing, "cost_nusd");
  if (usage?.kind !== "object" || billing?.kind !== "object" || cost === null) return "format";
  if (textOf(billing, "sum_of") !== "orchestration") return "format";
  const sum = lines.reduce((n, line) => n + (line.asked?.costNusd ?? 0n), 0n);
  if (sum > INT64_MAX || !FIGURES.every((f) => tokensSumOk(lines, usage, f.name))) return "range";
  return sum === cost ? cost : "range";
}

export async function partOf(event: Json, id: string): Promise<{ of: string; role: string; place: number } | null> {
  const of = textOf(event, "of");
  const place = placeOf(event);
  return of !== null && place !== null && (await idFollows(of, place.role, place.place, id)) ? { of, ...place } : null;
}
