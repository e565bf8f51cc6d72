// The openai package: chat completions and Responses.

import assert from "node:assert/strict";
import OpenAI, { AzureOpenAI, toFile } from "openai";
import { zodResponseFormat, zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";
import { abortedSoon, badKey, base, calls, city, embedder, fresh, host, key, lastBody, model, native, odd, one, onlyA, plan, PNG, records, rejected, TEN } from "./rig.mjs";

export const client = (options = {}) => new OpenAI({ baseURL: base, apiKey: key, maxRetries: 0, ...options });
const user = (content) => [{ role: "user", content }];
const Plan = z.object({ title: z.string(), steps: z.array(z.object({ why: z.string(), weight: z.number() })), done: z.boolean() });
const planned = { title: "sample", steps: [{ why: "sample", weight: 7.5 }], done: true };
const image = "data:image/png;base64," + PNG;

const chatTools = ["weather", "traffic"].map((name) => ({ type: "function", function: { name, strict: true, parameters: city } }));
const flatTools = ["weather", "traffic"].map((name) => ({ type: "function", name, strict: true, parameters: city }));
const statuses = [[400, OpenAI.BadRequestError], [429, OpenAI.RateLimitError], [500, OpenAI.InternalServerError], [503, OpenAI.InternalServerError]];

// What an application that streams chat keeps of a message: the deltas put together.
async function collected(stream) {
    const message = { role: "assistant", content: "", tool_calls: [], reasoning_details: [] };
    let finish, usage;
    for await (const c of stream) {
        usage = c.usage ?? usage;
        const delta = c.choices[0]?.delta ?? {};
        finish = c.choices[0]?.finish_reason ?? finish;
        message.content += delta.content ?? "";
        for (const d of delta.reasoning_details ?? []) {
            const have = message.reasoning_details.find((x) => x.index === d.index && x.type === d.type);
            if (have) Object.assign(have, d, { text: (have.text ?? "") + (d.text ?? "") });
            else message.reasoning_details.push({ ...d });
        }
        for (const t of delta.tool_calls ?? []) {
            const have = (message.tool_calls[t.index] ??= { id: t.id, type: "function", function: { name: t.function.name, arguments: "" } });
            have.function.arguments += t.function.arguments ?? "";
        }
    }
    return { message, finish, usage };
}

async function chatLoop(stream) {
    const id = fresh();
    const messages = user(plan(`replay,id=${id}`, ...calls));
    for (let turn = 0; turn < 2; turn++) {
        const r = await client().chat.completions.create({ model, messages, tools: chatTools, stream, ...(stream && { stream_options: { include_usage: true } }) });
        const { message, finish } = stream ? await collected(r) : { message: r.choices[0].message, finish: r.choices[0].finish_reason };
        messages.push(message);
        if (turn === 1) {
            assert.equal(finish, "stop");
            assert.equal(message.content, "The tools say fog in K\u00f6ln.");
            continue;
        }
        assert.equal(finish, "tool_calls");
        assert.deepEqual(message.tool_calls.map((t) => [t.function.name, JSON.parse(t.function.arguments)]),
            [["weather", { city: "Z\u00fcrich" }], ["traffic", { city: "K\u00f6ln" }]]);
        assert.equal(message.reasoning_details[0].text, "I need both.");
        messages.push(...message.tool_calls.map((t) => ({ role: "tool", tool_call_id: t.id, content: t.function.name === "weather" ? "sun" : "fog in K\u00f6ln" })));
    }
    assert.deepEqual((await records(id)).map((r) => r.status), [200, 200]);
}

export const chat = {
    loop_with_reasoning: () => chatLoop(false),
    loop_with_reasoning_streamed: () => chatLoop(true),
    async loop_without_reasoning_is_refused() {
        const messages = user(plan("replay,id=" + fresh(), ...calls));
        const { choices: [{ message: m }] } = await client().chat.completions.create({ model, messages, tools: chatTools });
        const { reasoning_details: _, ...rest } = m;
        messages.push(rest, ...m.tool_calls.map((t) => ({ role: "tool", tool_call_id: t.id, content: "x" })));
        await rejected(client().chat.completions.create({ model: onlyA, messages, tools: chatTools }), (e) => e instanceof OpenAI.BadRequestError, "unsigned");
    },
    async odd_providers() {
        if (native) return;
        await Promise.all(odd.map(async (words) => {
            const r = await client().chat.completions.stream({ model: onlyA, messages: user(plan(words, "think Hm.", "say " + TEN)) }).finalChatCompletion();
            assert.deepEqual([r.choices[0].finish_reason, r.choices[0].message.content], ["stop", TEN], words);
        }));
    },
    async structured_output() {
        const r = await client().chat.completions.parse({ model, messages: user("plan"), response_format: zodResponseFormat(Plan, "plan") });
        assert.deepEqual(r.choices[0].message.parsed, planned);
    },
};

async function responsesLoop(stream) {
    const id = fresh();
    const input = [{ role: "user", content: plan(`replay,id=${id}`, ...calls) }];
    const ask = () => ({ model, input, tools: flatTools, store: false, include: ["reasoning.encrypted_content"], reasoning: { effort: "low", summary: "auto" } });
    const get = async () => (stream ? client().responses.stream(ask()).finalResponse() : client().responses.create(ask()));
    const first = await get();
    assert.deepEqual(first.output.map((o) => o.type), ["reasoning", "function_call", "function_call"]);
    assert.equal(first.output[0].summary[0].text, "I need both.");
    assert.ok(first.output[0].encrypted_content);
    assert.deepEqual(first.output.slice(1).map((o) => [o.name, JSON.parse(o.arguments)]), [["weather", { city: "Z\u00fcrich" }], ["traffic", { city: "K\u00f6ln" }]]);
    input.push(...first.output);
    for (const o of first.output.slice(1))
        input.push({ type: "function_call_output", call_id: o.call_id, output: o.name === "weather" ? "sun" : "fog in K\u00f6ln" });
    const second = await get();
    assert.equal(second.status, "completed");
    assert.equal(second.output_text, "The tools say fog in K\u00f6ln.");
    assert.deepEqual((await records(id)).map((r) => r.status), [200, 200]);
}

export const responses = {
    async text() {
        const id = fresh();
        const r = await client().responses.create({ model, input: plan(`id=${id}`, "say Hello \u20ac \u{1F600}"), instructions: "Be brief." });
        assert.equal(r.output_text, "Hello \u20ac \u{1F600}");
        assert.deepEqual([r.object, r.status, r.model], ["response", "completed", model]);
        const record = await one(id);
        assert.deepEqual([r.usage.input_tokens, r.usage.output_tokens], [record.prompt, record.completion]);
        if (!native) assert.ok(r._request_id, "x-request-id");
    },
    async stream() {
        const types = [];
        let text = "", sequence = -1, done;
        for await (const e of await client().responses.create({ model, input: plan("tokens=1", "think Hm.", "say one two three"), stream: true })) {
            types.push(e.type);
            assert.ok(e.sequence_number > sequence, `${e.type} ${e.sequence_number}`);
            sequence = e.sequence_number;
            if (e.type === "response.output_text.delta") text += e.delta;
            if (e.type === "response.completed") done = e.response;
        }
        assert.equal(text, "one two three");
        assert.deepEqual(types.slice(0, 2), ["response.created", "response.in_progress"]);
        assert.equal(types.at(-1), "response.completed");
        assert.deepEqual(done.output.map((o) => o.type), ["reasoning", "message"]);
        assert.ok(done.usage.output_tokens > 0);
    },
    loop_with_reasoning: () => responsesLoop(false),
    loop_with_reasoning_streamed: () => responsesLoop(true),
    async structured_output() {
        const r = await client().responses.parse({ model, input: "plan", text: { format: zodTextFormat(Plan, "plan") } });
        assert.deepEqual(r.output_parsed, planned);
    },
    async image() {
        await client().responses.create({ model: onlyA, input: user([{ type: "input_text", text: "What?" }, { type: "input_image", image_url: image, detail: "low" }]) });
        assert.ok((await lastBody()).includes(image));
    },
    async odd_providers() {
        if (native) return;
        await Promise.all(odd.map(async (words) => {
            const r = await client().responses.stream({ model: onlyA, input: plan(words, "think Hm.", "say " + TEN) }).finalResponse();
            assert.deepEqual([r.status, r.output.map((o) => o.type), r.output[1].content[0].text], ["completed", ["reasoning", "message"], TEN], words);
        }));
    },
    async cut_by_its_limit() {
        const r = await client().responses.create({ model, input: "x".repeat(400), max_output_tokens: 16 });
        assert.deepEqual([r.status, r.incomplete_details?.reason, r.output_text], ["incomplete", "max_output_tokens", "x".repeat(64)]);
    },
    async error_class_per_status() {
        for (const [status, kind] of statuses)
            await rejected(client().responses.create({ model: onlyA, input: plan(`fail=${status}`, "say x") }), (e) => e instanceof kind && e.error?.message, status);
        if (native) return;
        await rejected(client({ apiKey: badKey }).responses.create({ model, input: "x" }), (e) => e instanceof OpenAI.AuthenticationError, "key");
        await rejected(client().responses.create({ model: "demo/nothing", input: "x" }), (e) => e instanceof OpenAI.NotFoundError && e.code === "model_not_found", "model");
        await rejected(client().responses.create({ model, input: "x", previous_response_id: "resp_1" }), (e) => e instanceof OpenAI.BadRequestError && e.param === "previous_response_id", "state");
    },
    async truncated_stream_is_an_error() {
        for (const fault of ["close_at=4", "rst_at=4", "cut_at=4", "error_at=4"]) {
            const s = client().responses.create({ model: onlyA, input: plan(`cadence_us=20000,${fault}`, "say one two three four five six seven"), stream: true });
            await rejected((async () => {
                let last;
                for await (const e of await s) last = e;
                if (native && last.type !== "response.completed") throw new Error("cut"); // what the SDK leaves to its user
                assert.fail(`ended with ${last.type}`);
            })(), (e) => !(e instanceof assert.AssertionError), fault);
        }
    },
    async retries() {
        const id = fresh();
        const r = await client({ maxRetries: 2 }).responses.create({ model: onlyA, input: plan(`id=${id},fail=429,retry_after_ms=50,times=2`, "say after all") });
        assert.equal(r.output_text, "after all");
        assert.deepEqual((await records(id)).map((x) => x.status), [429, 429, 200]);
    },
    async abort_closes_upstream() {
        const id = fresh();
        const s = await client().responses.create({ model: onlyA, input: plan(`id=${id},cadence_us=10000`, "say " + "word ".repeat(500)), stream: true });
        let n = 0;
        for await (const e of s) if (e.type === "response.output_text.delta" && ++n === 10) break;
        s.controller.abort();
        await abortedSoon(id, Date.now());
    },
};

export const others = {
    // Azure's class: the key in a header of its own, api-version in the query, and with an endpoint the model in the path.
    async azure() {
        if (native) return;
        const where = [{ baseURL: base }, { endpoint: host }];
        for (const options of where) {
            const azure = new AzureOpenAI({ apiKey: key, apiVersion: "2024-10-21", maxRetries: 0, ...options });
            const r = await azure.chat.completions.create({ model, messages: user(plan("", "say Hello")) });
            assert.equal(r.choices[0].message.content, "Hello", JSON.stringify(options));
        }
        const wrong = new AzureOpenAI({ apiKey: badKey, apiVersion: "2024-10-21", maxRetries: 0, baseURL: base });
        await rejected(wrong.chat.completions.create({ model, messages: user("x") }), (e) => e instanceof OpenAI.AuthenticationError, "key");
    },
    async completions() {
        const prompt = "def f(";
        const r = await client().completions.create({ model, prompt, max_tokens: 50 });
        assert.deepEqual([r.object, r.choices[0].text, r.choices[0].finish_reason], ["text_completion", prompt, "stop"]);
        let text = "", usage;
        for await (const c of await client().completions.create({ model, prompt, stream: true, stream_options: { include_usage: true } })) {
            text += c.choices[0]?.text ?? "";
            usage = c.usage ?? usage;
        }
        assert.deepEqual([text, usage], [prompt, r.usage]);
    },
    async embeddings() {
        // Without a word of its caller's the package asks for base64 and decodes it.
        const [packed, plain] = await Promise.all([undefined, "float"].map((encoding_format) =>
            client().embeddings.create({ model: embedder, input: ["a", "b"], dimensions: 24, encoding_format })));
        assert.deepEqual(packed.data.map((d) => d.embedding.length), [24, 24]);
        assert.deepEqual(packed.data.map((d) => d.embedding), plain.data.map((d) => d.embedding));
        assert.ok(packed.usage.prompt_tokens > 0);
        assert.equal(packed.model, embedder);
    },
    async embeddings_of_a_provider_without_base64() {
        const ask = { model: embedder, input: ["a", "b"], dimensions: 24 };
        const [packed, floats] = await Promise.all([ask, { ...ask, mock: { "*": "floats" } }].map((a) => client().embeddings.create(a)));
        assert.deepEqual(floats.data.map((d) => d.embedding), packed.data.map((d) => d.embedding));
    },
    async embeddings_of_many() {
        const input = Array.from({ length: 300 }, (_, i) => `text ${i}`);
        const all = await client().embeddings.create({ model: embedder, input });
        assert.deepEqual(all.data.map((d) => d.index), input.map((_, i) => i));
        const [one] = (await client().embeddings.create({ model: embedder, input: input[217] })).data;
        assert.deepEqual(all.data[217].embedding, one.embedding);
        const ids = await client().embeddings.create({ model: embedder, input: [[1, 2, 3], [4]] });
        assert.equal(ids.data.length, 2);
        assert.deepEqual((await client().embeddings.create({ model: embedder, input: [1, 2, 3] })).data[0].embedding, ids.data[0].embedding);
    },
    async images() {
        const made = await client().images.generate({ model: "demo/image", prompt: "a cat", n: 2, size: "1024x1024", response_format: "b64_json" });
        assert.deepEqual(made.data.map((d) => Buffer.from(d.b64_json, "base64").subarray(1, 4).toString()), ["PNG", "PNG"]);
        const image = await toFile(Buffer.from(PNG, "base64"), "a.png", { type: "image/png" });
        const edited = await client().images.edit({ model: "demo/image-tokens", image: [image, image], mask: image, prompt: "x", quality: "high" });
        assert.deepEqual([edited.data.length, edited.usage.output_tokens], [1, 272]);
        if (!native) await rejected(client().images.generate({ model, prompt: "a cat" }), (e) => e instanceof OpenAI.NotFoundError, "a model of chat");
    },
    async speech_and_its_transcript() {
        const said = await client().audio.speech.create({ model: "demo/speech", voice: "alloy", input: "hello", response_format: "wav" });
        assert.equal(said.headers.get("content-type"), "audio/wav");
        const wav = Buffer.from(await said.arrayBuffer());
        assert.equal(wav.subarray(0, 4).toString(), "RIFF");
        const ask = async (more) => client().audio.transcriptions.create({ model: "demo/transcribe", file: await toFile(wav, "a.wav"), ...more });
        assert.equal((await ask()).text, `You sent ${wav.length} bytes.`);
        assert.ok((await ask({ response_format: "verbose_json", timestamp_granularities: ["word", "segment"] })).duration > 0);
        assert.ok((await ask({ response_format: "srt" })).startsWith("1\n00:00:00,000"));
        assert.equal((await client().audio.translations.create({ model: "demo/transcribe", file: await toFile(wav, "a.wav") })).text, `You sent ${wav.length} bytes.`);
    },
    async moderations() {
        const r = await client().moderations.create({ model: "demo/moderate", input: ["a", "b"] });
        assert.deepEqual(r.results.map((x) => x.flagged), [false, false]);
    },
};
