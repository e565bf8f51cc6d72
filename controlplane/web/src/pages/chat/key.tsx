// Which API key asks: one that the reader pastes, or one made for this tab.
import { useState } from "preact/hooks";
import { may } from "../../core/session.ts";
import { Button, Failure, TextField, useTask } from "../../ui/controls.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { apiKey, keyFault, madeKeyFacts, makeKey, setKey } from "../../prompt/key.ts";

export function KeyForm({ onDone }: { onDone?: () => void }) {
  const [text, setText] = useState("");
  const [wrong, setWrong] = useState<string | null>(null);
  const make = useTask(async () => {
    await makeKey();
    onDone?.();
  });
  const take = () => {
    const fault = keyFault(text);
    setWrong(fault);
    if (fault !== null) return;
    setKey(text.trim());
    onDone?.();
  };
  return (
    <div class="stack">
      {may("keys.write") && (
        <div class="stack tight">
          <div class="line"><Button kind="primary" icon="key" busy={make.busy} onClick={() => void make.run()}>Make a key for this tab</Button></div>
          <p class="small soft">A key named “Playground”. {madeKeyFacts} It is kept in this tab only, and listed with your API keys.</p>
          {make.error && <Failure error={make.error} />}
        </div>
      )}
      <form class="stack tight" onSubmit={(e) => { e.preventDefault(); take(); }}>
        <TextField label="Or paste an API key" hint="It is kept in this tab until you close it, and sent to the data plane alone." type="password" wrong={wrong} value={text} onInput={setText} />
        <div class="line"><Button type="submit">Use this key</Button></div>
      </form>
    </div>
  );
}

export function KeyButton() {
  const [open, setOpen] = useState(false);
  const has = apiKey.value !== "";
  return (
    <>
      <Button kind="quiet" small icon="key" onClick={() => setOpen(true)}>{has ? "Key set" : "No key"}</Button>
      <Dialog title="The key that asks" open={open} onClose={() => setOpen(false)}>
        {has && (
          <div class="line apart">
            <p>In use: <span class="mono">{apiKey.value.slice(0, 12)}…{apiKey.value.slice(-3)}</span></p>
            <Button small kind="danger" onClick={() => setKey("")}>Forget it</Button>
          </div>
        )}
        <KeyForm onDone={() => setOpen(false)} />
      </Dialog>
    </>
  );
}
