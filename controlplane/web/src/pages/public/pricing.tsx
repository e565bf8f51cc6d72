// What requests cost: the catalog's prices, and what is paid beside them.
import { useMemo } from "preact/hooks";
import { count } from "../../core/format.ts";
import { facts } from "../../core/console.ts";
import { here, queryOf, setQuery } from "../../core/router.ts";
import { ButtonLink, Empty, Failure, PageHead } from "../../ui/controls.tsx";
import { Table, TableSkeleton, type Column } from "../../ui/table.tsx";
import type { Model } from "../../prompt/models.ts";
import { alsoPriced, cachedPriceOf, fits, kindOf, priceOf, searchWords } from "../models/parts.tsx";
import { useCatalog } from "./live.ts";

const asOf: Column<Model> = { head: "As of", cell: (m) => m.trustedrouter.price_date ?? "–", from: "md" };
const columns: Column<Model>[] = [
  { head: "Model", cell: (m) => <a href={`/models/${m.id}`} class="mono">{m.id}</a> },
  { head: "Kind", cell: kindOf, from: "md" },
  { head: "Prompt", cell: (m) => priceOf(m, "prompt"), number: true },
  { head: "Completion", cell: (m) => priceOf(m, "completion"), number: true },
  { head: "Cached", cell: cachedPriceOf, number: true, from: "md" },
  { head: "Also priced", cell: (m) => alsoPriced(m).join(", ") || "–", from: "md" },
  asOf,
];

function Prices() {
  const models = useCatalog();
  const text = queryOf(here.value).get("q") ?? "";
  const shown = useMemo(() => (models.data ?? []).filter((m) => fits(m, searchWords(text))), [models.data, text]);
  const told = useMemo(() => columns.filter((c) => c !== asOf || models.data?.some((m) => m.trustedrouter.price_date)), [models.data]);
  if (models.error) return <Failure error={models.error} retry={models.reload} />;
  return (
    <section class="stack pricing" aria-label="Prices of models">
      <div class="line apart"><h2>Prices of models</h2><div role="search" class="docs-search"><input class="input" type="search" aria-label="Search models" placeholder="Search models ( / )" value={text} onInput={(e) => setQuery({ q: e.currentTarget.value })} /></div></div>
      <p class="soft">Dollars per million tokens (1M), or per image, request, second, character or query where it says so, as the catalog in force has them. Where several providers serve a model, the least price; the receipt of each request says what was paid to whom.{models.data ? ` ${count(models.data.length)} models.` : ""}</p>
      {!models.data ? <TableSkeleton columns={5} rows={12} /> : shown.length === 0 ? <Empty title="No model has these words" says="Try a part of its name, or clear the search." /> : <Table label="Prices of models" columns={told} rows={shown} keyOf={(m) => m.id} />}
    </section>
  );
}

const terms = [
  { title: "Prepaid credit", says: "A request is charged its tokens times the price that held when it began. There is no subscription and no fee for a seat. A key or a workspace can have a limit; a request that the credit does not cover is refused before it reaches a provider." },
  { title: "What is paid on top", says: "The operator may set a markup for an account, in hundredths of a percent. It is shown under Credits, it never changes for a request that has begun, and the receipt states it beside the price." },
  { title: "Your own provider keys", says: "Requests on a provider key of your own are paid to that provider. The router takes the fee that the terms of your account name, a share of the catalog's price, which may be zero." },
  { title: "What is not charged", says: "A request that is refused, or that no provider answered, costs nothing. An answer that breaks off, or that you end, is charged for its prompt and for what was written until then." },
  { title: "Moving over with credit", says: "Credit that you have elsewhere can be matched as promotional credit: ask for it in the console, with a proof of the balance. The operator decides." },
  { title: "Exactly", says: "Amounts are kept in billionths of a dollar. Each class of tokens is rounded half up, a markup or a fee up. The receipt has the figures and the prices, so that the sum can be made again. Months add up in statements that can be read as a page, as CSV or as JSON." },
] as const;

export default function Pricing() {
  const signUp = facts.value?.sign_in.sign_up ?? false;
  return (
    <div class="stack loose">
      <PageHead title="Pricing" says="What a model's provider charges, the terms of your account, and nothing else.">
        <ButtonLink href={signUp ? "/signup" : "/login"} kind="primary">{signUp ? "Make an account" : "Sign in"}</ButtonLink>
      </PageHead>
      <div class="cards">{terms.map((t) => <section key={t.title} class="card"><h2>{t.title}</h2><p class="soft">{t.says}</p></section>)}</div>
      <Prices />
      <p class="soft">Payments, statements, markups and refunds in detail: <a href="/docs/operations#money">Money</a>, <a href="/docs/byok">Provider keys of your own</a>, <a href="/docs/receipts">Receipts</a>.</p>
    </div>
  );
}
