/** Asking an address that may answer anything: so many bytes at most, within so much time. */
import { type Bytes, concat } from "./bytes.ts";

/** As the browser's. */
export type FetchFn = (url: string, init?: RequestInit) => Promise<Response>;

const ASK_MS = 20_000; // for a whole exchange, as tr-verify

async function bodyOf(answer: Response, max: number): Promise<Bytes | "too long"> {
  const parts: Uint8Array[] = [];
  const reader = answer.body?.getReader();
  for (let left = max; reader !== undefined; ) {
    const { done, value } = await reader.read();
    if (done) break;
    left -= value.length;
    if (left < 0) return "too long";
    parts.push(value);
  }
  return concat(...parts);
}

/** The answer's status and body. Throws when none came, with the reason as a sentence. */
export async function ask(fetchFn: FetchFn, url: string, max: number, init: RequestInit = {}, ms = ASK_MS): Promise<{ status: number; body: Bytes | "too long" }> {
  const stop = new AbortController();
  let late = (_: Error): void => {};
  const timeout = new Promise<never>((_, refuse) => (late = refuse));
  const timer = setTimeout(() => late(new Error(`there was no whole answer within ${ms / 1000} seconds`)), ms);
  const exchange = async () => {
    const answer = await fetchFn(url, { ...init, credentials: "omit", redirect: "error", signal: stop.signal });
    return { status: answer.status, body: answer.status === 200 ? await bodyOf(answer, max) : concat() };
  };
  try {
    return await Promise.race([exchange(), timeout]);
  } finally {
    clearTimeout(timer);
    stop.abort(); // of an answer that is too long or too slow nothing more is read
  }
}
