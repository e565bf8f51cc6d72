#!/usr/bin/env node
// Passkeys by Chromium's virtual authenticator: added, named, used without an address, removed; and what the server refuses
// when something between the browser and it is altered.
import { execFileSync } from "node:child_process";
import { cases, CONSOLE, env, equal, ok, until } from "./lib.mjs";
import { call, fresh, newUser, openAs, rest } from "./people.mjs";

const sql = (text) => execFileSync("psql", ["-XAtq", env("TR_DATABASE_URL"), "-v", "ON_ERROR_STOP=1", "-c", text], { encoding: "utf8" }).trim();

/** A network address has 30 tries at once. */
const calm = () => sql("DELETE FROM login_throttle");

/** An authenticator in the page's browser; options: of the CDP's WebAuthn.addVirtualAuthenticator. */
async function authenticator(page, options = {}) {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send("WebAuthn.enable");
  const { authenticatorId } = await cdp.send("WebAuthn.addVirtualAuthenticator", {
    options: { protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true,
               automaticPresenceSimulation: true, ...options },
  });
  return {
    keys: async () => (await cdp.send("WebAuthn.getCredentials", { authenticatorId })).credentials,
    verified: (isUserVerified) => cdp.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified }),
    put: (credential) => cdp.send("WebAuthn.addCredential", { authenticatorId, credential }),
    drop: (credentialId) => cdp.send("WebAuthn.removeCredential", { authenticatorId, credentialId }),
  };
}

async function openSettings(t, user, options = {}) {
  calm();
  const page = await openAs(t, user, "/app/settings", options);
  await page.getByRole("heading", { name: "Sign-in methods" }).waitFor();
  return page;
}

async function add(page, name) {
  await page.getByRole("button", { name: "Add a passkey" }).click();
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByRole("button", { name: "Make the passkey" }).click();
}

/** A user with a passkey, and a page of /login in the browser that has it. */
async function withPasskey(t) {
  const user = await newUser();
  const page = await openSettings(t, user);
  const device = await authenticator(page);
  const name = fresh("laptop");
  await add(page, name);
  await page.getByText(name).waitFor();
  await page.context().clearCookies();
  await page.goto(`${CONSOLE}/login`);
  return { user, page, device, name };
}

const button = (page) => page.getByRole("button", { name: "Sign in with a passkey" });

async function signedInAs(page, user) {
  await page.waitForURL((url) => url.pathname.startsWith("/app"));
  const cookie = (await page.context().cookies(CONSOLE)).find((c) => c.name === "__Host-tr_session");
  equal((await rest({ cookie: cookie.value, csrf: "" }, "GET", "/auth/session")).data.user.email, user.email, "who has signed in");
}

/** The next POST to this path is changed by `change`, which gets its body; its answer's status and code. */
async function altered(page, path, act, change) {
  calm();
  const url = `${CONSOLE}/v1${path}`;
  await page.route(url, async (route) => route.continue({ postData: JSON.stringify(await change(route.request().postDataJSON())) }));
  const [answer] = await Promise.all([page.waitForResponse(url), act()]);
  await page.unroute(url);
  const body = await answer.json();
  return `${answer.status()} ${body.error?.code ?? "ok"}`;
}

const bytes = (text) => Buffer.from(text, "base64url");
const flip = (text, at) => {
  const b = bytes(text);
  b[at < 0 ? b.length + at : at] ^= 1;
  return b.toString("base64url");
};
const client = (text, change) => Buffer.from(JSON.stringify({ ...JSON.parse(bytes(text)), ...change })).toString("base64url");

await cases({
  async a_passkey_is_added_and_signs_in(t) {
    const user = await newUser();
    const page = await openSettings(t, user);
    const device = await authenticator(page);
    await add(page, "My laptop");
    await page.getByText("The passkey signs you in").waitFor();
    await page.getByRole("cell", { name: "Passkey My laptop", exact: true }).waitFor();
    await t.shot(page, "passkeys-settings-desktop-light");
    const [key] = await device.keys();
    ok(key.isResidentCredential && key.rpId === new URL(CONSOLE).hostname, JSON.stringify(key));
    // The same device makes no second one.
    await add(page, "Again");
    await page.getByText("This device has a passkey of yours already").waitFor();
    await page.keyboard.press("Escape");
    // Without an address.
    await page.context().clearCookies();
    await page.goto(`${CONSOLE}/login?return_to=/app/keys`);
    await button(page).click();
    await page.waitForURL((url) => url.pathname === "/app/keys");
    await signedInAs(page, user);
    const listed = (await rest(user, "GET", "/auth/passkeys")).data;
    equal(listed.map((p) => [p.name, p.algorithm, p.last_used_at !== null]), [["My laptop", listed[0].algorithm, true]], "the list");
    ok(["EdDSA", "ES256"].includes(listed[0].algorithm), listed[0].algorithm);
    // At the end: the authenticator does not outlive it.
    await page.goto(`${CONSOLE}/app/settings`);
    await page.getByRole("button", { name: "Rename Passkey My laptop" }).click();
    await t.axe(page);
  },

  async a_passkey_is_renamed_and_removed(t) {
    const { user, page, name } = await withPasskey(t);
    await button(page).click();
    await signedInAs(page, user);
    await page.goto(`${CONSOLE}/app/settings`);
    await page.getByRole("button", { name: `Rename Passkey ${name}` }).click();
    await page.getByLabel("Name", { exact: true }).fill("Work phone");
    await page.getByRole("button", { name: "Rename", exact: true }).click();
    await page.getByRole("button", { name: "Remove Passkey Work phone" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
    await page.getByText("Work phone").waitFor({ state: "detached" });
    await page.context().clearCookies();
    await page.goto(`${CONSOLE}/login`);
    await button(page).click();
    await page.getByText("No user signs in with this passkey").waitFor();
    const trail = sql(`SELECT string_agg(action || ' ' || (line::jsonb ->> 'actor'), ',' ORDER BY seq) FROM audit_entry WHERE action LIKE 'user_passkey.%'
      AND line::jsonb ->> 'actor' = 'user:${user.session.user.id.replaceAll("-", "")}'`);
    equal(trail.split(",").map((l) => l.split(" ")[0]), ["user_passkey.insert", "user_passkey.update", "user_passkey.delete"], "the audit trail");
  },

  async altered_sign_ins_are_refused(t) {
    const { user, page, device } = await withPasskey(t);
    const other = await withPasskey(t);
    const [theirs] = await other.device.keys();
    const signIn = (change) => altered(page, "/auth/passkey", () => button(page).click(), change);
    const [key] = await device.keys();
    const twins = {
      signature: [(b) => ({ ...b, signature: flip(b.signature, -1) }), "401 invalid_passkey"],
      counter: [(b) => ({ ...b, authenticator_data: flip(b.authenticator_data, 36) }), "401 invalid_passkey"],
      another_site: [(b) => ({ ...b, authenticator_data: flip(b.authenticator_data, 0) }), "401 invalid_passkey"],
      not_verified: [(b) => { const d = bytes(b.authenticator_data); d[32] &= ~4; return { ...b, authenticator_data: d.toString("base64url") }; }, "401 invalid_passkey"],
      another_origin: [(b) => ({ ...b, client_data_json: client(b.client_data_json, { origin: "https://evil.example" }) }), "401 invalid_passkey"],
      another_port: [(b) => ({ ...b, client_data_json: client(b.client_data_json, { origin: "https://localhost" }) }), "401 invalid_passkey"],
      in_a_frame: [(b) => ({ ...b, client_data_json: client(b.client_data_json, { crossOrigin: true }) }), "401 invalid_passkey"],
      another_act: [(b) => ({ ...b, client_data_json: client(b.client_data_json, { type: "webauthn.create" }) }), "401 invalid_passkey"],
      a_member_more: [(b) => ({ ...b, client_data_json: client(b.client_data_json, { x: 1 }) }), "401 invalid_passkey"],
      another_challenge: [(b) => ({ ...b, client_data_json: client(b.client_data_json, { challenge: "A".repeat(43) }) }), "401 invalid_challenge"],
      another_users_passkey: [(b) => ({ ...b, id: bytes(Buffer.from(theirs.credentialId, "base64").toString("base64url")).toString("base64url") }), "401 invalid_passkey"],
      another_users_handle: [(b) => ({ ...b, user_handle: Buffer.from(other.user.session.user.id.replaceAll("-", ""), "hex").toString("base64url") }), "401 invalid_passkey"],
      another_id: [(b) => ({ ...b, id: flip(b.id, 0) }), "401 invalid_passkey"],
      padding: [(b) => ({ ...b, signature: `${b.signature}=` }), "400 invalid_parameter"],
      no_handle: [(b) => ({ ...b, user_handle: "AAAA" }), "401 invalid_passkey"],
    };
    for (const [name, [change, want]] of Object.entries(twins)) equal(await signIn(change), want, name);
    equal((await page.context().cookies(CONSOLE)).filter((c) => c.name === "__Host-tr_session"), [], "nobody has signed in");
    ok(key.signCount !== undefined, "the authenticator counts");
    equal(await signIn((b) => b), "200 ok", "unaltered");
    await signedInAs(page, user);
  },

  async a_challenge_is_good_once_and_for_its_purpose(t) {
    const { user, page } = await withPasskey(t);
    let sent;
    equal(await altered(page, "/auth/passkey", () => button(page).click(), (b) => (sent = b)), "200 ok", "the first time");
    await signedInAs(page, user);
    const again = await call(null, "POST", "/auth/passkey", sent);
    equal([again.status, again.body.error.code], [401, "invalid_challenge"], "again");
    const passkey = (await rest(user, "GET", "/auth/passkeys")).data[0];
    // One that is too old.
    await page.context().clearCookies();
    await page.goto(`${CONSOLE}/login`);
    equal(await altered(page, "/auth/passkey", () => button(page).click(), (b) => {
      sql("UPDATE sign_in_challenge SET expires_at = now()");
      return b;
    }), "401 invalid_challenge", "too old");
    ok(passkey.last_used_at !== null, "it was used");
  },

  async a_counter_that_goes_back_is_refused(t) {
    const { user, page, device } = await withPasskey(t);
    await button(page).click();
    await signedInAs(page, user);
    const [key] = await device.keys();
    ok(key.signCount > 0, "the authenticator counts");
    // A copy of it, from before.
    await device.drop(key.credentialId);
    await device.put({ ...key, signCount: 0 });
    await page.context().clearCookies();
    await page.goto(`${CONSOLE}/login`);
    await button(page).click();
    await page.getByText("counter went backwards").waitFor();
    await device.drop(key.credentialId);
    await device.put({ ...key, signCount: key.signCount + 5 });
    await button(page).click();
    await signedInAs(page, user);
  },

  async altered_new_passkeys_are_refused(t) {
    const user = await newUser();
    const page = await openSettings(t, user);
    await authenticator(page);
    let sent;
    const make = async (change) => {
      const got = await altered(page, "/auth/passkeys", () => add(page, fresh("key")), change);
      if (!got.endsWith("ok")) await page.getByRole("button", { name: "Cancel" }).click();
      return got;
    };
    const remove = async () => {
      for (const p of (await rest(user, "GET", "/auth/passkeys")).data) await rest(user, "DELETE", `/auth/passkeys/${p.id}`);
    };
    const twins = {
      another_site: [(b) => ({ ...b, authenticator_data: flip(b.authenticator_data, 5) }), "403 invalid_passkey"],
      not_verified: [(b) => { const d = bytes(b.authenticator_data); d[32] &= ~4; return { ...b, authenticator_data: d.toString("base64url") }; }, "403 invalid_passkey"],
      cut: [(b) => ({ ...b, authenticator_data: bytes(b.authenticator_data).subarray(0, -4).toString("base64url") }), "400 invalid_parameter"],
      another_origin: [(b) => ({ ...b, client_data_json: client(b.client_data_json, { origin: "https://evil.example" }) }), "403 invalid_passkey"],
      another_act: [(b) => ({ ...b, client_data_json: client(b.client_data_json, { type: "webauthn.get" }) }), "403 invalid_passkey"],
      another_challenge: [(b) => ({ ...b, client_data_json: client(b.client_data_json, { challenge: "B".repeat(43) }) }), "403 invalid_challenge"],
      no_client_data: [(b) => ({ ...b, client_data_json: "AAAA" }), "400 invalid_parameter"],
    };
    for (const [name, [change, want]] of Object.entries(twins)) equal(await make(change), want, name);
    equal(await make((b) => (sent = b)), "201 ok", "unaltered");
    const again = await call(user, "POST", "/auth/passkeys", sent);
    equal([again.status, again.body.error.code], [403, "invalid_challenge"], "replayed");
    await remove();
    // Another user's session cannot use this one's challenge.
    const stranger = await newUser();
    equal(await make(async (b) => {
      const a = await call(stranger, "POST", "/auth/passkeys", b);
      equal([a.status, a.body.error.code], [403, "invalid_challenge"], "another user's session");
      return b;
    }), "201 ok", "its own");
    // A session of long ago adds none.
    sql(`UPDATE session SET created_at = created_at - interval '16 minutes' WHERE user_id = '${user.session.user.id}'`);
    await add(page, "late");
    await page.getByText("Sign in again first").waitFor();
  },

  async what_goes_wrong_is_said(t) {
    const page = await t.open("/login", { size: "phone", theme: "dark" });
    const device = await authenticator(page);
    await t.shot(page, "login-phone-dark");
    await button(page).click(); // the device has none
    await page.getByText("No passkey was used").waitFor();
    await t.fail(page, "**/v1/auth/passkey/options", 503, "overloaded", "Too many at once.");
    await button(page).click();
    await page.getByText("Too many at once.").waitFor();
    await page.unroute("**/v1/auth/passkey/options");
    // A user whom the device cannot verify.
    const other = await withPasskey(t);
    await other.device.verified(false);
    await button(other.page).click();
    await until(async () => (await other.page.getByRole("alert").count()) > 0, "the failure is shown");
    equal(t.sent("POST", /\/auth\/passkey$/).length, 0, "nothing was sent");
    ok((await device.keys()).length === 0, "no key");
  },
});
