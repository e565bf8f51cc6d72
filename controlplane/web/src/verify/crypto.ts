/** WebCrypto, and nothing else: hashes, HMAC, and the three kinds of signature that occur. */
import { type Bytes, EMPTY, concat, copy } from "./bytes.ts";

export async function sha256(b: Uint8Array): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", copy(b)));
}

export async function sha384(b: Uint8Array): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.digest("SHA-384", copy(b)));
}

export async function sha512(b: Uint8Array): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.digest("SHA-512", copy(b)));
}

export async function hmacSha256(key: Uint8Array, message: Uint8Array): Promise<Bytes> {
  const k = await crypto.subtle.importKey("raw", copy(key), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", k, copy(message)));
}

/** This browser's WebCrypto lacks an algorithm: nothing can be said about the signature. */
export class CryptoMissing extends Error {
  constructor(readonly algorithm: string) {
    super(`this browser's WebCrypto has no ${algorithm}`);
  }
}

let ed25519Known: Promise<boolean> | undefined;

/** Ed25519 came to WebCrypto late (Chromium 137, Firefox 129, Safari 17). */
export function haveEd25519(): Promise<boolean> {
  ed25519Known ??= crypto.subtle
    .importKey("raw", basePoint(), { name: "Ed25519" }, false, ["verify"])
    .then(() => true)
    .catch(() => false);
  return ed25519Known;
}

function basePoint(): Bytes {
  return new Uint8Array(32).fill(0x66).map((byte, i) => (i === 0 ? 0x58 : byte));
}

const FIELD = (1n << 255n) - 19n;
const ORDER = (1n << 252n) + 27742317777372353535851937790883648493n;
const OF_ORDER_8 = 55188659117513257062467267217118295137698188065244968500265048394206261417927n;
/** The encodings of points of small order, sign bit aside: libsodium refuses them, WebCrypto need not. */
const SMALL_ORDER: readonly bigint[] = [
  0n,
  1n,
  OF_ORDER_8,
  FIELD - OF_ORDER_8,
  FIELD - 1n,
  FIELD,
  FIELD + 1n,
];

function littleEndian(b: Uint8Array): bigint {
  let n = 0n;
  for (let i = b.length - 1; i >= 0; i--) n = (n << 8n) | BigInt(b[i] ?? 0);
  return n;
}

function pointOk(b: Uint8Array): boolean {
  return !SMALL_ORDER.includes(littleEndian(b) & ((1n << 255n) - 1n));
}

/** As libsodium judges: S below the order, the key canonical, neither point of small order. */
export async function verifyEd25519(key: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean> {
  if (key.length !== 32 || signature.length !== 64) return false;
  const canonicalKey = (littleEndian(key) & ((1n << 255n) - 1n)) < FIELD;
  if (littleEndian(signature.subarray(32)) >= ORDER || !canonicalKey || !pointOk(key) || !pointOk(signature.subarray(0, 32)))
    return false;
  if (!(await haveEd25519())) throw new CryptoMissing("Ed25519");
  try {
    const k = await crypto.subtle.importKey("raw", copy(key), { name: "Ed25519" }, false, ["verify"]);
    return await crypto.subtle.verify("Ed25519", k, copy(signature), copy(message));
  } catch {
    return false;
  }
}

/** An RSA key as SubjectPublicKeyInfo, ready for RSASSA-PSS with SHA-384; null: WebCrypto does not take it. */
export async function importPss(spki: Uint8Array): Promise<CryptoKey | null> {
  return crypto.subtle
    .importKey("spki", copy(spki), { name: "RSA-PSS", hash: "SHA-384" }, false, ["verify"])
    .catch(() => null);
}

/** Salt 48, MGF1 with SHA-384. */
export async function verifyPss(key: CryptoKey | null, message: Uint8Array, signature: Uint8Array): Promise<boolean> {
  if (key === null) return false;
  return crypto.subtle
    .verify({ name: "RSA-PSS", saltLength: 48 }, key, copy(signature), copy(message))
    .catch(() => false);
}

/** A point of P-384, uncompressed; null: it is not on the curve. */
export async function importP384(point: Uint8Array): Promise<CryptoKey | null> {
  return crypto.subtle
    .importKey("raw", copy(point), { name: "ECDSA", namedCurve: "P-384" }, false, ["verify"])
    .catch(() => null);
}

/** r and s: 48 bytes each, big-endian. SHA-384. */
export async function verifyP384(key: CryptoKey, r: Uint8Array, s: Uint8Array, message: Uint8Array): Promise<boolean> {
  return crypto.subtle
    .verify({ name: "ECDSA", hash: "SHA-384" }, key, concat(r, s), copy(message))
    .catch(() => false);
}

export function random(n: number): Bytes {
  return n === 0 ? EMPTY : crypto.getRandomValues(new Uint8Array(n));
}
