// The figures of a time by model, provider or key. A row chooses what it is about.
import { useState } from "preact/hooks";
import { brief, compact, count, ms, percent, usd } from "../../core/format.ts";
import { setQuery } from "../../core/router.ts";
import { Failure, Tabs } from "../../ui/controls.tsx";
import { Table, TableSkeleton, type Column } from "../../ui/table.tsx";
import { NameButton, Section } from "../parts/parts.tsx";
import { successOf, useFigures, type Figures, type Filters } from "../usage/figures.ts";

type By = "model" | "provider" | "key";
const tabs = [
  { value: "model", label: "By model" },
  { value: "provider", label: "By provider" },
  { value: "key", label: "By key" },
] as const;

const valueOf = (f: Figures, by: By): string => f[by] ?? "unknown";
const nameOf = (f: Figures, by: By): string => (by === "key" ? (f.key_name ?? brief(f.key ?? "unknown")) : valueOf(f, by));
const success = (f: Figures): string => { const s = successOf(f); return s === null ? "–" : percent(s); };
const choose = (f: Figures, by: By): void => setQuery({ [by]: valueOf(f, by) });

const columnsOf = (by: By): Column<Figures>[] => [
  { head: tabs.find((t) => t.value === by)!.label.slice(3).replace(/^./, (c) => c.toUpperCase()), cell: (f) => <NameButton name={nameOf(f, by)} onClick={() => choose(f, by)} /> },
  { head: "Requests", number: true, cell: (f) => count(f.requests) },
  { head: "Success", number: true, cell: success },
  { head: "Tokens in", number: true, from: "sm", cell: (f) => compact(f.prompt_tokens) },
  { head: "Tokens out", number: true, from: "sm", cell: (f) => compact(f.completion_tokens) },
  { head: "Cached", number: true, from: "md", cell: (f) => compact(f.cached_tokens) },
  { head: "p50", number: true, from: "md", cell: (f) => ms(f.total_ms.p50) },
  { head: "p95", number: true, from: "sm", cell: (f) => ms(f.total_ms.p95) },
  { head: "p99", number: true, from: "md", cell: (f) => ms(f.total_ms.p99) },
  { head: "Spend", number: true, cell: (f) => usd(f.usage) },
];
const columns: Record<By, Column<Figures>[]> = { model: columnsOf("model"), provider: columnsOf("provider"), key: columnsOf("key") };

export function Breakdown({ from, filters }: { from: string; filters: Filters }) {
  const [by, setBy] = useState<By>("model");
  const rows = useFigures([by], from, filters);
  return (
    <Section title="Breakdown" says="Times are of whole answers. Choose a row to see it alone.">
      <Tabs label="Break down by" tabs={tabs} value={by} onChange={setBy} />
      {rows.state === "loading" && <TableSkeleton columns={columns[by].length} rows={4} />}
      {rows.state === "failed" && <Failure error={rows.error} retry={rows.reload} />}
      {rows.state === "ready" && <Table label={`Usage by ${by}`} columns={columns[by]} rows={rows.data.data} keyOf={(f) => valueOf(f, by)} />}
    </Section>
  );
}
