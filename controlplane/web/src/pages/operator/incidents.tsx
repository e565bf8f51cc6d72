// Incidents that the status page shows: reporting one, and saying how it goes on.
import { useState } from "preact/hooks";
import { api } from "../../core/api.ts";
import { ago } from "../../core/format.ts";
import { useList } from "../../core/resource.ts";
import { may } from "../../core/session.ts";
import { Badge, Button, Empty, Failure, PageHead, SelectField, TextArea, TextField, useTask, type Choice, type Tone } from "../../ui/controls.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { Table, TableSkeleton, type Column } from "../../ui/table.tsx";
import { toast } from "../../ui/toast.tsx";

type Impact = "none" | "minor" | "major" | "critical";
type State = "investigating" | "identified" | "monitoring" | "resolved";
interface Incident {
  id: string;
  title: string;
  state: State;
  impact: Impact;
  providers: string[];
  models: string[];
  started_at: string;
  resolved_at: string | null;
  updates: { at: string; state: State; message: string }[];
}

const impacts: Choice<Impact>[] = [{ value: "none", label: "None" }, { value: "minor", label: "Minor" }, { value: "major", label: "Major" }, { value: "critical", label: "Critical" }];
const states: Choice<State>[] = [{ value: "investigating", label: "Investigating" }, { value: "identified", label: "Identified" }, { value: "monitoring", label: "Monitoring" }, { value: "resolved", label: "Resolved" }];
const tones: Record<Impact, Tone> = { none: "plain", minor: "warn", major: "bad", critical: "bad" };

// Titles and messages are one line each.
const oneLine = (text: string): string => text.trim().replace(/\s*\n\s*/g, " ");

const columns: Column<Incident>[] = [
  { head: "Incident", opens: true, cell: (i) => <span title={i.title}>{i.title}</span> },
  { head: "State", cell: (i) => <Badge tone={i.state === "resolved" ? "good" : "accent"}>{i.state}</Badge> },
  { head: "Impact", cell: (i) => <Badge tone={tones[i.impact]}>{i.impact}</Badge>, from: "sm" },
  { head: "Began", cell: (i) => ago(i.started_at), from: "sm" },
  { head: "Ended", cell: (i) => (i.resolved_at ? ago(i.resolved_at) : "not yet"), from: "md" },
];

function Edit({ of, done }: { of: Incident | null; done: (changed: boolean) => void }) {
  const [title, setTitle] = useState(of?.title ?? "");
  const [impact, setImpact] = useState<Impact>(of?.impact ?? "minor");
  const [state, setState] = useState<State>(of?.state ?? "investigating");
  const [message, setMessage] = useState("");
  const [providers, setProviders] = useState(of?.providers.join(" ") ?? "");
  const save = useTask(async () => {
    if (of) await api.patch(`/incidents/${of.id}`, { title, impact, state, ...(message === "" ? {} : { message: oneLine(message) }) });
    else await api.post("/incidents", { title, impact, state, message: oneLine(message), ...(providers === "" ? {} : { providers }) });
    toast("The status page shows it.");
    done(true);
  });
  return (
    <Dialog title={of ? "What is new" : "Report an incident"} open onClose={() => done(false)}>
      <TextField label="Title" hint="What users notice, in a few words." value={title} maxLength={256} onInput={setTitle} autoFocus />
      <div class="grid">
        <SelectField label="Impact" value={impact} choices={impacts} onChange={setImpact} />
        <SelectField label="State" value={state} choices={states} onChange={setState} />
      </div>
      {!of && <TextField label="Providers (optional)" hint="Their ids, separated by spaces." value={providers} onInput={setProviders} />}
      <TextArea label={of ? "Message (optional)" : "Message"} hint="What is known, and what users can do, in at most 256 characters. Anybody can read it." value={message} maxLength={256} onInput={setMessage} />
      {of && of.updates.length > 0 && <ul class="stack tight small">{of.updates.map((u) => <li key={u.at}><span class="soft">{ago(u.at)}, {u.state}:</span> {u.message}</li>)}</ul>}
      {save.error && <Failure error={save.error} />}
      <div class="actions"><Button onClick={() => done(false)}>Cancel</Button><Button kind="primary" busy={save.busy} disabled={title === "" || (!of && message === "")} onClick={() => void save.run()}>Publish</Button></div>
    </Dialog>
  );
}

export default function Incidents() {
  const list = useList<Incident>("/incidents", {}, 50);
  const [edit, setEdit] = useState<Incident | "new" | null>(null);
  const writes = may("incidents.write");
  return (
    <>
      <PageHead title="Incidents" says={<>What the <a href="/status">status page</a> tells everybody.</>}>
        {writes && <Button kind="primary" icon="plus" onClick={() => setEdit("new")}>Report an incident</Button>}
      </PageHead>
      {list.error && <Failure error={list.error} retry={list.reload} />}
      {list.state === "loading" ? <TableSkeleton columns={4} rows={3} /> : list.rows.length === 0 && !list.error ? (
        <Empty title="No incident was reported" says="When users notice that something fails, report it here: the status page then says what is known." />
      ) : <Table label="Incidents" columns={columns} rows={list.rows} keyOf={(i) => i.id} onOpen={writes ? setEdit : undefined} onEnd={list.more ? list.next : undefined} />}
      {edit !== null && <Edit of={edit === "new" ? null : edit} done={(changed) => { setEdit(null); if (changed) list.reload(); }} />}
    </>
  );
}
