#!/usr/bin/env node
// The pages for signing in, in a browser, against a certified issuer, a real mail server and a control plane of their own:
// every way, what goes wrong, where a visitor is led, and what other sites may not do. Needs no stack; prepare of tests/e2e.
import { execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const HERE = path.dirname(fileURLToPath(import.meta.url));
execFileSync(path.join(HERE, "../e2e/prepare"), { stdio: "inherit" });
const child = spawn("python3", ["-B", path.join(HERE, "sign_plane.py")], { stdio: ["pipe", "pipe", "inherit"] });
process.on("exit", () => child.stdin.destroy());
const line = await new Promise((done, fail) => {
  createInterface({ input: child.stdout }).once("line", done);
  child.once("exit", () => fail(new Error("the control plane did not start")));
});
const plane = JSON.parse(line);
Object.assign(process.env, { TR_CONTROL_URL: plane.origin, TR_BASE_URL: plane.origin, TR_CONTROL_CA: plane.ca, TR_RUN_DIR: plane.dir });
const { CONSOLE, cases, equal, ok, until } = await import("./lib.mjs");

const PASSWORD = "correct horse battery";
const fresh = (word) => `${word}-${randomBytes(4).toString("hex")}`;
const sql = (text) => execFileSync("psql", ["-XAtq", plane.conninfo, "-v", "ON_ERROR_STOP=1", "-c", text], { encoding: "utf8" }).trim();
const noThrottle = () => sql("DELETE FROM login_throttle");

async function person(context, name, more = {}) {
  const a = await context.request.post(`${plane.real}/control`, { data: JSON.stringify({ sub: name, email: `${name}@idp.example`, ...more }) });
  equal(a.status(), 200);
}

async function newUser(context, email = `${fresh("user")}@b.example`) {
  const a = await context.request.post(`${CONSOLE}/v1/auth/signup`, { data: { email, password: PASSWORD, token: true } });
  equal(a.status(), 201, await a.text());
  return email;
}

async function fillLogin(page, email, password) {
  await page.getByLabel("E-mail address").fill(email);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
}

const at = (page, where) => page.waitForURL((u) => u.pathname + u.search === where);
const session = async (page) => (await page.context().cookies(CONSOLE)).find((c) => c.name === "__Host-tr_session")?.value;
const alert = (page) => page.locator("[role=alert]").first();

async function looks(t, where, name, ready) {
  for (const size of ["desktop", "phone"])
    for (const theme of ["light", "dark"]) {
      const page = await t.open(where, { size, theme });
      await ready(page).waitFor();
      if (theme === "light") await t.axe(page);
      await t.shot(page, `${name}-${size}-${theme}`);
      equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true, `${name} ${size}: nothing is wider than the page`);
    }
}

await cases({
  async the_pages_look_right(t) {
    await looks(t, "/login", "login", (p) => p.getByRole("button", { name: "Sign in", exact: true }));
    await looks(t, "/login?error=email_taken", "login-error", (p) => p.getByRole("alert"));
    await looks(t, "/signup", "signup", (p) => p.getByRole("button", { name: "Make the account" }));
    await looks(t, "/recover", "recover", (p) => p.getByRole("button", { name: "Send me a link" }));
    await looks(t, "/signup#sk-tr-i1-" + "A".repeat(43), "invited", (p) => p.getByRole("button", { name: "Accept the invitation" }));
    await looks(t, "/recover#sk-tr-r1-" + "A".repeat(43), "recover-link", (p) => p.getByRole("button", { name: "Set the password" }));
  },

  async a_first_key_in_under_a_minute(t) {
    const began = Date.now();
    const page = await t.open("/signup");
    await page.getByLabel("E-mail address").fill(`${fresh("new")}@b.example`);
    await page.getByLabel("Password").fill("short");
    await page.getByRole("button", { name: "Make the account" }).click();
    await page.getByText("A password has at least 10 characters.").waitFor();
    equal(t.sent("POST", /signup/).length, 0);
    await page.getByLabel("Password").fill(PASSWORD);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Make your first key" }).waitFor();
    await t.axe(page);
    await t.shot(page, "first-key");
    await page.getByRole("button", { name: "Make the key" }).click();
    const key = await page.getByLabel("The key", { exact: true }).textContent();
    ok(/^sk-tr-v1-[\w-]{43}$/.test(key), key);
    await t.shot(page, "first-key-made");
    ok(Date.now() - began < 60000, "under a minute");
    await page.getByRole("button", { name: "I have copied the key" }).click();
    await at(page, "/app");
    equal(t.sent("POST", /\/v1\/keys$/).length, 1);
  },

  async a_taken_address_is_said_at_its_field(t) {
    const page = await t.open("/signup");
    const email = await newUser(await t.context());
    await page.getByLabel("E-mail address").fill(email);
    await page.getByLabel("Password").fill(PASSWORD);
    await page.getByRole("button", { name: "Make the account" }).click();
    await page.getByText("A user has this e-mail address.").waitFor();
    equal(await page.evaluate(() => document.activeElement?.getAttribute("name")), "email");
  },

  async a_password(t) {
    const page = await t.open("/login?return_to=%2Fapp%2Fkeys%3Fnew%3D1");
    const email = await newUser(await t.context());
    await fillLogin(page, email, "wrong horse battery");
    await page.getByText("The e-mail address or the password is wrong.").waitFor();
    equal(await session(page), undefined);
    await t.shot(page, "login-wrong");
    await page.getByLabel("Password").fill(PASSWORD);
    await page.keyboard.press("Enter");
    await at(page, "/app/keys?new=1");
    ok(await session(page), "a session");
    // Nothing secret stays in the page's storage.
    const kept = await page.evaluate(() => JSON.stringify(localStorage) + JSON.stringify(sessionStorage) + document.cookie);
    ok(!kept.includes("sk-tr") && !kept.includes(PASSWORD), kept);
    // Who has signed in and opens the page again goes on at once.
    await page.goto(`${CONSOLE}/login?return_to=/app/settings`);
    await at(page, "/app/settings");
  },

  async too_many_attempts(t) {
    const page = await t.open("/login");
    await t.fail(page, "**/v1/auth/login", 429, "too_many_attempts", "Too many attempts to sign in.");
    await fillLogin(page, "a@b.example", PASSWORD);
    await page.getByText("Too many attempts to sign in.").waitFor();
    await t.shot(page, "login-throttled");
    // And as the server says it, with the time to wait.
    await page.unroute("**/v1/auth/login");
    noThrottle();
    const email = `${fresh("nobody")}@b.example`;
    for (let i = 0; i < 10; i++) equal((await page.request.post(`${CONSOLE}/v1/auth/login`, { data: { email, password: "wrong horse" } })).status(), 401);
    await fillLogin(page, email, PASSWORD);
    await page.getByText(/Too many attempts to sign in\. Try again in \d+ s\./).waitFor();
    noThrottle();
  },

  async no_answer(t) {
    const page = await t.open("/login");
    await t.fail(page, "**/v1/auth/login");
    await fillLogin(page, "a@b.example", PASSWORD);
    await page.getByText("The server cannot be reached.").waitFor();
    await page.unroute("**/v1/auth/login");
    await t.slow(page, "**/v1/auth/login", 800);
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    equal(await page.getByRole("button", { name: "Sign in", exact: true }).getAttribute("aria-busy"), "true");
    await page.getByText("The e-mail address or the password is wrong.").waitFor();
  },

  async a_provider_of_identities(t) {
    const context = await t.context();
    const name = fresh("ada");
    await person(context, name);
    const page = await context.newPage();
    await page.goto(`${CONSOLE}/login?return_to=%2Fapp%2Fcredits`);
    await page.getByRole("link", { name: "Sign in with rs" }).click();
    await at(page, "/app/credits");
    await page.goto(`${CONSOLE}/app/settings`);
    await page.getByText(`${name}@idp.example`).first().waitFor();
    // A visitor who is new to us is offered a key.
    const other = await t.context();
    await person(other, fresh("eve"));
    const first = await other.newPage();
    await first.goto(`${CONSOLE}/signup`);
    await first.getByRole("link", { name: "Sign up with rs" }).click();
    await first.getByRole("heading", { name: "Make your first key" }).waitFor();
    // A provider that is down.
    const third = await t.open("/login?return_to=%2Fapp%2Fchat");
    await third.getByRole("link", { name: "Sign in with down" }).click();
    await third.getByText("The provider does not answer now.").waitFor();
    equal(new URL(third.url()).searchParams.get("return_to"), "/app/chat");
  },

  async an_address_that_is_taken_and_the_way_around(t) {
    const name = fresh("grace");
    const context = await t.context();
    await newUser(context, `${name}@idp.example`);
    await context.clearCookies();
    await person(context, name);
    const page = await context.newPage();
    await page.goto(`${CONSOLE}/login`);
    await page.getByRole("link", { name: "Sign in with rs" }).click();
    await page.getByText("An account here has your e-mail address already.").waitFor();
    equal(await session(page), undefined);
    await fillLogin(page, `${name}@idp.example`, PASSWORD);
    await at(page, "/app");
    await page.goto(`${CONSOLE}/app/settings`);
    await page.getByRole("link", { name: "Add rs" }).click();
    await at(page, "/app/settings");
    const methods = page.getByRole("region", { name: "Sign-in methods" });
    await methods.getByText(`${name}@idp.example`).waitFor();
    await t.axe(page);
    await t.shot(page, "settings-methods");
    await methods.getByRole("button", { name: "Remove rs" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
    await methods.getByText("the only one").waitFor();
  },

  async an_older_session_signs_in_again_and_goes_on(t) {
    const name = fresh("late");
    const context = await t.context();
    const email = await newUser(context);
    await person(context, name);
    const page = await context.newPage();
    await page.goto(`${CONSOLE}/login`);
    await fillLogin(page, email, PASSWORD);
    await at(page, "/app");
    const user = sql(`SELECT user_id FROM app_user WHERE email = '${email}'`);
    sql(`INSERT INTO user_identity (user_id, kind, subject) VALUES ('${user}', 'wallet', 'wallet of ${user}')`);
    const age = () => sql(`UPDATE session SET created_at = now() - interval '16 minutes' WHERE user_id = '${user}'`);
    age();
    await page.goto(`${CONSOLE}/app/settings`);
    const methods = page.getByRole("region", { name: "Sign-in methods" });
    const former = (await (await context.request.get(`${CONSOLE}/v1/auth/session`)).json()).data.session.id;
    await methods.getByRole("button", { name: /^Remove Wallet/ }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
    await page.getByRole("dialog").getByText("this session is older than 15 minutes").waitFor();
    await t.shot(page, "sign-in-again-asked");
    await page.getByRole("dialog").getByRole("link", { name: "Sign in again" }).click();
    await page.getByRole("heading", { name: "Sign in again" }).waitFor();
    equal(await page.getByLabel("E-mail address").inputValue(), email);
    await t.axe(page);
    await t.shot(page, "sign-in-again");
    await page.getByLabel("Password").fill(PASSWORD);
    await page.keyboard.press("Enter");
    await at(page, "/app/settings");
    await until(() => sql(`SELECT count(*) FROM session WHERE session_id = '${former}'`) === "0", "the former session has ended");
    await methods.getByRole("button", { name: /^Remove Wallet/ }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
    await methods.getByText("the only one").waitFor();
    // The same on the way to a provider; and a user who thinks better of it goes back.
    age();
    await page.getByRole("link", { name: "Add rs" }).click();
    await methods.getByText("Ways to sign in are changed within 15 minutes").waitFor();
    await methods.getByRole("link", { name: "Sign in again" }).click();
    await page.getByRole("link", { name: "go back" }).click();
    await at(page, "/app/settings");
  },

  async an_invitation(t) {
    const owner = await t.context();
    const email = await newUser(owner);
    const page = await owner.newPage();
    await page.goto(`${CONSOLE}/login`);
    await fillLogin(page, email, PASSWORD);
    await at(page, "/app");
    const csrf = (await (await owner.request.get(`${CONSOLE}/v1/auth/session`)).json()).data.csrf_token;
    const invite = async (address) => (await (await owner.request.post(`${CONSOLE}/v1/invitations`, { data: { email: address, role: "viewer" }, headers: { "x-csrf-token": csrf } })).json()).invitation;
    const guest = fresh("guest");
    const first = await t.open(`/signup#${await invite(`${guest}@b.example`)}`);
    await first.getByLabel("Password").fill(PASSWORD);
    await first.getByRole("button", { name: "Accept the invitation" }).click();
    await at(first, "/app");
    // Once; and the token has left the address.
    const name = fresh("linus");
    const context = await t.context();
    await person(context, name);
    const second = await context.newPage();
    await second.goto(`${CONSOLE}/signup#${await invite(`${name}@idp.example`)}`);
    await second.getByRole("button", { name: "Accept with rs" }).waitFor();
    equal(second.url(), `${CONSOLE}/signup`);
    await second.getByRole("button", { name: "Accept with rs" }).click();
    await at(second, "/app");
    ok(!t.requests.some((r) => r.url.includes("sk-tr-i1-")), "no address that was asked for has the token");
  },

  async recovery_by_message(t) {
    const email = `${fresh("lost")}@b.example`;
    const thief = await t.context();
    const { token } = (await (await thief.request.post(`${CONSOLE}/v1/auth/signup`, { data: { email, password: PASSWORD, token: true } })).json()).data;
    for (const name of ["of a thief", "another"])
      equal((await thief.request.post(`${CONSOLE}/v1/keys`, { data: { name }, headers: { authorization: `Bearer ${token}` } })).status(), 201);
    const page = await t.open("/recover");
    await page.getByLabel("E-mail address").fill(email);
    await page.getByRole("button", { name: "Send me a link" }).click();
    await page.getByText(`If an account has the address ${email}`).waitFor();
    const message = await until(() => readdirSync(plane.mail).filter((f) => f.endsWith(".json"))
      .map((f) => JSON.parse(readFileSync(path.join(plane.mail, f), "utf8"))).find((m) => m.to[0] === email), "the message comes");
    const link = /https:\/\/\S+#\S+/.exec(message.text)[0];
    equal(new URL(link).origin, CONSOLE);
    await page.goto(link);
    await page.getByRole("heading", { name: "Choose a new password" }).waitFor();
    equal(page.url(), `${CONSOLE}/recover`);
    await page.getByLabel("New password", { exact: true }).fill("another horse entirely");
    await page.getByLabel("New password, again").fill("another horse");
    await page.getByRole("button", { name: "Set the password" }).click();
    await page.getByText("The two are not the same.").waitFor();
    await page.getByLabel("New password, again").fill("another horse entirely");
    await page.getByRole("button", { name: "Set the password" }).click();
    await at(page, "/app/settings?recovered=true");
    await page.getByRole("status").getByText("Your account is recovered").waitFor();
    const recent = page.getByRole("region", { name: "Keys made lately", exact: true });
    await recent.getByRole("cell", { name: /^of a thief/ }).waitFor();
    await t.axe(page);
    await t.shot(page, "recovered");
    await recent.getByRole("button", { name: "Disable all of them" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Disable" }).click();
    await recent.getByText("There are none").waitFor();
    equal(sql(`SELECT count(*) FROM api_key JOIN account USING (account_id) JOIN membership USING (organisation_id) JOIN app_user u USING (user_id) WHERE u.email = '${email}' AND NOT disabled`), "0");
    // The link again: it has ended, and another one can be had.
    const again = await t.open(new URL(link).pathname + new URL(link).hash);
    await again.getByLabel("New password", { exact: true }).fill("another horse entirely");
    await again.getByLabel("New password, again").fill("another horse entirely");
    await again.getByRole("button", { name: "Set the password" }).click();
    await again.getByRole("heading", { name: "The link has ended" }).waitFor();
    await again.getByRole("button", { name: "Ask for another one" }).click();
    await again.getByRole("button", { name: "Send me a link" }).waitFor();
    ok(!t.requests.some((r) => r.url.includes("sk-tr-r1-") || r.headers.referer?.includes("sk-tr-r1-")), "the token goes to nobody but in a body");
  },

  async recovery_by_code(t) {
    const context = await t.context();
    const email = await newUser(context);
    const page = await context.newPage();
    await page.goto(`${CONSOLE}/login`);
    await fillLogin(page, email, PASSWORD);
    await at(page, "/app");
    await page.goto(`${CONSOLE}/app/settings`);
    const section = page.getByRole("region", { name: "Recovery codes", exact: true });
    await section.getByText("You have none.").waitFor();
    await section.getByRole("button", { name: "Make codes" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Password").fill("wrong horse battery");
    await dialog.getByRole("button", { name: "Make ten codes" }).click();
    await dialog.getByText("The current password is wrong.").waitFor();
    await dialog.getByLabel("Password").fill(PASSWORD);
    await dialog.getByRole("button", { name: "Make ten codes" }).click();
    const list = page.getByRole("list", { name: "Recovery codes" }).getByRole("listitem");
    await list.first().waitFor();
    const codes = await list.allTextContents();
    equal(codes.length, 10);
    await t.axe(page);
    await t.shot(page, "recovery-codes");
    await page.getByRole("button", { name: "I have kept the codes" }).click();
    await section.getByText("10 codes left").waitFor();
    const other = await t.open("/recover");
    await other.getByRole("tab", { name: "By recovery code" }).click();
    await other.getByLabel("E-mail address").fill(email);
    await other.getByLabel("Recovery code").fill(codes[0].toLowerCase());
    await other.getByLabel("New password", { exact: true }).fill("another horse entirely");
    await other.getByLabel("New password, again").fill("another horse entirely");
    await t.axe(other);
    await other.getByRole("button", { name: "Set the password" }).click();
    await at(other, "/app/settings?recovered=true");
    // The first browser's session has ended: it is led back to where it was after signing in.
    await page.goto(`${CONSOLE}/app/keys`);
    await at(page, "/login?return_to=%2Fapp%2Fkeys");
    await fillLogin(page, email, "another horse entirely");
    await at(page, "/app/keys");
  },

  async an_expired_session_leads_back(t) {
    const context = await t.context();
    const email = await newUser(context);
    const page = await context.newPage();
    await page.goto(`${CONSOLE}/login`);
    await fillLogin(page, email, PASSWORD);
    await at(page, "/app");
    await page.goto(`${CONSOLE}/app/settings`);
    await page.getByRole("heading", { name: "Recovery codes" }).waitFor();
    sql("DELETE FROM session");
    await page.getByRole("button", { name: "Make codes" }).click();
    await page.getByRole("dialog").getByLabel("Password").fill(PASSWORD);
    await page.getByRole("button", { name: "Make ten codes" }).click();
    await page.getByText("Your session has ended. Sign in again to go on where you were.").waitFor();
    await t.shot(page, "login-expired");
    await fillLogin(page, email, PASSWORD);
    await at(page, "/app/settings");
  },

  async nobody_is_led_to_another_site(t) {
    const context = await t.context();
    const email = await newUser(context);
    for (const bad of ["//evil.example", "/\\evil.example", "https://evil.example", "/\t/evil.example", "javascript:alert(1)", "/%5Cevil.example", "/login"]) {
      const page = await t.open(`/login?return_to=${encodeURIComponent(bad)}`);
      for (const link of await page.getByRole("link").all()) {
        const href = new URL(await link.getAttribute("href"), CONSOLE);
        equal(href.origin, CONSOLE, bad);
      }
      noThrottle();
      await fillLogin(page, email, PASSWORD);
      await page.waitForURL((u) => u.pathname !== "/login");
      equal(new URL(page.url()).origin, CONSOLE, bad);
      ok(["/app", "/%5Cevil.example"].includes(new URL(page.url()).pathname), page.url());
    }
    ok(!t.requests.some((r) => r.url.includes("//evil.example/")), "nothing is asked of it");
  },

  async a_planted_session_is_not_taken_over(t) {
    const attacker = await t.context();
    const email = await newUser(attacker);
    const a = await attacker.request.post(`${CONSOLE}/v1/auth/login`, { data: { email, password: PASSWORD } });
    equal(a.status(), 200);
    const planted = (await attacker.cookies(CONSOLE)).find((c) => c.name === "__Host-tr_session");
    const victim = await t.context();
    const theirs = await newUser(await t.context());
    await victim.addCookies([planted]);
    const page = await victim.newPage();
    await page.goto(`${CONSOLE}/login?error=state`); // an error keeps the page from passing through
    await page.getByText(`You are signed in as ${email}`).waitFor();
    await fillLogin(page, theirs, PASSWORD);
    await at(page, "/app");
    ok((await session(page)) !== planted.value, "a new session");
    const me = await (await attacker.request.get(`${CONSOLE}/v1/auth/session`)).json();
    equal(me.data.user.email, email);
  },

  async other_sites_may_do_nothing(t) {
    // A page of another site, which posts to us with the visitor's cookies, frames us, and reads us.
    const server = createServer((_, r) => {
      r.setHeader("content-type", "text/html");
      r.end(`<form method=post action="${CONSOLE}/v1/auth/logout" enctype="text/plain"><input name='{"a":"' value='"}'></form><iframe src="${CONSOLE}/login"></iframe>`);
    });
    await new Promise((done) => server.listen(0, "127.0.0.1", done));
    try {
      const context = await t.context();
      const email = await newUser(context);
      const page = await context.newPage();
      await page.goto(`${CONSOLE}/login`);
      await fillLogin(page, email, PASSWORD);
      await at(page, "/app");
      const evil = await context.newPage();
      await evil.goto(`http://127.0.0.1:${server.address().port}/`);
      // What the browser shows instead of the page says that it was refused.
      const text = await until(async () => evil.frames()[1] && await evil.frames()[1].evaluate(() => document.body?.innerText ?? "").catch(() => ""), "the frame has something");
      ok(/refused to connect/.test(text) && !/Sign in/.test(text), text);
      const read = await evil.evaluate((o) => fetch(`${o}/v1/auth/session`, { credentials: "include" }).then((r) => r.text(), () => "blocked"), CONSOLE);
      equal(read, "blocked");
      const login = await evil.evaluate((o) => fetch(`${o}/v1/auth/login`, { method: "POST", mode: "no-cors", credentials: "include", body: "{}" }).then((r) => r.type, () => "blocked"), CONSOLE);
      ok(login === "opaque" || login === "blocked", login);
      await evil.evaluate(() => document.forms[0].submit());
      await evil.waitForURL(/logout/);
      equal((await context.request.get(`${CONSOLE}/v1/auth/session`)).status(), 200, "the session goes on");
      // With the cookie and without the token, as a page of our own would do it by mistake.
      const forged = await page.evaluate(() => fetch("/v1/auth/logout", { method: "POST" }).then((r) => r.json()));
      equal(forged.error.code, "invalid_csrf_token");
      for (const at of ["/login", "/signup", "/recover"]) {
        const h = (await context.request.get(CONSOLE + at)).headers();
        ok(/frame-ancestors 'none'/.test(h["content-security-policy"]) && /script-src 'self'/.test(h["content-security-policy"]) && !/unsafe/.test(h["content-security-policy"]), at);
        equal([h["x-frame-options"], h["referrer-policy"], h["x-content-type-options"]], ["DENY", "no-referrer", "nosniff"]);
      }
      t.problems = [];
    } finally {
      server.close();
    }
  },
});
