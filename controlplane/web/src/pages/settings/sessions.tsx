// Where the user is signed in, and the password.
import { useState } from "preact/hooks";
import { api } from "../../core/api.ts";
import { useGet, type Resource } from "../../core/resource.ts";
import { session, signOut } from "../../core/session.ts";
import { Badge, Button, Failure, TextField, useTask } from "../../ui/controls.tsx";
import { Confirm } from "../../ui/dialog.tsx";
import { Table, TableSkeleton, type Column } from "../../ui/table.tsx";
import { toast } from "../../ui/toast.tsx";
import { faultOf, Form, Section, Shown, When } from "../parts/parts.tsx";
import type { Identity } from "./identities.tsx";

interface UserSession {
  id: string;
  current: boolean;
  created_at: string;
  last_seen_at: string | null;
  expires_at: string;
}

export function Sessions() {
  const list = useGet<{ data: UserSession[] }>("/auth/sessions");
  const [all, setAll] = useState(false);
  const end = useTask(async (id: string) => {
    await api.del(`/auth/sessions/${id}`);
    toast("The session is ended.");
    list.reload();
  });
  const endAll = useTask(async () => {
    await api.del("/auth/sessions");
    await signOut();
  });
  const columns: Column<UserSession>[] = [
    { head: "Signed in", cell: (s) => <><When at={s.created_at} />{s.current && <> <Badge tone="good">this one</Badge></>}</> },
    { head: "Last used", cell: (s) => <When at={s.last_seen_at} /> },
    { head: "Ends", from: "sm", cell: (s) => <When at={s.expires_at} /> },
    { head: "Actions", width: "80px", cell: (s) => !s.current && <Button small busy={end.busy} aria-label={`End the session of ${s.created_at}`} onClick={() => void end.run(s.id)}>End</Button> },
  ];
  return (
    <Section title="Sessions" says="A session ends after 30 days, and after 7 days without use." actions={<Button kind="danger" onClick={() => setAll(true)}>End all sessions</Button>}>
      {end.error && <Failure error={end.error} />}
      <Shown of={list} loading={<TableSkeleton columns={3} rows={2} />}>{({ data }) => <Table label="Sessions" columns={columns} rows={data} keyOf={(s) => s.id} />}</Shown>
      <Confirm title="End all sessions?" says="Every browser and program that is signed in as you has to sign in again, this one included. API keys go on working: look through “Keys made lately” if somebody else was signed in as you." action="End all sessions" open={all} busy={endAll.busy} onClose={() => setAll(false)} onConfirm={() => void endAll.run()}>
        {endAll.error && <Failure error={endAll.error} />}
      </Confirm>
    </Section>
  );
}

export function Password({ list }: { list: Resource<{ data: Identity[] }> }) {
  const first = list.state === "ready" && !list.data.data.some((i) => i.kind === "password");
  const [form, setForm] = useState({ current: "", next: "", again: "" });
  const [fault, setFault] = useState<{ next?: string; again?: string }>({});
  const task = useTask(async () => {
    await api.post("/auth/password", { ...(first ? {} : { current_password: form.current }), new_password: form.next });
    setForm({ current: "", next: "", again: "" });
    toast(`The password is ${first ? "set" : "changed"}. Your other sessions are ended.`);
    if (first) list.reload();
  });
  const submit = () => {
    const found: typeof fault = {};
    if (new TextEncoder().encode(form.next).length < 10) found.next = "A password has at least 10 characters.";
    if (form.next !== form.again) found.again = "The two are not the same.";
    setFault(found);
    return Object.keys(found).length === 0 ? task.run() : undefined;
  };
  return (
    <Section title="Password" says={first ? "You have none. Setting one ends your other sessions." : "Changing it ends your other sessions."}>
      <div class="card narrow">
        <Form action={first ? "Set a password" : "Change the password"} busy={task.busy} error={task.error} shown={["current_password", "new_password"]} disabled={(!first && form.current === "") || form.next === ""} onSubmit={submit}>
          <input type="text" class="hidden-text" autocomplete="username" value={session.value?.user.email ?? ""} readOnly tabIndex={-1} aria-hidden="true" />
          {!first && <TextField label="Present password" type="password" autoComplete="current-password" value={form.current} onInput={(current) => setForm({ ...form, current })} wrong={faultOf(task.error, "current_password")} />}
          <TextField label="New password" type="password" autoComplete="new-password" value={form.next} onInput={(next) => setForm({ ...form, next })} hint="10 to 256 characters." wrong={fault.next ?? faultOf(task.error, "new_password")} />
          <TextField label="New password, again" type="password" autoComplete="new-password" value={form.again} onInput={(again) => setForm({ ...form, again })} wrong={fault.again} />
        </Form>
      </div>
    </Section>
  );
}
