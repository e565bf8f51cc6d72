/** How a policy spells sets of bits, versions and pins. All give null on what is not spelled so. */
import { type Bytes, decimal64, hexExact } from "./bytes.ts";
import { GUEST, PLATFORM } from "./report.ts";

type Words = Readonly<Record<string, bigint>>;
export const GUEST_WORDS: Words = { smt: GUEST.smt, migrate_ma: GUEST.migrateMa, debug: GUEST.debug, cxl: GUEST.cxl };
export const GUEST_REQUIRE_WORDS: Words = {
  single_socket: GUEST.singleSocket,
  aes_256_xts: GUEST.aes256Xts,
  rapl_disabled: GUEST.raplDisabled,
  ciphertext_hiding: GUEST.ciphertextHiding,
  page_swap_disabled: GUEST.pageSwapDisabled,
};
export const PLATFORM_WORDS: Words = {
  smt: PLATFORM.smt,
  tsme: PLATFORM.tsme,
  ecc: PLATFORM.ecc,
  rapl_disabled: PLATFORM.raplDisabled,
  ciphertext_hiding: PLATFORM.ciphertextHiding,
  alias_check: PLATFORM.aliasCheck,
};
export const PRODUCT_WORDS: Words = { milan: 1n << 1n, genoa: 1n << 2n, turin: 1n << 3n };
export const VERSION_WORDS: Words = { "2": 1n << 2n, "3": 1n << 3n, "4": 1n << 4n, "5": 1n << 5n };

/** Words separated by spaces or commas; none is fine. */
export function bitsOfWords(text: string, words: Words): bigint | null {
  let bits = 0n;
  for (const word of text.split(/[ ,]+/).filter((w) => w !== "")) {
    const bit = Object.hasOwn(words, word) ? words[word] : undefined;
    if (bit === undefined) return null;
    bits |= bit;
  }
  return bits;
}

/** At least one. */
export function someWords(text: string, words: Words): bigint | null {
  const bits = bitsOfWords(text, words);
  return bits === 0n ? null : bits;
}

/** "smt debug", or "nothing". */
export function wordsOfBits(bits: bigint, words: Words): string {
  const names = Object.entries(words).filter(([, bit]) => (bits & bit) !== 0n).map(([name]) => name);
  return names.length === 0 ? "nothing" : names.join(" ");
}

/** "1.55.40" (n is 3) or "1.55" (2), each a byte, most significant first; "": 0, none is asked. */
export function numbers(text: string, n: number): number | null {
  if (text === "") return 0;
  const parts = text.split(".").map(decimal64);
  if (parts.length !== n || parts.some((p) => p === null || p > 255n)) return null;
  return parts.reduce<number>((v, p) => v * 256 + Number(p), 0);
}

/** Exactly n bytes in hex; "": not asked (undefined). */
export function pin(text: string, n: number): Bytes | undefined | null {
  return text === "" ? undefined : hexExact(text, n);
}

/** 16 hex digits; "": 0. */
export function mask(text: string): bigint | null {
  if (text === "") return 0n;
  return hexExact(text, 8) === null ? null : BigInt(`0x${text}`);
}
