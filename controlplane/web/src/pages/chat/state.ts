// What the playground works on: one conversation, the list of those kept, and the answer that is being made.
import { batch, computed, effect, signal } from "@preact/signals";
import { plural } from "../../core/format.ts";
import { session } from "../../core/session.ts";
import { kept, keptInTab } from "../../core/storage.ts";
import { toast } from "../../ui/toast.tsx";
import { newAnswer, type Answer, type Trouble } from "../../prompt/answer.ts";
import { ask } from "../../prompt/ask.ts";
import { Conversations, newConversation, noSettings, titleOf, type Attached, type Conversation, type Head, type Settings, type Turn } from "../../prompt/conversations.ts";
import { apiKey } from "../../prompt/key.ts";
import type { Model } from "../../prompt/models.ts";
import { faults, requestOf } from "../../prompt/request.ts";
import { planeToAsk, trust } from "../../prompt/trust.ts";

const LAST_MODEL = "playground-model";
const OPEN = "playground-open"; // the conversation of this tab
const UNFINISHED_EVERY_MS = 3000; // an answer that is being made is kept

export const models = signal<readonly Model[]>([]);
export const heads = signal<Head[] | null>(null); // null: not read yet
export const current = signal<Conversation>(newConversation(kept.get(LAST_MODEL) ?? ""));
export const live = signal<Answer | null>(null); // while an answer is made
export const liveId = signal(""); // the turn that it will be
export const storageFault = signal("");

let store: Conversations | null = null;
let of = "";
let left = { user: "", id: new URLSearchParams(location.search).has("model") ? "" : (keptInTab.get(OPEN) ?? "") }; // what a user whose session ended, or whose page was loaded again, had open
let stopper: AbortController | null = null;
let asking: Conversation | null = null; // whose answer is being made

export const modelOf = (id: string): Model | undefined => models.value.find((m) => m.id === id);
const busy = (): boolean => live.peek() !== null;

/** Why nothing can be asked; empty: it can. */
export const blocked = computed((): string => {
  const t = trust.value.state;
  if (t === "unknown" || t === "checking") return "Checking the data plane's evidence…";
  if (t !== "verified") return "Nothing is sent: the data plane is not verified.";
  if (apiKey.value === "") return "Choose a key first.";
  if (current.value.model === "") return "Choose a model first.";
  return Object.keys(faults(current.value.settings)).length > 0 ? "A parameter is not valid: open Parameters." : "";
});
export const ready = computed((): boolean => blocked.value === "" && live.value === null);

const fault = (error: unknown): void => {
  storageFault.value = `This browser does not keep conversations (${error instanceof Error ? error.message : "its storage failed"}): what you write is gone when the page is closed.`;
};

// --- other tabs

const removed = new Set<string>(); // what an answer that ends later must not bring back
const clashed = new Set<string>(); // another tab changed it while this one's answer was made
let line: BroadcastChannel | null = null;

type Word = { changed: string } | { removed: string[] };

function forget(ids: readonly string[]): void {
  ids.forEach((id) => removed.add(id));
  if (ids.includes(current.peek().id)) startNew();
}

async function heard(word: Word): Promise<void> {
  if ("removed" in word) forget(word.removed);
  else if (word.changed === current.peek().id && busy()) clashed.add(word.changed);
  else if (word.changed === current.peek().id) await openKept(word.changed);
  await listAgain();
}

function listen(user: string): void {
  line?.close();
  line = user === "" ? null : new BroadcastChannel(`conversations-${user}`);
  if (line) line.onmessage = (e: MessageEvent<Word>) => void heard(e.data).catch(fault);
}

/** What is read from a store is shown while it is this user's. */
async function listAgain(): Promise<void> {
  const from = store;
  const list = await from?.list();
  if (list && from === store) heads.value = list;
}

/** Conversations of this user; another user of the same browser has others. */
export async function openStore(user: string): Promise<void> {
  if (of === user) return;
  const again = left.user === user || left.user === "" ? left.id : "";
  leave();
  of = user;
  listen(user);
  try {
    store = new Conversations(user);
    await listAgain();
    if (again !== "" && of === user && current.peek().turns.length === 0) await openKept(again);
  } catch (error) {
    heads.value = [];
    fault(error);
  }
}

/** Nothing of this user is kept in memory for the next one at this browser; an answer that is being made stops, and is kept
 * with the conversations of its own user. */
function leave(): void {
  if (of !== "") left = { user: of, id: current.peek().id };
  stop();
  stopper = null;
  asking = null;
  store = null;
  of = "";
  listen("");
  batch(() => {
    live.value = null;
    heads.value = null;
    current.value = newConversation(current.peek().model);
  });
}

effect(() => (current.value.turns.length > 0 ? keptInTab.set(OPEN, current.value.id) : keptInTab.remove(OPEN)));

// Before anything is drawn for another user, the page has forgotten the one before.
effect(() => {
  const s = session.value;
  if (s === null || (s && of !== "" && of !== s.user.id)) leave();
});

async function keep(c: Conversation, into = store): Promise<void> {
  if (removed.has(c.id)) return;
  if (current.peek().id === c.id) current.value = c;
  try {
    await into?.keep(c);
    if (into === null || into !== store) return;
    storageFault.value = "";
    line?.postMessage({ changed: c.id });
    await listAgain();
  } catch (error) {
    fault(error);
  }
}

export function startNew(model = current.peek().model, settings: Settings = noSettings): void {
  stop();
  current.value = newConversation(model, settings);
}

export async function openKept(id: string): Promise<void> {
  stop();
  const from = store;
  try {
    const c = await from?.read(id);
    if (c && from === store) current.value = c;
  } catch (error) {
    fault(error);
  }
}

export function chooseModel(id: string): void {
  kept.set(LAST_MODEL, id);
  change({ model: id });
}

export function change(what: Partial<Pick<Conversation, "model" | "settings">>): void {
  const c = { ...current.peek(), ...what };
  current.value = c;
  if (c.turns.length > 0) void keep(c);
}

export async function rename(id: string, title: string): Promise<void> {
  const from = store;
  const c = id === current.peek().id ? current.peek() : await from?.read(id);
  if (c) await keep({ ...c, title }, from);
}

export async function remove(id: string): Promise<void> {
  forget([id]);
  await store?.remove(id).then(listAgain).catch(fault);
  line?.postMessage({ removed: [id] });
}

export async function removeAll(): Promise<void> {
  const ids = [current.peek().id, ...(heads.peek() ?? []).map((h) => h.id)];
  forget(ids);
  await store?.removeAll().then(listAgain).catch(fault);
  line?.postMessage({ removed: ids });
}

/** All conversations as one JSON file, made here. */
export async function exportAll(): Promise<void> {
  let all: Conversation[];
  try {
    all = (await store?.all()) ?? [];
  } catch (error) {
    return fault(error);
  }
  const url = URL.createObjectURL(new Blob([JSON.stringify({ format: "trustedrouter-conversations/v1", conversations: all }, null, 1)], { type: "application/json" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = "conversations.json";
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
  toast(`${plural(all.length, "conversation")} exported.`);
}

// --- asking

export function stop(): void {
  stopper?.abort();
}

/** What another tab wrote meanwhile stays: this tab's conversation goes on as one of its own. */
function apart(c: Conversation): Conversation {
  return clashed.delete(c.id) ? { ...c, id: crypto.randomUUID(), title: `${c.title} (2)` } : c;
}

/** The turns so far become a question. Its answer is a turn of the conversation that asked, wherever the reader is by then. When
 * the evidence is refused, nothing is sent and the conversation is as it was: `trust` says why. */
async function run(c: Conversation): Promise<void> {
  if (!ready.peek()) return;
  const mine = (stopper = new AbortController());
  let saver: ReturnType<typeof setInterval> | undefined;
  const into = store; // of the user who asks, whoever is signed in when the answer is complete
  const before = current.peek();
  batch(() => {
    liveId.value = crypto.randomUUID();
    live.value = newAnswer();
    current.value = c;
  });
  try {
    const plane = await planeToAsk();
    asking = c;
    await keep(c, into);
    saver = setInterval(keepUnfinished, UNFINISHED_EVERY_MS);
    const answer = await ask(plane, apiKey.value, requestOf(c, modelOf(c.model)), (a) => { if (stopper === mine) live.value = a; }, mine.signal);
    const turn: Turn = { id: liveId.value, role: "assistant", asked: c.model, answer, results: {} };
    const open = current.peek().id === c.id;
    const whole = apart({ ...(open ? current.peek() : c), changed: Date.now(), turns: [...c.turns, turn] });
    batch(() => {
      if (stopper === mine) live.value = null;
      if (open) current.value = whole;
    });
    await keep(whole, into);
  } catch {
    if (current.peek() === c) current.value = before;
  } finally {
    clearInterval(saver);
    if (stopper === mine) {
      live.value = null;
      stopper = null;
      asking = null;
    }
  }
}

/** What has come of an answer is kept while it is made, until the whole replaces it: a page that is closed has no time for it. */
function keepUnfinished(): void {
  const answer = live.peek();
  if (asking === null || answer === null || removed.has(asking.id) || clashed.has(asking.id) || answer.totalMs !== null) return;
  const trouble: Trouble = { code: "page_closed", status: 0, message: "The page was closed before this answer was complete.", retryAfterS: null };
  const turn: Turn = { id: liveId.peek(), role: "assistant", asked: asking.model, answer: { ...answer, trouble }, results: {} };
  void store?.keep({ ...asking, turns: [...asking.turns, turn] }).catch(fault);
}

/** false: nothing was sent, because the data plane is not verified; `trust` says why. */
export async function send(text: string, images: Attached[]): Promise<boolean> {
  if (!ready.peek()) return false;
  try {
    await planeToAsk();
  } catch {
    return false;
  }
  const before = current.peek();
  const turn: Turn = { id: crypto.randomUUID(), role: "user", text, images };
  void run({ ...before, title: before.title || titleOf(text), changed: Date.now(), turns: [...before.turns, turn] });
  return true;
}

/** The turns before `id`, asked again; without it all turns. */
export function askAgain(id?: string): void {
  const c = current.peek();
  const at = id === undefined ? c.turns.length : c.turns.findIndex((t) => t.id === id);
  if (at > 0) void run({ ...c, turns: c.turns.slice(0, at) });
}

/** Another question in the place of this one; what came after it is gone. */
export function edit(id: string, text: string): void {
  const c = current.peek();
  const at = c.turns.findIndex((t) => t.id === id);
  const old = c.turns[at];
  if (old?.role === "user") void run({ ...c, changed: Date.now(), turns: [...c.turns.slice(0, at), { ...old, text }] });
}

/** What the reader's tools said goes back to the model. */
export function giveResults(id: string, results: Record<string, string>): void {
  const c = current.peek();
  void run({ ...c, turns: c.turns.map((t) => (t.id === id && t.role === "assistant" ? { ...t, results } : t)) });
}
