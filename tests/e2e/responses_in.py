#!/usr/bin/env python3
"""A provider that speaks OpenAI's Responses, for clients of every API: text, limits, calls whose results come back in
another order, thoughts that are sealed and come back sealed, a request for tools and an effort that chat would refuse, and
what such a provider is never sent. The provider is the demo provider's Responses, strict. Brings its own stack up."""

import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import own_stack  # noqa: E402

RUN = own_stack.up((("resp", "http://127.0.0.1:DEMO_A/v1", "--dialect", "responses", "--no-check", "demo/resp=up-resp"), "key-r"))

import dialects  # noqa: E402
import rig  # noqa: E402
from dialects import ALL, send  # noqa: E402
from rig import case, equal, fresh, true  # noqa: E402

TALKS = tuple(api for api in ALL if api.replays)
MODEL = "demo/resp"


def both():
    for api in TALKS:
        for stream in (False, True):
            yield api, stream, f"{api.name}, {'stream' if stream else 'whole'}"


def sent():
    return json.loads(rig.last_body())


def script(ident, *lines):
    return "\n".join(["demo-script:", f"mock strict,replay,id={ident}", *lines])


@case
def text_and_figures():
    for api, stream, what in both():
        a = send(api, api.ask("hello there", stream, MODEL, limit=64))
        equal(a.status, 200, (what, a))
        said = api.read(a)
        equal((said.text, said.end), ("hello there", "stop"), (what, a))
        true(said.tokens[0] > 0 and said.tokens[2] > 0, (what, said))
        body = sent()
        equal((body["store"], body["max_output_tokens"], body["model"]), (False, 64, "up-resp"), what)
        true("authorization: bearer key-r" in rig.last_head().lower(), "the key of this provider")
        true("POST /v1/responses " in rig.last_head(), "the call")


@case
def a_limit_ends_it():
    for api, stream, what in both():
        a = send(api, api.ask(script(fresh(), "say " + "word " * 60), stream, MODEL, limit=20))
        equal(a.status, 200, (what, a))
        equal(api.read(a).end, "length", (what, a))


@case
def thoughts_survive_two_turns():
    """The provider refuses a call that comes back without its sealed thought; so does it here without the thought. An effort
    beside tools is what chat refuses for the newest models of OpenAI: here it is the same request."""
    for api, stream, what in both():
        ident = fresh()
        words = script(ident, "think I need it.", 'call weather {"city":"Bern"}', "say It says {result}.")
        request = api.ask(words, stream, MODEL, tools=("weather",), thinks=True)
        a = send(api, request)
        equal(a.status, 200, (what, a))
        body = sent()
        equal(body["include"], ["reasoning.encrypted_content"], what)
        true(body["reasoning"]["summary"] == "auto" and body["reasoning"].get("effort", "low") != "none", (what, body["reasoning"]))
        equal([t["name"] for t in body["tools"]], ["weather"], what)
        said = api.read(a)
        equal([c[1:] for c in said.calls], [("weather", {"city": "Bern"})], (what, a))
        results = [(said.calls[0][0], "sun")]
        a = send(api, api.follow(request, said.turn, results))
        equal(a.status, 200, (what, a))
        equal(api.read(a).text, "It says sun.", (what, a))
        kinds = [i.get("type", i.get("role")) for i in sent()["input"]]
        equal(kinds[-3:], ["reasoning", "function_call", "function_call_output"], (what, kinds))
        equal(send(api, api.follow(request, api.forget(said.turn), results)).status, 400, what)
        equal([r["status"] for r in rig.seen(ident)], [200, 200, 400], what)


@case
def results_in_another_order():
    for api, stream, what in both():
        ident = fresh()
        words = script(ident, 'call weather {"city":"Bern"}', 'also now {"city":"Rome"}', "say {result}")
        request = api.ask(words, stream, MODEL, tools=("weather", "now"))
        a = send(api, request)
        equal(a.status, 200, (what, a))
        said = api.read(a)
        equal([c[1] for c in said.calls], ["weather", "now"], (what, a))
        a = send(api, api.follow(request, said.turn, [(said.calls[1][0], "12:00"), (said.calls[0][0], "sun")]))
        equal(a.status, 200, (what, a))
        outputs = {i["call_id"]: i["output"] for i in sent()["input"] if i.get("type") == "function_call_output"}
        equal(outputs, {said.calls[0][0]: "sun", said.calls[1][0]: "12:00"}, what)


@case
def a_provider_that_fails_is_told():
    for api, stream, what in both():
        for fail, status in (("fail=400", 400), ("fail=429", 429), ("fail=500", 502)):
            words = "\n".join(["demo-script:", f"mock {fail}", "say x"])
            a = send(api, api.ask(words, stream, MODEL))
            equal(a.status, status, (what, fail, a))


@case
def what_it_has_no_member_for_is_refused():
    a = rig.chat(model=MODEL, stop=["x"])
    equal((a.status, a.json()["error"]["code"]), (400, "unsupported_parameter"), a)
    equal(rig.chat(model=MODEL, n=2).status, 400)
    a = rig.chat(model=MODEL, seed=1, presence_penalty=0.5, user="u")
    equal(a.status, 200, a)
    true(not {"seed", "presence_penalty", "user", "messages"} & set(sent()), sent())


if __name__ == "__main__":
    rig.main()
