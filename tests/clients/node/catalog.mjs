// Models and providers as unmodified Node SDKs read them; each validates, pages or builds paths in its own way. Run by
// tests/e2e/catalog.py.

import assert from "node:assert/strict";
import Anthropic from "@anthropic-ai/sdk";
import OlderAnthropic from "anthropic-2023";
import { OpenRouter } from "@openrouter/sdk";
import * as errors from "@openrouter/sdk/models/errors";
import OpenAI, { AzureOpenAI } from "openai";

const { TR_BASE_URL, TR_API_KEY } = process.env;
const host = TR_BASE_URL.replace(/\/v1$/, "");
const model = "demo/echo";
const retryConfig = { strategy: "none" };
const openrouter = (apiKey = TR_API_KEY) => new OpenRouter({ apiKey, serverURL: host + "/api/v1", retryConfig });
const messages = [{ role: "user", content: "Hello" }];
const slug = { author: "demo", slug: "echo" };

const cases = {
    async openrouter_models() {
        const r = await openrouter().models.list();
        const echo = r.result.data.find((m) => m.id === model);
        assert.ok(echo.pricing.prompt > 0 && echo.supportedParameters.includes("tools"));
        assert.equal(r.result.totalCount, r.result.data.length);
        let n = 0;
        for await (const page of await openrouter().models.list({ limit: 1, sort: "newest" })) n += page.result.data.length;
        assert.equal(n, r.result.totalCount);
        assert.deepEqual((await openrouter().models.list({ q: "echo", zdr: "true" })).result.data.map((m) => m.id), [model]);
    },
    async openrouter_pages() {
        const or = openrouter();
        assert.equal((await or.models.get(slug)).data.id, model);
        assert.ok((await or.models.count()).data.count > 0);
        const of = await or.endpoints.list(slug);
        assert.deepEqual(of.data.endpoints.map((e) => e.tag).sort(), ["demo-a", "demo-b"]);
        assert.ok((await or.endpoints.listZdrEndpoints()).data.length > 0);
        assert.ok((await or.providers.list()).data.some((p) => p.slug === "demo-a"));
        assert.deepEqual((await or.embeddings.listModels()).result.data.map((m) => m.id), ["demo/embed"]);
        assert.ok((await or.models.listForUser({ bearer: TR_API_KEY })).result.data.length > 0);
    },
    async openrouter_metadata() {
        const chat = (chatRequest) => openrouter().chat.send({ xOpenRouterMetadata: "enabled",
            appTitle: "an app", httpReferer: "https://app.example/", chatRequest: { model, messages, ...chatRequest } });
        const told = (m) => assert.deepEqual([m.requested, m.strategy, m.attempt, m.attempts.at(-1).status], [model, "direct", m.attempts.length, 200]);
        told((await chat({})).openrouterMetadata);
        let last;
        for await (const c of await chat({ stream: true })) last = c;
        told(last.openrouterMetadata);
        assert.ok(last.usage.cost > 0); // one chunk has both
    },
    async openrouter_errors() {
        await assert.rejects(openrouter().models.get({ author: "no", slug: "such" }), errors.NotFoundResponseError);
        await assert.rejects(openrouter().endpoints.list({ author: "no", slug: "such" }), errors.NotFoundResponseError);
        await assert.rejects(openrouter().models.list({ category: "programming" }), errors.BadRequestResponseError);
        await assert.rejects(openrouter().models.listForUser({ bearer: "sk-tr-v1-" + "A".repeat(43) }),
            errors.UnauthorizedResponseError);
    },
    async openai_models() {
        const client = new OpenAI({ baseURL: TR_BASE_URL, apiKey: TR_API_KEY, maxRetries: 0 });
        const all = [];
        for await (const m of client.models.list()) all.push(m.id);
        assert.ok(all.includes(model));
        assert.equal((await client.models.retrieve(model)).owned_by, "demo");
        await assert.rejects(client.models.retrieve("no/such"), OpenAI.NotFoundError);
        await assert.rejects(client.files.list(), (e) => e instanceof OpenAI.NotFoundError && e.code === "not_stored");
        await assert.rejects(client.files.create({ file: new File(["x".repeat(300000)], "a.txt"), purpose: "assistants" }),
            (e) => e instanceof OpenAI.NotFoundError && e.code === "not_stored");
    },
    async azure() {
        const auth = { apiKey: TR_API_KEY, apiVersion: "2024-10-21", maxRetries: 0 };
        for (const place of [{ endpoint: host }, { baseURL: TR_BASE_URL }, { baseURL: host + "/openai/v1" },
            { endpoint: host, deployment: model }]) {
            const client = new AzureOpenAI({ ...auth, ...place });
            const r = await client.chat.completions.create({ model, messages });
            assert.equal(r.choices[0].message.content, "Hello", JSON.stringify(place));
            let text = "";
            for await (const c of await client.chat.completions.create({ model, messages, stream: true }))
                text += c.choices[0]?.delta.content ?? "";
            assert.equal(text, "Hello", JSON.stringify(place));
        }
        assert.ok((await new AzureOpenAI({ ...auth, endpoint: host }).models.list()).data.some((m) => m.id === model));
        await assert.rejects(new AzureOpenAI({ ...auth, apiKey: "x", endpoint: host })
            .chat.completions.create({ model, messages }), OpenAI.AuthenticationError);
    },
    async anthropic_models() {
        for (const Client of [Anthropic, OlderAnthropic]) {
            const client = new Client({ baseURL: host, apiKey: TR_API_KEY, maxRetries: 0 });
            const all = [];
            for await (const m of client.models.list({ limit: 1 })) all.push(m);
            assert.ok(all.length > 1);
            const echo = all.find((m) => m.id === model);
            assert.equal(echo.type, "model");
            assert.ok(Date.parse(echo.created_at) > 0);
            assert.deepEqual(await client.models.retrieve(model), echo);
            await assert.rejects(client.models.retrieve("no/such"), Client.NotFoundError);
        }
    },
};

for (const [name, run] of Object.entries(cases)) {
    try {
        await run();
        console.log("ok " + name);
    } catch (e) {
        console.log(String(e.stack).split("\n").slice(0, 8).map((l) => "# " + l).join("\n"));
        console.log("not ok " + name);
        process.exitCode = 1;
    }
}
