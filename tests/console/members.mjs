#!/usr/bin/env node
// Members, roles, invitations, workspaces and the organisation by their page; who may do what; names that are no HTML.
import { cases, CONSOLE, equal, ok, until } from "./lib.mjs";
import { call, canary, clean, fresh, looks, newMember, newUser, openAs, PASSWORD, rest, settled } from "./people.mjs";

const menu = async (page, name, item) => {
  await page.getByRole("button", { name: `Actions for ${name}`, exact: true }).click();
  await page.getByRole("menuitem", { name: item, exact: true }).click();
};
const members = async (user) => (await rest(user, "GET", "/members")).data.map((m) => [m.email, m.role]).sort();

await cases({
  async an_invitation_is_a_link_shown_once(t) {
    const owner = await newUser();
    const page = await openAs(t, owner, "/app/members");
    await page.getByText("Nobody is invited.").waitFor();
    await page.getByRole("button", { name: "Invite" }).click();
    await page.getByRole("button", { name: "Make the invitation" }).click();
    await page.getByText("Write the e-mail address of the person.").waitFor();
    const email = `${fresh("guest")}@customer.example`;
    await page.getByRole("dialog").getByLabel("E-mail address").fill(email);
    await page.getByRole("dialog").getByLabel("Role").selectOption("billing");
    await t.axe(page);
    await page.getByRole("button", { name: "Make the invitation" }).click();
    const link = new URL((await page.getByRole("status", { name: "The link" }).textContent()).trim());
    equal([link.origin, link.pathname], [CONSOLE, "/signup"], "where the link leads");
    await looks(t, page, "members-invited");
    const token = link.hash.slice(1);
    await page.getByRole("button", { name: "I have copied the link" }).click();
    await page.getByRole("cell", { name: email, exact: true }).waitFor();
    equal(await page.getByText(token).count(), 0, "the link is gone");
    const got = await call(null, "POST", "/invitations/accept", { invitation: token, password: PASSWORD, name: "Guest" });
    ok(got.status < 300, "the invitation is good");
    await page.reload();
    await page.getByRole("row").filter({ hasText: email }).getByText("billing").waitFor();
    equal(await members(owner), [[email, "billing"], [owner.email, "owner"]].sort(), "members");
  },

  async an_invitation_is_revoked(t) {
    const owner = await newUser();
    const email = `${fresh("guest")}@customer.example`;
    const { invitation } = await rest(owner, "POST", "/invitations", { email, role: "viewer" });
    const page = await openAs(t, owner, "/app/members");
    await page.getByRole("button", { name: `Revoke the invitation of ${email}` }).click();
    await page.getByRole("button", { name: "Revoke", exact: true }).click();
    await page.getByText("Nobody is invited.").waitFor();
    equal((await call(null, "POST", "/invitations/accept", { invitation, password: PASSWORD, name: "Guest" })).status, 404, "the invitation is gone");
  },

  async roles_change_and_members_go(t) {
    const owner = await newUser();
    const member = await newMember(owner, "viewer");
    const page = await openAs(t, owner, "/app/members");
    await menu(page, member.email, "Change role");
    await page.getByRole("dialog").getByLabel("Role").selectOption("developer");
    await page.getByRole("button", { name: "Change the role" }).click();
    await page.getByRole("row").filter({ hasText: member.email }).getByText("developer").waitFor();
    equal((await rest(member, "GET", "/auth/session")).data.role, "developer", "the member's role");
    await menu(page, member.email, "Remove");
    await t.shot(page, "members-remove");
    await page.getByRole("button", { name: "Remove", exact: true }).click();
    await page.getByRole("row").filter({ hasText: member.email }).waitFor({ state: "detached" });
    equal(await members(owner), [[owner.email, "owner"]], "members");
  },

  async the_last_owner_stays(t) {
    const owner = await newUser();
    await newMember(owner, "viewer");
    const page = await openAs(t, owner, "/app/members");
    await menu(page, owner.email, "Leave the organisation");
    await page.getByRole("button", { name: "Leave", exact: true }).click();
    await page.getByRole("dialog").getByRole("alert").getByText("last_owner").waitFor();
    equal((await members(owner)).length, 2, "members");
  },

  async who_leaves_has_nothing_left_there(t) {
    const owner = await newUser();
    const member = await newMember(owner, "developer");
    const page = await openAs(t, member, "/app/members");
    await page.getByRole("button", { name: "Leave the organisation" }).click();
    await page.getByRole("button", { name: "Leave", exact: true }).click();
    await page.waitForURL((url) => url.pathname === "/app");
    equal(await members(owner), [[owner.email, "owner"]], "members");
  },

  async buttons_are_those_that_would_not_be_refused(t) {
    const owner = await newUser();
    const admin = await newMember(owner, "admin");
    const page = await openAs(t, admin, "/app/members");
    await page.getByRole("cell", { name: owner.email }).waitFor();
    equal(await page.getByRole("button", { name: `Actions for ${owner.email}` }).count(), 0, "an admin changes no owner");
    await page.getByRole("button", { name: "Invite" }).click();
    const given = await page.getByRole("dialog").getByLabel("Role").locator("option").evaluateAll((all) => all.map((o) => o.value));
    equal(given, ["admin", "developer", "billing", "viewer"], "roles that an admin gives");
    const viewer = await newMember(owner, "viewer");
    const theirs = await openAs(t, viewer, "/app/members");
    await theirs.getByRole("cell", { name: owner.email }).waitFor();
    await settled(theirs);
    equal(await theirs.getByRole("button", { name: /Invite|New workspace|Rename|Revoke/ }).count(), 0, "buttons of a viewer");
    equal(await theirs.getByRole("button", { name: /^Actions for/ }).count(), 1, "a viewer may leave, no more");
    for (const role of ["developer", "billing"]) {
      const none = await openAs(t, await newMember(owner, role), "/app/members");
      await settled(none);
      equal(await none.getByRole("button", { name: /Invite|New workspace|Rename|^Actions for/ }).count(), 0, `buttons of a ${role}`);
    }
  },

  async workspaces_are_made_renamed_entered_and_closed(t) {
    const owner = await newUser();
    const page = await openAs(t, owner, "/app/members");
    await page.getByRole("button", { name: "New workspace" }).click();
    await page.getByRole("dialog").getByLabel("Name", { exact: true }).fill("Büro & Research 2");
    equal(await page.getByLabel("Short name").inputValue(), "buro-research-2", "the short name is offered");
    await page.getByLabel("Short name").fill("Not Short");
    await page.getByRole("button", { name: "Make the workspace" }).click();
    await page.getByRole("dialog").locator("[aria-invalid=true]").waitFor(); // the server's word, at the field
    await page.getByLabel("Short name").fill("research");
    await page.getByRole("button", { name: "Make the workspace" }).click();
    await page.getByRole("cell", { name: "research", exact: true }).waitFor();
    await menu(page, "Büro & Research 2", "Change");
    await page.getByRole("dialog").getByLabel("Name", { exact: true }).fill("Research");
    await page.getByRole("button", { name: "Save" }).click();
    await menu(page, "Research", "Work in it");
    await page.getByRole("cell", { name: "Research (this one)" }).waitFor();
    const made = (await rest(owner, "GET", "/workspaces")).data.find((w) => w.slug === "research");
    equal([made.name, await page.getByLabel("Workspace", { exact: true }).inputValue()], ["Research", made.id], "the workspace that is worked in");
    await looks(t, page, "members-workspaces");
    const trail = await openAs(t, owner, "/app/audit");
    await settled(trail);
    await trail.getByLabel("Workspace", { exact: true }).selectOption(made.id);
    await trail.locator(`a[href*="workspace_id=${made.id}"]`).waitFor(); // the page of the other workspace, not of the one before
    await settled(trail);
    const entries = (await trail.evaluate(async (at) => (await fetch(at)).text(), await trail.getByRole("link", { name: "Export" }).getAttribute("href"))).trim().split("\n").map((l) => JSON.parse(l));
    const shown = await trail.getByRole("region", { name: "Audit entries" }).locator("tbody tr").count();
    equal([entries.length, entries.every((e) => JSON.stringify(e).includes(made.id))], [shown, true], "the export is of the workspace that is shown");
    await menu(page, "Default", "Work in it");
    await page.getByRole("cell", { name: "Default (this one)" }).waitFor();
    await menu(page, "Research", "Close");
    await page.getByRole("button", { name: "Close the workspace" }).click();
    await until(async () => (await call(owner, "GET", `/workspaces/${made.id}`)).status === 404, "it is closed");
    await page.getByRole("cell", { name: "research", exact: true }).waitFor({ state: "detached" });
  },

  async the_audit_trail_names_people_and_things(t) {
    const owner = await newUser();
    await rest(owner, "POST", "/keys", { name: "nightly" });
    for (const [user, size] of [[owner, "desktop"], [await newMember(owner, "viewer"), "phone"]]) {
      const page = await openAs(t, user, "/app/audit", { size });
      const row = page.getByRole("row").filter({ hasText: "api_key.insert" });
      await row.getByText(owner.email).waitFor();
      equal(await row.getByText("nightly", { exact: true }).count(), 1, "the key's name");
      ok(await row.locator("td").first().evaluate((c) => c.scrollWidth <= c.clientWidth), `${size}: the time is whole`);
      await row.getByRole("button").press("Enter");
      await page.getByRole("dialog").getByText(owner.email).waitFor();
      await page.keyboard.press("Escape");
      await t.axe(page);
    }
  },

  async names_are_never_html(t) {
    const owner = await newUser(canary(7));
    await rest(owner, "PATCH", "/organisation", { name: canary(8) });
    await rest(owner, "POST", "/workspaces", { name: canary(9), slug: "nine", description: canary(10) });
    const page = await openAs(t, owner, "/app/members");
    await page.getByRole("cell", { name: `${canary(7)} (you)` }).waitFor();
    await page.getByRole("definition").filter({ hasText: canary(8) }).waitFor();
    await page.getByRole("cell", { name: canary(9), exact: true }).waitFor();
    await t.axe(page);
    await clean(page);
  },

  async the_organisation_is_renamed(t) {
    const owner = await newUser();
    const page = await openAs(t, owner, "/app/members");
    await settled(page);
    await page.getByRole("button", { name: "Rename" }).click();
    await page.getByRole("dialog").getByLabel("Name").fill("Another name");
    await page.getByRole("dialog").getByRole("button", { name: "Rename" }).click();
    await page.getByRole("definition").filter({ hasText: "Another name" }).waitFor();
    equal((await rest(owner, "GET", "/organisation")).data.name, "Another name", "the organisation");
  },

  async a_failed_list_can_be_tried_again(t) {
    const page = await openAs(t, await newUser(), "/app/members", { before: (p) => t.fail(p, /\/v1\/members/, 503, "overloaded", "Too many requests at once.") });
    await page.getByRole("alert").getByText("Too many requests at once.").waitFor();
    await page.unroute(/\/v1\/members/);
    await page.getByRole("button", { name: "Try again" }).click();
    await page.getByRole("region", { name: "Members", exact: true }).getByRole("table").waitFor();
  },
});
