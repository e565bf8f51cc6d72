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
];

export const missing: Load = () => import("./pages/missing.tsx");

export const entries: readonly NavEntry[] = pages.flatMap((p) => (p.nav ? [{ path: p.path, name: p.title, ...p.nav, ...(p.needs ? { needs: p.needs } : {}) }] : []));
