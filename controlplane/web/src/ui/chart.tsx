// A time series by uPlot, which is fetched when the first chart is shown. The same figures are there as a table for
// screen readers.
import { useEffect, useRef } from "preact/hooks";
import type uPlot from "uplot";
import { isDark } from "../core/theme.ts";

export interface Series {
  label: string;
  values: (number | null)[];
}
interface ChartProps {
  label: string; // what the chart shows, for screen readers
  times: number[]; // unix seconds
  series: Series[];
  format: (value: number) => string;
  height?: number;
}

const HOUR = 3600;
const DAY = 24 * HOUR;
const dayWords = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
const timeWords = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: "UTC" });
/** Times are UTC, as the days and hours that figures are added up by. */
const tick = (s: number): string => (s % DAY === 0 ? dayWords : timeWords).format(s * 1000);
const atPoint = (s: number | null): string => (s === null ? "–" : s % DAY === 0 ? dayWords.format(s * 1000) : `${dayWords.format(s * 1000)}, ${timeWords.format(s * 1000)}`);

/** A value between two that are missing is on no line: it gets a point. */
const alone = (values: readonly (number | null)[]): number[] =>
  values.flatMap((v, i) => (v !== null && (values[i - 1] ?? null) === null && (values[i + 1] ?? null) === null ? [i] : []));

const token = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function optionsOf({ series, format, height = 200 }: ChartProps, width: number): uPlot.Options {
  const axis = { stroke: token("--ink-faint"), grid: { stroke: token("--line"), width: 1 }, ticks: { show: false }, font: `12px ${token("--font")}` };
  return {
    width,
    height,
    cursor: { points: { size: 6 } },
    tzDate: (s) => new Date(s * 1000 + new Date(s * 1000).getTimezoneOffset() * 60_000), // uPlot reads its local parts
    legend: { show: series.length > 1 },
    axes: [{ ...axis, size: 32, space: 64, incrs: [HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY, 28 * DAY], values: (_, ticks) => ticks.map(tick) }, { ...axis, size: 72, values: (_, ticks) => ticks.map(format) }],
    series: [{ label: "Time", value: (_: uPlot, s: number | null) => atPoint(s) }, ...series.map((s, i) => ({ label: s.label, stroke: token(`--chart-${(i % 6) + 1}`), width: 1.6, points: { size: 5, filter: () => alone(s.values) }, value: (_: uPlot, v: number | null) => (v === null ? "–" : format(v)) }))],
  };
}

export function Chart(props: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const dark = isDark.value; // a canvas keeps the colours that it was drawn with
  useEffect(() => {
    let plot: uPlot | undefined;
    let gone = false;
    const size = new ResizeObserver(() => box.current && plot?.setSize({ width: box.current.clientWidth, height: props.height ?? 200 }));
    void import("uplot").then(({ default: Plot }) => {
      if (gone || !box.current) return;
      plot = new Plot(optionsOf(props, box.current.clientWidth), [props.times, ...props.series.map((s) => s.values)] as uPlot.AlignedData, box.current);
      size.observe(box.current);
    });
    return () => {
      gone = true;
      size.disconnect();
      plot?.destroy();
    };
  }, [props.times, props.series, props.height, dark]);
  return (
    <figure class="chart" style={{ minHeight: `${props.height ?? 200}px`, margin: 0 }}>
      <div ref={box} role="img" aria-label={props.label} />
    </figure>
  );
}
