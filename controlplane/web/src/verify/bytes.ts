/** Bytes: hex, base64 with one spelling per value, comparison, little-endian loads. */

export type Bytes = Uint8Array<ArrayBuffer>;

export const EMPTY: Bytes = new Uint8Array(0);

export function fromHex(text: string, lowerOnly = false): Bytes | null {
  if (text.length % 2 !== 0 || !(lowerOnly ? /^[0-9a-f]*$/ : /^[0-9a-fA-F]*$/).test(text)) return null;
  const out = new Uint8Array(text.length / 2);
  for (let i = 0; i < out.length; i++) out[i] = parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return out;
}

/** Exactly n bytes. */
export function hexExact(text: string, n: number, lowerOnly = false): Bytes | null {
  return text.length === 2 * n ? fromHex(text, lowerOnly) : null;
}

export function toHex(b: Uint8Array): string {
  let out = "";
  for (const byte of b) out += byte.toString(16).padStart(2, "0");
  return out;
}

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Standard base64 with padding; what does not come back the same when encoded again is null. */
export function fromBase64(text: string): Bytes | null {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return null;
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const out = new Uint8Array((text.length / 4) * 3 - padding);
  let at = 0;
  for (let i = 0; i < text.length; i += 4) {
    let word = 0;
    for (let k = 0; k < 4; k++) word = (word << 6) | Math.max(0, ALPHABET.indexOf(text[i + k] ?? "="));
    const left = out.length - at;
    if ((left === 1 && (word & 0xffff) !== 0) || (left === 2 && (word & 0xff) !== 0)) return null;
    for (let k = 0; k < 3 && at < out.length; k++) out[at++] = (word >> (16 - 8 * k)) & 0xff;
  }
  return out;
}

export function base64Exact(text: string, n: number): Bytes | null {
  const bytes = fromBase64(text);
  return bytes !== null && bytes.length === n ? bytes : null;
}

export function toBase64(b: Uint8Array): string {
  let out = "";
  for (let i = 0; i < b.length; i += 3) {
    const left = b.length - i;
    const word = ((b[i] ?? 0) << 16) | ((b[i + 1] ?? 0) << 8) | (b[i + 2] ?? 0);
    out += ALPHABET[word >> 18] ?? "";
    out += ALPHABET[(word >> 12) & 63] ?? "";
    out += left > 1 ? (ALPHABET[(word >> 6) & 63] ?? "") : "=";
    out += left > 2 ? (ALPHABET[word & 63] ?? "") : "=";
  }
  return out;
}

export function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let different = 0;
  for (let i = 0; i < a.length; i++) different |= (a[i] ?? 0) ^ (b[i] ?? 0);
  return different === 0;
}

export function concat(...parts: readonly Uint8Array[]): Bytes {
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of parts) {
    out.set(p, at);
    at += p.length;
  }
  return out;
}

export function copy(b: Uint8Array): Bytes {
  return new Uint8Array(b);
}

export function allZero(b: Uint8Array): boolean {
  return b.every((byte) => byte === 0);
}

export function load32(b: Uint8Array, at: number): number {
  return ((b[at] ?? 0) | ((b[at + 1] ?? 0) << 8) | ((b[at + 2] ?? 0) << 16) | ((b[at + 3] ?? 0) << 24)) >>> 0;
}

export function load64(b: Uint8Array, at: number): bigint {
  return BigInt(load32(b, at)) | (BigInt(load32(b, at + 4)) << 32n);
}

const encoder = new TextEncoder();

export function utf8(text: string): Bytes {
  return copy(encoder.encode(text));
}

/** The text of bytes that are UTF-8, else null. A byte order mark stays. */
export function utf8Text(b: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(b);
  } catch {
    return null;
  }
}

/** One character per byte. */
export function latin1(b: Uint8Array): string {
  let out = "";
  for (const byte of b) out += String.fromCharCode(byte);
  return out;
}

export function fromLatin1(text: string): Bytes {
  return Uint8Array.from(text, (c) => c.charCodeAt(0));
}

/** ASCII 0x20 to 0x7e. */
export function printable(text: string): boolean {
  return /^[ -~]*$/.test(text);
}

/** A decimal number without sign that fits 64 bits. */
export function decimal64(text: string): bigint | null {
  if (!/^[0-9]+$/.test(text) || text.length > 64) return null;
  const n = BigInt(text);
  return n < 1n << 64n ? n : null;
}
