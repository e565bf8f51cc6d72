// The catalog as a data plane publishes it: anybody may read it, and no question is in it.
import { ApiError } from "../core/api.ts";

export type Privacy = "any" | "zdr" | "confidential";

export interface Pricing {
  prompt: string; // dollars per token
  completion: string;
  request?: string;
  image?: string;
  input_cache_read?: string;
  input_cache_write?: string;
  [other: string]: unknown;
}

export interface SynthFacts {
  preset: string | null;
  panel: string[];
  judges: string[];
  finals: string[];
  pricing: { prompt: { min: string; max: string }; completion: { min: string; max: string } };
}

export interface Model {
  id: string;
  name: string;
  created: number;
  description: string;
  context_length: number | null;
  architecture: { modality: string; input_modalities: string[]; output_modalities: string[] };
  pricing: Pricing;
  top_provider: { context_length: number | null; max_completion_tokens: number | null };
  supported_parameters: string[];
  reasoning?: { mandatory: boolean; default_enabled: boolean; supported_efforts: string[] | null };
  knowledge_cutoff: string | null;
  expiration_date: string | null;
  alias_target?: { slug: string; name: string };
  trustedrouter: {
    kind: string;
    open_weights: boolean | null;
    facts_date: string | null;
    price_date: string | null;
    price_source: string | null;
    privacy: Privacy | null;
    providers: string[];
    synth?: SynthFacts;
  };
}

interface Latency {
  p50: number;
  p75: number;
  p90: number;
  p99: number;
}

export interface Endpoint {
  name: string;
  provider_name: string;
  tag: string;
  pricing: Pricing;
  supported_parameters: string[];
  context_length: number;
  max_completion_tokens: number | null;
  quantization: string | null;
  uptime_last_5m: number | null;
  uptime_last_30m: number | null;
  uptime_last_1d: number | null;
  latency_last_30m: Latency | null;
  throughput_last_30m: Latency | null;
  status: number;
  trustedrouter: { kept: boolean | null; privacy: Privacy; retires: string | null; price_date: string | null; price_source: string | null };
}

export interface Provider {
  name: string;
  slug: string;
  headquarters: string | null;
}

/** No answer came from the data plane: `origin` is where it should be. */
export class Unreached extends ApiError {
  constructor(readonly origin: string) {
    super(0, "data_plane_unreachable", `The data plane at ${origin} cannot be reached from this browser.`);
  }
}

async function read<T>(origin: string, path: string, signal: AbortSignal): Promise<T> {
  let answer: Response;
  try {
    answer = await fetch(origin + path, { credentials: "omit", referrerPolicy: "no-referrer", signal });
  } catch (error) {
    if (signal.aborted) throw error;
    throw new Unreached(origin);
  }
  const body = (await answer.json().catch(() => ({}))) as { error?: { message?: string; code?: string | number } };
  if (!answer.ok) throw new ApiError(answer.status, String(body.error?.code ?? "error"), body.error?.message ?? `The data plane answered with status ${answer.status}.`);
  return body as T;
}

const pathOf = (id: string): string => id.split("/").map(encodeURIComponent).join("/");

export const fetchModels = async (origin: string, signal: AbortSignal): Promise<Model[]> => (await read<{ data: Model[] }>(origin, "/v1/models", signal)).data;
export const fetchModel = async (origin: string, id: string, signal: AbortSignal): Promise<Model> => (await read<{ data: Model }>(origin, `/v1/model/${pathOf(id)}`, signal)).data;
export const fetchEndpoints = async (origin: string, id: string, signal: AbortSignal): Promise<Endpoint[]> =>
  (await read<{ data: { endpoints: Endpoint[] } }>(origin, `/v1/models/${pathOf(id)}/endpoints`, signal)).data.endpoints;
export const fetchProviders = async (origin: string, signal: AbortSignal): Promise<Provider[]> => (await read<{ data: Provider[] }>(origin, "/v1/providers", signal)).data;

export const isChat = (m: Model): boolean => m.trustedrouter.kind === "chat" || m.trustedrouter.kind === "synth";
export const takesImages = (m: Model | undefined): boolean => m?.architecture.input_modalities.includes("image") ?? false;
export const takes = (m: Model | undefined, parameter: string): boolean => m?.supported_parameters.includes(parameter) ?? false;
