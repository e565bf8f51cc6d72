// Where requests may go: the providers, and a builder of the object `provider` that a request carries.
import { useState } from "preact/hooks";
import { may } from "../../core/session.ts";
import { Button, Code, Empty, Failure, PageHead, SelectField, Switch, TextField } from "../../ui/controls.tsx";
import { TableSkeleton } from "../../ui/table.tsx";
import { Section } from "../parts/parts.tsx";
import { usePlane, type PlaneProvider } from "../parts/plane.ts";
import { TokensField } from "../parts/tokens.tsx";
import { keyRules, noPreferences, priceFault, providerObject, type Preferences } from "./preferences.ts";
import { Providers, rowsOf, type PlaneStatus } from "./providers.tsx";
import { SaveToKey } from "./save.tsx";

const privacies = [
  { value: "", label: "No demand" },
  { value: "no_store", label: "Providers that keep no prompts" },
  { value: "confidential", label: "Providers in attested hardware" },
] as const;
const laws = [
  { value: "", label: "Any" },
  { value: "eu", label: "EU" },
  { value: "us", label: "US" },
] as const;
const sorts = [
  { value: "", label: "By price and by chance" },
  { value: "price", label: "Cheapest first" },
  { value: "throughput", label: "Most tokens a second first" },
  { value: "latency", label: "Shortest wait first" },
  { value: "exacto", label: "Fewest failures first" },
] as const;
const quantizations = ["int4", "int8", "fp4", "fp6", "fp8", "fp16", "bf16", "fp32", "unknown"];

type Change = (changes: Partial<Preferences>) => void;

function Builder({ of, change, slugs }: { of: Preferences; change: Change; slugs: string[] }) {
  return (
    <div class="card stack">
      <div class="pair">
        <TokensField label="Only these providers" hint="only" placeholder="all" values={of.only} suggestions={slugs} onChange={(only) => change({ only })} />
        <TokensField label="Never these" hint="ignore" placeholder="none" values={of.ignore} suggestions={slugs} onChange={(ignore) => change({ ignore })} />
        <TokensField label="These first, in this order" hint="order" placeholder="no order" values={of.order} suggestions={slugs} onChange={(order) => change({ order })} />
      </div>
      <div class="pair">
        <SelectField label="Privacy, at least" hint="min_privacy" value={of.privacy} choices={privacies} onChange={(privacy) => change({ privacy })} />
        <SelectField label="Under the law of" hint="jurisdiction" value={of.jurisdiction} choices={laws} onChange={(jurisdiction) => change({ jurisdiction })} />
        <SelectField label="Order" hint="sort" value={of.sort} choices={sorts} onChange={(sort) => change({ sort })} />
      </div>
      <div class="pair">
        <TextField label="At most for a million prompt tokens, in dollars" inputMode="decimal" placeholder="no limit" hint="max_price.prompt" value={of.max_prompt} onInput={(max_prompt) => change({ max_prompt })} wrong={priceFault(of.max_prompt)} />
        <TextField label="At most for a million answer tokens, in dollars" inputMode="decimal" placeholder="no limit" hint="max_price.completion" value={of.max_completion} onInput={(max_completion) => change({ max_completion })} wrong={priceFault(of.max_completion)} />
        <TokensField label="Quantizations" hint="quantizations" placeholder="all" values={of.quantizations} suggestions={quantizations} onChange={(q) => change({ quantizations: q })} />
      </div>
      <div class="line">
        <Switch label="Ask another provider when one fails" on={of.allow_fallbacks} onChange={(allow_fallbacks) => change({ allow_fallbacks })} />
        <Switch label="Only where no parameter of the request is left out" on={of.require_parameters} onChange={(require_parameters) => change({ require_parameters })} />
      </div>
    </div>
  );
}

function Made({ of, reset }: { of: Preferences; reset: () => void }) {
  const [saving, setSaving] = useState(false);
  const object = providerObject(of);
  const empty = Object.keys(object).length === 0;
  const rules = keyRules(of);
  const savable = Object.keys(rules.body).length > 0;
  return (
    <Section title="What a request carries" says="A constraint that leaves no provider is an error that says what removed whom, never a downgrade."
      actions={!empty && <><Button onClick={reset}>Start again</Button>{may("keys.write") && <Button kind="primary" disabled={!savable} onClick={() => setSaving(true)}>Save as rules of a key</Button>}</>}>
      {empty ? <p class="soft">Nothing is demanded: a request needs no object <code>provider</code>. Choose something above.</p> : <Code text={`"provider": ${JSON.stringify(object, null, 2)}`} what="The object" />}
      {!empty && !savable && may("keys.write") && <p class="soft small">A key can hold which providers, the privacy and the region as rules; none of these is chosen.</p>}
      {saving && <SaveToKey rules={rules} onClose={() => setSaving(false)} />}
    </Section>
  );
}

export default function Routing() {
  const [preferences, setPreferences] = useState(noPreferences);
  const providers = usePlane<{ data: PlaneProvider[] }>("/providers");
  const status = usePlane<PlaneStatus>("/status");
  const rows = rowsOf(providers.data?.data ?? [], status.data);
  return (
    <>
      <PageHead title="Routing" says={<>Which providers may answer, and in which order. Choose, then put the object into your requests. <a href="/docs/routing">How routing decides</a></>} />
      <Section title="Preferences">
        <Builder of={preferences} change={(c) => setPreferences({ ...preferences, ...c })} slugs={rows.map((r) => r.slug)} />
      </Section>
      <Made of={preferences} reset={() => setPreferences(noPreferences)} />
      <Section title="Providers" says="Region, law and what is kept are the measured configuration of the data plane: its attestation covers them. That a provider keeps its word is not checked.">
        {providers.state === "loading" && <TableSkeleton columns={5} rows={3} />}
        {providers.state === "failed" && <Failure error={providers.error} retry={providers.reload} />}
        {providers.state === "ready" && rows.length === 0 && <Empty title="No provider serves a model" says="The operator's catalog has no enabled endpoint. Ask the operator." />}
        {providers.state === "ready" && rows.length > 0 && <Providers rows={rows} preferences={preferences} />}
        {status.state === "failed" && <p class="soft small">How they do now could not be read: {status.error.message}</p>}
        {status.data && <p class="soft small">{status.data.method}</p>}
      </Section>
    </>
  );
}
