// A first request with a key, ready to paste.
export type Language = "curl" | "python" | "typescript" | "management";

export const languages = [
  { value: "curl", label: "curl" },
  { value: "python", label: "Python" },
  { value: "typescript", label: "TypeScript" },
] as const;

const curl = (base: string, key: string, model: string): string => `curl ${base}/chat/completions \\
  -H "Authorization: Bearer ${key}" \\
  -H "Content-Type: application/json" \\
  -d '{"model": "${model}", "messages": [{"role": "user", "content": "Hello"}]}'`;

const python = (base: string, key: string, model: string): string => `from openai import OpenAI

client = OpenAI(base_url="${base}", api_key="${key}")
answer = client.chat.completions.create(
    model="${model}",
    messages=[{"role": "user", "content": "Hello"}],
)
print(answer.choices[0].message.content)`;

const typescript = (base: string, key: string, model: string): string => `import OpenAI from "openai";

const client = new OpenAI({ baseURL: "${base}", apiKey: "${key}" });
const answer = await client.chat.completions.create({
  model: "${model}",
  messages: [{ role: "user", content: "Hello" }],
});
console.log(answer.choices[0]?.message.content);`;

const management = (base: string, key: string): string => `curl ${base}/keys \\
  -H "Authorization: Bearer ${key}"`;

const writers = { curl, python, typescript, management };

/** base: the data plane's "https://HOST/v1". The parts are ours or ids of the catalog; nothing has to be escaped. */
export const snippet = (language: Language, base: string, key: string, model: string): string => writers[language](base, key, model);

/** The model of an example: one that the key may use. */
export function exampleModel(ids: readonly string[], allowed: readonly string[] | null): string {
  const fits = (id: string) => allowed === null || allowed.some((rule) => rule === id || (rule.endsWith("/*") && id.startsWith(rule.slice(0, -1))));
  const usable = ids.filter(fits);
  return usable.find((id) => id === "trustedrouter/auto") ?? usable[0] ?? allowed?.find((rule) => !rule.endsWith("*")) ?? "trustedrouter/auto";
}
