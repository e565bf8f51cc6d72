// What /verify and /trust judge a data plane by: while data planes are being updated two releases run, and each is judged by its own.
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./library.mjs";

const { filesFor, judgedBy } = await load("pages/verify/evidence.ts", {
  "verify/gateway.ts": `export class ExpectationError extends Error {}
    export const verifyBundle = null;
    export const verifyGateway = (at, fetch, expected) => globalThis.judge(at, expected);`,
});
const INPUTS = { releaseKey: "k", logKey: "", logAddress: "", audience: "", receiptKey: "", minSvn: "" };
const release = (n) => JSON.stringify({ purpose: "tr.release.v1", version: n });
const signature = "untrusted comment: a\nb\ntrusted comment: c\nd\n";
const served = {
  "index.json": JSON.stringify({ policy: "a.conf", roots: {}, releases: ["2.json", "1.json"] }),
  "a.conf": "products = genoa\n[floor genoa]\n", "2.json": release("2"), "2.json.minisig": signature, "1.json": release("1"), "1.json.minisig": signature,
};
let files = served;
globalThis.fetch = async (url) => {
  const name = url.replace("/evidence/", "");
  return Object.hasOwn(files, name) ? new Response(files[name]) : new Response("", { status: 404 });
};
const text = (b) => new TextDecoder().decode(b);
let asked = [];
/** A data plane of this release. */
const runs = (version) => {
  asked = [];
  globalThis.judge = async (at, e) => {
    asked.push(e.release ? JSON.parse(text(e.release.manifest)).version : "none");
    return { verdict: asked.at(-1) === version ? "accept" : "reject", at };
  };
};
const names = (judged) => judged.files.map((f) => f.name);

test("evidence_of_the_release_that_runs_is_found", async () => {
  files = served;
  for (const [version, tried] of [["2", ["2"]], ["1", ["2", "1"]]]) {
    runs(version);
    const judged = await judgedBy("https://api.example.com", INPUTS);
    assert.deepEqual([judged.verdict.verdict, asked, names(judged)], ["accept", tried, ["a.conf", `${version}.json`, `${version}.json.minisig`]]);
  }
});

test("evidence_is_asked_for_twice_only_where_two_releases_run", async () => {
  files = served;
  runs("1");
  assert.deepEqual((await filesFor("https://api.example.com", INPUTS)).map((f) => f.name), ["a.conf", "1.json", "1.json.minisig"]);
  files = { ...served, "index.json": JSON.stringify({ policy: "a.conf", releases: ["1.json"] }) };
  runs("1");
  assert.deepEqual([(await filesFor("https://api.example.com", INPUTS)).length, asked], [3, []]);
});

test("evidence_of_no_release_is_refused_by_the_newest", async () => {
  files = served;
  runs("3");
  const judged = await judgedBy("https://api.example.com", INPUTS);
  assert.deepEqual([judged.verdict.verdict, names(judged)[1]], ["reject", "2.json"]);
});

test("evidence_files_that_are_missing_are_said", async () => {
  files = { ...served };
  delete files["1.json.minisig"];
  runs("2");
  await assert.rejects(judgedBy("https://api.example.com", INPUTS), /1\.json\.minisig/);
  files = {};
  const judged = await judgedBy("https://api.example.com", INPUTS);
  assert.deepEqual([asked.at(-1), judged.files, judged.verdict.verdict], ["none", [], "reject"]);
  assert.equal((await judgedBy(null, INPUTS)).verdict, null);
});
