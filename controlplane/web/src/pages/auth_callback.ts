// What a program that asks for a key says in the address of /auth, and where its user is sent back to. The server checks the
// callback again before it gives a code.

export interface Asked {
  callback: string; // as it was sent
  host: string; // with its port, for people
  loopback: boolean;
  challenge: string | null;
  method: string | null;
  label: string;
  limit: string; // dollars; empty: none
}

const MAX = 2048;
const LOOPBACK = new Set(["localhost", "127.0.0.1"]);
// As controlplane/api/callback.c has it: nothing that a browser would read differently than we do.
const SHAPE = /^(https?):\/\/([A-Za-z0-9][A-Za-z0-9.-]*)(:\d{1,5})?([/?][A-Za-z0-9\-._~:/?@!$&'()*+,;=%]*)?$/;

export function callbackOf(query: URLSearchParams): Asked | null {
  const callback = query.get("callback_url") ?? "";
  const shape = SHAPE.exec(callback);
  const all = query.getAll("callback_url").length;
  if (!shape || callback.length > MAX || all !== 1 || !URL.canParse(callback)) return null;
  const url = new URL(callback);
  const loopback = LOOPBACK.has(shape[2]!);
  if (url.protocol !== "https:" && !(url.protocol === "http:" && loopback)) return null;
  const limit = query.get("limit") ?? "";
  return {
    callback, host: url.host, loopback,
    challenge: query.get("code_challenge"), method: query.get("code_challenge_method"),
    label: (query.get("key_label") ?? url.hostname).slice(0, 100),
    limit: /^\d{1,9}(\.\d{1,9})?$/.test(limit) ? limit : "",
  };
}

/** What was sent stays as it is; the parameter comes behind it. */
const withParameter = (callback: string, name: string, value: string): string =>
  `${callback}${callback.includes("?") ? (/[?&]$/.test(callback) ? "" : "&") : "?"}${name}=${encodeURIComponent(value)}`;

export const granted = (callback: string, code: string): string => withParameter(callback, "code", code);
export const denied = (callback: string): string => withParameter(callback, "error", "access_denied");
