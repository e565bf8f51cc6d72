// /auth: another program asks for a key of the user (OAuth PKCE). The user sees who asks, sets the limit, and agrees or not.
import { useEffect, useState } from "preact/hooks";
import { api } from "../core/api.ts";
import { go, here, queryOf } from "../core/router.ts";
import { may, session, signInPath } from "../core/session.ts";
import { Button, ButtonLink, Empty, SelectField, SkeletonLines, TextField, useTask } from "../ui/controls.tsx";
import { callbackOf, denied, granted, type Asked } from "./auth_callback.ts";
import { Facts, faultOf, Form } from "./parts/parts.tsx";
import { Head, Notice } from "./sign/parts.tsx";

const resets = [
  { value: "", label: "in all" },
  { value: "daily", label: "a day (UTC)" },
  { value: "weekly", label: "a week (from Monday)" },
  { value: "monthly", label: "a month" },
] as const;
type Reset = (typeof resets)[number]["value"];

/** The browser leaves for the program, whose address was checked. */
const leave = (to: string): void => location.assign(to);

function useConsent(asked: Asked) {
  const [form, setForm] = useState<{ label: string; limit: string; reset: Reset }>({ label: asked.label, limit: asked.limit, reset: "" });
  const task = useTask(async () => {
    const { data } = await api.post<{ data: { id: string } }>("/auth/keys/code", {
      callback_url: asked.callback,
      ...(asked.challenge === null ? {} : { code_challenge: asked.challenge, ...(asked.method === null ? {} : { code_challenge_method: asked.method }) }),
      limit: form.limit.trim() === "" ? null : form.limit.trim(),
      usage_limit_type: form.reset === "" || form.limit.trim() === "" ? null : form.reset,
      key_label: form.label.trim() === "" ? null : form.label.trim(),
    });
    leave(granted(asked.callback, data.id));
  });
  return { form, set: (changes: Partial<typeof form>) => setForm({ ...form, ...changes }), task };
}

function Consent({ asked }: { asked: Asked }) {
  const { form, set, task } = useConsent(asked);
  const s = session.value!;
  const workspace = s.workspaces.find((w) => w.id === s.workspace_id);
  return (
    <div class="card stack sign">
      <Head title="A program asks for a key" says={<><strong class="auth-host">{asked.host}</strong> wants to use models in your name, and you pay for it.</>} />
      <Facts rows={[
        ["It goes back to", <code class="auth-url">{asked.callback}</code>],
        ["Your account", `${s.user.email}${workspace ? `, workspace ${workspace.name} of ${workspace.organization_name}` : ""}`],
        ["It may", "send requests to models, up to the limit"],
        ["It may not", "see or change keys, members, credits or settings"],
      ]} />
      {asked.loopback && <Notice tone="plain">The address is on this computer: the program runs here.</Notice>}
      {asked.challenge === null && <Notice tone="bad">The program does not prove that it is the one that asked. Agree only if you have just begun this in it.</Notice>}
      <Form action="Allow" busy={task.busy} error={task.error} shown={["limit", "key_label"]} onCancel={() => leave(denied(asked.callback))} onSubmit={task.run}>
        <TextField label="Name of the key" maxLength={100} value={form.label} onInput={(label) => set({ label })} wrong={faultOf(task.error, "key_label")} hint="Under API keys you find it by this name." />
        <div class="pair">
          <TextField label="Limit in dollars" inputMode="decimal" value={form.limit} onInput={(limit) => set({ limit })} wrong={faultOf(task.error, "limit")} hint="Empty: up to your whole balance." />
          <SelectField label="The limit is" value={form.reset} choices={resets} onChange={(reset) => set({ reset })} />
        </div>
        <p class="soft">“Cancel” goes back without a key. You can change or delete the key at any time.</p>
      </Form>
    </div>
  );
}

export default function Authorize() {
  const asked = callbackOf(queryOf(here.value));
  const s = session.value;
  useEffect(() => {
    if (s === null && asked !== null) go(signInPath(here.value.path + here.value.search), { replace: true });
  }, [s]);
  if (asked === null)
    return (
      <Empty title="This request cannot be answered" says="Its callback_url is missing or is no address that is allowed: https, or http on localhost or 127.0.0.1, without a user name and a fragment. Tell the program’s author; nothing was sent anywhere.">
        <ButtonLink href="/docs/sign-in">How programs ask for a key</ButtonLink>
      </Empty>
    );
  if (!s) return <SkeletonLines lines={6} />;
  if (!may("keys.write"))
    return (
      <Empty title="Your role makes no keys" says={`${asked.host} asks for a key, and your role in this workspace does not include making one. Ask an owner or admin.`}>
        <Button onClick={() => leave(denied(asked.callback))}>Go back without a key</Button>
      </Empty>
    );
  return <Consent asked={asked} />;
}
