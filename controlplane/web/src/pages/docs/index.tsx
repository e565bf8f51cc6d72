// The repository's documents: a list, a search over all of them that asks nobody, and one document at a time.
import { useEffect, useState } from "preact/hooks";
import { asApiError } from "../../core/resource.ts";
import { here, queryOf, setQuery } from "../../core/router.ts";
import type { ApiError } from "../../core/api.ts";
import type { PageProps } from "../../routes.ts";
import { Empty, Failure, PageHead, SkeletonLines } from "../../ui/controls.tsx";
import { searchIndex, useDocuments, type Entry, type Indexed } from "./data.ts";
import { Contents, DocumentBody } from "./document.tsx";
import { search, wordsOf, type Hit } from "./search.ts";

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

function Found({ text, documents }: { text: string; documents: readonly Entry[] }) {
  const { index, error, again } = useIndex(true);
  if (error) return <Failure error={error} retry={again} />;
  if (!index) return <SkeletonLines lines={8} />;
  const hits = search(index, text);
  if (hits.length === 0) return <Empty title="No document has all of these words" says="Try fewer words, or another spelling. Every word must be in the same section." />;
  return <section aria-label="Found"><p class="soft small" role="status">{hits.length === 1 ? "1 section" : `${hits.length} sections`}</p><Hits hits={hits} titles={new Map(documents.map((d) => [d.slug, d.title]))} /></section>;
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
      <div class="stack loose">
        <PageHead title="Documentation" says="The same files as in the repository, as they were when this console was built." />
        <div role="search" class="docs-search">{field}</div>
        {searching ? <Found text={text} documents={list} /> : documents.data ? <AllDocuments documents={list} /> : <SkeletonLines lines={12} />}
      </div>
    );
  return (
    <div class="docs">
      <aside><div role="search">{field}</div>{documents.data ? <SideList documents={list} slug={rest} /> : <SkeletonLines lines={10} />}</aside>
      <article class="docs-body">{searching ? <><h1>Search</h1><Found text={text} documents={list} /></> : <DocumentBody key={rest} slug={rest} />}</article>
      {!searching && <Contents slug={rest} />}
    </div>
  );
}
