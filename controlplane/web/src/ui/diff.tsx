// Two texts, line by line.
import { useMemo } from "preact/hooks";
import { diffLines, hunks } from "../core/diff.ts";
import { plural } from "../core/format.ts";

const sign = { same: " ", gone: "-", new: "+" } as const;

export function TextDiff({ before, after, label }: { before: string; after: string; label: string }) {
  const parts = useMemo(() => hunks(diffLines(before, after)), [before, after]);
  const changed = parts.flatMap((h) => h.lines);
  if (changed.length === 0) return <p class="soft">The two texts are the same.</p>;
  const added = changed.filter((l) => l.kind === "new").length;
  const removed = changed.filter((l) => l.kind === "gone").length;
  return (
    <div class="stack tight">
      <p class="soft small">{plural(added, "line")} added, {plural(removed, "line")} removed</p>
      <div class="diff" role="region" aria-label={label} tabIndex={0}>
        {parts.map((h, i) => (
          <pre key={i}>
            {h.lines.map((l, j) => (
              <span key={j} class={l.kind}><span class="at" aria-hidden="true">{l.after ?? l.before}</span>{sign[l.kind]} {l.text}{"\n"}</span>
            ))}
          </pre>
        ))}
      </div>
    </div>
  );
}
