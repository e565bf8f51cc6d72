// The first page of the app: money, use of this month, and what to do first.
import type { ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";
import { compact, count, ms, percent, usd } from "../core/format.ts";
import { useGet, type Resource } from "../core/resource.ts";
import { may, session } from "../core/session.ts";
import { Badge, ButtonLink, Empty, Failure, PageHead, Skeleton, Stat } from "../ui/controls.tsx";
import { Chart } from "../ui/chart.tsx";
import { TableSkeleton } from "../ui/table.tsx";
import { Section } from "./parts/parts.tsx";
import { noFigures, seriesOf, spanOf, successOf, useFigures, type Figures } from "./usage/figures.ts";
import type { UsageRecord } from "./usage/record.ts";
import { RECORD_COLUMNS, RecordsTable } from "./usage/records_table.tsx";

interface Credits {
  balance: number;
  leased: number;
  owed: number;
  promotional: number;
}

const monthStart = (): string => `${new Date().toISOString().slice(0, 7)}-01`;
const first = (of: Resource<{ data: Figures[] }>): Figures | undefined => (of.state === "ready" ? (of.data.data[0] ?? noFigures) : undefined);
const shown = <T,>(value: T | undefined, as: (value: T) => ComponentChildren): ComponentChildren => (value === undefined ? <Skeleton width="60%" /> : as(value));

function Balance() {
  const credits = useGet<{ data: Credits }>("/credits");
  const c = credits.data?.data;
  if (credits.state === "failed") return <Failure error={credits.error} retry={credits.reload} />;
  const more = (of: Credits): string =>
    [`${usd(of.leased)} reserved by data planes`, ...(of.promotional > 0 ? [`${usd(of.promotional)} of it promotional`] : []), ...(of.owed > 0 ? [`${usd(of.owed)} owed`] : [])].join(", ");
  return <Stat label="Balance" value={shown(c, (of) => <a href="/app/credits">{usd(of.balance)}</a>)} more={shown(c, more)} />;
}

function Month({ of }: { of: Resource<{ data: Figures[] }> }) {
  const f = first(of);
  return (
    <>
      <Stat label="Spend this month" value={shown(f, (x) => usd(x.usage))} more={shown(f, (x) => (x.requests === 0 ? "no request yet" : `${compact(x.prompt_tokens)} tokens in, ${compact(x.completion_tokens)} out`))} />
      <Stat label="Requests this month" value={shown(f, (x) => count(x.requests))} more={shown(f, (x) => (x.total_ms.p50 === null ? "no time measured" : `half of them within ${ms(x.total_ms.p50)}`))} />
      <Stat label="Errors this month" value={shown(f, (x) => count(x.errors))} more={shown(f, (x) => { const ok = successOf(x); return ok === null ? "nothing to fail yet" : `${percent(ok)} succeeded`; })} />
    </>
  );
}

function Step({ title, says, done, href, action, primary }: { title: string; says: string; done: boolean; href: string; action: string; primary: boolean }) {
  return (
    <li class="card">
      <h3>{title} {done && <Badge tone="good">done</Badge>}</h3>
      <p class="soft">{says}</p>
      {!done && <ButtonLink href={href} kind={primary ? "primary" : "plain"}>{action}</ButtonLink>}
    </li>
  );
}

/** Until the first request was booked. */
function FirstSteps() {
  const keys = useGet<{ data: { role: string }[] }>(may("keys.read") ? "/keys" : null);
  const hasKey = keys.data?.data.some((k) => k.role === "inference") ?? false;
  const makes = may("keys.write");
  return (
    <Section title="First steps" says={`Nothing was asked yet. ${makes ? "Three" : "Two"} things to begin with:`}>
      <ol class="steps">
        {makes && <Step title="Create a key" says="A key sends requests. It is shown once, with an example that you can paste." done={hasKey} href="/app/keys?new=1" action="Create a key" primary={!hasKey} />}
        <Step title="Try the playground" says="Ask a model from this browser. Your text goes straight to the attested data plane, encrypted to its key." done={false} href="/app/chat" action="Open the playground" primary={hasKey || !makes} />
        <Step title="Verify the gateway" says="See what runs there: measured code, its release, and the public log that has it." done={false} href="/verify" action="Verify" primary={false} />
      </ol>
    </Section>
  );
}

function LastDays() {
  const span = useMemo(() => spanOf("30d"), []);
  const days = useFigures(["day"], span.from);
  const series = useMemo(() => [{ label: "Spend per day", values: seriesOf(span, days.data?.data ?? [], (f) => f.usage, 0) }], [days.data]);
  return (
    <Section title="Spend per day" says="The last 30 days, by the day (UTC) on which requests were booked." actions={<ButtonLink href="/app/activity?range=30d">All activity</ButtonLink>}>
      <div class="card chart-card">
        {days.state === "failed" ? <Failure error={days.error} retry={days.reload} /> : <Chart label="Dollars spent on each of the last 30 days" times={span.starts} series={series} format={usd} height={220} />}
      </div>
    </Section>
  );
}

function Latest({ of }: { of: Resource<{ data: UsageRecord[] }> }) {
  return (
    <Section title="Latest requests" actions={<ButtonLink href="/app/generations">All requests</ButtonLink>}>
      {of.state === "loading" && <TableSkeleton columns={RECORD_COLUMNS} rows={8} />}
      {of.state === "failed" && <Failure error={of.error} retry={of.reload} />}
      {of.state === "ready" && (of.data.data.length > 0 ? <RecordsTable label="Latest requests" rows={of.data.data} /> : <p class="soft">The records of older requests are removed. <a href="/app/settings">Settings</a> says after how many days.</p>)}
    </Section>
  );
}

export default function Overview() {
  const month = useFigures([], useMemo(monthStart, []));
  const latest = useGet<{ data: UsageRecord[] }>("/generations", { limit: 8 });
  const booked = (first(month)?.requests ?? 0) > 0;
  if (session.value?.workspace_id === null)
    return <Empty title="You belong to no organisation" says="An owner or admin of an organisation can invite you: open the link of the invitation with this e-mail address." />;
  return (
    <>
      <PageHead title="Overview" />
      <div class="stats">
        <Balance />
        {month.state === "failed" ? <Failure error={month.error} retry={month.reload} /> : <Month of={month} />}
      </div>
      {latest.state === "ready" && latest.data.data.length === 0 && !booked ? <FirstSteps /> : <><LastDays /><Latest of={latest} /></>}
    </>
  );
}
