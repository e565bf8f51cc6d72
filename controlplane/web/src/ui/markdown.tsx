// Markdown that a model or a document wrote, as nodes: marked's lexer says what the text is, and nothing of it becomes HTML.
// HTML in it is shown as text, images are links, links lead to http, https and mailto alone.
import { Lexer, type Token, type Tokens } from "marked";
import { Component, type ComponentChildren } from "preact";
import { useRef } from "preact/hooks";
import { CopyButton } from "./controls.tsx";

const DEPTH_MAX = 24; // nested quotes and lists; what is deeper is shown as it was written
const OPEN_BLOCKS = 2; // the last blocks may still change when text is added
const CHUNK_LINES = 60; // of a code block: lines that are laid out together

// --- text into blocks

function lex(text: string): Token[] {
  try {
    return new Lexer({ gfm: true }).lex(text);
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
  private finished: Token[] = [];
  private at = 0;
  private text = "";

  update(given: string): readonly Token[] {
    const text = given.includes("\r") ? given.replace(/\r\n?/g, "\n") : given;
    const end = this.text.slice(-64);
    if (text.length < this.text.length || !text.startsWith(end, this.text.length - end.length)) {
      this.finished = [];
      this.at = 0;
    }
    this.text = text;
    const rest = text.slice(this.at);
    const tokens = lex(rest);
    const ends = closed(rest, tokens);
    const n = Math.min(ends.length, this.stable(tokens));
    if (n > 0) {
      this.finished = [...this.finished, ...tokens.slice(0, n).filter((t) => t.type !== "space")];
      this.at += ends[n - 1]!;
    }
    return [...this.finished, ...tokens.slice(n).filter((t) => t.type !== "space")];
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
      return <p>{inline(token.tokens, depth + 1)}</p>;
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

export function Markdown({ text }: { text: string }) {
  const parser = useRef<Blocks | null>(null);
  parser.current ??= new Blocks();
  return <div class="md">{blocks(parser.current.update(text), 0)}</div>;
}
