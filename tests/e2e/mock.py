#!/usr/bin/env python3
"""The demo provider by itself: if it did not do what it is told, the tests behind it would prove
nothing. Starts one of its own; needs no stack."""

import hashlib
import http.client
import json
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import rig  # noqa: E402
from rig import case, equal, wait_until  # noqa: E402

BIN = os.path.join(os.environ.get("TR_BIN", os.path.join(rig.ROOT, "build/release")), "mock_provider")
provider = subprocess.Popen([BIN, "--listen", "a:0", "--listen", "b:0"], stdout=subprocess.PIPE, text=True)
PORT = int(provider.stdout.readline().split()[1])
os.environ["TR_MOCK_URL"] = f"http://127.0.0.1:{PORT}"


def ask(words="", raw=None, **members):
    """Status, headers, body; or the exception that ended it."""
    body = {"model": "m", "messages": [{"role": "user", "content": "hello"}], "mock": {"*": words}}
    body.update(members)
    c = http.client.HTTPConnection("127.0.0.1", PORT, timeout=3)
    try:
        c.request("POST", "/v1/chat/completions", raw or json.dumps(body).encode())
        r = c.getresponse()
        return r.status, r.headers, r.read()
    finally:
        c.close()


def fails(kind, words, **members):
    try:
        got = ask(words, **members)
    except kind:
        return
    raise AssertionError(f"{words}: {got!r}")


@case
def statuses():
    for status in (400, 401, 429, 500, 503, 529):
        s, h, b = ask(f"fail={status},retry_after=7,retry_after_ms=6500")
        equal((s, h["retry-after"], h["retry-after-ms"]), (status, "7", "6500"))
        if "message" not in json.loads(b)["error"]:
            raise AssertionError(b)
    s, h, b = ask("fail=html502")
    equal((s, h["content-type"]), (502, "text/html"))


@case
def broken_answers():
    fails(http.client.IncompleteRead, "fail=truncjson")
    fails(ConnectionResetError, "fail=rst")
    fails(http.client.RemoteDisconnected, "fail=close")
    fails(TimeoutError, "fail=stall")
    fails(http.client.BadStatusLine, "fail=garbage")
    fails(http.client.HTTPException, "fail=bighead")
    equal(ask("fail=body")[0], 200)
    if b"data: {\"error\"" not in ask("fail=first", stream=True)[2]:
        raise AssertionError("first")
    equal(ask("fail=nonsense")[0], 400)


@case
def broken_streams():
    fails(http.client.IncompleteRead, "close_at=2", stream=True)
    fails(ConnectionResetError, "rst_at=2", stream=True)
    fails(TimeoutError, "stall_at=2", stream=True)
    for words in ("cut_at=3", "nodone"):
        if b"[DONE]" in ask(words, stream=True)[2]:
            raise AssertionError(words)
    equal(ask("cut_at=3", stream=True)[2].count(b"data: "), 3)
    if b'"error"' not in ask("error_at=3", stream=True)[2]:
        raise AssertionError("error_at")


@case
def same_bytes_in_any_wrapping():
    want = ask("tokens=5", stream=True)[2]
    for words in ("frame=eof", "frame=length", "split=40", "step=7", "coalesce=4", "cadence_us=500"):
        equal(ask("tokens=5," + words, stream=True)[2], want, words)
    equal(ask("tokens=5", stream=True)[2], want, "twice")


@case
def usage_in_each_place():
    whole = json.loads(ask("tokens=5,prompt=9,cached=3,reasoning=2")[2])["usage"]
    equal((whole["prompt_tokens"], whole["completion_tokens"], whole["total_tokens"]), (9, 7, 16))
    asked = dict(stream=True, stream_options={"include_usage": True})
    equal(ask("", **asked)[2].count(b'"usage":{'), 1)
    equal(ask("", stream=True)[2].count(b'"usage":{'), 0)
    equal(ask("usage=missing", **asked)[2].count(b'"usage":{'), 0)
    if b'"usage":null' not in ask("usage=null", **asked)[2]:
        raise AssertionError("null")
    equal(json.loads(ask("usage=absurd")[2])["usage"]["completion_tokens"], 10**18)


@case
def bytes_are_kept():
    body = b'{ "model":"m","messages":[ ],"x":18446744073709551616, "x":1,"mock":{"a":"echo"}}'
    s, h, b = ask(raw=body)
    equal(rig.last_body("a"), body)
    equal(json.loads(b)["choices"][0]["message"]["content"],
          f"sha256={hashlib.sha256(body).hexdigest()} bytes={len(body)}")


def content(**members):
    body = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
    body.update(members)
    return json.loads(ask(raw=json.dumps(body).encode())[2])["choices"][0]


@case
def repeats_the_last_user_message():
    """Without commands: any text, cut between characters; with a counter or reasoning on request."""
    equal(content()["message"]["content"], "hello")
    told = [{"role": "user", "content": "first"}, {"role": "assistant", "content": "no"},
            {"role": "user", "content": 'zwei "\n\t\\ \u00e9\u20ac\U0001f600'}, {"role": "assistant", "content": "no"}]
    equal(content(messages=told)["message"]["content"], told[2]["content"])
    parts = [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "x"}}, {"type": "text", "text": "b"}]
    equal(content(messages=[{"role": "user", "content": parts}])["message"]["content"], "ab")
    equal(len(content(messages=[{"role": "user", "content": "x" + "\u20ac" * 5000}])["message"]["content"].encode()), 4096)
    cut = content(messages=[{"role": "user", "content": "xxx\u20ac\u20ac"}], max_tokens=1)
    equal((cut["message"]["content"], cut["finish_reason"]), ("xxx", "length"))
    equal(len(content(messages=[])["message"]["content"]), 64, "words")
    if "reasoning_content" in content(reasoning_effort="none")["message"]:
        raise AssertionError("reasoning")
    for asked in ({"reasoning_effort": "low"}, {"reasoning": {"effort": "high"}}, {"reasoning": {"max_tokens": 9}}):
        equal(len(content(**asked)["message"]["reasoning_content"]), 32, asked)
    rig.mock("/mock/reset", "")
    for n in (1, 2):
        equal(content(mock={"*": "counter"})["message"]["content"], f"{n}: hello")


@case
def counts_and_aborts():
    rig.mock("/mock/reset", "")
    ask("tokens=5,prompt=9,id=one")
    c = http.client.HTTPConnection("127.0.0.1", PORT)
    c.request("POST", "/v1/chat/completions", json.dumps({
        "model": "m", "messages": [], "stream": True,
        "mock": {"*": "tokens=500,cadence_us=10000,id=two"}}).encode())
    r = c.getresponse()
    read = r.read(600).count(b'"content":"') - 1  # the first event has a role and no text
    r.close()
    c.close()
    two = wait_until(lambda: [x for x in rig.seen("two") if x["outcome"] == "aborted"], 3)[0]
    if not 0 < read <= two["completion"] < read + 100:
        raise AssertionError(f"{read} tokens read: {two}")
    n = rig.counters("a")
    equal((n["requests"], n["aborts"], n["completion_tokens"]), (2, 1, 5 + two["completion"]))


@case
def faults_for_a_while():
    equal([ask("fail=500,times=2,id=t")[0] for _ in range(4)], [500, 500, 200, 200])
    rig.mock("/mock/set/a", "fail=503")
    equal(ask()[0], 503)
    rig.mock("/mock/set/a", "")
    equal(ask()[0], 200)
    rig.mock("/mock/set/a", "accept_us=300000")
    began = time.monotonic()
    ask()
    if time.monotonic() - began < 0.25:
        raise AssertionError("accepted at once")
    rig.mock("/mock/set/a", "")


def choice(model, **members):
    return json.loads(ask(model=model, **members)[2])["choices"][0]


@case
def each_model_does_as_it_is_told():
    """Words for one model apply to it alone, before a request's own; its last body and its records can be seen."""
    rig.mock("/mock/reset", "")
    rig.mock("/mock/model/up-1", "say=Yes, and no: {\"a\": [1, 2]}")
    rig.mock("/mock/model/up-2", "fail=503")
    equal(choice("up-1")["message"]["content"], 'Yes, and no: {"a": [1, 2]}')
    equal(choice("m", mock={"*": "text=mine"})["message"]["content"], "mine")
    equal(ask(model="up-2")[0], 503)
    equal(choice("up-1", mock={"*": "text=other"})["message"]["content"], "other")
    equal(json.loads(rig.mock("/mock/model/up-2"))["model"], "up-2")
    equal([(r["model"], r["status"]) for r in rig.seen() if r["model"] != "m"], [("up-1", 200), ("up-2", 503), ("up-1", 200)])
    rig.mock("/mock/model/up-2", "")
    equal(ask(model="up-2")[0], 200)
    rig.mock("/mock/reset", "")
    equal(content(model="up-1")["message"]["content"], "hello")
    equal(rig.mock("/mock/model/up-1") != b"", True)


@case
def refuses_in_each_way():
    """In words, in the member of a refusal, and by the reason of the end; whole and as a stream."""
    a = choice("m", mock={"*": "text=I cannot help,refusal,chunk=9"})
    equal((a["message"]["content"], a["message"]["refusal"], a["finish_reason"]), (None, "I cannot help", "stop"))
    if b'"delta":{"refusal":"I cannot help"}' not in ask("text=I cannot help,refusal,chunk=9", stream=True)[2]:
        raise AssertionError("refusal in a stream")
    equal(choice("m", mock={"*": "refuse"})["finish_reason"], "content_filter")
    if b'"finish_reason":"content_filter"' not in ask("refuse", stream=True)[2]:
        raise AssertionError("content_filter in a stream")
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    equal([choice("m", tools=tools, mock={"*": w})["finish_reason"] for w in ("", "nocalls")], ["tool_calls", "stop"])


@case
def judges_and_writes_what_a_panel_answered():
    """As Synth's judge it finds the first answer good, as its final it repeats it; commands win."""
    document = '{"answers":[{"letter":"C","text":"say \\"blue\\"\\n\u20ac"},{"letter":"D","text":"red"}],"assessment":null}'
    parts = [{"type": "text", "text": t} for t in ("before", document, "after")]
    shown = {"model": "m", "messages": [{"role": "user", "content": parts}]}

    def says(**members):
        return json.loads(ask(raw=json.dumps({**shown, **members}).encode())[2])["choices"][0]["message"]["content"]
    equal(says(), 'say "blue"\n\u20ac')
    verdict = json.loads(says(response_format={"type": "json_object"}))
    equal((verdict["selected"], verdict["refusals"], "C" in verdict["final_guidance"][0]), ("C", [], True))
    equal([says(mock={"*": words}) for words in ("text=other", "tokens=0", "delay_us=1")], ["other", "", 'say "blue"\n\u20ac'])
    equal(content(messages=[{"role": "user", "content": "no answers: []"}])["message"]["content"], "no answers: []")


@case
def long_line():
    equal(len(re.search(rb"x{9,}", ask("line=5000000,tokens=1", stream=True)[2]).group()), 5000000)


try:
    rig.main()
finally:
    provider.terminate()
    provider.wait(10)
