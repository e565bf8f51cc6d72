// From OpenRouter: what to change, then the comparison of both interfaces from the documents.
import { useState } from "preact/hooks";
import { baseUrl } from "../../core/console.ts";
import { ButtonLink, Code, PageHead, Tabs } from "../../ui/controls.tsx";
import { DocumentBody } from "../docs/document.tsx";

type Client = "environment" | "python" | "typescript" | "curl";
const clients = [{ value: "environment", label: "Environment" }, { value: "python", label: "Python" }, { value: "typescript", label: "TypeScript" }, { value: "curl", label: "curl" }] as const;

const KEY = "sk-tr-v1-...";
const changes: Record<Client, (base: string) => string> = {
  environment: (b) => `-OPENAI_BASE_URL=https://openrouter.ai/api/v1\n-OPENAI_API_KEY=sk-or-v1-...\n+OPENAI_BASE_URL=${b}\n+OPENAI_API_KEY=${KEY}`,
  python: (b) => ` client = OpenAI(\n-    base_url="https://openrouter.ai/api/v1",\n-    api_key=os.environ["OPENROUTER_API_KEY"],\n+    base_url="${b}",\n+    api_key=os.environ["TRUSTEDROUTER_API_KEY"],\n )`,
  typescript: (b) => ` const client = new OpenAI({\n-  baseURL: "https://openrouter.ai/api/v1",\n-  apiKey: process.env.OPENROUTER_API_KEY,\n+  baseURL: "${b}",\n+  apiKey: process.env.TRUSTEDROUTER_API_KEY,\n });`,
  curl: (b) => `-curl https://openrouter.ai/api/v1/chat/completions \\\n-  -H "Authorization: Bearer $OPENROUTER_API_KEY" \\\n+curl ${b}/chat/completions \\\n+  -H "Authorization: Bearer $TRUSTEDROUTER_API_KEY" \\\n   -H "Content-Type: application/json" -d @request.json`,
};

export function MigrationExample() {
  const [client, setClient] = useState<Client>("environment");
  const base = baseUrl().replace(/\/v1$/, "/api/v1");
  return <div class="stack tight"><Tabs label="Client" tabs={clients} value={client} onChange={setClient} /><Code text={changes[client](base)} what="The change" /></div>;
}

export default function Migrate() {
  return (
    <div class="stack loose">
      <PageHead title="Migrate from OpenRouter" says="The address and the key change. Bodies, streams, errors and the names of models stay as they are under /api/v1.">
        <ButtonLink href="/app/keys" kind="primary">Make a key</ButtonLink>
      </PageHead>
      <MigrationExample />
      <ol class="migrate-steps">
        <li><strong>Make a key.</strong> Sign in and make one under <a href="/app/keys">API keys</a>, with the limit that the old one had.</li>
        <li><strong>Change the address.</strong> One line, as above. SDKs, agents and frameworks: <a href="/docs/clients">what to set in each</a>.</li>
        <li><strong>Look at the names of models.</strong> They are <span class="mono">author/slug</span> as before; <a href="/models">the catalog</a> says which are served, and by whom.</li>
        <li><strong>Check what you have not been able to check before.</strong> <a href="/verify">Verify the gateway</a>, and <a href="/docs/receipts">the receipt</a> of an answer.</li>
      </ol>
      <DocumentBody slug="migrate-from-openrouter" untitled />
    </div>
  );
}
