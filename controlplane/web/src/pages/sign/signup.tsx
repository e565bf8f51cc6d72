// /signup: a new user, alone or by an invitation, and then the first key.
import { useEffect, useState } from "preact/hooks";
import { api } from "../../core/api.ts";
import { facts } from "../../core/console.ts";
import { go, here, queryOf } from "../../core/router.ts";
import { loadSession, may, session } from "../../core/session.ts";
import { Button, ButtonLink, Empty, Failure, SkeletonLines, TextField, useTask } from "../../ui/controls.tsx";
import { MadePanel } from "../keys/made.tsx";
import type { MadeKey } from "../keys/key.ts";
import { faultOf, Form } from "../parts/parts.tsx";
import { backPath, Head, Notice, Or, Providers, tooShort } from "./parts.tsx";

/** Behind "#", where it goes to no server; links of before have it in the query. It leaves the address at once. */
function takeInvitation(): string | null {
  const found = /^#(sk-tr-i1-[\w-]+)$/.exec(location.hash)?.[1] ?? queryOf(here.peek()).get("invitation");
  if (found !== null) go("/signup", { replace: true });
  return found;
}

interface Answers {
  email: string;
  name: string;
  password: string;
}

function NewUser({ onDone }: { onDone: () => void }) {
  const [form, setForm] = useState<Answers>({ email: "", name: "", password: "" });
  const [fault, setFault] = useState<string | null>(null);
  const task = useTask(async () => {
    await api.post("/auth/signup", { email: form.email.trim(), password: form.password, name: form.name.trim() || null });
    onDone(); // first: what is shown when the session is there
    await loadSession();
  });
  const submit = () => {
    const found = tooShort(form.password);
    setFault(found);
    return found === null ? task.run() : undefined;
  };
  return (
    <Form action="Make the account" busy={task.busy} error={task.error} shown={["email", "name", "password"]} disabled={form.email.trim() === "" || form.password === ""} onSubmit={submit}>
      <TextField label="E-mail address" type="email" name="email" autoComplete="username" autoFocus value={form.email} onInput={(email) => setForm({ ...form, email })} wrong={faultOf(task.error, "email")} />
      <TextField label="Your name (optional)" name="name" autoComplete="name" value={form.name} onInput={(name) => setForm({ ...form, name })} wrong={faultOf(task.error, "name")} />
      <TextField label="Password" type="password" name="password" autoComplete="new-password" value={form.password} onInput={(password) => setForm({ ...form, password })} hint="10 to 256 characters." wrong={fault ?? faultOf(task.error, "password")} />
    </Form>
  );
}

function InvitedWays({ invitation }: { invitation: string }) {
  const task = useTask(async (id: string) => {
    const { data } = await api.post<{ data: { url: string } }>(`/auth/oidc/${id}`, { invitation, return_to: "/app" });
    location.assign(data.url);
  });
  return (
    <>
      {task.error && <Failure error={task.error} />}
      {facts.value?.sign_in.oidc.map((p) => (
        <Button key={p.id} busy={task.busy} onClick={() => void task.run(p.id)}>Accept with {p.name}</Button>
      ))}
    </>
  );
}

function Invited({ invitation, onDone }: { invitation: string; onDone: () => void }) {
  const [form, setForm] = useState({ name: "", password: "" });
  const task = useTask(async () => {
    await api.post("/invitations/accept", { invitation, password: form.password, name: form.name.trim() || null });
    await loadSession();
    onDone();
  });
  return (
    <>
      <Form action="Accept the invitation" busy={task.busy} error={task.error} shown={["name", "password"]} disabled={form.password === ""} onSubmit={task.run}>
        <TextField label="Your name (optional)" name="name" autoComplete="name" value={form.name} onInput={(name) => setForm({ ...form, name })} wrong={faultOf(task.error, "name")} />
        <TextField label="Password" type="password" name="password" autoComplete="new-password" value={form.password} onInput={(password) => setForm({ ...form, password })}
          hint="Choose one of 10 to 256 characters. If you have an account with this e-mail address already: its password." wrong={faultOf(task.error, "password")} />
      </Form>
      {(facts.value?.sign_in.oidc.length ?? 0) > 0 && <Or />}
      <InvitedWays invitation={invitation} />
    </>
  );
}

/** Signed in: a key, and a request that can be copied. */
function FirstKey({ back }: { back: string }) {
  const [name, setName] = useState("First key");
  const [made, setMade] = useState<MadeKey | null>(null);
  const task = useTask(async () => setMade(await api.post<MadeKey>("/keys", { name: name.trim() })));
  if (made) return <MadePanel made={made} onClose={() => go(back, { replace: true })} />;
  return (
    <div class="card stack sign">
      <Head title="Make your first key" says="Programs send it with every request. You can limit, rename or delete it later, under API keys." />
      <Form action="Make the key" busy={task.busy} error={task.error} shown={["name"]} disabled={name.trim() === ""} onSubmit={task.run}>
        <TextField label="Name of the key" autoFocus value={name} onInput={setName} wrong={faultOf(task.error, "name")} />
      </Form>
      <div class="sign-links"><a href={back}>Not now: to the console</a></div>
    </div>
  );
}

export default function SignUp() {
  const [invitation, setInvitation] = useState(takeInvitation);
  useEffect(() => setInvitation((known) => takeInvitation() ?? known), [here.value.hash]); // it may be opened in this very tab
  const [fresh, setFresh] = useState(queryOf(here.peek()).has("welcome"));
  const back = backPath();
  const known = Boolean(session.value);
  const ready = session.value !== undefined && facts.value !== null;
  const offers = fresh && known && may("keys.write");
  useEffect(() => {
    if (known && ready && !offers && invitation === null) go(back, { replace: true });
  }, [known, ready, offers]);
  if (!ready) return <SkeletonLines lines={6} />;
  if (offers) return <FirstKey back={back} />;
  if (invitation !== null)
    return (
      <div class="card stack sign">
        <Head title="You are invited" says="Accept to join the organisation that invited you." />
        {session.value && <Notice tone="plain">You are signed in as {session.value.user.email}. Accepting signs in the user whom the invitation is for.</Notice>}
        <Invited invitation={invitation} onDone={() => go("/app", { replace: true })} />
      </div>
    );
  if (!facts.value?.sign_in.sign_up)
    return (
      <Empty title="New customers are invited here" says="Open the link of your invitation, or ask the operator of this installation for one.">
        <ButtonLink href="/login">Sign in</ButtonLink>
      </Empty>
    );
  return (
    <div class="card stack sign">
      <Head title="Make an account" says="An organisation, a workspace and your first key: it takes less than a minute." />
      <NewUser onDone={() => setFresh(true)} />
      {facts.value.sign_in.oidc.length > 0 && <Or />}
      <Providers back="/signup?welcome=1" verb="Sign up with" />
      <div class="sign-links"><a href={`/login?return_to=${encodeURIComponent(back)}`}>I have an account</a></div>
    </div>
  );
}
