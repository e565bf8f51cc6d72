// OpenRouter's own SDK against /api/v1. It validates every member of an answer.

import assert from "node:assert/strict";
import { OpenRouter } from "@openrouter/sdk";
import * as errors from "@openrouter/sdk/models/errors";
import { tool } from "@openrouter/sdk/lib/tool.js";
import { stepCountIs } from "@openrouter/sdk/lib/stop-conditions.js";
import { z } from "zod";
import { badKey, calls, fresh, host, key, model, one, onlyA, plan, records, rejected, sleep } from "./rig.mjs";

const client = (apiKey = key) => new OpenRouter({ apiKey, serverURL: host + "/api/v1", retryConfig: { strategy: "none" } });
const user = (content) => [{ role: "user", content }];
const send = (chatRequest, c = client()) => c.chat.send({ chatRequest: { model, ...chatRequest } });
const tools = [
    tool({ name: "weather", description: "weather", inputSchema: z.object({ city: z.string() }), execute: async () => "sun" }),
    tool({ name: "traffic", description: "traffic", inputSchema: z.object({ city: z.string() }), execute: async ({ city }) => "fog in " + city }),
];

export const cases = {
    async text() {
        const id = fresh();
        const r = await send({ messages: user(plan(`id=${id}`, "say Hello \u20ac")) });
        assert.equal(r.choices[0].message.content, "Hello \u20ac");
        const record = await one(id);
        assert.deepEqual([r.usage.promptTokens, r.usage.completionTokens], [record.prompt, record.completion]);
        assert.ok(r.usage.cost > 0, `cost ${r.usage.cost}`);
    },
    async stream() {
        let text = "", usage;
        for await (const c of await send({ messages: user(plan("tokens=1", "say one two three")), stream: true })) {
            text += c.choices[0]?.delta.content ?? "";
            usage = c.usage ?? usage;
        }
        assert.equal(text, "one two three");
        assert.ok(usage.cost > 0);
    },
    async errors() {
        await rejected(send({ model: onlyA, messages: user(plan("fail=400", "say x")) }), (e) => e instanceof errors.BadRequestResponseError && e.error.code === 400, 400);
        await rejected(send({ model: onlyA, messages: user(plan("fail=429", "say x")) }), (e) => e instanceof errors.TooManyRequestsResponseError, 429);
        await rejected(send({ messages: user("x") }, client(badKey)), (e) => e instanceof errors.UnauthorizedResponseError, "key");
        await rejected(send({ model: "demo/nothing", messages: user("x") }), (e) => e instanceof errors.NotFoundResponseError, "model");
    },
    async error_inside_a_stream() {
        let error, text = "";
        for await (const c of await send({ model: onlyA, messages: user(plan("cadence_us=20000,error_at=4", "say one two three four five six")), stream: true })) {
            error = c.error ?? error;
            text += c.choices[0]?.delta.content ?? "";
        }
        assert.ok(error?.message, "no error in any chunk");
    },
    async call_model() {
        const id = fresh();
        const r = client().callModel({ model, input: plan(`id=${id}`, ...calls), tools, stopWhen: stepCountIs(4) });
        assert.equal(await r.getText(), 'The tools say "fog in K\u00f6ln".'); // this SDK sends results as JSON
        assert.deepEqual((await records(id)).map((x) => x.status), [200, 200]);
    },
    async models() {
        const { result } = await client().models.list();
        assert.ok(result.data.some((m) => m.id === model));
        assert.equal((await client().models.count()).data.count, result.totalCount);
        const { data } = await client().endpoints.list({ author: "demo", slug: "echo" });
        assert.deepEqual(data.endpoints.map((e) => e.modelId), [model, model]);
        assert.ok((await client().providers.list()).data.some((p) => p.slug === "demo-a"));
        assert.ok((await client().endpoints.listZdrEndpoints()).data.length > 0);
    },
    async account() {
        const { data } = await client().apiKeys.getCurrentKeyMetadata();
        assert.ok(data.usage >= 0 && data.isManagementKey === false);
        assert.ok((await client(process.env.TR_MANAGEMENT_KEY).credits.getCredits()).data.totalCredits > 0);
        await rejected(client().credits.getCredits(), (e) => e instanceof errors.ForbiddenResponseError, "credits");
    },
    async generation() {
        const { id, usage } = await send({ messages: user("Hello") });
        for (let i = 0; ; i++) {
            try {
                const { data } = await client().generations.getGeneration({ id });
                assert.deepEqual([data.model, data.nativeTokensPrompt, data.nativeTokensCompletion], [model, usage.promptTokens, usage.completionTokens]);
                return;
            } catch (e) { // it is there once its record has been booked
                if (!(e instanceof errors.NotFoundResponseError) || i === 40) throw e;
                await sleep(250);
            }
        }
    },
};
