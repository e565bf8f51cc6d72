/** The identity document: the keys of one boot of a data plane, in exactly one spelling, and the 64 bytes that bind it to a
 * report (attestation/evidence.h). */
import { type Bytes, concat, decimal64, latin1, utf8 } from "./bytes.ts";
import { sha256, sha512 } from "./crypto.ts";

export interface Identity {
  audience: string;
  boot: string;
  /** of the measured providers.conf */
  configSha256: string;
  /** the control plane that it pins */
  cpSpkiSha256: string;
  hpkeX25519: string;
  /** unix seconds */
  notAfter: number;
  receiptEd25519: string;
  /** customers seal their own provider keys to it */
  sealX25519: string;
  simulated: boolean;
  tlsSpkiSha256: string;
  /** it could not lock its memory: the machine may write pages to a disk */
  unlockedMemory: boolean;
}

const BYTES_MAX = 4096;
const VALID_DAYS = 90;
const CLOCK_DAYS = 1;
const AUDIENCE_MAX = 127;
const NUMBER_MAX = 1n << 53n;

const hex = (n: number): string => `"([0-9a-f]{${2 * n}})"`;
const SPELLING = new RegExp(
  `^\\{"audience":"([ !#-\\[\\]-~]+)","boot":${hex(16)},"config_sha256":${hex(32)},"cp_spki_sha256":\\[${hex(32)}\\],` +
    `"hpke_x25519":${hex(32)},"not_after":(0|[1-9][0-9]{0,19}),"purpose":"tr\\.identity\\.v1","receipt_ed25519":${hex(32)},` +
    `"role":"dataplane","seal_x25519":${hex(32)},"simulated":(true|false),"tls_spki_sha256":${hex(32)}` +
    `(,"unlocked_memory":true)?\\}$`,
);

/** Exactly the canonical form, else null. */
export function parseIdentity(bytes: Uint8Array): Identity | null {
  const text = latin1(bytes);
  const parts = bytes.length > BYTES_MAX || text.endsWith("\n") ? null : SPELLING.exec(text);
  if (parts === null) return null;
  const [, audience = "", boot = "", config = "", cp = "", hpke = "", end = "", receipt = "", seal = "", simulated, tls = ""] = parts;
  const notAfter = decimal64(end);
  if (audience.length > AUDIENCE_MAX || notAfter === null || notAfter > NUMBER_MAX) return null;
  return {
    audience,
    boot,
    configSha256: config,
    cpSpkiSha256: cp,
    hpkeX25519: hpke,
    notAfter: Number(notAfter),
    receiptEd25519: receipt,
    sealX25519: seal,
    simulated: simulated === "true",
    tlsSpkiSha256: tls,
    unlockedMemory: parts[11] !== undefined,
  };
}

/** Not over, and not made by a guest whose host has set its clock ahead. */
export function identityCurrent(i: Identity, nowS: number): boolean {
  return i.notAfter > nowS && i.notAfter - nowS <= 86400 * (VALID_DAYS + CLOCK_DAYS);
}

const PURPOSE_PUBLIC = 1;

/** The leaf of one nonce: SHA-256(0x00 || "tr-nonce/v1\0" || purpose || nonce || exporter). */
export function evidenceLeaf(nonce: Uint8Array, exporter: Uint8Array): Promise<Bytes> {
  return sha256(concat(new Uint8Array([0]), utf8("tr-nonce/v1\0"), new Uint8Array([PURPOSE_PUBLIC]), nonce, exporter));
}

/** SHA-512("tr-evidence/v1\0" || SHA-256(D) || root). */
export async function evidenceReportData(identity: Uint8Array, root: Uint8Array): Promise<Bytes> {
  return sha512(concat(utf8("tr-evidence/v1\0"), await sha256(identity), root));
}

