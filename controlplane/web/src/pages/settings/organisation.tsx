// How long usage records are kept, and the end of the organisation.
import { useState } from "preact/hooks";
import { api } from "../../core/api.ts";
import { count, dateTime, plural } from "../../core/format.ts";
import { useGet } from "../../core/resource.ts";
import { go } from "../../core/router.ts";
import { loadSession, may, session } from "../../core/session.ts";
import { kept } from "../../core/storage.ts";
import { Button, Failure, TextField, useTask } from "../../ui/controls.tsx";
import { Confirm } from "../../ui/dialog.tsx";
import { Table, type Column } from "../../ui/table.tsx";
import { toast } from "../../ui/toast.tsx";
import { faultOf, Form, Section, Shown } from "../parts/parts.tsx";

interface Removed {
  removed_at: string;
  what: string;
  how: string;
  rows: number;
}
interface RetentionAnswer {
  retention_days: number;
  data: Removed[];
}

const columns: Column<Removed>[] = [
  { head: "Removed", cell: (r) => dateTime(r.removed_at) },
  { head: "What", cell: (r) => r.what },
  { head: "Records", number: true, cell: (r) => count(r.rows) },
];

function Days({ now, reload }: { now: number; reload: () => void }) {
  const [days, setDays] = useState(String(now));
  const [fault, setFault] = useState<string | null>(null);
  const task = useTask(async () => {
    await api.patch("/retention", { retention_days: Number(days) });
    toast(`Usage records are kept for ${plural(Number(days), "day")}.`);
    reload();
  });
  const submit = () => {
    const n = Number(days);
    const found = Number.isInteger(n) && n >= 1 && n <= 730 ? null : "Write a whole number of days, 1 to 730.";
    setFault(found);
    return found === null ? task.run() : undefined;
  };
  return (
    <Form action="Save" busy={task.busy} error={task.error} shown={["retention_days"]} disabled={days === String(now)} onSubmit={submit}>
      <TextField label="Days" inputMode="numeric" value={days} onInput={setDays} wrong={fault ?? faultOf(task.error, "retention_days")} hint="Fewer days remove records that are older at once. Sums of days, from which statements are made, stay." />
    </Form>
  );
}

export function Retention() {
  const got = useGet<RetentionAnswer>("/retention");
  return (
    <Section title="Usage records" says="The numbers of each request: when, which model and provider, tokens, cost, times. Prompts and answers are never kept.">
      <Shown of={got}>
        {(r) => (
          <>
            <div class="card narrow">{may("workspaces.write") ? <Days key={r.retention_days} now={r.retention_days} reload={got.reload} /> : <p>They are kept for {plural(r.retention_days, "day")}. An owner or an admin can change that.</p>}</div>
            {r.data.length > 0 && <Table label="Removed usage records" columns={columns} rows={r.data} keyOf={(x) => x.removed_at + x.what} />}
          </>
        )}
      </Shown>
    </Section>
  );
}

export function CloseOrganisation() {
  const [asked, setAsked] = useState(false);
  const task = useTask(async () => {
    await api.del("/organisation");
    kept.remove("workspace");
    toast("The organisation is closed.");
    go("/app");
    await loadSession();
  });
  const name = session.value?.workspaces.find((w) => w.organization_id === session.value?.organization_id)?.organization_name ?? "this organisation";
  return (
    <Section title="Close the organisation">
      <div class="card danger-zone line apart">
        <p>Every workspace of “{name}” is closed and its keys stop within a second. This cannot be undone.</p>
        <Button kind="danger" onClick={() => setAsked(true)}>Close the organisation</Button>
      </div>
      <Confirm title={`Close “${name}”?`} says="All workspaces, keys and memberships end. A workspace that still has credit keeps the organisation open: use the credit first, or ask the operator to pay it back." action="Close the organisation" open={asked} busy={task.busy} onClose={() => setAsked(false)} onConfirm={() => void task.run()}>
        {task.error && <Failure error={task.error} />}
      </Confirm>
    </Section>
  );
}
