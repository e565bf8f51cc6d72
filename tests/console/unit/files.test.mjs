// What a reader gives the verifier by hand: nothing that was asked for is left out silently, and nothing counts for more than what
// it rests on.
import assert from "node:assert/strict";
import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { test } from "node:test";
import { load } from "./library.mjs";

const { expectationsOf, isSimulated, judgeFiles, kindOf, NO_INPUTS, receiptKeyOf } = await load("verify/files.ts");
const { canonical } = await load("verify/jcs.ts");
const { parseJson } = await load("verify/json.ts");

const bytes = (text) => new TextEncoder().encode(text);
const file = (name, text) => ({ name, bytes: bytes(text), kind: kindOf(name, bytes(text)) });
const LOG_KEY = "log.example+0a1b2c3d+AAAA";
const RELEASE = [file("release.json", '{"purpose":"tr.release.v1"}'), file("release.json.minisig", "untrusted comment: a\nb\ntrusted comment: c\nd\n")];
const nobody = () => Promise.reject(new Error("nobody is asked"));
const with_ = (inputs) => ({ ...NO_INPUTS, ...inputs });

test("files_a_least_security_version_is_never_dropped", () => {
  const of = (minSvn, files = RELEASE) => expectationsOf(files, with_({ releaseKey: "k", minSvn }));
  assert.equal(of("").release.minSvn, 0n);
  assert.equal(of(" 7 ").release.minSvn, 7n);
  for (const wrong of ["v7", "7.0", "-1", "0x7", "7 8", "18446744073709551616"]) assert.throws(() => of(wrong), /whole number/, wrong);
  assert.throws(() => of("7", []), /add release.json/);
});

test("files_a_log_without_its_key_is_not_left_unread", () => {
  const logAddress = "https://control.example.com";
  assert.throws(() => expectationsOf([], with_({ logAddress })), /log key/);
  assert.equal(expectationsOf([], with_({ logAddress, logKey: LOG_KEY })).log, logAddress);
  assert.equal(expectationsOf([], with_({ logKey: LOG_KEY })).log, undefined);
});

test("files_simulated_is_what_rests_on_a_simulator", () => {
  const release = (simulated) => ({ title: "r", of: "release", verdict: { verdict: "accept", manifest: { simulated } } });
  const receipt = (key, simulated = false) => ({ title: "r", of: "receipt", key, verdict: { verdict: "accept", simulated } });
  assert.deepEqual([release(true), release(false)].map(isSimulated), [true, false]);
  assert.equal(isSimulated({ title: "r", of: "release", verdict: { verdict: "malformed", manifest: null } }), false);
  assert.deepEqual([receipt("simulated identity"), receipt("identity"), receipt("reader"), receipt("reader", true)].map(isSimulated), [true, false, false, true]);
});

test("files_whose_key_a_receipt_is_held_against", () => {
  const bundle = (verdict, simulated) => ({ of: "gateway", verdict: { verdict, simulated, identity: { receiptEd25519: simulated ? "5" : "4" } } });
  assert.deepEqual(receiptKeyOf(with_({ receiptKey: " aa " }), [bundle("accept", true)]), { key: "aa", source: "reader" });
  assert.deepEqual(receiptKeyOf(NO_INPUTS, [bundle("reject", false), bundle("accept", true)]), { key: "5", source: "simulated identity" });
  assert.deepEqual(receiptKeyOf(NO_INPUTS, [bundle("accept", false), bundle("accept", true)]), { key: "4", source: "identity" });
  assert.deepEqual(receiptKeyOf(NO_INPUTS, []), { key: "", source: "keyset" });
});

test("files_a_receipt_under_a_keyset_alone_says_so", async () => {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const hex = Buffer.from(publicKey.export({ format: "jwk" }).x, "base64url").toString("hex");
  const sha = (text) => `sha256:${createHash("sha256").update(text).digest("hex")}`;
  const text = (v, without = null) => canonical(parseJson(JSON.stringify(v)), without);
  const keyset = { receipt_signing_keys: [{ algo: "ed25519", key_id: "k", public_key: hex }] };
  const receipt = {
    api_version: "aci/1", receipt_id: "rcpt-1", chat_id: null, model: "a/b", endpoint: "/v1/chat/completions", method: "POST", served_at: 1796000000, key_id: "k",
    workload_keyset_digest: sha(text(keyset)), event_log: [{ type: "request.received", body_hash: sha("request") }],
  };
  const signature = sign(null, Buffer.from(text(receipt)), privateKey).toString("hex");
  const files = [file("receipt.json", JSON.stringify({ ...receipt, signature })), file("keyset.json", JSON.stringify(keyset))];
  const [judged] = await judgeFiles(files, NO_INPUTS, nobody);
  assert.deepEqual([judged.verdict.code, judged.key], ["ACCEPT", "keyset"]);
  const [typed] = await judgeFiles(files.slice(0, 1), with_({ receiptKey: hex }), nobody);
  assert.deepEqual([typed.verdict.code, typed.key], ["ACCEPT", "reader"]);
});

test("files_a_damaged_file_is_refused_as_what_it_was_given_for", async () => {
  const wanted = {
    "bundle.json": '{"format":"tr-bundle/v1"', "release.json": '\ufeff{"purpose":"tr.release.v1"}', "release.json.minisig": "untrusted comment: a\r\n", "receipt-1.json": "[",
    "keyset.json": "", "report.bin": "short", "snp-quote.raw": "short", "checkpoint.today": "log\n", "attestation.conf": "require_crl = on\n", "providers.conf": "x\n", "notes.txt": "x",
  };
  const kinds = Object.entries(wanted).map(([name, text]) => kindOf(name, bytes(text)));
  assert.deepEqual(kinds, ["bundle", "release", "signature", "receipt", "keyset", "report", "report", "checkpoint", "policy", "providers", "other"]);
  const utf16 = new Uint8Array(Buffer.from('{"format":"tr-bundle/v1"}', "utf16le"));
  assert.equal(kindOf("my-bundle.json", utf16), "bundle");
  const [judged] = await judgeFiles([file("bundle.json", wanted["bundle.json"])], NO_INPUTS, nobody);
  assert.deepEqual([judged.verdict.verdict, judged.verdict.code], ["malformed", "DOCUMENT"]);
});

test("files_a_checkpoint_is_one_by_its_content", () => {
  const note = "log.example\n5\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n\u2014 log.example AAAA\n";
  assert.equal(kindOf("x", bytes(note)), "checkpoint");
  assert.notEqual(kindOf("x", bytes(note.replace("\u2014", "-"))), "checkpoint");
});
