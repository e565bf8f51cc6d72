// One question of the playground: what is shown of its answer is what was encrypted, not the head that anybody in between writes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./library.mjs";

globalThis.requestAnimationFrame = (f) => setTimeout(f, 0);
globalThis.cancelAnimationFrame = clearTimeout;
const { ask } = await load("prompt/ask.ts");

const stream = (text) => new Blob([text]).stream();
const chunk = (members) => `data: ${JSON.stringify({ id: "gen-1", choices: [], ...members })}\n\n`;
const head = { requestId: "r", generationId: "g", receiptId: "rcpt-1", provider: "Forged Provider", model: "forged/model", boot: "b1" };
const plane = (text) => ({ bytes: async () => ({ head, body: stream(text) }) });

async function answerOf(text) {
  const told = [];
  const answer = await ask(plane(text), "key", { model: "a/b" }, (a) => told.push(a), new AbortController().signal);
  return { answer, told };
}

test("ask_model_and_provider_are_those_of_the_encrypted_stream", async () => {
  const { answer, told } = await answerOf(chunk({ model: "demo/echo", provider: "Demo A" }) + "data: [DONE]\n\n");
  assert.deepEqual([answer.model, answer.provider, answer.receiptId, answer.boot, answer.trouble], ["demo/echo", "Demo A", "rcpt-1", "b1", null]);
  assert.ok(!JSON.stringify(told).includes("orged"));
});

test("ask_a_stream_that_names_neither_shows_neither", async () => {
  const { answer, told } = await answerOf(chunk({ error: { message: "no", code: 502 } }));
  assert.deepEqual([answer.model, answer.provider, answer.trouble?.message], [null, null, "no"]);
  assert.ok(!JSON.stringify(told).includes("orged"));
});

test("ask_a_page_that_draws_slowly_is_told_seldom", async () => {
  const parts = Array.from({ length: 60 }, (_, i) => chunk({ model: "a/b", choices: [{ index: 0, delta: { content: `${i} ` } }] }));
  const body = new ReadableStream({
    async pull(c) {
      await new Promise((r) => setTimeout(r, 10));
      const next = parts.shift();
      c.enqueue(new TextEncoder().encode(next ?? "data: [DONE]\n\n"));
      if (next === undefined) c.close();
    },
  });
  let drawn = 0;
  const began = performance.now();
  const draw = () => {
    drawn++;
    for (const end = performance.now() + 60; performance.now() < end; );
  };
  const answer = await ask({ bytes: async () => ({ head, body }) }, "key", { model: "a/b" }, draw, new AbortController().signal);
  const share = (60 * drawn) / (performance.now() - began);
  assert.ok(share < 0.6, `drawing took ${Math.round(100 * share)} % of the time`);
  assert.ok(answer.text.endsWith("59 "), "and all of it is there");
});
