/** The publicly known weaknesses of SEV-SNP and what a report lets one say about each: data with dates, not a judgement (the
 * table of attestation/issues.c). AMD publishes no list of versions that are free of them all. */
import { GUEST, PLATFORM, type Product, type Report, AT, covers, field, parseTcb } from "./report.ts";

export const ISSUES_AS_OF = "2026-11-21";

export type IssueStatus = "fixed" | "exposed" | "unknown";
export interface Issue {
  name: string;
  ids: string;
  rules: readonly Rule[];
}
export interface Rule {
  /** needs: fixed when everything named is there. open: the report does not decide it. */
  answer: "not affected" | "needs" | "no fix" | "open";
  products: readonly Product[];
  /** this model and stepping only; nothing else matches before report version 3 */
  exact?: readonly [number, number];
  snp?: number;
  microcode?: number;
  firmware?: number;
  platform?: bigint;
  guestSet?: bigint;
  guestClear?: bigint;
  why: string;
}

const ALL: readonly Product[] = ["Milan", "Genoa", "Turin"];
const B1 = { products: ["Genoa"] as const, exact: [0x11, 0x01] as const };
const X = { products: ["Genoa"] as const, exact: [0x11, 0x02] as const };
const C1 = { products: ["Turin"] as const, exact: [0x02, 0x01] as const };
const NO_LEVEL: Rule = { answer: "open", products: ALL, why: "no level for this stepping is in this table" };
const NO_LEVELS: Rule = { answer: "open", products: ALL, why: "the bulletin's levels are not in this table" };
const aliasCheck = PLATFORM.aliasCheck;
const smtOff = { answer: "needs", guestClear: GUEST.smt } as const;

function open(why: string, products: readonly Product[] = ALL): Rule {
  return { answer: "open", products, why };
}

export const ISSUES: readonly Issue[] = [
  {
    name: "CacheWarp",
    ids: "CVE-2023-20592 AMD-SB-3005",
    rules: [
      { answer: "not affected", products: ["Genoa", "Turin"], why: "Milan and older only" },
      open("the microcode level that fixes Milan is not in this table", ["Milan"]),
    ],
  },
  {
    name: "SNP firmware bugs of 2023 and 2024",
    ids: "AMD-SB-3007 AMD-SB-3011",
    rules: [
      { answer: "needs", products: ["Genoa"], snp: 0x16, why: "snp SPL of a later fix (AMD-SB-3015)" },
      { answer: "needs", products: ["Milan"], snp: 0x17, why: "snp SPL of a later fix (AMD-SB-3015)" },
      open("no level for Turin is in this table", ["Turin"]),
    ],
  },
  {
    name: "Heckler, WeSee",
    ids: "CVE-2024-25742 CVE-2024-25743 CVE-2024-25744",
    rules: [open("fixed in the guest kernel: the measurement decides")],
  },
  {
    name: "BadRAM",
    ids: "CVE-2024-21944 AMD-SB-3015",
    rules: [
      { answer: "needs", products: ["Genoa"], snp: 0x16, platform: aliasCheck, why: "snp SPL 22 and the alias check complete" },
      { answer: "needs", products: ["Milan"], snp: 0x17, platform: aliasCheck, why: "snp SPL 23 and the alias check complete" },
      { answer: "needs", products: ["Turin"], platform: aliasCheck, why: "the alias check complete" },
    ],
  },
  {
    name: "EntrySign",
    ids: "CVE-2024-56161 AMD-SB-3019",
    rules: [
      { answer: "needs", ...B1, snp: 0x17, microcode: 0x54, firmware: 0x013728, why: "firmware 1.55.40, snp SPL 23, microcode SPL 84" },
      { answer: "needs", ...X, snp: 0x17, microcode: 0x4f, firmware: 0x013728, why: "firmware 1.55.40, snp SPL 23, microcode SPL 79" },
      NO_LEVEL,
    ],
  },
  { name: "IOMMU write after teardown", ids: "CVE-2023-20585 AMD-SB-3016", rules: [NO_LEVELS] },
  {
    name: "RMPocalypse",
    ids: "CVE-2025-0033 AMD-SB-3020",
    rules: [
      { answer: "needs", ...B1, snp: 0x1b, microcode: 0x56, why: "snp SPL 27, microcode SPL 86" },
      { answer: "needs", ...X, snp: 0x1b, microcode: 0x51, why: "snp SPL 27, microcode SPL 81" },
      { answer: "needs", ...C1, snp: 0x04, microcode: 0x50, why: "snp SPL 4, microcode SPL 80" },
      NO_LEVEL,
    ],
  },
  {
    name: "StackWarp",
    ids: "CVE-2025-29943 AMD-SB-3027",
    rules: [
      { ...smtOff, ...B1, microcode: 0x56, why: "microcode SPL 86 and SMT off" },
      { ...smtOff, ...X, microcode: 0x51, why: "microcode SPL 81 and SMT off" },
      { ...smtOff, ...C1, microcode: 0x51, why: "microcode SPL 81 and SMT off" },
      NO_LEVEL,
    ],
  },
  {
    name: "Heracles, CipherLeaks",
    ids: "AMD-SB-3021",
    rules: [
      {
        answer: "needs",
        products: ["Turin"],
        firmware: 0x013a00,
        platform: PLATFORM.ciphertextHiding,
        guestSet: GUEST.ciphertextHiding | GUEST.pageSwapDisabled,
        why: "firmware 1.58, ciphertext hiding, page swap disabled",
      },
      { answer: "no fix", products: ["Milan", "Genoa"], why: "this processor cannot hide ciphertext from the host" },
    ],
  },
  {
    name: "Fabricked",
    ids: "CVE-2025-54510 AMD-SB-3034",
    rules: [open("AMD withdrew the published fixed versions on 2026-09-24")],
  },
  {
    name: "BreakFAST, Staleus",
    ids: "CVE-2025-61971 CVE-2025-61972 CVE-2025-54509 AMD-SB-3030",
    rules: [NO_LEVELS],
  },
  {
    name: "MilanLaunchy, BadFuse: chip key extraction by software",
    ids: "arXiv 2605.12990",
    rules: [
      { answer: "not affected", products: ["Genoa", "Turin"], why: "Milan only" },
      { answer: "no fix", products: ["Milan"], why: "no firmware fixes it: evidence of a Milan proves nothing" },
    ],
  },
  {
    name: "OVMF cache eviction",
    ids: "CVE-2024-36331",
    rules: [open("fixed in the guest's firmware: the measurement decides")],
  },
  { name: "SEV-ES", ids: "CVE-2025-48514", rules: [NO_LEVELS] },
  {
    name: "RDSEED of Zen 5",
    ids: "AMD-SB-7055",
    rules: [
      { answer: "not affected", products: ["Milan", "Genoa"], why: "Zen 5 only" },
      open("the guest must not draw keys from RDSEED alone: the measurement decides", ["Turin"]),
    ],
  },
  {
    name: "BadAML",
    ids: "-",
    rules: [open("whether the guest runs ACPI code of the host: the measurement decides")],
  },
  {
    name: "PwrLeak",
    ids: "-",
    rules: [{ answer: "needs", products: ALL, guestSet: GUEST.raplDisabled, why: "guest policy RAPL_DIS" }],
  },
  {
    name: "SEV-Step, CounterSEVeillance, TsCupid",
    ids: "-",
    rules: [{ answer: "no fix", products: ALL, why: "the host sees steps and counters: residual, narrowed by SMT off" }],
  },
  {
    name: "TEE.fail, WireTap, Battering RAM, DDRop: memory-bus interposers",
    ids: "-",
    rules: [{ answer: "no fix", products: ALL, why: "physical access: not visible in a report, no firmware fixes it" }],
  },
  {
    name: "Relay of a handshake",
    ids: "CVE-2026-33697 GHSA-hjgc-jc5v-fw7h",
    rules: [open("not in a report: `tr-verify gateway` checks the connection's exporter")],
  },
];

function matches(rule: Rule, r: Report, product: Product): boolean {
  if (!rule.products.includes(product)) return false;
  return rule.exact === undefined || (r.version >= 3 && r.model === rule.exact[0] && r.stepping === rule.exact[1]);
}

function satisfied(rule: Rule, r: Report, product: Product): boolean {
  const { tcb } = parseTcb(product, field(r, AT.reportedTcb, 8));
  const least = { fmc: 0, bootloader: 0, tee: 0, snp: rule.snp ?? 0, microcode: rule.microcode ?? 0 };
  return (
    covers(tcb, least) &&
    r.firmwareCommitted >= (rule.firmware ?? 0) &&
    ((rule.platform ?? 0n) & ~r.platform) === 0n &&
    ((rule.guestSet ?? 0n) & ~r.policy) === 0n &&
    ((rule.guestClear ?? 0n) & r.policy) === 0n
  );
}

/** product: of the certificate; the report's reported TCB is what counts. */
export function judgeIssue(issue: Issue, r: Report, product: Product): { status: IssueStatus; why: string } {
  const rule = issue.rules.find((x) => matches(x, r, product));
  if (rule === undefined) return { status: "unknown", why: "nothing is known about this processor" };
  const status: Record<Rule["answer"], IssueStatus> = {
    "not affected": "fixed",
    "no fix": "exposed",
    needs: satisfied(rule, r, product) ? "fixed" : "exposed",
    open: "unknown",
  };
  return { status: status[rule.answer], why: rule.why };
}
