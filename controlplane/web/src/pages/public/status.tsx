// How the service is: figures of the last hour with the method that made them, and incidents.
import { useEffect } from "preact/hooks";
import { ago, count, dateTime, ms, percent } from "../../core/format.ts";
import { useGet, type Resource } from "../../core/resource.ts";
import { Badge, Empty, Failure, PageHead, Skeleton, SkeletonLines, Stat, type Tone } from "../../ui/controls.tsx";
import { Table, type Column } from "../../ui/table.tsx";
import type { Figure, Health, Incident, Status } from "./live.ts";

const tones: Record<Health, Tone> = { operational: "good", degraded: "warn", outage: "bad", unknown: "plain" };
const words: Record<Health, string> = { operational: "operational", degraded: "degraded", outage: "outage", unknown: "too few requests to tell" };
const HealthBadge = ({ health }: { health: Health }) => <Badge tone={tones[health]}>{words[health]}</Badge>;

/** What was measured says nothing of the present when no gateway is connected. */
export const ServiceBadge = ({ status }: { status: Status }) => (status.regions.length === 0 ? <Badge tone="bad">no gateway is connected</Badge> : <HealthBadge health={status.service.status} />);

const share = (n: number | null): string => (n === null ? "–" : percent(n, 2));
const figures: Column<Figure>[] = [
  { head: "Name", cell: (f) => <span class="mono">{f.id}</span> },
  { head: "Status", cell: (f) => <HealthBadge health={f.status} /> },
  { head: "Available", cell: (f) => share(f.availability), number: true, from: "sm" },
  { head: "Requests, last hour", cell: (f) => (f.requests === null ? "–" : count(f.requests)), number: true, from: "md" },
];

function Figures({ title, rows, none, only = figures }: { title: string; rows: readonly Figure[]; none: string; only?: readonly Column<Figure>[] }) {
  return (
    <section class="stack" aria-label={title}>
      <h2>{title}</h2>
      {rows.length === 0 ? <p class="soft">{none}</p> : <Table label={title} columns={only} rows={rows} keyOf={(f) => f.id} />}
    </section>
  );
}

export function IncidentList({ incidents }: { incidents: readonly Incident[] }) {
  return (
    <ul class="incidents">
      {incidents.map((i) => (
        <li key={i.id} class="card">
          <div class="line apart"><h3>{i.title}</h3><span class="line"><Badge tone={i.impact === "none" ? "plain" : i.impact === "minor" ? "warn" : "bad"}>{`impact: ${i.impact}`}</Badge><Badge tone={i.state === "resolved" ? "good" : "accent"}>{i.state}</Badge></span></div>
          <p class="soft small">Began {dateTime(i.started_at)} UTC, {i.resolved_at ? `ended ${dateTime(i.resolved_at)} UTC` : "not over"}{[...i.providers, ...i.models, ...i.regions].map((w) => <span key={w}> · <span class="mono">{w}</span></span>)}</p>
          <ul>{i.updates.map((u) => <li key={u.at}><span class="faint small">{ago(u.at)}, {u.state}</span><br />{u.message}</li>)}</ul>
        </li>
      ))}
    </ul>
  );
}

function Service({ status }: { status: Status | undefined }) {
  const s = status?.service;
  const wait = <Skeleton width="70%" height="24px" />;
  return (
    <div class="grid">
      <Stat label="Service" value={status ? <ServiceBadge status={status} /> : wait} more={status?.regions.length === 0 ? "now" : "last hour"} />
      <Stat label="Answered without a server error" value={s ? share(s.availability_24h) : wait} more={s?.requests_24h == null ? "last 24 hours" : `of ${count(s.requests_24h)} requests, last 24 hours`} />
      <Stat label="Median time in the router" value={s ? (s.overhead_us?.p50 == null ? "–" : ms(s.overhead_us.p50 / 1000)) : wait} more={s?.overhead_us?.p99 == null ? "before a provider is asked" : `99th percentile ${ms(s.overhead_us.p99 / 1000)}`} />
    </div>
  );
}

function Method({ method }: { method: Record<string, string> }) {
  return <details class="card"><summary>How these figures are made</summary><dl class="method">{Object.entries(method).map(([name, says]) => <div key={name}><dt>{name}</dt><dd>{says}</dd></div>)}</dl></details>;
}

const AGAIN_MS = 30_000;

/** Asked again while somebody looks. */
function useStatus(): Resource<Status> {
  const status = useGet<Status>("/status.json");
  useEffect(() => {
    const timer = setInterval(() => document.hidden || status.reload(), AGAIN_MS);
    return () => clearInterval(timer);
  }, [status.reload]);
  return status;
}

export default function StatusPage() {
  const status = useStatus();
  const d = status.data;
  return (
    <div class="stack loose">
      <PageHead title="Status" says={d ? `As of ${dateTime(d.generated_at)} UTC. A figure is told only when enough requests of enough customers are in it.` : "What the service says of itself."} />
      {status.error && <Failure error={status.error} retry={status.reload} />}
      {!status.error && (
        <>
          <Service status={d} />
          <section class="stack" aria-label="Incidents"><h2>Incidents</h2>{!d ? <SkeletonLines lines={3} /> : d.incidents.length === 0 ? <Empty title="No incident is reported" says="When one is, what is known stands here, and its updates. Figures below are measured, not reported." /> : <IncidentList incidents={d.incidents} />}</section>
          {d ? <><Figures title="Regions" rows={d.regions} only={figures.slice(0, 2)} none="No gateway is connected to the control plane now. One that runs answers until what it was lent is spent; one that starts answers no request." /><Figures title="Providers" rows={d.providers} none="The catalog names none." /><Figures title="Models" rows={d.models} none="The catalog names none." /><Method method={d.method} /></> : <SkeletonLines lines={16} />}
          <p class="soft">For programs: <a href="/status.json" target="_blank">/status.json</a>, the same document, without a key.</p>
        </>
      )}
    </div>
  );
}
