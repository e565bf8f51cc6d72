// Who is signed in: undefined while nobody knows yet, null when nobody is.
import { computed, signal } from "@preact/signals";
import { ApiError, api, caller } from "./api.ts";
import { go, here } from "./router.ts";
import { kept } from "./storage.ts";

export interface Workspace {
  id: string;
  name: string;
  slug: string;
  state: string;
  organization_id: string;
  organization_name: string;
  role: string;
}

export interface Session {
  user: { id: string; email: string; name: string | null; created_at: string };
  session: { id: string; created_at: string; expires_at: string };
  workspaces: Workspace[];
  role: string | null;
  permissions: string[];
  organization_id: string | null;
  workspace_id: string | null;
  csrf_token: string;
}

export const session = signal<Session | null | undefined>(undefined);
export const notice = signal(""); // why the sign-in page is shown

const permissions = computed(() => new Set(session.value?.permissions ?? []));
export const may = (permission: string): boolean => permissions.value.has(permission);

const WHO = "signed-in"; // in localStorage: the user's id, so that other tabs hear who it is now

function adopt(s: Session | null, tell = true): void {
  caller.csrf = s?.csrf_token ?? "";
  session.value = s;
  if (tell) kept.set(WHO, s?.user.id ?? "");
}

export const unanswered = signal<ApiError | null>(null); // why nobody could say who is signed in
const passes = (error: ApiError): boolean => error.status === 0 || error.status === 429 || error.status >= 500;

export async function loadSession(): Promise<void> {
  caller.workspace = kept.get("workspace") ?? "";
  try {
    const { data } = await api.get<{ data: Session }>("/auth/session");
    unanswered.value = null;
    adopt(data);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (caller.workspace !== "" && error.status !== 401 && !passes(error)) {
      kept.remove("workspace"); // of somebody else, or closed since
      return loadSession();
    }
    unanswered.value = passes(error) ? error : null;
    adopt(null, error.status === 401);
  }
}

export function askAgain(): void {
  unanswered.value = null;
  session.value = undefined;
  void loadSession();
}

export async function chooseWorkspace(id: string): Promise<void> {
  kept.set("workspace", id);
  await loadSession();
}

export async function signOut(): Promise<void> {
  const failed = await api.post("/auth/logout").then(
    () => false,
    (error: unknown) => !(error instanceof ApiError && error.status === 401), // it has ended before
  );
  adopt(null, !failed);
  notice.value = failed ? "The server did not answer, so this browser is still signed in. Load this page again, and sign out once more." : "";
  go("/login");
}

export const signInPath = (back: string): string =>
  `/login${back.startsWith("/app") || back.startsWith("/auth?") ? `?return_to=${encodeURIComponent(back)}` : ""}`;

// A session that ends while somebody works: the sign-in page says so and leads back here.
caller.ended = () => {
  if (!session.peek()) return;
  notice.value = "Your session has ended. Sign in again to go on where you were.";
  adopt(null);
  go(signInPath(here.peek().path + here.peek().search), { replace: true });
};

// Whoever signs out in one tab, or in as somebody else, does so in all of them.
window.addEventListener("storage", (event) => {
  if (event.key === WHO && session.peek() && event.newValue !== session.peek()?.user.id) void loadSession();
});
