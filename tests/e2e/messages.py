#!/usr/bin/env python3
"""A client of Anthropic's Messages that reads every byte: what is answered, whole and streamed, validates against
the closed (writer) definitions of the specification and keeps the order of events that Anthropic's streams have;
what the provider is asked is what was said; errors have Anthropic's shape, types and words. The unmodified SDKs
are in clients-python and clients-node. Needs a stack, jsonschema (tests/clients/prepare) and ../shared/specs
($TR_SPECS): without the last two the validation is skipped."""

import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
PYTHON = os.path.join(HERE, "../../build/clients/python/bin/python")
if "TR_MESSAGES_PYTHON" not in os.environ:
    prepared = subprocess.run([os.path.join(HERE, "../clients/prepare"), "python"], stdout=subprocess.DEVNULL)
    python = PYTHON if prepared.returncode == 0 else sys.executable
    os.execve(python, [python, *sys.argv], {**os.environ, "TR_MESSAGES_PYTHON": "1"})

sys.path.insert(0, os.path.join(HERE, "../lib"))
sys.path.insert(0, os.path.join(HERE, "../clients/python"))
import kit  # noqa: E402
import rig  # noqa: E402
from kit import CALLS, CITY, MODEL, ONLY_A, PNG, TEN, plan  # noqa: E402
from rig import Client, case, equal, fresh, last_body, true  # noqa: E402

SPEC = os.path.join(os.environ.get("TR_SPECS", os.path.join(rig.ROOT, "../shared/specs")), "anthropic_messages.schema.json")
try:
    import jsonschema
    with open(SPEC) as f:
        SCHEMA = json.load(f)
    WHY_NOT = ""
except (ImportError, OSError) as problem:
    WHY_NOT = f"no writer definitions: {problem}"

TOOLS = [{"name": n, "description": n, "input_schema": CITY} for n in ("weather", "traffic")]
THINKING = {"type": "adaptive"}


def valid(value, name):
    if WHY_NOT:
        raise rig.Skip(WHY_NOT)
    check = jsonschema.Draft202012Validator({**SCHEMA, "not": {"type": "null"}, "$ref": f"#/$defs/{name}"})
    problems = [f"{'/'.join(map(str, e.absolute_path))}: {e.message[:300]}" for e in check.iter_errors(value)]
    if problems:
        raise AssertionError(f"{name}: {json.dumps(value)[:500]}: {problems}")
    return value


def body(content, **more):
    messages = content if isinstance(content, list) and content and "role" in content[0] else [{"role": "user", "content": content}]
    return {"model": MODEL, "max_tokens": 1024, "messages": messages, **more}


def ask(request, key=None, path="/messages?beta=true", headers=None, url=None):
    c = Client(url=url, key="" if headers else key)
    try:
        return c.request("POST", path, request, {"anthropic-version": "2023-06-01", **(headers or {})})
    finally:
        c.close()


def whole(request, **how):
    a = ask(request, **how)
    equal(a.status, 200, repr(a))
    answer = a.json()
    if how.get("path", "").startswith("/api/"):  # what OpenRouter's Messages has beside Anthropic's
        for member in ("cost", "cost_details"):
            true(member in answer["usage"], answer)
            del answer["usage"][member]
    return valid(answer, "MessageFull")


def events(a):
    """The events of a stream, each validated, whose grammar is Anthropic's."""
    equal((a.status, a.headers["content-type"], a.clean), (200, "text/event-stream", True), repr(a))
    found = []
    for block in a.body.decode().split("\n\n")[:-1]:
        lines = block.split("\n")
        if lines == ["data: [DONE]"]:
            found.append({"type": "[DONE]"})
            continue
        equal(len(lines), 2, block)
        event = json.loads(lines[1].removeprefix("data: "))
        equal(lines[0], "event: " + event["type"])
        valid(event, "StreamEventFull")
        found.append(event)
    return found


def message_of(found):
    """What an SDK accumulates; the order is checked on the way."""
    found = [e for e in found if e["type"] != "ping"]
    equal([found[0]["type"]] + [e["type"] for e in found[-3:]],
          ["message_start", "message_delta", "message_stop", "[DONE]"])
    message, blocks, open_at = found[0]["message"], [], None
    for e in found[1:-3]:
        if e["type"] == "content_block_start":
            equal((open_at, e["index"]), (None, len(blocks)))
            open_at = e["index"]
            blocks.append(dict(e["content_block"]))
            blocks[-1]["json"] = ""
            continue
        equal(e["index"], open_at)
        if e["type"] == "content_block_stop":
            open_at = None
            continue
        delta = e["delta"]
        kind = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature", "input_json_delta": "json"}[delta["type"]]
        blocks[-1][kind] += delta.get("partial_json", delta.get(kind))
    equal(open_at, None)
    for b in blocks:
        text = b.pop("json")
        if b["type"] == "tool_use":
            b["input"] = json.loads(text)
    message["content"] = blocks
    message.update(found[-3]["delta"])
    message["usage"].update(found[-3]["usage"])
    return valid(message, "MessageFull")


def both(content, **more):
    """The same whole and streamed; ids, thoughts' signatures and how no citations are said differ."""
    a = whole(body(content, **more))
    b = message_of(events(ask(body(content, stream=True, **more))))
    for m in (a, b):
        m.pop("id")
        for block in m["content"]:
            true(not block.pop("citations", None))
            if block["type"] == "thinking":
                true(block.pop("signature").startswith("eyJ0ciI6MSwi"), "sealed")
    equal(a, b)
    return a


# --- answers

@case
def text_is_valid_whole_and_streamed():
    m = both(plan("", "say " + TEN))
    equal(([b["text"] for b in m["content"]], m["stop_reason"]), ([TEN], "end_turn"))


@case
def calls_and_thoughts_are_valid():
    m = both(plan("replay", *CALLS), tools=TOOLS, thinking=THINKING)
    equal([b["type"] for b in m["content"]], ["thinking", "tool_use", "tool_use"])
    equal([b["input"] for b in m["content"][1:]], [{"city": "Zürich"}, {"city": "Köln"}])
    equal(m["stop_reason"], "tool_use")


@case
def thoughts_are_replayed_by_both_ways():
    """The strict provider refuses a call that comes back without its signed thought."""
    for display in ({}, {"display": "omitted"}):
        for stream in (False, True):
            ident = fresh()
            request = body(plan(f"replay,id={ident}", *CALLS), tools=TOOLS, thinking={**THINKING, **display})
            first = message_of(events(ask({**request, "stream": True}))) if stream else whole(request)
            equal(first["content"][0]["thinking"], "" if display else "I need both.")
            request["messages"] += [
                {"role": "assistant", "content": first["content"]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": b["id"], "content": kit.result_of(b["name"])}
                                             for b in first["content"][1:]]}]
            equal([b["text"] for b in whole(request)["content"] if b["type"] == "text"], [kit.SAID])
            equal(kit.statuses(ident), [200, 200])


@case
def limit_is_told():
    request = body("x" * 400, max_tokens=16)
    equal(whole(request)["stop_reason"], "max_tokens")
    equal(message_of(events(ask({**request, "stream": True})))["stop_reason"], "max_tokens")


@case
def failed_stream_ends_with_an_error_event():
    for fault in ("close_at=4", "rst_at=4", "cut_at=4", "error_at=4"):
        found = events(ask(body(plan("cadence_us=20000," + fault, "say " + TEN), model=ONLY_A, stream=True)))
        equal((found[-1]["type"], found[-1]["error"]["type"]), ("error", "api_error"))
        true(all(e["type"] not in ("message_delta", "message_stop", "[DONE]") for e in found), fault)


# --- requests

@case
def provider_gets_what_was_said():
    whole(body([
        {"role": "user", "content": [{"type": "text", "text": "look", "cache_control": {"type": "ephemeral"}},
                                     {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}]},
        {"role": "assistant", "content": [{"type": "text", "text": "One moment."},
                                          {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Zürich"}},
                                          {"type": "tool_use", "id": "toolu_2", "name": "traffic", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_2", "is_error": True, "content": "none"},
                                     {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "sun"}]},
                                     {"type": "text", "text": "So?"}]},
        {"role": "system", "content": "Answer in one word."}],
        model=ONLY_A, tools=TOOLS, tool_choice={"type": "any", "disable_parallel_tool_use": True}, temperature=0.25,
        stop_sequences=["END"], metadata={"user_id": "somebody"}, output_config={"effort": "low"},
        context_management={"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        system=[{"type": "text", "text": "x-anthropic-billing-header: cc_version=1"}, {"type": "text", "text": "Be brief."}]))
    got = json.loads(last_body())
    roles = [m["role"] for m in got["messages"]]
    equal(roles, ["system", "user", "assistant", "tool", "tool", "user", "system"])
    first, look, turn, one, two, so, last = got["messages"]
    true("Be brief." in json.dumps(first) and b"billing" not in last_body(), "the system prompt alone")
    true("data:image/png;base64," + PNG in json.dumps(look), "the picture")
    equal([(c["id"], c["function"]["name"], json.loads(c["function"]["arguments"])) for c in turn["tool_calls"]],
          [("toolu_1", "weather", {"city": "Zürich"}), ("toolu_2", "traffic", {})])
    equal([m["tool_call_id"] for m in (one, two)], ["toolu_1", "toolu_2"], "in the order of the calls")
    true("sun" in json.dumps(one) and "Error: none" in json.dumps(two), "the results")
    true("So?" in json.dumps(so) and "one word" in json.dumps(last), "what follows them")
    equal([t["function"]["name"] for t in got["tools"]], ["weather", "traffic"])
    equal((got["tool_choice"], got["parallel_tool_calls"], got["temperature"], got["stop"]), ("required", False, 0.25, ["END"]))
    equal((got.get("max_tokens") or got.get("max_completion_tokens"), got["store"]), (1024, False))
    true(b"somebody" not in last_body(), "no raw identity")


@case
def both_headers_both_versions_any_beta():
    key = rig.env("TR_API_KEY")
    for headers in ({"x-api-key": key}, {"Authorization": "Bearer " + key}, {"x-api-key": key, "Authorization": "Bearer other"}):
        whole(body("hi"), headers={**headers, "anthropic-beta": "claude-code-20250219,never-heard-of-2031-01-01"})
    for version, status in (("2023-06-01", 200), ("2026-10-21", 400)):
        a = ask(body("hi", temperature=1), headers={"x-api-key": key, "anthropic-version": version})
        equal(a.status, status, version)
    equal(a.json()["error"]["message"], "temperature: Extra inputs are not permitted")
    for path in ("/v1/messages", "/api/v1/messages"):
        whole(body("hi"), url=rig.env("TR_BASE_URL").removesuffix("/v1"), path=path)


@case
def tokens_are_counted_without_a_provider():
    before = rig.counters("demo-a")["requests"]
    a = ask({"model": MODEL, "messages": [{"role": "user", "content": "x" * 4000}]}, path="/messages/count_tokens")
    equal(a.status, 200, repr(a))
    n = valid(a.json(), "CountTokensResponseFull")["input_tokens"]
    true(1000 <= n < 1100, n)
    equal(rig.counters("demo-a")["requests"], before)
    a = ask({"model": MODEL, "messages": [{"role": "user", "content": "x"}], "temperature": 1}, path="/messages/count_tokens",
            headers={"x-api-key": rig.env("TR_API_KEY"), "anthropic-version": "2026-10-21"})
    equal((a.status, a.json()["error"]["type"]), (400, "invalid_request_error"))


# --- errors

def refused(status, kind, request=None, words="", **how):
    a = ask(request or body("hi"), **how)
    equal(a.status, status, repr(a))
    e = valid(a.json(), "ErrorResponse")
    equal(e["error"]["type"], kind)
    equal(e["request_id"], a.headers["request-id"])
    true(words in e["error"]["message"], e["error"]["message"])
    return a


@case
def errors_have_anthropics_shape():
    refused(400, "invalid_request_error", body("hi", n=2), "n: Extra inputs are not permitted")
    refused(400, "invalid_request_error", body([]), "messages")
    refused(400, "invalid_request_error", b"{", "JSON")
    refused(401, "authentication_error", key="sk-tr-v1-" + "y" * 43)
    refused(401, "authentication_error", headers={"x-api-key": "sk-ant-api03-other"})
    refused(402, "billing_error", key=rig.new_key(limit=0)["key"])
    refused(404, "not_found_error", body("hi", model="demo/nothing"))
    refused(413, "request_too_large", b'{"x":"' + b"x" * (33 << 20) + b'"}')
    refused(429, "rate_limit_error", body(plan("fail=429", "say x"), model=ONLY_A))
    refused(529, "overloaded_error", body(plan("fail=529", "say x"), model=ONLY_A))


@case
def server_tools_are_refused_by_name():
    for tool in ({"type": "web_search_20250305", "name": "web_search"}, {"type": "bash_20250124", "name": "bash"}):
        refused(400, "invalid_request_error", body("hi", tools=[tool, *TOOLS]), tool["type"])
    whole(body("hi", tools=[{"type": "tool_search_tool_regex_20251119", "name": "s"}, *TOOLS], model=ONLY_A))
    equal([t["function"]["name"] for t in json.loads(last_body())["tools"]], ["weather", "traffic"])


@case
def receipts_name_the_path():
    a = ask(body("hi"))
    r = Client().request("GET", "/aci/receipts/" + a.headers["x-receipt-id"])
    equal(r.status, 200, repr(r))
    true("/v1/messages" in r.body.decode(), r.body[:500])


if __name__ == "__main__":
    kit.main()
