// A text that the server shows once and keeps no copy of.
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Button, copyText } from "../../ui/controls.tsx";

export function Once({ text, what }: { text: string; what: string }) {
  return (
    <div class="once">
      <output class="secret" aria-label={what}>{text}</output>
      <Button kind="primary" icon="copy" onClick={() => void copyText(text, what)}>Copy</Button>
    </div>
  );
}

/** What has just been made, above the page: it stays until somebody says that it may go. */
export function Fresh({ title, says, done, onClose, children }: { title: string; says: string; done: string; onClose: () => void; children: ComponentChildren }) {
  const head = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    head.current?.focus();
    window.scrollTo(0, 0);
  }, []);
  return (
    <section class="card fresh stack" aria-label={title}>
      <div><h2 ref={head} tabIndex={-1}>{title}</h2><p class="soft">{says}</p></div>
      {children}
      <div class="line"><Button onClick={onClose}>{done}</Button></div>
    </section>
  );
}
