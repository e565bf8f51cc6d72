#!/usr/bin/env python3
"""What holds for a request whatever API it is written in (lib/dialects.py): the same figures and the same bill, results
of tools that stay with their calls, thoughts that come back signed, a fallback that leaves no trace, a client that
disconnects, an end for want of credit, receipts of the exact bytes, and no word of a provider's refusal of our key.
Needs a stack with the short deadlines of tests/all."""

import concurrent.futures
import functools
import hashlib
import json
import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import dialects  # noqa: E402
import odd  # noqa: E402
import replay  # noqa: E402
import rig  # noqa: E402
from dialects import ALL, send  # noqa: E402
from rig import case, equal, fresh, new_key, true, wait_until  # noqa: E402

ESTIMATED, CLIENT_GONE = 4, 16  # enum usage_flag
PROMPT, COMPLETION, CACHED = 500, 1500, 50  # nUSD per token (deploy/dev/conf.sh)
TALKS = tuple(api for api in ALL if api.replays)  # those with turns


def both(apis=ALL):
    """Each API, whole and as a stream, with its name for messages."""
    for api in apis:
        for stream in (False, True):
            yield api, stream, f"{api.name}, {'stream' if stream else 'whole'}"


def row(key):
    rows = wait_until(lambda: rig.usage_rows(key), 15, "a usage record")
    equal(len(rows), 1, "usage records")
    return rows[0]


# --- figures

USAGE = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120,
         "prompt_tokens_details": {"cached_tokens": 40}, "completion_tokens_details": {"reasoning_tokens": 5}}
FIGURES = odd.chunk(name="delta").replace('"choices": [{"index": 0, "delta": {}, "finish_reason": null}]',
                                          '"choices": [], "usage": ' + json.dumps(USAGE))


def counted(body):
    if json.loads(body).get("stream"):
        return odd.stream(odd.HEL, odd.LO, odd.STOP, FIGURES)
    return odd.whole(odd.message("hello").replace(json.dumps(odd.USAGE), json.dumps(USAGE)))


@case
def usage_is_the_same_on_every_surface():
    with replay.Provider({"demo-a": counted}):
        for api, stream, what in both():
            key = new_key()
            a = send(api, api.ask("hi", stream, "demo/only-a"), key["key"])
            equal(a.status, 200, (what, a))
            said = api.read(a)
            equal((said.text, said.end, said.tokens), ("hello", "stop", (100, 40, 20)), (what, a))
            got = row(key)
            equal((got["prompt"], got["completion"], got["cost"], got["flags"] & ~1),
                  (100, 20, 60 * PROMPT + 40 * CACHED + 20 * COMPLETION, 0), what)


# --- turns

THREE = [("call_b", "weather", {"city": "Bern"}), ("call_a", "traffic", {"city": "Aarau"}), ("call_c", "weather", {"city": "Chur"})]
RESULTS = {"call_a": "jam", "call_b": "sun", "call_c": "fog"}


def three(body):
    """Three calls at once, which come interleaved in a stream; text when their results are there."""
    asked = json.loads(body)
    if any(m["role"] == "tool" for m in asked["messages"]):
        return odd.stream(odd.HEL, odd.LO, odd.STOP, FIGURES) if asked.get("stream") else odd.whole(odd.message("hello"))
    texts = [json.dumps(args) for _, _, args in THREE]
    if not asked.get("stream"):
        return odd.whole(odd.message(None, "tool_calls", tool_calls=[
            {"id": i, "type": "function", "function": {"name": n, "arguments": t}} for (i, n, _), t in zip(THREE, texts)]))
    begun = [odd.chunk(odd.call(k, t[:4], i, n)) for k, ((i, n, _), t) in enumerate(zip(THREE, texts))]
    rest = [odd.chunk(odd.call(k, texts[k][4:])) for k in (2, 0, 1)]
    return odd.stream(*begun, *rest, odd.chunk({}, "tool_calls"), FIGURES)


@case
def results_in_another_order_stay_with_their_calls():
    with replay.Provider({"demo-a": three}) as p:
        for api, stream, what in both(TALKS):
            request = api.ask("Which?", stream, "demo/only-a", tools=("weather", "traffic"))
            a = send(api, request)
            equal(a.status, 200, (what, a))
            said = api.read(a)
            equal((said.calls, said.end), (THREE, "tool_calls"), (what, a))
            a = send(api, api.follow(request, said.turn, [(i, RESULTS[i]) for i in ("call_c", "call_a", "call_b")]))
            equal(a.status, 200, (what, a))
            equal(api.read(a).text, "hello", (what, a))
            turn, *tools = [m for m in json.loads(p.bodies()[-1])["messages"] if m["role"] != "user"]
            equal([(c["id"], c["function"]["name"], json.loads(c["function"]["arguments"])) for c in turn["tool_calls"]],
                  THREE, what)
            equal([m["role"] for m in tools], ["tool"] * 3, what)
            equal({m["tool_call_id"]: m["content"] for m in tools}, RESULTS, what)


SCRIPT = ["think I need it.", 'call weather {"city":"Bern"}', "say It says {result}."]


@case
def thoughts_survive_two_turns():
    """The provider refuses a call that comes back without its signed thought; so does it here without the thought."""
    for api, stream, what in both(TALKS):
        ident = fresh()
        words = "\n".join(["demo-script:", f"mock strict,replay,id={ident}", *SCRIPT])
        request = api.ask(words, stream, "demo/only-a", tools=("weather",), thinks=True)
        a = send(api, request)
        equal(a.status, 200, (what, a))
        said = api.read(a)
        equal([c[1:] for c in said.calls], [("weather", {"city": "Bern"})], (what, a))
        results = [(said.calls[0][0], "sun")]
        a = send(api, api.follow(request, said.turn, results))
        equal(a.status, 200, (what, a))
        equal(api.read(a).text, "It says sun.", (what, a))
        equal(send(api, api.follow(request, api.forget(said.turn), results)).status, 400, what)
        equal([r["status"] for r in rig.seen(ident)], [200, 200, 400], what)


# --- more than one provider

def unusual(provider, body):
    """What odd.py has of the kind that the prompt names; demo-b answers well."""
    kind = re.search(rb"kind=(\w+)", body).group(1).decode() if provider == "demo-a" else "plain"
    if kind in odd.BROKEN:
        return odd.BROKEN[kind][0]
    return {**odd.COMPLETE, **odd.REFUSED}[kind][0 if json.loads(body).get("stream") else 1]


def each(jobs, play):
    """play(*job) for all jobs, a few at once, each behind two answers that are good: no breaker opens."""
    def work(job):
        for _ in range(2):
            equal(rig.chat(model="demo/only-a", messages=[{"role": "user", "content": "kind=plain"}]).status, 200)
        play(*job)
    with replay.Provider({p: functools.partial(unusual, p) for p in ("demo-a", "demo-b")}):
        with concurrent.futures.ThreadPoolExecutor(5) as pool:
            list(pool.map(work, jobs))


@case
def a_fallback_before_the_first_event_leaves_no_trace():
    def play(kind, api, stream, what):
        key = new_key()
        a = send(api, {**api.ask("kind=" + kind, stream), "provider": {"order": ["demo-a", "demo-b"]}}, key["key"])
        equal((a.status, a.clean, a.header("x-tr-provider")), (200, True, "demo-b"), (kind, what, a))
        said = api.read(a)
        equal((said.text, said.end, said.tokens), ("hello", "stop", (100, 0, 20)), (kind, what, a))
        true(b"overloaded" not in a.body, (kind, what, a))
        got = row(key)
        equal((got["attempts"], got["cost"]), (2, 100 * PROMPT + 20 * COMPLETION), (kind, what))
    each([(kind, *job) for kind in odd.REFUSED for job in both()], play)


@case
def a_failure_behind_the_first_event_is_told():
    """The text until then, the dialect's failure, no end and no [DONE]; it is billed as an estimate."""
    def play(kind, api):
        key = new_key()
        a = send(api, api.ask("kind=" + kind, True, "demo/only-a"), key["key"])
        equal((a.status, a.clean), (200, True), (kind, api.name, a))
        said = api.read(a)
        equal((said.text, said.end, said.calls), (odd.BROKEN[kind][1], "failed", []), (kind, api.name, a))
        true(b"[DONE]" not in a.body, (kind, api.name, a))
        got = row(key)
        figures = (got["prompt"], got["completion"]) == (100, 20)  # some fail behind them
        true(got["cost"] > 0 and (figures or got["flags"] & ESTIMATED), (kind, api.name, got))
    each([(kind, api) for kind, (_, text) in odd.BROKEN.items() for api in ALL if text or api.replays], play)


# --- clients that disconnect, keys that run dry

@case
def a_client_that_disconnects_is_billed_and_the_provider_stops():
    for api in ALL:
        key, ident = new_key(), fresh()
        words = "\n".join(["demo-script:", f"mock id={ident},cadence_us=10000", "say " + "word " * 2000])
        s = dialects.connect(api, api.ask(words, True, "demo/only-a"), key["key"])
        got = b""
        while b"word" not in got:
            part = s.recv(4096)
            true(part, (api.name, got))
            got += part
        closed = time.time()
        s.close()
        record = wait_until(lambda: [r for r in rig.seen(ident) if r["outcome"] != "running"], 10, "the provider's record")[0]
        equal(record["outcome"], "aborted", api.name)
        true(record["end_us"] / 1e6 - closed < 1, (api.name, record["end_us"] / 1e6 - closed))
        bill = row(key)
        equal(bill["flags"] & (ESTIMATED | CLIENT_GONE), ESTIMATED | CLIENT_GONE, (api.name, bill))
        true(bill["prompt"] > 0 and bill["completion"] > 0 and bill["cost"] > 0, (api.name, bill))
    equal(rig.violations(), [])


@case
def a_client_that_disconnects_before_the_answer_stops_the_provider():
    for api, stream, what in both():
        key, ident = new_key(), fresh()
        words = "\n".join(["demo-script:", f"mock id={ident},first_us=2500000,delay_us=2500000", "say x"])
        s = dialects.connect(api, api.ask(words, stream, "demo/only-a"), key["key"])
        wait_until(lambda: rig.seen(ident), 5, "the provider has the request")
        closed = time.time()
        s.close()
        record = wait_until(lambda: [r for r in rig.seen(ident) if r["outcome"] != "running"], 10, "the provider's record")[0]
        equal(record["outcome"], "aborted", what)
        true(record["end_us"] / 1e6 - closed < 1, (what, record["end_us"] / 1e6 - closed))
        bill = row(key)  # the provider has read the prompt
        equal((bill["flags"] & CLIENT_GONE, bill["completion"]), (CLIENT_GONE, 0), (what, bill))
        true(bill["cost"] > 0, (what, bill))
        equal(len(rig.seen(ident)), 1, "nobody else is asked for a client that is gone")


@case
def a_silent_provider_is_given_up():
    """Before the first event as behind it, in the time that the provider is given (first_byte_ms, idle_ms: 3 s)."""
    silent = replay.answer(replay.stream(odd.ROLE, odd.HEL, odd.LO, done=False)[:-5], hold=30)
    nothing = replay.answer(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n", hold=30)
    for answer, text in ((silent, "hello"), (nothing, "")):
        with replay.Provider({"demo-a": answer}):
            def play(i):
                began = time.monotonic()
                return send(ALL[i], ALL[i].ask("hi", True, "demo/only-a")), time.monotonic() - began
            for api, (a, took) in zip(ALL, rig.parallel(len(ALL), play)):
                true(2 < took < 8, (api.name, took))
                if text:
                    said = api.read(a)
                    equal((a.status, a.clean, said.text, said.end), (200, True, text, "failed"), (api.name, a))
                else:
                    equal((a.status, a.clean), (504, True), (api.name, a))


def until_closed(s):
    got = b""
    while part := s.recv(65536):
        got += part
    s.close()
    return got


@case
def a_stream_ends_with_the_credit():
    """4,096 tokens are paid for, 8,192 are not: each dialect's end for a limit, why in the trailer and where the dialect
    has a place for it. A limit is reserved in whole, and Messages always has one: what the key cannot pay is a 402."""
    unlimited = [api for api in ALL if not isinstance(api, dialects.Messages)]
    a = send(dialects.Messages(), dialects.Messages().ask("hi", True, "demo/dear", limit=8192), new_key(limit=1.6)["key"])
    equal((a.status, a.json()["error"]["type"]), (402, "billing_error"), a)
    rig.mock_set("demo-a", "tokens=20000,chunk=10,cadence_us=300")
    try:
        def play(i):
            api, key = unlimited[i], new_key(limit=1.6)["key"]
            return until_closed(dialects.connect(api, api.ask("hi", True, "demo/dear"), key, "TE: trailers\r\nConnection: close\r\n"))
        for api, out in zip(unlimited, rig.parallel(len(unlimited), play)):
            head, _, body = out.partition(b"\r\n\r\n")
            equal(head[:12], b"HTTP/1.1 200", (api.name, out[:300]))
            true(b"\r\nx-tr-end-reason: credit\r\n\r\n" in out[-2000:], (api.name, out[-300:]))
            said = api.read(rig.Answer(200, {}, unchunked(body)))
            equal((said.end, said.reason), ("length", "credit"), (api.name, out[-600:]))
            true(4096 * 4 <= len(said.text) < 4096 * 4 + 4096, (api.name, len(said.text)))
    finally:
        rig.mock_set("demo-a", "")
    equal(rig.violations(), [])


def unchunked(body):
    out = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        if int(size, 16) == 0:
            return out
        out, body = out + body[:int(size, 16)], body[int(size, 16) + 2:]
    raise AssertionError("no last chunk")


# --- receipts

@case
def receipts_are_of_the_bytes_that_were_received():
    """Refusals and streams that fail (answers: receipts.py): the digests of the body that left and of the one that came."""
    for api, stream, what in both():
        for words, status, complete in (("demo-script:\nmock fail=400\nsay x", 400, True),
                                        *([("demo-script:\nmock cut_at=3\nsay one two three four", 200, False)] if stream else [])):
            body = json.dumps(api.ask(words, stream, "demo/only-a")).encode()
            a = send(api, body)
            equal(a.status, status, (what, words, a))
            c = rig.Client()
            log = c.request("GET", "/aci/receipts/" + a.header("x-receipt-id")).json()["event_log"]
            c.close()
            found = {e["type"]: e for e in log}
            for kind, data in (("request.received", body), ("response.returned", a.body)):
                equal(found[kind]["body_hash"], "sha256:" + hashlib.sha256(data).hexdigest(), (what, words, kind))
            equal(found["outcome"]["complete"], complete, (what, words, log))


# --- what a provider says about us

@case
def a_providers_refusal_of_our_key_is_no_clients_401():
    for status in ("401 Unauthorized", "403 Forbidden"):
        told = '{"error":{"message":"Incorrect API key provided: mock-p****-a","code":"invalid_api_key"}}'
        with replay.Provider({"demo-a": replay.answer(replay.whole(told, status))}):
            for api, stream, what in both():
                a = send(api, api.ask("hi", stream, "demo/only-a"))
                true(a.status in (502, 503), (what, status, a))
                true(b"mock-p" not in a.body and b"Incorrect" not in a.body, (what, a))


rig.main()
