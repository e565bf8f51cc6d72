// What is claimed, how to check it, what is not claimed. Everything that can be read live is.
import { baseUrl, dataPlane, facts } from "../../core/console.ts";
import { useLoad, type Resource } from "../../core/resource.ts";
import { Badge, ButtonLink, Code, CopyButton, PageHead } from "../../ui/controls.tsx";
import { toHex } from "../../verify/bytes.ts";
import { ISSUES, ISSUES_AS_OF } from "../../verify/issues.ts";
import type { LogReport } from "../../verify/log.ts";
import { firmwareText } from "../../verify/report.ts";
import { timeText } from "../../verify/time.ts";
import { type Evidence, linkedChanges, loadEvidence, loadLog, loadUpstreams } from "./live.ts";
import { ReleaseLog } from "./log.tsx";
import { NOT_PROTECTED } from "./not_protected.ts";
import { Grid, Hex, Items, Live, Part, Source } from "./parts.tsx";
import { CHANGES, GAPS, HOPS, MEASURED, NOT_MEASURED, PHYSICAL, WORDING } from "./texts.ts";
import { TRUST_BASE } from "./trust_base.ts";

const gateway = (): string => dataPlane() ?? "https://api.example.com";

function commands(): string {
  const f = facts.value;
  const releaseKey = f?.release_key ?? "RELEASE_KEY";
  const logKey = f?.log_key ?? "LOG_KEY";
  return [
    "# which program answers there, and was it released and logged?",
    `tr-verify gateway ${gateway()} --policy my-policy.conf \\`,
    `    --release release.json --release-key '${releaseKey}' \\`,
    `    --log-key '${logKey}' --log ${location.origin}`,
    "",
    "# everything that ever ran",
    `tr-verify log ${location.origin} --key '${logKey}' --save checkpoint.today`,
    "",
    "# the image, built again from the source of that commit",
    `RELEASE=/path/to/release KEY='${releaseKey}' make verify-image`,
  ].join("\n");
}

function Program({ evidence }: { evidence: Evidence }) {
  const v = evidence.verdict;
  const m = v?.manifest;
  const accepted = v?.verdict === "accept";
  const asked = v?.verdict === "unreachable" ? "and got none" : "and it was not accepted";
  if (v === null) return <p>This console names no data plane, so nothing was checked.</p>;
  return (
    <>
      <p class="line" data-verdict={v.verdict} data-code={v.code}>
        <Badge tone={accepted ? (v.simulated ? "warn" : "good") : v.verdict === "unreachable" ? "warn" : "bad"}>{accepted ? (v.simulated ? "accepted, SIMULATED" : "accepted") : v.code}</Badge>
        <span>
          {accepted
            ? `This page asked ${gateway()} for evidence at ${v.at} and every check that was asked for passed.`
            : `This page asked ${gateway()} for evidence at ${v.at}, ${asked}: ${v.checks.find((c) => c.ok === false)?.detail ?? v.code}.`}
        </span>
        <a href="/verify">Every check</a>
      </p>
      {v.simulated && <p class="note warn">SIMULATED: a simulator signed this evidence, so no processor vouches for it. It shows how checking works and protects nothing.</p>}
      <dl class="facts-list">
        <div><dt>Commit</dt><dd>{m ? <><Hex text={m.commit} /> of {m.repo}</> : "no release is published here"}</dd></div>
        <div><dt>Image reference</dt><dd>{m ? `release ${m.version}, security version ${m.svn}` : "none"}</dd></div>
        <div><dt>Image digest</dt><dd>{m?.image ? <Hex text={toHex(m.image)} /> : "none: a simulated release has no image"}</dd></div>
        <div><dt>Measurement</dt><dd><Hex text={v.measurement} /></dd></div>
        <div><dt>Log head</dt><dd>{v.checkpoint ? <>{v.checkpoint.origin}, {String(v.checkpoint.size)} entries, root <Hex text={v.checkpoint.root} /></> : "no proof was checked"}</dd></div>
      </dl>
    </>
  );
}

function Claim({ evidence }: { evidence: Resource<Evidence> }) {
  return (
    <Part n={1} id="claim" title="The claim, and how to check it">
      <p class="trust-claim">
        It is claimed that the program that answers at {gateway()} is a published one, attested by the processor; that it holds prompts in memory only; and
        that it sends them to a provider that the request allows, out of a measured list. What this page found out about that just now:
      </p>
      <Live of={evidence} lines={7}>{(e) => <Program evidence={e} />}</Live>
      <Code text={commands()} what="The commands" />
      <p class="soft">Get the policy and the two keys from another place than this page: an operator who lies about the program would lie about them as well.</p>
    </Part>
  );
}

function Hops() {
  return (
    <Part n={2} id="hops" title="Who sees what">
      <Grid label="Who sees what" heads={["Who", "Prompts and answers", "Metadata", "Can change"]} rows={HOPS.map((h) => [h.who, h.prompts, h.metadata, h.change])} />
    </Part>
  );
}

function Measured() {
  return (
    <Part n={3} id="measured" title="What is measured, and how much that is">
      <h3>Measured</h3>
      <Items of={MEASURED} />
      <h3>Not measured</h3>
      <Items of={NOT_MEASURED} />
      <h3>What has to be trusted in the guest</h3>
      <Grid label="What has to be trusted in the guest" heads={["Part", "How much", "In a prompt's way"]} rows={TRUST_BASE.map((t) => [t.part, t.size, t.inTheWay])} />
      <p class="soft">From <a href="/docs/trust-base">docs/trust-base.md</a> of this version; <code>tests/image/trust_base</code> fails when a number is more than 5 % old.</p>
    </Part>
  );
}

function Sources({ evidence }: { evidence: Resource<Evidence> }) {
  return (
    <Part n={4} id="sources" title="Whose word each statement is">
      <Live of={evidence} lines={9}>{({ verdict }) => {
        const s = verdict?.summary;
        const none = ["Nothing: the evidence was not accepted."];
        const or = (lines: readonly string[] | undefined) => (lines === undefined || lines.length === 0 ? none : lines);
        return (
          <div class="grid">
            <Source tone={verdict?.simulated ? "warn" : "good"} word={verdict?.simulated ? "signed by a simulator" : "proved by hardware"} says={verdict?.simulated ? "No processor vouches for it." : "Signed by the processor's own key."} lines={or(s?.hardware)} />
            <Source tone="accent" word="derived by the verifier" says="Computed here, from evidence and published files." lines={or(s?.derived)} />
            <Source tone="warn" word="said by the operator" says="Nothing forces it." lines={s?.operator ?? none} />
            <Source tone="bad" word="not verified" says="What no check of this page covers." lines={s?.notVerified ?? none} />
          </div>
        );
      }}</Live>
    </Part>
  );
}

function Gaps() {
  return (
    <>
      <Part n={5} id="gaps" title="Known gaps">
        <Grid label="Known gaps" heads={["Gap", "What follows", "Known since"]} rows={GAPS.map((g) => [g.what, g.follows, <span class="day">{g.since}</span>])} />
        <h3>Not protected at all</h3>
        <div class="trust-points">{NOT_PROTECTED.map((u) => <details key={u.name}><summary>{u.name}</summary><p class="soft">{u.says}</p></details>)}</div>
        <p class="soft">These are the points of the <a href="/docs/threat-model">threat model</a> of this version, which also names for each claim the file that keeps it and the test that attacks it.</p>
      </Part>
      <Part n={6} id="physical" title="Physical attacks"><Items of={PHYSICAL} /></Part>
    </>
  );
}

function Floors({ evidence }: { evidence: Resource<Evidence> }) {
  return (
    <Part n={7} id="floors" title="Firmware floors and known weaknesses">
      <Live of={evidence} lines={8}>{({ policy, policyName, verdict }) => (
        <>
          <p>
            Policy: {policyName}, {policy.version || "unnamed"}, sha256 <Hex text={toHex(policy.digest)} />,{" "}
            {policy.expiresS === 0 ? "without an end" : `in force until ${timeText(policy.expiresS)}`}. A stepping that is not here is refused.
          </p>
          <Grid label="Firmware floors" heads={["Processor", "fmc", "bootloader", "tee", "snp", "microcode", "Firmware", "Bulletins"]} rows={policy.floors.map((f) => [`${f.product} ${f.name}`, f.tcb.fmc, f.tcb.bootloader, f.tcb.tee, f.tcb.snp, f.tcb.microcode, f.firmware === 0 ? "any" : firmwareText(f.firmware), f.bulletin || "none named"])} />
          <h3>Known weaknesses, as of {ISSUES_AS_OF}</h3>
          <Grid label="Known weaknesses" heads={["Weakness", "Identifiers", verdict?.issues.length ? "This machine" : "Rule", "Why"]} rows={ISSUES.map((i) => {
            const here = verdict?.issues.find((x) => x.name === i.name);
            return [i.name, i.ids, here ? <Badge tone={here.status === "fixed" ? "good" : here.status === "exposed" ? "bad" : "warn"}>{here.status}</Badge> : i.rules[0]?.answer ?? "", here?.why ?? i.rules.map((r) => r.why).join("; ")];
          })} />
          <p class="soft">AMD publishes no verdict "up to date": a table with dates stands in its place (<code>attestation/issues.c</code>).</p>
        </>
      )}</Live>
    </Part>
  );
}

function Released({ log }: { log: Resource<LogReport | null> }) {
  return (
    <Part n={8} id="releases" title="Release log">
      <Live of={log} lines={8}>{(report) => <ReleaseLog log={report} />}</Live>
      <p class="soft">There is no review window: a release may run as soon as it is in the log. Keep a checkpoint (<code>tr-verify log --save</code>) and compare it later: a log that changed is then found.</p>
    </Part>
  );
}

function Upstreams() {
  const upstreams = useLoad(() => loadUpstreams(), []);
  return (
    <Part n={9} id="providers" title="Providers">
      <Live of={upstreams} lines={6}>{(rows) => (
        <Grid label="Providers" heads={["Provider", "Models", "Endpoints that keep nothing", "Attested"]} rows={rows.map((u) => [u.name, u.models, u.keepsNothing === 0 ? "none" : `${u.keepsNothing}, by its terms`, "no"])} />
      )}</Live>
      <p class="soft">From the catalog that {gateway()} serves now. "Keeps nothing" is what a provider's terms say; no provider is attested here. A request can ask for such endpoints alone: <code>provider.zdr</code>.</p>
    </Part>
  );
}

function Wording() {
  const text = WORDING.replace("{name}", facts.value?.name ?? "TrustedRouter").replace("{url}", location.origin);
  return (
    <Part n={10} id="wording" title="Wording for your own privacy page">
      <blockquote class="card"><p>{text}</p></blockquote>
      <div class="line"><CopyButton text={text} what="The wording" small={false} /></div>
    </Part>
  );
}

function Reporting() {
  const contact = facts.value?.security_contact;
  return (
    <Part n={11} id="reporting" title="Reporting, and reports">
      <p>
        {contact ? <>Write to <a href={contact}>{contact.replace(/^mailto:/, "")}</a> before publishing.</> : "This service names no security contact: ask its operator."} Say what you did and
        what happened; you get an answer within three working days and a fix or a date within thirty. <a href="/security">What counts, and past incidents</a>.
      </p>
      <p>Reports about what this page claims, as of {CHANGES[CHANGES.length - 1]?.date}: none has been published.</p>
    </Part>
  );
}

function Changes() {
  const changes = useLoad(() => linkedChanges(CHANGES), []);
  return (
    <Part n={12} id="changes" title="Changes to this page">
      <Live of={changes} lines={2}>{(list) => <Grid label="Changes to this page" heads={["Date", "Change", "Linked hash"]} rows={[...list].reverse().map((c) => [c.date, c.what, <Hex text={c.hash} />])} />}</Live>
      <p class="soft">Each hash is SHA-256 over the hash before it and the line: keep the newest, and a line that is changed later is found.</p>
    </Part>
  );
}

const CONTENTS: readonly [string, string][] = [
  ["claim", "Claim"], ["hops", "Who sees what"], ["measured", "Measured"], ["sources", "Whose word"], ["gaps", "Gaps"], ["physical", "Physical attacks"],
  ["floors", "Floors"], ["releases", "Release log"], ["providers", "Providers"], ["wording", "Wording"], ["reporting", "Reporting"], ["changes", "Changes"],
];

export default function TrustPage() {
  const evidence = useLoad(() => loadEvidence(), []);
  const log = useLoad(() => loadLog(), []);
  return (
    <div class="trust stack loose">
      <PageHead title="Trust" says={`What is claimed about ${baseUrl()}, who proves it, and what is not claimed. Figures are read as you open the page.`}>
        <ButtonLink href="/verify" kind="primary">Verify it yourself</ButtonLink>
      </PageHead>
      <nav class="trust-contents" aria-label="Parts of this page">{CONTENTS.map(([id, name], i) => <a key={id} href={`#${id}`}>{i + 1} {name}</a>)}</nav>
      <Claim evidence={evidence} />
      <Hops />
      <Measured />
      <Sources evidence={evidence} />
      <Gaps />
      <Floors evidence={evidence} />
      <Released log={log} />
      <Upstreams />
      <Wording />
      <Reporting />
      <Changes />
    </div>
  );
}
