// What the operator publishes for its data planes to be judged by: the policy, its roots, the releases (config: console_evidence).

interface Index {
  policy?: string;
  roots?: Record<string, string>;
  releases?: string[];
}

const PLAIN = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,120}$/;

async function file(name: string): Promise<{ name: string; bytes: Uint8Array }> {
  const answer = PLAIN.test(name) ? await fetch(`/evidence/${name}`, { credentials: "omit" }) : null;
  if (!answer?.ok) throw new Error(`The console does not serve ${name}, by which its data planes are judged. Tell the operator.`);
  return { name, bytes: new Uint8Array(await answer.arrayBuffer()) };
}

/** All of them; none when nothing is published. */
export async function evidenceFiles(): Promise<{ name: string; bytes: Uint8Array }[]> {
  const answer = await fetch("/evidence/index.json", { credentials: "omit" });
  if (!answer.ok) return [];
  const index = (await answer.json()) as Index;
  const release = index.releases?.[0];
  const names = [...(index.policy ? [index.policy] : []), ...Object.values(index.roots ?? {}), ...(release ? [release, `${release}.minisig`] : [])];
  return Promise.all(names.map(file));
}
