// The documents as data: markup in Markdown stays text, links lead to documents that are there, and the search finds words.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { anchorOf, readDocument, slugOf, writeDocs } from "../../../controlplane/web/docs.mjs";
import { load, root } from "./library.mjs";

const { respelled, search, wordsOf } = await load("pages/docs/search.ts");

function read(text, known = []) {
  const folder = mkdtempSync(join(tmpdir(), "tr-docs-"));
  try {
    writeFileSync(join(folder, "a.md"), text);
    return readDocument(folder, "a.md", new Set(["a.md", ...known])).nodes;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
const nodes = (node, tag, found = []) => {
  if (Array.isArray(node) && typeof node[0] === "string" && Array.isArray(node[2])) {
    if (node[0] === tag) found.push(node);
    node[2].forEach((n) => nodes(n, tag, found));
  } else if (Array.isArray(node)) node.forEach((n) => nodes(n, tag, found));
  return found;
};
const text = (node) => (typeof node === "string" ? node : node[2].map(text).join(""));

test("docs_slugs", () => {
  assert.equal(slugOf("docs/verify.md"), "verify");
  assert.equal(slugOf("docs/platforms/README.md"), "platforms");
  assert.equal(slugOf("catalog/README.md"), "source/catalog");
  assert.equal(slugOf("docs/catalog.md"), "catalog");
  assert.equal(slugOf("README.md"), "readme");
  assert.equal(slugOf("SECURITY.md"), "source/SECURITY");
});

test("docs_anchors", () => {
  const taken = new Set();
  assert.equal(anchorOf("1. What `runs` there: it", taken), "1-what-runs-there-it");
  assert.equal(anchorOf("Money", taken), "money");
  assert.equal(anchorOf("Money", taken), "money-1");
});

test("docs_markup_stays_text", () => {
  const got = read('# A\n\n<img src=x onerror="alert(1)"> and <b>bold</b>\n\n<script>alert(2)</script>\n\n![alt](x.png)\n\n`<i>` &amp; `&lt;`\n');
  const tags = new Set(JSON.stringify(got).match(/\["[a-z0-9]+",\{/g));
  assert.deepEqual([...tags].sort(), ['["code",{', '["h1",{', '["p",{']);
  const said = got.map(text).join("\n");
  assert.ok(said.includes("<script>alert(2)</script>"));
  assert.ok(said.includes('<img src=x onerror="alert(1)">'));
  assert.ok(said.includes("<i> & &lt;"));
});

test("docs_links", () => {
  const got = read("[one](docs/verify.md#pinning) [two](common) [three](#here) [four](https://example.com/) [five](common/x.c) [six](javascript:alert(1)) [seven](../../etc/passwd) [eight](http://example.com)",
    ["docs/verify.md", "common/README.md"]);
  assert.deepEqual(nodes(got, "a").map((n) => n[1].href), ["/docs/verify#pinning", "/docs/source/common", "#here", "https://example.com/"]);
  assert.ok(text(got[0]).includes("six") && text(got[0]).includes("eight"));
});

test("docs_of_the_repository_lead_to_each_other", () => {
  const folder = mkdtempSync(join(tmpdir(), "tr-docs-"));
  try {
    const list = JSON.parse(readFileSync(join(folder, writeDocs(root, folder).replace(/^\/assets\//, ""))));
    const documents = new Map(list.documents.map((d) => [d.slug, JSON.parse(readFileSync(join(folder, d.at.replace("/assets/", ""))))]));
    assert.ok(documents.size > 50, "documents");
    const broken = [];
    let links = 0;
    for (const [slug, d] of documents)
      for (const [, { href }] of nodes(d.nodes, "a")) {
        if (href.startsWith("https://")) continue;
        const [path, id] = href.split("#");
        const to = path === "" ? d : documents.get(path.replace("/docs/", ""));
        links++;
        if (!to || (id && ![...to.headings.map((h) => h.id), ...nodes(to.nodes, "h1").map((n) => n[1].id)].includes(id))) broken.push(`${slug}: ${href}`);
      }
    assert.ok(links > 100, `${links} links`);
    assert.deepEqual(broken, []);
    assert.equal(readdirSync(join(folder, "docs")).filter((f) => f.startsWith("search-")).length, 1);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("docs_search", () => {
  const index = [
    { slug: "keys", sections: [{ id: "", heading: "Keys", text: "A key has limits." }, { id: "rotation", heading: "Rotation", text: "The old key is good for an hour. <b>Not</b> longer." }] },
    { slug: "source/x", sections: [{ id: "", heading: "x", text: "rotation of keys, rotation" }] },
  ];
  assert.deepEqual(wordsOf("  Old, KEY a "), ["old", "key"]);
  assert.deepEqual(search(index, "rotation").map((h) => [h.slug, h.id]), [["keys", "rotation"], ["source/x", ""]]);
  assert.deepEqual(search(index, "old hour").map((h) => h.id), ["rotation"]);
  const [hit] = search(index, "hour");
  assert.deepEqual([hit.before, hit.match, hit.after.slice(0, 5)], ["The old key is good for an ", "hour", ". <b>"]);
  assert.deepEqual(search(index, "old limits"), []);
  assert.deepEqual(search(index, " "), []);
});

test("docs_search_takes_what_people_write", () => {
  const index = [
    { slug: "keys", sections: [{ id: "", heading: "Keys", text: "A key has a rate limit, and allow_simulated = on is set." }, { id: "rotation", heading: "Rotation", text: "The old key is good for an hour." }] },
    { slug: "receipts", sections: [{ id: "", heading: "Receipts", text: "A receipt is signed. The log head is the newest checkpoint of attestation." }] },
  ];
  const first = (text) => search(index, text)[0]?.heading;
  for (const [text, heading] of [["what is a receipt?", "Receipts"], ["How do I rotate a key", "Rotation"], ["signing", "Receipts"], ["`allow_simulated`", "Keys"], ['"log head"', "Receipts"], ["rate-limit", "Keys"], ["(hour)", "Rotation"]])
    assert.equal(first(text), heading, text);
  assert.deepEqual(search(index, '"head log"'), [], "a phrase keeps its order");
  assert.deepEqual(["attestaton", "recipet", "signde log"].map((t) => respelled(index, t)), ["attestation", "receipt", "signed log"]);
  assert.deepEqual(["xyzzy", "log", "receipts"].map((t) => respelled(index, t)), [null, null, null]);
  assert.deepEqual(wordsOf("what is it"), ["what", "is", "it"], "of fillers alone nothing is left out");
});
