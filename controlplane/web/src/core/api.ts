// The REST API of the control plane, for the page's own origin: cookies say who calls.
// Every failure is an ApiError, with a sentence that can be shown.

export class ApiError extends Error {
  constructor(
    readonly status: number, // 0: no answer came
    readonly code: string,
    message: string,
    readonly param: string | null = null,
    readonly retryAfterS: number | null = null,
    readonly requestId: string | null = null,
    readonly body: unknown = null, // the whole answer: some say more than the sentence
  ) {
    super(message);
  }
}

export interface CallOptions {
  query?: Record<string, string | number | boolean | null | undefined>;
  body?: unknown;
  text?: string; // instead of body: sent as text/plain
  signal?: AbortSignal;
  idempotencyKey?: string;
}

/** What every call carries; session.ts sets it. */
export const caller = { csrf: "", workspace: "", ended: (_: ApiError): void => {} };

function addressOf(path: string, query: CallOptions["query"]): string {
  const words = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {}))
    if (value !== null && value !== undefined && value !== "") words.set(name, String(value));
  const text = words.toString();
  return `/v1${path}${text === "" ? "" : `?${text}`}`;
}

function headersOf(method: string, options: CallOptions): Headers {
  const headers = new Headers({ accept: "application/json" });
  if (options.text !== undefined) headers.set("content-type", "text/plain");
  else if (options.body !== undefined) headers.set("content-type", "application/json");
  if (method !== "GET" && caller.csrf !== "") headers.set("x-csrf-token", caller.csrf);
  if (caller.workspace !== "") headers.set("x-trustedrouter-workspace", caller.workspace);
  if (options.idempotencyKey !== undefined) headers.set("idempotency-key", options.idempotencyKey);
  return headers;
}

interface ErrorBody {
  error?: { message?: string; code?: string | number; param?: string | null };
}

const ENDED = new Set(["invalid_session", "missing_api_key"]); // what is said of the session, and not of a password

async function failureOf(answer: Response): Promise<ApiError> {
  const body = (await answer.json().catch(() => ({}))) as ErrorBody;
  const wait = Number(answer.headers.get("retry-after"));
  return new ApiError(
    answer.status,
    String(body.error?.code ?? "error"),
    body.error?.message ?? `The server answered with status ${answer.status}.`,
    body.error?.param ?? null,
    Number.isFinite(wait) && wait > 0 ? wait : null,
    answer.headers.get("x-request-id"),
    body,
  );
}

/** The answer as it came: for CSV and other texts. */
export async function callRaw(method: string, path: string, options: CallOptions = {}): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(addressOf(path, options.query), {
      method,
      headers: headersOf(method, options),
      body: options.text ?? (options.body === undefined ? null : JSON.stringify(options.body)),
      credentials: "same-origin",
      signal: options.signal ?? null,
    });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new ApiError(0, "unreachable", "The server cannot be reached. Look at your network connection, then try again.");
  }
  if (answer.ok) return answer;
  const failure = await failureOf(answer);
  if (ENDED.has(failure.code)) caller.ended(failure);
  throw failure;
}

async function call<T>(method: string, path: string, options?: CallOptions): Promise<T> {
  const answer = await callRaw(method, path, options);
  return (answer.status === 204 ? undefined : await answer.json()) as T;
}

export const api = {
  get: <T>(path: string, options?: CallOptions) => call<T>("GET", path, options),
  post: <T>(path: string, body?: unknown, options?: CallOptions) => call<T>("POST", path, { ...options, body: body ?? {} }),
  put: <T>(path: string, body: unknown, options?: CallOptions) => call<T>("PUT", path, { ...options, body }),
  patch: <T>(path: string, body: unknown, options?: CallOptions) => call<T>("PATCH", path, { ...options, body }),
  del: <T>(path: string, options?: CallOptions) => call<T>("DELETE", path, options),
};

/** For a POST that must not happen twice when a person presses twice or the network fails. */
export const newIdempotencyKey = (): string => crypto.randomUUID();
