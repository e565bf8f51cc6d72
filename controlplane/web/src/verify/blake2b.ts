/** BLAKE2b without a key (RFC 7693): minisign signs 64 bytes of it in place of a file, sealed boxes take their nonce from 24.
 * WebCrypto does not have it. */
import type { Bytes } from "./bytes.ts";

const BLOCK = 128;
const MASK = (1n << 64n) - 1n;
const IV: readonly bigint[] = [
  0x6a09e667f3bcc908n,
  0xbb67ae8584caa73bn,
  0x3c6ef372fe94f82bn,
  0xa54ff53a5f1d36f1n,
  0x510e527fade682d1n,
  0x9b05688c2b3e6c1fn,
  0x1f83d9abfb41bd6bn,
  0x5be0cd19137e2179n,
];
/** The order in which a round takes the words of a block, a hex digit each; rounds 10 and 11 are 0 and 1 again. */
const SIGMA: readonly string[] = [
  "0123456789abcdef",
  "ea489fd61c02b753",
  "b8c052fdae367194",
  "7931dcbe265a40f8",
  "905724afe1bc683d",
  "2c6a0b834d75fe19",
  "c51fed4a0763928b",
  "db7ec13950f4862a",
  "6fe9b308c2d714a5",
  "a2847615fb9e3cd0",
];
/** Which four words of the state each of a round's eight mixings takes: columns, then diagonals. */
const MIXINGS: readonly (readonly [number, number, number, number])[] = [
  [0, 4, 8, 12],
  [1, 5, 9, 13],
  [2, 6, 10, 14],
  [3, 7, 11, 15],
  [0, 5, 10, 15],
  [1, 6, 11, 12],
  [2, 7, 8, 13],
  [3, 4, 9, 14],
];

function rotate(x: bigint, n: bigint): bigint {
  return ((x >> n) | (x << (64n - n))) & MASK;
}

function mix(v: bigint[], at: readonly [number, number, number, number], x: bigint, y: bigint): void {
  let [a, b, c, d] = at.map((i) => v[i] ?? 0n) as [bigint, bigint, bigint, bigint];
  a = (a + b + x) & MASK;
  d = rotate(d ^ a, 32n);
  c = (c + d) & MASK;
  b = rotate(b ^ c, 24n);
  a = (a + b + y) & MASK;
  d = rotate(d ^ a, 16n);
  c = (c + d) & MASK;
  b = rotate(b ^ c, 63n);
  at.forEach((i, k) => (v[i] = [a, b, c, d][k] ?? 0n));
}

function compress(h: bigint[], block: Uint8Array, counted: number, last: boolean): void {
  const view = new DataView(block.buffer, block.byteOffset, BLOCK);
  const words = Array.from({ length: 16 }, (_, i) => view.getBigUint64(8 * i, true));
  const v = [...h, ...IV];

  v[12] = (v[12] ?? 0n) ^ BigInt(counted);
  if (last) v[14] = (v[14] ?? 0n) ^ MASK;
  for (let round = 0; round < 12; round++) {
    const order = SIGMA[round % 10] ?? "";
    MIXINGS.forEach((at, i) => {
      const x = words[parseInt(order[2 * i] ?? "", 16)] ?? 0n;
      const y = words[parseInt(order[2 * i + 1] ?? "", 16)] ?? 0n;
      mix(v, at, x, y);
    });
  }
  for (let i = 0; i < 8; i++) h[i] = (h[i] ?? 0n) ^ (v[i] ?? 0n) ^ (v[i + 8] ?? 0n);
}

export const blake2b512 = (message: Uint8Array): Bytes => blake2b(message, 64);

/** n: bytes of output, 1 to 64; part of what is hashed. */
export function blake2b(message: Uint8Array, n: number): Bytes {
  const h = [...IV];
  const blocks = Math.max(1, Math.ceil(message.length / BLOCK));

  h[0] = (h[0] ?? 0n) ^ 0x01010000n ^ BigInt(n);
  for (let i = 0; i < blocks; i++) {
    const block = new Uint8Array(BLOCK);
    block.set(message.subarray(i * BLOCK, (i + 1) * BLOCK));
    compress(h, block, Math.min((i + 1) * BLOCK, message.length), i === blocks - 1);
  }
  const out = new Uint8Array(64);
  const view = new DataView(out.buffer);
  h.forEach((word, i) => view.setBigUint64(8 * i, word, true));
  return out.slice(0, n);
}
