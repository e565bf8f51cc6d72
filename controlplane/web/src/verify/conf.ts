/** The INI dialect of every .conf of the project (common/conf.h), for the one that a verifier reads. */
import { type Bytes, decimal64, hexExact, latin1 } from "./bytes.ts";

export type Value = string | bigint | boolean | Bytes;
export type Field =
  | { kind: "text"; max: number; required?: boolean }
  | { kind: "u64"; max: bigint }
  | { kind: "bool" }
  | { kind: "hex"; bytes: number; required?: boolean }
  | { kind: "name"; names: readonly string[] };
export type Fields = Readonly<Record<string, Field>>;

export interface Section {
  kind: string;
  name: string;
  values: Map<string, Value>;
}

export class ConfError extends Error {
  constructor(line: number, what: string) {
    super(`line ${line}: ${what}`);
  }
}

const TRUE = ["on", "true", "yes"];
const FALSE = ["off", "false", "no"];

/** undefined: the text is no value of this field. */
function valueOf(f: Field, text: string): Value | undefined {
  switch (f.kind) {
    case "text":
      return text.length < f.max ? text : undefined;
    case "u64": {
      const n = decimal64(text);
      return n !== null && n <= f.max ? n : undefined;
    }
    case "bool":
      return TRUE.includes(text) ? true : FALSE.includes(text) ? false : undefined;
    case "hex":
      return hexExact(text, f.bytes) ?? undefined;
    case "name":
      return f.names.includes(text) ? text : undefined;
  }
}

function trim(text: string): string {
  return text.replace(/^[ \t]+|[ \t]+$/g, "");
}

/** "[kind]" or "[kind name]"; a name has no blanks and no brackets. */
function headerOf(line: string, number: number): { kind: string; name: string } {
  if (!line.endsWith("]") || line.length < 2) throw new ConfError(number, "a section has no closing bracket");
  const inner = trim(line.slice(1, -1));
  const kind = /^[^ \t]*/.exec(inner)?.[0] ?? "";
  const name = trim(inner.slice(kind.length));
  if (kind === "") throw new ConfError(number, "a section has no name");
  if (/[ \t[\]]/.test(name)) throw new ConfError(number, "a section name has more than one word");
  return { kind, name };
}

class Parser {
  sections: Section[] = [];
  constructor(readonly fieldsOf: (kind: string, name: string, before: readonly Section[]) => Fields | null) {}

  open(kind: string, name: string, number: number): void {
    if (this.fieldsOf(kind, name, this.sections) === null) throw new ConfError(number, "unknown or repeated section");
    this.sections.push({ kind, name, values: new Map() });
  }

  current(): { section: Section; fields: Fields } {
    const section = this.sections[this.sections.length - 1] as Section;
    return { section, fields: this.fieldsOf(section.kind, section.name, this.sections.slice(0, -1)) ?? {} };
  }

  close(number: number): void {
    const { section, fields } = this.current();
    for (const [name, f] of Object.entries(fields))
      if ("required" in f && f.required === true && !section.values.has(name))
        throw new ConfError(number, `${name} is missing`);
  }

  key(line: string, number: number): void {
    const sign = line.indexOf("=");
    if (sign < 0) throw new ConfError(number, "expected key = value, [section] or # comment");
    const name = trim(line.slice(0, sign));
    const text = trim(line.slice(sign + 1));
    const { section, fields } = this.current();
    const f = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (f === undefined) throw new ConfError(number, "unknown key");
    if (section.values.has(name)) throw new ConfError(number, `${name} appears twice`);
    const value = text === "" && "required" in f && f.required === true ? undefined : valueOf(f, text);
    if (value === undefined) throw new ConfError(number, `${name} has no value of its kind`);
    section.values.set(name, value);
  }

  line(raw: string, number: number): void {
    const line = trim(raw.replace(/\r$/, ""));
    if (line === "" || line.startsWith("#")) return;
    if (/[\u0000-\u0008\u000a-\u001f\u007f]/.test(line)) throw new ConfError(number, "control character");
    if (!line.startsWith("[")) return this.key(line, number);
    this.close(number);
    const { kind, name } = headerOf(line, number);
    this.open(kind, name, number);
  }
}

/** Every section in order; the first one, of kind "", is the part before any header. Throws ConfError. */
export function parseConf(
  text: Uint8Array,
  fieldsOf: (kind: string, name: string, before: readonly Section[]) => Fields | null,
): Section[] {
  const parser = new Parser(fieldsOf);
  const lines = latin1(text).split("\n");
  parser.open("", "", 1);
  if (lines[lines.length - 1] === "") lines.pop();
  lines.forEach((line, i) => parser.line(line, i + 1));
  parser.close(lines.length);
  return parser.sections;
}
