// Anthropic's SDK: the newest (2026-10-21, key as Bearer) and the last of the version before (2023-06-01, x-api-key).

import assert from "node:assert/strict";
import Newest from "@anthropic-ai/sdk";
import Before from "anthropic-2023";
import { abortedSoon, badKey, calls, city, fresh, host, key, lastBody, model, native, odd, one, onlyA, plan, PNG, records, rejected, TEN } from "./rig.mjs";

const tools = ["weather", "traffic"].map((name) => ({ name, description: `The ${name} of a city`, input_schema: city }));
const thinking = { type: "adaptive" };

function cases(Anthropic) {
    const client = (options = {}) => new Anthropic({ baseURL: host, apiKey: key, maxRetries: 0, ...options });
    const request = (content, more = {}) => ({ model, max_tokens: 1024, messages: [{ role: "user", content }], ...more });

    async function loop(stream) {
        const id = fresh();
        const ask = request(plan(`replay,id=${id}`, ...calls), { tools, thinking });
        const get = () => (stream ? client().messages.stream(ask).finalMessage() : client().messages.create(ask));
        const first = await get();
        assert.equal(first.stop_reason, "tool_use");
        assert.deepEqual(first.content.map((b) => b.type), ["thinking", "tool_use", "tool_use"]);
        assert.equal(first.content[0].thinking, "I need both.");
        assert.ok(first.content[0].signature);
        assert.deepEqual(first.content.slice(1).map((b) => [b.name, b.input]), [["weather", { city: "Z\u00fcrich" }], ["traffic", { city: "K\u00f6ln" }]]);
        ask.messages.push({ role: "assistant", content: first.content });
        ask.messages.push({
            role: "user", content: first.content.slice(1).map((b) => ({
                type: "tool_result", tool_use_id: b.id, content: b.name === "weather" ? "sun" : [{ type: "text", text: "fog in K\u00f6ln" }],
            })),
        });
        const second = await get();
        assert.equal(second.stop_reason, "end_turn");
        assert.equal(second.content.find((b) => b.type === "text").text, "The tools say fog in K\u00f6ln.");
        assert.deepEqual((await records(id)).map((r) => r.status), [200, 200]);
    }

    return {
        async text() {
            const id = fresh();
            const r = await client().messages.create(request(plan(`id=${id}`, "say Hello \u20ac \u{1F600}"), { system: "Be brief." }));
            assert.deepEqual([r.type, r.role, r.model, r.stop_reason], ["message", "assistant", model, "end_turn"]);
            assert.equal(r.content[0].text, "Hello \u20ac \u{1F600}");
            const record = await one(id);
            assert.deepEqual([r.usage.input_tokens, r.usage.output_tokens], [record.prompt, record.completion]);
            if (!native) assert.ok(r._request_id, "request-id");
        },
        async stream() {
            const id = fresh();
            const s = client().messages.stream(request(plan(`id=${id}`, "think Hm.", "say one two three"), { thinking, system: [{ type: "text", text: "Be brief.", cache_control: { type: "ephemeral" } }] }));
            let text = "", thoughts = "";
            s.on("text", (t) => (text += t));
            s.on("thinking", (t) => (thoughts += t));
            const m = await s.finalMessage();
            assert.deepEqual([text, thoughts, m.content.map((b) => b.type)], ["one two three", "Hm.", ["thinking", "text"]]);
            assert.equal(m.usage.output_tokens, (await one(id)).completion);
        },
        loop_with_thinking: () => loop(false),
        loop_with_thinking_streamed: () => loop(true),
        async loop_without_thinking_is_refused() {
            const ask = request(plan("replay,id=" + fresh(), ...calls), { model: onlyA, tools, thinking });
            const first = await client().messages.create(ask);
            ask.messages.push({ role: "assistant", content: first.content.slice(1) }, {
                role: "user", content: first.content.slice(1).map((b) => ({ type: "tool_result", tool_use_id: b.id, content: "x" })),
            });
            await rejected(client().messages.create(ask), (e) => e instanceof Anthropic.BadRequestError, "unsigned");
        },
        async structured_output() {
            const schema = { type: "object", properties: { title: { type: "string" }, done: { type: "boolean" } }, required: ["title", "done"], additionalProperties: false };
            const r = await client().messages.create(request("plan", { output_config: { format: { type: "json_schema", schema } } }));
            assert.deepEqual(JSON.parse(r.content[0].text), { title: "sample", done: true });
        },
        async image() {
            await client().messages.create(request([{ type: "image", source: { type: "base64", media_type: "image/png", data: PNG } }, { type: "text", text: "What?" }], { model: onlyA }));
            assert.ok((await lastBody()).includes(PNG));
        },
        async odd_providers() {
            if (native) return;
            await Promise.all(odd.map(async (words) => {
                const m = await client().messages.stream(request(plan(words, "think Hm.", "say " + TEN), { model: onlyA, thinking })).finalMessage();
                assert.deepEqual([m.stop_reason, m.content.map((b) => b.text ?? b.thinking)], ["end_turn", ["Hm.", TEN]], words);
            }));
        },
        async cut_by_its_limit() {
            const r = await client().messages.create(request("x".repeat(400), { max_tokens: 16 }));
            assert.deepEqual([r.stop_reason, r.content[0].text], ["max_tokens", "x".repeat(64)]);
        },
        async error_class_per_status() {
            const kinds = [[400, Anthropic.BadRequestError], [429, Anthropic.RateLimitError], [500, Anthropic.InternalServerError], [529, Anthropic.InternalServerError]];
            for (const [status, kind] of kinds)
                await rejected(client().messages.create(request(plan(`fail=${status}`, "say x"), { model: onlyA })),
                    (e) => e instanceof kind && e.error?.type === "error" && e.error.error.message, status);
            if (native) return;
            await rejected(client({ apiKey: badKey }).messages.create(request("x")), (e) => e instanceof Anthropic.AuthenticationError, "key");
            await rejected(client().messages.create(request("x", { model: "demo/nothing" })), (e) => e instanceof Anthropic.NotFoundError && e.error.error.type === "not_found_error", "model");
            await rejected(client().messages.create(request("x", { messages: [] })), (e) => e instanceof Anthropic.BadRequestError, "no messages");
        },
        async truncated_stream_is_an_error() {
            for (const fault of ["close_at=4", "rst_at=4", "cut_at=4", "error_at=4"])
                await rejected(client().messages.stream(request(plan(`cadence_us=20000,${fault}`, "say one two three four five six seven"), { model: onlyA })).finalMessage(), () => true, fault);
        },
        async retries() {
            const id = fresh();
            const r = await client({ maxRetries: 2 }).messages.create(request(plan(`id=${id},fail=529,retry_after_ms=50,times=2`, "say after all"), { model: onlyA }));
            assert.equal(r.content[0].text, "after all");
            assert.deepEqual((await records(id)).map((x) => x.status), [529, 529, 200]);
        },
        async abort_closes_upstream() {
            const id = fresh();
            const s = client().messages.stream(request(plan(`id=${id},cadence_us=10000`, "say " + "word ".repeat(500)), { model: onlyA }));
            let n = 0;
            for await (const e of s) if (e.type === "content_block_delta" && ++n === 10) break;
            s.abort();
            await abortedSoon(id, Date.now());
        },
        ...(native ? {} : {
            async count_tokens() {
                const { input_tokens } = await client().messages.countTokens({ model, messages: [{ role: "user", content: "Hello there" }] });
                assert.ok(input_tokens > 0 && input_tokens < 1000, `${input_tokens}`);
            },
            async models() {
                const ids = [];
                for await (const m of client().models.list()) ids.push(m.id);
                assert.ok(ids.includes(model), ids.join());
            },
        }),
    };
}

export const newest = cases(Newest);
export const before = cases(Before);
