// What the public pages show of the running service, from what anybody may read.
import { ApiError } from "../../core/api.ts";
import { dataPlane, facts } from "../../core/console.ts";
import { useLoad, type Resource } from "../../core/resource.ts";
import { fetchModels, type Model } from "../../prompt/models.ts";

export type Health = "operational" | "degraded" | "outage" | "unknown";

export interface Figure {
  id: string;
  status: Health;
  requests: number | null;
  availability: number | null;
}

export interface Incident {
  id: string;
  title: string;
  state: "investigating" | "identified" | "monitoring" | "resolved";
  impact: "none" | "minor" | "major" | "critical";
  models: string[];
  providers: string[];
  regions: string[];
  started_at: string;
  resolved_at: string | null;
  updates: { at: string; state: string; message: string }[];
}

export interface Status {
  generated_at: string;
  method: Record<string, string>;
  service: { status: Health; availability: number | null; requests: number | null; availability_24h: number | null; requests_24h: number | null; overhead_us: { p50: number | null; p90: number | null; p99: number | null } | null };
  providers: Figure[];
  models: Figure[];
  regions: Figure[];
  incidents: Incident[];
}

/** The models of the first data plane, without looking at its evidence: nothing secret is asked. */
export function useCatalog(): Resource<Model[]> {
  const known = facts.value !== null;
  return useLoad<Model[]>((signal) => {
    const origin = dataPlane();
    if (!known) return new Promise(() => {});
    if (origin === null) return Promise.reject(new ApiError(0, "no_data_plane", "This installation names no data plane, so there are no prices to show. The operator sets console_dataplanes."));
    return fetchModels(origin, signal);
  }, [known]);
}
