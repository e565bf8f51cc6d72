// Reads jobs from stdin, [{id, client, model, say}], has the client of each read its answer through the data plane, and
// prints what the client made of it: [{id, text, calls, finish, usage, error}]. Nothing catches what a client throws
// beside its promises: such an error ends the process, as it would end an application. For strict.py.

import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, jsonSchema, streamText, tool } from "ai";
import OpenAI from "openai";

const { TR_BASE_URL, TR_API_KEY } = process.env;
const openai = new OpenAI({ baseURL: TR_BASE_URL, apiKey: TR_API_KEY, maxRetries: 0, timeout: 20000 });
const compatible = createOpenAICompatible({ name: "tr", baseURL: TR_BASE_URL, apiKey: TR_API_KEY, includeUsage: true });
const parameters = { type: "object", properties: { x: { type: "integer" } }, required: ["x"] };

const forOpenai = ({ model, say }) => ({
    model, messages: [{ role: "user", content: say }],
    tools: [{ type: "function", function: { name: "add", parameters } }],
});
const forAi = ({ model, say }) => ({
    model: compatible(model), prompt: say, maxRetries: 0, abortSignal: AbortSignal.timeout(20000), onError() {},
    tools: { add: tool({ inputSchema: jsonSchema(parameters) }) },
});
function fromCompletion({ choices: [{ message, finish_reason }], usage }, out) {
    out.text = message.content ?? "";
    out.calls = (message.tool_calls ?? []).map((t) => [t.id, t.function.name, t.function.arguments]);
    out.finish = finish_reason;
    out.usage = [usage.prompt_tokens, usage.completion_tokens];
}
const fromCall = (c) => // one that the SDK marks as invalid is not executed and is none
    c.invalid ? [] : [[c.toolCallId, c.toolName, typeof c.input === "string" ? c.input : JSON.stringify(c.input)]];
const fromUsage = (u) => [u.inputTokens, u.outputTokens];

const clients = {
    async openai_stream(job, out) {
        const s = openai.chat.completions.stream({ ...forOpenai(job), stream_options: { include_usage: true } });
        s.on("content", (piece) => (out.text += piece));
        fromCompletion(await s.finalChatCompletion(), out);
    },
    async openai_create(job, out) {
        fromCompletion(await openai.chat.completions.create(forOpenai(job)), out);
    },
    async ai_stream(job, out) {
        const s = streamText(forAi(job));
        let failure;
        for await (const part of s.fullStream) {
            if (part.type === "text-delta") out.text += part.text;
            if (part.type === "tool-call") out.calls.push(...fromCall(part));
            if (part.type === "error") failure = part.error;
            if (part.type === "finish") [out.finish, out.usage] = [part.finishReason, fromUsage(part.totalUsage)];
        }
        if (failure !== undefined) throw failure;
    },
    async ai_generate(job, out) {
        const r = await generateText(forAi(job));
        Object.assign(out, { text: r.text, calls: r.toolCalls.flatMap(fromCall), finish: r.finishReason, usage: fromUsage(r.totalUsage) });
    },
};

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
