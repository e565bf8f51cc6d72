// The data plane that a page asks: its models, and whether its evidence was accepted.
import { useEffect } from "preact/hooks";
import { dataPlane, facts } from "../../core/console.ts";
import { ApiError } from "../../core/api.ts";
import { useLoad, type Resource } from "../../core/resource.ts";
import { fetchModels, isChat, type Model } from "../../prompt/models.ts";
import { planeToAsk } from "../../prompt/trust.ts";
import { models } from "./state.ts";

/** All that is in the catalog; the playground asks those for chat. */
export function useModels(): Resource<Model[]> {
  const known = facts.value !== null;
  const origin = dataPlane();
  return useLoad<Model[]>((signal) => {
    if (!known) return new Promise(() => {});
    if (origin === null) return Promise.reject(new ApiError(0, "no_data_plane", "This installation names no data plane, so there are no models to ask. The operator sets console_dataplanes."));
    return fetchModels(origin, signal);
  }, [known, origin]);
}

export function useChatModels(): Resource<Model[]> {
  const all = useModels();
  useEffect(() => {
    if (all.data) models.value = all.data.filter(isChat);
  }, [all.data]);
  return all;
}

export const checkAgain = (): void => void planeToAsk(true).catch(() => {}); // `trust` says why

/** Asks for evidence when the page opens, and when the reader chooses another data plane. */
export function useTrust(): void {
  const origin = dataPlane();
  useEffect(() => {
    if (origin !== null) void planeToAsk().catch(() => {});
  }, [origin]);
}
