// Dialogs, drawers and menus. <dialog> keeps the focus inside and closes on Escape.
import type { ComponentChildren, RefObject } from "preact";
import { useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Button } from "./controls.tsx";
import type { IconName } from "./icons.tsx";

interface DialogProps {
  title: string;
  open: boolean;
  onClose: () => void;
  children: ComponentChildren;
  look?: "plain" | "wide" | "drawer";
}

/** Shows the <dialog> of `box` while `open`. A field with autoFocus gets the focus; afterwards it goes back to where it was:
 *  the browser does that only when the dialog is closed before it leaves the document. Gives the handlers of the <dialog>.
 *  Chromium sends "close" with the next frame, when the person may have pressed the next key: Escape is taken by "cancel", which
 *  comes at once (but not always), and a "close" that comes when the dialog is gone or another is open means neither. */
export function useModal(box: RefObject<HTMLDialogElement | null>, open: boolean, onClose: () => void): { onCancel: (e: Event) => void; onClose: () => void } {
  useLayoutEffect(() => {
    const dialog = box.current;
    if (!open || !dialog) return;
    const before = document.activeElement;
    if (!dialog.open) dialog.showModal();
    dialog.querySelector<HTMLElement>("[data-focused]")?.focus();
    return () => {
      dialog.close();
      if (document.activeElement !== null && document.activeElement !== document.body) return;
      const back = before instanceof HTMLElement && before.isConnected && before !== document.body ? before : document.getElementById("main");
      back?.focus({ preventScroll: true });
    };
  }, [open]);
  const cancelled = (e: Event) => void (e.target === box.current && onClose()); // a file field inside has a "cancel" of its own
  return { onCancel: cancelled, onClose: () => void (box.current?.open === false && onClose()) };
}

export function Dialog({ title, open, onClose, children, look = "plain" }: DialogProps) {
  const box = useRef<HTMLDialogElement>(null);
  const id = useId();
  const ends = useModal(box, open, onClose);
  if (!open) return null;
  return (
    <dialog ref={box} class={look} aria-labelledby={id} {...ends} onClick={(e) => e.target === box.current && onClose()}>
      <header>
        <h2 id={id}>{title}</h2>
        <Button kind="quiet" small icon="close" label="Close" onClick={onClose} />
      </header>
      <div class="inside">{children}</div>
    </dialog>
  );
}

interface ConfirmProps {
  title: string;
  says: ComponentChildren;
  action: string; // what the button says: a verb
  open: boolean;
  busy?: boolean;
  onConfirm: () => void;
  onClose: () => void;
  children?: ComponentChildren;
}

/** Asks before something that cannot be undone. */
export function Confirm({ title, says, action, open, busy, onConfirm, onClose, children }: ConfirmProps) {
  return (
    <Dialog title={title} open={open} onClose={onClose}>
      <p>{says}</p>
      {children}
      <div class="actions">
        <Button onClick={onClose}>Cancel</Button>
        <Button kind="danger" busy={busy ?? false} onClick={onConfirm}>{action}</Button>
      </div>
    </Dialog>
  );
}

export interface MenuItem {
  label: string;
  run?: () => void;
  href?: string;
  danger?: boolean;
  disabled?: boolean;
}

const CHOOSABLE = '[role="menuitem"]:not(:disabled)';
const MENU_GAP = 4; // pixels between the button and its list, and to the edges of the window

// Above everything and by the window's coordinates: a table around the menu would cut it off.
function placeMenu(box: HTMLElement): void {
  const list = box.querySelector<HTMLElement>('[role="menu"]');
  const button = box.querySelector("button")?.getBoundingClientRect();
  if (!list || !button) return;
  if ("showPopover" in list && !list.matches(":popover-open")) list.showPopover();
  const { width, height } = list.getBoundingClientRect();
  const below = button.bottom + MENU_GAP;
  const top = below + height <= window.innerHeight - MENU_GAP ? below : Math.max(MENU_GAP, button.top - MENU_GAP - height);
  list.style.top = `${top}px`;
  list.style.left = `${Math.max(MENU_GAP, Math.min(button.right - width, window.innerWidth - width - MENU_GAP))}px`;
}

export function Menu({ label, items, icon = "more", children }: { label: string; items: MenuItem[]; icon?: IconName; children?: ComponentChildren }) {
  const [open, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    if (!open || !box.current) return;
    placeMenu(box.current);
    box.current.querySelector<HTMLElement>(CHOOSABLE)?.focus({ preventScroll: true });
    const away = (e: Event) => e.target instanceof Node && !box.current?.contains(e.target) && setOpen(false);
    const follow = () => box.current && placeMenu(box.current);
    document.addEventListener("pointerdown", away);
    window.addEventListener("resize", follow);
    window.addEventListener("scroll", follow, { capture: true, passive: true }); // of the page, and of a table around it
    return () => {
      document.removeEventListener("pointerdown", away);
      window.removeEventListener("resize", follow);
      window.removeEventListener("scroll", follow, { capture: true });
    };
  }, [open]);
  // The list leaves the document: the focus has to be at the button before, for a dialog that comes, and for Tab.
  const close = () => {
    box.current?.querySelector<HTMLElement>("button")?.focus();
    setOpen(false);
  };
  const keys = (e: KeyboardEvent) => {
    const all = [...(box.current?.querySelectorAll<HTMLElement>(CHOOSABLE) ?? [])];
    const at = all.indexOf(document.activeElement as HTMLElement);
    const to = ({ ArrowDown: (at + 1) % all.length, ArrowUp: (at - 1 + all.length) % all.length, Home: 0, End: all.length - 1 } as Record<string, number>)[e.key];
    if (e.key === "Escape" || e.key === "Tab") close();
    if (to === undefined) return;
    e.preventDefault();
    all[to]?.focus();
  };
  return (
    <div class="menu" ref={box} onKeyDown={open ? keys : undefined}>
      {children === undefined ? (
        <Button kind="quiet" small icon={icon} label={label} aria-haspopup="menu" aria-expanded={open ? "true" : "false"} onClick={() => setOpen(!open)} />
      ) : (
        <Button kind="quiet" aria-haspopup="menu" aria-expanded={open ? "true" : "false"} onClick={() => setOpen(!open)}>{children}</Button>
      )}
      {open && (
        <div role="menu" aria-label={label} popover="manual">
          {items.map((i) =>
            i.href !== undefined ? (
              <a key={i.label} role="menuitem" tabIndex={-1} href={i.href} onClick={() => setOpen(false)}>{i.label}</a>
            ) : (
              <button key={i.label} type="button" role="menuitem" tabIndex={-1} disabled={i.disabled} class={i.danger ? "danger" : ""} onClick={() => { close(); i.run?.(); }}>{i.label}</button>
            ),
          )}
        </div>
      )}
    </div>
  );
}
