// A time series by uPlot, which is fetched when the first chart is shown. The same figures are there as a table for
// screen readers.
import { useEffect, useRef } from "preact/hooks";
import type uPlot from "uplot";

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

const token = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function optionsOf({ series, format, height = 200 }: ChartProps, width: number): uPlot.Options {
  const axis = { stroke: token("--ink-faint"), grid: { stroke: token("--line"), width: 1 }, ticks: { show: false }, font: `12px ${token("--font")}` };
  return {
    width,
    height,
    cursor: { points: { size: 6 } },
    legend: { show: series.length > 1 },
    axes: [axis, { ...axis, size: 72, values: (_, ticks) => ticks.map(format) }],
    series: [{}, ...series.map((s, i) => ({ label: s.label, stroke: token(`--chart-${(i % 6) + 1}`), width: 1.6, points: { show: false }, value: (_: uPlot, v: number | null) => (v === null ? "–" : format(v)) }))],
  };
}

export function Chart(props: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
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
  }, [props.times, props.series, props.height]);
  return (
    <figure class="chart" style={{ minHeight: `${props.height ?? 200}px`, margin: 0 }}>
      <div ref={box} role="img" aria-label={props.label} />
    </figure>
  );
}
