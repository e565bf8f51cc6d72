/** What is said about evidence: one stable word per reason, those of `tr-verify` (attestation/verdict.h), in the order in
 * which they are checked. */

export type Verdict = "accept" | "reject" | "unsupported" | "malformed";

/** Every word that is not a plain reject. */
const CLASSES: Readonly<Record<string, Verdict>> = {
  ACCEPT: "accept",
  DOCUMENT: "malformed",
  CERT_TABLE: "malformed",
  LENGTH: "malformed",
  VERSION_UNKNOWN: "unsupported",
  IDENTITY: "malformed",
};

export const CODES = [
  "ACCEPT", "DOCUMENT", "CERT_TABLE", "LENGTH", "VERSION", "VERSION_UNKNOWN", "SIG_ALGO", "SIG_FORMAT", "KEY_KIND",
  "PRODUCT", "CERT", "CERT_EXPIRED", "CERT_ROOT", "CERT_CHAIN", "CRL", "TCB_CERT", "HWID", "CSP_ID", "CHIP", "SIG",
  "MBZ", "VMPL", "POLICY_RSVD", "POLICY_DEBUG", "POLICY_MIGRATE", "POLICY_CXL", "POLICY_SMT", "POLICY_REQUIRED",
  "POLICY_ABI", "PLATFORM", "TCB_ORDER", "TCB_PROVISIONAL", "FW_ORDER", "POLICY_EXPIRED", "TCB_MIN", "FW_MIN",
  "MITIGATIONS", "AUTHOR", "ID_KEY", "MEASUREMENT", "GUEST_SVN", "FAMILY_ID", "IMAGE_ID", "HOST_DATA", "REPORT_DATA",
  "NONCE", "BINDING", "IDENTITY", "SIMULATED", "TLS_KEY", "AUDIENCE", "IDENTITY_EXPIRED", "MEMORY", "RELEASE_SIG",
  "RELEASE", "RELEASE_SVN", "PROVIDERS", "IMAGE", "LOG_PROOF", "RELEASE_LEAF", "LOG", "PROGRAM",
] as const;
export type Code = (typeof CODES)[number];

export function verdictOf(code: Code): Verdict {
  return CLASSES[code] ?? "reject";
}

/** What a check came to. `unasked`: the policy or the caller asks nothing here. `unreached`: what it needs failed above.
 * `unseen`: a page in a browser cannot see what it is about. */
export type Outcome = "ok" | "failed" | "unasked" | "unreached" | "unseen";

export interface Finding {
  code: Code;
  outcome: Outcome;
  detail: string;
}

/** One check as `tr-verify --json` prints it: ok null is "nothing was said". */
export interface Check {
  code: string;
  ok: boolean | null;
  detail: string;
}

const WORDS: Readonly<Record<Outcome, string>> = {
  ok: "ok",
  failed: "FAILED",
  unasked: "not asked",
  unreached: "not reached",
  unseen: "not visible to a page in a browser",
};

export function checkOf(f: Finding): Check {
  const ok = f.outcome === "ok" ? true : f.outcome === "failed" ? false : null;
  return { code: f.code, ok, detail: f.detail === "" ? WORDS[f.outcome] : f.detail };
}

export function okIf(ok: boolean): Outcome {
  return ok ? "ok" : "failed";
}

/** The verdict is that of the first finding that failed. */
export function codeOf(findings: readonly Finding[]): Code {
  return findings.find((f) => f.outcome === "failed")?.code ?? "ACCEPT";
}
