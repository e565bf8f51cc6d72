// The members of the organisation and who is invited.
import { useMemo, useState } from "preact/hooks";
import { api } from "../../core/api.ts";
import { date } from "../../core/format.ts";
import { useGet, useList } from "../../core/resource.ts";
import { go } from "../../core/router.ts";
import { loadSession, may, session } from "../../core/session.ts";
import { kept } from "../../core/storage.ts";
import { Badge, Button, Empty, Failure, SelectField, TextField, useTask } from "../../ui/controls.tsx";
import { Confirm, Dialog, Menu, type MenuItem } from "../../ui/dialog.tsx";
import { Table, TableSkeleton, type Column } from "../../ui/table.tsx";
import { toast } from "../../ui/toast.tsx";
import { useIdempotency } from "../parts/idempotent.ts";
import { faultOf, Form, Section, Shown, When } from "../parts/parts.tsx";
import { Fresh, Once } from "../parts/once.tsx";
import { mayGive, roleChoices, type Role } from "./roles.ts";

interface Member {
  id: string;
  email: string;
  name: string | null;
  role: Role;
  created_at: string;
}
interface Invitation {
  id: string;
  email: string;
  role: Role;
  created_at: string;
  expires_at: string;
}
interface MadeInvitation {
  data: Invitation;
  invitation: string;
}

type Doing = { what: "invite" } | { what: "role" | "remove"; member: Member } | { what: "leave" } | { what: "revoke"; invitation: Invitation } | { what: "made"; made: MadeInvitation } | null;

function memberColumns(doing: (d: Doing) => void): Column<Member>[] {
  const me = session.value?.user.id;
  const items = (m: Member): MenuItem[] => {
    if (m.id === me) return [{ label: "Leave the organisation", danger: true, run: () => doing({ what: "leave" }) }];
    if (!mayGive(m.role)) return [];
    return [
      { label: "Change role", run: () => doing({ what: "role", member: m }) },
      { label: "Remove", danger: true, run: () => doing({ what: "remove", member: m }) },
    ];
  };
  return [
    { head: "Member", cell: (m) => <span>{m.name ?? m.email}{m.id === me && <span class="faint"> (you)</span>}</span> },
    { head: "E-mail address", from: "sm", cell: (m) => m.email },
    { head: "Role", cell: (m) => <Badge tone={m.role === "owner" ? "accent" : "plain"}>{m.role}</Badge> },
    { head: "Since", from: "sm", cell: (m) => date(m.created_at) },
    { head: "Actions", width: "64px", cell: (m) => { const list = items(m); return list.length > 0 && <Menu label={`Actions for ${m.email}`} items={list} />; } },
  ];
}

const invitationColumns = (doing: (d: Doing) => void): Column<Invitation>[] => [
  { head: "E-mail address", cell: (i) => i.email },
  { head: "Role", cell: (i) => <Badge>{i.role}</Badge> },
  { head: "Expires", from: "sm", cell: (i) => <When at={i.expires_at} /> },
  { head: "Actions", width: "64px", cell: (i) => may("members.write") && <Button small kind="quiet" icon="trash" label={`Revoke the invitation of ${i.email}`} onClick={() => doing({ what: "revoke", invitation: i })} /> },
];

function Invite({ onClose, onMade }: { onClose: () => void; onMade: (made: MadeInvitation) => void }) {
  const choices = roleChoices();
  const [form, setForm] = useState<{ email: string; role: Role }>({ email: "", role: choices.some((c) => c.value === "developer") ? "developer" : (choices[0]?.value ?? "viewer") });
  const [fault, setFault] = useState<string | null>(null);
  const once = useIdempotency();
  const task = useTask(async () => onMade(await api.post<MadeInvitation>("/invitations", { email: form.email.trim(), role: form.role }, { idempotencyKey: once(form) })));
  const submit = () => {
    const found = /^\S+@\S+$/.test(form.email.trim()) ? null : "Write the e-mail address of the person.";
    setFault(found);
    return found === null ? task.run() : undefined;
  };
  return (
    <Dialog title="Invite somebody" open onClose={onClose}>
      <Form action="Make the invitation" busy={task.busy} error={task.error} shown={["email", "role"]} onCancel={onClose} onSubmit={submit}>
        <TextField label="E-mail address" type="email" autoFocus maxLength={254} value={form.email} onInput={(email) => setForm({ ...form, email })} wrong={fault ?? faultOf(task.error, "email")} />
        <SelectField label="Role" value={form.role} choices={choices} onChange={(role) => setForm({ ...form, role })} wrong={faultOf(task.error, "role")} />
        <p class="soft small">You get a link to pass on. It works once, within 7 days, for this address.</p>
      </Form>
    </Dialog>
  );
}

function ChangeRole({ of, onClose, onDone }: { of: Member; onClose: () => void; onDone: () => void }) {
  const [role, setRole] = useState<Role>(of.role);
  const task = useTask(async () => {
    await api.patch(`/members/${of.id}`, { role });
    toast(`${of.email} is ${role} now.`);
    onDone();
  });
  return (
    <Dialog title={`Role of ${of.email}`} open onClose={onClose}>
      <Form action="Change the role" busy={task.busy} error={task.error} onCancel={onClose} onSubmit={() => task.run()}>
        <SelectField label="Role" value={role} choices={roleChoices()} onChange={setRole} />
      </Form>
    </Dialog>
  );
}

function Sure({ title, says, action, work, onClose }: { title: string; says: string; action: string; work: () => Promise<void>; onClose: () => void }) {
  const task = useTask(work);
  return (
    <Confirm title={title} says={says} action={action} open busy={task.busy} onClose={onClose} onConfirm={() => void task.run()}>
      {task.error && <Failure error={task.error} />}
    </Confirm>
  );
}

async function leave(): Promise<void> {
  await api.post("/organisation/leave");
  kept.remove("workspace");
  toast("You have left the organisation.");
  go("/app");
  await loadSession();
}

/** Where the link of an invitation leads: the sign-up page takes it. What stands behind "#" goes to no server. */
const linkOf = (token: string): string => `${location.origin}/signup#${token}`;

function Invitations({ turn, doing }: { turn: number; doing: (d: Doing) => void }) {
  const list = useGet<{ data: Invitation[] }>(`/invitations`, turn > 0 ? {} : undefined);
  const columns = useMemo(() => invitationColumns(doing), [doing]);
  return (
    <Section title="Open invitations">
      <Shown of={list} loading={<TableSkeleton columns={3} rows={2} />}>
        {({ data }) => (data.length === 0 ? <p class="soft">Nobody is invited. {may("members.write") ? "Invite somebody by their e-mail address." : ""}</p> : <Table label="Open invitations" columns={columns} rows={data} keyOf={(i) => i.id} />)}
      </Shown>
    </Section>
  );
}

export function People() {
  const [doing, setDoing] = useState<Doing>(null);
  const [turn, setTurn] = useState(0);
  const members = useList<Member>("/members");
  const columns = useMemo(() => memberColumns(setDoing), [session.value]);
  const close = () => setDoing(null);
  const done = () => {
    close();
    members.reload();
    setTurn((n) => n + 1);
  };
  return (
    <>
      {doing?.what === "made" && (
        <Fresh title={`The invitation of ${doing.made.data.email}`} says="Pass this link on to the person. It is shown this once, works once and ends after 7 days." done="I have copied the link" onClose={close}>
          <Once text={linkOf(doing.made.invitation)} what="The link" />
        </Fresh>
      )}
      <Section title="Members" actions={may("members.write") && <Button kind="primary" icon="plus" onClick={() => setDoing({ what: "invite" })}>Invite</Button>}>
        {members.error && <Failure error={members.error} retry={members.reload} />}
        {!members.error && members.state === "loading" && <TableSkeleton columns={4} rows={3} />}
        {!members.error && members.state === "ready" && members.rows.length === 0 && <Empty title="No members" says="This organisation is used by API keys alone." />}
        {members.rows.length > 0 && <Table label="Members" columns={columns} rows={members.rows} keyOf={(m) => m.id} onEnd={members.more ? members.next : undefined} />}
      </Section>
      <Invitations key={turn} turn={turn} doing={setDoing} />
      {doing?.what === "invite" && <Invite onClose={close} onMade={(made) => { done(); setDoing({ what: "made", made }); }} />}
      {doing?.what === "role" && <ChangeRole of={doing.member} onClose={close} onDone={done} />}
      {doing?.what === "remove" && (
        <Sure title={`Remove ${doing.member.email}?`} says="Their sessions cannot act in this organisation from now on. Keys that they made stay: rotate or delete those they may still have." action="Remove" onClose={close}
          work={async () => { await api.del(`/members/${doing.member.id}`); toast(`${doing.member.email} is removed.`); done(); }} />
      )}
      {doing?.what === "revoke" && (
        <Sure title={`Revoke the invitation of ${doing.invitation.email}?`} says="The link stops working." action="Revoke" onClose={close}
          work={async () => { await api.del(`/invitations/${doing.invitation.id}`); toast("The invitation is revoked."); done(); }} />
      )}
      {doing?.what === "leave" && <Sure title="Leave the organisation?" says="You lose your access to it at once. Only another member can invite you back." action="Leave" work={leave} onClose={close} />}
    </>
  );
}

export function Leave() {
  const [asked, setAsked] = useState(false);
  return (
    <>
      <Button kind="danger" onClick={() => setAsked(true)}>Leave the organisation</Button>
      {asked && <Sure title="Leave the organisation?" says="You lose your access to it at once. Only another member can invite you back." action="Leave" work={leave} onClose={() => setAsked(false)} />}
    </>
  );
}
