// Writes what a key can hold of the preferences into a key's rules.
import { useState } from "preact/hooks";
import { api } from "../../core/api.ts";
import { useGet } from "../../core/resource.ts";
import { ButtonLink, Empty, SelectField, useTask } from "../../ui/controls.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { toast } from "../../ui/toast.tsx";
import type { Key } from "../keys/key.ts";
import { Facts, Form, Shown } from "../parts/parts.tsx";
import type { KeyRules } from "./preferences.ts";

const says: Record<string, string> = { allowed_providers: "Allowed providers", min_privacy: "Privacy, at least", region: "Region" };
const wordOf = (value: unknown): string => (Array.isArray(value) ? value.join(", ") : String(value));

function Choose({ keys, rules, onClose }: { keys: Key[]; rules: KeyRules; onClose: () => void }) {
  const [hash, setHash] = useState(keys[0]?.hash ?? "");
  const task = useTask(async () => {
    await api.patch(`/keys/${hash}`, rules.body);
    toast(`“${keys.find((k) => k.hash === hash)?.name ?? "The key"}” has these rules now. Data planes obey them within a second.`);
    onClose();
  });
  return (
    <Form action="Save as rules" busy={task.busy} error={task.error} onCancel={onClose} onSubmit={() => task.run()}>
      <SelectField label="Key" value={hash} onChange={setHash} choices={keys.map((k) => ({ value: k.hash, label: `${k.name} (${k.label})` }))} />
      <Facts rows={Object.entries(rules.body).map(([name, value]) => [says[name] ?? name, wordOf(value)] as const)} />
      {rules.left.length > 0 && <p class="note">Only a request can say {rules.left.join(", ")}: keep the object in your program for these.</p>}
      <p class="soft small">A rule is a floor: a request may ask for more, never for less. Other rules of the key stay.</p>
    </Form>
  );
}

export function SaveToKey({ rules, onClose }: { rules: KeyRules; onClose: () => void }) {
  const list = useGet<{ data: Key[] }>("/keys");
  return (
    <Dialog title="Save as rules of a key" open onClose={onClose}>
      <Shown of={list}>
        {({ data }) => {
          const keys = data.filter((k) => k.role === "inference");
          return keys.length === 0 ? <Empty title="No key yet" says="Make a key first; the same rules are in its advanced part."><ButtonLink href="/app/keys?new" kind="primary">New key</ButtonLink></Empty> : <Choose keys={keys} rules={rules} onClose={onClose} />;
        }}
      </Shown>
    </Dialog>
  );
}
