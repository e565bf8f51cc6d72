// Which models of the catalogue are shown, and in which order; the filters are the page's address.
import { can, fits, priceNumber, searchWords } from "./parts.tsx";
import type { Model } from "../../prompt/models.ts";

export interface Filter {
  q: string;
  provider: string;
  capability: string;
  privacy: string;
  kind: string;
  context: string; // tokens, at least
  price: string; // dollars per million prompt tokens, at most
  sort: string;
}

export const filterOf = (words: URLSearchParams): Filter => {
  const of = (name: string) => words.get(name) ?? "";
  return { q: of("q"), provider: of("provider"), capability: of("capability"), privacy: of("privacy"), kind: of("kind"), context: of("context"), price: of("price"), sort: of("sort") };
};

export const contextChoices = [
  { value: "", label: "Any context" },
  { value: "32000", label: "32K tokens or more" },
  { value: "128000", label: "128K tokens or more" },
  { value: "400000", label: "400K tokens or more" },
  { value: "1000000", label: "1M tokens or more" },
];
export const priceChoices = [
  { value: "", label: "Any price" },
  { value: "0", label: "Free" },
  { value: "0.2", label: "Up to $0.20 / 1M in" },
  { value: "1", label: "Up to $1.00 / 1M in" },
  { value: "5", label: "Up to $5.00 / 1M in" },
];
export const sortChoices = [
  { value: "", label: "Newest" },
  { value: "name", label: "Name" },
  { value: "price", label: "Cheapest" },
  { value: "context", label: "Longest context" },
];

function privateEnough(m: Model, wanted: string): boolean {
  const p = m.trustedrouter.privacy;
  return wanted === "" || p === wanted || (wanted === "zdr" && p === "confidential");
}

function shown(m: Model, f: Filter, words: readonly string[]): boolean {
  return (
    fits(m, words) &&
    (f.provider === "" || m.trustedrouter.providers.includes(f.provider)) &&
    (f.capability === "" || can(m, f.capability)) &&
    (f.kind === "" || m.trustedrouter.kind === f.kind) &&
    privateEnough(m, f.privacy) &&
    (f.context === "" || (m.context_length ?? 0) >= Number(f.context)) &&
    (f.price === "" || priceNumber(m, "prompt") * 1e6 <= Number(f.price))
  );
}

const orders: Record<string, (a: Model, b: Model) => number> = {
  "": (a, b) => b.created - a.created,
  name: (a, b) => a.name.localeCompare(b.name),
  price: (a, b) => priceNumber(a, "prompt") + priceNumber(a, "completion") - priceNumber(b, "prompt") - priceNumber(b, "completion"),
  context: (a, b) => (b.context_length ?? 0) - (a.context_length ?? 0),
};

export function found(models: readonly Model[], f: Filter): Model[] {
  const words = searchWords(f.q);
  return models.filter((m) => shown(m, f, words)).sort(orders[f.sort] ?? orders[""]);
}
