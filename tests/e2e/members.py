#!/usr/bin/env python3
"""Which members of a request reach a provider, and that whoever reads the body there sees the request that
was priced: Python's json and a reader that ignores letter case, over a generated corpus. Needs a stack."""

import json
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import rig  # noqa: E402
from rig import case, equal  # noqa: E402

MODEL, UPSTREAM = "demo/only-a", "up-only"  # deploy/dev/conf.sh
HELLO = [{"role": "user", "content": "x"}]
CORPUS = 400  # bodies; some seconds


def post(body, client=None):
    """The answer, and the body that the provider got: None when it got none."""
    mark = rig.fresh("m")
    rig.mock_set("demo-a", f"tokens=3,id={mark}")
    c = client or rig.Client()
    a = c.request("POST", "/chat/completions", body if isinstance(body, bytes) else json.dumps(body).encode())
    if client is None:
        c.close()
    rig.mock_set("demo-a", "")
    return a, rig.last_body("demo-a") if rig.seen(mark) else None


def body(**members):
    return {"model": MODEL, "messages": HELLO, "max_tokens": 5, **members}


def refused(raw, name, code="unsupported_parameter"):
    a, got = post(raw)
    equal((a.status, got), (400, None), raw)
    e = a.error()
    equal((e["type"], e["code"], e["param"]), ("invalid_request_error", code, name), raw)


@case
def members_that_cost_are_refused_by_name():
    for name, value in (("service_tier", "priority"), ("service_tier", "flex"), ("service_tier", 1),
                        ("search_parameters", {"mode": "on"}), ("web_search_options", {}),
                        ("max_new_tokens", 99999), ("num_generations", 20), ("use_beam_search", True),
                        ("webhook", "http://x/"), ("callback_url", "http://x/"), ("background", True),
                        ("deferred", True), ("priority", -100), ("extra_body", {"n": 9}),
                        ("prompt_cache_retention", "24h"), ("enable_search", True), ("__proto__", {"n": 9}),
                        ("cache_control", {"type": "ephemeral", "ttl": "1h"}), ("x_nobody_knows", 1)):
        refused(body(**{name: value}), name)
    refused(body(tools=[{"type": "web_search"}]), "tools")
    refused(body(tools=[{"google_search": {}}]), "tools")
    refused(body(messages=[{"role": "user", "content": [
        {"type": "text", "text": "x", "cache_control": {"type": "ephemeral", "ttl": "1h"}}]}]), "cache_control")
    refused(body(plugins=[{"id": "web"}]), "plugins")


@case
def output_cannot_be_enlarged_past_what_was_reserved():
    for members, name, code in (({"min_tokens": 9999}, "min_tokens", None),
                                ({"thinking": {"type": "enabled", "budget_tokens": 64000}}, "thinking", None),
                                ({"reasoning": {"max_tokens": 64000}}, "reasoning", None),
                                ({"thinking_budget": 6}, "thinking_budget", None),
                                ({"best_of": 129}, "best_of", None)):
        refused(body(**members), name, code)
    # best_of is reserved like n: 128 choices of 65,536 tokens cost more than the key may spend
    key = rig.new_key(limit=1)
    c = rig.Client(key=key["key"])
    for name in ("n", "best_of"):
        a = c.request("POST", "/chat/completions", {"model": "demo/dear", "messages": HELLO, "max_tokens": 65536, name: 128})
        if a.status not in (402, 429):
            raise AssertionError(f"{name} is not reserved: {a!r}")
    c.close()
    # a prediction may be billed as output: $10 for the body as prompt, $30 for it as output
    c = rig.Client(key=rig.new_key(limit=20)["key"])
    for size, status in ((1000, 200), (100000, 402)):
        equal(c.request("POST", "/chat/completions",
                        {"model": "demo/dear", "messages": HELLO, "max_tokens": 5,
                         "prediction": {"type": "content", "content": "x" * size}}).status, status, size)
    c.close()


@case
def look_alikes_are_refused_by_their_own_name():
    for key in ("MODEL", "Max_Tokens", "N", "Store", "Stream", "Messages", "ſtore", "max_to\u212aens", "Provider"):
        refused(body(**{key: 64}), key)
    text = json.dumps(body())[:-1].encode()
    for key in (b"model\\u0000", b"mod\\u0045l", b"n\\u0000x"):
        a, got = post(text + b',"' + key + b'":64}')
        equal((a.status, got), (400, None), key)
        equal(a.error()["param"].encode(), json.loads(b'"' + key + b'"').encode(), key)
    refused({**body(), "stream": True, "stream_options": {"Include_Usage": False}}, "Include_Usage")
    refused({**body(), "messages": [{"role": "user", "Content": [{"type": "image_url"}]}]}, "Content")
    refused({**body(), "messages": [{"role": "user", "content": [{"type": "text", "text": "x", "Type": "file"}]}]},
            "Type")
    refused({**body(), "provider": {"Allow_Fallbacks": False}}, "Allow_Fallbacks")
    refused({**body(), "long" * 30: 1}, None)  # a name that is not repeated


@case
def members_of_sdks_reach_the_provider():
    harmless = {
        "temperature": 0.5, "top_p": 1, "stop": ["x"], "seed": 9223372036854775807, "logprobs": True, "top_logprobs": 2,
        "logit_bias": {"1": 2}, "metadata": {"a": "b"}, "user": "u", "presence_penalty": 0, "frequency_penalty": 0,
        "safety_identifier": "s", "prompt_cache_key": "k", "verbosity": "low", "reasoning_effort": "low", "n": 2,
        "modalities": ["text"], "response_format": {"type": "json_object"}, "top_k": 5, "min_p": 0.1, "top_a": 0,
        "repetition_penalty": 1.1,
        "thinking": {"type": "enabled", "budget_tokens": 4}, "enable_thinking": False, "thinking_budget": 3,
        "chat_template_kwargs": {"enable_thinking": False}, "best_of": 2, "guided_json": {"type": "object"},
        "ignore_eos": False, "min_tokens": 5, "random_seed": 1, "safe_prompt": False, "service_tier": "default",
        "prediction": {"type": "content", "content": "x"}, "parallel_tool_calls": True, "tool_choice": "auto",
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}], "cache_control": {"type": "ephemeral"},
    }
    a, got = post(body(**harmless))
    equal(a.status, 200, a)
    got = json.loads(got)
    equal({k: got.get(k) for k in harmless}, harmless)


@case
def what_means_nothing_is_left_out():
    a, got = post(body(tools=[], tool_choice="auto", parallel_tool_calls=True, service_tier="auto",
                       stream_options={"include_usage": True}, store=True, metadata={"a": "b"}))
    equal(a.status, 200, a)
    equal(json.loads(got), {**body(metadata={"a": "b"}), "model": UPSTREAM, "store": False})


@case
def whole_numbers_in_any_spelling():
    a, got = post(b'{"model":"demo/only-a","messages":[{"role":"user","content":"x"}],"max_tokens":100.0,"n":1.0}')
    equal(a.status, 200, a)
    equal(json.dumps(json.loads(got)["max_tokens"]) + json.dumps(json.loads(got)["n"]), "1001")
    for number in ("1.5", '"100"', "1e-1", "-1.0", "1e30"):
        a, got = post(b'{"model":"demo/only-a","messages":[{"role":"user","content":"x"}],"max_tokens":%s}'
                      % number.encode())
        equal((a.status, got), (400, None), number)
        equal(a.error()["param"], "max_tokens")


@case
def empty_values_of_typed_sdks():
    a, got = post(body(provider={"data_collection": "", "sort": ""}))
    equal(a.status, 200, a)
    a, got = post(body(provider={"data_collection": "no"}))
    equal((a.status, got), (400, None))


# --- second readers

PIECES = {
    "max_tokens": ["5", "7.0", "1e1", "null", '"9"', "0"],
    "max_completion_tokens": ["6", "null", "3.5"],
    "max_output_tokens": ["4", "8e0"],
    "n": ["1", "2", "3.0", "null"],
    "best_of": ["1", "4", "null"],
    "stream": ["true", "false", "null"],
    "stream_options": ["{}", "null", '{"include_usage":false}', '{"include_usage":true,"x":[1]}', '{"Include_Usage":true}'],
    "store": ["true", "false", "null"],
    "tools": ["[]", '[{"type":"function","function":{"name":"f"}}]', '[{"type":"web_search"}]'],
    "tool_choice": ['"auto"'],
    "service_tier": ['"auto"', '"default"', '"priority"'],
    "thinking": ['{"type":"enabled","budget_tokens":4}', '{"Budget_Tokens":900000}'],
    "min_tokens": ["0", "3", "9999"],
    "provider": ["{}", '{"allow_fallbacks":true}'],
    "models": ["[]", '["demo/only-a"]'],
    "session_id": ['"s"'],
    "temperature": ["1", "0.5"],
    "max_new_tokens": ["99999"],
    "num_generations": ["9"],
}
LIMITS = ["max_tokens", "max_completion_tokens", "max_output_tokens", "max_new_tokens", "max_length", "n_predict"]


def spelled(rng, key):
    """The key, sometimes in a spelling that another reader takes for it."""
    roll = rng.random()
    if roll < 0.75:
        return key
    if roll < 0.85:
        at = rng.randrange(len(key))
        return key[:at] + "\\u%04x" % ord(key[at]) + key[at + 1:]
    if roll < 0.95:
        return "".join(c.upper() if rng.random() < 0.5 else c for c in key)
    return key + rng.choice(["\\u0000", "\\u0000x"])


def generated(rng):
    members = [("model", '"demo/only-a"'), ("messages", '[{"role":"user","content":"x"}]')]
    for key in rng.sample(sorted(PIECES), rng.randrange(6)):
        members.append((spelled(rng, key), rng.choice(PIECES[key])))
    if rng.random() < 0.1:
        members.append((spelled(rng, "model"), '"other/model"'))
    rng.shuffle(members)
    return ("{" + ",".join('"%s":%s' % m for m in members) + "}").encode()


def readers(raw):
    """The members as (name, value) lists of two readers: exact, and one that ignores case and ends at NUL."""
    pairs = json.loads(raw, object_pairs_hook=lambda p: p)
    exact = [(k, v) for k, v in pairs]
    careless = [(k.split("\0")[0].casefold(), v) for k, v in pairs]
    return exact, careless


def agree(sent, got):
    """Whoever reads what the provider got sees one request, and it is the one that the client's exact
    members describe."""
    asked = dict(json.loads(sent))
    exact, careless = readers(got)
    for members in (exact, careless):
        names = [k for k, _ in members]
        equal(len(names), len(set(names)), ("two members of one name", got))
        seen = dict(members)
        equal(seen["model"], UPSTREAM, got)
        equal(seen["store"], False, got)
        limits = [seen[k] for k in LIMITS if seen.get(k) is not None]
        want = next((asked[k] for k in LIMITS[:3] if asked.get(k) is not None), None)
        # without the client's limit the router may write what it has reserved, or nothing
        equal(len(limits) <= 1 and (not limits or 1 <= limits[0] <= 65536) if want is None else limits == [want],
              True, (sent, got))
        for value in limits + [seen.get("n") or 1, seen.get("best_of") or 1]:
            equal(type(value), int, got)
        equal(seen.get("n") or 1, asked.get("n") or 1, got)
        equal(seen.get("best_of") or 1, asked.get("best_of") or 1, got)
        equal(bool(seen.get("stream")), bool(asked.get("stream")), got)
        if seen.get("stream"):
            equal(dict(seen["stream_options"]).get("include_usage"), True, got)
        for name in ("models", "provider", "session_id", "service_tier") + tuple(LIMITS[3:]):
            if name in seen and (name, seen[name]) != ("service_tier", "default"):
                raise AssertionError(f"{name} was sent: {got}")


@case
def second_readers_see_what_was_priced():
    rng, passed, stopped = random.Random(6), 0, 0
    c = rig.Client()
    for _ in range(CORPUS):
        sent = generated(rng)
        a, got = post(sent, c)
        if a.status == 200:
            agree(sent, got)
            passed += 1
        else:
            equal((a.status, got), (400, None), (sent, a))
            stopped += 1
    c.close()
    if min(passed, stopped) < CORPUS // 5:
        raise AssertionError(f"a corpus that tests one side: {passed} passed, {stopped} refused")


if __name__ == "__main__":
    rig.main()
