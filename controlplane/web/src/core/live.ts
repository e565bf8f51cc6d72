// Server-sent events of the control plane. The browser connects again by itself; `state` says how it goes.
import { useEffect, useState } from "preact/hooks";
import { caller } from "./api.ts";

export type LiveState = "connecting" | "live" | "interrupted";

export function useLive(path: string, told: (data: string) => void): LiveState {
  const [state, setState] = useState<LiveState>("connecting");
  useEffect(() => {
    const workspace = caller.workspace === "" ? "" : `?workspace_id=${encodeURIComponent(caller.workspace)}`; // it sends no header
    const source = new EventSource(`/v1${path}${workspace}`);
    source.onopen = () => setState("live");
    source.onerror = () => setState("interrupted");
    source.onmessage = (event: MessageEvent<string>) => told(event.data);
    return () => source.close();
  }, [path]);
  return state;
}
