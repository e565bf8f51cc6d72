// The keys of the workspace.
import { useCallback, useEffect, useMemo, useState } from "preact/hooks";
import { api } from "../../core/api.ts";
import { date, usd } from "../../core/format.ts";
import { here, queryOf, setQuery } from "../../core/router.ts";
import { asApiError, useLoad } from "../../core/resource.ts";
import { may } from "../../core/session.ts";
import { Badge, Button, Empty, Failure, PageHead } from "../../ui/controls.tsx";
import { Menu } from "../../ui/dialog.tsx";
import { Table, TableSkeleton, type Column } from "../../ui/table.tsx";
import { toast } from "../../ui/toast.tsx";
import { NameButton, When } from "../parts/parts.tsx";
import { KeyDetail } from "./detail.tsx";
import { DeleteKey, EditKey, NewKey, RenameKey, RotateKey } from "./dialogs.tsx";
import { limitOf, roleWords, stateOf, type Key, type MadeKey } from "./key.ts";
import { MadePanel } from "./made.tsx";

type Doing = { what: "new" } | { what: "show" | "edit" | "rename" | "rotate" | "delete"; hash: string } | { what: "made"; made: MadeKey } | null;

const PAGE = 100; // keys in one answer of GET /keys

async function allKeys(signal: AbortSignal): Promise<Key[]> {
  const keys: Key[] = [];
  for (;;) {
    const { data } = await api.get<{ data: Key[] }>("/keys", { query: { include_disabled: true, offset: keys.length }, signal });
    keys.push(...data);
    if (data.length < PAGE) return keys;
  }
}

function LimitCell({ of }: { of: Key }) {
  if (of.limit === null) return <span class="faint">no limit</span>;
  const left = Math.max(0, of.limit_remaining ?? of.limit);
  const used = of.limit > 0 ? Math.min(1, 1 - left / of.limit) : 1;
  return (
    <span class="limit-cell" title={limitOf(of)}>
      {usd(left)} <span class="faint">left of {limitOf(of)}</span>
      <span class={`meter${used >= 1 ? " full" : ""}`} role="img" aria-label={`${Math.round(used * 100)}% used`}><span style={{ width: `${used * 100}%` }} /></span>
    </span>
  );
}

function columnsOf(act: (what: "show" | "edit" | "rename" | "rotate" | "delete", key: Key) => void, toggle: (key: Key) => void): Column<Key>[] {
  const columns: Column<Key>[] = [
    {
      head: "Name",
      cell: (k) => <><NameButton name={k.name} onClick={() => act("show", k)} />{k.role !== "inference" && <>{" "}<Badge tone="accent">{roleWords[k.role].toLowerCase()}</Badge></>}</>,
    },
    { head: "Key", from: "md", cell: (k) => <span class="mono soft">{k.label}</span> },
    { head: "State", cell: (k) => { const s = stateOf(k); return <Badge tone={s.tone}>{s.word}</Badge>; } },
    { head: "Limit", from: "sm", cell: (k) => <LimitCell of={k} /> },
    { head: "This month", number: true, cell: (k) => usd(k.usage_monthly) },
    { head: "Last used", from: "sm", cell: (k) => <When at={k.last_used_at} /> },
    { head: "Expires", from: "md", cell: (k) => (k.expires_at ? date(k.expires_at) : <span class="faint">never</span>) },
  ];
  if (may("keys.write"))
    columns.push({
      head: "Actions",
      width: "64px",
      cell: (k) => (
        <Menu label={`Actions for ${k.name}`} items={[
          { label: "Change name, limits, rules", run: () => act("edit", k) },
          { label: "Rename", run: () => act("rename", k) },
          { label: "Rotate", run: () => act("rotate", k), disabled: k.disabled },
          { label: k.disabled ? "Enable" : "Disable", run: () => toggle(k) },
          { label: "Delete", danger: true, run: () => act("delete", k) },
        ]} />
      ),
    });
  return columns;
}

const fits = (k: Key, words: string): boolean => `${k.name} ${k.label} ${stateOf(k).word} ${k.role}`.toLowerCase().includes(words.trim().toLowerCase());

export default function Keys() {
  const list = useLoad(allKeys, []);
  const [doing, setDoing] = useState<Doing>(null);
  const [words, setWords] = useState("");
  const close = () => setDoing(null);
  const done = () => {
    close();
    list.reload();
  };
  const act = useCallback((what: "show" | "edit" | "rename" | "rotate" | "delete", key: Key) => setDoing({ what, hash: key.hash }), []);
  const toggle = useCallback((key: Key) => {
    api.patch(`/keys/${key.hash}`, { disabled: !key.disabled }).then(
      () => {
        toast(key.disabled ? `“${key.name}” is enabled.` : `“${key.name}” is disabled: within a second no data plane takes it.`);
        list.reload();
      },
      (error: unknown) => toast(asApiError(error).message),
    );
  }, [list.reload]);
  const mayWrite = may("keys.write");
  const columns = useMemo(() => columnsOf(act, toggle), [act, toggle, mayWrite]);
  useEffect(() => {
    if (!mayWrite || queryOf(here.value).get("new") === null) return;
    setQuery({ new: null });
    setDoing({ what: "new" });
  }, [mayWrite]);
  const rows = (list.data ?? []).filter((k) => fits(k, words));
  const chosen = doing !== null && "hash" in doing ? list.data?.find((k) => k.hash === doing.hash) : undefined;
  const made = (m: MadeKey) => {
    setDoing({ what: "made", made: m });
    list.reload();
  };
  const newButton = mayWrite && <Button kind="primary" icon="plus" onClick={() => setDoing({ what: "new" })}>New key</Button>;
  return (
    <>
      <PageHead title="API keys" says="A key sends requests to models, within the limits and rules that you give it. A change holds on every data plane within a second.">{newButton}</PageHead>
      {doing?.what === "made" && <MadePanel key={doing.made.key} made={doing.made} onClose={close} />}
      {list.state === "loading" && <TableSkeleton columns={5} />}
      {list.state === "failed" && <Failure error={list.error} retry={list.reload} />}
      {list.state === "ready" && list.data.length === 0 && (
        <Empty title="No key yet" says={mayWrite ? "Make a key, then send a first request with it: the example is shown with the key." : "Your role reads keys only. An owner, an admin or a developer of the organisation can make one."}>{newButton}</Empty>
      )}
      {list.state === "ready" && list.data.length > 0 && (
        <>
          <input type="search" class="input" aria-label="Search keys" placeholder="Search by name, key or state" value={words} onInput={(e) => setWords(e.currentTarget.value)} />
          {rows.length === 0 ? <Empty title="No key fits" says="Search for a part of a key's name, its first letters, or a state such as “disabled”." /> : <Table label="API keys" columns={columns} rows={rows} keyOf={(k) => k.hash} onOpen={(k) => act("show", k)} />}
        </>
      )}
      {doing?.what === "new" && <NewKey onClose={close} onMade={made} />}
      {chosen && doing?.what === "show" && <KeyDetail of={chosen} onClose={close} />}
      {chosen && doing?.what === "edit" && <EditKey of={chosen} onClose={close} onDone={done} />}
      {chosen && doing?.what === "rename" && <RenameKey of={chosen} onClose={close} onDone={done} />}
      {chosen && doing?.what === "rotate" && <RotateKey of={chosen} onClose={close} onMade={made} />}
      {chosen && doing?.what === "delete" && <DeleteKey of={chosen} onClose={close} onDone={done} />}
    </>
  );
}
