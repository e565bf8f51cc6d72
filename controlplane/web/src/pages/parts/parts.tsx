// Pieces that several pages of the app use.
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { ApiError } from "../../core/api.ts";
import { ago, exactTime } from "../../core/format.ts";
import { Button, Failure, SkeletonLines } from "../../ui/controls.tsx";
import type { Resource } from "../../core/resource.ts";

/** A heading with what belongs to it, and what can be done about it. */
export function Section({ title, says, actions, children, id }: { title: string; says?: ComponentChildren; actions?: ComponentChildren; children: ComponentChildren; id?: string }) {
  return (
    <section class="section" id={id} aria-label={title}>
      <header class="line apart">
        <div><h2>{title}</h2>{says && <p class="soft">{says}</p>}</div>
        {actions && <div class="line">{actions}</div>}
      </header>
      {children}
    </section>
  );
}

/** The three states of something that is fetched. */
export function Shown<T>({ of, loading, children }: { of: Resource<T>; loading?: ComponentChildren; children: (data: T) => ComponentChildren }) {
  if (of.state === "loading") return <>{loading ?? <SkeletonLines />}</>;
  if (of.state === "failed") return <Failure error={of.error} retry={of.reload} />;
  return <>{children(of.data)}</>;
}

/** "3 minutes ago", with the exact time for who points at it. */
export const When = ({ at, never = "never" }: { at: string | null | undefined; never?: string }) =>
  at ? <time dateTime={at} title={exactTime(at)}>{ago(at)}</time> : <span class="faint">{never}</span>;

interface FormProps {
  onSubmit: () => Promise<void> | void;
  onCancel?: () => void;
  action: string;
  busy: boolean;
  error?: ApiError | null;
  shown?: readonly string[]; // parameters whose fault stands at their field
  disabled?: boolean;
  children: ComponentChildren;
}

/** A form with its buttons; what the server refused stands above them, or at its field. */
export function Form({ onSubmit, onCancel, action, busy, error, shown = [], disabled, children }: FormProps) {
  const form = useRef<HTMLFormElement>(null);
  const elsewhere = error?.param && shown.includes(error.param);
  useEffect(() => {
    if (error) form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
  }, [error]);
  return (
    <form ref={form} class="stack" noValidate onSubmit={(e) => { e.preventDefault(); void onSubmit(); }}>
      {children}
      {error && !elsewhere && <Failure error={error} />}
      <div class="actions line">
        {onCancel && <Button onClick={onCancel}>Cancel</Button>}
        <Button kind="primary" type="submit" busy={busy} disabled={disabled ?? false}>{action}</Button>
      </div>
    </form>
  );
}

/** What is wrong with this parameter, when the server refused it. */
export const faultOf = (error: ApiError | null, param: string): string | null => (error?.param === param ? error.message : null);

/** A list of names and values. */
export function Facts({ rows }: { rows: readonly (readonly [string, ComponentChildren])[] }) {
  return <dl class="facts">{rows.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}</dl>;
}

export const NameButton = ({ name, onClick }: { name: string; onClick: () => void }) => (
  <button type="button" class="name-button" title={name} onClick={onClick}>{name}</button>
);
