// The repository's documents: a list, a search over all of them that asks nobody, and one document at a time.
import { useEffect, useMemo, useState } from "preact/hooks";
import { asApiError } from "../../core/resource.ts";
import { here, queryOf, setQuery } from "../../core/router.ts";
import type { ApiError } from "../../core/api.ts";
import type { PageProps } from "../../routes.ts";
import { Empty, Failure, PageHead, SkeletonLines } from "../../ui/controls.tsx";
import { searchIndex, useDocuments, type Entry, type Indexed } from "./data.ts";
import { Contents, DocumentBody } from "./document.tsx";
import { respelled, search, wordsOf, type Hit } from "./search.ts";

const groupsOf = (documents: readonly Entry[]): string[] => [...new Set(documents.map((d) => d.group))];

function SideList({ documents, slug }: { documents: readonly Entry[]; slug: string }) {
  return (
    <nav class="docs-list" aria-label="Documents">
      {groupsOf(documents).map((g) => (
        <details key={g} open={g !== "Source code" || slug.startsWith("source/")}>
          <summary>{g}</summary>
          <ul>{documents.filter((d) => d.group === g).map((d) => <li key={d.slug}><a href={`/docs/${d.slug}`} aria-current={d.slug === slug ? "page" : undefined}>{d.title}</a></li>)}</ul>
        </details>
      ))}
    </nav>
  );
}

function AllDocuments({ documents }: { documents: readonly Entry[] }) {
  return (
    <div class="docs-all">
      {groupsOf(documents).map((g) => (
        <section key={g} class="card" aria-label={g}>
          <h2>{g}</h2>
          <ul>{documents.filter((d) => d.group === g).map((d) => <li key={d.slug}><a href={`/docs/${d.slug}`}>{d.title}</a> <span class="faint small mono">{d.file}</span></li>)}</ul>
        </section>
      ))}
    </div>
  );
}

/** Fetched when somebody begins to search. */
function useIndex(wanted: boolean): { index: Indexed[] | null; error: ApiError | null; again: () => void } {
  const [index, setIndex] = useState<Indexed[] | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const get = () => {
    setError(null);
    searchIndex().then(setIndex, (e: unknown) => setError(asApiError(e)));
  };
  useEffect(() => {
    if (wanted && index === null) get();
  }, [wanted]);
  return { index, error, again: get };
}

function Hits({ hits, titles }: { hits: readonly Hit[]; titles: ReadonlyMap<string, string> }) {
  return (
    <ol class="docs-hits">
      {hits.map((h) => (
        <li key={`${h.slug}#${h.id}`}>
          <a href={`/docs/${h.slug}${h.id === "" ? "" : `#${h.id}`}`}>{h.heading}</a> <span class="faint small">{titles.get(h.slug)}</span>
          <p class="soft small">{h.before}<mark>{h.match}</mark>{h.after}</p>
        </li>
      ))}
    </ol>
  );
}

/** instead: the words as they are spelled in the documents, where nothing is found with them as they were written. */
function found(index: readonly Indexed[], text: string): { hits: Hit[]; instead: string | null } {
  const hits = search(index, text);
  const instead = hits.length === 0 ? respelled(index, text) : null;
  return { hits: instead === null ? hits : search(index, instead), instead };
}

function Found({ text, documents }: { text: string; documents: readonly Entry[] }) {
  const { index, error, again } = useIndex(true);
  const { hits, instead } = useMemo(() => found(index ?? [], text), [index, text]);
  if (error) return <Failure error={error} retry={again} />;
  if (!index) return <SkeletonLines lines={8} />;
  if (hits.length === 0) return <Empty title="No document has all of these words" says="Try fewer words, or another spelling. Every word must be in the same section." />;
  return <section aria-label="Found"><p class="soft small" role="status">{hits.length === 1 ? "1 section" : `${hits.length} sections`}{instead !== null && <> with <strong>{instead}</strong>: no document has the words as they were written</>}</p><Hits hits={hits} titles={new Map(documents.map((d) => [d.slug, d.title]))} /></section>;
}

/** Enter in the field opens the first section found; the arrows go through them. */
function keys(e: KeyboardEvent & { currentTarget: HTMLElement }): void {
  const found = [...e.currentTarget.querySelectorAll<HTMLElement>(".docs-hits a")];
  const field = e.currentTarget.querySelector<HTMLElement>("input[type=search]");
  const at = e.target === field ? -1 : found.indexOf(e.target as HTMLElement);
  if (e.isComposing || found.length === 0 || (at < 0 && e.target !== field)) return;
  if (e.key === "Enter" && at < 0) found[0]?.click();
  else if (e.key === "ArrowDown") found[Math.min(at + 1, found.length - 1)]?.focus();
  else if (e.key === "ArrowUp" && at >= 0) (found[at - 1] ?? field)?.focus();
  else return;
  e.preventDefault();
}

export default function Docs({ rest }: PageProps) {
  const documents = useDocuments();
  const text = queryOf(here.value).get("q") ?? "";
  const searching = wordsOf(text).length > 0;
  const title = documents.data?.find((d) => d.slug === rest)?.title;
  useEffect(() => {
    if (title !== undefined) document.title = document.title.replace(/^[^·]*/, `${title} `);
  }, [title]);
  if (documents.error) return <Failure error={documents.error} retry={documents.reload} />;
  const list = documents.data ?? [];
  const field = <input class="input" type="search" aria-label="Search the documents" placeholder="Search the documents ( / )" value={text} onInput={(e) => setQuery({ q: e.currentTarget.value })} />;
  if (rest === "")
    return (
      <div class="stack loose" onKeyDown={keys}>
        <PageHead title="Documentation" says="The same files as in the repository, as they were when this console was built." />
        <div role="search" class="docs-search">{field}</div>
        {searching ? <Found text={text} documents={list} /> : documents.data ? <AllDocuments documents={list} /> : <SkeletonLines lines={12} />}
      </div>
    );
  return (
    <div class="docs" onKeyDown={keys}>
      <aside><div role="search">{field}</div>{documents.data ? <SideList documents={list} slug={rest} /> : <SkeletonLines lines={10} />}</aside>
      <article class="docs-body">{searching ? <><h1>Search</h1><Found text={text} documents={list} /></> : <DocumentBody key={rest} slug={rest} />}</article>
      {!searching && <Contents slug={rest} />}
    </div>
  );
}
