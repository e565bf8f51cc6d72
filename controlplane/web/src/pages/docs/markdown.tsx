// Nodes of a document as elements. Only these tags and attributes are made, and text stays text.
import { createElement, type ComponentChild } from "preact";
import { Code } from "../../ui/controls.tsx";
import type { Node } from "./data.ts";

const TAGS = new Set(["h1", "h2", "h3", "h4", "p", "ul", "ol", "li", "strong", "em", "del", "code", "blockquote", "hr", "br", "thead", "tbody", "tr", "th", "td"]);

const textOf = (node: Node): string => (typeof node === "string" ? node : node[2].map(textOf).join(""));

function link(href: string, children: ComponentChild[]): ComponentChild {
  if (href.startsWith("/docs/") || href.startsWith("#")) return <a href={href}>{children}</a>;
  return href.startsWith("https://") ? <a href={href} target="_blank" rel="noopener noreferrer">{children}</a> : <>{children}</>;
}

function element(node: Node, key: number): ComponentChild {
  if (typeof node === "string") return node;
  const [tag, attributes, below] = node;
  if (tag === "pre") return <Code key={key} text={below.map(textOf).join("")} what="The example" />;
  const children = below.map(element);
  if (tag === "a") return link(attributes.href ?? "", children);
  if (tag === "table") return <div key={key} class="table-frame" role="region" aria-label="Table" tabIndex={0}><table>{children}</table></div>;
  if (!TAGS.has(tag)) return children;
  return createElement(tag, { key, ...(attributes.id ? { id: attributes.id } : {}), ...(attributes.start ? { start: attributes.start } : {}), ...(tag === "th" ? { scope: "col" } : {}) }, ...children);
}

export const Markdown = ({ nodes }: { nodes: readonly Node[] }) => <div class="prose">{nodes.map(element)}</div>;
