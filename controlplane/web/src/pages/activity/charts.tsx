// The charts of a time: requests, spend, tokens, and how long answers took.
import { useMemo } from "preact/hooks";
import { compact, ms, usd } from "../../core/format.ts";
import { Chart, type Series } from "../../ui/chart.tsx";
import { Skeleton } from "../../ui/controls.tsx";
import { seriesOf, type Figures, type Span } from "../usage/figures.ts";

interface Plot {
  title: string;
  format: (value: number) => string;
  lines: [string, (f: Figures) => number | null][];
  empty: 0 | null; // where nothing was booked
}

const plots: Plot[] = [
  { title: "Requests", format: compact, empty: 0, lines: [["all", (f) => f.requests], ["failed", (f) => f.errors]] },
  { title: "Spend", format: usd, empty: 0, lines: [["spend", (f) => f.usage]] },
  { title: "Time to the first byte", format: ms, empty: null, lines: [["p50", (f) => f.first_byte_ms.p50], ["p95", (f) => f.first_byte_ms.p95], ["p99", (f) => f.first_byte_ms.p99]] },
  { title: "Tokens", format: compact, empty: 0, lines: [["in", (f) => f.prompt_tokens], ["out", (f) => f.completion_tokens]] },
];

function PlotCard({ plot, span, rows }: { plot: Plot; span: Span; rows: Figures[] | undefined }) {
  const series = useMemo<Series[]>(() => plot.lines.map(([label, value]) => ({ label, values: seriesOf(span, rows ?? [], value, plot.empty) })), [span, rows]);
  return (
    <section class="card chart-card" aria-label={plot.title}>
      <h3>{plot.title} <span class="faint">per {span.by}</span></h3>
      {rows === undefined ? <Skeleton height="200px" /> : <Chart label={`${plot.title} per ${span.by}`} times={span.starts} series={series} format={plot.format} />}
    </section>
  );
}

export const Charts = ({ span, rows }: { span: Span; rows: Figures[] | undefined }) => (
  <div class="charts">{plots.map((p) => <PlotCard key={p.title} plot={p} span={span} rows={rows} />)}</div>
);
