/** Detached Ed25519 signatures of files, as minisign makes them: over the file, or over its BLAKE2b-512. */
import { type Bytes, base64Exact, concat, equal, fromLatin1, latin1 } from "./bytes.ts";
import { blake2b512 } from "./blake2b.ts";
import { verifyEd25519 } from "./crypto.ts";

const KEY_MAX = 2048;
const SIGNATURE_MAX = 16 << 10;
const COMMENT_MAX = 8192;
const TRUSTED = "trusted comment: ";
const UNTRUSTED = "untrusted comment: ";

export interface MinisignKey {
  id: Bytes;
  key: Bytes;
}

/** Lines without their ends; the last one may lack it. */
function linesOf(text: string): string[] {
  const lines = text.split("\n");
  if (lines[lines.length - 1] === "") lines.pop();
  return lines.map((line) => line.replace(/\r$/, ""));
}

/** A key file, or its base64 line alone. */
export function parseMinisignKey(text: string): MinisignKey | null {
  const lines = linesOf(text.length > KEY_MAX ? "" : text);
  if (lines[0]?.startsWith(UNTRUSTED) === true) lines.shift();
  const bytes = lines.length === 1 ? base64Exact(lines[0] ?? "", 42) : null;
  if (bytes === null || bytes[0] !== 0x45 || bytes[1] !== 0x64) return null; /* "Ed" */
  return { id: bytes.slice(2, 10), key: bytes.slice(10) };
}

interface Parts {
  signature: Bytes;
  comment: Bytes;
  global: Bytes;
}

function partsOf(file: Uint8Array): Parts | null {
  const [first = "", second = "", third = "", fourth = "", ...more] = linesOf(file.length > SIGNATURE_MAX ? "" : latin1(file));
  const signature = base64Exact(second, 74);
  const global = base64Exact(fourth, 64);
  if (!first.startsWith(UNTRUSTED) || !third.startsWith(TRUSTED) || signature === null || global === null) return null;
  const comment = fromLatin1(third.slice(TRUSTED.length));
  return more.length !== 0 || comment.length > COMMENT_MAX ? null : { signature, comment, global };
}

async function fileSigned(file: Uint8Array, p: Parts, k: MinisignKey): Promise<boolean> {
  const kind = String.fromCharCode(p.signature[0] ?? 0, p.signature[1] ?? 0);
  if (kind !== "Ed" && kind !== "ED") return false;
  return verifyEd25519(k.key, kind === "ED" ? blake2b512(file) : file, p.signature.subarray(10));
}

/** "format": this is no signature. "other": not of this key, not of this file, or its trusted comment was changed. */
export async function checkMinisign(file: Uint8Array, signature: Uint8Array, k: MinisignKey): Promise<"ok" | "format" | "other"> {
  const p = partsOf(signature);
  if (p === null) return "format";
  const ok =
    equal(p.signature.subarray(2, 10), k.id) &&
    (await fileSigned(file, p, k)) &&
    (await verifyEd25519(k.key, concat(p.signature.subarray(10), p.comment), p.global));
  return ok ? "ok" : "other";
}
