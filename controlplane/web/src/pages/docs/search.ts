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

/** Words of questions, which stand everywhere and say nothing about what is looked for. */
const FILLERS = new Set(["a", "an", "and", "are", "can", "do", "does", "for", "how", "i", "in", "is", "it", "my", "of", "on", "or", "the", "there", "to", "what", "when", "where", "which", "who", "why", "with"]);

/** A "quoted phrase" is one word. Quotes, backticks, brackets and punctuation around a word are not part of it. */
export function wordsOf(text: string): string[] {
  const parts = text.toLowerCase().match(/"[^"]+"|[^\s,;]+/g) ?? [];
  const words = parts.map((p) => p.replace(/^["'`(\[<]+|["'`)\]>?!.:]+$/g, "")).filter((w) => w.length > 1);
  const telling = words.filter((w) => !FILLERS.has(w));
  return telling.length > 0 ? telling : words;
}

/** The word, and what is left without its ending: "rotate" finds "rotation". */
function formsOf(word: string): string[] {
  const stem = /^[a-z]{5,}$/.test(word) ? word.replace(/(ations?|ings?|ies|ed|es|e|s|y)$/, "") : word;
  return stem !== word && stem.length >= 4 ? [word, stem] : [word];
}

function weigh(heading: string, title: string, text: string, words: readonly string[][]): number {
  let sum = 0;
  for (const forms of words) {
    const inside = (s: string): number => (s.includes(forms[0] ?? "") ? 2 : forms.some((f) => s.includes(f)) ? 1 : 0);
    const found = 4 * inside(heading) + 1.5 * inside(title) + 0.5 * inside(text);
    if (found === 0) return 0;
    sum += found;
  }
  return text.includes(words.map((f) => f[0]).join(" ")) ? sum + 4 : sum;
}

function excerpt(text: string, words: readonly string[][]): { before: string; match: string; after: string } {
  const lower = text.toLowerCase();
  const found = words.flatMap((forms) => forms.map((f) => ({ at: lower.indexOf(f), length: f.length })).filter((f) => f.at >= 0).slice(0, 1));
  const first = found.sort((a, b) => a.at - b.at)[0];
  if (!first) return { before: text.slice(0, 2 * AROUND), match: "", after: "" };
  const from = Math.max(0, first.at - AROUND);
  const end = first.at + first.length;
  return { before: `${from > 0 ? "… " : ""}${text.slice(from, first.at)}`, match: text.slice(first.at, end), after: `${text.slice(end, end + AROUND)}${end + AROUND < text.length ? " …" : ""}` };
}

export function search(index: readonly Indexed[], text: string): Hit[] {
  const words = wordsOf(text).flatMap((w) => (/^[a-z]+(-[a-z]+)+$/.test(w) && !index.some((d) => d.sections.some((x) => x.text.includes(w))) ? w.split("-") : [w])).map(formsOf);
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

/* --- words that no document has */

/** Letters to insert, leave out, exchange or swap with their neighbour; more than `most` are not counted. */
function distance(a: string, b: string, most: number): number {
  if (Math.abs(a.length - b.length) > most) return most + 1;
  let [older, old, row]: number[][] = [[], Array.from({ length: b.length + 1 }, (_, i) => i), []];
  for (let i = 1; i <= a.length; i++) {
    row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let least = Math.min((old?.[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (old?.[j - 1] ?? 0) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) least = Math.min(least, (older?.[j - 2] ?? 0) + 1);
      row[j] = least;
    }
    [older, old] = [old ?? [], row];
  }
  return row?.[b.length] ?? most + 1;
}

const vocabularies = new WeakMap<readonly Indexed[], Map<string, number>>();

/** How often each word stands in the documents. */
function vocabularyOf(index: readonly Indexed[]): Map<string, number> {
  const had = vocabularies.get(index);
  if (had) return had;
  const counts = new Map<string, number>();
  for (const d of index) for (const s of d.sections) for (const w of `${s.heading} ${s.text}`.toLowerCase().match(/[a-z0-9_]{4,}/g) ?? []) counts.set(w, (counts.get(w) ?? 0) + 1);
  vocabularies.set(index, counts);
  return counts;
}

function nearest(words: readonly (readonly [string, number])[], word: string): string | null {
  const forms = formsOf(word);
  if (word.length < 4 || words.some(([w]) => forms.some((f) => w.includes(f)))) return null;
  const most = word.length < 6 ? 1 : 2;
  const near = words.map(([w, n]) => ({ w, n, d: distance(word, w, most) })).filter((c) => c.d <= most);
  return near.sort((x, y) => x.d - y.d || y.n - x.n)[0]?.w ?? null;
}

/** The text with each word that no document has replaced by the nearest that one has; null: there is none so near. */
export function respelled(index: readonly Indexed[], text: string): string | null {
  const vocabulary = [...vocabularyOf(index)];
  const words = wordsOf(text);
  const instead = words.map((w) => nearest(vocabulary, w) ?? w);
  return instead.every((w, i) => w === words[i]) ? null : instead.join(" ");
}
