#!/usr/bin/env python3
"""Embeddings as bytes (unmodified clients: tests/clients): both forms of a vector, whatever the provider answers with;
what the provider is sent; prices, receipts, fallback, Idempotency-Key, and what is refused."""

import base64
import json
import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import rig  # noqa: E402
from rig import case, equal, fresh, seen, sql, true, wait_until  # noqa: E402

NUSD = 20  # demo/embed costs $0.02 per million tokens
ESTIMATED, CLAMPED, CLIENT_GONE, FALLBACK = 4, 8, 16, 32  # proto/usage.h


def post(mock="", prefix="/v1", key=None, headers=None, drop=(), **members):
    c = rig.Client(rig.env("TR_BASE_URL").replace("/v1", prefix), key=key and key["key"])
    body = {"model": "demo/embed", "input": "hello", **members}
    if mock:
        body["mock"] = mock if isinstance(mock, dict) else {"*": mock}
    for name in drop:
        del body[name]
    try:
        return c.request("POST", "/embeddings", body, headers)
    finally:
        c.close()


def good(*args, **members):
    a = post(*args, **members)
    equal(a.status, 200, a)
    return a.json()


def vectors(answer):
    return [d["embedding"] for d in answer["data"]]


def unpacked(text):
    raw = base64.b64decode(text, validate=True)
    return list(struct.unpack(f"<{len(raw) // 4}f", raw))


def rows(key):
    return [tuple(map(int, r)) for r in sql(
        "select cost_nusd, tokens_prompt, tokens_completion, flags, http_status, attempts from usage u "
        f"join api_key k using (key_id) where k.name = '{key['name']}' order by received_ms")]


def one_row(key):
    return wait_until(lambda: rows(key), 10, "a usage record")[-1]


@case
def both_forms_of_both_kinds_of_provider():
    """The client gets what it asked for, from providers that make both forms and those that know numbers only."""
    ask = {"input": ["a", "b"], "dimensions": 40}
    plain = good(**ask)
    equal(list(plain), ["object", "data", "model", "usage"])
    equal([(d["object"], d["index"], len(d["embedding"])) for d in plain["data"]], [("embedding", 0, 40), ("embedding", 1, 40)])
    true(all(isinstance(x, float | int) for v in vectors(plain) for x in v) and vectors(plain)[0] != vectors(plain)[1])
    for mock in ("", "floats"):
        packed = good(mock, encoding_format="base64", **ask)
        equal([unpacked(v) for v in vectors(packed)], vectors(plain), mock)
        equal(vectors(good(mock, encoding_format="float", **ask)), vectors(plain), mock)
    equal(plain["model"], "demo/embed")
    equal(plain["usage"]["prompt_tokens"], plain["usage"]["total_tokens"])


@case
def what_the_provider_is_sent():
    a = post(input=["a", "\u00e9 b"], user="end-user", session_id="s", provider={"order": ["demo-a"]}, dimensions=8,
             encoding_format="base64")
    equal(a.status, 200, a)
    equal(json.loads(rig.last_body()), {"model": "up-embed", "input": ["a", "\u00e9 b"], "encoding_format": "base64", "dimensions": 8})
    true("POST /v1/embeddings HTTP/1.1" in rig.last_head(), rig.last_head())
    raw = b'{"input":[ 1, 2 ,3.0],"model":"demo/embed","provider":{"order":["demo-a"]}}'
    c = rig.Client()
    equal(c.request("POST", "/embeddings", raw).status, 200)
    c.close()
    equal(rig.last_body(), b'{"model":"up-embed","input":[ 1, 2 ,3.0]}')


@case
def an_answer_split_anywhere():
    want = vectors(good(input=["a", "b"]))
    for words in ("split=1", "split=60", "split=200,frame=chunked", "step=7", "frame=eof", "frame=eof,step=50"):
        equal(vectors(good(words, input=["a", "b"])), want, words)


@case
def a_large_answer():
    """2048 vectors of 1024 numbers: 2 MiB in base64, some 20 MiB as numbers."""
    ask = {"input": [f"text {i}" for i in range(2048)], "dimensions": 1024}
    packed = good(encoding_format="base64", **ask)
    numbers = good("floats", encoding_format="base64", **ask)
    equal(len(packed["data"]), 2048)
    equal(vectors(packed), vectors(numbers))
    equal(len(unpacked(vectors(packed)[2047])), 1024)


@case
def openrouter_reads_cost():
    a = post(prefix="/api/v1")
    got = a.json()
    true(got["id"] == "embd-" + a.header("x-request-id"), got)
    equal(round(got["usage"]["cost"] * 1e9), got["usage"]["prompt_tokens"] * NUSD)
    true("cost" not in good()["usage"])


@case
def the_bill_is_the_providers_figures():
    key = rig.new_key()
    got = good("prompt=100", key=key, input="x" * 400)
    equal(got["usage"], {"prompt_tokens": 100, "total_tokens": 100})
    equal(one_row(key), (100 * NUSD, 100, 0, 0, 200, 1))


@case
def the_generation_says_what_it_was():
    for answer, kind in ((post(), "embeddings"), (rig.chat(), "completions")):
        c = rig.Client()
        g = wait_until(lambda: (lambda r: r.status == 200 and r.json()["data"])(
            c.request("GET", "/generation?id=" + answer.header("x-generation-id"))), 10)
        c.close()
        equal((g["api_type"], g["tokens_completion"] == 0), (kind, kind == "embeddings"))


@case
def without_figures_it_is_estimated():
    key = rig.new_key()
    equal(good("usage=missing", key=key, input=["x" * 400, "y" * 44])["usage"]["prompt_tokens"], 111)
    equal(one_row(key)[:4], (111 * NUSD, 111, 0, ESTIMATED))
    key = rig.new_key()
    equal(good("usage=missing", key=key, input=[[1, 2, 3], [4]])["usage"]["prompt_tokens"], 4)


@case
def figures_beyond_the_input_are_not_charged():
    """Five bytes of text are no million tokens: the bill is what was reserved at most, 16 tokens for what begins and
    ends an input, one for each byte, and one for each byte of a member that the provider may put in front of it."""
    key = rig.new_key()
    member = {"*": "prompt=1000000"}
    good(member, key=key)
    most = 16 + len("hello") + len(json.dumps(member))
    cost, prompt, _, flags, _, _ = one_row(key)
    true(cost <= most * NUSD + 2 and prompt <= most and flags & CLAMPED, (cost, prompt, flags))


@case
def many_inputs_are_reserved_each():
    """Each input may fill the context of 8192: a batch of 20 long ones costs more than one context."""
    key = rig.new_key()
    equal(good("prompt=100000", key=key, input=["word " * 4000] * 20)["usage"]["prompt_tokens"], 100000)
    equal(one_row(key)[:4], (100000 * NUSD, 100000, 0, 0))


@case
def no_money_no_vectors():
    key = rig.new_key(limit=0.000001)  # 50 tokens
    ident = fresh()
    a = post(f"id={ident}", key=key, input="x" * 1000)
    equal(a.status, 402, a)
    true("Send less input" in a.error()["message"] and "max_tokens" not in a.body.decode(), a)
    equal((seen(ident), rows(key)), ([], []))
    equal(post(key=key, input="x").status, 200)


@case
def a_client_that_leaves_pays_the_prompt():
    key, ident = rig.new_key(), fresh()
    body = json.dumps({"model": "demo/embed", "input": "x" * 400, "mock": {"*": f"id={ident},delay_us=900000"}}).encode()
    s = rig.send_request(body, key["key"], path="/embeddings")
    wait_until(lambda: seen(ident), 5, "the provider has it")
    s.close()
    cost, prompt, completion, flags, status, _ = one_row(key)
    equal((cost, prompt, completion, flags & CLIENT_GONE, status), (100 * NUSD, 100, 0, CLIENT_GONE, 499))
    equal(wait_until(lambda: [r["outcome"] for r in seen(ident) if r["outcome"] != "running"], 5), ["aborted"])


@case
def another_provider_answers():
    """After an error, and after an answer that is none: a failed one costs nothing."""
    order = {"order": ["demo-a", "demo-b"]}
    for fault in ("fail=500", "fail=truncjson", "fail=badjson", "fail=body"):
        key = rig.new_key()
        a = post({"demo-a": fault, "demo-b": "prompt=3"}, key=key, provider=order)
        equal((a.status, a.header("x-tr-provider"), a.header("x-tr-fallback-from")), (200, "demo-b", "demo-a"), fault)
        cost, prompt, _, flags, _, attempts = one_row(key)
        equal((cost, prompt, flags, attempts), (3 * NUSD, 3, FALLBACK, 2), fault)
    a = post("fail=500", provider=order)
    equal((a.status, a.error()["code"]), (502, "provider_error"), a)
    a = post("fail=400,error_text=too-long")
    true(a.status == 400 and "too-long" in a.error()["message"], a)


@case
def it_has_a_receipt():
    a = post()
    c = rig.Client()
    r = c.request("GET", "/aci/receipts/" + a.header("x-receipt-id"))
    c.close()
    equal(r.status, 200, r)
    text = r.body.decode()
    true("/v1/embeddings" in text and "demo/embed" in text and "up-embed" in text, text)


@case
def an_idempotency_key_runs_once():
    ident = fresh("idem-")
    one = post(f"id={ident}", headers={"Idempotency-Key": ident})
    two = post(f"id={ident}", headers={"Idempotency-Key": ident})
    equal((one.status, two.status, len(seen(ident))), (200, 409, 1))


@case
def what_cannot_be_done_is_refused_by_name():
    for members, name in (({"input": []}, "input"), ({"input": ""}, "input"), ({"input": ["a", 1]}, "input"),
                          ({"input": ["a"] * 2049}, "input"), ({"input": [{"content": [{"type": "text", "text": "a"}]}]}, "input"),
                          ({"encoding_format": "hex"}, "encoding_format"), ({"dimensions": 0}, "dimensions"),
                          ({"stream": True}, "stream"), ({"surprise": 1}, "surprise"), ({"input_type": "query"}, "input_type")):
        a = post(**members)
        equal((a.status, a.error()["param"]), (400, name), members)
    for drop in ("input", "model"):
        a = post(drop=(drop,))
        equal((a.status, a.error()["param"]), (400, drop), a)
    a = post(prefix="/api/v1", dimensions=0)
    equal((a.status, a.error()["code"]), (400, 400), a)


@case
def models_of_the_other_kind():
    for answer, hint in ((post(model="demo/echo"), "/v1/embeddings/models"), (rig.chat(model="demo/embed"), "POST /v1/embeddings")):
        equal((answer.status, answer.error()["code"]), (404, "model_not_found"), answer)
        true(hint in answer.error()["message"], answer)
    equal(post(model="demo/nothing").status, 404)
    # As a fallback such a model is passed over.
    equal(good(model="demo/echo", models=["demo/embed"])["model"], "demo/embed")
    c = rig.Client()
    listed = c.request("GET", "/embeddings/models").json()["data"]
    c.close()
    equal([m["id"] for m in listed], ["demo/embed"])


@case
def an_azure_clients_path():
    c = rig.Client(rig.env("TR_BASE_URL").replace("/v1", ""))
    a = c.request("POST", "/openai/deployments/demo%2Fembed/embeddings?api-version=2024-10-21", {"input": "hello"})
    c.close()
    equal((a.status, a.status == 200 and a.json()["model"]), (200, "demo/embed"), a)


rig.main()
