/** A report by itself, with its certificates, against a policy (`tr-verify report`). */
import { EMPTY, load32, toHex } from "./bytes.ts";
import { findTable } from "./cert_table.ts";
import { examinationCode, examine } from "./examine.ts";
import type { Expectations } from "./gateway.ts";
import { ISSUES, type IssueStatus, judgeIssue } from "./issues.ts";
import { parsePolicy, trustOnly } from "./policy.ts";
import { AT, type Product, chipIdOf, measurementOf } from "./report.ts";
import { timeText } from "./time.ts";
import { type Check, type Code, type Finding, type Verdict, checkOf, verdictOf } from "./verdict.ts";
import { derOf } from "./x509.ts";

export interface ReportFiles {
  report: Uint8Array;
  /** the extended report's table; a certificate that is given beside it counts in its place */
  table?: Uint8Array;
  vek?: Uint8Array;
  ask?: Uint8Array;
  crl?: Uint8Array;
  reportData?: Uint8Array;
}

export interface ReportVerdict {
  verdict: Verdict;
  code: Code;
  checks: Check[];
  simulated: boolean;
  at: string;
  product: Product;
  measurement: string;
  chipId: string;
  policy: { version: string; sha256: string };
  issues: { name: string; ids: string; status: IssueStatus; why: string }[];
}

const pem = (bytes: Uint8Array): Uint8Array => derOf(bytes, new TextDecoder().decode(bytes));

/** The certificates; null: the table is malformed. */
function certificatesOf(f: ReportFiles): { vek: Uint8Array; ask: Uint8Array; crl: Uint8Array; malformed: boolean } {
  const keyInfo = f.report.length > AT.keyInfo + 4 ? load32(f.report, AT.keyInfo) : 0;
  const table = f.table ?? EMPTY;
  const vek = f.vek ?? findTable(table, ((keyInfo >>> 2) & 7) === 1 ? "vlek" : "vcek");
  const ask = f.ask ?? findTable(table, "ask");
  const crl = f.crl ?? findTable(table, "crl");
  return {
    vek: pem(vek ?? EMPTY),
    ask: pem(ask ?? EMPTY),
    crl: crl ?? EMPTY,
    malformed: vek === null || ask === null || crl === null,
  };
}

export async function verifyReport(f: ReportFiles, e: Expectations = {}): Promise<ReportVerdict> {
  const policy = await parsePolicy(e.policy, e.rootFiles);
  if (e.roots !== undefined) await trustOnly(policy, e.roots);
  const nowS = e.at ?? Math.floor(Date.now() / 1000);
  const certs = certificatesOf(f);
  const x = await examine({ ...certs, report: f.report, reportData: f.reportData ?? null }, policy, nowS);
  const table: Finding = { code: "CERT_TABLE", outcome: "failed", detail: "no certificate table" };
  const code = certs.malformed ? "CERT_TABLE" : examinationCode(x); /* it comes before everything else */
  const r = x.report;
  return {
    verdict: verdictOf(code),
    code,
    checks: [...x.findings, ...(certs.malformed ? [table] : [])].map(checkOf),
    simulated: x.simulated,
    at: timeText(nowS),
    product: x.product,
    measurement: r === null ? "" : toHex(measurementOf(r)),
    chipId: r === null ? "" : toHex(chipIdOf(r)).slice(0, x.product === "Turin" ? 16 : 128),
    policy: { version: policy.version, sha256: toHex(policy.digest) },
    issues: r === null ? [] : ISSUES.map((i) => ({ name: i.name, ids: i.ids, ...judgeIssue(i, r, x.product) })),
  };
}
