/** What a chat completion says while it is made: the chunks of its stream as events for a page. */
import { PromptFailure } from "./failure.ts";
import { type ServerEvent, SseParser } from "./sse.ts";

export interface Usage {
  promptTokens: number;
  completionTokens: number;
  totalTokens: number;
  cachedTokens: number | null;
  reasoningTokens: number | null;
  /** US dollars, as the data plane wrote them; null: it did not say */
  cost: string | null;
}

export interface SynthEvent {
  /** "synth.started", "panel.started", "panel.text_delta", "panel.done", "panel.failed", "judge.started", ... */
  type: string;
  index: number | null;
  model: string | null;
  text: string | null;
  refused: boolean | null;
  error: string | null;
  promptTokens: number | null;
  completionTokens: number | null;
  elapsedMs: number | null;
  cost: string | null;
}

export type ChatEvent =
  | { kind: "content"; choice: number; text: string }
  | { kind: "reasoning"; choice: number; text: string }
  | { kind: "refusal"; choice: number; text: string }
  /** a part of a call; name and id come with its first part */
  | { kind: "tool_call"; choice: number; call: number; id: string | null; name: string | null; arguments: string }
  /** a picture that the model made: a data: or https: address */
  | { kind: "image"; choice: number; url: string }
  | { kind: "finish"; choice: number; reason: string }
  | { kind: "usage"; usage: Usage }
  | { kind: "synth"; event: SynthEvent }
  /** what Synth says of its answer: panel, judge, finals; with the figures */
  | { kind: "synth_summary"; summary: Record<string, unknown> }
  | { kind: "model"; id: string; model: string; provider: string | null }
  /** the data plane could not finish: no event follows */
  | { kind: "error"; failure: PromptFailure }
  | { kind: "done" };

/* --- parts of a chunk, which is JSON of anybody's */

type Obj = Record<string, unknown>;

const isObj = (v: unknown): v is Obj => typeof v === "object" && v !== null && !Array.isArray(v);
const obj = (v: unknown): Obj => (isObj(v) ? v : {});
const list = (v: unknown): unknown[] => (Array.isArray(v) ? v : []);
const text = (v: unknown): string => (typeof v === "string" ? v : "");
const textOrNull = (v: unknown): string | null => (typeof v === "string" ? v : null);
const count = (v: unknown): number => (typeof v === "number" && Number.isFinite(v) ? v : 0);
const countOrNull = (v: unknown): number | null => (typeof v === "number" && Number.isFinite(v) ? v : null);

/** The number behind the first member of that name, in the data plane's own digits: money is not made a float. */
function digits(json: string, name: string, value: unknown): string | null {
  if (typeof value === "string") return value;
  if (typeof value !== "number") return null;
  return new RegExp(`"${name}":(-?[0-9.eE+-]+)`).exec(json)?.[1] ?? String(value);
}

function usageOf(v: Obj, json: string): Usage {
  return {
    promptTokens: count(v.prompt_tokens),
    completionTokens: count(v.completion_tokens),
    totalTokens: count(v.total_tokens),
    cachedTokens: countOrNull(obj(v.prompt_tokens_details).cached_tokens),
    reasoningTokens: countOrNull(obj(v.completion_tokens_details).reasoning_tokens),
    cost: digits(json.slice(json.indexOf('"usage"')), "cost", v.cost),
  };
}

function synthOf(v: Obj, json: string): SynthEvent {
  return {
    type: text(v.type),
    index: countOrNull(v.index),
    model: textOrNull(v.model),
    text: textOrNull(v.text),
    refused: typeof v.refused === "boolean" ? v.refused : null,
    error: textOrNull(v.error),
    promptTokens: countOrNull(v.prompt_tokens),
    completionTokens: countOrNull(v.completion_tokens),
    elapsedMs: countOrNull(v.elapsed_ms),
    cost: digits(json, "cost", v.cost),
  };
}

/** The error object of a stream or of a whole answer. */
export function failureOf(error: unknown, status = 0, retryAfterS: number | null = null, requestId: string | null = null): PromptFailure {
  const e = obj(error);
  const more = obj(e.metadata);
  const reason = textOrNull(e.code) ?? textOrNull(more.code) ?? textOrNull(more.error_type) ?? textOrNull(e.type);
  const param = textOrNull(e.param) ?? textOrNull(more.param);
  const told = typeof e.code === "number" ? e.code : status;
  return new PromptFailure("refused", text(e.message) || "The data plane could not answer.", told, reason, param, retryAfterS, requestId);
}

function toolCalls(choice: number, v: unknown): ChatEvent[] {
  return list(v).map((item, i) => {
    const call = obj(item);
    const named = obj(call.function);
    return {
      kind: "tool_call" as const,
      choice,
      call: typeof call.index === "number" ? call.index : i,
      id: textOrNull(call.id),
      name: textOrNull(named.name),
      arguments: text(named.arguments),
    };
  });
}

function images(choice: number, v: unknown): ChatEvent[] {
  return list(v)
    .map((item) => text(obj(obj(item).image_url).url))
    .filter((url) => /^(data:image\/|https:)/.test(url))
    .map((url) => ({ kind: "image" as const, choice, url }));
}

/** A delta of a stream, or the message of a whole answer. */
function said(choice: number, v: Obj): ChatEvent[] {
  const events: ChatEvent[] = [];
  const put = (kind: "content" | "reasoning" | "refusal", words: string) => words !== "" && events.push({ kind, choice, text: words });
  put("reasoning", text(v.reasoning) || text(v.reasoning_content));
  put("content", text(v.content));
  put("refusal", text(v.refusal));
  return [...events, ...images(choice, v.images), ...toolCalls(choice, v.tool_calls)];
}

function choicesOf(v: unknown): ChatEvent[] {
  return list(v).flatMap((item) => {
    const choice = obj(item);
    const index = count(choice.index);
    const events = said(index, isObj(choice.delta) ? choice.delta : obj(choice.message));
    const reason = textOrNull(choice.finish_reason);
    return reason === null ? events : [...events, { kind: "finish" as const, choice: index, reason }];
  });
}

/** A chunk, or a whole answer: they have the same members. */
export function eventsOf(json: string): ChatEvent[] {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw new PromptFailure("malformed", "A part of the answer is not what a chat completion is made of.");
  }
  const chunk = obj(value);
  if (isObj(chunk.error)) return [...choicesOf(chunk.choices), { kind: "error", failure: failureOf(chunk.error) }];
  const synth = obj(obj(chunk.trustedrouter).synth);
  const events = choicesOf(chunk.choices);
  if (isObj(synth.event)) events.push({ kind: "synth", event: synthOf(synth.event, json) });
  else if (isObj(obj(chunk.trustedrouter).synth)) events.push({ kind: "synth_summary", summary: synth });
  if (isObj(chunk.usage)) events.push({ kind: "usage", usage: usageOf(chunk.usage, json) });
  return events;
}

/** Bytes of a stream, cut anywhere, into events. */
export class ChatParser {
  private readonly sse = new SseParser();
  private named = false;
  private over = false;

  push(bytes: Uint8Array): ChatEvent[] {
    return this.read(() => this.sse.push(bytes));
  }

  /** The stream has ended. Throws PromptFailure "truncated" when neither its end nor an error has come. */
  end(): ChatEvent[] {
    const events = this.read(() => this.sse.end());
    if (!this.over) throw new PromptFailure("truncated", "The answer was cut off on its way. What is shown is a part of it; try again.");
    return events;
  }

  private read(next: () => ServerEvent[]): ChatEvent[] {
    try {
      return next().flatMap((e) => this.event(e.data));
    } catch (error) {
      if (error instanceof RangeError) throw new PromptFailure("malformed", "A part of the answer is longer than an answer's parts may be.");
      throw error;
    }
  }

  private event(data: string): ChatEvent[] {
    if (this.over) return [];
    if (data === "[DONE]") {
      this.over = true;
      return [{ kind: "done" }];
    }
    const events = eventsOf(data);
    this.over = events.some((e) => e.kind === "error");
    return this.named ? events : [...this.nameOf(data), ...events];
  }

  private nameOf(data: string): ChatEvent[] {
    const chunk = obj(JSON.parse(data));
    this.named = typeof chunk.model === "string";
    return this.named ? [{ kind: "model", id: text(chunk.id), model: text(chunk.model), provider: textOrNull(chunk.provider) }] : [];
  }
}
