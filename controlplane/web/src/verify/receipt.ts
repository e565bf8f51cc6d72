/** An answer's receipt (ACI's aci/1 with our events), checked offline: who signed it, that the request and the response in hand
 * are the ones it speaks of, that its cost follows from usage and prices (`tr-verify receipt`). */
import { type Bytes, concat, equal, hexExact, toHex, utf8, utf8Text } from "./bytes.ts";
import { haveEd25519, hmacSha256, sha256, verifyEd25519 } from "./crypto.ts";
import { canonical } from "./jcs.ts";
import { type Json, first, integer, isText, one, only, parseJson, plain } from "./json.ts";
import { type BillFault, checkBill, countOf, truthOf } from "./receipt_bill.ts";
import { type Line, digestIf, linesOf, linesSum, partOf, textOf } from "./receipt_lines.ts";
import type { Check, Verdict } from "./verdict.ts";

const RECEIPT_MAX = 128 << 10;
const EVENTS_MAX = 64;

export type ReceiptCode =
  | "ACCEPT" | "SIGNATURE" | "DOCUMENT" | "KEYSET" | "BODY" | "COST" | "COMMITMENT" | "PROVIDERS" | "PROVIDER_SPKI" | "ED25519";

/** What a receipt is held against: exactly one of key and keyset, and what the reader has in hand. */
export interface ReceiptHands {
  /** the attested receipt key, 64 hex digits: `receiptEd25519` of a verified identity */
  key?: string;
  /** the answer of GET /v1/aci/attestation, or its workload_keyset */
  keyset?: Uint8Array;
  request?: Uint8Array;
  response?: Uint8Array;
  /** the bytes of the release's providers.conf */
  providers?: Uint8Array;
  /** SHA-256 of a provider's SubjectPublicKeyInfo, hex */
  providerSpki?: string;
}

export interface Receipt {
  receiptId: string;
  keyId: string;
  endpoint: string;
  model: string;
  /** unix seconds, the signer's clock */
  servedAt: bigint;
  keyset: Bytes;
  received: Bytes | null;
  forwarded: Bytes | null;
  returned: Bytes | null;
}

export interface ReceiptEvents {
  simulated: boolean;
  measurement: string | null;
  /** "": the receipt does not name it; null: it has no such event */
  upstream: string | null;
  spki: Bytes | null;
  providers: Bytes | null;
  status: bigint | null;
  complete: boolean | null;
  /** nano-dollars; null: it has no bill */
  costNusd: bigint | null;
  commitment: boolean;
  lines: Line[];
  part: { of: string; role: string; place: number } | null;
}

export interface ReceiptVerdict {
  verdict: Verdict;
  code: ReceiptCode;
  checks: Check[];
  simulated: boolean;
  receipt: (Receipt & ReceiptEvents) | null;
}

/* --- ACI's part */

function digestOf(v: Json | undefined, name: string): Bytes | null {
  const text = plain(first(v, name));
  return text?.startsWith("sha256:") === true ? hexExact(text.slice(7), 32, true) : null;
}

type Hashed = Pick<Receipt, "received" | "forwarded" | "returned">;
const HASHED: readonly [string, keyof Hashed][] = [
  ["request.received", "received"],
  ["request.forwarded", "forwarded"],
  ["response.returned", "returned"],
];

/** Each hashed event at most once, in the order in which they happen; request.received comes first. */
function hashedOf(root: Json): Hashed | null {
  const log = first(root, "event_log");
  const out: Hashed = { received: null, forwarded: null, returned: null };
  if (log?.kind !== "array" || log.items.length > EVENTS_MAX) return null;
  for (const event of log.items) {
    const type = first(event, "type");
    const at = HASHED.findIndex(([name]) => isText(type, name));
    if (type === undefined) return null;
    if (at >= 0) {
      const digest = digestOf(event, "body_hash");
      if (digest === null || HASHED.slice(at).some(([, which]) => out[which] !== null)) return null;
      out[(HASHED[at] as [string, keyof Hashed])[1]] = digest;
    }
    if (out.received === null) return null;
  }
  return out.received === null ? null : out;
}

function textOrNull(root: Json, name: string): string | null {
  const v = first(root, name);
  return v === undefined || v.kind === "null" ? "" : plain(v);
}

function receiptOf(root: Json): Receipt | null {
  const [receiptId, keyId, endpoint] = ["receipt_id", "key_id", "endpoint"].map((name) => plain(first(root, name)));
  const keyset = digestOf(root, "workload_keyset_digest");
  const servedAt = integer(first(root, "served_at"));
  const model = textOrNull(root, "model");
  const hashed = hashedOf(root);
  if (plain(first(root, "api_version")) !== "aci/1" || typeof receiptId !== "string" || typeof keyId !== "string") return null;
  if (typeof endpoint !== "string" || keyset === null || servedAt === null || hashed === null) return null;
  if (model === null || textOrNull(root, "chat_id") === null) return null;
  return { receiptId, keyId, endpoint, model, servedAt, keyset, ...hashed };
}

async function openReceipt(root: Json | null, key: Uint8Array): Promise<Receipt | "format" | "signature"> {
  const signature = root === null ? null : hexExact(plain(first(root, "signature")) ?? "", 64, true);
  const text = root === null || signature === null ? null : canonical(root, "signature");
  if (root?.kind !== "object" || signature === null || text === null) return "format";
  if (!(await verifyEd25519(key, utf8(text), signature))) return "signature";
  return receiptOf(root) ?? "format";
}

/* --- our events */

const KINDS = ["platform", "upstream.verified", "outcome", "usage", "billing", "commitment", "orchestration", "part"] as const;
type Parts = Partial<Record<(typeof KINDS)[number], Json>>;

/** Each of our events at most once; ACI's upstream.verified may stand for each attempt: the last is of the one that answered. */
function partsOf(root: Json): Parts | null {
  const log = one(root, "event_log");
  const out: Parts = {};
  if (log?.kind !== "array") return null;
  for (const event of log.items) {
    const type = one(event, "type");
    const kind = KINDS.find((name) => isText(type, name));
    if (type === undefined || (kind !== undefined && kind !== "upstream.verified" && out[kind] !== undefined)) return null;
    if (kind !== undefined) out[kind] = event;
  }
  return out;
}

/** ACI's event: a verified one names a session, a failed one perhaps the upstream. */
function upstreamOf(event: Json | undefined): string | null {
  const name = only(event, "upstream_name");
  const result = one(event, "result");
  if (!isText(result, "verified") && !isText(result, "failed")) return null;
  if (name === undefined || (name !== "twice" && name.kind === "null")) return "";
  return plain(name);
}

/** Ours beside ACI's: no key of a certificate without one that was verified. Receipts that name their providers.conf have the
 * key of each that was. undefined: not there; null: wrong. */
function keysOf(p: Parts): { spki: Bytes | null; providers: Bytes | null } | null {
  const providers = p.platform === undefined ? undefined : digestIf(p.platform, "providers_digest");
  const upstream = p["upstream.verified"];
  if (providers === null) return null;
  if (upstream === undefined) return { spki: null, providers: providers ?? null };
  const spki = digestIf(upstream, "tls_spki");
  const tls = only(upstream, "tls_verified") === undefined ? false : truthOf(upstream, "tls_verified");
  if (spki === null || tls === null) return null;
  const ok = spki !== undefined ? tls : !tls || providers === undefined;
  return ok ? { spki: spki ?? null, providers: providers ?? null } : null;
}

type Fault = BillFault | "commitment";

async function sideOk(commitment: Json, name: string, body: Uint8Array): Promise<Fault | null> {
  const side = one(commitment, name);
  const salt = hexExact(textOf(side, "salt") ?? "", 32);
  const value = hexExact(textOf(side, "value") ?? "", 32);
  if (salt === null || value === null) return "format";
  const own = await hmacSha256(salt, concat(utf8(`tr.commitment.${name}.v1\0`), body));
  return equal(own, value) ? null : "commitment";
}

async function commitmentFault(commitment: Json, r: Receipt): Promise<Fault | null> {
  if (textOf(commitment, "alg") !== "hmac-sha256" || r.received === null) return "format";
  const request = await sideOk(commitment, "request", r.received);
  return request ?? (r.returned === null ? null : sideOk(commitment, "response", r.returned));
}

function sameSpki(a: Bytes | null, b: Bytes | null): boolean {
  return a === null || b === null ? a === b : equal(a, b);
}

/** Lines, their sums, and that the answer's line is what was forwarded. */
async function wholeOf(p: Parts, r: Receipt, x: ReceiptEvents): Promise<bigint | BillFault> {
  const lines = await linesOf(p.orchestration as Json, r.receiptId);
  if (typeof lines === "string") return lines;
  const cost = linesSum(lines, p.usage, p.billing);
  const given = lines.find((line) => line.chosen);
  x.lines = lines;
  if (typeof cost === "string" || given?.role !== "final") return cost;
  const asked = given.asked;
  const same =
    asked !== null &&
    r.forwarded !== null &&
    equal(asked.body, r.forwarded) &&
    asked.provider === (x.upstream ?? "") &&
    sameSpki(asked.spki, x.spki);
  return same ? cost : "format";
}

function statedOf(p: Parts): ReceiptEvents | null {
  const keys = keysOf(p);
  const upstream = p["upstream.verified"] === undefined ? undefined : upstreamOf(p["upstream.verified"]);
  const simulated = p.platform === undefined ? false : truthOf(p.platform, "simulated");
  const measurement = p.platform === undefined ? undefined : hexExact(textOf(p.platform, "measurement") ?? "", 48);
  const status = p.outcome === undefined ? undefined : countOf(p.outcome, "status");
  const complete = p.outcome === undefined ? undefined : truthOf(p.outcome, "complete");
  if (keys === null || upstream === null || simulated === null || measurement === null) return null;
  if (status === null || complete === null) return null;
  return {
    ...keys,
    simulated,
    measurement: measurement === undefined ? null : toHex(measurement),
    upstream: upstream ?? null,
    status: status ?? null,
    complete: complete ?? null,
    costNusd: null,
    commitment: p.commitment !== undefined,
    lines: [],
    part: null,
  };
}

async function eventsOf(root: Json, r: Receipt): Promise<ReceiptEvents | Fault> {
  const p = partsOf(root);
  const x = p === null ? null : statedOf(p);
  if (p === null || x === null) return "format";
  if (p.orchestration !== undefined || p.billing !== undefined) {
    const cost = p.orchestration !== undefined ? await wholeOf(p, r, x) : checkBill(p.usage, p.billing);
    if (typeof cost === "string") return cost;
    x.costNusd = p.billing === undefined ? null : cost;
  }
  if (p.part !== undefined) {
    x.part = await partOf(p.part, r.receiptId);
    if (x.part === null) return "format";
  }
  return (p.commitment === undefined ? null : await commitmentFault(p.commitment, r)) ?? x;
}

/* --- the keyset that a receipt names */

type Refusal = [Verdict, ReceiptCode, string];

function keyIn(keyset: Json, keyId: string): Bytes | null {
  const keys = one(keyset, "receipt_signing_keys");
  const of = keys?.kind === "array" ? keys.items.filter((k) => textOf(k, "key_id") === keyId) : [];
  const readable = keys?.kind === "array" && keys.items.every((k) => textOf(k, "key_id") !== null);
  if (!readable || of.length !== 1 || textOf(of[0], "algo") !== "ed25519") return null;
  return hexExact(textOf(of[0], "public_key") ?? "", 32, true);
}

async function keyOfKeyset(file: Uint8Array, receipt: Json | null): Promise<Bytes | Refusal> {
  const root = parseJson(utf8Text(file) ?? "");
  const attestation = root === null ? undefined : first(root, "attestation");
  const keyset = (attestation === undefined ? undefined : one(attestation, "workload_keyset")) ?? root;
  const keyId = receipt === null ? null : textOf(receipt, "key_id");
  const named = receipt === null ? null : digestIf(receipt, "workload_keyset_digest");
  if (keyId === null || named === null || named === undefined) return ["malformed", "DOCUMENT", "this is no receipt of aci/1"];
  const text = keyset?.kind === "object" ? canonical(keyset) : null;
  if (keyset === null || text === null) return ["malformed", "KEYSET", "this is no keyset of aci/1"];
  if (!equal(await sha256(utf8(text)), named)) return ["reject", "KEYSET", "the receipt names another keyset"];
  return keyIn(keyset, keyId) ?? ["reject", "KEYSET", "the keyset has no receipt key of this name"];
}

/* --- against what is in hand */

async function bodyRefusal(what: "request" | "response", body: Uint8Array | undefined, want: Bytes | null): Promise<Refusal | null> {
  if (body === undefined) return null;
  if (want === null) return ["reject", "BODY", `the receipt has no hash of the ${what}`];
  return equal(await sha256(body), want) ? null : ["reject", "BODY", `these bytes are not the ${what} of this receipt`];
}

const FAULTS: Readonly<Record<Fault, Refusal>> = {
  format: ["malformed", "DOCUMENT", "an event of this receipt is not what it should be"],
  range: ["reject", "COST", "the cost, or that of a line, does not follow from usage and prices"],
  commitment: ["reject", "COMMITMENT", "a commitment is not to the hashes of this receipt"],
};

async function providersRefusal(file: Uint8Array | undefined, x: ReceiptEvents): Promise<Refusal | null> {
  if (file === undefined) return null;
  if (x.providers === null) return ["reject", "PROVIDERS", "the receipt does not name its providers.conf"];
  if (!equal(await sha256(file), x.providers))
    return ["reject", "PROVIDERS", "the receipt was made with another providers.conf"];
  const ids = [...(utf8Text(file) ?? "").matchAll(/^[ \t]*\[[ \t]*provider[ \t]+([^ \t\]]+)[ \t]*\]/gm)].map((m) => m[1]);
  const stray = x.lines.findIndex((line) => line.asked !== null && !ids.includes(line.asked.provider));
  return stray < 0 ? null : ["reject", "PROVIDERS", `line ${stray} names a provider that is not in the file`];
}

function spkiRefusal(want: string | undefined, x: ReceiptEvents): Refusal | null {
  if (want === undefined) return null;
  if (x.spki === null) return ["reject", "PROVIDER_SPKI", "the receipt names no key of a provider's certificate"];
  return toHex(x.spki) === want.toLowerCase() ? null : ["reject", "PROVIDER_SPKI", "the provider's certificate had another key"];
}

function refused([verdict, code, detail]: Refusal): ReceiptVerdict {
  return { verdict, code, checks: [{ code, ok: false, detail }], simulated: false, receipt: null };
}

function accepted(h: ReceiptHands, r: Receipt, x: ReceiptEvents): ReceiptVerdict {
  const check = (code: string, made: boolean, otherwise = "not asked"): Check => ({
    code,
    ok: made ? true : null,
    detail: made ? "ok" : otherwise,
  });
  return {
    verdict: "accept",
    code: "ACCEPT",
    simulated: x.simulated,
    checks: [
      check("SIGNATURE", true),
      check("REQUEST", h.request !== undefined, "not asked: the request's bytes were not given"),
      check("RESPONSE", h.response !== undefined, "not asked: the response's bytes were not given"),
      check("COST", x.costNusd !== null),
      check("COMMITMENT", x.commitment),
      check("ROUTE", false, "not asked: tr-verify receipt --catalog makes the decision again"),
      check("PROVIDERS", h.providers !== undefined),
      check("PROVIDER_SPKI", h.providerSpki !== undefined),
      check("LINES", x.lines.length !== 0),
      check("PARTS", false, "not asked: tr-verify receipt --parts compares the parts' own receipts"),
    ],
    receipt: { ...r, ...x },
  };
}

async function keyOf(h: ReceiptHands, root: Json | null): Promise<Bytes | Refusal> {
  if (h.keyset !== undefined) return keyOfKeyset(h.keyset, root);
  return hexExact(h.key ?? "", 32) ?? ["malformed", "KEYSET", "the receipt key is not 64 hex digits"];
}

export async function verifyReceipt(document: Uint8Array | string, h: ReceiptHands): Promise<ReceiptVerdict> {
  const bytes = typeof document === "string" ? utf8(document) : document;
  const root = bytes.length > RECEIPT_MAX ? null : parseJson(utf8Text(bytes) ?? "");
  const key = await keyOf(h, root);
  if (!(await haveEd25519()))
    return refused(["unsupported", "ED25519", "this browser's WebCrypto has no Ed25519: use a newer browser, or tr-verify"]);
  if (Array.isArray(key)) return refused(key);
  const r = await openReceipt(root, key);
  if (r === "signature") return refused(["reject", "SIGNATURE", "not signed by this key"]);
  if (r === "format" || root === null) return refused(["malformed", "DOCUMENT", "this is no receipt of aci/1"]);
  const body = (await bodyRefusal("request", h.request, r.received)) ?? (await bodyRefusal("response", h.response, r.returned));
  if (body !== null) return refused(body);
  const x = await eventsOf(root, r);
  if (typeof x === "string") return refused(FAULTS[x]);
  const wrong = (await providersRefusal(h.providers, x)) ?? spkiRefusal(h.providerSpki, x);
  return wrong === null ? accepted(h, r, x) : refused(wrong);
}
