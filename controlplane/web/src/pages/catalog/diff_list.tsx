// What one version of the catalog has that another has not, entry by entry.
import { plural } from "../../core/format.ts";
import { Badge } from "../../ui/controls.tsx";
import { kinds, type CatalogDiff, type ListDiff } from "./types.ts";

const one: Record<(typeof kinds)[number], string> = { models: "model", endpoints: "endpoint", aliases: "alias", synths: "orchestration" };
const many: Record<(typeof kinds)[number], string> = { models: "models", endpoints: "endpoints", aliases: "aliases", synths: "orchestrations" };
const valueOf = (v: unknown): string => (v === undefined || v === null ? "nothing" : typeof v === "object" ? JSON.stringify(v) : String(v));
const sizeOf = (d: ListDiff): number => d.added.length + d.removed.length + d.changed.length;

function Entries({ diff }: { diff: ListDiff }) {
  return (
    <ul class="stack tight">
      {diff.added.map((id) => <li key={`+${id}`}><Badge tone="good">added</Badge> <span class="mono">{id}</span></li>)}
      {diff.removed.map((id) => <li key={`-${id}`}><Badge tone="bad">removed</Badge> <span class="mono">{id}</span></li>)}
      {diff.changed.map((c) => (
        <li key={c.id}>
          <Badge tone="warn">changed</Badge> <span class="mono">{c.id}</span>
          <ul>{Object.keys({ ...c.from, ...c.to }).map((k) => <li key={k} class="small">{k}: <span class="bad">{valueOf(c.from?.[k])}</span> becomes <span class="good">{valueOf(c.to?.[k])}</span></li>)}</ul>
        </li>
      ))}
    </ul>
  );
}

export function DiffList({ diff }: { diff: CatalogDiff }) {
  const shown = kinds.filter((k) => diff[k] && sizeOf(diff[k]) > 0);
  if (shown.length === 0) return <p class="soft">Nothing that data planes serve would change.</p>;
  return (
    <div class="stack">
      {shown.map((k) => (
        <section key={k}>
          <h4>{plural(sizeOf(diff[k]!), one[k], many[k])}</h4>
          <Entries diff={diff[k]!} />
        </section>
      ))}
    </div>
  );
}
