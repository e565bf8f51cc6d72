#!/usr/bin/env node
// Signing in with a wallet in the browser: a provider of our own (EIP-1193, announced by EIP-6963 or as window.ethereum) that
// signs with the unmodified library ethers; a new customer, a user who adds a wallet, a browser without one, a refusal.
import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import path from "node:path";
import { cases, CONSOLE, env, equal, ok, ROOT } from "./lib.mjs";
import { fresh, newUser, openAs, rest, settled } from "./people.mjs";

execFileSync(path.join(ROOT, "tests/clients/prepare"), ["wallet"], { stdio: "inherit" });
const { Wallet } = createRequire(path.join(ROOT, "build/clients/wallet/package.json"))("ethers");
const calm = () => execFileSync("psql", ["-XAtq", env("TR_DATABASE_URL"), "-c", "DELETE FROM login_throttle"]);

/** Gives the pages of a context wallets: {name, wallet, refuses}; how: "announced" or "injected". */
async function giveWallets(page, wallets, how = "announced") {
  const asked = [];
  await page.exposeFunction("askWallet", async (at, { method, params }) => {
    const { wallet, refuses } = wallets[at];
    asked.push(method);
    if (method === "eth_requestAccounts") return { is: [wallet.address.toLowerCase()] }; // as most wallets write it
    if (method === "eth_chainId") return { is: "0x2105" };
    if (method !== "personal_sign") return { code: 4200 };
    if (refuses) return { code: 4001 };
    return { is: await wallet.signMessage(Buffer.from(params[0].slice(2), "hex")) };
  });
  await page.addInitScript(({ names, announced }) => {
    const provider = (at) => ({
      request: async (ask) => {
        const answer = await window.askWallet(at, ask);
        if (answer.code !== undefined) throw Object.assign(new Error("refused"), { code: answer.code });
        return answer.is;
      },
    });
    if (!announced) window.ethereum = provider(0);
    else
      window.addEventListener("eip6963:requestProvider", () => names.forEach((name, at) => window.dispatchEvent(
        new CustomEvent("eip6963:announceProvider", { detail: Object.freeze({ info: { uuid: `w-${at}`, name, icon: "data:,", rdns: "x" }, provider: provider(at) }) }))));
  }, { names: wallets.map((w) => w.name), announced: how === "announced" });
  return asked;
}

const button = (page) => page.getByRole("button", { name: "Sign in with a wallet" });
const inApp = (page) => page.waitForURL((url) => url.pathname.startsWith("/app"));

async function whoIs(page) {
  const cookie = (await page.context().cookies(CONSOLE)).find((c) => c.name === "__Host-tr_session");
  return (await rest({ cookie: cookie.value, csrf: "" }, "GET", "/auth/session")).data.user.email;
}

await cases({
  async a_wallet_that_nobody_knows_becomes_a_customer(t) {
    calm();
    const wallet = Wallet.createRandom(), email = `${fresh("wallet")}@customer.example`;
    let asked;
    const page = await t.open("/login", { before: async (p) => (asked = await giveWallets(p, [{ name: "Test wallet", wallet }])) });
    await button(page).click();
    await page.getByRole("heading", { name: "Nobody here has this wallet yet" }).waitFor();
    await t.axe(page);
    await page.getByLabel("E-mail address").last().fill(email);
    await page.getByRole("dialog").getByRole("button", { name: "Make an account" }).click();
    await inApp(page);
    equal(await whoIs(page), email, "who has signed in");
    equal(asked.filter((m) => m === "personal_sign").length, 2, "signatures");
    // From now on it signs in at once, also as window.ethereum.
    const again = await t.open("/login?return_to=/app/keys", { before: (p) => giveWallets(p, [{ name: "", wallet }], "injected") });
    await button(again).click();
    await again.waitForURL((url) => url.pathname === "/app/keys");
    equal(await whoIs(again), email, "again");
  },

  async a_user_adds_a_wallet_and_removes_it(t) {
    calm();
    const wallet = Wallet.createRandom(), other = Wallet.createRandom(), user = await newUser();
    const page = await openAs(t, user, "/app/settings", { before: (p) => giveWallets(p, [{ name: "First wallet", wallet: other }, { name: "Second wallet", wallet }]) });
    await page.getByRole("button", { name: "Add a wallet" }).click();
    await page.getByRole("button", { name: "Second wallet" }).click();
    await page.getByRole("cell", { name: `Wallet ${wallet.address}`, exact: true }).waitFor();
    await settled(page);
    await t.shot(page, "wallet-settings");
    await page.setViewportSize({ width: 390, height: 844 });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    ok(wide <= 0, `${wide} pixels wider than the screen`);
    const guest = await t.open("/login", { before: (p) => giveWallets(p, [{ name: "Second wallet", wallet }]) });
    await button(guest).click();
    await inApp(guest);
    equal(await whoIs(guest), user.email, "who has signed in");
    await page.getByRole("button", { name: `Remove Wallet ${wallet.address}` }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
    await page.getByText(wallet.address).waitFor({ state: "detached" });
    const gone = await t.open("/login", { before: (p) => giveWallets(p, [{ name: "Second wallet", wallet }]) });
    await button(gone).click();
    await gone.getByRole("heading", { name: "Nobody here has this wallet yet" }).waitFor();
  },

  async what_goes_wrong_is_said(t) {
    calm();
    const none = await t.open("/login", { size: "phone" });
    await button(none).click();
    await none.getByRole("heading", { name: "This browser has no wallet" }).waitFor();
    await none.getByText("Install one as an extension").waitFor();
    await t.axe(none);
    await t.shot(none, "wallet-none-phone-light");
    const page = await t.open("/login", { before: (p) => giveWallets(p, [{ name: "Test wallet", wallet: Wallet.createRandom(), refuses: true }]) });
    await button(page).click();
    await page.getByText("You refused in the wallet").waitFor();
    equal(t.sent("POST", /\/auth\/wallet$/).length, 0, "nothing was sent");
    await t.fail(page, "**/v1/auth/wallet/nonce", 429, "too_many_attempts", "Too many attempts to sign in.");
    await button(page).click();
    await page.getByText("Too many attempts to sign in.").waitFor();
  },

  async a_page_of_another_address_signs_nobody_in(t) {
    calm();
    const wallet = Wallet.createRandom(), user = await newUser();
    const page = await openAs(t, user, "/app/settings", { before: (p) => giveWallets(p, [{ name: "Test wallet", wallet }]) });
    await page.getByRole("button", { name: "Add a wallet" }).click();
    await page.getByRole("cell", { name: `Wallet ${wallet.address}`, exact: true }).waitFor();
    await page.context().clearCookies();
    await page.goto(`${CONSOLE}/login`);
    // What a page that stands between would have it sign: its own name.
    await page.route("**/v1/auth/wallet/nonce", async (route) => {
      const answer = await route.fetch();
      const body = await answer.json();
      body.data.domain = "console.evil.example";
      await route.fulfill({ response: answer, json: body });
    });
    await button(page).click();
    await page.getByText("The message is for another site.").waitFor();
  },
});
