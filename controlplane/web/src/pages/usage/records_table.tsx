// Requests as a table: the newest of an activity, or a list of 100,000.
import type { ComponentChildren } from "preact";
import { ago, count, dateTime, exactTime, usd } from "../../core/format.ts";
import { go } from "../../core/router.ts";
import { Badge } from "../../ui/controls.tsx";
import { Table, type Column } from "../../ui/table.tsx";
import { atLeast, outcomeTone, pathOf, wordsOf, type UsageRecord } from "./record.ts";

const title = (r: UsageRecord): string => (r.error === null ? `HTTP ${r.http_status}` : `HTTP ${r.http_status}: ${wordsOf(r.error)}`);

function Model({ of: r }: { of: UsageRecord }): ComponentChildren {
  if (r.first_model === r.model) return <span title={r.model}>{r.model}</span>;
  return <span title={`asked for ${r.first_model}, answered by ${r.model}`}>{r.model} <span class="faint">for {r.first_model}</span></span>;
}

function Attempts({ of: r }: { of: UsageRecord }): ComponentChildren {
  const failed = r.failed_attempts.map((a) => `${a.provider_name ?? "a provider"} (${a.model ?? "no model"}): ${wordsOf(a.error)}`).join("\n");
  return failed === "" ? count(r.attempts) : <span class="warn" title={failed}>{count(r.attempts)}<span class="hidden-text"> attempts, failed: {failed}</span></span>;
}

const columns: Column<UsageRecord>[] = [
  { head: "When", fixedWidth: "130px", cell: (r) => <a href={pathOf(r)}><time dateTime={r.created_at} title={`${exactTime(r.created_at)}, ${ago(r.created_at)}`}>{dateTime(r.created_at)}</time></a> },
  { head: "Model", cell: (r) => <Model of={r} /> },
  { head: "Provider", fixedWidth: "120px", from: "md", cell: (r) => r.provider_name ?? <span class="faint">–</span> },
  { head: "Key", fixedWidth: "120px", from: "md", cell: (r) => <span title={r.api_key_hash ?? undefined}>{r.api_key_name ?? "–"}</span> },
  { head: "Outcome", fixedWidth: "92px", cell: (r) => <span title={title(r)}><Badge tone={outcomeTone[r.outcome]}>{r.outcome === "error" ? `error ${r.http_status}` : r.outcome}</Badge></span> },
  { head: "Tokens in", fixedWidth: "92px", number: true, from: "sm", cell: (r) => count(r.tokens_prompt) },
  { head: "Tokens out", fixedWidth: "96px", number: true, from: "sm", cell: (r) => count(r.tokens_completion) },
  { head: "Cost", fixedWidth: "104px", number: true, cell: (r) => usd(r.total_cost) },
  { head: "First byte", fixedWidth: "92px", number: true, from: "md", cell: (r) => (r.latency === 0 && r.outcome !== "ok" ? <span class="faint">–</span> : atLeast(r.latency)) },
  { head: "Total", fixedWidth: "88px", number: true, from: "sm", cell: (r) => atLeast(r.total_ms) },
  { head: "Attempts", fixedWidth: "88px", number: true, from: "md", cell: (r) => <Attempts of={r} /> },
];
export const RECORD_COLUMNS = columns.length;

interface RecordsTableProps {
  label: string;
  rows: readonly UsageRecord[];
  loading?: boolean;
  onEnd?: (() => void) | undefined;
}

export const RecordsTable = ({ label, rows, loading = false, onEnd }: RecordsTableProps) => (
  <Table label={label} columns={columns} rows={rows} keyOf={(r) => r.id} loading={loading} onEnd={onEnd} onOpen={(r) => go(pathOf(r))} />
);
