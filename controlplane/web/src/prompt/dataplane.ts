/** The client of a data plane: it asks for evidence and judges it before anything is sent, remembers the verdict for the boot
 * that gave it, and speaks in encrypted bodies only. */
import { type Bytes, utf8 } from "../verify/bytes.ts";
import { type Expectations, type FetchFn, type GatewayVerdict, verifyGateway } from "../verify/gateway.ts";
import { type ChatEvent, ChatParser, eventsOf, failureOf } from "./chat_stream.ts";
import { AttestedKey, type OpenedAnswer, sealRequest } from "./ehbp.ts";
import type { Expected } from "./ending.ts";
import { PromptFailure } from "./failure.ts";

export type { ChatEvent, SynthEvent, Usage } from "./chat_stream.ts";
export { PromptFailure, type FailureCode } from "./failure.ts";

/** OpenRouter's shape: its figures have the cost. */
const CHAT_PATH = "/api/v1/chat/completions";
const VERIFY_EVERY_MS = 10 * 60 * 1000;

export interface DataPlaneOptions {
  expectations?: Expectations;
  fetch?: FetchFn;
  verify?: typeof verifyGateway;
  /** milliseconds; for tests */
  now?: () => number;
  /** told of each verdict, the refused ones too */
  onVerdict?: (verdict: GatewayVerdict) => void;
}

export interface Verified {
  verdict: GatewayVerdict;
  key: AttestedKey;
  /** milliseconds of `now` */
  at: number;
}

export interface CallOptions {
  apiKey: string;
  signal?: AbortSignal;
  headers?: Record<string, string>;
}

/** What the head of an answer says, which is not encrypted: ids to look something up by. */
export interface AnswerHead {
  requestId: string | null;
  generationId: string | null;
  receiptId: string | null;
  /** the boot that answered, whose evidence was accepted */
  boot: string;
}

export interface ChatAnswer {
  head: AnswerHead;
  /** ends with "done" or "error"; throws PromptFailure, or what the signal was aborted with */
  events: AsyncGenerator<ChatEvent, void, undefined>;
}

export interface JsonAnswer {
  head: AnswerHead;
  json: unknown;
}

/** The members of a chat completion's request, as the API has them. */
export type ChatRequest = { model: string; messages: unknown[] } & Record<string, unknown>;

interface Sent {
  answer: OpenedAnswer;
  head: AnswerHead;
  signal: AbortSignal | undefined;
}

function headOf(headers: Headers, boot: string): AnswerHead {
  return {
    requestId: headers.get("x-request-id"),
    generationId: headers.get("x-generation-id"),
    receiptId: headers.get("x-receipt-id"),
    boot,
  };
}

/** A connection that breaks cuts an answer off, like whoever does it on purpose. */
function cutOff(error: unknown, signal: AbortSignal | undefined): unknown {
  if (error instanceof PromptFailure || signal?.aborted) return error;
  return new PromptFailure("truncated", "The connection broke before the answer was complete. What is shown is a part of it; try again.");
}

async function* chunksOf({ answer, signal }: Sent): AsyncGenerator<Bytes, void, undefined> {
  const reader = answer.body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((error: unknown) => {
        throw cutOff(error, signal);
      });
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined); /* a reader that stops early ends the request */
  }
}

async function textOf(sent: Sent): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of chunksOf(sent)) text += decoder.decode(chunk, { stream: true });
  return text + decoder.decode();
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new PromptFailure("malformed", "The answer is not JSON.");
  }
}

/** 422 with the type of the protocol: the body was sealed to a key that the data plane does not have. */
async function saysOtherKey(answer: Response): Promise<boolean> {
  if (answer.status !== 422 || !(answer.headers.get("content-type") ?? "").startsWith("application/problem+json")) return false;
  const problem = (await answer.json().catch(() => null)) as { type?: unknown } | null;
  return problem?.type === "urn:ietf:params:ehbp:error:key-config";
}

/** What is inside says whether it was refused; the status in the clear head is anybody's. */
function saysError(value: unknown): value is { error: object } {
  return typeof value === "object" && value !== null && "error" in value && typeof value.error === "object" && value.error !== null;
}

function refusalOf(sent: Sent, value: unknown): PromptFailure {
  const wait = Number(sent.answer.headers.get("retry-after"));
  return failureOf(saysError(value) ? value.error : null, sent.answer.status, Number.isFinite(wait) && wait > 0 ? wait : null, sent.head.requestId);
}

export class DataPlane {
  readonly origin: string;
  private readonly fetch: FetchFn;
  private readonly now: () => number;
  private known: Verified | null = null;
  private asking: Promise<Verified> | null = null;

  constructor(
    origin: string,
    private readonly options: DataPlaneOptions = {},
  ) {
    this.origin = new URL(origin).origin;
    this.fetch = options.fetch ?? ((url, init) => globalThis.fetch(url, init));
    this.now = options.now ?? (() => Date.now());
  }

  /** The verdict that counts at present; null: none yet, or none that is fresh. */
  get current(): Verified | null {
    return this.known !== null && this.now() - this.known.at < VERIFY_EVERY_MS ? this.known : null;
  }

  /** Fresh evidence, judged; or the verdict of the last ten minutes. Throws PromptFailure "not_verified", "unreachable". */
  async verified(again = false): Promise<Verified> {
    const known = again ? null : this.current;
    if (known !== null) return known;
    this.asking ??= this.verify().finally(() => {
      this.asking = null;
    });
    return this.asking;
  }

  private async verify(): Promise<Verified> {
    this.known = null;
    const judge = this.options.verify ?? verifyGateway;
    const verdict = await judge(this.origin, this.fetch, this.options.expectations ?? {});
    this.options.onVerdict?.(verdict);
    if (verdict.verdict === "unreachable")
      throw new PromptFailure("unreachable", "The data plane gives no evidence at present. Look at your network connection, then try again.");
    const verified = { verdict, key: AttestedKey.of(verdict), at: this.now() };
    this.known = verified;
    return verified;
  }

  /** A stream of a chat completion; `stream` and the wish for figures are added. */
  async chat(request: ChatRequest, options: CallOptions): Promise<ChatAnswer> {
    const body = { ...request, stream: true, stream_options: { include_usage: true } };
    const sent = await this.send(CHAT_PATH, body, "events", options);
    return { head: sent.head, events: chatEvents(sent) };
  }

  /** Any other call that answers with JSON: "/v1/embeddings", "/v1/images/generations", ... */
  async json(path: string, request: unknown, options: CallOptions): Promise<JsonAnswer> {
    const sent = await this.send(path, request, "json", options);
    const json = jsonOf(await textOf(sent));
    if (sent.answer.status >= 400 || saysError(json)) throw refusalOf(sent, json);
    return { head: sent.head, json };
  }

  /** Bytes as they come (sounds, streams of other dialects). Throws the refusal. */
  async bytes(path: string, request: unknown, expected: Expected, options: CallOptions): Promise<{ head: AnswerHead; body: ReadableStream<Bytes> }> {
    const sent = await this.send(path, request, expected, options);
    if (sent.answer.status >= 400) throw refusalOf(sent, jsonOf(await textOf(sent)));
    return { head: sent.head, body: sent.answer.body };
  }

  private async send(path: string, request: unknown, expected: Expected, options: CallOptions): Promise<Sent> {
    const plain = utf8(JSON.stringify(request));
    const first = await this.sendTo(await this.verified(), path, plain, expected, options);
    if (first !== null) return first;
    /* Another boot answers there now: what it is has to be proved before it is sent anything. */
    const second = await this.sendTo(await this.verified(true), path, plain, expected, options);
    if (second !== null) return second;
    throw new PromptFailure(
      "changed_key",
      "The data plane does not open what is encrypted to the key that it has just proved. Somebody in between may answer in its place, or several of them share the address; try again.",
    );
  }

  /** null: the body was not sealed to the key of who answers. */
  private async sendTo(to: Verified, path: string, plain: Bytes, expected: Expected, options: CallOptions): Promise<Sent | null> {
    const sealed = await sealRequest(to.key, plain, expected);
    let answer: Response;
    try {
      answer = await this.fetch(this.origin + path, {
        method: "POST",
        headers: { ...options.headers, ...sealed.headers, authorization: `Bearer ${options.apiKey}`, "content-type": "application/json" },
        body: sealed.body,
        cache: "no-store",
        credentials: "omit",
        redirect: "error",
        signal: options.signal ?? null,
      });
    } catch (error) {
      if (options.signal?.aborted) throw error;
      throw new PromptFailure("unreachable", "The data plane cannot be reached. Look at your network connection, then try again.");
    }
    if (await saysOtherKey(answer)) return null;
    const opened = await sealed.open(answer);
    return { answer: opened, head: headOf(opened.headers, to.key.boot), signal: options.signal };
  }
}

/** What was refused is one JSON object, whatever the status in the clear head says; what was not is a stream. */
async function* chatEvents(sent: Sent): AsyncGenerator<ChatEvent, void, undefined> {
  const parser = new ChatParser();
  const decoder = new TextDecoder();
  let whole: string | null = null;
  let begun = false;
  for await (const chunk of chunksOf(sent)) {
    if (!begun && chunk[0] === 0x7b) whole = "";
    begun = true;
    if (whole !== null) whole += decoder.decode(chunk, { stream: true });
    else yield* parser.push(chunk);
  }
  if (whole === null) {
    yield* parser.end();
    return;
  }
  const value = jsonOf(whole);
  if (saysError(value)) throw refusalOf(sent, value);
  yield* eventsOf(whole);
  yield { kind: "done" };
}
