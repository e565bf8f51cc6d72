// Who the user is: the name can be changed.
import { useState } from "preact/hooks";
import { api } from "../../core/api.ts";
import { date } from "../../core/format.ts";
import { loadSession, session } from "../../core/session.ts";
import { Button, CopyButton, TextField, useTask } from "../../ui/controls.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { Facts, faultOf, Form, Section } from "../parts/parts.tsx";

function NewName({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState(session.value?.user.name ?? "");
  const task = useTask(async () => {
    await api.patch("/auth/user", { name: name.trim() || null });
    await loadSession();
    onClose();
  });
  return (
    <Dialog title="Change your name" open onClose={onClose}>
      <Form action="Save" busy={task.busy} error={task.error} shown={["name"]} onCancel={onClose} onSubmit={task.run}>
        <TextField label="Your name" autoComplete="name" autoFocus maxLength={128} value={name} onInput={setName} wrong={faultOf(task.error, "name")} hint="Other members see it. Empty: none." />
      </Form>
    </Dialog>
  );
}

export function Profile() {
  const [renames, setRenames] = useState(false);
  const user = session.value?.user;
  if (!user) return null;
  return (
    <Section title="You">
      <div class="card">
        <Facts rows={[
          ["Name", <span class="line">{user.name ?? <span class="faint">none</span>}<Button small aria-label="Change your name" onClick={() => setRenames(true)}>Change</Button></span>],
          ["E-mail address", user.email],
          ["Since", date(user.created_at)],
          ["Id", <span class="line"><code>{user.id}</code><CopyButton text={user.id} what="Your id" /></span>],
        ]} />
      </div>
      {renames && <NewName onClose={() => setRenames(false)} />}
    </Section>
  );
}
