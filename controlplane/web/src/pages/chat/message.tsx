// One turn of a conversation, and the answer that is being made.
import { Component } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Button, copyText, Skeleton } from "../../ui/controls.tsx";
import { Markdown } from "../../ui/markdown.tsx";
import { isWhole, type Answer } from "../../prompt/answer.ts";
import type { Turn } from "../../prompt/conversations.ts";
import { Figures, Finish, TroubleNote } from "./figures.tsx";
import { askAgain, edit, giveResults, live, ready } from "./state.ts";
import { Steps } from "./steps.tsx";
import { ToolCalls } from "./tools.tsx";

function Thinking({ text, running }: { text: string; running: boolean }) {
  return (
    <details class="thinking">
      <summary>{running ? "Thinking…" : "What the model thought"}</summary>
      <Markdown text={text} />
    </details>
  );
}

function AnswerBody({ answer, running }: { answer: Answer; running: boolean }) {
  const waiting = running && answer.text === "" && answer.reasoning === "" && answer.toolCalls.length === 0;
  return (
    <>
      {answer.steps && answer.steps.length > 0 && <Steps steps={answer.steps} />}
      {answer.reasoning !== "" && <Thinking text={answer.reasoning} running={running && answer.text === ""} />}
      {waiting && <div role="status" aria-label="Waiting for the model"><Skeleton width="46%" /></div>}
      {answer.text !== "" && <Markdown text={answer.text} />}
      {answer.images.map((url, i) => <img key={i} class="picture" src={url} alt="Made by the model" />)}
    </>
  );
}

interface AssistantProps {
  turn: Extract<Turn, { role: "assistant" }> | null; // null: it is being made
  asked: string;
  last: boolean;
}

function Below({ turn, last }: { turn: Extract<Turn, { role: "assistant" }>; last: boolean }) {
  const { answer } = turn;
  const again = () => askAgain(turn.id);
  return (
    <>
      <Finish answer={answer} />
      {answer.trouble && <TroubleNote trouble={answer.trouble} retry={last ? again : undefined} blocked={!ready.value} />}
      <div class="line apart">
        <Figures answer={answer} />
        <div class="line tools">
          {answer.text !== "" && <Button kind="quiet" small icon="copy" label="Copy the answer" onClick={() => void copyText(answer.text, "The answer")} />}
          {last && <Button kind="quiet" small icon="refresh" label="Ask again" disabled={!ready.value} onClick={again} />}
        </div>
      </div>
    </>
  );
}

const waitsForResults = (turn: Extract<Turn, { role: "assistant" }>): boolean => Object.keys(turn.results).length === 0 && isWhole(turn.answer);

/** An answer keeps its nodes when it is complete: the same component shows it before and after. */
function Assistant({ turn, asked, last }: AssistantProps) {
  const answer = turn?.answer ?? live.value;
  if (answer === null) return null;
  const give = turn && last && waitsForResults(turn) ? (r: Record<string, string>) => giveResults(turn.id, r) : undefined;
  return (
    <article class="turn assistant" aria-label={`Answer of ${answer.model ?? asked}`} aria-busy={turn ? undefined : "true"}>
      <p class="speaker mono small soft">{answer.model ?? asked}</p>
      <AnswerBody answer={answer} running={turn === null} />
      {answer.toolCalls.length > 0 && <ToolCalls calls={answer.toolCalls} results={turn?.results ?? {}} onGive={give} blocked={!ready.value} />}
      {turn && <Below turn={turn} last={last} />}
    </article>
  );
}

function Editor({ text, onDone }: { text: string; onDone: (text: string | null) => void }) {
  const [value, setValue] = useState(text);
  const box = useRef<HTMLTextAreaElement>(null);
  useEffect(() => box.current?.focus(), []);
  return (
    <form class="stack tight" onSubmit={(e) => { e.preventDefault(); if (value.trim() !== "" && ready.peek()) onDone(value); }}>
      <textarea ref={box} class="input" aria-label="Your message" rows={4} value={value} onInput={(e) => setValue(e.currentTarget.value)} />
      <p class="small soft">What follows this message is removed and answered anew.</p>
      <div class="line"><Button kind="primary" small type="submit" disabled={!ready.value}>Ask this instead</Button><Button small onClick={() => onDone(null)}>Cancel</Button></div>
    </form>
  );
}

function Asked({ turn }: { turn: Extract<Turn, { role: "user" }> }) {
  const [editing, setEditing] = useState(false);
  const done = (text: string | null) => {
    setEditing(false);
    if (text !== null) edit(turn.id, text);
  };
  return (
    <article class="turn user" aria-label="Your message">
      {turn.images.length > 0 && <div class="line">{turn.images.map((picture, i) => <img key={i} class="thumb" src={picture.url} alt={picture.name} />)}</div>}
      {editing ? <Editor text={turn.text} onDone={done} /> : <div class="words">{turn.text}</div>}
      {!editing && (
        <div class="line tools">
          <Button kind="quiet" small icon="copy" label="Copy your message" onClick={() => void copyText(turn.text, "Your message")} />
          <Button kind="quiet" small onClick={() => setEditing(true)}>Edit</Button>
        </div>
      )}
    </article>
  );
}

interface TurnProps {
  turn: Turn | null; // null: the answer that is being made
  asked: string;
  last: boolean;
}

/** Turns do not change while another one is written, so they are not rendered again. */
export class TurnView extends Component<TurnProps> {
  override shouldComponentUpdate(next: TurnProps) {
    return next.turn !== this.props.turn || next.last !== this.props.last;
  }
  override render() {
    const { turn, asked, last } = this.props;
    return turn?.role === "user" ? <Asked turn={turn} /> : <Assistant turn={turn} asked={asked} last={last} />;
  }
}
