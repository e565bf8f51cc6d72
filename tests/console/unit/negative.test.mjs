// Every question that the attestation tests put to the C verifier is put to the browser's: each mutant must be refused with the
// same code, each accepted twin accepted. tests/vectors.h writes the questions down; tr-verify itself is asked about those of
// reports and documents that are not single flipped bytes.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { execFile } from "node:child_process";
import { load, root, verify } from "./library.mjs";

const PROGRAMS = ["verify", "examine", "negative", "gateway", "document", "evidence", "aci", "receipt_document", "manifest", "note", "tlog_proof"];
const lib = await load("verify/index.ts");
const dir = mkdtempSync(join(tmpdir(), "vectors."));
const vectors = {};

function runTest(name) {
  const env = { ...process.env, TR_VECTORS: dir };
  return new Promise((done, failed) =>
    execFile(join(root, "build/release/unit", `test_${name}`), [], { cwd: root, env, maxBuffer: 1 << 24 }, (error, out) =>
      error ? failed(new Error(`test_${name}: ${error.message}\n${out}`)) : done(),
    ),
  );
}

/** Lines of a file: bytes by number, and the questions about them. */
function read(name) {
  const blobs = [new Uint8Array(0)];
  const questions = [];
  for (const line of readFileSync(join(dir, `test_${name}.jsonl`), "latin1").split("\n")) {
    if (line === "") continue;
    const v = JSON.parse(line);
    if (v.blob) blobs[v.blob] = new Uint8Array(Buffer.from(v.base64, "base64"));
    else questions.push({ ...v, from: name, bytes: (n) => blobs[n] });
  }
  return questions;
}

before(async () => {
  const queue = [...PROGRAMS];
  const worker = async () => {
    for (let name; (name = queue.shift()) !== undefined; ) await runTest(name);
  };
  await Promise.all([worker(), worker()]);
  for (const name of PROGRAMS) for (const v of read(name)) (vectors[v.kind] ??= []).push(v);
});
after(() => rmSync(dir, { recursive: true, force: true }));

const policies = new Map();
/** A policy and its roots are parsed once: thousands of questions share them. */
async function policyOf(v) {
  const key = `${v.from} ${v.policy} ${v.roots}`;
  if (!policies.has(key)) {
    const p = await lib.parsePolicy(v.bytes(v.policy));
    const allowed = p.allowSimulated;
    await lib.trustOnly(p, v.roots.map((n) => v.bytes(n)));
    p.allowSimulated = allowed;
    policies.set(key, p);
  }
  return policies.get(key);
}

const marks = { ok: "o", failed: "f", unasked: "-", unreached: "-", unseen: "?" };
const spelled = (findings) => findings.map((f) => `${f.code}:${marks[f.outcome]}`).join(" ");

/** Says how many, and fails with the first few that differ. */
async function each(kind, say, judge) {
  const list = vectors[kind] ?? [];
  const wrong = [];
  const refused = list.filter((v) => say(v) !== "ACCEPT" && say(v) !== "ok" && say(v) !== true).length;
  for (const v of list) {
    const got = await judge(v);
    if (got !== null) wrong.push(`${v.from}: ${got}`);
  }
  console.log(`# ${kind}: ${list.length} vectors, ${refused} of them refused, ${wrong.length} judged otherwise`);
  assert.ok(list.length > 0 && refused > 0 && refused < list.length, `${kind}: mutants and accepted twins`);
  assert.deepEqual(wrong.slice(0, 12), []);
}

const differs = (got, want) => (got === want ? null : `${got}, want ${want}`);

function compareFindings(v, findings) {
  const code = lib.codeOf(findings);
  const verdict = lib.verdictOf(code);
  if (code !== v.code || verdict !== v.verdict) return `${verdict} ${code}, want ${v.verdict} ${v.code}`;
  return differs(spelled(findings), v.findings);
}

test("reports", () =>
  each("report", (v) => v.code, async (v) => {
    const subject = {
      report: v.bytes(v.report),
      vek: v.bytes(v.vek),
      ask: v.bytes(v.ask),
      crl: v.bytes(v.crl),
      reportData: v.report_data === 0 ? null : v.bytes(v.report_data),
    };
    return compareFindings(v, (await lib.examine(subject, await policyOf(v), v.now)).findings);
  }));

test("documents", () => each("document", (v) => v.ok, (v) => differs(lib.parseDocument(v.bytes(v.document)) !== null, v.ok)));

async function expectOf(v) {
  const release = v.bytes(v.release);
  return {
    nonce: v.bytes(v.nonce),
    exporter: v.bytes(v.exporter),
    tlsSpki: v.bytes(v.tls_spki),
    release:
      release.length === 0
        ? null
        : {
            manifest: release,
            signature: v.bytes(v.signature),
            key: v.release_key === undefined ? null : lib.parseMinisignKey(v.release_key),
            minSvn: BigInt(v.min_svn),
          },
    logKey: v.log_key === undefined ? null : await lib.parseNoteKey(v.log_key),
    audience: v.audience ?? null,
    crl: v.bytes(v.crl),
    nowS: v.now,
  };
}

test("documents against a connection", () =>
  each("presented", (v) => v.code, async (v) => {
    const x = await lib.judgePresented(lib.parseDocument(v.bytes(v.document)), await expectOf(v), await policyOf(v));
    return compareFindings(v, x.findings);
  }));

test("identity documents", () =>
  each("identity", (v) => v.ok, (v) => differs(lib.parseIdentity(v.bytes(v.text)) !== null, v.ok)));

test("receipts", () =>
  each("receipt", (v) => v.code, async (v) =>
    differs((await lib.verifyReceipt(v.bytes(v.document), { key: lib.toHex(v.bytes(v.key)) })).code, v.code)));

test("manifests", () =>
  each("manifest", (v) => v.answer, (v) => {
    const m = lib.parseManifest(v.bytes(v.text));
    return differs(m === null ? "refused" : m === "version" ? "version" : "ok", v.answer);
  }));

test("signatures of files", () =>
  each("minisign", (v) => v.answer, async (v) =>
    differs(await lib.checkMinisign(v.bytes(v.file), v.bytes(v.signature), lib.parseMinisignKey(v.release_key)), v.answer)));

test("signed notes", () =>
  each("note", (v) => v.answer, async (v) => {
    const opened = await lib.openNote(v.bytes(v.note), await lib.parseNoteKey(v.log_key));
    return differs(opened.ok ? "ok" : opened.why, v.answer);
  }));

test("log proofs", () =>
  each("proof", (v) => v.ok, async (v) =>
    differs((await lib.checkProof(v.bytes(v.text), v.bytes(v.statement), await lib.parseNoteKey(v.log_key))) !== null, v.ok)));

/** Puts a question into files and asks the program. */
function ask(v, n) {
  const place = join(dir, `asked.${n}`);
  const put = (name, bytes) => {
    writeFileSync(join(place, name), bytes);
    return join(place, name);
  };
  mkdirSync(join(place, "roots"), { recursive: true });
  v.roots.forEach((r, i) => put(`roots/${String(i).padStart(2, "0")}.der`, v.bytes(r)));
  const shared = ["--policy", put("policy.conf", v.bytes(v.policy)), "--roots", join(place, "roots"), "--at", lib.timeText(v.now)];
  const option = (name, file, number) => (v.bytes(number).length === 0 ? [] : [name, put(file, v.bytes(number))]);
  const certs = [...option("--vek", "vek.der", v.vek), ...option("--ask", "ask.der", v.ask), ...option("--crl", "list.crl", v.crl)];
  const data = v.report_data === 0 ? [] : ["--report-data", lib.toHex(v.bytes(v.report_data))];
  return verify("report", put("report.bin", v.bytes(v.report)), ...certs, ...data, ...shared);
}

test("tr-verify says the same", async () => {
  // One of each list of findings that occurs: what is judged alike is asked once. Without a root the program takes no policy.
  const kinds = new Map(vectors.report.filter((v) => v.roots.length !== 0).map((v) => [`${v.from} ${v.findings}`, v]));
  const wrong = [];
  let asked = 0;
  for (const v of kinds.values()) {
    const said = ask(v, asked++);
    const listed = said.checks.map((c) => `${c.code}:${c.ok === true ? "o" : c.ok === false ? "f" : "-"}`).join(" ");
    if (said.code !== v.code || said.verdict !== v.verdict || listed !== v.findings) wrong.push(`${v.from}: ${said.code}, want ${v.code}`);
  }
  console.log(`# tr-verify: ${asked} reports`);
  assert.ok(asked > 100);
  assert.deepEqual(wrong.slice(0, 12), []);
});
