// Conversations, kept in this browser and nowhere else: IndexedDB, one database for each user.
import type { Answer } from "./answer.ts";

export interface Attached {
  name: string;
  url: string; // data:image/...
}

export type Turn =
  | { id: string; role: "user"; text: string; images: Attached[] }
  | { id: string; role: "assistant"; asked: string; answer: Answer; results: Record<string, string> }; // results: by a call's id

export interface Settings {
  system: string;
  temperature: string; // numbers as they are typed; empty: the model's own
  topP: string;
  maxTokens: string;
  effort: string; // "": the model's own
  tools: string; // JSON
  zdr: boolean;
  order: string; // providers, by commas
  ignore: string;
}

export interface Conversation {
  id: string;
  title: string;
  changed: number; // milliseconds
  model: string;
  settings: Settings;
  turns: Turn[];
}

export type Head = Pick<Conversation, "id" | "title" | "changed" | "model">;

export const noSettings: Settings = { system: "", temperature: "", topP: "", maxTokens: "", effort: "", tools: "", zdr: false, order: "", ignore: "" };

export const newConversation = (model: string, settings: Settings = noSettings): Conversation => ({
  id: crypto.randomUUID(),
  title: "",
  changed: Date.now(),
  model,
  settings,
  turns: [],
});

const done = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("The browser's storage failed."));
  });

const over = (transaction: IDBTransaction): Promise<void> =>
  new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = transaction.onerror = () => reject(transaction.error ?? new Error("The browser's storage failed."));
  });

function opened(user: string): Promise<IDBDatabase> {
  const request = indexedDB.open(`conversations-${user}`, 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore("heads", { keyPath: "id" });
    request.result.createObjectStore("bodies", { keyPath: "id" });
  };
  return done(request);
}

/** Heads and bodies are kept apart, so that the list does not read what was said. */
export class Conversations {
  private readonly db: Promise<IDBDatabase>;

  constructor(user: string) {
    this.db = opened(user);
  }

  private async change(write: (heads: IDBObjectStore, bodies: IDBObjectStore) => void): Promise<void> {
    const transaction = (await this.db).transaction(["heads", "bodies"], "readwrite");
    write(transaction.objectStore("heads"), transaction.objectStore("bodies"));
    await over(transaction);
  }

  async list(): Promise<Head[]> {
    const heads = await done<Head[]>((await this.db).transaction("heads").objectStore("heads").getAll());
    return heads.sort((a, b) => b.changed - a.changed);
  }

  async read(id: string): Promise<Conversation | null> {
    return (await done<Conversation | undefined>((await this.db).transaction("bodies").objectStore("bodies").get(id))) ?? null;
  }

  keep(c: Conversation): Promise<void> {
    return this.change((heads, bodies) => {
      heads.put({ id: c.id, title: c.title, changed: c.changed, model: c.model });
      bodies.put(c);
    });
  }

  remove(id: string): Promise<void> {
    return this.change((heads, bodies) => {
      heads.delete(id);
      bodies.delete(id);
    });
  }

  removeAll(): Promise<void> {
    return this.change((heads, bodies) => {
      heads.clear();
      bodies.clear();
    });
  }

  async all(): Promise<Conversation[]> {
    return done<Conversation[]>((await this.db).transaction("bodies").objectStore("bodies").getAll());
  }
}

/** The first words of a question. */
export function titleOf(text: string): string {
  const line = text.trim().split("\n")[0] ?? "";
  return line.length <= 48 ? line || "Pictures" : `${line.slice(0, 47).trimEnd()}…`;
}
