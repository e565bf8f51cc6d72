// What is around a page: of the app, of the public pages, or nearly nothing (signing in).
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { facts } from "../core/console.ts";
import { here } from "../core/router.ts";
import { chooseWorkspace, may, session, signOut } from "../core/session.ts";
import { setTheme, theme, type Theme } from "../core/theme.ts";
import { Badge, Button, ButtonLink } from "./controls.tsx";
import { Menu } from "./dialog.tsx";
import { Icon, type IconName } from "./icons.tsx";
import { openPalette } from "./palette.tsx";

export interface NavEntry {
  path: string;
  name: string;
  group: string;
  icon: IconName;
  needs?: string; // a permission; without it the entry is not shown
}

export const Brand = () => (
  <a class="brand" href="/"><Icon name="shield" size={20} /><span>{facts.value?.name ?? "TrustedRouter"}</span></a>
);

const themes: Record<Theme, { next: Theme; label: string; icon: IconName }> = {
  system: { next: "light", label: "Colours: as the system. Switch to light", icon: "contrast" },
  light: { next: "dark", label: "Colours: light. Switch to dark", icon: "sun" },
  dark: { next: "system", label: "Colours: dark. Switch to the system's", icon: "moon" },
};
export function ThemeButton() {
  const t = themes[theme.value];
  return <Button kind="quiet" small icon={t.icon} label={t.label} onClick={() => setTheme(t.next)} />;
}

function WorkspaceChoice() {
  const s = session.value;
  if (!s || s.workspaces.length === 0) return null;
  const current = s.workspaces.find((w) => w.id === s.workspace_id);
  if (s.workspaces.length === 1) return <span class="soft clip wide-only">{current?.organization_name} / {current?.name}</span>;
  return (
    <select class="input" aria-label="Workspace" value={s.workspace_id ?? ""} onChange={(e) => void chooseWorkspace(e.currentTarget.value)}>
      {s.workspaces.map((w) => <option key={w.id} value={w.id}>{w.organization_name} / {w.name}</option>)}
    </select>
  );
}

function isCurrent(path: string): boolean {
  return here.value.path === path || (path !== "/app" && here.value.path.startsWith(`${path}/`));
}

function Side({ entries, open, close }: { entries: readonly NavEntry[]; open: boolean; close: () => void }) {
  const shown = entries.filter((e) => !e.needs || may(e.needs));
  const groups = [...new Set(shown.map((e) => e.group))];
  return (
    <aside class="side" data-open={open ? "true" : "false"} onClick={(e) => e.target instanceof Element && e.target.closest("a") && close()}>
      <Brand />
      <nav aria-label="Console">
        {groups.map((g) => (
          <div key={g}>
            <h2>{g}</h2>
            <ul>{shown.filter((e) => e.group === g).map((e) => (
              <li key={e.path}><a href={e.path} aria-current={isCurrent(e.path) ? "page" : undefined}><Icon name={e.icon} />{e.name}</a></li>
            ))}</ul>
          </div>
        ))}
      </nav>
    </aside>
  );
}

export function AppShell({ entries, children }: { entries: readonly NavEntry[]; children: ComponentChildren }) {
  const [open, setOpen] = useState(false);
  useEffect(() => {
    if (!open) return;
    const keys = (e: KeyboardEvent) => e.key === "Escape" && setOpen(false);
    const away = (e: Event) => e.target instanceof Element && !e.target.closest(".side, .menu-button") && setOpen(false);
    document.addEventListener("keydown", keys);
    document.addEventListener("pointerdown", away);
    return () => {
      document.removeEventListener("keydown", keys);
      document.removeEventListener("pointerdown", away);
    };
  }, [open]);
  return (
    <div class="app">
      <a class="skip" href="#main">Skip to the page</a>
      <Side entries={entries} open={open} close={() => setOpen(false)} />
      <div>
        <div class="top" role="banner">
          <span class="menu-button"><Button kind="quiet" small icon="menu" label="Menu" aria-expanded={open ? "true" : "false"} onClick={() => setOpen(!open)} /></span>
          <WorkspaceChoice />
          <span class="grow" />
          {facts.value?.simulated && <span class="wide-only"><Badge tone="warn">simulated attestation</Badge></span>}
          <Button kind="quiet" small icon="search" label="Commands (Ctrl K)" onClick={openPalette} />
          <ThemeButton />
          <Menu label="Your account" icon="people" items={[{ label: session.value?.user.email ?? "Your account", href: "/app/settings" }, { label: "Documentation", href: "/docs" }, { label: "Sign out", run: () => void signOut() }]} />
        </div>
        <main id="main" class="page" tabIndex={-1}>{children}</main>
      </div>
    </div>
  );
}

const publicNav = [["/models", "Models"], ["/pricing", "Pricing"], ["/trust", "Trust"], ["/verify", "Verify"], ["/docs", "Docs"], ["/status", "Status"]] as const;

export function PublicShell({ children }: { children: ComponentChildren }) {
  return (
    <div class="public">
      <a class="skip" href="#main">Skip to the page</a>
      <header>
        <div>
          <Brand />
          <nav aria-label="Site">{publicNav.map(([path, name]) => <a key={path} href={path} aria-current={isCurrent(path) ? "page" : undefined}>{name}</a>)}</nav>
          <ThemeButton />
          <ButtonLink href={session.value ? "/app" : "/login"} kind="primary">{session.value ? "Console" : "Sign in"}</ButtonLink>
        </div>
      </header>
      <main id="main" tabIndex={-1}>{children}</main>
      <footer>
        <div>
          <span>{facts.value?.name ?? "TrustedRouter"} {facts.value?.version ?? ""}</span>
          <a href="/security">Security</a><a href="/migrate">Migrate from OpenRouter</a><a href="/status">Status</a><a href="/verifier/">Verifier</a><a href="/openapi.json" target="_blank">OpenAPI</a>
        </div>
      </footer>
    </div>
  );
}

export function BareShell({ children }: { children: ComponentChildren }) {
  return <div class="bare"><main id="main"><div class="line apart"><Brand /><ThemeButton /></div>{children}</main></div>;
}
