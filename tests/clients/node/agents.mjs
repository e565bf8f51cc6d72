// @openai/agents, by Responses (its default) and by chat.

import assert from "node:assert/strict";
import { Agent, OpenAIChatCompletionsModel, OpenAIResponsesModel, Runner, setTracingDisabled, tool } from "@openai/agents";
import { z } from "zod";
import { client } from "./openai.mjs";
import { calls, fresh, model, plan, records } from "./rig.mjs";

setTracingDisabled(true);
const input = z.object({ city: z.string() });
const tools = [
    tool({ name: "weather", description: "weather", parameters: input, execute: async () => "sun" }),
    tool({ name: "traffic", description: "traffic", parameters: input, execute: async ({ city }) => "fog in " + city }),
];

async function task(Model, words, stream, settings) {
    const id = fresh();
    const agent = new Agent({ name: "helper", instructions: "Use the tools.", model: new Model(client(), model), tools, modelSettings: settings });
    const r = await new Runner({ tracingDisabled: true }).run(agent, plan(`${words}id=${id}`, ...calls), { stream });
    if (stream) await r.completed;
    assert.equal(r.finalOutput, "The tools say fog in K\u00f6ln.");
    assert.deepEqual((await records(id)).map((x) => x.status), [200, 200]);
}
const stateless = { store: false, reasoning: { effort: "low", summary: "auto" }, providerData: { include: ["reasoning.encrypted_content"] } };

export const cases = {
    responses_task: () => task(OpenAIResponsesModel, "replay,", false, stateless),
    responses_task_streamed: () => task(OpenAIResponsesModel, "replay,", true, stateless),
    chat_task: () => task(OpenAIChatCompletionsModel, "", false, {}),
    chat_task_streamed: () => task(OpenAIChatCompletionsModel, "", true, {}),
    async structured_output() {
        const outputType = z.object({ title: z.string(), n: z.number() });
        for (const Model of [OpenAIResponsesModel, OpenAIChatCompletionsModel]) {
            const agent = new Agent({ name: "helper", model: new Model(client(), model), outputType });
            assert.deepEqual((await new Runner({ tracingDisabled: true }).run(agent, "plan")).finalOutput, { title: "sample", n: 7.5 });
        }
    },
};
