// What the playground works on: one conversation, the list of those kept, and the answer that is being made.
import { batch, effect, signal } from "@preact/signals";
import { dataPlane } from "../../core/console.ts";
import { plural } from "../../core/format.ts";
import { session } from "../../core/session.ts";
import { toast } from "../../ui/toast.tsx";
import { newAnswer, type Answer } from "../../prompt/answer.ts";
import { ask } from "../../prompt/ask.ts";
import { Conversations, newConversation, noSettings, titleOf, type Attached, type Conversation, type Head, type Settings, type Turn } from "../../prompt/conversations.ts";
import { apiKey } from "../../prompt/key.ts";
import type { Model } from "../../prompt/models.ts";
import { requestOf } from "../../prompt/request.ts";
import { verifiedPlane } from "../../prompt/trust.ts";

const LAST_MODEL = "playground-model";

export const models = signal<readonly Model[]>([]);
export const heads = signal<Head[] | null>(null); // null: not read yet
export const current = signal<Conversation>(newConversation(localStorage.getItem(LAST_MODEL) ?? ""));
export const live = signal<Answer | null>(null); // while an answer is made
export const liveId = signal(""); // the turn that it will be
export const storageFault = signal("");

let store: Conversations | null = null;
let of = "";
let left = { user: "", id: "" }; // what a user whose session ended had open
let stopper: AbortController | null = null;

export const modelOf = (id: string): Model | undefined => models.value.find((m) => m.id === id);
const busy = (): boolean => live.peek() !== null;

const fault = (error: unknown): void => {
  storageFault.value = `This browser does not keep conversations (${error instanceof Error ? error.message : "its storage failed"}): what you write is gone when the page is closed.`;
};

/** What is read from a store is shown while it is this user's. */
async function listAgain(): Promise<void> {
  const from = store;
  const list = await from?.list();
  if (list && from === store) heads.value = list;
}

/** Conversations of this user; another user of the same browser has others. */
export async function openStore(user: string): Promise<void> {
  if (of === user) return;
  const again = left.user === user ? left.id : "";
  leave();
  of = user;
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
  store = null;
  of = "";
  batch(() => {
    live.value = null;
    heads.value = null;
    current.value = newConversation(current.peek().model);
  });
}

// Before anything is drawn for another user, the page has forgotten the one before.
effect(() => {
  const s = session.value;
  if (s === null || (s && of !== "" && of !== s.user.id)) leave();
});

async function keep(c: Conversation, into = store): Promise<void> {
  if (current.peek().id === c.id) current.value = c;
  try {
    await into?.keep(c);
    if (into === store) await listAgain();
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
  const c = await from?.read(id);
  if (c && from === store) current.value = c;
}

export function chooseModel(id: string): void {
  localStorage.setItem(LAST_MODEL, id);
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
  if (id === current.peek().id) startNew();
  await store?.remove(id).then(listAgain).catch(fault);
}

export async function removeAll(): Promise<void> {
  startNew();
  await store?.removeAll().then(listAgain).catch(fault);
}

/** All conversations as one JSON file, made here. */
export async function exportAll(): Promise<void> {
  const all = (await store?.all()) ?? [];
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

/** The turns so far become a question. Its answer is a turn of the conversation that asked, wherever the reader is by then. */
async function run(c: Conversation): Promise<void> {
  const origin = dataPlane();
  if (origin === null || busy()) return;
  const mine = (stopper = new AbortController());
  const into = store; // of the user who asks, whoever is signed in when the answer is complete
  liveId.value = crypto.randomUUID();
  live.value = newAnswer();
  try {
    await keep(c, into);
    const plane = await verifiedPlane(origin);
    const answer = await ask(plane, apiKey.value, requestOf(c, modelOf(c.model)), (a) => { if (stopper === mine) live.value = a; }, mine.signal);
    const turn: Turn = { id: liveId.value, role: "assistant", asked: c.model, answer, results: {} };
    const whole = { ...(current.peek().id === c.id ? current.peek() : c), changed: Date.now(), turns: [...c.turns, turn] };
    batch(() => {
      if (stopper === mine) live.value = null;
      if (current.peek().id === c.id) current.value = whole;
    });
    await keep(whole, into);
  } catch {
    // the evidence was refused: `trust` says why, and the question stays to be asked again
  } finally {
    if (stopper === mine) {
      live.value = null;
      stopper = null;
    }
  }
}

/** false: nothing was sent, because the data plane is not verified; `trust` says why. */
export async function send(text: string, images: Attached[]): Promise<boolean> {
  const origin = dataPlane();
  if (origin === null || busy()) return false;
  const before = current.peek();
  try {
    await verifiedPlane(origin);
  } catch {
    return false;
  }
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
