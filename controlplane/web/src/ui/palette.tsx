// The command palette: every page and action by its name. Ctrl+K or Command+K; "/" goes to a page's search field.
import { signal } from "@preact/signals";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { useModal } from "./dialog.tsx";

export interface Command {
  name: string;
  group: string;
  run: () => void;
}

const open = signal(false);
export const openPalette = (): void => void (open.value = true);

const inField = (e: KeyboardEvent): boolean => e.target instanceof Element && e.target.closest("input, textarea, select, [contenteditable]") !== null;

export function listenForKeys(): () => void {
  const pressed = (e: KeyboardEvent) => {
    if ((e.metaKey || e.ctrlKey) && e.key.toLowerCase() === "k") {
      e.preventDefault();
      open.value = !open.value;
    } else if (e.key === "/" && !inField(e) && !e.ctrlKey && !e.metaKey) {
      const search = document.querySelector<HTMLInputElement>("main input[type=search]");
      if (!search) return;
      e.preventDefault();
      search.focus();
      search.select();
    }
  };
  document.addEventListener("keydown", pressed);
  return () => document.removeEventListener("keydown", pressed);
}

const fits = (name: string, words: string[]): boolean => words.every((w) => name.toLowerCase().includes(w));

export function Palette({ commands }: { commands: () => Command[] }) {
  return open.value ? <OpenPalette commands={commands} /> : null;
}

function OpenPalette({ commands }: { commands: () => Command[] }) {
  const box = useRef<HTMLDialogElement>(null);
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const all = useMemo(commands, []);
  const found = all.filter((c) => fits(`${c.group} ${c.name}`, text.toLowerCase().split(/\s+/).filter(Boolean)));
  const close = () => void (open.value = false);
  const ends = useModal(box, true, close);
  useEffect(() => document.getElementById(`palette-${at}`)?.scrollIntoView({ block: "nearest" }), [at, text]);
  const run = (c: Command | undefined) => {
    if (!c) return;
    close();
    c.run();
  };
  const keys = (e: KeyboardEvent) => {
    if (e.key === "ArrowDown" || e.key === "ArrowUp") {
      e.preventDefault();
      setAt((n) => (n + (e.key === "ArrowDown" ? 1 : -1) + found.length) % Math.max(found.length, 1));
    } else if (e.key === "Enter") {
      e.preventDefault();
      run(found[at]);
    }
  };
  return (
    <dialog ref={box} class="palette" aria-label="Commands" {...ends} onClick={(e) => e.target === box.current && close()}>
      <input class="input" role="combobox" aria-expanded="true" aria-controls="palette-list" aria-label="Go to a page or do something" aria-activedescendant={found[at] ? `palette-${at}` : undefined}
        placeholder="Go to a page or do something" value={text} onInput={(e) => { setText(e.currentTarget.value); setAt(0); }} onKeyDown={keys} />
      <ul id="palette-list" role="listbox" aria-label="Commands">
        {found.map((c, i) => (
          <li key={c.group + c.name} id={`palette-${i}`} role="option" aria-selected={i === at} onPointerMove={() => setAt(i)} onClick={() => run(c)}>
            <span>{c.name}</span><span class="faint small">{c.group}</span>
          </li>
        ))}
        {found.length === 0 && <li class="faint" role="option" aria-selected="false">Nothing has this name. Try another word.</li>}
      </ul>
    </dialog>
  );
}
