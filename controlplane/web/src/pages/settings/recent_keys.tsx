// Keys that work and that were made, rotated or enabled in the user's name lately: a key that a person made of a session or a
// password that was not theirs outlives both.
import { useState } from "preact/hooks";
import { api } from "../../core/api.ts";
import { plural } from "../../core/format.ts";
import { useGet } from "../../core/resource.ts";
import { may } from "../../core/session.ts";
import { Button, Failure, useTask } from "../../ui/controls.tsx";
import { Confirm } from "../../ui/dialog.tsx";
import { Table, TableSkeleton, type Column } from "../../ui/table.tsx";
import { toast } from "../../ui/toast.tsx";
import { roleWords, type Key } from "../keys/key.ts";
import { Section, Shown, When } from "../parts/parts.tsx";

interface RecentKey {
  hash: string;
  name: string;
  label: string;
  role: Key["role"];
  workspace_id: string;
  workspace_name: string;
  what: "made" | "rotated" | "enabled";
  at: string;
  via: string | null;
}
interface Disabled {
  data: { disabled: number; replaced: number };
}

const words = { made: "made", rotated: "rotated", enabled: "enabled again" };

export function RecentKeys() {
  const list = useGet<{ data: RecentKey[] }>("/auth/recent-keys");
  const [doomed, setDoomed] = useState<RecentKey | "all" | null>(null);
  const disable = useTask(async (which: RecentKey | "all") => {
    const { data } = (await api.post<Disabled>("/auth/recent-keys/disable", { hash: which === "all" ? null : which.hash }));
    const replaced = data.replaced === 0 ? "" : " The last management key of a workspace cannot be disabled: its text is replaced by one that nobody has. Rotate it to use it again.";
    toast(`${plural(data.disabled + data.replaced, "key")} stopped.${replaced}`);
    setDoomed(null);
    list.reload();
  });
  const keys = list.data?.data ?? [];
  const columns: Column<RecentKey>[] = [
    { head: "Key", cell: (k) => <span class="recent-key" title={`${k.name} ${k.label}`}>{k.name} <span class="faint">{k.label}</span></span> },
    { head: "Workspace", from: "sm", cell: (k) => k.workspace_name },
    { head: "Kind", from: "sm", cell: (k) => roleWords[k.role] },
    { head: "When", cell: (k) => <>{words[k.what]} <When at={k.at} /></> },
    { head: "By the key", from: "sm", cell: (k) => k.via ?? <span class="faint">–</span> },
    { head: "Actions", width: "84px", cell: (k) => <Button small aria-label={`Disable ${k.name} of ${k.at}`} onClick={() => setDoomed(k)}>Disable</Button> },
  ];
  return (
    <Section id="recent-keys" title="Keys made lately" actions={keys.length > 1 && <Button kind="danger" onClick={() => setDoomed("all")}>Disable all of them</Button>}
      says="Keys that work and that you, or keys of yours, made, rotated or enabled in the last 30 days, by the audit trail. Keys go on working when sessions end or the password changes: disable those that you do not know.">
      <Shown of={list} loading={<TableSkeleton columns={3} rows={2} />}>
        {({ data }) => data.length === 0 ? <p class="card soft">There are none: no key that works was made, rotated or enabled in your name in the last 30 days.</p>
          : <Table label="Keys made lately" columns={columns} rows={data} keyOf={(k) => k.hash} />}
      </Shown>
      {may("audit.read") && <p class="soft">What else was done in your name is in the <a href="/app/audit">audit trail</a>; who was invited, under <a href="/app/members">members</a>.</p>}
      <Confirm title={doomed === "all" ? `Disable ${plural(keys.length, "key")}?` : `Disable ${doomed?.name ?? ""}?`} says="Programs that use it are refused within a second. It can be enabled again under API keys." action="Disable" open={doomed !== null} busy={disable.busy} onClose={() => setDoomed(null)} onConfirm={() => doomed && void disable.run(doomed)}>
        {disable.error && <Failure error={disable.error} />}
      </Confirm>
    </Section>
  );
}
