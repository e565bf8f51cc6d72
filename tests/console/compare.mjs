#!/usr/bin/env node
// One question to several models at once: each column has its own answer, figures, failure and stop.
import { cases, DATA_PLANE, equal, ok, until } from "./lib.mjs";
import { model, ONLY, openWithKey, reset, says } from "./provider.mjs";

const AT = "/app/compare";
const column = (page, name) => page.getByRole("region", { name, exact: true });
const ONE = "Demo, one provider", SHORT = "Demo, with other words: short", ECHO = "Demo: repeats your message";

async function askAll(page, text) {
  await page.getByLabel("The question").fill(text);
  await page.getByRole("button", { name: "Ask all" }).click();
}
const status = (page, name) => column(page, name).locator(".badge").first().innerText();
const done = (page, name, word = "done") => until(async () => (await status(page, name)) === word, `${name} is ${word}`);
const figure = (page, name, label) => column(page, name).locator(".compare-figures div", { hasText: label }).locator("dd").innerText();

await cases({
  async columns_answer_in_parallel(t) {
    await reset();
    for (const name of [ONLY, "up-short"]) await says(name, "canary-compare-5a1 and words until both are seen ".repeat(8), "cadence_us=20000");
    const page = await openWithKey(t, AT, { models: ["demo/only-a", "demo/short"] });
    await askAll(page, "canary-compare-5a1");
    await until(async () => (await Promise.all([status(page, ONE), status(page, SHORT)])).every((word) => word === "writing"), "both are written at once");
    await Promise.all([done(page, ONE), done(page, SHORT)]);
    for (const name of [ONE, SHORT]) {
      ok((await column(page, name).innerText()).includes("canary-compare-5a1"), `${name} answers`);
      ok(/ms|s$/.test(await figure(page, name, "First token")), "first token");
      ok(/ms|s$/.test(await figure(page, name, "Total")), "total");
      ok(/^\d+$/.test(await figure(page, name, "Tokens out")), "tokens");
      ok(/^\$0\.000/.test(await figure(page, name, "Cost")), "cost");
    }
    equal(t.sent("POST", /chat/, DATA_PLANE).length, 2);
    for (const r of t.requests) ok(!(r.url + r.body).includes("canary-compare"), `${r.method} ${r.url} has the question`);
  },

  async models_are_added_changed_removed_and_kept(t) {
    await reset();
    const page = await openWithKey(t, AT, { models: ["demo/only-a"] });
    await column(page, ONE).waitFor();
    for (const id of ["demo/echo", "demo/short", "demo/long"]) {
      await page.getByRole("button", { name: "Add a model" }).click();
      await page.getByLabel("Search models").fill(id);
      await page.getByLabel("Search models").press("Enter");
    }
    ok(await page.getByRole("button", { name: "Add a model" }).isDisabled(), "four at most");
    await page.getByRole("button", { name: `Remove ${SHORT}` }).click();
    await column(page, ONE).getByRole("button", { name: ONE, exact: true }).click();
    await page.getByLabel("Search models").fill("doubt");
    await page.locator(".model-row").first().click();
    const names = () => page.locator(".compare-column").evaluateAll((all) => all.map((e) => e.getAttribute("aria-label")));
    const want = ["Demo, with other words: doubt", ECHO, "Demo, with other words: long"];
    equal(await names(), want);
    await page.reload();
    await column(page, ECHO).waitFor();
    equal(await names(), want, "after a reload");
  },

  async one_is_stopped_then_all(t) {
    await reset();
    for (const name of [ONLY, "up-short", "up-long"]) await model(name, "tokens=4000,cadence_us=20000");
    const page = await openWithKey(t, AT, { models: ["demo/only-a", "demo/short", "demo/long"] });
    await askAll(page, "go on");
    await until(async () => (await column(page, ONE).locator(".md").innerText().catch(() => "")).length > 10, "it is written");
    await page.getByRole("button", { name: `Stop ${ONE}` }).click();
    await done(page, ONE, "stopped");
    equal(await status(page, SHORT), "writing");
    await page.getByRole("button", { name: "Stop all" }).click();
    await Promise.all([done(page, SHORT, "stopped"), done(page, "Demo, with other words: long", "stopped")]);
    await page.getByRole("button", { name: "Ask all" }).waitFor();
  },

  async one_fails_and_the_others_answer(t) {
    await reset();
    await model(ONLY, "fail=500");
    await says("up-short", "<img src=x onerror='window.__ran=1'> [x](javascript:window.__ran=1)");
    const page = await openWithKey(t, AT, { models: ["demo/only-a", "demo/short"] });
    await askAll(page, "who can?");
    await Promise.all([done(page, ONE, "failed"), done(page, SHORT)]);
    await column(page, ONE).getByRole("alert").waitFor(); // the failure is said
    equal(await page.evaluate(() => [window.__ran, document.querySelectorAll("main .md img, main .md a").length]), [undefined, 0].map((v) => v ?? null));
  },

  async nothing_is_asked_without_evidence_or_key(t) {
    const page = await openWithKey(t, AT, { before: (p) => p.route("**/evidence/attestation.conf", async (r) => { const a = await r.fetch(); await r.fulfill({ response: a, body: (await a.text()).replace(/sha384 = ../, "sha384 = 00") }); }) });
    await page.getByText("The evidence of the data plane was refused").waitFor();
    ok(await page.getByRole("button", { name: "Ask all" }).isDisabled(), "refused");
    const other = await t.open(AT, { signedIn: true });
    await other.getByText("Choose a key first.").waitFor();
    await other.getByRole("button", { name: "Make a key for this tab" }).waitFor(); // it says how to get one
    equal(t.sent("POST", /chat/, DATA_PLANE).length, 0);
  },

  async it_looks_right_everywhere(t) {
    await reset();
    for (const size of ["desktop", "phone"])
      for (const theme of ["light", "dark"]) {
        const page = await openWithKey(t, AT, { size, theme, models: ["demo/only-a", "demo/short", "demo/long", "demo/echo"] });
        await askAll(page, "Say **something** with `code`");
        await Promise.all([ONE, SHORT, "Demo, with other words: long", ECHO].map((n) => done(page, n)));
        await t.axe(page);
        await t.shot(page, `compare-${size}-${theme}`);
        ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${size}: the page does not scroll sideways`);
      }
  },
});
