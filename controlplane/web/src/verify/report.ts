/** The SNP attestation report: 1184 bytes as the firmware wrote them (AMD 56860), little-endian. */
import { allZero, load32, load64 } from "./bytes.ts";

export const REPORT_BYTES = 1184;
export const SIGNED_BYTES = 0x2a0;
const SCALAR_BYTES = 48;
const COMPONENT_BYTES = 72;

export const AT = {
  version: 0x000,
  guestSvn: 0x004,
  policy: 0x008,
  familyId: 0x010,
  imageId: 0x020,
  vmpl: 0x030,
  signatureAlgo: 0x034,
  currentTcb: 0x038,
  platformInfo: 0x040,
  keyInfo: 0x048,
  reserved04c: 0x04c,
  reportData: 0x050,
  measurement: 0x090,
  hostData: 0x0c0,
  idKeyDigest: 0x0e0,
  authorKeyDigest: 0x110,
  reportId: 0x140,
  reportIdMa: 0x160,
  reportedTcb: 0x180,
  cpuidFamily: 0x188,
  reserved18b: 0x18b,
  chipId: 0x1a0,
  committedTcb: 0x1e0,
  currentFirmware: 0x1e8,
  reserved1eb: 0x1eb,
  committedFirmware: 0x1ec,
  reserved1ef: 0x1ef,
  launchTcb: 0x1f0,
  launchMitigations: 0x1f8,
  currentMitigations: 0x200,
  reserved208: 0x208,
  r: 0x2a0,
  s: 0x2e8,
  reserved330: 0x330,
} as const;

export type Product = "unknown" | "Milan" | "Genoa" | "Turin";
export const PRODUCTS: readonly Product[] = ["Milan", "Genoa", "Turin"];

export const GUEST = {
  smt: 1n << 16n,
  mustBeOne: 1n << 17n,
  migrateMa: 1n << 18n,
  debug: 1n << 19n,
  singleSocket: 1n << 20n,
  cxl: 1n << 21n,
  aes256Xts: 1n << 22n,
  raplDisabled: 1n << 23n,
  ciphertextHiding: 1n << 24n,
  pageSwapDisabled: 1n << 25n,
} as const;
export const GUEST_KNOWN_BITS = 26n;
export const PLATFORM = {
  smt: 1n << 0n,
  tsme: 1n << 1n,
  ecc: 1n << 2n,
  raplDisabled: 1n << 3n,
  ciphertextHiding: 1n << 4n,
  aliasCheck: 1n << 5n,
} as const;
export const KEY_AUTHOR = 1;
export const KEY_MASK_CHIP = 2;

/** Security versions of the firmware parts; fmc exists on Turin only. */
export interface Tcb {
  fmc: number;
  bootloader: number;
  tee: number;
  snp: number;
  microcode: number;
}
export const TCB_PARTS = ["fmc", "bootloader", "tee", "snp", "microcode"] as const;

export interface Report {
  raw: Uint8Array;
  version: number;
  guestSvn: number;
  vmpl: number;
  signatureAlgo: number;
  keyInfo: number;
  policy: bigint;
  platform: bigint;
  /** major << 16 | minor << 8 | build */
  firmwareCurrent: number;
  firmwareCommitted: number;
  family: number;
  model: number;
  stepping: number;
  launchMitigations: bigint;
  currentMitigations: bigint;
}

export function field(r: Report, at: number, n: number): Uint8Array {
  return r.raw.subarray(at, at + n);
}

export const measurementOf = (r: Report): Uint8Array => field(r, AT.measurement, 48);
export const reportDataOf = (r: Report): Uint8Array => field(r, AT.reportData, 64);
export const chipIdOf = (r: Report): Uint8Array => field(r, AT.chipId, 64);

const LINES: readonly [number, number, number, Product][] = [
  [0x19, 0x00, 0x0f, "Milan"],
  [0x19, 0x10, 0x1f, "Genoa"],
  [0x19, 0xa0, 0xaf, "Genoa"], /* Bergamo and Siena are Genoa to the key service */
  [0x1a, 0x00, 0x11, "Turin"],
];

export function productOfCpuid(family: number, model: number): Product {
  return LINES.find(([f, from, to]) => f === family && model >= from && model <= to)?.[3] ?? "unknown";
}

type Layout = readonly (keyof Tcb | null)[];
const ZEN3: Layout = ["bootloader", "tee", null, null, null, null, "snp", "microcode"];
const ZEN5: Layout = ["fmc", "bootloader", "tee", "snp", null, null, null, "microcode"];

/** reserved: a byte that is reserved in this product's layout is set. */
export function parseTcb(product: Product, raw: Uint8Array): { tcb: Tcb; reserved: boolean } {
  const tcb: Tcb = { fmc: 0, bootloader: 0, tee: 0, snp: 0, microcode: 0 };
  let reserved = false;
  (product === "Turin" ? ZEN5 : ZEN3).forEach((part, i) => {
    if (part !== null) tcb[part] = raw[i] ?? 0;
    else if (raw[i] !== 0) reserved = true;
  });
  return { tcb, reserved };
}

/** Part by part, never as one number. */
export function covers(tcb: Tcb, floor: Tcb): boolean {
  return TCB_PARTS.every((part) => tcb[part] >= floor[part]);
}

export function sameTcb(a: Tcb, b: Tcb): boolean {
  return TCB_PARTS.every((part) => a[part] === b[part]);
}

function firmware(raw: Uint8Array, at: number): number {
  return ((raw[at + 2] ?? 0) << 16) | ((raw[at + 1] ?? 0) << 8) | (raw[at] ?? 0);
}

export function firmwareText(f: number): string {
  return `${f >> 16}.${(f >> 8) & 0xff}.${f & 0xff}`;
}

/** null unless it is exactly 1184 bytes: what the values must be is for the checks. */
export function parseReport(raw: Uint8Array): Report | null {
  if (raw.length !== REPORT_BYTES) return null;
  const version = load32(raw, AT.version);
  const cpuid = (i: number): number => (version >= 3 ? (raw[AT.cpuidFamily + i] ?? 0) : 0);
  const mitigations = (at: number): bigint => (version >= 5 ? load64(raw, at) : 0n);
  return {
    raw,
    version,
    guestSvn: load32(raw, AT.guestSvn),
    vmpl: load32(raw, AT.vmpl),
    signatureAlgo: load32(raw, AT.signatureAlgo),
    keyInfo: load32(raw, AT.keyInfo),
    policy: load64(raw, AT.policy),
    platform: load64(raw, AT.platformInfo),
    firmwareCurrent: firmware(raw, AT.currentFirmware),
    firmwareCommitted: firmware(raw, AT.committedFirmware),
    family: cpuid(0),
    model: cpuid(1),
    stepping: cpuid(2),
    launchMitigations: mitigations(AT.launchMitigations),
    currentMitigations: mitigations(AT.currentMitigations),
  };
}

/** R and S are at most a carry longer than 48 bytes, and nothing follows them. */
export function signatureShapeOk(r: Report): boolean {
  const component = (at: number): boolean =>
    (r.raw[at + SCALAR_BYTES] ?? 0) <= 1 &&
    allZero(field(r, at + SCALAR_BYTES + 1, COMPONENT_BYTES - SCALAR_BYTES - 1));
  return component(AT.r) && component(AT.s) && allZero(r.raw.subarray(AT.reserved330));
}

/** A number of the signature, big-endian; null: more than 384 bits, so out of range whatever it is. */
export function scalar(r: Report, at: number): Uint8Array | null {
  return allZero(field(r, at + SCALAR_BYTES, COMPONENT_BYTES - SCALAR_BYTES))
    ? field(r, at, SCALAR_BYTES).slice().reverse()
    : null;
}

/** from, to, and the versions in which the bytes are reserved. */
const RESERVED: readonly [number, number, number, number][] = [
  [AT.reserved04c, AT.reportData, 0, 0xff],
  [AT.cpuidFamily, AT.reserved18b, 0, 2],
  [AT.reserved18b, AT.chipId, 0, 0xff],
  [AT.reserved1eb, AT.committedFirmware, 0, 0xff],
  [AT.reserved1ef, AT.launchTcb, 0, 0xff],
  [AT.launchMitigations, AT.reserved208, 0, 4],
  [AT.reserved208, AT.r, 0, 0xff],
];

export function reservedZero(r: Report): boolean {
  return (
    r.keyInfo >>> 5 === 0 &&
    RESERVED.every(
      ([from, to, firstVersion, last]) =>
        r.version < firstVersion || r.version > last || allZero(r.raw.subarray(from, to)),
    )
  );
}
