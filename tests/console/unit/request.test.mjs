// A conversation becomes a request: what the reader typed is sent as he typed it, or said to be wrong before anything is sent.
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./library.mjs";

const { requestOf, readTools, faults, numberFault } = await load("prompt/request.ts");
const { newConversation, noSettings, titleOf } = await load("prompt/conversations.ts");
const { newAnswer, addEvent } = await load("prompt/answer.ts");

const MODEL = { architecture: { input_modalities: ["text", "image"] }, supported_parameters: ["tools", "reasoning"], trustedrouter: { kind: "chat" } };
const user = (text, images = []) => ({ id: text, role: "user", text, images });
const of = (turns, settings = {}) => ({ ...newConversation("m", { ...noSettings, ...settings }), turns });

test("request_only_what_is_set", () => {
  assert.deepEqual(requestOf(of([user("hi")]), MODEL), { model: "m", messages: [{ role: "user", content: "hi" }] });
});

test("request_parameters_and_preferences", () => {
  const r = requestOf(of([user("hi")], { system: "be brief", temperature: "0", topP: "0.5", maxTokens: "7", effort: "low", zdr: true, order: "a, b", ignore: "c" }), MODEL);
  assert.deepEqual(r.messages[0], { role: "system", content: "be brief" });
  assert.deepEqual([r.temperature, r.top_p, r.max_tokens, r.reasoning, r.provider], [0, 0.5, 7, { effort: "low" }, { zdr: true, order: ["a", "b"], ignore: ["c"] }]);
});

test("request_pictures_only_for_models_that_take_them", () => {
  const c = of([user("look", [{ name: "x", url: "data:image/png;base64,AA" }])]);
  assert.deepEqual(requestOf(c, MODEL).messages[0].content.map((p) => p.type), ["text", "image_url"]);
  assert.equal(requestOf(c, { ...MODEL, architecture: { input_modalities: ["text"] } }).messages[0].content, "look");
});

test("request_calls_and_results", () => {
  const answer = { ...newAnswer(), toolCalls: [{ id: "1", name: "f", arguments: "{}" }] };
  const r = requestOf(of([user("hi"), { id: "a", role: "assistant", asked: "m", answer, results: { 1: "ok" } }]), MODEL);
  assert.deepEqual(r.messages.slice(1), [{ role: "assistant", content: null, tool_calls: [{ id: "1", type: "function", function: { name: "f", arguments: "{}" } }] }, { role: "tool", tool_call_id: "1", content: "ok" }]);
});

test("request_calls_that_were_cut_are_not_sent", () => {
  const trouble = { code: "x", status: 0, message: "", retryAfterS: null };
  for (const more of [{ stopped: true }, { trouble }]) {
    const answer = { ...newAnswer(), text: "I look", toolCalls: [{ id: "1", name: "f", arguments: '{"a":' }], ...more };
    const r = requestOf(of([user("hi"), { id: "a", role: "assistant", asked: "m", answer, results: {} }, user("go on")]), MODEL);
    assert.deepEqual(r.messages.slice(1), [{ role: "assistant", content: "I look" }, { role: "user", content: "go on" }]);
  }
});

test("request_orchestrations_are_asked_for_events", () => {
  const r = requestOf(of([user("hi")]), { ...MODEL, trustedrouter: { kind: "synth" } });
  assert.deepEqual(r.tools, [{ type: "trustedrouter:synth", parameters: { events: true, event_text: true } }]);
});

test("request_tools_that_are_typed", () => {
  const fn = { name: "f", parameters: {} };
  for (const text of [JSON.stringify(fn), JSON.stringify([fn]), JSON.stringify({ type: "function", function: fn })]) assert.deepEqual(readTools(text), { tools: [{ type: "function", function: fn }], wrong: null });
  for (const text of ["{", "[1]", "null", '{"type":"function"}', '[{"name":1}]']) assert.ok(readTools(text).wrong, text);
  assert.deepEqual(readTools("  "), { tools: [], wrong: null });
});

test("request_numbers_that_are_typed", () => {
  assert.equal(numberFault("", 0, 2, false), null);
  for (const text of ["3", "-1", "x", "NaN", "1e400"]) assert.ok(numberFault(text, 0, 2, false), text);
  assert.ok(numberFault("1.5", 1, 9, true));
  assert.deepEqual(Object.keys(faults({ ...noSettings, temperature: "9", tools: "{" })), ["temperature", "tools"]);
});

test("answer_parts_of_calls_are_put_together", () => {
  const answer = newAnswer();
  const call = (more) => addEvent(answer, { kind: "tool_call", choice: 0, call: 0, id: null, name: null, arguments: "", ...more });
  call({ id: "1", name: "f" });
  call({ arguments: '{"a"' });
  call({ arguments: ":1}" });
  call({ call: 9, id: "x" });
  call({ choice: 1, arguments: "other" });
  assert.deepEqual(answer.toolCalls, [{ id: "1", name: "f", arguments: '{"a":1}' }]);
});

test("answer_calls_have_ids_of_their_own", () => {
  for (const ids of [["same", "same"], ["", ""], [null, null]]) {
    const answer = newAnswer();
    ids.forEach((id, call) => addEvent(answer, { kind: "tool_call", choice: 0, call, id, name: "f", arguments: "{}" }));
    assert.equal(new Set(answer.toolCalls.map((c) => c.id || "none")).size, 2, JSON.stringify(answer.toolCalls));
  }
});

test("answer_pictures_are_never_fetched", () => {
  const answer = newAnswer();
  for (const url of ["https://elsewhere.example/x.png", "data:image/png;base64,AA"]) addEvent(answer, { kind: "image", choice: 0, url });
  assert.deepEqual(answer.images, ["data:image/png;base64,AA"]);
});

test("answer_titles", () => {
  assert.equal(titleOf("  first line\nsecond"), "first line");
  assert.equal(titleOf("x".repeat(90)).length, 48);
  assert.equal(titleOf(""), "Pictures");
});
