// One model: what it takes and costs, who serves it and how that goes, and how to ask it.
import { dataPlane, facts } from "../../core/console.ts";
import { ApiError } from "../../core/api.ts";
import { ms, percent, perMillion } from "../../core/format.ts";
import { useLoad, type Resource } from "../../core/resource.ts";
import { Badge, ButtonLink, Empty, Failure, Skeleton, SkeletonLines, Stat, type Tone } from "../../ui/controls.tsx";
import { Table, TableSkeleton, type Column } from "../../ui/table.tsx";
import { fetchEndpoints, fetchModel, Unreached as NotReached, type Endpoint, type Model } from "../../prompt/models.ts";
import type { PageProps } from "../../routes.ts";
import { Unreached } from "../chat/unreached.tsx";
import { hereBase, pathOf } from "./index.tsx";
import { alsoPriced, capabilitiesOf, contextOf, kindOf, priceOf, PrivacyBadge, privacySays } from "./parts.tsx";
import { TryIt } from "./try_it.tsx";

function useOfPlane<T>(id: string, load: (origin: string, id: string, signal: AbortSignal) => Promise<T>): Resource<T> {
  const known = facts.value !== null;
  return useLoad<T>((signal) => {
    const origin = dataPlane();
    if (!known) return new Promise(() => {});
    return origin === null ? Promise.reject(new ApiError(0, "no_data_plane", "This installation names no data plane.")) : load(origin, id, signal);
  }, [known, id]);
}

const states: Record<number, { word: string; tone: Tone }> = { 0: { word: "works", tone: "good" }, [-1]: { word: "tried again", tone: "warn" }, [-2]: { word: "busy", tone: "warn" }, [-5]: { word: "fails", tone: "bad" } };

const share = (n: number | null): string => (n === null ? "–" : percent(n / 100, 2));
const rate = (e: Endpoint): string => (e.throughput_last_30m === null ? "–" : `${Math.round(e.throughput_last_30m.p50)} tokens/s`);

const columns: readonly Column<Endpoint>[] = [
  { head: "Provider", cell: (e) => e.provider_name },
  { head: "State", cell: (e) => { const s = states[e.status] ?? { word: `status ${e.status}`, tone: "warn" as Tone }; return <Badge tone={s.tone}>{s.word}</Badge>; } },
  { head: "Privacy", cell: (e) => <PrivacyBadge privacy={e.trustedrouter.privacy} />, from: "sm" },
  { head: "In", cell: (e) => perMillion(e.pricing.prompt), number: true },
  { head: "Out", cell: (e) => perMillion(e.pricing.completion), number: true },
  { head: "Cached in", cell: (e) => perMillion(e.pricing.input_cache_read), number: true, from: "md" },
  { head: "Context", cell: (e) => contextOf(e.context_length), number: true, from: "md" },
  { head: "Max output", cell: (e) => contextOf(e.max_completion_tokens), number: true, from: "md" },
  { head: "Uptime, 1 day", cell: (e) => share(e.uptime_last_1d), number: true, from: "sm" },
  { head: "First token p50", cell: (e) => ms(e.latency_last_30m?.p50), number: true, from: "sm" },
  { head: "Throughput p50", cell: rate, number: true, from: "md" },
];

function Endpoints({ model }: { model: Model }) {
  const list = useOfPlane(model.id, fetchEndpoints);
  if (model.trustedrouter.kind === "synth") return null;
  return (
    <section class="stack" aria-label="Providers">
      <h2>Providers</h2>
      <p class="soft">Uptime, time to first token and throughput are what this data plane has measured in the last 30 minutes, or day. A dash: nothing, or too little.</p>
      {list.state === "loading" && <TableSkeleton columns={6} rows={2} />}
      {list.state === "failed" && <Failure error={list.error} retry={list.reload} />}
      {list.state === "ready" && (list.data.length === 0 ? <Empty title="No provider serves it now" says="Choose another model, or look again later." /> : <Table label="Providers" columns={columns} rows={list.data} keyOf={(e) => e.tag + e.name} />)}
    </section>
  );
}

function Members({ model }: { model: Model }) {
  const synth = model.trustedrouter.synth;
  if (!synth) return null;
  const links = (ids: readonly string[]) => ids.map((id) => <a key={id} class="mono small" href={pathOf(id)}>{id}</a>);
  return (
    <section class="stack" aria-label="Made of">
      <h2>Made of</h2>
      <dl class="facts">
        <div><dt>Panel</dt><dd class="line">{links(synth.panel)}</dd></div>
        <div><dt>Judges</dt><dd class="line">{links(synth.judges)}</dd></div>
        <div><dt>Finals</dt><dd class="line">{links(synth.finals)}</dd></div>
      </dl>
    </section>
  );
}

function Prices({ model }: { model: Model }) {
  const also = alsoPriced(model);
  return (
    <div class="grid">
      <Stat label="Input" value={priceOf(model, "prompt")} more={also.join(", ") || undefined} />
      <Stat label="Output" value={priceOf(model, "completion")} />
      <Stat label="Context" value={contextOf(model.context_length)} more={model.top_provider.max_completion_tokens ? `up to ${contextOf(model.top_provider.max_completion_tokens)} of output` : undefined} />
      <Stat label="Privacy" value={<PrivacyBadge privacy={model.trustedrouter.privacy} />} more={privacySays(model.trustedrouter.privacy)} />
    </div>
  );
}

function About({ model }: { model: Model }) {
  const t = model.trustedrouter;
  const facts_: [string, string | null][] = [
    ["Takes", model.architecture.input_modalities.join(", ")],
    ["Gives", model.architecture.output_modalities.join(", ")],
    ["Parameters", model.supported_parameters.join(", ") || null],
    ["Knowledge until", model.knowledge_cutoff],
    ["Ends on", model.expiration_date],
    ["Price of", t.price_date ? `${t.price_date}${t.price_source ? `, ${t.price_source}` : ""}` : null],
    ["Stands for", model.alias_target ? model.alias_target.slug : null],
  ];
  return <dl class="facts">{facts_.filter(([, v]) => v).map(([name, v]) => <div key={name}><dt>{name}</dt><dd>{v}</dd></div>)}</dl>;
}

function Detail({ model }: { model: Model }) {
  return (
    <>
      <header class="stack tight">
        <div class="line"><h1>{model.name}</h1><Badge>{kindOf(model)}</Badge></div>
        <p class="mono soft">{model.id}</p>
        <p class="reading">{model.description}</p>
        <div class="line chips">{capabilitiesOf(model).map((c) => <Badge key={c}>{c}</Badge>)}</div>
      </header>
      <Prices model={model} />
      <TryIt model={model} />
      <Members model={model} />
      <Endpoints model={model} />
      <section class="stack" aria-label="About"><h2>About</h2><About model={model} /></section>
    </>
  );
}

export default function ModelPage({ rest }: PageProps) {
  const model = useOfPlane(rest, fetchModel);
  return (
    <div class="stack loose">
      <p><a href={hereBase()}>All models</a></p>
      {model.state === "loading" && <><Skeleton width="40%" height="32px" /><SkeletonLines lines={8} /></>}
      {model.state === "failed" && (model.error instanceof NotReached ? <Unreached origin={model.error.origin} retry={model.reload} /> : model.error.status === 404 ? (
        <Empty title="No model has this id" says={`The catalog has no ${rest}. It may have been renamed or withdrawn.`}><ButtonLink href={hereBase()} kind="primary">See all models</ButtonLink></Empty>
      ) : <Failure error={model.error} retry={model.reload} />)}
      {model.state === "ready" && <Detail model={model.data} />}
    </div>
  );
}
