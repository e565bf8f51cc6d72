/** Is the program that answers at an address the one that was measured, released and logged? And the same question about a
 * recorded answer. Nothing here needs a page: fetch is handed in. */
import { ask, type FetchFn } from "./ask.ts";
import { type Bytes, EMPTY, toHex, utf8 } from "./bytes.ts";
import { parseBundle } from "./bundle.ts";
import { haveEd25519, random } from "./crypto.ts";
import { type AttestationDocument, DOCUMENT_MAX, parseDocument } from "./document.ts";
import { examinationCode } from "./examine.ts";
import type { Identity } from "./identity.ts";
import { ISSUES, type IssueStatus, judgeIssue } from "./issues.ts";
import { type LogReport, readLog } from "./log.ts";
import type { Manifest } from "./manifest.ts";
import { type MinisignKey, parseMinisignKey } from "./minisign.ts";
import { type NoteKey, parseNoteKey } from "./note.ts";
import { type Policy, type RootFiles, parsePolicy, trustOnly } from "./policy.ts";
import { type Expect, type Presented, type Release, judgePresented } from "./presented.ts";
import { type Product, chipIdOf, measurementOf } from "./report.ts";
import { type Summary, summarize } from "./summary.ts";
import { timeText } from "./time.ts";
import { type Check, type Code, type Finding, type Verdict, checkOf, verdictOf } from "./verdict.ts";

export type { Check } from "./verdict.ts";
export type { Identity } from "./identity.ts";
export type { Summary } from "./summary.ts";

export type { FetchFn } from "./ask.ts";
export interface ReleaseExpectation {
  /** the bytes of release.json and release.json.minisig */
  manifest: Uint8Array;
  signature: Uint8Array;
  /** minisign's public key: the base64 line, or the file */
  key: string;
  minSvn?: bigint;
}

/** What the reader asks for. Without anything the built-in policy counts, under AMD's roots. */
export interface Expectations {
  /** the text of attestation.conf or tcb-policy.conf */
  policy?: string | Uint8Array;
  /** the files that the policy's [root NAME] sections name, by NAME; DER or PEM */
  rootFiles?: RootFiles;
  /** roots in place of the policy's: ARK, ASK, ASVK, DER or PEM */
  roots?: readonly Uint8Array[];
  release?: ReleaseExpectation;
  /** the log's verifier key, NAME+HASH+KEY */
  logKey?: string;
  /** where the public log is read: an origin. Needs logKey. */
  log?: string;
  audience?: string;
  crl?: Uint8Array;
  /** unix seconds; the present, or when the answer was recorded */
  at?: number;
}

export interface GatewayVerdict {
  verdict: Verdict | "unreachable";
  /** the code of the first check that failed, else ACCEPT */
  code: Code | "GATEWAY" | "ED25519";
  checks: Check[];
  /** of the document, when it reads as one; the program's word only when the verdict is accept */
  identity: Identity | null;
  simulated: boolean;
  at: string;
  product: Product;
  measurement: string;
  chipId: string;
  policy: { version: string; sha256: string } | null;
  manifest: Manifest | null;
  checkpoint: { origin: string; size: bigint; root: string; index: bigint } | null;
  issues: { name: string; ids: string; status: IssueStatus; why: string }[];
  summary: Summary | null;
  /** the document itself, for whoever wants to keep it */
  document: AttestationDocument | null;
}

/** What the reader asked for cannot be used: a key that is none, half of a pair. One sentence. */
export class ExpectationError extends Error {}

/* --- what is expected */

interface Prepared {
  policy: Policy;
  release: Release | null;
  logKey: NoteKey | null;
}

function minisignKey(text: string): MinisignKey {
  const key = parseMinisignKey(text);
  if (key === null) throw new ExpectationError("the release key is no minisign public key");
  return key;
}

async function prepare(e: Expectations): Promise<Prepared> {
  const policy = await parsePolicy(e.policy, e.rootFiles);
  const logKey = e.logKey === undefined ? null : await parseNoteKey(e.logKey);
  if (e.roots !== undefined) await trustOnly(policy, e.roots);
  if (e.logKey !== undefined && logKey === null)
    throw new ExpectationError("the log key is no verifier key (name+hash+key)");
  if (e.log !== undefined && logKey === null) throw new ExpectationError("reading the log needs the log key");
  const release =
    e.release === undefined
      ? null
      : {
          manifest: e.release.manifest,
          signature: e.release.signature,
          key: minisignKey(e.release.key),
          minSvn: e.release.minSvn ?? 0n,
        };
  return { policy, release, logKey };
}

/* --- the verdict */

interface Connection {
  nonce: Uint8Array | null;
  exporter: Uint8Array | null;
  tlsSpki: Uint8Array | null;
  host: string;
  recorded: boolean;
}

function empty(verdict: GatewayVerdict["verdict"], code: GatewayVerdict["code"], detail: string, nowS: number): GatewayVerdict {
  return {
    verdict,
    code,
    checks: [{ code, ok: false, detail }],
    identity: null,
    simulated: false,
    at: timeText(nowS),
    product: "unknown",
    measurement: "",
    chipId: "",
    policy: null,
    manifest: null,
    checkpoint: null,
    issues: [],
    summary: null,
    document: null,
  };
}

const ED25519_MISSING =
  "this browser's WebCrypto has no Ed25519, so signatures of the release and of the log cannot be checked: use a newer browser, or tr-verify";

function verdictFrom(x: Presented, d: AttestationDocument, p: Prepared, nowS: number, at: Connection): GatewayVerdict {
  const code = examinationCode(x);
  const r = x.report;
  const c = x.checkpoint;
  return {
    verdict: verdictOf(code),
    code,
    checks: x.findings.map(checkOf),
    identity: x.identity,
    simulated: x.simulated,
    at: timeText(nowS),
    product: x.product,
    measurement: r === null ? "" : toHex(measurementOf(r)),
    chipId: r === null ? "" : toHex(chipIdOf(r)).slice(0, x.product === "Turin" ? 16 : 128),
    policy: { version: p.policy.version, sha256: toHex(p.policy.digest) },
    manifest: x.manifest,
    checkpoint: c === null ? null : { origin: c.origin, size: c.size, root: toHex(c.root), index: c.index },
    issues: r === null ? [] : ISSUES.map((i) => ({ name: i.name, ids: i.ids, ...judgeIssue(i, r, x.product) })),
    summary: summarize({ x, policy: p.policy, recorded: at.recorded, browser: at.exporter === null }),
    document: d,
  };
}

/** The log that everybody reads must continue the checkpoint that this client was shown, and have the manifest. */
function logFinding(report: LogReport, release: Release | null): Finding {
  if (report.fault !== null) return { code: "LOG", outcome: "failed", detail: report.fault };
  if (release !== null && !report.manifestFound)
    return { code: "LOG", outcome: "failed", detail: "the release manifest is no entry of the public log" };
  return { code: "LOG", outcome: "ok", detail: "the public log continues the stapled checkpoint" };
}

async function judge(
  bytes: Uint8Array,
  at: Connection,
  e: Expectations,
  nowS: number,
  fetchFn: FetchFn | null,
): Promise<GatewayVerdict> {
  const p = await prepare(e);
  const d = parseDocument(bytes);
  if ((p.release !== null || p.logKey !== null) && !(await haveEd25519()))
    return empty("unsupported", "ED25519", ED25519_MISSING, nowS);
  if (d === null) return empty("malformed", "DOCUMENT", "no tr-attestation/v1 document", nowS);
  const expect: Expect = {
    nonce: at.nonce ?? d.nonce, /* offline the nonce is the document's: that it was fresh then is the recorder's word */
    exporter: at.exporter,
    tlsSpki: at.tlsSpki,
    release: p.release,
    logKey: p.logKey,
    audience: e.audience ?? at.host,
    crl: e.crl ?? EMPTY,
    nowS,
  };
  const x = await judgePresented(d, expect, p.policy);
  x.findings.push({ code: "IMAGE", outcome: "unasked", detail: "no image was given" });
  if (e.log === undefined || fetchFn === null || p.logKey === null) {
    x.findings.push({ code: "LOG", outcome: "unasked", detail: "the public log was not read" });
  } else if (x.checkpoint === null || examinationCode(x) !== "ACCEPT") {
    x.findings.push({ code: "LOG", outcome: "unreached", detail: "" });
  } else {
    const report = await readLog(e.log, fetchFn, p.logKey, x.checkpoint, p.release?.manifest ?? null);
    x.findings.push(logFinding(report, p.release));
    if (report.unreachable) return { ...verdictFrom(x, d, p, nowS, at), verdict: "unreachable" };
  }
  return verdictFrom(x, d, p, nowS, at);
}

/** A recorded answer, offline, as of the time it was recorded (or expectations.at). */
export async function verifyBundle(bundle: string | Uint8Array, e: Expectations = {}, fetchFn: FetchFn | null = null): Promise<GatewayVerdict> {
  const b = parseBundle(typeof bundle === "string" ? utf8(bundle) : bundle);
  if (b === null) return empty("malformed", "DOCUMENT", "no tr-bundle/v1", e.at ?? now());
  const at = { nonce: null, exporter: b.exporter, tlsSpki: b.tlsSpki, host: b.host, recorded: true };
  return judge(b.document, at, e, e.at ?? b.atS, fetchFn);
}

/** A document as it came, with the nonce that was asked for; the connection is not seen. */
export function verifyDocument(bytes: Uint8Array, nonce: Bytes, host: string, e: Expectations = {}, fetchFn: FetchFn | null = null): Promise<GatewayVerdict> {
  return judge(bytes, { nonce, exporter: null, tlsSpki: null, host, recorded: false }, e, e.at ?? now(), fetchFn);
}

function now(): number {
  return Math.floor(Date.now() / 1000);
}

/** fetch() fails with a TypeError for all of them alike. */
const UNTOLD =
  "a browser does not say why; nobody listens there, the connection broke, its certificate is not trusted here, it redirects, or it lets no page of another origin read its answer";

async function evidence(origin: string, nonce: Bytes, fetchFn: FetchFn): Promise<Uint8Array | string> {
  try {
    const { status, body } = await ask(fetchFn, `${origin}/attestation?nonce=${toHex(nonce)}&binding=none`, DOCUMENT_MAX, { cache: "no-store" });
    if (status !== 200) return `the gateway answered ${status} to GET /attestation`;
    return body === "too long" ? "the answer is too long" : body;
  } catch (e) {
    return `no answer came: ${e instanceof Error && !(e instanceof TypeError) ? e.message : UNTOLD}`;
  }
}

/** Ask the gateway at `url` (its origin counts) for evidence with a nonce of our own and judge it. Throws ExpectationError or
 * PolicyError when what was expected cannot be used. */
export async function verifyGateway(url: string, fetchFn: FetchFn, e: Expectations = {}): Promise<GatewayVerdict> {
  const { origin, hostname } = new URL(url);
  const nonce = random(32);
  const body = await evidence(origin, nonce, fetchFn);
  if (typeof body === "string") return empty("unreachable", "GATEWAY", body, e.at ?? now());
  return verifyDocument(body, nonce, hostname, e, fetchFn);
}
