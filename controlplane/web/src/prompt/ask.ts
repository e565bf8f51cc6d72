// One question to a data plane, and what a page is told while the answer is made: at most once per frame.
import { type Answer, addEvent, isWord, newAnswer, troubleOf } from "./answer.ts";
import { ChatParser } from "./chat_stream.ts";
import type { AnswerHead, DataPlane } from "./dataplane.ts";

/** Under this prefix the figures of an answer say what it cost. */
const PATH = "/api/v1/chat/completions";

/** The head is not encrypted: of it come ids to look something up by. Which model and provider answered, the stream says. */
function addHead(answer: Answer, head: AnswerHead): void {
  answer.generationId = head.generationId;
  answer.receiptId = head.receiptId;
  answer.boot = head.boot;
}

async function read(answer: Answer, body: ReadableStream<Uint8Array>, started: number, changed: () => void): Promise<void> {
  const parser = new ChatParser();
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      for (const event of done ? parser.end() : parser.push(value)) {
        addEvent(answer, event);
        if (isWord(event)) answer.firstMs ??= performance.now() - started;
      }
      if (done) return;
      changed();
    }
  } finally {
    await reader.cancel().catch(() => undefined); // a reader that stops early ends the request
  }
}

const copyOf = (a: Answer): Answer => ({ ...a, toolCalls: a.toolCalls.map((c) => ({ ...c })), steps: a.steps?.map((s) => ({ ...s })) ?? null });

const SLOW_MS = 50; // of one time that a page is told and draws; then it has three times as long for its reader
const PAUSE_MAX_MS = 250; // what comes in a longer one would make the next drawing longer, too

/** Tells at most once per frame, and seldom when the page needs long to draw what it is told. */
class Teller {
  private frame = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private more = false;
  private over = false;

  constructor(private readonly tell: () => void) {}

  changed(): void {
    this.more = true;
    if (this.frame === 0) this.frame = requestAnimationFrame(() => this.draw());
  }

  private draw(): void {
    const began = performance.now();
    this.more = false;
    this.tell();
    this.timer = setTimeout(() => {
      const took = performance.now() - began;
      this.timer = setTimeout(() => this.rested(), took > SLOW_MS ? Math.min(3 * took, PAUSE_MAX_MS) : 0);
    });
  }

  private rested(): void {
    this.frame = 0;
    if (this.more && !this.over) this.changed();
  }

  end(): void {
    this.over = true;
    cancelAnimationFrame(this.frame);
    clearTimeout(this.timer);
    this.tell();
  }
}

/** Calls `told` with a new object at most once per frame, and with the last state at the end. Does not reject: what went
 * wrong is in the answer. */
export async function ask(plane: DataPlane, apiKey: string, request: object, told: (answer: Answer) => void, signal: AbortSignal): Promise<Answer> {
  const answer = newAnswer();
  const started = performance.now();
  const tell = () => told(copyOf(answer));
  const teller = new Teller(tell);
  tell();
  try {
    const { head, body } = await plane.bytes(PATH, { ...request, stream: true }, "events", { apiKey, signal });
    addHead(answer, head);
    await read(answer, body, started, () => teller.changed());
  } catch (error) {
    if (signal.aborted) answer.stopped = true;
    else answer.trouble ??= troubleOf(error);
  }
  answer.totalMs = performance.now() - started;
  teller.end();
  return answer;
}
