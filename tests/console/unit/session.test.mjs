// Who is signed in, as GET /auth/session says it: a workspace that this browser remembers and the user has not is forgotten, and a
// write carries the session's token whatever its method.
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./library.mjs";

const kept = new Map();
let asked = [];
let answer;
Object.assign(globalThis, {
  location: new URL("https://console.example/app"),
  localStorage: { getItem: (k) => kept.get(k) ?? null, setItem: (k, v) => void kept.set(k, String(v)), removeItem: (k) => void kept.delete(k) },
  history: { pushState: () => {}, replaceState: () => {} },
  window: { scrollTo: () => {}, addEventListener: () => {} },
  fetch: async (path, { method, headers }) => {
    asked.push([method, path, headers.get("x-trustedrouter-workspace"), headers.get("x-csrf-token")]);
    if (asked.length > 5) throw new Error("it asks for ever");
    return answer(headers);
  },
});
const { session, loadSession, api } = await load("core/session.ts", "core/api.ts");

const ada = { user: { id: "ada" }, workspaces: [], permissions: [], csrf_token: "token" };
const refused = (status, code) => Response.json({ error: { code, message: "No." } }, { status });

test("session_a_workspace_of_somebody_else_is_forgotten", async () => {
  kept.set("workspace", "bens");
  answer = (headers) => (headers.get("x-trustedrouter-workspace") === null ? Response.json({ data: ada }) : refused(404, "not_found"));
  await loadSession();
  assert.deepEqual(asked.map((a) => a[2]), ["bens", null]);
  assert.deepEqual([session.value.user.id, kept.get("workspace")], ["ada", undefined]);
});

test("session_a_workspace_stays_when_nobody_is_signed_in", async () => {
  kept.set("workspace", "adas");
  asked = [];
  answer = () => refused(401, "missing_api_key");
  await loadSession();
  assert.deepEqual([asked.length, session.value, kept.get("workspace")], [1, null, "adas"]);
});

test("session_every_write_has_its_token", async () => {
  asked = [];
  answer = () => Response.json({ data: ada });
  await loadSession();
  answer = () => Response.json({});
  await api.post("/x");
  await api.put("/x", {});
  await api.patch("/x", {});
  await api.del("/x");
  assert.deepEqual(asked.map((a) => [a[0], a[3]]), [["GET", null], ["POST", "token"], ["PUT", "token"], ["PATCH", "token"], ["DELETE", "token"]]);
});
