// The unmodified npm client `ehbp`: a table of jobs on stdin, what it made of each on stdout. A job is sent by its transport,
// through `openai` with its transport as fetch, or only sealed, for a test that sends the bytes itself.
import { Identity, KeyConfigMismatchError, Transport } from "ehbp";
import { readFileSync } from "node:fs";
import OpenAI from "openai";

const { base, apiKey, key, jobs } = JSON.parse(readFileSync(0, "utf8"));
const origin = new URL(base);
const real = await Transport.create(base);
const transport = key ? new Transport(await Identity.fromPublicKeyHex(key), origin.host) : real;
const auth = { authorization: `Bearer ${apiKey}` };

function requestOf(job) {
  const body = job.form ? formOf(job.form) : job.base64 ? Buffer.from(job.base64, "base64") : (job.body ?? null);
  const json = job.form ? {} : { "content-type": "application/json" };
  return new Request(new URL(job.path, origin), { method: job.method ?? "POST", headers: { ...auth, ...json, ...job.headers }, body });
}

function formOf(fields) {
  const form = new FormData();
  for (const [name, value, file] of fields)
    if (file) form.append(name, new Blob([Buffer.from(value, "base64")], { type: "audio/wav" }), file);
    else form.append(name, value);
  return form;
}

async function sent(job) {
  const answer = await transport.request(requestOf(job));
  const parts = [];
  if (answer.body) for await (const part of answer.body) parts.push(Buffer.from(part));
  const body = Buffer.concat(parts);
  return { status: answer.status, headers: Object.fromEntries(answer.headers), base64: body.toString("base64"), parts: parts.length };
}

async function sealed(job) {
  const { request } = await transport.getServerIdentity().encryptRequestWithContext(requestOf(job));
  return { enc: request.headers.get("Ehbp-Encapsulated-Key"), base64: Buffer.from(await request.arrayBuffer()).toString("base64") };
}

async function openai(job) {
  const client = new OpenAI({ baseURL: new URL("/v1", origin).href, apiKey, maxRetries: 0, fetch: (url, init) => transport.request(url, init) });
  const request = { model: "demo/echo", messages: [{ role: "user", content: job.say }] };
  const whole = await client.chat.completions.create(request);
  let streamed = "";
  for await (const chunk of await client.chat.completions.create({ ...request, stream: true })) streamed += chunk.choices[0]?.delta.content ?? "";
  const refused = await client.chat.completions.create({ ...request, model: "demo/none" }).catch((e) => ({ status: e.status, code: e.code }));
  return { whole: whole.choices[0].message.content, streamed, refused };
}

const does = { sent, sealed, openai };
const results = [];
for (const job of jobs) {
  try {
    results.push(await does[job.does ?? "sent"](job));
  } catch (e) {
    results.push({ error: e.constructor.name, mismatch: e instanceof KeyConfigMismatchError, message: `${e.message} ${e.cause?.message ?? ""}` });
  }
}
console.log(JSON.stringify({ key: await real.getServerPublicKeyHex(), results }));
