// /recover: a new password, by the link of a message or by a code that was written down.
import { useEffect, useState } from "preact/hooks";
import { api } from "../../core/api.ts";
import { facts } from "../../core/console.ts";
import { go, here } from "../../core/router.ts";
import { Button, SkeletonLines, Tabs, TextField, useTask } from "../../ui/controls.tsx";
import { toast } from "../../ui/toast.tsx";
import { faultOf, Form } from "../parts/parts.tsx";
import { entered, Head, Notice, tooShort } from "./parts.tsx";

/** The token of a link stands behind "#" and leaves the address, and so the history, at once. */
function takeToken(): string | null {
  const found = /^#(sk-tr-r1-[\w-]+)$/.exec(location.hash)?.[1] ?? null;
  if (found !== null) go("/recover", { replace: true });
  return found;
}

async function changed(codes = ""): Promise<void> {
  toast(`The password is changed, and every other session has ended. ${codes}`.trim());
  await entered("/app/settings?recovered=true");
}

function useNewPassword() {
  const [password, setPassword] = useState("");
  const [again, setAgain] = useState("");
  const [fault, setFault] = useState<{ password?: string; again?: string }>({});
  const sound = (): boolean => {
    const found: typeof fault = {};
    const short = tooShort(password);
    if (short) found.password = short;
    if (password !== again) found.again = "The two are not the same.";
    setFault(found);
    return Object.keys(found).length === 0;
  };
  const fields = (refused: string | null) => (
    <>
      <TextField label="New password" type="password" autoComplete="new-password" value={password} onInput={setPassword} hint="10 to 256 characters." wrong={fault.password ?? refused} />
      <TextField label="New password, again" type="password" autoComplete="new-password" value={again} onInput={setAgain} wrong={fault.again} />
    </>
  );
  return { password, sound, fields, empty: password === "" || again === "" };
}

function ByLink({ token, onLost }: { token: string; onLost: () => void }) {
  const fresh = useNewPassword();
  const task = useTask(async () => {
    await api.post("/auth/recover/finish", { token, password: fresh.password });
    await changed("Recovery codes of before are void. ");
  });
  if (task.error?.code === "not_found")
    return (
      <div class="card stack sign">
        <Head title="The link has ended" says="A link works once, for 30 minutes, and only the newest one does." />
        <Button kind="primary" onClick={onLost}>Ask for another one</Button>
      </div>
    );
  return (
    <div class="card stack sign">
      <Head title="Choose a new password" says="Every session of the account ends, and you are signed in here." />
      <Form action="Set the password" busy={task.busy} error={task.error} shown={["password"]} disabled={fresh.empty} onSubmit={() => (fresh.sound() ? task.run() : undefined)}>
        {fresh.fields(faultOf(task.error, "password"))}
      </Form>
    </div>
  );
}

function ByMessage() {
  const [email, setEmail] = useState("");
  const [sent, setSent] = useState("");
  const task = useTask(async () => {
    await api.post("/auth/recover", { email: email.trim() });
    setSent(email.trim());
  });
  if (sent !== "")
    return <Notice tone="plain">If an account has the address {sent}, a message with a link is on its way to it. The link works for 30 minutes. Nothing came? Look into the spam folder, then ask again in ten minutes.</Notice>;
  return (
    <Form action="Send me a link" busy={task.busy} error={task.error} shown={["email"]} disabled={email.trim() === ""} onSubmit={task.run}>
      <TextField label="E-mail address" type="email" autoComplete="username" autoFocus value={email} onInput={setEmail} wrong={faultOf(task.error, "email")} />
    </Form>
  );
}

function ByCode() {
  const [email, setEmail] = useState("");
  const [code, setCode] = useState("");
  const fresh = useNewPassword();
  const task = useTask(async () => {
    await api.post("/auth/recover/code", { email: email.trim(), code: code.trim(), password: fresh.password });
    await changed();
  });
  return (
    <Form action="Set the password" busy={task.busy} error={task.error} shown={["email", "code", "password"]} disabled={email.trim() === "" || code.trim() === "" || fresh.empty} onSubmit={() => (fresh.sound() ? task.run() : undefined)}>
      <TextField label="E-mail address" type="email" autoComplete="username" value={email} onInput={setEmail} wrong={faultOf(task.error, "email")} />
      <TextField label="Recovery code" value={code} onInput={setCode} hint="Twenty letters and digits; dashes and case do not matter. A code works once." wrong={faultOf(task.error, "code")} />
      {fresh.fields(faultOf(task.error, "password"))}
    </Form>
  );
}

const ways = [{ value: "message", label: "By e-mail" }, { value: "code", label: "By recovery code" }] as const;

export default function Recover() {
  const [token, setToken] = useState(takeToken);
  useEffect(() => setToken((known) => takeToken() ?? known), [here.value.hash]); // the link may be opened in this very tab
  const [way, setWay] = useState<"message" | "code">("message");
  if (!facts.value) return <SkeletonLines lines={6} />;
  if (token !== null) return <ByLink token={token} onLost={() => setToken(null)} />;
  const mail = facts.value.sign_in.recovery_mail;
  return (
    <div class="card stack sign">
      <Head title="Recover your account" says={mail ? "With a message to your e-mail address, or with a recovery code." : "This installation sends no messages: use a recovery code, or ask the operator."} />
      {mail && <Tabs label="Way to recover" tabs={ways} value={way} onChange={setWay} />}
      {mail && way === "message" ? <ByMessage /> : <ByCode />}
      <div class="sign-links"><a href="/login">Back to signing in</a></div>
    </div>
  );
}
