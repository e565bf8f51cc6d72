// The AI SDK with each of its providers that an application may point at this router: the newest, and version 6.

import assert from "node:assert/strict";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { createOpenRouter } from "@openrouter/ai-sdk-provider";
import * as seven from "ai";
import * as six from "ai-6";
import { createAnthropic as createAnthropic6 } from "ai-6-anthropic";
import { createOpenAICompatible as createOpenAICompatible6 } from "ai-6-compatible";
import { createOpenAI as createOpenAI6 } from "ai-6-openai";
import { z } from "zod";
import { abortedSoon, badKey, base, calls, city, fresh, host, key, lastBody, model, native, one, onlyA, plan, PNG, records, rejected } from "./rig.mjs";

globalThis.AI_SDK_LOG_WARNINGS = false;

// of: (key) => (model id) => a model. replays: can this provider bring reasoning back? options: what it needs for that.
function cases({ of, replays, options, sdk = seven, brief = { instructions: "Be brief." } }) {
    const { APICallError, generateText, jsonSchema, Output, stepCountIs, streamText, tool } = sdk;
    const tools = {
        weather: tool({ description: "weather", inputSchema: jsonSchema(city), execute: async () => "sun" }),
        traffic: tool({ description: "traffic", inputSchema: jsonSchema(city), execute: async ({ city: c }) => "fog in " + c }),
    };
    const ask = (prompt, more = {}) => ({ model: of(key)(more.on ?? model), prompt, maxRetries: 0, abortSignal: AbortSignal.timeout(20000), onError() {}, providerOptions: options, ...more });
    const words = (id) => `${replays ? "replay," : ""}id=${id}`;

    function looped(id, r, text) {
        assert.equal(text, "The tools say fog in K\u00f6ln.");
        assert.equal(r.length, 2, "steps");
        assert.deepEqual(r[0].toolCalls.map((c) => [c.toolName, c.input]), [["weather", { city: "Z\u00fcrich" }], ["traffic", { city: "K\u00f6ln" }]]);
        assert.equal(r[0].finishReason, "tool-calls");
        if (replays) assert.equal(r[0].reasoningText, "I need both.");
    }
    return {
        async text() {
            const id = fresh();
            const r = await generateText(ask(plan(`id=${id}`, "say Hello \u20ac \u{1F600}"), brief));
            assert.equal(r.text, "Hello \u20ac \u{1F600}");
            assert.equal(r.finishReason, "stop");
            const record = await one(id);
            assert.deepEqual([r.usage.inputTokens, r.usage.outputTokens], [record.prompt, record.completion]);
        },
        async stream() {
            const id = fresh();
            const s = streamText(ask(plan(`id=${id}`, "think Hm.", "say one two three")));
            let text = "", thoughts = "";
            for await (const p of s.fullStream) {
                if (p.type === "error") throw p.error;
                if (p.type === "text-delta") text += p.text;
                if (p.type === "reasoning-delta") thoughts += p.text;
            }
            assert.equal(text, "one two three");
            if (replays) assert.equal(thoughts, "Hm.");
            assert.equal((await s.totalUsage).outputTokens, (await one(id)).completion);
        },
        async loop() {
            const id = fresh();
            const r = await generateText(ask(plan(words(id), ...calls), { tools, stopWhen: stepCountIs(4) }));
            looped(id, r.steps, r.text);
            assert.deepEqual((await records(id)).map((x) => x.status), [200, 200]);
        },
        async loop_streamed() {
            const id = fresh();
            const s = streamText(ask(plan(words(id), ...calls), { tools, stopWhen: stepCountIs(4) }));
            for await (const p of s.fullStream) if (p.type === "error") throw p.error;
            looped(id, await s.steps, await s.text);
            assert.deepEqual((await records(id)).map((x) => x.status), [200, 200]);
        },
        async structured_output() {
            const r = await generateText(ask("plan", { output: Output.object({ schema: z.object({ title: z.string(), n: z.number() }) }) }));
            assert.deepEqual(r.output, { title: "sample", n: 7.5 });
        },
        async image() {
            const content = [{ type: "text", text: "What?" }, { type: "file", data: Buffer.from(PNG, "base64"), mediaType: "image/png" }];
            await generateText(ask(undefined, { on: onlyA, prompt: undefined, messages: [{ role: "user", content }] }));
            assert.ok((await lastBody()).includes(PNG));
        },
        async errors() {
            for (const status of [400, 429, 500, 503]) {
                const e = await rejected(generateText(ask(plan(`fail=${status}`, "say x"), { on: onlyA })), (x) => APICallError.isInstance(x), status);
                if (status === 400 || status === 429) assert.equal(e.statusCode, status);
                assert.equal(e.isRetryable, status !== 400, `${status} retryable`);
            }
            if (native) return;
            await rejected(generateText(ask("x", { model: of(badKey)(model) })), (e) => e.statusCode === 401, "key");
            await rejected(generateText(ask("x", { on: "demo/nothing" })), (e) => e.statusCode === 404, "model");
        },
        async truncated_stream_is_an_error() {
            for (const fault of ["close_at=5", "rst_at=5", "error_at=5"]) {
                const s = streamText(ask(plan(`cadence_us=20000,${fault}`, "say one two three four five six seven"), { on: onlyA }));
                let failure;
                try {
                    for await (const p of s.fullStream) if (p.type === "error") failure = p.error;
                } catch (e) { // ends an application; a router that could still say something must not do that to it
                    if (!native) throw e;
                    failure = e;
                }
                assert.ok(failure !== undefined, fault);
            }
        },
        async retries() {
            const id = fresh();
            const r = await generateText(ask(plan(`id=${id},fail=429,retry_after_ms=50,times=2`, "say after all"), { on: onlyA, maxRetries: 2 }));
            assert.equal(r.text, "after all");
            assert.deepEqual((await records(id)).map((x) => x.status), [429, 429, 200]);
        },
        async abort_closes_upstream() {
            const id = fresh(), stop = new AbortController();
            const s = streamText(ask(plan(`id=${id},cadence_us=10000`, "say " + "word ".repeat(500)), { on: onlyA, abortSignal: stop.signal }));
            let n = 0;
            for await (const p of s.fullStream) if (p.type === "text-delta" && ++n === 10) break;
            stop.abort();
            await abortedSoon(id, Date.now());
        },
    };
}

const stateless = { openai: { store: false, forceReasoning: true, reasoningEffort: "low", reasoningSummary: "auto", include: ["reasoning.encrypted_content"] } };
const thinking = { anthropic: { thinking: { type: "enabled", budgetTokens: 1024 }, structuredOutputMode: "outputFormat" } };
const named = { name: "tr", baseURL: base, includeUsage: true, supportsStructuredOutputs: true };
const old = { sdk: six, brief: { system: "Be brief." } };

export const families = {
    ai_openai: cases({ of: (apiKey) => createOpenAI({ baseURL: base, apiKey }), replays: true, options: stateless }),
    ai_openai_chat: cases({ of: (apiKey) => createOpenAI({ baseURL: base, apiKey }).chat, replays: false }),
    ai_compatible: cases({ of: (apiKey) => createOpenAICompatible({ ...named, apiKey }), replays: false }),
    ai_anthropic: cases({ of: (apiKey) => createAnthropic({ baseURL: base, apiKey }), replays: true, options: thinking }),
    ai6_openai: cases({ of: (apiKey) => createOpenAI6({ baseURL: base, apiKey }), replays: true, options: stateless, ...old }),
    ai6_compatible: cases({ of: (apiKey) => createOpenAICompatible6({ ...named, apiKey }), replays: false, ...old }),
    ai6_anthropic: cases({ of: (apiKey) => createAnthropic6({ baseURL: base, apiKey }), replays: true, options: thinking, ...old }),
    ...(native ? {} : {
        ai_openrouter: cases({ of: (apiKey) => createOpenRouter({ baseURL: host + "/api/v1", apiKey }), replays: true }),
    }),
};
