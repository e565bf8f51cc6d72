/** The checks that a certificate has a part in: which processor, whose key, and that it signed. */
import { allZero, equal } from "./bytes.ts";
import { issued, vekSigned } from "./chain.ts";
import { CRL_TEXT, askCrl } from "./crl.ts";
import type { Answer, Examiner, Ready, Row } from "./examine.ts";
import { sameSpki, takesProduct } from "./policy.ts";
import { chipIdOf, productOfCpuid, reservedZero, sameTcb } from "./report.ts";
import { okIf } from "./verdict.ts";
import { validAt } from "./x509.ts";

const hex2 = (n: number): string => n.toString(16).padStart(2, "0");

function product(v: Ready): Answer {
  const vek = (v as Examiner).vek;
  if (v.r.version < 3) {
    if (vek === null) return "unreached"; /* a version 2 report does not say */
    return [okIf(takesProduct(v.p, vek.cert.product)), `${vek.cert.product}, as the certificate says`];
  }
  const line = productOfCpuid(v.r.family, v.r.model);
  const detail = `family ${hex2(v.r.family)} model ${hex2(v.r.model)} stepping ${hex2(v.r.stepping)}: ${line}`;
  return [okIf((vek === null || vek.cert.product === line) && takesProduct(v.p, line)), detail];
}

function cert(v: Ready): Answer {
  if (v.s.vek.length === 0) return ["failed", "no VCEK or VLEK certificate was given"];
  if ((v as Examiner).vek === null) return ["failed", "the signing key's certificate is not of AMD's shape"];
  if (v.s.ask.length !== 0 && v.ownAsk === null)
    return ["failed", "the intermediate certificate is not of AMD's shape"];
  return "ok";
}

function certExpired(v: Ready): Answer {
  const root = (v as Examiner).root;
  return okIf(
    validAt(v.vek.cert.x509, v.nowS) &&
      (v.ask === null || validAt(v.ask.x509, v.nowS)) &&
      (root === null || validAt(root.ark.x509, v.nowS)),
  );
}

function certRoot(v: Ready): Answer {
  const name = `${v.vek.cert.simulated ? "SIMULATED " : ""}${v.vek.cert.product}`;
  return (v as Examiner).root !== null ? ["ok", name] : ["failed", `${name}: no trusted root`];
}

/** A root's intermediate that is known beforehand has one key. Belt and braces: the ARK's signature says the same. */
async function certChain(v: Ready): Promise<Answer> {
  const known = v.vek.cert.role === "VLEK" ? v.root.asvk : v.root.ask;
  if (v.ask === null || (known !== null && !(await sameSpki(known, v.ask)))) return "failed";
  return okIf((await issued(v.root.ark, v.ask)) && (await issued(v.ask, v.vek.cert)));
}

async function crl(v: Ready): Promise<Answer> {
  if (v.s.crl.length === 0) return [v.p.requireCrl ? "failed" : "unasked", "no revocation list was given"];
  if (v.ask === null) return "failed";
  const answer = await askCrl(v.s.crl, v.root.ark, v.ask, v.nowS);
  return [okIf(answer === "good"), CRL_TEXT[answer]];
}

/** A cloud's key names no chip, and its reports must not either. */
function hwid(v: Ready): Answer {
  const chip = chipIdOf(v.r);
  return okIf(v.vek.cert.role === "VLEK" ? allZero(chip) : !allZero(chip) && equal(chip, v.vek.hwid));
}

function cspId(v: Ready): Answer {
  return v.vek.cert.role !== "VLEK" ? "unasked" : okIf(v.p.allowVlek && v.vek.cspId === v.p.cspId);
}

function chip(v: Ready): Answer {
  if (v.p.chips.some((c) => equal(c, chipIdOf(v.r)))) return "ok";
  return v.p.chips.length === 0 ? ["unasked", "the policy lists no chips"] : ["failed", "not a chip of the policy"];
}

/** After the signature: reserved bytes say something about a processor only when it signed them. */
function mbz(v: Ready): Answer {
  if (!reservedZero(v.r)) return "failed";
  return v.tcbs.reserved ? ["failed", "reserved byte in a TCB"] : "ok";
}

export const CERTIFICATE_CHECKS: readonly Row[] = [
  { code: "PRODUCT", needs: ["report"], check: product },
  { code: "CERT", needs: [], check: cert },
  { code: "CERT_EXPIRED", needs: ["vek"], check: certExpired },
  { code: "CERT_ROOT", needs: ["vek"], check: certRoot },
  { code: "CERT_CHAIN", needs: ["vek", "chain"], check: certChain },
  { code: "CRL", needs: ["vek", "chain"], check: crl },
  { code: "TCB_CERT", needs: ["report", "vek"], check: (v) => okIf(sameTcb(v.tcbs.reported, v.vek.tcb)) },
  { code: "HWID", needs: ["report", "vek"], check: hwid },
  { code: "CSP_ID", needs: ["vek"], check: cspId },
  { code: "CHIP", needs: ["report"], check: chip },
  { code: "SIG", needs: ["report", "vek"], check: async (v) => okIf(await vekSigned(v.vek, v.r)) },
  { code: "MBZ", needs: ["report", "vek"], check: mbz },
];
