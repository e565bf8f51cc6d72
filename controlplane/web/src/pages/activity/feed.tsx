// The newest requests. An event says that some were booked; the page then asks for them, at most once a second.
import { useEffect, useRef } from "preact/hooks";
import { useLive, type LiveState } from "../../core/live.ts";
import { useGet } from "../../core/resource.ts";
import { ButtonLink, Failure } from "../../ui/controls.tsx";
import { TableSkeleton } from "../../ui/table.tsx";
import { Section } from "../parts/parts.tsx";
import type { Filters } from "../usage/figures.ts";
import type { UsageRecord } from "../usage/record.ts";
import { RECORD_COLUMNS, RecordsTable } from "../usage/records_table.tsx";

const ROWS = 20;
const EVERY_MS = 1000;
const FIGURES_MS = 10_000; // figures and charts are more work
const WITHOUT_EVENTS_MS = 15_000;

const words: Record<LiveState, string> = {
  connecting: "connecting",
  live: "live: requests appear as they are booked",
  interrupted: `live updates are interrupted: asked again every ${WITHOUT_EVENTS_MS / 1000} s`,
};

/** fn at most once in so many milliseconds, and once more when it was called in between. */
function useSeldom(fn: () => void, everyMs: number): () => void {
  const state = useRef<{ last: number; timer: ReturnType<typeof setTimeout> | undefined; fn: () => void }>({ last: 0, timer: undefined, fn });
  state.current.fn = fn;
  useEffect(() => () => clearTimeout(state.current.timer), []);
  return useRef(() => {
    const s = state.current;
    if (s.timer !== undefined) return;
    s.timer = setTimeout(() => {
      s.timer = undefined;
      s.last = Date.now();
      s.fn();
    }, Math.max(0, s.last + everyMs - Date.now()));
  }).current;
}

export function Feed({ filters, told }: { filters: Filters; told: () => void }) {
  const latest = useGet<{ data: UsageRecord[] }>("/generations", { ...filters, limit: ROWS });
  const refetch = useSeldom(latest.reload, EVERY_MS);
  const figures = useSeldom(told, FIGURES_MS);
  const state = useLive("/activity/live", "usage", () => {
    refetch();
    figures();
  });
  useEffect(() => {
    if (state === "live") {
      refetch(); // what was booked before the stream began
      return;
    }
    const timer = setInterval(() => {
      refetch();
      figures();
    }, WITHOUT_EVENTS_MS);
    return () => clearInterval(timer);
  }, [state]);
  const query = new URLSearchParams(Object.entries(filters).flatMap(([name, v]) => (v === null ? [] : [[name === "api_key_hash" ? "key" : name, v]]))).toString();
  return (
    <Section title="Newest requests" says={<span class="live" data-state={state} role="status">{words[state]}</span>} actions={<ButtonLink href={`/app/generations${query === "" ? "" : `?${query}`}`}>All requests</ButtonLink>}>
      {latest.state === "loading" && <TableSkeleton columns={RECORD_COLUMNS} rows={6} />}
      {latest.state === "failed" && <Failure error={latest.error} retry={latest.reload} />}
      {latest.state === "ready" && (latest.data.data.length === 0 ? <p class="soft">None yet that fits. What is asked from now on appears here.</p> : <RecordsTable label="Newest requests" rows={latest.data.data} />)}
    </Section>
  );
}
