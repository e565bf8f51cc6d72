// Adding passkeys and wallets to the user, and passkeys' names.
import { useState } from "preact/hooks";
import { api } from "../../core/api.ts";
import { facts } from "../../core/console.ts";
import { Button, Failure, TextField, useTask } from "../../ui/controls.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { toast } from "../../ui/toast.tsx";
import { faultOf, Form } from "../parts/parts.tsx";
import { addPasskey, canUsePasskeys } from "../sign/passkey.ts";
import { addWallet } from "../sign/wallet.ts";
import { useWallets } from "../sign/ways.tsx";

interface Done {
  onDone: () => void;
}

function NewPasskey({ onDone, onClose }: Done & { onClose: () => void }) {
  const [name, setName] = useState("");
  const task = useTask(async () => {
    await addPasskey(name.trim());
    toast("The passkey signs you in from now on.");
    onDone();
    onClose();
  });
  return (
    <Dialog title="Add a passkey" open onClose={onClose}>
      <Form action="Make the passkey" busy={task.busy} error={task.error} shown={["name"]} disabled={name.trim() === ""} onCancel={onClose} onSubmit={task.run}>
        <p>Your device makes a key that works for this site only. It signs you in without a password, after a fingerprint, your face or the device’s PIN.</p>
        <TextField label="Name" placeholder="My laptop" autoFocus maxLength={128} value={name} onInput={setName} wrong={faultOf(task.error, "name")} hint="So that you know later which device it is on." />
      </Form>
    </Dialog>
  );
}

export function AddPasskey({ onDone }: Done) {
  const [open, setOpen] = useState(false);
  if (!facts.value?.sign_in.passkeys || !canUsePasskeys()) return null;
  return (
    <>
      <Button icon="plus" onClick={() => setOpen(true)}>Add a passkey</Button>
      {open && <NewPasskey onDone={onDone} onClose={() => setOpen(false)} />}
    </>
  );
}

export function RenamePasskey({ of, onDone, onClose }: Done & { of: { id: string; label: string | null }; onClose: () => void }) {
  const [name, setName] = useState(of.label ?? "");
  const task = useTask(async () => {
    await api.patch(`/auth/passkeys/${of.id}`, { name: name.trim() });
    onDone();
    onClose();
  });
  return (
    <Dialog title="Rename the passkey" open onClose={onClose}>
      <Form action="Rename" busy={task.busy} error={task.error} shown={["name"]} disabled={name.trim() === ""} onCancel={onClose} onSubmit={task.run}>
        <TextField label="Name" autoFocus maxLength={128} value={name} onInput={setName} wrong={faultOf(task.error, "name")} />
      </Form>
    </Dialog>
  );
}

export function AddWallet({ onDone }: Done) {
  const w = useWallets(async (wallet) => {
    const address = await addWallet(wallet);
    toast(`${address.slice(0, 8)}… signs you in from now on.`);
    onDone();
  });
  if (!facts.value?.sign_in.wallet) return null;
  return (
    <>
      <Button icon="plus" busy={w.busy} onClick={w.start}>Add a wallet</Button>
      {w.chooser}
      {w.error && <Failure error={w.error} />}
    </>
  );
}
