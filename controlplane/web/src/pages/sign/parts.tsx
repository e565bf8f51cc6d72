// What the pages for signing in share.
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { api } from "../../core/api.ts";
import { facts } from "../../core/console.ts";
import { go, here, ownPath, queryOf } from "../../core/router.ts";
import { loadSession, session } from "../../core/session.ts";
import { SkeletonLines } from "../../ui/controls.tsx";

/** Where the address says that the visitor was going. */
export function backPath(otherwise = "/app"): string {
  const path = ownPath(queryOf(here.value).get("return_to"), otherwise);
  return /^\/(login|signup|recover)\b/.test(path) ? otherwise : path;
}

/** A session has begun: on to where the visitor was going. The one that this browser had before is the same user's: it ends, so
 *  that a copy of it is good for nothing. */
export async function entered(back: string): Promise<void> {
  const before = session.peek();
  await loadSession();
  const now = session.peek();
  if (before && now && before.user.id === now.user.id && before.session.id !== now.session.id)
    await api.del(`/auth/sessions/${before.session.id}`).catch(() => undefined); // it may have ended by itself
  go(back, { replace: true });
}

/** Somebody who has signed in already goes on at once. */
export function usePassThrough(back: string, stay = false): boolean {
  const known = Boolean(session.value) && !stay;
  useEffect(() => {
    if (known) go(back, { replace: true });
  }, [known, back]);
  return known;
}

export function Head({ title, says }: { title: string; says?: ComponentChildren }) {
  return <header><h1>{title}</h1>{says && <p class="soft">{says}</p>}</header>;
}

export const Notice = ({ tone, children }: { tone: "bad" | "plain"; children: ComponentChildren }) => (
  <p class={`sign-notice ${tone}`} role={tone === "bad" ? "alert" : "status"}>{children}</p>
);

export const Or = () => <div class="sign-or" aria-hidden="true"><span>or</span></div>;

/** One button for each provider of identities: links, because the browser goes there. */
export function Providers({ back, verb }: { back: string; verb: string }) {
  const f = facts.value;
  if (!f) return <SkeletonLines lines={2} />;
  return (
    <>
      {f.sign_in.oidc.map((p) => (
        <a key={p.id} class="button wide" href={`/v1/auth/oidc/${p.id}?return_to=${encodeURIComponent(back)}`}>{verb} {p.name}</a>
      ))}
    </>
  );
}

export const tooShort = (password: string): string | null =>
  new TextEncoder().encode(password).length < 10 ? "A password has at least 10 characters." : null;
