/** AMD's chains, ARK -> ASK -> VCEK (one chip's key) and ARK -> ASVK -> VLEK (one cloud's key): each certificate is held to
 * the exact shape that AMD issues. Chains of another depth do not exist here, so there is no path building. */
import { type Bytes, allZero, copy, equal, latin1, printable } from "./bytes.ts";
import { sha256, verifyP384 } from "./crypto.ts";
import { AT, type Product, PRODUCTS, type Report, SIGNED_BYTES, type Tcb, scalar } from "./report.ts";
import {
  type Certificate,
  type Extension,
  type NameEntry,
  algorithmOk,
  authorityOk,
  issuedBy,
  p384Key,
  parseCertificate,
  rsaKeyOk,
} from "./x509.ts";

export type Role = "ARK" | "ASK" | "VCEK" | "ASVK" | "VLEK";

export interface ChainCert {
  role: Role;
  x509: Certificate;
  product: Product;
  /** every common name begins with SIMULATED- */
  simulated: boolean;
  /** of a leaf */
  key: CryptoKey | null;
}

/** Who a role's certificate is for and from; a product follows every name that ends in "-". */
const ROLES: Readonly<Record<Role, { subject: string; issuer: string; leaf: boolean }>> = {
  ARK: { subject: "ARK-", issuer: "ARK-", leaf: false },
  ASK: { subject: "SEV-", issuer: "ARK-", leaf: false },
  VCEK: { subject: "SEV-VCEK", issuer: "SEV-", leaf: true },
  ASVK: { subject: "SEV-VLEK-", issuer: "ARK-", leaf: false },
  VLEK: { subject: "SEV-VLEK", issuer: "SEV-VLEK-", leaf: true },
};

const COMMON_NAME = "550403";
/** AMD's fields in AMD's order, before the common name. */
const FIELDS: readonly [string, string][] = [
  ["55040b", "Engineering"],
  ["550406", "US"],
  ["550407", "Santa Clara"],
  ["550408", "CA"],
  ["55040a", "Advanced Micro Devices"],
];

function commonName(name: readonly NameEntry[]): string | null {
  const last = name[FIELDS.length];
  const ok =
    name.length === FIELDS.length + 1 &&
    FIELDS.every(([oid, value], i) => name[i]?.oid === oid && latin1(name[i].value) === value);
  return ok && last?.oid === COMMON_NAME && last.value.length !== 0 ? latin1(last.value) : null;
}

function productAfter(name: string, prefix: string): Product {
  return PRODUCTS.find((p) => name === prefix + p) ?? "unknown";
}

const SIMULATED = "SIMULATED-";

/** Subject and issuer are those of the role, of one product, and both simulated or neither. */
function namesOf(x509: Certificate, role: Role): { product: Product; simulated: boolean } | null {
  let subject = commonName(x509.subject);
  let issuer = commonName(x509.issuer);
  if (subject === null || issuer === null) return null;
  const simulated = subject.startsWith(SIMULATED);
  if (issuer.startsWith(SIMULATED) !== simulated) return null;
  if (simulated) [subject, issuer] = [subject.slice(SIMULATED.length), issuer.slice(SIMULATED.length)];
  const product = productAfter(issuer, ROLES[role].issuer);
  const want = ROLES[role].subject + (ROLES[role].leaf ? "" : product);
  return product !== "unknown" && subject === want ? { product, simulated } : null;
}

/** All of der is a certificate of this role, else null. */
export async function parseChainCert(der: Uint8Array, role: Role): Promise<ChainCert | null> {
  const x509 = parseCertificate(der);
  if (x509 === null || x509.version !== 2n || !algorithmOk(x509.innerAlgorithm) || !algorithmOk(x509.outerAlgorithm))
    return null;
  const names = namesOf(x509, role);
  if (names === null) return null;
  const key = ROLES[role].leaf ? await p384Key(x509.spki) : null;
  if (ROLES[role].leaf ? key === null : !rsaKeyOk(x509.spki)) return null;
  if (!ROLES[role].leaf && !authorityOk(x509, role === "ARK" ? null : 0n)) return null;
  const cert: ChainCert = { role, x509, ...names, key };
  return role !== "ARK" || (await issued(cert, cert)) ? cert : null;
}

/** The issuer's key signed c, and product and simulated agree; the names follow from them. */
export async function issued(issuer: ChainCert, c: ChainCert): Promise<boolean> {
  return issuer.product === c.product && issuer.simulated === c.simulated && issuedBy(issuer.x509, c.x509);
}

export function spkiSha256(c: ChainCert): Promise<Bytes> {
  return sha256(c.x509.spki);
}

/* --- the certificate of the key that signs reports */

export interface Vek {
  cert: ChainCert;
  /** the firmware versions that its key was derived from */
  tcb: Tcb;
  /** VCEK: 64 bytes, zero-padded when shorter; VLEK: zero */
  hwid: Bytes;
  /** VLEK: the cloud it was issued to */
  cspId: string;
}

const ARC = "2b060104019c7801"; /* 1.3.6.1.4.1.3704.1 */
const EXT = {
  structVersion: `${ARC}01`,
  product: `${ARC}02`,
  bootloader: `${ARC}0301`,
  tee: `${ARC}0302`,
  snp: `${ARC}0303`,
  spl4: `${ARC}0304`,
  spl5: `${ARC}0305`,
  spl6: `${ARC}0306`,
  spl7: `${ARC}0307`,
  microcode: `${ARC}0308`,
  fmc: `${ARC}0309`,
  hwid: `${ARC}04`,
  cspId: `${ARC}05`,
} as const;
const COMMON = [EXT.structVersion, EXT.product, EXT.bootloader, EXT.tee, EXT.snp, EXT.spl5, EXT.spl6, EXT.spl7, EXT.microcode];
const RESERVED_PARTS: readonly string[] = [EXT.spl4, EXT.spl5, EXT.spl6, EXT.spl7];
const PARTS: readonly [string, keyof Tcb][] = [
  [EXT.bootloader, "bootloader"],
  [EXT.tee, "tee"],
  [EXT.snp, "snp"],
  [EXT.microcode, "microcode"],
  [EXT.fmc, "fmc"],
];

/** A DER INTEGER from 0 to 255 in its shortest form. */
function integerU8(v: Uint8Array): number | null {
  const [tag, length, high = 0, low = 0] = v;
  if (tag !== 2 || length !== v.length - 2) return null;
  if (v.length === 3 && high < 0x80) return high;
  return v.length === 4 && high === 0 && low >= 0x80 ? low : null;
}

/** An IA5String of printable ASCII. */
function ia5(v: Uint8Array): string | null {
  const text = latin1(v.subarray(2));
  return v.length >= 2 && v[0] === 0x16 && v[1] === v.length - 2 && v.length - 2 < 0x80 ? text : null;
}

/** AMD puts the raw bytes where DER would belong; a wrapped OCTET STRING is taken, too. */
function hwidOf(v: Uint8Array, product: Product): Bytes | null {
  const n = product === "Turin" ? 8 : 64;
  const bare = v.length === n + 2 && v[0] === 0x04 && v[1] === n ? v.subarray(2) : v;
  if (bare.length !== n) return null;
  const out = new Uint8Array(64);
  out.set(bare);
  return out;
}

function takeNumber(vek: Vek, x: Extension): boolean {
  const n = integerU8(x.value);
  const part = PARTS.find(([oid]) => oid === x.oid)?.[1];
  if (n === null) return false;
  if (x.oid === EXT.structVersion) return n === (vek.cert.product === "Turin" ? 1 : 0);
  if (RESERVED_PARTS.includes(x.oid)) return n === 0;
  if (part === undefined) return false;
  vek.tcb[part] = n;
  return true;
}

function takeExtension(vek: Vek, x: Extension): boolean {
  const product = vek.cert.product;
  if (x.oid === EXT.product) {
    const text = ia5(x.value);
    return text !== null && (text === product || text.startsWith(`${product}-`));
  }
  if (x.oid === EXT.hwid) {
    const hwid = hwidOf(x.value, product);
    vek.hwid = hwid ?? vek.hwid;
    return hwid !== null;
  }
  if (x.oid === EXT.cspId) {
    vek.cspId = ia5(x.value) ?? "";
    return vek.cspId !== "" && printable(vek.cspId);
  }
  return takeNumber(vek, x);
}

/** Exactly these, each once: Turin has an FMC part and no fourth reserved one; a chip's key names the chip, a cloud's the
 * cloud. */
function extensionsWanted(cert: ChainCert): string[] {
  return [...COMMON, cert.product === "Turin" ? EXT.fmc : EXT.spl4, cert.role === "VLEK" ? EXT.cspId : EXT.hwid].sort();
}

export async function parseVek(der: Uint8Array): Promise<Vek | null> {
  const cert = (await parseChainCert(der, "VCEK")) ?? (await parseChainCert(der, "VLEK"));
  if (cert === null || (cert.role === "VLEK" ? cert.x509.serial < 0n : cert.x509.serial !== 0n)) return null;
  const vek: Vek = {
    cert,
    tcb: { fmc: 0, bootloader: 0, tee: 0, snp: 0, microcode: 0 },
    hwid: new Uint8Array(64),
    cspId: "",
  };
  const there = cert.x509.extensions.map((x) => x.oid).sort();
  if (there.join() !== extensionsWanted(cert).join()) return null;
  return cert.x509.extensions.every((x) => takeExtension(vek, x)) ? vek : null;
}

/** The report's signature over its first 672 bytes, under this certificate's key. */
export async function vekSigned(vek: Vek, r: Report): Promise<boolean> {
  const big = [scalar(r, AT.r), scalar(r, AT.s)];
  const [R, S] = big;
  if (R === null || S === null || R === undefined || S === undefined || vek.cert.key === null) return false;
  if (allZero(R) || allZero(S)) return false;
  return verifyP384(vek.cert.key, R, S, copy(r.raw.subarray(0, SIGNED_BYTES)));
}

export function sameCert(a: ChainCert, b: ChainCert): boolean {
  return equal(a.x509.whole, b.x509.whole);
}
