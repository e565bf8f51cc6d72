// The sentence for what went wrong while signing in: its name comes out of an address, which anybody may write.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { load, root } from "./library.mjs";

const { sentenceOf } = await load("pages/sign/words.ts");

test("words_of_names", () => {
  assert.equal(sentenceOf(null), null);
  assert.notEqual(sentenceOf("state"), sentenceOf("nothing_of_ours"));
  for (const name of ["", "nothing_of_ours", "constructor", "__proto__", "toString"]) assert.equal(sentenceOf(name), "Signing in did not work. Begin again.", name);
});

// Every name that the server puts into that address has a sentence of its own.
test("words_of_the_server", () => {
  const source = readFileSync(join(root, "controlplane/api/oidc.c"), "utf8");
  const list = /outcomes\[\] = \{([^}]*)\}/.exec(source)[1];
  const names = [...list.matchAll(/"(\w+)"/g), ...source.matchAll(/\bfail\(c, "(\w+)"\)/g)].map(([, name]) => name);
  assert.ok(names.length >= 13, `${names.length} names are found`);
  for (const name of names) assert.notEqual(sentenceOf(name), sentenceOf("nothing_of_ours"), name);
});
