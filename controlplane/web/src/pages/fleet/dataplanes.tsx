// Connected data planes: what each proved, and ending its trust or its work.
import { useEffect, useRef, useState } from "preact/hooks";
import { api } from "../../core/api.ts";
import { ago, brief, count, dateTime } from "../../core/format.ts";
import { useGet, useList } from "../../core/resource.ts";
import { may } from "../../core/session.ts";
import { Badge, Button, CopyButton, Empty, Failure, PageHead, Stat, TextField, useTask, type Tone } from "../../ui/controls.tsx";
import { Confirm, Dialog, Menu } from "../../ui/dialog.tsx";
import { Table, TableSkeleton, type Column } from "../../ui/table.tsx";
import { toast } from "../../ui/toast.tsx";
import type { Dataplane } from "./types.ts";

const LOOK_AGAIN_MS = 5000;

function stateOf(d: Dataplane): [Tone, string] {
  if (d.verdict === "evicted") return ["bad", "evicted"];
  if (d.verdict === "refused") return ["bad", "refused"];
  if (!d.connected) return ["plain", "disconnected"];
  return d.draining || d.drain_wanted ? ["warn", "draining"] : ["good", "accepted"];
}

type Order = "drain" | "evict" | "resume";
const orders: Record<Order, { title: string; says: string; action: string; reason: "required" | "optional" }> = {
  drain: { title: "Drain this data plane?", says: "It finishes running answers, ships its usage, gives its leases back and exits. Clients reach the others.", action: "Drain", reason: "optional" },
  evict: { title: "Evict this data plane?", says: "Its trust ends at once: running answers are cut off, and this boot is refused until you let it back in. A restart is another boot: to keep a program out, change the policy.", action: "Evict", reason: "required" },
  resume: { title: "Let this data plane back in?", says: "It is asked for new evidence, and serves again when the policy accepts it.", action: "Let it back in", reason: "optional" },
};

function OrderDialog({ order, target, last, done }: { order: Order; target: Dataplane; last: boolean; done: (changed: boolean) => void }) {
  const [reason, setReason] = useState("");
  const o = orders[order];
  const send = useTask(async () => {
    await api.post(`/dataplanes/${target.boot}/${order}`, reason === "" ? {} : { reason });
    toast(`${o.action}: the order was given.`);
    done(true);
  });
  return (
    <Confirm title={o.title} says={o.says} action={o.action} open busy={send.busy} onConfirm={() => void send.run()} onClose={() => done(false)}>
      {last && order !== "resume" && <p class="note warn">No other data plane serves now: every request fails until another one is accepted.</p>}
      <TextField label={o.reason === "required" ? "Reason" : "Reason (optional)"} hint="It is written into the audit trail." value={reason} maxLength={256} onInput={setReason} />
      {send.error && <Failure error={send.error} />}
    </Confirm>
  );
}

interface Event {
  at: string;
  event: string;
  detail: string | null;
  author: string | null;
}
const eventColumns: Column<Event>[] = [
  { head: "When", cell: (e) => dateTime(e.at), width: "170px" },
  { head: "What", cell: (e) => e.event },
  { head: "Detail", cell: (e) => <span title={e.detail ?? ""}>{e.detail || "–"}</span> },
  { head: "By", cell: (e) => <span class="mono">{brief(e.author || "–", 16)}</span>, from: "sm" },
];

function Detail({ of, onClose }: { of: Dataplane; onClose: () => void }) {
  const history = useList<Event>(`/dataplanes/${of.boot}/history`);
  const [tone, word] = stateOf(of);
  return (
    <Dialog title={`Data plane ${brief(of.boot, 10)}`} open onClose={onClose} look="wide">
      <p><Badge tone={tone}>{word}</Badge> {of.reason && <>because of <span class="mono">{of.reason}</span></>} {of.simulated && <Badge tone="warn">simulated attestation</Badge>}</p>
      <p class="small mono" style={{ wordBreak: "break-all" }}>measurement {of.measurement ?? "unknown"} {of.measurement && <CopyButton text={of.measurement} what="The measurement" />}</p>
      <p class="small mono">boot {of.boot} <CopyButton text={of.boot} what="The boot's id" /></p>
      <p class="soft">Last evidence {ago(of.last_evidence)}, judged by policy <span class="mono">{brief(of.policy_sha256 ?? "unknown", 16)}</span>.</p>
      {history.error && <Failure error={history.error} retry={history.reload} />}
      {history.state === "loading" ? <TableSkeleton columns={3} /> : <Table label="Events" columns={eventColumns} rows={history.rows} keyOf={(e) => e.at + e.event} onEnd={history.more ? history.next : undefined} />}
    </Dialog>
  );
}

const columnsFor = (order: (o: Order, d: Dataplane) => void): Column<Dataplane>[] => [
  { head: "State", cell: (d) => { const [tone, word] = stateOf(d); return <Badge tone={tone}>{word}</Badge>; }, width: "120px" },
  { head: "Place", opens: true, cell: (d) => `${d.place || "–"}${d.region ? ` (${d.region})` : ""}` },
  { head: "Boot", cell: (d) => <span class="mono" title={d.boot}>{brief(d.boot, 10)}</span>, from: "sm" },
  { head: "Measurement", cell: (d) => <span class="mono" title={d.measurement ?? ""}>{brief(d.measurement ?? "–", 16)}</span>, from: "md" },
  { head: "Catalog", number: true, cell: (d) => (d.catalog_version === null ? "–" : `version ${count(d.catalog_version)}`), from: "md" },
  { head: "Last evidence", cell: (d) => ago(d.last_evidence), from: "sm" },
  {
    head: "",
    width: "56px",
    cell: (d) => may("fleet.write") && (
      <Menu label={`What to do with ${brief(d.boot, 10)}`} items={[
        ...(d.connected && !d.draining && d.verdict === "accepted" ? [{ label: "Drain", run: () => order("drain", d) }] : []),
        ...(d.verdict === "evicted" ? [{ label: "Let it back in", run: () => order("resume", d) }] : [{ label: "Evict", danger: true, run: () => order("evict", d) }]),
      ]} />
    ),
  },
];

export default function Dataplanes() {
  const list = useGet<{ data: Dataplane[] }>("/dataplanes");
  const [asked, setAsked] = useState<{ order: Order; target: Dataplane } | null>(null);
  const [open, setOpen] = useState<Dataplane | null>(null);
  useEffect(() => {
    const timer = setInterval(list.reload, LOOK_AGAIN_MS);
    return () => clearInterval(timer);
  }, [list.reload]);
  const seen = useRef<Dataplane[] | null>(null); // what was read last stays in sight while the server cannot be reached
  if (list.data) seen.current = list.data.data;
  const rows = seen.current ?? [];
  const now = rows.filter((d) => d.connected);
  const serving = rows.filter((d) => stateOf(d)[1] === "accepted");
  return (
    <>
      <PageHead title="Data planes" says="Connected now or within 24 hours, over all control planes. Each has proved what it runs; the policy decided.">
        <Button icon="refresh" onClick={list.reload}>Refresh</Button>
      </PageHead>
      {list.error && <Failure error={list.error} retry={list.reload} />}
      <div class="grid">
        <Stat label="Connected" value={seen.current ? count(now.length) : "–"} more="data planes" />
        <Stat label="Serving" value={seen.current ? count(serving.length) : "–"} more="accepted and not draining" />
        <Stat label="Refused or evicted" value={seen.current ? count(rows.filter((d) => d.verdict !== "accepted").length) : "–"} more="within 24 hours" />
      </div>
      {!seen.current ? !list.error && <TableSkeleton columns={5} rows={3} /> : rows.length === 0 ? (
        <Empty title="No data plane has connected" says="A data plane connects by itself when it starts: its configuration names this control plane's link address. When one is refused, its reason is listed here." />
      ) : (
        <Table label="Data planes" columns={columnsFor((order, target) => setAsked({ order, target }))} rows={rows} keyOf={(d) => d.boot} onOpen={setOpen} />
      )}
      {open && <Detail of={open} onClose={() => setOpen(null)} />}
      {asked && <OrderDialog {...asked} last={serving.every((d) => d.boot === asked.target.boot)} done={(changed) => { setAsked(null); if (changed) list.reload(); }} />}
    </>
  );
}
