#!/usr/bin/env node
// Every page of controlplane/web/src/routes.ts, in what all of them must do: light and dark, on a phone and on a desktop,
// without a serious finding of axe, without scrolling sideways; skeletons without layout shift while the API is slow; a
// sentence and a way to try again when it fails; the sign-in page, and back, when the session ends meanwhile.
import { readFileSync } from "node:fs";
import path from "node:path";
import { cases, CONSOLE, env, equal, ok, ROOT, until, VIEWPORTS } from "./lib.mjs";

const source = readFileSync(path.join(ROOT, "controlplane/web/src/routes.ts"), "utf8");
const pages = [...source.matchAll(/\{ path: "([^"]+)", title: "([^"]+)", around: "(\w+)"/g)].map(([, at, title, around]) => ({ at, title, around }));
const wildcards = { "/models/*": "/models/demo/echo", "/app/models/*": "/app/models/demo/echo", "/docs/*": "/docs/verify" };
const lines = source.match(/^ {2}\{ path: /gm).length;

// What a page asks the control plane for, but for who is signed in and what the installation is.
const asked = (url) => url.origin === CONSOLE && url.pathname.startsWith("/v1/") && !/^\/v1\/(auth\/session|console)$/.test(url.pathname);

async function addressOf(t, page) {
  if (page.at === "/app/generations/*") return `/app/generations/${await someGeneration(t)}`;
  return wildcards[page.at] ?? page.at;
}

let generation;
async function someGeneration(t) {
  if (generation !== undefined) return generation;
  const a = await (await t.context()).request.post(`${env("TR_BASE_URL")}/chat/completions`, {
    headers: { authorization: `Bearer ${env("TR_API_KEY")}` },
    data: { model: "demo/echo", messages: [{ role: "user", content: "a page" }] },
  });
  equal(a.status(), 200, "a request to look at");
  generation = (await a.json()).id;
  return generation;
}

const isSettled = async (page) => (await page.locator(".skeleton").count()) === 0 && (await page.locator("main h1, main h2, main h3").count()) > 0;
const settled = async (page) => {
  await page.waitForLoadState("load");
  await until(() => isSettled(page), "the page is there");
};

const slug = (at) => (at === "/" ? "landing" : at.slice(1).replaceAll("/*", "_one").replaceAll("/", "_"));

// Colours follow the system's theme without a load, so each size is loaded once; axe sees each theme as it was loaded.
async function looks(t, p) {
  const page = await t.open(await addressOf(t, p), { signedIn: p.around === "app" });
  for (const [size, themes] of [["desktop", ["light", "dark"]], ["phone", ["dark", "light"]]]) {
    if (size === "phone") {
      await page.setViewportSize(VIEWPORTS.phone);
      await page.reload();
    }
    await settled(page);
    for (const theme of themes) {
      await page.emulateMedia({ colorScheme: theme });
      await t.shot(page, `${slug(p.at)}-${size}-${theme}`);
      if (theme === themes[0]) await t.axe(page);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      ok(wide <= 0, `${size}: ${wide} pixels wider than the screen`);
      const mute = await page.locator("tr[data-opens]").evaluateAll((all) => all.filter((r) => ![...r.querySelectorAll("a, .name-button")].some((e) => e.checkVisibility())).length);
      equal(mute, 0, `${size}: rows that open by the mouse alone`);
    }
  }
  ok((await page.title()).includes(" · "), "the document has a title");
}

async function slow(t, p) {
  const page = await t.open(await addressOf(t, p), {
    signedIn: p.around === "app",
    before: async (empty) => {
      await t.slow(empty, asked, 700);
      await empty.addInitScript(() => {
        window.shifted = 0;
        new PerformanceObserver((list) => {
          for (const e of list.getEntries()) if (!e.hadRecentInput) window.shifted += e.value;
        }).observe({ type: "layout-shift", buffered: true });
      });
    },
  });
  await settled(page);
  const shifted = await page.evaluate(() => window.shifted);
  ok(shifted < 0.1, `the layout shifts by ${shifted}`);
}

async function failed(t, p) {
  const page = await t.open(await addressOf(t, p), {
    signedIn: p.around === "app",
    before: (empty) => t.fail(empty, asked, 503, "overloaded", "Too many requests at once."),
  });
  const failures = page.getByText("Too many requests at once.");
  await until(async () => (await failures.count()) > 0 || (await isSettled(page)), "the failure is said, or nothing failed");
  if (t.requests.every((r) => !asked(new URL(r.url)))) return; // a page that asks the control plane for nothing
  await failures.first().waitFor();
  ok((await page.getByRole("alert").count()) > 0, "the failure is announced");
  await page.unroute(asked);
  await t.slow(page, asked, 300);
  // A page may have several parts that failed. A person presses as long as the button is there; each press must show.
  const again = page.getByRole("button", { name: "Try again" });
  await until(async () => {
    if ((await again.count()) < 1) return true;
    await again.first().click({ timeout: 1000 }).catch(() => {}); // it may have gone by then
    return false;
  }, "nothing is left to try again");
  await settled(page);
  equal(await failures.count(), 0, "failures after the API has recovered");
}

async function expired(t, p) {
  const at = await addressOf(t, p);
  const ended = (url) => url.origin === CONSOLE && url.pathname.startsWith("/v1/") && url.pathname !== "/v1/console";
  const page = await t.open(at, {
    signedIn: true,
    before: (empty) => t.fail(empty, ended, 401, "invalid_session", "This session has ended."),
  });
  await page.waitForURL(/\/login\?/);
  equal(new URL(page.url()).searchParams.get("return_to"), at, "where to go back to");
}

const all = {
  async routes_are_all_read() {
    equal(pages.length, lines, "lines of routes.ts that this test understands");
    const known = JSON.parse(readFileSync(path.join(ROOT, "controlplane/web/src/paths.json"), "utf8"));
    for (const p of pages) ok(known.some((k) => k === p.at || (k.endsWith("/*") && p.at.startsWith(k.slice(0, -1)))), `${p.at} is in paths.json`);
  },
};
for (const p of pages) {
  all[`looks_${slug(p.at)}`] = (t) => looks(t, p);
  all[`slow_${slug(p.at)}`] = (t) => slow(t, p);
  all[`failed_${slug(p.at)}`] = (t) => failed(t, p);
  if (p.around === "app") all[`expired_${slug(p.at)}`] = (t) => expired(t, p);
}
await cases(all);
