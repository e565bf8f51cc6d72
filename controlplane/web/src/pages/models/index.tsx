// The catalogue: every model that a data plane serves, as cards or as a dense list.
import { useMemo, useState } from "preact/hooks";
import { count } from "../../core/format.ts";
import { go, here, queryOf, setQuery } from "../../core/router.ts";
import { useLoad } from "../../core/resource.ts";
import { dataPlane, facts } from "../../core/console.ts";
import { kept } from "../../core/storage.ts";
import { Badge, Button, Empty, Failure, PageHead, SkeletonLines } from "../../ui/controls.tsx";
import { Table, type Column } from "../../ui/table.tsx";
import { fetchProviders, Unreached as NotReached, type Model, type Provider } from "../../prompt/models.ts";
import { Unreached } from "../chat/unreached.tsx";
import { useModels } from "../chat/use_plane.ts";
import { contextChoices, filterOf, found, priceChoices, sortChoices, type Filter } from "./filter.ts";
import { capabilitiesOf, capabilityChoices, contextOf, kindChoices, kindOf, priceOf, pricesOf, PrivacyBadge, privacyChoices } from "./parts.tsx";

const CARDS_MAX = 60; // at first; the list shows all of them

export const hereBase = (): string => (here.value.path.startsWith("/app/") ? "/app/models" : "/models");
export const pathOf = (id: string): string => `${hereBase()}/${id.split("/").map(encodeURIComponent).join("/")}`;

interface Choice {
  value: string;
  label: string;
}

function Chosen({ label, name, value, choices }: { label: string; name: keyof Filter; value: string; choices: readonly Choice[] }) {
  return (
    <select class="input" aria-label={label} value={value} onChange={(e) => setQuery({ [name]: e.currentTarget.value })}>
      {choices.map((c) => <option key={c.value} value={c.value}>{c.label}</option>)}
    </select>
  );
}

function useProviders(): Choice[] {
  const known = facts.value !== null;
  const list = useLoad<Provider[]>((signal) => {
    const origin = dataPlane();
    return origin === null ? new Promise(() => {}) : fetchProviders(origin, signal);
  }, [known]);
  return [{ value: "", label: "Any provider" }, ...(list.data ?? []).map((p) => ({ value: p.slug, label: p.name }))];
}

function Filters({ filter }: { filter: Filter }) {
  return (
    <div class="model-filters" role="search" aria-label="Models">
      <input class="input" type="search" aria-label="Search models" placeholder="Search models ( / )" value={filter.q} onInput={(e) => setQuery({ q: e.currentTarget.value })} />
      <Chosen label="Provider" name="provider" value={filter.provider} choices={useProviders()} />
      <Chosen label="Kind" name="kind" value={filter.kind} choices={kindChoices} />
      <Chosen label="Capability" name="capability" value={filter.capability} choices={capabilityChoices} />
      <Chosen label="Privacy" name="privacy" value={filter.privacy} choices={privacyChoices} />
      <Chosen label="Context" name="context" value={filter.context} choices={contextChoices} />
      <Chosen label="Price" name="price" value={filter.price} choices={priceChoices} />
      <Chosen label="Order" name="sort" value={filter.sort} choices={sortChoices} />
    </div>
  );
}

function Card({ model }: { model: Model }) {
  return (
    <a class="card model-card" href={pathOf(model.id)}>
      <span class="line apart"><strong class="clip">{model.name}</strong><Badge>{kindOf(model)}</Badge></span>
      <span class="mono small soft clip">{model.id}</span>
      <span class="small soft two-lines">{model.description}</span>
      <span class="line chips"><PrivacyBadge privacy={model.trustedrouter.privacy} />{capabilitiesOf(model).map((c) => <Badge key={c}>{c}</Badge>)}</span>
      <span class="prices small">{pricesOf(model).map((p) => <span key={p}>{p}</span>)}{model.context_length ? <span>{contextOf(model.context_length)}</span> : null}</span>
    </a>
  );
}

function Cards({ models }: { models: readonly Model[] }) {
  const [all, setAll] = useState(false);
  const shown = all ? models : models.slice(0, CARDS_MAX);
  return (
    <>
      <div class="model-cards">{shown.map((m) => <Card key={m.id} model={m} />)}</div>
      {shown.length < models.length && <div class="line"><Button onClick={() => setAll(true)}>Show the other {count(models.length - shown.length)}</Button></div>}
    </>
  );
}

const columns: readonly Column<Model>[] = [
  { head: "Model", cell: (m) => <a href={pathOf(m.id)}>{m.name}</a> },
  { head: "Id", cell: (m) => <span class="mono">{m.id}</span>, from: "md" },
  { head: "Kind", cell: kindOf, from: "md" },
  { head: "Privacy", cell: (m) => <PrivacyBadge privacy={m.trustedrouter.privacy} />, from: "sm" },
  { head: "In", cell: (m) => priceOf(m, "prompt"), number: true },
  { head: "Out", cell: (m) => priceOf(m, "completion"), number: true, from: "sm" },
  { head: "Context", cell: (m) => contextOf(m.context_length), number: true, from: "sm" },
  { head: "Providers", cell: (m) => (m.trustedrouter.providers.length ? count(m.trustedrouter.providers.length) : "–"), number: true, from: "md" },
];

function List({ models }: { models: readonly Model[] }) {
  return <Table label="Models" columns={columns} rows={models} keyOf={(m) => m.id} onOpen={(m) => go(pathOf(m.id))} />;
}

const VIEW = "models-view";

function Shown({ models }: { models: readonly Model[] }) {
  const filter = filterOf(queryOf(here.value));
  const rows = useMemo(() => found(models, filter), [models, JSON.stringify(filter)]);
  const [dense, setDense] = useState(kept.get(VIEW) === "list");
  const choose = (list: boolean) => {
    kept.set(VIEW, list ? "list" : "cards");
    setDense(list);
  };
  const clear = () => setQuery(Object.fromEntries(Object.keys(filter).map((name) => [name, null])));
  return (
    <>
      <Filters filter={filter} />
      <div class="line apart">
        <p class="soft" role="status">{count(rows.length)} of {count(models.length)} models</p>
        <div class="line" role="group" aria-label="View">
          <Button small kind={dense ? "quiet" : "plain"} aria-pressed={dense ? "false" : "true"} onClick={() => choose(false)}>Cards</Button>
          <Button small kind={dense ? "plain" : "quiet"} aria-pressed={dense ? "true" : "false"} onClick={() => choose(true)}>List</Button>
        </div>
      </div>
      {rows.length === 0 && <Empty title="No model fits all filters" says="Remove a filter, or search for a shorter word."><Button onClick={clear}>Clear the filters</Button></Empty>}
      {rows.length > 0 && (dense ? <List models={rows} /> : <Cards models={rows} />)}
    </>
  );
}

export default function Models() {
  const list = useModels();
  return (
    <div class="stack loose">
      <PageHead title="Models" says="What the data plane serves now, with prices per million tokens of the cheapest provider." />
      {list.state === "loading" && <SkeletonLines lines={8} />}
      {list.state === "failed" && (list.error instanceof NotReached ? <Unreached origin={list.error.origin} retry={list.reload} /> : <Failure error={list.error} retry={list.reload} />)}
      {list.state === "ready" && (list.data.length === 0 ? <Empty title="No model is served" says="The catalog in force has no endpoint that is on. An operator publishes one in the catalog." /> : <Shown models={list.data} />)}
    </div>
  );
}
