#!/usr/bin/env python3
"""What an account pays beside the catalog's prices: a markup reaches data planes within seconds, a request that runs keeps
the terms that it began with, the receipt names them and tr-verify counts with them; a fee of its own for own keys."""

import json
import os
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import rig  # noqa: E402
from own_keys import account_key, ask, at_data_plane, ctl, put  # noqa: E402
from rig import case, equal, fresh, sql, true, wait_until  # noqa: E402


def terms(account, **members):
    a = ctl("POST", "/credits/terms", {"account_id": account, "reason": "contract", **members},
            rig.env("TR_MANAGEMENT_KEY"))
    equal(a.status, 200, repr(a))
    return a.json()["data"]


def told(answer):
    """What the answer says it cost, in nano-USD."""
    return round(answer.json()["usage"]["cost"] * 1e9)


def booked(answer):
    rig.settled()
    request = answer.header("x-request-id")
    return int(sql(f"SELECT cost_nusd FROM usage WHERE replace(request_id::text, '-', '') = '{request}'")[0][0])


def cost_of(answer):
    """Nano-USD, as booked: and the answer says the same."""
    cost = booked(answer)
    equal(told(answer), cost)
    return cost


def with_markup(nusd, bp):
    """Rounded up, once."""
    return -(-nusd * (10000 + bp) // 10000)


def served(key):
    a = at_data_plane("POST", "/chat/completions", {"model": "demo/only-a", "messages": [
        {"role": "user", "content": "Hello"}]}, key, "/api/v1")
    equal(a.status, 200, repr(a))
    return a


def verified(key, answer, want):
    got = at_data_plane("GET", "/aci/receipts/" + answer.header("x-receipt-id"), key=key)
    true(want in got.body, repr(got.body))
    path = os.path.join(rig.env("TR_RUN_DIR"), fresh("receipt"))
    with open(path, "wb") as f:
        f.write(got.body)
    public = json.loads(rig.Client(rig.env("TR_BASE_URL").rsplit("/v1", 1)[0], None, "").request(
        "GET", "/attestation/verifying-key").body)["public_key"]
    r = subprocess.run([os.path.join(rig.env("TR_BIN"), "tr-verify"), "receipt", path, "--key", public],
                       capture_output=True, text=True)
    os.remove(path)
    equal(r.returncode, 0, r.stdout + r.stderr)


@case
def a_markup_is_paid():
    management, key, account = account_key(1)
    first = served(key)
    plain = cost_of(first)
    true(plain > 0)
    terms(account, markup_bp=1050)
    wait_until(lambda: cost_of(served(key)) == with_markup(plain, 1050), 5, "the markup is paid")
    verified(key, served(key), b'"markup_ppm":105000')
    equal(ctl("GET", "/credits/terms", None, management).json()["data"][0]["current"], True)
    rig.settled()
    credits = ctl("GET", "/credits", None, management).json()["data"]
    equal(round(credits["total_usage"] * 1e9),
          int(sql(f"SELECT sum(cost_nusd) FROM usage WHERE account_id = '{account}'")[0][0]))


@case
def a_request_keeps_its_terms():
    """One runs while the markup ends: it pays what it began with, and the next one does not."""
    management, key, account = account_key(1)
    plain = cost_of(served(key))
    terms(account, markup_bp=20000)
    wait_until(lambda: told(served(key)) == with_markup(plain, 20000), 5, "the markup is paid")
    slow, before = {}, rig.counters("demo-a")["requests"]
    runs = threading.Thread(target=lambda: slow.update(a=ask(key, "tokens=150,cadence_us=40000", stream=True)))
    runs.start()
    wait_until(lambda: rig.counters("demo-a")["requests"] > before, 10, "it is at the provider")
    terms(account, markup_bp=0)
    wait_until(lambda: told(served(key)) == plain, 5, "the markup is over")
    true(runs.is_alive(), "the first one still runs")
    runs.join()
    quick = booked(ask(key, "tokens=150", stream=True))
    equal(booked(slow["a"]), with_markup(quick, 20000))


@case
def a_fee_of_its_own():
    management, key, account = account_key(1)
    put(management, account, "demo-a", fresh("sk-fee-"))
    wait_until(lambda: cost_of(served(key)) == 0, 5, "served on the own key")
    terms(account, markup_bp=500, byok_fee_bp=250)
    wait_until(lambda: cost_of(served(key)) > 0, 5, "the fee is paid")
    verified(key, served(key), b'"own_key_fee_ppm":25000')


if __name__ == "__main__":
    rig.main()
