// Credit from elsewhere: moved from a workspace of the organisation, or asked for when a team moves here.
import { useState } from "preact/hooks";
import { ApiError, api } from "../../core/api.ts";
import { date, dateTime, usd } from "../../core/format.ts";
import { useGet, useLoad } from "../../core/resource.ts";
import { may, session } from "../../core/session.ts";
import { Badge, Button, Empty, SelectField, TextArea, TextField, useTask } from "../../ui/controls.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { Table, TableSkeleton, type Column } from "../../ui/table.tsx";
import { toast } from "../../ui/toast.tsx";
import { useIdempotency } from "../parts/idempotent.ts";
import { Facts, faultOf, Form, Section, Shown } from "../parts/parts.tsx";
import { amountFault, toneOf, type CreditLine, type CreditRequest } from "./types.ts";

/** The organisation's other workspaces. */
export function otherWorkspaces(): { value: string; label: string }[] {
  const s = session.value;
  return (s?.workspaces ?? []).filter((w) => w.organization_id === s?.organization_id && w.id !== s?.workspace_id && w.state !== "closed").map((w) => ({ value: w.id, label: w.name }));
}

export function Transfer({ available, onClose, onDone }: { available: number; onClose: () => void; onDone: () => void }) {
  const others = otherWorkspaces();
  const [form, setForm] = useState({ amount: "", to: others[0]?.value ?? "", reason: "" });
  const [fault, setFault] = useState<string | null>(null);
  const once = useIdempotency();
  const task = useTask(async () => {
    const amount = form.amount.trim();
    await api.post("/credits/transfer", { amount, to_workspace_id: form.to, ...(form.reason.trim() === "" ? {} : { reason: form.reason.trim() }), idempotency_key: once(form) });
    toast(`${usd(amount)} moved to ${others.find((o) => o.value === form.to)?.label ?? "the workspace"}.`);
    onDone();
  });
  const submit = () => {
    const found = amountFault(form.amount, false);
    setFault(found);
    return found === null ? task.run() : undefined;
  };
  return (
    <Dialog title="Move credit to another workspace" open onClose={onClose}>
      <Form action="Move" busy={task.busy} error={task.error} shown={["amount", "to_workspace_id", "reason"]} onCancel={onClose} onSubmit={submit}>
        <SelectField label="To" value={form.to} choices={others} onChange={(to) => setForm({ ...form, to })} wrong={faultOf(task.error, "to_workspace_id")} />
        <TextField label="Amount in dollars" inputMode="decimal" autoFocus value={form.amount} onInput={(amount) => setForm({ ...form, amount })} hint={`${usd(available)} can be moved now.`} wrong={fault ?? faultOf(task.error, "amount")} />
        <TextField label="Reason (optional)" maxLength={200} value={form.reason} onInput={(reason) => setForm({ ...form, reason })} wrong={faultOf(task.error, "reason")} />
      </Form>
    </Dialog>
  );
}

function MigrationForm({ onClose, onDone }: { onClose: () => void; onDone: () => void }) {
  const [form, setForm] = useState({ amount: "", evidence: "" });
  const [faults, setFaults] = useState<{ amount?: string | null; evidence?: string | null }>({});
  const once = useIdempotency();
  const task = useTask(async () => {
    await api.post("/credits/migration-requests", { amount: form.amount.trim(), evidence: form.evidence.trim() }, { idempotencyKey: once(form) });
    toast("The request is sent. The operator decides about it.");
    onDone();
  });
  const submit = () => {
    const found = { amount: amountFault(form.amount, false), evidence: form.evidence.trim() === "" ? "Say where the operator can see what you spend." : null };
    setFaults(found);
    return found.amount === null && found.evidence === null ? task.run() : undefined;
  };
  return (
    <Dialog title="Ask for migration credit" open onClose={onClose}>
      <Form action="Send the request" busy={task.busy} error={task.error} shown={["amount", "evidence"]} onCancel={onClose} onSubmit={submit}>
        <TextField label="Credit that you ask for, in dollars" inputMode="decimal" autoFocus value={form.amount} onInput={(amount) => setForm({ ...form, amount })} wrong={faults.amount ?? faultOf(task.error, "amount")} />
        <TextArea label="Evidence of what you spend elsewhere" rows={3} value={form.evidence} onInput={(evidence) => setForm({ ...form, evidence: evidence.slice(0, 256) })} hint="Such as the number of an invoice, and how to reach you. At most 256 letters." wrong={faults.evidence ?? faultOf(task.error, "evidence")} />
      </Form>
    </Dialog>
  );
}

const columns: Column<CreditRequest>[] = [
  { head: "Sent", cell: (r) => date(r.created_at) },
  { head: "State", cell: (r) => <Badge tone={toneOf(r.status)}>{r.status}</Badge> },
  { head: "Asked for", number: true, cell: (r) => usd(r.amount) },
  { head: "Granted", number: true, cell: (r) => (r.granted === null ? <span class="faint">–</span> : usd(r.granted)) },
  { head: "Evidence", from: "sm", cell: (r) => r.evidence },
];

export function Migration() {
  const list = useGet<{ data: CreditRequest[] }>("/credits/migration-requests");
  const [asking, setAsking] = useState(false);
  const ask = may("credits.write") && <Button onClick={() => setAsking(true)}>Ask for credit</Button>;
  return (
    <>
      <Shown of={list} loading={<TableSkeleton columns={4} rows={3} />}>
        {({ data }) =>
          data.length === 0 ? (
            <Empty title="Moving here from another service?" says="A team that already pays for models elsewhere can ask for credit to start with. The operator looks at what you spend and decides.">{ask}</Empty>
          ) : (
            <Section title="Requests for migration credit" actions={ask}><Table label="Requests for migration credit" columns={columns} rows={data} keyOf={(r) => r.id} /></Section>
          )
        }
      </Shown>
      {asking && <MigrationForm onClose={() => setAsking(false)} onDone={() => { setAsking(false); list.reload(); }} />}
    </>
  );
}

const lineOrNone = (signal: AbortSignal): Promise<CreditLine | null> =>
  api.get<CreditLine>("/payments/credit-line", { signal }).catch((e: unknown) => {
    if (e instanceof ApiError && e.status === 404) return null;
    throw e;
  });

/** Of a workspace that pays by invoice; of others nothing. */
export function Line() {
  const line = useLoad(lineOrNone, []).data;
  if (!line) return null;
  return (
    <Section title="Credit line" says="This workspace pays by invoice.">
      <div class="card"><Facts rows={[["Ceiling", usd(line.ceiling)], ["Used", usd(line.used)], ["Invoiced, not paid", usd(line.invoiced_unpaid)], ["Next invoice", line.next_invoice_at ? dateTime(line.next_invoice_at) : "none is due"]]} /></div>
    </Section>
  );
}
