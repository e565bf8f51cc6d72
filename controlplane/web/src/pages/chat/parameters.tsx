// System prompt, parameters, tools and routing of one conversation.
import { Dialog } from "../../ui/dialog.tsx";
import { SelectField, Switch, TextArea, TextField } from "../../ui/controls.tsx";
import type { Settings } from "../../prompt/conversations.ts";
import { takes, type Model } from "../../prompt/models.ts";
import { faults } from "../../prompt/request.ts";

const EFFORTS = ["minimal", "low", "medium", "high"];

function efforts(model: Model | undefined) {
  const known = model?.reasoning?.supported_efforts ?? EFFORTS;
  return [{ value: "", label: "As the model does it" }, ...known.map((e) => ({ value: e, label: e }))];
}

interface ParametersProps {
  open: boolean;
  onClose: () => void;
  settings: Settings;
  model: Model | undefined;
  onChange: (settings: Settings) => void;
}

export function Parameters({ open, onClose, settings: s, model, onChange }: ParametersProps) {
  const wrong = faults(s);
  const set = (what: Partial<Settings>) => onChange({ ...s, ...what });
  return (
    <Dialog title="Parameters" open={open} onClose={onClose} look="drawer">
      <TextArea label="System prompt" hint="What the model is told before the conversation." rows={5} value={s.system} onInput={(system) => set({ system })} />
      <div class="grid">
        <TextField label="Temperature" hint="0 to 2; empty: the model's own" inputMode="decimal" wrong={wrong.temperature} value={s.temperature} onInput={(temperature) => set({ temperature })} />
        <TextField label="Top p" hint="0 to 1" inputMode="decimal" wrong={wrong.topP} value={s.topP} onInput={(topP) => set({ topP })} />
        <TextField label="Max tokens" hint="The most that the answer may have" inputMode="numeric" wrong={wrong.maxTokens} value={s.maxTokens} onInput={(maxTokens) => set({ maxTokens })} />
        {takes(model, "reasoning") && <SelectField label="Reasoning effort" value={s.effort} choices={efforts(model)} onChange={(effort) => set({ effort })} />}
      </div>
      {takes(model, "tools") && <TextArea label="Tools (JSON schemas)" hint="The model may call them; you type what they answer." mono rows={7} wrong={wrong.tools} placeholder={'[{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}]'} value={s.tools} onInput={(tools) => set({ tools })} />}
      <h3>Providers</h3>
      <Switch label="Only providers that keep no prompts (zdr)" on={s.zdr} onChange={(zdr) => set({ zdr })} />
      <TextField label="Try these first" hint="Providers' names as in the catalogue, by commas" value={s.order} onInput={(order) => set({ order })} />
      <TextField label="Never ask these" value={s.ignore} onInput={(ignore) => set({ ignore })} />
    </Dialog>
  );
}
