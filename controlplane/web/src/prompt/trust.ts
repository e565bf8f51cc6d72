// What this page knows of the data plane that it talks to: evidence asked for, accepted or refused, and by what it was judged.
// The policy, its roots and the release are files of the console's own address, so they are the operator's word until a
// reader compares them with what was published elsewhere.
import { signal } from "@preact/signals";
import { dataPlane, dataPlanes, facts, fallBackTo } from "../core/console.ts";
import type { Expectations, GatewayVerdict, ReleaseExpectation } from "../verify/gateway.ts";
import { DataPlane } from "./dataplane.ts";

export type Trust =
  | { state: "unknown" }
  | { state: "checking" }
  | { state: "verified"; verdict: GatewayVerdict; since: number; origin: string }
  | { state: "refused"; verdict: GatewayVerdict; origin: string }
  | { state: "unreachable"; origin: string }
  | { state: "failed"; message: string }; // what the console says to judge by cannot be used

export const trust = signal<Trust>({ state: "unknown" });

interface Evidence {
  policy?: string;
  roots?: Record<string, string>;
  releases?: string[];
}

const PLAIN = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,120}$/;

async function file(name: string): Promise<Uint8Array> {
  const answer = PLAIN.test(name) ? await fetch(`/evidence/${name}`, { credentials: "omit" }) : null;
  if (!answer?.ok) throw new Error(`The console does not serve ${name}, by which the data plane is judged. Tell the operator.`);
  return new Uint8Array(await answer.arrayBuffer());
}

async function index(): Promise<Evidence> {
  const answer = await fetch("/evidence/index.json", { credentials: "omit" });
  return answer.ok ? ((await answer.json()) as Evidence) : {};
}

async function rootsOf(roots: Record<string, string>): Promise<Record<string, Uint8Array>> {
  return Object.fromEntries(await Promise.all(Object.entries(roots).map(async ([name, of]) => [name, await file(of)] as const)));
}

async function releaseOf(name: string, key: string): Promise<ReleaseExpectation> {
  const [manifest, signature] = await Promise.all([file(name), file(`${name}.minisig`)]);
  return { manifest, signature, key };
}

/** What evidence is judged by: one for each release that may run now, the newest first. */
export async function expectations(): Promise<Expectations[]> {
  const given = await index();
  const f = facts.value;
  const common: Expectations = {
    ...(given.policy ? { policy: await file(given.policy) } : {}),
    ...(given.roots ? { rootFiles: await rootsOf(given.roots) } : {}),
    ...(f?.log_key ? { logKey: f.log_key } : {}),
  };
  const key = f?.release_key;
  if (!key || !given.releases?.length) return [common];
  return Promise.all(given.releases.slice(0, 4).map(async (name) => ({ ...common, release: await releaseOf(name, key) })));
}

const known = new Map<string, DataPlane>();

function told(verdict: GatewayVerdict, origin: string): void {
  if (verdict.verdict === "accept") trust.value = { state: "verified", verdict, since: Date.now(), origin };
  else trust.value = verdict.verdict === "unreachable" ? { state: "unreachable", origin } : { state: "refused", verdict, origin };
}

/** The first release by which the evidence is accepted counts; when none is, what the last one says. */
async function connect(origin: string): Promise<DataPlane> {
  let failure: unknown = new Error("There is nothing to judge the data plane by.");
  const verdicts: GatewayVerdict[] = []; // a release after the first may still accept it
  for (const e of await expectations()) {
    let connected = false;
    const plane = new DataPlane(origin, { expectations: e, onVerdict: (v) => (connected ? told(v, origin) : verdicts.push(v)) });
    try {
      const { verdict } = await plane.verified();
      connected = true;
      told(verdict, origin);
      known.set(origin, plane);
      return plane;
    } catch (error) {
      failure = error;
    }
  }
  const last = verdicts.at(-1);
  if (last) told(last, origin);
  throw failure;
}

const asked = new Map<string, Promise<DataPlane>>(); // evidence that is on its way

async function connectOnce(origin: string): Promise<DataPlane> {
  known.delete(origin);
  trust.value = { state: "checking" };
  try {
    return await connect(origin);
  } catch (error) {
    if (trust.value.state === "checking") trust.value = { state: "failed", message: error instanceof Error ? error.message : "The evidence could not be judged." };
    throw error;
  } finally {
    asked.delete(origin);
  }
}

/** The client of this data plane, whose evidence was accepted. When that is no longer fresh, what to judge by is read again, too:
 * another release may run by then. Throws, and `trust` says why. */
export async function verifiedPlane(origin: string, again = false): Promise<DataPlane> {
  const before = known.get(origin);
  const now = trust.peek();
  if (before && !again && before.current !== null && now.state === "verified" && now.origin === origin) return before;
  const asking = asked.get(origin) ?? connectOnce(origin);
  asked.set(origin, asking);
  return asking;
}

/** The data plane to ask: the one in use, or the next of the list that answers. Only one that gives no evidence is passed over:
 * one whose evidence is refused is a reason to stop. It is called before a prompt is sent, and never between two attempts. */
export async function planeToAsk(again = false): Promise<DataPlane> {
  const first = dataPlane();
  if (first === null) throw new Error("This installation names no data plane.");
  let failure: unknown = null;
  for (const origin of [first, ...dataPlanes().filter((o) => o !== first)]) {
    try {
      const plane = await verifiedPlane(origin, again);
      fallBackTo(origin);
      return plane;
    } catch (error) {
      failure ??= error;
      if (trust.peek().state !== "unreachable") throw error;
    }
  }
  trust.value = { state: "unreachable", origin: first };
  throw failure;
}
