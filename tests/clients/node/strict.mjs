// Reads jobs from stdin, [{id, client, model, say}], has the client of each read its answer through the data plane, and
// prints what the client made of it, as ../../e2e/node/strict.mjs does with chat: Anthropic's SDK, openai's Responses and
// completions, the AI SDK's providers for them and for OpenRouter, OpenRouter's SDK. For ../../e2e/strict_dialects.py.

import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import Anthropic from "@anthropic-ai/sdk";
import { createOpenRouter } from "@openrouter/ai-sdk-provider";
import { OpenRouter } from "@openrouter/sdk";
import { generateText, jsonSchema, streamText, tool } from "ai";
import OpenAI from "openai";
import { base, host, key } from "./rig.mjs";

globalThis.AI_SDK_LOG_WARNINGS = false;
const parameters = { type: "object", properties: { x: { type: "integer" } }, required: ["x"], additionalProperties: false };
const anthropic = new Anthropic({ baseURL: host, apiKey: key, maxRetries: 0, timeout: 20000 });
const openai = new OpenAI({ baseURL: base, apiKey: key, maxRetries: 0, timeout: 20000 });
const openrouter = new OpenRouter({ apiKey: key, serverURL: host + "/api/v1", retryConfig: { strategy: "none" } });

const toMessages = ({ model, say }) => ({
    model, max_tokens: 1024, messages: [{ role: "user", content: say }], tools: [{ name: "add", input_schema: parameters }],
});
function fromMessage(m, out) {
    out.text = m.content.map((b) => b.text ?? "").join("");
    out.calls = m.content.filter((b) => b.type === "tool_use").map((b) => [b.id, b.name, JSON.stringify(b.input)]);
    out.finish = m.stop_reason;
    out.usage = [m.usage.input_tokens, m.usage.output_tokens];
}
const toResponses = ({ model, say }) => ({
    model, input: say, store: false, tools: [{ type: "function", name: "add", strict: true, parameters }],
});
function fromResponse(r, out) {
    out.text = r.output_text;
    out.calls = r.output.filter((i) => i.type === "function_call").map((i) => [i.call_id, i.name, i.arguments]);
    out.finish = r.incomplete_details?.reason ?? r.status;
    out.usage = [r.usage.input_tokens, r.usage.output_tokens];
}
const toOpenRouter = ({ model, say }) => ({
    model, messages: [{ role: "user", content: say }], tools: [{ type: "function", function: { name: "add", parameters } }],
});
const fromOpenRouterCall = (t) => [t.id, t.function.name, t.function.arguments];

const ai = {
    ai_responses: createOpenAI({ baseURL: base, apiKey: key }),
    ai_messages: createAnthropic({ baseURL: base, apiKey: key }),
    ai_openrouter: createOpenRouter({ baseURL: host + "/api/v1", apiKey: key }),
};
const toAi = (name, { model, say }) => ({
    model: ai[name](model), prompt: say, maxRetries: 0, abortSignal: AbortSignal.timeout(20000), onError() {},
    ...(name === "ai_responses" && { providerOptions: { openai: { store: false } } }),
    tools: { add: tool({ inputSchema: jsonSchema(parameters) }) },
});
const fromAiCall = (c) => // one that the SDK marks as invalid is not executed and is none
    c.invalid ? [] : [[c.toolCallId, c.toolName, typeof c.input === "string" ? c.input : JSON.stringify(c.input)]];
const fromAiUsage = (u) => [u.inputTokens, u.outputTokens];
async function aiStream(name, job, out) {
    let failure;
    for await (const part of streamText(toAi(name, job)).fullStream) {
        if (part.type === "text-delta") out.text += part.text;
        if (part.type === "tool-call") out.calls.push(...fromAiCall(part));
        if (part.type === "error") failure = part.error;
        if (part.type === "finish") [out.finish, out.usage] = [part.finishReason, fromAiUsage(part.totalUsage)];
    }
    if (failure !== undefined) throw failure;
}
async function aiCreate(name, job, out) {
    const r = await generateText(toAi(name, job));
    Object.assign(out, { text: r.text, calls: r.toolCalls.flatMap(fromAiCall), finish: r.finishReason, usage: fromAiUsage(r.totalUsage) });
}

const clients = {
    async messages_stream(job, out) {
        const s = anthropic.messages.stream(toMessages(job));
        s.on("text", (piece) => (out.text += piece));
        fromMessage(await s.finalMessage(), out);
    },
    messages_create: async (job, out) => fromMessage(await anthropic.messages.create(toMessages(job)), out),
    async responses_stream(job, out) {
        const s = openai.responses.stream(toResponses(job));
        s.on("response.output_text.delta", (e) => (out.text += e.delta));
        fromResponse(await s.finalResponse(), out);
    },
    responses_create: async (job, out) => fromResponse(await openai.responses.create(toResponses(job)), out),
    async completions_stream(job, out) {
        const ask = { model: job.model, prompt: job.say, stream: true, stream_options: { include_usage: true } };
        for await (const c of await openai.completions.create(ask)) {
            out.text += c.choices[0]?.text ?? "";
            out.finish = c.choices[0]?.finish_reason ?? out.finish;
            if (c.usage) out.usage = [c.usage.prompt_tokens, c.usage.completion_tokens];
        }
    },
    async completions_create(job, out) {
        const { choices: [c], usage } = await openai.completions.create({ model: job.model, prompt: job.say });
        Object.assign(out, { text: c.text, finish: c.finish_reason, usage: [usage.prompt_tokens, usage.completion_tokens] });
    },
    async openrouter_stream(job, out) {
        const calls = [];
        for await (const c of await openrouter.chat.send({ chatRequest: { ...toOpenRouter(job), stream: true } })) {
            const delta = c.choices[0]?.delta ?? {};
            if (c.error) out.error = { name: "chunk", message: c.error.message, status: null };
            out.text += delta.content ?? "";
            out.finish = c.choices[0]?.finishReason ?? out.finish;
            if (c.usage) out.usage = [c.usage.promptTokens, c.usage.completionTokens];
            for (const t of delta.toolCalls ?? []) {
                const have = (calls[t.index] ??= { id: t.id, function: { name: t.function.name, arguments: "" } });
                have.function.arguments += t.function?.arguments ?? "";
            }
        }
        if (out.error === null) out.calls = calls.map(fromOpenRouterCall);
    },
    async openrouter_create(job, out) {
        const r = await openrouter.chat.send({ chatRequest: toOpenRouter(job) });
        const { message, finishReason } = r.choices[0];
        Object.assign(out, {
            text: message.content ?? "", calls: (message.toolCalls ?? []).map(fromOpenRouterCall), finish: finishReason,
            usage: [r.usage.promptTokens, r.usage.completionTokens],
        });
    },
};
for (const name of Object.keys(ai)) {
    clients[name + "_stream"] = (job, out) => aiStream(name, job, out);
    clients[name + "_create"] = (job, out) => aiCreate(name, job, out);
}

let input = "";
for await (const piece of process.stdin) input += piece;
const waiting = JSON.parse(input), results = [];
async function work() {
    for (let job; (job = waiting.shift()); ) {
        const out = { id: job.id, text: "", calls: [], finish: null, usage: null, error: null };
        const began = Date.now();
        try {
            await clients[job.client](job, out);
        } catch (e) {
            out.error = { name: e?.constructor?.name ?? typeof e, message: String(e?.message ?? e), status: e?.status ?? e?.statusCode ?? null };
        }
        out.seconds = (Date.now() - began) / 1000;
        results.push(out);
    }
}
await Promise.all(Array.from({ length: 4 }, work));
process.stdout.write(JSON.stringify(results));
