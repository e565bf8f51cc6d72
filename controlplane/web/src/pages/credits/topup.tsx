// Buying credit on the payment service's page, and coming back from there.
import { useEffect, useState } from "preact/hooks";
import { api } from "../../core/api.ts";
import { facts } from "../../core/console.ts";
import { usd } from "../../core/format.ts";
import { here, queryOf, setQuery } from "../../core/router.ts";
import { may } from "../../core/session.ts";
import { Button, TextField, useTask } from "../../ui/controls.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { toast } from "../../ui/toast.tsx";
import { useIdempotency } from "../parts/idempotent.ts";
import { faultOf, Form } from "../parts/parts.tsx";
import { forgetPayment, openedPayment, startCheckout, takesPayments } from "./service.ts";
import { amountFault, type Payment } from "./types.ts";

const usual = ["10", "25", "50", "100"];

export function TopUp({ onClose }: { onClose: () => void }) {
  const [amount, setAmount] = useState("25");
  const [save, setSave] = useState(false);
  const [fault, setFault] = useState<string | null>(null);
  const once = useIdempotency();
  const task = useTask(() => startCheckout(amount.trim(), save, once([amount, save])));
  const submit = () => {
    const found = amountFault(amount) ?? (Number(amount) < 1 ? "The smallest payment is $1.00." : null);
    setFault(found);
    return found === null ? task.run() : undefined;
  };
  return (
    <Dialog title="Add credit" open onClose={onClose}>
      <Form action="Go to the payment page" busy={task.busy} error={task.error} shown={["amount"]} onCancel={onClose} onSubmit={submit}>
        <div class="chips" role="group" aria-label="Usual amounts">{usual.map((u) => <Button key={u} small kind={u === amount ? "primary" : "plain"} aria-pressed={u === amount ? "true" : "false"} onClick={() => setAmount(u)}>{usd(u)}</Button>)}</div>
        <TextField label="Amount in dollars" inputMode="decimal" autoFocus value={amount} onInput={setAmount} wrong={fault ?? faultOf(task.error, "amount")} hint="Taxes, if any, are added on the payment page." />
        <label class="check"><input type="checkbox" checked={save} onChange={(e) => setSave(e.currentTarget.checked)} /><span>Store the card for automatic top-ups</span></label>
        <p class="soft small">The card's number goes to the payment service only. Credits are added when it confirms the payment.</p>
      </Form>
    </Dialog>
  );
}

/** For an operator: credit without a payment. */
export function AddByHand({ onClose, onDone }: { onClose: () => void; onDone: () => void }) {
  const [amount, setAmount] = useState("");
  const [fault, setFault] = useState<string | null>(null);
  const once = useIdempotency();
  const task = useTask(async () => {
    await api.post("/credits/topup", { amount: amount.trim(), idempotency_key: once(amount) });
    toast(`${usd(amount)} of credit added.`);
    onDone();
  });
  const submit = () => {
    const found = amountFault(amount, false);
    setFault(found);
    return found === null ? task.run() : undefined;
  };
  return (
    <Dialog title="Add credit by hand" open onClose={onClose}>
      <Form action="Add credit" busy={task.busy} error={task.error} shown={["amount"]} onCancel={onClose} onSubmit={submit}>
        <p>You act for the operator: this adds credit to this workspace without a payment. The audit trail keeps it.</p>
        <TextField label="Amount in dollars" inputMode="decimal" autoFocus value={amount} onInput={setAmount} wrong={fault ?? faultOf(task.error, "amount")} />
      </Form>
    </Dialog>
  );
}

export function NoPayments() {
  const contact = facts.value?.security_contact;
  return (
    <p class="note">
      This installation takes no payments itself: its operator adds credit to a workspace.{" "}
      {may("money.write") ? "You may do that here." : <>Ask the operator of {facts.value?.name ?? "this service"}{contact ? <> (<a href={contact}>{contact.replace(/^mailto:/, "")}</a>)</> : null}, and name this workspace.</>}
    </p>
  );
}

const WAIT_MS = 2000;
const TURNS = 30; // a minute

type Outcome = "waiting" | "paid" | "failed" | "late";

function outcomeOf(p: Payment): Outcome {
  if (p.status === "paid") return "paid";
  return ["failed", "expired"].includes(p.status) ? "failed" : "waiting";
}

const words: Record<Outcome, string> = {
  waiting: "The payment service has taken the payment. The credit appears here as soon as it confirms, usually within seconds.",
  paid: "The payment is confirmed and the credit is added.",
  failed: "The payment did not succeed; nothing was added. The list of payments below says why. You can try again.",
  late: "The payment service has not confirmed yet. The credit is added when it does; you can leave this page.",
};

/** After the payment page: says what became of the payment, and reloads the balance when it is paid. */
export function Returned({ onPaid }: { onPaid: () => void }) {
  const what = queryOf(here.value).get("checkout");
  const [outcome, setOutcome] = useState<Outcome>("waiting");
  const payment = openedPayment();
  useEffect(() => {
    if (what !== "done" || payment === null) return;
    let turns = 0;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let gone = false;
    const later = () => {
      if (++turns >= TURNS) setOutcome("late");
      else timer = setTimeout(look, WAIT_MS);
    };
    const look = (): void =>
      void api.get<Payment>(`/payments/${encodeURIComponent(payment)}`).then((p) => {
        if (gone) return;
        const now = outcomeOf(p);
        setOutcome(now);
        if (now === "waiting") return later();
        forgetPayment();
        if (now === "paid") onPaid();
      }, () => gone || later());
    look();
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [what, payment]);
  if (what === null || !takesPayments()) return null;
  const says = what === "cancelled" ? "The payment page was left without a payment; nothing was charged." : what === "stored" ? "The card is stored as soon as the payment service confirms it." : words[outcome];
  return (
    <div class={`note line apart${outcome === "failed" ? " warn" : ""}`} role="status">
      <span>{says}</span>
      <Button kind="quiet" small icon="close" label="Close this message" onClick={() => setQuery({ checkout: null })} />
    </div>
  );
}
