// What lines two texts have in common, and what lines each has alone: for policies and catalogs before they count.

export interface DiffLine {
  kind: "same" | "gone" | "new";
  text: string;
  before: number | null; // line numbers
  after: number | null;
}

// Longest common subsequence by Myers' greedy algorithm, O((N + M) D).
function steps(a: readonly string[], b: readonly string[]): Map<number, number>[] {
  const max = a.length + b.length;
  let ends = new Map<number, number>([[1, 0]]);
  const trace: Map<number, number>[] = [];
  for (let d = 0; d <= max; d++) {
    trace.push(new Map(ends));
    for (let k = -d; k <= d; k += 2) {
      const down = k === -d || (k !== d && (ends.get(k - 1) ?? -1) < (ends.get(k + 1) ?? -1));
      let x = down ? (ends.get(k + 1) ?? 0) : (ends.get(k - 1) ?? 0) + 1;
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x++;
      ends.set(k, x);
      if (x >= a.length && x - k >= b.length) return trace;
    }
  }
  return trace;
}

export function diffLines(before: string, after: string): DiffLine[] {
  const a = before.split("\n");
  const b = after.split("\n");
  const trace = steps(a, b);
  const out: DiffLine[] = [];
  let x = a.length;
  let y = b.length;
  for (let d = trace.length - 1; d >= 0; d--) {
    const ends = trace[d]!;
    const k = x - y;
    const down = k === -d || (k !== d && (ends.get(k - 1) ?? -1) < (ends.get(k + 1) ?? -1));
    const from = down ? k + 1 : k - 1;
    const fromX = d === 0 ? 0 : (ends.get(from) ?? 0);
    const fromY = d === 0 ? 0 : fromX - from;
    while (x > fromX && y > fromY) {
      x--;
      y--;
      out.push({ kind: "same", text: a[x]!, before: x + 1, after: y + 1 });
    }
    if (d === 0) break;
    if (down) {
      y--;
      out.push({ kind: "new", text: b[y]!, before: null, after: y + 1 });
    } else {
      x--;
      out.push({ kind: "gone", text: a[x]!, before: x + 1, after: null });
    }
  }
  return out.reverse();
}

export interface DiffHunk {
  lines: DiffLine[];
}

/** Only what changed, with a few lines around it. */
export function hunks(lines: readonly DiffLine[], around = 3): DiffHunk[] {
  const keep = new Set<number>();
  lines.forEach((l, i) => {
    if (l.kind !== "same") for (let j = Math.max(0, i - around); j <= Math.min(lines.length - 1, i + around); j++) keep.add(j);
  });
  const out: DiffHunk[] = [];
  let last = -2;
  for (const i of [...keep].sort((p, q) => p - q)) {
    if (i !== last + 1) out.push({ lines: [] });
    out[out.length - 1]!.lines.push(lines[i]!);
    last = i;
  }
  return out;
}
