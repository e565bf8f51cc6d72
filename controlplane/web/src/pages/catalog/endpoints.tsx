// Endpoints in force: price and weight of each, and switching one off for a while.
import { useState } from "preact/hooks";
import { api } from "../../core/api.ts";
import { count, dateTime, usd } from "../../core/format.ts";
import { useGet } from "../../core/resource.ts";
import { may } from "../../core/session.ts";
import { Badge, Button, Empty, Failure, TextField, useTask } from "../../ui/controls.tsx";
import { Dialog, Menu } from "../../ui/dialog.tsx";
import { Table, TableSkeleton, type Column } from "../../ui/table.tsx";
import { toast } from "../../ui/toast.tsx";
import { Findings } from "./findings.tsx";
import type { Catalog, Endpoint } from "./types.ts";

const perMillion = (dollars: number): string => (dollars === 0 ? "free" : `${usd(dollars)} / 1M`);

interface PriceFields {
  prompt: string;
  completion: string;
  cached: string;
  weight: string;
}
const fieldsOf = (e: Endpoint): PriceFields => ({ prompt: String(e.prompt), completion: String(e.completion), cached: String(e.cached), weight: String(e.weight) });
const labels: Record<keyof PriceFields, string> = { prompt: "Prompt, dollars per million tokens", completion: "Completion, dollars per million tokens", cached: "Cached prompt, dollars per million tokens", weight: "Weight among the endpoints of the model" };

/** Only what differs, as numbers: the server keeps amounts exactly as they are written. */
function changesOf(e: Endpoint, f: PriceFields): Record<string, number> {
  const before = fieldsOf(e);
  return Object.fromEntries((Object.keys(before) as (keyof PriceFields)[]).filter((k) => f[k].trim() !== before[k]).map((k) => [k, Number(f[k])]));
}
const wrongNumber = (text: string): string | null => (/^\d+(\.\d+)?$/.test(text.trim()) ? null : "Write a number, such as 0.14.");

function EditPrice({ of, version, done }: { of: Endpoint; version: number; done: (changed: boolean) => void }) {
  const [fields, setFields] = useState(fieldsOf(of));
  const changes = changesOf(of, fields);
  const names = Object.keys(labels) as (keyof PriceFields)[];
  const ready = Object.keys(changes).length > 0 && names.every((n) => wrongNumber(fields[n]) === null);
  const save = useTask(async () => {
    const answer = await api.patch<{ data: { version: number } }>(`/catalog/endpoints/${of.endpoint}`, changes, { query: { base: version } });
    toast(`Version ${answer.data.version} is in force.`);
    done(true);
  });
  return (
    <Dialog title={`${of.model} at ${of.provider}`} open onClose={() => done(false)}>
      {names.map((n) => <TextField key={n} label={labels[n]} value={fields[n]} inputMode="decimal" wrong={wrongNumber(fields[n])} onInput={(v) => setFields({ ...fields, [n]: v })} />)}
      <p class="soft small">A price holds for requests that begin after a data plane has the version. Those that run keep the price that they were reserved at.</p>
      {save.error && <><Failure error={save.error} /><Findings of={save.error} /></>}
      <div class="actions"><Button onClick={() => done(false)}>Cancel</Button><Button kind="primary" disabled={!ready} busy={save.busy} onClick={() => void save.run()}>Publish the change</Button></div>
    </Dialog>
  );
}

function SwitchOff({ of, done }: { of: Endpoint; done: (changed: boolean) => void }) {
  const [until, setUntil] = useState("");
  const [reason, setReason] = useState("");
  const save = useTask(async () => {
    await api.patch(`/catalog/endpoints/${of.endpoint}`, { off: true, ...(until ? { off_until: new Date(until).toISOString() } : {}), ...(reason ? { off_reason: reason } : {}) });
    toast(`${of.model} is not sent to ${of.provider} any more.`);
    done(true);
  });
  return (
    <Dialog title={`Switch ${of.model} at ${of.provider} off`} open onClose={() => done(false)}>
      <p>New requests go to the other endpoints of the model. The catalog's text stays as it is.</p>
      <TextField label="Until (optional)" hint="It comes back by itself then. Empty: until you switch it on." type="datetime-local" value={until} onInput={setUntil} />
      <TextField label="Reason (optional)" value={reason} maxLength={256} onInput={setReason} />
      {save.error && <Failure error={save.error} />}
      <div class="actions"><Button onClick={() => done(false)}>Cancel</Button><Button kind="danger" busy={save.busy} onClick={() => void save.run()}>Switch off</Button></div>
    </Dialog>
  );
}

type Act = { kind: "price" | "off"; of: Endpoint } | null;

function columnsFor(act: (a: Act) => void, on: (e: Endpoint) => void): Column<Endpoint>[] {
  return [
    { head: "Model", cell: (e) => <span class="mono" title={e.model}>{e.model}</span> },
    { head: "Provider", cell: (e) => e.provider },
    { head: "State", cell: (e) => (e.off ? <span title={e.off_reason ?? ""}><Badge tone="warn">{e.off_until ? `off until ${dateTime(e.off_until)}` : "off"}</Badge></span> : <Badge tone="good">on</Badge>) },
    { head: "Prompt", number: true, cell: (e) => perMillion(e.prompt), from: "sm" },
    { head: "Completion", number: true, cell: (e) => perMillion(e.completion), from: "sm" },
    { head: "Weight", number: true, cell: (e) => count(e.weight), from: "md" },
    {
      head: "",
      width: "56px",
      cell: (e) => may("catalog.write") && (
        <Menu label={`Change ${e.model} at ${e.provider}`} items={[
          { label: "Change price or weight", run: () => act({ kind: "price", of: e }) },
          e.off ? { label: "Switch on", run: () => on(e) } : { label: "Switch off", danger: true, run: () => act({ kind: "off", of: e }) },
        ]} />
      ),
    },
  ];
}

export function Endpoints() {
  const catalog = useGet<{ data: Catalog }>("/catalog");
  const [search, setSearch] = useState("");
  const [act, setAct] = useState<Act>(null);
  const on = useTask(async (e: Endpoint) => {
    await api.patch(`/catalog/endpoints/${e.endpoint}`, { off: false });
    toast(`${e.model} is sent to ${e.provider} again.`);
    catalog.reload();
  });
  if (catalog.error) return <Failure error={catalog.error} retry={catalog.reload} />;
  if (!catalog.data) return <TableSkeleton columns={6} />;
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const rows = catalog.data.data.endpoints.filter((e) => words.every((w) => `${e.model} ${e.provider}`.toLowerCase().includes(w)));
  const done = (changed: boolean) => {
    setAct(null);
    if (changed) catalog.reload();
  };
  return (
    <>
      <div class="line apart">
        <span class="soft">Version {count(catalog.data.data.version)}, {count(catalog.data.data.endpoints.length)} endpoints</span>
        <div style={{ width: "min(320px, 100%)" }}><TextField label="Search (press /)" type="search" value={search} onInput={setSearch} placeholder="model or provider" /></div>
      </div>
      {on.error && <Failure error={on.error} />}
      {rows.length === 0
        ? <Empty title="No endpoint has these words" says="Search for a part of a model's or a provider's name." />
        : <Table label="Endpoints" columns={columnsFor(setAct, (e) => void on.run(e))} rows={rows} keyOf={(e) => String(e.endpoint)} />}
      {act?.kind === "price" && <EditPrice of={act.of} version={catalog.data.data.version} done={done} />}
      {act?.kind === "off" && <SwitchOff of={act.of} done={done} />}
    </>
  );
}
