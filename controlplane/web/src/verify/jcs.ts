/** Canonical JSON (RFC 8785), of documents with plain names and whole numbers: what is hashed and signed. */
import { printable } from "./bytes.ts";
import { type Json, type Member, decoded, integer } from "./json.ts";

const MEMBERS_MAX = 64;
const DEPTH_MAX = 16;
const INTEGER_MAX = 1n << 53n;

function text(v: Json): string | null {
  const t = decoded(v);
  return t === null ? null : JSON.stringify(t);
}

function number(v: Json): string | null {
  const n = integer(v);
  if (n === null || n > INTEGER_MAX || n < -INTEGER_MAX || (v.kind === "number" && v.text === "-0")) return null;
  return n.toString();
}

function sorted(members: readonly Member[]): Member[] | null {
  if (members.length > MEMBERS_MAX || members.some((m) => !printable(m.raw) || m.raw.includes("\\"))) return null;
  const out = [...members].sort((a, b) => (a.raw < b.raw ? -1 : a.raw > b.raw ? 1 : 0));
  return out.some((m, i) => i > 0 && out[i - 1]?.raw === m.raw) ? null : out;
}

function object(members: readonly Member[], without: string | null, depth: number): string | null {
  const parts: string[] = [];
  for (const m of sorted(members) ?? [null]) {
    if (m === null) return null;
    if (m.raw === without) continue;
    const value = canonical(m.value, null, depth + 1);
    if (value === null) return null;
    parts.push(`"${m.raw}":${value}`);
  }
  return `{${parts.join(",")}}`;
}

/** The one spelling of v, its member `without` left out; null: it has none here. */
export function canonical(v: Json, without: string | null = null, depth = 0): string | null {
  if (depth === DEPTH_MAX) return null;
  switch (v.kind) {
    case "object":
      return object(v.members, without, depth);
    case "array": {
      const items = v.items.map((item) => canonical(item, null, depth + 1));
      return items.includes(null) ? null : `[${items.join(",")}]`;
    }
    case "string":
      return text(v);
    case "number":
      return number(v);
    default:
      return v.kind;
  }
}
