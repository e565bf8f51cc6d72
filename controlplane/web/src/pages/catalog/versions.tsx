// Versions of the catalog: what each changed, a draft of another text, publishing, going back.
import { useEffect, useRef, useState } from "preact/hooks";
import { api } from "../../core/api.ts";
import { brief, count, dateTime, plural } from "../../core/format.ts";
import { useGet, useList, useLoad } from "../../core/resource.ts";
import { may } from "../../core/session.ts";
import { Badge, Button, Failure, SkeletonLines, TextArea, TextField, useTask, type Tone } from "../../ui/controls.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { TextDiff } from "../../ui/diff.tsx";
import { Table, TableSkeleton, type Column } from "../../ui/table.tsx";
import { toast } from "../../ui/toast.tsx";
import { useWriting, type Writing } from "../parts/writing.ts";
import { DiffList } from "./diff_list.tsx";
import { Findings } from "./findings.tsx";
import type { Catalog, CatalogDiff, CatalogVersion, Finding } from "./types.ts";

const tones: Record<string, Tone> = { published: "good", draft: "accent" };
const wordOf = (state: string): string => (state === "published" ? "in force" : state);

const columns: Column<CatalogVersion>[] = [
  { head: "Version", number: true, opens: true, cell: (v) => count(v.version), width: "90px" },
  { head: "State", cell: (v) => <Badge tone={tones[v.state] ?? "plain"}>{wordOf(v.state)}</Badge> },
  { head: "Made", cell: (v) => dateTime(v.created_at) },
  { head: "By", cell: (v) => <span class="mono">{brief(v.author || v.origin, 16)}</span>, from: "sm" },
  { head: "Models", number: true, cell: (v) => (v.content ? count(v.content.models) : "–"), from: "md" },
  { head: "Endpoints", number: true, cell: (v) => (v.content ? count(v.content.endpoints) : "–"), from: "md" },
  { head: "Note", cell: (v) => <span title={v.note ?? ""}>{v.note || "–"}</span>, from: "md" },
];

const textOf = (n: number, signal: AbortSignal): Promise<string | null> =>
  api.get<{ data: CatalogVersion }>(`/catalog/versions/${n}`, { signal }).then((r) => r.data.text ?? null);

interface Acks {
  connected: number;
  acknowledged: number;
}

function VersionDialog({ of, inForce, onClose, onChanged, onTake }: { of: CatalogVersion; inForce: number; onClose: () => void; onChanged: () => void; onTake: (text: string) => void }) {
  const text = useLoad((signal) => textOf(of.version, signal), [of.version]);
  const diff = useLoad((signal) => (of.version === inForce ? Promise.resolve(null) : api.get<{ data: CatalogDiff }>("/catalog/diff", { query: { from: inForce, to: of.version }, signal }).then((r) => r.data)), [of.version, inForce]);
  const acks = useGet<Acks>(of.state === "published" ? `/catalog/versions/${of.version}/acks` : null);
  const [note, setNote] = useState("");
  const publish = useTask(async () => {
    const body = note === "" ? {} : { note };
    if (of.state === "draft") await api.post(`/catalog/versions/${of.version}/publish`, body);
    else await api.post("/catalog/rollback", { to: of.version, ...body }, { query: { base: inForce } }); // what the difference was shown from
    toast("The catalog is in force. Data planes get it within a second.");
    onChanged();
  });
  return (
    <Dialog title={`Catalog version ${count(of.version)}`} open onClose={onClose} look="wide">
      <p><Badge tone={tones[of.state] ?? "plain"}>{wordOf(of.state)}</Badge> {of.note}</p>
      {acks.data && <p class="soft">{count(acks.data.acknowledged)} of {count(acks.data.connected)} connected data planes serve it.</p>}
      {of.version !== inForce && (
        <>
          <h3>What it would change</h3>
          {diff.error && <Failure error={diff.error} retry={diff.reload} />}
          {diff.state === "loading" && <SkeletonLines />}
          {diff.data && <DiffList diff={diff.data} />}
        </>
      )}
      {publish.error && <Failure error={publish.error} />}
      {may("catalog.write") && (
        <>
          {of.version !== inForce && <TextField label="Note (optional)" value={note} maxLength={256} onInput={setNote} />}
          <div class="actions">
            <Button disabled={!text.data} onClick={() => onTake(text.data ?? "")}>Edit from this text</Button>
            {of.version !== inForce && <Button kind="primary" busy={publish.busy} disabled={!diff.data} onClick={() => void publish.run()}>{of.state === "draft" ? "Publish" : "Go back to it"}</Button>}
          </div>
        </>
      )}
    </Dialog>
  );
}

/** A version in force with its text. */
interface Base {
  version: number;
  text: string;
}

function Draft({ start, latest, onKeep, onClose, onMoved, onMade }: { start: Writing<Base>; latest: Base; onKeep: (w: Writing<Base>) => void; onClose: () => void; onMoved: () => void; onMade: (v: CatalogVersion) => void }) {
  const { text, base, moved, write, rebase } = useWriting(start, latest, onKeep);
  const [looked, setLooked] = useState(false);
  const [note, setNote] = useState("");
  const make = useTask(async () => {
    const answer = await api.post<{ data: CatalogVersion; findings: Finding[] }>("/catalog/drafts", { text, ...(note === "" ? {} : { note }) }, { query: { base: base.version } });
    const warnings = answer.findings.filter((f) => !f.error).length;
    toast(`Draft ${answer.data.version} was made${warnings > 0 ? `, with ${plural(warnings, "warning")}` : ""}. Nothing is in force yet.`);
    onMade(answer.data);
  });
  useEffect(() => {
    if (make.error?.code === "catalog_moved") onMoved();
  }, [make.error]);
  const compare = () => {
    rebase();
    setLooked(true);
    make.clear();
  };
  return (
    <Dialog title="A draft" open onClose={onClose} look="wide">
      {looked ? <TextDiff before={base.text} after={text} label="What changes" /> : <TextArea label="catalog.conf" mono rows={24} value={text} onInput={write} />}
      <TextField label="Note (optional)" value={note} maxLength={256} onInput={setNote} />
      {make.error && <><Failure error={make.error} /><Findings of={make.error} /></>}
      {moved && <p class="note warn">Version {count(latest.version)} was published after this text was taken. What it has and this text has not would be removed: compare them, and take it over.</p>}
      <div class="actions">
        {moved && <Button onClick={compare}>Compare with version {count(latest.version)}</Button>}
        <Button onClick={() => setLooked(!looked)}>{looked ? "Back to the text" : "See what changes"}</Button>
        <Button kind="primary" busy={make.busy} disabled={moved || text === base.text} onClick={() => void make.run()}>Make a draft</Button>
      </div>
    </Dialog>
  );
}

export function Versions() {
  const list = useList<CatalogVersion>("/catalog/versions", {}, 50);
  const base = useLoad(async (signal): Promise<{ version: number; text: string | null }> => {
    const { version } = (await api.get<{ data: Catalog }>("/catalog", { query: { model: "-" }, signal })).data; // of no model: the version alone
    return { version, text: version === 0 ? null : await textOf(version, signal) };
  }, []);
  const last = useRef<Base | null>(null); // a text that is being written stays while the server cannot be reached
  if (base.data?.text != null) last.current = { version: base.data.version, text: base.data.text };
  const latest = last.current;
  const [open, setOpen] = useState<CatalogVersion | null>(null);
  const [draft, setDraft] = useState<Writing<Base> | null>(null);
  const kept = useRef<Writing<Base> | null>(null);
  const refresh = () => {
    base.reload();
    list.reload();
  };
  const changed = () => {
    setOpen(null);
    setDraft(null);
    refresh();
  };
  return (
    <>
      <div class="line apart">
        <span class="soft">A draft changes nothing until it is published.</span>
        {may("catalog.write") && <Button kind="primary" disabled={!latest} onClick={() => setDraft(kept.current ?? (latest && { text: latest.text, base: latest }))}>Make a draft</Button>}
      </div>
      {(base.error ?? list.error) && <Failure error={(base.error ?? list.error)!} retry={refresh} />}
      {base.data && !latest && <p class="note warn">The catalog in force was published without its text, by an earlier release. Restart a control plane with its catalog.conf, or post a draft by the REST API.</p>}
      {list.state === "loading" ? <TableSkeleton columns={5} /> : <Table label="Versions of the catalog" columns={columns} rows={list.rows} keyOf={(v) => String(v.version)} onOpen={setOpen} onEnd={list.more ? list.next : undefined} />}
      {open && base.data && <VersionDialog of={open} inForce={base.data.version} onClose={() => setOpen(null)} onChanged={changed} onTake={(t) => { setOpen(null); setDraft(latest && { text: t, base: latest }); }} />}
      {draft !== null && latest && <Draft start={draft} latest={latest} onKeep={(w) => (kept.current = w)} onClose={() => setDraft(null)} onMoved={refresh} onMade={(v) => { kept.current = null; changed(); setOpen(v); }} />}
    </>
  );
}
