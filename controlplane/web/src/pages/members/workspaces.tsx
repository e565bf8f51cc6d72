// The organisation's name and its workspaces.
import { useMemo, useState } from "preact/hooks";
import { api } from "../../core/api.ts";
import { date } from "../../core/format.ts";
import { useGet, useLoad } from "../../core/resource.ts";
import { chooseWorkspace, loadSession, may, session } from "../../core/session.ts";
import { Badge, Button, Failure, TextField, useTask } from "../../ui/controls.tsx";
import { Confirm, Dialog, Menu } from "../../ui/dialog.tsx";
import { Table, TableSkeleton, type Column } from "../../ui/table.tsx";
import { toast } from "../../ui/toast.tsx";
import { useIdempotency } from "../parts/idempotent.ts";
import { Facts, faultOf, Form, Section, Shown } from "../parts/parts.tsx";

export interface Organisation {
  id: string;
  name: string;
  operator: boolean;
  created_at: string;
  members: number;
  workspaces: number;
}
interface Workspace {
  id: string;
  name: string;
  slug: string;
  description: string | null;
  state: string;
  created_at: string;
}

const PAGE = 100;

async function allWorkspaces(signal: AbortSignal): Promise<Workspace[]> {
  const rows: Workspace[] = [];
  for (;;) {
    const page = await api.get<{ data: Workspace[]; total_count: number }>("/workspaces", { query: { limit: PAGE, offset: rows.length }, signal });
    rows.push(...page.data);
    if (page.data.length === 0 || rows.length >= page.total_count) return rows;
  }
}

const slugOf = (name: string): string => name.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 64).replace(/-+$/, "");

function WorkspaceForm({ of, onClose, onDone }: { of: Workspace | null; onClose: () => void; onDone: () => void }) {
  const [form, setForm] = useState({ name: of?.name ?? "", slug: of?.slug ?? "", description: of?.description ?? "" });
  const [slugTyped, setSlugTyped] = useState(of !== null);
  const once = useIdempotency();
  const task = useTask(async () => {
    const body = { name: form.name.trim(), slug: form.slug.trim(), description: form.description.trim() || null };
    if (of === null) await api.post("/workspaces", body, { idempotencyKey: once(body) });
    else await api.patch(`/workspaces/${of.id}`, body);
    await loadSession();
    toast(of === null ? `The workspace “${body.name}” is made.` : "The workspace is changed.");
    onDone();
  });
  return (
    <Dialog title={of === null ? "New workspace" : `Change “${of.name}”`} open onClose={onClose}>
      <Form action={of === null ? "Make the workspace" : "Save"} busy={task.busy} error={task.error} shown={["name", "slug", "description"]} disabled={form.name.trim() === "" || form.slug === ""} onCancel={onClose} onSubmit={() => task.run()}>
        <TextField label="Name" autoFocus maxLength={128} value={form.name} onInput={(name) => setForm({ ...form, name, slug: slugTyped ? form.slug : slugOf(name) })} wrong={faultOf(task.error, "name")} />
        <TextField label="Short name" maxLength={64} value={form.slug} onInput={(slug) => { setSlugTyped(true); setForm({ ...form, slug }); }} hint="Small letters, digits and dashes." wrong={faultOf(task.error, "slug")} />
        <TextField label="Description (optional)" maxLength={256} value={form.description} onInput={(description) => setForm({ ...form, description })} wrong={faultOf(task.error, "description")} />
      </Form>
    </Dialog>
  );
}

function Close({ of, onClose, onDone }: { of: Workspace; onClose: () => void; onDone: () => void }) {
  const task = useTask(async () => {
    await api.del(`/workspaces/${of.id}`);
    await loadSession();
    toast(`The workspace “${of.name}” is closed.`);
    onDone();
  });
  return (
    <Confirm title={`Close “${of.name}”?`} says="Its keys stop working within a second, and it cannot be opened again. A workspace that has credit has to move it first." action="Close the workspace" open busy={task.busy} onClose={onClose} onConfirm={() => void task.run()}>
      {task.error && <Failure error={task.error} />}
    </Confirm>
  );
}

type Doing = { what: "new" } | { what: "edit" | "close"; of: Workspace } | null;

function columnsOf(doing: (d: Doing) => void): Column<Workspace>[] {
  const current = session.value?.workspace_id;
  const columns: Column<Workspace>[] = [
    { head: "Workspace", cell: (w) => <span title={w.description ?? undefined}>{w.name}{w.id === current && <span class="faint"> (this one)</span>}</span> },
    { head: "Short name", from: "sm", cell: (w) => <span class="mono soft">{w.slug}</span> },
    { head: "State", cell: (w) => <Badge tone={w.state === "active" ? "good" : w.state === "suspended" ? "warn" : "plain"}>{w.state}</Badge> },
    { head: "Since", from: "sm", cell: (w) => date(w.created_at) },
  ];
  columns.push({
    head: "Actions",
    width: "64px",
    cell: (w) => {
      const change = may("workspaces.write") && w.state !== "closed";
      const items = [
        ...(w.id === current || w.state === "closed" ? [] : [{ label: "Work in it", run: () => void chooseWorkspace(w.id) }]),
        ...(change ? [{ label: "Change", run: () => doing({ what: "edit", of: w }) }, { label: "Close", danger: true, run: () => doing({ what: "close", of: w }) }] : []),
      ];
      return items.length > 0 && <Menu label={`Actions for ${w.name}`} items={items} />;
    },
  });
  return columns;
}

export function Workspaces() {
  const list = useLoad(allWorkspaces, []);
  const [doing, setDoing] = useState<Doing>(null);
  const columns = useMemo(() => columnsOf(setDoing), [session.value]);
  const done = () => {
    setDoing(null);
    list.reload();
  };
  return (
    <Section title="Workspaces" says="Each has its own keys, credit and usage. Members of the organisation work in all of them." actions={may("workspaces.write") && <Button icon="plus" onClick={() => setDoing({ what: "new" })}>New workspace</Button>}>
      <Shown of={list} loading={<TableSkeleton columns={4} rows={2} />}>
        {(rows) => <Table label="Workspaces" columns={columns} rows={rows} keyOf={(w) => w.id} />}
      </Shown>
      {doing?.what === "new" && <WorkspaceForm of={null} onClose={() => setDoing(null)} onDone={done} />}
      {doing?.what === "edit" && <WorkspaceForm of={doing.of} onClose={() => setDoing(null)} onDone={done} />}
      {doing?.what === "close" && <Close of={doing.of} onClose={() => setDoing(null)} onDone={done} />}
    </Section>
  );
}

function Rename({ of, onClose, onDone }: { of: Organisation; onClose: () => void; onDone: () => void }) {
  const [name, setName] = useState(of.name);
  const task = useTask(async () => {
    await api.patch("/organisation", { name: name.trim() });
    await loadSession();
    onDone();
  });
  return (
    <Dialog title="Rename the organisation" open onClose={onClose}>
      <Form action="Rename" busy={task.busy} error={task.error} shown={["name"]} disabled={name.trim() === ""} onCancel={onClose} onSubmit={() => task.run()}>
        <TextField label="Name" autoFocus maxLength={128} value={name} onInput={setName} wrong={faultOf(task.error, "name")} />
      </Form>
    </Dialog>
  );
}

export function OrganisationCard() {
  const org = useGet<{ data: Organisation }>("/organisation");
  const [renaming, setRenaming] = useState(false);
  return (
    <Section title="Organisation" actions={may("workspaces.write") && <Button disabled={org.state !== "ready"} onClick={() => setRenaming(true)}>Rename</Button>}>
      <Shown of={org}>
        {({ data }) => <div class="card"><Facts rows={[["Name", data.name], ["Since", date(data.created_at)], ["Members", data.members], ["Workspaces", data.workspaces], ["Id", <code>{data.id}</code>]]} /></div>}
      </Shown>
      {renaming && org.data && <Rename of={org.data.data} onClose={() => setRenaming(false)} onDone={() => { setRenaming(false); org.reload(); }} />}
    </Section>
  );
}
