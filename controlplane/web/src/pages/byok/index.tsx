// The account's own keys at providers, sealed in this page to a key that only attested data planes hold.
import { useCallback, useMemo, useState } from "preact/hooks";
import { api } from "../../core/api.ts";
import { asApiError, useGet } from "../../core/resource.ts";
import { may } from "../../core/session.ts";
import { Badge, Button, Empty, Failure, PageHead, useTask } from "../../ui/controls.tsx";
import { Confirm, Menu } from "../../ui/dialog.tsx";
import { Table, TableSkeleton, type Column } from "../../ui/table.tsx";
import { toast } from "../../ui/toast.tsx";
import { When } from "../parts/parts.tsx";
import { usePlane } from "../parts/plane.ts";
import type { PlaneSealingKey } from "./attested.ts";
import { AddKey, ChangeKey, SealAgain } from "./forms.tsx";
import type { ByokKey } from "./types.ts";

type Doing = { what: "add" } | { what: "seal" | "change" | "delete"; of: ByokKey } | null;

function useOf(k: ByokKey): string {
  if (k.always_use) return "always, never the operator's key";
  return k.is_fallback ? "when other keys failed" : "first, then the operator's key";
}

function columnsOf(sealingKey: string | null, doing: (d: Doing) => void, toggle: (k: ByokKey) => void): Column<ByokKey>[] {
  const columns: Column<ByokKey>[] = [
    { head: "Provider", cell: (k) => <span class="mono">{k.provider}</span> },
    { head: "Name", cell: (k) => k.name || <span class="faint">–</span> },
    {
      head: "State",
      cell: (k) => {
        if (k.disabled) return <Badge>disabled</Badge>;
        return sealingKey !== null && k.sealing_key_id !== sealingKey ? <Badge tone="bad">seal it again</Badge> : <Badge tone="good">in use</Badge>;
      },
    },
    { head: "Used", from: "sm", cell: useOf },
    { head: "Order", number: true, from: "md", cell: (k) => k.sort_order },
    { head: "Sealed to", from: "md", cell: (k) => <span class="mono soft">{k.sealing_key_id}</span> },
    { head: "Since", from: "sm", cell: (k) => <When at={k.updated_at ?? k.created_at} /> },
  ];
  if (may("byok.write"))
    columns.push({
      head: "Actions",
      width: "64px",
      cell: (k) => (
        <Menu label={`Actions for ${k.name || k.provider}`} items={[
          { label: "Change", run: () => doing({ what: "change", of: k }) },
          { label: "Seal again", run: () => doing({ what: "seal", of: k }) },
          { label: k.disabled ? "Enable" : "Disable", run: () => toggle(k) },
          { label: "Delete", danger: true, run: () => doing({ what: "delete", of: k }) },
        ]} />
      ),
    });
  return columns;
}

function Delete({ of, onClose, onDone }: { of: ByokKey; onClose: () => void; onDone: () => void }) {
  const task = useTask(async () => {
    await api.del(`/byok/${of.id}`);
    toast("The key is deleted.");
    onDone();
  });
  return (
    <Confirm title={`Delete the key at ${of.provider}?`} says="Data planes wipe it when the last request that uses it has ended. It stays valid at the provider: revoke it there if nobody should use it any more." action="Delete the key" open busy={task.busy} onClose={onClose} onConfirm={() => void task.run()}>
      {task.error && <Failure error={task.error} />}
    </Confirm>
  );
}

export default function Byok() {
  const list = useGet<{ data: ByokKey[]; total_count: number }>("/byok");
  const sealing = usePlane<PlaneSealingKey>("/byok/sealing-key");
  const [doing, setDoing] = useState<Doing>(null);
  const close = () => setDoing(null);
  const done = () => {
    close();
    list.reload();
  };
  const toggle = useCallback((k: ByokKey) => {
    api.patch(`/byok/${k.id}`, { disabled: !k.disabled }).then(() => list.reload(), (error: unknown) => toast(asApiError(error).message));
  }, [list.reload]);
  const writes = may("byok.write");
  const columns = useMemo(() => columnsOf(sealing.data?.id ?? null, setDoing, toggle), [sealing.data, toggle, writes]);
  const rows = list.data?.data ?? [];
  const stale = rows.some((k) => !k.disabled && sealing.data !== undefined && k.sealing_key_id !== sealing.data.id);
  const add = writes && <Button kind="primary" icon="plus" onClick={() => setDoing({ what: "add" })}>Add a key</Button>;
  return (
    <>
      <PageHead title="Provider keys" says={<>Keys of your own accounts at providers. Each is sealed in this page to a key that only attested data planes hold. <a href="/docs/byok">How this works</a></>}>{add}</PageHead>
      {stale && <p class="note warn">Data planes cannot open every key: the sealing key has changed since, as it does with another release. Seal the marked ones again.</p>}
      {list.state === "loading" && <TableSkeleton columns={5} rows={3} />}
      {list.state === "failed" && <Failure error={list.error} retry={list.reload} />}
      {list.state === "ready" && rows.length === 0 && (
        <Empty title="No provider key of your own" says={writes ? "With one, your requests at that provider cost no credit here but the operator's fee, and use your own limits there." : "Your role reads them only. An owner, an admin or a developer of the organisation can add one."}>{add}</Empty>
      )}
      {rows.length > 0 && <Table label="Provider keys" columns={columns} rows={rows} keyOf={(k) => k.id} />}
      {doing?.what === "add" && <AddKey onClose={close} onDone={done} />}
      {doing?.what === "seal" && <SealAgain of={doing.of} onClose={close} onDone={done} />}
      {doing?.what === "change" && <ChangeKey of={doing.of} onClose={close} onDone={done} />}
      {doing?.what === "delete" && <Delete of={doing.of} onClose={close} onDone={done} />}
    </>
  );
}
