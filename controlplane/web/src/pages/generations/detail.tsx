// One request: its numbers, each attempt, the parts of an orchestration, its receipt.
import { useState } from "preact/hooks";
import { ago, brief, count, exactTime, usd } from "../../core/format.ts";
import { useGet } from "../../core/resource.ts";
import type { PageProps } from "../../routes.ts";
import { Badge, Button, ButtonLink, CopyButton, Empty, Failure, PageHead, SkeletonLines } from "../../ui/controls.tsx";
import { Table, type Column } from "../../ui/table.tsx";
import { Facts, Section } from "../parts/parts.tsx";
import { atLeast, outcomeTone, wordsOf, type Outcome } from "../usage/record.ts";
import { ReceiptCheck } from "./receipt.tsx";

interface Attempt {
  endpoint_id: string;
  provider_name: string | null;
  model_permaslug: string | null;
  status: number | null;
  latency: number;
  error?: string;
  is_byok?: boolean;
}

interface Part {
  id: string;
  role: "panel" | "judge" | "final";
  place: number;
  model: string | null;
  provider_name: string | null;
  outcome: string;
  finish_reason: string | null;
  refused: boolean;
  chosen: boolean;
  latency: number;
  generation_time: number;
  tokens_prompt: number;
  tokens_completion: number;
  total_cost: number;
}

interface Generation {
  id: string;
  receipt_id: string;
  created_at: string;
  model: string;
  first_model: string | null;
  provider_name: string | null;
  api_key_hash: string | null;
  api_key_name: string | null;
  outcome: Outcome;
  http_status: number;
  error: string | null;
  streamed: boolean;
  is_byok: boolean;
  usage_estimated: boolean;
  latency: number;
  generation_time: number;
  finish_reason: string | null;
  tokens_prompt: number;
  tokens_completion: number;
  native_tokens_reasoning: number;
  native_tokens_cached: number;
  native_tokens_cache_write: number;
  total_cost: number;
  upstream_inference_cost: number | null;
  provider_responses: Attempt[] | null;
  parts: Part[] | null;
}

const NONE = <span class="faint">–</span>;

type Numbered = Attempt & { n: number };
const attemptColumns: Column<Numbered>[] = [
  { head: "Attempt", cell: (a) => count(a.n) },
  { head: "Provider", cell: (a) => a.provider_name ?? NONE },
  { head: "Model", cell: (a) => a.model_permaslug ?? NONE },
  { head: "Result", cell: (a) => (a.error ? <><Badge tone="bad">{a.status ?? "failed"}</Badge> <span class="soft">{wordsOf(a.error)}</span></> : <Badge tone="good">answered</Badge>) },
  { head: "Time", number: true, cell: (a) => atLeast(a.latency) },
];

const partColumns: Column<Part>[] = [
  { head: "Part", cell: (p) => <>{p.role} {count(p.place + 1)}{p.chosen && <> <Badge tone="accent">given to the client</Badge></>}{p.refused && <> <Badge tone="warn">refused</Badge></>}</> },
  { head: "Model", cell: (p) => p.model ?? NONE },
  { head: "Provider", from: "sm", cell: (p) => p.provider_name ?? NONE },
  { head: "Result", cell: (p) => (p.outcome === "none" || p.outcome === "ok" ? <Badge tone="good">answered</Badge> : <Badge tone="bad">{wordsOf(p.outcome)}</Badge>) },
  { head: "Tokens in", number: true, from: "md", cell: (p) => count(p.tokens_prompt) },
  { head: "Tokens out", number: true, from: "md", cell: (p) => count(p.tokens_completion) },
  { head: "Time", number: true, from: "sm", cell: (p) => atLeast(p.latency + p.generation_time) },
  { head: "Cost", number: true, cell: (p) => usd(p.total_cost) },
];

const tokensOf = (g: Generation): string => {
  const more = [[g.native_tokens_cached, "from a cache"], [g.native_tokens_cache_write, "written to a cache"]] as const;
  const notes = more.filter(([n]) => n > 0).map(([n, what]) => `${count(n)} ${what}`);
  return `${count(g.tokens_prompt)} tokens${notes.length > 0 ? ` (${notes.join(", ")})` : ""}`;
};

function Numbers({ of: g }: { of: Generation }) {
  const outcome = <><Badge tone={outcomeTone[g.outcome]}>{g.outcome}</Badge> HTTP {g.http_status}{g.error && <>, {wordsOf(g.error)}</>}</>;
  return (
    <div class="card">
      <Facts rows={[
        ["Outcome", outcome],
        ["Received", <time dateTime={g.created_at} title={ago(g.created_at)}>{exactTime(g.created_at)}</time>],
        ["Model", g.first_model !== null && g.first_model !== g.model ? <>{g.model} <span class="soft">answered; {g.first_model} was asked for first</span></> : g.model],
        ["Provider", <>{g.provider_name ?? NONE}{g.is_byok && <> <Badge tone="accent">your own key</Badge></>}</>],
        ["Key", g.api_key_hash === null ? NONE : <a href={`/app/generations?key=${g.api_key_hash}`} title={g.api_key_hash}>{g.api_key_name ?? brief(g.api_key_hash, 16)}</a>],
        ["Finish reason", g.finish_reason === null ? NONE : wordsOf(g.finish_reason)],
        ["Streamed", g.streamed ? "yes" : "no"],
        ["Prompt", tokensOf(g)],
        ["Answer", `${count(g.tokens_completion)} tokens${g.native_tokens_reasoning > 0 ? ` (${count(g.native_tokens_reasoning)} reasoning)` : ""}${g.usage_estimated ? ", estimated: the provider sent no figures" : ""}`],
        ["Cost", usd(g.total_cost)],
        ...(g.upstream_inference_cost === null ? [] : [["On your own key", `${usd(g.upstream_inference_cost)} at the catalog's price`] as const]),
        ["First byte", g.latency === 0 && g.outcome !== "ok" ? NONE : atLeast(g.latency)],
        ["Total time", atLeast(g.latency + g.generation_time)],
        ["Id", <span class="line"><code>{g.id}</code><CopyButton text={g.id} what="The id" /></span>],
      ]} />
    </div>
  );
}

function Found({ of: g }: { of: Generation }) {
  const [checking, setChecking] = useState(false);
  const attempts = (g.provider_responses ?? []).map((a, i) => ({ ...a, n: i + 1 }));
  return (
    <>
      <Numbers of={g} />
      <Section title="Attempts" says={attempts.length === 0 ? "No provider was asked, or what became of it was not kept." : attempts.length === 1 ? (attempts[0]?.error ? "The only provider that was asked failed." : "The first provider that was asked answered.") : "Providers were asked one after the other until one answered."}>
        {attempts.length > 0 && <Table label="Attempts" columns={attemptColumns} rows={attempts} keyOf={(a) => String(a.n)} />}
      </Section>
      {g.parts && <Section title="Parts" says="An orchestration asks several models: what each came to. Their costs add up to the cost above."><Table label="Parts" columns={partColumns} rows={g.parts} keyOf={(p) => p.id} /></Section>}
      <Section title="Receipt" says="The data plane signs what it did with the request: which provider it went to, hashes of what came and went, the bill. It keeps receipts for a while and gives them to the request's own key only.">
        {checking ? <ReceiptCheck id={g.receipt_id} /> : <div><Button kind="primary" icon="shield" onClick={() => setChecking(true)}>Verify the receipt</Button></div>}
      </Section>
    </>
  );
}

export default function GenerationDetail({ rest }: PageProps) {
  const found = useGet<{ data: Generation }>("/generation", { id: rest });
  const missing = found.state === "failed" && found.error.status === 404;
  return (
    <>
      <PageHead title="Request" says={<code>{rest}</code>}><ButtonLink href="/app/generations">All requests</ButtonLink></PageHead>
      {found.state === "loading" && <SkeletonLines lines={12} />}
      {missing && (
        <Empty title="There is no such request" says="It may be of another workspace, or older than records are kept. A request that has just ended is booked within seconds.">
          <Button icon="refresh" onClick={found.reload}>Look again</Button>
        </Empty>
      )}
      {found.state === "failed" && !missing && <Failure error={found.error} retry={found.reload} />}
      {found.state === "ready" && <Found of={found.data.data} />}
    </>
  );
}
