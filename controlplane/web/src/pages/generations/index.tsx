// Every request of the workspace, newest first.
import { apiLink } from "../parts/link.ts";
import { here, queryOf, setQuery } from "../../core/router.ts";
import { count } from "../../core/format.ts";
import { Button, ButtonLink, Empty, Failure, PageHead, SelectField, TextField } from "../../ui/controls.tsx";
import { TableSkeleton } from "../../ui/table.tsx";
import { filtersOf, UsageFilters } from "../usage/filters.tsx";
import { RECORD_COLUMNS, RecordsTable } from "../usage/records_table.tsx";
import { useRecords } from "./records.ts";

const outcomes = [
  { value: "", label: "Every outcome" },
  { value: "ok", label: "OK" },
  { value: "error", label: "Errors" },
  { value: "cancelled", label: "Cancelled by the client" },
] as const;

const present = (query: Record<string, string | null>): Record<string, string> =>
  Object.fromEntries(Object.entries(query).filter((e): e is [string, string] => e[1] !== null && e[1] !== ""));

export default function Generations() {
  const words = queryOf(here.value);
  const query = { ...filtersOf(words), status: words.get("status"), from: words.get("from"), to: words.get("to") };
  const list = useRecords(query);
  const filtered = Object.keys(present(query)).length > 0;
  return (
    <>
      <PageHead title="Requests" says="Numbers of every request, newest first. What was asked and answered is stored nowhere.">
        <Button icon="refresh" onClick={list.reload}>Refresh</Button>
        <a class="button" href={apiLink("/generations.csv", present(query))} download="generations.csv">CSV</a>
      </PageHead>
      <div class="filters">
        <UsageFilters />
        <SelectField label="Outcome" value={(query.status ?? "") as (typeof outcomes)[number]["value"]} choices={outcomes} onChange={(v) => setQuery({ status: v })} />
        <TextField label="From (UTC)" type="date" value={query.from ?? ""} onInput={(v) => setQuery({ from: v })} />
        <TextField label="Until (UTC)" type="date" value={query.to ?? ""} onInput={(v) => setQuery({ to: v })} />
      </div>
      {list.error && <Failure error={list.error} retry={list.reload} />}
      {list.state === "loading" && <TableSkeleton columns={RECORD_COLUMNS} rows={12} />}
      {list.rows.length > 0 && <RecordsTable label="Requests" rows={list.rows} loading={list.searching} onEnd={list.more ? list.next : undefined} />}
      {list.state === "ready" && list.rows.length === 0 && !list.more && (
        <Empty title={filtered ? "No request fits" : "No request yet"} says={filtered ? "Choose fewer filters, or a longer time. Records are kept as long as Settings says." : "A request appears here within seconds of its answer. Send one with a key, or from the playground."}>
          {filtered ? <Button onClick={() => setQuery({ model: null, provider: null, key: null, status: null, from: null, to: null })}>Remove the filters</Button> : <ButtonLink href="/app/chat">Open the playground</ButtonLink>}
        </Empty>
      )}
      {list.state === "ready" && (
        <p class="soft small" role="status">
          {list.searching ? "Searching further back…" : list.more ? `${count(list.rows.length)} shown; there are more.` : list.rows.length > 0 ? `${count(list.rows.length)} shown: all of them.` : ""}{" "}
          {list.more && !list.searching && <Button small onClick={list.further}>Search further back</Button>}
        </p>
      )}
    </>
  );
}
