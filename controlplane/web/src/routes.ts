// Every page: its path, what is around it, who may see it, and where its code is. Paths are also in paths.json, from
// which the server knows that they are pages.
import type { ComponentType } from "preact";
import type { IconName } from "./ui/icons.tsx";
import type { NavEntry } from "./ui/shell.tsx";

export interface PageProps {
  rest: string; // what a pattern's "*" stood for
}
/** The parts of the app's navigation, in their order. */
const groups = ["Build", "Usage", "Organisation", "Operator"] as const;
type Group = (typeof groups)[number];
type Load = () => Promise<{ default: ComponentType<PageProps> }>;

export interface Page {
  path: string;
  title: string;
  around: "app" | "public" | "bare";
  needs?: string; // a permission
  nav?: { group: Group; icon: IconName }; // listed in the app's navigation
  load: Load;
}

export const pages: readonly Page[] = [
  // public
  // signing in
  // the app
  { path: "/app/audit", title: "Audit trail", around: "app", needs: "audit.read", nav: { group: "Organisation", icon: "scroll" }, load: () => import("./pages/audit.tsx") },
  // the operator's
  { path: "/app/dataplanes", title: "Data planes", around: "app", needs: "fleet.read", nav: { group: "Operator", icon: "server" }, load: () => import("./pages/fleet/dataplanes.tsx") },
  { path: "/app/policy", title: "Attestation policy", around: "app", needs: "fleet.read", nav: { group: "Operator", icon: "shield" }, load: () => import("./pages/fleet/policy.tsx") },
  { path: "/app/catalog", title: "Catalog", around: "app", needs: "catalog.read", nav: { group: "Operator", icon: "book" }, load: () => import("./pages/catalog/page.tsx") },
  { path: "/app/customers", title: "Customers", around: "app", needs: "accounts.read", nav: { group: "Operator", icon: "people" }, load: () => import("./pages/operator/accounts.tsx") },
  { path: "/app/incidents", title: "Incidents", around: "app", needs: "incidents.write", nav: { group: "Operator", icon: "pulse" }, load: () => import("./pages/operator/incidents.tsx") },
];

export const missing: Load = () => import("./pages/missing.tsx");

const listed = pages.flatMap((p) => (p.nav ? [{ path: p.path, name: p.title, ...p.nav, ...(p.needs ? { needs: p.needs } : {}) }] : []));
export const entries: readonly NavEntry[] = groups.flatMap((g) => listed.filter((e) => e.group === g));
