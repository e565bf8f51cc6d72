#!/usr/bin/env node
// Settings and routing by their pages: the password, sessions, colours, retention, the end of an organisation; the builder of
// routing preferences, and a key's rules made of them.
import { cases, equal, ok, until } from "./lib.mjs";
import { call, canary, clean, fresh, looks, newMember, newUser, openAs, PASSWORD, rest, settled } from "./people.mjs";

const signIn = (email, password) => call(null, "POST", "/auth/login", { email, password });
const object = async (page) => JSON.parse(`{${await page.getByRole("region", { name: "What a request carries" }).locator("pre").textContent()}}`).provider;

await cases({
  async the_password_is_changed(t) {
    const user = await newUser();
    const page = await openAs(t, user, "/app/settings");
    await page.getByLabel("Present password").fill("not the password");
    await page.getByLabel("New password", { exact: true }).fill("short");
    await page.getByLabel("New password, again").fill("different");
    await page.getByRole("button", { name: "Change the password" }).click();
    await page.getByText("at least 10 characters").waitFor();
    await page.getByText("The two are not the same.").waitFor();
    const next = fresh("another password");
    await page.getByLabel("New password", { exact: true }).fill(next);
    await page.getByLabel("New password, again").fill(next);
    await page.getByRole("button", { name: "Change the password" }).click();
    await page.getByRole("alert").first().waitFor(); // the server's word of the present one
    ok(page.url().endsWith("/app/settings"), "a wrong password ends no session");
    await page.getByLabel("Present password").fill(PASSWORD);
    await page.getByRole("button", { name: "Change the password" }).click();
    await page.getByText("The password is changed.").waitFor();
    equal([(await signIn(user.email, PASSWORD)).status, (await signIn(user.email, next)).status], [401, 200], "the passwords");
  },

  async sessions_are_listed_and_ended(t) {
    const user = await newUser();
    const other = await signIn(user.email, PASSWORD);
    const cookie = /__Host-tr_session=([^;]+)/.exec(String(other.headers["set-cookie"]))[1];
    const page = await openAs(t, user, "/app/settings");
    await page.getByText("this one").waitFor();
    await looks(t, page, "settings");
    await page.getByRole("button", { name: /^End the session of/ }).click();
    await until(async () => (await page.getByRole("button", { name: /^End the session of/ }).count()) === 0, "one session is left");
    equal((await call({ cookie, csrf: "" }, "GET", "/auth/session")).status, 401, "the other session");
    await page.getByRole("button", { name: "End all sessions" }).first().click();
    await page.getByRole("dialog").getByRole("button", { name: "End all sessions" }).click();
    await page.waitForURL((url) => url.pathname === "/login");
    equal((await call(user, "GET", "/auth/session")).status, 401, "this session");
  },

  async the_name_is_changed(t) {
    const user = await newUser();
    const page = await openAs(t, user, "/app/settings");
    await page.getByRole("button", { name: "Change your name" }).click();
    await page.getByRole("textbox", { name: "Your name" }).fill(canary(13));
    await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
    await page.getByRole("region", { name: "You" }).getByText(canary(13)).waitFor();
    equal((await rest(user, "GET", "/auth/session")).data.user.name, canary(13), "the name");
    await clean(page);
  },

  async keys_made_lately_are_listed_and_disabled(t) {
    const user = await newUser();
    const page = await openAs(t, user, "/app/settings");
    const recent = page.getByRole("region", { name: "Keys made lately", exact: true });
    await recent.getByText("There are none").waitFor();
    const { key: manages } = await rest(user, "POST", "/keys", { name: canary(14), role: "management" });
    await rest(manages, "POST", "/keys", { name: "made by a key" });
    await rest(user, "POST", "/keys", { name: "mine" });
    await page.reload();
    await recent.getByRole("row").filter({ hasText: "made by a key" }).getByRole("cell", { name: canary(14), exact: true }).waitFor();
    await t.axe(page);
    await looks(t, page, "recent-keys");
    await page.setViewportSize({ width: 390, height: 844 });
    const edge = (await recent.getByRole("button", { name: /^Disable mine/ }).boundingBox());
    ok(edge.x + edge.width <= 390, `the button can be seen on a phone: ${JSON.stringify(edge)}`);
    await page.setViewportSize({ width: 1280, height: 800 });
    await recent.getByRole("button", { name: /^Disable mine/ }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Disable" }).click();
    await until(async () => (await recent.getByRole("row").count()) === 3, "two keys are left");
    await t.fail(page, "**/v1/auth/recent-keys/disable", 503);
    await recent.getByRole("button", { name: "Disable all of them" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Disable" }).click();
    await page.getByRole("dialog").getByRole("alert").waitFor();
    await page.unroute("**/v1/auth/recent-keys/disable");
    await page.getByRole("dialog").getByRole("button", { name: "Disable" }).click();
    await page.getByText("The last management key of a workspace cannot be disabled").waitFor();
    await recent.getByText("There are none").waitFor();
    equal((await call(manages, "GET", "/key")).status, 401, "the management key's former text");
    await clean(page);
  },

  async colours_are_kept(t) {
    const page = await openAs(t, await newUser(), "/app/settings");
    await page.getByLabel("Dark").check();
    equal(await page.evaluate(() => document.documentElement.dataset.theme), "dark", "the theme");
    await page.reload();
    await page.locator("main h1").waitFor();
    equal(await page.evaluate(() => [document.documentElement.dataset.theme, getComputedStyle(document.body).backgroundColor]), ["dark", "rgb(14, 20, 19)"], "the theme after a reload");
    await page.getByLabel("As the system").check();
    equal(await page.evaluate(() => document.documentElement.dataset.theme ?? "system"), "system", "the theme");
  },

  async the_palette_shows_what_it_has_chosen(t) {
    const page = await t.open("/app/settings", { signedIn: true });
    await settled(page);
    await page.getByRole("button", { name: "Commands (Ctrl K)" }).press("Enter");
    const list = page.getByRole("listbox", { name: "Commands" });
    const chosen = list.getByRole("option", { selected: true });
    await chosen.waitFor();
    const n = await list.getByRole("option").count();
    for (let i = 1; i < n; i++) {
      await page.keyboard.press("ArrowDown");
      const seen = () => chosen.evaluate((o) => o.getBoundingClientRect().bottom <= o.parentElement.getBoundingClientRect().bottom + 1);
      await until(seen, `the ${i}th is in view`, 2000);
    }
    await page.keyboard.type("requests");
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/app\/generations$/);
    await until(() => page.evaluate(() => document.activeElement.id === "main"), "the focus is in the page that came");
  },

  async a_slash_at_the_end_of_an_address_does_no_harm(t) {
    for (const at of ["/app/settings/", "/app//", "/app/keys/?new=1"]) {
      const page = await t.open(at, { signedIn: true });
      await page.getByRole("heading", { level: 1 }).waitFor();
      equal(await page.locator(".side [aria-current=page]").count(), 1, `${at} is in the navigation`);
    }
  },

  async a_page_whose_code_does_not_come_says_so(t) {
    const page = await t.open("/app/settings", { signedIn: true });
    await settled(page);
    await page.context().setOffline(true);
    await page.getByRole("link", { name: "Routing", exact: true }).click();
    await page.getByRole("alert").getByText("The code of this page could not be fetched").waitFor();
    await page.getByRole("heading", { name: "Routing", level: 1 }).waitFor(); // which page it is
    await page.getByRole("button", { name: "Try again" }).click();
    await page.getByRole("alert").waitFor(); // still without a network: the page stays
    await page.context().setOffline(false);
    await page.getByRole("button", { name: "Try again" }).click();
    await page.getByRole("heading", { name: "Preferences" }).waitFor();
  },

  async a_server_without_an_answer_ends_no_session(t) {
    for (const [status, code, says] of [[503, "overloaded", "Too many requests at once."], [undefined, "", "The server cannot be reached."]]) {
      const user = await newUser();
      const page = await openAs(t, user, "/app/settings");
      await page.evaluate((w) => localStorage.setItem("workspace", w), user.session.workspace_id);
      await t.fail(page, "**/v1/auth/session", status, code, says);
      await page.reload();
      await page.getByRole("alert").getByText(says).waitFor();
      equal(new URL(page.url()).pathname, "/app/settings", "where the person is");
      equal(await page.evaluate(() => localStorage.getItem("workspace")), user.session.workspace_id, "the chosen workspace");
      await page.unroute("**/v1/auth/session");
      await page.getByRole("button", { name: "Try again" }).click();
      await page.getByText(user.email).first().waitFor();
    }
  },

  async retention_is_shown_and_changed(t) {
    const owner = await newUser();
    const page = await openAs(t, owner, "/app/settings");
    const days = page.getByLabel("Days");
    await days.fill("0");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("1 to 730").waitFor();
    await days.fill("30");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Usage records are kept for 30 days.").waitFor();
    equal((await rest(owner, "GET", "/retention")).retention_days, 30, "days");
    const viewer = await openAs(t, await newMember(owner, "viewer"), "/app/settings");
    await viewer.getByText("They are kept for 30 days.").waitFor();
    equal([await viewer.getByLabel("Days").count(), await viewer.getByRole("button", { name: "Close the organisation" }).count()], [0, 0], "what a viewer changes");
  },

  async the_organisation_is_closed(t) {
    const owner = await newUser();
    const page = await openAs(t, owner, "/app/settings");
    await page.getByRole("button", { name: "Close the organisation" }).click();
    await t.shot(page, "settings-close");
    await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
    equal((await rest(owner, "GET", "/workspaces")).data[0].state, "active", "after Cancel");
    await page.getByRole("button", { name: "Close the organisation" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Close the organisation" }).click();
    await page.waitForURL((url) => url.pathname === "/app");
    equal((await rest(owner, "GET", "/auth/session")).data.workspaces.filter((w) => w.state === "active"), [], "workspaces");
  },

  async settings_without_a_finding_of_axe(t) {
    const page = await openAs(t, await newUser(canary(11)), "/app/settings");
    await settled(page);
    await page.getByText(canary(11)).waitFor();
    await t.axe(page);
    await clean(page);
  },

  async preferences_become_the_object_of_a_request(t) {
    const page = await openAs(t, await newUser(), "/app/routing");
    await page.getByText("Nothing is demanded").waitFor();
    await page.getByRole("cell", { name: /^Demo A/ }).waitFor();
    const only = page.getByLabel("Only these providers");
    await only.fill("demo-a");
    await only.press("Enter");
    await page.getByLabel("Privacy, at least").selectOption("no_store");
    await page.getByLabel("Order", { exact: true }).selectOption("throughput");
    await page.getByLabel("At most for a million prompt tokens, in dollars").fill("0.5");
    await page.getByLabel("Ask another provider when one fails").uncheck();
    equal(await object(page), { only: ["demo-a"], allow_fallbacks: false, min_privacy: "no_store", max_price: { prompt: 0.5 }, sort: "throughput" }, "the object");
    await page.getByRole("row").filter({ hasText: "demo-b" }).getByText("removed by only").waitFor();
    await t.axe(page);
    await looks(t, page, "routing");
    await page.getByLabel("At most for a million prompt tokens, in dollars").fill("cheap");
    await page.getByText("Write dollars per million tokens").waitFor();
    equal((await object(page)).max_price, undefined, "no price");
    await page.getByRole("button", { name: "Start again" }).click();
    await page.getByText("Nothing is demanded").waitFor();
  },

  async preferences_become_rules_of_a_key(t) {
    const user = await newUser();
    const { data } = await rest(user, "POST", "/keys", { name: canary(12), allowed_models: ["demo/echo"] });
    const page = await openAs(t, user, "/app/routing");
    await page.getByLabel("Only these providers").fill("demo-b");
    await page.getByLabel("Only these providers").press("Enter");
    await page.getByLabel("Under the law of").selectOption("eu");
    await page.getByLabel("Order", { exact: true }).selectOption("price");
    await page.getByRole("button", { name: "Save as rules of a key" }).click();
    await page.getByText("Only a request can say sort").waitFor();
    await page.getByRole("button", { name: "Save as rules", exact: true }).click();
    await page.getByRole("dialog").waitFor({ state: "detached" });
    const key = (await rest(user, "GET", `/keys/${data.hash}`)).data;
    equal([key.allowed_providers, key.region, key.allowed_models, key.min_privacy], [["demo-b"], "eu", ["demo/echo"], null], "the key's rules");
    await clean(page);
    const viewer = await openAs(t, await newMember(user, "viewer"), "/app/routing");
    await viewer.getByLabel("Under the law of").selectOption("us");
    equal([await object(viewer), await viewer.getByRole("button", { name: "Save as rules of a key" }).count()], [{ jurisdiction: "us" }, 0], "a viewer builds and saves nothing");
  },

  async a_data_plane_that_is_away_is_said(t) {
    const page = await openAs(t, await newUser(), "/app/routing", { before: (p) => t.fail(p, /\/v1\/(providers|status)$/) });
    await page.getByRole("alert").getByText("cannot be reached from this browser").waitFor();
    await page.unroute(/\/v1\/(providers|status)$/);
    await page.getByRole("button", { name: "Try again" }).click();
    await page.getByRole("cell", { name: /^Demo A/ }).waitFor();
  },
});
