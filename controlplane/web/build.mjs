// Bundles the console into static files that the control plane serves:
//   OUT/index.html, OUT/assets/NAME-HASH.{js,css} (each with a .gz and a .br beside it), OUT/pages.txt
// pages.txt says which file answers which path, so that the server knows no page: "PATTERN FILE", where a
// pattern that ends in "/*" stands for everything below it, and "*" for what is nowhere (answered 404). A page
// that is "everywhere" may connect to any https address. "+ FILE BYTES" is what was built: the server starts with no less.
import { build } from "esbuild";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, extname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { writeDocs } from "./docs.mjs";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));
const out = resolve(process.argv[2] ?? join(here, "../../build/web"));
const source = join(here, "src");

const options = {
  bundle: true,
  minify: true,
  target: ["chrome111", "firefox115", "safari16.4"],
  legalComments: "none",
  jsx: "automatic",
  jsxImportSource: "preact",
  absWorkingDir: here,
  logLevel: "warning",
  metafile: true,
  loader: { ".der": "binary", ".conf": "text", ".md": "text" }, // AMD's roots, the default policy, figures of the documentation
};

function filesBelow(folder, suffix) {
  return readdirSync(folder, { withFileTypes: true })
    .flatMap((e) => (e.isDirectory() ? filesBelow(join(folder, e.name), suffix) : [join(folder, e.name)]))
    .filter((f) => f.endsWith(suffix))
    .sort();
}

// One style sheet: the tokens first, then the components, then the pages.
function styles() {
  const first = ["ui/tokens.css", "ui/base.css"].map((f) => join(source, f));
  const rest = filesBelow(source, ".css").filter((f) => !first.includes(f));
  const order = (f) => (relative(source, f).startsWith("ui/") ? 0 : 1);
  rest.sort((a, b) => order(a) - order(b) || (a < b ? -1 : 1));
  const own = [...first, ...rest].map((f) => "./" + relative(source, f));
  return ["uplot/dist/uPlot.min.css", ...own].map((f) => `@import ${JSON.stringify(f)};`).join("\n");
}

function outputOf(result, entry) {
  const found = Object.entries(result.metafile.outputs).find(([, o]) => o.entryPoint === entry);
  return { name: relative(out, resolve(here, found[0])), imports: found[1].imports };
}

async function bundle() {
  const assets = join(out, "assets");
  const docs = writeDocs(join(here, "../.."), assets);
  const scripts = await build({
    ...options,
    define: { DOCS_LIST: JSON.stringify(docs) },
    entryPoints: { main: "src/main.tsx" },
    splitting: true,
    format: "esm",
    outdir: assets,
    entryNames: "[name]-[hash]",
    chunkNames: "[name]-[hash]",
  });
  const theme = await build({ ...options, entryPoints: { theme: "src/theme.ts" }, outdir: assets, entryNames: "[name]-[hash]" });
  const css = await build({
    ...options,
    stdin: { contents: styles(), resolveDir: source, sourcefile: "styles.css", loader: "css" },
    outdir: assets,
    entryNames: "console-[hash]",
  });
  return {
    main: outputOf(scripts, "src/main.tsx"),
    theme: outputOf(theme, "src/theme.ts").name,
    css: relative(out, resolve(here, Object.keys(css.metafile.outputs).find((f) => f.endsWith(".css")))),
  };
}

function writeIndex({ main, theme, css }) {
  const preload = main.imports
    .filter((i) => i.kind === "import-statement")
    .map((i) => `<link rel="modulepreload" href="/${relative(out, resolve(here, i.path))}">`)
    .join("");
  const html = readFileSync(join(source, "index.html"), "utf8")
    .replace("{{theme}}", `/${theme}`)
    .replace("{{css}}", `/${css}`)
    .replace("{{main}}", `/${main.name}`)
    .replace("{{preload}}", preload);
  writeFileSync(join(out, "index.html"), html);
}

// The separate verifier: a classic script, because browsers load no modules from a disk; nothing of the console beside it.
async function verifier() {
  const folder = join(out, "verifier");
  const script = await build({ ...options, entryPoints: { verifier: "verifier/main.tsx" }, format: "iife", outdir: folder, entryNames: "[name]-[hash]" });
  const parts = ["src/ui/tokens.css", "src/ui/base.css", "src/ui/controls.css", "src/pages/verify/verify.css", "verifier/page.css"];
  const contents = parts.map((f) => `@import "./${f}";`).join("\n");
  await build({ ...options, stdin: { contents, resolveDir: here, sourcefile: "verifier.css", loader: "css" }, outfile: join(folder, "verifier.css") });
  const name = Object.keys(script.metafile.outputs)[0].split("/").pop();
  const html = readFileSync(join(here, "verifier/index.html"), "utf8").replace("{{script}}", name).replace("{{css}}", "verifier.css");
  writeFileSync(join(folder, "index.html"), html);
  const sums = ["index.html", "verifier.css", name].map((f) => `${createHash("sha256").update(readFileSync(join(folder, f))).digest("hex")}  ${f}\n`);
  writeFileSync(join(folder, "SHA256SUMS"), sums.join(""));
  console.log(`verifier: ${name} sha256 ${sums[2].slice(0, 64)}`);
}

function writePages() {
  const paths = JSON.parse(readFileSync(join(source, "paths.json"), "utf8"));
  const sizes = filesBelow(out, "").map((f) => `+ ${relative(out, f)} ${statSync(f).size}\n`); // what a start looks for
  writeFileSync(join(out, "pages.txt"), ["/verifier/ verifier/index.html everywhere\n", ...[...paths, "*"].map((p) => `${p} index.html\n`), ...sizes].join(""));
}

function compress() {
  const kinds = [".js", ".css", ".html", ".json", ".svg"];
  for (const file of filesBelow(out, "").filter((f) => kinds.includes(extname(f)))) {
    const bytes = readFileSync(file);
    const smaller = (name, packed) => packed.length < bytes.length && writeFileSync(file + name, packed);
    smaller(".gz", gzipSync(bytes, { level: 9 }));
    smaller(".br", brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }));
  }
}

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
writeIndex(await bundle());
await verifier();
compress();
writePages();
