/** The checks of a report in their order, one row each (attestation/examine.c and examine_certs.c). Every check that has what
 * it needs is made, whatever failed before it; the verdict is the first failure's. */
import { allZero, equal } from "./bytes.ts";
import { type ChainCert, type Vek, issued, parseChainCert, parseVek } from "./chain.ts";
import { CERTIFICATE_CHECKS } from "./examine_certs.ts";
import { type Policy, type PolicyRoot, policyFloor } from "./policy.ts";
import {
  AT,
  GUEST,
  GUEST_KNOWN_BITS,
  KEY_AUTHOR,
  KEY_MASK_CHIP,
  type Product,
  type Report,
  TCB_PARTS,
  type Tcb,
  covers,
  field,
  firmwareText,
  measurementOf,
  parseReport,
  parseTcb,
  productOfCpuid,
  reportDataOf,
  sameTcb,
  signatureShapeOk,
} from "./report.ts";
import { type Code, type Finding, type Outcome, codeOf, okIf } from "./verdict.ts";

export interface Subject {
  report: Uint8Array;
  /** a VCEK or a VLEK, DER; empty: none was given */
  vek: Uint8Array;
  ask: Uint8Array;
  crl: Uint8Array;
  /** the 64 bytes that must be in it; null: not asked */
  reportData: Uint8Array | null;
}

export interface Tcbs {
  current: Tcb;
  reported: Tcb;
  committed: Tcb;
  launch: Tcb;
  /** a reserved byte of one of them is set */
  reserved: boolean;
}

/** One report under examination. */
export interface Examiner {
  s: Subject;
  p: Policy;
  nowS: number;
  r: Report | null;
  vek: Vek | null;
  /** the evidence's own intermediate, when it parses */
  ownAsk: ChainCert | null;
  /** that vouches for ask, or null */
  root: PolicyRoot | null;
  /** the evidence's, else the root's own */
  ask: ChainCert | null;
  tcbs: Tcbs | null;
}
/** With what a row asks for at hand. */
export interface Ready extends Examiner {
  r: Report;
  vek: Vek;
  root: PolicyRoot;
  tcbs: Tcbs;
}

export type Answer = Outcome | [Outcome, string];
export type Need = "report" | "vek" | "chain";
export interface Row {
  code: Code;
  needs: readonly Need[];
  check: (v: Ready) => Answer | Promise<Answer>;
}

export interface Examination {
  findings: Finding[];
  report: Report | null;
  haveVek: boolean;
  /** the root that vouches is a simulator's */
  simulated: boolean;
  product: Product;
  vlek: boolean;
}

/* --- the report by itself */

const SIGNERS: Readonly<Record<number, string>> = { 0: "VCEK", 1: "VLEK", 7: "none" };

/** Signed by the chip's own key (0) or, where the policy takes one, by a cloud's (1). */
function keyKind(v: Ready): Answer {
  const signing = (v.r.keyInfo >>> 2) & 7;
  const masked = (v.r.keyInfo & KEY_MASK_CHIP) !== 0;
  const ok =
    (signing === 0 || (signing === 1 && v.p.allowVlek)) &&
    !masked &&
    ((v as Examiner).vek === null || v.vek.cert.role === (signing === 1 ? "VLEK" : "VCEK"));
  return [okIf(ok), `signing key ${signing} (${SIGNERS[signing] ?? "reserved"})${masked ? ", chip key masked" : ""}`];
}

const version = (ok: (v: number) => boolean) => (v: Ready): Answer => [okIf(ok(v.r.version)), `version ${v.r.version}`];

const ALONE: readonly Row[] = [
  { code: "LENGTH", needs: [], check: (v) => [okIf((v as Examiner).r !== null), `${v.s.report.length} bytes`] },
  { code: "VERSION", needs: ["report"], check: version((n) => n >= 2) },
  { code: "VERSION_UNKNOWN", needs: ["report"], check: version((n) => n <= 5) },
  {
    code: "SIG_ALGO",
    needs: ["report"],
    check: (v) => [okIf(v.r.signatureAlgo === 1), `algorithm ${v.r.signatureAlgo}`],
  },
  { code: "SIG_FORMAT", needs: ["report"], check: (v) => okIf(signatureShapeOk(v.r)) },
  { code: "KEY_KIND", needs: ["report"], check: keyKind },
];

/* --- what the signed report says */

const hex = (n: bigint): string => `0x${n.toString(16)}`;

/** A permission the guest was launched with must be among those allowed. */
const permission = (bit: bigint) => (v: Ready): Answer => okIf((v.r.policy & bit & ~v.p.guestAllow) === 0n);

function versionTaken(v: Ready): Answer {
  const taken = v.r.version < 32 && ((v.p.versions >> BigInt(v.r.version)) & 1n) === 1n;
  return [okIf(taken), `version ${v.r.version}`];
}

function policyRequired(v: Ready): Answer {
  const missing = v.p.guestRequire & ~v.r.policy;
  return missing === 0n ? "ok" : ["failed", `guest policy lacks ${hex(missing)}`];
}

function policyAbi(v: Ready): Answer {
  const abi = Number(v.r.policy & 0xffffn);
  if (v.p.minGuestAbi === 0) return "unasked";
  return [okIf(abi >= v.p.minGuestAbi), `the guest asked for firmware ABI ${abi >> 8}.${abi & 0xff} or later`];
}

/** Bits nobody has documented yet are set on real processors and are let be. */
function platform(v: Ready): Answer {
  const lacks = v.p.platformRequire & ~v.r.platform;
  const forbidden = v.p.platformForbid & v.r.platform;
  const unknown = (v.r.platform & ~0xffn) !== 0n ? "; warning: bits that nobody has documented" : "";
  return [
    okIf(lacks === 0n && forbidden === 0n),
    `platform ${hex(v.r.platform)}, lacks ${hex(lacks)}, has forbidden ${hex(forbidden)}${unknown}`,
  ];
}

function tcbOrder(v: Ready): Answer {
  const { current, reported, committed, launch } = v.tcbs;
  return okIf([reported, committed, launch].every((t) => covers(current, t)));
}

/** committed below current is firmware the host can still roll back. */
function tcbProvisional(v: Ready): Answer {
  const provisional = !sameTcb(v.tcbs.committed, v.tcbs.current) || v.r.firmwareCommitted < v.r.firmwareCurrent;
  if (v.p.provisionalFirmware) return "unasked";
  return provisional ? ["failed", "the running firmware is not committed"] : "ok";
}

function policyExpired(v: Ready): Answer {
  if (v.p.expiresS === 0) return "unasked";
  return v.nowS < v.p.expiresS ? "ok" : ["failed", "the policy's floors are out of date: get a newer policy"];
}

const parts = (t: Tcb): string => TCB_PARTS.map((part) => t[part]).join(".");

function tcbMin(v: Ready): Answer {
  const floor = policyFloor(v.p, v.vek.cert.product, v.r);
  const two = (n: number): string => n.toString(16).padStart(2, "0");
  if (floor === undefined)
    return ["failed", `the policy has no floor for stepping ${two(v.r.family)}-${two(v.r.model)}-${two(v.r.stepping)}`];
  for (const which of ["reported", "committed", "launch"] as const)
    if (!covers(v.tcbs[which], floor.tcb))
      return [
        "failed",
        `${which} TCB ${parts(v.tcbs[which])} is below the floor ${parts(floor.tcb)} (fmc.bl.tee.snp.ucode) ${floor.bulletin}`,
      ];
  return "ok";
}

function firmwareMin(v: Ready): Answer {
  const floor = policyFloor(v.p, v.vek.cert.product, v.r)?.firmware ?? 0;
  const want = Math.max(floor, v.p.minFirmware);
  if (want === 0) return "unasked";
  const detail = `committed firmware ${firmwareText(v.r.firmwareCommitted)}, floor ${firmwareText(want)}`;
  return [okIf(v.r.firmwareCommitted >= want), detail];
}

function mitigations(v: Ready): Answer {
  const both = v.r.launchMitigations & v.r.currentMitigations;
  if (v.p.mitigationsRequire === 0n) return "unasked";
  return [okIf((v.p.mitigationsRequire & ~both) === 0n), `mitigations ${hex(both)}`];
}

/** The author's key vouches for the ID key, so there is none without the other. */
function author(v: Ready): Answer {
  const marked = (v.r.keyInfo & KEY_AUTHOR) !== 0;
  const digest = field(v.r, AT.authorKeyDigest, 48);
  if (marked === allZero(digest) || (marked && allZero(field(v.r, AT.idKeyDigest, 48)))) return "failed";
  return okIf(v.p.authorKey === undefined || equal(digest, v.p.authorKey));
}

function measurement(v: Ready): Answer {
  if (v.p.measurements.some((m) => equal(m, measurementOf(v.r)))) return "ok";
  return v.p.measurements.length === 0
    ? ["unasked", "the policy names no measurement"]
    : ["failed", "not a measurement of the policy"];
}

function pinned(want: Uint8Array | undefined, got: Uint8Array): Answer {
  return want === undefined ? "unasked" : okIf(equal(want, got));
}

const STATED: readonly Row[] = [
  { code: "VERSION", needs: ["report"], check: versionTaken },
  {
    code: "VMPL",
    needs: ["report"],
    check: (v) => [okIf(v.r.vmpl === 0), v.r.vmpl === 0xffffffff ? "asked for by the host" : `VMPL ${v.r.vmpl}`],
  },
  {
    code: "POLICY_RSVD",
    needs: ["report"],
    check: (v) => [
      okIf((v.r.policy & GUEST.mustBeOne) !== 0n && v.r.policy >> GUEST_KNOWN_BITS === 0n),
      `guest policy ${hex(v.r.policy)}`,
    ],
  },
  { code: "POLICY_DEBUG", needs: ["report"], check: permission(GUEST.debug) },
  { code: "POLICY_MIGRATE", needs: ["report"], check: permission(GUEST.migrateMa) },
  { code: "POLICY_CXL", needs: ["report"], check: permission(GUEST.cxl) },
  { code: "POLICY_SMT", needs: ["report"], check: permission(GUEST.smt) },
  { code: "POLICY_REQUIRED", needs: ["report"], check: policyRequired },
  { code: "POLICY_ABI", needs: ["report"], check: policyAbi },
  { code: "PLATFORM", needs: ["report"], check: platform },
  { code: "TCB_ORDER", needs: ["report", "vek"], check: tcbOrder },
  { code: "TCB_PROVISIONAL", needs: ["report", "vek"], check: tcbProvisional },
  { code: "FW_ORDER", needs: ["report"], check: (v) => okIf(v.r.firmwareCommitted <= v.r.firmwareCurrent) },
  { code: "POLICY_EXPIRED", needs: [], check: policyExpired },
  { code: "TCB_MIN", needs: ["report", "vek"], check: tcbMin },
  { code: "FW_MIN", needs: ["report", "vek"], check: firmwareMin },
  { code: "MITIGATIONS", needs: ["report"], check: mitigations },
  { code: "AUTHOR", needs: ["report"], check: author },
  { code: "ID_KEY", needs: ["report"], check: (v) => okIf(equal(field(v.r, AT.idKeyDigest, 48), v.p.idKeySha384)) },
  { code: "MEASUREMENT", needs: ["report"], check: measurement },
  {
    code: "GUEST_SVN",
    needs: ["report"],
    check: (v) => [okIf(v.r.guestSvn >= v.p.minGuestSvn), `guest SVN ${v.r.guestSvn}, floor ${v.p.minGuestSvn}`],
  },
  { code: "FAMILY_ID", needs: ["report"], check: (v) => pinned(v.p.familyId, field(v.r, AT.familyId, 16)) },
  { code: "IMAGE_ID", needs: ["report"], check: (v) => pinned(v.p.imageId, field(v.r, AT.imageId, 16)) },
  { code: "HOST_DATA", needs: ["report"], check: (v) => okIf(equal(field(v.r, AT.hostData, 32), v.p.hostData)) },
  {
    code: "REPORT_DATA",
    needs: ["report"],
    check: (v) => (v.s.reportData === null ? "unasked" : okIf(equal(v.s.reportData, reportDataOf(v.r)))),
  },
];

/* --- from bytes to findings */

/** The root of this product that issued the evidence's intermediate, or that brings its own. A chain of a simulator needs a
 * simulator's root. */
async function findRoot(v: Examiner, vek: Vek): Promise<void> {
  v.ask = v.ownAsk;
  for (const root of v.p.roots) {
    const known = vek.cert.role === "VLEK" ? root.asvk : root.ask;
    if (root.ark.product !== vek.cert.product || root.ark.simulated !== vek.cert.simulated) continue;
    if (root.ark.simulated && !v.p.allowSimulated) continue;
    if (v.ownAsk !== null ? await issued(root.ark, v.ownAsk) : v.s.ask.length === 0 && known !== null) {
      v.root = root;
      v.ask ??= known;
      return;
    }
  }
}

/** Where the parts of a TCB lie is the certificate's word; that the report means the same product is a check of its own. */
function tcbsOf(r: Report, product: Product): Tcbs {
  const at = (offset: number): { tcb: Tcb; reserved: boolean } => parseTcb(product, field(r, offset, 8));
  const four = [AT.currentTcb, AT.reportedTcb, AT.committedTcb, AT.launchTcb].map(at);
  const [current, reported, committed, launch] = four.map((x) => x.tcb) as [Tcb, Tcb, Tcb, Tcb];
  return { current, reported, committed, launch, reserved: four.some((x) => x.reserved) };
}

async function prepare(s: Subject, p: Policy, nowS: number): Promise<Examiner> {
  const v: Examiner = { s, p, nowS, r: parseReport(s.report), vek: null, ownAsk: null, root: null, ask: null, tcbs: null };
  v.vek = await parseVek(s.vek);
  if (s.ask.length !== 0) v.ownAsk = await parseChainCert(s.ask, v.vek?.cert.role === "VLEK" ? "ASVK" : "ASK");
  if (v.vek !== null) await findRoot(v, v.vek);
  if (v.r !== null) v.tcbs = tcbsOf(v.r, v.vek?.cert.product ?? productOfCpuid(v.r.family, v.r.model));
  return v;
}

function lacks(v: Examiner, need: Need): boolean {
  return need === "report" ? v.r === null : need === "vek" ? v.vek === null : v.root === null;
}

async function answerOf(v: Examiner, row: Row): Promise<Answer> {
  return row.needs.some((need) => lacks(v, need)) ? "unreached" : row.check(v as Ready);
}

/** Every check of the report and its certificates against the policy. */
export async function examine(s: Subject, p: Policy, nowS: number): Promise<Examination> {
  const v = await prepare(s, p, nowS);
  const findings: Finding[] = [];
  for (const row of [...ALONE, ...CERTIFICATE_CHECKS, ...STATED]) {
    const answer = await answerOf(v, row);
    const [outcome, detail] = typeof answer === "string" ? [answer, ""] : answer;
    findings.push({ code: row.code, outcome, detail });
  }
  return {
    findings,
    report: v.r,
    haveVek: v.vek !== null,
    simulated: v.root?.ark.simulated ?? false,
    product: v.vek?.cert.product ?? (v.r === null ? "unknown" : productOfCpuid(v.r.family, v.r.model)),
    vlek: v.vek?.cert.role === "VLEK",
  };
}

/** The word of an examination. An accepted one with something not reached would be a fault of this program. */
export function examinationCode(x: Examination): Code {
  const code = codeOf(x.findings);
  if (code === "ACCEPT" && x.findings.some((f) => f.outcome === "unreached"))
    throw new Error("a check was not reached although nothing failed");
  return code;
}
