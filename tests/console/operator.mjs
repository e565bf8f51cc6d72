#!/usr/bin/env node
// The operator's pages on a running stack: evidence of data planes, the policy, the catalog, customers, incidents, the audit
// trail. What a page changes is read back from the REST API, and changed back.
import { readFileSync } from "node:fs";
import { request } from "node:https";
import { cases, env, equal, ok, until } from "./lib.mjs";

function rest(method, path, body) {
  const text = body === undefined ? "" : JSON.stringify(body);
  return new Promise((done, fail) => {
    const r = request(`${env("TR_CONTROL_URL")}/v1${path}`, {
      method, ca: readFileSync(env("TR_CONTROL_CA")),
      headers: { authorization: `Bearer ${env("TR_MANAGEMENT_KEY")}`, "content-type": "application/json", "content-length": Buffer.byteLength(text) },
    }, (a) => {
      let all = "";
      a.setEncoding("utf8").on("data", (d) => (all += d)).on("end", () => (a.statusCode < 300 ? done(all === "" ? null : JSON.parse(all)) : fail(new Error(`${method} ${path}: ${a.statusCode} ${all}`))));
    });
    r.on("error", fail).end(text);
  });
}

const operatorsWorkspace = async () => (await rest("GET", "/key")).data.workspace_id; // of the operator's management key

// The workspace of the operator's organisation: the development user is an owner in two.
async function openAsOperator(t, at, options = {}) {
  const page = await t.open("/app", { signedIn: true, ...options });
  const choice = page.getByLabel("Workspace", { exact: true });
  await choice.waitFor();
  await choice.selectOption(await operatorsWorkspace());
  await page.getByRole("link", { name: "Data planes" }).waitFor({ state: "attached" });
  await page.goto(new URL(at, page.url()).href);
  return page;
}

const canary = (n) => `<img src=x onerror="window.pwned=${n}">${n}`;
const clean = async (page) => equal(await page.evaluate(() => window.pwned ?? null), null, "text of others has run as a script");

await cases({
  async data_planes_show_their_evidence(t) {
    const [plane] = (await rest("GET", "/dataplanes")).data.filter((d) => d.connected);
    const page = await openAsOperator(t, "/app/dataplanes");
    const row = page.getByRole("row").filter({ hasText: plane.boot.slice(0, 10) });
    await row.click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText(plane.measurement).waitFor();
    await dialog.getByText("simulated attestation").waitFor(); // the page says that the evidence is simulated
    await t.axe(page);
    await t.shot(page, "operator-dataplane-detail");
  },

  async an_eviction_needs_its_reason(t) {
    const page = await openAsOperator(t, "/app/dataplanes");
    await page.getByRole("button", { name: /^What to do with/ }).first().click();
    await page.getByRole("menuitem", { name: "Evict" }).click();
    await page.getByRole("button", { name: "Evict", exact: true }).click();
    await page.getByRole("dialog").getByRole("alert").waitFor(); // the server's sentence: a reason is missing
    equal((await rest("GET", "/dataplanes")).data.filter((d) => d.verdict === "evicted"), [], "evicted");
  },

  async the_last_data_plane_is_not_ended_unseen(t) {
    const page = await openAsOperator(t, "/app/dataplanes");
    await page.getByRole("button", { name: /^What to do with/ }).first().click();
    await page.getByRole("menuitem", { name: "Drain" }).click();
    await page.getByRole("dialog").getByText("No other data plane serves now").waitFor();
    await t.axe(page);
    await t.shot(page, "operator-last-dataplane");
  },

  async data_planes_stay_in_sight_while_the_server_is_away(t) {
    const [plane] = (await rest("GET", "/dataplanes")).data.filter((d) => d.connected);
    const page = await openAsOperator(t, "/app/dataplanes");
    const row = page.getByRole("row").filter({ hasText: plane.boot.slice(0, 10) });
    await row.waitFor();
    await t.fail(page, "**/v1/dataplanes*", 503); // PostgreSQL is restarted
    await page.getByRole("button", { name: "Refresh" }).click();
    await page.getByRole("alert").first().waitFor();
    ok(await row.isVisible(), "what was read last is still there");
  },

  async a_policy_that_does_not_parse_changes_nothing(t) {
    const before = (await rest("GET", "/policy")).data;
    const page = await openAsOperator(t, "/app/policy");
    await page.getByRole("button", { name: "Change the policy" }).click();
    const text = page.getByLabel("attestation.conf");
    await text.fill(`${before.text}\nnonsense = on\n`);
    await page.getByRole("button", { name: "See what changes" }).click();
    await page.getByText("+ nonsense = on").waitFor();
    await t.shot(page, "operator-policy-diff");
    await page.getByRole("button", { name: "Put in force" }).click();
    await page.getByRole("dialog").getByRole("alert").waitFor();
    equal((await rest("GET", "/policy")).data.version, before.version, "the policy in force");
  },

  async a_policy_comes_into_force_by_its_page(t) {
    const before = (await rest("GET", "/policy")).data;
    const page = await openAsOperator(t, "/app/policy");
    await page.getByRole("button", { name: "Change the policy" }).click();
    await page.getByLabel("attestation.conf").fill(`${before.text}\n# looked at on ${before.version}\n`);
    await page.getByRole("button", { name: "See what changes" }).click();
    await page.getByRole("button", { name: "Put in force" }).click();
    await until(async () => (await rest("GET", "/policy")).data.version > before.version, "another policy is in force");
    await page.getByRole("row").filter({ hasText: String(before.version + 1) }).first().waitFor();
    await page.getByRole("heading", { name: before.name || `Version ${before.version + 1}`, exact: true }).waitFor(); // the text gives itself no name
    await rest("POST", "/policy", { text: before.text });
  },

  async a_price_is_changed_and_changed_back(t) {
    const find = async () => (await rest("GET", "/catalog?model=demo/dear")).data.endpoints[0];
    const before = await find();
    const page = await openAsOperator(t, "/app/catalog");
    await page.getByRole("searchbox").fill(`demo/dear ${before.provider}`);
    await page.getByRole("button", { name: `Change demo/dear at ${before.provider}` }).click();
    await page.getByRole("menuitem", { name: "Change price or weight" }).click();
    const field = page.getByLabel("Prompt, dollars per million tokens", { exact: true });
    await field.fill("free of charge");
    await page.getByText("Write a number").waitFor();
    ok(await page.getByRole("button", { name: "Publish the change" }).isDisabled(), "a price that is no number");
    await field.fill("7.25"); // less than a cached token costs
    await page.getByRole("button", { name: "Publish the change" }).click();
    await page.getByRole("list", { name: "Findings" }).getByText("cached prompt tokens cost more").waitFor();
    await field.fill("107.25");
    await page.getByRole("button", { name: "Publish the change" }).click();
    await until(async () => (await find()).prompt === 107.25, "the price");
    await rest("PATCH", `/catalog/endpoints/${before.endpoint}`, { prompt: before.prompt });
  },

  async an_endpoint_is_switched_off_and_on(t) {
    const find = async () => (await rest("GET", "/catalog?model=demo/dear")).data.endpoints[0];
    const { provider } = await find();
    const page = await openAsOperator(t, "/app/catalog");
    const act = async (item) => {
      await page.getByRole("searchbox").fill(`demo/dear ${provider}`);
      await page.getByRole("button", { name: `Change demo/dear at ${provider}` }).click();
      await page.getByRole("menuitem", { name: item }).click();
    };
    await act("Switch off");
    await page.getByLabel("Reason (optional)").fill(canary(1));
    await page.getByRole("button", { name: "Switch off" }).click();
    await until(async () => (await find()).off, "the endpoint is off");
    await act("Switch on");
    await until(async () => !(await find()).off, "the endpoint is on");
    await clean(page);
  },

  async a_draft_is_made_compared_and_published(t) {
    const inForce = async () => (await rest("GET", "/catalog")).data.version;
    const first = await inForce();
    const page = await openAsOperator(t, "/app/catalog?part=versions");
    await page.getByRole("button", { name: "Make a draft" }).click();
    const text = page.getByLabel("catalog.conf");
    const before = await text.inputValue();
    await text.fill(`${before}\n[model broken`);
    await page.getByRole("dialog").getByRole("button", { name: "Make a draft" }).click();
    await page.getByRole("list", { name: "Findings" }).getByText(/line/).first().waitFor();
    await text.fill(before.replace("name = Demo: repeats your message", "name = Demo: says it again"));
    await page.getByRole("button", { name: "See what changes" }).click();
    await page.getByText("+ name = Demo: says it again").waitFor();
    await page.getByRole("dialog").getByRole("button", { name: "Make a draft" }).click();
    await page.getByRole("dialog").getByText("demo/echo").waitFor(); // what it would change
    await t.axe(page);
    await t.shot(page, "operator-catalog-draft");
    equal(await inForce(), first, "a draft is not in force");
    await page.getByRole("button", { name: "Publish" }).click();
    await until(async () => (await inForce()) > first, "the draft is published");
    await rest("POST", "/catalog/rollback", { to: first });
  },

  async a_draft_on_top_of_what_was_replaced_is_refused(t) {
    const inForce = async () => (await rest("GET", "/catalog?model=-")).data.version;
    const first = await inForce();
    const page = await openAsOperator(t, "/app/catalog?part=versions");
    await page.getByRole("button", { name: "Make a draft" }).click();
    const text = page.getByLabel("catalog.conf");
    const before = await text.inputValue();
    await text.fill(`${before}\n# mine\n`);
    const { data } = await rest("POST", "/catalog/drafts", { text: `${before}\n# another operator's\n` });
    await rest("POST", `/catalog/versions/${data.version}/publish`);
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("button", { name: "Make a draft" }).click();
    await dialog.getByRole("alert").getByText("Another version has been published since").waitFor();
    await dialog.getByRole("button", { name: `Compare with version ${data.version}` }).click();
    await dialog.getByText("- # another operator's").waitFor(); // what would be undone, and is not unseen
    ok(await dialog.getByText("+ # mine").isVisible(), "the own change is there still");
    await t.shot(page, "operator-catalog-moved");
    equal((await rest("GET", "/catalog/versions?limit=1")).data[0].version, data.version, "no draft was made");
    await rest("POST", "/catalog/rollback", { to: first });
  },

  async a_policy_on_top_of_what_was_replaced_is_refused(t) {
    const before = (await rest("GET", "/policy")).data;
    const page = await openAsOperator(t, "/app/policy");
    await page.getByRole("button", { name: "Change the policy" }).click();
    await page.getByLabel("attestation.conf").fill(`${before.text}\n# mine\n`);
    await page.getByRole("button", { name: "See what changes" }).click();
    const other = (await rest("POST", "/policy", { text: `${before.text}\n# another operator's ${Date.now()}\n` })).data;
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("button", { name: "Put in force" }).click();
    await dialog.getByRole("alert").getByText("Another policy has come into force since").waitFor();
    await dialog.getByRole("button", { name: "Compare with version" }).click();
    await dialog.getByText("- # another operator's").waitFor();
    equal((await rest("GET", "/policy")).data.version, other.version, "the other one is in force still");
    await rest("POST", "/policy", { text: before.text });
  },

  async what_was_written_outlives_its_dialog(t) {
    for (const [at, button, field] of [["/app/policy", "Change the policy", "attestation.conf"], ["/app/catalog?part=versions", "Make a draft", "catalog.conf"]]) {
      const page = await openAsOperator(t, at);
      await page.getByRole("button", { name: button }).click();
      // The last letter and a click beside the dialog in one task of the page, as when it is busy.
      await page.getByLabel(field).evaluate((e) => {
        e.value = "# half an hour's work\n";
        e.dispatchEvent(new InputEvent("input", { bubbles: true }));
        e.closest("dialog").dispatchEvent(new MouseEvent("click", { bubbles: true }));
      });
      await page.getByRole("dialog").waitFor({ state: "detached" });
      await page.getByRole("button", { name: button }).click();
      equal(await page.getByLabel(field).inputValue(), "# half an hour's work\n", at);
    }
  },

  async a_price_that_was_changed_meanwhile_is_not_overwritten(t) {
    const find = async () => (await rest("GET", "/catalog?model=demo/dear")).data.endpoints[0];
    const before = await find();
    const first = (await rest("GET", "/catalog?model=-")).data.version;
    const page = await openAsOperator(t, "/app/catalog");
    await page.getByLabel("Search").fill(`demo/dear ${before.provider}`);
    await page.getByRole("button", { name: `Change demo/dear at ${before.provider}` }).click();
    await page.getByRole("menuitem", { name: "Change price or weight" }).click();
    await rest("PATCH", `/catalog/endpoints/${before.endpoint}`, { prompt: before.prompt + 1 });
    await page.getByLabel("Prompt, dollars per million tokens", { exact: true }).fill(String(before.prompt + 2));
    await page.getByRole("button", { name: "Publish the change" }).click();
    await page.getByRole("dialog").getByRole("alert").getByText("Another version has been published since").waitFor();
    equal((await find()).prompt, before.prompt + 1, "the price");
    await rest("POST", "/catalog/rollback", { to: first });
  },

  async customers_are_suspended_and_let_go_on(t) {
    const name = `customer ${Date.now()}`;
    await rest("POST", "/accounts", { name });
    const find = async () => (await rest("GET", `/accounts?q=${encodeURIComponent(name)}`)).data[0];
    const page = await openAsOperator(t, "/app/customers");
    await page.getByRole("searchbox").fill(name);
    await page.getByRole("button", { name: `What to do with ${name}` }).click();
    await page.getByRole("menuitem", { name: "Add credit" }).click();
    await page.getByLabel("Amount in dollars").fill("12.5");
    await page.getByRole("dialog").getByRole("button", { name: "Add credit" }).click();
    await until(async () => Number((await find()).available) === 12.5, "the credit");
    await page.getByRole("button", { name: `What to do with ${name}` }).click();
    await page.getByRole("menuitem", { name: "Suspend" }).click();
    await page.getByLabel("Reason").fill("an invoice is not paid");
    await page.getByRole("dialog").getByRole("button", { name: "Suspend" }).click();
    await until(async () => (await find()).state === "suspended", "suspended");
    await rest("PATCH", `/accounts/${(await find()).id}`, { state: "active" });
  },

  async an_incident_is_reported_and_resolved(t) {
    const title = `slow ${canary(2)} ${Date.now()}`;
    const page = await openAsOperator(t, "/app/incidents");
    await page.getByRole("button", { name: "Report an incident" }).click();
    await page.getByLabel("Title").fill(title);
    await page.getByLabel("Message").fill("Answers take longer than usual.\nWe look into it.\n"); // as people write
    await page.getByRole("button", { name: "Publish" }).click();
    const find = async () => (await rest("GET", "/incidents")).data.find((i) => i.title === title);
    await until(find, "the incident");
    await page.getByRole("row").filter({ hasText: title }).click();
    await page.getByLabel("State").selectOption("resolved");
    await page.getByRole("button", { name: "Publish" }).click();
    await until(async () => (await find()).state === "resolved", "resolved");
    await clean(page);
  },

  async the_audit_trail_is_read_and_checked(t) {
    const page = await openAsOperator(t, "/app/audit");
    await page.getByLabel("Of", { exact: true }).selectOption("operator");
    await until(() => t.sent("GET", /\/audit\?.*scope=operator/).length > 0, "the operator's entries are asked for");
    await page.getByRole("region", { name: "Audit entries" }).getByRole("row").nth(1).click(); // skeletons have rows, too
    await page.getByRole("dialog").getByText("hash", { exact: false }).first().waitFor();
    await t.shot(page, "operator-audit-entry");
    await page.getByRole("button", { name: "Close" }).click();
    await page.getByRole("button", { name: "Check the chain" }).click();
    await page.getByText("whole", { exact: true }).waitFor();
    await t.axe(page);
  },

  async who_is_no_operator_sees_none_of_it(t) {
    const page = await t.open("/app", { signedIn: true });
    const choice = page.getByLabel("Workspace", { exact: true });
    await choice.waitFor();
    const operator = await operatorsWorkspace();
    const other = (await choice.locator("option").evaluateAll((all) => all.map((o) => o.value))).find((v) => v !== operator);
    await choice.selectOption(other);
    await page.goto(new URL("/app/policy", page.url()).href);
    await page.getByText("Your role does not include this page").waitFor();
    equal(await page.getByRole("link", { name: "Data planes" }).count(), 0, "entries of the navigation");
  },
});
