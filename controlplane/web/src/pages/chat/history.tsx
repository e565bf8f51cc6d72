// The conversations that this browser keeps.
import { useState } from "preact/hooks";
import { ago } from "../../core/format.ts";
import { Button, Skeleton, TextField } from "../../ui/controls.tsx";
import { Confirm, Dialog, Menu } from "../../ui/dialog.tsx";
import type { Head } from "../../prompt/conversations.ts";
import { current, exportAll, heads, openKept, remove, removeAll, rename, startNew } from "./state.ts";

function Rename({ head, onClose }: { head: Head; onClose: () => void }) {
  const [title, setTitle] = useState(head.title);
  const save = () => {
    if (title.trim() === "") return;
    void rename(head.id, title.trim());
    onClose();
  };
  return (
    <Dialog title="Rename the conversation" open onClose={onClose}>
      <form class="stack" onSubmit={(e) => { e.preventDefault(); save(); }}>
        <TextField label="Name" value={title} maxLength={120} autoFocus onInput={setTitle} />
        <div class="actions"><Button onClick={onClose}>Cancel</Button><Button kind="primary" type="submit">Rename</Button></div>
      </form>
    </Dialog>
  );
}

function Entry({ head, onRename, onOpen }: { head: Head; onRename: () => void; onOpen: () => void }) {
  const open = head.id === current.value.id;
  return (
    <li data-open={open ? "" : undefined}>
      <button type="button" class="kept" aria-current={open ? "true" : undefined} onClick={() => { void openKept(head.id); onOpen(); }}>
        <span class="clip">{head.title || "Without a name"}</span>
        <span class="soft small">{ago(head.changed)}</span>
      </button>
      <Menu label={`More of ${head.title}`} items={[{ label: "Rename", run: onRename }, { label: "Delete", danger: true, run: () => void remove(head.id) }]} />
    </li>
  );
}

export function History({ onOpen }: { onOpen: () => void }) {
  const [renamed, setRenamed] = useState<Head | null>(null);
  const [deleting, setDeleting] = useState(false);
  const list = heads.value;
  return (
    <>
      <Button icon="plus" onClick={() => { startNew(); onOpen(); }}>New conversation</Button>
      {list === null && <div class="stack tight" role="status" aria-label="Loading"><Skeleton /><Skeleton width="70%" /></div>}
      {list?.length === 0 && <p class="soft small">Conversations are kept in this browser only, in clear and also after you sign out, and listed here. Write a message to begin one.</p>}
      {list !== null && list.length > 0 && (
        <>
          <ul class="history" aria-label="Conversations">{list.map((h) => <Entry key={h.id} head={h} onRename={() => setRenamed(h)} onOpen={onOpen} />)}</ul>
          <div class="line">
            <Button small kind="quiet" onClick={() => void exportAll()}>Export as JSON</Button>
            <Button small kind="quiet" onClick={() => setDeleting(true)}>Delete all</Button>
          </div>
        </>
      )}
      {renamed && <Rename head={renamed} onClose={() => setRenamed(null)} />}
      <Confirm title="Delete all conversations?" says="They are kept in this browser only, so nobody can bring them back. Export them first if you may need them." action="Delete all" open={deleting} onClose={() => setDeleting(false)} onConfirm={() => { setDeleting(false); void removeAll(); }} />
    </>
  );
}
