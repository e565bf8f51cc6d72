#!/usr/bin/env python3
"""What a provider's answer means when it does not say it in the usual way, end to end: recorded bytes, as
a stream and whole, from one provider and with a second one behind it. A success is delivered in the
canonical form and billed by the provider's figures; a failure before the first delta goes to the next
provider; one behind it is an error event without [DONE]. Needs a stack."""

import gzip
import json
import os
import sys
import time
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import replay  # noqa: E402
import rig  # noqa: E402
from rig import case, equal, true, wait_until  # noqa: E402

BASE = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
USAGE = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}


def chunk(delta=None, finish=None, **members):
    name = members.pop("name", "delta")
    beside = members.pop("beside", {})
    return json.dumps({**BASE, "choices": [{"index": 0, name: delta or {}, "finish_reason": finish, **beside}],
                       **members})


def whole(message, finish="stop", **members):
    beside = members.pop("beside", {})
    return json.dumps({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [
        {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish, **beside}],
        "usage": USAGE, **members})


FIGURES = json.dumps({**BASE, "choices": [], "usage": USAGE})
ROLE = chunk({"role": "assistant", "content": ""})
HELLO = chunk({"content": "hello"})
WELL = replay.answer(replay.stream(ROLE, chunk({"content": "well"}), chunk({}, "stop"), FIGURES))
WELL_WHOLE = replay.answer(replay.whole(whole({"content": "well"})))


def labelled(raw, kind, coding=None):
    """The same bytes under another label."""
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = [x for x in head.split(b"\r\n") if not x.lower().startswith(b"content-type")]
    lines.append(b"Content-Type: " + kind.encode())
    if coding:
        lines.append(b"Content-Encoding: " + coding.encode())
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def sse(*events, done=True):
    """The body of a stream alone."""
    return "".join(f"data: {e}\n\n" for e in list(events) + (["[DONE]"] if done else [])).encode()


def prime(p, model):
    """Successes before a failure, two for one: no breaker opens."""
    p.set("demo-a", WELL_WHOLE)
    for _ in range(2):
        a = ask(rig.new_key(), model, False)
        equal((a.status, a.header("x-tr-provider")), (200, "demo-a"), a)


def ask(key, model, stream, **members):
    c = rig.Client(key=key["key"], timeout=20)
    a = c.chat(model=model, stream=stream, **members)
    c.close()
    return a


def choices(a):
    return [c for e in a.events() if e != "[DONE]" for c in json.loads(e).get("choices") or []]


def finish_of(a, stream):
    if not stream:
        return a.json()["choices"][0]["finish_reason"]
    return [c["finish_reason"] for c in choices(a) if c["finish_reason"]][-1]


def provider(raw):
    return replay.Provider({"demo-a": replay.answer(raw), "demo-b": replay.answer(raw)})


def succeeds(p, raw, stream, text="hello", finish="stop", figures=True, what=""):
    """With one provider and with two: delivered, ended well, and billed."""
    for model in ("demo/only-a", "demo/echo"):
        key = rig.new_key()
        p.set("demo-a", replay.answer(raw))
        p.set("demo-b", WELL if stream else WELL_WHOLE)
        a = ask(key, model, stream)
        equal((a.status, a.clean), (200, True), (what, a))
        equal(a.text(), text, (what, a))
        equal(finish_of(a, stream), finish, (what, a))
        if stream:
            equal(a.events()[-1], "[DONE]", (what, a))
        if figures:
            row = wait_until(lambda: rig.usage_rows(key), 15, "the usage record")[0]
            equal((row["prompt"], row["completion"]), (100, 20), (what, row))
    return a


def fails_first(p, raw, stream, what=""):
    """Nothing was delivered: with two providers the second answers, alone it is 502."""
    p.set("demo-b", WELL if stream else WELL_WHOLE)
    prime(p, "demo/echo")
    p.set("demo-a", replay.answer(raw))
    a = ask(rig.new_key(), "demo/echo", stream)
    equal((a.status, a.clean, a.text(), a.header("x-tr-provider")), (200, True, "well", "demo-b"), (what, a))
    prime(p, "demo/only-a")
    p.set("demo-a", replay.answer(raw))
    a = ask(rig.new_key(), "demo/only-a", stream)
    equal(a.status, 502, (what, a))


def fails_later(p, raw, what=""):
    """Something was delivered: an error event, no finish reason, no [DONE]; booked, flagged as an estimate."""
    for model in ("demo/only-a", "demo/echo"):
        key = rig.new_key()
        p.set("demo-b", WELL)
        prime(p, model)
        p.set("demo-a", replay.answer(raw, gap=0.02))
        a = ask(key, model, True)
        equal(a.status, 200, (what, a))
        true("[DONE]" not in a.events(), (what, a))
        true("error" in json.loads(a.events()[-1]), (what, a))
        equal([c for c in choices(a) if c["finish_reason"]], [], (what, a))
        row = wait_until(lambda: rig.usage_rows(key), 15, "the usage record")[0]
        true(row["cost"] > 0 and row["flags"] & 4, (what, row))


def call(index, text, ident=None, name=None):
    function = {"arguments": text, **({"name": name} if name else {})}
    return {"tool_calls": [{"index": index, "function": function,
                            **({"id": ident, "type": "function"} if ident else {})}]}


@case
def success_needs_a_known_good_end():
    gone = {"error": {"code": 502, "message": "provider disconnected"}}
    with provider(replay.stream(ROLE)) as p:
        fails_first(p, replay.stream(ROLE, chunk({"content": ""}, "error", beside=gone), FIGURES), True, "error first")
        fails_first(p, replay.whole(whole({"content": ""}, "error", beside=gone)), False, "error, whole")
        fails_first(p, replay.whole(whole({"content": "x"}, "abort")), False, "abort, whole")
        fails_first(p, replay.whole(json.dumps({"errors": [{"message": "no", "code": 3040}], "success": False})), False,
                    "errors, whole")
        for what, event in (
                ("finish reason error", chunk({"content": ""}, "error", beside=gone)),
                ("finish reason in capitals", chunk({}, "ERROR")),
                ("abort", chunk({}, "abort")),
                ("list of errors", json.dumps({"errors": [{"message": "worker exceeded capacity"}], "success": False})),
                ("status", json.dumps({"status": 500, "title": "x"})),
                ("unknown, then no reason", json.dumps({"weird": {"x": 1}}))):
            fails_later(p, replay.stream(ROLE, HELLO, event, *([] if "unknown" in what else [FIGURES])), what)
        fails_later(p, replay.stream(ROLE, HELLO, chunk(call(0, '{"path": "/tm', "call_a", "rm"))), "open arguments")


@case
def foreign_finish_reasons():
    table = [("MAX_TOKENS", "length"), ("SAFETY", "content_filter"), ("Recitation", "content_filter"), ("blocklist",
             "content_filter"), ("model_context_window_exceeded", "length"), ("end_turn", "stop"), ("EOS", "stop"),
             ("nobody_knows_this", "length")]
    with provider(replay.stream(ROLE)) as p:
        for word, finish in table:
            succeeds(p, replay.stream(ROLE, HELLO, chunk({}, word), FIGURES), True, finish=finish, what=word)
            succeeds(p, replay.whole(whole({"content": "hello"}, word)), False, finish=finish, what=word)


def calls_of(a):
    """The calls of a stream as a client puts them together."""
    calls = {}
    for c in choices(a):
        for t in c["delta"].get("tool_calls") or []:
            got = calls.setdefault(t["index"], {"id": None, "name": None, "arguments": ""})
            got["id"] = t.get("id") or got["id"]
            got["name"] = t["function"].get("name") or got["name"]
            got["arguments"] += t["function"]["arguments"]
    return calls


@case
def calls_come_out_whole():
    one = {0: {"id": "call_a", "name": "add", "arguments": '{"x":1}'}}
    with provider(replay.stream(ROLE)) as p:
        for what, events in (
                ("drifting indexes", (chunk(call(0, "", "call_a", "add")), chunk(call(1, '{"x"')), chunk(call(2, ":1}")),
                                      chunk({}, "tool_calls"))),
                ("stop", (chunk(call(0, '{"x":1}', "call_a", "add")), chunk({}, "stop"))),
                ("tool_use", (chunk(call(0, '{"x":1}', "call_a", "add")), chunk({}, "tool_use"))),
                ("no reason", (chunk(call(0, '{"x":1}', "call_a", "add")),)),
                ("stub of a function call", (chunk(call(0, "", "call_a", "add")), chunk(call(0, '{"x":1}')), chunk(
                    {"function_call": {"name": "", "arguments": ""}}, "tool_calls")))):
            a = succeeds(p, replay.stream(ROLE, *events, FIGURES), True, text="", finish="tool_calls", what=what)
            equal(calls_of(a), one, what)
            true(b"function_call" not in a.body, a)
        a = succeeds(p, replay.whole(whole({"content": None, "function_call": {"name": "", "arguments": ""}, "tool_calls": [
            {"id": "call_a", "type": "function", "function": {"name": "add", "arguments": '{"x":1}'}}]})), False,
            text=None, finish="tool_calls")
        true(b"function_call" not in a.body, a)


@case
def a_message_stands_for_a_delta():
    with provider(replay.stream(ROLE)) as p:
        succeeds(p, replay.stream(chunk({"role": "assistant", "content": "hel"}, name="message"),
                                  chunk({"content": "lo"}, name="message"), chunk({"content": ""}, "stop", name="message"),
                                  FIGURES), True)
        succeeds(p, replay.whole(whole({"content": "hello"}).replace('"message"', '"delta"')), False)


@case
def an_answer_is_what_its_bytes_are():
    """The label says one thing, the bytes another; compressed, marked, with any 2xx."""
    stream = replay.stream(ROLE, chunk({"content": "hel"}), chunk({"content": "lo"}), chunk({}, "stop"), FIGURES)
    body = whole({"content": "hello"})
    events = sse(ROLE, chunk({"content": "hel"}), chunk({"content": "lo"}), chunk({}, "stop"), FIGURES)
    raw = zlib.compressobj(wbits=-15)
    deflated = raw.compress(body.encode()) + raw.flush()
    with provider(stream) as p:
        for kind in ("application/json", "text/plain", "application/octet-stream", "text/event-stream"):
            succeeds(p, labelled(stream, kind), True, what=("stream", kind))
            succeeds(p, labelled(stream, kind), False, what=("stream for a whole answer", kind))
            succeeds(p, replay.whole(body, kind=kind), False, what=("whole", kind))
            succeeds(p, replay.whole(body, kind=kind), True, what=("whole answer for a stream", kind))
        for status in ("201 Created", "203 Well"):
            succeeds(p, replay.whole(body, status), False, what=status)
            succeeds(p, stream.replace(b"200 OK", status.encode()), True, what=status)
        succeeds(p, replay.whole(b"\xef\xbb\xbf" + body.encode()), False, what="a mark")
        succeeds(p, replay.whole(b"\xef\xbb\xbf" + events, kind="text/event-stream"), True, what="a mark")
        for coding, packed in (("gzip", gzip.compress(body.encode())), ("x-gzip", gzip.compress(body.encode())),
                               ("deflate", zlib.compress(body.encode())), ("deflate", deflated), ("gzip", body.encode()),
                               (None, gzip.compress(body.encode()))):
            succeeds(p, labelled(replay.whole(packed), "application/json", coding), False, what=coding)
        for coding, packed in (("gzip", gzip.compress(events)), ("deflate", zlib.compress(events)), (None, gzip.compress(
                events))):
            succeeds(p, labelled(replay.whole(packed), "text/event-stream", coding), True, what=coding)
            succeeds(p, labelled(replay.whole(packed), "text/event-stream", coding), False, what=coding)
        fails_first(p, labelled(replay.whole(body), "application/json", "br"), False, "br")
        fails_first(p, labelled(replay.whole(gzip.compress(body.encode())[:-12]), "application/json", "gzip"), False,
                    "cut short")
        bomb = gzip.compress(b'{"choices":[' + b" " * (16 << 20))
        fails_first(p, labelled(replay.whole(bomb), "application/json", "gzip"), False, "a bomb")


@case
def what_is_no_error_and_no_number():
    with provider(replay.stream(ROLE)) as p:
        for nothing in ("", None, {}, {"code": 0, "message": ""}, []):
            a = succeeds(p, replay.stream(ROLE, chunk({"content": "hello"}, error=nothing), chunk({}, "stop", error=nothing),
                                          FIGURES), True, what=nothing)
            true(b'"error"' not in a.body, a)
            a = succeeds(p, replay.whole(whole({"content": "hello"}, error=nothing)), False, what=nothing)
            true(b'"error"' not in a.body, a)
        for number in (float("nan"), float("inf"), float("-inf")):
            beside = {"logprobs": {"content": [{"token": "NaN", "logprob": number}]}}
            null = json.dumps({"content": [{"token": "NaN", "logprob": None}]}).encode()
            a = succeeds(p, replay.stream(ROLE, chunk({"content": "hello"}, beside=beside), chunk({}, "stop"), FIGURES), True)
            true(null in a.body, a)
            a = succeeds(p, replay.whole(whole({"content": "hello"}, beside=beside)), False)
            true(null in a.body, a)


@case
def every_useful_delta_leaves_at_once():
    """The head and the first delta of any kind are there long before the second one comes."""
    deltas = [{"content": "x"}, {"reasoning": "x"}, {"reasoning_content": "x"}, call(0, "{", "a", "f"),
              {"function_call": {"name": "f", "arguments": ""}}, {"refusal": "no"}, {"audio": {"id": "a1", "data": "AAAA"}},
              {"images": [{"type": "image_url", "image_url": {"url": "data:,"}}]}, {"annotations": [{"type": "url_citation"}]},
              {"reasoning_details": [{"text": "x"}]}, {"thinking_blocks": [{"thinking": "x"}]}]
    with provider(replay.stream(ROLE)) as p:
        for delta in deltas:
            p.set("demo-a", replay.answer(replay.stream(chunk({"role": "assistant", **delta}), chunk({}, "stop")), gap=1))
            began = time.monotonic()
            s, _ = rig.open_stream({"model": "demo/only-a", "stream": True, "messages": [{"role": "user", "content": "x"}]})
            took = time.monotonic() - began
            s.close()
            true(took < 1.8, (delta, took))  # the first event comes after 1 s, the second after 2 s


rig.main()
