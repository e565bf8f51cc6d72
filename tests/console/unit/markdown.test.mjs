// A text that grows is read from where it is finished: what is shown must not depend on how it was cut, and no address
// that could run something is linked.
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./library.mjs";

const { Blocks, safeAddress } = await load("ui/markdown.tsx");

const TEXT = "# Title\n\nwords *and* words\n\n- one\n\n- two\n  - deep\n\n```js\nlet a;\n\nlet b;\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\nlast\n===\n\n> quote\nlazy\n\n1. x\n2. y\n\n<div>\nhtml\n</div>\n\nend ".repeat(9);
const shown = (blocks, open) => [...blocks.parts.flat(), ...open].map((t) => [t.type, t.raw.trimEnd()]);

function grown(text, step) {
  const blocks = new Blocks();
  let open = [];
  for (let n = step; n < text.length + step; n += step) open = blocks.update(text.slice(0, n));
  return shown(blocks, open);
}

function whole(text) {
  const blocks = new Blocks();
  return shown(blocks, blocks.update(text));
}

test("markdown_growing_text_is_the_whole_text", () => {
  for (const step of [1, 2, 3, 7, 64, 1000]) assert.deepEqual(grown(TEXT, step), whole(TEXT), `steps of ${step}`);
});

test("markdown_finished_blocks_keep_their_identity", () => {
  const blocks = new Blocks();
  blocks.update(TEXT.slice(0, 900));
  const before = blocks.parts.flat();
  assert.ok(before.length > 5);
  blocks.update(TEXT.slice(0, 1400));
  before.forEach((token, i) => assert.equal(blocks.parts.flat()[i], token));
});

test("markdown_another_text_starts_anew", () => {
  const blocks = new Blocks();
  blocks.update(TEXT);
  assert.deepEqual(shown(blocks, blocks.update("other *words*\n\nand more")), whole("other *words*\n\nand more"));
});

test("markdown_ends_of_lines", () => {
  assert.deepEqual(grown(TEXT.replaceAll("\n", "\r\n"), 5), whole(TEXT));
});

test("markdown_nothing_makes_the_lexer_throw", () => {
  for (const text of ["> ".repeat(5000), "- ".repeat(3000), "*".repeat(9000), "[".repeat(4000), "`".repeat(4001), "| ".repeat(2000), "\n".repeat(3000)]) whole(text);
});

const children = (t) => [...(t.tokens ?? []), ...(t.items ?? []), ...(t.header ?? []), ...(t.rows ?? []).flat()];
const levels = (tokens) => tokens.reduce((most, t) => Math.max(most, 1 + levels(children(t))), 0);

test("markdown_nesting_is_bounded", () => {
  const list = Array.from({ length: 300 }, (_, i) => `${"  ".repeat(i)}- item`).join("\n");
  for (const [name, text] of Object.entries({ quotes: `${"> ".repeat(10_000)}deep`, lists: `${"- ".repeat(10_000)}deep`, both: `${"> 1. ".repeat(5000)}deep`, list, strong: `${"**_".repeat(900)}a${"_**".repeat(900)}` })) {
    const depth = levels(new Blocks().update(text));
    assert.ok(depth > 3 && depth < 100, `${name}: ${depth} levels`);
  }
});

const cost = (text) => Math.min(...[1, 2, 3].map(() => {
  const before = process.cpuUsage();
  new Blocks().update(text);
  const used = process.cpuUsage(before);
  return used.user + used.system;
}));

test("markdown_a_long_paragraph_costs_what_its_length_does", () => {
  for (const part of ["_a", "a."]) {
    const [short, long] = [cost(part.repeat(8_000)), cost(part.repeat(64_000))];
    assert.ok(long < 24 * short, `${part}: 8 times as long costs ${(long / short).toFixed(1)} times as much`);
  }
});

test("markdown_addresses", () => {
  for (const href of ["https://a.example/x", "http://a.example", "mailto:a@b.example"]) assert.ok(safeAddress(href), href);
  for (const href of ["javascript:alert(1)", " JavaScript:alert(1)", "\tjava\nscript:alert(1)", "data:text/html,x", "vbscript:x", "file:///etc/passwd", "blob:https://a/1", "/app/keys", "//host/x", "x", "", "&#106;avascript:x"])
    assert.equal(safeAddress(href), null, JSON.stringify(href));
});
