// node main.mjs [PART OF A CASE'S NAME]
import * as agents from "./agents.mjs";
import * as ai from "./ai.mjs";
import * as anthropic from "./anthropic.mjs";
import * as openai from "./openai.mjs";
import * as openrouter from "./openrouter.mjs";
import { native, run, strictly } from "./rig.mjs";

let failed = 0;
const families = {
    openai_chat: openai.chat, openai_responses: openai.responses, openai: openai.others, anthropic: anthropic.newest, anthropic_2023: anthropic.before,
    ...ai.families, openai_agents: agents.cases, ...(native ? {} : { openrouter: openrouter.cases }),
};
await strictly(async () => {
    for (const [family, cases] of Object.entries(families)) failed += await run(family, cases, process.argv[2]);
});
process.exit(failed ? 1 : 0);
