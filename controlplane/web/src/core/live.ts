// Server-sent events of the control plane. The browser connects again by itself; `state` says how it goes.
import { useEffect, useRef, useState } from "preact/hooks";
import { caller } from "./api.ts";

export type LiveState = "connecting" | "live" | "interrupted";

/** event: the name that the server gives its events. */
export function useLive(path: string, event: string, told: (data: string) => void): LiveState {
  const [state, setState] = useState<LiveState>("connecting");
  const latest = useRef(told);
  latest.current = told;
  useEffect(() => {
    const workspace = caller.workspace === "" ? "" : `?workspace_id=${encodeURIComponent(caller.workspace)}`; // it sends no header
    const source = new EventSource(`/v1${path}${workspace}`);
    source.onopen = () => setState("live");
    source.onerror = () => setState("interrupted");
    source.addEventListener(event, (e: MessageEvent<string>) => latest.current(e.data));
    return () => source.close();
  }, [path, event]);
  return state;
}
