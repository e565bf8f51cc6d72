// Something that is fetched: loading, ready or failed, and fetched again on demand.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { ApiError, api, type CallOptions } from "./api.ts";

export type Resource<T> =
  | { state: "loading"; data: undefined; error: undefined; reload: () => void }
  | { state: "ready"; data: T; error: undefined; reload: () => void }
  | { state: "failed"; data: undefined; error: ApiError; reload: () => void };

type Held<T> = { state: "loading" } | { state: "ready"; data: T } | { state: "failed"; error: ApiError };

export const asApiError = (error: unknown): ApiError =>
  error instanceof ApiError ? error : new ApiError(0, "page_error", error instanceof Error ? error.message : "Something went wrong in this page.");

/** Runs `load` whenever one of `on` changes. While reload() fetches it again, the last data stays; a failure does not, so
 *  that a person sees that "Try again" was taken and does not press it again, which would start over. */
export function useLoad<T>(load: (signal: AbortSignal) => Promise<T>, on: readonly unknown[]): Resource<T> {
  const [held, setHeld] = useState<Held<T>>({ state: "loading" });
  const [turn, setTurn] = useState(0);
  const shown = useRef(-1);
  useEffect(() => {
    const stop = new AbortController();
    const reloading = shown.current !== turn;
    setHeld((h) => (reloading && h.state === "ready" ? h : { state: "loading" }));
    shown.current = turn;
    load(stop.signal).then(
      (data) => stop.signal.aborted || setHeld({ state: "ready", data }),
      (error: unknown) => stop.signal.aborted || setHeld({ state: "failed", error: asApiError(error) }),
    );
    return () => stop.abort();
  }, [...on, turn]);
  const reload = useCallback(() => setTurn((n) => n + 1), []);
  return { data: undefined, error: undefined, ...held, reload } as Resource<T>;
}

/** GET of one path of the API. path null: nothing is fetched yet. */
export function useGet<T>(path: string | null, query?: CallOptions["query"]): Resource<T> {
  return useLoad<T>(
    (signal) => (path === null ? new Promise<T>(() => {}) : api.get<T>(path, query ? { query, signal } : { signal })),
    [path, JSON.stringify(query ?? {})],
  );
}

export interface Pages<T> {
  rows: T[];
  state: "loading" | "ready" | "failed";
  error: ApiError | undefined;
  more: boolean; // there are further rows
  next: () => void; // fetch them; harmless while it is being done
  reload: () => void;
}

interface ListAnswer<T> {
  data: T[];
  next_cursor?: string | null;
}

/** A list that is read by limit and cursor. */
export function useList<T>(path: string, query: CallOptions["query"] = {}, limit = 100): Pages<T> {
  const key = JSON.stringify([path, query, limit]);
  const [turn, setTurn] = useState(0);
  const [held, setHeld] = useState<{ key: string; rows: T[]; cursor: string | null; state: Pages<T>["state"]; error?: ApiError }>({
    key,
    rows: [],
    cursor: null,
    state: "loading",
  });
  const busy = useRef<AbortController | null>(null);
  const fetchPage = useCallback(
    (cursor: string | null, before: T[]) => {
      busy.current?.abort();
      const stop = (busy.current = new AbortController());
      api.get<ListAnswer<T>>(path, { query: { ...query, limit, cursor }, signal: stop.signal }).then(
        (page) => {
          if (stop.signal.aborted) return;
          busy.current = null;
          setHeld({ key, rows: [...before, ...page.data], cursor: page.next_cursor ?? null, state: "ready" });
        },
        (error: unknown) => {
          if (stop.signal.aborted) return;
          busy.current = null;
          setHeld({ key, rows: before, cursor, state: "failed", error: asApiError(error) });
        },
      );
    },
    [key],
  );
  useEffect(() => {
    setHeld((h) => (h.key === key && h.state !== "failed" ? h : { key, rows: h.key === key ? h.rows : [], cursor: null, state: "loading" }));
    fetchPage(null, []);
    return () => {
      busy.current?.abort();
      busy.current = null;
    };
  }, [key, turn]);
  const next = useCallback(() => {
    if (held.cursor !== null && busy.current === null) fetchPage(held.cursor, held.rows);
  }, [held, fetchPage]);
  const reload = useCallback(() => setTurn((n) => n + 1), []);
  return { rows: held.rows, state: held.state, error: held.error, more: held.cursor !== null, next, reload };
}
