// The verifier inside of the console: the same component as the separate page, which anybody can host.
import { facts, dataPlane } from "../../core/console.ts";
import { PageHead } from "../../ui/controls.tsx";
import { evidenceFiles } from "./evidence.ts";
import { type Preset, Verifier } from "./verifier.tsx";

async function preset(): Promise<Preset> {
  const f = facts.value;
  const address = dataPlane();
  if (address === null) throw new Error("This console names no data plane. Give an address below.");
  return {
    address,
    inputs: { ...(f?.log_key ? { logKey: f.log_key, logAddress: location.origin } : {}), ...(f?.release_key ? { releaseKey: f.release_key } : {}) },
    files: await evidenceFiles(),
  };
}

export default function VerifyPage() {
  return (
    <div class="stack">
      <PageHead
        title="Verify"
        says={<>Every check is made by this page, in your browser, with the codes of <code>tr-verify</code>. The page itself comes from the operator: host <a href="/verifier/">the separate verifier</a> yourself, compare its SHA-256, or use the command line.</>}
      />
      <Verifier preset={preset} presetSays="Check this service by what it publishes: its policy, release and keys are then the operator's word until you compare them with another source." />
    </div>
  );
}
