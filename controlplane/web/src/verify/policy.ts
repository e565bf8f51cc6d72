/** A verification policy: attestation.conf of a control plane, tcb-policy.conf of `tr-verify`. What it does not name it does
 * not let in; tr-verify's use of it, a single look at somebody's evidence, is the one here. */
import { type Bytes, equal, hexExact, toHex, utf8 } from "./bytes.ts";
import { type ChainCert, issued, parseChainCert, sameCert, spkiSha256 } from "./chain.ts";
import { ConfError, type Fields, type Section, type Value, parseConf } from "./conf.ts";
import { sha256 } from "./crypto.ts";
import {
  GUEST_REQUIRE_WORDS,
  GUEST_WORDS,
  PLATFORM_WORDS,
  PRODUCT_WORDS,
  VERSION_WORDS,
  bitsOfWords,
  mask,
  numbers,
  pin,
  someWords,
} from "./policy_words.ts";
import { PRODUCTS, type Product, type Report, type Tcb, productOfCpuid } from "./report.ts";
import { AMD_ROOTS, type AmdRoot, BUILTIN_POLICY } from "./roots.ts";
import { parseTime } from "./time.ts";
import { derOf } from "./x509.ts";

const MAX = { measurement: 32, chip: 256, root: 8, floor: 16, file: 128 << 10 } as const;

export interface PolicyRoot {
  ark: ChainCert;
  ask: ChainCert | null;
  asvk: ChainCert | null;
}
export interface Floor {
  product: Product;
  /** of one stepping; null: of the whole product */
  stepping: [number, number, number] | null;
  tcb: Tcb;
  firmware: number;
  bulletin: string;
  name: string;
}
export interface Policy {
  version: string;
  digest: Bytes;
  /** unix seconds; 0: never */
  expiresS: number;
  audience: string;
  allowSimulated: boolean;
  provisionalFirmware: boolean;
  allowVlek: boolean;
  requireCrl: boolean;
  allowUnlockedMemory: boolean;
  cspId: string;
  versions: bigint;
  products: bigint;
  guestAllow: bigint;
  guestRequire: bigint;
  platformRequire: bigint;
  platformForbid: bigint;
  mitigationsRequire: bigint;
  minGuestSvn: number;
  minFirmware: number;
  minGuestAbi: number;
  hostData: Bytes;
  idKeySha384: Bytes;
  authorKey: Bytes | undefined;
  familyId: Bytes | undefined;
  imageId: Bytes | undefined;
  roots: PolicyRoot[];
  measurements: Bytes[];
  chips: Bytes[];
  floors: Floor[];
}

export class PolicyError extends Error {}

/* --- the file's fields */

const text = (max: number): { kind: "text"; max: number } => ({ kind: "text", max });
const bool = { kind: "bool" } as const;
const TOP: Fields = {
  version: text(64),
  expires: text(32),
  audience: text(128),
  roots: { kind: "name", names: ["none", "amd"] },
  allow_simulated: bool,
  provisional_firmware: bool,
  allow_vlek: bool,
  csp_id: text(128),
  require_crl: bool,
  allow_unlocked_memory: bool,
  report_versions: text(32),
  products: text(64),
  guest_allow: text(128),
  guest_require: text(128),
  platform_require: text(128),
  platform_forbid: text(128),
  min_firmware: text(16),
  min_guest_abi: text(16),
  mitigations_require: text(17),
  author_key_sha384: text(97),
  family_id: text(33),
  image_id: text(33),
  min_guest_svn: { kind: "u64", max: 0xffffffffn },
  host_data: { kind: "hex", bytes: 32 },
  id_key_sha384: { kind: "hex", bytes: 48 },
};
const PART = { kind: "u64", max: 255n } as const;
const SECTIONS: Readonly<Record<string, Fields>> = {
  measurement: { sha384: { kind: "hex", bytes: 48, required: true } },
  chip: { id: { ...text(129), required: true } },
  root: { file: { ...text(512), required: true } },
  floor: { fmc: PART, bootloader: PART, tee: PART, snp: PART, microcode: PART, firmware: text(16), bulletin: text(96) },
};
const FLOOR_NAME_MAX = 15;

/** Of two sections of one kind and name, one would not count. */
function fieldsOf(kind: string, name: string, before: readonly Section[]): Fields | null {
  if (kind === "" && before.length === 0) return TOP;
  const fields = Object.hasOwn(SECTIONS, kind) ? SECTIONS[kind] : undefined;
  const same = before.filter((s) => s.kind === kind);
  const most = MAX[kind as "measurement" | "chip" | "root" | "floor"];
  if (fields === undefined || name === "" || same.length >= most || same.some((s) => s.name === name)) return null;
  return kind === "floor" && name.length > FLOOR_NAME_MAX ? null : fields;
}

/* --- what they say */

function asText(v: Value | undefined, otherwise: string): string {
  return typeof v === "string" ? v : otherwise;
}

function must<T>(v: T | null, what: string): T {
  if (v === null) throw new PolicyError(what);
  return v;
}

function expiresOf(value: string): number {
  return value === "" ? 0 : must(parseTime(value), "expires is not of the form 2027-02-01T00:00:00Z");
}

function wordsOf(s: Section): Pick<
  Policy,
  "versions" | "products" | "guestAllow" | "guestRequire" | "platformRequire" | "platformForbid"
> {
  /* The defaults: what is not said is the stricter answer. */
  const t = (name: string, otherwise = ""): string => asText(s.values.get(name), otherwise);
  const unknown = (name: string): string => `${name} has an unknown word`;
  return {
    versions: must(someWords(t("report_versions", "3 5"), VERSION_WORDS), "report_versions takes 2, 3, 4, 5"),
    products: must(someWords(t("products", "genoa turin"), PRODUCT_WORDS), "products takes milan, genoa, turin"),
    guestAllow: must(bitsOfWords(t("guest_allow"), GUEST_WORDS), unknown("guest_allow")),
    guestRequire: must(bitsOfWords(t("guest_require"), GUEST_REQUIRE_WORDS), unknown("guest_require")),
    platformRequire: must(
      bitsOfWords(t("platform_require", "ecc alias_check"), PLATFORM_WORDS),
      unknown("platform_require"),
    ),
    platformForbid: must(bitsOfWords(t("platform_forbid"), PLATFORM_WORDS), unknown("platform_forbid")),
  };
}

type Switches = Pick<
  Policy,
  "allowSimulated" | "provisionalFirmware" | "allowVlek" | "requireCrl" | "allowUnlockedMemory"
>;
function switchesOf(s: Section): Switches {
  const on = (name: string): boolean => s.values.get(name) === true;
  return {
    allowSimulated: on("allow_simulated"),
    provisionalFirmware: on("provisional_firmware"),
    allowVlek: on("allow_vlek"),
    requireCrl: on("require_crl"),
    allowUnlockedMemory: on("allow_unlocked_memory"),
  };
}

function topOf(s: Section, digest: Bytes): Policy {
  const t = (name: string): string => asText(s.values.get(name), "");
  const bytes = (name: string, n: number): Bytes => (s.values.get(name) as Bytes | undefined) ?? new Uint8Array(n);
  const p: Policy = {
    ...wordsOf(s),
    ...switchesOf(s),
    version: t("version"),
    digest,
    audience: t("audience"),
    cspId: t("csp_id"),
    minFirmware: must(numbers(t("min_firmware"), 3), "min_firmware is not of the form 1.55.40"),
    minGuestAbi: must(numbers(t("min_guest_abi"), 2), "min_guest_abi is not of the form 1.55"),
    mitigationsRequire: must(mask(t("mitigations_require")), "mitigations_require is not 16 hex digits"),
    authorKey: must(pin(t("author_key_sha384"), 48), "author_key_sha384 is not 96 hex digits"),
    familyId: must(pin(t("family_id"), 16), "family_id and image_id are 32 hex digits"),
    imageId: must(pin(t("image_id"), 16), "family_id and image_id are 32 hex digits"),
    expiresS: expiresOf(t("expires")),
    minGuestSvn: Number(s.values.get("min_guest_svn") ?? 0n),
    hostData: bytes("host_data", 32),
    idKeySha384: bytes("id_key_sha384", 48),
    roots: [],
    measurements: [],
    chips: [],
    floors: [],
  };
  if (p.allowVlek && p.cspId === "")
    throw new PolicyError("allow_vlek needs the csp_id of the cloud whose machines are meant");
  return p;
}

/** 64 bytes, or the 8 of a Turin chip, whose report pads them with zeros. */
function chipOf(s: Section): Bytes {
  const id = asText(s.values.get("id"), "");
  const out = new Uint8Array(64);
  out.set(must(hexExact(id, 64) ?? hexExact(id, 8), "a chip's id is not 128 (Turin: 16) hex digits"));
  return out;
}

function steppingOf(name: string): [number, number, number] | null {
  const parts = /^([0-9a-fA-F]{2})-([0-9a-fA-F]{2})-([0-9a-fA-F]{2})$/.exec(name);
  return parts === null ? null : (parts.slice(1).map((x) => parseInt(x, 16)) as [number, number, number]);
}

/** "genoa": one product. Of a floor of two, readers could take either. */
function productNamed(name: string): Product | null {
  const bits = bitsOfWords(name, PRODUCT_WORDS);
  return PRODUCTS.find((_, i) => bits === 1n << BigInt(i + 1)) ?? null;
}

function floorOf(s: Section): Floor {
  const wrong = "a floor's name is neither a product nor family-model-stepping in hex";
  const n = (part: string): number => Number(s.values.get(part) ?? 0n);
  const stepping = steppingOf(s.name);
  const product = stepping === null ? productNamed(s.name) : productOfCpuid(stepping[0], stepping[1]);
  if (product === null || product === "unknown") throw new PolicyError(wrong);
  return {
    product,
    stepping,
    tcb: { fmc: n("fmc"), bootloader: n("bootloader"), tee: n("tee"), snp: n("snp"), microcode: n("microcode") },
    firmware: must(numbers(asText(s.values.get("firmware"), ""), 3), wrong),
    bulletin: asText(s.values.get("bulletin"), ""),
    name: s.name,
  };
}

const sameFloor = (a: Floor, b: Floor): boolean =>
  a.product === b.product && a.stepping?.join() === b.stepping?.join();

function takeSections(p: Policy, sections: readonly Section[]): void {
  const of = (kind: string): Section[] => sections.filter((s) => s.kind === kind);
  p.measurements = of("measurement").map((s) => s.values.get("sha384") as Bytes);
  p.chips = of("chip").map(chipOf);
  p.floors = of("floor").map(floorOf);
  if (p.floors.some((f, i) => p.floors.findIndex((g) => sameFloor(f, g)) !== i))
    throw new PolicyError("a floor is there twice");
}

/* --- roots */

/** A root's own intermediate. */
async function intermediate(ark: ChainCert, der: Uint8Array, role: "ASK" | "ASVK"): Promise<ChainCert | null> {
  const c = await parseChainCert(der, role);
  return c !== null && (await issued(ark, c)) ? c : null;
}

async function amdRoot(a: AmdRoot): Promise<PolicyRoot> {
  const files = [a.ark, a.ask, a.asvk];
  const pins = [a.arkSha256, a.askSha256, a.asvkSha256];
  const digests = await Promise.all(files.map(async (f) => toHex(await sha256(f))));
  const ark = digests.every((d, i) => d === pins[i]) ? await parseChainCert(a.ark, "ARK") : null;
  const ask = ark === null ? null : await intermediate(ark, a.ask, "ASK");
  const asvk = ark === null ? null : await intermediate(ark, a.asvk, "ASVK");
  if (ark === null || ask === null || asvk === null || ark.product !== a.product)
    throw new PolicyError("a built-in AMD root is not the one it should be");
  return { ark, ask, asvk };
}

let amd: Promise<PolicyRoot[]> | undefined;

function amdRoots(): Promise<PolicyRoot[]> {
  amd ??= Promise.all(AMD_ROOTS.map(amdRoot));
  return amd;
}

function rootAdd(p: Policy, ark: ChainCert): boolean {
  if (p.roots.some((r) => sameCert(r.ark, ark))) return true;
  if (p.roots.length === MAX.root) return false;
  p.roots.push({ ark, ask: null, asvk: null });
  return true;
}

/** Trust this certificate (DER or PEM) as a further root, or take it as the known ASK or ASVK of one that is there. A
 * simulator's root counts as allowed: whoever hands it in has named it. False: it is neither. */
export async function trust(p: Policy, file: Uint8Array): Promise<boolean> {
  const der = derOf(file, new TextDecoder().decode(file));
  const ark = await parseChainCert(der, "ARK");
  if (ark !== null) {
    p.allowSimulated ||= ark.simulated;
    return rootAdd(p, ark);
  }
  for (const r of p.roots) {
    const ask = await intermediate(r.ark, der, "ASK");
    const asvk = ask === null ? await intermediate(r.ark, der, "ASVK") : null;
    r.ask = ask ?? r.ask;
    r.asvk = asvk ?? r.asvk;
    if (ask !== null || asvk !== null) return true;
  }
  return false;
}

/** Trust the roots among these files in place of the policy's. Twice: an intermediate is known only once its root is. */
export async function trustOnly(p: Policy, files: readonly Uint8Array[]): Promise<void> {
  p.roots = [];
  for (const file of [...files, ...files]) await trust(p, file);
}

/** A policy names its roots' files by path; a page is handed their bytes, by the name that the policy gives the section. */
export type RootFiles = Readonly<Record<string, Uint8Array>>;

async function takeRoots(p: Policy, sections: readonly Section[], files: RootFiles): Promise<void> {
  if ((sections[0]?.values.get("roots") ?? "amd") === "amd") p.roots = [...(await amdRoots())];
  for (const s of sections.filter((x) => x.kind === "root")) {
    const file = Object.hasOwn(files, s.name) ? files[s.name] : undefined;
    const ark = file === undefined ? null : await parseChainCert(derOf(file, new TextDecoder().decode(file)), "ARK");
    if (ark === null) throw new PolicyError(`the file of root ${s.name} was not given or is no ARK certificate`);
    if (p.roots.length === MAX.root) throw new PolicyError("there are too many roots");
    p.roots.push({ ark, ask: null, asvk: null });
  }
}

/** The policy of a text. Throws PolicyError with one sentence. */
export async function parsePolicy(policyText: string | Uint8Array = BUILTIN_POLICY, files: RootFiles = {}): Promise<Policy> {
  const bytes = typeof policyText === "string" ? utf8(policyText) : policyText;
  let sections: Section[];
  if (bytes.length > MAX.file) throw new PolicyError("the policy is too long");
  try {
    sections = parseConf(bytes, fieldsOf);
  } catch (e) {
    throw e instanceof ConfError ? new PolicyError(e.message) : e;
  }
  const p = topOf(sections[0] as Section, await sha256(bytes));
  takeSections(p, sections);
  await takeRoots(p, sections, files);
  /* A processor line that is taken needs a floor. */
  for (const [i, product] of PRODUCTS.entries())
    if (((p.products >> BigInt(i + 1)) & 1n) === 1n && !p.floors.some((f) => f.product === product))
      throw new PolicyError("a product has no TCB floor");
  return p;
}

export function takesProduct(p: Policy, product: Product): boolean {
  const i = PRODUCTS.indexOf(product);
  return i >= 0 && ((p.products >> BigInt(i + 1)) & 1n) === 1n;
}

/** The floor of this processor: its stepping's, else its product's. */
export function policyFloor(p: Policy, product: Product, r: Report): Floor | undefined {
  const exact = p.floors.find(
    (f) => f.stepping !== null && r.version >= 3 && f.stepping.join() === [r.family, r.model, r.stepping].join(),
  );
  return exact ?? p.floors.filter((f) => f.stepping === null && f.product === product).pop();
}

export async function sameSpki(a: ChainCert, b: ChainCert): Promise<boolean> {
  return equal(await spkiSha256(a), await spkiSha256(b));
}
