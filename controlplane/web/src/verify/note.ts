/** C2SP signed notes, checkpoints and the proof that stands alone as text (tlog-proof): how a log states its size and root.
 * Ed25519 only. */
import { type Bytes, base64Exact, concat, decimal64, equal, fromLatin1, hexExact, latin1, utf8 } from "./bytes.ts";
import { sha256, verifyEd25519 } from "./crypto.ts";
import { PROOF_MAX, included, leafHash } from "./tlog.ts";

const NAME_MAX = 128;
const NOTE_MAX = 64 << 10;
const SIGNATURES_MAX = 16;
const PROOF_TEXT_MAX = 16 << 10;
const ED25519 = 1;

export interface NoteKey {
  name: string;
  id: Bytes;
  key: Bytes;
}

/** A verifier key: name+hash+key. */
export async function parseNoteKey(vkey: string): Promise<NoteKey | null> {
  const [name = "", idText = "", ...rest] = vkey.trim().split("+");
  const id = hexExact(idText, 4);
  const key = base64Exact(rest.join("+"), 33);
  if (!/^[!-*,-~]+$/.test(name) || name.length > NAME_MAX || id === null || key === null || key[0] !== ED25519) return null;
  const digest = await sha256(concat(utf8(name), new Uint8Array([0x0a]), key));
  return equal(digest.subarray(0, 4), id) ? { name, id, key: key.slice(1) } : null;
}

type Opened = { ok: true; text: string } | { ok: false; why: "format" | "signature" };

/** Signed texts are bytes; here a character is a byte, so U+2014 is three. */
const bytesAsText = (v: string | Uint8Array): string => latin1(typeof v === "string" ? utf8(v) : v);
const DASH = /^\u00e2\u0080\u0094 ([^ ]+) (.*)$/s;

/** The signed part of a note, when k signed it. */
export async function openNote(noteBytes: string | Uint8Array, k: NoteKey): Promise<Opened> {
  const note = bytesAsText(noteBytes);
  const split = note.slice(0, -1).lastIndexOf("\n\n");
  const format: Opened = { ok: false, why: "format" };
  if (note.length > NOTE_MAX || !note.endsWith("\n") || split < 0) return format;
  const text = note.slice(0, split + 1);
  const lines = note.slice(split + 2, -1).split("\n");
  let valid = false;
  if (lines.length > SIGNATURES_MAX) return format;
  for (const line of note.length === split + 2 ? [] : lines) {
    const parts = DASH.exec(line);
    if (parts === null) return format;
    const signature = parts[1] === k.name ? base64Exact(parts[2] ?? "", 68) : null;
    if (signature === null || !equal(signature.subarray(0, 4), k.id)) continue;
    valid = valid || (await verifyEd25519(k.key, fromLatin1(text), signature.subarray(4)));
  }
  return valid ? { ok: true, text } : { ok: false, why: "signature" };
}

export interface Checkpoint {
  origin: string;
  size: bigint;
  root: Bytes;
}

/** Extension lines behind the root are allowed and ignored. */
export function parseCheckpoint(text: string): Checkpoint | null {
  const [origin = "", sizeText = "", rootText = "", ...rest] = text.split("\n");
  const size = /^0[0-9]/.test(sizeText) ? null : decimal64(sizeText);
  const root = base64Exact(rootText, 32);
  return origin === "" || size === null || root === null || rest.length === 0 ? null : { origin, size, root };
}

/** A signed checkpoint of this log, whose name is the origin. */
export async function openCheckpoint(note: string | Uint8Array, k: NoteKey): Promise<Checkpoint | "format" | "signature"> {
  const opened = await openNote(note, k);
  if (!opened.ok) return opened.why;
  const checkpoint = parseCheckpoint(opened.text);
  if (checkpoint === null) return "format";
  return checkpoint.origin === k.name ? checkpoint : "signature";
}

/* --- c2sp.org/tlog-proof@v1 */

export interface Proof {
  index: bigint;
  path: Bytes[];
  note: Bytes;
}

export function parseProof(proof: string | Uint8Array): Proof | null {
  const head = "c2sp.org/tlog-proof@v1\n";
  const text = bytesAsText(proof);
  if (text.length > PROOF_TEXT_MAX || !text.startsWith(head)) return null;
  const body = text.slice(head.length).replace(/^extra [^\n]*\n/, "");
  const end = body.indexOf("\n\n");
  const [indexLine = "", ...hashes] = body.slice(0, Math.max(0, end)).split("\n");
  const indexText = /^index ([0-9]+)$/.exec(indexLine)?.[1] ?? "";
  const index = /^0[0-9]/.test(indexText) ? null : decimal64(indexText);
  const path = hashes.map((h) => base64Exact(h, 32));
  if (end < 0 || index === null || path.length > PROOF_MAX || path.includes(null)) return null;
  return { index, path: path as Bytes[], note: fromLatin1(body.slice(end + 2)) };
}

/** That statement is in the log of this key: the checkpoint that has it, or null. */
export async function checkProof(text: string | Uint8Array, statement: Uint8Array, k: NoteKey): Promise<(Checkpoint & { index: bigint }) | null> {
  const proof = parseProof(text);
  const checkpoint = proof === null ? null : await openCheckpoint(proof.note, k);
  if (proof === null || checkpoint === null || typeof checkpoint === "string") return null;
  const leaf = await leafHash(statement);
  return (await included(checkpoint.size, proof.index, leaf, proof.path, checkpoint.root))
    ? { ...checkpoint, index: proof.index }
    : null;
}
