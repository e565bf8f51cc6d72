// Two users of one browser, one after the other: what the first asked is never shown to the second, and never kept with the
// second's conversations.
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./library.mjs";

const storage = () => ({ getItem: () => null, setItem: () => {}, removeItem: () => {} });
const lines = []; // of all tabs
Object.assign(globalThis, {
  localStorage: storage(), sessionStorage: storage(), location: new URL("https://console.example.com/app/chat"),
  history: { replaceState: () => {}, pushState: () => {} }, addEventListener: () => {}, BroadcastChannel: class { constructor(name) { lines.push(Object.assign(this, { name, said: [] })); } postMessage(word) { this.said.push(word); } close() {} }, matchMedia: () => ({ matches: false, addEventListener: () => {} }),
});

/** Every database, by name: { heads, bodies } by id. */
const kept = {};
globalThis.kept = kept;
const FAKES = {
  "prompt/trust.ts": 'import { signal } from "@preact/signals"; export const trust = signal({ state: "verified" }); export const planeToAsk = () => globalThis.planeToAsk(); globalThis.trust = trust;',
  "prompt/key.ts": 'import { signal } from "@preact/signals"; export const apiKey = signal("sk-tr-v1-a-key");',
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
  delete: (id) => rows.delete(id),
  clear: () => rows.clear(),
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

globalThis.planeToAsk = async () => ({});
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

async function answered(user, text) {
  await signIn(user);
  state.startNew("demo/echo");
  await state.send(text, []);
  await wait();
  globalThis.answering.end({ text: "whole", stopped: false, trouble: null, toolCalls: [] });
  await wait();
}

for (const how of ["remove", "removeAll"])
  test(`conversations_${how}_while_an_answer_is_made`, async () => {
    const user = `deleting-${how}`;
    await signIn(user);
    state.startNew("demo/echo");
    await state.send(SECRET, []);
    await wait();
    assert.ok(state.live.value, "an answer is being made");
    await (how === "remove" ? state.remove(state.current.value.id) : state.removeAll());
    await wait();
    assert.deepEqual([titles(user), state.heads.value, state.current.value.turns], [[], [], []]);
    assert.deepEqual([...kept[`conversations-${user}`].bodies.keys()], []);
  });

test("conversations_stay_when_nothing_can_be_asked", async () => {
  await answered("h", "a question");
  const before = state.current.value;
  const [question, answer] = before.turns;
  const asks = { askAgain: () => state.askAgain(answer.id), edit: () => state.edit(question.id, "other words") };
  for (const [name, go] of Object.entries(asks)) {
    globalThis.trust.value = { state: "refused" };
    go();
    await wait();
    assert.equal(state.current.value, before, `${name}: evidence was refused`);
    globalThis.trust.value = { state: "verified" };
    globalThis.planeToAsk = async () => { throw new Error("refused only now"); };
    go();
    await wait();
    globalThis.planeToAsk = async () => ({});
    assert.equal(state.current.value, before, `${name}: evidence is refused when it is asked for again`);
    assert.equal(kept["conversations-h"].bodies.get(before.id).turns.length, 2, `${name}: what is kept`);
  }
});

test("conversations_are_told_to_other_tabs_and_heard_from_them", async () => {
  await answered("i", "a question");
  const mine = state.current.value;
  const line = lines.findLast((l) => l.name === "conversations-i");
  assert.deepEqual(line.said.at(-1), { changed: mine.id });
  const { bodies, heads } = kept["conversations-i"];
  const other = { ...mine, turns: [...mine.turns, { id: "x", role: "user", text: "from another tab", images: [] }] };
  bodies.set(mine.id, other);
  line.onmessage({ data: { changed: mine.id } });
  await wait();
  assert.equal(state.current.value.turns.length, 3, "it is shown here");

  await state.send("at the same time", []);
  await wait();
  bodies.set(mine.id, { ...other, title: "theirs" });
  line.onmessage({ data: { changed: mine.id } });
  globalThis.answering.end({ text: "whole", stopped: false, trouble: null, toolCalls: [] });
  await wait();
  assert.equal(bodies.get(mine.id).title, "theirs", "nothing of the other tab is lost");
  assert.deepEqual([state.current.value.title, state.current.value.turns.length, bodies.get(state.current.value.id).turns.length], ["a question (2)", 5, 5]);

  heads.clear();
  bodies.clear();
  line.onmessage({ data: { removed: [state.current.value.id] } });
  await wait();
  assert.deepEqual([state.current.value.turns, state.heads.value], [[], []]);
});
