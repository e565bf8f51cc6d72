// What is wrong with a catalog, line by line, as the server found it.
import type { ApiError } from "../../core/api.ts";
import { Badge } from "../../ui/controls.tsx";
import type { Finding } from "./types.ts";

export function Findings({ of }: { of: ApiError }) {
  const list = (of.body as { findings?: Finding[] } | null)?.findings ?? [];
  if (list.length === 0) return null;
  return (
    <ul class="stack tight" aria-label="Findings">
      {list.map((f, i) => <li key={i}><Badge tone={f.error ? "bad" : "warn"}>{f.line > 0 ? `line ${f.line}` : "catalog"}</Badge> {f.message}</li>)}
    </ul>
  );
}
