// The console: finds the page of the address, loads its code, and shows it inside of its shell.
import { Component, render, type ComponentChildren, type ComponentType } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError } from "./core/api.ts";
import { asApiError } from "./core/resource.ts";
import { facts, loadConsole } from "./core/console.ts";
import { go, here, matches, startRouter } from "./core/router.ts";
import { askAgain, loadSession, may, session, signInPath, signOut, unanswered } from "./core/session.ts";
import { setTheme } from "./core/theme.ts";
import { entries, missing, pages, type Page, type PageProps } from "./routes.ts";
import { ButtonLink, Empty, Failure, PageHead, SkeletonLines } from "./ui/controls.tsx";
import { listenForKeys, Palette, type Command } from "./ui/palette.tsx";
import { AppShell, BareShell, PublicShell } from "./ui/shell.tsx";
import { Toasts } from "./ui/toast.tsx";

interface Found {
  page: Page | null;
  rest: string;
}

function find(path: string): Found {
  for (const page of pages) {
    const m = matches(page.path, path);
    if (m) return { page, rest: m.rest };
  }
  return { page: null, rest: "" };
}

/** A page whose code failed says so, and the rest of the console stays. */
class Guard extends Component<{ children: ComponentChildren; of: string }, { error: unknown; of: string }> {
  override state = { error: null as unknown, of: this.props.of };
  static override getDerivedStateFromError = (error: unknown) => ({ error });
  static override getDerivedStateFromProps = (props: { of: string }, state: { of: string }) => (props.of === state.of ? null : { error: null, of: props.of });
  override render() {
    return this.state.error ? <Failure error={asApiError(this.state.error)} retry={() => location.reload()} /> : this.props.children;
  }
}

const notLoaded = new ApiError(0, "page_not_loaded", "The code of this page could not be fetched: the network has failed, or the console was updated since you opened it. Look at your network connection, then try again.");

type Loaded = { load: Page["load"]; code: ComponentType<PageProps> } | { load: Page["load"]; error: unknown } | null;

function Body({ found }: { found: Found }) {
  const load = found.page?.load ?? missing;
  const [held, setHeld] = useState<Loaded>(null);
  useEffect(() => {
    let stale = false;
    load().then(
      (m) => stale || setHeld({ load, code: m.default }),
      (error: unknown) => stale || setHeld({ load, error }),
    );
    return () => void (stale = true);
  }, [load]);
  if (held?.load !== load) return <>{found.page && <PageHead title={found.page.title} />}<SkeletonLines lines={6} /></>;
  if ("error" in held) {
    const retry = () => void load().then((m) => setHeld({ load, code: m.default }), () => navigator.onLine && location.reload());
    return <>{found.page && <PageHead title={found.page.title} />}<Failure error={notLoaded} retry={retry} /></>;
  }
  const Code = held.code;
  return <Code rest={found.rest} />;
}

/** A page of the app waits for the session, and for the right to see it. A server that does not answer has not said that
 *  nobody is signed in. */
function AppBody({ found }: { found: Found }) {
  const s = session.value;
  const why = unanswered.value;
  useEffect(() => {
    if (s === null && why === null) go(signInPath(here.value.path + here.value.search), { replace: true });
  }, [s, why]);
  if (!s && why) return <>{found.page && <PageHead title={found.page.title} />}<Failure error={why} retry={askAgain} /></>;
  if (!s) return <SkeletonLines lines={6} />;
  const needs = found.page?.needs;
  if (needs && !may(needs))
    return (
      <>
        <PageHead title={found.page?.title ?? ""} />
        <Empty title="Your role does not include this page" says={`It needs the permission ${needs}. An owner or admin of the organisation can give you a role that has it.`}>
          <ButtonLink href="/app/members">See the members</ButtonLink>
        </Empty>
      </>
    );
  return <Body key={s.workspace_id ?? ""} found={found} />;
}

const commands = (): Command[] => [
  ...entries.filter((e) => !e.needs || may(e.needs)).map((e) => ({ name: e.name, group: e.group, run: () => go(e.path) })),
  ...pages.filter((p) => p.around === "public" && !p.path.endsWith("*")).map((p) => ({ name: p.title, group: "Site", run: () => go(p.path) })),
  { name: "Light colours", group: "Settings", run: () => setTheme("light") },
  { name: "Dark colours", group: "Settings", run: () => setTheme("dark") },
  { name: "Colours of the system", group: "Settings", run: () => setTheme("system") },
  ...(session.value ? [{ name: "Sign out", group: "Settings", run: () => void signOut() }] : []),
];

/** Another page: what had the focus is gone, and a screen reader has to hear of what came. */
function useFocusOnPages(path: string): void {
  const before = useRef(path);
  useEffect(() => {
    if (before.current === path) return;
    before.current = path;
    document.getElementById("main")?.focus({ preventScroll: true });
  }, [path]);
}

function App() {
  const found = find(here.value.path);
  const around = found.page?.around ?? (here.value.path.startsWith("/app/") ? "app" : "public");
  useEffect(() => {
    document.title = `${found.page?.title ?? "No such page"} · ${facts.value?.name ?? "TrustedRouter"}`;
  }, [found.page, facts.value]);
  useFocusOnPages(here.value.path);
  const body = <Guard of={here.value.path}>{around === "app" ? <AppBody found={found} /> : <Body found={found} />}</Guard>;
  return (
    <>
      {around === "app" ? <AppShell entries={entries}>{body}</AppShell> : around === "bare" ? <BareShell>{body}</BareShell> : <PublicShell>{body}</PublicShell>}
      <Palette commands={commands} />
      <Toasts />
    </>
  );
}

startRouter();
listenForKeys();
void loadConsole().catch(() => {}); // pages that need it say what is missing
void loadSession();
render(<App />, document.getElementById("app")!);
