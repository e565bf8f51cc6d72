// What was verified of the data plane, by whom, what was not, and since when.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { ago, brief, dateTime } from "../../core/format.ts";
import { chooseDataPlane, chosenDataPlane, dataPlane, dataPlanes, facts } from "../../core/console.ts";
import { Badge, Button, CopyButton, SelectField, type Tone } from "../../ui/controls.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { Icon } from "../../ui/icons.tsx";
import type { Trust } from "../../prompt/trust.ts";
import type { Check, GatewayVerdict } from "../../verify/gateway.ts";

interface Look {
  word: string;
  tone: Tone;
}

export function lookOf(t: Trust): Look {
  switch (t.state) {
    case "unknown":
    case "checking":
      return { word: "Checking evidence…", tone: "plain" };
    case "verified":
      return t.verdict.simulated ? { word: "Verified, simulated", tone: "warn" } : { word: "Verified", tone: "good" };
    case "refused":
      return { word: `Refused: ${t.verdict.code}`, tone: "bad" };
    case "unreachable":
      return { word: "Not reached", tone: "bad" };
    case "failed":
      return { word: "Not verified", tone: "bad" };
  }
}

const failedCheck = (v: GatewayVerdict): Check | undefined => v.checks.find((c) => c.ok === false);

/** Why nothing is sent. */
export function Refused({ verdict, again }: { verdict: GatewayVerdict; again: () => void }) {
  const check = failedCheck(verdict);
  return (
    <div class="failure" role="alert">
      <div>
        <p><strong>The evidence of the data plane was refused, so nothing is sent to it.</strong></p>
        <p>The check that failed: <span class="mono">{check?.code ?? verdict.code}</span>{check && check.detail !== "FAILED" ? `, ${check.detail}` : ""}.</p>
        <p class="soft">Do not work around this: tell the operator{facts.value?.security_contact ? <> (<a href={facts.value.security_contact}>{facts.value.security_contact.replace(/^mailto:/, "")}</a>)</> : null}, and show them this check.</p>
      </div>
      <Button small icon="refresh" onClick={again}>Check again</Button>
    </div>
  );
}

function Said({ title, by, lines, tone }: { title: string; by: string; lines: readonly string[]; tone: Tone }) {
  if (lines.length === 0) return null;
  return (
    <section class="said-by">
      <h3 class="line"><Badge tone={tone}>{by}</Badge>{title}</h3>
      <ul>{lines.map((l) => <li key={l}>{l}</li>)}</ul>
    </section>
  );
}

const checkTone = (ok: boolean | null): Tone => (ok === null ? "plain" : ok ? "good" : "bad");
const checkWord = (ok: boolean | null): string => (ok === null ? "not asked" : ok ? "ok" : "failed");

function Checks({ checks }: { checks: readonly Check[] }) {
  return (
    <details>
      <summary>All {checks.length} checks</summary>
      <ul class="evidence-checks">
        {checks.map((c) => <li key={c.code}><Badge tone={checkTone(c.ok)}>{checkWord(c.ok)}</Badge><span class="mono small">{c.code}</span><span class="small soft">{c.detail}</span></li>)}
      </ul>
    </details>
  );
}

const Fact = ({ name, children }: { name: string; children: ComponentChildren }) => <div><dt>{name}</dt><dd>{children}</dd></div>;

function Program({ verdict }: { verdict: GatewayVerdict }) {
  const m = verdict.manifest;
  return (
    <dl class="facts">
      <Fact name="Measurement"><span class="mono small">{verdict.measurement}</span> <CopyButton text={verdict.measurement} what="The measurement" /></Fact>
      {m && <Fact name="Release">{m.version}, commit <span class="mono">{brief(m.commit, 12)}</span></Fact>}
      {verdict.identity && <Fact name="Boot"><span class="mono small">{verdict.identity.boot}</span></Fact>}
      {verdict.checkpoint && <Fact name="Transparency log"><span class="mono small">{verdict.checkpoint.origin}</span>, {verdict.checkpoint.size.toString()} entries</Fact>}
      {verdict.policy && <Fact name="Policy"><span class="mono small">sha256:{brief(verdict.policy.sha256, 16)}</span></Fact>}
    </dl>
  );
}

function Verdict({ verdict, since }: { verdict: GatewayVerdict; since: number | null }) {
  const s = verdict.summary;
  return (
    <>
      {verdict.simulated && <p class="note warn">This is a development stack: a simulator signed the evidence, no processor did. It proves nothing about hardware.</p>}
      {since !== null && <p>Accepted {ago(since)} ({dateTime(since)}). It is asked for again after ten minutes, and whenever another boot answers.</p>}
      <Program verdict={verdict} />
      {s && (
        <>
          <Said title="what the processor signed" by={verdict.simulated ? "simulator" : "hardware"} tone={verdict.simulated ? "warn" : "good"} lines={s.hardware} />
          <Said title="what this page checked itself" by="this page" tone="good" lines={s.derived} />
          <Said title="what the policy lets pass" by="policy" tone="plain" lines={s.allowed} />
          <Said title="what the measured program says" by="program" tone="plain" lines={s.program} />
          <Said title="what only the operator says" by="operator" tone="warn" lines={[...s.operator, "By which policy, keys and release this page judges: they come from the console's own address. Compare them with what was published elsewhere, or use the separate verifier."]} />
          <Said title="what nobody verified here" by="not verified" tone="bad" lines={[...s.notVerified, "That this page is the published one: the console's server delivered its scripts, and whoever controls that server can change them."]} />
        </>
      )}
      <Checks checks={verdict.checks} />
      <p><a href="/verifier/">Open the separate verifier</a>, which needs nothing from the console.</p>
    </>
  );
}

function Inside({ trust, again }: { trust: Trust; again: () => void }) {
  if (trust.state === "verified") return <Verdict verdict={trust.verdict} since={trust.since} />;
  if (trust.state === "refused") return <><Refused verdict={trust.verdict} again={again} /><Verdict verdict={trust.verdict} since={null} /></>;
  if (trust.state === "unreachable") return <p>The data plane at <span class="mono">{trust.origin}</span> gave no evidence. Nothing is sent until it does.</p>;
  if (trust.state === "failed") return <p>{trust.message} Nothing is sent until the data plane is verified.</p>;
  return <p>This page asks the data plane for evidence and checks it. Nothing is sent before that.</p>;
}

/** Which data plane is asked; a choice, where the installation has several. */
function Plane() {
  const [used, chosen] = [dataPlane(), chosenDataPlane()];
  const all = dataPlanes();
  if (used === null || chosen === null) return null;
  return (
    <>
      {all.length > 1
        ? <SelectField label="Data plane" hint="The one to ask, while it answers. The choice is kept in this browser." value={chosen} choices={all.map((o) => ({ value: o, label: o }))} onChange={chooseDataPlane} />
        : <p>Data plane: <span class="mono">{used}</span></p>}
      {used !== chosen && <p class="note warn"><span class="mono">{chosen}</span> did not answer this browser, so <span class="mono">{used}</span> is asked. Its evidence is what you see here.</p>}
    </>
  );
}

export function Shield({ trust, again }: { trust: Trust; again: () => void }) {
  const [open, setOpen] = useState(false);
  const look = lookOf(trust);
  return (
    <>
      <button type="button" class={`pill ${look.tone}`} aria-haspopup="dialog" onClick={() => setOpen(true)}><Icon name="shield" /><span>{look.word}</span></button>
      <Dialog title="What was verified" open={open} onClose={() => setOpen(false)} look="drawer">
        <p>Prompts are encrypted in this page to a key that the data plane has proved, and answers are decrypted here. This page sends neither to the console's server. That server also delivers this page, and could deliver one that does: see “not verified”.</p>
        <Plane />
        <Inside trust={trust} again={again} />
        <div class="line"><Button icon="refresh" onClick={again}>Check again now</Button></div>
      </Dialog>
    </>
  );
}
