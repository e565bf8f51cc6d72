#!/usr/bin/env python3
"""The HTTP surface, byte by byte: fidelity of what reaches the provider, canonical streams, error
bodies and headers, limits. Plain sockets, because an SDK would hide the differences."""

import json
import os
import re
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import rig  # noqa: E402
from rig import Client, case, chat, equal, fresh, seen, true  # noqa: E402

CLAMPED = 8  # proto/usage.h
HELLO = [{"role": "user", "content": "hello"}]
MARK = fresh("mark")


def send(body, path="/chat/completions", headers=None):
    c = Client()
    try:
        return c.request("POST", path, body, headers)
    finally:
        c.close()


# --- byte fidelity

ODD = (b'{ "model" : "demo/only-a" ,\n\t"messages":[{"role":"user","content":"caf\\u00e9 \xf0\x9f\x98\x80 \\/"}],'
       b'"x_unknown": {"a" :1 , "a":2,"b":[ 1.0e+2,-0.0 ]} ,"seed":9223372036854775808,'
       b'"y":18446744073709551616123456789, "y": 2,"temperature":0.10000000000000000555}')


@case
def bytes_reach_the_provider_unchanged():
    equal(send(ODD).status, 200)
    got = rig.last_body("demo-a")
    # Everything around the edited value survives as it was, wherever "store" was put in.
    got = re.sub(rb'"store" *: *false *,|, *"store" *: *false', b"", got)
    equal(got, ODD.replace(b'"demo/only-a"', b'"up-only"'))


@case
def only_named_members_are_added():
    send(b'{"model":"demo/only-a","messages":[{"role":"user","content":"x"}],"stream":true}')
    got = json.loads(rig.last_body("demo-a"))
    extra = set(got) - {"model", "messages", "stream"}
    equal(extra, {"store", "stream_options"}, "members that were added")
    equal(got["stream_options"], {"include_usage": True})


@case
def router_members_do_not_leave():
    a = send({"model": "demo/only-a", "messages": HELLO, "provider": {"allow_fallbacks": True}, "x_unknown": MARK,
              "models": ["demo/only-a"], "trace": {"a": 1}, "session_id": "s"})
    equal(a.status, 200)
    got = json.loads(rig.last_body("demo-a"))
    equal(got["x_unknown"], MARK, "it is this request")
    for name in ("provider", "models", "trace", "session_id"):
        if name in got:
            raise AssertionError(f"{name} was sent to the provider")


@case
def client_headers_do_not_leave():
    a = send({"model": "demo/only-a", "messages": HELLO, "x_unknown": MARK + "-headers"},
             headers={"X-Secret-Thing": "v", "Cookie": "c=1"})
    equal((a.status, json.loads(rig.last_body("demo-a"))["x_unknown"]), (200, MARK + "-headers"))
    head = rig.last_head("demo-a").lower()
    for name in ("x-secret-thing", "cookie", rig.env("TR_API_KEY").lower()):
        if name in head:
            raise AssertionError(f"{name} was sent to the provider")
    if "authorization: bearer mock-provider-key-a" not in head:
        raise AssertionError(head)


@case
def duplicate_of_a_read_key_is_400():
    for name, value in (("model", '"demo/echo"'), ("messages", "[]"), ("stream", "true"),
                        ("max_tokens", "5"), ("n", "1"), ("tools", "[]"), ("stream_options", "{}")):
        first = '{"model":"demo/echo","messages":[{"role":"user","content":"x"}],"stream":false,' \
                '"max_tokens":5,"n":1,"tools":[],"stream_options":{}'
        escaped = name[0].encode().hex()
        for spelled in (name, f"\\u00{escaped}{name[1:]}"):
            a = send(f'{first},"{spelled}":{value}}}'.encode())
            equal(a.status, 400, spelled)
            equal(a.error()["param"], name, spelled)


@case
def prices_of_what_was_asked():
    a = send({"model": "demo/only-a", "messages": [{"role": "user", "content": "one two three four"}], "max_tokens": 3})
    equal(a.json()["usage"]["completion_tokens"], 3)
    equal(a.json()["choices"][0]["finish_reason"], "length")


# --- streams

def stream_text(words, **members):
    a = chat(words, stream=True, model="demo/only-a", **members)
    equal(a.status, 200, words)
    return a


@case
def split_at_every_byte_boundary():
    # The provider pauses 3 ms once, after so many bytes of its chunked body.
    before = rig.counters("demo-a")["bytes_out"]
    want = canonical(stream_text("tokens=3"))
    whole = rig.counters("demo-a")["bytes_out"] - before  # with the head: more than the body has
    true(1000 < whole < 3000, f"{whole} bytes from the provider")
    c = Client()
    for at in range(whole):
        equal(canonical(c.chat(f"tokens=3,split={at}", stream=True, model="demo/only-a")), want, at)
    c.close()
    equal(canonical(stream_text("tokens=3,step=1")), want, "byte by byte")


def canonical(answer):
    """The stream without the members that differ from answer to answer."""
    text = answer.body.decode()
    text = re.sub(r'"id":"[^"]*"', '"id":"*"', text)
    text = re.sub(r'"created":\d+', '"created":0', text)
    return re.sub(r"^:.*\n\n", "", text, flags=re.M)


@case
def framing_and_grouping_make_no_difference():
    want = canonical(stream_text("tokens=6"))
    for words in ("frame=eof", "frame=length", "coalesce=3", "coalesce=100", "crlf", "azure", "usage=null",
                  "usage=finish", "usage=bare", "nodone", "connclose", "dropafter",
                  "cadence_us=2000", "comments"):
        equal(canonical(stream_text("tokens=6," + words)), want, words)
    bare = stream_text("tokens=6,norole")
    equal(json.loads(bare.events()[0])["choices"][0]["delta"]["role"], "assistant")
    equal(bare.text(), stream_text("tokens=6").text())


@case
def canonical_chunks():
    a = stream_text("tokens=3,azure,usage=null,reasoning=2", stream_options={"include_usage": True})
    events = a.events()
    equal(events[-1], "[DONE]")
    if not a.body.endswith(b"data: [DONE]\n\n"):
        raise AssertionError("something follows [DONE]")
    chunks = [json.loads(e) for e in events[:-1]]
    equal(len({(c["id"], c["created"], c["model"], c["object"]) for c in chunks}), 1, "constant members")
    equal(chunks[0]["choices"][0]["delta"].get("role"), "assistant")
    for c in chunks:
        for name in ("usage", "error", "system_fingerprint", "service_tier"):
            if name in c and c[name] is None:
                raise AssertionError(f"{name}:null")
        for choice in c["choices"]:
            if "finish_reason" not in choice or not isinstance(choice["delta"], dict):
                raise AssertionError(choice)
    equal(chunks[-1]["choices"], [], "the usage chunk")
    equal(chunks[-1]["usage"]["completion_tokens"], 5)
    equal(sum(1 for c in chunks if c["choices"] and c["choices"][0]["finish_reason"]), 1, "one finish")


@case
def truncation_never_looks_complete():
    parts = rig.urlparse(rig.env("TR_BASE_URL"))
    for fault in ("close_at=3", "rst_at=3", "cut_at=3", "error_at=3"):
        body = json.dumps({"model": "demo/only-a", "messages": HELLO, "stream": True,
                           "mock": {"*": "tokens=9,cadence_us=30000," + fault}}).encode()
        out = rig.raw(b"POST /v1/chat/completions HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n"
                      b"Content-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" %
                      (parts.netloc.encode(), rig.env("TR_API_KEY").encode(), len(body)) + body)
        if not out.startswith(b"HTTP/1.1 200 ") or out.count(b'"content":"') < 2:
            raise AssertionError(f"{fault}: not a stream that began: {out[:300]!r}")
        if not out.endswith(b"\r\n0\r\n\r\n"):  # a break behind the error event ends programs on some clients
            raise AssertionError(f"{fault}: the body does not end as HTTP says: {out[-300:]!r}")
        if b'"finish_reason":"' in out:
            raise AssertionError(f"{fault}: a finish reason")
        if b'"error"' not in out:
            raise AssertionError(f"{fault}: no error event: {out[-300:]!r}")
        if b"[DONE]" in out:
            raise AssertionError(f"{fault}: [DONE] after an error")


@case
def long_lines():
    a = stream_text("line=1000000,tokens=1")
    equal(len(a.text()), 1000004)
    # Longer than the limit of 4 MiB: an error that says so, and the data plane goes on.
    a = chat("line=5000000,tokens=1", stream=True, model="demo/only-a")
    equal((a.status, a.clean, a.error()["code"]), (502, True, "answer_too_large"))
    equal(chat(model="demo/only-a").status, 200)


# What is billed for figures that cannot be, lowest and highest: an estimate, which is at least one token and at most
# what was reserved: 100 tokens of output and no more prompt than bytes were sent.
UNBELIEVABLE = {"usage=absurd": (500, 100 * 1500 + 1000 * 500), "usage=negative": (500, 100 * 1500 + 1000 * 500)}


@case
def usage_is_believed_within_reason():
    for words, (lowest, highest) in UNBELIEVABLE.items():
        for stream in (False, True):
            key = rig.new_key()
            equal(chat(words, key=key["key"], model="demo/only-a", max_tokens=100, stream=stream).status, 200)
            rows = rig.wait_until(lambda: rig.usage_rows(key), 10, "billed")
            equal((len(rows), rows[0]["flags"] & CLAMPED), (1, CLAMPED), words)
            true(lowest <= rows[0]["cost"] <= highest, f"{words}: {rows[0]}")
    key = rig.new_key()  # what can be is believed, and says so
    equal(chat("prompt=10,tokens=20", key=key["key"], model="demo/only-a", max_tokens=100).status, 200)
    row = rig.wait_until(lambda: rig.usage_rows(key), 10, "billed")[0]
    equal((row["cost"], row["flags"] & CLAMPED), (10 * 500 + 20 * 1500, 0))
    equal(rig.violations(), [])


@case
def no_retry_after_the_first_byte():
    ident = fresh()
    a = chat(f"tokens=9,close_at=4,id={ident}", stream=True)
    equal((a.status, a.clean, a.events()[-1][:9]), (200, True, '{"error":'))
    equal("".join(c["delta"].get("content") or "" for e in a.events()[:-1] for c in json.loads(e)["choices"]),
          "the cat sat ")
    equal(len(seen(ident)), 1)


# --- deadlines (the stack of the tests has short ones: TR_DEMO_FIRST_BYTE_MS, TR_DEMO_IDLE_MS)

@case
def a_silent_provider_is_given_up():
    if "TR_DEMO_FIRST_BYTE_MS" not in os.environ:
        raise rig.Skip("this stack has ordinary deadlines: 20 s are too long for a test")
    ident = fresh()
    a = chat({"demo-a": f"fail=stall,id={ident}", "demo-b": f"id={ident}"},
             provider={"order": ["demo-a", "demo-b"]}, stream=True)
    equal(a.status, 200)
    equal([r["name"] for r in seen(ident)], ["demo-a", "demo-b"])
    a = chat("tokens=9,stall_at=4", stream=True, model="demo/only-a")
    equal(a.clean, True)
    if '"error"' not in a.events()[-1]:
        raise AssertionError(a.events())


# --- errors

@case
def error_bodies():
    c = Client()
    for status, got in (
            (404, c.request("GET", "/nothing")),
            (405, c.request("GET", "/chat/completions")),
            (400, c.request("POST", "/chat/completions", b"{")),
            (400, c.request("POST", "/chat/completions", b"[]")),
            (400, c.request("POST", "/chat/completions", b'{"messages":[]}')),
            (400, c.request("POST", "/chat/completions", b'{"model":7,"messages":[]}')),
            (400, c.request("POST", "/chat/completions", b'{"model":"demo/echo","messages":[]} x')),
            (400, c.request("POST", "/chat/completions", b"\xff\xfe")),
            (415, c.request("POST", "/chat/completions", b"a=b",
                            {"Content-Type": "application/x-www-form-urlencoded"})),
            (401, c.request("POST", "/chat/completions", b"{}", {"Authorization": None})),
            (401, c.request("POST", "/chat/completions", b"{}", {"Authorization": "Basic eDp5"})),
            (404, c.request("GET", "/models/no/such"))):
        equal(got.status, status, repr(got))
        e = got.error()
        for name in ("message", "type", "param", "code"):
            if name not in e:
                raise AssertionError(f"{status} lacks {name}: {e}")
        if not got.header("x-request-id"):
            raise AssertionError(f"{status} lacks x-request-id")
        if not got.header("content-type").startswith("application/json"):
            raise AssertionError(got.header("content-type"))
    c.close()


@case
def deep_json_is_400():
    deep = b"[" * 200 + b"]" * 200
    equal(send(b'{"model":"demo/echo","messages":[{"role":"user","content":"x"}],"a":' + deep + b"}").status,
          400)


@case
def too_large_is_413():
    parts = rig.urlparse(rig.env("TR_BASE_URL"))
    out = rig.raw(b"POST /v1/chat/completions HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n"
                  b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n{" %
                  (parts.netloc.encode(), rig.env("TR_API_KEY").encode(), 33 << 20))
    if not out.startswith(b"HTTP/1.1 413"):
        raise AssertionError(out[:200])


@case
def thirty_megabytes_pass():
    big = "x" * (30 << 20)
    a = send({"model": "demo/only-a", "messages": [{"role": "user", "content": big}],
              "mock": {"*": "prompt=10"}})
    equal(a.status, 200)
    equal(len(json.loads(rig.last_body("demo-a"))["messages"][0]["content"]), 30 << 20)


@case
def chunked_request_body_and_expect():
    parts = rig.urlparse(rig.env("TR_BASE_URL"))
    body = json.dumps({"model": "demo/echo", "messages": HELLO}).encode()
    chunked = b"".join(b"%x\r\n%s\r\n" % (1, body[i:i + 1]) for i in range(len(body))) + b"0\r\n\r\n"
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n" \
           b"Content-Type: application/json\r\nConnection: close\r\n" % (
               parts.netloc.encode(), rig.env("TR_API_KEY").encode())
    out = rig.raw(head + b"Transfer-Encoding: chunked\r\n\r\n" + chunked, timeout=10)
    if not out.startswith(b"HTTP/1.1 200") or b"chat.completion" not in out:
        raise AssertionError(out[:200])
    out = rig.raw(head + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body) + body,
                  timeout=10)
    if not out.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n") or b"chat.completion" not in out:
        raise AssertionError(out[:200])


@case
def cors():
    c = Client()
    a = c.request("OPTIONS", "/chat/completions", headers={
        "Origin": "https://app.example", "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,x-stainless-os",
        "Authorization": None})
    equal((a.status, a.body, a.header("access-control-allow-origin")), (204, b"", "*"))
    true("POST" in a.header("access-control-allow-methods").split(", "), dict(a.headers))
    equal(a.header("access-control-allow-headers"), "authorization,content-type,x-stainless-os")
    a = c.chat(headers={"Origin": "https://app.example"})
    equal((a.status, a.header("access-control-allow-origin")), (200, "*"))
    true("x-request-id" in a.header("access-control-expose-headers"), dict(a.headers))
    c.close()


@case
def same_api_under_api_v1():
    base = rig.env("TR_BASE_URL").replace("/v1", "/api/v1")
    c = Client(base)
    equal(c.chat().status, 200)
    equal(c.request("GET", "/models").status, 200)
    c.close()


@case
def health_says_simulated():
    c = Client(rig.env("TR_BASE_URL").replace("/v1", ""))
    a = c.request("GET", "/health", headers={"Authorization": None})
    equal(a.status, 200)
    if "simulated" not in a.body.decode().lower():
        raise AssertionError(a.body)
    c.close()


@case
def metrics_are_private():
    c = Client(rig.env("TR_BASE_URL").replace("/v1", ""))
    equal(c.request("GET", "/metrics").status, 404)
    c.close()
    import urllib.request
    with urllib.request.urlopen(rig.env("TR_METRICS_URL"), timeout=5) as f:
        text = f.read().decode()
    if not re.search(r"^# TYPE \w+ counter$", text, re.M) or not re.search(r"^\w+(\{.*\})? \d", text, re.M):
        raise AssertionError(text[:500])


@case
def keep_alive_is_kept():
    c = Client()
    c.chat()
    sock = c.http.sock
    for status, kw in ((400, {"messages": "x"}), (200, {}), (404, {"model": "no/such"})):
        equal(c.chat(**kw).status, status)
        if c.http.sock is not sock or sock is None:
            raise AssertionError(f"the connection was closed after a {status}")
    c.close()


@case
def a_hangup_is_no_reason_to_stop():
    """Its configuration is attested, so there is nothing to read again, and usage to lose."""
    os.kill(rig.pid("dataplane"), signal.SIGHUP)
    time.sleep(0.2)
    equal(chat().status, 200)


if __name__ == "__main__":
    rig.main()
