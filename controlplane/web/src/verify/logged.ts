/** Is a statement of the transparency log about this program? A release (tr.release.v1) that has its measurement, or the boot
 * (tr.boot.v1) of exactly this identity document. */
import { type Bytes, equal, hexExact, utf8Text } from "./bytes.ts";
import { type Json, isText, one, only, parseJson, plain } from "./json.ts";
import { MANIFEST_MAX, manifestHas, parseManifest } from "./manifest.ts";
import { leafHash } from "./tlog.ts";

function open(statement: Uint8Array): { root: Json; boot: boolean } | null {
  const text = statement.length > MANIFEST_MAX ? null : utf8Text(statement);
  const root = text === null ? null : parseJson(text);
  const purpose = root?.kind === "object" ? one(root, "purpose") : undefined;
  return root === null || purpose === undefined ? null : { root, boot: isText(purpose, "tr.boot.v1") };
}

const hexMember = (v: Json, name: string, n: number): Bytes | null => hexExact(plain(only(v, name)) ?? "", n);

export function loggedIsAbout(statement: Uint8Array, identitySha256: Uint8Array, measurement: Uint8Array): boolean {
  const opened = open(statement);
  if (opened === null) return false;
  if (!opened.boot) {
    const m = parseManifest(statement);
    return m !== null && m !== "version" && manifestHas(m, measurement);
  }
  const identity = hexMember(opened.root, "identity_sha256", 32);
  const measured = hexMember(opened.root, "measurement", 48);
  return identity !== null && measured !== null && equal(identity, identitySha256) && equal(measured, measurement);
}

/** The leaf hash of the release that the statement is, or that the boot it is about names; null: none; "format": neither. */
export async function loggedRelease(statement: Uint8Array): Promise<Bytes | null | "format"> {
  const opened = open(statement);
  if (opened === null) return "format";
  if (!opened.boot) {
    const m = parseManifest(statement);
    return m === null || m === "version" ? "format" : leafHash(statement);
  }
  const release = one(opened.root, "release");
  if (release === undefined) return "format";
  if (release.kind === "null") return null;
  return (release.kind === "object" ? hexMember(release, "leaf", 32) : null) ?? "format";
}
