#!/usr/bin/env python3
"""Prices of more than two kinds, through the whole stack: tiers by the length of the prompt and by the time of day,
cache writes of an hour, audio, a price for each request. What is reserved, billed, booked, written into the receipt
and told to the client is one figure. The prices of demo/only-a are changed in the catalog while the cases run, and are
the old ones again behind them. Needs a stack."""

import contextlib
import functools
import json
import os
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import replay  # noqa: E402
import rig  # noqa: E402
from rig import case, equal, true, wait_until  # noqa: E402

CLAMPED = 8  # enum usage_flag
MODEL = "demo/only-a"
NUSD = {"prompt": 500, "completion": 1500, "cached": 50, "cache_write": 500}  # of demo/only-a, a token
HELLO = [{"role": "user", "content": "Hello"}]
LONG = [{"role": "user", "content": "word " * 50000}]  # 250 KB: its bound is above the tiers' 200,000 tokens


@contextlib.contextmanager
def priced(**members):
    """The endpoint's price with these columns, in force at the data plane."""
    where = f"(SELECT endpoint_no FROM endpoint JOIN model USING (model_no) WHERE id = '{MODEL}' AND provider = 'demo-a')"
    old = rig.sql(f"SELECT price_version FROM endpoint WHERE endpoint_no = {where}")[0][0]
    new = rig.sql("INSERT INTO price SELECT (jsonb_populate_record(p, '%s'::jsonb || jsonb_build_object('version',"
                  " (SELECT max(version) + 1 FROM price x WHERE x.endpoint_no = p.endpoint_no)))).* FROM price p"
                  " WHERE endpoint_no = %s AND version = %s RETURNING version" % (json.dumps(members), where, old))[0][0]

    def use(version):
        now = rig.sql(f"UPDATE endpoint SET price_version = {version} WHERE endpoint_no = {where};"
                      "INSERT INTO catalog_version (version) SELECT max(version) + 1 FROM catalog_version"
                      " RETURNING version;")[0][0]
        rig.sql(f"NOTIFY tr_catalog, '{now}'")
        wait_until(lambda: rig.health()["catalog_version"] == int(now), 15, "the catalog at the data plane")
    use(new)
    try:
        yield
    finally:
        use(old)


def whole(usage, text="hello world"):
    return replay.answer(replay.whole(json.dumps(
        {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "usage": usage,
         "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]})))


def figures(prompt, completion, **details):
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion, **details}


def receipt_of(answer, key):
    c = rig.Client(key=key)
    got = c.request("GET", "/aci/receipts/" + answer.header("x-receipt-id"))
    c.close()
    equal(got.status, 200, repr(got))
    return got.body


@functools.cache  # asked at the rate of evidence
def verifying_key():
    c = rig.Client(url=rig.env("TR_BASE_URL").removesuffix("/v1"))
    try:
        return c.request("GET", "/attestation/verifying-key").json()["public_key"]
    finally:
        c.close()


def verified(receipt):
    """Does the auditor's tool accept it?"""
    with tempfile.NamedTemporaryFile(suffix=".json") as f:
        f.write(receipt)
        f.flush()
        r = subprocess.run([rig.env("TR_BIN") + "/tr-verify", "receipt", f.name, "--key", verifying_key()],
                           capture_output=True, text=True, timeout=60)
    return r.returncode, r.stdout + r.stderr


def ask(p, usage, key=None, base="/api/v1", path="/chat/completions", **members):
    """One request, whose provider says that it used so much."""
    if usage is not None:
        p.set("demo-a", whole(usage))
    c = rig.Client(url=rig.env("TR_BASE_URL").removesuffix("/v1") + base, key=key)
    a = c.request("POST", path, {"model": MODEL, "messages": HELLO, **members})
    c.close()
    return a


def paid(p, usage, cost, tier=0, sides=None, **members):
    """The client, the ledger and the receipt say the same cost, and the auditor's tool computes it again."""
    key = rig.new_key()
    a = ask(p, usage, key["key"], **members)
    equal(a.status, 200, a)
    got = a.json()["usage"]
    equal(round(got["cost"] * 1e9), cost, got)
    details = got["cost_details"]
    equal(round(sum(v or 0 for v in details.values()) * 1e9), cost, details)
    if sides:
        equal([round(details["upstream_inference_%s_cost" % side] * 1e9) for side in ("prompt", "completions")],
              list(sides), details)
    row = wait_until(lambda: rig.usage_rows(key), 15, "the usage record")[0]
    equal((row["cost"], row["flags"] & CLAMPED), (cost, 0), row)
    receipt = receipt_of(a, key["key"])
    bill = [e for e in json.loads(receipt)["event_log"] if e["type"] == "billing"][0]
    equal((bill["cost_nusd"], bill["tier"]), (cost, tier), bill)
    code, said = verified(receipt)
    equal(code, 0, said)
    # Its twin: the same receipt with another price is not signed; that the sum is looked at: test_receipt_events.
    equal(verified(receipt.replace(b'"tier":%d' % tier, b'"tier":%d' % (tier + 1)))[0] != 0, True)
    return got, receipt


def tier(**members):
    return {"above_prompt_tokens": 0, "from_minute": 0, "until_minute": 0, "prompt_pusd": 0, "completion_pusd": 0,
            "cached_pusd": 0, "cache_write_pusd": 0, **members}


@contextlib.contextmanager
def provider():
    with replay.Provider({"demo-a": whole(figures(1, 1))}) as p:
        yield p


# --- cases

@case
def the_base_price():
    with provider() as p:
        paid(p, figures(100, 20), 100 * 500 + 20 * 1500, sides=(50000, 30000))
        paid(p, figures(100, 20, prompt_tokens_details={"cached_tokens": 60}), 40 * 500 + 60 * 50 + 20 * 1500)


@case
def long_prompts_cost_more():
    """The tier of the tokens that are billed holds, for the whole request; one token less is at the base price."""
    dear = tier(above_prompt_tokens=200000, prompt_pusd=1000000, completion_pusd=2000000, cached_pusd=100000,
                cache_write_pusd=1250000)
    with provider() as p, priced(tiers=[dear]):
        paid(p, figures(200000, 10), 200000 * 500 + 10 * 1500, messages=LONG)
        paid(p, figures(200001, 10), 200001 * 1000 + 10 * 2000, tier=1, messages=LONG)
        paid(p, figures(200001, 10, prompt_tokens_details={"cached_tokens": 200000}),
             1 * 1000 + 200000 * 100 + 10 * 2000, tier=1, messages=LONG)


@case
def long_prompts_reserve_more():
    """A key that can pay the base price only is not let into the tier; a short prompt cannot come there."""
    dear = tier(above_prompt_tokens=200000, prompt_pusd=100000000, completion_pusd=1500000)
    poor = rig.new_key(limit=1)["key"]
    with provider() as p, priced(tiers=[dear]):
        equal(ask(p, figures(100, 10), poor, max_tokens=10).status, 200)
        a = ask(p, figures(100, 10), poor, max_tokens=10, messages=LONG)  # 250,000 tokens: $25, not $0.13
        equal(a.status, 402, a)
    with provider() as p:
        equal(ask(p, figures(100, 10), poor, max_tokens=10, messages=LONG).status, 200)


@case
def max_price_is_of_the_tier():
    dear = tier(above_prompt_tokens=200000, prompt_pusd=1000000, completion_pusd=1500000)
    cap = {"max_price": {"prompt": 0.7}}  # dollars per million tokens; the base price is 0.5, the tier's 1
    with provider() as p, priced(tiers=[dear]):
        equal(ask(p, figures(9, 1), provider=cap).status, 200)
        a = ask(p, figures(9, 1), provider=cap, messages=LONG)
        true(a.status >= 400 and "max_price" in a.error()["message"], a)


@case
def the_time_of_day():
    """Now is within a tier of the next hours, and in none of the others."""
    minute = int(time.time()) // 60 % 1440
    cheap = dict(prompt_pusd=50000, completion_pusd=150000, cached_pusd=5000, cache_write_pusd=50000)
    now = tier(from_minute=(minute - 1) % 1440, until_minute=(minute + 120) % 1440, **cheap)
    later = tier(from_minute=(minute + 120) % 1440, until_minute=(minute - 1) % 1440, prompt_pusd=9, completion_pusd=9)
    with provider() as p, priced(tiers=[now, later]):
        paid(p, figures(100, 20), 100 * 50 + 20 * 150, tier=1)
    with provider() as p, priced(tiers=[later, now]):
        paid(p, figures(100, 20), 100 * 50 + 20 * 150, tier=2)
    with provider() as p, priced(tiers=[later]):
        paid(p, figures(100, 20), 100 * 500 + 20 * 1500)


@case
def cache_writes_of_an_hour():
    """Without a price nobody is asked; with one the mark is sent, and both durations are billed."""
    marked = [{"role": "user", "content": [{"type": "text", "text": "Hello",
                                            "cache_control": {"type": "ephemeral", "ttl": "1h"}}]}]
    usage = figures(1000, 10, prompt_tokens_details={"cache_write_tokens": 50, "cache_write_1h_tokens": 40})
    with provider() as p:
        a = ask(p, usage, messages=marked)
        equal((a.status, a.error()["code"] if a.status != 200 else 0), (400, 400), a)
        true("cache_control" in a.body.decode(), a)
    with provider() as p, priced(cache_write_pusd=625000, cache_write_long_pusd=1000000):
        got, _ = paid(p, usage, 950 * 500 + 10 * 625 + 40 * 1000 + 10 * 1500, messages=marked)
        true(b'"ttl":"1h"' in p.bodies("demo-a")[-1].replace(b" ", b""), p.bodies("demo-a")[-1])
        equal(got["prompt_tokens_details"]["cache_write_tokens"], 50)
        # the same without a mark: what is reserved does not cover an hour's price, and need not
        paid(p, figures(1000, 10, prompt_tokens_details={"cache_write_tokens": 50}), 950 * 500 + 50 * 625 + 10 * 1500)
        key = rig.new_key()
        a = ask(p, usage, key["key"], base="/api/v1", path="/messages", messages=marked, max_tokens=100)
        equal(a.status, 200, a)
        told = a.json()["usage"]
        equal((told["input_tokens"], told["cache_creation_input_tokens"], told["cache_creation"],
               round(told["cost"] * 1e9)),
              (950, 50, {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 40},
               950 * 500 + 10 * 625 + 40 * 1000 + 10 * 1500), told)


@case
def audio_and_thoughts():
    sound = [{"role": "user", "content": [{"type": "text", "text": "What is said?"},
                                          {"type": "input_audio", "input_audio": {"data": "A" * 4000, "format": "wav"}}]}]
    usage = figures(100, 20, prompt_tokens_details={"audio_tokens": 60},
                    completion_tokens_details={"reasoning_tokens": 8, "audio_tokens": 5})
    with provider() as p, priced(audio_input_pusd=3000000, audio_output_pusd=6000000, reasoning_pusd=1000000):
        got, receipt = paid(p, usage, 40 * 500 + 60 * 3000 + 7 * 1500 + 8 * 1000 + 5 * 6000, messages=sound)
        equal((got["prompt_tokens_details"]["audio_tokens"], got["completion_tokens_details"]["audio_tokens"]), (60, 5))
        used = [e for e in json.loads(receipt)["event_log"] if e["type"] == "usage"][0]
        equal((used["audio_input_tokens"], used["audio_output_tokens"]), (60, 5), used)


@case
def a_price_for_each_request():
    """Due when there is an answer, and not when there is none."""
    with provider() as p, priced(request_nusd=7000000):
        paid(p, figures(100, 20), 7000000 + 100 * 500 + 20 * 1500, sides=(7050000, 30000))
        key = rig.new_key()
        p.set("demo-a", replay.answer(replay.whole('{"error":{"message":"no"}}', "500 Internal Server Error")))
        a = ask(p, None, key["key"])
        true(a.status >= 500, a)
        row = wait_until(lambda: rig.usage_rows(key), 15, "the usage record")[0]
        equal(row["cost"], 0, row)


@case
def nothing_is_out_of_balance():
    rig.settled()
    equal(rig.violations(), [])


rig.main()
