/** A recorded answer of GET /attestation with what is needed to judge it again (tr-bundle/v1): what `tr-verify gateway --save`
 * writes. The recorder vouches for exporter, key and time; everything else is checked. */
import { type Bytes, fromBase64, hexExact, printable, utf8Text } from "./bytes.ts";
import { DOCUMENT_MAX } from "./document.ts";
import { type Json, isText, parseJson, plain, unsigned } from "./json.ts";

export const BUNDLE_MAX = 2 * DOCUMENT_MAX;
const HOST_MAX = 255;
const NAMES = ["format", "at", "host", "exporter", "tls_spki_sha256", "document"];

export interface Bundle {
  atS: number;
  host: string;
  exporter: Bytes;
  tlsSpki: Bytes;
  document: Bytes;
}

/** null: this is no bundle. */
export function parseBundle(bytes: Uint8Array): Bundle | null {
  const text = bytes.length > BUNDLE_MAX ? null : utf8Text(bytes);
  const root = text === null ? null : parseJson(text);
  const members = root?.kind === "object" ? root.members : [];
  const get = (name: string): Json | undefined => members.find((m) => m.name === name)?.value;
  if (members.length !== NAMES.length || NAMES.some((name) => get(name) === undefined)) return null;
  const at = unsigned(get("at"));
  const host = plain(get("host"));
  const exporter = hexExact(plain(get("exporter")) ?? "", 32, true);
  const tlsSpki = hexExact(plain(get("tls_spki_sha256")) ?? "", 32, true);
  const document = fromBase64(plain(get("document")) ?? "-");
  if (!isText(get("format"), "tr-bundle/v1") || at === null || exporter === null || tlsSpki === null || document === null)
    return null;
  if (host === null || host.length > HOST_MAX || !printable(host) || host.includes(" ")) return null;
  return { atS: Number(at), host, exporter, tlsSpki, document };
}
