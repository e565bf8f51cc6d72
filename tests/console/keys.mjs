#!/usr/bin/env node
// API keys by their page: made and used at the data plane, changed, rotated, disabled, deleted; who may do what; names that
// are no HTML. What the page does is read back from the REST API and tried at the data plane.
import { readFileSync } from "node:fs";
import { request } from "node:https";
import { cases, CONSOLE, env, equal, ok, until } from "./lib.mjs";
import { addCredit, canary, clean, looks, newMember, newUser, openAs, rest, settled } from "./people.mjs";

let owner;
const somebody = async () => (owner ??= await newUser());
const keysOf = async (user) => (await rest(user, "GET", "/keys?include_disabled=true")).data.filter((k) => k.role === "inference");

/** The status of a chat completion with this key. */
function chat(key, model = "demo/echo") {
  const text = JSON.stringify({ model, messages: [{ role: "user", content: "Hello" }] });
  return new Promise((done, fail) => {
    const r = request(`${env("TR_BASE_URL")}/chat/completions`, {
      method: "POST", ca: readFileSync(env("TR_CA")), headers: { authorization: `Bearer ${key}`, "content-type": "application/json", "content-length": Buffer.byteLength(text) },
    }, (a) => a.resume().on("end", () => done(a.statusCode)));
    r.on("error", fail).end(text);
  });
}

async function makeByPage(page, name) {
  await page.getByRole("button", { name: "New key" }).first().click();
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByRole("button", { name: "Make the key" }).click();
  return (await page.getByRole("status", { name: "The key" }).textContent()).trim();
}

const menu = async (page, name, item) => {
  await page.getByRole("button", { name: `Actions for ${name}`, exact: true }).click();
  await page.getByRole("menuitem", { name: item, exact: true }).click();
};

await cases({
  async a_first_key_in_under_a_minute(t) {
    const user = await newUser();
    await addCredit(user, 5);
    const page = await openAs(t, user, "/app/keys");
    await page.getByText("No key yet").waitFor();
    await looks(t, page, "keys-empty");
    const key = await makeByPage(page, "first");
    ok(/^sk-tr-v1-/.test(key), "a key is shown");
    const [made] = await keysOf(user);
    equal([made.name, made.limit, made.disabled], ["first", null, false], "the key as the API has it");
    await page.getByRole("tab", { name: "Python" }).click();
    const code = page.locator(".fresh pre");
    ok((await code.textContent()).includes(key) && (await code.textContent()).includes(`${env("TR_BASE_URL")}`), "the example is ready");
    await page.getByRole("tab", { name: "TypeScript" }).click();
    ok((await code.textContent()).includes("new OpenAI"), "TypeScript, too");
    await t.axe(page);
    await looks(t, page, "keys-made");
    await page.getByRole("button", { name: "I have copied the key" }).click();
    equal(await page.getByText(key).count(), 0, "the key is gone");
    equal(await chat(key), 200, "the key works");
    equal(t.requests.filter((r) => r.url.includes(key) || r.body.includes(key)), [], "the browser sends the key nowhere");
  },

  async limits_and_rules_are_what_was_chosen(t) {
    const user = await somebody();
    await addCredit(user, 5);
    const page = await openAs(t, user, "/app/keys");
    await page.getByRole("button", { name: "New key" }).first().click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Name", { exact: true }).fill("with rules");
    await dialog.getByLabel("Limit in dollars").fill("12.50");
    await dialog.getByLabel("Per", { exact: true }).selectOption("monthly");
    await dialog.getByLabel("Expires").selectOption("30");
    await dialog.getByText("Advanced: rules for requests").click();
    await dialog.getByLabel("Allowed models").fill("demo/only-a");
    await dialog.getByLabel("Allowed models").press("Enter");
    await dialog.getByLabel("Allowed client addresses").fill("127.0.0.0/8");
    await dialog.getByLabel("Allowed client addresses").press("Enter");
    await dialog.getByLabel("Region").selectOption("");
    await dialog.getByLabel("Requests a minute").fill("30");
    await t.axe(page);
    await t.shot(page, "keys-new");
    await dialog.getByRole("button", { name: "Make the key" }).click();
    const key = (await page.getByRole("status", { name: "The key" }).textContent()).trim();
    const k = (await keysOf(user)).find((x) => x.name === "with rules");
    equal([k.limit, k.limit_reset, k.allowed_models, k.allowed_ips, k.requests_per_minute, k.allowed_providers, k.min_privacy],
          [12.5, "monthly", ["demo/only-a"], ["127.0.0.0/8"], 30, null, null], "the rules");
    const days = (Date.parse(k.expires_at) - Date.now()) / 86400000;
    ok(days > 29 && days < 31, `it expires in ${days} days`);
    equal([await chat(key, "demo/only-a"), await chat(key, "demo/dear")], [200, 403], "the rule holds at the data plane");
  },

  async a_refused_field_says_why_and_keeps_the_rest(t) {
    const page = await openAs(t, await somebody(), "/app/keys");
    await page.getByRole("button", { name: "New key" }).first().click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("button", { name: "Make the key" }).click();
    await dialog.getByText("Give the key a name").waitFor();
    equal(t.sent("POST", /^\/v1\/keys/), [], "nothing is sent without a name");
    await dialog.getByLabel("Name", { exact: true }).fill("refused");
    await dialog.getByText("Advanced: rules for requests").click();
    await dialog.getByLabel("Allowed client addresses").fill("192.0.2.1/24");
    await dialog.getByLabel("Allowed client addresses").press("Enter");
    await dialog.getByRole("button", { name: "Make the key" }).click();
    await dialog.getByText("whose bits behind its length are 0").waitFor(); // the server's sentence, at the field
    equal(await dialog.getByLabel("Allowed client addresses").getAttribute("aria-invalid"), "true", "the field is marked");
    equal(await dialog.getByLabel("Name", { exact: true }).inputValue(), "refused", "what was typed stays");
    equal((await keysOf(await somebody())).some((k) => k.name === "refused"), false, "no key is made");
  },

  async a_key_is_changed_renamed_disabled_and_deleted(t) {
    const user = await newUser();
    await addCredit(user, 5);
    const { key } = await rest(user, "POST", "/keys", { name: "old name", limit: 3, allowed_models: ["demo/echo"] });
    const page = await openAs(t, user, "/app/keys");
    await menu(page, "old name", "Rename");
    await page.getByRole("dialog").getByLabel("Name").fill("new name");
    await page.getByRole("button", { name: "Rename", exact: true }).click();
    await page.getByRole("button", { name: "new name", exact: true }).waitFor();
    await menu(page, "new name", "Change name, limits, rules");
    const dialog = page.getByRole("dialog");
    equal(await dialog.getByLabel("Limit in dollars").inputValue(), "3", "the limit is in the form");
    await dialog.getByLabel("Limit in dollars").fill("");
    await dialog.getByRole("button", { name: "Remove demo/echo" }).click();
    await dialog.getByRole("button", { name: "Save" }).click();
    await dialog.waitFor({ state: "detached" });
    equal(t.sent("PATCH", /^\/v1\/keys\//).map((r) => JSON.parse(r.body)), [{ name: "new name" }, { limit: null, allowed_models: null }], "only what changed is sent");
    await menu(page, "new name", "Disable");
    await page.getByRole("row").filter({ hasText: "new name" }).getByText("disabled").waitFor();
    await until(async () => (await chat(key)) === 403 || (await chat(key)) === 401, "the disabled key is refused");
    await menu(page, "new name", "Enable");
    await page.getByRole("row").filter({ hasText: "new name" }).getByText("active").waitFor();
    await until(async () => (await chat(key)) === 200, "the enabled key works");
    await menu(page, "new name", "Delete");
    await t.shot(page, "keys-delete");
    await page.getByRole("button", { name: "Delete the key" }).click();
    await page.getByText("No key yet").waitFor();
    await until(async () => (await chat(key)) === 401, "the deleted key is refused");
  },

  async a_rotated_key_has_two_texts_for_a_while(t) {
    const user = await newUser();
    await addCredit(user, 5);
    const { key: old } = await rest(user, "POST", "/keys", { name: "turned" });
    const page = await openAs(t, user, "/app/keys");
    await menu(page, "turned", "Rotate");
    await page.getByRole("button", { name: "Rotate", exact: true }).click();
    const next = (await page.getByRole("status", { name: "The key" }).textContent()).trim();
    ok(next !== old, "another text");
    await page.getByText("The former text of this key works until").waitFor();
    await until(async () => (await chat(next)) === 200, "the new text works");
    equal(await chat(old), 200, "the former text, too");
    equal((await keysOf(user)).length, 1, "it is one key");
  },

  async usage_of_a_key_is_shown(t) {
    const user = await newUser();
    await addCredit(user, 5);
    const { key, data } = await rest(user, "POST", "/keys", { name: "used", limit: 1, limit_reset: "daily" });
    equal(await chat(key), 200, "a request");
    await until(async () => (await rest(user, "GET", `/keys/${data.hash}`)).data.usage > 0, "it is booked", 40000);
    const page = await openAs(t, user, "/app/keys");
    await page.getByRole("button", { name: "used", exact: true }).click();
    const drawer = page.getByRole("dialog");
    await drawer.getByRole("cell", { name: "demo/echo" }).waitFor();
    await drawer.locator(".chart canvas").waitFor();
    await t.axe(page);
    for (const theme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme: theme });
      await t.shot(page, `keys-detail-${theme}`);
    }
  },

  async a_name_is_never_html(t) {
    const user = await newUser();
    await rest(user, "POST", "/keys", { name: canary(1) });
    const page = await openAs(t, user, "/app/keys");
    await page.getByRole("button", { name: canary(1), exact: true }).click();
    await page.getByRole("dialog").getByRole("heading", { name: canary(1) }).waitFor();
    await page.keyboard.press("Escape");
    await menu(page, canary(1), "Delete");
    await page.getByRole("heading", { name: `Delete “${canary(1)}”?` }).waitFor();
    await clean(page);
  },

  async who_reads_keys_sees_no_button_that_would_be_refused(t) {
    const user = await somebody();
    await rest(user, "POST", "/keys", { name: "of the owner" });
    const viewer = await newMember(user, "viewer");
    const page = await openAs(t, viewer, "/app/keys");
    await page.getByRole("button", { name: "of the owner", exact: true }).waitFor();
    equal([await page.getByRole("button", { name: "New key" }).count(), await page.getByRole("button", { name: /^Actions for/ }).count()], [0, 0], "buttons of a viewer");
    const developer = await newMember(user, "developer");
    const theirs = await openAs(t, developer, "/app/keys");
    await theirs.getByRole("button", { name: "New key" }).first().click();
    equal(await theirs.getByLabel("Kind").count(), 0, "a developer makes no management key");
    const billing = await newMember(user, "billing");
    const none = await openAs(t, billing, "/app/keys");
    await none.getByText("Your role does not include this page").waitFor();
    equal(await none.getByText("of the owner").count(), 0, "billing sees no key");
  },

  async an_owner_makes_a_management_key(t) {
    const user = await newUser();
    const page = await openAs(t, user, "/app/keys");
    await page.getByRole("button", { name: "New key" }).first().click();
    await page.getByLabel("Name", { exact: true }).fill("for scripts");
    await page.getByLabel("Kind").selectOption("management");
    equal(await page.getByLabel("Limit in dollars").count(), 0, "it spends nothing, so it has no limit");
    await page.getByRole("button", { name: "Make the key" }).click();
    const key = (await page.getByRole("status", { name: "The key" }).textContent()).trim();
    ok(/^sk-tr-m1-/.test(key), "a management key");
    equal((await rest(key, "GET", "/keys")).data.length, 1, "it manages");
  },

  async pressed_twice_on_a_slow_network_makes_one_key(t) {
    const user = await newUser();
    const page = await openAs(t, user, "/app/keys");
    await t.slow(page, /\/v1\/keys$/, 800);
    await page.getByRole("button", { name: "New key" }).first().click();
    await page.getByLabel("Name", { exact: true }).fill("once");
    const make = page.getByRole("button", { name: "Make the key" });
    await make.dblclick();
    await page.getByRole("status", { name: "The key" }).waitFor();
    equal((await keysOf(user)).length, 1, "keys");
  },

  async pressed_again_after_a_lost_answer_makes_one_key(t) {
    const user = await newUser();
    const page = await openAs(t, user, "/app/keys");
    await page.route(/\/v1\/keys$/, async (route) => {
      if (route.request().method() !== "POST") return route.continue();
      await route.fetch(); // the key is made, and nobody hears of it
      await route.abort("connectionfailed");
    });
    await page.getByRole("button", { name: "New key" }).first().click();
    await page.getByLabel("Name", { exact: true }).fill("once");
    const make = page.getByRole("button", { name: "Make the key" });
    await make.click();
    await page.getByText("The server cannot be reached").waitFor();
    equal((await keysOf(user)).length, 1, "keys after the lost answer");
    await page.unroute(/\/v1\/keys$/);
    await make.click();
    await page.getByRole("status", { name: "The key" }).waitFor();
    equal((await keysOf(user)).length, 1, "keys");
  },

  async the_keyboard_is_enough(t) {
    const user = await newUser();
    const { data } = await rest(user, "POST", "/keys", { name: "by hand" });
    const page = await openAs(t, user, "/app/keys");
    await page.getByRole("button", { name: "by hand", exact: true }).waitFor();
    await page.keyboard.press("/");
    await page.keyboard.type("by h");
    await page.keyboard.press("Tab"); // the table's frame
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter"); // the name: the drawer
    await page.getByRole("dialog").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    const focused = (word) => until(() => page.evaluate((w) => [document.activeElement?.textContent, document.activeElement?.ariaLabel].some((n) => n?.includes(w)), word), `the focus is on ${word}`);
    await focused("by hand"); // where it was
    await page.keyboard.press("Tab"); // the menu
    await page.keyboard.press("Enter");
    await focused("Change name");
    for (let i = 0; i < 4; i++) await page.keyboard.press("ArrowDown");
    await focused("Delete");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Delete “by hand”?" }).waitFor();
    for (let i = 0; i < 6 && !(await page.getByRole("button", { name: "Delete the key" }).evaluate((e) => e === document.activeElement)); i++) await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.getByText("No key yet").waitFor();
    equal((await keysOf(user)).filter((k) => k.hash === data.hash), [], "it is deleted");
  },

  async dialogs_and_menus_keep_the_place_of_the_keyboard(t) {
    const user = await newUser();
    const { data } = await rest(user, "POST", "/keys", { name: "by hand" });
    await rest(user, "PATCH", `/keys/${data.hash}`, { disabled: true });
    const page = await openAs(t, user, "/app/keys");
    const at = () => page.evaluate(() => document.activeElement.ariaLabel ?? (document.activeElement.labels?.[0] ?? document.activeElement).textContent);
    const focused = (name) => until(async () => (await at()) === name, `the focus is on ${name}`).catch(async (e) => {
      throw new Error(`${e.message}; it is on ${await at()}, dialogs: ${await page.getByRole("dialog").count()}`);
    });
    await page.getByRole("button", { name: "New key" }).press("Enter");
    await focused("Name"); // a person who makes a key begins to type
    for (const leave of [() => page.getByRole("button", { name: "Close" }).click(), () => page.getByRole("button", { name: "Cancel" }).click(), () => page.keyboard.press("Escape")]) {
      await leave();
      await page.getByRole("dialog").waitFor({ state: "detached" });
      await focused("New key");
      await page.keyboard.press("Enter");
      await focused("Name");
    }
    for (let i = 0; i < 10; i++) { // quicker than the frame with which Chromium tells that a dialog was closed
      await Promise.all([page.keyboard.press("Escape"), page.keyboard.press("Enter")]);
      await focused("Name");
    }
    await page.keyboard.press("Escape");
    const menu = page.getByRole("button", { name: "Actions for by hand" });
    await menu.press("Enter");
    await focused("Change name, limits, rules");
    for (const name of ["Rename", "Enable", "Delete"]) { // a key that is disabled is not rotated
      await page.keyboard.press("ArrowDown");
      await focused(name);
    }
    await page.keyboard.press("Home");
    await focused("Change name, limits, rules");
    await page.keyboard.press("Tab");
    await page.getByRole("menu").waitFor({ state: "detached" });
    await menu.press("Enter");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Rename" }).waitFor();
    await page.getByRole("button", { name: "Close" }).click();
    await focused("Actions for by hand");
  },

  async long_names_leave_room_for_the_figures(t) {
    const user = await newUser();
    await rest(user, "POST", "/keys", { name: "a name that somebody has pasted from a ticket and that nobody has ever made shorter" });
    for (const [size, last] of [["phone", "This month"], ["desktop", "Actions"]]) {
      const page = await openAs(t, user, "/app/keys", { size });
      const head = page.getByRole("columnheader", { name: last, exact: true });
      await head.waitFor();
      const { right, width } = await head.evaluate((h) => ({ right: h.getBoundingClientRect().right, width: innerWidth }));
      ok(right <= width, `${size}: ${last} ends at ${right} of ${width} pixels`);
    }
  },

  async a_failed_list_can_be_tried_again(t) {
    const page = await openAs(t, await somebody(), "/app/keys", { before: (p) => t.fail(p, /\/v1\/keys\?/, 503, "overloaded", "Too many requests at once.") });
    await page.getByRole("alert").getByText("Too many requests at once.").waitFor();
    await page.unroute(/\/v1\/keys\?/);
    await page.getByRole("button", { name: "Try again" }).click();
    await page.getByRole("table").waitFor();
  },

  async a_session_that_ends_leads_to_sign_in_and_back(t) {
    const user = await newUser();
    const page = await openAs(t, user, "/app/keys");
    await settled(page);
    await rest(user, "POST", "/auth/logout");
    await page.getByRole("button", { name: "New key" }).first().click();
    await page.getByLabel("Name", { exact: true }).fill("too late");
    await page.getByRole("button", { name: "Make the key" }).click();
    await page.waitForURL((url) => url.origin === CONSOLE && url.pathname === "/login" && url.searchParams.get("return_to") === "/app/keys");
  },

  async many_keys_are_all_listed_and_found(t) {
    const user = await newUser();
    for (let i = 0; i < 3; i++) await Promise.all(Array.from({ length: 35 }, (_, k) => rest(user, "POST", "/keys", { name: `key ${i * 35 + k}` })));
    const page = await openAs(t, user, "/app/keys");
    await settled(page);
    equal(await page.getByRole("table").getAttribute("aria-rowcount"), "106", "rows, the head included");
    await page.getByRole("searchbox").fill("key 104");
    await until(async () => (await page.getByRole("row").count()) === 2, "the one that fits, and the head");
    await page.getByRole("searchbox").fill("no such key");
    await page.getByText("No key fits").waitFor();
  },
});
