#!/usr/bin/env node
// Credits by their page, on a control plane that takes payments: buying on the payment service's page and coming back,
// cards, automatic top-ups, refunds, statements, movements, migration credit; who may do what. The stack that is up takes no
// payments: there the page says so.
import { spawn } from "node:child_process";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const stack = process.env.TR_CONTROL_URL;
const helper = spawn("python3", [path.join(path.dirname(fileURLToPath(import.meta.url)), "payment_stack.py")], { stdio: ["pipe", "pipe", "inherit"] });
const lines = createInterface({ input: helper.stdout })[Symbol.asyncIterator]();
const answer = async () => JSON.parse((await lines.next()).value);
const service = async (...words) => {
  helper.stdin.write(`${words.join(" ")}\n`);
  return answer();
};
process.on("exit", () => helper.stdin.end());

const plane = await answer();
Object.assign(process.env, { TR_CONTROL_URL: plane.url, TR_CONTROL_CA: plane.ca, TR_MANAGEMENT_KEY: plane.operator });
const { cases, CONSOLE, equal, ok, until } = await import("./lib.mjs");
const { addCredit, call, canary, clean, fresh, looks, newMember, newUser, OPERATOR, openAs, rest, settled } = await import("./people.mjs");

const credits = async (user) => (await rest(user, "GET", "/credits")).data;
const payments = async (user) => (await rest(user, "GET", "/payments")).data;

/** The page of the payment service: a link back, as it has. */
async function servicePage(page, t) {
  await page.route("https://pay.example/**", (route) => {
    const asked = JSON.parse(t.sent("POST", /^\/v1\/payments\/(checkout|setup)$/).at(-1).body);
    return route.fulfill({ contentType: "text/html", body: `<a href="${asked.success_url}">Done</a> <a href="${asked.cancel_url}">Back</a>` });
  });
}

async function buy(t, page, amount) {
  await page.getByRole("button", { name: "Add credit" }).click();
  await page.getByLabel("Amount in dollars").fill(amount);
  await page.getByRole("button", { name: "Go to the payment page" }).click();
  await page.waitForURL("https://pay.example/**");
}

const figure = (page, label) => page.locator(".stat", { hasText: label }).locator(".value");

await cases({
  async empty_says_what_to_do(t) {
    const page = await openAs(t, await newUser(), "/app/credits");
    await settled(page);
    equal(await figure(page, "Available").textContent(), "$0.00", "available");
    await page.getByText("No request was booked this month").waitFor();
    await t.axe(page);
    await looks(t, page, "credits-empty");
    for (const [tab, says] of [["Payments", "No payment yet"], ["Movements", "Nothing moved"], ["Migration credit", "Moving here from another service?"]]) {
      await page.getByRole("tab", { name: tab }).click();
      await page.getByText(says).waitFor();
    }
  },

  async credit_is_bought_and_is_there_after_the_way_back(t) {
    const user = await newUser();
    const page = await openAs(t, user, "/app/credits");
    await servicePage(page, t);
    await page.getByRole("button", { name: "Add credit" }).click();
    await t.axe(page);
    await t.shot(page, "credits-buy");
    await page.keyboard.press("Escape");
    await buy(t, page, "12.50");
    const [made] = await payments(user);
    equal([made.status, made.amount], ["open", 12.5], "the payment");
    await page.getByRole("link", { name: "Done" }).click(); // from another site: the cookie is SameSite=Strict
    await page.getByText("The payment service has taken the payment").waitFor();
    await service("pay", made.id, "237");
    await page.getByText("The payment is confirmed and the credit is added.").waitFor();
    await until(async () => (await figure(page, "Available").textContent()) === "$12.50", "the balance");
    await page.getByRole("tab", { name: "Payments" }).click();
    await page.getByRole("cell", { name: "paid" }).waitFor();
    await page.getByRole("row").nth(1).getByRole("button").click();
    const drawer = page.getByRole("dialog");
    await drawer.getByText("$14.87").waitFor(); // with the tax
    await t.shot(page, "credits-payment");
    equal(await drawer.getByRole("link").count(), 0, "nothing to pay is left");
  },

  async a_payment_that_was_left_or_expired_adds_nothing(t) {
    const user = await newUser();
    const page = await openAs(t, user, "/app/credits");
    await servicePage(page, t);
    await buy(t, page, "10");
    await page.getByRole("link", { name: "Back" }).click();
    await page.getByText("The payment page was left without a payment").waitFor();
    await buy(t, page, "11");
    const [made] = await payments(user);
    await page.getByRole("link", { name: "Done" }).click();
    await service("expire", made.id);
    await page.getByText("The payment did not succeed").waitFor();
    equal((await credits(user)).available, 0, "available");
  },

  async amounts_that_cannot_be_charged_are_said(t) {
    const page = await openAs(t, await newUser(), "/app/credits");
    await page.getByRole("button", { name: "Add credit" }).click();
    for (const [amount, says] of [["", "Write an amount"], ["1.005", "whole cents"], ["0.50", "The smallest payment"], ["-5", "Write an amount"], ["1e3", "Write an amount"]]) {
      await page.getByLabel("Amount in dollars").fill(amount);
      await page.getByRole("button", { name: "Go to the payment page" }).click();
      await page.getByRole("dialog").getByText(says).waitFor();
    }
    equal(t.sent("POST", /^\/v1\/payments/), [], "nothing is sent");
    await page.getByLabel("Amount in dollars").fill("900000");
    await page.getByRole("button", { name: "Go to the payment page" }).click();
    await page.getByRole("dialog").getByText("not too large").waitFor(); // the server's sentence
  },

  async a_page_of_the_payment_service_is_never_a_script(t) {
    const page = await openAs(t, await newUser(), "/app/credits");
    await page.route(/\/v1\/payments\/checkout$/, (route) => route.fulfill({ status: 201, json: { id: "x", url: "javascript:window.pwned=1" } }));
    await page.getByRole("button", { name: "Add credit" }).click();
    await page.getByRole("button", { name: "Go to the payment page" }).click();
    await page.getByRole("dialog").getByText("gave no page to open").waitFor();
    await clean(page);
  },

  async cards_and_automatic_top_ups(t) {
    const user = await newUser();
    const page = await openAs(t, user, "/app/credits");
    await servicePage(page, t);
    await page.getByText("Store a card first").waitFor();
    await page.getByRole("button", { name: "Store a card" }).click();
    await page.waitForURL("https://pay.example/**");
    await page.getByRole("link", { name: "Done" }).click();
    await page.getByText("The card is stored as soon as").waitFor();
    await service("store", await page.evaluate(() => sessionStorage.getItem("checkout")));
    await page.reload();
    await page.getByText("visa •••• 4242, until 12/2034").first().waitFor();
    await page.getByRole("button", { name: "Set up automatic top-ups" }).click();
    await page.getByLabel("When less than (dollars)").fill("5");
    await page.getByLabel("buy (dollars)").fill("20");
    await page.getByLabel("and at most (dollars)").fill("10");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("dialog").getByText("This must be at least the amount").waitFor(); // at its field
    await page.getByLabel("and at most (dollars)").fill("100");
    await t.axe(page);
    await t.shot(page, "credits-auto");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("at most in a month").waitFor();
    const auto = await rest(user, "GET", "/payments/auto-topup");
    equal([auto.threshold, auto.amount, auto.monthly_ceiling, auto.enabled], [5, 20, 100, true], "the automatic top-up");
    await looks(t, page, "credits-cards");
    await page.getByRole("button", { name: "Remove", exact: true }).click();
    await page.getByRole("button", { name: "Set up automatic top-ups" }).waitFor();
    equal((await call(user, "GET", "/payments/auto-topup")).status, 404, "it is gone");
    await page.getByRole("button", { name: /^Remove visa/ }).click();
    await page.getByRole("button", { name: "Remove the card" }).click();
    await page.getByText("No card is stored").waitFor();
  },

  async refunds_are_shown(t) {
    const user = await newUser();
    const made = await rest(user, "POST", "/payments/checkout", { amount: 20, success_url: `${CONSOLE}/a`, cancel_url: `${CONSOLE}/b` });
    await service("pay", made.id, "0");
    await rest(OPERATOR, "POST", `/payments/${made.id}/refund`, { account_id: user.session.workspace_id, amount: 5, reason: canary(3) });
    const page = await openAs(t, user, "/app/credits?tab=payments");
    await page.getByRole("cell", { name: "$5.00" }).waitFor();
    await page.getByRole("row").nth(1).getByRole("button").click();
    await page.getByRole("dialog").getByText(canary(3)).waitFor();
    await clean(page);
  },

  async statements_add_up_and_are_downloaded(t) {
    const user = await newUser();
    await addCredit(user, 7.25);
    const page = await openAs(t, user, "/app/credits?tab=statements");
    await settled(page);
    const row = page.getByRole("row").nth(1);
    equal((await row.getByRole("cell").allTextContents()).slice(2, 5), ["+$7.25", "$0.00", "$7.25"], "the month");
    await looks(t, page, "credits-statements");
    const csv = page.waitForEvent("download");
    await row.getByRole("link", { name: /as CSV$/ }).click();
    const text = await (await csv).createReadStream().then(async (s) => Buffer.concat(await s.toArray()).toString("utf8"));
    ok(text.includes("7.25"), "the movement is in the file");
    const [tab] = await Promise.all([page.waitForEvent("popup"), row.getByRole("link", { name: /to print$/ }).click()]);
    await tab.getByText("7.25").first().waitFor();
    t.problems.length = 0; // the statement's own page has its own policy
  },

  async movements_are_listed_by_kind(t) {
    const user = await newUser();
    await addCredit(user, 3);
    await rest(OPERATOR, "POST", "/credits/promotion", { account_id: user.session.workspace_id, amount: 2, reason: canary(4), expires_at: new Date(Date.now() + 9e8).toISOString() });
    const page = await openAs(t, user, "/app/credits?tab=movements");
    await page.getByRole("cell", { name: canary(4), exact: true }).waitFor();
    equal(await page.getByRole("row").count(), 3, "movements and the head");
    await page.getByLabel("Kind of movement").selectOption("promotion");
    await until(async () => (await page.getByRole("row").count()) === 2, "promotions alone");
    await t.shot(page, "credits-movements");
    await page.getByRole("tab", { name: "Overview" }).click();
    await page.getByRole("heading", { name: "Promotional credit" }).waitFor();
    equal(await figure(page, "Promotional").textContent(), "$2.00", "promotional");
    await clean(page);
  },

  async credit_moves_between_workspaces(t) {
    const user = await newUser();
    await addCredit(user, 9);
    const { data: other } = await rest(user, "POST", "/workspaces", { name: canary(5), slug: fresh("w") });
    const page = await openAs(t, user, "/app/credits");
    await page.getByRole("button", { name: "Move credit" }).click();
    await page.getByRole("dialog").getByLabel("Amount in dollars").fill("100");
    await page.getByRole("button", { name: "Move", exact: true }).click();
    await page.getByRole("dialog").getByRole("alert").waitFor(); // the server's word: not enough
    await page.getByRole("dialog").getByLabel("Amount in dollars").fill("2.5");
    await page.getByRole("button", { name: "Move", exact: true }).click();
    await until(async () => (await figure(page, "Available").textContent()) === "$6.50", "what is left");
    equal((await rest(user, "GET", `/credits?workspace_id=${other.id}`)).data.available, 2.5, "what has come");
    await clean(page);
  },

  async migration_credit_is_asked_for(t) {
    const user = await newUser();
    const page = await openAs(t, user, "/app/credits?tab=migration");
    await page.getByRole("button", { name: "Ask for credit" }).click();
    await page.getByRole("button", { name: "Send the request" }).click();
    await page.getByText("Say where the operator can see what you spend.").waitFor();
    await page.getByLabel("Credit that you ask for, in dollars").fill("150");
    await page.getByLabel("Evidence of what you spend elsewhere").fill(canary(6));
    await page.getByRole("button", { name: "Send the request" }).click();
    await page.getByRole("cell", { name: "pending" }).waitFor();
    equal((await rest(user, "GET", "/credits/migration-requests")).data.map((r) => [r.amount, r.evidence, r.status]), [[150, canary(6), "pending"]], "the request");
    await clean(page);
  },

  async who_reads_credits_sees_no_button_that_would_be_refused(t) {
    const owner = await newUser();
    for (const role of ["viewer", "developer"]) {
      const page = await openAs(t, await newMember(owner, role), "/app/credits");
      await settled(page);
      equal(await page.locator("main").getByRole("button", { name: /Add|Move|Store|Set up|Ask/ }).count(), 0, `buttons of a ${role}`);
    }
    const page = await openAs(t, await newMember(owner, "billing"), "/app/credits");
    await settled(page);
    equal([await page.getByRole("button", { name: "Add credit" }).count(), await page.getByRole("button", { name: "Add by hand" }).count()], [1, 0], "buttons of billing");
  },

  async a_failure_is_said_and_tried_again(t) {
    const page = await openAs(t, await newUser(), "/app/credits", { before: (p) => t.fail(p, /\/v1\/credits$/, 503, "overloaded", "Too many requests at once.") });
    await page.getByRole("alert").getByText("Too many requests at once.").waitFor();
    await page.unroute(/\/v1\/credits$/);
    await page.getByRole("button", { name: "Try again" }).click();
    await until(async () => (await figure(page, "Available").textContent()) === "$0.00", "the figures");
  },

  async without_payments_the_page_says_who_adds_credit(t) {
    const page = await openAs(t, await newUser(), "/app/credits", {
      before: (p) => p.route(/\/v1\/console$/, async (route) => {
        const a = await route.fetch();
        const { data } = await a.json();
        equal(data.payments, true, "this control plane takes payments");
        await route.fulfill({ response: a, json: { data: { ...data, payments: false, security_contact: "mailto:help@example.com" } } });
      }),
    });
    await page.getByText("This installation takes no payments itself").waitFor();
    await settled(page);
    equal(await page.getByRole("button", { name: /Add credit|Store a card|Set up/ }).count(), 0, "buttons");
    equal(await page.getByRole("link", { name: "help@example.com" }).getAttribute("href"), "mailto:help@example.com", "the operator's address");
    await t.shot(page, "credits-none");
    if (stack === undefined) return;
    const there = await (await t.context()).request.get(`${stack}/v1/console`);
    equal((await there.json()).data.payments, false, "the stack that is up takes none");
  },
});
