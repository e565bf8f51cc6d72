/** The public attestation document (tr-attestation/v1): what GET /attestation answers. One JSON object, each member once, no
 * other. One report serves a batch of nonces: the document has the way from this nonce's leaf to the batch's root. */
import { type Bytes, EMPTY, fromBase64, hexExact, utf8Text } from "./bytes.ts";
import { evidenceLeaf, evidenceReportData } from "./identity.ts";
import { type Json, decoded, isText, parseJson, plain, unsigned } from "./json.ts";
import { REPORT_BYTES } from "./report.ts";
import { PROOF_MAX, inclusionRoot } from "./tlog.ts";

export const DOCUMENT_MAX = 128 << 10;
const FORMAT = "tr-attestation/v1";
const BATCH_MAX = 256n;
const LEAF_MAX = 32 << 10;
const CERT_MAX = 4096;
const IDENTITY_MAX = 4096;

/** none: the exporter's place in the leaf is 32 zero bytes. */
export type Binding = "none" | "tls-exporter";

export interface AttestationDocument {
  nonce: Bytes;
  binding: Binding;
  identity: Bytes;
  index: bigint;
  size: bigint;
  path: Bytes[];
  report: Bytes;
  vek: Bytes;
  ask: Bytes;
  /** never believed */
  ark: Bytes;
  releaseLeaf: Bytes;
  releaseProof: string;
}

class Wrong extends Error {}

function must<T>(v: T | null | undefined): T {
  if (v === null || v === undefined) throw new Wrong();
  return v;
}

/** The members of an object: each of `names` once, of `optional` at most once, no other. */
function object(v: Json | undefined, names: readonly string[], optional: readonly string[] = []): Map<string, Json> {
  const out = new Map<string, Json>();
  for (const m of v?.kind === "object" ? v.members : [null]) {
    if (m === null || out.has(m.name) || !(names.includes(m.name) || optional.includes(m.name))) throw new Wrong();
    out.set(m.name, m.value);
  }
  if (names.some((name) => !out.has(name))) throw new Wrong();
  return out;
}

function base64(v: Json | undefined): Bytes {
  const text = must(plain(v));
  if (text === "") throw new Wrong();
  return must(fromBase64(text));
}

const hex32 = (v: Json | undefined): Bytes => must(hexExact(must(plain(v)), 32, true));

function bindingOf(v: Json | undefined): Binding {
  const text = plain(v);
  if (text !== "none" && text !== "tls-exporter") throw new Wrong();
  return text;
}

function pathOf(v: Json | undefined): Bytes[] {
  if (v?.kind !== "array" || v.items.length > PROOF_MAX) throw new Wrong();
  return v.items.map(hex32);
}

function read(root: Json): AttestationDocument {
  const top = object(root, ["format", "nonce", "binding", "identity", "batch", "report", "certs"], ["release"]);
  const batch = object(top.get("batch"), ["index", "size", "path"]);
  const certs = object(top.get("certs"), ["vek"], ["ask", "ark"]);
  const release = top.has("release") ? object(top.get("release"), ["leaf", "proof"]) : null;
  const optional = (name: string): Bytes => (certs.has(name) ? base64(certs.get(name)) : EMPTY);
  if (!isText(top.get("format"), FORMAT)) throw new Wrong();
  return {
    nonce: hex32(top.get("nonce")),
    binding: bindingOf(top.get("binding")),
    identity: base64(top.get("identity")),
    index: must(unsigned(batch.get("index"))),
    size: must(unsigned(batch.get("size"))),
    path: pathOf(batch.get("path")),
    report: base64(top.get("report")),
    vek: base64(certs.get("vek")),
    ask: optional("ask"),
    ark: optional("ark"),
    releaseLeaf: release === null ? EMPTY : base64(release.get("leaf")),
    releaseProof: release === null ? "" : must(decoded(release.get("proof"))),
  };
}

function boundsOk(d: AttestationDocument): boolean {
  return (
    d.index < d.size &&
    d.size <= BATCH_MAX &&
    d.report.length === REPORT_BYTES &&
    d.identity.length <= IDENTITY_MAX &&
    [d.vek, d.ask, d.ark].every((c) => c.length <= CERT_MAX) &&
    d.releaseLeaf.length <= LEAF_MAX
  );
}

/** null: this is no such document. */
export function parseDocument(bytes: Uint8Array): AttestationDocument | null {
  const text = bytes.length > DOCUMENT_MAX ? null : utf8Text(bytes);
  const root = text === null ? null : parseJson(text);
  if (root === null) return null;
  try {
    const d = read(root);
    return boundsOk(d) ? d : null;
  } catch (e) {
    if (e instanceof Wrong) return null;
    throw e;
  }
}

/** The REPORT_DATA that this document must be under, for the exporter of the connection that it came over (not looked at when
 * binding is none); null: the path does not fit index and size. */
export async function documentReportData(d: AttestationDocument, exporter: Uint8Array): Promise<Bytes | null> {
  const leaf = await evidenceLeaf(d.nonce, d.binding === "tls-exporter" ? exporter : new Uint8Array(32));
  const root = await inclusionRoot(d.size, d.index, leaf, d.path);
  return root === null ? null : evidenceReportData(d.identity, root);
}

