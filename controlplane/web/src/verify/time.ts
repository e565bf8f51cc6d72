/** Times as policies and options spell them: a date, or RFC 3339 with any offset. */

const TEXT = /^([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.[0-9]+)?(?:[Zz]|([+-])([0-9]{2}):([0-9]{2})))?$/;

function dayS(text: string): number | null {
  const ms = Date.parse(`${text}T00:00:00Z`);
  const ok = Number.isFinite(ms) && ms >= 0 && new Date(ms).toISOString().startsWith(text);
  return ok ? ms / 1000 : null;
}

/** Unix seconds, or null. */
export function parseTime(text: string): number | null {
  const [, date = "", h = "0", m = "0", s = "0", sign = "+", zoneH = "0", zoneM = "0"] = TEXT.exec(text) ?? [];
  const day = date === "" ? null : dayS(date);
  const parts = [h, m, s, zoneH, zoneM].map(Number) as [number, number, number, number, number];
  if (day === null || parts[0] > 23 || parts[1] > 59 || parts[2] > 59 || parts[3] > 23 || parts[4] > 59) return null;
  const offset = (sign === "-" ? -1 : 1) * (parts[3] * 3600 + parts[4] * 60);
  const at = day + parts[0] * 3600 + parts[1] * 60 + parts[2] - offset;
  return at >= 0 ? at : null;
}

export function timeText(unixS: number): string {
  return new Date(unixS * 1000).toISOString().replace(".000Z", "Z");
}
