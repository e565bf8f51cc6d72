// The page's address as a signal, and links that change it without loading a document.
import { signal } from "@preact/signals";

export interface Place {
  path: string;
  search: string;
  hash: string;
}

/** "/app/keys/" is "/app/keys": the server takes both. */
const now = (): Place => ({ path: location.pathname.replace(/(.)\/+$/, "$1"), search: location.search, hash: location.hash });
export const here = signal<Place>(now());

export function go(to: string, options: { replace?: boolean; keepScroll?: boolean } = {}): void {
  if (options.replace) history.replaceState(null, "", to);
  else history.pushState(null, "", to);
  here.value = now();
  if (!options.keepScroll) window.scrollTo(0, 0);
}

/** One parameter of the query changes; the page stays. null removes it. */
export function setQuery(changes: Record<string, string | null>): void {
  const words = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes))
    if (value === null || value === "") words.delete(name);
    else words.set(name, value);
  const text = words.toString();
  go(location.pathname + (text === "" ? "" : `?${text}`), { replace: true, keepScroll: true });
}
export const queryOf = (place: Place): URLSearchParams => new URLSearchParams(place.search);

/** A page of this site, whatever somebody wrote into an address: never another origin, and never a path of the API. What the
 * browser makes of it is judged: "/.//host" would be another site. */
export function ownPath(text: string | null, otherwise: string): string {
  if (text === null || !/^\/(?![/\\])[!-~]*$/.test(text)) return otherwise;
  const url = new URL(text, location.origin);
  const strange = url.origin !== location.origin || url.pathname.includes("//") || /^\/(v1|api)\//.test(url.pathname);
  return strange ? otherwise : url.pathname + url.search;
}

/** "/models/*" takes "/models/a/b" with rest "a/b". */
export function matches(pattern: string, path: string): { rest: string } | null {
  if (!pattern.endsWith("/*")) return pattern === path ? { rest: "" } : null;
  const start = pattern.slice(0, -1);
  if (!path.startsWith(start) || path.length === start.length) return null;
  return { rest: path.slice(start.length).split("/").map(decode).join("/") };
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

function ofThisPage(event: MouseEvent): HTMLAnchorElement | null {
  const link = event.target instanceof Element ? event.target.closest("a") : null;
  const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
  if (!link || !plain || event.defaultPrevented || link.target !== "" || link.hasAttribute("download")) return null;
  if (link.origin !== location.origin || link.pathname.startsWith("/v1/") || link.pathname.startsWith("/verifier/")) return null;
  return link;
}

export function startRouter(): void {
  window.addEventListener("popstate", () => (here.value = now()));
  document.addEventListener("click", (event) => {
    const link = ofThisPage(event);
    if (!link) return;
    if (link.pathname === location.pathname && link.search === location.search && link.hash !== "") return; // the browser scrolls
    event.preventDefault();
    go(link.pathname + link.search + link.hash);
  });
}
