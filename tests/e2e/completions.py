#!/usr/bin/env python3
"""Text completions as bytes (unmodified clients: tests/clients): whole, stream, echo, and what is
refused by name. Each has a receipt and a bill, as any other answer."""

import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import rig  # noqa: E402
from rig import case, equal, true  # noqa: E402

PROMPT = "say \u00e9 three"


def post(prefix="/v1", stream=False, **members):
    c = rig.Client(rig.env("TR_BASE_URL").replace("/v1", prefix))
    body = {"model": "demo/echo", "prompt": PROMPT, "stream": stream, **members}
    a = c.request("POST", "/completions", body)
    c.close()
    return a


def events(a):
    out = [line[6:] for line in a.body.decode().split("\n") if line.startswith("data: ")]
    equal(out[-1], "[DONE]")
    return [json.loads(e) for e in out[:-1]]


@case
def a_whole_completion():
    a = post()
    equal(a.status, 200, a)
    got = a.json()
    equal((got["object"], got["model"], got["choices"][0]["text"], got["choices"][0]["finish_reason"]),
          ("text_completion", "demo/echo", PROMPT, "stop"))
    true(got["id"].startswith("cmpl-") and got["usage"]["total_tokens"] > 0, got)
    true("provider" not in got and "cost" not in got["usage"], got)


@case
def a_stream():
    for usage in (False, True):
        a = post(stream=True, stream_options={"include_usage": usage})
        equal(a.status, 200, a)
        got = events(a)
        equal("".join(e["choices"][0]["text"] for e in got if e["choices"]), PROMPT)
        equal([e["choices"][0]["finish_reason"] for e in got if e["choices"]][-1], "stop")
        equal(sum("usage" in e for e in got), int(usage))


@case
def echo_repeats_the_prompt_in_front():
    equal([(c["index"], c["text"]) for c in post(echo=True).json()["choices"]], [(0, PROMPT * 2)])
    got = events(post(stream=True, echo=True))
    equal("".join(e["choices"][0]["text"] for e in got if e["choices"]), PROMPT * 2)


@case
def a_suffix_goes_to_a_provider_that_fills_in():
    for stream in (False, True):
        a = post(suffix="\u20ac end", stream=stream, max_tokens=50, temperature=0.5)
        equal((a.status, a.header("x-tr-provider")), (200, "demo-a"), a)
        text = "".join(e["choices"][0]["text"] for e in events(a)) if stream else a.json()["choices"][0]["text"]
        equal(text, PROMPT)
        sent = json.loads(rig.last_body())
        equal({k: sent[k] for k in ("prompt", "suffix", "max_tokens", "temperature")},
              {"prompt": PROMPT, "suffix": "\u20ac end", "max_tokens": 50, "temperature": 0.5})
        true("messages" not in sent and "store" not in sent, sent)
        true(rig.last_head().startswith("POST /v1/completions "), rig.last_head())


@case
def openrouter_reads_provider_and_cost():
    got = post("/api/v1").json()
    true(got["provider"].startswith("Demo") and got["usage"]["cost"] > 0, got)
    got = events(post("/api/v1", stream=True))
    true(got[-1]["usage"]["cost"] > 0 and all(e["provider"].startswith("Demo") for e in got), got)


@case
def what_cannot_be_done_is_refused_by_name():
    a = post(suffix="end", provider={"only": ["demo-b"]})  # which does not fill in
    equal((a.status, a.error()["code"]), (503, "no_eligible_provider"))
    for members, name in (({"logprobs": 3}, "logprobs"), ({"best_of": 3}, "best_of"),
                          ({"prompt": ["a", "b"]}, "prompt"), ({"prompt": [1, 2]}, "prompt"), ({"surprise": 1}, "surprise"),
                          ({"prompt": None}, "prompt"), ({"temperature": "hot"}, "temperature")):
        a = post(**members)
        equal((a.status, a.error()["param"]), (400, name), members)
    a = post("/api/v1", logprobs=3)
    equal((a.status, a.error()["code"], a.error()["metadata"]["error_type"]), (400, 400, "invalid_request"))
    equal(post(model="demo/nothing").status, 404)


@case
def it_has_a_receipt():
    a = post()
    equal(a.status, 200, a)
    c = rig.Client()
    r = c.request("GET", "/aci/receipts/" + a.header("x-receipt-id"))
    c.close()
    equal(r.status, 200, r)
    true("/v1/completions" in r.body.decode(), r)


rig.main()
