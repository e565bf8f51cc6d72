// What the client tests share: where the router is, scripts for the demo provider (tests/mock_provider/script.h) that
// travel in the prompt, so that no client has to be changed, and the provider's records as the other side of each claim.

import assert from "node:assert/strict";
import crypto from "node:crypto";

const { TR_MOCK_URL } = process.env;
export const native = process.env.TR_CLIENTS_NATIVE === "1"; // straight to the demo provider, without a router
export const base = native ? TR_MOCK_URL + "/v1" : process.env.TR_BASE_URL;
export const host = base.replace(/\/v1$/, "");
export const key = process.env.TR_API_KEY ?? "none";
export const badKey = "sk-tr-v1-" + "y".repeat(43);
export const model = "demo/echo";
export const embedder = "demo/embed";
export const onlyA = "demo/only-a"; // of one provider: nobody else is asked after a failure
export const PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

export const fresh = () => "c" + crypto.randomBytes(6).toString("hex");
export const sleep = (ms) => new Promise((r) => setTimeout(r, ms));
export const plan = (words, ...lines) => ["Do this.", "demo-script:", "mock " + words, ...lines].join("\n");

export async function side(path, body) {
    const r = await fetch(TR_MOCK_URL + path, body === undefined ? {} : { method: "POST", body });
    return r.json();
}
export async function records(id) {
    for (let i = 0; i < 200; i++) {
        const r = await side(`/mock/requests?id=${id}`);
        if (r.length && r.every((x) => x.outcome !== "running")) return r;
        await sleep(25);
    }
    throw new Error(`no finished record of ${id}`);
}
export const one = async (id) => (await records(id)).at(-1);
export const lastBody = async () => (await fetch(TR_MOCK_URL + "/mock/last-request/demo-a")).text();

// A rejection of one kind, and the error itself for more questions.
export async function rejected(promise, check, what) {
    try {
        await promise;
    } catch (e) {
        assert.ok(check(e), `${what}: ${e?.constructor?.name} ${e?.status ?? e?.statusCode ?? ""} ${e?.message}`);
        return e;
    }
    assert.fail(`${what}: no error`);
}
// The provider's connection is closed soon after the client's.
export async function abortedSoon(id, closed) {
    const r = await one(id);
    assert.equal(r.outcome, "aborted");
    assert.ok(r.end_us / 1000 - closed < 1000, `closed ${r.end_us / 1000 - closed} ms later`);
}

// Ways in which providers are odd and right all the same (wire by wire: ../../mock_provider/README.md).
export const odd = ["azure,usage=null", "norole", "usage=bare", "usage=missing", "usage=negative", "nodone,usage=finish", "crlf,comments",
    "step=1", "step=7", "split=40", "coalesce=5", "frame=eof", "frame=length", "connclose", "filler", "first_us=1500000"];
export const TEN = "one two three \u20ac \u{1F600} four five six seven";

export const city = { type: "object", properties: { city: { type: "string" } }, required: ["city"], additionalProperties: false };
export const calls = [
    'think I need both.',
    'call weather {"city":"Z\u00fcrich"}',
    'also traffic {"city":"K\u00f6ln"}',
    'say The tools say {result}.',
];

// While the clients run, the provider refuses what the real API would not know.
export async function strictly(work) {
    const set = (words) => Promise.all(["demo-a", "demo-b"].map((name) => side("/mock/set/" + name, words)));
    await set("strict");
    try {
        return await work();
    } finally {
        await set("");
    }
}

export async function run(family, cases, want) {
    let failed = 0;
    for (const [name, body] of Object.entries(cases)) {
        if (want && !`${family}_${name}`.includes(want)) continue;
        try {
            await body();
            console.log(`ok clients_${family}_${name}`);
        } catch (e) {
            console.log(String(e.stack ?? e).split("\n").slice(0, 14).map((l) => "# " + l).join("\n"));
            console.log(`not ok clients_${family}_${name}`);
            failed++;
        }
    }
    return failed;
}
