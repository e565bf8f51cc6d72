// A key as the API has it, and what is said of it in words.
import { usd } from "../../core/format.ts";
import type { Tone } from "../../ui/controls.tsx";

export type Reset = "daily" | "weekly" | "monthly";

export interface Key {
  hash: string;
  name: string;
  label: string;
  role: "inference" | "management" | "operator";
  disabled: boolean;
  limit: number | null;
  limit_remaining: number | null;
  limit_reset: Reset | null;
  include_byok_in_limit: boolean;
  usage: number;
  usage_daily: number;
  usage_weekly: number;
  usage_monthly: number;
  byok_usage: number;
  byok_usage_monthly: number;
  requests_per_minute: number;
  tokens_per_minute: number;
  allowed_models: string[] | null;
  allowed_providers: string[] | null;
  allowed_ips: string[] | null;
  min_privacy: string | null;
  region: "eu" | "us" | null;
  previous_key_expires_at: string | null;
  rotated_at: string | null;
  created_at: string;
  expires_at: string | null;
  last_used_at: string | null;
  creator_user_id: string | null;
}

export interface MadeKey {
  data: Key;
  key: string;
}

export const resetWords: Record<Reset, string> = { daily: "a day", weekly: "a week", monthly: "a month" };
export const roleWords: Record<Key["role"], string> = { inference: "Inference", management: "Management", operator: "Operator" };

export function stateOf(key: Key, now = Date.now()): { word: string; tone: Tone } {
  if (key.disabled) return { word: "disabled", tone: "plain" };
  if (key.expires_at !== null && Date.parse(key.expires_at) <= now) return { word: "expired", tone: "bad" };
  if (key.limit_remaining !== null && key.limit_remaining <= 0) return { word: "limit reached", tone: "warn" };
  return { word: "active", tone: "good" };
}

export const limitOf = (key: Key): string => (key.limit === null ? "no limit" : `${usd(key.limit)}${key.limit_reset ? ` ${resetWords[key.limit_reset]}` : " in all"}`);

const privacyWords: Record<string, string> = {
  no_store: "only providers that keep no prompts",
  confidential: "only providers in attested hardware",
  any: "no demand",
};
// The words of the API that mean the same.
const privacyOf: Record<string, string> = { zdr: "no_store", deny: "no_store", e2e: "confidential", e2ee: "confidential", max: "confidential", allow: "any" };
export const privacyKey = (word: string | null): string => (word === null ? "" : (privacyOf[word] ?? word));

/** The rules of a key that has any, each a name and its value. */
export function rulesOf(key: Key): [string, string][] {
  const rows: [string, string][] = [];
  if (key.allowed_models) rows.push(["Models", key.allowed_models.join(", ")]);
  if (key.allowed_providers) rows.push(["Providers", key.allowed_providers.join(", ")]);
  if (key.allowed_ips) rows.push(["Addresses", key.allowed_ips.join(", ")]);
  if (privacyKey(key.min_privacy) !== "") rows.push(["Privacy", privacyWords[privacyKey(key.min_privacy)] ?? key.min_privacy ?? ""]);
  if (key.region) rows.push(["Region", key.region.toUpperCase()]);
  if (key.requests_per_minute > 0) rows.push(["Requests", `${key.requests_per_minute} a minute`]);
  if (key.tokens_per_minute > 0) rows.push(["Tokens", `${key.tokens_per_minute} a minute`]);
  return rows;
}
