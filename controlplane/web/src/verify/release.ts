/** A release manifest by itself: its signature, its form, whether it may run now, whether a measurement is in it (`tr-verify
 * release`). */
import { hexExact } from "./bytes.ts";
import { haveEd25519 } from "./crypto.ts";
import { ExpectationError } from "./gateway.ts";
import { type Manifest, manifestHas, parseManifest } from "./manifest.ts";
import { checkMinisign, parseMinisignKey } from "./minisign.ts";
import type { Check, Verdict } from "./verdict.ts";

export interface ReleaseVerdict {
  verdict: Verdict;
  code: "ACCEPT" | "SIGNATURE" | "DOCUMENT" | "VALIDITY" | "MEASUREMENT" | "ED25519";
  checks: Check[];
  manifest: Manifest | null;
}

export interface ReleaseFiles {
  manifest: Uint8Array;
  signature: Uint8Array;
  key: string;
  measurement?: string;
  /** unix seconds; the present */
  at?: number;
}

function refuse(verdict: Verdict, code: ReleaseVerdict["code"], detail: string, manifest: Manifest | null = null): ReleaseVerdict {
  return { verdict, code, checks: [{ code, ok: false, detail }], manifest };
}

async function signature(f: ReleaseFiles): Promise<ReleaseVerdict | null> {
  const key = parseMinisignKey(f.key);
  if (key === null) throw new ExpectationError("the release key is no minisign public key");
  if (!(await haveEd25519()))
    return refuse("unsupported", "ED25519", "this browser's WebCrypto has no Ed25519: use a newer browser, or tr-verify");
  const signed = await checkMinisign(f.manifest, f.signature, key);
  if (signed === "other") return refuse("reject", "SIGNATURE", "not signed by this key");
  return signed === "ok" ? null : refuse("malformed", "SIGNATURE", "this is no signature in minisign's form");
}

export async function verifyRelease(f: ReleaseFiles): Promise<ReleaseVerdict> {
  const refused = await signature(f);
  if (refused !== null) return refused;
  const m = parseManifest(f.manifest);
  const now = BigInt(f.at ?? Math.floor(Date.now() / 1000));
  if (m === null || m === "version")
    return refuse(m === null ? "malformed" : "unsupported", "DOCUMENT", "this is no release manifest in canonical JSON");
  if (now < m.notBeforeS || now >= m.notAfterS)
    return refuse("reject", "VALIDITY", `this release is ${now < m.notBeforeS ? "not valid yet" : "expired"}`, m);
  const asked = f.measurement === undefined ? null : hexExact(f.measurement, 48);
  if (f.measurement !== undefined && asked === null) throw new ExpectationError("a measurement is 96 hex digits");
  if (asked !== null && !manifestHas(m, asked))
    return refuse("reject", "MEASUREMENT", "this measurement is not of this release", m);
  return {
    verdict: "accept",
    code: "ACCEPT",
    checks: [
      { code: "SIGNATURE", ok: true, detail: "ok" },
      { code: "VALIDITY", ok: true, detail: "ok" },
      { code: "MEASUREMENT", ok: asked === null ? null : true, detail: asked === null ? "not asked" : "ok" },
    ],
    manifest: m,
  };
}
