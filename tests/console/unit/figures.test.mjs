// What the usage pages ask for, and what they make of it: points of time at the right hours and days, the share that succeeded.
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./library.mjs";

const f = await load("pages/usage/figures.ts");
const now = Date.UTC(2026, 10, 30, 21, 40, 12);
const at = (s) => new Date(s * 1000).toISOString();

test("figures_spans", () => {
  const day = f.spanOf("24h", now);
  assert.deepEqual([day.by, day.from, day.starts.length, at(day.starts[23])], ["hour", "2026-11-29T22:00:00Z", 24, "2026-11-30T21:00:00.000Z"]);
  const month = f.spanOf("30d", now);
  assert.deepEqual([month.by, month.from, month.starts.length, at(month.starts[29])], ["day", "2026-11-01", 30, "2026-11-30T00:00:00.000Z"]);
  assert.deepEqual([f.asSpanName("7d"), f.asSpanName("1y"), f.asSpanName("toString"), f.asSpanName(null)], ["7d", "24h", "24h", "24h"]);
});

test("figures_points", () => {
  const row = (more) => ({ ...f.noFigures, ...more });
  const hours = f.spanOf("24h", now);
  const series = f.seriesOf(hours, [row({ hour: "2026-11-30T21:00:00Z", requests: 7 }), row({ hour: "2026-11-29T22:00:00Z", requests: 2 })], (r) => r.requests, 0);
  assert.deepEqual([series[0], series[1], series[23]], [2, 0, 7]);
  const days = f.seriesOf(f.spanOf("30d", now), [row({ day: "2026-11-30", usage: 1.5 })], (r) => r.usage, null);
  assert.deepEqual([days[28], days[29]], [null, 1.5]);
});

test("figures_success", () => {
  assert.equal(f.successOf(f.noFigures), null);
  assert.equal(f.successOf({ ...f.noFigures, requests: 8, errors: 2 }), 0.75);
});

test("figures_question", () => {
  assert.equal(f.analyticsPath(["model"], "2026-11-01", { model: "a/b&c", provider: null, api_key_hash: null }), "/analytics?group_by=model&from=2026-11-01&model=a%2Fb%26c");
});
