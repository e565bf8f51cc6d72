// The playground's client of a data plane: nothing is sent before evidence was accepted, a verdict counts for ten minutes and for
// one boot, and what is said to the reader is the data plane's word, not that of whoever stands in between.
import assert from "node:assert/strict";
import { test } from "node:test";
import { newKey, openRequest, sealAnswer } from "./ehbp_server.mjs";
import { load } from "./library.mjs";

const { DataPlane } = await load("prompt/dataplane.ts");

const DONE = "data: {\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"}}]}\n\ndata: [DONE]\n\n";
const PROBLEM = JSON.stringify({ type: "urn:ietf:params:ehbp:error:key-config", title: "key configuration mismatch" });
const CALL = { apiKey: "sk-tr-v1-x" };
const HELLO = { model: "m", messages: [{ role: "user", content: "hello" }] };

/** A data plane of one boot at a time; the answers are what `say` gives. */
function rig(say = () => [DONE]) {
  const r = { now: 0, boot: newKey(), proves: null, verified: 0, sent: [], verdict: "accept", told: [], status: 200, headers: {}, clear: null };
  r.fetch = async (url, init) => {
    r.sent.push({ url, init });
    if (r.clear !== null) return r.clear();
    init.signal?.throwIfAborted();
    let request;
    try {
      request = openRequest(r.boot, init.headers["ehbp-encapsulated-key"], init.body);
    } catch {
      return new Response(PROBLEM, { status: 422, headers: { "content-type": "application/problem+json" } });
    }
    r.asked = JSON.parse(request.plain);
    const { nonce, frames } = sealAnswer(request, say().map((t) => Buffer.from(t)));
    return new Response(Buffer.concat(frames), { status: r.status, headers: { "ehbp-response-nonce": nonce, "x-request-id": "r1", "content-type": "text/event-stream", ...r.headers } });
  };
  r.verify = async () => {
    r.verified++;
    return { verdict: r.verdict, identity: { boot: `b${r.verified}`, hpkeX25519: (r.proves ?? r.boot).publicKey.toString("hex") } };
  };
  r.plane = new DataPlane("https://api.example.com/v1", { fetch: r.fetch, verify: r.verify, now: () => r.now, onVerdict: (v) => r.told.push(v.verdict) });
  return r;
}

async function chat(r, options = CALL) {
  const events = [];
  const answer = await r.plane.chat(HELLO, options);
  for await (const e of answer.events) events.push(e);
  return { ...answer, events };
}

const fails = (promise, code) => assert.rejects(promise, (e) => e.code === code || assert.fail(`${e.code ?? e}, not ${code}`));

test("dataplane_a_chat", async () => {
  const r = rig();
  const { head, events } = await chat(r);
  assert.deepEqual(events.map((e) => e.kind), ["model", "content", "done"]);
  assert.deepEqual([head.boot, head.requestId], ["b1", "r1"]);
  assert.deepEqual(r.asked, { ...HELLO, stream: true, stream_options: { include_usage: true } });
  const { url, init } = r.sent[0];
  assert.equal(url, "https://api.example.com/api/v1/chat/completions");
  assert.deepEqual([init.credentials, init.redirect, init.cache], ["omit", "error", "no-store"]);
  assert.equal(init.headers.authorization, "Bearer sk-tr-v1-x");
  assert.ok(!Buffer.from(init.body).includes("hello"));
});

test("dataplane_nothing_is_sent_to_a_plane_that_is_refused", async () => {
  for (const [verdict, code] of [["reject", "not_verified"], ["malformed", "not_verified"], ["unsupported", "not_verified"], ["unreachable", "unreachable"]]) {
    const r = rig();
    r.verdict = verdict;
    await fails(chat(r), code);
    assert.equal(r.sent.length, 0);
    assert.deepEqual(r.told, [verdict]);
    assert.equal(r.plane.current, null);
  }
});

test("dataplane_a_verdict_counts_for_ten_minutes", async () => {
  const r = rig();
  await Promise.all([chat(r), chat(r), chat(r)]);
  assert.equal(r.verified, 1);
  r.now = 599_999;
  await chat(r);
  assert.equal(r.verified, 1);
  r.now = 600_000;
  assert.equal(r.plane.current, null);
  r.verdict = "reject";
  await fails(chat(r), "not_verified");
  assert.equal(r.sent.length, 4);
  r.verdict = "accept";
  await chat(r);
  assert.equal(r.verified, 3);
});

test("dataplane_another_boot_has_to_prove_itself", async () => {
  const r = rig();
  await chat(r);
  r.boot = newKey();
  const { head } = await chat(r);
  assert.deepEqual([r.verified, head.boot, r.sent.length], [2, "b2", 3]);
  r.boot = newKey();
  r.verdict = "reject";
  await fails(chat(r), "not_verified");
  assert.equal(r.sent.length, 4);
  assert.equal(r.plane.current, null); // the verdict of the boot before counts no more
});

test("dataplane_a_key_that_does_not_open_is_said", async () => {
  const r = rig();
  r.proves = newKey();
  await fails(chat(r), "changed_key");
  assert.deepEqual([r.verified, r.sent.length], [2, 2]);
});

test("dataplane_a_refusal_is_told_in_its_words", async () => {
  const error = { code: 402, message: "Not enough credit.", metadata: { code: "insufficient_credits", param: "max_tokens" } };
  const r = rig(() => [JSON.stringify({ error })]);
  r.status = 402;
  r.headers = { "retry-after": "7" };
  await assert.rejects(chat(r), (e) => {
    assert.deepEqual([e.code, e.message, e.status, e.reason, e.param, e.retryAfterS, e.requestId], ["refused", "Not enough credit.", 402, "insufficient_credits", "max_tokens", 7, "r1"]);
    return true;
  });
  r.status = 200; // what the clear head says changes nothing
  await fails(chat(r), "refused");
  await fails(r.plane.json("/v1/embeddings", {}, CALL), "refused");
});

test("dataplane_what_comes_unencrypted_is_not_believed", async () => {
  for (const clear of [
    () => new Response(DONE, { headers: { "content-type": "text/event-stream" } }),
    () => new Response("{\"error\":{\"message\":\"pay me\"}}", { status: 402 }),
    () => new Response("<html>", { status: 502 }),
    () => new Response("{}", { status: 422, headers: { "content-type": "application/problem+json" } }),
  ]) {
    const r = rig();
    r.clear = clear;
    await fails(chat(r), "unsealed");
    assert.equal(r.sent.length, 1);
  }
});

test("dataplane_json_and_bytes", async () => {
  const r = rig(() => ["{\"data\":", "[1]}"]);
  assert.deepEqual((await r.plane.json("/v1/embeddings", { input: "x" }, CALL)).json, { data: [1] });
  assert.equal(r.sent[0].url, "https://api.example.com/v1/embeddings");
  const sound = rig(() => ["RIFF"]);
  const { body } = await sound.plane.bytes("/v1/audio/speech", {}, "bytes", CALL);
  assert.equal(await new Response(body).text(), "RIFF");
  await fails(rig(() => ["{\"data\":"]).plane.json("/v1/embeddings", {}, CALL), "truncated");
  await fails(rig(() => ["{\"data\":]}"]).plane.json("/v1/embeddings", {}, CALL), "malformed");
});

test("dataplane_an_abort_is_an_abort", async () => {
  const r = rig();
  const stop = new AbortController();
  r.clear = () => Promise.reject(new TypeError("fetch failed"));
  await fails(chat(r), "unreachable");
  r.clear = null;
  stop.abort();
  await assert.rejects(chat(r, { ...CALL, signal: stop.signal }), { name: "AbortError" });
});

test("dataplane_a_reader_that_stops_ends_the_request", async () => {
  const r = rig(() => Array(100).fill(DONE.replace("data: [DONE]\n\n", "")));
  let cancelled = false;
  const real = r.fetch;
  r.plane = new DataPlane("https://api.example.com", {
    verify: r.verify,
    fetch: async (...args) => {
      const answer = await real(...args);
      const whole = new Uint8Array(await answer.arrayBuffer());
      const body = new ReadableStream({ start: (c) => c.enqueue(whole), cancel: () => { cancelled = true; } });
      return new Response(body, { status: 200, headers: answer.headers });
    },
  });
  const { events } = await r.plane.chat(HELLO, CALL);
  for await (const e of events) if (e.kind === "content") break;
  assert.ok(cancelled);
});

test("dataplane_a_connection_that_breaks_is_said", async () => {
  const r = rig();
  const real = r.fetch;
  r.plane = new DataPlane("https://api.example.com", {
    verify: r.verify,
    fetch: async (...args) => {
      const answer = await real(...args);
      const whole = new Uint8Array(await answer.arrayBuffer());
      const body = new ReadableStream({ start: (c) => { c.enqueue(whole); setTimeout(() => c.error(new TypeError("network error")), 5); } });
      return new Response(body, { status: 200, headers: answer.headers });
    },
  });
  await fails(chat(r), "truncated");
});
