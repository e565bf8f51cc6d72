// A table of rows of one height. With many rows only those in view are in the document, so that 100,000 stay smooth.
import { Component, type ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Skeleton } from "./controls.tsx";

export interface Column<T> {
  head: string;
  cell: (row: T) => ComponentChildren;
  number?: boolean; // right-aligned
  opens?: boolean; // its cell is a button that opens the row: for rows without a link or a button that does
  from?: "sm" | "md"; // hidden on narrower screens
  width?: string;
  fixedWidth?: string; // instead, where rows come and go while it is scrolled
}

interface TableProps<T> {
  label: string;
  columns: readonly Column<T>[];
  rows: readonly T[];
  keyOf: (row: T) => string;
  onOpen?: ((row: T) => void) | undefined;
  loading?: boolean; // further rows are being fetched
  onEnd?: (() => void) | undefined; // the last rows are in view: fetch more
}

const ROW = 40; // --row
const STEP = 4; // rows that are scrolled before others are put into the document
const WINDOW_FROM = 120; // rows; below it all are in the document
const AROUND = 12; // rows kept above and below the view

const widthOf = <T,>(c: Column<T>, windowed: boolean): { width: string } | undefined => {
  const width = windowed ? (c.fixedWidth ?? c.width) : c.width;
  return width === undefined ? undefined : { width };
};
const classOf = <T,>(c: Column<T>): string => `${c.number ? "num" : ""}${c.from ? ` from-${c.from}` : ""}`;

interface RowProps<T> {
  row: T;
  index: number;
  columns: readonly Column<T>[];
  onOpen: ((row: T) => void) | undefined;
}

/** Rendered again only when what it shows is another: scrolling moves rows, and changes none. */
class Row<T> extends Component<RowProps<T>> {
  override shouldComponentUpdate(next: RowProps<T>): boolean {
    const now = this.props;
    return next.row !== now.row || next.index !== now.index || next.columns !== now.columns || !next.onOpen !== !now.onOpen;
  }
  override render({ row, index, columns, onOpen }: RowProps<T>) {
    return (
      <tr aria-rowindex={index + 2} data-opens={onOpen ? "" : undefined} onClick={onOpen ? (e) => opens(e) && this.props.onOpen?.(row) : undefined}>
        {columns.map((c) => <td key={c.head} class={classOf(c)}>{c.opens && onOpen ? <button type="button" class="name-button" onClick={() => this.props.onOpen?.(row)}>{c.cell(row)}</button> : c.cell(row)}</td>)}
      </tr>
    );
  }
}

export function Table<T>({ label, columns, rows, keyOf, onOpen, loading, onEnd }: TableProps<T>) {
  const frame = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0); // the first row in view, in steps
  const [visible, setVisible] = useState(24); // rows
  const windowed = rows.length > WINDOW_FROM;
  const first = windowed ? Math.max(0, top - AROUND) : 0;
  const last = windowed ? Math.min(rows.length, top + STEP + visible + AROUND) : rows.length;
  useEffect(() => {
    if (!windowed || !frame.current) return;
    const size = new ResizeObserver(([entry]) => entry && setVisible(Math.ceil(entry.contentRect.height / ROW)));
    size.observe(frame.current);
    return () => size.disconnect();
  }, [windowed]);
  useEffect(() => {
    if (!onEnd || loading) return;
    if (!windowed || last >= rows.length - AROUND) onEnd();
  }, [last, rows.length, windowed, loading]);
  const gap = (n: number, key: string) => n > 0 && <tr key={key} class="gap" aria-hidden="true"><td style={{ height: `${n * ROW}px` }} /></tr>;
  return (
    <div class={`table-frame${windowed ? " windowed" : ""}`} ref={frame} tabIndex={0} role="region" aria-label={label} onScroll={windowed ? (e) => setTop(Math.floor(e.currentTarget.scrollTop / ROW / STEP) * STEP) : undefined}>
      <table class="data" aria-rowcount={rows.length + 1}>
        <thead>
          <tr>{columns.map((c) => <th key={c.head} scope="col" class={classOf(c)} style={widthOf(c, windowed)}>{c.head}</th>)}</tr>
        </thead>
        <tbody>
          {gap(first, "before")}
          {rows.slice(first, last).map((row, i) => <Row key={keyOf(row)} row={row} index={first + i} columns={columns} onOpen={onOpen} />)}
          {gap(rows.length - last, "after")}
        </tbody>
      </table>
    </div>
  );
}

// A click on a control inside of a row is the control's; text that somebody selects is no click.
const opens = (e: MouseEvent): boolean =>
  !(e.target instanceof Element && e.target.closest("a, button, input, [role=menu]")) && (getSelection()?.isCollapsed ?? true);

export function TableSkeleton({ columns, rows = 6 }: { columns: number; rows?: number }) {
  return (
    <div class="table-frame" role="status" aria-label="Loading">
      <table class="data"><tbody>
        {Array.from({ length: rows }, (_, r) => <tr key={r}>{Array.from({ length: columns }, (_, c) => <td key={c}><Skeleton width={`${40 + ((r * 7 + c * 13) % 45)}%`} height="14px" /></td>)}</tr>)}
      </tbody></table>
    </div>
  );
}
