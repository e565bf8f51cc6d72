/** Is a body whole? EHBP authenticates each part of an answer, but not that the last one has come: whoever stands in between
 * can leave parts away at the end. What is inside says whether it is complete. */
import { concat } from "../verify/bytes.ts";

export interface AnswerEnd {
  push(bytes: Uint8Array): void;
  reached(): boolean;
}

const LINE_FEED = 10;
const SPACES = [9, 10, 13, 32];
const CLOSING = [0x7d, 0x5d]; /* } and ] */

/** Bytes from the beginning of the last event on: events end with an empty line, and every event that has bytes after
 * it can be forgotten. */
function lastEvent(bytes: Uint8Array): Uint8Array {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === LINE_FEED) end -= 1;
  for (let at = end - 1; at > 0; at -= 1) if (bytes[at] === LINE_FEED && bytes[at - 1] === LINE_FEED) return bytes.subarray(at + 1);
  return bytes;
}

/** A stream's last event says "[DONE]", is an error, or is the last one of its dialect. */
function closesStream(event: string): boolean {
  const name = /^event: *(.*)$/m.exec(event)?.[1] ?? "";
  const data = /^data: *(.*)$/m.exec(event)?.[1] ?? "";
  if (!event.endsWith("\n\n")) return false;
  if (data === "[DONE]" || ["message_stop", "error", "response.completed", "response.failed", "response.incomplete"].includes(name))
    return true;
  try {
    const value: unknown = JSON.parse(data);
    return typeof value === "object" && value !== null && "error" in value && value.error !== null;
  } catch {
    return false;
  }
}

class StreamEnd implements AnswerEnd {
  private tail: Uint8Array = new Uint8Array(0);

  push(bytes: Uint8Array): void {
    this.tail = lastEvent(this.tail.length === 0 ? bytes : concat(this.tail, bytes));
  }

  reached(): boolean {
    return closesStream(new TextDecoder().decode(this.tail));
  }
}

class JsonEnd implements AnswerEnd {
  private last = 0;

  push(bytes: Uint8Array): void {
    for (let at = bytes.length - 1; at >= 0; at -= 1) {
      const byte = bytes[at] as number;
      if (SPACES.includes(byte)) continue;
      this.last = byte;
      return;
    }
  }

  reached(): boolean {
    return CLOSING.includes(this.last);
  }
}

/** What the request asked for. The head of an answer is not encrypted, so what it says of the body decides nothing. */
export type Expected = "events" | "json" | "bytes";

const OPENING = 0x7b; /* { */

/** Of events or, when the request is refused, one JSON object: the first byte says which. */
class EventsOrJson implements AnswerEnd {
  private kind: AnswerEnd | null = null;

  push(bytes: Uint8Array): void {
    this.kind ??= bytes[0] === OPENING ? new JsonEnd() : new StreamEnd();
    this.kind.push(bytes);
  }

  reached(): boolean {
    return this.kind?.reached() ?? false;
  }
}

/** Sounds, for example: nothing in them says that they are whole. */
const UNKNOWN: AnswerEnd = { push: () => undefined, reached: () => true };

export function endOf(expected: Expected): AnswerEnd {
  if (expected === "events") return new EventsOrJson();
  return expected === "json" ? new JsonEnd() : UNKNOWN;
}
