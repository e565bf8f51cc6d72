// The attestation policy: what is in force, what was, and putting another in force.
import { useEffect, useRef, useState } from "preact/hooks";
import { api } from "../../core/api.ts";
import { ago, brief, count, dateTime } from "../../core/format.ts";
import { useGet, useList, useLoad } from "../../core/resource.ts";
import { may } from "../../core/session.ts";
import { Badge, Button, Code, CopyButton, Failure, PageHead, SkeletonLines, TextArea, TextField, useTask } from "../../ui/controls.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { TextDiff } from "../../ui/diff.tsx";
import { Table, TableSkeleton, type Column } from "../../ui/table.tsx";
import { toast } from "../../ui/toast.tsx";
import { useWriting, type Writing } from "../parts/writing.ts";
import type { Policy } from "./types.ts";

const columns: Column<Policy>[] = [
  { head: "Version", number: true, opens: true, cell: (p) => count(p.version), width: "90px" },
  { head: "State", cell: (p) => <Badge tone={p.state === "in_force" ? "good" : "plain"}>{p.state.replaceAll("_", " ")}</Badge> },
  { head: "Name", cell: (p) => p.name || "–" },
  { head: "In force since", cell: (p) => dateTime(p.in_force_at), from: "sm" },
  { head: "By", cell: (p) => <span class="mono">{p.author ? brief(p.author, 16) : p.origin}</span>, from: "md" },
  { head: "Log entry", number: true, cell: (p) => (p.log_index === null ? "–" : count(p.log_index)), from: "md" },
  { head: "Note", cell: (p) => p.note || "–", from: "md" },
];

function Version({ of, current, onClose, onTake }: { of: Policy; current: string; onClose: () => void; onTake: (text: string) => void }) {
  const full = useGet<{ data: Policy }>(`/policy/versions/${of.version}`);
  return (
    <Dialog title={`Policy version ${count(of.version)}`} open onClose={onClose} look="wide">
      <p class="soft small mono" style={{ wordBreak: "break-all" }}>sha256 {of.sha256}</p>
      {full.error && <Failure error={full.error} retry={full.reload} />}
      {full.state === "loading" && <SkeletonLines />}
      {full.data?.data.text && (
        <>
          <h3>What in force differs from it</h3>
          <TextDiff before={full.data.data.text} after={current} label="Differences" />
          <div class="actions"><Button onClick={() => onTake(full.data.data.text ?? "")}>Edit from this text</Button></div>
        </>
      )}
    </Dialog>
  );
}

function Editor({ start, latest, onKeep, onDone, onMoved, onClose }: { start: Writing<Policy>; latest: Policy; onKeep: (w: Writing<Policy>) => void; onDone: () => void; onMoved: () => void; onClose: () => void }) {
  const { text, base, moved, write, rebase } = useWriting(start, latest, onKeep);
  const current = base.text ?? "";
  const [note, setNote] = useState("");
  const [looked, setLooked] = useState(false);
  const put = useTask(async () => {
    await api.post("/policy", { text, ...(note === "" ? {} : { note }) }, { query: { base: base.version } });
    toast("The policy is in the transparency log and in force.");
    onDone();
  });
  useEffect(() => {
    if (put.error?.code === "policy_moved") onMoved();
  }, [put.error]);
  const compare = () => {
    rebase();
    setLooked(true);
    put.clear();
  };
  return (
    <Dialog title="Another policy" open onClose={onClose} look="wide">
      {looked ? (
        <>
          <p>The policy is written to the transparency log, where everybody reads it, and then comes into force on every control plane. Every connected data plane is asked for new evidence at once.</p>
          <TextDiff before={current} after={text} label="What changes" />
          <TextField label="Note (optional)" value={note} maxLength={256} onInput={setNote} />
        </>
      ) : (
        <TextArea label="attestation.conf" hint="The text is checked by the same parser as the file. A policy that would let in something that it does not name does not load." mono rows={22} value={text} onInput={write} />
      )}
      {put.error && <Failure error={put.error} />}
      {moved && <p class="note warn">Version {count(latest.version)} came into force after this text was taken. What it has and this text has not would be removed: compare them, and take it over.</p>}
      <div class="actions">
        {moved && <Button onClick={compare}>Compare with version {count(latest.version)}</Button>}
        {looked && <Button onClick={() => setLooked(false)}>Back to the text</Button>}
        {looked
          ? <Button kind="primary" busy={put.busy} disabled={moved || text === current} onClick={() => void put.run()}>Put in force</Button>
          : <Button kind="primary" disabled={text.trim() === "" || text === current} onClick={() => setLooked(true)}>See what changes</Button>}
      </div>
    </Dialog>
  );
}

export default function PolicyPage() {
  const current = useLoad<Policy | null>((signal) => api.get<{ data: Policy }>("/policy", { signal }).then((r) => r.data), []);
  const versions = useList<Policy>("/policy/versions");
  const [open, setOpen] = useState<Policy | null>(null);
  const [edit, setEdit] = useState<Writing<Policy> | null>(null);
  const kept = useRef<Writing<Policy> | null>(null);
  const last = useRef<Policy | null>(null); // a text that is being written stays while the server cannot be reached
  if (current.data) last.current = current.data;
  const text = current.data?.text ?? "";
  const write = (w: Writing<Policy> | null) => setEdit(w ?? (last.current && { text, base: last.current }));
  const done = () => {
    kept.current = null;
    setEdit(null);
    current.reload();
    versions.reload();
  };
  return (
    <>
      <PageHead title="Attestation policy" says="Which programs, processors and firmware may receive prompts. Every version is in the transparency log.">
        {may("fleet.write") && <Button kind="primary" disabled={!current.data} onClick={() => write(kept.current)}>Change the policy</Button>}
      </PageHead>
      {current.error && <Failure error={current.error} retry={current.reload} />}
      {current.state === "loading" && <SkeletonLines lines={8} />}
      {current.data && (
        <section class="card stack">
          <div class="line apart">
            <div class="line"><h2>{current.data.name || `Version ${current.data.version}`}</h2><Badge tone="good">in force</Badge>{current.data.allow_simulated && <Badge tone="warn">lets simulators in</Badge>}</div>
            <CopyButton text={current.data.sha256} what="The digest" />
          </div>
          {current.data.allow_simulated && <p class="note warn">This policy accepts data planes whose evidence is simulated. That is for development: nothing protects prompts from the machine's owner.</p>}
          <p class="soft">In force {ago(current.data.in_force_at)}{current.data.log_index !== null && <>, entry {count(current.data.log_index)} of the transparency log</>}. <span class="mono small">sha256 {brief(current.data.sha256, 24)}</span></p>
          <Code text={text} what="The policy" />
        </section>
      )}
      <h2>Versions</h2>
      {versions.error && <Failure error={versions.error} retry={versions.reload} />}
      {versions.state === "loading" ? <TableSkeleton columns={5} rows={3} /> : <Table label="Versions of the policy" columns={columns} rows={versions.rows} keyOf={(p) => String(p.version)} onOpen={setOpen} onEnd={versions.more ? versions.next : undefined} />}
      {open && <Version of={open} current={text} onClose={() => setOpen(null)} onTake={(t) => { setOpen(null); write(last.current && { text: t, base: last.current }); }} />}
      {edit !== null && last.current && <Editor start={edit} latest={last.current} onKeep={(w) => (kept.current = w)} onDone={done} onMoved={() => { current.reload(); versions.reload(); }} onClose={() => setEdit(null)} />}
    </>
  );
}
