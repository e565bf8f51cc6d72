/** Files that a reader drops on a page: what each of them is, and what can be judged with them. */
import type { FetchFn } from "./ask.ts";
import { decimal64, latin1, utf8Text } from "./bytes.ts";
import { type Expectations, ExpectationError, type GatewayVerdict, verifyBundle } from "./gateway.ts";
import { first, isText, parseJson } from "./json.ts";
import { type LogVerdict, verifyLog } from "./log.ts";
import { parseMinisignKey } from "./minisign.ts";
import { parseNoteKey } from "./note.ts";
import { type ReceiptVerdict, verifyReceipt } from "./receipt.ts";
import { type ReleaseVerdict, verifyRelease } from "./release.ts";
import { REPORT_BYTES } from "./report.ts";
import { type ReportVerdict, verifyReport } from "./report_file.ts";

export type FileKind =
  | "bundle" | "document" | "release" | "signature" | "receipt" | "keyset" | "report" | "certificate" | "table" | "crl"
  | "checkpoint" | "policy" | "providers" | "release key" | "log key" | "request" | "response" | "other";

export interface NamedFile {
  name: string;
  bytes: Uint8Array;
  kind: FileKind;
}

export const KIND_WORDS: Readonly<Record<FileKind, string>> = {
  bundle: "a recorded answer",
  document: "an attestation document",
  release: "a release manifest",
  signature: "a manifest's signature",
  receipt: "a receipt",
  keyset: "a keyset",
  report: "a report",
  certificate: "a certificate",
  table: "a certificate table",
  crl: "a revocation list",
  checkpoint: "a log's checkpoint",
  policy: "a policy",
  providers: "a list of providers",
  "release key": "a release key",
  "log key": "a log's key",
  request: "a request's bytes",
  response: "a response's bytes",
  other: "not used",
};

function jsonKind(text: string): FileKind | null {
  const root = parseJson(text);
  if (root?.kind !== "object") return null;
  if (isText(first(root, "format"), "tr-bundle/v1")) return "bundle";
  if (isText(first(root, "format"), "tr-attestation/v1")) return "document";
  if (isText(first(root, "purpose"), "tr.release.v1")) return "release";
  if (first(root, "event_log") !== undefined) return "receipt";
  if (first(root, "receipt_signing_keys") !== undefined || first(root, "attestation") !== undefined) return "keyset";
  return null;
}

function textKind(text: string): FileKind | null {
  if (text.startsWith("untrusted comment: ") && text.includes("\ntrusted comment: ")) return "signature";
  if (parseMinisignKey(text) !== null) return "release key";
  if (/^[^\s+]+\+[0-9a-f]{8}\+[A-Za-z0-9+/]+=*\s*$/.test(text)) return "log key";
  if (/^[^\n]+\n[0-9]+\n[A-Za-z0-9+/]+=*\n/.test(text) && text.includes("\n\n\u2014 ")) return "checkpoint";
  if (text.includes("-----BEGIN CERTIFICATE-----")) return "certificate";
  if (/^[ \t]*\[provider /m.test(text)) return "providers";
  if (/^[ \t]*\[(floor|measurement|chip|root) /m.test(text) || /^[ \t]*products[ \t]*=/m.test(text)) return "policy";
  return null;
}

function binaryKind(name: string, bytes: Uint8Array): FileKind | null {
  if (bytes.length === REPORT_BYTES || /report.*\.bin$/.test(name)) return "report";
  if (bytes[0] === 0x30) return name.endsWith(".crl") ? "crl" : "certificate";
  return /table|certs/.test(name) ? "table" : null;
}

/** What its name says it is where its content does not: a damaged file is refused as what it was given for, and not left out. */
const NAMES: readonly [RegExp, FileKind][] = [
  [/\.minisig$/i, "signature"],
  [/request/i, "request"],
  [/response/i, "response"],
  [/bundle/i, "bundle"],
  [/receipt/i, "receipt"],
  [/keyset/i, "keyset"],
  [/release.*\.json$/i, "release"],
  [/report|quote/i, "report"],
  [/checkpoint/i, "checkpoint"],
  [/providers.*\.conf$/i, "providers"],
  [/\.conf$/i, "policy"],
];
const TEXT_MAX = 4 << 20; // bytes of a file whose content says what it is; larger ones are requests and responses

/** By content, and by the name where that does not say it. */
export function kindOf(name: string, bytes: Uint8Array): FileKind {
  const text = bytes.length > TEXT_MAX ? null : utf8Text(bytes);
  const known = (text === null ? null : (jsonKind(text) ?? textKind(text))) ?? binaryKind(name, bytes);
  return known ?? NAMES.find(([pattern]) => pattern.test(name))?.[1] ?? "other";
}

/* --- what the reader judges by */

export interface Inputs {
  releaseKey: string;
  logKey: string;
  logAddress: string;
  audience: string;
  receiptKey: string;
  minSvn: string;
}

export const NO_INPUTS: Inputs = { releaseKey: "", logKey: "", logAddress: "", audience: "", receiptKey: "", minSvn: "" };

function of(files: readonly NamedFile[], kind: FileKind): NamedFile | undefined {
  return files.find((f) => f.kind === kind);
}

const baseName = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

/** Which file each [root NAME] section of the policy means: the one with its file's name, or the only certificate. */
export function rootFilesFor(policy: Uint8Array, files: readonly NamedFile[]): Record<string, Uint8Array> {
  const sections = [...latin1(policy).matchAll(/^[ \t]*\[root[ \t]+([^ \t\]]+)[ \t]*\][^[]*?^[ \t]*file[ \t]*=[ \t]*(.*)$/gm)];
  const certificates = files.filter((f) => f.kind === "certificate");
  const out: Record<string, Uint8Array> = {};
  for (const [, name = "", path = ""] of sections) {
    const named = certificates.find((f) => f.name === baseName(path.trim()));
    const file = named ?? (certificates.length === 1 ? certificates[0] : undefined);
    if (file !== undefined) out[name] = file.bytes;
  }
  return out;
}

/** What is asked for must be made or refused: a floor that cannot be read is not "any". */
function minSvnOf(text: string): bigint | null {
  if (text.trim() === "") return null;
  const n = decimal64(text.trim());
  if (n === null) throw new ExpectationError("The least security version is a whole number, like 3.");
  return n;
}

function releaseOf(files: readonly NamedFile[], key: string, inputs: Inputs): Expectations["release"] {
  const manifest = of(files, "release");
  const minSvn = minSvnOf(inputs.minSvn);
  if (manifest === undefined && minSvn !== null)
    throw new ExpectationError("The least security version is that of a release manifest: add release.json with its signature, or leave the field empty.");
  if (manifest === undefined) return undefined;
  const signature = files.find((f) => f.name === `${manifest.name}.minisig`) ?? of(files, "signature");
  if (key === "") throw new ExpectationError("A release manifest counts only with the release key: give the key, or take the manifest away.");
  if (signature === undefined) throw new ExpectationError(`The signature of ${manifest.name} is missing: add ${manifest.name}.minisig.`);
  return { manifest: manifest.bytes, signature: signature.bytes, key, minSvn: minSvn ?? 0n };
}

/** From a reader's files and words. Throws ExpectationError. */
export function expectationsOf(files: readonly NamedFile[], inputs: Inputs): Expectations {
  const keyFile = (kind: FileKind): string => utf8Text(of(files, kind)?.bytes ?? new Uint8Array(0))?.trim() ?? "";
  const policy = of(files, "policy")?.bytes;
  const release = releaseOf(files, inputs.releaseKey.trim() || keyFile("release key"), inputs);
  const logKey = inputs.logKey.trim() || keyFile("log key");
  const crl = of(files, "crl")?.bytes;
  if (logKey === "" && inputs.logAddress.trim() !== "")
    throw new ExpectationError("A log is read with its key: give the log key, or leave the address of the log empty.");
  return {
    ...(policy === undefined ? {} : { policy, rootFiles: rootFilesFor(policy, files) }),
    ...(release === undefined ? {} : { release }),
    ...(logKey === "" ? {} : { logKey }),
    ...(inputs.logAddress.trim() === "" ? {} : { log: inputs.logAddress.trim() }),
    ...(inputs.audience.trim() === "" ? {} : { audience: inputs.audience.trim() }),
    ...(crl === undefined ? {} : { crl }),
  };
}

/* --- what can be judged */

export type Judged = { title: string } & (
  | { of: "gateway"; verdict: GatewayVerdict }
  | { of: "report"; verdict: ReportVerdict }
  | { of: "release"; verdict: ReleaseVerdict }
  | { of: "receipt"; verdict: ReceiptVerdict; key: KeySource }
  | { of: "log"; verdict: LogVerdict }
);

/** Who says whose key signed a receipt: the reader, an identity that was accepted here, or a keyset that nobody has attested. */
export type KeySource = "reader" | "identity" | "simulated identity" | "keyset";

/** Nothing of it counts for more than what it rests on: a receipt under a simulator's identity is simulated, whatever it says. */
export function isSimulated(j: Judged): boolean {
  if (j.of === "release") return j.verdict.manifest?.simulated ?? false;
  if (j.of === "log") return false;
  return j.verdict.simulated || (j.of === "receipt" && j.key === "simulated identity");
}

async function judgeReport(file: NamedFile, files: readonly NamedFile[], e: Expectations): Promise<Judged> {
  const roots = Object.values(e.rootFiles ?? {});
  const certificates = files.filter((f) => f.kind === "certificate" && !roots.includes(f.bytes));
  const named = (pattern: RegExp): Uint8Array | undefined => certificates.find((f) => pattern.test(f.name))?.bytes;
  const vek = named(/v[cel]+k/i) ?? certificates[0]?.bytes;
  const ask = named(/as[v]?k/i);
  const table = of(files, "table")?.bytes;
  const given = {
    report: file.bytes,
    ...(vek === undefined ? {} : { vek }),
    ...(ask === undefined ? {} : { ask }),
    ...(table === undefined ? {} : { table }),
    ...(e.crl === undefined ? {} : { crl: e.crl }),
  };
  return { title: file.name, of: "report", verdict: await verifyReport(given, e) };
}

export interface ReceiptKey {
  key: string;
  source: KeySource;
}

/** The reader's own, else that of the first accepted identity. */
export function receiptKeyOf(inputs: Inputs, judged: readonly Judged[]): ReceiptKey {
  const given = inputs.receiptKey.trim();
  if (given !== "") return { key: given, source: "reader" };
  for (const j of judged)
    if (j.of === "gateway" && j.verdict.verdict === "accept" && j.verdict.identity !== null)
      return { key: j.verdict.identity.receiptEd25519, source: j.verdict.simulated ? "simulated identity" : "identity" };
  return { key: "", source: "keyset" };
}

async function judgeReceipt(file: NamedFile, files: readonly NamedFile[], { key, source }: ReceiptKey): Promise<Judged> {
  const bytes = (kind: FileKind): Uint8Array | undefined => of(files, kind)?.bytes;
  const keyset = bytes("keyset");
  const [request, response, providers] = [bytes("request"), bytes("response"), bytes("providers")];
  if (key === "" && keyset === undefined)
    throw new ExpectationError("A receipt needs the receipt key: that of a verified identity (receipts are signed by it), or a keyset file.");
  const verdict = await verifyReceipt(file.bytes, {
    ...(key !== "" ? { key } : keyset === undefined ? {} : { keyset }),
    ...(request === undefined ? {} : { request }),
    ...(response === undefined ? {} : { response }),
    ...(providers === undefined ? {} : { providers }),
  });
  return { title: file.name, of: "receipt", verdict, key: source };
}

/** The log at the address that the reader gives, whole; it must continue the checkpoint among the files. */
export async function judgeLog(files: readonly NamedFile[], inputs: Inputs, fetchFn: FetchFn): Promise<Judged> {
  const e = expectationsOf(files.filter((f) => f.kind !== "release"), { ...inputs, minSvn: "" });
  if (e.log === undefined || e.logKey === undefined) throw new ExpectationError("A log is read at its address, with its key: give both.");
  const key = await parseNoteKey(e.logKey);
  if (key === null) throw new ExpectationError("the log key is no verifier key (name+hash+key)");
  return { title: e.log, of: "log", verdict: await verifyLog(e.log, fetchFn, key, of(files, "checkpoint")?.bytes ?? null) };
}

/** Everything among the files that can be judged. An identity that is accepted on the way gives the key of receipts. */
export async function judgeFiles(files: readonly NamedFile[], inputs: Inputs, fetchFn: FetchFn): Promise<Judged[]> {
  const e = expectationsOf(files, inputs);
  const out: Judged[] = [];
  for (const f of files.filter((x) => x.kind === "bundle")) out.push({ title: f.name, of: "gateway", verdict: await verifyBundle(f.bytes, e, fetchFn) });
  const receiptKey = receiptKeyOf(inputs, out);
  for (const f of files.filter((x) => x.kind === "report")) out.push(await judgeReport(f, files, e));
  for (const f of files.filter((x) => x.kind === "receipt")) out.push(await judgeReceipt(f, files, receiptKey));
  const release = of(files, "release");
  if (out.length === 0 && release !== undefined && e.release !== undefined)
    out.push({ title: release.name, of: "release", verdict: await verifyRelease(e.release) });
  if (of(files, "checkpoint") !== undefined && (e.log !== undefined || out.length === 0)) out.push(await judgeLog(files, inputs, fetchFn));
  return out;
}
