// A request's receipt in the console: an API key goes to a data plane only after its evidence was accepted, and nowhere else.
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./library.mjs";

const { judgeReceiptOf } = await load("prompt/receipt.ts", {
  "prompt/trust.ts": `export const trust = { value: { state: "unknown" } };
    export const verifiedPlane = (origin) => globalThis.evidence(origin, trust);`,
});
const accepted = (simulated) => ({ verdict: "accept", simulated, identity: { receiptEd25519: "00".repeat(32) } });
let sent = [];
globalThis.fetch = async (url, init) => {
  sent.push({ url, init });
  return new Response("{}", { status: 200 });
};
const ask = () => judgeReceiptOf("https://api.example.com", "rcpt-1", "sk-tr-v1-x", {});

test("receipt_of_a_refused_data_plane_is_not_asked_for", async () => {
  sent = [];
  globalThis.evidence = async (_, trust) => {
    trust.value = { state: "refused", verdict: { verdict: "reject", code: "MEASUREMENT", identity: { receiptEd25519: "00".repeat(32) } } };
    throw new Error("refused");
  };
  await assert.rejects(ask(), { code: "MEASUREMENT", message: /not sent to it/ });
  assert.deepEqual(sent, []);
});

test("receipt_of_an_accepted_data_plane_is_asked_for_without_redirects", async () => {
  sent = [];
  globalThis.evidence = async () => ({ verified: async () => ({ verdict: accepted(true) }) });
  const judged = await ask();
  assert.deepEqual([judged.evidence.simulated, judged.receipt.code], [true, "DOCUMENT"]);
  assert.deepEqual(sent.map((s) => [s.url, s.init.redirect, s.init.credentials]), [["https://api.example.com/v1/aci/receipts/rcpt-1", "error", "omit"]]);
});
