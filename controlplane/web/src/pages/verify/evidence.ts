// What the operator publishes for its data planes to be judged by: the policy, its roots, the releases (config: console_evidence).
import { expectationsOf, type Inputs, kindOf, type NamedFile } from "../../verify/files.ts";
import { type GatewayVerdict, verifyGateway } from "../../verify/gateway.ts";

interface Index {
  policy?: string;
  roots?: Record<string, string>;
  releases?: string[];
}

const PLAIN = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,120}$/;
const RELEASES_MAX = 4; // as the playground tries

async function file(name: string): Promise<NamedFile> {
  const answer = PLAIN.test(name) ? await fetch(`/evidence/${name}`, { credentials: "omit" }) : null;
  if (!answer?.ok) throw new Error(`The console does not serve ${name}, by which its data planes are judged. Tell the operator.`);
  const bytes = new Uint8Array(await answer.arrayBuffer());
  return { name, bytes, kind: kindOf(name, bytes) };
}

/** The files for each release that may run now, the newest first; one set without a release when none is published. */
async function evidenceSets(): Promise<NamedFile[][]> {
  const answer = await fetch("/evidence/index.json", { credentials: "omit" });
  const index = answer.ok ? ((await answer.json()) as Index) : {};
  const common = await Promise.all([...(index.policy ? [index.policy] : []), ...Object.values(index.roots ?? {})].map(file));
  const releases = (index.releases ?? []).slice(0, RELEASES_MAX);
  const sets = await Promise.all(releases.map((r) => Promise.all([file(r), file(`${r}.minisig`)])));
  return sets.length === 0 ? [common] : sets.map((release) => [...common, ...release]);
}

export interface JudgedBy {
  files: NamedFile[];
  verdict: GatewayVerdict | null; // null: there is no address to ask
}

/** By the first release by which the data plane's evidence is accepted: while data planes are being updated an older one may run.
 * When none is, by the newest. */
async function judgedAmong(sets: readonly NamedFile[][], at: string | null, inputs: Inputs): Promise<JudgedBy> {
  let newest: JudgedBy | null = null;
  for (const files of sets) {
    const counted = inputs.releaseKey === "" ? files.filter((f) => f.kind !== "release" && f.kind !== "signature") : files;
    const verdict = at === null ? null : await verifyGateway(at, (url, init) => fetch(url, init), expectationsOf(counted, inputs));
    newest ??= { files, verdict };
    if (verdict?.verdict === "accept") return { files, verdict };
  }
  return newest ?? { files: [], verdict: null };
}

export const judgedBy = async (at: string | null, inputs: Inputs): Promise<JudgedBy> => judgedAmong(await evidenceSets(), at, inputs);

/** The same files for a reader who asks then: where one release runs, the data plane is not asked to choose among them. */
export async function filesFor(at: string, inputs: Inputs): Promise<NamedFile[]> {
  const sets = await evidenceSets();
  return sets.length > 1 ? (await judgedAmong(sets, at, inputs)).files : (sets[0] ?? []);
}
