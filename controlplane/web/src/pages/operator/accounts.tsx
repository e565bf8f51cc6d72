// The operator's view of customers: balances, suspending, and adding credit by hand.
import { useState } from "preact/hooks";
import { api, newIdempotencyKey } from "../../core/api.ts";
import { ago, count, usd } from "../../core/format.ts";
import { useList } from "../../core/resource.ts";
import { here, queryOf, setQuery } from "../../core/router.ts";
import { may } from "../../core/session.ts";
import { Badge, Button, Empty, Failure, PageHead, SelectField, TextField, useTask, type Choice, type Tone } from "../../ui/controls.tsx";
import { Confirm, Dialog, Menu } from "../../ui/dialog.tsx";
import { Table, TableSkeleton, type Column } from "../../ui/table.tsx";
import { toast } from "../../ui/toast.tsx";

interface Account {
  id: string;
  name: string;
  organization_name: string;
  operator: boolean;
  state: "active" | "suspended" | "closed";
  state_reason: string | null;
  created_at: string;
  available: number | string | null;
  leased: number | string | null;
  total_usage: number | string;
  keys: number;
}

const tones: Record<Account["state"], Tone> = { active: "good", suspended: "warn", closed: "plain" };
const filters: Choice[] = [{ value: "", label: "Any state" }, { value: "active", label: "Active" }, { value: "suspended", label: "Suspended" }, { value: "closed", label: "Closed" }];
type Act = { kind: "suspend" | "activate" | "credit"; of: Account };

function SetState({ act, done }: { act: Act; done: (changed: boolean) => void }) {
  const [reason, setReason] = useState("");
  const suspend = act.kind === "suspend";
  const save = useTask(async () => {
    await api.patch(`/accounts/${act.of.id}`, { state: suspend ? "suspended" : "active", ...(reason === "" ? {} : { reason }) });
    toast(suspend ? "Its keys are refused from now on." : "Its keys work again.");
    done(true);
  });
  return (
    <Confirm title={suspend ? `Suspend ${act.of.name}?` : `Let ${act.of.name} go on?`} says={suspend ? "Data planes refuse its keys within a second. Its users still sign in, read, and pay." : "Its keys are accepted again within a second."} action={suspend ? "Suspend" : "Let it go on"} open busy={save.busy} onConfirm={() => void save.run()} onClose={() => done(false)}>
      <TextField label={suspend ? "Reason" : "Reason (optional)"} hint="The customer's users see it." value={reason} maxLength={256} onInput={setReason} />
      {save.error && <Failure error={save.error} />}
    </Confirm>
  );
}

const wrongAmount = (text: string): string | null => (text === "" || /^\d+(\.\d{1,9})?$/.test(text) ? null : "Write an amount in dollars, such as 25.00.");

function AddCredit({ of, done }: { of: Account; done: (changed: boolean) => void }) {
  const [amount, setAmount] = useState("");
  const [key] = useState(newIdempotencyKey);
  const save = useTask(async () => {
    await api.post("/credits/topup", { amount, account_id: of.id, idempotency_key: key });
    toast(`${usd(amount)} was added to ${of.name}.`);
    done(true);
  });
  return (
    <Dialog title={`Add credit to ${of.name}`} open onClose={() => done(false)}>
      <p class="soft">For money that you have received outside of the payment service. It is a movement of its own in the ledger.</p>
      <TextField label="Amount in dollars" inputMode="decimal" value={amount} wrong={wrongAmount(amount)} onInput={setAmount} autoFocus />
      {save.error && <Failure error={save.error} />}
      <div class="actions"><Button onClick={() => done(false)}>Cancel</Button><Button kind="primary" busy={save.busy} disabled={amount === "" || wrongAmount(amount) !== null} onClick={() => void save.run()}>Add credit</Button></div>
    </Dialog>
  );
}

const columnsFor = (act: (a: Act) => void): Column<Account>[] => [
  { head: "Workspace", cell: (a) => <span title={a.id}>{a.name}</span> },
  { head: "Organisation", cell: (a) => a.organization_name, from: "sm" },
  { head: "State", cell: (a) => <span title={a.state_reason ?? ""}><Badge tone={tones[a.state]}>{a.state}</Badge> {a.operator && <Badge>operator</Badge>}</span> },
  { head: "Available", number: true, cell: (a) => usd(a.available) },
  { head: "Used in all", number: true, cell: (a) => usd(a.total_usage), from: "sm" },
  { head: "Keys", number: true, cell: (a) => count(a.keys), from: "md" },
  { head: "Since", cell: (a) => ago(a.created_at), from: "md" },
  {
    head: "",
    width: "56px",
    cell: (a) => {
      const items = [
        ...(may("money.write") && a.state !== "closed" ? [{ label: "Add credit", run: () => act({ kind: "credit", of: a }) }] : []),
        ...(may("accounts.write") && a.state === "active" && !a.operator ? [{ label: "Suspend", danger: true, run: () => act({ kind: "suspend", of: a }) }] : []),
        ...(may("accounts.write") && a.state === "suspended" ? [{ label: "Let it go on", run: () => act({ kind: "activate", of: a }) }] : []),
      ];
      return items.length > 0 && <Menu label={`What to do with ${a.name}`} items={items} />;
    },
  },
];

export default function Accounts() {
  const query = queryOf(here.value);
  const q = query.get("q") ?? "";
  const state = query.get("state") ?? "";
  const list = useList<Account>("/accounts", { q, state });
  const [act, setAct] = useState<Act | null>(null);
  const done = (changed: boolean) => {
    setAct(null);
    if (changed) list.reload();
  };
  return (
    <>
      <PageHead title="Customers" says="Every workspace of every customer. What is done here is written into the audit trail." />
      <div class="grid">
        <TextField label="Search (press /)" type="search" placeholder="part of a name, or the beginning of an id" value={q} maxLength={128} onInput={(v) => setQuery({ q: v })} />
        <SelectField label="State" value={state} choices={filters} onChange={(v) => setQuery({ state: v })} />
      </div>
      {list.error && <Failure error={list.error} retry={list.reload} />}
      {list.state === "loading" ? <TableSkeleton columns={5} /> : list.rows.length === 0 && !list.error ? (
        <Empty title="No workspace fits" says={q || state ? "Search for another part of a name, or choose any state." : "Customers appear here when they sign up, or when you make an account by the REST API."} />
      ) : <Table label="Customers" columns={columnsFor(setAct)} rows={list.rows} keyOf={(a) => a.id} onEnd={list.more ? list.next : undefined} />}
      {act && (act.kind === "credit" ? <AddCredit of={act.of} done={done} /> : <SetState act={act} done={done} />)}
    </>
  );
}
