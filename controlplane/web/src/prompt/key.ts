// The API key that the playground uses. It is kept in sessionStorage: this tab has it until it is closed.
import { effect, signal } from "@preact/signals";
import { api } from "../core/api.ts";
import { session } from "../core/session.ts";
import { keptInTab } from "../core/storage.ts";

const PLACE = "playground-key";
const OWNER = "playground-key-of"; // the user in whose session it was given
const LIMIT = 1; // dollars
const DAYS = 1;

export const apiKey = signal<string>(keptInTab.get(PLACE) ?? "");

export function setKey(text: string): void {
  apiKey.value = text;
  keptInTab.remove(OWNER);
  if (text === "") return keptInTab.remove(PLACE);
  keptInTab.set(PLACE, text);
  const user = session.peek()?.user.id;
  if (user !== undefined) keptInTab.set(OWNER, user);
}

/** An inference key, as this router writes it; null: fine. */
export function keyFault(text: string): string | null {
  if (text.trim() === "") return "Paste a key first.";
  if (/^sk-tr-m1-/.test(text)) return "This is a management key. It does not infer: paste an API key.";
  return /^[\x21-\x7e]{8,200}$/.test(text) ? null : "A key has no spaces and only ASCII characters.";
}

export const madeKeyFacts = `It may spend $${LIMIT}, and ends in ${DAYS * 24} hours.`;

/** A key of its own for this tab. */
export async function makeKey(): Promise<void> {
  const expires = new Date(Date.now() + DAYS * 86_400_000).toISOString();
  const made = await api.post<{ key: string }>("/keys", { name: "Playground", limit: LIMIT, expires_at: expires });
  setKey(made.key);
}

// Whoever signs out leaves no key behind for the next person at this browser, and nobody pays for what another user asks.
effect(() => {
  const s = session.value;
  if (s === undefined || apiKey.peek() === "") return;
  const owner = keptInTab.get(OWNER);
  if (s === null || (owner !== null && owner !== s.user.id)) setKey("");
});
