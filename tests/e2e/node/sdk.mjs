// What an application sees: the unmodified openai package for Node, pointed at the data plane by nothing
// but baseURL, key and NODE_EXTRA_CA_CERTS. The demo provider's records are the other side of each claim.

import assert from "node:assert/strict";
import crypto from "node:crypto";
import OpenAI from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";

const { TR_BASE_URL, TR_API_KEY, TR_MOCK_URL } = process.env;
const model = "demo/echo";
const messages = [{ role: "user", content: "Hello" }];
const client = (options = {}) =>
    new OpenAI({ baseURL: TR_BASE_URL, apiKey: TR_API_KEY, maxRetries: 0, ...options });
const command = (words) => ({ mock: { "*": words } });
const fresh = () => "n" + crypto.randomBytes(6).toString("hex");
const sleep = (ms) => new Promise((r) => setTimeout(r, ms));

async function side(path) {
    return (await fetch(TR_MOCK_URL + path)).json();
}
async function one(id) {
    for (let i = 0; i < 100; i++) {
        const r = await side(`/mock/requests?id=${id}`);
        if (r.length && r[0].outcome !== "running") return r[0];
        await sleep(50);
    }
    throw new Error(`no finished record of ${id}`);
}

// Both providers answer and have answered well lately, whatever cases before have done to them.
async function well() {
    for (const name of ["demo-a", "demo-b"]) {
        const ask = () => client().chat.completions
            .create({ model, messages, provider: { order: [name, "demo-a", "demo-b"] }, ...command("tokens=1") }).withResponse()
            .then(({ response }) => response.headers.get("x-tr-provider") === name, () => false);
        let answers = false;
        for (let i = 0; i < 100 && !(answers = await ask()); i++) await sleep(200);
        assert.ok(answers, `${name} does not answer`);
        for (let i = 0; i < 20; i++) assert.ok(await ask(), name);
    }
}

// A stream that says something and then fails as the SDK tells of an error event: by APIError itself, where a refusal
// before the stream would be one of its subclasses.
async function fails(words) {
    let text = "";
    await well();
    await assert.rejects(async () => {
        for await (const c of await client().chat.completions.create({ model, messages, stream: true, ...command(words) }))
            text += c.choices[0].delta.content ?? "";
    }, (e) => e.constructor === OpenAI.APIError, words);
    assert.equal(text, "the cat sat ", words);
}

const cases = {
    // The TypeScript call of the reference's page on Synth, word for word but for baseURL.
    async synth_as_printed() {
        process.env.TRUSTEDROUTER_API_KEY = TR_API_KEY;
        const client = new OpenAI({
            apiKey: process.env.TRUSTEDROUTER_API_KEY,
            baseURL: TR_BASE_URL,
        });

        const result = await client.chat.completions.create({
            model: "trustedrouter/synth",
            messages: [{ role: "user", content: "Give the best answer." }],
        });

        assert.match(result.choices[0].message.content, /Give the best answer\./); // the demo panel's models repeat it
        assert.equal(result.model, "trustedrouter/synth");
    },

    async text() {
        const id = fresh();
        const r = await client().chat.completions.create({ model, messages, ...command(`tokens=12,id=${id}`) });
        assert.equal(r.model, model);
        assert.equal(r.choices[0].message.content, "the cat sat on  a   mat and the dog ate it  all ");
        assert.equal(r.choices[0].finish_reason, "stop");
        assert.ok(r._request_id, "x-request-id");
        const record = await one(id);
        assert.deepEqual([r.usage.prompt_tokens, r.usage.completion_tokens], [record.prompt, 12]);
    },

    async stream() {
        const id = fresh();
        let text = "", usage = null;
        const finish = [];
        for await (const c of await client().chat.completions.create({
            model, messages, stream: true, stream_options: { include_usage: true }, ...command(`tokens=20,id=${id}`),
        })) {
            assert.equal(c.model, model);
            usage = c.usage ?? usage;
            for (const choice of c.choices) {
                text += choice.delta.content ?? "";
                if (choice.finish_reason) finish.push(choice.finish_reason);
            }
        }
        assert.equal(text.length, 80);
        assert.deepEqual(finish, ["stop"]);
        assert.deepEqual([usage.prompt_tokens, usage.completion_tokens], [(await one(id)).prompt, 20]);
    },

    async stream_without_usage() {
        let chunks = 0;
        for await (const c of await client().chat.completions.create({ model, messages, stream: true, ...command("tokens=16") })) {
            chunks++;
            assert.ok(!("usage" in c), "usage nobody asked for");
            assert.ok(!("error" in c) && !("system_fingerprint" in c && c.system_fingerprint === null));
            assert.equal(c.choices.length, 1);
        }
        assert.ok(chunks > 10, `${chunks} chunks`);
    },

    // The helper checks the whole stream's shape and throws on what is not canonical.
    async stream_helper() {
        for (const words of ["tokens=9,azure,usage=null", "tokens=9,norole", "tokens=9,usage=bare", "tokens=9,nodone,usage=finish", "tokens=9,crlf,comments"]) {
            const s = client().chat.completions.stream({ model, messages, ...command(words) });
            const final = await s.finalChatCompletion();
            assert.equal(final.choices[0].message.content.length, 36, words);
        }
    },

    async tools_in_parallel() {
        const tools = ["weather", "traffic"].map((name) => ({
            type: "function",
            function: {
                name, strict: true,
                parameters: { type: "object", properties: { city: { type: "string" }, days: { type: "integer" } }, required: ["city", "days"], additionalProperties: false },
            },
        }));
        const s = client().chat.completions.stream({ model, messages, tools, ...command("args=3") });
        let pieces = 0;
        s.on("tool_calls.function.arguments.delta", () => pieces++);
        const m = (await s.finalChatCompletion()).choices[0].message;
        assert.deepEqual(m.tool_calls.map((t) => t.function.name), ["weather", "traffic"]);
        for (const t of m.tool_calls) assert.deepEqual(JSON.parse(t.function.arguments), { city: "sample", days: 7 });
        assert.ok(pieces > 10, `only ${pieces} pieces`);
        const r = await client().chat.completions.create({
            model, tools,
            messages: [...messages, { role: "assistant", content: null, tool_calls: m.tool_calls },
                ...m.tool_calls.map((t) => ({ role: "tool", tool_call_id: t.id, content: "{}" }))],
        });
        assert.equal(r.choices[0].finish_reason, "stop");
    },

    async structured_output() {
        const Plan = z.object({ title: z.string(), steps: z.array(z.object({ why: z.string(), weight: z.number() })), done: z.boolean() });
        const r = await client().chat.completions.parse({ model, messages, response_format: zodResponseFormat(Plan, "plan") });
        assert.deepEqual(r.choices[0].message.parsed, { title: "sample", steps: [{ why: "sample", weight: 7.5 }], done: true });
    },

    async image_part_untouched() {
        const url = "data:image/png;base64," + crypto.randomBytes(90000).toString("base64");
        const m = [{ role: "user", content: [{ type: "text", text: "What?" }, { type: "image_url", image_url: { url, detail: "low" } }] }];
        await client().chat.completions.create({ model: "demo/only-a", messages: m });
        const body = await (await fetch(TR_MOCK_URL + "/mock/last-request/demo-a")).text();
        assert.deepEqual(JSON.parse(body).messages, m);
    },

    async error_class_per_status() {
        const only = { provider: { only: ["demo-a"] } };
        for (const [status, kind] of [[400, OpenAI.BadRequestError], [429, OpenAI.RateLimitError], [500, OpenAI.InternalServerError], [503, OpenAI.InternalServerError]]) {
            await assert.rejects(client().chat.completions.create({ model, messages, ...only, ...command(`fail=${status}`) }),
                (e) => e instanceof kind && Boolean(e.requestID && e.error?.message && e.type), `${status}`);
        }
        await assert.rejects(client({ apiKey: "sk-tr-v1-" + "y".repeat(43) }).chat.completions.create({ model, messages }), OpenAI.AuthenticationError);
        await assert.rejects(client().chat.completions.create({ model: "demo/nothing", messages }), (e) => e instanceof OpenAI.NotFoundError && e.code === "model_not_found");
        await assert.rejects(client().chat.completions.create({ model, messages: [] }), (e) => e instanceof OpenAI.BadRequestError && e.param === "messages");
    },

    async error_inside_a_stream() {
        await fails("tokens=9,cadence_us=50000,error_at=4");
    },

    async truncated_stream_is_an_error() {
        for (const fault of ["close_at=4", "rst_at=4", "cut_at=4"]) {
            await fails("tokens=9,cadence_us=50000," + fault);
        }
    },

    async a_receipt_is_no_trouble() {
        for (const headers of [{}, { te: "trailers" }]) {
            const { data, response } = await client({ defaultHeaders: headers }).chat.completions
                .create({ model, messages, stream: true, ...command("tokens=12") }).withResponse();
            let text = "";
            for await (const c of data) text += c.choices[0]?.delta.content ?? "";
            assert.equal(text.length, 48);
            assert.match(response.headers.get("x-receipt-id"), /^rcpt-[0-9a-f]{32}$/);
        }
    },

    async retries_obey_our_headers() {
        let id = fresh();
        const began = Date.now();
        await client({ maxRetries: 2 }).chat.completions.create({ model, messages, ...command(`fail=429,retry_after=1,times=2,id=${id}`) });
        const waited = Date.now() - began;
        assert.deepEqual((await side(`/mock/requests?id=${id}`)).map((r) => r.status), [429, 429, 200]);
        assert.ok(waited > 900 && waited < 10000, `waited ${waited} ms for a retry-after of 1 s`);
        id = fresh();
        await assert.rejects(client({ maxRetries: 2 }).chat.completions.create({ model: "demo/only-a", messages, ...command(`fail=400,id=${id}`) }), OpenAI.BadRequestError);
        assert.equal((await side(`/mock/requests?id=${id}`)).length, 1, "a 400 was repeated");
    },

    async abort_closes_upstream() {
        const id = fresh();
        const s = await client().chat.completions.create({ model: "demo/only-a", messages, stream: true, ...command(`tokens=3000,cadence_us=10000,id=${id}`) });
        let n = 0;
        for await (const _ of s) if (++n === 20) break;
        s.controller.abort();
        const closed = Date.now();
        const record = await one(id);
        assert.equal(record.outcome, "aborted");
        assert.ok(record.end_us / 1000 - closed < 1000, `closed ${record.end_us / 1000 - closed} ms later`);
    },

    async fifty_calls_two_connections() {
        const total = (c) => Object.values(c).reduce((n, x) => n + x.connections, 0);
        const api = client();
        const before = await side("/mock/counters");
        for (let i = 0; i < 50; i++) await api.chat.completions.create({ model: "demo/only-a", messages });
        const after = await side("/mock/counters");
        // fetch() may have opened one more of its own to read the counters.
        assert.ok(total(after) - total(before) - 1 <= 2, `${total(after) - total(before) - 1} connections`);
    },

    async models() {
        const ids = [];
        for await (const m of client().models.list()) ids.push(m.id);
        assert.ok(ids.includes(model), ids.join());
    },
};

let failed = 0;
for (const [name, run] of Object.entries(cases)) {
    if (process.argv[2] && !name.includes(process.argv[2])) continue;
    try {
        await run();
        console.log(`ok node_${name}`);
    } catch (e) {
        console.log(String(e.stack ?? e).split("\n").slice(0, 12).map((l) => "# " + l).join("\n"));
        console.log(`not ok node_${name}`);
        failed++;
    }
}
process.exit(failed ? 1 : 0);
