/** The release manifest, release.json: which measurements a release may have, what went into it, how long it may run.
 * Canonical JSON, so the file's bytes are what is hashed, signed and logged. */
import { type Bytes, equal, hexExact, printable, utf8Text } from "./bytes.ts";
import { canonical } from "./jcs.ts";
import { type Json, type Member, first, isText, parseJson, plain, unsigned } from "./json.ts";

export const MANIFEST_MAX = 32 << 10;
const MEASUREMENTS_MAX = 192;
const DIGESTS_MAX = 16;
const TEXT_MAX = 200;
const CMDLINE_MAX = 4096;

export interface ManifestMeasurement {
  cpu: string;
  features: bigint;
  vcpus: bigint;
  measurement: Bytes;
}
export interface Manifest {
  version: string;
  repo: string;
  commit: string;
  cmdline: string;
  svn: bigint;
  minSvn: bigint;
  notBeforeS: bigint;
  notAfterS: bigint;
  simulated: boolean;
  previous: Bytes | null;
  image: Bytes | null;
  sbom: Bytes | null;
  providers: Bytes;
  catalog: Bytes;
  policy: Bytes;
  digests: [string, Bytes][];
  measurements: ManifestMeasurement[];
}

/** Anything that is not as it must be; what parseManifest() makes null of. */
class Wrong extends Error {}

function must<T>(v: T | null | undefined): T {
  if (v === null || v === undefined) throw new Wrong();
  return v;
}

/** The canonical text has members sorted and once, as the names here are. */
function members(v: Json | undefined, names: readonly string[]): (name: string) => Json {
  const got = v?.kind === "object" ? v.members : null;
  if (got === null || got.length !== names.length || got.some((m, i) => m.raw !== names[i])) throw new Wrong();
  return (name) => must(first(v, name));
}

function text(v: Json, max: number): string {
  const t = must(plain(v));
  if (!printable(t) || t.length > max) throw new Wrong();
  return t;
}

const hex = (v: Json, n: number): Bytes => must(hexExact(must(plain(v)), n, true));
const bool = (v: Json): boolean => {
  if (v.kind !== "true" && v.kind !== "false") throw new Wrong();
  return v.kind === "true";
};
const orNull = (v: Json): Bytes | null => (v.kind === "null" ? null : hex(v, 32));

function digestsOf(v: Json): [string, Bytes][] {
  const list: readonly Member[] = v.kind === "object" ? v.members : [];
  if (list.length === 0 || list.length > DIGESTS_MAX) throw new Wrong();
  if (list.some((m) => m.raw === "" || m.raw.length > TEXT_MAX)) throw new Wrong();
  return list.map((m) => [m.raw, hex(m.value, 32)]);
}

function measurementOf(v: Json): ManifestMeasurement {
  const m = members(v, ["cpu", "features", "measurement", "vcpus"]);
  return {
    cpu: text(m("cpu"), TEXT_MAX),
    features: must(unsigned(m("features"))),
    measurement: hex(m("measurement"), 48),
    vcpus: must(unsigned(m("vcpus"))),
  };
}

function measurementsOf(v: Json): ManifestMeasurement[] {
  if (v.kind !== "array" || v.items.length === 0 || v.items.length > MEASUREMENTS_MAX) throw new Wrong();
  return v.items.map(measurementOf);
}

/** A commit of git, with SHA-1 or SHA-256 names. */
function sourceOf(v: Json): { commit: string; repo: string } {
  const m = members(v, ["commit", "repo"]);
  const commit = text(m("commit"), 64);
  if (hexExact(commit, 20) === null && hexExact(commit, 32) === null) throw new Wrong();
  return { commit, repo: text(m("repo"), TEXT_MAX) };
}

const NAMES = [
  "catalog_sha256", "cmdline", "digests", "image_sha256", "measurements", "min_svn", "not_after", "not_before",
  "policy_sha256", "previous", "providers_sha256", "purpose", "sbom_sha256", "simulated", "source", "svn", "version",
];

function read(root: Json): Manifest {
  const m = members(root, NAMES);
  const number = (name: string): bigint => must(unsigned(m(name)));
  const out: Manifest = {
    ...sourceOf(m("source")),
    version: text(m("version"), TEXT_MAX),
    cmdline: text(m("cmdline"), CMDLINE_MAX),
    svn: number("svn"),
    minSvn: number("min_svn"),
    notBeforeS: number("not_before"),
    notAfterS: number("not_after"),
    simulated: bool(m("simulated")),
    previous: orNull(m("previous")),
    image: orNull(m("image_sha256")),
    sbom: orNull(m("sbom_sha256")),
    providers: hex(m("providers_sha256"), 32),
    catalog: hex(m("catalog_sha256"), 32),
    policy: hex(m("policy_sha256"), 32),
    digests: digestsOf(m("digests")),
    measurements: measurementsOf(m("measurements")),
  };
  /* Image and SBOM are there together; a simulated release may do without. */
  if ((out.image === null) !== (out.sbom === null) || (out.image === null && !out.simulated)) throw new Wrong();
  if (out.version === "" || out.notBeforeS >= out.notAfterS || out.minSvn > out.svn) throw new Wrong();
  return out;
}

/** "version": it is of another purpose than tr.release.v1; null: it is no manifest. */
export function parseManifest(bytes: Uint8Array): Manifest | "version" | null {
  const t = bytes.length > MANIFEST_MAX ? null : utf8Text(bytes);
  const root = t === null ? null : parseJson(t);
  if (root === null || root.kind !== "object" || canonical(root) !== t) return null;
  const purpose = first(root, "purpose");
  if (purpose === undefined) return null;
  if (!isText(purpose, "tr.release.v1")) return "version";
  try {
    return read(root);
  } catch (e) {
    if (e instanceof Wrong) return null;
    throw e;
  }
}

export function manifestHas(m: Manifest, measurement: Uint8Array): boolean {
  return m.measurements.some((one) => equal(one.measurement, measurement));
}
