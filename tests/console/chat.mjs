#!/usr/bin/env node
// The playground against the real data plane: what it sends is sealed, what it shows is what the model said, and each thing
// that can go wrong is said.
import { readFileSync } from "node:fs";
import { cases, CONSOLE, DATA_PLANE, env, equal, ok, signIn, until } from "./lib.mjs";
import { ask, lastBody, makeKey, model, ONLY, openWithKey, reset, says } from "./provider.mjs";

const CHAT = "/app/chat";
const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const picture = (name = "dot.png") => ({ name, mimeType: "image/png", buffer: Buffer.from(PIXEL, "base64") });
const asked = (t) => t.sent("POST", /chat\/completions/, DATA_PLANE);

async function parameters(page, fill) {
  await page.getByRole("button", { name: "Parameters" }).click();
  await fill(page.getByRole("dialog"));
  await page.getByRole("button", { name: "Close" }).click();
}

/** What the data plane says of itself, changed on its way to the page. */
const changed = (page, pattern, change) =>
  page.route(pattern, async (route) => {
    const answer = await route.fetch();
    await route.fulfill({ response: answer, body: change(await answer.text()) });
  });

async function refused(t, before, code) {
  const page = await openWithKey(t, CHAT, { before });
  await page.getByText("The evidence of the data plane was refused").waitFor();
  ok((await page.locator(".failure").first().innerText()).includes(code), `the page names the check ${code}`);
  ok(await page.getByRole("button", { name: "Send", exact: true }).isDisabled(), "nothing can be sent");
  await page.getByLabel("Your message").fill("a secret");
  await page.getByLabel("Your message").press("Enter");
  await page.waitForTimeout(300);
  equal(asked(t).length, 0, "requests");
  return page;
}

await cases({
  async a_question_is_answered(t) {
    await reset();
    const page = await t.open(CHAT, { signedIn: true });
    await page.getByRole("button", { name: "Make a key for this tab" }).click();
    await page.getByText("Ask something").waitFor();
    await page.getByRole("button", { name: /Demo: repeats/ }).waitFor();
    const answer = await ask(page, "A plain question with **bold** words");
    ok((await answer.innerText()).includes("A plain question with bold words"), "the answer is rendered");
    equal(await answer.locator("strong").innerText(), "bold");
    ok(/to first token · .* in all · [0-9]+ tokens in, [0-9]+ out · \$0\.0000/.test(await answer.locator(".answer-figures").innerText()), "its figures");
    await page.getByRole("button", { name: /A plain question/ }).first().waitFor(); // it is in the list
    await page.reload();
    await page.getByRole("button", { name: /A plain question/ }).first().click();
    await page.getByText("A plain question with bold words").waitFor();
    equal(asked(t).length, 1);
    equal(await page.evaluate(() => Object.keys(localStorage).filter((k) => localStorage.getItem(k).includes("sk-tr"))), [], "keys in localStorage");
  },

  async bodies_are_sealed_and_the_control_plane_sees_none(t) {
    await reset();
    const [question, said] = ["canary-question-7f31", "canary-answer-8c42"];
    await says(ONLY, said);
    const page = await openWithKey(t, CHAT);
    await parameters(page, (d) => d.getByLabel("System prompt").fill("canary-system-9d53"));
    ok((await (await ask(page, question)).innerText()).includes(said), "answered");
    await page.getByRole("button", { name: `More of ${question}` }).click();
    await page.getByRole("menuitem", { name: "Rename" }).click();
    await page.getByLabel("Name", { exact: true }).fill("canary-title-1e64");
    await page.getByRole("dialog").getByRole("button", { name: "Rename" }).click();
    for (const r of t.requests) ok(!/canary-(question|answer|system|title)/.test(r.url + r.body + JSON.stringify(r.headers)), `${r.method} ${r.url} has a word of the conversation`);
    const [sent] = asked(t);
    ok(/^[0-9a-f]{64}$/.test(sent.headers["ehbp-encapsulated-key"] ?? ""), "the body is sealed");
    equal(t.requests.filter((r) => ![CONSOLE, DATA_PLANE].includes(r.origin) && !/^(data|blob):/.test(r.url)).map((r) => r.url), [], "other hosts");
    equal((await lastBody(ONLY)).messages.map((m) => m.content), ["canary-system-9d53", question], "what the provider got");
  },

  async conversations_are_renamed_exported_and_deleted(t) {
    await reset();
    const page = await openWithKey(t, CHAT);
    await page.getByText("Conversations are kept in this browser only").first().waitFor();
    await ask(page, "first one");
    await page.getByRole("button", { name: "New conversation" }).click();
    await ask(page, "second one");
    const kept = page.getByRole("list", { name: "Conversations" }).locator("li");
    equal(await kept.count(), 2);
    const download = page.waitForEvent("download");
    await page.getByRole("button", { name: "Export as JSON" }).click();
    const file = JSON.parse(readFileSync(await (await download).path(), "utf8"));
    equal(file.conversations.map((c) => c.turns[0].text).sort(), ["first one", "second one"]);
    await page.getByRole("button", { name: "More of first one" }).click();
    await page.getByRole("menuitem", { name: "Delete" }).click();
    await until(async () => (await kept.count()) === 1, "one is left");
    await page.getByRole("button", { name: "Delete all" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete all" }).click();
    await until(async () => (await kept.count()) === 0, "none is left");
    await page.getByText("Ask something").waitFor();
  },

  async thinking_is_folded(t) {
    await reset();
    await model(ONLY, "reasoning=5,say=the answer itself");
    const page = await openWithKey(t, CHAT);
    await parameters(page, (d) => d.getByLabel("Reasoning effort").selectOption("low"));
    const answer = await ask(page, "think");
    await answer.getByText("What the model thought").waitFor();
    ok(!(await answer.locator(".thinking .md").isVisible()), "folded");
    await answer.getByText("What the model thought").click();
    ok((await answer.locator(".thinking .md").innerText()).length > 4, "opened");
    ok((await answer.locator(".answer-figures").innerText()).includes("of them thinking"), "its tokens are counted");
    equal((await lastBody(ONLY)).reasoning_effort ?? (await lastBody(ONLY)).reasoning?.effort, "low");
  },

  async a_tool_is_called_and_answered(t) {
    await reset();
    const page = await openWithKey(t, CHAT);
    await parameters(page, async (d) => {
      await d.getByLabel("Tools (JSON schemas)").fill("[{");
      await d.getByText("This is no JSON").waitFor();
      await d.getByLabel("Tools (JSON schemas)").fill(JSON.stringify({ name: "weather", parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] } }));
    });
    const call = await ask(page, "How is the weather?");
    ok((await call.innerText()).includes("weather") && (await call.locator("pre").first().innerText()).includes('"city"'), "the call is shown");
    await page.getByLabel("Result of weather").fill("It rains.");
    await page.getByRole("button", { name: "Send the result" }).click();
    await until(async () => (await page.locator(".turn.assistant:not([aria-busy])").count()) === 2, "the model goes on");
    const body = await lastBody(ONLY);
    equal(body.messages.map((m) => m.role), ["user", "assistant", "tool"]);
    equal(body.messages[2].content, "It rains.");
    equal(body.tools.map((x) => x.function.name), ["weather"]);
  },

  async pictures_are_chosen_pasted_and_dropped(t) {
    await reset();
    const page = await openWithKey(t, CHAT);
    await page.locator("input[type=file]").setInputFiles(picture());
    for (const kind of ["paste", "drop"])
      await page.getByLabel("Your message").evaluate((e, [type, pixel]) => {
        const data = new DataTransfer();
        data.items.add(new File([Uint8Array.from(atob(pixel), (c) => c.charCodeAt(0))], `${type}.png`, { type: "image/png" }));
        e.dispatchEvent(type === "paste" ? new ClipboardEvent("paste", { clipboardData: data, bubbles: true }) : new DragEvent("drop", { dataTransfer: data, bubbles: true }));
      }, [kind, PIXEL]);
    await until(async () => (await page.getByRole("list", { name: "Attached pictures" }).locator("li").count()) === 3, "three are attached");
    await page.getByRole("button", { name: "Remove drop.png" }).click();
    await ask(page, "What is this?");
    const parts = (await lastBody(ONLY)).messages[0].content;
    equal(parts.map((p) => p.type), ["text", "image_url", "image_url"]);
    equal(parts[1].image_url.url, `data:image/png;base64,${PIXEL}`);
    await page.locator("input[type=file]").setInputFiles({ name: "page.svg", mimeType: "image/svg+xml", buffer: Buffer.from("<svg/>") });
    await page.getByText("page.svg is not attached").waitFor();
  },

  async a_model_without_pictures_takes_none(t) {
    const page = await openWithKey(t, CHAT, {
      before: (p) => changed(p, "**/v1/models", (text) => text.replaceAll('"text","image"]', '"text"]')),
    });
    await page.getByRole("button", { name: "Send", exact: true }).waitFor();
    await page.getByText("Ask something").waitFor();
    equal(await page.getByRole("button", { name: "Picture" }).count(), 0);
    equal(await page.locator("input[type=file]").count(), 0);
  },

  async parameters_reach_the_model(t) {
    await reset();
    const page = await openWithKey(t, CHAT);
    await parameters(page, async (d) => {
      await d.getByLabel("Temperature").fill("3");
      await d.getByText("Between 0 and 2.").waitFor();
    });
    await page.getByText("A parameter is not valid").waitFor(); // it says why nothing can be sent
    await parameters(page, async (d) => {
      await d.getByLabel("Temperature").fill("0.5");
      await d.getByLabel("Top p").fill("0.9");
      await d.getByLabel("Max tokens").fill("2");
      await d.getByLabel("Never ask these").fill("demo-b");
    });
    const answer = await ask(page, "one two three four five six");
    await answer.getByText("The answer reached the limit of tokens").waitFor();
    const body = await lastBody(ONLY);
    equal([body.temperature, body.top_p, body.max_tokens ?? body.max_completion_tokens], [0.5, 0.9, 2]);
  },

  async routing_preferences_bind(t) {
    await reset();
    const page = await openWithKey(t, CHAT);
    await parameters(page, async (d) => {
      await d.getByText("Only providers that keep no prompts").click();
      await d.getByLabel("Never ask these").fill("demo-a");
    });
    const answer = await ask(page, "anybody?");
    ok((await answer.getByRole("alert").innerText()).includes("Try again, or choose another model or provider"), "a model of that provider alone is refused");
  },

  async an_answer_is_stopped(t) {
    await reset();
    await model(ONLY, "tokens=4000,cadence_us=20000");
    const page = await openWithKey(t, CHAT);
    await page.getByLabel("Your message").fill("a long one");
    await page.getByRole("button", { name: "Send", exact: true }).click();
    await until(async () => (await page.locator(".turn.assistant .md").innerText().catch(() => "")).length > 20, "it is written");
    await page.getByRole("button", { name: "Stop" }).click();
    await page.getByText("You stopped this answer").waitFor();
    ok((await page.locator(".turn.assistant .md").innerText()).length > 20, "what was written stays");
    await page.getByRole("button", { name: "Send", exact: true }).waitFor(); // another one can be asked
  },

  async a_question_is_edited_and_asked_again(t) {
    await reset();
    const page = await openWithKey(t, CHAT);
    await ask(page, "the first words");
    await page.getByRole("button", { name: "Ask again" }).click();
    await until(async () => asked(t).length === 2, "it is asked again");
    await page.locator(".turn.assistant:not([aria-busy])").waitFor();
    await page.getByRole("button", { name: "Edit", exact: true }).click();
    await page.locator(".turn.user textarea").fill("other words");
    await page.getByRole("button", { name: "Ask this instead" }).click();
    await page.locator(".turn.assistant:not([aria-busy])").getByText("other words").waitFor();
    equal(await page.locator(".turn").count(), 2, "turns");
    equal((await lastBody(ONLY)).messages.map((m) => m.content), ["other words"]);
  },

  async refusals_say_what_to_do(t) {
    await reset();
    const page = await openWithKey(t, CHAT, { key: await makeKey({ limit: 0.000001 }) });
    const poor = await ask(page, "too dear");
    ok((await poor.getByRole("alert").innerText()).includes("status 402"), "402");
    equal(await poor.getByRole("link", { name: "Add credit" }).getAttribute("href"), "/app/credits");
    const wrong = await openWithKey(t, CHAT, { key: "sk-tr-v1-nobody-has-this-key-0000000000000000000000" });
    ok((await (await ask(wrong, "who?")).getByRole("alert").innerText()).includes("status 401"), "401");
    const hasty = await openWithKey(t, CHAT, { key: await makeKey({ requests_per_minute: 1 }) });
    await ask(hasty, "one");
    const late = await (await ask(hasty, "two")).getByRole("alert").innerText();
    ok(late.includes("status 429") && /Try again in \d+ s/.test(late), `429: ${late}`);
  },

  async figures_are_those_of_the_api(t) {
    await reset();
    await model(ONLY, "tokens=123,reasoning=17,prompt=1234");
    for (const chosen of ["demo/only-a", "trustedrouter/synth"]) {
      const page = await openWithKey(t, CHAT, { models: [chosen] });
      const head = page.waitForResponse(/chat\/completions/);
      const figures = await (await ask(page, "what does it cost?")).locator(".answer-figures").innerText();
      const id = (await head).headers()["x-generation-id"];
      const get = () => page.request.get(`${DATA_PLANE}/api/v1/generation?id=${id}`, { headers: { authorization: `Bearer ${env("TR_API_KEY")}` } });
      const { data } = await (await until(async () => { const a = await get(); return a.ok() && a; }, `the API has ${id}`)).json();
      const [, tokensIn, tokensOut, cost] = /([\d,]+) tokens in, ([\d,]+) out.*\$(0\.\d+)/.exec(figures);
      const plain = (n) => Number(n.replaceAll(",", ""));
      equal([plain(tokensIn), plain(tokensOut), Number(cost)], [data.tokens_prompt, data.tokens_completion, data.total_cost], chosen);
    }
  },

  async a_provider_that_fails_is_said(t) {
    await reset();
    await model(ONLY, "fail=500");
    const page = await openWithKey(t, CHAT);
    ok((await (await ask(page, "one")).getByRole("alert").innerText()).includes("choose another model"), "an error of the provider");
    for (const words of ["tokens=400,cadence_us=20000,error_at=6", "tokens=400,cadence_us=20000,close_at=6"]) {
      await model(ONLY, words);
      const answer = await ask(page, words);
      await answer.getByRole("alert").waitFor(); // the failure is shown
      ok((await answer.locator(".md").innerText()).length > 3, `${words}: with what was written before`);
    }
  },

  async evidence_that_is_refused_stops_everything(t) {
    await refused(t, (p) => changed(p, "**/evidence/attestation.conf", (text) => text.replace(/sha384 = ../, "sha384 = 00")), "MEASUREMENT");
    t.requests.length = 0;
    await refused(t, (p) => changed(p, "**/evidence/release.json", (text) => text.replace('"svn":1', '"svn":2')), "RELEASE_SIG");
    t.requests.length = 0;
    await refused(t, (p) => changed(p, "**/attestation?nonce=*", (text) => text.replace(/"nonce":"../, '"nonce":"zz')), "DOCUMENT");
    t.requests.length = 0;
    const page = await refused(t, (p) => changed(p, "**/attestation?nonce=*", (text) => {
      const d = JSON.parse(text);
      const identity = Buffer.from(d.identity, "base64").toString().replace(/"hpke_x25519":"......../, '"hpke_x25519":"00000000');
      return JSON.stringify({ ...d, identity: Buffer.from(identity).toString("base64") });
    }), "REPORT_DATA");
    await t.shot(page, "chat-refused");
    await t.axe(page);
  },

  async without_evidence_files_nothing_is_sent(t) {
    const page = await openWithKey(t, CHAT, { before: (p) => p.route("**/evidence/index.json", (r) => r.fulfill({ status: 404, body: "{}" })) });
    await page.getByText("The evidence of the data plane was refused").waitFor();
    equal(asked(t).length, 0);
  },

  async an_answer_in_clear_is_not_shown(t) {
    await reset();
    const page = await openWithKey(t, CHAT, {
      before: (p) => p.route("**/chat/completions", (r) => r.fulfill({ status: 200, contentType: "text/event-stream", headers: { "access-control-allow-origin": "*" }, body: 'data: {"choices":[{"delta":{"content":"forged words"}}]}\n\ndata: [DONE]\n\n' })),
    });
    const answer = await ask(page, "who answers?");
    ok((await answer.getByRole("alert").innerText()).includes("not encrypted"), "it is refused");
    equal(await page.getByText("forged words").count(), 0);
  },

  async a_data_plane_that_is_not_reached_is_explained(t) {
    const page = await openWithKey(t, CHAT, { before: (p) => t.fail(p, `${DATA_PLANE}/**`) });
    await page.getByText("accept its certificate, then come back").waitFor();
    equal(await page.getByRole("link", { name: `open ${DATA_PLANE} in a new tab` }).getAttribute("href"), `${DATA_PLANE}/health`);
    await t.shot(page, "chat-unreached");
    await t.axe(page);
    await page.unroute(`${DATA_PLANE}/**`);
    await page.getByRole("button", { name: "Try again" }).first().click();
    await page.getByRole("button", { name: /Verified/ }).waitFor();
  },

  async a_slow_network_shows_what_is_awaited(t) {
    const page = await openWithKey(t, CHAT, { before: async (p) => { await t.slow(p, "**/v1/models", 1500); await t.slow(p, "**/attestation?*", 1500); } });
    await page.getByText("Checking the data plane's evidence").waitFor();
    await page.getByRole("status", { name: "Loading" }).first().waitFor(); // skeletons
    await page.getByRole("button", { name: /Verified/ }).waitFor();
  },

  async a_session_that_has_ended_leads_to_the_sign_in(t) {
    const context = await t.context();
    await signIn(context);
    const page = await context.newPage();
    await page.goto(`${CONSOLE}${CHAT}`);
    await page.getByRole("button", { name: "Make a key for this tab" }).waitFor();
    await context.clearCookies();
    await page.getByRole("button", { name: "Make a key for this tab" }).click();
    await page.waitForURL(/\/login\?return_to=%2Fapp%2Fchat/);
    equal(await page.evaluate(() => sessionStorage.getItem("playground-key")), null);
  },

  async the_shield_says_what_was_verified(t) {
    const page = await openWithKey(t, CHAT);
    await page.getByRole("button", { name: /Verified, simulated/ }).click();
    const drawer = page.getByRole("dialog");
    for (const words of ["what this page checked itself", "what only the operator says", "what nobody verified here", "Measurement", "Release", "Accepted"])
      ok((await drawer.innerText()).includes(words), words);
    const measurement = /sha384 = ([0-9a-f]{96})/.exec(readFileSync(`${env("TR_RUN_DIR")}/conf/attestation.conf`, "utf8"))[1];
    ok((await drawer.innerText()).includes(measurement), "the measurement of this build");
    await drawer.getByText(/All \d+ checks/).click();
    ok((await drawer.innerText()).includes("RELEASE_SIG"), "each check");
    await t.axe(page);
  },

  async it_looks_right_everywhere(t) {
    await reset();
    await says(ONLY, "## A heading\n\nSome **bold** words and `code`, [a link](https://example.com).\n\n1. one\n2. two\n\n```python\nprint('a long line of code that has to be scrolled sideways on a telephone, because it does not fit')\n```\n\n| model | price | context |\n|---|---:|---:|\n| a | $1.00 | 128K |\n\n> A quote.");
    for (const size of ["desktop", "phone"])
      for (const theme of ["light", "dark"]) {
        const page = await openWithKey(t, CHAT, { size, theme });
        await ask(page, "Show me everything that Markdown has");
        await t.axe(page);
        await t.shot(page, `chat-${size}-${theme}`);
        ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${size}: the page does not scroll sideways`);
        await page.getByRole("button", { name: /Demo, one provider/ }).click();
        await page.getByLabel("Search models").fill("synth");
        await t.axe(page);
        await t.shot(page, `chat-models-${size}-${theme}`);
        await page.getByRole("button", { name: "Close" }).click();
        await page.getByRole("button", { name: "Parameters" }).click();
        await t.axe(page);
        await t.shot(page, `chat-parameters-${size}-${theme}`);
      }
  },
});
