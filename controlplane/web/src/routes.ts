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
  { path: "/", title: "Start", around: "public", load: () => import("./pages/public/landing.tsx") },
  { path: "/pricing", title: "Pricing", around: "public", load: () => import("./pages/public/pricing.tsx") },
  { path: "/status", title: "Status", around: "public", load: () => import("./pages/public/status.tsx") },
  { path: "/docs", title: "Documentation", around: "public", load: () => import("./pages/docs/index.tsx") },
  { path: "/docs/*", title: "Documentation", around: "public", load: () => import("./pages/docs/index.tsx") },
  { path: "/migrate", title: "Migrate from OpenRouter", around: "public", load: () => import("./pages/public/migrate.tsx") },
  { path: "/security", title: "Security", around: "public", load: () => import("./pages/public/security.tsx") },
  { path: "/models", title: "Models", around: "public", load: () => import("./pages/models/index.tsx") },
  { path: "/models/*", title: "Model", around: "public", load: () => import("./pages/models/detail.tsx") },
  { path: "/trust", title: "Trust", around: "public", load: () => import("./pages/trust/page.tsx") },
  { path: "/verify", title: "Verify", around: "public", load: () => import("./pages/verify/page.tsx") },
  // signing in
  { path: "/login", title: "Sign in", around: "bare", load: () => import("./pages/sign/login.tsx") },
  { path: "/signup", title: "Make an account", around: "bare", load: () => import("./pages/sign/signup.tsx") },
  { path: "/recover", title: "Recover your account", around: "bare", load: () => import("./pages/sign/recover.tsx") },
  { path: "/auth", title: "A program asks for a key", around: "bare", load: () => import("./pages/auth.tsx") },
  // the app
  { path: "/app", title: "Overview", around: "app", nav: { group: "Build", icon: "home" }, load: () => import("./pages/overview.tsx") },
  { path: "/app/chat", title: "Playground", around: "app", nav: { group: "Build", icon: "chat" }, load: () => import("./pages/chat/index.tsx") },
  { path: "/app/compare", title: "Compare", around: "app", nav: { group: "Build", icon: "columns" }, load: () => import("./pages/compare/index.tsx") },
  { path: "/app/models", title: "Models", around: "app", nav: { group: "Build", icon: "list" }, load: () => import("./pages/models/index.tsx") },
  { path: "/app/models/*", title: "Model", around: "app", load: () => import("./pages/models/detail.tsx") },
  { path: "/app/keys", title: "API keys", around: "app", needs: "keys.read", nav: { group: "Build", icon: "key" }, load: () => import("./pages/keys/index.tsx") },
  { path: "/app/activity", title: "Activity", around: "app", needs: "usage.read", nav: { group: "Usage", icon: "pulse" }, load: () => import("./pages/activity/index.tsx") },
  { path: "/app/generations", title: "Requests", around: "app", needs: "usage.read", nav: { group: "Usage", icon: "list" }, load: () => import("./pages/generations/index.tsx") },
  { path: "/app/generations/*", title: "Request", around: "app", needs: "usage.read", load: () => import("./pages/generations/detail.tsx") },
  { path: "/app/credits", title: "Credits", around: "app", needs: "credits.read", nav: { group: "Usage", icon: "coin" }, load: () => import("./pages/credits/index.tsx") },
  { path: "/app/routing", title: "Routing", around: "app", nav: { group: "Build", icon: "route" }, load: () => import("./pages/routing/index.tsx") },
  { path: "/app/byok", title: "Provider keys", around: "app", needs: "byok.read", nav: { group: "Build", icon: "lock" }, load: () => import("./pages/byok/index.tsx") },
  { path: "/app/members", title: "Members", around: "app", needs: "workspaces.read", nav: { group: "Organisation", icon: "people" }, load: () => import("./pages/members/index.tsx") },
  { path: "/app/audit", title: "Audit trail", around: "app", needs: "audit.read", nav: { group: "Organisation", icon: "scroll" }, load: () => import("./pages/audit.tsx") },
  { path: "/app/settings", title: "Settings", around: "app", nav: { group: "Organisation", icon: "gear" }, load: () => import("./pages/settings/index.tsx") },
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
