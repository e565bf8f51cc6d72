// Valid evidence with random bytes changed: the browser's verifier and tr-verify must agree about each. The seed is printed.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fixtures, load, root, trVerify, verify } from "./library.mjs";

const FLIPS = 40;
const POLICIES = 50;
const lib = await load("verify/index.ts");
const dir = mkdtempSync(join(tmpdir(), "differential."));
const seed = Number(process.env.TR_SEED ?? Date.now() % 2 ** 31);
console.log(`# TR_SEED=${seed}`);
after(() => rmSync(dir, { recursive: true, force: true }));

let state = seed;
/** From 0 to n - 1. */
function random(n) {
  state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
  return Math.floor((state / 0x80000000) * n);
}

/** Questions that the unit test of tr-verify gateway asked; the one with a log proof, a release and a batch. */
let logged;
before(() => {
  const ran = spawnSync(join(root, "build/release/unit/test_gateway"), [], { cwd: root, env: { ...process.env, TR_VECTORS: dir } });
  assert.equal(ran.status, 0);
  const blobs = [Buffer.alloc(0)];
  for (const line of readFileSync(join(dir, "test_gateway.jsonl"), "latin1").split("\n").filter((l) => l !== "")) {
    const v = JSON.parse(line);
    if (v.blob) blobs[v.blob] = Buffer.from(v.base64, "base64");
    else if (v.kind === "presented" && v.code === "ACCEPT" && v.log_key !== undefined && v.release !== 0) logged ??= { ...v, bytes: (n) => blobs[n] };
  }
});

function put(name, bytes) {
  writeFileSync(join(dir, name), bytes);
  return join(dir, name);
}

function bundleOf(document) {
  const hex = (n) => logged.bytes(n).toString("hex");
  return JSON.stringify({ format: "tr-bundle/v1", at: logged.now, host: "api.test", exporter: hex(logged.exporter), tls_spki_sha256: hex(logged.tls_spki), document: document.toString("base64") });
}

const listed = (checks) => checks.map((c) => `${c.code}:${c.ok}`).join(" ");

test("changed bundles", async () => {
  const roots = logged.roots.map((n) => logged.bytes(n));
  mkdirSync(join(dir, "roots"));
  roots.forEach((r, i) => put(`roots/${i}.der`, r));
  const policy = logged.bytes(logged.policy);
  const [manifest, signature] = [logged.bytes(logged.release), logged.bytes(logged.signature)];
  const options = ["--policy", put("policy.conf", policy), "--roots", join(dir, "roots"), "--release", put("release.json", manifest), "--signature", put("release.sig", signature), "--release-key", logged.release_key, "--log-key", logged.log_key];
  const expectations = { policy, roots, release: { manifest, signature, key: logged.release_key }, logKey: logged.log_key };
  const original = logged.bytes(logged.document);
  const codes = new Map();
  for (let i = 0; i <= FLIPS; i++) {
    const document = Buffer.from(original);
    for (let k = i === 0 ? 0 : 1 + random(2); k > 0; k--) document[random(document.length)] ^= 1 << random(8);
    const text = bundleOf(document);
    const [got, program] = [await lib.verifyBundle(text, expectations), verify("bundle", put("bundle.json", text), ...options)];
    assert.equal(`${got.verdict} ${got.code} ${listed(got.checks)}`, `${program.verdict} ${program.code} ${listed(program.checks)}`, `flip ${i}`);
    codes.set(got.code, (codes.get(got.code) ?? 0) + 1);
  }
  console.log(`# ${FLIPS} changed bundles: ${[...codes].map(([c, n]) => `${c} ${n}`).join(", ")}`);
  assert.equal(codes.get("ACCEPT"), 1, "only the untouched one");
});

test("changed reports of real processors", async () => {
  const policies = join(root, "tests/fixtures/policies");
  let asked = 0;
  const kinds = { genoa_v3_yaxi: "genoa_v3", turin_v5_oak: "turin_v5", milan_v2_virtee: "milan_v2", milan_v2_trustee: "milan_v2_provisional", milan_v2_gosevguest: "milan_v2_debug" };
  for (const [name, policy] of Object.entries(kinds)) {
    const [report, vek] = ["report.bin", "vcek.der"].map((f) => readFileSync(join(fixtures(), "real", name, f)));
    for (let i = 0; i <= 6; i++) {
      const [r, c] = [Buffer.from(report), Buffer.from(vek)];
      const part = i % 2 === 0 ? r : c;
      if (i > 0) part[random(part.length)] ^= 1 << random(8);
      const file = join(policies, `${policy}.conf`);
      const options = ["--policy", file, "--vek", put("vek.der", c), "--at", "2026-11-30T00:00:00Z"];
      const program = verify("report", put("report.bin", r), ...options);
      const got = await lib.verifyReport({ report: r, vek: c }, { policy: readFileSync(file), at: lib.parseTime("2026-11-30T00:00:00Z") });
      assert.equal(`${got.code} ${listed(got.checks)}`, `${program.code} ${listed(program.checks)}`, `${name} ${i}`);
      assert.deepEqual(got.checks.map((x) => x.detail), program.checks.map((x) => x.detail), "details");
      assert.ok(i !== 0 || got.code === "ACCEPT", `${name} is accepted by its policy: ${got.code}`);
      asked++;
    }
  }
  console.log(`# ${asked} reports`);
});

/* --- policies: what a line says, and which policies are none */

const POLICY_VALUES = [
  "", "on", "off", "yes", "ON", "0", "1", "007", "-1", "255", "256", "4294967295", "4294967296", "2027-02-01", "2027-02-01T00:00:00.5Z", "2027-02-01T00:00:00-23:59",
  "2027-02-01T24:00:00Z", "2027-02-29", "1970-01-01", "9999-12-31", "2027-2-1", "1.55.40", "1..40", "01.055.040", "1.256.0", "a".repeat(63), "a".repeat(64), "genoa",
  "genoa,turin", ",genoa,", " , ", "Genoa", "2 3 4 5", "smt debug", "ecc alias_check tsme", "constructor", "amd", "none", "00".repeat(16), "AB".repeat(48),
  "g".repeat(96), "0123456789abcdef", "0x23456789abcdef", "a\u0001b", "a\tb",
];
const POLICY_KEYS = [
  "version", "expires", "audience", "roots", "allow_simulated", "provisional_firmware", "allow_vlek", "csp_id", "require_crl", "allow_unlocked_memory", "report_versions", "products",
  "guest_allow", "guest_require", "platform_require", "platform_forbid", "min_firmware", "min_guest_abi", "mitigations_require", "author_key_sha384", "family_id", "image_id",
  "min_guest_svn", "host_data", "id_key_sha384", "constructor", "sha384", "id", "fmc", "snp", "firmware",
];
const POLICY_HEADS = [
  "[floor 19-11-01]", "[floor 1A-02-01]", "[floor 1a-02-01]", "[floor genoa]", "[floor turin]", "[floor milan]", "[floor turin,genoa]", "[floor ,genoa,]", "[floor genoa,genoa]",
  "[floor 99-99-99]", "[floor]", "[ floor  genoa ]", "[floor genoa x]", "[floor genoa", "[measurement a]", "[measurement __proto__]", "[chip a]", "[root x]", "[]", "[foo x]",
];
const pick = (list) => list[random(list.length)];

function changedPolicy(text) {
  const lines = text.split("\n");
  const at = random(lines.length);
  const change = {
    0: () => lines.splice(at, 1),
    1: () => lines.splice(at, 0, `${pick(POLICY_KEYS)} = ${pick(POLICY_VALUES)}`),
    2: () => lines.splice(at, 0, pick(POLICY_HEADS)),
    3: () => lines.splice(at, 1, lines[at].replace(/=.*/, `= ${pick(POLICY_VALUES)}`)),
    4: () => lines.splice(at, 1, lines[at].startsWith("[") ? pick(POLICY_HEADS) : lines[at] + pick(["\r", " ", "\t", "\0", "\u000b", "=", "]"])),
    5: () => lines.splice(0, 0, `${pick(POLICY_KEYS)} = ${pick(POLICY_VALUES)}`),
  };
  change[random(6)]();
  return lines.join(pick(["\n", "\n", "\r\n"]));
}

const says = (checks) => checks.map((c) => `${c.code}:${c.ok}:${c.detail}`).join(" ");

async function underPolicy(text, [report, vek], at) {
  const file = put("changed.conf", text);
  const ran = spawnSync(trVerify, ["report", report, "--vek", vek, "--policy", file, "--at", at, "--json"], { encoding: "utf8" });
  const program = ran.stdout.startsWith("{") ? JSON.parse(ran.stdout) : null;
  const files = { report: readFileSync(report), vek: readFileSync(vek) };
  const got = await lib.verifyReport(files, { policy: readFileSync(file), at: lib.parseTime(at) }).catch((error) => {
    if (!(error instanceof lib.PolicyError)) throw error;
    return null;
  });
  const word = (v) => (v === null ? "no policy" : `${v.code} ${says(v.checks)}`);
  assert.equal(word(got), word(program), text);
  return got?.code ?? "no policy";
}

test("changed policies", async () => {
  const at = "2026-11-30T00:00:00Z";
  const [genoa, milan] = ["genoa_v3_yaxi", "milan_v2_virtee"].map((name) => ["report.bin", "vcek.der"].map((f) => join(fixtures(), "real", name, f)));
  const bases = [["genoa_v3", genoa], ["milan_v2", milan]].map(([name, of]) => [readFileSync(join(root, `tests/fixtures/policies/${name}.conf`), "utf8"), of]);
  const codes = new Map();
  for (let i = 0; i < POLICIES; i++) {
    const [text, of] = pick(bases);
    const code = await underPolicy(i < 2 ? bases[i][0] : changedPolicy(text), i < 2 ? bases[i][1] : of, at);
    codes.set(code, (codes.get(code) ?? 0) + 1);
  }
  console.log(`# ${POLICIES} policies: ${[...codes].map(([c, n]) => `${c} ${n}`).join(", ")}`);
  assert.ok((codes.get("ACCEPT") ?? 0) >= 2 && (codes.get("no policy") ?? 0) >= 2, "both happen");
  /* A floor is one processor line's: of two, readers may take either. */
  for (const name of ["turin,genoa", "genoa,turin", "milan,genoa"])
    assert.equal(await underPolicy(`products = genoa\nguest_allow = smt\n[floor ${name}]\nsnp = 23\n`, genoa, at), "no policy", name);
  assert.notEqual(await underPolicy("products = genoa\nguest_allow = smt\n[floor genoa]\nsnp = 23\n", genoa, at), "no policy");
});

test("known weaknesses", async () => {
  for (const name of ["genoa_v3_yaxi", "turin_v5_oak", "milan_v2_gosevguest"]) {
    const files = join(fixtures(), "real", name);
    const program = verify("report", join(files, "report.bin"), "--vek", join(files, "vcek.der"), "--explain");
    const got = await lib.verifyReport({ report: readFileSync(join(files, "report.bin")), vek: readFileSync(join(files, "vcek.der")) });
    assert.equal(lib.ISSUES_AS_OF, program.issues_as_of);
    assert.deepEqual(got.issues, program.issues);
  }
});

/* --- receipts, signed again by a key of the test's */

const { publicKey, privateKey } = generateKeyPairSync("ed25519");
const key = publicKey.export({ format: "jwk" }).x;
const keyHex = Buffer.from(key, "base64url").toString("hex");

function signed(receipt) {
  const text = lib.canonical(lib.parseJson(JSON.stringify(receipt)), "signature");
  return JSON.stringify({ ...receipt, signature: sign(null, Buffer.from(text), privateKey).toString("hex") });
}

const sha = (text) => `sha256:${createHash("sha256").update(text).digest("hex")}`;
const usage = { type: "usage", prompt_tokens: 100, completion_tokens: 50, cached_tokens: 20, cache_write_tokens: 10, reasoning_tokens: 5, requests: 1, units: 0, unit: "", estimated: false, clamped: false };
const prices = { prompt: 1500, completion: 6000, cached: 150, cache_write: 1875 };
const units = { request: 0, image: 0, second: 0, character: 0, query: 0 };
const base = () => ({
  api_version: "aci/1", receipt_id: `rcpt-${"0".repeat(31)}1`, chat_id: null, model: "a/b", endpoint: "/v1/chat/completions", method: "POST", served_at: 1796000000, key_id: "k",
  workload_keyset_digest: sha("keyset"),
  event_log: [
    { type: "request.received", body_hash: sha("request") },
    { type: "request.forwarded", body_hash: sha("forwarded") },
    { type: "upstream.verified", result: "failed", upstream_name: "p", tls_verified: true, tls_spki: sha("spki") },
    { type: "response.returned", body_hash: sha("response") },
    { type: "outcome", status: 200, complete: true },
    { ...usage },
    { type: "billing", cost_nusd: 0, prices_pusd_per_token: { ...prices }, prices_nusd_per_unit: { ...units }, rounding: "each_class_half_up_to_nusd" },
    { type: "platform", simulated: false, measurement: "22".repeat(48), providers_digest: sha("providers") },
  ],
});
const find = (r, type) => r.event_log.find((e) => e.type === type);
/** name, what is changed; the cost that the program accepts is looked for first. */
const EDITS = [
  ["as it is", () => {}],
  ["a penny more", (r) => find(r, "billing").cost_nusd++],
  ["a penny less", (r) => find(r, "billing").cost_nusd--],
  ["less, and clamped", (r) => { find(r, "billing").cost_nusd--; find(r, "usage").clamped = true; }],
  ["more cached than there are", (r) => (find(r, "usage").cached_tokens = 101)],
  ["the same, clamped", (r) => { find(r, "usage").cached_tokens = 101; find(r, "usage").clamped = true; }],
  ["a class of its own", (r) => { find(r, "billing").prices_pusd_per_token.reasoning = 7000; find(r, "billing").cost_nusd += 5; }],
  ["images", (r) => { find(r, "usage").units = 2; find(r, "usage").unit = "image"; find(r, "billing").prices_nusd_per_unit.image = 40; find(r, "billing").cost_nusd += 80; }],
  ["an unknown unit", (r) => (find(r, "usage").unit = "page")],
  ["a markup", (r) => (find(r, "billing").markup_ppm = 100000)],
  ["a fee of nothing", (r) => { find(r, "billing").own_key_fee_ppm = 0; find(r, "billing").cost_nusd = 0; }],
  ["fee and markup", (r) => { find(r, "billing").own_key_fee_ppm = 0; find(r, "billing").markup_ppm = 1; }],
  ["another rounding", (r) => (find(r, "billing").rounding = "up")],
  ["tokens beyond 32 bits", (r) => (find(r, "usage").prompt_tokens = 2 ** 32)],
  ["no figure", (r) => delete find(r, "usage").reasoning_tokens],
  ["two usages", (r) => r.event_log.push({ ...usage })],
  ["a key without a certificate", (r) => (find(r, "upstream.verified").tls_verified = false)],
  ["a certificate without a key", (r) => delete find(r, "upstream.verified").tls_spki],
  ["no first event", (r) => r.event_log.shift()],
  ["events swapped", (r) => r.event_log.splice(1, 0, r.event_log.splice(3, 1)[0])],
  ["a measurement cut short", (r) => (find(r, "platform").measurement = "22")],
  ["a status that is text", (r) => (find(r, "outcome").status = "200")],
  ["another version", (r) => (r.api_version = "aci/2")],
  ["a commitment to something else", (r) => r.event_log.push({ type: "commitment", alg: "hmac-sha256", request: { salt: "00".repeat(32), value: "00".repeat(32) }, response: { salt: "00".repeat(32), value: "00".repeat(32) } })],
  ["a part of nobody", (r) => r.event_log.push({ type: "part", of: r.receipt_id, role: "panel", place: 0 })],
  ["an orchestration without lines", (r) => r.event_log.push({ type: "orchestration", lines: [] })],
];

test("receipts that say something else", async () => {
  const cost = 105 + 3 + 19 + 300; /* 70 prompt, 20 cached, 10 written (18.75 rounded), 50 completion */
  const seen = new Set();
  for (const [name, edit] of EDITS) {
    const r = base();
    find(r, "billing").cost_nusd = cost;
    edit(r);
    const text = signed(r);
    const program = verify("receipt", put("receipt.json", text), "--key", keyHex);
    const got = await lib.verifyReceipt(text, { key: keyHex });
    assert.equal(`${name}: ${got.verdict} ${got.code}`, `${name}: ${program.verdict} ${program.code}`);
    seen.add(got.code);
  }
  assert.deepEqual([...seen].sort(), ["ACCEPT", "COMMITMENT", "COST", "DOCUMENT"]);
  console.log(`# ${EDITS.length} receipts`);
});

test("codes are those of verdict.h", () => {
  const rows = [...readFileSync(join(root, "attestation/verdict.h"), "utf8").matchAll(/^ {4}X\((\w+), (\w+), \w+\)/gm)].map((m) => `${m[1]} ${m[2].toLowerCase()}`);
  assert.deepEqual(lib.CODES.map((c) => `${c} ${lib.verdictOf(c)}`), rows);
});

test("BLAKE2b", () => {
  for (let n = 0; n < 300; n += 7) {
    const bytes = Uint8Array.from({ length: n }, (_, i) => (i * 7 + n) & 255);
    assert.equal(lib.toHex(lib.blake2b512(bytes)), createHash("blake2b512").update(bytes).digest("hex"), `${n} bytes`);
  }
});
