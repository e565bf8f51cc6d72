// What is done with a key: made, changed, renamed, rotated, deleted.
import { useState } from "preact/hooks";
import { api } from "../../core/api.ts";
import { SelectField, TextField, Failure, useTask } from "../../ui/controls.tsx";
import { Confirm, Dialog } from "../../ui/dialog.tsx";
import { toast } from "../../ui/toast.tsx";
import { useIdempotency } from "../parts/idempotent.ts";
import { faultOf, Form } from "../parts/parts.tsx";
import { KeyFields } from "./fields.tsx";
import { changeBody, createBody, emptyForm, faultsOf, formOf, type KeyForm } from "./form.ts";
import type { Key, MadeKey } from "./key.ts";

interface OfKey {
  of: Key;
  onClose: () => void;
  onDone: () => void;
}

const shown = ["name", "limit", "limit_reset", "expires_at", "allowed_models", "allowed_providers", "allowed_ips", "min_privacy", "region", "requests_per_minute", "tokens_per_minute"];

function useKeyForm(start: KeyForm) {
  const [form, setForm] = useState(start);
  const [faults, setFaults] = useState<ReturnType<typeof faultsOf>>({});
  const set = (changes: Partial<KeyForm>) => {
    const next = { ...form, ...changes };
    setForm(next);
    if (Object.keys(faults).length > 0) setFaults(faultsOf(next));
  };
  const check = (): boolean => {
    const found = faultsOf(form);
    setFaults(found);
    return Object.keys(found).length === 0;
  };
  return { form, set, faults, check };
}

export function NewKey({ onClose, onMade, start = emptyForm }: { onClose: () => void; onMade: (made: MadeKey) => void; start?: KeyForm }) {
  const f = useKeyForm(start);
  const once = useIdempotency(); // pressed twice or sent again, it makes one key
  const task = useTask(async () => onMade(await api.post<MadeKey>("/keys", createBody(f.form), { idempotencyKey: once(f.form) })));
  return (
    <Dialog title="New key" open onClose={onClose}>
      <Form action="Make the key" busy={task.busy} error={task.error} shown={shown} onCancel={onClose} onSubmit={() => (f.check() ? task.run() : undefined)}>
        <KeyFields {...f} error={task.error} isNew />
      </Form>
    </Dialog>
  );
}

export function EditKey({ of, onClose, onDone }: OfKey) {
  const [start] = useState(() => formOf(of));
  const f = useKeyForm(start);
  const task = useTask(async () => {
    const body = changeBody(start, f.form);
    if (Object.keys(body).length > 0) await api.patch(`/keys/${of.hash}`, body);
    toast("The key is changed. Data planes obey it within a second.");
    onDone();
  });
  return (
    <Dialog title={`Change “${of.name}”`} open onClose={onClose}>
      <Form action="Save" busy={task.busy} error={task.error} shown={shown} onCancel={onClose} onSubmit={() => (f.check() ? task.run() : undefined)}>
        <KeyFields {...f} error={task.error} isNew={false} expiresAt={of.expires_at} />
      </Form>
    </Dialog>
  );
}

export function RenameKey({ of, onClose, onDone }: OfKey) {
  const [name, setName] = useState(of.name);
  const task = useTask(async () => {
    await api.patch(`/keys/${of.hash}`, { name: name.trim() });
    onDone();
  });
  return (
    <Dialog title="Rename the key" open onClose={onClose}>
      <Form action="Rename" busy={task.busy} error={task.error} shown={["name"]} disabled={name.trim() === ""} onCancel={onClose} onSubmit={() => task.run()}>
        <TextField label="Name" autoFocus maxLength={128} value={name} onInput={setName} wrong={faultOf(task.error, "name")} />
      </Form>
    </Dialog>
  );
}

const overlaps = [
  { value: "0", label: "Stops at once" },
  { value: "3600", label: "Works for another hour" },
  { value: "86400", label: "Works for another day" },
  { value: "604800", label: "Works for another 7 days" },
  { value: "2592000", label: "Works for another 30 days" },
];

export function RotateKey({ of, onClose, onMade }: { of: Key; onClose: () => void; onMade: (made: MadeKey) => void }) {
  const [overlap, setOverlap] = useState("3600");
  const once = useIdempotency();
  const task = useTask(async () => onMade(await api.post<MadeKey>(`/keys/${of.hash}/rotate`, { overlap_seconds: Number(overlap) }, { idempotencyKey: once(overlap) })));
  return (
    <Dialog title={`Rotate “${of.name}”`} open onClose={onClose}>
      <Form action="Rotate" busy={task.busy} error={task.error} onCancel={onClose} onSubmit={() => task.run()}>
        <p>The key gets another text. Its name, limits, usage and rules stay.</p>
        <SelectField label="The present text" value={overlap} choices={overlaps} onChange={setOverlap} hint={of.previous_key_expires_at ? "The text before the present one ends now." : undefined} />
      </Form>
    </Dialog>
  );
}

export function DeleteKey({ of, onClose, onDone }: OfKey) {
  const task = useTask(async () => {
    await api.del(`/keys/${of.hash}`);
    toast("The key is deleted.");
    onDone();
  });
  return (
    <Confirm title={`Delete “${of.name}”?`} action="Delete the key" open busy={task.busy} onClose={onClose} onConfirm={() => void task.run()}
      says="Within a second no data plane takes it, and programs that use it get the status 401. It cannot be brought back; its usage stays in the statements. To stop it for a while, disable it instead.">
      {task.error && <Failure error={task.error} />}
    </Confirm>
  );
}
