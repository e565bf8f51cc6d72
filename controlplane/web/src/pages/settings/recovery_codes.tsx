// Ten codes to be written down: each sets a new password once.
import { useState } from "preact/hooks";
import { api } from "../../core/api.ts";
import { plural } from "../../core/format.ts";
import { useGet } from "../../core/resource.ts";
import { session } from "../../core/session.ts";
import { Button, copyText, TextField, useTask } from "../../ui/controls.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { faultOf, Form, Section, Shown, When } from "../parts/parts.tsx";
import { Fresh } from "../parts/once.tsx";

interface Left {
  remaining: number;
  created_at: string | null;
}

function Codes({ codes, onClose }: { codes: string[]; onClose: () => void }) {
  return (
    <Fresh title="Your recovery codes" says="Write them down or print them, and keep them where you find them without this account. They are shown this once; earlier ones work no more." done="I have kept the codes" onClose={onClose}>
      <ul class="recovery-codes" aria-label="Recovery codes">{codes.map((c) => <li key={c}>{c}</li>)}</ul>
      <div class="line"><Button kind="primary" icon="copy" onClick={() => void copyText(codes.join("\n"), "The codes")}>Copy all</Button></div>
    </Fresh>
  );
}

function Ask({ onClose, onMade }: { onClose: () => void; onMade: (codes: string[]) => void }) {
  const [password, setPassword] = useState("");
  const task = useTask(async () => {
    const body = password === "" ? {} : { current_password: password };
    onMade((await api.post<{ data: { codes: string[] } }>("/auth/recovery-codes", body)).data.codes);
  });
  return (
    <Form action="Make ten codes" busy={task.busy} error={task.error} shown={["current_password"]} onCancel={onClose} onSubmit={task.run}>
      <input type="text" class="hidden-text" autocomplete="username" value={session.value?.user.email ?? ""} readOnly tabIndex={-1} aria-hidden="true" />
      <TextField label="Password" type="password" autoComplete="current-password" autoFocus value={password} onInput={setPassword} hint="Leave it empty if you have none and signed in within the last 15 minutes." wrong={faultOf(task.error, "current_password")} />
    </Form>
  );
}

export function RecoveryCodes() {
  const left = useGet<{ data: Left }>("/auth/recovery-codes");
  const [asks, setAsks] = useState(false);
  const [codes, setCodes] = useState<string[] | null>(null);
  return (
    <Section id="recovery-codes" title="Recovery codes" says="When the password is lost and no message reaches you, a code sets a new one. Each works once.">
      {codes && <Codes codes={codes} onClose={() => setCodes(null)} />}
      <Shown of={left}>
        {({ data }) => (
          <div class="card line apart">
            <p>{data.remaining === 0 ? "You have none. Make ten and write them down." : <>{plural(data.remaining, "code")} left, made <When at={data.created_at} />.</>}</p>
            <Button onClick={() => setAsks(true)}>{data.remaining === 0 ? "Make codes" : "Make new codes"}</Button>
          </div>
        )}
      </Shown>
      <Dialog title="Make recovery codes" open={asks} onClose={() => setAsks(false)}>
        <Ask onClose={() => setAsks(false)} onMade={(made) => { setAsks(false); setCodes(made); left.reload(); }} />
      </Dialog>
    </Section>
  );
}
