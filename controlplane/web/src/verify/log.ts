/** Reading a transparency log whole: every entry is read, the tree is built again from them, and the result is compared with
 * the signed checkpoint, with the tiles of hashes that others are served, and with a checkpoint that is known from elsewhere:
 * a log that forgot or changed something is found (`tr-verify log`). */
import { ask, type FetchFn } from "./ask.ts";
import { type Bytes, concat, equal, hexExact, toHex, utf8Text } from "./bytes.ts";
import { sha256 } from "./crypto.ts";
import { type Json, first, isText, parseJson, plain } from "./json.ts";
import { type Manifest, manifestHas, parseManifest } from "./manifest.ts";
import { type Checkpoint, type NoteKey, openCheckpoint } from "./note.ts";
import { leafHash, nodeHash } from "./tlog.ts";
import type { Check, Verdict } from "./verdict.ts";

const TILE_WIDTH = 256;
const TILE_HEIGHT = 8;
const NOTE_MAX = 64 << 10;
const TILE_BYTES_MAX = TILE_WIDTH * (2 + 65535);
const ENTRIES_MAX = 100_000n;

export type LogCode = "CHECKPOINT" | "SIGNATURE" | "REWIND" | "FORK" | "ENTRIES" | "ROOT" | "TILES" | "UNRELEASED";

export interface LogEntry {
  index: number;
  leaf: string;
  statement: string;
  /** "release", "boot", "policy", or "other" */
  kind: string;
}

export interface LogReport {
  /** null: the log is sound */
  fault: string | null;
  code: LogCode | null;
  /** nothing could be read: that says nothing about the log */
  unreachable: boolean;
  head: Checkpoint | null;
  entries: LogEntry[];
  manifestFound: boolean;
  /** boots whose program no release logged before names, by index */
  boots: number;
  unreleased: number[];
}

type Get = (path: string, max: number) => Promise<Uint8Array | null>;

function getter(origin: string, fetchFn: FetchFn): Get {
  return async (path, max) => {
    const answer = await ask(fetchFn, `${origin}/${path}`, max).catch(() => null);
    return answer === null || answer.status !== 200 || answer.body === "too long" ? null : answer.body;
  };
}

/** "tile/entries/x001/234.p/5", "tile/0/000" */
export function tilePath(level: "entries" | number, index: bigint, width: number): string {
  const digits = index.toString();
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, "0").match(/.{3}/g) ?? ["000"];
  const path = groups.map((g, i) => (i < groups.length - 1 ? `x${g}` : g)).join("/");
  return `tile/${level}/${path}${width === TILE_WIDTH ? "" : `.p/${width}`}`;
}

/** Statements, each behind its length in two bytes; null: not exactly `width` of them. */
function statementsOf(tile: Uint8Array, width: number): Uint8Array[] | null {
  const out: Uint8Array[] = [];
  let at = 0;
  for (let i = 0; i < width; i++) {
    const length = ((tile[at] ?? 0) << 8) | (tile[at + 1] ?? 0);
    if (at + 2 + length > tile.length) return null;
    out.push(tile.slice(at + 2, at + 2 + length));
    at += 2 + length;
  }
  return at === tile.length ? out : null;
}

/** The right edge of a growing tree. */
class Edge {
  size = 0n;
  private full: Bytes[] = [];

  /** completed: called with the root of each subtree that the leaf completes, and its level; a leaf is one of level 0. */
  async append(leaf: Bytes, completed: (level: number, hash: Bytes) => Promise<void>): Promise<void> {
    let hash = leaf;
    let level = 0;
    await completed(level, hash);
    while (((this.size >> BigInt(level)) & 1n) === 1n) {
      hash = await nodeHash(this.full[level] as Bytes, hash);
      await completed(++level, hash);
    }
    this.full[level] = hash;
    this.size++;
  }

  async root(): Promise<Bytes> {
    let out: Bytes | null = null;
    for (let level = 0; this.size >> BigInt(level) !== 0n; level++)
      if (((this.size >> BigInt(level)) & 1n) === 1n)
        out = out === null ? (this.full[level] as Bytes) : await nodeHash(this.full[level] as Bytes, out);
    return out ?? sha256(new Uint8Array(0));
  }
}

/** The tiles of hashes as they follow from the entries, compared with those that are served. */
class Tiles {
  differ = false;
  private filling: { hashes: Bytes[]; index: bigint }[] = [];

  constructor(private readonly get: Get) {}

  async take(level: number, hash: Bytes): Promise<void> {
    if (level % TILE_HEIGHT !== 0) return;
    const tile = (this.filling[level / TILE_HEIGHT] ??= { hashes: [], index: 0n });
    tile.hashes.push(hash);
    if (tile.hashes.length === TILE_WIDTH) await this.compare(level / TILE_HEIGHT);
  }

  private async compare(level: number): Promise<void> {
    const tile = this.filling[level];
    if (tile === undefined || tile.hashes.length === 0) return;
    const want = concat(...tile.hashes);
    const served = await this.get(tilePath(level, tile.index, tile.hashes.length), want.length);
    this.differ ||= served === null || !equal(served, want);
    this.filling[level] = { hashes: [], index: tile.index + 1n };
  }

  async end(): Promise<void> {
    for (let level = 0; level < this.filling.length; level++) await this.compare(level);
  }
}

function kindOf(root: Json | null): string {
  const purpose = root === null ? undefined : first(root, "purpose");
  const kind = ["release", "boot", "policy"].find((k) => isText(purpose, `tr.${k}.v1`));
  return kind ?? "other";
}

/** Each boot must name a release that is an earlier entry and has its measurement. */
class Releases {
  private logged = new Map<string, Manifest>();

  add(leaf: string, statement: Uint8Array): void {
    const m = parseManifest(statement);
    if (m !== null && m !== "version") this.logged.set(leaf, m);
  }

  has(boot: Json): boolean {
    const leaf = plain(first(first(boot, "release"), "leaf"));
    const m = leaf === null ? undefined : this.logged.get(leaf.toLowerCase());
    const measurement = hexExact(plain(first(boot, "measurement")) ?? "", 48);
    const simulated = first(boot, "simulated")?.kind === "true";
    return m !== undefined && measurement !== null && m.simulated === simulated && manifestHas(m, measurement);
  }
}

const emptyReport = (): LogReport => ({ fault: null, code: null, unreachable: false, head: null, entries: [], manifestFound: false, boots: 0, unreleased: [] });

class LogReader {
  readonly report: LogReport = emptyReport();
  private readonly edge = new Edge();
  private readonly tiles: Tiles;
  private readonly releases = new Releases();

  constructor(
    readonly get: Get,
    readonly key: NoteKey,
    readonly known: Checkpoint | null,
    readonly manifest: Uint8Array | null,
  ) {
    this.tiles = new Tiles(get);
  }

  fail(code: LogCode, fault: string, unreachable = false): false {
    this.report.code ??= code;
    this.report.fault ??= fault;
    this.report.unreachable ||= unreachable;
    return false;
  }

  async head(): Promise<boolean> {
    const bytes = await this.get("checkpoint", NOTE_MAX);
    if (bytes === null) return this.fail("CHECKPOINT", "the log's checkpoint cannot be read", true);
    const head = await openCheckpoint(bytes, this.key);
    if (head === "format") return this.fail("CHECKPOINT", "the checkpoint is no signed checkpoint");
    if (head === "signature") return this.fail("SIGNATURE", "the checkpoint is not signed by this log's key");
    if (head.size > ENTRIES_MAX) return this.fail("ENTRIES", "the log is too long for a page: use tr-verify log");
    if (this.known !== null && this.known.size > head.size)
      return this.fail("REWIND", "rewind: the log has fewer entries than the remembered checkpoint");
    this.report.head = head;
    return true;
  }

  async entry(statement: Uint8Array, manifestLeaf: Bytes | null): Promise<boolean> {
    const leaf = await leafHash(statement);
    const text = utf8Text(statement) ?? "";
    const root = parseJson(text);
    const kind = kindOf(root);
    const index = this.report.entries.length;
    if (kind === "release") this.releases.add(toHex(leaf), statement);
    if (kind === "boot") {
      this.report.boots++;
      if (root === null || !this.releases.has(root)) this.report.unreleased.push(index);
    }
    this.report.entries.push({ index, leaf: toHex(leaf), statement: text, kind });
    this.report.manifestFound ||= manifestLeaf !== null && equal(leaf, manifestLeaf);
    await this.edge.append(leaf, (level, hash) => this.tiles.take(level, hash));
    if (this.known === null || this.edge.size !== this.known.size) return true;
    if (equal(await this.edge.root(), this.known.root)) return true;
    return this.fail("FORK", "fork: the first entries are not those of the remembered checkpoint");
  }

  async entries(head: Checkpoint): Promise<boolean> {
    const manifestLeaf = this.manifest === null ? null : await leafHash(this.manifest);
    for (let from = 0n; from < head.size; from += BigInt(TILE_WIDTH)) {
      const width = Number(head.size - from < BigInt(TILE_WIDTH) ? head.size - from : BigInt(TILE_WIDTH));
      const tile = await this.get(tilePath("entries", from / BigInt(TILE_WIDTH), width), TILE_BYTES_MAX);
      const statements = tile === null ? null : statementsOf(tile, width);
      if (statements === null) return this.fail("ENTRIES", "the log does not show what its checkpoint covers");
      for (const statement of statements) if (!(await this.entry(statement, manifestLeaf))) return false;
    }
    await this.tiles.end();
    if (!equal(await this.edge.root(), head.root)) return this.fail("ROOT", "the entries do not lead to the root of the checkpoint");
    return this.tiles.differ ? this.fail("TILES", "the tiles are not those of the entries") : true;
  }
}

/** The log at `origin`, whole; `known`: a checkpoint that it must continue; `manifest`: an entry that is looked for. */
export async function readLog(
  origin: string,
  fetchFn: FetchFn,
  key: NoteKey,
  known: Checkpoint | null = null,
  manifest: Uint8Array | null = null,
): Promise<LogReport> {
  const reader = new LogReader(getter(origin.replace(/\/$/, ""), fetchFn), key, known, manifest);
  if ((await reader.head()) && reader.report.head !== null) await reader.entries(reader.report.head);
  return reader.report;
}

/* --- a verdict about the log alone */

export interface LogVerdict {
  verdict: Verdict | "unreachable";
  code: LogCode | "ACCEPT" | "ED25519";
  checks: Check[];
  report: LogReport;
  /** entries of the remembered checkpoint that it continues */
  continues: bigint | null;
}

function logVerdict(report: LogReport, continues: bigint | null): LogVerdict {
  const refuse = (verdict: LogVerdict["verdict"], code: LogCode, detail: string): LogVerdict => ({ verdict, code, checks: [{ code, ok: false, detail }], report, continues: null });
  const { boots, unreleased } = report;
  if (report.code !== null && report.fault !== null)
    return refuse(report.unreachable ? "unreachable" : report.code === "CHECKPOINT" ? "malformed" : "reject", report.code, report.fault);
  if (unreleased.length > 0)
    return refuse("reject", "UNRELEASED", `${unreleased.length} of ${boots} boots, the first of them entry ${unreleased[0]}, ran a program that no release logged before names`);
  const checks: Check[] = [
    { code: "ROOT", ok: true, detail: "ok" },
    { code: "UNRELEASED", ok: boots > 0 ? true : null, detail: `${boots} boots` },
    { code: "RELEASE_SIG", ok: null, detail: "not asked" },
  ];
  return { verdict: "accept", code: "ACCEPT", checks, report, continues };
}

/** A log by itself (`tr-verify log`); `kept`: a checkpoint that the reader has from elsewhere, which the log must continue. */
export async function verifyLog(origin: string, fetchFn: FetchFn, key: NoteKey, kept: Uint8Array | null): Promise<LogVerdict> {
  const known = kept === null ? null : await openCheckpoint(kept, key);
  if (known === "format" || known === "signature") {
    const [code, text] = known === "format" ? (["CHECKPOINT", "the checkpoint is no signed checkpoint"] as const) : (["SIGNATURE", "the checkpoint is not signed by this log's key"] as const);
    return logVerdict({ ...emptyReport(), code, fault: `the remembered checkpoint: ${text}` }, null);
  }
  const report = await readLog(origin, fetchFn, key, known !== null && known.size !== 0n ? known : null);
  return logVerdict(report, known === null || known.size === 0n ? null : known.size);
}
