// The playground: a conversation with a model, straight to the data plane.
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { here, queryOf, setQuery } from "../../core/router.ts";
import { session } from "../../core/session.ts";
import { Button, Empty, Failure, SkeletonLines } from "../../ui/controls.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { Icon } from "../../ui/icons.tsx";
import { apiKey } from "../../prompt/key.ts";
import { takesImages, Unreached as NotReached } from "../../prompt/models.ts";
import { trust, type Trust } from "../../prompt/trust.ts";
import { ModelPicker } from "../models/picker.tsx";
import { Composer } from "./composer.tsx";
import { History } from "./history.tsx";
import { KeyButton, KeyForm } from "./key.tsx";
import { TurnView } from "./message.tsx";
import { Parameters } from "./parameters.tsx";
import { Refused, Shield } from "./shield.tsx";
import { askAgain, blocked, change, chooseModel, current, live, liveId, modelOf, models, openStore, ready, send, stop, storageFault } from "./state.ts";
import { Unreached } from "./unreached.tsx";
import { checkAgain, useChatModels, useTrust } from "./use_plane.ts";

const NEAR_END = 120; // pixels: a reader who has scrolled up stays there

function useEnd(box: { current: HTMLDivElement | null }): void {
  const stick = useRef(true);
  useEffect(() => {
    const e = box.current;
    if (!e) return;
    const moved = () => (stick.current = e.scrollHeight - e.scrollTop - e.clientHeight < NEAR_END);
    e.addEventListener("scroll", moved, { passive: true });
    return () => e.removeEventListener("scroll", moved);
  }, []);
  const id = current.value.id;
  const turns = current.value.turns.length;
  const answer = live.value;
  useLayoutEffect(() => void (stick.current = true), [id, turns]);
  useLayoutEffect(() => {
    if (stick.current && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [id, turns, answer]);
}

function TrustTrouble({ of }: { of: Trust }) {
  if (of.state === "refused") return <Refused verdict={of.verdict} again={checkAgain} />;
  if (of.state === "unreachable") return <Unreached origin={of.origin} retry={checkAgain} />;
  if (of.state === "failed") return <div class="failure" role="alert"><p>{of.message} Nothing is sent until the data plane is verified.</p><Button small icon="refresh" onClick={checkAgain}>Check again</Button></div>;
  return null;
}

function Thread() {
  const box = useRef<HTMLDivElement>(null);
  useEnd(box);
  const c = current.value;
  const running = live.value !== null;
  const unanswered = !running && c.turns.at(-1)?.role === "user";
  return (
    <div class="thread" ref={box} tabIndex={0} role="log" aria-label="The conversation" aria-live="off">
      {c.turns.length === 0 && !running && (
        apiKey.value === ""
          ? <div class="empty"><h3>First, a key</h3><p>Requests go to the data plane with one of your API keys, not through the console.</p><div class="key-card card"><KeyForm /></div></div>
          : <Empty title="Ask something" says="Your message is encrypted in this page to the data plane whose evidence it has checked. The conversation is kept in this browser only." />
      )}
      {[...c.turns, ...(running ? [null] : [])].map((t, i, all) => <TurnView key={t?.id ?? liveId.value} turn={t} asked={t?.role === "assistant" ? t.asked : c.model} last={t !== null && i === all.length - 1} />)}
      {unanswered && <div class="line"><Button small icon="refresh" disabled={!ready.value} onClick={() => askAgain()}>Ask again</Button></div>}
    </div>
  );
}

/** ?model= of a link, then the last one, then the first that there is. */
function useChosen(): void {
  const asked = queryOf(here.value).get("model");
  const list = models.value;
  useEffect(() => {
    if (list.length === 0) return;
    if (asked !== null && modelOf(asked)) {
      if (asked !== current.peek().model) chooseModel(asked);
      setQuery({ model: null });
    } else if (!modelOf(current.peek().model) && current.peek().turns.length === 0) chooseModel(list[0]!.id);
  }, [list, asked]);
}

function Bar({ onModels, onParameters, onHistory }: { onModels: () => void; onParameters: () => void; onHistory: () => void }) {
  const c = current.value;
  return (
    <div class="chat-bar line">
      <span class="narrow-only"><Button kind="quiet" small icon="list" label="Conversations" onClick={onHistory} /></span>
      <button type="button" class="pill" aria-haspopup="dialog" onClick={onModels}><span class="clip">{modelOf(c.model)?.name ?? (c.model || "Choose a model")}</span><Icon name="down" /></button>
      <Shield trust={trust.value} again={checkAgain} />
      <span class="grow" />
      <KeyButton />
      <Button kind="quiet" small icon="gear" onClick={onParameters}>Parameters</Button>
    </div>
  );
}

export default function Chat() {
  const [open, setOpen] = useState<"models" | "parameters" | "history" | null>(null);
  const list = useChatModels();
  useTrust();
  useChosen();
  const user = session.value?.user.id ?? "";
  useEffect(() => void (user !== "" && openStore(user)), [user]);
  const c = current.value;
  const model = modelOf(c.model);
  const close = () => setOpen(null);
  return (
    <div class="chat">
      <h1 class="hidden-text">Playground</h1>
      <aside class="chat-side" aria-label="Kept conversations"><History onOpen={close} /></aside>
      <div class="chat-main">
        <Bar onModels={() => setOpen("models")} onParameters={() => setOpen("parameters")} onHistory={() => setOpen("history")} />
        <TrustTrouble of={trust.value} />
        {list.state === "failed" && !(list.error instanceof NotReached && trust.value.state === "unreachable") && <Failure error={list.error} retry={list.reload} />}
        {storageFault.value !== "" && <p class="note warn small">{storageFault.value}</p>}
        {list.state === "loading" && c.turns.length === 0 ? <div class="thread"><SkeletonLines /></div> : <Thread />}
        <Composer images={takesImages(model)} running={live.value !== null} blocked={blocked.value} onSend={send} onStop={stop} />
      </div>
      <ModelPicker open={open === "models"} models={models.value} chosen={c.model} onPick={(id) => { chooseModel(id); close(); }} onClose={close} />
      <Parameters open={open === "parameters"} onClose={close} settings={c.settings} model={model} onChange={(settings) => change({ settings })} />
      <Dialog title="Conversations" open={open === "history"} onClose={close} look="drawer"><History onOpen={close} /></Dialog>
    </div>
  );
}
