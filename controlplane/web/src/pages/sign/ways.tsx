// Buttons of the sign-in page: a passkey, a wallet.
import { useState } from "preact/hooks";
import { ApiError } from "../../core/api.ts";
import { facts } from "../../core/console.ts";
import { notice } from "../../core/session.ts";
import { Button, Failure, TextField, useTask } from "../../ui/controls.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { faultOf, Form } from "../parts/parts.tsx";
import { entered } from "./parts.tsx";
import { canUsePasskeys, signInWithPasskey } from "./passkey.ts";
import { findWallets, signInWithWallet, type Wallet } from "./wallet.ts";

export function PasskeyButton({ back }: { back: string }) {
  const task = useTask(async () => {
    await signInWithPasskey();
    notice.value = "";
    await entered(back);
  });
  if (!facts.value?.sign_in.passkeys || !canUsePasskeys()) return null;
  return (
    <>
      {task.error && <Failure error={task.error} />}
      <Button icon="key" busy={task.busy} onClick={() => void task.run()}>Sign in with a passkey</Button>
    </>
  );
}

/** Which wallet, when the browser has several; none: what to install. */
export function ChooseWallet({ wallets, onChoose, onClose }: { wallets: readonly Wallet[]; onChoose: (w: Wallet) => void; onClose: () => void }) {
  return (
    <Dialog title={wallets.length === 0 ? "This browser has no wallet" : "Which wallet?"} open onClose={onClose}>
      {wallets.length === 0 ? (
        <p>A wallet is a program that keeps an Ethereum account. Install one as an extension of this browser (MetaMask, Rabby, Coinbase Wallet and others), or open this page in a wallet’s own browser on a phone; then try again. Wallets that are contracts (such as Safe) cannot sign in.</p>
      ) : (
        <div class="stack">{wallets.map((w) => <Button key={w.name} onClick={() => onChoose(w)}>{w.name}</Button>)}</div>
      )}
    </Dialog>
  );
}

/** Finds the wallets, lets choose when there is not exactly one, and goes on with it. */
export function useWallets(use: (wallet: Wallet) => Promise<void>) {
  const [choice, setChoice] = useState<Wallet[] | null>(null);
  const using = useTask(use);
  const finding = useTask(async () => {
    const found = await findWallets();
    if (found.length === 1) void using.run(found[0]!);
    else setChoice(found);
  });
  const choose = (w: Wallet) => {
    setChoice(null);
    void using.run(w);
  };
  const chooser = choice && <ChooseWallet wallets={choice} onChoose={choose} onClose={() => setChoice(null)} />;
  return { start: () => void finding.run(), chooser, busy: using.busy || finding.busy, error: using.error };
}

function NewCustomer({ wallet, back, onClose }: { wallet: Wallet; back: string; onClose: () => void }) {
  const [email, setEmail] = useState("");
  const task = useTask(async () => {
    await signInWithWallet(wallet, email.trim());
    await entered(back);
  });
  return (
    <Dialog title="Nobody here has this wallet yet" open onClose={onClose}>
      <Form action="Make an account" busy={task.busy} error={task.error} shown={["email"]} disabled={email.trim() === ""} onCancel={onClose} onSubmit={task.run}>
        <p>With an e-mail address it becomes an account of its own; the wallet signs once more. If you have an account, close this, sign in, and add the wallet under Settings.</p>
        <TextField label="E-mail address" type="email" autoComplete="email" autoFocus value={email} onInput={setEmail} wrong={faultOf(task.error, "email")} />
      </Form>
    </Dialog>
  );
}

export function WalletButton({ back }: { back: string }) {
  const [stranger, setStranger] = useState<Wallet | null>(null);
  const w = useWallets(async (wallet) => {
    try {
      await signInWithWallet(wallet);
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== "wallet_unknown" || !facts.value?.sign_in.sign_up) throw error;
      setStranger(wallet);
      return;
    }
    notice.value = "";
    await entered(back);
  });
  if (!facts.value?.sign_in.wallet) return null;
  return (
    <>
      {w.error && <Failure error={w.error} />}
      <Button busy={w.busy} onClick={w.start}>Sign in with a wallet</Button>
      {w.chooser}
      {stranger && <NewCustomer wallet={stranger} back={back} onClose={() => setStranger(null)} />}
    </>
  );
}
