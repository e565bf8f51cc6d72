// An answer while it is made: what the events of its stream have said so far, for a page to show.
import type { ChatEvent, SynthEvent, Usage } from "./chat_stream.ts";
import { PromptFailure } from "./failure.ts";

export interface ToolCall {
  id: string;
  name: string;
  arguments: string; // as the model wrote it: JSON, or not
}

/** One model of an orchestration: a member of the panel, a judge or a final. */
export interface Step {
  role: "panel" | "judge" | "final";
  index: number;
  model: string;
  state: "running" | "done" | "failed";
  text: string;
  refused: boolean;
  error: string | null;
  tokens: number | null; // written
  elapsedMs: number | null;
  cost: string | null;
}

export interface Trouble {
  code: string; // a word of ours
  status: number; // HTTP's; 0: no answer came
  message: string;
  retryAfterS: number | null;
}

export interface Answer {
  text: string;
  reasoning: string;
  toolCalls: ToolCall[];
  images: string[];
  finish: string | null;
  usage: Usage | null;
  model: string | null; // that answered
  provider: string | null;
  generationId: string | null;
  receiptId: string | null;
  boot: string | null; // the verified program that answered
  trouble: Trouble | null;
  stopped: boolean; // by the reader
  firstMs: number | null; // from the question to the first token
  totalMs: number | null; // null: it is still being made
  steps: Step[] | null; // of an orchestration
}

export const newAnswer = (): Answer => ({
  text: "", reasoning: "", toolCalls: [], images: [], finish: null, usage: null, model: null, provider: null, generationId: null,
  receiptId: null, boot: null, trouble: null, stopped: false, firstMs: null, totalMs: null, steps: null,
});

const CALLS_MAX = 128;

export function troubleOf(error: unknown): Trouble {
  if (error instanceof PromptFailure) return { code: error.reason ?? error.code, status: error.status, message: error.message, retryAfterS: error.retryAfterS };
  return { code: "page_error", status: 0, message: error instanceof Error ? error.message : "Something went wrong in this page.", retryAfterS: null };
}

function addCall(answer: Answer, e: Extract<ChatEvent, { kind: "tool_call" }>): void {
  if (e.call < 0 || e.call > answer.toolCalls.length || e.call >= CALLS_MAX) return;
  // Some providers give all calls the same id, or none: a result is told by it, so here each has its own.
  const call = (answer.toolCalls[e.call] ??= { id: `call_${e.call}`, name: "", arguments: "" });
  if (e.id && !answer.toolCalls.some((c) => c.id === e.id)) call.id = e.id;
  call.name = call.name || (e.name ?? "");
  call.arguments += e.arguments;
}

function stepOf(answer: Answer, role: Step["role"], e: SynthEvent): Step {
  const steps = (answer.steps ??= []);
  const index = e.index ?? 0;
  const known = steps.find((s) => s.role === role && s.index === index);
  if (known) return known;
  const made: Step = { role, index, model: e.model ?? "", state: "running", text: "", refused: false, error: null, tokens: null, elapsedMs: null, cost: null };
  steps.push(made);
  return made;
}

function addStep(answer: Answer, e: SynthEvent): void {
  const [role, what] = e.type.split(".");
  answer.steps ??= [];
  if (role !== "panel" && role !== "judge" && role !== "final") return;
  const step = stepOf(answer, role, e);
  if (what === "text_delta") step.text += e.text ?? "";
  if (what !== "done" && what !== "failed") return;
  step.state = what;
  step.refused = e.refused ?? false;
  step.error = e.error;
  step.tokens = e.completionTokens;
  step.elapsedMs = e.elapsedMs;
  step.cost = e.cost;
}

type Obj = Record<string, unknown>;
const listOf = (v: unknown): Obj[] => (Array.isArray(v) ? (v as unknown[]).filter((p): p is Obj => typeof p === "object" && p !== null) : []);
const numberOf = (v: unknown): number | null => (typeof v === "number" && Number.isFinite(v) ? v : null);

/** The end of a final has no event: the summary behind the answer has its figures. */
function addSummary(answer: Answer, summary: Obj): void {
  for (const [role, member] of [["panel", "panel"], ["judge", "judges"], ["final", "finals"]] as const)
    listOf(summary[member]).forEach((part, index) => {
      const step = answer.steps?.find((s) => s.role === role && s.index === index);
      if (!step) return;
      if (step.state === "running") step.state = part["outcome"] === "answered" ? "done" : "failed";
      step.elapsedMs ??= numberOf(part["elapsed_ms"]);
      step.tokens ??= numberOf(part["completion_tokens"]);
      step.cost ??= numberOf(part["cost"]) === null ? null : String(part["cost"]);
    });
}

/** Puts an event into the answer. Only the first choice is asked for. */
export function addEvent(answer: Answer, e: ChatEvent): void {
  if ("choice" in e && e.choice !== 0) return;
  switch (e.kind) {
    case "content":
    case "refusal":
      answer.text += e.text;
      break;
    case "reasoning":
      answer.reasoning += e.text;
      break;
    case "tool_call":
      addCall(answer, e);
      break;
    case "image":
      if (e.url.startsWith("data:image/")) answer.images.push(e.url);
      break;
    case "finish":
      answer.finish = e.reason;
      break;
    case "usage":
      answer.usage = e.usage;
      break;
    case "synth":
      addStep(answer, e.event);
      break;
    case "synth_summary":
      addSummary(answer, e.summary);
      break;
    case "model":
      answer.generationId = e.id || answer.generationId;
      answer.model = e.model || answer.model;
      answer.provider = e.provider || answer.provider;
      break;
    case "error":
      answer.trouble = troubleOf(e.failure);
      break;
    case "done":
      break;
  }
}

/** It was written to its end. The arguments of a call in one that was not may be cut. */
export const isWhole = (answer: Answer): boolean => answer.trouble === null && !answer.stopped;

/** What counts as the first token. */
export const isWord = (e: ChatEvent): boolean => e.kind === "content" || e.kind === "reasoning" || e.kind === "tool_call" || e.kind === "refusal";
