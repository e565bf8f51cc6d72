// What a browser still has when its user has signed out, or when another one has signed in.
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./library.mjs";

class Store {
  kept = new Map();
  getItem = (k) => this.kept.get(k) ?? null;
  setItem = (k, v) => void this.kept.set(k, String(v));
  removeItem = (k) => void this.kept.delete(k);
}
/** Enough of IndexedDB for conversations: databases by name, answers a moment later. */
const databases = new Map();
const later = (request, result) => (setTimeout(() => ((request.result = result), request.onsuccess?.()), 5), request);
const indexedDB = {
  open(name) {
    const stores = databases.get(name) ?? databases.set(name, new Map([["heads", new Map()], ["bodies", new Map()]])).get(name);
    const store = (n) => ({
      getAll: () => later({}, [...stores.get(n).values()]),
      get: (id) => later({}, stores.get(n).get(id)),
      put: (v) => void stores.get(n).set(v.id, structuredClone(v)),
    });
    const transaction = () => {
      const t = { objectStore: store };
      setTimeout(() => t.oncomplete?.(), 5);
      return t;
    };
    return later({}, { transaction });
  },
};
const titles = (user) => [...(databases.get(`conversations-${user}`)?.get("heads").values() ?? [])].map((h) => h.title);

const listeners = {};
let answer = async () => Response.json({});
Object.assign(globalThis, {
  location: new URL("https://console.example/app/chat"),
  localStorage: new Store(),
  sessionStorage: new Store(),
  indexedDB,
  history: { pushState: (_, __, to) => (location.href = new URL(to, location).href), replaceState: (_, __, to) => (location.href = new URL(to, location).href) },
  window: { scrollTo: () => {}, addEventListener: (name, heard) => (listeners[name] = heard) },
  fetch: (...call) => answer(...call),
});
const { apiKey, setKey, session, notice, signOut, openStore, rename, openKept, current, heads, newConversation, api } = await load(
  "prompt/key.ts", "prompt/conversations.ts", "core/api.ts", "core/session.ts", "pages/chat/state.ts",
);

const of = (id) => ({ user: { id, email: `${id}@a.example`, name: null }, workspaces: [], permissions: [], csrf_token: "c" });
const kept = () => [...sessionStorage.kept.values()];

test("sign_out_takes_the_key_along", () => {
  session.value = of("ada");
  setKey("sk-tr-v1-of-ada");
  session.value = { ...of("ada"), workspace_id: "another" };
  assert.equal(apiKey.value, "sk-tr-v1-of-ada");
  session.value = null;
  assert.deepEqual([apiKey.value, kept()], ["", []]);
});

test("sign_out_another_user_without_signing_out", () => {
  session.value = of("ada");
  setKey("sk-tr-v1-of-ada");
  session.value = of("ben"); // accepted an invitation, or signed in in another tab
  assert.deepEqual([apiKey.value, kept()], ["", []]);
});

test("sign_out_that_does_not_reach_the_server", async () => {
  session.value = of("ada");
  answer = async () => Promise.reject(new TypeError("network"));
  await signOut();
  assert.deepEqual([session.value, location.pathname], [null, "/login"]);
  assert.match(notice.value, /still signed in/);
  for (const status of [200, 401]) {
    notice.value = "";
    session.value = of("ada");
    answer = async () => Response.json({}, { status });
    await signOut();
    assert.deepEqual([session.value, location.pathname, notice.value], [null, "/login", ""], String(status));
  }
});

// A conversation that is being kept, or read, when its user leaves stays that user's.
test("sign_out_conversations_stay_with_their_user", async () => {
  session.value = of("ada");
  await openStore("ada");
  current.value = { ...newConversation("m"), turns: [{ id: "1", role: "user", text: "a secret", images: [] }] };
  await rename(current.value.id, "of ada");
  const { id } = current.value;
  current.value = newConversation("m");
  const renaming = rename(id, "still of ada"); // reads it first, and keeps it then
  const reading = openKept(id);
  session.value = of("ben");
  assert.deepEqual([current.value.turns, heads.value], [[], null]); // before anything is drawn
  await openStore("ben");
  await Promise.all([renaming, reading]);
  await new Promise((done) => setTimeout(done, 50));
  assert.deepEqual([titles("ada"), titles("ben"), current.value.turns, heads.value], [["still of ada"], [], [], []]);
});

// The playground's key is each tab's own, and works without a session: every tab has to hear of a sign-out.
test("sign_out_in_another_tab", async () => {
  const elsewhere = async (who, says) => {
    localStorage.setItem("signed-in", who);
    answer = says;
    listeners.storage?.({ key: "signed-in", newValue: who });
    await new Promise((done) => setTimeout(done, 5));
  };
  for (const [who, says, now] of [
    ["", async () => Response.json({}, { status: 401 }), [null, ""]],
    ["ben", async () => Response.json({ data: of("ben") }), ["ben", ""]],
    ["ada", async () => Response.json({ data: of("ada") }), ["ada", "sk-tr-v1-of-ada"]],
  ]) {
    session.value = of("ada");
    setKey("sk-tr-v1-of-ada");
    await elsewhere(who, says);
    assert.deepEqual([session.value?.user.id ?? null, apiKey.value], now, who);
  }
  answer = async () => Response.json({});
  await signOut();
  assert.equal(localStorage.getItem("signed-in"), "");
});

// A wrong password, code or passkey is answered with 401 as well, and ends no session of whoever is signed in.
test("sign_out_by_an_answer", async () => {
  for (const [code, stays] of [["invalid_login", true], ["invalid_code", true], ["invalid_passkey", true], ["invalid_session", false], ["missing_api_key", false]]) {
    session.value = of("ada");
    notice.value = "";
    answer = async () => Response.json({ error: { code, message: "no" } }, { status: 401 });
    await assert.rejects(api.post("/auth/login", {}));
    assert.deepEqual([session.value !== null, notice.value === ""], [stays, stays], code);
  }
});
