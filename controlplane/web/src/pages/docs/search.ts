// Searching the documents, in the browser: every word must be in a section, and headings weigh more than text.
import type { Indexed } from "./data.ts";

export interface Hit {
  slug: string;
  id: string;
  heading: string;
  before: string; // the text around the first word
  match: string;
  after: string;
  weight: number;
}

const AROUND = 60; // characters kept on each side of a word
const HITS_MAX = 30;

export const wordsOf = (text: string): string[] => text.toLowerCase().split(/[\s,;]+/).filter((w) => w.length > 1);

function weigh(heading: string, title: string, text: string, words: readonly string[]): number {
  let sum = 0;
  for (const w of words) {
    const inHeading = heading.includes(w);
    if (!inHeading && !text.includes(w) && !title.includes(w)) return 0;
    sum += (inHeading ? 8 : 0) + (title.includes(w) ? 3 : 0) + (text.includes(w) ? 1 : 0);
  }
  return text.includes(words.join(" ")) ? sum + 4 : sum;
}

function excerpt(text: string, words: readonly string[]): { before: string; match: string; after: string } {
  const lower = text.toLowerCase();
  const found = words.map((w) => ({ at: lower.indexOf(w), length: w.length })).filter((f) => f.at >= 0);
  const first = found.sort((a, b) => a.at - b.at)[0];
  if (!first) return { before: text.slice(0, 2 * AROUND), match: "", after: "" };
  const from = Math.max(0, first.at - AROUND);
  const end = first.at + first.length;
  return { before: `${from > 0 ? "… " : ""}${text.slice(from, first.at)}`, match: text.slice(first.at, end), after: `${text.slice(end, end + AROUND)}${end + AROUND < text.length ? " …" : ""}` };
}

export function search(index: readonly Indexed[], text: string): Hit[] {
  const words = wordsOf(text);
  if (words.length === 0) return [];
  const hits: Hit[] = [];
  for (const document of index) {
    const title = document.sections[0]?.heading.toLowerCase() ?? "";
    for (const s of document.sections) {
      const weight = weigh(s.heading.toLowerCase(), title, s.text.toLowerCase(), words) * (document.slug.startsWith("source/") ? 0.5 : 1);
      if (weight > 0) hits.push({ slug: document.slug, id: s.id, heading: s.heading, weight, ...excerpt(s.text, words) });
    }
  }
  return hits.sort((a, b) => b.weight - a.weight).slice(0, HITS_MAX);
}
