// Who changed what: the audit trail, its check, and its export.
import { useMemo, useState } from "preact/hooks";
import { api } from "../core/api.ts";
import { ago, brief, count, dateTime, exactTime } from "../core/format.ts";
import { useGet, useList } from "../core/resource.ts";
import { queryOf, here, setQuery } from "../core/router.ts";
import { Badge, Button, Code, Empty, Failure, PageHead, SelectField, TextField, useTask } from "../ui/controls.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { Table, TableSkeleton, type Column } from "../ui/table.tsx";
import { may } from "../core/session.ts";
import { apiLink } from "./parts/link.ts";

interface Entry {
  seq: number;
  at: string;
  action: string;
  actor: string;
  request: string | null;
  scope: string;
  target: Record<string, unknown> | null;
  before: Record<string, unknown> | null;
  after: Record<string, unknown> | null;
  prev_hash: string | null;
  hash: string;
}
interface Check {
  entries: number;
  head_hash: string | null;
  whole: boolean;
  first_bad: number | null;
}

interface Member {
  id: string;
  email: string;
}

const targetOf = (e: Entry): string => Object.values(e.target ?? {}).map(String).join(" ");
/** What has a name is shown by it. */
const nameOf = (e: Entry): string | null => {
  const name = e.after?.["name"] ?? e.before?.["name"];
  return typeof name === "string" && name !== "" ? name : null;
};

/** An entry says "user:" and the id without its hyphens; the e-mail address of a member is better to read. */
type Who = (actor: string) => string | null;
const whoOf = (members: readonly Member[]): Who => {
  const emails = new Map(members.map((m) => [`user:${m.id.replaceAll("-", "")}`, m.email]));
  return (actor) => emails.get(actor) ?? null;
};

const columnsOf = (who: Who): Column<Entry>[] => [
  { head: "When", cell: (e) => <time dateTime={e.at} title={`${exactTime(e.at)}, ${ago(e.at)}`}>{dateTime(e.at)}</time>, width: "170px" },
  { head: "What", opens: true, cell: (e) => <span class="mono">{e.action}</span> },
  { head: "Who", cell: (e) => { const name = who(e.actor); return <span class={name === null ? "mono" : ""} title={`${name ?? ""} ${e.actor}`}>{name ?? brief(e.actor, 18)}</span>; } },
  { head: "On what", cell: (e) => { const name = nameOf(e); return <span class={name === null ? "mono" : ""} title={`${name ?? ""} ${targetOf(e)}`}>{name ?? targetOf(e)}</span>; }, from: "md" },
  { head: "Entry", number: true, cell: (e) => count(e.seq), from: "sm" },
];

const scopes = () => [
  { value: "", label: "This workspace" },
  { value: "organisation", label: "The organisation" },
  ...(may("accounts.read") ? [{ value: "operator", label: "The operator" }] : []),
];

// The day that a person chose, in UTC as the trail is.
const dayStart = (day: string): string | null => (day === "" ? null : `${day}T00:00:00Z`);
const dayEnd = (day: string): string | null => (day === "" ? null : `${day}T23:59:59.999Z`);

function EntryDetail({ entry, who, onClose }: { entry: Entry; who: Who; onClose: () => void }) {
  return (
    <Dialog title={`${entry.action}, entry ${count(entry.seq)}`} open onClose={onClose} look="wide">
      <p class="soft">{exactTime(entry.at)} by {who(entry.actor)} <span class="mono">{entry.actor}</span>{entry.request ? <> in request <span class="mono">{entry.request}</span></> : null}</p>
      <Code what="The entry" text={JSON.stringify({ target: entry.target, before: entry.before, after: entry.after }, null, 2)} />
      <p class="soft small mono" style={{ wordBreak: "break-all" }}>hash {entry.hash}<br />after {entry.prev_hash ?? "nothing: it is the first"}</p>
    </Dialog>
  );
}

function ChainCheck({ scope }: { scope: string }) {
  const [found, setFound] = useState<Check | null>(null);
  const check = useTask(async () => setFound((await api.get<{ data: Check }>("/audit/verify", { query: { scope } })).data));
  return (
    <>
      <Button busy={check.busy} onClick={() => void check.run()}>Check the chain</Button>
      <Dialog title="The chain of entries" open={found !== null || check.error !== null} onClose={() => { setFound(null); check.clear(); }}>
        {check.error && <Failure error={check.error} />}
        {found && (
          <>
            <p>{found.whole
              ? <><Badge tone="good">whole</Badge> Every one of the {count(found.entries)} entries continues the one before it.</>
              : <><Badge tone="bad">broken</Badge> Entry {found.first_bad} does not continue the one before it. Compare with a copy that somebody else keeps.</>}</p>
            {found.head_hash && <><p class="soft">Note this hash elsewhere: with it you can see later that nothing before it was changed.</p><Code what="The hash" text={found.head_hash} /></>}
          </>
        )}
      </Dialog>
    </>
  );
}

export default function Audit() {
  const query = queryOf(here.value);
  const from = query.get("from") ?? "";
  const until = query.get("until") ?? "";
  const scope = query.get("scope") ?? "";
  const [open, setOpen] = useState<Entry | null>(null);
  const filters = { scope, from: dayStart(from), until: dayEnd(until) };
  const list = useList<Entry>("/audit", filters);
  const members = useGet<{ data: Member[] }>(may("members.read") ? "/members" : null);
  const who = useMemo(() => whoOf(members.data?.data ?? []), [members.data]);
  const columns = useMemo(() => columnsOf(who), [who]);
  const waiting = list.state === "loading" || (may("members.read") && members.state === "loading"); // names come with the rows
  const words = Object.fromEntries(Object.entries(filters).filter((f): f is [string, string] => !!f[1]));
  return (
    <>
      <PageHead title="Audit trail" says="Every change of keys, members, money, rules and catalogs, in order. Each entry has the hash of the one before it.">
        <ChainCheck scope={scope} />
        <a class="button" href={apiLink("/audit/export", words)} download="audit.ndjson">Export</a>
      </PageHead>
      <div class="grid">
        <TextField label="From (UTC)" type="date" value={from} onInput={(v) => setQuery({ from: v })} />
        <TextField label="Until (UTC)" type="date" value={until} onInput={(v) => setQuery({ until: v })} />
        <SelectField label="Of" value={scope} choices={scopes()} onChange={(v) => setQuery({ scope: v })} />
      </div>
      {list.error && <Failure error={list.error} retry={list.reload} />}
      {waiting ? <TableSkeleton columns={4} /> : list.rows.length === 0 && !list.error ? (
        <Empty title="Nothing was changed in this time" says="Entries appear when somebody makes a key, invites a member, moves credit or changes a rule. Choose a longer time to see older ones." />
      ) : (
        <Table label="Audit entries" columns={columns} rows={list.rows} keyOf={(e) => String(e.seq)} onOpen={setOpen} onEnd={list.more ? list.next : undefined} />
      )}
      {open && <EntryDetail entry={open} who={who} onClose={() => setOpen(null)} />}
    </>
  );
}
