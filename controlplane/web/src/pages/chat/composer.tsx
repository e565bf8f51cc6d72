// Where the reader writes: text, pictures, send and stop.
import { useEffect, useRef, useState } from "preact/hooks";
import { bytes, count } from "../../core/format.ts";
import { Button } from "../../ui/controls.tsx";
import { toast } from "../../ui/toast.tsx";
import type { Attached } from "../../prompt/conversations.ts";

const IMAGE_BYTES_MAX = 8 << 20;
const IMAGES_MAX = 8;
const KINDS = ["image/png", "image/jpeg", "image/webp", "image/gif"];

const asUrl = (file: File): Promise<string> =>
  new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(reader.error ?? new Error("The file cannot be read."));
    reader.readAsDataURL(file);
  });

function refusal(file: File): string | null {
  if (!KINDS.includes(file.type)) return `${file.name || "The file"} is not attached: PNG, JPEG, WebP and GIF are.`;
  return file.size > IMAGE_BYTES_MAX ? `${file.name} has ${bytes(file.size)}; a picture may have ${bytes(IMAGE_BYTES_MAX)}.` : null;
}

/** Pictures may be dropped anywhere on the page; without this, the browser would leave the page and open the file. */
function useDrops(attach: (files: readonly File[]) => Promise<void>): void {
  const now = useRef(attach);
  now.current = attach;
  useEffect(() => {
    const over = (e: DragEvent) => {
      if (e.dataTransfer?.types.includes("Files")) e.preventDefault();
    };
    const drop = (e: DragEvent) => {
      const files = [...(e.dataTransfer?.files ?? [])];
      if (files.length === 0) return; // words that are dropped are the field's
      e.preventDefault();
      void now.current(files);
    };
    window.addEventListener("dragover", over);
    window.addEventListener("drop", drop);
    return () => {
      window.removeEventListener("dragover", over);
      window.removeEventListener("drop", drop);
    };
  }, []);
}

interface ComposerProps {
  images: boolean; // the model takes them
  running: boolean;
  blocked: string; // why nothing can be sent; empty: it can
  onSend: (text: string, images: Attached[]) => Promise<boolean>;
  onStop: () => void;
}

export function Composer({ images, running, blocked: cannot, onSend, onStop }: ComposerProps) {
  const [text, setText] = useState("");
  const [attached, setAttached] = useState<Attached[]>([]);
  const [sending, setSending] = useState(false);
  const picker = useRef<HTMLInputElement>(null);
  const field = useRef<HTMLTextAreaElement>(null);
  const blocked = cannot === "" && attached.length > 0 && !images ? "This model does not take pictures: remove them, or choose one that does." : cannot;

  const attach = async (files: readonly File[]) => {
    if (files.length === 0) return;
    if (!images) return toast("This model does not take pictures. Choose one that does.");
    const wrong = files.map(refusal).find((w) => w !== null);
    if (wrong) toast(wrong);
    const good = files.filter((f) => refusal(f) === null);
    if (attached.length + good.length > IMAGES_MAX) toast(`A message may have ${count(IMAGES_MAX)} pictures; the others are not attached.`);
    try {
      const made = await Promise.all(good.map(async (f) => ({ name: f.name || "picture", url: await asUrl(f) })));
      setAttached((before) => [...before, ...made].slice(0, IMAGES_MAX));
    } catch (error) {
      toast(`It is not attached: ${error instanceof Error ? error.message : "the file cannot be read."}`);
    }
  };
  useDrops(attach);
  const send = async () => {
    if (sending || running || blocked !== "" || (text.trim() === "" && attached.length === 0)) return;
    setSending(true);
    const sent = await onSend(text, attached);
    setSending(false);
    if (!sent) return;
    setText((now) => (now === text ? "" : now)); // what was typed meanwhile stays
    setAttached((now) => now.filter((a) => !attached.includes(a)));
  };
  const halt = () => {
    onStop();
    field.current?.focus();
  };
  const keys = (e: KeyboardEvent) => {
    if (e.key === "Escape" && running) halt();
    if (e.key !== "Enter" || e.shiftKey || e.isComposing) return;
    e.preventDefault();
    void send();
  };
  const pasted = (e: ClipboardEvent) => {
    const files = [...(e.clipboardData?.files ?? [])];
    if (files.length === 0) return;
    e.preventDefault();
    void attach(files);
  };

  return (
    <form class="composer" onSubmit={(e) => { e.preventDefault(); void send(); }}>
      {attached.length > 0 && (
        <ul class="line attached" aria-label="Attached pictures">
          {attached.map((a, i) => (
            <li key={i}><img class="thumb" src={a.url} alt={a.name} /><Button kind="quiet" small icon="close" label={`Remove ${a.name}`} onClick={() => setAttached(attached.filter((x) => x !== a))} /></li>
          ))}
        </ul>
      )}
      <textarea ref={field} aria-label="Your message" rows={2} placeholder="Write a message. Enter sends, Shift Enter starts a new line." value={text} onInput={(e) => setText(e.currentTarget.value)} onKeyDown={keys} onPaste={pasted} />
      <div class="line apart">
        <div class="line">
          {images && <input ref={picker} type="file" class="hidden-text" tabIndex={-1} aria-label="Pictures" accept={KINDS.join(",")} multiple onChange={(e) => { void attach([...(e.currentTarget.files ?? [])]); e.currentTarget.value = ""; }} />}
          {images && <Button kind="quiet" small icon="image" onClick={() => picker.current?.click()}>Picture</Button>}
          <span class="faint small" id="composer-why">{blocked}</span>
        </div>
        {running ? <Button key="stop" icon="stop" onClick={halt}>Stop</Button> : <Button key="send" kind="primary" icon="send" type="submit" busy={sending} disabled={blocked !== ""} aria-describedby={blocked ? "composer-why" : undefined}>Send</Button>}
      </div>
    </form>
  );
}
