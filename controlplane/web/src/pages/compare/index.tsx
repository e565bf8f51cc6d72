// One question to several models at once, side by side.
import { useEffect, useRef, useState } from "preact/hooks";
import { dataPlane } from "../../core/console.ts";
import { count, ms, usd } from "../../core/format.ts";
import { kept } from "../../core/storage.ts";
import { Badge, Button, Failure, PageHead, Skeleton, SkeletonLines, type Tone } from "../../ui/controls.tsx";
import { Markdown } from "../../ui/markdown.tsx";
import { newAnswer, troubleOf, type Answer } from "../../prompt/answer.ts";
import { ask } from "../../prompt/ask.ts";
import type { DataPlane } from "../../prompt/dataplane.ts";
import { newConversation } from "../../prompt/conversations.ts";
import { apiKey } from "../../prompt/key.ts";
import { isChat, Unreached as NotReached, type Model } from "../../prompt/models.ts";
import { requestOf } from "../../prompt/request.ts";
import { planeToAsk, trust } from "../../prompt/trust.ts";
import { Finish, TroubleNote } from "../chat/figures.tsx";
import { KeyButton, KeyForm } from "../chat/key.tsx";
import { Refused, Shield } from "../chat/shield.tsx";
import { Steps } from "../chat/steps.tsx";
import { Unreached } from "../chat/unreached.tsx";
import { checkAgain, useModels, useTrust } from "../chat/use_plane.ts";
import { ModelPicker } from "../models/picker.tsx";

const PLACE = "compare-models";
const COLUMNS_MAX = 4;

function keptColumns(): string[] {
  try {
    const ids: unknown = JSON.parse(kept.get(PLACE) ?? "[]");
    return Array.isArray(ids) ? ids.filter((id): id is string => typeof id === "string").slice(0, COLUMNS_MAX) : [];
  } catch {
    return [];
  }
}

interface Column {
  key: number;
  model: string;
  answer: Answer | null;
}

function statusOf(answer: Answer | null): { word: string; tone: Tone } {
  if (answer === null) return { word: "ready", tone: "plain" };
  if (answer.totalMs === null) return answer.firstMs === null ? { word: "waiting", tone: "plain" } : { word: "writing", tone: "accent" };
  if (answer.trouble) return { word: "failed", tone: "bad" };
  return answer.stopped ? { word: "stopped", tone: "warn" } : { word: "done", tone: "good" };
}

const figure = (name: string, value: string) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>;

function Figures({ answer }: { answer: Answer | null }) {
  const u = answer?.usage;
  return (
    <dl class="compare-figures small">
      {figure("First token", ms(answer?.firstMs))}
      {figure("Total", ms(answer?.totalMs))}
      {figure("Tokens in", u ? count(u.promptTokens) : "–")}
      {figure("Tokens out", u ? count(u.completionTokens) : "–")}
      {figure("Cost", usd(u?.cost))}
    </dl>
  );
}

function Said({ answer }: { answer: Answer }) {
  const waiting = answer.totalMs === null && answer.text === "";
  return (
    <>
      {answer.steps && answer.steps.length > 0 && <Steps steps={answer.steps} />}
      {answer.reasoning !== "" && <details class="thinking"><summary>{waiting ? "Thinking…" : "What the model thought"}</summary><Markdown text={answer.reasoning} /></details>}
      {waiting && <div role="status" aria-label="Waiting for the model"><Skeleton width="60%" /></div>}
      {answer.text !== "" && <Markdown text={answer.text} />}
      <Finish answer={answer} />
      {answer.trouble && <TroubleNote trouble={answer.trouble} />}
    </>
  );
}

interface ColumnProps {
  column: Column;
  name: string;
  alone: boolean;
  onPick: () => void;
  onRemove: () => void;
  onStop: () => void;
}

function ColumnView({ column, name, alone, onPick, onRemove, onStop }: ColumnProps) {
  const { answer } = column;
  const status = statusOf(answer);
  const running = answer !== null && answer.totalMs === null;
  return (
    <section class="card compare-column" aria-label={name} aria-busy={running ? "true" : "false"}>
      <div class="line apart">
        <button type="button" class="pill" aria-haspopup="dialog" onClick={onPick}><span class="clip">{name}</span></button>
        <span class="line">
          <Badge tone={status.tone}>{status.word}</Badge>
          {running ? <Button small kind="quiet" icon="stop" label={`Stop ${name}`} onClick={onStop} /> : <Button small kind="quiet" icon="close" label={`Remove ${name}`} disabled={alone} onClick={onRemove} />}
        </span>
      </div>
      <Figures answer={answer} />
      <div class="compare-answer" tabIndex={0} role="region" aria-label={`Answer of ${name}`}>{answer ? <Said answer={answer} /> : <p class="faint">The answer comes here.</p>}</div>
    </section>
  );
}

let lastKey = 0;
const columnOf = (model: string): Column => ({ key: ++lastKey, model, answer: null });

/** The columns, what runs in them, and how to start and stop it. */
function useColumns(models: readonly Model[]) {
  const [columns, setColumns] = useState<Column[]>([]);
  const running = useRef(new Map<number, AbortController>());
  const [active, setActive] = useState(0);
  useEffect(() => {
    if (models.length === 0 || columns.length > 0) return;
    const known = keptColumns().filter((id) => models.some((m) => m.id === id));
    setColumns((known.length > 0 ? known : models.slice(0, 2).map((m) => m.id)).map(columnOf));
  }, [models]);
  useEffect(() => () => running.current.forEach((s) => s.abort()), []);
  const put = (next: Column[]) => {
    kept.set(PLACE, JSON.stringify(next.map((c) => c.model)));
    setColumns(next);
  };
  const told = (key: number, answer: Answer) => setColumns((before) => before.map((c) => (c.key === key ? { ...c, answer } : c)));
  const runOne = async (column: Column, text: string, verified: Promise<DataPlane>) => {
    const stopper = new AbortController();
    running.current.set(column.key, stopper);
    told(column.key, newAnswer());
    try {
      const plane = await verified;
      const c = newConversation(column.model);
      const request = requestOf({ ...c, turns: [{ id: "", role: "user", text, images: [] }] }, models.find((m) => m.id === column.model));
      await ask(plane, apiKey.value, request, (a) => told(column.key, a), stopper.signal);
    } catch (error) {
      told(column.key, { ...newAnswer(), trouble: troubleOf(error), totalMs: 0 });
    }
    running.current.delete(column.key);
  };
  const run = async (text: string) => {
    if (active > 0) return;
    const plane = planeToAsk();
    setActive(columns.length);
    await Promise.all(columns.map((c) => runOne(c, text, plane).finally(() => setActive((n) => n - 1))));
  };
  return { columns, put, run, active, stop: (key: number) => running.current.get(key)?.abort(), stopAll: () => running.current.forEach((s) => s.abort()) };
}

function Question({ blocked, running, onRun, onStop }: { blocked: string; running: boolean; onRun: (text: string) => void; onStop: () => void }) {
  const [text, setText] = useState("");
  const send = () => text.trim() !== "" && blocked === "" && !running && onRun(text);
  return (
    <form class="composer wide" onSubmit={(e) => { e.preventDefault(); send(); }}>
      <textarea aria-label="The question" rows={2} placeholder="One question for all columns. Enter asks, Shift Enter starts a new line." value={text} onInput={(e) => setText(e.currentTarget.value)}
        onKeyDown={(e) => { if (e.key === "Enter" && !e.shiftKey && !e.isComposing) { e.preventDefault(); send(); } }} />
      <div class="line apart">
        <span class="faint small">{blocked}</span>
        {running ? <Button key="stop" icon="stop" onClick={onStop}>Stop all</Button> : <Button key="send" kind="primary" icon="send" type="submit" disabled={blocked !== ""}>Ask all</Button>}
      </div>
    </form>
  );
}

function blockedBy(): string {
  const t = trust.value;
  if (t.state === "unknown" || t.state === "checking") return "Checking the data plane's evidence…";
  if (t.state !== "verified") return "Nothing is sent: the data plane is not verified.";
  return apiKey.value === "" ? "Choose a key first." : "";
}

function Columns({ models }: { models: readonly Model[] }) {
  const { columns, put, run, active, stop, stopAll } = useColumns(models);
  const [picking, setPicking] = useState<number | null>(null); // a column's key; 0: a new one
  const pick = (id: string) => {
    put(picking === 0 ? [...columns, columnOf(id)] : columns.map((c) => (c.key === picking ? columnOf(id) : c)));
    setPicking(null);
  };
  const nameOf = (id: string) => models.find((m) => m.id === id)?.name ?? id;
  return (
    <>
      {apiKey.value === "" && <div class="card key-card"><KeyForm /></div>}
      <Question blocked={blockedBy()} running={active > 0} onRun={(text) => void run(text)} onStop={stopAll} />
      <div class="line"><Button small icon="plus" disabled={columns.length >= COLUMNS_MAX || active > 0} onClick={() => setPicking(0)}>Add a model</Button><span class="faint small">{columns.length} of {COLUMNS_MAX} columns. The choice is kept in this browser.</span></div>
      <div class="compare" data-columns={columns.length}>
        {columns.map((c) => <ColumnView key={c.key} column={c} name={nameOf(c.model)} alone={columns.length === 1} onPick={() => active === 0 && setPicking(c.key)} onRemove={() => put(columns.filter((x) => x !== c))} onStop={() => stop(c.key)} />)}
      </div>
      <ModelPicker open={picking !== null} models={models} chosen={columns.find((c) => c.key === picking)?.model ?? ""} onPick={pick} onClose={() => setPicking(null)} />
    </>
  );
}

export default function Compare() {
  const list = useModels();
  useTrust();
  const t = trust.value;
  const chat = list.data?.filter(isChat);
  return (
    <>
      <PageHead title="Compare" says="One question to up to four models at once. It goes encrypted to the data plane, as in the playground.">
        <Shield trust={t} again={checkAgain} />
        <KeyButton />
      </PageHead>
      {t.state === "refused" && <Refused verdict={t.verdict} again={checkAgain} />}
      {t.state === "failed" && <p class="note warn">{t.message} Nothing is sent until the data plane is verified.</p>}
      {list.state === "loading" && <SkeletonLines lines={8} />}
      {(t.state === "unreachable" || list.error instanceof NotReached) && <Unreached origin={dataPlane() ?? ""} retry={() => { list.reload(); checkAgain(); }} />}
      {list.state === "failed" && !(list.error instanceof NotReached) && <Failure error={list.error} retry={list.reload} />}
      {chat && <Columns models={chat} />}
    </>
  );
}
