#!/usr/bin/env node
// Another program asks for a key of its user (/auth): a program on loopback with OpenRouter's unmodified SDK, the consent, the
// refusal, and addresses that nobody is sent to.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { cases, CONSOLE, DATA_PLANE, env, equal, ok, ROOT } from "./lib.mjs";
import { addCredit, canary, clean, looks, newMember, newUser, openAs, PASSWORD, rest } from "./people.mjs";

const CLIENTS = path.join(ROOT, "build/clients/node");
execFileSync(path.join(ROOT, "tests/clients/prepare"), ["node"], { stdio: "inherit" });
execFileSync("psql", ["-XAtq", env("TR_DATABASE_URL"), "-c", "DELETE FROM login_throttle"]);
const program = spawn(path.join(CLIENTS, "node_modules/.bin/node"), [path.join(ROOT, "tests/clients/node/oauth_app.mjs"), CLIENTS, CONSOLE, `${DATA_PLANE}/v1`],
  { env: { ...process.env, NODE_EXTRA_CA_CERTS: env("TR_CONTROL_CA") }, stdio: ["ignore", "pipe", "inherit"] });
process.on("exit", () => program.kill());
const PORT = Number(String((await once(program.stdout, "data"))[0]));
const APP = `http://localhost:${PORT}`;
const said = async (page) => JSON.parse(await page.locator("body").innerText());
const heading = (page) => page.getByRole("heading", { name: "A program asks for a key" });
const asking = (callback, more = "") => `/auth?callback_url=${encodeURIComponent(callback)}&code_challenge=${"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}&code_challenge_method=S256${more}`;

await cases({
  async a_program_gets_a_key_with_the_limit_that_the_user_sets(t) {
    const user = await newUser();
    await addCredit(user, 5);
    const page = await openAs(t, user, "/app/keys");
    await page.goto(`${APP}/start?limit=7`);
    await heading(page).waitFor();
    await page.locator(".auth-host", { hasText: `localhost:${PORT}` }).waitFor();
    await page.getByText("the program runs here").waitFor();
    equal(await page.getByLabel("Limit in dollars").inputValue(), "7", "the limit that was asked for");
    await page.getByLabel("Limit in dollars").fill("2.5");
    await page.getByLabel("The limit is").selectOption("weekly");
    await page.getByLabel("Name of the key").fill("My notes app");
    await t.axe(page);
    await page.getByRole("button", { name: "Allow" }).click();
    await page.waitForURL(`${APP}/callback**`);
    const got = await said(page);
    equal([got.status, got.user, got.query.state], [200, user.session.user.id, "a b"], JSON.stringify(got));
    const [key] = (await rest(user, "GET", "/keys")).data;
    equal([key.name, key.limit, key.limit_reset, key.creator_user_id], ["My notes app", 2.5, "weekly", user.session.user.id], "the key");
    ok(got.key.startsWith("sk-tr-v1-"), "a key");
  },

  async a_user_who_refuses_goes_back_without_a_key(t) {
    const user = await newUser();
    const page = await openAs(t, user, "/app/keys");
    await page.goto(`${APP}/start`);
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.waitForURL(`${APP}/callback**`);
    equal((await said(page)).query, { state: "a b", error: "access_denied" }, "what the program hears");
    equal((await rest(user, "GET", "/keys")).data, [], "no key");
  },

  async who_is_not_signed_in_signs_in_first(t) {
    const user = await newUser();
    const page = await t.open("/login");
    await page.goto(`${APP}/start`);
    await page.waitForURL(/\/login\?return_to=/);
    await page.getByLabel("E-mail address").fill(user.email);
    await page.getByLabel("Password").fill(PASSWORD);
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    await heading(page).waitFor();
    await page.getByRole("button", { name: "Allow" }).click();
    await page.waitForURL(`${APP}/callback**`);
    equal((await said(page)).user, user.session.user.id, "whose key it is");
  },

  async a_code_is_sent_nowhere_else(t) {
    const user = await newUser();
    const page = await openAs(t, user, "/app/keys");
    for (const bad of ["javascript:alert(1)", "data:text/html,<script>window.pwned=1</script>", "http://evil.example/", "//evil.example",
                       "https://user@evil.example/", "https://evil.example/#x", "https://localhost\\@evil.example/", "", "app://x",
                       "http://localhost.evil.example/", "https://evil.example:99999/", "blob:https://evil.example/x", " https://evil.example/"]) {
      await page.goto(CONSOLE + asking(bad));
      await page.getByRole("heading", { name: "This request cannot be answered" }).waitFor();
      equal(await page.getByRole("button", { name: /Allow|Cancel|Go back/ }).count(), 0, bad);
    }
    await page.goto(CONSOLE + asking("https://good.example/cb") + "&callback_url=https%3A%2F%2Fevil.example%2F");
    await page.getByRole("heading", { name: "This request cannot be answered" }).waitFor();
    equal(t.sent("POST", /\/auth\/keys/).length, 0, "no code was made");
    await clean(page);
  },

  async the_page_shows_who_asks(t) {
    const user = await newUser();
    const page = await openAs(t, user, asking("https://notes.example:8443/callback?x=1", `&key_label=${encodeURIComponent(canary(1))}&limit=abc`));
    await heading(page).waitFor();
    equal(await page.locator(".auth-host").innerText(), "notes.example:8443", "the host, plainly");
    equal(await page.getByLabel("Name of the key").inputValue(), canary(1).slice(0, 100), "a name is text");
    equal(await page.getByLabel("Limit in dollars").inputValue(), "", "no number is no limit");
    equal(await page.getByText("does not prove that it is the one").count(), 0, "it has a challenge");
    await looks(t, page, "auth");
    await page.goto(`${CONSOLE}/auth?callback_url=${encodeURIComponent("https://notes.example/")}`);
    await page.getByText("does not prove that it is the one").waitFor();
    await clean(page);
    // The keyboard reaches all of it; a limit that is none is said at its field.
    await page.getByLabel("Limit in dollars").fill("much");
    await page.keyboard.press("Enter");
    await page.getByText("This must be dollars").waitFor();
    equal(t.requests.filter((r) => r.origin === "https://notes.example").length, 0, "nobody was sent there");
  },

  async a_role_without_keys_goes_back(t) {
    const viewer = await newMember(await newUser(), "viewer");
    const page = await openAs(t, viewer, "/app/keys");
    // The member has no organisation of their own, so this is the one where they look on.
    await page.goto(`${APP}/start`);
    await page.getByRole("heading", { name: "Your role makes no keys" }).waitFor();
    await page.getByRole("button", { name: "Go back without a key" }).click();
    await page.waitForURL(`${APP}/callback**`);
    equal((await said(page)).query.error, "access_denied", "what the program hears");
  },

  async what_goes_wrong_is_said(t) {
    const user = await newUser();
    const page = await openAs(t, user, asking("https://notes.example/"));
    await heading(page).waitFor();
    await t.fail(page, "**/v1/auth/keys/code", 409, "too_many_codes", "A hundred codes are waiting: each ends after ten minutes.");
    await page.getByRole("button", { name: "Allow" }).click();
    await page.getByText("A hundred codes are waiting").waitFor();
    await page.unroute("**/v1/auth/keys/code");
    await page.context().clearCookies(); // the session ends meanwhile
    await page.getByRole("button", { name: "Allow" }).click();
    await page.waitForURL(/\/login\?return_to=%2Fauth/);
    await page.getByText("Your session has ended").waitFor();
  },
});
