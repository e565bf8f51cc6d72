/** AMD's revocation list of an ARK: it names ASKs and ASVKs, never single chips. */
import { equal } from "./bytes.ts";
import type { ChainCert } from "./chain.ts";
import { type Element, TAG, children, integerOf, single, timeOf } from "./der.ts";
import { type NameEntry, algorithmOk, extensionsOf, nameOf, signedBy, signedOf } from "./x509.ts";

const CRL_MAX_BYTES = 64 << 10;
const DELTA_CRL = "551d1b";

export type CrlAnswer = "good" | "malformed" | "other root" | "not current" | "revoked";

export const CRL_TEXT: Readonly<Record<CrlAnswer, string>> = {
  good: "not listed",
  malformed: "the revocation list is malformed",
  "other root": "the revocation list is not signed by this chain's root",
  "not current": "the revocation list is not current",
  revoked: "the intermediate certificate is revoked",
};

interface List {
  algorithm: Uint8Array;
  issuer: NameEntry[];
  from: number | null;
  until: number | null;
  serials: bigint[];
}

const isTime = (e: Element | undefined): e is Element => e?.tag === TAG.utcTime || e?.tag === TAG.generalizedTime;

function serialsOf(e: Element | undefined): bigint[] | null {
  if (e?.tag !== TAG.sequence) return [];
  const out = children(e, TAG.sequence)?.map((entry) => integerOf(children(entry, TAG.sequence)?.[0])) ?? [null];
  return out.includes(null) ? null : (out as bigint[]);
}

/** No extension may change what an entry means: a partial or indirect list marks itself with a critical one. */
function extensionsFine(e: Element | undefined): boolean {
  const list = e === undefined ? [] : e.tag === 0xa0 ? extensionsOf(e) : null;
  return list !== null && list.every((x) => !x.critical && x.oid !== DELTA_CRL);
}

function listOf(tbs: Element): List | null {
  const [version, algorithm, issuerE, from, ...rest] = children(tbs, TAG.sequence) ?? [];
  const until = isTime(rest[0]) ? rest.shift() : undefined;
  const serials = serialsOf(rest[0]);
  if (rest[0]?.tag === TAG.sequence) rest.shift();
  const issuer = nameOf(issuerE);
  if (version === undefined || integerOf(version) !== 1n || algorithm?.tag !== TAG.sequence || !isTime(from)) return null;
  if (issuer === null || serials === null || rest.length > 1 || !extensionsFine(rest[0])) return null;
  return { algorithm: algorithm.whole, issuer, from: timeOf(from), until: until === undefined ? null : timeOf(until), serials };
}

function sameName(a: readonly NameEntry[], b: readonly NameEntry[]): boolean {
  return a.length === b.length && a.every((x, i) => x.oid === b[i]?.oid && equal(x.value, b[i].value));
}

export async function askCrl(der: Uint8Array, ark: ChainCert, intermediate: ChainCert, nowS: number): Promise<CrlAnswer> {
  const parts = der.length > CRL_MAX_BYTES || single(der, TAG.sequence) === null ? null : signedOf(der);
  const list = parts === null ? null : listOf(parts.tbs);
  if (parts === null || list === null || !algorithmOk(parts.algorithm.whole)) return "malformed";
  const ours =
    sameName(list.issuer, ark.x509.subject) &&
    equal(list.algorithm, parts.algorithm.whole) &&
    (await signedBy(ark.x509, parts.tbs.whole, parts.signature));
  if (!ours) return "other root";
  if (list.from === null || list.until === null || list.from > nowS || nowS >= list.until) return "not current";
  return list.serials.includes(intermediate.x509.serial) ? "revoked" : "good";
}
