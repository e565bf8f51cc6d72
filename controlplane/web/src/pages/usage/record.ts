// One request, as GET /generations lists it.
import { ms } from "../../core/format.ts";
import type { Tone } from "../../ui/controls.tsx";

export type Outcome = "ok" | "error" | "cancelled";

export interface FailedAttempt {
  attempt: number;
  model: string | null;
  provider_name: string | null;
  endpoint_id: string | null;
  status: number | null;
  error: string;
  latency: number;
}

export interface RecordPart {
  role: "panel" | "judge" | "final";
  place: number;
  model: string | null;
  provider_name: string | null;
  error: string | null;
  chosen: boolean;
  tokens_prompt: number;
  tokens_completion: number;
  total_ms: number;
  total_cost: number;
}

export interface UsageRecord {
  id: string;
  created_at: string;
  model: string;
  first_model: string;
  provider_name: string | null;
  endpoint_id: string | null;
  api_key_hash: string | null;
  api_key_name: string | null;
  outcome: Outcome;
  http_status: number;
  error: string | null;
  finish_reason: string | null;
  streamed: boolean;
  is_byok: boolean;
  usage_estimated: boolean;
  tokens_prompt: number;
  tokens_completion: number;
  native_tokens_cached: number;
  native_tokens_reasoning: number;
  total_cost: number;
  latency: number;
  total_ms: number;
  attempts: number;
  receipt_id: string;
  failed_attempts: FailedAttempt[];
  parts: RecordPart[] | null;
}

export const outcomeTone: Record<Outcome, Tone> = { ok: "good", error: "bad", cancelled: "warn" };
/** Whole milliseconds are recorded. */
export const atLeast = (n: number): string => (n === 0 ? "< 1 ms" : ms(n));
/** "provider_timeout" as words. */
export const wordsOf = (name: string): string => name.replaceAll("_", " ");
export const pathOf = (r: { id: string }): string => `/app/generations/${encodeURIComponent(r.id)}`;
