// The address of something that the browser fetches itself, as a download or in a tab: the cookie goes with it, the
// workspace has to be in its query.
import { session } from "../../core/session.ts";

export function apiLink(path: string, query: Record<string, string> = {}): string {
  const workspace = session.value?.workspace_id;
  const words = new URLSearchParams({ ...query, ...(workspace ? { workspace_id: workspace } : {}) }).toString();
  return `/v1${path}${words === "" ? "" : `?${words}`}`;
}
