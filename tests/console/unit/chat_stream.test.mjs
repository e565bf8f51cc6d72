// A chat completion's stream as the playground reads it: the same events wherever the bytes are cut, and no end that did not come.
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./library.mjs";

const { ChatParser, eventsOf } = await load("prompt/chat_stream.ts");

const chunk = (members) => `data: ${JSON.stringify({ id: "gen-1", model: "demo/echo", provider: "Demo A", ...members })}\n\n`;
const delta = (d, finish_reason = null) => chunk({ choices: [{ index: 0, delta: d, finish_reason }] });
const panel = { synth: { event: { type: "panel.done", index: 1, model: "a/b", refused: false, error: null, prompt_tokens: 3, completion_tokens: 4, elapsed_ms: 5, cost: 0.5 } } };

const STREAM = [
  "\ufeff: keep-alive\n\n",
  delta({ role: "assistant", content: "" }),
  delta({ reasoning: "hm, é" }),
  delta({ content: "Grüße 🎉" }).replaceAll("\n", "\r\n"),
  "event: x\rid: 1\rdata:" + JSON.stringify({ model: "demo/echo", choices: [{ index: 1, delta: { content: "two" } }] }) + "\r\r",
  "data: {\"choices\":[{\"index\":0,\r\ndata: \"delta\":{\"content\":\"lines\"}}]}\r\n\r\n",
  delta({ tool_calls: [{ index: 0, id: "call_1", type: "function", function: { name: "look", arguments: "{\"a\"" } }] }),
  delta({ tool_calls: [{ index: 0, function: { arguments: ":1}" } }] }),
  delta({ images: [{ type: "image_url", image_url: { url: "data:image/png;base64,AA" } }, { image_url: { url: "javascript:alert(1)" } }] }),
  chunk({ choices: [], trustedrouter: panel }),
  delta({}, "stop"),
  "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":8,\"completion_tokens\":1,\"total_tokens\":9,\"prompt_tokens_details\":{\"cached_tokens\":2},\"cost\":0.000005500000000001}}\n\n",
  "data: [DONE]\n\n",
].join("");

const EVENTS = [
  { kind: "model", id: "gen-1", model: "demo/echo", provider: "Demo A" },
  { kind: "reasoning", choice: 0, text: "hm, é" },
  { kind: "content", choice: 0, text: "Grüße 🎉" },
  { kind: "content", choice: 1, text: "two" },
  { kind: "content", choice: 0, text: "lines" },
  { kind: "tool_call", choice: 0, call: 0, id: "call_1", name: "look", arguments: "{\"a\"" },
  { kind: "tool_call", choice: 0, call: 0, id: null, name: null, arguments: ":1}" },
  { kind: "image", choice: 0, url: "data:image/png;base64,AA" },
  { kind: "synth", event: { type: "panel.done", index: 1, model: "a/b", text: null, refused: false, error: null, promptTokens: 3, completionTokens: 4, elapsedMs: 5, cost: "0.5" } },
  { kind: "finish", choice: 0, reason: "stop" },
  { kind: "usage", usage: { promptTokens: 8, completionTokens: 1, totalTokens: 9, cachedTokens: 2, reasoningTokens: null, cost: "0.000005500000000001" } },
  { kind: "done" },
];

function parsed(...pieces) {
  const p = new ChatParser();
  return [...pieces.flatMap((b) => p.push(b)), ...p.end()];
}

const bytes = new TextEncoder().encode(STREAM);

test("chat_stream_events", () => assert.deepEqual(parsed(bytes), EVENTS));

test("chat_stream_is_the_same_wherever_it_is_cut", () => {
  for (let at = 0; at <= bytes.length; at++) assert.deepEqual(parsed(bytes.subarray(0, at), bytes.subarray(at)), EVENTS, `cut at ${at}`);
  assert.deepEqual(parsed(...[...bytes].map((b) => Uint8Array.of(b))), EVENTS);
});

test("chat_stream_without_its_end_is_an_error", () => {
  const end = new TextEncoder().encode("data: [DONE]\n\n").length;
  for (let at = 0; at <= bytes.length - end; at++) assert.throws(() => parsed(bytes.subarray(0, at)), { code: "truncated" });
});

test("chat_stream_an_error_is_its_last_event", () => {
  const text = delta({ content: "a" }) + chunk({ choices: [{ index: 0, delta: {}, finish_reason: "error" }], error: { code: 502, message: "No.", metadata: { error_type: "provider" } } }) + delta({ content: "b" });
  const events = parsed(new TextEncoder().encode(text));
  assert.deepEqual(events.map((e) => e.kind), ["model", "content", "finish", "error"]);
  const { failure } = events[3];
  assert.deepEqual([failure.code, failure.message, failure.status, failure.reason], ["refused", "No.", 502, "provider"]);
});

test("chat_stream_what_is_no_chunk", () => {
  for (const data of ["{", "undefined", "{\"choices\":"]) assert.throws(() => eventsOf(data), { code: "malformed" });
  for (const data of ["null", "1", "[]", "{}", "{\"choices\":{}}", "{\"choices\":[null,1,{\"delta\":3,\"index\":\"x\"}],\"usage\":7,\"trustedrouter\":[]}"])
    assert.deepEqual(eventsOf(data), []);
  const long = new ChatParser();
  const piece = new TextEncoder().encode("x".repeat(1 << 20));
  assert.throws(() => { for (let i = 0; i < 10; i++) long.push(piece); }, { code: "malformed" });
});

test("chat_stream_a_whole_answer", () => {
  const json = JSON.stringify({ choices: [{ index: 0, message: { role: "assistant", content: "hi", reasoning: "so" }, finish_reason: "stop" }] });
  assert.deepEqual(eventsOf(json).map((e) => e.kind), ["reasoning", "content", "finish"]);
});
