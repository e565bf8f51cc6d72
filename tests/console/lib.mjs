// What the tests of the console share: Debian's chromium, a new browser context for each case, the development user's
// session, a record of every request by origin, axe, slow and failing routes, and cases that print "ok NAME" or
// "not ok NAME". tests/console/README.md says how to write a test with it.
import { execFileSync } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";

const HERE = path.dirname(fileURLToPath(import.meta.url));
export const ROOT = path.resolve(HERE, "../..");
const OUT = path.join(ROOT, "build/console");
export const SHOTS = path.join(OUT, "shots");

export function env(name) {
  const value = process.env[name];
  if (value === undefined) {
    console.error(`${name} is not set: start a stack (make up) and source run/env`);
    process.exit(2);
  }
  return value;
}

export const CONSOLE = new URL(env("TR_CONTROL_URL")).origin;
export const DATA_PLANE = new URL(env("TR_BASE_URL")).origin;

export const VIEWPORTS = { phone: { width: 390, height: 844 }, desktop: { width: 1280, height: 800 } };
// TR_SLOWER=8: pages compute so many times slower, which finds assertions that look before the page has drawn.
const SLOWER = Number(process.env.TR_SLOWER ?? 1);
const SLOWEST_MS = 15000 * SLOWER; // for one step of a page; a case that waits longer fails

// --- what a case asks

export function equal(got, want, what = "") {
  const [a, b] = [JSON.stringify(got), JSON.stringify(want)];
  if (a !== b) throw new Error(`${what}: got ${a}, want ${b}`);
}

export function ok(got, what = "") {
  if (!got) throw new Error(`not true: ${what}`);
}

/** The first true value of fn(), which may be asynchronous. */
export async function until(fn, what, ms = SLOWEST_MS) {
  const end = performance.now() + ms;
  for (;;) {
    const got = await fn();
    if (got) return got;
    if (performance.now() > end) throw new Error(`after ${ms} ms still not: ${what}`);
    await new Promise((r) => setTimeout(r, 50));
  }
}

export class Skip extends Error {}

// --- the browser

// Trust in the stack's CA, for pages that work only without a certificate error (passkeys). Chromium takes hashes of keys.
function trustedKeys() {
  const ca = new X509Certificate(readFileSync(env("TR_CONTROL_CA")));
  return createHash("sha256").update(ca.publicKey.export({ type: "spki", format: "der" })).digest("base64");
}

let browser;
let axeSource;

async function launch() {
  execFileSync(path.join(HERE, "prepare"), { stdio: "inherit" });
  const need = createRequire(path.join(OUT, "package.json"));
  const { chromium } = need("playwright-core");
  axeSource = readFileSync(need.resolve("axe-core/axe.min.js"), "utf8");
  const executable = process.env.TR_CHROMIUM ?? "/usr/bin/chromium";
  if (!existsSync(executable)) throw new Error(`there is no ${executable}: deploy/dev/install-packages test`);
  browser = await chromium.launch({
    executablePath: executable,
    args: ["--disable-dev-shm-usage", `--ignore-certificate-errors-spki-list=${trustedKeys()}`,
           ...(process.getuid() === 0 ? ["--no-sandbox"] : [])],
  });
}

async function slowDown(page) {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send("Emulation.setCPUThrottlingRate", { rate: SLOWER });
}

// --- the development user's session

// Kept for all test files of a stack: an e-mail address has few sign-ins a minute.
const SESSION_FILE = path.join(env("TR_RUN_DIR"), "console-session.json");

async function signedIn(request, cookie) {
  const a = await request.get(`${CONSOLE}/v1/auth/session`, { headers: { cookie: `${cookie.name}=${cookie.value}` } });
  return a.status() === 200;
}

/** A session of this user, by POST /auth/login; without arguments the development user's. Cookies of a context. */
export async function signIn(context, email = env("TR_CONSOLE_EMAIL"), password = env("TR_CONSOLE_PASSWORD")) {
  const a = await context.request.post(`${CONSOLE}/v1/auth/login`, { data: { email, password } });
  if (a.status() !== 200) throw new Error(`POST /auth/login: ${a.status()} ${await a.text()}`);
  return (await context.cookies(CONSOLE)).find((c) => c.name === "__Host-tr_session");
}

async function useDevelopmentSession(context) {
  try {
    const kept = JSON.parse(readFileSync(SESSION_FILE, "utf8"));
    if (await signedIn(context.request, kept)) return context.addCookies([kept]);
  } catch (e) {
    if (e.code !== "ENOENT") throw e;
  }
  const cookie = await signIn(context);
  writeFileSync(`${SESSION_FILE}.${process.pid}`, JSON.stringify(cookie), { mode: 0o600 });
  renameSync(`${SESSION_FILE}.${process.pid}`, SESSION_FILE);
}

// --- one case

class Case {
  /** Every request of this case's pages: {origin, path, url, method, headers, body} (body: text, "" without one). */
  requests = [];
  /** Errors that no page should have: uncaught exceptions and refusals by the CSP. A case that provokes them clears it. */
  problems = [];
  #contexts = [];

  /** A browser context of its own. size: "desktop" or "phone"; theme: "light" or "dark"; more: options of playwright's. */
  async context({ size = "desktop", theme = "light", signedIn: session = false, ...more } = {}) {
    const context = await browser.newContext({
      ignoreHTTPSErrors: true, viewport: VIEWPORTS[size], colorScheme: theme, hasTouch: size === "phone",
      reducedMotion: "reduce", locale: "en-US", timezoneId: "UTC", ...more,
    });
    this.#contexts.push(context);
    context.setDefaultTimeout(SLOWEST_MS);
    if (SLOWER > 1) context.on("page", slowDown);
    context.on("request", (r) => this.requests.push(recorded(r)));
    context.on("weberror", (e) => this.problems.push(String(e.error().stack ?? e.error())));
    context.on("console", (m) => {
      if (/Content Security Policy|Trusted(HTML|Script)|Refused to/.test(m.text())) this.problems.push(m.text());
    });
    if (session) await useDevelopmentSession(context);
    return context;
  }

  /** A page at this path of the console, loaded; options as context(), and `before`, called with the empty page. */
  async open(at = "/", { before, ...options } = {}) {
    const page = await (await this.context(options)).newPage();
    if (before !== undefined) await before(page);
    await page.goto(new URL(at, CONSOLE).href);
    return page;
  }

  /** Requests to this origin whose method and path match. */
  sent(method, pattern, origin = CONSOLE) {
    return this.requests.filter((r) => r.origin === origin && r.method === method && pattern.test(r.path));
  }

  /** Throws when axe has a serious or critical finding on the page. */
  async axe(page) {
    const cdp = await page.context().newCDPSession(page);
    // By the debugger, which the page's CSP does not concern.
    const run = async (expression) => {
      const a = await cdp.send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
      if (a.exceptionDetails !== undefined) throw new Error(a.exceptionDetails.exception?.description ?? "axe failed");
      return a.result.value;
    };
    await run(`${axeSource};0`);
    const found = await run(`axe.run(document, { resultTypes: ["violations"] }).then((r) => r.violations
      .filter((v) => v.impact === "serious" || v.impact === "critical")
      .map((v) => v.id + ": " + v.help + "\\n" + v.nodes.slice(0, 4).map((n) => "  " + n.target + "  " + n.html.slice(0, 160)
        + "\\n    " + n.failureSummary.replace(/\\n/g, " ")).join("\\n")))`);
    await cdp.detach();
    if (found.length > 0) throw new Error(`axe on ${page.url()}:\n${found.join("\n")}`);
  }

  /** build/console/shots/NAME.png, the whole page. */
  async shot(page, name) {
    mkdirSync(SHOTS, { recursive: true });
    await page.screenshot({ path: path.join(SHOTS, `${name}.png`), fullPage: true, animations: "disabled" });
  }

  /** From now on, requests of the page that match (a glob or RegExp of the URL) wait for this long. */
  async slow(page, pattern, ms) {
    await page.route(pattern, async (route) => {
      await new Promise((r) => setTimeout(r, ms));
      await route.continue().catch(() => {}); // the page may have gone by then
    });
  }

  /** They are answered so instead; without status the connection fails. */
  async fail(page, pattern, status, code = "internal_error", message = "It failed.") {
    await page.route(pattern, (route) => status === undefined
      ? route.abort("connectionfailed")
      : route.fulfill({ status, contentType: "application/json", headers: { "access-control-allow-origin": "*" },
                        body: JSON.stringify({ error: { message, type: "server_error", param: null, code } }) }));
  }

  async end() {
    for (const c of this.#contexts) await c.close();
  }
}

function recorded(r) {
  const url = new URL(r.url());
  return { origin: url.origin, path: url.pathname + url.search, url: r.url(), method: r.method(), headers: r.headers(),
           body: r.postDataBuffer()?.toString("utf8") ?? "" };
}

// --- all cases of a file

const CASE_MS = 120000 * SLOWER; // against a case that hangs; all looks of the sign-in pages take half a minute on a quiet machine

async function runCase(fn) {
  const t = new Case();
  let timer;
  const late = new Promise((_, fail) => {
    timer = setTimeout(() => fail(new Error(`the case took longer than ${CASE_MS} ms`)), CASE_MS);
  });
  try {
    await Promise.race([fn(t), late]);
    if (t.problems.length > 0) throw new Error(`a page has had errors:\n${t.problems.join("\n")}`);
  } finally {
    clearTimeout(timer);
    await t.end();
  }
}

/** Runs the cases {name: async (t) => ...} in their order, those whose name has argv[2] in it, and ends the process. */
export async function cases(all) {
  const prefix = path.basename(process.argv[1], ".mjs").replaceAll("-", "_");
  const chosen = Object.entries(all).filter(([name]) => name.includes(process.argv[2] ?? ""));
  let passed = 0, failed = 0;
  if (chosen.length === 0) throw new Error(`no case has ${process.argv[2]} in its name`);
  await launch();
  for (const [name, fn] of chosen) {
    try {
      await runCase(fn);
      console.log(`ok ${prefix}_${name}`);
      passed++;
    } catch (e) {
      if (e instanceof Skip) {
        console.log(`skip ${prefix}_${name}: ${e.message}`);
        continue;
      }
      console.log(String(e.stack ?? e).split("\n").slice(0, 30).map((l) => `# ${l}`).join("\n"));
      console.log(`not ok ${prefix}_${name}`);
      failed++;
    }
  }
  await browser.close();
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed === 0 ? 0 : 1);
}
