// A list of short texts: each is entered, shown as a chip and can be removed. Enter or a comma adds one.
import { useId, useState } from "preact/hooks";
import type { ComponentChildren } from "preact";
import { Icon } from "../../ui/icons.tsx";
import { Field } from "../../ui/controls.tsx";

interface TokensProps {
  label: string;
  hint?: ComponentChildren;
  wrong?: string | null | undefined;
  placeholder?: string;
  values: readonly string[];
  suggestions?: readonly string[];
  onChange: (values: string[]) => void;
}

export function TokensField({ label, hint, wrong, placeholder, values, suggestions = [], onChange }: TokensProps) {
  const [text, setText] = useState("");
  const list = useId();
  const add = (from: string) => {
    const more = from.split(/[\s,]+/).filter((t) => t !== "" && !values.includes(t));
    setText("");
    if (more.length > 0) onChange([...values, ...new Set(more)]);
  };
  const keys = (e: KeyboardEvent) => {
    if (e.key === "Enter" || e.key === ",") {
      e.preventDefault(); // a form around it is not sent: a suggestion that was just taken leaves the field empty
      add(text);
    } else if (e.key === "Backspace" && text === "" && values.length > 0) onChange(values.slice(0, -1));
  };
  return (
    <Field label={label} hint={hint} wrong={wrong}>
      {(ids) => (
        <div class="tokens input">
          {values.map((v) => (
            <span key={v} class="token">
              <span class="clip">{v}</span>
              <button type="button" aria-label={`Remove ${v}`} onClick={() => onChange(values.filter((x) => x !== v))}><Icon name="close" size={12} /></button>
            </span>
          ))}
          <input {...ids} list={list} autocomplete="off" spellcheck={false} placeholder={values.length === 0 ? placeholder : undefined} value={text}
            onInput={(e) => (suggestions.includes(e.currentTarget.value) ? add(e.currentTarget.value) : setText(e.currentTarget.value))} onKeyDown={keys} onBlur={() => add(text)} />
          <datalist id={list}>{suggestions.filter((s) => !values.includes(s)).map((s) => <option key={s} value={s} />)}</datalist>
        </div>
      )}
    </Field>
  );
}
