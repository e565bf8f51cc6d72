// Versions of the catalog: what each changed, a draft of another text, publishing, going back.
import { useState } from "preact/hooks";
import { api } from "../../core/api.ts";
import { brief, count, dateTime, plural } from "../../core/format.ts";
import { useGet, useList, useLoad } from "../../core/resource.ts";
import { may } from "../../core/session.ts";
import { Badge, Button, Failure, SkeletonLines, TextArea, TextField, useTask, type Tone } from "../../ui/controls.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { TextDiff } from "../../ui/diff.tsx";
import { Table, TableSkeleton, type Column } from "../../ui/table.tsx";
import { toast } from "../../ui/toast.tsx";
import { DiffList } from "./diff_list.tsx";
import { Findings } from "./findings.tsx";
import type { CatalogDiff, CatalogVersion, Finding } from "./types.ts";

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
    else await api.post("/catalog/rollback", { to: of.version, ...body });
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

function Draft({ start, base, onClose, onMade }: { start: string; base: string; onClose: () => void; onMade: (v: CatalogVersion) => void }) {
  const [text, setText] = useState(start);
  const [looked, setLooked] = useState(false);
  const [note, setNote] = useState("");
  const make = useTask(async () => {
    const answer = await api.post<{ data: CatalogVersion; findings: Finding[] }>("/catalog/drafts", { text, ...(note === "" ? {} : { note }) });
    const warnings = answer.findings.filter((f) => !f.error).length;
    toast(`Draft ${answer.data.version} was made${warnings > 0 ? `, with ${plural(warnings, "warning")}` : ""}. Nothing is in force yet.`);
    onMade(answer.data);
  });
  return (
    <Dialog title="A draft" open onClose={onClose} look="wide">
      {looked ? <TextDiff before={base} after={text} label="What changes" /> : <TextArea label="catalog.conf" mono rows={24} value={text} onInput={setText} />}
      <TextField label="Note (optional)" value={note} maxLength={256} onInput={setNote} />
      {make.error && <><Failure error={make.error} /><Findings of={make.error} /></>}
      <div class="actions">
        <Button onClick={() => setLooked(!looked)}>{looked ? "Back to the text" : "See what changes"}</Button>
        <Button kind="primary" busy={make.busy} disabled={text === base} onClick={() => void make.run()}>Make a draft</Button>
      </div>
    </Dialog>
  );
}

export function Versions() {
  const list = useList<CatalogVersion>("/catalog/versions", {}, 50);
  const inForce = list.rows.find((v) => v.state === "published")?.version ?? 0;
  const base = useLoad((signal) => (inForce === 0 ? Promise.resolve(null) : textOf(inForce, signal)), [inForce]);
  const [open, setOpen] = useState<CatalogVersion | null>(null);
  const [draft, setDraft] = useState<string | null>(null);
  const changed = () => {
    setOpen(null);
    setDraft(null);
    list.reload();
  };
  return (
    <>
      <div class="line apart">
        <span class="soft">A draft changes nothing until it is published.</span>
        {may("catalog.write") && <Button kind="primary" disabled={!base.data} onClick={() => setDraft(base.data ?? "")}>Make a draft</Button>}
      </div>
      {list.error && <Failure error={list.error} retry={list.reload} />}
      {list.state === "loading" ? <TableSkeleton columns={5} /> : <Table label="Versions of the catalog" columns={columns} rows={list.rows} keyOf={(v) => String(v.version)} onOpen={setOpen} onEnd={list.more ? list.next : undefined} />}
      {open && <VersionDialog of={open} inForce={inForce} onClose={() => setOpen(null)} onChanged={changed} onTake={(t) => { setOpen(null); setDraft(t); }} />}
      {draft !== null && <Draft start={draft} base={base.data ?? ""} onClose={() => setDraft(null)} onMade={(v) => { changed(); setOpen(v); }} />}
    </>
  );
}
