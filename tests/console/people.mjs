// Customers for the tests of their pages: users who have signed up, with their session and the REST API in their name;
// members of any role; the operator's management key.
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { request } from "node:https";
import { CONSOLE, env, equal, ok } from "./lib.mjs";

// Users sign in from addresses of their own, on loopback: one address has few sign-ins a minute.
const anAddress = () => `127.${[...randomBytes(3)].map((b) => 1 + (b % 254)).join(".")}`;

/** One call of the REST API: {status, headers, body}. who: a user, or the text of a key, or nothing. */
export function call(who, method, at, body) {
  const text = body === undefined ? "" : JSON.stringify(body);
  const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(text) };
  if (typeof who === "string") headers.authorization = `Bearer ${who}`;
  else if (who) Object.assign(headers, { cookie: `__Host-tr_session=${who.cookie}`, "x-csrf-token": who.csrf });
  return new Promise((done, fail) => {
    const r = request(`${CONSOLE}/v1${at}`, { method, ca: readFileSync(env("TR_CONTROL_CA")), headers, family: 4, localAddress: anAddress() }, (a) => {
      let all = "";
      a.setEncoding("utf8").on("data", (d) => (all += d)).on("end", () => {
        const json = /json/.test(a.headers["content-type"] ?? "") && all !== "" ? JSON.parse(all) : all;
        done({ status: a.statusCode, headers: a.headers, body: json });
      });
    });
    r.on("error", fail).end(text);
  });
}

/** The same, which has to succeed: its body. */
export async function rest(who, method, at, body) {
  const a = await call(who, method, at, body);
  ok(a.status < 300, `${method} ${at}: ${a.status} ${JSON.stringify(a.body)}`);
  return a.body;
}

export const OPERATOR = env("TR_MANAGEMENT_KEY");
export const fresh = (word) => `${word}-${randomBytes(4).toString("hex")}`;
export const PASSWORD = "correct horse battery staple";

async function started(at, body, email) {
  const a = await call(null, "POST", at, { ...body, password: PASSWORD });
  ok(a.status < 300, `POST ${at}: ${a.status} ${JSON.stringify(a.body)}`);
  const cookie = /__Host-tr_session=([^;]+)/.exec(String(a.headers["set-cookie"]))?.[1];
  const user = { email, cookie, csrf: a.body.data.csrf_token };
  user.session = (await rest(user, "GET", "/auth/session")).data;
  return user;
}

/** A user with an organisation and a workspace of their own. */
export function newUser(name = "Ada") {
  const email = `${fresh("user")}@customer.example`;
  return started("/auth/signup", { email, name, organization_name: fresh("Organisation") }, email);
}

/** A member of this role in the organisation of `owner`. */
export async function newMember(owner, role) {
  const email = `${fresh(role)}@customer.example`;
  const { invitation } = await rest(owner, "POST", "/invitations", { email, role });
  const user = await started("/invitations/accept", { invitation, name: role }, email);
  equal(user.session.role, role, "the member's role");
  return user;
}

export const addCredit = (user, amount) =>
  rest(OPERATOR, "POST", "/credits/topup", { account_id: user.session.workspace_id, amount, idempotency_key: fresh("top") });

/** A page at this path in the user's name. */
export async function openAs(t, user, at, { before, ...options } = {}) {
  const context = await t.context(options);
  await context.addCookies([{ name: "__Host-tr_session", value: user.cookie, url: CONSOLE, httpOnly: true, secure: true, sameSite: "Strict" }]);
  const page = await context.newPage();
  if (before) await before(page);
  await page.goto(new URL(at, CONSOLE).href);
  await page.locator("main h1").waitFor();
  return page;
}

// Text that must be shown as it is: it runs when a page takes it for HTML.
export const canary = (n) => `<img src=x onerror="window.pwned=${n}">${n}`;
export const clean = async (page) => equal(await page.evaluate(() => window.pwned ?? null), null, "a name has run as a script");

/** Everything on the page is drawn: no skeleton is left. */
export const settled = (page) => page.waitForFunction(() => document.querySelector(".skeleton") === null && document.querySelector("main h1") !== null);

/** Light and dark, wide and narrow, into build/console/shots; nothing is wider than the screen. */
export async function looks(t, page, name) {
  for (const [size, width, height] of [["desktop", 1280, 800], ["phone", 390, 844]])
    for (const theme of ["light", "dark"]) {
      await page.setViewportSize({ width, height });
      await page.emulateMedia({ colorScheme: theme });
      await settled(page);
      await t.shot(page, `${name}-${size}-${theme}`);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      ok(wide <= 0, `${name}, ${size}: ${wide} pixels wider than the screen`);
    }
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.emulateMedia({ colorScheme: "light" });
}
