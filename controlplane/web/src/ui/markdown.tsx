// Markdown that a model or a document wrote, as nodes: marked's lexer says what the text is, and nothing of it becomes HTML.
// HTML in it is shown as text, images are links, links lead to http, https and mailto alone.
import { Lexer, type Token, type Tokens, type TokensList } from "marked";
import { Component, type ComponentChildren } from "preact";
import { useRef } from "preact/hooks";
import { CopyButton } from "./controls.tsx";

const DEPTH_MAX = 24; // nested quotes and lists; what is deeper is shown as it was written
const OPEN_BLOCKS = 2; // the last blocks may still change when text is added
const CHUNK_LINES = 60; // of a code block: lines that are laid out together
const PART_BLOCKS = 24; // finished blocks that are kept together: those out of view cost nothing
const PIECE = 4000; // characters of a paragraph that are laid out together, when it is longer than two of them

// --- text into blocks

/** Cuts a text behind spaces, where it has some. */
const cut = (text: string): string[] => text.match(/[^]{1,4000}(?:\s|$)|[^]{1,4000}/g) ?? [];

/** The lexer's time grows with the square of the nesting, and of some paragraphs' length: what is deeper than DEPTH_MAX is text,
 * and a long paragraph is read in pieces, over whose ends no emphasis and no link reaches. */
class BoundedLexer extends Lexer {
  private blockDepth = 0;
  private inlineDepth = 0;

  override blockTokens(src: string, tokens?: Token[], lastParagraphClipped?: boolean): Token[];
  override blockTokens(src: string, tokens?: TokensList, lastParagraphClipped?: boolean): TokensList;
  override blockTokens(src: string, tokens: Token[] = [], lastParagraphClipped = false): Token[] {
    if (this.blockDepth > DEPTH_MAX) {
      if (src !== "") tokens.push({ type: "text", raw: src, text: src });
      return tokens;
    }
    this.blockDepth++;
    try {
      return super.blockTokens(src, tokens, lastParagraphClipped);
    } finally {
      this.blockDepth--;
    }
  }

  override inlineTokens(src: string, tokens: Token[] = []): Token[] {
    if (this.inlineDepth > DEPTH_MAX) tokens.push({ type: "text", raw: src, text: src, escaped: false });
    else {
      this.inlineDepth++;
      try {
        for (const piece of src.length > 2 * PIECE ? cut(src) : [src]) super.inlineTokens(piece, tokens);
      } finally {
        this.inlineDepth--;
      }
    }
    return tokens;
  }
}

function lex(text: string): Token[] {
  try {
    return new BoundedLexer({ gfm: true }).lex(text);
  } catch {
    return [{ type: "text", raw: text, text }]; // too deep for the lexer's recursion
  }
}

/** Where a block ends in the text, for all but the last ones: the lexer's words must be the text's own. */
function closed(text: string, tokens: readonly Token[]): number[] {
  const ends: number[] = [];
  let at = 0;
  for (const token of tokens) {
    if (!text.startsWith(token.raw, at)) break;
    at += token.raw.length;
    ends.push(at);
  }
  return ends;
}

/** The blocks of a text that grows: those that are finished keep their identity, and only the end is read again. */
export class Blocks {
  parts: Token[][] = []; // finished, PART_BLOCKS of them in each but the last
  private at = 0;
  private text = "";

  /** The blocks behind those in `parts`, which may still change. */
  update(given: string): readonly Token[] {
    const text = given.includes("\r") ? given.replace(/\r\n?/g, "\n") : given;
    const end = this.text.slice(-64);
    if (text.length < this.text.length || !text.startsWith(end, this.text.length - end.length)) {
      this.parts = [];
      this.at = 0;
    }
    this.text = text;
    const rest = text.slice(this.at);
    const tokens = lex(rest);
    const ends = closed(rest, tokens);
    const n = Math.min(ends.length, this.stable(tokens));
    if (n > 0) {
      for (const token of tokens.slice(0, n)) if (token.type !== "space") this.finish(token);
      this.at += ends[n - 1]!;
    }
    return tokens.slice(n).filter((t) => t.type !== "space");
  }

  private finish(token: Token): void {
    const last = this.parts.at(-1);
    if (last && last.length < PART_BLOCKS) this.parts[this.parts.length - 1] = [...last, token];
    else this.parts.push([token]);
  }

  private stable(tokens: readonly Token[]): number {
    let open = 0;
    for (let i = tokens.length - 1; i >= 0; i--) {
      if (tokens[i]!.type !== "space") open++;
      if (open === OPEN_BLOCKS) return i;
    }
    return 0;
  }
}

// --- links and entities

const SAFE = new Set(["http:", "https:", "mailto:"]);

/** The address, when a link may lead there; relative ones would be paths of this console. */
export function safeAddress(href: string): string | null {
  try {
    const url = new URL(href);
    return SAFE.has(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

const NAMED: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: "\u00a0", hellip: "…", mdash: "—", ndash: "–", copy: "©" };

/** "&amp;" in Markdown is one character; in a text node it would be five. */
function decoded(text: string): string {
  if (!text.includes("&")) return text;
  return text.replace(/&(#x[0-9a-f]{1,6}|#[0-9]{1,7}|[a-z]{2,6});/gi, (whole, name: string) => {
    if (!name.startsWith("#")) return NAMED[name] ?? whole;
    const code = /^#x/i.test(name) ? parseInt(name.slice(2), 16) : parseInt(name.slice(1), 10);
    return code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff) ? String.fromCodePoint(code) : whole;
  });
}

function Link({ href, children }: { href: string; children: ComponentChildren }) {
  const address = safeAddress(href);
  if (address === null) return <span class="md-unlinked" title="This address is not linked: only http, https and mailto are.">{children}</span>;
  return <a href={address} target="_blank" rel="noopener noreferrer nofollow" referrerpolicy="no-referrer">{children}</a>;
}

// --- inside of a block

const inline = (tokens: readonly Token[] | undefined, depth: number): ComponentChildren => tokens?.map((t, i) => <Inline key={i} token={t} depth={depth} />);

function Inline({ token, depth }: { token: Token; depth: number }) {
  if (depth > DEPTH_MAX) return <>{token.raw}</>;
  switch (token.type) {
    case "text":
      return token.tokens ? <>{inline(token.tokens, depth + 1)}</> : <>{decoded((token as Tokens.Text).text)}</>;
    case "escape":
      return <>{(token as Tokens.Escape).text}</>;
    case "strong":
      return <strong>{inline(token.tokens, depth + 1)}</strong>;
    case "em":
      return <em>{inline(token.tokens, depth + 1)}</em>;
    case "del":
      return <del>{inline(token.tokens, depth + 1)}</del>;
    case "codespan":
      return <code>{(token as Tokens.Codespan).text}</code>;
    case "br":
      return <br />;
    case "link":
      return <Link href={(token as Tokens.Link).href}>{inline(token.tokens, depth + 1)}</Link>;
    case "image":
      return <Link href={(token as Tokens.Image).href}>Image: {decoded((token as Tokens.Image).text) || "without a description"}</Link>;
    case "checkbox":
      return <span role="img" aria-label={(token as Tokens.Checkbox).checked ? "done" : "open"}>{(token as Tokens.Checkbox).checked ? "☑ " : "☐ "}</span>;
    default:
      return <>{token.raw}</>; // HTML, and what a later version of the lexer may know
  }
}

// --- blocks

/** Lines that were there keep their nodes while a long block grows. */
class Lines extends Component<{ text: string }> {
  override shouldComponentUpdate(next: { text: string }) {
    return next.text !== this.props.text;
  }
  override render() {
    return <span class="md-lines">{this.props.text}</span>;
  }
}

function chunks(text: string): string[] {
  const lines = text.split("\n");
  const out: string[] = [];
  for (let i = 0; i < lines.length; i += CHUNK_LINES) out.push(lines.slice(i, i + CHUNK_LINES).join("\n"));
  return out;
}

/** A paragraph of many thousand words: in pieces, so that those that are there are not laid out again. */
function pieces(tokens: readonly Token[]): Token[][] {
  const out: Token[][] = [[]];
  let length = 0;
  const add = (token: Token) => {
    if (length >= PIECE) {
      out.push([]);
      length = 0;
    }
    out.at(-1)!.push(token);
    length += token.raw.length;
  };
  for (const token of tokens)
    if (token.type !== "text" || token.raw.length <= PIECE) add(token);
    else for (const text of cut((token as Tokens.Text).text)) add({ type: "text", raw: text, text });
  return out;
}

interface PieceProps {
  tokens: readonly Token[];
  depth: number;
}

class Piece extends Component<PieceProps> {
  override shouldComponentUpdate(next: PieceProps) {
    const [a, b] = [this.props.tokens, next.tokens];
    return a.length !== b.length || a.some((t, i) => t.raw !== b[i]!.raw);
  }
  override render() {
    return <p class="md-piece">{inline(this.props.tokens, this.props.depth)}</p>;
  }
}

function Paragraph({ token, depth }: { token: Token; depth: number }) {
  const tokens = (token as Tokens.Paragraph).tokens;
  if (token.raw.length <= 2 * PIECE) return <p>{inline(tokens, depth + 1)}</p>;
  return <div>{pieces(tokens).map((p, i) => <Piece key={i} tokens={p} depth={depth + 1} />)}</div>;
}

function CodeBlock({ token }: { token: Tokens.Code }) {
  const language = /^[\w+#.-]{1,24}$/.test(token.lang ?? "") ? token.lang : "";
  return (
    <div class="md-code">
      <div class="line apart"><span class="faint small">{language || "code"}</span><CopyButton text={token.text} what="The code" /></div>
      <pre tabIndex={0}><code>{chunks(token.text).map((c, i) => <Lines key={i} text={c} />)}</code></pre>
    </div>
  );
}

function TableBlock({ token, depth }: { token: Tokens.Table; depth: number }) {
  const cell = (c: Tokens.TableCell) => ({ textAlign: c.align ?? ("left" as const) });
  return (
    <div class="md-table" tabIndex={0} role="region" aria-label="Table">
      <table>
        <thead><tr>{token.header.map((c, i) => <th key={i} scope="col" style={cell(c)}>{inline(c.tokens, depth + 1)}</th>)}</tr></thead>
        <tbody>{token.rows.map((row, r) => <tr key={r}>{row.map((c, i) => <td key={i} style={cell(c)}>{inline(c.tokens, depth + 1)}</td>)}</tr>)}</tbody>
      </table>
    </div>
  );
}

function ListBlock({ token, depth }: { token: Tokens.List; depth: number }) {
  const items = token.items.map((item, i) => <li key={i} class={item.task ? "md-task" : undefined}>{blocks(item.tokens, depth + 1)}</li>);
  return token.ordered ? <ol start={Number(token.start) || 1}>{items}</ol> : <ul>{items}</ul>;
}

const headings = ["h3", "h4", "h5", "h6", "h6", "h6"] as const; // an answer stands below the page's own headings

function block(token: Token, depth: number): ComponentChildren {
  switch (token.type) {
    case "heading": {
      const Tag = headings[(token as Tokens.Heading).depth - 1] ?? "h6";
      return <Tag>{inline(token.tokens, depth + 1)}</Tag>;
    }
    case "paragraph":
      return <Paragraph token={token} depth={depth} />;
    case "code":
      return <CodeBlock token={token as Tokens.Code} />;
    case "blockquote":
      return <blockquote>{blocks(token.tokens, depth + 1)}</blockquote>;
    case "list":
      return <ListBlock token={token as Tokens.List} depth={depth} />;
    case "table":
      return <TableBlock token={token as Tokens.Table} depth={depth} />;
    case "hr":
      return <hr />;
    case "html":
      return <p class="md-html">{token.raw.replace(/\n+$/, "")}</p>;
    case "space":
    case "def":
      return null;
    default:
      return <Inline token={token} depth={depth} />;
  }
}

function blocks(tokens: readonly Token[] | undefined, depth: number): ComponentChildren {
  if (depth > DEPTH_MAX) return tokens?.map((t) => t.raw).join("");
  return tokens?.map((t, i) => <Block key={i} token={t} depth={depth} />);
}

interface BlockProps {
  token: Token;
  depth: number;
}

/** A block whose token is the same object is not rendered again. */
class Block extends Component<BlockProps> {
  override shouldComponentUpdate(next: BlockProps) {
    return next.token !== this.props.token;
  }
  override render() {
    return <>{block(this.props.token, this.props.depth)}</>;
  }
}

interface PartProps {
  tokens: readonly Token[];
}

/** Finished blocks; out of view they are not laid out. */
class Part extends Component<PartProps> {
  override shouldComponentUpdate(next: PartProps) {
    return next.tokens !== this.props.tokens;
  }
  override render() {
    return <div class="md-part">{blocks(this.props.tokens, 0)}</div>;
  }
}

export function Markdown({ text }: { text: string }) {
  const parser = useRef<Blocks | null>(null);
  const of = (parser.current ??= new Blocks());
  const open = of.update(text);
  return (
    <div class="md">
      {of.parts.map((tokens, i) => <Part key={i} tokens={tokens} />)}
      <Part key="open" tokens={open} />
    </div>
  );
}
