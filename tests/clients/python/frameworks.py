"""Frameworks on top of the SDKs: openai-agents, LangChain, pydantic-ai, litellm. Each plays a task of two turns with two
tools in parallel; those that can bring reasoning back are refused if they do not."""

import asyncio
import os

import kit
from kit import BASE, CALLS, HOST, KEY, MODEL, NATIVE, SAID, TEN, plan
from rig import case, equal, fresh

os.environ.update(LITELLM_LOCAL_MODEL_COST_MAP="True", OPENAI_AGENTS_DISABLE_TRACING="1")
ROUTER = HOST + "/api/v1"


def weather(city: str) -> str:
    """The weather of a city."""
    return "sun"


def traffic(city: str) -> str:
    """The traffic of a city."""
    return "fog in " + city


def task(words, run):
    """run(prompt) has the framework play the script and gives the text at its end."""
    ident = fresh()
    equal(run(plan(f"{words}id={ident}", *CALLS)), SAID)
    equal(kit.statuses(ident), [200, 200])


# --- openai-agents

def agents_run(kind, settings=None):
    import agents
    import openai
    agents.set_tracing_disabled(True)

    def agent():  # a client belongs to one event loop
        client = openai.AsyncOpenAI(base_url=BASE, api_key=KEY, max_retries=0)
        return agents.Agent(name="helper", model=kind(openai_client=client, model=MODEL),
                            tools=[agents.function_tool(weather), agents.function_tool(traffic)],
                            model_settings=settings or agents.ModelSettings())

    async def whole(prompt):
        return (await agents.Runner.run(agent(), prompt)).final_output

    async def streamed(prompt):
        r = agents.Runner.run_streamed(agent(), prompt)
        async for _ in r.stream_events():
            pass
        return r.final_output
    return (lambda prompt: asyncio.run(whole(prompt))), lambda prompt: asyncio.run(streamed(prompt))


@case
def openai_agents_responses():
    import agents
    from openai.types.shared import Reasoning
    settings = agents.ModelSettings(store=False, response_include=["reasoning.encrypted_content"],
                                    reasoning=Reasoning(effort="low", summary="auto"))
    for run in agents_run(agents.OpenAIResponsesModel, settings):
        task("replay,", run)


@case
def openai_agents_chat():
    import agents
    for run in agents_run(agents.OpenAIChatCompletionsModel):
        task("", run)


# --- LangChain

def langchain_run(model):
    from langchain_core.messages import HumanMessage, ToolMessage
    from langchain_core.tools import tool
    tools = {"weather": tool(weather), "traffic": tool(traffic)}
    bound = model.bind_tools(list(tools.values()))

    def run(prompt):
        messages = [HumanMessage(prompt)]
        while True:
            m = bound.invoke(messages)
            messages.append(m)
            if not m.tool_calls:
                return m.text if isinstance(m.text, str) else m.text()
            messages.extend(ToolMessage(tools[c["name"]].invoke(c["args"]), tool_call_id=c["id"]) for c in m.tool_calls)
    return run


def langchain_streams(model):
    out, usage = "", None
    ident = fresh()
    for chunk in model.stream(plan(f"id={ident}", "say " + TEN)):
        out += chunk.text if isinstance(chunk.text, str) else chunk.text()
        usage = chunk.usage_metadata or usage
    equal(out, TEN)
    equal(usage["output_tokens"], kit.records(ident)[-1]["completion"])


def langchain_structured(model):
    from pydantic import BaseModel

    class Answer(BaseModel):
        title: str
        n: float
    equal(model.with_structured_output(Answer, method="json_schema").invoke("plan"), Answer(title="sample", n=7.5))


@case
def langchain_openai_chat():
    from langchain_openai import ChatOpenAI
    model = ChatOpenAI(model=MODEL, base_url=BASE, api_key=KEY, max_retries=0, stream_usage=True)
    task("", langchain_run(model))
    langchain_streams(model)
    langchain_structured(model)


@case
def langchain_openai_responses():
    from langchain_openai import ChatOpenAI
    model = ChatOpenAI(model=MODEL, base_url=BASE, api_key=KEY, max_retries=0, use_responses_api=True, store=False,
                       include=["reasoning.encrypted_content"], reasoning={"effort": "low", "summary": "auto"},
                       output_version="responses/v1")
    task("replay,", langchain_run(model))
    langchain_streams(model)
    langchain_structured(model)


@case
def langchain_openrouter():
    if NATIVE:
        return
    from langchain_openrouter import ChatOpenRouter
    model = ChatOpenRouter(model=MODEL, base_url=ROUTER, api_key=KEY, max_retries=0)
    task("", langchain_run(model))
    langchain_streams(model)


# --- pydantic-ai

def pydantic_run(make, settings=None):
    from pydantic_ai import Agent

    def agent():  # a client belongs to one event loop
        return Agent(make(), tools=[weather, traffic], model_settings=settings)

    async def whole(prompt):
        return (await agent().run(prompt)).output

    async def streamed(prompt):
        async with agent().run_stream(prompt) as r:
            return await r.get_output()
    return (lambda prompt: asyncio.run(whole(prompt))), lambda prompt: asyncio.run(streamed(prompt))


def openai_client(url):
    import openai
    return openai.AsyncOpenAI(base_url=url, api_key=KEY, max_retries=0)


@case
def pydantic_ai_openai_chat():
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider
    for run in pydantic_run(lambda: OpenAIChatModel(MODEL, provider=OpenAIProvider(openai_client=openai_client(BASE)))):
        task("", run)


@case
def pydantic_ai_openai_responses():
    from pydantic_ai.models.openai import OpenAIResponsesModel
    from pydantic_ai.providers.openai import OpenAIProvider
    for run in pydantic_run(lambda: OpenAIResponsesModel(MODEL, provider=OpenAIProvider(openai_client=openai_client(BASE)))):
        task("", run)


@case
def pydantic_ai_anthropic():
    from anthropic import AsyncAnthropic
    from pydantic_ai.models.anthropic import AnthropicModel
    from pydantic_ai.providers.anthropic import AnthropicProvider

    def make():
        client = AsyncAnthropic(base_url=HOST, api_key=KEY, max_retries=0)
        return AnthropicModel(MODEL, provider=AnthropicProvider(anthropic_client=client))
    for run in pydantic_run(make, {"anthropic_thinking": {"type": "adaptive"}, "max_tokens": 4096}):
        task("replay,", run)


@case
def pydantic_ai_openrouter():
    if NATIVE:
        return
    from pydantic_ai.models.openrouter import OpenRouterModel
    from pydantic_ai.providers.openrouter import OpenRouterProvider
    for run in pydantic_run(lambda: OpenRouterModel(MODEL, provider=OpenRouterProvider(openai_client=openai_client(ROUTER)))):
        task("", run)


# --- OpenRouter's own package

@case
def openrouter_sdk():
    if NATIVE:
        return
    from openrouter import OpenRouter
    ident = fresh()
    with OpenRouter(api_key=KEY, server_url=ROUTER) as client:
        ask = dict(model=MODEL, messages=[{"role": "user", "content": plan(f"id={ident}", "say " + TEN)}])
        whole = client.chat.send(**ask)
        equal(whole.choices[0].message.content, TEN)
        equal(whole.usage.completion_tokens, kit.records(ident)[-1]["completion"])
        equal("".join(c.choices[0].delta.content or "" for c in client.chat.send(**ask, stream=True) if c.choices), TEN)
        if MODEL not in [m.id for m in client.models.list().result.data]:
            raise AssertionError("the model is not listed")


# --- litellm

def litellm_run(name, **where):
    import json

    import litellm
    tools = [{"type": "function", "function": {"name": n, "parameters": kit.CITY}} for n in ("weather", "traffic")]

    def run(prompt):
        messages = [{"role": "user", "content": prompt}]
        while True:
            m = litellm.completion(model=name, messages=messages, tools=tools, max_retries=0, num_retries=0, **where).choices[0].message
            messages.append({k: v for k, v in m.model_dump(exclude_none=True).items() if k != "provider_specific_fields"})
            if not m.tool_calls:
                return m.content
            for t in m.tool_calls:
                json.loads(t.function.arguments)
                messages.append({"role": "tool", "tool_call_id": t.id, "content": kit.result_of(t.function.name)})
    return run


@case
def litellm_openai():
    task("", litellm_run("openai/" + MODEL, api_base=BASE, api_key=KEY))


@case
def litellm_anthropic():
    task("", litellm_run("anthropic/" + MODEL, api_base=HOST, api_key=KEY))


@case
def litellm_openrouter():
    if not NATIVE:
        task("", litellm_run("openrouter/" + MODEL, api_base=ROUTER, api_key=KEY))


if __name__ == "__main__":
    kit.main()
