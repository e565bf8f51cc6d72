// Figures as pages show them: each with its unit, and none that rounding makes into another one.
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./library.mjs";

process.env.TZ = "America/New_York";
const f = await load("core/format.ts");
const table = (fn, rows) => {
  for (const [given, want] of rows) assert.equal(fn(given), want, `${fn.name}(${given})`);
};

test("format_dollars", () => {
  table(f.usd, [
    [null, "–"], ["x", "–"], [0, "$0.00"], ["12.34", "$12.34"], [-1234.5, "-$1,234.50"], [0.5, "$0.50"], [0.000012, "$0.000012"],
    ["0.000000001", "$0.000000001"], [-0.25, "-$0.25"], [0.999999999, "$0.999999999"], [0.9999999999, "$1.00"], [1e-12, "$0.00"],
    [0.1 + 0.2, "$0.30"], [0.92327104, "$0.92327104"], [-0.9999999999, "-$1.00"], [-0.0000000001, "$0.00"], [1, "$1.00"],
    [1234567.891, "$1,234,567.89"], [9007199254.74, "$9,007,199,254.74"],
  ]);
});

test("format_prices", () => {
  table(f.perMillion, [[null, "–"], [-1, "varies"], [0, "free"], ["0.00000014", "$0.14 / 1M"], [0.0000025, "$2.50 / 1M"], [0.00000002, "$0.02 / 1M"]]);
});

test("format_durations", () => {
  table(f.ms, [
    [null, "–"], [0, "0 ms"], [12.4, "12 ms"], [999.4, "999 ms"], [999.6, "1.00 s"], [1000, "1.00 s"], [9994, "9.99 s"], [9996, "10.0 s"],
    [10_040, "10.0 s"], [59_940, "59.9 s"], [59_960, "1 min 0 s"], [60_000, "1 min 0 s"], [119_400, "1 min 59 s"], [119_600, "2 min 0 s"],
  ]);
});

test("format_counts", () => {
  table(f.compact, [[9999, "9,999"], [12_345, "12.3K"], [4_560_000, "4.6M"]]);
  table(f.tokens, [[null, "–"], [0, "0 tokens"], [20_000, "20K tokens"]]);
  table(f.bytes, [[1023, "1023 B"], [1024, "1.0 KiB"], [1_572_864, "1.5 MiB"]]);
  table(f.percent, [[0, "0.0%"], [0.9876, "98.8%"], [1, "100.0%"]]);
  assert.deepEqual([f.plural(1, "key"), f.plural(0, "key"), f.plural(1000, "entry", "entries")], ["1 key", "0 keys", "1,000 entries"]);
});

test("format_ago", () => {
  const now = Date.now();
  table(f.ago, [[null, "never"], [now - 5000, "5 seconds ago"], [now - 3 * 3600_000, "3 hours ago"], [now + 2 * 86400_000, "in 2 days"]]);
  assert.equal(f.ago(Math.floor(now / 1000) - 600), "10 minutes ago", "unix seconds");
});

test("format_times", () => {
  const year = new Date().getFullYear();
  assert.equal(f.dateTime(`${year}-06-30T20:59:57Z`), "30 Jun, 16:59:57");
  assert.equal(f.dateTime("2031-01-01T03:00:00Z"), "31 Dec 2030, 22:00:00");
  assert.equal(f.exactTime("2031-01-01T03:00:00Z"), "31 Dec 2030, 22:00:00 GMT-5");
  assert.equal(f.exactTime(null), "–");
});
