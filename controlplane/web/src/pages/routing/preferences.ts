// What the builder holds; the `provider` object that it makes; and what of it a key can hold as a rule.
export interface Preferences {
  only: string[];
  ignore: string[];
  order: string[];
  allow_fallbacks: boolean;
  privacy: "" | "no_store" | "confidential";
  jurisdiction: "" | "eu" | "us";
  sort: "" | "price" | "throughput" | "latency" | "exacto";
  max_prompt: string; // dollars per million tokens, as typed
  max_completion: string;
  quantizations: string[];
  require_parameters: boolean;
}

export const noPreferences: Preferences = {
  only: [], ignore: [], order: [], allow_fallbacks: true, privacy: "", jurisdiction: "", sort: "",
  max_prompt: "", max_completion: "", quantizations: [], require_parameters: false,
};

export const priceFault = (text: string): string | null =>
  text.trim() === "" || /^\d{1,6}(\.\d{1,6})?$/.test(text.trim()) ? null : "Write dollars per million tokens, such as 0.5 or 3.";

function maxPrice(p: Preferences): Record<string, number> | null {
  const prices: Record<string, number> = {};
  if (p.max_prompt.trim() !== "" && priceFault(p.max_prompt) === null) prices["prompt"] = Number(p.max_prompt);
  if (p.max_completion.trim() !== "" && priceFault(p.max_completion) === null) prices["completion"] = Number(p.max_completion);
  return Object.keys(prices).length === 0 ? null : prices;
}

/** The member `provider` of a request: only what was chosen. */
export function providerObject(p: Preferences): Record<string, unknown> {
  const price = maxPrice(p);
  return {
    ...(p.only.length > 0 ? { only: p.only } : {}),
    ...(p.ignore.length > 0 ? { ignore: p.ignore } : {}),
    ...(p.order.length > 0 ? { order: p.order } : {}),
    ...(p.allow_fallbacks ? {} : { allow_fallbacks: false }),
    ...(p.privacy === "" ? {} : { min_privacy: p.privacy }),
    ...(p.jurisdiction === "" ? {} : { jurisdiction: p.jurisdiction }),
    ...(p.quantizations.length > 0 ? { quantizations: p.quantizations } : {}),
    ...(price === null ? {} : { max_price: price }),
    ...(p.require_parameters ? { require_parameters: true } : {}),
    ...(p.sort === "" ? {} : { sort: p.sort }),
  };
}

export interface KeyRules {
  body: Record<string, unknown>; // of PATCH /keys/{hash}
  left: string[]; // what only a request can say
}

/** A key holds three of them as rules: which providers, how private, which region. */
export function keyRules(p: Preferences): KeyRules {
  const held = new Set(["only", "min_privacy", "jurisdiction"]);
  return {
    body: {
      ...(p.only.length > 0 ? { allowed_providers: p.only } : {}),
      ...(p.privacy === "" ? {} : { min_privacy: p.privacy }),
      ...(p.jurisdiction === "" ? {} : { region: p.jurisdiction }),
    },
    left: Object.keys(providerObject(p)).filter((name) => !held.has(name)),
  };
}

/** Whether a provider fits what is demanded; unknown facts fit nothing. */
export interface ProviderFacts {
  slug: string;
  region: string | null;
  jurisdiction: string | null;
  retains_data: boolean;
  trains: boolean;
  confidential: boolean;
}
export function removedBy(p: Preferences, f: ProviderFacts): string | null {
  if (p.only.length > 0 && !p.only.includes(f.slug)) return "only";
  if (p.ignore.includes(f.slug)) return "ignore";
  if (!p.allow_fallbacks && p.order.length > 0 && !p.order.includes(f.slug)) return "order";
  if (p.privacy !== "" && (f.retains_data || f.trains)) return "min_privacy";
  if (p.privacy === "confidential" && !f.confidential) return "min_privacy";
  if (p.jurisdiction !== "" && f.jurisdiction !== p.jurisdiction) return "jurisdiction";
  return null;
}
