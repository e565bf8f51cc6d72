#!/usr/bin/env node
// The catalogue: what a data plane lists can be found, filtered, looked at and tried; 500 models stay quick.
import { cases, CONSOLE, DATA_PLANE, equal, ok, until } from "./lib.mjs";
import { openWithKey } from "./provider.mjs";

const listed = (page) => page.getByRole("status").filter({ hasText: "models" }).innerText();
const cards = (page) => page.locator(".model-card");

async function answered(page, change) {
  await page.route(`${DATA_PLANE}/v1/models`, async (route) => {
    const answer = await route.fetch();
    await route.fulfill({ response: answer, body: JSON.stringify(change(await answer.json())) });
  });
}

/** The catalog as large as the seed's: every model many times, under other names. */
const large = (list) => ({ ...list, data: Array.from({ length: 1500 }, (_, i) => {
  const m = list.data[i % list.data.length];
  return { ...m, id: `author-${i % 40}/${m.id.split("/")[1]}-${i}`, name: `${m.name} ${i}`, created: m.created + i };
}) });

await cases({
  async anybody_finds_a_model(t) {
    const page = await t.open("/models");
    await cards(page).first().waitFor();
    await page.keyboard.press("/");
    await page.keyboard.type("one provider");
    await page.waitForFunction(() => document.querySelectorAll(".model-card").length === 1);
    ok((await cards(page).innerText()).includes("$0.50 / 1M in"), "its price");
    ok((await cards(page).innerText()).includes("keeps nothing"), "its privacy");
    await cards(page).click();
    await page.getByRole("heading", { name: "Demo, one provider" }).waitFor();
    equal(new URL(page.url()).pathname, "/models/demo/only-a");
    equal(t.sent("POST", /./).length, 0, "nothing is written");
  },

  async filters_narrow_the_list_and_stay_in_the_address(t) {
    const page = await t.open("/models");
    await cards(page).first().waitFor();
    const all = await cards(page).count();
    const narrowed = async (label, value, fits) => {
      await page.getByLabel(label, { exact: true }).selectOption(value);
      await until(async () => {
        const texts = await cards(page).allInnerTexts();
        return texts.length > 0 && texts.length < all && texts.every(fits);
      }, `${label}=${value}: fewer, and each fits`);
      await page.getByLabel(label, { exact: true }).selectOption("");
      await until(async () => (await cards(page).count()) === all, `all again after ${label}`);
    };
    await narrowed("Kind", "images", (text) => text.includes("Images"));
    await narrowed("Capability", "tools", (text) => text.includes("tools"));
    await narrowed("Provider", "demo-b", (text) => !text.includes("demo/only-a"));
    await narrowed("Context", "400000", (text) => text.includes("1M tokens"));
    await narrowed("Price", "0.2", (text) => !text.includes("$100.00"));
    await page.getByLabel("Privacy", { exact: true }).selectOption("confidential");
    await page.getByText("No model fits all filters").waitFor();
    ok(page.url().includes("privacy=confidential"), "the address has it");
    await page.reload();
    await page.getByRole("button", { name: "Clear the filters" }).click();
    await until(async () => (await cards(page).count()) === all, "all again");
  },

  async privacy_is_that_of_the_list(t) {
    const page = await t.open("/models", { before: (p) => answered(p, (list) => ({ ...list, data: list.data.map((m, i) => ({ ...m, trustedrouter: { ...m.trustedrouter, privacy: ["any", "zdr", "confidential"][i % 3] } })) })) });
    await cards(page).first().waitFor();
    const all = await cards(page).count();
    await page.getByLabel("Privacy", { exact: true }).selectOption("zdr");
    await until(async () => {
      const texts = await cards(page).allInnerTexts();
      return texts.length < all && texts.every((x) => x.includes("keeps nothing") || x.includes("attested provider"));
    }, "what is stricter counts");
  },

  async a_model_has_its_providers_and_figures(t) {
    const page = await t.open("/models/demo/echo");
    const table = page.getByRole("region", { name: "Providers" }).last();
    await table.getByText("Demo A").waitFor();
    for (const words of ["Demo B, over TLS", "$0.50 / 1M", "$1.50 / 1M", "works", "keeps nothing"]) ok((await table.innerText()).includes(words), words);
    for (const [tab, words] of [["curl", "curl "], ["Python", "from openai"], ["TypeScript", "import OpenAI"]]) {
      await page.getByRole("tab", { name: tab }).click();
      const code = await page.getByRole("region", { name: "Try it" }).innerText();
      ok(code.includes(words) && code.includes(`${DATA_PLANE}/v1`) && code.includes("demo/echo") && code.includes("YOUR_API_KEY"), tab);
    }
  },

  async the_key_of_the_tab_is_filled_in_when_asked(t) {
    const page = await openWithKey(t, "/app/models/demo/echo", { key: "sk-tr-v1-canary-key-0000000000000000000" });
    await page.getByText("Fill in this tab's key").waitFor();
    ok(!(await page.locator("main").innerText()).includes("canary-key"), "not before");
    await page.getByText("Fill in this tab's key").click();
    ok((await page.locator("main").innerText()).includes("canary-key"), "then it is");
    ok(t.requests.every((r) => r.origin === DATA_PLANE || !(r.url + r.body + JSON.stringify(r.headers)).includes("canary-key")), "it goes nowhere");
    await page.getByRole("link", { name: "Open in the playground" }).click();
    await page.getByRole("button", { name: /Demo: repeats your message/ }).waitFor();
    equal(new URL(page.url()).pathname, "/app/chat");
  },

  async an_orchestration_says_what_it_is_made_of(t) {
    const page = await t.open("/models/trustedrouter/synth");
    await page.getByRole("region", { name: "Made of" }).waitFor();
    await page.getByRole("link", { name: "demo/short" }).click();
    await page.getByRole("heading", { name: "Demo, with other words: short" }).waitFor();
  },

  async a_model_that_is_not_there_is_said(t) {
    const page = await t.open("/models/nobody/has-this%3Cimg%3E");
    await page.getByText("No model has this id").waitFor();
    await page.getByRole("link", { name: "See all models" }).click();
    await cards(page).first().waitFor();
  },

  async failures_and_a_slow_network(t) {
    const page = await t.open("/models", { before: (p) => t.fail(p, `${DATA_PLANE}/v1/models`, 503) });
    await page.getByRole("alert").waitFor(); // a failure is said
    await page.unroute(`${DATA_PLANE}/v1/models`);
    await page.getByRole("button", { name: "Try again" }).click();
    await cards(page).first().waitFor();
    const gone = await t.open("/models", { before: (p) => t.fail(p, `${DATA_PLANE}/**`) });
    await gone.getByText("accept its certificate, then come back").waitFor();
    const slow = await t.open("/models", { before: (p) => t.slow(p, `${DATA_PLANE}/v1/models`, 1200) });
    await slow.getByRole("status", { name: "Loading" }).waitFor();
    await cards(slow).first().waitFor();
    const none = await t.open("/models", { before: (p) => answered(p, (list) => ({ ...list, data: [] })) });
    await none.getByText("No model is served").waitFor();
  },

  async fifteen_hundred_stay_quick(t) {
    const page = await t.open("/models", { before: (p) => answered(p, large) });
    await cards(page).first().waitFor();
    equal(await listed(page), "1,500 of 1,500 models");
    for (const view of ["Cards", "List"]) {
      await page.getByRole("button", { name: view, exact: true }).click();
      const took = await page.evaluate(async () => {
        const field = document.querySelector("input[type=search]");
        const times = [];
        for (const text of ["d", "de", "dem", "demo", "demo 1", "demo 12", ""]) {
          const began = performance.now();
          field.value = text;
          field.dispatchEvent(new Event("input", { bubbles: true }));
          await new Promise((r) => requestAnimationFrame(() => setTimeout(r)));
          times.push(performance.now() - began);
        }
        return times.sort((a, b) => a - b)[3];
      });
      console.log(`# ${view}: a letter is answered in ${took.toFixed(0)} ms (median)`);
      ok((await page.locator("table.data tbody tr, .model-card").count()) < 120, `${view}: what is out of view is not in the document`);
    }
  },

  async it_looks_right_everywhere(t) {
    for (const [at, name] of [["/models", "models"], ["/models/demo/echo", "model"], ["/app/models", "app-models"]])
      for (const size of ["desktop", "phone"])
        for (const theme of ["light", "dark"]) {
          const page = await t.open(at, { size, theme, signedIn: at.startsWith("/app") });
          await page.locator(".model-card, .stat").first().waitFor();
          await t.axe(page);
          await t.shot(page, `${name}-${size}-${theme}`);
          ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${at} ${size}: the page does not scroll sideways`);
        }
    ok(CONSOLE !== DATA_PLANE, "two origins");
  },
});
