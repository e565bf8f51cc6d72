/** A public attestation document held against what a client asked for and what it knows of the connection (attestation/
 * presented.c): what a client does before it sends a prompt, and what an auditor repeats offline. */
import { type Bytes, equal, hexExact } from "./bytes.ts";
import { sha256 } from "./crypto.ts";
import { type AttestationDocument, documentReportData } from "./document.ts";
import { type Examination, examine } from "./examine.ts";
import { type Identity, identityCurrent, parseIdentity } from "./identity.ts";
import { loggedIsAbout, loggedRelease } from "./logged.ts";
import { type Manifest, manifestHas, parseManifest } from "./manifest.ts";
import { type MinisignKey, checkMinisign } from "./minisign.ts";
import { type Checkpoint, type NoteKey, checkProof } from "./note.ts";
import type { Policy } from "./policy.ts";
import { measurementOf } from "./report.ts";
import { leafHash } from "./tlog.ts";
import { type Code, type Outcome, okIf } from "./verdict.ts";

export interface Release {
  manifest: Uint8Array;
  signature: Uint8Array;
  /** null: nobody's signature counts, and the check fails */
  key: MinisignKey | null;
  /** 0: any */
  minSvn: bigint;
}

export interface Expect {
  nonce: Uint8Array;
  /** of the connection; null: a page in a browser cannot see it, and nothing is concluded about the connection */
  exporter: Uint8Array | null;
  tlsSpki: Uint8Array | null;
  release: Release | null;
  logKey: NoteKey | null;
  /** when the policy names none: the host that was asked; null: not asked */
  audience: string | null;
  crl: Uint8Array;
  nowS: number;
}

export interface Presented extends Examination {
  identity: Identity | null;
  manifest: Manifest | null;
  /** of the log that vouches for this boot */
  checkpoint: (Checkpoint & { index: bigint }) | null;
}

/** One examination being added to. */
class Judge {
  constructor(
    readonly d: AttestationDocument,
    readonly e: Expect,
    readonly p: Policy,
    readonly x: Presented,
  ) {}

  add(code: Code, outcome: Outcome, detail = ""): void {
    this.x.findings.push({ code, outcome, detail });
  }

  connection(): void {
    const bound = this.d.binding === "tls-exporter";
    this.add("NONCE", okIf(equal(this.d.nonce, this.e.nonce)));
    if (this.e.exporter === null)
      this.add("BINDING", "unseen", "a page in a browser cannot see the exporter of its own TLS connection");
    else this.add("BINDING", okIf(bound), bound ? "bound to this connection's exporter" : "not bound to any connection");
  }

  /** The policy's audience, to the letter; without one the host that the client asked for, in which case does not count. */
  audience(i: Identity): void {
    if (this.p.audience !== "")
      this.add(
        "AUDIENCE",
        okIf(i.audience === this.p.audience),
        `the policy asks for ${this.p.audience.slice(0, 64)}, the document says ${i.audience.slice(0, 64)}`,
      );
    else if (this.e.audience !== null)
      this.add(
        "AUDIENCE",
        okIf(i.audience.toLowerCase() === this.e.audience.toLowerCase()),
        `the document says ${i.audience}`,
      );
    else this.add("AUDIENCE", "unasked");
  }

  tlsKey(i: Identity): void {
    const attested = hexExact(i.tlsSpkiSha256, 32) as Bytes;
    if (this.e.tlsSpki === null)
      this.add("TLS_KEY", "unseen", "a page in a browser cannot see the key of its own TLS connection");
    else this.add("TLS_KEY", okIf(equal(attested, this.e.tlsSpki)));
  }

  /** The identity document is the measured program's own word once REPORT_DATA holds it. */
  identity(i: Identity): void {
    const said = i.simulated ? "the document says simulated" : "the document says real";
    const locked = i.unlockedMemory ? "the program could not lock its memory" : "the program's memory is locked";
    this.add("SIMULATED", okIf(i.simulated === this.x.simulated), said);
    this.tlsKey(i);
    this.audience(i);
    this.add("IDENTITY_EXPIRED", okIf(identityCurrent(i, this.e.nowS)));
    this.add("MEMORY", this.p.allowUnlockedMemory || i.simulated ? "unasked" : okIf(!i.unlockedMemory), locked);
  }

  wrongRelease(m: Manifest): string | null {
    const now = BigInt(this.e.nowS);
    if (m.simulated !== this.x.simulated) return "the manifest is of the other kind: simulated or real";
    if (now < m.notBeforeS || now >= m.notAfterS) return "the release is not valid at this time";
    const has = this.x.report !== null && manifestHas(m, measurementOf(this.x.report));
    return has ? null : "the measurement is not in the manifest";
  }

  providers(m: Manifest): void {
    const i = this.x.identity;
    const ok = i !== null && equal(hexExact(i.configSha256, 32) as Bytes, m.providers);
    this.add(
      "PROVIDERS",
      i === null ? "unreached" : okIf(ok),
      ok ? "prompts may go where the manifest says" : "the list of providers is not the manifest's",
    );
  }

  async release(): Promise<void> {
    const r = this.e.release;
    if (r === null || this.x.report === null) {
      for (const code of ["RELEASE_SIG", "RELEASE", "RELEASE_SVN", "PROVIDERS"] as const)
        this.add(code, r === null ? "unasked" : "unreached", "no release manifest was given");
      return;
    }
    /* The manifest is a statement of whoever holds the release key, and of nobody else. */
    const signed = r.key !== null && (await checkMinisign(r.manifest, r.signature, r.key)) === "ok";
    this.add("RELEASE_SIG", okIf(signed), `the manifest is ${signed ? "" : "not "}signed by the release key`);
    const m = parseManifest(r.manifest);
    if (m === null || m === "version") return this.add("RELEASE", "failed", "this is no release manifest");
    const wrong = this.wrongRelease(m);
    this.x.manifest = m;
    this.add("RELEASE", okIf(wrong === null), wrong ?? "the measurement is one of the manifest's");
    this.add(
      "RELEASE_SVN",
      r.minSvn === 0n ? "unasked" : okIf(m.svn >= r.minSvn),
      "the manifest's security version against --min-svn",
    );
    this.providers(m);
  }

  async logProof(): Promise<boolean> {
    const { logKey } = this.e;
    if (logKey === null || this.x.report === null) {
      this.add("LOG_PROOF", logKey === null ? "unasked" : "unreached", "no log key was given");
      return false;
    }
    if (this.d.releaseLeaf.length === 0) {
      this.add("LOG_PROOF", "failed", "the document carries no log proof");
      return false;
    }
    const checkpoint = await checkProof(this.d.releaseProof, this.d.releaseLeaf, logKey);
    const identity = await sha256(this.d.identity);
    const about = loggedIsAbout(this.d.releaseLeaf, identity, measurementOf(this.x.report));
    if (checkpoint === null)
      this.add("LOG_PROOF", "failed", "the proof does not lead from the statement to a checkpoint of this log");
    else if (!about) this.add("LOG_PROOF", "failed", "the logged statement is not about this program");
    else this.add("LOG_PROOF", "ok", "logged");
    this.x.checkpoint = about ? checkpoint : null;
    return this.x.checkpoint !== null;
  }

  /** Which release the logged statement names, when a manifest is there to compare it with. */
  async leaf(logged: boolean): Promise<void> {
    const r = this.e.release;
    if (r === null || !logged)
      return this.add("RELEASE_LEAF", logged || this.e.logKey === null ? "unasked" : "unreached");
    const named = await loggedRelease(this.d.releaseLeaf);
    if (named === null) return this.add("RELEASE_LEAF", "failed", "the logged boot names no release");
    if (named === "format") return this.add("RELEASE_LEAF", "failed", "the logged statement names no release");
    const same = equal(named, await leafHash(r.manifest));
    this.add("RELEASE_LEAF", okIf(same), "the logged release against the manifest");
  }

  /** Some program runs there, protected; that is worth nothing to a client that does not know which one. */
  program(): void {
    const named = this.e.release !== null || this.p.measurements.length !== 0;
    this.add("PROGRAM", okIf(named), named ? "" : "neither a release manifest nor the policy names a program");
  }
}

const OF_IDENTITY: readonly Code[] = ["SIMULATED", "TLS_KEY", "AUDIENCE", "IDENTITY_EXPIRED", "MEMORY"];

/** Every check of the report, then of the document. */
export async function judgePresented(d: AttestationDocument, e: Expect, p: Policy): Promise<Presented> {
  const want = await documentReportData(d, e.exporter ?? new Uint8Array(32));
  const subject = { report: d.report, vek: d.vek, ask: d.ask, crl: e.crl, reportData: want };
  const x: Presented = {
    ...(await examine(subject, p, e.nowS)),
    identity: parseIdentity(d.identity),
    manifest: null,
    checkpoint: null,
  };
  const judge = new Judge(d, e, p, x);
  if (want === null) judge.add("REPORT_DATA", "failed", "the batch's path does not fit");
  judge.connection();
  judge.add("IDENTITY", okIf(x.identity !== null));
  if (x.identity !== null) judge.identity(x.identity);
  else for (const code of OF_IDENTITY) judge.add(code, "unreached");
  await judge.release();
  await judge.leaf(await judge.logProof());
  judge.program();
  return x;
}
