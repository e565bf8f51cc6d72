// The workspace's money: what there is, where it comes from, where it went.
import { useState } from "preact/hooks";
import { compact, count, date, usd } from "../../core/format.ts";
import { here, queryOf, setQuery } from "../../core/router.ts";
import { useGet } from "../../core/resource.ts";
import { may } from "../../core/session.ts";
import { Button, Failure, PageHead, Skeleton, Stat, Tabs } from "../../ui/controls.tsx";
import { Table, type Column } from "../../ui/table.tsx";
import { Section } from "../parts/parts.tsx";
import { Automatic } from "./auto.tsx";
import { Movements, Payments, Statements } from "./history.tsx";
import { Line, Migration, otherWorkspaces, Transfer } from "./more.tsx";
import { takesPayments } from "./service.ts";
import { AddByHand, NoPayments, Returned, TopUp } from "./topup.tsx";
import type { Credits } from "./types.ts";

type Tab = "overview" | "payments" | "statements" | "movements" | "migration";
const tabs: readonly { value: Tab; label: string }[] = [
  { value: "overview", label: "Overview" },
  { value: "payments", label: "Payments" },
  { value: "statements", label: "Statements" },
  { value: "movements", label: "Movements" },
  { value: "migration", label: "Migration credit" },
];

function Figures({ of }: { of: Credits | undefined }) {
  const value = (n: number | undefined) => (n === undefined ? <Skeleton width="90px" height="22px" /> : usd(n));
  const next = of?.promotions[0];
  return (
    <div class="figures">
      <Stat label="Available" value={value(of?.available)} more="can be spent now" />
      <Stat label="Leased" value={value(of?.leased)} more="set aside at data planes, comes back when unused" />
      <Stat label="Promotional" value={value(of?.promotional)} more={next ? `${usd(next.remaining)} until ${date(next.expires_at)}` : "none, or used up"} />
      {of !== undefined && of.owed > 0 ? (
        <Stat label="Owed" value={<span class="bad">{usd(of.owed)}</span>} more="is paid first by the next credit" />
      ) : (
        <Stat label="Used in all" value={value(of?.total_usage)} more={of === undefined ? " " : `of ${usd(of.total_credits)} that were added`} />
      )}
    </div>
  );
}

type OfModel = Credits["usage_by_model"][number];
const modelColumns: Column<OfModel>[] = [
  { head: "Model", cell: (m) => <span class="mono">{m.model}</span> },
  { head: "Requests", number: true, cell: (m) => count(m.requests) },
  { head: "Prompt tokens", number: true, from: "sm", cell: (m) => compact(m.prompt_tokens) },
  { head: "Answer tokens", number: true, from: "sm", cell: (m) => compact(m.completion_tokens) },
  { head: "Cost", number: true, cell: (m) => usd(m.cost) },
];
type Promotion = Credits["promotions"][number];
const promotionColumns: Column<Promotion>[] = [
  { head: "Left", number: true, cell: (p) => usd(p.remaining) },
  { head: "Given", number: true, cell: (p) => usd(p.amount) },
  { head: "Until", cell: (p) => date(p.expires_at) },
  { head: "Reason", from: "sm", cell: (p) => p.reason ?? <span class="faint">–</span> },
];

function Overview({ of }: { of: Credits | undefined }) {
  return (
    <>
      <Section title="Usage of this month, by model" says="Months are those of UTC.">
        {of === undefined ? <Skeleton height="120px" /> : of.usage_by_model.length === 0 ? (
          <p class="soft">No request was booked this month. <a href="/app/keys">Make a key</a> and send one, or try a model in the <a href="/app/chat">playground</a>.</p>
        ) : <Table label="Usage of this month, by model" columns={modelColumns} rows={of.usage_by_model} keyOf={(m) => m.model} />}
      </Section>
      {of !== undefined && of.promotions.length > 0 && (
        <Section title="Promotional credit" says="It is used before credit that was paid for, what expires first first.">
          <Table label="Promotional credit" columns={promotionColumns} rows={of.promotions} keyOf={(p) => String(p.id)} />
        </Section>
      )}
      {of !== undefined && <><Line /><Automatic /></> /* below a table whose height is not known before */}
    </>
  );
}

export default function CreditsPage() {
  const credits = useGet<{ data: Credits }>("/credits");
  const [doing, setDoing] = useState<"buy" | "hand" | "move" | null>(null);
  const [turn, setTurn] = useState(0); // lists are fetched again when something moved
  const kept = queryOf(here.value).get("tab");
  const tab = tabs.find((t) => t.value === kept)?.value ?? "overview";
  const moved = () => {
    setDoing(null);
    setTurn((n) => n + 1);
    credits.reload();
  };
  const writes = may("credits.write");
  return (
    <>
      <PageHead title="Credits" says="Credit pays for requests, at the prices of the catalog.">
        {writes && otherWorkspaces().length > 0 && <Button onClick={() => setDoing("move")}>Move credit</Button>}
        {may("money.write") && <Button onClick={() => setDoing("hand")}>Add by hand</Button>}
        {writes && takesPayments() && <Button kind="primary" icon="plus" onClick={() => setDoing("buy")}>Add credit</Button>}
      </PageHead>
      {!takesPayments() && <NoPayments />}
      <Returned onPaid={moved} />
      {credits.state === "failed" ? <Failure error={credits.error} retry={credits.reload} /> : <Figures of={credits.data?.data} />}
      <Tabs label="Parts of this page" tabs={tabs} value={tab} onChange={(t) => setQuery({ tab: t === "overview" ? null : t })} />
      <div key={turn} class="stack loose" role="tabpanel" aria-label={tabs.find((t) => t.value === tab)?.label}>
        {tab === "overview" && credits.state !== "failed" && <Overview of={credits.data?.data} />}
        {tab === "payments" && <Payments />}
        {tab === "statements" && <Statements />}
        {tab === "movements" && <Movements />}
        {tab === "migration" && <Migration />}
      </div>
      {doing === "buy" && <TopUp onClose={() => setDoing(null)} />}
      {doing === "hand" && <AddByHand onClose={() => setDoing(null)} onDone={moved} />}
      {doing === "move" && <Transfer available={credits.data?.data.available ?? 0} onClose={() => setDoing(null)} onDone={moved} />}
    </>
  );
}
