// What the page of members says that a role may do is what the server lets it do: compared with the table of test_roles.c, which
// holds roles.c.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { load, root } from "./library.mjs";

const { roles, roleMay, abilities } = await load("pages/members/roles.ts", { "core/session.ts": "export const may = () => true;" });

const source = readFileSync(join(root, "tests/unit/test_roles.c"), "utf8");
const names = ["owner", "admin", "developer", "billing", "viewer"]; // the order of its columns
const table = [...source.matchAll(/\{PERM_([A-Z_]+), \/\*\s*\*\/ "[x-]{4} ([x-]{5}) [x-]{5}"\}/g)].map(([, permission, may]) => ({
  permission: permission.toLowerCase().replace("_", "."), may,
}));

test("roles_may_what_the_server_says", () => {
  assert.equal(table.length, source.match(/\{PERM_\w+, /g).length, "every row of the table is read");
  assert.deepEqual([...roles], names);
  for (const { permission, may } of table.filter((r) => r.permission !== "public"))
    for (const [i, role] of names.entries()) assert.equal(roleMay(role, permission), may[i] === "x", `${role}, ${permission}`);
});

test("roles_abilities_are_permissions", () => {
  for (const { needs } of abilities) assert.ok(table.some((r) => r.permission === needs), needs);
});
