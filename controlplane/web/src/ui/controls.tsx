// Buttons, fields and small pieces that say one thing.
import type { ComponentChildren, TargetedMouseEvent } from "preact";
import { useId, useRef, useState } from "preact/hooks";
import type { ApiError } from "../core/api.ts";
import { asApiError } from "../core/resource.ts";
import { Icon, type IconName } from "./icons.tsx";
import { toast } from "./toast.tsx";

interface ButtonProps {
  children?: ComponentChildren;
  kind?: "plain" | "primary" | "danger" | "quiet";
  small?: boolean;
  icon?: IconName;
  label?: string; // for a button that shows an icon alone
  busy?: boolean;
  disabled?: boolean;
  type?: "button" | "submit";
  onClick?: (event: TargetedMouseEvent<HTMLButtonElement>) => void;
  [data: `data-${string}` | `aria-${string}`]: string | boolean | undefined;
}

export function Button({ children, kind = "plain", small, icon, label, busy, disabled, type = "button", onClick, ...rest }: ButtonProps) {
  const bare = children === undefined;
  return (
    <button
      type={type}
      class={`button ${kind}${small ? " small" : ""}${bare ? " icon" : ""}`}
      disabled={disabled || busy}
      aria-busy={busy ? "true" : undefined}
      aria-label={label}
      title={bare ? label : undefined}
      onClick={onClick}
      {...rest}
    >
      {icon && <Icon name={icon} />}
      {!bare && <span class="label">{children}</span>}
    </button>
  );
}

export function ButtonLink({ href, kind = "plain", children }: { href: string; kind?: "plain" | "primary" | "quiet"; children: ComponentChildren }) {
  return <a class={`button ${kind}`} href={href}>{children}</a>;
}

interface FieldProps {
  label: string;
  hint?: ComponentChildren;
  wrong?: string | null | undefined;
  children: (ids: { id: string; "aria-describedby": string | undefined; "aria-invalid": "true" | undefined }) => ComponentChildren;
}

/** A label, a control and below it a hint, or what is wrong. */
export function Field({ label, hint, wrong, children }: FieldProps) {
  const id = useId();
  const below = wrong || hint ? `${id}-below` : undefined;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children({ id, "aria-describedby": below, "aria-invalid": wrong ? "true" : undefined })}
      {(wrong || hint) && <span id={below} class={wrong ? "wrong" : "hint"} role={wrong ? "alert" : undefined}>{wrong || hint}</span>}
    </div>
  );
}

interface InputProps extends Omit<FieldProps, "children"> {
  value: string;
  onInput: (value: string) => void;
  type?: "text" | "email" | "password" | "number" | "url" | "date" | "search" | "datetime-local";
  placeholder?: string;
  autoComplete?: string;
  required?: boolean;
  autoFocus?: boolean;
  maxLength?: number;
  inputMode?: "decimal" | "numeric" | "text";
  name?: string;
}

export function TextField({ label, hint, wrong, value, onInput, type = "text", autoComplete, autoFocus, ...rest }: InputProps) {
  return (
    <Field label={label} hint={hint} wrong={wrong}>
      {(ids) => (
        <input
          {...ids}
          {...rest}
          class="input"
          type={type as "text"}
          value={value}
          autocomplete={autoComplete ?? "off"}
          ref={(e) => { if (e && autoFocus && !e.dataset["focused"]) { e.dataset["focused"] = "1"; e.focus(); } }}
          onInput={(e) => onInput(e.currentTarget.value)}
        />
      )}
    </Field>
  );
}

export function TextArea({ label, hint, wrong, value, onInput, rows = 4, mono, placeholder, maxLength }: Omit<FieldProps, "children"> & { value: string; onInput: (v: string) => void; rows?: number; mono?: boolean; placeholder?: string; maxLength?: number }) {
  return (
    <Field label={label} hint={hint} wrong={wrong}>
      {(ids) => <textarea {...ids} class={`input${mono ? " mono" : ""}`} rows={rows} placeholder={placeholder} maxLength={maxLength} spellcheck={!mono} value={value} onInput={(e) => onInput(e.currentTarget.value)} />}
    </Field>
  );
}

export interface Choice<V extends string = string> {
  value: V;
  label: string;
}

export function SelectField<V extends string>({ label, hint, wrong, value, choices, onChange }: Omit<FieldProps, "children"> & { value: V; choices: readonly Choice<V>[]; onChange: (v: V) => void }) {
  return (
    <Field label={label} hint={hint} wrong={wrong}>
      {(ids) => (
        <select {...ids} class="input" value={value} onChange={(e) => onChange(e.currentTarget.value as V)}>
          {choices.map((c) => <option key={c.value} value={c.value}>{c.label}</option>)}
        </select>
      )}
    </Field>
  );
}

export function Switch({ label, on, onChange, disabled }: { label: string; on: boolean; onChange: (on: boolean) => void; disabled?: boolean }) {
  return (
    <label class="switch">
      <input type="checkbox" role="switch" checked={on} disabled={disabled} onChange={(e) => onChange(e.currentTarget.checked)} />
      <span>{label}</span>
    </label>
  );
}

export type Tone = "plain" | "good" | "warn" | "bad" | "accent";
export const Badge = ({ tone = "plain", children }: { tone?: Tone; children: ComponentChildren }) => <span class={`badge ${tone}`}>{children}</span>;

export function Stat({ label, value, more }: { label: string; value: ComponentChildren; more?: ComponentChildren }) {
  return (
    <div class="card stat">
      <span class="label">{label}</span>
      <span class="value">{value}</span>
      {more !== undefined && <span class="more">{more}</span>}
    </div>
  );
}

export function PageHead({ title, says, children }: { title: string; says?: ComponentChildren; children?: ComponentChildren }) {
  return (
    <header class="page-head">
      <div><h1>{title}</h1>{says && <p>{says}</p>}</div>
      {children && <div class="line">{children}</div>}
    </header>
  );
}

/** An empty state says what to do next. */
export function Empty({ title, says, children }: { title: string; says: ComponentChildren; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <h3>{title}</h3>
      <p>{says}</p>
      {children}
    </div>
  );
}

/** To sign in once more as the same user, because what is asked for needs a session that has just begun; and back to this page. */
export const SignInAgain = () => <a class="button small" href={`/login?again=true&return_to=${encodeURIComponent(location.pathname)}`}>Sign in again</a>;

/** What happened, and what to try. */
export function Failure({ error, retry }: { error: ApiError; retry?: (() => void) | undefined }) {
  const wait = error.retryAfterS === null ? "" : ` Try again in ${error.retryAfterS} s.`;
  return (
    <div class="failure" role="alert">
      <div>
        <p>{error.message}{wait}</p>
        <p class="code">{error.code}{error.requestId ? ` · request ${error.requestId}` : ""}</p>
      </div>
      {error.code === "sign_in_again" && <SignInAgain />}
      {retry && <Button small icon="refresh" onClick={retry}>Try again</Button>}
    </div>
  );
}

export const Skeleton = ({ width = "100%", height = "1em" }: { width?: string; height?: string }) => <span class="skeleton" style={{ width, height }} aria-hidden="true" />;
export function SkeletonLines({ lines = 4 }: { lines?: number }) {
  return <div class="stack tight" role="status" aria-label="Loading">{Array.from({ length: lines }, (_, i) => <Skeleton key={i} width={`${96 - ((i * 17) % 40)}%`} height="18px" />)}</div>;
}

export async function copyText(text: string, what: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    toast(`${what} copied.`);
  } catch {
    toast(`The browser did not allow copying. Select the text and copy it by hand.`);
  }
}

export function CopyButton({ text, what, small = true }: { text: string; what: string; small?: boolean }) {
  return <Button kind="quiet" small={small} icon="copy" label={`Copy ${what.toLowerCase()}`} onClick={() => void copyText(text, what)}>Copy</Button>;
}

export function Code({ text, what = "The text" }: { text: string; what?: string }) {
  return (
    <div class="code">
      <pre tabIndex={0}><code>{text}</code></pre>
      <CopyButton text={text} what={what} />
    </div>
  );
}

export function Tabs<V extends string>({ tabs, value, onChange, label }: { tabs: readonly Choice<V>[]; value: V; onChange: (v: V) => void; label: string }) {
  const list = useRef<HTMLDivElement>(null);
  const step = (event: KeyboardEvent) => {
    const by = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (by === 0) return;
    const at = (tabs.findIndex((t) => t.value === value) + by + tabs.length) % tabs.length;
    onChange(tabs[at]!.value);
    (list.current?.children[at] as HTMLElement | undefined)?.focus();
  };
  return (
    <div class="tabs" role="tablist" aria-label={label} ref={list} onKeyDown={step}>
      {tabs.map((t) => (
        <button key={t.value} type="button" role="tab" aria-selected={t.value === value} tabIndex={t.value === value ? 0 : -1} onClick={() => onChange(t.value)}>{t.label}</button>
      ))}
    </div>
  );
}

/** Runs something once at a time, and keeps what went wrong. */
export function useTask<A extends unknown[]>(work: (...args: A) => Promise<void>): { run: (...args: A) => Promise<void>; busy: boolean; error: ApiError | null; clear: () => void } {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const running = useRef(false);
  const run = async (...args: A) => {
    if (running.current) return;
    running.current = true;
    setBusy(true);
    setError(null);
    try {
      await work(...args);
    } catch (e) {
      setError(asApiError(e));
    } finally {
      running.current = false;
      setBusy(false);
    }
  };
  return { run, busy, error, clear: () => setError(null) };
}
