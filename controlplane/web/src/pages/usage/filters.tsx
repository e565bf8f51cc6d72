// What usage is filtered by: models, providers and keys that had any, out of the last 90 days. The choice is in the address.
import { brief } from "../../core/format.ts";
import { here, queryOf, setQuery } from "../../core/router.ts";
import { SelectField, type Choice } from "../../ui/controls.tsx";
import { spanOf, useFigures, type Figures, type Filters } from "./figures.ts";

export function filtersOf(query: URLSearchParams): Filters {
  return { model: query.get("model"), provider: query.get("provider"), api_key_hash: query.get("key") };
}
export const anyOf = (f: Filters): boolean => Object.values(f).some((v) => v !== null);

/** The named values, most requests first; the chosen one is among them even when it had no request. */
function choicesOf(rows: readonly Figures[], any: string, chosen: string | null, named: (f: Figures) => [string | undefined, string]): Choice[] {
  const seen = new Map<string, { label: string; requests: number }>();
  for (const row of rows) {
    const [value, label] = named(row);
    if (value === undefined) continue;
    seen.set(value, { label, requests: (seen.get(value)?.requests ?? 0) + row.requests });
  }
  if (chosen !== null && !seen.has(chosen)) seen.set(chosen, { label: brief(chosen, 24), requests: 0 });
  const sorted = [...seen].sort(([, a], [, b]) => b.requests - a.requests || (a.label < b.label ? -1 : 1));
  return [{ value: "", label: any }, ...sorted.map(([value, { label }]) => ({ value, label }))];
}

export function UsageFilters() {
  const query = queryOf(here.value);
  const chosen = filtersOf(query);
  const seen = useFigures(["model", "provider", "key"], spanOf("90d").from);
  const rows = seen.data?.data ?? [];
  return (
    <>
      <SelectField label="Model" value={chosen.model ?? ""} choices={choicesOf(rows, "Every model", chosen.model, (f) => [f.model, f.model ?? ""])} onChange={(v) => setQuery({ model: v })} />
      <SelectField label="Provider" value={chosen.provider ?? ""} choices={choicesOf(rows, "Every provider", chosen.provider, (f) => [f.provider, f.provider ?? ""])} onChange={(v) => setQuery({ provider: v })} />
      <SelectField label="Key" value={chosen.api_key_hash ?? ""} choices={choicesOf(rows, "Every key", chosen.api_key_hash, (f) => [f.key, f.key_name ?? brief(f.key ?? "")])} onChange={(v) => setQuery({ key: v })} />
    </>
  );
}
