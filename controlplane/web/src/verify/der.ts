/** DER, strictly: definite lengths in their shortest form, nothing left over. */
import { type Bytes, copy, latin1, toHex } from "./bytes.ts";

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bits: 0x03,
  octets: 0x04,
  null: 0x05,
  oid: 0x06,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

export interface Element {
  tag: number;
  /** Behind tag and length. */
  content: Bytes;
  /** All of it. */
  whole: Bytes;
}

function lengthAt(b: Uint8Array, at: number): { length: number; from: number } | null {
  const first = b[at];
  if (first === undefined) return null;
  if (first < 0x80) return { length: first, from: at + 1 };
  const n = first & 0x7f;
  if (n === 0 || n > 3 || at + n >= b.length || b[at + 1] === 0) return null;
  let length = 0;
  for (let i = 0; i < n; i++) length = length * 256 + (b[at + 1 + i] ?? 0);
  return length < 0x80 ? null : { length, from: at + 1 + n };
}

/** The element at the front of b, or null. */
export function take(b: Uint8Array): { element: Element; rest: Uint8Array } | null {
  const tag = b[0];
  if (tag === undefined || (tag & 0x1f) === 0x1f) return null;
  const head = lengthAt(b, 1);
  if (head === null || head.from + head.length > b.length) return null;
  const end = head.from + head.length;
  return {
    element: { tag, content: copy(b.subarray(head.from, end)), whole: copy(b.subarray(0, end)) },
    rest: b.subarray(end),
  };
}

/** b is one element of this tag and nothing else. */
export function single(b: Uint8Array, tag: number): Element | null {
  const got = take(b);
  return got !== null && got.rest.length === 0 && got.element.tag === tag ? got.element : null;
}

/** All elements that b consists of. */
export function elements(b: Uint8Array): Element[] | null {
  const out: Element[] = [];
  for (let rest = b; rest.length !== 0; ) {
    const got = take(rest);
    if (got === null) return null;
    out.push(got.element);
    rest = got.rest;
  }
  return out;
}

/** The children of an element of this tag. */
export function children(e: Element | undefined, tag: number): Element[] | null {
  return e !== undefined && e.tag === tag ? elements(e.content) : null;
}

/** An INTEGER in its shortest form, as a number of either sign. */
export function integerOf(e: Element | undefined): bigint | null {
  if (e === undefined || e.tag !== TAG.integer || e.content.length === 0) return null;
  const [high, next] = e.content;
  if (e.content.length > 1 && ((high === 0 && (next ?? 0) < 0x80) || (high === 0xff && (next ?? 0) >= 0x80)))
    return null;
  return BigInt.asIntN(8 * e.content.length, BigInt(`0x${toHex(e.content)}`));
}

export interface Bits {
  /** The unused bits of the last byte are zero. */
  bytes: Bytes;
  unused: number;
}

/** A BIT STRING. */
export function bitsOf(e: Element | undefined): Bits | null {
  const unused = e?.content[0];
  if (e === undefined || e.tag !== TAG.bits || unused === undefined || unused > 7) return null;
  const bytes = copy(e.content.subarray(1));
  const last = bytes.length - 1;
  if (last >= 0) bytes[last] = (bytes[last] ?? 0) & (0xff << unused);
  return { bytes, unused };
}

/** Every part of an OID ends, and none begins with zeros. */
export function oidOk(content: Uint8Array): boolean {
  const last = content[content.length - 1];
  const padded = content.some((byte, i) => byte === 0x80 && (i === 0 || ((content[i - 1] ?? 0) & 0x80) === 0));
  return last !== undefined && last < 0x80 && !padded;
}

const UTC = /^([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})Z$/;
const GENERALIZED = /^([0-9]{4})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})Z$/;

/** Unix seconds of a time of X.509 (RFC 5280, 4.1.2.5); null: it is none. */
export function timeOf(e: Element): number | null {
  const parts = (e.tag === TAG.utcTime ? UTC : GENERALIZED).exec(latin1(e.content))?.slice(1).map(Number);
  if (parts === undefined) return null;
  const [y = 0, month = 0, day = 0, h = 0, m = 0, s = 0] = parts;
  const year = e.tag === TAG.utcTime ? y + (y < 50 ? 2000 : 1900) : y;
  const ms = Date.UTC(year, month - 1, day, h, m, s);
  const back = new Date(ms);
  const same = back.getUTCMonth() === month - 1 && back.getUTCDate() === day && h < 24 && m < 60 && s < 60;
  return same && year >= 100 ? ms / 1000 : null;
}
