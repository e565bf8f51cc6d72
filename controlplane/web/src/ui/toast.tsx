// Short messages that go away by themselves; screen readers hear them.
import { signal } from "@preact/signals";

const shown = signal<{ id: number; text: string }[]>([]);
let last = 0;

export function toast(text: string): void {
  const id = ++last;
  shown.value = [...shown.value.slice(-3), { id, text }];
  setTimeout(() => (shown.value = shown.value.filter((t) => t.id !== id)), 6000);
}

export function Toasts() {
  return <div class="toasts" role="status" aria-live="polite">{shown.value.map((t) => <div key={t.id} class="toast">{t.text}</div>)}</div>;
}
