// Two users of one browser, one after the other: what the first asked is never shown to the second, and never kept with the
// second's conversations.
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./library.mjs";

const storage = () => ({ getItem: () => null, setItem: () => {}, removeItem: () => {} });
Object.assign(globalThis, {
  localStorage: storage(), sessionStorage: storage(), location: new URL("https://console.example.com/app/chat"),
  history: { replaceState: () => {}, pushState: () => {} }, addEventListener: () => {}, matchMedia: () => ({ matches: false, addEventListener: () => {} }),
});

/** Every database, by name: { heads, bodies } by id. */
const kept = {};
globalThis.kept = kept;
const FAKES = {
  "prompt/trust.ts": "export const verifiedPlane = async () => ({});",
  "core/console.ts": 'export const dataPlane = () => "https://api.example.com"; export const facts = { value: null };',
  "core/session.ts": 'import { signal } from "@preact/signals"; export const session = signal(undefined); globalThis.session = session;',
  "prompt/ask.ts": `export const ask = (plane, key, request, told, signal) => new Promise((resolve) => {
    globalThis.answering = { told, end: (a) => resolve(a) };
    signal.addEventListener("abort", () => setTimeout(() => { const a = { text: "half", stopped: true }; told(a); resolve(a); }, 5));
  });`,
};

const of = (request) => {
  const r = {};
  queueMicrotask(() => {
    r.result = request();
    r.onupgradeneeded?.();
    r.onsuccess?.();
  });
  return r;
};
/** The list of the user "f" comes only when it is let go. */
const slow = [];
const slowUser = (rows) => rows === kept["conversations-f"]?.heads && rows.size > 0;
const later = (result) => {
  const r = {};
  const go = () => {
    r.result = result();
    r.onsuccess?.();
  };
  slow.push(go);
  setTimeout(go, 20);
  return r;
};
const storeOf = (rows) => ({
  put: (v) => rows.set(v.id, structuredClone(v)),
  get: (id) => of(() => rows.get(id)),
  getAll: () => (slowUser(rows) ? later(() => [...rows.values()]) : of(() => [...rows.values()])),
});
globalThis.indexedDB = {
  open: (name) => {
    const rows = (kept[name] ??= { heads: new Map(), bodies: new Map() });
    return of(() => ({
      createObjectStore: () => {},
      transaction: () => {
        const t = { objectStore: (s) => storeOf(rows[s]) };
        setTimeout(() => t.oncomplete?.(), 0);
        return t;
      },
    }));
  },
};

const state = await load("pages/chat/state.ts", FAKES);
/** Many turns of the loop, so that a machine that stalls delays what is awaited and this alike. */
async function wait() {
  for (let turn = 0; turn < 60; turn++) await new Promise((r) => setTimeout(r, 1));
}
const titles = (user) => [...(kept[`conversations-${user}`]?.heads.values() ?? [])].map((h) => h.title);
const SECRET = "the first user's secret";

async function signIn(user) {
  globalThis.session.value = { user: { id: user } };
  await state.openStore(user);
}

test("conversations_of_a_user_who_left_stay_his", async () => {
  await signIn("a");
  state.startNew("demo/echo");
  await state.send(SECRET, []);
  await wait();
  assert.ok(state.live.value, "an answer is being made");
  const open = state.current.value.id;

  globalThis.session.value = null; // he signs out, or his session ends
  assert.equal(state.live.value, null);
  assert.ok(!JSON.stringify([state.current.value, state.heads.value]).includes(SECRET));

  await signIn("b");
  await wait();
  assert.deepEqual([titles("a"), titles("b"), state.heads.value], [[SECRET], [], []]);
  assert.ok(!JSON.stringify([state.current.value, state.live.value]).includes(SECRET));
  assert.equal(kept["conversations-a"].bodies.get(open).turns[1].answer.stopped, true, "the half that came is kept with his");

  globalThis.session.value = null;
  await signIn("a");
  assert.equal(state.heads.value.length, 1);
});

test("conversations_go_on_where_their_user_was", async () => {
  await signIn("c");
  state.startNew("demo/echo");
  await state.send("mine", []);
  await wait();
  globalThis.answering.end({ text: "whole", stopped: false });
  await wait();
  const open = state.current.value.id;
  assert.equal(state.current.value.turns.length, 2);
  globalThis.session.value = null;
  await signIn("c");
  assert.deepEqual([state.current.value.id, state.current.value.turns.length], [open, 2]);
});

test("conversations_another_user_without_a_sign_out", async () => {
  await signIn("d");
  state.startNew("demo/echo");
  await state.send(SECRET, []);
  await wait();
  await signIn("e");
  await wait();
  assert.deepEqual([titles("d"), titles("e")], [[SECRET], []]);
  assert.ok(!JSON.stringify([state.current.value, state.live.value]).includes(SECRET));
});

test("conversations_a_list_that_comes_late_is_not_the_next_users", async () => {
  await signIn("f");
  state.startNew("demo/echo");
  await state.send(SECRET, []);
  await wait();
  globalThis.answering.end({ text: "whole", stopped: false });
  await wait();
  globalThis.session.value = null;
  globalThis.session.value = { user: { id: "f" } };
  const late = state.openStore("f"); // its list is still being read
  await Promise.resolve();
  const next = state.openStore("g");
  slow.forEach((go) => go());
  await Promise.all([late, next]);
  await wait();
  assert.deepEqual(state.heads.value, []);
});
