// A verdict as people read it: the word, whose word each part is, the facts, every check with its code.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { toHex } from "../../verify/bytes.ts";
import { explain, SOURCE_WORDS, sourceOf, type Source } from "../../verify/explain.ts";
import { isSimulated, type Judged } from "../../verify/files.ts";
import type { GatewayVerdict } from "../../verify/gateway.ts";
import type { LogVerdict } from "../../verify/log.ts";
import type { Manifest } from "../../verify/manifest.ts";
import { ISSUES_AS_OF } from "../../verify/issues.ts";
import type { ReceiptVerdict } from "../../verify/receipt.ts";
import { timeText } from "../../verify/time.ts";
import type { Check } from "../../verify/verdict.ts";

type Tone = "good" | "warn" | "bad" | "plain" | "accent";

const TONES: Readonly<Record<string, Tone>> = { accept: "good", reject: "bad", unsupported: "warn", malformed: "bad", unreachable: "warn" };
const WORDS: Readonly<Record<string, string>> = {
  accept: "Accepted",
  reject: "Refused",
  unsupported: "Cannot be judged here",
  malformed: "Malformed",
  unreachable: "Not reached",
};
const SOURCE_TONES: Readonly<Record<Source | "operator" | "simulator", Tone>> = { hardware: "good", simulator: "warn", page: "accent", program: "plain", operator: "warn" };

export const Tag = ({ tone, children }: { tone: Tone; children: ComponentChildren }) => <span class={`badge ${tone}`}>{children}</span>;

const SIMULATED_WORDS: Readonly<Record<Judged["of"], string>> = {
  gateway: "A simulator's key signed this evidence. No processor vouches for any of it.",
  report: "A simulator's key signed this report. No processor vouches for any of it.",
  release: "The measurements of this release are for simulated processors, and prove nothing.",
  log: "",
  receipt: "The program that signed this receipt ran under a simulator. No processor vouches for it.",
};

function Head({ judged }: { judged: Judged }) {
  const v = judged.verdict;
  const accepted = v.verdict === "accept";
  const simulated = isSimulated(judged);
  const failed = v.checks.find((c) => c.ok === false);
  return (
    <div class={`verdict ${accepted && simulated ? "warn" : (TONES[v.verdict] ?? "plain")}`}>
      <p class="verdict-word">{WORDS[v.verdict]}{accepted ? (simulated ? ", but simulated" : "") : <>: <code>{v.code}</code></>}</p>
      <p class="verdict-of">{judged.title}</p>
      {!accepted && failed && <p>{explain(failed.code)} <strong>This failed{failed.detail && failed.detail !== "FAILED" ? `: ${failed.detail}` : ""}.</strong></p>}
      {simulated && <p class="simulated"><Tag tone="warn">SIMULATED</Tag> {SIMULATED_WORDS[judged.of]}</p>}
      {judged.of === "receipt" && judged.key === "keyset" && accepted && <p><Tag tone="warn">KEYSET</Tag> The key that signed this receipt is that of the keyset file, and nothing here shows that a data plane has it: verify the evidence that names the keyset.</p>}
    </div>
  );
}

function Said({ title, tone, lines }: { title: string; tone: Tone; lines: readonly string[] }) {
  if (lines.length === 0) return null;
  return (
    <section class={`said ${tone}`}>
      <h3><Tag tone={tone}>{title}</Tag></h3>
      <ul>{lines.map((line) => <li key={line}>{line}</li>)}</ul>
    </section>
  );
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

function Sources({ v }: { v: GatewayVerdict }) {
  const s = v.summary;
  if (s === null) return null;
  return (
    <div class="sources">
      <Said title={capital(SOURCE_WORDS[v.simulated ? "simulator" : "hardware"])} tone={SOURCE_TONES[v.simulated ? "simulator" : "hardware"]} lines={s.hardware} />
      <Said title={capital(SOURCE_WORDS.page)} tone={SOURCE_TONES.page} lines={s.derived} />
      <Said title={capital(SOURCE_WORDS.program)} tone={SOURCE_TONES.program} lines={s.program} />
      <Said title={capital(SOURCE_WORDS.operator)} tone={SOURCE_TONES.operator} lines={s.operator} />
      <Said title="Allowed by the policy" tone="plain" lines={s.allowed} />
      <Said title="Not verified here" tone="bad" lines={s.notVerified} />
    </div>
  );
}

type Row = readonly [string, ComponentChildren];

function Facts({ rows }: { rows: readonly Row[] }) {
  const shown = rows.filter(([, value]) => value !== "" && value !== null);
  return shown.length === 0 ? null : (
    <dl class="facts-list">
      {shown.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}
    </dl>
  );
}

const Hex = ({ text }: { text: string }) => <code class="hex">{text}</code>;

function manifestRows(m: Manifest | null): Row[] {
  if (m === null) return [];
  return [
    ["Release", `${m.version}, security version ${m.svn}`],
    ["Source", <>{m.repo} at <Hex text={m.commit} /></>],
    ["Image digest", m.image === null ? "none: the release is simulated" : <Hex text={toHex(m.image)} />],
    ["In force", `${timeText(Number(m.notBeforeS))} to ${timeText(Number(m.notAfterS))}`],
    ["Providers", <Hex text={toHex(m.providers)} />],
  ];
}

function gatewayRows(v: GatewayVerdict): Row[] {
  const i = v.identity;
  return [
    ["Judged as of", v.at],
    ["Measurement", v.measurement === "" ? "" : <Hex text={v.measurement} />],
    ["Processor", v.product === "unknown" ? "" : v.product],
    ["Chip", v.chipId === "" ? "" : <Hex text={v.chipId} />],
    ["Policy", v.policy === null ? "" : <>{v.policy.version || "unnamed"}, sha256 <Hex text={v.policy.sha256} /></>],
    ...manifestRows(v.manifest),
    ["Log", v.checkpoint === null ? "" : <>{v.checkpoint.origin}, entry {String(v.checkpoint.index)} of {String(v.checkpoint.size)}, root <Hex text={v.checkpoint.root} /></>],
    ["Serves", i?.audience ?? ""],
    ["Body key (HPKE)", i === null ? "" : <Hex text={i.hpkeX25519} />],
    ["Receipt key", i === null ? "" : <Hex text={i.receiptEd25519} />],
    ["TLS key, SHA-256", i === null ? "" : <Hex text={i.tlsSpkiSha256} />],
    ["Boot", i === null ? "" : <Hex text={i.boot} />],
    ["Keys in force until", i === null ? "" : timeText(i.notAfter)],
  ];
}

function dollars(nusd: bigint): string {
  const fraction = (nusd % 1_000_000_000n).toString().padStart(9, "0").replace(/0+$/, "");
  return `$${nusd / 1_000_000_000n}${fraction === "" ? "" : `.${fraction}`}`;
}

function receiptRows({ receipt: r }: ReceiptVerdict): Row[] {
  if (r === null) return [];
  return [
    ["Receipt", r.receiptId],
    ["Model", r.model],
    ["Served at", `${timeText(Number(r.servedAt))} (the signer's clock)`],
    ["Provider", r.upstream === null ? "nobody was asked" : r.upstream || "not named"],
    ["Provider's certificate key", r.spki === null ? "" : <Hex text={toHex(r.spki)} />],
    ["Outcome", r.status === null ? "" : `status ${r.status}, ${r.complete ? "complete" : "cut off before its end"}`],
    ["Cost", r.costNusd === null ? "" : dollars(r.costNusd)],
    ["Measurement", r.measurement === null ? "" : <Hex text={r.measurement} />],
    ["providers.conf", r.providers === null ? "" : <Hex text={toHex(r.providers)} />],
    ["Part of", r.part === null ? "" : `${r.part.of}, ${r.part.role} ${r.part.place}`],
    ...r.lines.map((line): Row => [`${line.role} ${line.place}`, `${line.model}, ${line.asked === null ? "nobody was asked" : `${line.asked.provider}, ${dollars(line.asked.costNusd)}`}${line.chosen ? ", given to the client" : ""}`]),
  ];
}

function logRows({ report: r, continues, verdict }: LogVerdict): Row[] {
  if (r.head === null || verdict !== "accept") return [];
  return [
    ["Log", r.head.origin],
    ["Entries", r.head.size.toLocaleString("en-US")],
    ["Root", <Hex text={toHex(r.head.root)} />],
    ["Continues", continues === null ? "nothing: no checkpoint from another day was given" : `the remembered checkpoint of ${continues.toLocaleString("en-US")} entries`],
    ["Boots", `${r.boots}, each of a release that was logged before it`],
  ];
}

function rowsOf(judged: Judged): Row[] {
  switch (judged.of) {
    case "gateway":
      return gatewayRows(judged.verdict);
    case "receipt":
      return receiptRows(judged.verdict);
    case "log":
      return logRows(judged.verdict);
    case "release":
      return manifestRows(judged.verdict.manifest);
    case "report": {
      const v = judged.verdict;
      return [
        ["Judged as of", v.at],
        ["Measurement", v.measurement === "" ? "" : <Hex text={v.measurement} />],
        ["Processor", v.product],
        ["Chip", v.chipId === "" ? "" : <Hex text={v.chipId} />],
        ["Policy", <>{v.policy.version || "unnamed"}, sha256 <Hex text={v.policy.sha256} /></>],
      ];
    }
  }
}

const okTone = (ok: boolean | null): Tone => (ok === null ? "plain" : ok ? "good" : "bad");
const okWord = (ok: boolean | null): string => (ok === null ? "no answer" : ok ? "ok" : "failed");

function CheckRow({ check, simulated }: { check: Check; simulated: boolean }) {
  const of: Source = sourceOf(check.code);
  const source = of === "hardware" && simulated ? "simulator" : of;
  const detail = check.detail === "ok" || check.detail === "FAILED" ? "" : check.detail;
  return (
    <tr>
      <th scope="row"><code>{check.code}</code></th>
      <td><Tag tone={okTone(check.ok)}>{okWord(check.ok)}</Tag></td>
      <td>{explain(check.code)}{detail !== "" && <span class="detail">{detail}</span>}</td>
      <td class="whose"><Tag tone={SOURCE_TONES[source]}>{SOURCE_WORDS[source]}</Tag></td>
    </tr>
  );
}

function Checks({ checks, simulated }: { checks: readonly Check[]; simulated: boolean }) {
  const [all, setAll] = useState(true);
  const shown = all ? checks : checks.filter((c) => c.ok !== true);
  const failed = checks.filter((c) => c.ok === false).length;
  const silent = checks.filter((c) => c.ok === null).length;
  return (
    <section class="checks-part">
      <div class="line apart">
        <h3>Every check</h3>
        <label class="only"><input type="checkbox" checked={!all} onChange={(e) => setAll(!e.currentTarget.checked)} /> Only what failed or has no answer</label>
      </div>
      <p class="soft">{checks.length} checks: {checks.length - failed - silent} ok, {failed} failed, {silent} without an answer because nobody asked or nothing could be seen. The codes are those of <code>tr-verify --json</code>.</p>
      <div class="table-scroll" tabIndex={0} role="region" aria-label="Every check">
        <table class="check-table">
          <thead><tr><th scope="col">Code</th><th scope="col">Answer</th><th scope="col">What it asks</th><th scope="col">Whose word</th></tr></thead>
          <tbody>{shown.map((c, i) => <CheckRow key={`${c.code}${i}`} check={c} simulated={simulated} />)}</tbody>
        </table>
      </div>
    </section>
  );
}

function Issues({ issues }: { issues: readonly { name: string; ids: string; status: string; why: string }[] }) {
  if (issues.length === 0) return null;
  const tones: Readonly<Record<string, Tone>> = { fixed: "good", exposed: "bad", unknown: "warn" };
  return (
    <details class="issues">
      <summary>Known weaknesses of SEV-SNP, for this processor, as of {ISSUES_AS_OF}</summary>
      <ul>
        {issues.map((i) => <li key={i.name}><Tag tone={tones[i.status] ?? "plain"}>{i.status}</Tag> <strong>{i.name}</strong> <span class="soft">({i.ids})</span>: {i.why}</li>)}
      </ul>
    </details>
  );
}

export function Result({ judged }: { judged: Judged }) {
  return (
    <article class="card result" data-verdict={judged.verdict.verdict} data-code={judged.verdict.code}>
      <Head judged={judged} />
      {judged.of === "gateway" && <Sources v={judged.verdict} />}
      <Facts rows={rowsOf(judged)} />
      <Checks checks={judged.verdict.checks} simulated={isSimulated(judged)} />
      {(judged.of === "gateway" || judged.of === "report") && <Issues issues={judged.verdict.issues} />}
    </article>
  );
}
