// One key in a drawer: usage of today, the week, the month and all time; thirty days as a chart; its rules.
import { useMemo } from "preact/hooks";
import { compact, count, date, exactTime, usd } from "../../core/format.ts";
import { useGet } from "../../core/resource.ts";
import { may } from "../../core/session.ts";
import { Chart } from "../../ui/chart.tsx";
import { Badge, CopyButton, Skeleton, Stat } from "../../ui/controls.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { Table, type Column } from "../../ui/table.tsx";
import { Facts, Shown, When } from "../parts/parts.tsx";
import { limitOf, roleWords, rulesOf, stateOf, type Key } from "./key.ts";

interface Day {
  date: string;
  model: string;
  usage: number;
  requests: number;
  prompt_tokens: number;
  completion_tokens: number;
}
interface OfModel {
  model: string;
  requests: number;
  tokens: number;
}

const DAYS = 30;
const dayOf = (text: string): string => text.slice(0, 10);

/** Dollars a day for the last thirty days, days without a request included. */
function daysOf(rows: readonly Day[]): { times: number[]; values: number[] } {
  const today = Math.floor(Date.now() / 86_400_000);
  const times = Array.from({ length: DAYS }, (_, i) => (today - DAYS + 1 + i) * 86_400);
  const values = times.map((t) => rows.filter((r) => dayOf(r.date) === new Date(t * 1000).toISOString().slice(0, 10)).reduce((sum, r) => sum + r.usage, 0));
  return { times, values };
}

function modelsOf(rows: readonly Day[]): OfModel[] {
  const by = new Map<string, OfModel>();
  for (const r of rows) {
    const m = by.get(r.model) ?? { model: r.model, requests: 0, tokens: 0 };
    by.set(r.model, { model: r.model, requests: m.requests + r.requests, tokens: m.tokens + r.prompt_tokens + r.completion_tokens });
  }
  return [...by.values()].sort((a, b) => b.requests - a.requests);
}

const columns: Column<OfModel>[] = [
  { head: "Model", cell: (m) => <span class="mono">{m.model}</span> },
  { head: "Requests", number: true, cell: (m) => count(m.requests) },
  { head: "Tokens", number: true, cell: (m) => compact(m.tokens) },
];

function Usage({ hash }: { hash: string }) {
  const days = useGet<{ data: Day[] }>("/activity", { api_key_hash: hash });
  const chart = useMemo(() => daysOf(days.data?.data ?? []), [days.data]);
  const series = useMemo(() => [{ label: "Usage", values: chart.values }], [chart]);
  return (
    <Shown of={days} loading={<Skeleton height="220px" />}>
      {({ data }) =>
        data.length === 0 ? (
          <p class="soft">No request of this key was booked in the last {DAYS} days. Usage is shown within seconds after a request.</p>
        ) : (
          <>
            <Chart label={`Dollars a day of this key in the last ${DAYS} days`} times={chart.times} series={series} format={(v) => usd(Number(v.toPrecision(6)))} height={160} />
            <Table label="Models that this key used" columns={columns} rows={modelsOf(data)} keyOf={(m) => m.model} />
          </>
        )
      }
    </Shown>
  );
}

export function KeyDetail({ of, onClose }: { of: Key; onClose: () => void }) {
  const state = stateOf(of);
  const rules = rulesOf(of);
  return (
    <Dialog title={of.name} open look="drawer" onClose={onClose}>
      <div class="line"><Badge tone={state.tone}>{state.word}</Badge><span class="mono soft">{of.label}</span></div>
      <div class="pair">
        <Stat label="Today" value={usd(of.usage_daily)} />
        <Stat label="This week" value={usd(of.usage_weekly)} />
        <Stat label="This month" value={usd(of.usage_monthly)} />
        <Stat label="In all" value={usd(of.usage)} />
      </div>
      {may("usage.read") && <Usage hash={of.hash} />}
      <h3>Limits and rules</h3>
      <Facts rows={[
        ["Limit", limitOf(of)],
        ...(of.limit === null ? [] : [["Left", usd(of.limit_remaining)] as const]),
        ["Expires", of.expires_at ? exactTime(of.expires_at) : "never"],
        ...rules,
        ["Own provider keys", of.include_byok_in_limit ? "count against the limit" : "do not count against the limit"],
      ]} />
      <h3>About</h3>
      <Facts rows={[
        ["Kind", roleWords[of.role]],
        ["Made", date(of.created_at)],
        ["Last used", <When at={of.last_used_at} />],
        ...(of.rotated_at ? [["Rotated", <When at={of.rotated_at} />] as const] : []),
        ...(of.previous_key_expires_at ? [["Former text until", exactTime(of.previous_key_expires_at)] as const] : []),
        ...(of.byok_usage > 0 ? [["On own provider keys", `${usd(of.byok_usage)} at catalog prices`] as const] : []),
        ["Id (SHA-256)", <span class="line"><code>{of.hash.slice(0, 16)}…</code><CopyButton text={of.hash} what="The id" /></span>],
      ]} />
    </Dialog>
  );
}
