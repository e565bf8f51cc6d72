/** JSON as signed documents need it: every member is kept, also one that is there twice, numbers stay text, and it is known
 * which strings had escapes. Accepts what common/json.c accepts. */

export type Json =
  | { kind: "null" | "false" | "true" }
  | { kind: "number"; text: string }
  | { kind: "string"; raw: string }
  | { kind: "array"; items: Json[] }
  | { kind: "object"; members: Member[] };
export interface Member {
  /** The name as it is written, escapes not decoded. */
  raw: string;
  name: string;
  value: Json;
}

const DEPTH_MAX = 64;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const STRING = /"((?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*)"/y;
const SPACE = /[ \t\n\r]*/y;

class Reader {
  at = 0;
  constructor(readonly text: string) {}

  match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (found !== null) this.at = pattern.lastIndex;
    return found;
  }

  space(): void {
    this.match(SPACE);
  }

  take(c: string): boolean {
    if (!this.text.startsWith(c, this.at)) return false;
    this.at += c.length;
    return true;
  }

  value(depth: number): Json | null {
    if (this.take("{")) return this.object(depth);
    if (this.take("[")) return this.array(depth);
    for (const word of ["null", "false", "true"] as const) if (this.take(word)) return { kind: word };
    const text = this.match(STRING);
    if (text !== null) return { kind: "string", raw: text[1] ?? "" };
    const number = this.match(NUMBER);
    return number === null || number[0] === "" ? null : { kind: "number", text: number[0] };
  }

  array(depth: number): Json | null {
    const items: Json[] = [];
    if (depth === DEPTH_MAX) return null;
    this.space();
    if (this.take("]")) return { kind: "array", items };
    for (;;) {
      const item = this.value(depth + 1);
      if (item === null) return null;
      items.push(item);
      this.space();
      if (this.take("]")) return { kind: "array", items };
      if (!this.take(",")) return null;
      this.space();
    }
  }

  member(depth: number): Member | null {
    const name = this.match(STRING);
    if (name === null) return null;
    this.space();
    if (!this.take(":")) return null;
    this.space();
    const value = this.value(depth + 1);
    const raw = name[1] ?? "";
    return value === null ? null : { raw, name: decode(raw), value };
  }

  object(depth: number): Json | null {
    const members: Member[] = [];
    if (depth === DEPTH_MAX) return null;
    this.space();
    if (this.take("}")) return { kind: "object", members };
    for (;;) {
      const member = this.member(depth);
      if (member === null) return null;
      members.push(member);
      this.space();
      if (this.take("}")) return { kind: "object", members };
      if (!this.take(",")) return null;
      this.space();
    }
  }
}

function decode(raw: string): string {
  return raw.includes("\\") ? (JSON.parse(`"${raw}"`) as string) : raw;
}

/** The whole text is one value; null: it is not JSON. */
export function parseJson(text: string): Json | null {
  const reader = new Reader(text);
  reader.space();
  const value = reader.value(0);
  reader.space();
  return value !== null && reader.at === text.length ? value : null;
}

/** The first member of that name. */
export function first(v: Json | undefined, name: string): Json | undefined {
  return v?.kind === "object" ? v.members.find((m) => m.name === name)?.value : undefined;
}

/** The member of that name when there is exactly one; "twice" when another reader may take another. */
export function only(v: Json | undefined, name: string): Json | "twice" | undefined {
  if (v?.kind !== "object") return undefined;
  const found = v.members.filter((m) => m.name === name);
  return found.length > 1 ? "twice" : found[0]?.value;
}

export function one(v: Json | undefined, name: string): Json | undefined {
  const found = only(v, name);
  return found === "twice" ? undefined : found;
}

/** The text of a string that was written without escapes. */
export function plain(v: Json | "twice" | undefined): string | null {
  return v !== undefined && v !== "twice" && v.kind === "string" && !v.raw.includes("\\") ? v.raw : null;
}

/** A string, escapes decoded; null when a surrogate stands alone. */
export function decoded(v: Json | undefined): string | null {
  if (v?.kind !== "string") return null;
  const text = decode(v.raw);
  return /\p{Surrogate}/u.test(text) ? null : text;
}

export function isText(v: Json | undefined, text: string): boolean {
  return decoded(v) === text;
}

/** An integer without fraction or exponent that fits a signed 64-bit number. */
export function integer(v: Json | undefined): bigint | null {
  if (v?.kind !== "number" || !/^-?[0-9]+$/.test(v.text)) return null;
  const n = BigInt(v.text);
  return n >= -(1n << 63n) && n < 1n << 63n ? n : null;
}

export function unsigned(v: Json | undefined): bigint | null {
  if (v?.kind !== "number" || !/^-?[0-9]+$/.test(v.text)) return null;
  const n = BigInt(v.text);
  return n >= 0n && n < 1n << 64n ? n : null;
}

/** A whole number in any spelling: 12, 12.0, 1.2e1. */
export function whole(v: Json | undefined): bigint | null {
  const parts = v?.kind === "number" ? /^(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?$/.exec(v.text) : null;
  if (parts === null) return null;
  const digits = ((parts[2] ?? "") + (parts[3] ?? "")).replace(/^0+/, "");
  const exponent = Number(parts[4] ?? "0") - (parts[3] ?? "").length;
  const cut = digits.replace(/0+$/, "");
  if (cut === "") return 0n;
  const zeros = exponent + (digits.length - cut.length);
  if (zeros < 0 || zeros > 20 || cut.length > 20) return null;
  const n = BigInt(parts[1] + cut) * 10n ** BigInt(zeros);
  return n >= -(1n << 63n) && n < 1n << 63n ? n : null;
}
