// Choosing a model in a drawer: search, what each can do, costs and keeps.
import { useMemo, useState } from "preact/hooks";
import type { Model } from "../../prompt/models.ts";
import { Badge } from "../../ui/controls.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { capabilitiesOf, contextOf, fits, pricesOf, PrivacyBadge, searchWords } from "./parts.tsx";

const SHOWN_MAX = 80;

function Row({ model, chosen, onPick }: { model: Model; chosen: boolean; onPick: () => void }) {
  return (
    <li>
      <button type="button" class="model-row" aria-pressed={chosen ? "true" : "false"} onClick={onPick}>
        <span class="line apart"><strong class="clip">{model.name}</strong><PrivacyBadge privacy={model.trustedrouter.privacy} /></span>
        <span class="mono small soft clip">{model.id}</span>
        <span class="small soft">{[...pricesOf(model), contextOf(model.context_length)].join(" · ")}</span>
        <span class="line chips">{capabilitiesOf(model).map((c) => <Badge key={c}>{c}</Badge>)}</span>
      </button>
    </li>
  );
}

export function ModelPicker({ open, models, chosen, onPick, onClose }: { open: boolean; models: readonly Model[]; chosen: string; onPick: (id: string) => void; onClose: () => void }) {
  const [text, setText] = useState("");
  const found = useMemo(() => models.filter((m) => fits(m, searchWords(text))), [models, text]);
  const keys = (e: KeyboardEvent) => {
    if (e.key === "Enter" && found[0]) {
      e.preventDefault(); // the focus goes back to the button that opened this, which the same press would press
      onPick(found[0].id);
    }
    if (e.key === "ArrowDown") (e.currentTarget as HTMLElement).closest(".inside")?.querySelector<HTMLElement>(".model-row")?.focus();
  };
  return (
    <Dialog title="Choose a model" open={open} onClose={onClose} look="drawer">
      <input class="input" type="search" aria-label="Search models" placeholder="Name or id" autofocus value={text} onInput={(e) => setText(e.currentTarget.value)} onKeyDown={keys} />
      <ul class="model-rows" aria-label="Models">
        {found.slice(0, SHOWN_MAX).map((m) => <Row key={m.id} model={m} chosen={m.id === chosen} onPick={() => onPick(m.id)} />)}
      </ul>
      {found.length > SHOWN_MAX && <p class="soft small">{found.length - SHOWN_MAX} more models fit: type another word to narrow them down.</p>}
      {found.length === 0 && <p class="soft">No model has “{text}” in its name. Try a shorter word, or part of the author's name.</p>}
    </Dialog>
  );
}
