// Every page: its path, what is around it, who may see it, and where its code is. Paths are also in paths.json, from
// which the server knows that they are pages.
import type { ComponentType } from "preact";
import type { NavEntry } from "./ui/shell.tsx";

export interface PageProps {
  rest: string; // what a pattern's "*" stood for
}
type Load = () => Promise<{ default: ComponentType<PageProps> }>;

export interface Page {
  path: string;
  title: string;
  around: "app" | "public" | "bare";
  needs?: string; // a permission
  nav?: Pick<NavEntry, "group" | "icon">; // listed in the app's navigation
  load: Load;
}

export const pages: readonly Page[] = [
  // public
  // signing in
  // the app
  { path: "/app/keys", title: "API keys", around: "app", needs: "keys.read", nav: { group: "Use", icon: "key" }, load: () => import("./pages/keys/index.tsx") },
  { path: "/app/credits", title: "Credits", around: "app", needs: "credits.read", nav: { group: "Workspace", icon: "coin" }, load: () => import("./pages/credits/index.tsx") },
  { path: "/app/routing", title: "Routing", around: "app", nav: { group: "Workspace", icon: "route" }, load: () => import("./pages/routing/index.tsx") },
  { path: "/app/byok", title: "Provider keys", around: "app", needs: "byok.read", nav: { group: "Workspace", icon: "lock" }, load: () => import("./pages/byok/index.tsx") },
  { path: "/app/members", title: "Members", around: "app", needs: "workspaces.read", nav: { group: "Organisation", icon: "people" }, load: () => import("./pages/members/index.tsx") },
  { path: "/app/settings", title: "Settings", around: "app", nav: { group: "Organisation", icon: "gear" }, load: () => import("./pages/settings/index.tsx") },
];

export const missing: Load = () => import("./pages/missing.tsx");

export const entries: readonly NavEntry[] = pages.flatMap((p) => (p.nav ? [{ path: p.path, name: p.title, ...p.nav, ...(p.needs ? { needs: p.needs } : {}) }] : []));
