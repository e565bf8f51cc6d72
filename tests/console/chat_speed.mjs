#!/usr/bin/env node
// An answer of 200 KB is written while the page stays usable: what is finished keeps its nodes, also when the answer is
// complete, and what is out of view is not laid out. Frames and long tasks are counted in the browser, and printed.
import { cases, DATA_PLANE, ok, until } from "./lib.mjs";
import { ONLY, openWithKey, reset, says } from "./provider.mjs";

const SIZE = 200_000;

const mixed = (size) => {
  const part = "## A section\n\nSome **bold** words, `code`, [a link](https://example.com/a) and a sentence that is long enough to be broken into lines.\n\n- one\n- two\n  - three\n\n```js\nconst x = 1; // a comment\nfunction f(y) { return x + y; }\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n";
  return part.repeat(Math.ceil(size / part.length)).slice(0, size);
};
const code = (size) => `\`\`\`c\n${"    int value = compute(first, second); /* a line of code */\n".repeat(Math.ceil(size / 61))}`.slice(0, size - 4) + "\n```";
const words = (size) => "a plain word and ".repeat(Math.ceil(size / 17)).slice(0, size);

const watch = (page) =>
  page.addInitScript(() => {
    window.speed = { tasks: [], frames: [] };
    new PerformanceObserver((list) => list.getEntries().forEach((e) => window.speed.tasks.push(e.duration))).observe({ type: "longtask" });
    let last = 0;
    const frame = (now) => {
      if (last !== 0) window.speed.frames.push(now - last);
      last = now;
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  });

const quantile = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0;

async function measured(t, name, text) {
  await reset();
  await says(ONLY, text, "chunk=8,cadence_us=500");
  const page = await openWithKey(t, "/app/chat", { before: watch });
  await page.getByText("Ask something").waitFor();
  await page.evaluate(() => (window.speed.tasks.length = window.speed.frames.length = 0));
  const began = performance.now();
  await page.getByLabel("Your message").fill(name);
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await until(() => page.evaluate((n) => (document.querySelector(".turn.assistant .md")?.textContent.length ?? 0) > n, text.length / 4), "a quarter is written");
  ok((await page.locator(".turn.assistant[aria-busy]").count()) === 1, "it is still being written");
  await page.evaluate(() => document.querySelectorAll(".turn.assistant .md *").forEach((e) => (e.seen = true)));
  const marked = await page.locator(".turn.assistant .md *").count();
  const answer = page.locator(".turn.assistant:not([aria-busy])");
  await answer.waitFor({ timeout: 50_000 });
  const took = performance.now() - began;
  const { tasks, frames } = await page.evaluate(() => ({ tasks: window.speed.tasks, frames: window.speed.frames.sort((a, b) => a - b) }));
  const long = tasks.reduce((a, b) => a + b, 0);
  const worst = Math.max(0, ...tasks);
  console.log(`# ${name}: ${Math.round(text.length / 1000)} KB in ${Math.round(took)} ms; frames p50 ${quantile(frames, 0.5).toFixed(0)} p95 ${quantile(frames, 0.95).toFixed(0)} max ${quantile(frames, 1).toFixed(0)} ms; ${tasks.length} long tasks, the longest ${Math.round(worst)} ms, ${Math.round((100 * long) / took)} % of the time`);
  ok((await answer.locator(".md").first().evaluate((e) => e.textContent.length)) > text.length * 0.5, "all of it is shown");
  const kept = await answer.locator(".md *").evaluateAll((all) => all.filter((e) => e.seen).length);
  ok(kept > marked * 0.8, `${kept} of ${marked} nodes were kept`);
  ok(t.sent("POST", /chat/, DATA_PLANE).length === 1, "one request");
}

await cases({
  mixed_markdown: (t) => measured(t, "mixed Markdown", mixed(SIZE)),
  one_block_of_code: (t) => measured(t, "one block of code", code(SIZE)),
  one_paragraph: (t) => measured(t, "one paragraph", words(SIZE)),
});
