#!/usr/bin/env python3
"""Usage figures of every shape, from a provider that answers recorded bytes: what is plainly a number
counts, figures are merged over chunks, and nothing that was delivered is billed as zero; a chunk with
usage is still a chunk. Needs a stack."""

import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import replay  # noqa: E402
import rig  # noqa: E402
from rig import case, equal, wait_until  # noqa: E402

ESTIMATED, CLAMPED = 4, 8  # proto/usage.h; 1 is USAGE_STREAM
PROMPT, COMPLETION, CACHED = 500, 1500, 50  # nUSD per token of demo/only-a (deploy/dev/conf.sh)
LONG = [{"role": "user", "content": "word " * 800}]  # 4,000 bytes
BASE = '"id":"c","object":"chat.completion.chunk","created":1,"model":"m"'


def chunk(delta, usage=None, finish=None):
    text = "{" + BASE + ',"choices":[' + json.dumps({"index": 0, "delta": delta, "finish_reason": finish}) + "]"
    return text + (',"usage":' + usage if usage else "") + "}"


def bare(usage):
    return "{" + BASE + ',"choices":[],"usage":' + usage + "}"


def whole(usage, text="hello world"):
    return replay.whole('{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,'
                        '"message":{"role":"assistant","content":"%s"},"finish_reason":"stop"}],"usage":%s}'
                        % (text, usage))


def ask(p, raw, **members):
    """The answer to one request and the row that was booked for it."""
    key = rig.new_key()
    p.set("demo-a", replay.answer(raw))
    c = rig.Client(key=key["key"])
    body = {"model": "demo/only-a", "messages": LONG, "max_tokens": 100, **members}
    a = c.request("POST", "/chat/completions", body)
    c.close()
    equal(a.status, 200, a)
    return a, wait_until(lambda: rig.usage_rows(key), 15, "the usage record")[0]


def nothing():
    return replay.Provider({"demo-a": replay.answer(whole("{}"))})


def billed(row, prompt, completion, flags, cost, what):
    equal((row["prompt"], row["completion"], row["flags"] & ~1, row["cost"]), (prompt, completion, flags, cost),
          what)


TEXT_BYTES = len("hello world")
PROMPT_ESTIMATE = (len(json.dumps(LONG)) + 3) // 4  # BILL_BYTES_PER_TOKEN
OUT_ESTIMATE = (TEXT_BYTES + 3) // 4


@case
def figures_of_one_object():
    """usage, tokens, flags; as a whole answer and as the last event of a stream."""
    table = [
        ('{"prompt_tokens":100,"completion_tokens":20,"total_tokens":120}', 100, 20, 0),
        ('{"prompt_tokens":100.0,"completion_tokens":20.0,"total_tokens":120.0}', 100, 20, 0),
        ('{"prompt_tokens":1e2,"completion_tokens":2e1}', 100, 20, 0),
        ('{"prompt_tokens":"100","completion_tokens":"20"}', 100, 20, 0),
        ('{"prompt_tokens":0,"completion_tokens":20,"total_tokens":20}', PROMPT_ESTIMATE, 20, ESTIMATED),
        ('{"prompt_tokens":100,"completion_tokens":0,"total_tokens":100}', 100, OUT_ESTIMATE, ESTIMATED),
        ('{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}', PROMPT_ESTIMATE, OUT_ESTIMATE, ESTIMATED),
        ('{"prompt_tokens":100}', 100, OUT_ESTIMATE, ESTIMATED),
        ('{"total_tokens":120}', PROMPT_ESTIMATE, OUT_ESTIMATE, ESTIMATED),
        ('{"prompt_tokens":100,"total_tokens":120}', 100, 20, 0),
        ('{"prompt_tokens":-5,"completion_tokens":20}', PROMPT_ESTIMATE, 20, ESTIMATED | CLAMPED),
        ('{"prompt_tokens":100,"completion_tokens":99999999999}', 100, OUT_ESTIMATE, ESTIMATED | CLAMPED),
        ('{"prompt_tokens":"NaN","completion_tokens":1e400}', PROMPT_ESTIMATE, OUT_ESTIMATE, ESTIMATED | CLAMPED),
        ('{"prompt_tokens":100.5,"completion_tokens":20}', PROMPT_ESTIMATE, 20, ESTIMATED | CLAMPED),
        ("null", PROMPT_ESTIMATE, OUT_ESTIMATE, ESTIMATED),
        ('{"prompt_tokens":100,"completion_tokens":2,"total_tokens":112,'
         '"completion_tokens_details":{"reasoning_tokens":10}}', 100, 12, 0),
        ('{"prompt_tokens":100,"completion_tokens":12,"total_tokens":112,'
         '"completion_tokens_details":{"reasoning_tokens":10}}', 100, 12, 0),
    ]
    with nothing() as p:
        for usage, prompt, completion, flags in table:
            cost = prompt * PROMPT + completion * COMPLETION
            _, row = ask(p, whole(usage))
            billed(row, prompt, completion, flags, cost, "whole: " + usage)
            _, row = ask(p, replay.stream(chunk({"role": "assistant", "content": "hello world"}),
                                          chunk({}, finish="stop"), bare(usage)), stream=True)
            billed(row, prompt, completion, flags, cost, "stream: " + usage)


@case
def figures_merged_over_chunks():
    hello, stop = {"role": "assistant", "content": "hello"}, "stop"
    table = [
        ("prompt first, completion last",
         [chunk(hello, '{"prompt_tokens":1000,"completion_tokens":1}'), chunk({}, '{"completion_tokens":50}', stop)],
         1000, 50, 0),
        ("cached tokens later",
         [chunk(hello), chunk({}, '{"prompt_tokens":100,"completion_tokens":20,"total_tokens":120}', stop),
          bare('{"prompt_tokens_details":{"cached_tokens":96}}')], 100, 20, 96),
        ("zeros later",
         [chunk(hello), chunk({}, '{"prompt_tokens":100,"completion_tokens":20}', stop),
          bare('{"prompt_tokens":0,"completion_tokens":0}')], 100, 20, 0),
    ]
    with nothing() as p:
        for what, events, prompt, completion, cached in table:
            for asked in ({}, {"stream_options": {"include_usage": True}}):
                _, row = ask(p, replay.stream(*events), stream=True, **asked)
                billed(row, prompt, completion, 0,
                       (prompt - cached) * PROMPT + cached * CACHED + completion * COMPLETION, what)


@case
def a_chunk_with_usage_is_a_chunk():
    """Every delta arrives, in order; the usage only when it was asked for."""
    sets = {
        "text": [{"content": "a"}, {"content": "b"}],
        "function_call": [{"function_call": {"name": "ls", "arguments": ""}},
                          {"function_call": {"arguments": '{"p"'}}, {"function_call": {"arguments": ":1}"}}],
        "audio": [{"audio": {"id": "a1", "data": "AAAA"}}, {"audio": {"data": "BBBB"}},
                  {"audio": {"transcript": "hi"}}, {"audio": {"expires_at": 1}}],
        "images": [{"images": [{"type": "image_url", "image_url": {"url": "data:,A"}}]},
                   {"images": [{"type": "image_url", "image_url": {"url": "data:,B"}}]}],
        "annotations": [{"annotations": [{"type": "url_citation", "url": "u"}]}],
        "reasoning": [{"reasoning_details": [{"type": "reasoning.text", "text": "t"}]},
                      {"thinking_blocks": [{"thinking": "x"}]}],
        "refusal": [{"refusal": "no"}],
    }
    with nothing() as p:
        for name, deltas in sets.items():
            events = [chunk({"role": "assistant", "content": ""}, '{"prompt_tokens":100,"completion_tokens":1}')]
            for n, d in enumerate(deltas):
                events.append(chunk(d, '{"prompt_tokens":100,"completion_tokens":%d}' % (n + 2)))
            events.append(chunk({}, '{"prompt_tokens":100,"completion_tokens":20,"total_tokens":120}', "stop"))
            for asked in (False, True):
                a, row = ask(p, replay.stream(*events), stream=True, stream_options={"include_usage": asked})
                equal(a.events()[-1], "[DONE]")
                got = [json.loads(e) for e in a.events()[:-1]]
                equal([c["choices"][0]["delta"] for c in got if c["choices"]][1:-1], deltas, (name, asked))
                equal(any("usage" in c for c in got), asked, name)
                billed(row, 100, 20, 0, 100 * PROMPT + 20 * COMPLETION, name)


@case
def what_was_delivered_is_never_free():
    """No figures at all, and nothing but content that is no text."""
    for_images = "data:image/png;base64," + "A" * 64000
    with nothing() as p:
        for delta, least in (({"audio": {"data": "A" * 6400}}, 25), ({"images": [{"image_url": {"url": for_images}}]}, 250),
                             ({"function_call": {"name": "f", "arguments": "x" * 400}}, 100)):
            _, row = ask(p, replay.stream(chunk(delta), chunk({}, finish="stop")), stream=True, max_tokens=1000)
            if not row["flags"] & ESTIMATED or row["prompt"] != PROMPT_ESTIMATE or \
                    not least <= row["completion"] <= 2 * least:
                raise AssertionError(f"{row} for {str(delta)[:60]}")


if __name__ == "__main__":
    rig.main()
