// One document, by its name, with what stands in it at the side.
import { useEffect } from "preact/hooks";
import { here } from "../../core/router.ts";
import { ButtonLink, Empty, Failure, SkeletonLines } from "../../ui/controls.tsx";
import { useDocument } from "./data.ts";
import { Markdown } from "./markdown.tsx";

/** The heading that the address names comes into view once it is there. */
function useAnchor(ready: boolean): void {
  useEffect(() => {
    const id = decodeURIComponent(here.value.hash.slice(1));
    if (ready && id !== "") document.getElementById(id)?.scrollIntoView();
  }, [ready, here.value.hash]);
}

export function DocumentBody({ slug, untitled }: { slug: string; untitled?: boolean }) {
  const document = useDocument(slug);
  useAnchor(document.state === "ready");
  if (document.error?.status === 404)
    return <Empty title="There is no document at this address" says="It may have been renamed. Search for a word of it, or look at the list."><ButtonLink href="/docs" kind="primary">All documents</ButtonLink></Empty>;
  if (document.error) return <Failure error={document.error} retry={document.reload} />;
  if (!document.data) return <SkeletonLines lines={14} />;
  const nodes = untitled ? document.data.nodes.filter((n) => typeof n === "string" || n[0] !== "h1") : document.data.nodes;
  return <Markdown nodes={nodes} />;
}

export function Contents({ slug }: { slug: string }) {
  const document = useDocument(slug);
  const headings = document.data?.headings.filter((h) => h.depth === 2) ?? [];
  if (headings.length < 2) return null;
  return (
    <nav class="docs-contents" aria-label="On this page">
      <h2>On this page</h2>
      <ul>{headings.map((h) => <li key={h.id}><a href={`#${h.id}`}>{h.text}</a></li>)}</ul>
    </nav>
  );
}
