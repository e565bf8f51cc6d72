// The release log: read whole by this page, its tree built again, newest first.
import { Badge, Empty } from "../../ui/controls.tsx";
import { plural } from "../../core/format.ts";
import { toHex, utf8 } from "../../verify/bytes.ts";
import { parseManifest } from "../../verify/manifest.ts";
import type { LogEntry, LogReport } from "../../verify/log.ts";
import { timeText } from "../../verify/time.ts";
import { Grid, Hex } from "./parts.tsx";

const SHOWN = 40;

interface Stated {
  logged_at?: unknown;
  measurement?: unknown;
  policy_version?: unknown;
  version?: unknown;
  release?: { version?: unknown } | null;
  simulated?: unknown;
}

const text = (v: unknown): string => (typeof v === "string" || typeof v === "number" ? String(v) : "");

function stated(e: LogEntry): Stated {
  try {
    return JSON.parse(e.statement) as Stated;
  } catch {
    return {};
  }
}

function whenOf(e: LogEntry, s: Stated): string {
  if (e.kind !== "release") return typeof s.logged_at === "number" ? timeText(s.logged_at) : text(s.logged_at);
  const m = parseManifest(utf8(e.statement));
  return m === null || m === "version" ? "" : `in force from ${timeText(Number(m.notBeforeS))}`;
}

function whatOf(e: LogEntry, s: Stated): string {
  const simulated = s.simulated === true ? ", SIMULATED" : "";
  if (e.kind === "release") return `release ${text(s.version)}${simulated}`;
  if (e.kind === "boot") return `a boot of release ${text(s.release?.version) || "none"}${simulated}`;
  if (e.kind === "policy") return `another policy${text(s.policy_version) ? `: ${text(s.policy_version)}` : ""}`;
  return "another statement";
}

/** Releases that a later one withdraws by its least security version. */
export function withdrawn(log: LogReport): string[] {
  const releases = log.entries.filter((e) => e.kind === "release").map((e) => parseManifest(utf8(e.statement)));
  const read = releases.filter((m) => m !== null && m !== "version");
  const least = read.reduce((n, m) => (m.minSvn > n ? m.minSvn : n), 0n);
  return read.filter((m) => m.svn < least).map((m) => m.version);
}

export function ReleaseLog({ log }: { log: LogReport | null }) {
  if (log === null) return <Empty title="No log key" says="This service names no verifier key for its log, so it cannot be read here. Ask the operator for it." />;
  const head = log.head;
  const gone = withdrawn(log);
  return (
    <>
      <p class="line">
        {log.fault !== null ? <Badge tone={log.unreachable ? "warn" : "bad"}>{log.code}</Badge> : log.unreleased.length > 0 ? <Badge tone="bad">UNRELEASED</Badge> : <Badge tone="good">the log is sound</Badge>}
        <span>{log.fault === null ? `This page read ${plural(log.entries.length, "entry", "entries")}, built the tree again and compared it with the signed checkpoint and with the tiles of hashes.` : `${log.fault}.`}</span>
      </p>
      {head && <p>Head: {head.origin}, {plural(Number(head.size), "entry", "entries")}, root <Hex text={toHex(head.root)} /></p>}
      <p>
        {plural(log.boots, "boot")}, {log.unreleased.length === 0 ? "each of a release that was logged before it" : `${log.unreleased.length} of a program that no release logged before names: entries ${log.unreleased.slice(0, 5).join(", ")}`}.
        {" "}Withdrawn releases: {gone.length === 0 ? "none" : gone.join(", ")}.
      </p>
      <Grid label="Newest entries of the log" heads={["Entry", "What", "When", "Measurement or leaf"]} rows={log.entries.slice(-SHOWN).reverse().map((e) => {
        const s = stated(e);
        return [e.index, whatOf(e, s), whenOf(e, s), <Hex text={text(s.measurement) || e.leaf} />];
      })} />
    </>
  );
}
