// Usage as the control plane adds it up: what the pages ask for, and its shape.
import { useGet, type Resource } from "../../core/resource.ts";

export interface Latency {
  p50: number | null;
  p90: number | null;
  p95: number | null;
  p99: number | null;
}

export interface Figures {
  hour?: string;
  day?: string;
  model?: string;
  provider?: string;
  key?: string;
  key_name?: string;
  requests: number;
  errors: number;
  usage: number;
  prompt_tokens: number;
  completion_tokens: number;
  reasoning_tokens: number;
  cached_tokens: number;
  first_byte_ms: Latency;
  total_ms: Latency;
}

export type SpanName = "24h" | "7d" | "30d" | "90d";
export interface Span {
  name: SpanName;
  by: "hour" | "day"; // the width of a point in its charts
  from: string; // as the API takes it: a day, or a time on the hour
  starts: number[]; // unix seconds of each point, up to now
}

const HOUR = 3600;
const DAY = 86400;
const points: Record<SpanName, { by: "hour" | "day"; n: number }> = {
  "24h": { by: "hour", n: 24 },
  "7d": { by: "hour", n: 7 * 24 },
  "30d": { by: "day", n: 30 },
  "90d": { by: "day", n: 90 },
};
export const spanNames = [
  { value: "24h", label: "24 hours" },
  { value: "7d", label: "7 days" },
  { value: "30d", label: "30 days" },
  { value: "90d", label: "90 days" },
] as const;

export const asSpanName = (text: string | null): SpanName => (text !== null && Object.hasOwn(points, text) ? (text as SpanName) : "24h");
const stampOf = (s: number, by: "hour" | "day"): string =>
  by === "hour" ? new Date(s * 1000).toISOString().replace(".000Z", "Z") : new Date(s * 1000).toISOString().slice(0, 10);

export function spanOf(name: SpanName, nowMs = Date.now()): Span {
  const { by, n } = points[name];
  const width = by === "hour" ? HOUR : DAY;
  const last = Math.floor(nowMs / 1000 / width) * width;
  const starts = Array.from({ length: n }, (_, i) => last - (n - 1 - i) * width);
  return { name, by, from: stampOf(starts[0]!, by), starts };
}

export type Filters = Record<"model" | "provider" | "api_key_hash", string | null>;
export const noFilters: Filters = { model: null, provider: null, api_key_hash: null };

/** groups: what the API groups by; none: the whole in one row. */
export function analyticsPath(groups: readonly string[], from: string, filters: Filters = noFilters): string {
  const words = new URLSearchParams({ group_by: groups.join(","), from });
  for (const [name, value] of Object.entries(filters)) if (value) words.set(name, value);
  return `/analytics?${words.toString()}`;
}

export const useFigures = (groups: readonly string[], from: string, filters: Filters = noFilters): Resource<{ data: Figures[] }> =>
  useGet<{ data: Figures[] }>(analyticsPath(groups, from, filters));

const nothing: Latency = { p50: null, p90: null, p95: null, p99: null };
export const noFigures: Figures = { requests: 0, errors: 0, usage: 0, prompt_tokens: 0, completion_tokens: 0, reasoning_tokens: 0, cached_tokens: 0, first_byte_ms: nothing, total_ms: nothing };

/** One value for each point of the span; where nothing was booked, `empty`. */
export function seriesOf<E extends number | null>(span: Span, rows: readonly Figures[], value: (f: Figures) => number | null, empty: E): (number | E | null)[] {
  const at = new Map(rows.map((r) => [Date.parse(r.hour ?? `${r.day ?? ""}T00:00:00Z`) / 1000, r]));
  return span.starts.map((s) => {
    const row = at.get(s);
    return row === undefined ? empty : value(row);
  });
}

/** The share of requests that did not fail; null when there was none. */
export const successOf = (f: Figures): number | null => (f.requests === 0 ? null : (f.requests - f.errors) / f.requests);
