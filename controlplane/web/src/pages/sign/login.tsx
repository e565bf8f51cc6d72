// /login: every way to sign in that this installation has.
import { useState } from "preact/hooks";
import { api } from "../../core/api.ts";
import { facts } from "../../core/console.ts";
import { here, queryOf } from "../../core/router.ts";
import { notice, session } from "../../core/session.ts";
import { SkeletonLines, TextField, useTask } from "../../ui/controls.tsx";
import { Form } from "../parts/parts.tsx";
import { backPath, entered, Head, Notice, Or, Providers, usePassThrough } from "./parts.tsx";
import { PasskeyButton, WalletButton } from "./ways.tsx";
import { sentenceOf } from "./words.ts";

function PasswordForm({ back }: { back: string }) {
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const task = useTask(async () => {
    await api.post("/auth/login", { email: email.trim(), password });
    notice.value = "";
    await entered(back);
  });
  return (
    <Form action="Sign in" busy={task.busy} error={task.error} disabled={email.trim() === "" || password === ""} onSubmit={task.run}>
      <TextField label="E-mail address" type="email" name="email" autoComplete="username" autoFocus value={email} onInput={setEmail} />
      <TextField label="Password" type="password" name="password" autoComplete="current-password" value={password} onInput={setPassword} />
    </Form>
  );
}

export default function Login() {
  const back = backPath();
  const wrong = sentenceOf(queryOf(here.value).get("error"));
  const passing = usePassThrough(back, wrong !== null);
  if (session.value === undefined || passing) return <SkeletonLines lines={6} />;
  const f = facts.value;
  const others = (f?.sign_in.oidc.length ?? 0) > 0 || f?.sign_in.passkeys || f?.sign_in.wallet;
  return (
    <div class="card stack sign">
      <Head title="Sign in" />
      {notice.value !== "" && <Notice tone="plain">{notice.value}</Notice>}
      {wrong && <Notice tone="bad">{wrong}</Notice>}
      {session.value && <Notice tone="plain">You are signed in as {session.value.user.email}. <a href={back}>Go on as this user</a></Notice>}
      <PasswordForm back={back} />
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
