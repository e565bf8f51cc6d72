// A provider key is typed, sealed in this page and sent; or what is beside it is changed.
import { useState } from "preact/hooks";
import { api } from "../../core/api.ts";
import { useLoad, type Resource } from "../../core/resource.ts";
import { session } from "../../core/session.ts";
import { Badge, Button, Field, SelectField, SkeletonLines, Switch, TextField, useTask } from "../../ui/controls.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { Icon } from "../../ui/icons.tsx";
import { toast } from "../../ui/toast.tsx";
import { useIdempotency } from "../parts/idempotent.ts";
import { faultOf, Form, Facts } from "../parts/parts.tsx";
import { usePlane, type PlaneProvider } from "../parts/plane.ts";
import { attestedKey, NotAttested, type AttestedKey } from "./attested.ts";
import { keyFault, sealKey } from "./seal.ts";
import type { ByokKey } from "./types.ts";

// useLoad keeps failures of the API only: a refusal of the evidence is an outcome to show.
type Outcome = { key: AttestedKey } | { refused: NotAttested };
const examine = (): Promise<Outcome> =>
  attestedKey().then((key) => ({ key }), (error: unknown) => {
    if (error instanceof NotAttested) return { refused: error };
    throw error;
  });

function Evidence({ of }: { of: Resource<Outcome> }) {
  if (of.state === "loading") return <div class="card stack tight"><p class="soft">Asking the data plane for its evidence…</p><SkeletonLines lines={2} /></div>;
  if (of.state === "failed")
    return <div class="failure" role="alert"><div><p>{of.error.message}</p><p class="code">{of.error.code}</p></div><Button small icon="refresh" onClick={of.reload}>Try again</Button></div>;
  if ("refused" in of.data)
    return (
      <div class="failure" role="alert">
        <div><p>The data plane's evidence is not accepted, so nothing is sealed: {of.data.refused.message}</p><p class="code">{of.data.refused.code}</p></div>
        <Button small icon="refresh" onClick={of.reload}>Try again</Button>
      </div>
    );
  const { key } = of.data;
  const passed = key.verdict.checks.filter((c) => c.ok === true).length;
  return (
    <details class="fold evidence">
      <summary><span class="good"><Icon name="check" /></span> The sealing key is the one in accepted evidence of <code>{new URL(key.origin).host}</code> {key.verdict.simulated && <Badge tone="warn">simulated</Badge>}</summary>
      <div class="stack tight">
        <p class="soft small">This browser verified {passed} checks: the processor's signature, the measured program, the release and the log. The policy and the release come from this console's address: compare them with what is published elsewhere.</p>
        <Facts rows={[["Sealing key", <code>{key.verdict.identity?.sealX25519}</code>], ["Program (measurement)", <code>{key.verdict.measurement}</code>], ["Boot", <code>{key.verdict.identity?.boot}</code>]]} />
      </div>
    </details>
  );
}

function KeyField({ value, onInput, wrong }: { value: string; onInput: (v: string) => void; wrong: string | null }) {
  return (
    <Field label="Key at the provider" hint="It is sealed in this page and leaves it only so: neither this console nor its operator can read it." wrong={wrong}>
      {(ids) => <input {...ids} class="input mono" type="password" autocomplete="off" spellcheck={false} value={value} onInput={(e) => onInput(e.currentTarget.value.trim())} />}
    </Field>
  );
}

interface Options {
  name: string;
  is_fallback: boolean;
  always_use: boolean;
}
function OptionFields({ of, change, error }: { of: Options; change: (c: Partial<Options>) => void; error: Parameters<typeof faultOf>[0] }) {
  return (
    <>
      <TextField label="Name (optional)" maxLength={128} value={of.name} onInput={(name) => change({ name })} wrong={faultOf(error, "name")} />
      <Switch label="Use it only when other keys failed" on={of.is_fallback} onChange={(is_fallback) => change({ is_fallback, ...(is_fallback ? { always_use: false } : {}) })} />
      <Switch label="Never use the operator's key at this provider" on={of.always_use} onChange={(always_use) => change({ always_use, ...(always_use ? { is_fallback: false } : {}) })} />
    </>
  );
}

export function AddKey({ onClose, onDone }: { onClose: () => void; onDone: () => void }) {
  const evidence = useLoad(examine, []);
  const providers = usePlane<{ data: PlaneProvider[] }>("/providers");
  const [provider, setProvider] = useState("");
  const [key, setKey] = useState("");
  const [fault, setFault] = useState<string | null>(null);
  const [options, setOptions] = useState<Options>({ name: "", is_fallback: false, always_use: false });
  const once = useIdempotency();
  const to = evidence.data && "key" in evidence.data ? evidence.data.key : null;
  const chosen = provider || (providers.data?.data[0]?.slug ?? "");
  const task = useTask(async () => {
    const account = session.value?.workspace_id;
    if (!to || !account) return;
    const sealed_key = sealKey(account, chosen, key, to.publicKey);
    const { name, ...flags } = options;
    const body = { provider: chosen, sealed_key, sealing_key_id: to.id, ...flags, ...(name.trim() === "" ? {} : { name: name.trim() }) };
    await api.post("/byok", body, { idempotencyKey: once(body) });
    setKey("");
    toast(`The key at ${chosen} is added. Data planes use it within a second.`);
    onDone();
  });
  const submit = () => {
    const found = keyFault(key);
    setFault(found);
    return found === null ? task.run() : undefined;
  };
  return (
    <Dialog title="Add a key of your own" open onClose={onClose}>
      <Form action="Seal and add" busy={task.busy} error={task.error} shown={["provider", "sealed_key", "name"]} disabled={to === null || chosen === ""} onCancel={onClose} onSubmit={submit}>
        <Evidence of={evidence} />
        <SelectField label="Provider" value={chosen} choices={(providers.data?.data ?? []).map((p) => ({ value: p.slug, label: p.name }))} onChange={setProvider} wrong={faultOf(task.error, "provider") ?? (providers.state === "failed" ? providers.error.message : null)} />
        <KeyField value={key} onInput={setKey} wrong={fault ?? faultOf(task.error, "sealed_key")} />
        <OptionFields of={options} change={(c) => setOptions({ ...options, ...c })} error={task.error} />
      </Form>
    </Dialog>
  );
}

export function SealAgain({ of, onClose, onDone }: { of: ByokKey; onClose: () => void; onDone: () => void }) {
  const evidence = useLoad(examine, []);
  const [key, setKey] = useState("");
  const [fault, setFault] = useState<string | null>(null);
  const to = evidence.data && "key" in evidence.data ? evidence.data.key : null;
  const task = useTask(async () => {
    const account = session.value?.workspace_id;
    if (!to || !account) return;
    await api.patch(`/byok/${of.id}`, { sealed_key: sealKey(account, of.provider, key, to.publicKey), sealing_key_id: to.id });
    setKey("");
    toast("The key is sealed again.");
    onDone();
  });
  const submit = () => {
    const found = keyFault(key);
    setFault(found);
    return found === null ? task.run() : undefined;
  };
  return (
    <Dialog title={`Seal the key at ${of.provider} again`} open onClose={onClose}>
      <Form action="Seal and replace" busy={task.busy} error={task.error} shown={["sealed_key"]} disabled={to === null} onCancel={onClose} onSubmit={submit}>
        <p>The former text is replaced. Use this when the provider gave you another key, or when data planes cannot open the present one any more.</p>
        <Evidence of={evidence} />
        <KeyField value={key} onInput={setKey} wrong={fault ?? faultOf(task.error, "sealed_key")} />
      </Form>
    </Dialog>
  );
}

export function ChangeKey({ of, onClose, onDone }: { of: ByokKey; onClose: () => void; onDone: () => void }) {
  const [options, setOptions] = useState<Options>({ name: of.name, is_fallback: of.is_fallback, always_use: of.always_use });
  const [order, setOrder] = useState(String(of.sort_order));
  const task = useTask(async () => {
    const { name, ...flags } = options;
    await api.patch(`/byok/${of.id}`, { ...flags, name: name.trim() || null, sort_order: Number(order) });
    toast("The key is changed.");
    onDone();
  });
  const fault = /^\d{1,7}$/.test(order) && Number(order) <= 1_000_000 ? null : "Write a whole number, 0 to 1,000,000.";
  return (
    <Dialog title={`Change the key at ${of.provider}`} open onClose={onClose}>
      <Form action="Save" busy={task.busy} error={task.error} shown={["name", "sort_order"]} disabled={fault !== null} onCancel={onClose} onSubmit={() => task.run()}>
        <OptionFields of={options} change={(c) => setOptions({ ...options, ...c })} error={task.error} />
        <TextField label="Place in the order" inputMode="numeric" value={order} onInput={setOrder} hint="Smaller is tried first." wrong={fault ?? faultOf(task.error, "sort_order")} />
      </Form>
    </Dialog>
  );
}
