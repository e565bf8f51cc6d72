// What the trust page reads as it is opened: the evidence of the data plane, the log from its first entry on, who may be asked.
import { dataPlane, facts } from "../../core/console.ts";
import { asApiError } from "../../core/resource.ts";
import { concat, toHex, utf8 } from "../../verify/bytes.ts";
import { sha256 } from "../../verify/crypto.ts";
import { NO_INPUTS, rootFilesFor } from "../../verify/files.ts";
import type { GatewayVerdict } from "../../verify/gateway.ts";
import { type LogReport, readLog } from "../../verify/log.ts";
import { parseNoteKey } from "../../verify/note.ts";
import { type Policy, parsePolicy } from "../../verify/policy.ts";
import { judgedBy } from "../verify/evidence.ts";
import type { Change } from "./texts.ts";

export interface Evidence {
  verdict: GatewayVerdict | null;
  policy: Policy;
  policyName: string;
}

/** The data plane's evidence, judged by what the operator publishes; without an address the policy alone. */
export async function loadEvidence(): Promise<Evidence> {
  const f = facts.value;
  const { files, verdict } = await judgedBy(dataPlane(), { ...NO_INPUTS, releaseKey: f?.release_key ?? "", logKey: f?.log_key ?? "" });
  const policyFile = files.find((x) => x.kind === "policy");
  const policy = await (policyFile ? parsePolicy(policyFile.bytes, rootFilesFor(policyFile.bytes, files)) : parsePolicy());
  return { verdict, policy, policyName: policyFile?.name ?? "the built-in policy" };
}

export async function loadLog(): Promise<LogReport | null> {
  const key = facts.value?.log_key ? await parseNoteKey(facts.value.log_key) : null;
  return key === null ? null : readLog(location.origin, (url, init) => fetch(url, init), key);
}

export interface Upstream {
  name: string;
  models: number;
  /** endpoints whose terms say that nothing is kept */
  keepsNothing: number;
}

interface ModelRow {
  trustedrouter: { providers: string[]; privacy: string | null };
}
interface ZdrRow {
  provider_name: string;
}

async function listOf<T>(url: string): Promise<T[]> {
  const answer = await fetch(url, { credentials: "omit" }).catch(() => null);
  if (!answer?.ok) throw asApiError(new Error("The data plane does not answer, so who may be asked is not known now. Try again."));
  return ((await answer.json()) as { data: T[] }).data;
}

/** Who may be asked, by the catalog that the data plane serves now. */
export async function loadUpstreams(): Promise<Upstream[]> {
  const at = dataPlane();
  if (at === null) return [];
  const [models, zdr] = await Promise.all([listOf<ModelRow>(`${at}/v1/models`), listOf<ZdrRow>(`${at}/v1/endpoints/zdr`)]);
  const names = [...new Set(models.flatMap((m) => m.trustedrouter.providers))].sort();
  return names.map((name) => ({
    name,
    models: models.filter((m) => m.trustedrouter.providers.includes(name)).length,
    keepsNothing: zdr.filter((e) => e.provider_name === name).length,
  }));
}

export interface LinkedChange extends Change {
  hash: string;
}

/** Each change with a hash over it and the hash before. */
export async function linkedChanges(changes: readonly Change[]): Promise<LinkedChange[]> {
  const out: LinkedChange[] = [];
  let before = new Uint8Array(32);
  for (const c of changes) {
    before = await sha256(concat(before, utf8(`${c.date}\n${c.what}`)));
    out.push({ ...c, hash: toHex(before) });
  }
  return out;
}
