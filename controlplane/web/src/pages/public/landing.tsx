// The start page: what this is, how it is built, how to move over, and what the running service says of itself.
import { useState } from "preact/hooks";
import { baseUrl, facts } from "../../core/console.ts";
import { count, ms, percent, plural } from "../../core/format.ts";
import { useGet } from "../../core/resource.ts";
import { session } from "../../core/session.ts";
import { Badge, ButtonLink, Code, Failure, Skeleton, Stat, Tabs } from "../../ui/controls.tsx";
import { Icon, type IconName } from "../../ui/icons.tsx";
import { Table, TableSkeleton, type Column } from "../../ui/table.tsx";
import type { Model } from "../../prompt/models.ts";
import { languages, snippet } from "../keys/snippets.ts";
import { contextOf, priceNumber, priceOf, PrivacyBadge } from "../models/parts.tsx";
import { useCatalog, type Status } from "./live.ts";
import { MigrationExample } from "./migrate.tsx";
import { ServiceBadge } from "./status.tsx";
import type { Resource } from "../../core/resource.ts";

type Sample = (typeof languages)[number]["value"];

function Start() {
  const [language, setLanguage] = useState<Sample>("typescript");
  const signUp = facts.value?.sign_in.sign_up ?? false;
  return (
    <section class="landing-start" aria-label="Start">
      <div class="stack">
        <h1>One API for many models, on a path that you can check</h1>
        <p class="landing-claim">An OpenAI-compatible router whose gateway runs inside attested hardware. It holds prompts in memory only and sends them to the provider that your request allows; the program that keeps keys and bills never sees one. You can check what runs there, in this browser or with a program of your own.</p>
        <div class="line">
          <ButtonLink href={session.value ? "/app/keys" : signUp ? "/signup" : "/login?return_to=%2Fapp%2Fkeys"} kind="primary">Get an API key</ButtonLink>
          <ButtonLink href="/verify">Verify the gateway</ButtonLink>
        </div>
        <p class="small soft landing-simulated">{facts.value?.simulated && <><Badge tone="warn">simulated attestation</Badge> This is a development installation: it shows the protocol, not protection.</>}</p>
      </div>
      <div class="stack tight">
        <Tabs label="Language" tabs={languages} value={language} onChange={setLanguage} />
        <Code text={snippet(language, baseUrl(), "sk-tr-v1-...", "trustedrouter/auto")} what="The example" />
      </div>
    </section>
  );
}

function LiveFigures({ models, status }: { models: Resource<Model[]>; status: Resource<Status> }) {
  const wait = <Skeleton width="60%" height="24px" />;
  if (status.error) return <Failure error={status.error} retry={status.reload} />;
  const s = status.data?.service;
  const providers = new Set((models.data ?? []).flatMap((m) => m.trustedrouter.providers));
  return (
    <section class="landing-figures" aria-label="The service now">
      <Stat label="Models" value={models.data ? count(models.data.length) : models.error ? "–" : wait} more={models.data ? `from ${plural(providers.size, "provider")}` : models.error ? "the data plane does not answer" : "in the catalog"} />
      <Stat label={status.data?.regions.length === 0 ? "Service, now" : "Service, last hour"} value={status.data ? <ServiceBadge status={status.data} /> : wait} more={<a href="/status">Status</a>} />
      <Stat label="Answered, last 24 hours" value={s ? (s.availability_24h === null ? "–" : percent(s.availability_24h, 2)) : wait} more={s?.availability_24h === null ? "too few requests to tell" : "without a server error"} />
      <Stat label="Median time in the router" value={s ? (s.overhead_us?.p50 == null ? "–" : ms(s.overhead_us.p50 / 1000)) : wait} more={s && s.overhead_us?.p50 == null ? "too few requests to tell" : "before a provider is asked"} />
    </section>
  );
}

const Box = ({ icon, title, says, strong }: { icon: IconName; title: string; says: string; strong?: boolean }) => (
  <div class={`landing-box${strong ? " strong" : ""}`}><Icon name={icon} size={20} /><strong>{title}</strong><span class="soft small">{says}</span></div>
);

function Architecture() {
  return (
    <section class="stack" aria-label="Architecture">
      <h2>Two paths that do not meet</h2>
      <p class="soft landing-text">What your users write goes through one program, in a confidential virtual machine, and from there to the provider. Keys, limits and bills are another program's work. Between them runs a link on which only numbers and ids fit.</p>
      <div class="landing-paths">
        <div class="landing-path" role="group" aria-label="Path of prompts">
          <h3>Prompts and answers</h3>
          <Box icon="chat" title="Your app" says="any OpenAI, Anthropic or OpenRouter client" />
          <Box strong icon="shield" title="Attested gateway" says="holds prompts in memory only, wipes them, and proves which code runs" />
          <Box icon="server" title="Provider" says="over verified TLS, of a list that is part of the proof" />
        </div>
        <div class="landing-path" role="group" aria-label="Path of accounts">
          <h3>Keys, usage, money</h3>
          <Box icon="people" title="Console and API" says="members, keys, limits, credits" />
          <Box icon="book" title="Control plane" says="sees who called which model when, and what it cost; never a prompt" />
          <Box icon="scroll" title="Public log" says="every release, policy and start; a later change of it shows to everybody who kept an earlier head" />
        </div>
      </div>
    </section>
  );
}

const jobs = [
  { icon: "route", title: "Route", says: "One key for every model. Order providers by price, speed or privacy; when one fails, the next is asked before your client notices. Panels of models answer together where one is not enough.", href: "/docs/routing", link: "Routing" },
  { icon: "lock", title: "Protect", says: "The router stores no prompt and no answer: no call of its API gives one back. Provider keys of your own are sealed so that only the attested gateway opens them. When attestation fails, the gateway gets no keys and answers no request for a model.", href: "/docs/threat-model", link: "What is protected, and what is not" },
  { icon: "scroll", title: "Prove", says: "The source builds to the measurement that the processor signs. Releases are in an append-only log. Every answer has a signed receipt: what went in and out, to whom, and what it cost.", href: "/docs/receipts", link: "Receipts" },
] as const;

function Jobs() {
  return (
    <section class="stack" aria-label="What it does">
      <h2>It routes, protects and proves</h2>
      <div class="cards">{jobs.map((j) => <div key={j.title} class="card stack tight"><Icon name={j.icon} size={20} /><h3>{j.title}</h3><p class="soft">{j.says}</p><a href={j.href}>{j.link}</a></div>)}</div>
    </section>
  );
}

const comparison: readonly [string, string, string, string][] = [
  ["One interface for many providers", "no", "yes", "yes"],
  ["Another provider when one fails", "no", "yes", "yes"],
  ["Keys of your own at providers", "the only kind", "mostly, and the router can read them", "sealed to the attested gateway"],
  ["Who can read a prompt", "the provider", "provider and router", "the provider, and an attacker with physical access to the machine"],
  ["Whether prompts are kept", "as its terms say", "as both terms say", "not by the router; the provider's terms are shown and can be required"],
  ["You can check which program runs", "no", "no", "yes, in the browser or with a small program"],
  ["Proof of one answer", "no", "no", "a signed receipt"],
  ["Source", "closed", "mostly closed", "open; you can run it yourself"],
];

function Comparison() {
  return (
    <section class="stack" aria-label="Comparison">
      <h2>Compared</h2>
      <div class="table-frame" role="region" aria-label="Comparison" tabIndex={0}>
        <table class="landing-compare">
          <thead><tr><th scope="col">&nbsp;</th><th scope="col">A provider directly</th><th scope="col">A usual router</th><th scope="col">{facts.value?.name ?? "TrustedRouter"}</th></tr></thead>
          <tbody>{comparison.map(([what, ...cells]) => <tr key={what}><th scope="row">{what}</th>{cells.map((c, i) => <td key={i}>{c}</td>)}</tr>)}</tbody>
        </table>
      </div>
    </section>
  );
}

const SHOWN = 8;
const columns: Column<Model>[] = [
  { head: "Model", cell: (m) => <a href={`/models/${m.id}`} class="mono">{m.id}</a> },
  { head: "Context", cell: (m) => contextOf(m.context_length), number: true, from: "sm" },
  { head: "Prompt", cell: (m) => priceOf(m, "prompt"), number: true },
  { head: "Privacy", cell: (m) => <PrivacyBadge privacy={m.trustedrouter.privacy} />, from: "sm" },
];

/** Models for chat whose weights are open first, then by price. */
function chosen(models: readonly Model[]): Model[] {
  const chat = models.filter((m) => m.trustedrouter.kind === "chat" && !m.alias_target);
  const open = (m: Model) => (m.trustedrouter.open_weights === true ? 0 : 1);
  return [...chat].sort((a, b) => open(a) - open(b) || priceNumber(a, "prompt") - priceNumber(b, "prompt") || (a.id < b.id ? -1 : 1)).slice(0, SHOWN);
}

function Models({ models }: { models: Resource<Model[]> }) {
  return (
    <section class="stack" aria-label="Models">
      <div class="line apart"><h2>Models</h2><span class="line"><ButtonLink href="/models">All models</ButtonLink><ButtonLink href="/pricing" kind="quiet">Pricing</ButtonLink></span></div>
      {models.error ? <Failure error={models.error} retry={models.reload} /> : models.data ? <Table label="Models" columns={columns} rows={chosen(models.data)} keyOf={(m) => m.id} /> : <TableSkeleton columns={4} rows={SHOWN} />}
    </section>
  );
}

const questions = [
  { ask: "Can you read my prompts?", answer: "The control plane cannot: no prompt reaches it. The gateway holds them in the encrypted memory of a confidential virtual machine for as long as a request takes. Its code is public, and the processor signs its measurement. The provider that answers reads them, under the operator's account there or, with a provider key of yours, under your own: the holder of that account sees what the provider shows its customers." },
  { ask: "What do you store?", answer: "Of a request: time, key, model, provider, token counts, latency, status and cost. The list of fields is fixed, and so is their size. A prompt fits into none of them." },
  { ask: "What does attested mean?", answer: "The processor signs which code was loaded into the virtual machine. Anybody can compare that with the published release, which anybody can build again and get the same bytes." },
  { ask: "What happens when attestation fails?", answer: "The gateway gets neither keys of providers nor credit to spend, and refuses every request for a model. No setting lets it go on without attestation." },
  { ask: "How do I move over?", answer: "You change the base URL and the key. Clients of OpenAI, Anthropic and OpenRouter work unmodified." },
  { ask: "Can I run it myself?", answer: "Yes. One command brings a whole installation up on a Debian machine, with simulated attestation for development; real attestation needs a processor with SEV-SNP." },
] as const;

function Questions() {
  return (
    <section class="stack" aria-label="Questions">
      <h2>Questions</h2>
      <div class="landing-questions">{questions.map((q) => <details key={q.ask}><summary>{q.ask}</summary><p class="soft">{q.answer}</p></details>)}</div>
    </section>
  );
}

export default function Landing() {
  const models = useCatalog();
  const status = useGet<Status>("/status.json");
  return (
    <div class="landing">
      <Start />
      <LiveFigures models={models} status={status} />
      <Architecture />
      <Jobs />
      <section class="stack" aria-label="Move over"><h2>Move over by changing one line</h2><p class="soft landing-text">Your calls stay as they are: chat completions, responses, messages, embeddings, images and audio. <a href="/migrate">What else to know</a>.</p><MigrationExample /></section>
      <Comparison />
      <Models models={models} />
      <Questions />
      <section class="landing-end" aria-label="Begin"><h2>Look for yourself</h2><div class="line"><ButtonLink href="/trust" kind="primary">What runs, and since when</ButtonLink><ButtonLink href="/docs/readme">Run it on your machine</ButtonLink></div></section>
    </div>
  );
}
