// A request's receipt, verified in the browser: the key that must have signed it comes out of the data plane's evidence.
import { useState } from "preact/hooks";
import { ApiError } from "../../core/api.ts";
import { dataPlane } from "../../core/console.ts";
import { bytes as size, dateTime, usd } from "../../core/format.ts";
import { apiKey, keyFault, setKey } from "../../prompt/key.ts";
import { type Hands, type JudgedReceipt, judgeReceiptOf } from "../../prompt/receipt.ts";
import { Badge, Button, Failure, Field, TextField, useTask } from "../../ui/controls.tsx";
import { toHex } from "../../verify/bytes.ts";
import type { Check } from "../../verify/verdict.ts";
import { Facts } from "../parts/parts.tsx";

async function judge(id: string, key: string, hands: Hands): Promise<JudgedReceipt> {
  const origin = dataPlane();
  if (origin === null) throw new ApiError(0, "no_data_plane", "This installation names no data plane (console_dataplanes in controlplane.conf), so there is nowhere to ask for the receipt.");
  return judgeReceiptOf(origin, id, key, hands);
}

const toneOf = { true: "good", false: "bad", null: "plain" } as const;
function CheckLine({ of: c }: { of: Check }) {
  const word = c.ok === null ? "not asked" : c.ok ? "ok" : "failed";
  return <li><Badge tone={toneOf[`${c.ok}`]}>{word}</Badge><code>{c.code}</code><span class="soft">{c.ok === null ? c.detail.replace(/^not asked:? ?/, "") : c.detail === "ok" ? "" : c.detail}</span></li>;
}

function Sentence({ of: { evidence, receipt } }: { of: JudgedReceipt }) {
  if (receipt.code === "SIGNATURE")
    return <><Badge tone="bad">not signed</Badge> Another key signed this, or none. A data plane that has restarted since has new keys: then <code>tr-verify receipt</code> verifies it with the keys that you kept.</>;
  if (receipt.verdict !== "accept") return <><Badge tone="bad">{receipt.verdict}</Badge> The receipt does not hold: {receipt.checks.find((c) => c.ok === false)?.detail ?? receipt.code}.</>;
  if (evidence.simulated || receipt.simulated)
    return <><Badge tone="warn">simulated</Badge> The data plane signed this receipt, and it holds, but a simulator signed the data plane's evidence: no processor vouches for it.</>;
  return <><Badge tone="good">genuine</Badge> The attested data plane signed this receipt, and it holds.</>;
}

const hashOf = (bytes: Uint8Array | null | undefined) => (bytes ? <code>{toHex(bytes)}</code> : <span class="faint">not in the receipt</span>);

function Verdict({ of }: { of: JudgedReceipt }) {
  const r = of.receipt.receipt;
  const gateway: Check = { code: "EVIDENCE", ok: true, detail: `the data plane's evidence was accepted${of.evidence.simulated ? ", and is simulated" : ""}` };
  return (
    <div class="stack" role="status">
      <p><Sentence of={of} /></p>
      <ul class="checks">{[gateway, ...of.receipt.checks].map((c) => <CheckLine key={c.code} of={c} />)}</ul>
      {r && (
        <Facts rows={[
          ["Served", dateTime(Number(r.servedAt))],
          ["Provider", r.upstream === null || r.upstream === "" ? <span class="faint">not in the receipt</span> : r.upstream],
          ["Cost", r.costNusd === null ? <span class="faint">no bill</span> : usd(Number(r.costNusd) / 1e9)],
          ["Request, SHA-256", hashOf(r.received)],
          ["Sent to the provider, SHA-256", hashOf(r.forwarded)],
          ["Answer, SHA-256", hashOf(r.returned)],
        ]} />
      )}
      <details class="fold"><summary>The receipt ({size(of.text.length)})</summary><div class="stack"><pre class="receipt-text" tabIndex={0}><code>{of.text}</code></pre></div></details>
    </div>
  );
}

function FileField({ label, hint, onFile }: { label: string; hint: string; onFile: (bytes: Uint8Array | undefined) => void }) {
  const read = async (file: File | undefined) => onFile(file === undefined ? undefined : new Uint8Array(await file.arrayBuffer()));
  return <Field label={label} hint={hint}>{(ids) => <input {...ids} class="input" type="file" onChange={(e) => void read(e.currentTarget.files?.[0])} />}</Field>;
}

export function ReceiptCheck({ id }: { id: string }) {
  const [key, setText] = useState(apiKey.value);
  const [hands, setHands] = useState<Hands>({});
  const [fault, setFault] = useState<string | null>(null);
  const [result, setResult] = useState<JudgedReceipt | null>(null);
  const check = useTask(async () => {
    const wrong = keyFault(key);
    setFault(wrong);
    setResult(null);
    if (wrong !== null) return;
    setKey(key.trim());
    setResult(await judge(id, key.trim(), hands));
  });
  return (
    <div class="card stack">
      <form class="stack" onSubmit={(e) => { e.preventDefault(); void check.run(); }}>
        <TextField label="API key of the request" type="password" value={key} wrong={fault} onInput={setText} hint="It goes to the data plane alone, and stays in this tab until it is closed." />
        <details class="fold">
          <summary>Compare with the bytes that you sent and got</summary>
          <div class="stack pair">
            <FileField label="Body of the request" hint="The file that you sent, byte for byte." onFile={(f) => setHands(({ request: _, ...rest }) => (f ? { ...rest, request: f } : rest))} />
            <FileField label="Body of the answer" hint="As it came, events of a stream included." onFile={(f) => setHands(({ response: _, ...rest }) => (f ? { ...rest, response: f } : rest))} />
          </div>
        </details>
        <div><Button kind="primary" type="submit" icon="shield" busy={check.busy}>Verify</Button></div>
      </form>
      {check.error && <Failure error={check.error} />}
      {result && <Verdict of={result} />}
    </div>
  );
}
