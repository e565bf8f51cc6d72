// What the REST API says of catalogs.

export interface CatalogVersion {
  version: number;
  state: string;
  origin: string;
  author: string | null;
  note: string | null;
  base: number | null;
  created_at: string;
  published_at: string | null;
  content: { sha256: string; models: number; endpoints: number; aliases: number; synths: number } | null;
  text?: string | null;
}

export interface Finding {
  line: number;
  error: boolean; // false: a warning
  message: string;
}

interface Changed {
  id: string;
  from: Record<string, unknown> | null;
  to: Record<string, unknown> | null;
}
export interface ListDiff {
  added: string[];
  removed: string[];
  changed: Changed[];
}
export const kinds = ["models", "endpoints", "aliases", "synths"] as const;
export type CatalogDiff = Record<(typeof kinds)[number], ListDiff | null>;

export interface Endpoint {
  endpoint: number;
  model: string;
  provider: string;
  upstream_model: string;
  weight: number;
  off: boolean;
  off_until: string | null;
  off_reason: string | null;
  prompt: number; // dollars per million tokens, as completion and cached
  completion: number;
  cached: number;
}
export interface Catalog {
  version: number;
  endpoints: Endpoint[];
}

export interface ProviderKey {
  id: string;
  provider: string;
  label: string | null;
  weight: number;
  disabled: boolean;
  fingerprint: string | null;
  created_at: string;
  set_aside: { boot: string; reason: string; since: string }[];
}
