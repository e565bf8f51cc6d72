// The verifier inside of the console: the same component as the separate page, which anybody can host.
import { facts, dataPlane } from "../../core/console.ts";
import { PageHead } from "../../ui/controls.tsx";
import { NO_INPUTS } from "../../verify/files.ts";
import { filesFor } from "./evidence.ts";
import { type Preset, Verifier } from "./verifier.tsx";

async function preset(): Promise<Preset> {
  const f = facts.value;
  const address = dataPlane();
  if (address === null) throw new Error("This console names no data plane. Give an address below.");
  const keys = { ...(f?.log_key ? { logKey: f.log_key } : {}), ...(f?.release_key ? { releaseKey: f.release_key } : {}) };
  const files = await filesFor(address, { ...NO_INPUTS, ...keys });
  return { address, inputs: { ...keys, ...(f?.log_key ? { logAddress: location.origin } : {}) }, files };
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
