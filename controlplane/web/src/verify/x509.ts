/** As much of X.509 as AMD's chains need: the parts of a certificate, its key, its algorithm, its extensions. */
import { type Bytes, concat, copy, equal, fromHex, toHex } from "./bytes.ts";
import { importP384, importPss, verifyPss } from "./crypto.ts";
import { type Bits, type Element, TAG, bitsOf, children, elements, integerOf, oidOk, single, take, timeOf } from "./der.ts";

export interface NameEntry {
  oid: string;
  value: Bytes;
}
export interface Extension {
  oid: string;
  critical: boolean;
  value: Bytes;
}
export interface Certificate {
  whole: Bytes;
  tbs: Bytes;
  version: bigint;
  serial: bigint;
  /** inside of what is signed, and beside the signature */
  innerAlgorithm: Bytes;
  outerAlgorithm: Bytes;
  issuer: NameEntry[];
  subject: NameEntry[];
  /** unix seconds; null: a time that cannot be read */
  notBefore: number | null;
  notAfter: number | null;
  spki: Bytes;
  extensions: Extension[];
  signature: Bits;
}

/** A sequence of two or three elements with an OID in front. */
function named(e: Element | undefined): { oid: string; rest: Element[] } | null {
  const parts = children(e, TAG.sequence);
  const oid = parts?.[0];
  if (parts === null || oid === undefined || oid.tag !== TAG.oid || !oidOk(oid.content)) return null;
  return { oid: toHex(oid.content), rest: parts.slice(1) };
}

/* The verdict about a certificate of another spelling is that of OpenSSL, which tr-verify reads with: in a name the bit that
 * marks a list as one does not count, and a value may be of several types. None of it can be accepted: AMD signed AMD's
 * spelling. */
const CONSTRUCTED = 0x20;
/** Types of a name's value: bit string, those without a name, texts of one and of two bytes a character. */
const VALUE_TAGS = [3, 7, 8, 9, 11, 12, 13, 14, 15, 18, 19, 20, 22, 29, 30];
const TWO_BYTES = 30;

function listOf(e: Element | undefined, tag: number): Element[] | null {
  return e !== undefined && (e.tag | CONSTRUCTED) === tag ? elements(e.content) : null;
}

function valueOk(e: Element): boolean {
  const whole = e.tag !== TWO_BYTES || e.content.length % 2 === 0;
  return VALUE_TAGS.includes(e.tag) && whole && (e.tag !== TAG.bits || bitsOf(e) !== null);
}

/** A name of single-valued parts, as AMD's are. */
export function nameOf(e: Element | undefined): NameEntry[] | null {
  const out: NameEntry[] = [];
  for (const set of listOf(e, TAG.sequence) ?? [null]) {
    const inner = set === null ? null : listOf(set, TAG.set);
    const entry = inner?.length === 1 ? named(inner[0]) : null;
    const value = entry?.rest.length === 1 ? entry.rest[0] : undefined;
    if (entry === null || value === undefined || !valueOk(value)) return null;
    out.push({ oid: entry.oid, value: value.content });
  }
  return out;
}

function extensionOf(e: Element): Extension | null {
  const parts = named(e);
  if (parts === null) return null;
  const [critical, ...rest] = parts.rest;
  const marked = critical?.tag === TAG.boolean;
  const value = marked ? rest[0] : critical;
  if (value?.tag !== TAG.octets || parts.rest.length !== (marked ? 2 : 1)) return null;
  if (marked && critical.content.length !== 1) return null;
  return { oid: parts.oid, critical: marked && critical.content[0] !== 0, value: value.content };
}

/** The list inside of [3] or [0]. */
export function extensionsOf(e: Element | undefined): Extension[] | null {
  const list = e === undefined ? null : take(e.content);
  const parts = list === null || list.rest.length !== 0 ? null : listOf(list.element, TAG.sequence);
  const out = parts?.map(extensionOf) ?? [null];
  return out.some((x) => x === null) ? null : (out as Extension[]);
}

function validityOf(e: Element | undefined): [Element, Element] | null {
  const parts = children(e, TAG.sequence);
  const ok = parts?.length === 2 && parts.every((t) => t.tag === TAG.utcTime || t.tag === TAG.generalizedTime);
  return ok ? [parts[0] as Element, parts[1] as Element] : null;
}

/** The three parts of everything signed: what is signed, the algorithm, the signature. */
export function signedOf(der: Uint8Array): { tbs: Element; algorithm: Element; signature: Bits } | null {
  const parts = children(single(der, TAG.sequence) ?? undefined, TAG.sequence);
  const [tbs, algorithm] = parts ?? [];
  const signature = bitsOf(parts?.[2]);
  if (parts?.length !== 3 || tbs?.tag !== TAG.sequence || algorithm?.tag !== TAG.sequence || signature === null) return null;
  return { tbs, algorithm, signature };
}

function tbsOf(tbs: Element): Omit<Certificate, "whole" | "tbs" | "outerAlgorithm" | "signature"> | null {
  const [versionTag, serialE, algorithm, issuerE, validityE, subjectE, spki, extensionsE, ...more] =
    children(tbs, TAG.sequence) ?? [];
  const version = versionTag?.tag === 0xa0 ? integerOf(single(versionTag.content, TAG.integer) ?? undefined) : null;
  const serial = integerOf(serialE);
  const issuer = nameOf(issuerE);
  const subject = nameOf(subjectE);
  const validity = validityOf(validityE);
  const extensions = extensionsE?.tag === 0xa3 ? extensionsOf(extensionsE) : null;
  if (version === null || serial === null || issuer === null || subject === null || validity === null) return null;
  if (algorithm?.tag !== TAG.sequence || spki?.tag !== TAG.sequence || extensions === null || more.length !== 0) return null;
  const [notBefore, notAfter] = validity.map(timeOf) as [number | null, number | null];
  return { version, serial, innerAlgorithm: algorithm.whole, issuer, subject, notBefore, notAfter, spki: spki.whole, extensions };
}

/** All of der is one certificate of version 3 with extensions, else null. */
export function parseCertificate(der: Uint8Array): Certificate | null {
  const parts = signedOf(der);
  const inner = parts === null ? null : tbsOf(parts.tbs);
  if (parts === null || inner === null) return null;
  return {
    ...inner,
    whole: copy(der),
    tbs: parts.tbs.whole,
    outerAlgorithm: parts.algorithm.whole,
    signature: parts.signature,
  };
}

/** Not after `now`, and after it: the end itself is too late. */
export function validAt(c: Certificate, nowS: number): boolean {
  return c.notBefore !== null && c.notAfter !== null && c.notBefore <= nowS && nowS < c.notAfter;
}

/** rsassaPss with SHA-384, MGF1 SHA-384 and salt 48, with its only trailer field or without it: any other encoding, so any
 * other algorithm, is refused. */
const PSS_FIELDS =
  "a00f300d06096086480165030402020500" + "a11c301a06092a864886f70d010108300d06096086480165030402020500" + "a203020130";
const PSS_OID = "06092a864886f70d01010a";
const PSS = [`3041${PSS_OID}3034${PSS_FIELDS}`, `3046${PSS_OID}3039${PSS_FIELDS}a303020101`];

export function algorithmOk(algorithm: Uint8Array): boolean {
  return PSS.includes(toHex(algorithm));
}

const imported = new WeakMap<Certificate, Promise<CryptoKey | null>>();

function keyOfIssuer(issuer: Certificate): Promise<CryptoKey | null> {
  const key = imported.get(issuer) ?? importPss(issuer.spki);
  imported.set(issuer, key);
  return key;
}

/** The issuer's key made this signature over `tbs`. */
export async function signedBy(issuer: Certificate, tbs: Uint8Array, signature: Bits): Promise<boolean> {
  return signature.unused === 0 && verifyPss(await keyOfIssuer(issuer), tbs, signature.bytes);
}

export async function issuedBy(issuer: Certificate, c: Certificate): Promise<boolean> {
  return equal(c.innerAlgorithm, c.outerAlgorithm) && signedBy(issuer, c.tbs, c.signature);
}

/* --- keys */

const RSA_OID = "2a864886f70d010101";
const EC_OID = "2a8648ce3d0201";
const P384_OID = "2b81040022";
const RSA_BITS = 4096;

function keyOf(spki: Uint8Array): { oid: string; parameters: Element[]; bits: Bits } | null {
  const [algorithm, key, ...more] = children(single(spki, TAG.sequence) ?? undefined, TAG.sequence) ?? [];
  const kind = named(algorithm);
  const bits = bitsOf(key);
  return kind === null || bits === null || more.length !== 0 ? null : { oid: kind.oid, parameters: kind.rest, bits };
}

/** What the algorithm of an RSA key may have beside its name: usually NULL. */
function parameterOk(e: Element): boolean {
  return (e.tag & CONSTRUCTED) === 0 && (e.tag !== TAG.boolean || e.content.length === 1);
}

/** RSA, 4096 bits, exponent 65537. */
export function rsaKeyOk(spki: Uint8Array): boolean {
  const key = keyOf(spki);
  if (key === null || !key.parameters.every(parameterOk)) return false;
  const parts = key.oid === RSA_OID ? children(single(key.bits.bytes, TAG.sequence) ?? undefined, TAG.sequence) : null;
  const [modulus, exponent, ...more] = parts ?? [];
  if (modulus?.tag !== TAG.integer || more.length !== 0 || integerOf(exponent) !== 65537n) return false;
  const digits = toHex(modulus.content).replace(/^0+/, "");
  return digits.length === RSA_BITS / 4 && parseInt(digits[0] ?? "0", 16) >= 8;
}

/** A point on P-384, ready to verify with. */
export async function p384Key(spki: Uint8Array): Promise<CryptoKey | null> {
  const key = keyOf(spki);
  const curve = key?.parameters.length === 1 ? key.parameters[0] : undefined;
  if (key?.oid !== EC_OID || curve?.tag !== TAG.oid || toHex(curve.content) !== P384_OID) return null;
  const [form, ...point] = key.bits.bytes;
  const odd = (point[point.length - 1] ?? 0) & 1;
  /* The hybrid form says the same point; no certificate of AMD's has it, and none that is signed can get it. */
  const hybrid = form === (0x06 | odd);
  return importP384(hybrid ? concat(new Uint8Array([4]), new Uint8Array(point)) : key.bits.bytes);
}

/* --- the extensions of an authority */

const OID = {
  subjectKey: "551d0e",
  keyUsage: "551d0f",
  otherNames: "551d11",
  basicConstraints: "551d13",
  nameConstraints: "551d1e",
  purposes: "551d25",
  crlPoints: "551d1f",
  authorityKey: "551d23",
};
const KEY_CERT_SIGN = 0x04;

interface Basic {
  ca: boolean;
  pathLength: bigint | null;
}

function basicOf(value: Uint8Array): Basic | null {
  const parts = children(single(value, TAG.sequence) ?? undefined, TAG.sequence);
  if (parts === null || parts.length > 2) return null;
  const [flag, length] = parts[0]?.tag === TAG.boolean ? parts : [undefined, parts[0]];
  if ((flag !== undefined && flag.content.length !== 1) || (parts.length === 2 && flag === undefined)) return null;
  const pathLength = length === undefined ? null : integerOf(length);
  if (length !== undefined && (pathLength === null || pathLength < 0n)) return null;
  return { ca: flag !== undefined && flag.content[0] !== 0, pathLength };
}

/** What a program that reads such an extension would accept as one. */
function otherOk(x: Extension): boolean {
  switch (x.oid) {
    case OID.subjectKey:
      return take(x.value)?.element.tag === TAG.octets;
    case OID.otherNames:
    case OID.nameConstraints:
    case OID.purposes:
      return false; /* no authority of AMD's has one */
    case OID.authorityKey:
    case OID.crlPoints: {
      const list = single(x.value, TAG.sequence);
      return list !== null && elements(list.content) !== null;
    }
    default:
      return !x.critical;
  }
}

/** A CA that may sign certificates, `pathLength` as asked (null: any), no extension twice or unknown and critical. */
export function authorityOk(c: Certificate, pathLength: bigint | null): boolean {
  const of = (oid: string): Extension | undefined => c.extensions.find((x) => x.oid === oid);
  const basic = basicOf(of(OID.basicConstraints)?.value ?? new Uint8Array(0));
  const usageE = of(OID.keyUsage);
  const usage = usageE === undefined ? null : bitsOf(single(usageE.value, TAG.bits) ?? undefined);
  const others = c.extensions.filter((x) => x.oid !== OID.basicConstraints && x.oid !== OID.keyUsage);
  const once = c.extensions.every((x, i) => c.extensions.findIndex((y) => y.oid === x.oid) === i);
  if (!once || !others.every(otherOk) || basic === null || !basic.ca) return false;
  if (usageE !== undefined && ((usage?.bytes[0] ?? 0) & KEY_CERT_SIGN) === 0) return false;
  return pathLength === null || basic.pathLength === pathLength;
}

/* --- PEM */

/** The first certificate of a PEM text, else bytes as they are. */
export function derOf(bytes: Uint8Array, pemText: string | null): Uint8Array {
  const block = /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/.exec(pemText ?? "");
  if (bytes[0] === TAG.sequence || block === null) return bytes;
  const hex = atobHex((block[1] ?? "").replace(/\s+/g, ""));
  return hex ?? bytes;
}

function atobHex(text: string): Bytes | null {
  try {
    return fromHex([...atob(text)].map((c) => c.charCodeAt(0).toString(16).padStart(2, "0")).join(""));
  } catch {
    return null;
  }
}
