#!/usr/bin/env python3
"""Requests as clients really send them (compressed, with a byte order mark, other headers, other spellings),
and providers that refuse: who is asked next, and which failure the client is told. Needs a stack."""

import gzip
import json
import os
import sys
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import replay  # noqa: E402
import rig  # noqa: E402
from rig import case, chat, equal, true  # noqa: E402

MODEL = "demo/only-a"
IN_ORDER, REVERSED = {"order": ["demo-a", "demo-b"]}, {"order": ["demo-b", "demo-a"]}
DELTA = '{"id":"u","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":%s,"finish_reason":%s}]}'
USAGE = '{"id":"u","object":"chat.completion.chunk","created":1,"model":"m","choices":[],' \
        '"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}}'
WHOLE = {"id": "u", "object": "chat.completion", "created": 1, "model": "m",
         "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
         "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}}
GOOD = {False: replay.answer(replay.whole(json.dumps(WHOLE))),
        True: replay.answer(replay.stream(DELTA % ('{"content":"hi"}', "null"), DELTA % ("{}", '"stop"'), USAGE))}
RESET = replay.answer(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n", reset=True)


def refusal(status, message, head="", **more):
    raw = replay.whole(json.dumps({"error": {"message": message, **more}}), status)
    return replay.answer(raw.replace(b"\r\n", b"\r\n" + head.encode(), 1))


def body(**members):
    return {"model": MODEL, "messages": [{"role": "user", "content": "hello"}], "max_tokens": 5, **members}


def post(raw, path="/v1/chat/completions", headers=None, key=True):
    """Send bytes; the status, the head and the body of the answer."""
    lines = {"Host": "localhost", "Content-Type": "application/json", "Connection": "close",
             "Content-Length": len(raw)}
    if key:
        lines["Authorization"] = "Bearer " + rig.env("TR_API_KEY")
    lines.update(headers or {})
    head = "".join(f"{k}: {v}\r\n" for k, v in lines.items())
    answer = rig.raw(f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + raw)
    head, _, rest = answer.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), head.decode("latin-1").lower(), rest


def served(raw, **how):
    """What the provider got."""
    mark = rig.fresh("r")
    rig.mock_set("demo-a", f"tokens=3,id={mark}")
    try:
        status, _, rest = post(raw, **how)
        equal(status, 200, rest[:300])
        equal(len(rig.seen(mark)), 1)
        return json.loads(rig.last_body("demo-a"))
    finally:
        rig.mock_set("demo-a", "")


# --- bodies

def raw_deflate(data):
    c = zlib.compressobj(9, zlib.DEFLATED, -15)
    return c.compress(data) + c.flush()


def zstd(data):
    """One zstd frame of raw blocks (RFC 8878), as Python has no encoder."""
    out = b"\x28\xb5\x2f\xfd\xa0" + len(data).to_bytes(4, "little")
    for at in range(0, len(data), 1 << 16):
        piece = data[at:at + (1 << 16)]
        last = at + len(piece) == len(data)
        out += (len(piece) << 3 | last).to_bytes(3, "little") + piece
    return out


CODINGS = (("gzip", gzip.compress), ("x-gzip", gzip.compress), ("GZIP", gzip.compress),
           ("deflate", zlib.compress), ("deflate", raw_deflate), ("zstd", zstd), ("identity", bytes))


@case
def compressed_bodies_are_read():
    text = "Zürich " * 30000
    for stream in (False, True):
        plain = json.dumps(body(stream=stream, messages=[{"role": "user", "content": text}])).encode()
        for name, pack in CODINGS:
            got = served(pack(plain), headers={"Content-Encoding": name})
            equal(got["messages"][0]["content"], text, name)


@case
def other_codings_are_refused_with_what_is_accepted():
    plain = json.dumps(body()).encode()
    for name in ("br", "compress", "gzip, gzip", "aes128gcm"):
        status, head, rest = post(plain, headers={"Content-Encoding": name})
        equal((status, json.loads(rest)["error"]["code"]), (415, "unsupported_content_encoding"), name)
        true("\r\naccept-encoding: gzip, deflate, zstd" in head, head)


@case
def damaged_and_boundless_bodies_are_refused():
    plain = json.dumps(body()).encode()
    for name, pack in CODINGS[:-1]:
        packed = pack(plain)
        for bad in (packed[:-5], plain, packed + b"x"):
            status, _, rest = post(bad, headers={"Content-Encoding": name})
            equal((status, json.loads(rest)["error"]["code"]), (400, "invalid_content_encoding"), name)
    bomb = gzip.compress(b" " * (33 << 20))
    before = rig.status_kb(rig.pid("dataplane"))
    for _ in range(5):
        status, _, rest = post(bomb, headers={"Content-Encoding": "gzip"})
        equal((status, json.loads(rest)["error"]["code"]), (413, "request_too_large"))
    true(rig.status_kb(rig.pid("dataplane")) - before < 200 << 10, "memory is given back")
    # the key is made up: less is decoded for it, and nothing is served
    status, _, rest = post(bomb[:60000], headers={
        "Content-Encoding": "gzip", "Authorization": "Bearer sk-tr-v1-" + "A" * 43})
    true(status in (400, 413), (status, rest))


@case
def a_byte_order_mark_is_skipped():
    equal(served(b"\xef\xbb\xbf" + json.dumps(body()).encode())["max_tokens"], 5)
    status, _, rest = post(json.dumps(body()).encode("utf-16"))
    equal(status, 400)
    true(b"UTF-16" in rest, rest)


@case
def what_means_nothing_does_not_travel():
    got = served(json.dumps(body(
        tools=[], tool_choice="auto", parallel_tool_calls=True, functions=[], function_call="auto",
        stream_options={"include_usage": True}, response_format={}, stop=[], max_tokens=100.0, n=1.0,
        provider={"data_collection": "", "sort": ""})).encode())
    equal(sorted(got), ["max_tokens", "messages", "model", "n", "store"])
    equal((got["max_tokens"], got["n"], str(got["n"])), (100, 1, "1"))
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    got = served(json.dumps(body(tools=[tool], tool_choice="auto", stop=["x"],
                                 response_format={"type": "text"})).encode())
    equal((got["tools"], got["tool_choice"], got["stop"]), ([tool], "auto", ["x"]))


# --- heads

@case
def empty_segments_of_a_path_are_left_out():
    plain = json.dumps(body()).encode()
    for path in ("//v1/chat/completions", "/v1//chat/completions", "/v1/chat/completions/",
                 "/api/v1//chat/completions//", "https://localhost/v1/chat/completions"):
        equal(served(plain, path=path)["model"], "up-only", path)
    for path in ("/chat/completions", "/v1/v1/chat/completions"):
        status, _, rest = post(plain, path=path)
        equal(status, 404)
        true(b"use POST /v1/chat/completions" in rest, rest)


@case
def a_foreign_authorization_does_not_hide_the_key():
    key, plain = rig.env("TR_API_KEY"), json.dumps(body()).encode()
    for header in ("x-api-key", "api-key"):
        for foreign in ("Basic dXNlcjpwYXNz", "Bearer", "Bearer sk-proj-of-another-service"):
            served(plain, key=False, headers={"Authorization": foreign, header: key})
    served(plain, headers={"x-api-key": "sk-ant-of-another-service"})
    status, _, rest = post(plain, key=False, headers={"Authorization": "Basic dXNlcjpwYXNz"})
    equal((status, json.loads(rest)["error"]["code"]), (401, "missing_api_key"))


@case
def too_large_a_head_is_431():
    plain = json.dumps(body()).encode()
    for headers in ({f"x-{i}": "1" for i in range(120)}, {"x-big": "a" * 70000}):
        status, _, rest = post(plain, headers=headers)
        equal((status, json.loads(rest)["error"]["code"]), (431, "headers_too_large"))
    equal(post(plain, headers={f"x-{i}": "1" for i in range(80)})[0], 200)


@case
def suffixes_of_models_are_a_sort_order():
    for name in ("demo/echo:floor", "demo/echo:nitro"):
        a = chat(model=name)
        equal((a.status, a.header("x-tr-model")), (200, "demo/echo"), name)
    a = chat(model="demo/echo:free")
    equal((a.status, a.error()["code"]), (404, "model_not_found"))
    true(":floor" in a.error()["message"], a)


# --- refusals and failures

OWN = [("400 X", "max_tokens must be between 1 and 512 for this model"),
       ("400 X", "messages[0].role: developer is not one of ['system', 'user']"),
       ("413 X", "Request too large for model in organization `org_01hq2xyz` on tokens per minute (TPM)"),
       ("400 X", "This model's maximum context length is 8192 tokens"),
       ("400 X", "User location is not supported for the API use."),
       ("400 X", "Your credit balance is too low to access the API.")]


@case
def a_refusal_of_one_provider_falls_over():
    for stream in (False, True):
        with replay.Provider({"demo-a": [refusal(*r) for r in OWN], "demo-b": GOOD[stream]}):
            for r in OWN:
                a = chat(provider=IN_ORDER, stream=stream)
                equal((a.status, a.header("x-tr-provider")), (200, "demo-b"), r)


@case
def alone_it_is_the_answer_and_names_nothing_of_the_operator():
    want = [400, 400, 413, 400, 502, 502]
    for stream in (False, True):
        with replay.Provider({"demo-a": [refusal(*r) for r in OWN]}):
            for r, status in zip(OWN, want):
                a = chat(model=MODEL, stream=stream)
                equal(a.status, status, r)
                true(b"org_01" not in a.body and b"balance" not in a.body, a)
        quotes = ["Bearer mock-provider-key-a", "mock-pro****", "****er-key-a"]
        with replay.Provider({"demo-a": [refusal("400 X", "bad key " + q) for q in quotes]}):
            for q in quotes:
                a = chat(model=MODEL, stream=stream)
                equal(a.status, 400)
                true(q[-8:].encode() not in a.body, a)


def alone(models, stream):
    """A request that names "models" and no "model"."""
    c = rig.Client()
    a = c.request("POST", "/chat/completions", {"models": models, "stream": stream, "provider": IN_ORDER,
                                                "messages": [{"role": "user", "content": "hello"}]})
    c.close()
    return a


@case
def context_length_goes_on_to_the_next_model():
    long = refusal("400 X", "too long", code="context_length_exceeded")
    for stream in (False, True):
        with replay.Provider({"demo-a": long, "demo-b": GOOD[stream]}):
            a = chat(model=MODEL, models=[MODEL, "demo/echo"], stream=stream, provider=IN_ORDER)
            equal((a.status, a.header("x-tr-model")), (200, "demo/echo"))
            a = alone([MODEL, "demo/echo"], stream)
            equal((a.status, a.header("x-tr-model")), (200, "demo/echo"))
        with replay.Provider({"demo-a": long, "demo-b": long}):
            a = chat(model=MODEL, models=[MODEL, "demo/echo"], stream=stream)
            equal((a.status, a.error()["code"]), (400, "context_length_exceeded"))


@case
def the_most_useful_failure_is_told():
    later = refusal("429 X", "slow down", "Retry-After: 7\r\n")
    busy = refusal("503 X", "busy", "Retry-After: 9\r\n")
    own, bad = refusal("413 X", "too large"), refusal("400 X", "temperature must be a number")
    table = [(later, RESET, 429, "7"), (busy, RESET, 503, "9"), (later, own, 429, "7"), (own, RESET, 502, None),
             (bad, later, 400, None), (bad, RESET, 400, None), (own, own, 413, None)]
    for a, b, status, retry in table:
        for order in (IN_ORDER, REVERSED):
            with replay.Provider({"demo-a": a, "demo-b": b}):
                got = chat(provider=order)
                equal((got.status, got.header("retry-after")), (status, retry), (status, order))
            rig.stop("dataplane")  # forget who was rate limited
            rig.start("dataplane")


if __name__ == "__main__":
    rig.main()
