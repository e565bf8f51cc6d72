// In which ways the user signs in.
import { useState } from "preact/hooks";
import { api } from "../../core/api.ts";
import { facts } from "../../core/console.ts";
import type { Resource } from "../../core/resource.ts";
import { here, queryOf } from "../../core/router.ts";
import { session } from "../../core/session.ts";
import { Badge, Button, Failure, SignInAgain, useTask } from "../../ui/controls.tsx";
import { Confirm } from "../../ui/dialog.tsx";
import { Table, TableSkeleton, type Column } from "../../ui/table.tsx";
import { toast } from "../../ui/toast.tsx";
import { Section, Shown, When } from "../parts/parts.tsx";
import { Notice } from "../sign/parts.tsx";
import { sentenceOf } from "../sign/words.ts";
import { AddPasskey, AddWallet, RenamePasskey } from "./passkeys.tsx";

export interface Identity {
  id: string;
  kind: "password" | "oidc" | "wallet" | "passkey";
  provider: string | null;
  label: string | null;
  created_at: string;
  last_used_at: string | null;
}

const providerName = (id: string | null): string => facts.value?.sign_in.oidc.find((p) => p.id === id)?.name ?? id ?? "A provider";
const nameOf = (i: Identity): string => ({ password: "Password", wallet: "Wallet", passkey: "Passkey", oidc: providerName(i.provider) })[i.kind];

export function Identities({ list }: { list: Resource<{ data: Identity[] }> }) {
  const [doomed, setDoomed] = useState<Identity | null>(null);
  const [renamed, setRenamed] = useState<Identity | null>(null);
  const remove = useTask(async (i: Identity) => {
    await api.del(`/auth/identities/${i.id}`);
    toast(`${nameOf(i)} signs you in no more.`);
    setDoomed(null);
    list.reload();
  });
  const error = queryOf(here.value).get("error");
  const wrong = sentenceOf(error);
  const only = list.data?.data.length === 1;
  const columns: Column<Identity>[] = [
    { head: "Way", cell: (i) => <>{nameOf(i)}{i.label && <span class="faint"> {i.label}</span>}</> },
    { head: "Added", from: "sm", cell: (i) => <When at={i.created_at} /> },
    { head: "Last used", from: "sm", cell: (i) => (i.kind === "password" ? <span class="faint">not noted</span> : <When at={i.last_used_at} />) },
    { head: "Actions", width: "210px", cell: (i) => (
      <div class="line">
        {i.kind === "passkey" && <Button small aria-label={`Rename ${nameOf(i)} ${i.label ?? ""}`} onClick={() => setRenamed(i)}>Rename</Button>}
        {only ? <Badge>the only one</Badge> : <Button small aria-label={`Remove ${nameOf(i)} ${i.label ?? ""}`} onClick={() => setDoomed(i)}>Remove</Button>}
      </div>
    ) },
  ];
  return (
    <Section id="identities" title="Sign-in methods" says="A way is added or removed within 15 minutes after you have signed in."
      actions={<>
        {facts.value?.sign_in.oidc.map((p) => <a key={p.id} class="button" href={`/v1/auth/oidc/${p.id}?link=true&csrf=${session.value?.csrf_token ?? ""}&return_to=${encodeURIComponent("/app/settings")}`}>Add {p.name}</a>)}
        <AddPasskey onDone={list.reload} />
        <AddWallet onDone={list.reload} />
      </>}>
      {wrong && <Notice tone="bad">{wrong}{error === "sign_in_again" && <> <SignInAgain /></>}</Notice>}
      <Shown of={list} loading={<TableSkeleton columns={3} rows={2} />}>{({ data }) => <Table label="Sign-in methods" columns={columns} rows={data} keyOf={(i) => i.id} />}</Shown>
      <Confirm title={`Remove ${doomed ? nameOf(doomed) : ""}?`} says="You can no longer sign in this way. Sessions that run go on." action="Remove" open={doomed !== null} busy={remove.busy} onClose={() => setDoomed(null)} onConfirm={() => doomed && void remove.run(doomed)}>
        {remove.error && <Failure error={remove.error} />}
      </Confirm>
      {renamed && <RenamePasskey of={renamed} onDone={list.reload} onClose={() => setRenamed(null)} />}
    </Section>
  );
}
