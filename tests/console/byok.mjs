#!/usr/bin/env node
// Provider keys by their page: sealed in the browser to the attested key, opened by the real data plane, sent to the demo
// provider; the key leaves the browser in no other form; evidence that is not accepted, or another sealing key, seals nothing.
import { readFileSync } from "node:fs";
import { request } from "node:https";
import { cases, CONSOLE, DATA_PLANE, env, equal, ok, until } from "./lib.mjs";
import { addCredit, canary, clean, fresh, looks, newMember, newUser, openAs, rest, settled } from "./people.mjs";

/** A chat completion at the only provider of demo/only-a: its status. */
function chat(key) {
  const text = JSON.stringify({ model: "demo/only-a", messages: [{ role: "user", content: "Hello" }] });
  return new Promise((done, fail) => {
    const r = request(`${env("TR_BASE_URL")}/chat/completions`, {
      method: "POST", ca: readFileSync(env("TR_CA")), headers: { authorization: `Bearer ${key}`, "content-type": "application/json", "content-length": Buffer.byteLength(text) },
    }, (a) => a.resume().on("end", () => done(a.statusCode)));
    r.on("error", fail).end(text);
  });
}

/** The key with which the demo provider was asked last. */
async function providerSaw() {
  const head = await (await fetch(`${env("TR_MOCK_URL")}/mock/last-headers/demo-a`)).text();
  return /^authorization: (.*?)\r?$/im.exec(head)?.[1];
}

async function serves(key, want) {
  await until(async () => (await chat(key)) === 200 && (await providerSaw()) === `Bearer ${want}`, "the provider is asked with this key");
}

async function customer() {
  const user = await newUser();
  await addCredit(user, 5);
  const { key } = await rest(user, "POST", "/keys", { name: "k" });
  return { user, key };
}

async function addByPage(page, provider, text, name) {
  await page.getByRole("button", { name: "Add a key" }).first().click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("The sealing key is the one in accepted evidence").waitFor();
  await dialog.getByLabel("Provider", { exact: true }).selectOption(provider);
  await dialog.getByLabel("Key at the provider").fill(text);
  if (name) await dialog.getByLabel("Name (optional)").fill(name);
  await dialog.getByRole("button", { name: "Seal and add" }).click();
  await dialog.waitFor({ state: "detached" });
}

const menu = async (page, name, item) => {
  await page.getByRole("button", { name: `Actions for ${name}`, exact: true }).click();
  await page.getByRole("menuitem", { name: item, exact: true }).click();
};

await cases({
  async a_sealed_key_is_opened_by_the_data_plane_alone(t) {
    const { user, key } = await customer();
    const secret = fresh("sk-provider");
    const page = await openAs(t, user, "/app/byok");
    await page.getByText("No provider key of your own").waitFor();
    await looks(t, page, "byok-empty");
    await page.getByRole("button", { name: "Add a key" }).first().click();
    await page.getByText("The sealing key is the one in accepted evidence").waitFor();
    await t.axe(page);
    await t.shot(page, "byok-add");
    await page.emulateMedia({ colorScheme: "dark" });
    await page.locator(".evidence summary").click();
    await t.shot(page, "byok-evidence-dark");
    await page.keyboard.press("Escape");
    await addByPage(page, "demo-a", secret, "mine");
    await page.getByRole("cell", { name: "in use" }).waitFor();
    await serves(key, secret);
    equal(t.requests.filter((r) => (r.url + r.body).includes(secret)).map((r) => r.url), [], "requests with the key in clear");
    equal(t.sent("POST", /^\/v1\/byok$/).length, 1, "what is sealed is sent once");
    ok(t.requests.some((r) => r.origin === DATA_PLANE && r.path.startsWith("/attestation?nonce=")), "evidence was asked for");
    equal((await rest(user, "GET", "/byok")).data.map((k) => [k.provider, k.name]), [["demo-a", "mine"]], "the key as the API has it");
    await looks(t, page, "byok-list");
  },

  async another_sealing_key_is_refused(t) {
    const user = await newUser();
    const page = await openAs(t, user, "/app/byok", {
      before: (p) => p.route(/\/v1\/byok\/sealing-key$/, async (route) => {
        const answer = await route.fetch();
        const said = await answer.json();
        await route.fulfill({ response: answer, json: { ...said, public_key: "11".repeat(32) } });
      }),
    });
    await page.getByRole("button", { name: "Add a key" }).first().click();
    await page.getByRole("alert").getByText("is not the one that its evidence names").waitFor();
    await page.getByLabel("Key at the provider").fill("sk-stays-here");
    ok(await page.getByRole("button", { name: "Seal and add" }).isDisabled(), "nothing can be sealed");
    equal(t.sent("POST", /^\/v1\/byok/), [], "nothing is sent");
    await t.shot(page, "byok-refused");
  },

  async evidence_that_is_not_accepted_seals_nothing(t) {
    const user = await newUser();
    const page = await openAs(t, user, "/app/byok", {
      before: (p) => p.route(/\/attestation\?nonce=/, async (route) => {
        const answer = await route.fetch();
        const document = await answer.json();
        const report = Buffer.from(document.report, "base64");
        report[0x90] ^= 1; // a bit of the measurement
        await route.fulfill({ response: answer, json: { ...document, report: report.toString("base64") } });
      }),
    });
    await page.getByRole("button", { name: "Add a key" }).first().click();
    await page.getByRole("alert").getByText("evidence is not accepted, so nothing is sealed").waitFor();
    ok(await page.getByRole("button", { name: "Seal and add" }).isDisabled(), "nothing can be sealed");
    await page.unroute(/\/attestation\?nonce=/);
    await page.getByRole("dialog").getByRole("button", { name: "Try again" }).click();
    await page.getByText("The sealing key is the one in accepted evidence").waitFor();
  },

  async a_data_plane_that_is_away_is_said(t) {
    const user = await newUser();
    const page = await openAs(t, user, "/app/byok", { before: (p) => t.fail(p, (url) => url.origin === DATA_PLANE) });
    await page.getByRole("button", { name: "Add a key" }).first().click();
    await page.getByRole("dialog").getByRole("alert").first().waitFor();
    ok(await page.getByRole("button", { name: "Seal and add" }).isDisabled(), "nothing can be sealed");
  },

  async keys_are_changed_disabled_sealed_again_and_deleted(t) {
    const { user, key } = await customer();
    const [first, second] = [fresh("sk-first"), fresh("sk-second")];
    const page = await openAs(t, user, "/app/byok");
    await addByPage(page, "demo-a", first, "turns");
    await serves(key, first);
    await menu(page, "turns", "Seal again");
    await page.getByText("The sealing key is the one in accepted evidence").waitFor();
    await page.getByLabel("Key at the provider").fill(second);
    await page.getByRole("button", { name: "Seal and replace" }).click();
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await serves(key, second);
    await menu(page, "turns", "Disable");
    await page.getByRole("cell", { name: "disabled" }).waitFor();
    await until(async () => (await chat(key)) === 200 && (await providerSaw()) !== `Bearer ${second}`, "the operator's key is used");
    await menu(page, "turns", "Enable");
    await page.getByRole("cell", { name: "in use" }).waitFor();
    await menu(page, "turns", "Change");
    await page.getByLabel("Name (optional)").fill("renamed");
    await page.getByRole("switch", { name: "Use it only when other keys failed" }).check();
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("cell", { name: "when other keys failed" }).waitFor();
    await menu(page, "renamed", "Delete");
    await page.getByRole("button", { name: "Delete the key" }).click();
    await page.getByText("No provider key of your own").waitFor();
    equal((await rest(user, "GET", "/byok")).total_count, 0, "keys that are left");
  },

  async a_key_of_a_former_sealing_key_is_marked(t) {
    const user = await newUser();
    const page = await openAs(t, user, "/app/byok");
    await addByPage(page, "demo-b", fresh("sk"), "of before");
    await page.route(/\/v1\/byok\/sealing-key$/, async (route) => {
      const answer = await route.fetch();
      await route.fulfill({ response: answer, json: { ...(await answer.json()), id: "0123456789abcdef" } });
    });
    await page.reload();
    await page.getByRole("cell", { name: "seal it again" }).waitFor();
    await page.getByText("Data planes cannot open every key").waitFor();
  },

  async what_no_provider_writes_is_no_key(t) {
    const page = await openAs(t, await newUser(), "/app/byok");
    await page.getByRole("button", { name: "Add a key" }).first().click();
    await page.getByText("The sealing key is the one in accepted evidence").waitFor();
    for (const [text, says] of [["two words", "no spaces"], ['a"b', "no quotation mark"], ["k".repeat(513), "at most 512"], ["", "Paste the key"]]) {
      await page.getByLabel("Key at the provider").fill(text);
      await page.getByRole("button", { name: "Seal and add" }).click();
      await page.getByRole("dialog").getByText(says).waitFor();
    }
    equal(t.sent("POST", /^\/v1\/byok/), [], "nothing is sent");
  },

  async a_viewer_has_no_buttons_and_a_name_is_no_html(t) {
    const user = await newUser();
    const page = await openAs(t, user, "/app/byok");
    await addByPage(page, "demo-a", fresh("sk"), canary(2));
    await page.getByRole("cell", { name: canary(2), exact: true }).waitFor();
    await clean(page);
    const theirs = await openAs(t, await newMember(user, "viewer"), "/app/byok");
    await theirs.getByRole("cell", { name: canary(2), exact: true }).waitFor();
    equal([await theirs.getByRole("button", { name: "Add a key" }).count(), await theirs.getByRole("button", { name: /^Actions for/ }).count()], [0, 0], "buttons of a viewer");
    await clean(theirs);
  },

  async the_box_is_loaded_on_this_page_alone(t) {
    const user = await newUser();
    const page = await openAs(t, user, "/app/keys");
    await settled(page);
    const withBox = async () => (await Promise.all(t.sent("GET", /^\/assets\/.*\.js$/).map((r) => page.request.get(r.url).then((a) => a.text())))).filter((text) => text.includes("bad nonce size")).length;
    equal(await withBox(), 0, "scripts of another page with the box");
    await page.goto(`${CONSOLE}/app/byok`);
    await page.locator("main h1").waitFor();
    await settled(page);
    equal(await withBox(), 1, "scripts of this page with the box");
  },
});
