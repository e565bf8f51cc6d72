// The repository's Markdown as data: a list of documents, one file of nodes for each, and an index for searching. Nodes are
// text or [tag, attributes, children]; docs/markdown.tsx makes elements of them. Markup in the Markdown stays text.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join, posix } from "node:path";
import { marked } from "marked";

const SKIPPED = new Set(["node_modules", "build", "run", ".git", "tests"]); // tests/README.md says what there is
const GROUPS = [
  ["Start", ["README.md", "docs/clients.md", "docs/migrate-from-openrouter.md", "docs/README.md"]],
  ["Using models", ["docs/routing.md", "docs/catalog.md", "docs/messages.md", "docs/responses.md", "docs/embeddings.md", "docs/modalities.md", "docs/synth.md", "docs/keys.md", "docs/byok.md"]],
  ["Verifying", ["docs/verify.md", "docs/receipts.md", "docs/audit.md", "docs/threat-model.md", "docs/trust-base.md", "docs/egress.md", "docs/certificates.md", "docs/aci-sev-snp-extension.md"]],
  ["Operating", ["docs/operations.md", "docs/upgrade.md", "docs/regions.md", "SECURITY.md", "CHANGELOG.md"]],
];

function markdownBelow(root, folder = "") {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((e) => {
    const path = posix.join(folder, e.name);
    if (e.isDirectory()) return SKIPPED.has(e.name) ? [] : markdownBelow(root, path);
    return e.name.endsWith(".md") ? [path] : [];
  });
}

/** docs/verify.md -> verify, README.md -> readme, common/README.md -> source/common. */
export function slugOf(file) {
  const bare = file.replace(/(^|\/)README\.md$/, "").replace(/\.md$/, "");
  if (file === "README.md") return "readme";
  if (file === "docs/README.md") return "contents";
  return bare.startsWith("docs/") ? bare.slice("docs/".length) : `source/${bare}`;
}

const groupOf = (file) => GROUPS.find(([, files]) => files.includes(file))?.[0] ?? (file.startsWith("docs/") ? "Verifying" : "Source code");
const orderOf = (file) => {
  const all = GROUPS.flatMap(([, files]) => files);
  return all.includes(file) ? all.indexOf(file) : all.length;
};

const plain = (tokens) => tokens.map((t) => (t.tokens ? plain(t.tokens) : t.type === "br" ? " " : t.type === "codespan" ? t.text : unescape(t.text ?? ""))).join("");
const unescape = (text) => text.replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&quot;/g, '"').replace(/&#39;/g, "'").replace(/&amp;/g, "&");

/** As GitHub makes them, so that links in the documents lead to their headings. */
export function anchorOf(text, taken = new Set()) {
  const base = text.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-");
  let id = base;
  for (let n = 1; taken.has(id); n++) id = `${base}-${n}`;
  taken.add(id);
  return id;
}

class Writer {
  constructor(file, known) {
    this.file = file;
    this.known = known; // files that are documents
    this.anchors = new Set();
    this.headings = [];
  }

  /** Where a link leads: a document here, an https address, or nowhere, when it is a file of the repository. */
  target(href) {
    if (/^https:\/\//.test(href)) return href;
    if (/^[a-z][a-z0-9+.-]*:/i.test(href)) return null;
    const [path, anchor] = href.split("#");
    const hash = anchor ? `#${anchor}` : "";
    if (path === "") return hash;
    const joined = posix.normalize(posix.join(posix.dirname(this.file), path)).replace(/\/$/, "");
    const file = [joined, `${joined}/README.md`].find((f) => this.known.has(f));
    return file === undefined ? null : `/docs/${slugOf(file)}${hash}`;
  }

  inline(tokens) {
    return tokens.flatMap((t) => {
      switch (t.type) {
        case "strong": return [["strong", {}, this.inline(t.tokens)]];
        case "em": return [["em", {}, this.inline(t.tokens)]];
        case "del": return [["del", {}, this.inline(t.tokens)]];
        case "codespan": return [["code", {}, [t.text]]];
        case "br": return [["br", {}, []]];
        case "link": {
          const href = this.target(t.href);
          return href === null ? this.inline(t.tokens) : [["a", { href }, this.inline(t.tokens)]];
        }
        case "image": return [t.text];
        default: return t.tokens ? this.inline(t.tokens) : [unescape(t.text ?? t.raw)];
      }
    });
  }

  block(t) {
    switch (t.type) {
      case "space": return [];
      case "heading": {
        const text = plain(t.tokens);
        const id = anchorOf(text, this.anchors);
        this.headings.push({ id, text, depth: t.depth });
        return [[`h${Math.min(t.depth, 4)}`, { id }, this.inline(t.tokens)]];
      }
      case "paragraph": return [["p", {}, this.inline(t.tokens)]];
      case "text": return t.tokens ? this.inline(t.tokens) : [unescape(t.text)];
      case "code": return [["pre", t.lang ? { lang: t.lang } : {}, [t.text]]];
      case "blockquote": return [["blockquote", {}, this.blocks(t.tokens)]];
      case "hr": return [["hr", {}, []]];
      case "list": return [[t.ordered ? "ol" : "ul", t.ordered && t.start > 1 ? { start: t.start } : {}, t.items.map((i) => ["li", {}, this.blocks(i.tokens)])]];
      case "table": {
        const row = (cells, tag) => ["tr", {}, cells.map((c) => [tag, {}, this.inline(c.tokens)])];
        return [["table", {}, [["thead", {}, [row(t.header, "th")]], ["tbody", {}, t.rows.map((r) => row(r, "td"))]]]];
      }
      default: return [["p", {}, [unescape(t.text ?? t.raw)]]];
    }
  }

  blocks(tokens) {
    return tokens.flatMap((t) => this.block(t));
  }
}

const textOf = (node) => (typeof node === "string" ? node : node[2].map(textOf).join(["tr", "table", "ul", "ol", "thead", "tbody"].includes(node[0]) ? " " : ""));

/** What stands below each heading, for the search. */
function sectionsOf(nodes, title) {
  const sections = [{ id: "", heading: title, text: "" }];
  for (const node of nodes)
    if (/^h[1-4]$/.test(node[0])) sections.push({ id: node[1].id, heading: textOf(node), text: "" });
    else sections.at(-1).text += `${textOf(node)} `;
  return sections.map((s) => ({ ...s, text: s.text.replace(/\s+/g, " ").trim() })).filter((s) => s.text !== "" || s.id !== "");
}

function put(folder, name, value) {
  const text = JSON.stringify(value);
  const file = `${name}-${createHash("sha256").update(text).digest("hex").slice(0, 10)}.json`;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, file), text);
  return file;
}

export function readDocument(root, file, known) {
  const writer = new Writer(file, known);
  const nodes = writer.blocks(marked.lexer(readFileSync(join(root, file), "utf8")));
  const title = writer.headings.find((h) => h.depth === 1)?.text ?? file;
  return { slug: slugOf(file), file, title, headings: writer.headings.filter((h) => h.depth > 1), nodes };
}

/** Writes the documents of the repository at root below assets; the path of their list, as the pages ask for it. */
export function writeDocs(root, assets) {
  const files = [...markdownBelow(root), "tests/README.md"].sort((a, b) => orderOf(a) - orderOf(b) || (a < b ? -1 : 1));
  const known = new Set(files);
  for (const [, wanted] of GROUPS) for (const f of wanted) if (!existsSync(join(root, f)) || !statSync(join(root, f)).isFile()) throw new Error(`docs.mjs: there is no ${f}`);
  const folder = join(assets, "docs");
  const list = [], search = [];
  for (const file of files) {
    const document = readDocument(root, file, known);
    const name = put(folder, document.slug.replaceAll("/", "."), document);
    list.push({ slug: document.slug, title: document.title, group: groupOf(file), file, at: `/assets/docs/${name}` });
    search.push({ slug: document.slug, sections: sectionsOf(document.nodes, document.title) });
  }
  const index = put(folder, "search", search);
  return `/assets/docs/${put(folder, "list", { documents: list, search: `/assets/docs/${index}` })}`;
}
