// Automatic top-ups and the cards that they charge.
import { useState } from "preact/hooks";
import { ApiError, api } from "../../core/api.ts";
import { dateTime, usd } from "../../core/format.ts";
import { useLoad, type Resource } from "../../core/resource.ts";
import { may } from "../../core/session.ts";
import { Badge, Button, Failure, SelectField, Switch, TextField, useTask } from "../../ui/controls.tsx";
import { Confirm, Dialog } from "../../ui/dialog.tsx";
import { toast } from "../../ui/toast.tsx";
import { useIdempotency } from "../parts/idempotent.ts";
import { Facts, faultOf, Form, Section, Shown } from "../parts/parts.tsx";
import { startSetup, takesPayments } from "./service.ts";
import { amountFault, cardName, type AutoTopup, type Card } from "./types.ts";

interface State {
  auto: AutoTopup | null;
  cards: Card[];
}

async function load(signal: AbortSignal): Promise<State> {
  const auto = api.get<AutoTopup>("/payments/auto-topup", { signal }).catch((e: unknown) => {
    if (e instanceof ApiError && e.status === 404) return null;
    throw e;
  });
  const [found, cards] = await Promise.all([auto, api.get<{ data: Card[] }>("/payments/methods", { signal })]);
  return { auto: found, cards: cards.data };
}

const reasonWords: Record<string, string> = {
  monthly_ceiling: "the month's ceiling is reached",
  no_payment_method: "no card is stored",
  account_owes: "the workspace owes something",
  debt_of_another_workspace: "it paid the debt of another workspace",
  payment_refund: "a payment was refunded",
  payment_dispute: "a payment is disputed",
};
const reasonOf = (reason: string): string => reasonWords[reason] ?? `the payment service said “${reason.replaceAll("_", " ")}”`;

function AutoForm({ now, cards, onClose, onDone }: { now: AutoTopup | null; cards: Card[]; onClose: () => void; onDone: () => void }) {
  const [form, setForm] = useState({
    threshold: String(now?.threshold ?? 5), amount: String(now?.amount ?? 25), monthly_ceiling: String(now?.monthly_ceiling ?? 100),
    payment_method: now?.payment_method ?? "", enabled: now?.enabled ?? true,
  });
  const [faults, setFaults] = useState<Record<string, string | null>>({});
  const task = useTask(async () => {
    const { payment_method, ...rest } = form;
    await api.put("/payments/auto-topup", { ...rest, ...(payment_method === "" ? {} : { payment_method }) });
    toast(form.enabled ? "Automatic top-ups are on." : "Automatic top-ups are off.");
    onDone();
  });
  const submit = () => {
    const found = { threshold: amountFault(form.threshold, false), amount: amountFault(form.amount), monthly_ceiling: amountFault(form.monthly_ceiling, false) };
    setFaults(found);
    return Object.values(found).every((f) => f === null) ? task.run() : undefined;
  };
  const field = (name: "threshold" | "amount" | "monthly_ceiling", label: string, hint: string) => (
    <TextField label={label} inputMode="decimal" value={form[name]} onInput={(v) => setForm({ ...form, [name]: v })} hint={hint} wrong={faults[name] ?? faultOf(task.error, name)} />
  );
  return (
    <Dialog title="Automatic top-up" open onClose={onClose}>
      <Form action="Save" busy={task.busy} error={task.error} shown={["threshold", "amount", "monthly_ceiling", "payment_method"]} onCancel={onClose} onSubmit={submit}>
        <Switch label="Buy credit by itself" on={form.enabled} onChange={(enabled) => setForm({ ...form, enabled })} />
        {field("threshold", "When less than (dollars)", "of credit is available")}
        {field("amount", "buy (dollars)", "each time")}
        {field("monthly_ceiling", "and at most (dollars)", "in a month")}
        <SelectField label="Card" value={form.payment_method} onChange={(payment_method) => setForm({ ...form, payment_method })} wrong={faultOf(task.error, "payment_method")}
          choices={[{ value: "", label: "The card that was stored last" }, ...cards.map((c) => ({ value: c.id, label: cardName(c) }))]} />
      </Form>
    </Dialog>
  );
}

function Auto({ state, change, reload }: { state: State; change: () => void; reload: () => void }) {
  const { auto, cards } = state;
  const task = useTask(async () => {
    await api.del("/payments/auto-topup");
    toast("Automatic top-ups are removed.");
    reload();
  });
  const writes = may("credits.write") && takesPayments();
  if (auto === null)
    return (
      <div class="card stack tight">
        <p class="soft">{cards.length === 0 ? "Store a card first: then credit can be bought by itself whenever little is left." : "Off. Credit can be bought by itself whenever little is left."}</p>
        {writes && cards.length > 0 && <div><Button onClick={change}>Set up automatic top-ups</Button></div>}
      </div>
    );
  return (
    <div class="card stack">
      <div class="line apart">
        <Badge tone={auto.enabled ? "good" : "plain"}>{auto.enabled ? "on" : "off"}</Badge>
        {writes && <div class="line"><Button small onClick={change}>Change</Button><Button small kind="danger" busy={task.busy} onClick={() => void task.run()}>Remove</Button></div>}
      </div>
      {task.error && <Failure error={task.error} />}
      {auto.reason && <p class="note warn">{auto.enabled ? "The last attempt did not succeed" : "It is off"}: {reasonOf(auto.reason)}.{auto.failures > 0 ? ` ${auto.failures} failed in a row.` : ""}{auto.next_attempt_at ? ` The next attempt is at ${dateTime(auto.next_attempt_at)}.` : ""}</p>}
      <Facts rows={[["When less than", usd(auto.threshold)], ["buy", usd(auto.amount)], ["at most in a month", usd(auto.monthly_ceiling)], ["bought this month", usd(auto.charged_this_month)], ["from", cardOf(auto, cards)]]} />
    </div>
  );
}

const cardOf = (auto: AutoTopup, cards: Card[]): string => {
  const card = cards.find((c) => c.id === auto.payment_method) ?? cards[0];
  return card ? cardName(card) : "no card is stored";
};

function Cards({ cards, reload }: { cards: Card[]; reload: () => void }) {
  const [dropped, setDropped] = useState<Card | null>(null);
  const once = useIdempotency();
  const setup = useTask(() => startSetup(once("card")));
  const drop = useTask(async (card: Card) => {
    await api.del(`/payments/methods/${encodeURIComponent(card.id)}`);
    setDropped(null);
    toast("The card is removed.");
    reload();
  });
  const writes = may("credits.write");
  return (
    <div class="card stack tight">
      {cards.length === 0 && <p class="soft">No card is stored. One can be stored alone, or while you buy credit.</p>}
      {cards.map((c) => (
        <div key={c.id} class="line apart">
          <span>{cardName(c)}</span>
          {writes && <Button small kind="quiet" icon="trash" label={`Remove ${cardName(c)}`} onClick={() => setDropped(c)} />}
        </div>
      ))}
      {setup.error && <Failure error={setup.error} />}
      {writes && takesPayments() && <div><Button small icon="plus" busy={setup.busy} onClick={() => void setup.run()}>Store a card</Button></div>}
      {dropped && (
        <Confirm title="Remove this card?" says={`${cardName(dropped)} is not charged any more. Automatic top-ups that use it stop.`} action="Remove the card" open busy={drop.busy} onClose={() => setDropped(null)} onConfirm={() => void drop.run(dropped)}>
          {drop.error && <Failure error={drop.error} />}
        </Confirm>
      )}
    </div>
  );
}

export function Automatic() {
  const state: Resource<State> = useLoad(load, []);
  const [changing, setChanging] = useState(false);
  return (
    <div class="grid">
      <Section title="Automatic top-up">
        <Shown of={state}>{(s) => <Auto state={s} change={() => setChanging(true)} reload={state.reload} />}</Shown>
      </Section>
      <Section title="Cards">
        <Shown of={state}>{(s) => <Cards cards={s.cards} reload={state.reload} />}</Shown>
      </Section>
      {changing && state.data && <AutoForm now={state.data.auto} cards={state.data.cards} onClose={() => setChanging(false)} onDone={() => { setChanging(false); state.reload(); }} />}
    </div>
  );
}
