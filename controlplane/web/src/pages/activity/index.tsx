// How the workspace is used: figures, charts and breakdowns of a time, and the newest requests as they are booked.
import { useEffect, useMemo, useState } from "preact/hooks";
import { ms, percent, usd, count, compact } from "../../core/format.ts";
import { here, queryOf, setQuery } from "../../core/router.ts";
import { ButtonLink, Empty, Failure, PageHead, SelectField } from "../../ui/controls.tsx";
import { apiLink } from "../parts/link.ts";
import { asSpanName, noFigures, spanNames, spanOf, successOf, useFigures, type Figures } from "../usage/figures.ts";
import { anyOf, filtersOf, UsageFilters } from "../usage/filters.tsx";
import { Skeleton, Stat } from "../../ui/controls.tsx";
import { Breakdown } from "./breakdown.tsx";
import { Charts } from "./charts.tsx";
import { Feed } from "./feed.tsx";

const NONE = "–";

function Totals({ of }: { of: Figures | undefined }) {
  const value = (as: (f: Figures) => string) => (of === undefined ? <Skeleton width="60%" /> : as(of));
  const success = (f: Figures): string => { const s = successOf(f); return s === null ? NONE : percent(s, 2); };
  const times = (l: Figures["total_ms"]): string => (l.p50 === null ? "no time measured" : `p95 ${ms(l.p95)}, p99 ${ms(l.p99)}`);
  return (
    <div class="stats">
      <Stat label="Requests" value={value((f) => count(f.requests))} more={value((f) => `${count(f.errors)} failed`)} />
      <Stat label="Success rate" value={value(success)} more="answered, or cancelled by the client" />
      <Stat label="Spend" value={value((f) => usd(f.usage))} more={value((f) => (f.requests === 0 ? NONE : "what was booked in this time"))} />
      <Stat label="Tokens" value={value((f) => compact(f.prompt_tokens + f.completion_tokens))} more={value((f) => `${compact(f.prompt_tokens)} in, ${compact(f.completion_tokens)} out`)} />
      <Stat label="First byte, p50" value={value((f) => ms(f.first_byte_ms.p50))} more={value((f) => times(f.first_byte_ms))} />
      <Stat label="Total time, p50" value={value((f) => ms(f.total_ms.p50))} more={value((f) => times(f.total_ms))} />
    </div>
  );
}

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
/** The beginning of this hour: the page may stay open for days, and its last point is always the present hour. */
function useHour(): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), MINUTE_MS);
    return () => clearInterval(timer);
  }, []);
  return now - (now % HOUR_MS);
}

export default function Activity() {
  const query = queryOf(here.value);
  const range = asSpanName(query.get("range"));
  const filters = filtersOf(query);
  const hour = useHour();
  const span = useMemo(() => spanOf(range, hour), [range, hour]);
  const total = useFigures([], span.from, filters);
  const points = useFigures([span.by], span.from, filters);
  const figures = total.state === "ready" ? (total.data.data[0] ?? noFigures) : undefined;
  const again = () => {
    total.reload();
    points.reload();
  };
  return (
    <>
      <PageHead title="Activity" says="Requests by when they were booked (UTC). Percentiles are within 6 % of the exact ones.">
        <a class="button" href={apiLink("/activity.csv", { from: span.from.slice(0, 10) })} download="activity.csv">CSV by day</a>
      </PageHead>
      <div class="filters">
        <SelectField label="Time" value={range} choices={spanNames} onChange={(v) => setQuery({ range: v === "24h" ? null : v })} />
        <UsageFilters />
      </div>
      {total.state === "failed" ? <Failure error={total.error} retry={total.reload} /> : <Totals of={figures} />}
      {figures?.requests === 0 ? (
        <Empty title="Nothing was booked in this time" says={anyOf(filters) ? "No request fits what you chose. Choose fewer filters, or a longer time." : "A request appears here within seconds of its answer. Choose a longer time, or send one."}>
          {!anyOf(filters) && <ButtonLink href="/app/chat">Open the playground</ButtonLink>}
        </Empty>
      ) : (
        <>
          {points.state === "failed" ? <Failure error={points.error} retry={points.reload} /> : <Charts span={span} rows={points.data?.data} />}
          <Breakdown from={span.from} filters={filters} />
        </>
      )}
      <Feed filters={filters} told={again} />
    </>
  );
}
