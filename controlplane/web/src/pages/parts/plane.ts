// What a data plane says to anybody: its models, its providers, how they do. No key and no cookie goes with it.
import { ApiError } from "../../core/api.ts";
import { dataPlane, facts } from "../../core/console.ts";
import { useLoad, type Resource } from "../../core/resource.ts";

const noPlane = "This installation names no data plane (data_planes in controlplane.conf), so there is nothing to ask.";

export async function getPlane<T>(path: string, signal?: AbortSignal): Promise<T> {
  const origin = dataPlane();
  if (origin === null) throw new ApiError(0, "no_data_plane", noPlane);
  let answer: Response;
  try {
    answer = await fetch(`${origin}/v1${path}`, { credentials: "omit", signal: signal ?? null });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, "unreachable", `The data plane ${origin} cannot be reached from this browser. Try again, or look at the status page.`);
  }
  if (!answer.ok) throw new ApiError(answer.status, "data_plane", `The data plane ${origin} answered with status ${answer.status}.`);
  return (await answer.json()) as T;
}

/** GET of the data plane, once the console knows which one. */
export function usePlane<T>(path: string): Resource<T> {
  const known = facts.value !== null;
  return useLoad<T>((signal) => (known ? getPlane<T>(path, signal) : new Promise<T>(() => {})), [path, known]);
}

export interface PlaneModel {
  id: string;
  name: string;
}

export interface PlaneProvider {
  name: string;
  slug: string;
  headquarters: string | null;
  trustedrouter?: { region: string | null; jurisdiction: string | null; retains_data: boolean; trains: boolean; confidential: boolean };
}
