// The pieces of the trust page: a numbered part, a table, what was read live.
import type { ComponentChildren } from "preact";
import { Badge, Failure, SkeletonLines, type Tone } from "../../ui/controls.tsx";
import type { Resource } from "../../core/resource.ts";

export function Part({ n, id, title, children }: { n: number; id: string; title: string; children: ComponentChildren }) {
  return (
    <section id={id} class="trust-part" aria-labelledby={`${id}-title`}>
      <h2 id={`${id}-title`}><span class="faint">{n}</span> {title}</h2>
      {children}
    </section>
  );
}

export function Grid({ label, heads, rows }: { label: string; heads: readonly string[]; rows: readonly (readonly ComponentChildren[])[] }) {
  return (
    <div class="table-scroll" tabIndex={0} role="region" aria-label={label}>
      <table class="trust-table">
        <thead><tr>{heads.map((h) => <th key={h} scope="col">{h}</th>)}</tr></thead>
        <tbody>
          {rows.map((row, i) => <tr key={i}>{row.map((cell, k) => (k === 0 ? <th key={k} scope="row">{cell}</th> : <td key={k} data-head={heads[k]}>{cell}</td>))}</tr>)}
        </tbody>
      </table>
    </div>
  );
}

export function Live<T>({ of, children, lines = 4 }: { of: Resource<T>; children: (data: T) => ComponentChildren; lines?: number }) {
  if (of.state === "loading") return <SkeletonLines lines={lines} />;
  if (of.state === "failed") return <Failure error={of.error} retry={of.reload} />;
  return <>{children(of.data)}</>;
}

export const Hex = ({ text }: { text: string }) => <code class="hex">{text}</code>;

export const Items = ({ of }: { of: readonly string[] }) => <ul class="trust-list">{of.map((line) => <li key={line}>{line}</li>)}</ul>;

export function Source({ tone, word, says, lines }: { tone: Tone; word: string; says: string; lines: readonly string[] }) {
  return (
    <div class="card">
      <h3><Badge tone={tone}>{word}</Badge></h3>
      <p class="soft">{says}</p>
      <Items of={lines} />
    </div>
  );
}
