// Encrypted bodies in the browser: what is sent opens with the attested key only, and of what comes back nothing is shown that
// was changed, put in another order or cut off, wherever the bytes are cut on their way.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { newKey, openRequest, sealAnswer } from "./ehbp_server.mjs";
import { load, root } from "./library.mjs";

const { AttestedKey, sealRequest, KEY_HEADER, NONCE_HEADER } = await load("prompt/ehbp.ts");

const boot = newKey();
const accepted = (key = boot) => ({ verdict: "accept", identity: { hpkeX25519: key.publicKey.toString("hex"), boot: "b1" } });
const bytes = (text) => new TextEncoder().encode(text);
const STREAM = ["data: {\"a\":\"é\"}\n\n", ": keep-alive\n\n", "data: {\"b\":1}\n\ndata: {\"c\":2}\n\n", "data: [DONE]\n\n"];

function bodyOf(pieces) {
  const left = [...pieces];
  return new ReadableStream({
    pull(c) {
      const next = left.shift();
      if (next === undefined) c.close();
      else c.enqueue(new Uint8Array(next));
    },
  });
}

async function asked(parts, expected = "events") {
  const request = await sealRequest(AttestedKey.of(accepted()), bytes("{\"prompt\":1}"), expected);
  const server = openRequest(boot, request.headers[KEY_HEADER], request.body);
  const answer = sealAnswer(server, parts.map(bytes));
  return { request, server, answer, wire: Buffer.concat(answer.frames) };
}

const opened = ({ request, answer }, pieces, headers = {}) =>
  request.open(new Response(bodyOf(pieces), { status: 200, headers: { [NONCE_HEADER]: answer.nonce, ...headers } }));

async function read(answer) {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of (await answer).body) text += decoder.decode(chunk, { stream: true });
  return text;
}

const fails = (promise, code) => assert.rejects(promise, (e) => e.code === code || assert.fail(`${e.code ?? e}, not ${code}`));

test("ehbp_a_request_opens_with_the_attested_key", async () => {
  const { server, request } = await asked(STREAM);
  assert.equal(server.plain.toString(), "{\"prompt\":1}");
  assert.match(request.headers[KEY_HEADER], /^[0-9a-f]{64}$/);
  assert.throws(() => openRequest(newKey(), request.headers[KEY_HEADER], request.body));
  const second = await sealRequest(AttestedKey.of(accepted()), bytes("{\"prompt\":1}"), "events");
  assert.notEqual(second.headers[KEY_HEADER], request.headers[KEY_HEADER]);
});

test("ehbp_only_accepted_evidence_gives_a_key", () => {
  for (const verdict of ["reject", "unsupported", "malformed", "unreachable"])
    assert.throws(() => AttestedKey.of({ ...accepted(), verdict }), { code: "not_verified" });
  assert.throws(() => AttestedKey.of({ verdict: "accept", identity: null }), { code: "not_verified" });
  assert.throws(() => AttestedKey.of({ verdict: "accept", identity: { hpkeX25519: "00" } }), { code: "not_verified" });
});

test("ehbp_an_answer_is_the_same_wherever_it_is_cut", async () => {
  const a = await asked(STREAM);
  for (let at = 0; at <= a.wire.length; at++)
    assert.equal(await read(opened(a, [a.wire.subarray(0, at), a.wire.subarray(at)])), STREAM.join(""), `cut at ${at}`);
  assert.equal(await read(opened(a, [...a.wire].map((b) => [b]))), STREAM.join(""), "byte by byte");
  const empty = Buffer.alloc(4);
  assert.equal(await read(opened(a, [empty, ...a.answer.frames.flatMap((f) => [f, empty])])), STREAM.join(""), "empty frames");
});

// A nonce counts in more than one byte.
test("ehbp_an_answer_has_as_many_frames_as_it_wants", async () => {
  const parts = [...Array.from({ length: 700 }, (_, i) => `data: {"n":${i}}\n\n`), "data: [DONE]\n\n"];
  const a = await asked(parts);
  assert.equal(await read(opened(a, [a.wire])), parts.join(""));
});

test("ehbp_a_changed_byte_is_never_shown", async () => {
  const a = await asked(STREAM);
  for (let at = 0; at < a.wire.length; at++) {
    const wire = Buffer.from(a.wire);
    wire[at] ^= 1;
    await assert.rejects(read(opened(a, [wire])), (e) => ["damaged", "malformed", "truncated"].includes(e.code), `byte ${at}`);
  }
  await fails(read(opened(a, [a.answer.frames[1], a.answer.frames[0]])), "damaged");
  await fails(read(opened(a, [a.answer.frames[0], a.answer.frames[0]])), "damaged");
  const other = await asked(STREAM);
  await fails(read(opened({ ...a, answer: other.answer }, [a.wire])), "damaged");
  await fails(read(opened(a, [other.wire])), "damaged");
});

test("ehbp_an_answer_that_is_cut_off_is_an_error", async () => {
  const a = await asked(STREAM);
  for (let at = 0; at < a.wire.length; at++) await fails(read(opened(a, [a.wire.subarray(0, at)])), "truncated");
  /* The head is not encrypted: who cuts can also say that it is something else. */
  const lie = { "content-type": "application/octet-stream" };
  await fails(read(opened(a, a.answer.frames.slice(0, 3), lie)), "truncated");
  await fails(read(opened(a, [a.wire, a.answer.frames[0].subarray(0, 7)])), "truncated"); // half a part behind the end
});

test("ehbp_what_ends_an_answer", async () => {
  const table = [
    ["events", ["data: {\"error\":{\"message\":\"x\"}}\n\n"], true],
    ["events", ["event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"], true],
    ["events", ["event: response.completed\ndata: {}\n\n"], true],
    ["events", ["event: message_delta\ndata: {}\n\n"], false],
    ["events", ["data: [DONE]"], false],
    ["events", ["data: {\"error\":null}\n\n"], false],
    ["events", ["data: {\"x\":\"data: [DONE]\"}\n\n"], false],
    ["events", ["{\"error\":", "{}}"], true],
    ["events", ["{\"error\":"], false],
    ["events", [], false],
    ["json", ["{\"a\":[1,", "2]} \n"], true],
    ["json", ["{\"a\":[1,"], false],
    ["json", [], false],
    ["bytes", ["RIFF"], true],
  ];
  for (const [expected, parts, whole] of table) {
    const a = await asked(parts, expected);
    if (whole) assert.equal(await read(opened(a, a.answer.frames)), parts.join(""));
    else await fails(read(opened(a, a.answer.frames)), "truncated");
  }
});

test("ehbp_an_answer_that_is_not_encrypted_is_not_shown", async () => {
  const { request } = await asked(STREAM);
  await fails(request.open(new Response("{}", { status: 200 })), "unsealed");
  await fails(request.open(new Response("{}", { status: 502 })), "unsealed");
  await fails(request.open(new Response("{}", { headers: { [NONCE_HEADER]: "ab" } })), "unsealed");
});

test("ehbp_a_frame_that_is_too_long_is_not_waited_for", async () => {
  const a = await asked(STREAM);
  await fails(read(opened(a, [Buffer.from("04000001", "hex"), Buffer.alloc(16)])), "malformed");
});

test("ehbp_without_x25519_in_the_browser", async () => {
  const { generateKey, importKey } = crypto.subtle;
  const refuses = (real) => function (...args) {
    if (JSON.stringify(args).includes("X25519")) throw new DOMException("Unrecognized name.", "NotSupportedError");
    return real.apply(crypto.subtle, args);
  };
  crypto.subtle.generateKey = refuses(generateKey);
  crypto.subtle.importKey = refuses(importKey);
  try {
    /* A module of its own, which has not looked yet. */
    const fresh = await import(pathToFileURL(join(root, "build/console/unit/prompt_ehbp_ts.mjs")).href + "?without");
    const request = await fresh.sealRequest(fresh.AttestedKey.of(accepted()), bytes("hello"), "events");
    const server = openRequest(boot, request.headers[KEY_HEADER], request.body);
    assert.equal(server.plain.toString(), "hello");
    const answer = sealAnswer(server, STREAM.map(bytes));
    assert.equal(await read(opened({ request, answer }, answer.frames)), STREAM.join(""));
  } finally {
    delete crypto.subtle.generateKey;
    delete crypto.subtle.importKey;
  }
});
