/** RFC 6962 Merkle trees: hashes and proofs. */
import { type Bytes, concat, equal } from "./bytes.ts";
import { sha256 } from "./crypto.ts";

export const PROOF_MAX = 126;

export function leafHash(entry: Uint8Array): Promise<Bytes> {
  return sha256(concat(new Uint8Array([0]), entry));
}

export function nodeHash(left: Uint8Array, right: Uint8Array): Promise<Bytes> {
  return sha256(concat(new Uint8Array([1]), left, right));
}

/** The root that leaf and path lead to (RFC 9162, 2.1.3.2); null: the path is not exactly as long as it must be. */
export async function inclusionRoot(size: bigint, index: bigint, leaf: Uint8Array, path: readonly Uint8Array[]): Promise<Bytes | null> {
  let fn = index;
  let sn = size - 1n;
  let r = new Uint8Array(leaf);
  if (index >= size || path.length > PROOF_MAX) return null;
  for (const p of path) {
    if (sn === 0n) return null;
    if ((fn & 1n) !== 0n || fn === sn) {
      r = await nodeHash(p, r);
      while ((fn & 1n) === 0n && fn !== 0n) [fn, sn] = [fn >> 1n, sn >> 1n];
    } else {
      r = await nodeHash(r, p);
    }
    [fn, sn] = [fn >> 1n, sn >> 1n];
  }
  return sn === 0n ? r : null;
}

export async function included(size: bigint, index: bigint, leaf: Uint8Array, path: readonly Uint8Array[], root: Uint8Array): Promise<boolean> {
  const got = await inclusionRoot(size, index, leaf, path);
  return got !== null && equal(got, root);
}

/** That a tree of `size` leaves continues the one of `old` (RFC 9162, 2.1.4.2). */
export async function consistent(
  old: bigint,
  size: bigint,
  oldRoot: Uint8Array,
  root: Uint8Array,
  path: readonly Uint8Array[],
): Promise<boolean> {
  let fn = old - 1n;
  let sn = size - 1n;
  if (old <= 0n || old > size || path.length > PROOF_MAX) return false;
  if (old === size) return path.length === 0 && equal(oldRoot, root);
  while ((fn & 1n) !== 0n) [fn, sn] = [fn >> 1n, sn >> 1n];
  const rest = [...path];
  const start = fn === 0n ? oldRoot : rest.shift(); /* a power of two: its root is the first hash */
  if (start === undefined) return false;
  let fr = new Uint8Array(start);
  let sr = new Uint8Array(start);
  for (const p of rest) {
    if (sn === 0n) return false;
    if ((fn & 1n) !== 0n || fn === sn) {
      [fr, sr] = [await nodeHash(p, fr), await nodeHash(p, sr)];
      while ((fn & 1n) === 0n && fn !== 0n) [fn, sn] = [fn >> 1n, sn >> 1n];
    } else {
      sr = await nodeHash(sr, p);
    }
    [fn, sn] = [fn >> 1n, sn >> 1n];
  }
  return sn === 0n && equal(fr, oldRoot) && equal(sr, root);
}
