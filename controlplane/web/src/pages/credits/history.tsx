// What moved the workspace's money: payments with their refunds, statements by month, every movement.
import { useMemo, useState } from "preact/hooks";
import { dateTime, usd } from "../../core/format.ts";
import { useGet, useList } from "../../core/resource.ts";
import { Badge, Empty, Failure, SelectField } from "../../ui/controls.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { Table, TableSkeleton, type Column } from "../../ui/table.tsx";
import { apiLink } from "../parts/link.ts";
import { Facts, NameButton, Shown, When } from "../parts/parts.tsx";
import { kindOf, toneOf, typeOf, type Month, type Movement, type Payment } from "./types.ts";

const signed = (amount: number): string => `${amount > 0 ? "+" : ""}${usd(amount)}`;
const isWeb = (url: string | null): url is string => url !== null && URL.canParse(url) && new URL(url).protocol === "https:";

// --- payments

function paymentColumns(open: (p: Payment) => void): Column<Payment>[] {
  return [
    { head: "When", cell: (p) => <NameButton name={dateTime(p.created_at)} onClick={() => open(p)} /> },
    { head: "What", from: "sm", cell: (p) => `${typeOf(p.type)}${p.period ? ` for ${p.period}` : ""}` },
    { head: "State", cell: (p) => <><Badge tone={toneOf(p.status)}>{p.status}</Badge>{p.disputes.length > 0 && <> <Badge tone="bad">disputed</Badge></>}</> },
    { head: "Amount", number: true, cell: (p) => usd(p.amount) },
    { head: "Refunded", number: true, from: "sm", cell: (p) => (p.refunds.length === 0 ? <span class="faint">–</span> : usd(refunded(p))) },
    { head: "Invoice", from: "sm", cell: (p) => (isWeb(p.invoice_pdf) ? <a href={p.invoice_pdf} target="_blank" rel="noopener noreferrer">PDF</a> : <span class="faint">–</span>) },
  ];
}

// Added up in billionths of a dollar: no fraction is lost.
const nano = (dollars: number): bigint => BigInt(Math.round(dollars * 1e9));
const refunded = (p: Payment): number => Number(p.refunds.filter((r) => r.status !== "failed").reduce((sum, r) => sum + nano(r.amount), 0n)) / 1e9;

function PaymentDetail({ of, onClose }: { of: Payment; onClose: () => void }) {
  return (
    <Dialog title={`${typeOf(of.type)}, ${usd(of.amount)}`} open look="drawer" onClose={onClose}>
      <div class="line"><Badge tone={toneOf(of.status)}>{of.status}</Badge>{of.failure_code && <span class="bad">{of.failure_code.replaceAll("_", " ")}</span>}</div>
      <Facts rows={[
        ["Made", dateTime(of.created_at)],
        ["Paid", of.paid_at ? dateTime(of.paid_at) : "not yet"],
        ["Amount", usd(of.amount)],
        ...(of.tax === null ? [] : [["Tax", usd(of.tax)] as const]),
        ...(of.total === null ? [] : [["Total", usd(of.total)] as const]),
        ["Credit added", usd(of.credits)],
        ...(of.credits_taken_back ? [["Credit taken back", usd(of.credits_taken_back)] as const] : []),
        ["Payment", <code>{of.id}</code>],
      ]} />
      {of.status === "open" && isWeb(of.url) && <p><a href={of.url}>Open the payment page again</a></p>}
      {isWeb(of.invoice_pdf) && <p><a href={of.invoice_pdf} target="_blank" rel="noopener noreferrer">Invoice (PDF)</a></p>}
      {of.refunds.length > 0 && <h3>Refunds</h3>}
      {of.refunds.map((r) => <Facts key={r.id} rows={[["Amount", usd(r.amount)], ["State", <Badge tone={toneOf(r.status)}>{r.status}</Badge>], ["When", dateTime(r.created_at)], ...(r.reason ? [["Reason", r.reason] as const] : [])]} />)}
      {of.disputes.length > 0 && <h3>Disputes</h3>}
      {of.disputes.map((d) => <Facts key={d.id} rows={[["Amount", usd(d.amount)], ["State", <Badge tone={toneOf(d.status)}>{d.status}</Badge>], ["When", dateTime(d.created_at)]]} />)}
      {of.status === "paid" && <p class="soft small">A refund is made by the operator: name this payment.</p>}
    </Dialog>
  );
}

export function Payments() {
  const list = useList<Payment>("/payments");
  const [open, setOpen] = useState<Payment | null>(null);
  const columns = useMemo(() => paymentColumns(setOpen), []);
  if (list.error) return <Failure error={list.error} retry={list.reload} />;
  if (list.state === "loading") return <TableSkeleton columns={5} />;
  if (list.rows.length === 0) return <Empty title="No payment yet" says="What you buy is listed here, with its refunds and invoices. Credit that an operator adds is among the movements." />;
  return (
    <>
      <Table label="Payments" columns={columns} rows={list.rows} keyOf={(p) => p.id} onOpen={setOpen} onEnd={list.more ? list.next : undefined} />
      {open && <PaymentDetail of={open} onClose={() => setOpen(null)} />}
    </>
  );
}

// --- statements

const monthName = new Intl.DateTimeFormat("en-GB", { month: "long", year: "numeric", timeZone: "UTC" });
const nameOf = (month: string): string => monthName.format(new Date(`${month}-01T00:00:00Z`));

const monthColumns: Column<Month>[] = [
  { head: "Month", cell: (m) => nameOf(m.month) },
  { head: "At the start", number: true, from: "sm", cell: (m) => usd(m.opening_balance) },
  { head: "Added", number: true, from: "sm", cell: (m) => signed(m.movements_total) },
  { head: "Usage", number: true, cell: (m) => usd(m.usage_total) },
  { head: "At the end", number: true, from: "sm", cell: (m) => usd(m.closing_balance) },
  {
    head: "Statement",
    cell: (m) => (
      <span class="line">
        <a href={apiLink(`/statements/${m.month}`, { format: "html" })} target="_blank" rel="noopener" aria-label={`Statement of ${nameOf(m.month)}, to print`}>Print</a>
        <a href={apiLink(`/statements/${m.month}`, { format: "csv" })} download={`statement-${m.month}.csv`} aria-label={`Statement of ${nameOf(m.month)}, as CSV`}>CSV</a>
      </span>
    ),
  },
];

export function Statements() {
  const months = useGet<{ data: Month[] }>("/statements");
  return (
    <Shown of={months} loading={<TableSkeleton columns={5} />}>
      {({ data }) =>
        data.length === 0 ? <Empty title="No statement yet" says="A month in which credit was added or used has a statement. It adds up to the cent and can be printed." /> : <Table label="Statements" columns={monthColumns} rows={[...data].sort((a, b) => (a.month < b.month ? 1 : -1))} keyOf={(m) => m.month} />
      }
    </Shown>
  );
}

// --- movements

const kinds = ["", "topup", "usage", "refund", "dispute", "promotion", "expiry", "adjustment", "reversal", "move", "debt"];
const movementColumns: Column<Movement>[] = [
  { head: "When", cell: (m) => <When at={m.created_at} /> },
  { head: "What", cell: (m) => kindOf(m.kind) },
  { head: "Amount", number: true, cell: (m) => <span class={m.amount > 0 ? "good" : ""}>{signed(m.amount)}</span> },
  { head: "Reason", from: "sm", cell: (m) => m.reason ?? <span class="faint">–</span> },
  { head: "No.", number: true, from: "md", cell: (m) => m.id },
];

export function Movements() {
  const [kind, setKind] = useState("");
  const list = useList<Movement>("/credits/transfers", { kind });
  return (
    <>
      <div class="filter"><SelectField label="Kind of movement" value={kind} onChange={setKind} choices={kinds.map((k) => ({ value: k, label: k === "" ? "All" : kindOf(k) }))} /></div>
      {list.error && <Failure error={list.error} retry={list.reload} />}
      {!list.error && list.state === "loading" && <TableSkeleton columns={4} />}
      {!list.error && list.state === "ready" && list.rows.length === 0 && <Empty title="Nothing moved" says={kind === "" ? "Credit that is added or used is listed here." : `There is no movement of the kind “${kindOf(kind)}”. Choose another one.`} />}
      {!list.error && list.rows.length > 0 && <Table label="Movements of credit" columns={movementColumns} rows={list.rows} keyOf={(m) => String(m.id)} onEnd={list.more ? list.next : undefined} />}
    </>
  );
}

