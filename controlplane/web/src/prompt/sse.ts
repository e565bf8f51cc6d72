/** Server-sent events out of bytes that arrive cut anywhere (the HTML standard's parsing, without reconnecting). */

export interface ServerEvent {
  name: string; // "message" when the stream gives none
  data: string;
}

const EVENT_MAX = 8 << 20; /* characters: a data plane's longest event is 4 MiB */

export class SseParser {
  private readonly decoder = new TextDecoder("utf-8");
  private rest = "";
  private name = "";
  private data: string[] = [];
  private held = 0;

  push(bytes: Uint8Array): ServerEvent[] {
    return this.lines(this.decoder.decode(bytes, { stream: true }), false);
  }

  /** What is there of an event without the empty line behind it is no event. */
  end(): ServerEvent[] {
    return this.lines(this.decoder.decode(), true);
  }

  private lines(text: string, last: boolean): ServerEvent[] {
    const events: ServerEvent[] = [];
    const all = this.rest + text;
    let from = 0;
    for (;;) {
      const found = /\r\n|\n|\r/g;
      found.lastIndex = from;
      const line = found.exec(all);
      /* A carriage return that came last may be half of a line's end. */
      if (line === null || (!last && line[0] === "\r" && line.index + 1 === all.length)) break;
      this.line(all.slice(from, line.index), events);
      from = line.index + line[0].length;
    }
    this.rest = all.slice(from);
    if (this.rest.length + this.held > EVENT_MAX) throw new RangeError("an event is too long");
    return events;
  }

  private line(line: string, events: ServerEvent[]): void {
    if (line === "") {
      this.dispatch(events);
      return;
    }
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (field === "event") this.name = value;
    if (field !== "data") return;
    this.data.push(value);
    this.held += value.length;
  }

  private dispatch(events: ServerEvent[]): void {
    if (this.data.length !== 0) events.push({ name: this.name === "" ? "message" : this.name, data: this.data.join("\n") });
    this.name = "";
    this.data = [];
    this.held = 0;
  }
}
