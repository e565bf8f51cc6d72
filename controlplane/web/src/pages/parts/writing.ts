// A text that is written on top of a version in force, which another operator may replace meanwhile.
import { useState } from "preact/hooks";

export interface Writing<Base> {
  text: string;
  base: Base; // in force when the text was taken, or what it was compared with
}

/** `latest` is in force now. onKeep gets the text with each letter, at once: what is written outlives a dialog that is closed, and
 *  Escape may be the next key. */
export function useWriting<Base extends { version: number }>(start: Writing<Base>, latest: Base, onKeep: (w: Writing<Base>) => void) {
  const [{ text, base }, setHeld] = useState(start);
  const hold = (w: Writing<Base>) => {
    setHeld(w);
    onKeep(w);
  };
  return { text, base, moved: latest.version !== base.version, write: (now: string) => hold({ text: now, base }), rebase: () => hold({ text, base: latest }) };
}
