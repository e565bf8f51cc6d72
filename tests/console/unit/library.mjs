// The verification library as the console ships it, bundled for Node, and the fixtures and programs that its tests compare it with.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

export const root = resolve(dirname(fileURLToPath(import.meta.url)), "../../..");
export const trVerify = join(root, "build/release/tr-verify");

const web = join(root, "controlplane/web");
const { build } = createRequire(join(web, "package.json"))("esbuild");

/** Modules of src/ by path, with what stands in their place. */
const inPlace = (stubs) => ({
  name: "stubs",
  setup: (b) => b.onLoad({ filter: /\.tsx?$/ }, ({ path }) => {
    const contents = stubs[relative(join(web, "src"), path)];
    return contents === undefined ? null : { contents, loader: "js" };
  }),
});

/** Modules of src/, bundled for Node together, so that what they share is there once; behind them, what stands in the place of
 * which modules. */
export async function load(...words) {
  const stubs = typeof words.at(-1) === "object" ? words.pop() : {};
  const outfile = join(root, "build/console/unit", words.join("_").replace(/[/.]/g, "_") + ".mjs");
  mkdirSync(dirname(outfile), { recursive: true });
  await build({
    stdin: { contents: words.map((e) => `export * from "./${e}";`).join("\n"), resolveDir: join(web, "src") },
    outfile,
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node18",
    jsx: "automatic",
    jsxImportSource: "preact",
    loader: { ".der": "binary", ".conf": "text" },
    logLevel: "warning",
    plugins: [inPlace(stubs)],
  });
  return import(pathToFileURL(outfile).href);
}

/** Where the reports of real processors and the synthetic mutants are. */
export function fixtures() {
  const places = [process.env.TR_FIXTURES, join(root, "../shared/fixtures"), join(root, "tests/fixtures")];
  return join(places.find((p) => p && existsSync(join(p, "snp/sim/genoa/expected.json"))), "snp");
}

/** What tr-verify says as JSON, whatever its exit code. */
export function verify(...args) {
  const ran = spawnSync(trVerify, [...args, "--json"], { encoding: "utf8", maxBuffer: 1 << 24 });
  if (!ran.stdout.startsWith("{")) throw new Error(`tr-verify ${args.join(" ")}: ${ran.status} ${ran.stderr}${ran.stdout}`);
  return { exit: ran.status, ...JSON.parse(ran.stdout) };
}

export function run(program, args, options = {}) {
  return execFileSync(program, args, { encoding: "utf8", maxBuffer: 1 << 26, ...options });
}
