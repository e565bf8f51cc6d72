#!/usr/bin/env python3
"""The fields of chat completions that are neither forwarded nor refused, from the client to the provider and
back: reasoning in the provider's words, reasoning that is not told, what is not stored, fallback models that
nobody knows, thoughts of earlier turns. Each field by itself is in tests/unit/test_chat_fields.c. Needs a stack."""

import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import replay  # noqa: E402
import rig  # noqa: E402
from rig import case, equal, true  # noqa: E402

MODEL = "demo/only-a"  # deploy/dev/conf.sh
HELLO = [{"role": "user", "content": "x"}]


def post(url=None, words="tokens=3", **members):
    """The answer, and the body that the provider got."""
    mark = rig.fresh("f")
    rig.mock_set("demo-a", f"{words},id={mark}")
    c = rig.Client(url)
    a = c.request("POST", "/chat/completions", {"model": MODEL, "messages": HELLO, "max_tokens": 50, **members})
    c.close()
    rig.mock_set("demo-a", "")
    return a, json.loads(rig.last_body("demo-a")) if rig.seen(mark) else None


@case
def reasoning_reaches_the_provider_in_its_words():
    for reasoning, effort in (({"effort": "low"}, "low"), ({"max_tokens": 40}, "minimal"), ({"enabled": True}, "medium"),
                              ({"enabled": False}, "none"), ({"exclude": True}, None), ({}, None)):
        a, got = post(reasoning=reasoning)
        equal(a.status, 200, a)
        equal((got.get("reasoning_effort"), "reasoning" in got), (effort, False), reasoning)
    a, got = post(reasoning={"effort": "much"})
    equal((a.status, got, a.error()["param"]), (400, None, "reasoning"), a)
    a, got = post(include_reasoning=True, reasoning_effort="high")
    equal((got.get("reasoning_effort"), "include_reasoning" in got), ("high", False), got)


def told(a):
    """The text and the reasoning of an answer, whole or a stream, and its completion tokens."""
    if a.body.startswith(b"{"):
        documents = [a.json()]
        says = [documents[0]["choices"][0]["message"]]
    else:
        documents = [json.loads(e) for e in a.events() if e != "[DONE]"]
        says = [c["delta"] for d in documents for c in d["choices"]]
    texts = ["".join(m.get(name) or "" for m in says) for name in ("content", "reasoning", "reasoning_content")]
    return texts, [d["usage"]["completion_tokens"] for d in documents if d.get("usage")][-1]


@case
def reasoning_that_is_not_told_is_billed():
    openrouter = rig.env("TR_BASE_URL").replace("/v1", "/api/v1")
    for url in (None, openrouter):
        for stream in ({}, {"stream": True, "stream_options": {"include_usage": True}}):
            a, _ = post(url, "tokens=3,reasoning=5", **stream)
            (text, thought, again), tokens = told(a)
            true(len(text) > 4 and len(thought) > 4 and thought == again, a)
            for quiet in ({"reasoning": {"exclude": True}}, {"include_reasoning": False}):
                b, _ = post(url, "tokens=3,reasoning=5", **stream, **quiet)
                equal(told(b), ([text, "", ""], tokens), b)
                true(b"reasoning_content" not in b.body and b'"reasoning"' not in b.body, b)


@case
def that_nothing_is_stored_is_said():
    for store, said in ((True, "false"), (False, None), (None, None)):
        for stream in (False, True):
            a, got = post(store=store, stream=stream)
            equal((a.status, a.header("x-tr-store"), got["store"]), (200, said, False), (store, stream))


@case
def unknown_fallback_models_are_passed_over():
    for members in ({"models": ["nobody/knows", MODEL]}, {"model": None, "models": ["nobody/knows", MODEL]},
                    {"model": "nobody/knows", "models": [MODEL + ":floor"]}):
        a, _ = post(**members)
        equal((a.status, a.header("x-tr-model")), (200, MODEL), members)
    a, got = post(model="nobody/knows", models=["nobody/either"])
    equal((a.status, a.error()["code"], got), (404, "model_not_found", None), a)


@case
def thoughts_of_earlier_turns_travel_byte_for_byte():
    turn = {"role": "assistant", "content": "a", "reasoning": "r", "reasoning_details": [
        {"type": "reasoning.text", "text": "r", "signature": "c2ln+/==", "format": "anthropic-claude-v1", "index": 0},
        {"type": "reasoning.encrypted", "data": "ZQ==", "format": None, "id": "rs_1"}]}
    a, got = post(messages=[*HELLO, turn, *HELLO])
    equal((a.status, got["messages"]), (200, [*HELLO, turn, *HELLO]), a)


def chunk(finish=None, **delta):
    return json.dumps({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
                       "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})


def detail(**member):
    return [{"type": "reasoning.text", "format": "anthropic-claude-v1", "index": 0, **member}]


TOOL = {"name": "f", "parameters": {"type": "object"}}
CALL = {"id": "t1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
# A turn that thinks, speaks and calls, as an OpenAI-compatible server of Anthropic's models streams it.
SIGNED = replay.answer(replay.stream(
    chunk(role="assistant", reasoning="Two ", reasoning_details=detail(text="Two ")),
    chunk(reasoning="tools.", reasoning_details=detail(text="tools.")),
    chunk(reasoning_details=detail(signature="c2ln+/==")),
    chunk(content="hi"), chunk(tool_calls=[{"index": 0, **CALL}]), chunk("tool_calls")))


def turns():
    """For each dialect: its path, the first request, and the second one made of the first one's answer."""
    user = {"role": "user", "content": "x"}
    yield ("/chat/completions", {"messages": [user], "tools": [{"type": "function", "function": TOOL}]},
           lambda a: {"messages": [user, a["choices"][0]["message"], {"role": "tool", "tool_call_id": "t1", "content": "r"}]})
    yield ("/messages", {"messages": [user], "max_tokens": 500, "tools": [{"name": "f", "input_schema": TOOL["parameters"]}]},
           lambda a: {"max_tokens": 500, "messages": [user, {"role": "assistant", "content": a["content"]}, {
               "role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "r"}]}]})
    yield ("/responses", {"input": "x", "include": ["reasoning.encrypted_content"], "tools": [{"type": "function", **TOOL}]},
           lambda a: {"input": [user, *a["output"], {"type": "function_call_output", "call_id": "t1", "output": "r"}]})


@case
def signatures_come_back_in_every_dialect():
    c = rig.Client()
    with replay.Provider({"demo-a": SIGNED}) as p:
        for path, first, second in turns():
            a = c.request("POST", path, {"model": MODEL, **first})
            equal(a.status, 200, (path, a))
            b = c.request("POST", path, {"model": MODEL, **second(a.json())})
            equal(b.status, 200, (path, b))
            turn = json.loads(p.bodies("demo-a")[-1])["messages"][1:]
            equal((turn[0]["content"], turn[0]["tool_calls"], turn[1]),
                  ("hi", [CALL], {"role": "tool", "tool_call_id": "t1", "content": "r"}), path)
            equal(turn[0]["reasoning_details"], detail(text="Two tools.", signature="c2ln+/=="), path)
    c.close()


if __name__ == "__main__":
    rig.main()
