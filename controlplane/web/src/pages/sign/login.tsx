// /login: every way to sign in that this installation has.
import { useState } from "preact/hooks";
import { api } from "../../core/api.ts";
import { facts } from "../../core/console.ts";
import { here, queryOf } from "../../core/router.ts";
import { notice, session, unanswered } from "../../core/session.ts";
import { SkeletonLines, TextField, useTask } from "../../ui/controls.tsx";
import { Form } from "../parts/parts.tsx";
import { backPath, entered, Head, Notice, Or, Providers, usePassThrough } from "./parts.tsx";
import { PasskeyButton, WalletButton } from "./ways.tsx";
import { sentenceOf } from "./words.ts";

function PasswordForm({ back, known }: { back: string; known: string }) {
  const [email, setEmail] = useState(known);
  const [password, setPassword] = useState("");
  const task = useTask(async () => {
    await api.post("/auth/login", { email: email.trim(), password });
    notice.value = "";
    await entered(back);
  });
  return (
    <Form action="Sign in" busy={task.busy} error={task.error} disabled={email.trim() === "" || password === ""} onSubmit={task.run}>
      <TextField label="E-mail address" type="email" name="email" autoComplete="username" autoFocus={known === ""} value={email} onInput={setEmail} />
      <TextField label="Password" type="password" name="password" autoComplete="current-password" autoFocus={known !== ""} value={password} onInput={setPassword} />
    </Form>
  );
}

export default function Login() {
  const back = backPath();
  const query = queryOf(here.value);
  const wrong = sentenceOf(query.get("error"));
  const again = query.get("again") === "true" && Boolean(session.value); // the session is too old for what the user wants to do
  const passing = usePassThrough(back, wrong !== null || again);
  if (session.value === undefined || passing) return <SkeletonLines lines={6} />;
  const f = facts.value;
  const others = (f?.sign_in.oidc.length ?? 0) > 0 || f?.sign_in.passkeys || f?.sign_in.wallet;
  return (
    <div class="card stack sign">
      <Head title={again ? "Sign in again" : "Sign in"} />
      {notice.value !== "" && <Notice tone="plain">{notice.value}</Notice>}
      {unanswered.value && <Notice tone="plain">{unanswered.value.message}</Notice>}
      {wrong && <Notice tone="bad">{wrong}</Notice>}
      {again && <Notice tone="plain">What you want to do needs that you have signed in within the last 15 minutes. Sign in as {session.value?.user.email} to go on where you were, or <a href={back}>go back</a>.</Notice>}
      {session.value && !again && <Notice tone="plain">You are signed in as {session.value.user.email}. <a href={back}>Go on as this user</a></Notice>}
      <PasswordForm back={back} known={again ? session.value?.user.email ?? "" : ""} />
      {others && <Or />}
      <Providers back={back} verb="Sign in with" />
      <PasskeyButton back={back} />
      <WalletButton back={back} />
      <div class="sign-links">
        <a href="/recover">Forgot the password?</a>
        {f?.sign_in.sign_up && <a href={`/signup?return_to=${encodeURIComponent(back)}`}>Make an account</a>}
      </div>
    </div>
  );
}
