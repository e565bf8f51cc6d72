#!/usr/bin/env python3
"""What is reserved for an answer and what is billed for it, through the whole stack: bounded reservations
that grow, the figure in a 402, media, clients that leave, whole answers that take their time, answers that
are too long for us or for their limit, and refusals that are one provider's only. Needs the stack of the
tests (short TR_DEMO_FIRST_BYTE_MS)."""
import json
import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import replay  # noqa: E402
import rig  # noqa: E402
from rig import case, chat, equal, fresh, last_body, new_key, seen, true, usage_rows, wait_until  # noqa: E402

ESTIMATED, CLAMPED, CLIENT_GONE = 4, 8, 16  # enum usage_flag
IN_ORDER = {"order": ["demo-a", "demo-b"]}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 1000}}


def row(key):
    """The one usage record of this key."""
    rows = wait_until(lambda: usage_rows(key), 15, "a usage record")
    equal(len(rows), 1, "usage records")
    return rows[0]


def chunk(delta, finish=None, **more):
    return json.dumps({"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m",
                       "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more})


def figures(prompt, completion, **more):
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion,
            **more}


def refusal(status, message, **more):
    return replay.answer(replay.whole(json.dumps({"error": {"message": message, **more}}), status))


GOOD = replay.answer(replay.whole(json.dumps({
    "id": "x", "object": "chat.completion", "created": 1, "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "well"}, "finish_reason": "stop"}],
    "usage": figures(10, 2)})))


# --- reservations

@case
def hello_reserves_little():
    """On the dear model the longest answer is $19.7 and 4,096 tokens are $1.23."""
    key = new_key(limit=2)
    a = chat("tokens=9", key=key["key"], model="demo/dear", stream=True)
    equal(a.status, 200)
    equal(a.header("x-tr-max-tokens"), None)
    a = chat("tokens=9", key=key["key"], model="demo/dear")
    equal(a.status, 200)
    equal(a.header("x-tr-max-tokens"), "4096")
    equal(json.loads(last_body())["max_tokens"], 4096)


@case
def a_stream_grows():
    key = new_key(limit=1)
    a = chat("tokens=20000,chunk=50", key=key["key"], model="demo/echo", stream=True)
    equal(a.status, 200)
    equal(len(a.text()), 80000)
    true('"finish_reason":"stop"' in a.body.decode())
    got = row(key)
    equal((got["completion"], got["flags"] & (ESTIMATED | CLAMPED)), (20000, 0))


@case
def a_stream_ends_with_the_money():
    """4,096 tokens are paid for, 8,192 are not: the client reads an end, not an error."""
    key = new_key(limit=1.6)
    a = chat("tokens=20000,chunk=10,cadence_us=300", key=key["key"], model="demo/dear", stream=True)
    equal((a.status, a.clean), (200, True))
    events = a.events()
    equal(events[-1], "[DONE]")
    last = json.loads(events[-2])
    equal(last["choices"][0]["finish_reason"], "length")
    equal(last["x_tr_end_reason"], "credit")
    true(4096 * 4 <= len(a.text()) < 4096 * 4 + 4096, f"{len(a.text())} bytes of text")
    got = row(key)
    true(4096 * 300000 <= got["cost"] <= 1600000000, got)
    true(wait_until(lambda: seen()[-1]["outcome"] != "open", 5))
    equal(rig.violations(), [])


@case
def a_402_says_what_would_fit():
    key = new_key(limit=0.005)

    def ask(tokens):
        return chat("tokens=1", key=key["key"], model="demo/echo", max_tokens=tokens)
    a = ask(50000)
    equal((a.status, a.error()["code"]), (402, "key_limit_exceeded"))
    fits = int(re.search(r"can only afford (\d+)\.", a.error()["message"]).group(1))
    equal(a.header("x-tr-max-tokens"), str(fits))
    equal(a.error()["metadata"], {"max_tokens": fits})
    true(f"max_tokens of at most {fits} would fit" in a.error()["message"], a.error())
    true(2500 < fits < 3334, fits)  # $0.005 at $1.5 per million, less the prompt
    equal(ask(fits + 2).status, 402)  # the body is a digit shorter: a byte of prompt less
    equal(ask(fits).status, 200)


@case
def an_image_reserves_an_images_worth():
    """The context of the model costs $0.52."""
    key = new_key(limit=0.05)
    a = chat("tokens=3", key=key["key"], model="demo/echo", max_tokens=10, messages=[
        {"role": "user", "content": [{"type": "text", "text": "describe"}, IMAGE]}])
    equal(a.status, 200)
    key = new_key(limit=0.005)
    a = chat("tokens=3", key=key["key"], model="demo/echo", max_tokens=10, messages=[
        {"role": "user", "content": [IMAGE]}])
    equal(a.status, 402)  # 16,384 tokens are $0.0082


@case
def an_image_that_costs_more_than_its_worth_is_paid():
    """The provider counts 100,000 tokens for it, and the key has the money."""
    key = new_key()
    a = chat("prompt=100000,tokens=400", key=key["key"], model="demo/only-a", max_tokens=2000, messages=[
        {"role": "user", "content": [IMAGE]}])
    equal(a.status, 200)
    got = row(key)
    equal((got["cost"], got["flags"] & CLAMPED), (100000 * 500 + 400 * 1500, 0))


@case
def hidden_output_is_paid_without_a_limit():
    """49,990 tokens of reasoning that no event shows, and a reservation of 4,096."""
    events = [chunk({"role": "assistant", "content": "hi"}), chunk({}, "stop"),
              json.dumps({"choices": [], "usage": figures(10, 50000, completion_tokens_details={
                  "reasoning_tokens": 49990})})]
    with replay.Provider({"demo-a": replay.answer(replay.stream(*events))}):
        key = new_key()
        equal(chat(key=key["key"], model="demo/only-a", stream=True).status, 200)
        got = row(key)
    equal((got["cost"], got["completion"], got["flags"] & CLAMPED), (10 * 500 + 50000 * 1500, 50000, 0))


# --- leaving

@case
def leaving_behind_the_finish_costs_the_same():
    """The figures come a second after the finish reason, and the client has gone by then."""
    events = [chunk({"role": "assistant", "content": ""}), chunk({"content": "the answer " * 30}), chunk({}, "stop"),
              json.dumps({"choices": [], "usage": figures(9000, 50000, completion_tokens_details={
                  "reasoning_tokens": 49900})})]
    body = {"model": "demo/only-a", "stream": True, "max_tokens": 60000, "messages": [
        {"role": "user", "content": [{"type": "text", "text": "describe"}, IMAGE]}]}
    billed = []
    with replay.Provider({"demo-a": replay.answer(replay.stream(*events), gap=1)}):
        for leave in (True, False):
            key = new_key()
            s = rig.send_request(body, key=key["key"])
            got = b""
            while (b'"finish_reason":"stop"' if leave else b"[DONE]") not in got.replace(b" ", b""):
                got += s.recv(65536)
            s.close()
            billed.append(row(key))
    equal([b["flags"] & CLIENT_GONE for b in billed], [CLIENT_GONE, 0])
    for b in billed:
        equal((b["prompt"], b["completion"], b["flags"] & (ESTIMATED | CLAMPED)), (9000, 50000, 0))
    equal(billed[0]["cost"], billed[1]["cost"])


@case
def leaving_and_no_figures_costs_an_estimate():
    """They never come: the image has its floor, the text its bytes."""
    events = [chunk({"role": "assistant", "content": ""}), chunk({"content": "four" * 100}), chunk({}, "stop")]
    with replay.Provider({"demo-a": replay.answer(replay.stream(*events, done=False)[:-5], hold=20)}):
        key = new_key()
        s = rig.send_request({"model": "demo/only-a", "stream": True, "max_tokens": 1000, "messages": [
            {"role": "user", "content": [IMAGE]}]}, key=key["key"])
        got = b""
        while b'"stop"' not in got:
            got += s.recv(65536)
        s.close()
        got = row(key)
    equal(got["flags"] & (ESTIMATED | CLIENT_GONE), ESTIMATED | CLIENT_GONE)
    true(1600 <= got["prompt"] < 1700, got)
    equal(got["completion"], 100)


# --- whole answers

@case
def a_whole_answer_may_take_longer_than_a_first_byte():
    if "TR_DEMO_FIRST_BYTE_MS" not in os.environ:
        raise AssertionError("the stack must have short deadlines: TR_DEMO_FIRST_BYTE_MS=3000")
    ident, key = fresh(), new_key()
    before = time.monotonic()
    a = chat(f"delay_us=4500000,tokens=5,id={ident}", key=key["key"], provider=IN_ORDER)
    equal((a.status, a.header("x-tr-provider"), a.header("x-tr-fallback-from")), (200, "demo-a", None))
    true(time.monotonic() - before >= 4.4)
    equal([(r["name"], r["outcome"]) for r in seen(ident)], [("demo-a", "done")])
    ident = fresh()
    a = chat({"demo-a": f"delay_us=4500000,tokens=5,id={ident}", "demo-b": f"tokens=5,id={ident}"},
             provider=IN_ORDER, stream=True)
    equal((a.status, a.header("x-tr-provider")), (200, "demo-b"))  # a stream has its own deadline


@case
def an_answer_over_32_MiB_is_billed_and_final():
    ident, key = fresh(), new_key()
    a = chat(f"tokens=9000000,id={ident}", key=key["key"], max_tokens=9000000, provider=IN_ORDER)
    equal((a.status, a.error()["code"], a.header("x-should-retry")), (502, "answer_too_large", "false"))
    equal([r["name"] for r in seen(ident)], ["demo-a"])
    got = row(key)
    equal(got["flags"] & ESTIMATED, ESTIMATED)
    # The model's 65,536 tokens at $1.5 per million were reserved, and the work was more.
    true(got["cost"] >= 65536 * 1500, got)


@case
def an_event_over_4_MiB_is_billed_and_final():
    ident, key = fresh(), new_key()
    a = chat(f"line=5000000,tokens=5,id={ident}", key=key["key"], max_tokens=1000, provider=IN_ORDER, stream=True)
    equal((a.status, a.error()["code"]), (502, "answer_too_large"))
    equal([r["name"] for r in seen(ident)], ["demo-a"])
    got = row(key)
    equal(got["flags"] & (ESTIMATED | CLAMPED), ESTIMATED | CLAMPED)
    true(got["cost"] >= 1000 * 1500, got)


# --- limits

@case
def output_past_the_limit_is_ended_and_not_charged():
    """Ten tokens were asked for, 3,000 are sent."""
    many = [chunk({"role": "assistant", "content": ""})] + [chunk({"content": "word"})] * 3000
    with replay.Provider({"demo-a": replay.answer(replay.stream(*many))}):
        key = new_key()
        a = chat(key=key["key"], model="demo/only-a", max_tokens=10, stream=True)
    equal((a.status, a.clean), (200, True))
    last = json.loads(a.events()[-2])
    equal((last["choices"][0]["finish_reason"], last["x_tr_end_reason"]), ("length", "max_tokens"))
    true(len(a.text()) < 128 << 10, len(a.text()))  # what one read of the provider brings, no more
    got = row(key)
    equal((got["completion"], got["flags"] & CLAMPED), (10, CLAMPED))


@case
def more_than_asked_for_is_not_charged_in_a_whole_answer():
    body = json.dumps({"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "word" * 500}, "finish_reason": "stop"}],
        "usage": figures(10, 500)})
    with replay.Provider({"demo-a": replay.answer(replay.whole(body))}):
        key = new_key()
        equal(chat(key=key["key"], model="demo/only-a", max_tokens=10).status, 200)
    got = row(key)
    equal((got["prompt"], got["completion"], got["cost"]), (10, 10, 10 * 500 + 10 * 1500))
    equal(got["flags"] & CLAMPED, CLAMPED)


# --- refusals

@case
def a_refusal_of_one_provider_is_not_the_last_word():
    refusals = [refusal("400 X", "max_tokens must be between 1 and 512 for this model", param="max_tokens"),
                refusal("400 X", "developer is not one of ['system', 'user']"),
                refusal("413 X", "Request too large for model on tokens per minute (TPM)"),
                refusal("400 X", "This model's maximum context length is 8192", code="context_length_exceeded"),
                refusal("422 X", "unprocessable"),
                refusal("400 X", "Your credit balance is too low to access the API.")]
    with replay.Provider({"demo-a": refusals, "demo-b": GOOD}) as p:
        for i in range(len(refusals)):
            a = chat(provider=IN_ORDER)
            equal((a.status, a.header("x-tr-provider")), (200, "demo-b"), i)
            equal(len(p.bodies("demo-a")), i + 1)
    equal(rig.health().get("status"), "ok")


@case
def when_all_refuse_the_first_refusal_is_the_answer():
    with replay.Provider({"demo-a": refusal("400 X", "first"), "demo-b": refusal("422 X", "second")}):
        a = chat(provider=IN_ORDER)
        equal((a.status, a.error()["message"]), (400, "first"))
        key = new_key()
        equal(chat(provider={"order": ["demo-b", "demo-a"]}, key=key["key"]).status, 422)
        equal(row(key)["cost"], 0)


@case
def the_operator_is_not_quoted():
    quoted = refusal("400 X", "bad header Authorization: Bearer mock-provider-key-a")
    poor = refusal("400 X", "Your credit balance is too low. Please go to Plans & Billing.")
    with replay.Provider({"demo-a": [quoted, poor]}):
        a = chat(model="demo/only-a")
        equal(a.status, 400)
        true(b"mock-pro" not in a.body, a)
        a = chat(model="demo/only-a")
        equal((a.status, a.error()["code"]), (502, "provider_credentials"))
        true(b"balance" not in a.body, a)


if __name__ == "__main__":
    rig.main()
