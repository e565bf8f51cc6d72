// Give an address or drop files; every check is made in this page. It needs nothing but the evidence: no sign-in, no server.
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { BUILTIN_POLICY } from "../../verify/roots.ts";
import { expectationsOf, type Inputs, type Judged, judgeFiles, judgeLog, kindOf, KIND_WORDS, type NamedFile, NO_INPUTS } from "../../verify/files.ts";
import { verifyGateway } from "../../verify/gateway.ts";
import type { FetchFn } from "../../verify/ask.ts";
import { Result } from "./result.tsx";

export interface Preset {
  address: string;
  inputs: Partial<Inputs>;
  files: { name: string; bytes: Uint8Array }[];
}

interface Props {
  /** what a console offers to judge its data plane by; without it the reader brings everything */
  preset?: () => Promise<Preset>;
  /** where the preset's words come from, for the reader to know whose word they are */
  presetSays?: string;
}

const FILE_MAX = 256 << 20; // bytes, as tr-verify takes of a request or response
const ask: FetchFn = (url, init) => fetch(url, init);

const named = (name: string, bytes: Uint8Array): NamedFile => ({ name, bytes, kind: kindOf(name, bytes) });

/** A sentence when it cannot be read: a folder, a file that is gone, one that no check could use. */
async function readFile(f: File): Promise<NamedFile | string> {
  if (f.size > FILE_MAX) return `${f.name} is larger than ${FILE_MAX >> 20} MiB.`;
  const bytes = await f.arrayBuffer().catch(() => null);
  return bytes === null ? `${f.name} cannot be read. Of a folder, drop the files in it.` : named(f.name, new Uint8Array(bytes));
}

/** The newer of two files of one name counts. */
function merged(before: readonly NamedFile[], added: readonly NamedFile[]): NamedFile[] {
  return [...before.filter((f) => !added.some((a) => a.name === f.name)), ...added];
}

function urlOf(text: string): URL | null {
  try {
    return new URL(text.includes("://") ? text : `https://${text}`);
  } catch {
    return null;
  }
}

function addressOf(text: string): string {
  const url = urlOf(text);
  if (url?.protocol !== "https:") throw new Error("This is no address of a gateway: it must be like https://api.example.com.");
  return url.origin;
}

function Input({ label, hint, value, onInput, placeholder }: { label: string; hint: string; value: string; onInput: (v: string) => void; placeholder?: string }) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input id={id} class="input mono" value={value} placeholder={placeholder} autocomplete="off" spellcheck={false} aria-describedby={`${id}-hint`} onInput={(e) => onInput(e.currentTarget.value)} />
      <span id={`${id}-hint`} class="hint">{hint}</span>
    </div>
  );
}

function Drop({ onFiles }: { onFiles: (files: FileList) => void }) {
  const [over, setOver] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  return (
    <div
      class={`drop${over ? " over" : ""}`}
      onDragOver={(e) => { e.preventDefault(); setOver(true); }}
      onDragLeave={() => setOver(false)}
      onDrop={(e) => { e.preventDefault(); setOver(false); if (e.dataTransfer) onFiles(e.dataTransfer.files); }}
    >
      <p><strong>Drop files here</strong>, or</p>
      <button type="button" class="button" onClick={() => input.current?.click()}>Choose files</button>
      <input ref={input} class="hidden-text" type="file" multiple aria-label="Files to judge, or to judge by" tabIndex={-1} onChange={(e) => { if (e.currentTarget.files) onFiles(e.currentTarget.files); e.currentTarget.value = ""; }} />
      <p class="soft small">
        To judge: <code>bundle.json</code> of <code>tr-verify gateway --save</code>, <code>release.json</code> with its <code>.minisig</code>, a receipt, a
        report with its certificates, a log's <code>checkpoint</code> of an earlier day. To judge by: a policy and its roots, the release, keys. They stay on your machine.
      </p>
    </div>
  );
}

function Files({ files, remove }: { files: readonly NamedFile[]; remove: (name: string) => void }) {
  if (files.length === 0) return null;
  return (
    <ul class="file-list" aria-label="Files given">
      {files.map((f) => (
        <li key={f.name}>
          <code>{f.name}</code> <span class="badge plain">{KIND_WORDS[f.kind]}</span> <span class="soft small">{f.bytes.length.toLocaleString("en-US")} bytes</span>
          <button type="button" class="button quiet small" aria-label={`Remove ${f.name}`} onClick={() => remove(f.name)}>Remove</button>
        </li>
      ))}
    </ul>
  );
}

const HINTS: readonly [keyof Inputs, string, string][] = [
  ["releaseKey", "Release key", "Minisign's public key, from somewhere else than the gateway. Needed with a release manifest."],
  ["logKey", "Log key", "The transparency log's verifier key, NAME+HASH+KEY."],
  ["logAddress", "Log address", "Where the public log is read whole, for example https://control.example.com. Empty: it is not read."],
  ["audience", "Name served", "Empty: the host of the address, unless the policy says another."],
  ["receiptKey", "Receipt key", "64 hex digits, for receipts. Empty: the one of an identity that is accepted here."],
  ["minSvn", "Least security version", "An old release with a known hole is still signed. Empty: any."],
];

function JudgedBy({ inputs, set, files }: { inputs: Inputs; set: (i: Inputs) => void; files: readonly NamedFile[] }) {
  const policy = files.find((f) => f.kind === "policy");
  const builtin = /^version = (.*)$/m.exec(BUILTIN_POLICY)?.[1] ?? "";
  return (
    <details class="judged-by" open>
      <summary>What it is judged by</summary>
      <p class="soft">
        Policy: {policy ? <code>{policy.name}</code> : <>the built-in one, <code>{builtin}</code>: strict, dated, AMD's roots. Drop an <code>attestation.conf</code> to use another</>}.
        Release: {files.find((f) => f.kind === "release")?.name ?? "none given; then the policy must name the measurement, or the verdict is PROGRAM"}.
      </p>
      <div class="fields">
        {HINTS.map(([name, label, hint]) => <Input key={name} label={label} hint={hint} value={inputs[name]} onInput={(v) => set({ ...inputs, [name]: v })} />)}
      </div>
    </details>
  );
}

interface Run {
  state: "idle" | "busy";
  results: Judged[];
  failure: string | null;
}

const sentence = (e: unknown): string => (e instanceof Error ? e.message : "This could not be judged.");

export function Verifier({ preset, presetSays }: Props) {
  const [address, setAddress] = useState("");
  const [inputs, setInputs] = useState<Inputs>(NO_INPUTS);
  const [files, setFiles] = useState<NamedFile[]>([]);
  const [run, setRun] = useState<Run>({ state: "idle", results: [], failure: null });
  const results = useRef<HTMLDivElement>(null);

  const add = async (list: FileList) => {
    const read = await Promise.all([...list].map(readFile));
    setFiles((before) => merged(before, read.filter((f) => typeof f !== "string")));
    const failures = read.filter((f) => typeof f === "string");
    if (failures.length > 0) setRun({ state: "idle", results: [], failure: failures.join(" ") });
  };
  const judge = async (work: () => Promise<Judged[]>) => {
    setRun({ state: "busy", results: [], failure: null });
    try {
      const judged = await work();
      const failure = judged.length === 0 ? "Nothing among the files can be judged. Drop a bundle.json, a release.json, a receipt or a report." : null;
      setRun({ state: "idle", results: judged, failure });
    } catch (e) {
      setRun({ state: "idle", results: [], failure: sentence(e) });
    }
  };
  const askAddress = (at: string, by: readonly NamedFile[], words: Inputs) =>
    judge(async () => {
      const origin = addressOf(at.trim());
      const verdict = await verifyGateway(origin, ask, expectationsOf(by, words));
      return [{ title: origin, of: "gateway", verdict }];
    });
  const usePreset = async () => {
    if (!preset) return;
    try {
      const given = await preset();
      const all = merged(files, given.files.map((f) => named(f.name, f.bytes)));
      const words = { ...inputs, ...given.inputs };
      setFiles(all);
      setInputs(words);
      setAddress(given.address);
      await askAddress(given.address, all, words);
    } catch (e) {
      setRun({ state: "idle", results: [], failure: sentence(e) });
    }
  };
  useEffect(() => {
    if (run.results.length !== 0) results.current?.focus();
  }, [run.results]);

  const canJudgeFiles = files.some((f) => ["bundle", "report", "receipt", "release", "checkpoint"].includes(f.kind));
  const canReadLog = inputs.logKey.trim() !== "" || files.some((f) => f.kind === "log key");
  return (
    <div class="verifier stack">
      {preset && (
        <div class="note line apart">
          <span>{presetSays}</span>
          <button type="button" class="button" disabled={run.state === "busy"} onClick={() => void usePreset()}>Check this service</button>
        </div>
      )}
      <form class="card stack" onSubmit={(e) => { e.preventDefault(); void askAddress(address, files, inputs); }}>
        <h2>An address</h2>
        <div class="ask">
          <Input label="Gateway" hint="This page asks GET /attestation there, with a nonce that it makes now." value={address} placeholder="https://api.example.com" onInput={setAddress} />
          <button type="submit" class="button primary" disabled={run.state === "busy" || address.trim() === ""} aria-busy={run.state === "busy"}>{run.state === "busy" ? "Checking…" : "Check the address"}</button>
        </div>
      </form>
      <section class="card stack">
        <h2>Files</h2>
        <Drop onFiles={(list) => void add(list)} />
        <Files files={files} remove={(name) => setFiles(files.filter((f) => f.name !== name))} />
        {files.length > 0 && !canJudgeFiles && <p class="soft small">None of these is something to judge. That is a <code>bundle.json</code>, a <code>release.json</code>, a receipt, a report or a log's <code>checkpoint</code>; an answer of <code>GET /attestation</code> by itself has lost the connection that it belongs to: give the address, or record it with <code>tr-verify gateway --save</code>.</p>}
        <div class="line"><button type="button" class="button primary" disabled={run.state === "busy" || !canJudgeFiles} onClick={() => void judge(() => judgeFiles(files, inputs, ask))}>Check the files</button></div>
      </section>
      <section class="card stack">
        <JudgedBy inputs={inputs} set={setInputs} files={files} />
        <div class="line"><button type="button" class="button" disabled={run.state === "busy" || inputs.logAddress.trim() === "" || !canReadLog} onClick={() => void judge(async () => [await judgeLog(files, inputs, ask)])}>Read the log whole</button></div>
      </section>
      <div ref={results} class="stack results" tabIndex={-1} aria-live="polite">
        {run.state === "busy" && <div class="skeleton verdict-wait" role="status" aria-label="Checking" />}
        {run.failure !== null && <div class="failure" role="alert"><p>{run.failure}</p></div>}
        {run.results.map((judged) => <Result key={judged.title} judged={judged} />)}
      </div>
    </div>
  );
}
