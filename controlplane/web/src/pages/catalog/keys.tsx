// The operator's keys at providers. A key is written once and shown never again.
import { useState } from "preact/hooks";
import { api } from "../../core/api.ts";
import { ago, brief, count } from "../../core/format.ts";
import { useGet } from "../../core/resource.ts";
import { may } from "../../core/session.ts";
import { Badge, Button, Empty, Failure, TextField, useTask } from "../../ui/controls.tsx";
import { Confirm, Dialog, Menu } from "../../ui/dialog.tsx";
import { Table, TableSkeleton, type Column } from "../../ui/table.tsx";
import { toast } from "../../ui/toast.tsx";
import type { ProviderKey } from "./types.ts";

function NewKey({ done }: { done: (changed: boolean) => void }) {
  const [provider, setProvider] = useState("");
  const [key, setKey] = useState("");
  const [label, setLabel] = useState("");
  const save = useTask(async () => {
    await api.post("/provider-keys", { provider: provider.trim(), key: key.trim(), ...(label === "" ? {} : { label }) });
    setKey("");
    toast("The key is stored encrypted, and attested data planes have it.");
    done(true);
  });
  return (
    <Dialog title="A provider key" open onClose={() => done(false)}>
      <TextField label="Provider" hint="The id in providers.conf, such as openai." value={provider} onInput={setProvider} autoFocus />
      <TextField label="Key" type="password" autoComplete="off" hint="It is encrypted under the master key and never shown again." value={key} onInput={setKey} />
      <TextField label="Label (optional)" value={label} maxLength={128} onInput={setLabel} />
      {save.error && <Failure error={save.error} />}
      <div class="actions"><Button onClick={() => done(false)}>Cancel</Button><Button kind="primary" disabled={provider === "" || key === ""} busy={save.busy} onClick={() => void save.run()}>Store the key</Button></div>
    </Dialog>
  );
}

const columnsFor = (change: (k: ProviderKey, disabled: boolean) => void, remove: (k: ProviderKey) => void): Column<ProviderKey>[] => [
  { head: "Provider", cell: (k) => k.provider },
  { head: "Label", cell: (k) => k.label || "–", from: "sm" },
  { head: "State", cell: (k) => (k.disabled ? <Badge>disabled</Badge> : k.set_aside.length > 0 ? <span title={k.set_aside.map((s) => s.reason).join(", ")}><Badge tone="bad">set aside: {k.set_aside[0]!.reason}</Badge></span> : <Badge tone="good">in use</Badge>) },
  { head: "Weight", number: true, cell: (k) => count(k.weight), from: "md" },
  { head: "Fingerprint", cell: (k) => <span class="mono">{brief(k.fingerprint ?? "–", 12)}</span>, from: "md" },
  { head: "Stored", cell: (k) => ago(k.created_at), from: "sm" },
  {
    head: "",
    width: "56px",
    cell: (k) => may("catalog.write") && <Menu label={`Change the key ${k.label ?? k.provider}`} items={[{ label: k.disabled ? "Use it again" : "Disable", run: () => change(k, !k.disabled) }, { label: "Delete", danger: true, run: () => remove(k) }]} />,
  },
];

export function ProviderKeys() {
  const list = useGet<{ data: ProviderKey[] }>("/provider-keys");
  const [making, setMaking] = useState(false);
  const [gone, setGone] = useState<ProviderKey | null>(null);
  const change = useTask(async (k: ProviderKey, disabled: boolean) => {
    await api.patch(`/provider-keys/${k.id}`, { disabled });
    list.reload();
  });
  const remove = useTask(async (k: ProviderKey) => {
    await api.del(`/provider-keys/${k.id}`);
    setGone(null);
    list.reload();
  });
  const error = list.error ?? change.error;
  return (
    <>
      <div class="line apart">
        <span class="soft">Keys that came by this page or the REST API. Keys of the control plane's configuration are not listed.</span>
        {may("catalog.write") && <Button kind="primary" icon="plus" onClick={() => setMaking(true)}>Add a key</Button>}
      </div>
      {error && <Failure error={error} retry={list.reload} />}
      {list.state === "loading" ? <TableSkeleton columns={5} rows={3} /> : list.data?.data.length === 0 ? (
        <Empty title="No provider key is stored here" says="Requests use the keys of the control plane's configuration. A key that you add here reaches every attested data plane within a second." />
      ) : list.data && <Table label="Provider keys" columns={columnsFor((k, d) => void change.run(k, d), setGone)} rows={list.data.data} keyOf={(k) => k.id} />}
      {making && <NewKey done={(changed) => { setMaking(false); if (changed) list.reload(); }} />}
      {gone && (
        <Confirm title="Delete this provider key?" says={`Requests to ${gone.provider} use its other keys, or fail when there is none.`} action="Delete" open busy={remove.busy} onConfirm={() => void remove.run(gone)} onClose={() => setGone(null)}>
          {remove.error && <Failure error={remove.error} />}
        </Confirm>
      )}
    </>
  );
}
