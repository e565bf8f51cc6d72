#!/usr/bin/env node
// An orchestration in the playground: its panel, judge and final are shown while they run.
import { cases, equal, ok, until } from "./lib.mjs";
import { ask, model, openWithKey, reset } from "./provider.mjs";

const SYNTH = { models: ["trustedrouter/synth"] };
const step = (page, name) => page.locator(".synth-step", { hasText: name });

await cases({
  async panel_judge_and_final_are_shown(t) {
    await reset();
    const page = await openWithKey(t, "/app/chat", SYNTH);
    const answer = await ask(page, "Compare two things");
    const steps = answer.getByRole("group", { name: "How this answer is made" });
    equal(await steps.locator("h3").allInnerTexts(), ["Panel", "Judge", "Final"]);
    equal(await steps.locator(".badge").allInnerTexts(), ["done", "done", "done", "done", "done"]);
    ok(/demo\/short.*tokens · \$0\.0000/s.test(await step(page, "demo/short").innerText()), "figures of a member");
    await step(page, "demo/long").locator("summary").click();
    ok((await step(page, "demo/long").locator(".md").innerText()).includes("Compare two things"), "a member's words");
    ok((await answer.innerText()).includes("Compare two things"), "the final");
    ok(/\$0\.000/.test(await answer.locator(".answer-figures").innerText()), "the cost of all");
    await t.axe(page);
    for (const size of ["desktop", "phone"]) {
      await page.setViewportSize(size === "phone" ? { width: 390, height: 844 } : { width: 1280, height: 800 });
      await t.shot(page, `synth-${size}`);
    }
  },

  async members_are_shown_while_they_run(t) {
    await reset();
    await model("up-long", "tokens=4000,cadence_us=20000");
    const page = await openWithKey(t, "/app/chat", SYNTH);
    await page.getByLabel("Your message").fill("take your time");
    await page.getByRole("button", { name: "Send", exact: true }).click();
    await until(async () => (await step(page, "demo/short").locator(".badge").innerText().catch(() => "")) === "done", "the quick member is done");
    await until(async () => (await step(page, "demo/long").locator(".badge").innerText()) === "writing", "the slow one writes");
    await page.getByRole("button", { name: "Stop" }).click();
    await page.getByText("You stopped this answer").waitFor();
  },

  async a_member_that_fails_is_said(t) {
    await reset();
    await model("up-doubt", "fail=500");
    const page = await openWithKey(t, "/app/chat", SYNTH);
    await ask(page, "who fails?");
    equal(await step(page, "demo/doubt").locator(".badge").innerText(), "failed");
  },
});
