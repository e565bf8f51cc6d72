// Numbers with their units, in one way everywhere. Amounts of money come as decimal text or numbers in dollars.

const whole = new Intl.NumberFormat("en-US");
const short = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });
const dollars2 = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD" });

export const count = (n: number): string => whole.format(n);
export const compact = (n: number): string => (Math.abs(n) < 10_000 ? whole.format(n) : short.format(n));
export const percent = (share: number, digits = 1): string => `${(share * 100).toFixed(digits)}%`;
export const plural = (n: number, one: string, many = `${one}s`): string => `${count(n)} ${n === 1 ? one : many}`;

/** "$12.34"; below a dollar as many digits as it has, up to nine: "$0.000012". */
export function usd(amount: number | string | null | undefined): string {
  if (amount === null || amount === undefined) return "–";
  const n = Number(Number(amount).toFixed(9));
  if (!Number.isFinite(n)) return "–";
  if (n === 0 || Math.abs(n) >= 1) return dollars2.format(n === 0 ? 0 : n); // and not "-$0.00"
  const digits = Math.abs(n).toFixed(9).slice(2).replace(/0+$/, "");
  return `${n < 0 ? "-" : ""}$0.${digits.padEnd(2, "0")}`;
}

/** The price of a million tokens, from a price per token: "$0.14 / 1M". */
export function perMillion(perToken: number | string | null | undefined): string {
  if (perToken === null || perToken === undefined) return "–";
  const n = Number(perToken);
  if (n < 0) return "varies";
  return n === 0 ? "free" : `${usd(Number((n * 1e6).toPrecision(12)))} / 1M`;
}

export function ms(n: number | null | undefined): string {
  if (n === null || n === undefined) return "–";
  const rounded = Math.round(n); // first: what is rounded later may become a whole unit more
  if (rounded < 1000) return `${rounded} ms`;
  if (rounded < 9995) return `${(rounded / 1000).toFixed(2)} s`;
  if (rounded < 59_950) return `${(rounded / 1000).toFixed(1)} s`;
  const s = Math.round(rounded / 1000);
  return `${Math.floor(s / 60)} min ${s % 60} s`;
}

export function tokens(n: number | null | undefined): string {
  return n === null || n === undefined ? "–" : `${compact(n)} tokens`;
}

export function bytes(n: number): string {
  if (n < 1024) return `${n} B`;
  return n < 1024 * 1024 ? `${(n / 1024).toFixed(1)} KiB` : `${(n / 1024 / 1024).toFixed(1)} MiB`;
}

const day = new Intl.DateTimeFormat("en-GB", { day: "2-digit", month: "short", year: "numeric" });
const minute = new Intl.DateTimeFormat("en-GB", { day: "2-digit", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit" });
const year = new Intl.DateTimeFormat("en-GB", { day: "2-digit", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit" });
const zone = new Intl.DateTimeFormat("en-GB", { day: "2-digit", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short" });
const at = (time: string | number | Date): Date => new Date(typeof time === "number" && time < 1e11 ? time * 1000 : time);

export const date = (time: string | number | Date | null | undefined): string => (time === null || time === undefined ? "–" : day.format(at(time)));
/** For rows, in the time of the person: "30 Nov, 20:59:57"; with its year when that is another. */
export const dateTime = (time: string | number | Date | null | undefined): string =>
  time === null || time === undefined ? "–" : (at(time).getFullYear() === new Date().getFullYear() ? minute : year).format(at(time));
/** Where a time stands alone: with the year and the zone, "30 Nov 2026, 20:59:57 UTC". */
export const exactTime = (time: string | number | Date | null | undefined): string =>
  time === null || time === undefined ? "–" : zone.format(at(time));

const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
/** "3 minutes ago", "in 2 days". */
export function ago(time: string | number | Date | null | undefined): string {
  if (time === null || time === undefined) return "never";
  const s = (at(time).getTime() - Date.now()) / 1000;
  const units: [number, Intl.RelativeTimeFormatUnit][] = [[60, "second"], [3600, "minute"], [86400, "hour"], [86400 * 60, "day"], [Infinity, "month"]];
  let per = 1;
  for (const [limit, unit] of units) {
    if (Math.abs(s) < limit) return relative.format(Math.round(s / per), unit);
    per = unit === "second" ? 60 : unit === "minute" ? 3600 : unit === "hour" ? 86400 : 86400 * 30;
  }
  return day.format(at(time));
}

/** "sha256:1a2b3c4d…": the beginning of something long. */
export const brief = (text: string, head = 12): string => (text.length <= head + 1 ? text : `${text.slice(0, head)}…`);
