#!/usr/bin/env python3
"""How answers end. What is complete ends as complete, however the provider ends it; what is not ends with an error
event and a well-formed body; and only what makes no progress is cut. Recorded bytes take the demo provider's place."""

import json
import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../lib"))
import replay  # noqa: E402
import rig  # noqa: E402
from rig import case, chat, equal, true  # noqa: E402

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
ROUTES = ("demo/only-a", "demo/echo")  # one provider, two


def event(delta=None, finish=None, **members):
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    return "data: " + json.dumps({"id": "up", "object": "chat.completion.chunk", "created": 1, "model": "up",
                                  "choices": choices} | members) + "\n\n"


TEXT = event({"role": "assistant", "content": "hel"}) + event({"content": "lo"})
STOP = event({}, "stop")
USAGE = event(usage={"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11})
DONE = "data: [DONE]\n\n"
LAST = b"0\r\n\r\n"


def chunks(text, last=b""):
    """Each event in a chunk of its own; without the last chunk unless it is given."""
    parts = re.split(r"(?<=\n\n)", text)
    return HEAD + b"".join(b"%x\r\n%s\r\n" % (len(p), p.encode()) for p in parts if p) + last


def ask(answer, model="demo/only-a", **members):
    """The client's answer, how long it took, and its usage record."""
    key = rig.new_key()
    members = {"stream": True, "provider": {"order": ["demo-a"]}} | members
    with replay.Provider({"demo-a": answer, "demo-b": answer}):
        began = time.monotonic()
        a = chat(model=model, key=key["key"], **members)
        took = time.monotonic() - began
    rows = rig.wait_until(lambda: rig.usage_rows(key), 10, "billed")
    equal(len(rows), 1, "records")
    return a, took, rows[0]


def check_complete(a, row, what, figures=True):
    equal((a.status, a.clean, a.text()), (200, True, "hello"), what)
    if not a.body.startswith(b"{"):
        equal(a.events()[-1], "[DONE]", what)
        finishes = [c["finish_reason"] for e in a.events()[:-1] for c in json.loads(e)["choices"]]
        equal([f for f in finishes if f], ["stop"], what)
        true("error" not in a.body.decode(), what)
    equal(row["flags"] & ESTIMATED, 0 if figures else ESTIMATED, what)
    true(row["cost"] > 0, what)


ESTIMATED = 4

WELL = {
    "[DONE], kept open": replay.answer(chunks(TEXT + STOP + USAGE + DONE), hold=30),
    "FIN behind [DONE] without the last chunk": replay.answer(chunks(TEXT + STOP + USAGE + DONE)),
    "FIN behind the figures": replay.answer(chunks(TEXT + STOP + USAGE)),
    "end behind the figures": replay.answer(chunks(TEXT + STOP + USAGE, LAST)),
    "reset behind the figures": replay.answer(chunks(TEXT + STOP + USAGE), reset=True),
    "heartbeats behind the figures": replay.answer(chunks(TEXT + STOP + USAGE), hold=30, ping=1),
    "nothing behind the figures": replay.answer(chunks(TEXT + STOP + USAGE), hold=30),
    "a last event without a blank line": replay.answer(chunks(TEXT + STOP + USAGE[:-1], LAST)),
    "a last event without a line end": replay.answer(chunks(TEXT + STOP + USAGE[:-2], LAST)),
    "the same, reset": replay.answer(chunks(TEXT + STOP + USAGE[:-1]), reset=True),
    "[DONE] without a blank line": replay.answer(chunks(TEXT + STOP + USAGE + DONE[:-2], LAST)),
    "rubbish behind the figures": replay.answer(chunks(TEXT + STOP + USAGE + "data: {rubbish\n\n", LAST)),
}


@case
def complete_streams_end_as_complete():
    for what, answer in WELL.items():
        for model in ROUTES:
            a, took, row = ask(answer, model, stream_options={"include_usage": True})
            check_complete(a, row, what)
            true(took < 4, f"{what}: {took:.1f} s")
            equal([e for e in a.events() if '"usage"' in e and json.loads(e)["usage"]] != [], True, what)


@case
def complete_without_figures():
    for what, answer in {
            "reset": replay.answer(chunks(TEXT + STOP), reset=True),
            "heartbeats": replay.answer(chunks(TEXT + STOP), hold=30, ping=1),
            "half of the figures": replay.answer(chunks(TEXT + STOP + USAGE[:40]), reset=True)}.items():
        a, took, row = ask(answer)
        check_complete(a, row, what, figures=False)
        true(took < 8, f"{what}: {took:.1f} s")


WHOLE = json.dumps({"id": "up", "object": "chat.completion", "created": 1, "model": "up", "choices": [
    {"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}})
WHOLE_HEAD = HEAD.replace(b"text/event-stream", b"application/json")


@case
def complete_whole_answers():
    chunk = b"%x\r\n%s\r\n" % (len(WHOLE), WHOLE.encode())
    for what, answer in {
            "FIN without the last chunk": replay.answer(WHOLE_HEAD + chunk),
            "reset": replay.answer(WHOLE_HEAD + chunk, reset=True),
            "kept open": replay.answer(WHOLE_HEAD + chunk, hold=30)}.items():
        for model in ROUTES:
            a, took, row = ask(answer, model, stream=False)
            check_complete(a, row, what)
            true(took < 4, f"{what}: {took:.1f} s")


@case
def a_collected_stream_ends_with_its_finish():
    """A whole answer was asked for, and a stream came that is kept open without "[DONE]"."""
    for what, text, most in (("figures", TEXT + STOP + USAGE, 4), ("finish reason", TEXT + STOP, 8)):
        for model in ROUTES:
            a, took, row = ask(replay.answer(chunks(text), hold=30, ping=1), model, stream=False)
            check_complete(a, row, what, figures=what == "figures")
            true(took < most, f"{what}: {took:.1f} s")


@case
def incomplete_whole_answers():
    half = replay.answer(WHOLE_HEAD + b"40\r\n" + WHOLE[:64].encode() + b"\r\n", reset=True)
    with replay.Provider({"demo-a": half}):
        a = chat(model="demo/only-a")
    equal((a.status, a.clean, a.error()["code"]), (502, True, "provider_error"))


# --- failures behind the first byte

@case
def failures_are_the_last_event():
    for what, answer in {
            "reset": replay.answer(chunks(TEXT), reset=True),
            "FIN": replay.answer(chunks(TEXT)),
            "end": replay.answer(chunks(TEXT, LAST)),
            "nothing": replay.answer(chunks(TEXT), hold=30),
            "half of the finish": replay.answer(chunks(TEXT + STOP[:60], LAST)),
            "error behind the finish": replay.answer(chunks(TEXT + STOP + event(error={"message": "late"}), LAST), gap=0.2)}.items():
        for model in ROUTES:
            a, took, row = ask(answer, model)
            equal((a.status, a.clean), (200, True), what)
            true("error" in json.loads(a.events()[-1]), f"{what}: {a.events()}")
            true("[DONE]" not in a.events(), what)
            true(took < 8 and row["cost"] > 0, f"{what}: {took:.1f} s, {row}")


@case
def the_connection_serves_again_behind_a_failure():
    c = rig.Client()
    with replay.Provider({"demo-a": [replay.answer(chunks(TEXT), reset=True),
                                     replay.answer(chunks(TEXT + STOP + USAGE + DONE, LAST))]}):
        a = c.chat(model="demo/only-a", stream=True)
        true("error" in json.loads(a.events()[-1]), a)
        sock = c.http.sock
        true(sock is not None, "the body did not end")
        a = c.chat(model="demo/only-a", stream=True)
        equal((a.events()[-1], c.http.sock is sock), ("[DONE]", True))
    c.close()


@case
def a_trailer_names_the_failure():
    body = json.dumps({"model": "demo/only-a", "stream": True, "messages": [{"role": "user", "content": "hi"}]}).encode()
    with replay.Provider({"demo-a": replay.answer(chunks(TEXT), reset=True)}):
        out = rig.raw(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nTE: trailers\r\n"
                      b"Content-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" %
                      (rig.env("TR_API_KEY").encode(), len(body), body))
    true(b"\r\nx-tr-end-reason: provider_truncated\r\n\r\n" in out, out[-200:])


# --- progress (the stack of the tests has idle_ms 3000 and total_ms 8000)

def short():
    if os.environ.get("TR_DEMO_TOTAL_MS") != "8000":
        raise rig.Skip("this stack has ordinary deadlines: half an hour is too long for a test")


@case
def a_lively_stream_is_not_cut():
    short()
    words = "".join(event({"content": "word "}) for _ in range(13))
    for model in ROUTES:
        a, took, row = ask(replay.answer(chunks(words + STOP + USAGE + DONE, LAST), gap=1), model)
        equal((a.events()[-1], a.text()), ("[DONE]", "word " * 13))
        true(took > 13 and row["flags"] & ESTIMATED == 0, f"{took:.1f} s, {row}")


@case
def heartbeats_without_content_end():
    short()
    a, took, _ = ask(replay.answer(chunks(TEXT), hold=40, ping=1))
    equal((a.clean, json.loads(a.events()[-1])["error"]["code"]), (True, "provider_timeout"))
    true(7 < took < 14, f"{took:.1f} s")


rig.main()
