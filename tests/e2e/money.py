#!/usr/bin/env python3
"""Money: what the ledger says is what the provider counted, to the nano-dollar; nothing is ever spent
that was not there; an empty key is refused before anything is sent."""

import collections
import os
import random
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import rig  # noqa: E402
from rig import Client, case, equal, fresh, parallel, seen, sql, wait_until  # noqa: E402

# demo/echo and demo/only-a cost $0.50 and $1.50 per million tokens, demo/dear $100 and $300.
NUSD = {"demo/echo": (500, 1500), "demo/only-a": (500, 1500), "demo/dear": (100000, 300000)}
CLIENT_GONE, ESTIMATED = 16, 4  # proto/usage.h


def usage_of(key):
    return sql("select cost_nusd, tokens_prompt, tokens_completion, flags, http_status, attempts "
               f"from usage u join api_key k using (key_id) where k.name = '{key['name']}'")


def spent(key):
    return int(sql("select coalesce(sum(cost_nusd), 0) from usage u join api_key k using (key_id) "
                   f"where k.name = '{key['name']}'")[0][0])


def abort(key, ident, tokens):
    s, _ = rig.open_stream({"model": "demo/only-a", "stream": True,
                            "messages": [{"role": "user", "content": "hello"}],
                            "mock": {"*": f"tokens=2000,cadence_us=3000,id={ident}"}}, key=key["key"])
    time.sleep(0.003 * tokens)
    s.close()


@case
def a_thousand_mixed_requests():
    """Successes, streams, client errors, provider errors, fallbacks, aborts, truncations: 8 clients."""
    key = rig.new_key()
    plan = (["ok"] * 30 + ["stream"] * 30 + ["bad"] * 5 + ["fail"] * 8 + ["fallback"] * 12 +
            ["abort"] * 6 + ["cut"] * 5 + ["cached"] * 4)
    tag = fresh("m")
    kinds = collections.Counter()
    lock = threading.Lock()

    def worker(w):
        rng = random.Random(w)
        c = Client(key=key["key"])
        for i in range(125):
            kind = rng.choice(plan)
            ident = f"{tag}-{kind}-{w}-{i}"
            tokens = rng.randint(1, 40)
            model = rng.choice(["demo/echo", "demo/only-a", "demo/dear"])
            # Without a limit a request reserves the model's longest answer: $20 of the dear one.
            limit = {"max_tokens": 100} if model == "demo/dear" else {}
            with lock:
                kinds[kind] += 1
            if kind == "ok":
                equal(c.chat(f"tokens={tokens},reasoning={tokens % 5},id={ident}", model=model, **limit).status,
                      200)
            elif kind == "cached":
                equal(c.chat(f"tokens={tokens},prompt=100,cached=40,id={ident}", model="demo/echo").status, 200)
            elif kind == "stream":
                equal(c.chat(f"tokens={tokens},id={ident}", model=model, stream=True,
                             **limit).status, 200)
            elif kind == "bad":
                equal(c.chat(messages=[], model=model).status, 400)
            elif kind == "fail":
                c.chat(f"fail={rng.choice([400, 500, 429])},id={ident}", model="demo/only-a")
            elif kind == "fallback":
                a = c.chat({"demo-a": f"fail=500,id={ident}", "demo-b": f"tokens={tokens},id={ident}"},
                           model="demo/echo", provider={"order": ["demo-a", "demo-b"]},
                           stream=rng.random() < 0.5)
                equal(a.status, 200)
            elif kind == "cut":
                c.chat(f"tokens={tokens},close_at=3,id={ident}", model="demo/echo", stream=True)
            elif kind == "abort":
                abort(key, ident, tokens)
        c.close()

    parallel(8, worker)
    wait_until(lambda: not [r for r in seen() if r["outcome"] == "running"], 15, "provider idle")
    rig.settled()
    equal(rig.violations(), [])

    # What the provider would put on its invoice, request by request.
    by_request = {}
    for r in seen():
        if r["id"].startswith(tag) and r["status"] == 200:
            by_request[r["id"]] = r
    rows = usage_of(key)
    billed = collections.Counter()
    exact = []
    for cost, prompt, completion, flags, status, attempts in rows:
        if int(flags) & (CLIENT_GONE | ESTIMATED):
            billed["estimated"] += int(cost)
        else:
            exact.append((int(prompt), int(completion)))
            billed["exact"] += int(cost)
    # Token counts, as two bags: every answered request is billed once with the provider's figures.
    provider = collections.Counter()
    for r in by_request.values():
        kind = r["id"].split("-")[1]
        if kind in ("ok", "stream", "cached", "fallback"):
            provider[(r["prompt"], r["completion"])] += 1
    ours = collections.Counter(e for e in exact if e != (0, 0))
    equal(ours, provider, "the bag of (prompt, completion) of answered requests")
    # Aborted streams: at least one token, at most what the provider had sent.
    gone = [r for r in rows if int(r[3]) & CLIENT_GONE]
    sent = sum(r["completion"] for r in by_request.values() if "-abort-" in r["id"])
    got = sum(int(r[2]) for r in gone)
    equal(len(gone), kinds["abort"], "aborted requests billed")
    if not 0 < got <= sent:
        raise AssertionError(f"aborted: billed {got} tokens, the provider sent {sent}")
    print(f"# {sum(kinds.values())} requests {dict(kinds)}; billed {dict(billed)} nUSD; "
          f"aborted: {got} of {sent} tokens")


@case
def cost_is_price_times_tokens():
    key = rig.new_key()
    c = Client(key=key["key"])
    want = 0
    for i in range(200):
        ident = fresh()
        model = ["demo/echo", "demo/dear", "demo/only-a"][i % 3]
        c.chat(f"tokens={i % 17 + 1},reasoning={i % 3},id={ident}", model=model, stream=i % 2 == 0,
               max_tokens=100)
        r = seen(ident)[-1]
        want += r["prompt"] * NUSD[model][0] + r["completion"] * NUSD[model][1]
    c.close()
    wait_until(lambda: len(usage_of(key)) == 200, 15, "200 records")
    equal(spent(key), want)
    equal(rig.violations(), [])


@case
def a_limit_is_never_overspent():
    """100 parallel requests on a key with $0.01, each worth $0.001505: six fit, whatever the order."""
    key = rig.new_key(limit=0.01)
    codes = collections.Counter()

    def ask(i):
        c = Client(key=key["key"])
        codes[c.chat("tokens=1000,prompt=10,delay_us=50000", max_tokens=1000).status] += 1
        c.close()
    parallel(100, ask)
    rig.settled()
    total = spent(key)
    print(f"# {dict(codes)}, spent {total} of 10000000 nUSD")
    if total > 10_000_000:
        raise AssertionError(f"overspent: {total} nUSD of 10,000,000")
    if not (codes[200] and codes[402]) or set(codes) - {200, 402}:
        raise AssertionError(f"{codes}")
    equal(total, codes[200] * (10 * 500 + 1000 * 1500), "what the successes cost")
    equal(rig.violations(), [])


@case
def an_account_is_never_overspent():
    """The same with many keys on one account whose money runs out: nobody gets more than there is."""
    keys = [rig.new_key(limit=0.002) for _ in range(10)]
    codes = collections.Counter()

    def ask(i):
        c = Client(key=keys[i % 10]["key"])
        codes[c.chat("tokens=1000,prompt=10", max_tokens=1000).status] += 1
        c.close()
    parallel(40, ask)
    rig.settled()
    for key in keys:
        if spent(key) > 2_000_000:
            raise AssertionError(f"{spent(key)} nUSD of 2,000,000")
    equal(codes[200], 10, "one request fits into each key")
    equal(rig.violations(), [])


@case
def empty_key_is_402_before_dispatch():
    key = rig.new_key(limit=0)
    ident = fresh()
    a = Client(key=key["key"]).chat(f"id={ident}")
    equal(a.status, 402)
    equal(seen(ident), [], "sent to the provider")
    for name in ("message", "type", "code"):
        if not a.error()[name]:
            raise AssertionError(a.body)


@case
def failures_before_output_are_free():
    key = rig.new_key()
    c = Client(key=key["key"])
    for fault in ("fail=500", "fail=429", "fail=html502", "fail=body", "fail=rst", "fail=400"):
        c.chat(fault, model="demo/only-a")
        c.chat(fault, model="demo/only-a", stream=True)
    c.chat("fail=first", model="demo/only-a", stream=True)
    c.close()
    rig.settled()
    equal(spent(key), 0)


@case
def who_leaves_owes_the_prompt():
    """Leaving a provider that works on the request costs the prompt, by estimate, whatever is asked for
    and wherever in the body the text stands; leaving one that is still being tried, or has failed, costs nothing."""
    prompt = "x" * 4000

    def leave(mock, after, **members):
        key, ident = rig.new_key(), fresh()
        body = {"model": "demo/only-a", "messages": [{"role": "user", "content": "x"}],
                "mock": {"*": f"{mock},id={ident}"}, **members}
        s = rig.send_request(body, key=key["key"])
        wait_until(lambda: seen(ident), 10, "with the provider")
        time.sleep(after)
        s.close()
        rows = wait_until(lambda: usage_of(key), 10, "the record")
        equal(len(rows), 1)
        return [int(x) for x in rows[0][:5]]

    said = [{"role": "user", "content": prompt}]
    tools = [{"type": "function", "function": {"name": "f", "description": prompt}}]
    claimed = [{"role": "user", "content": [{"type": "document", "text": prompt}]}]
    for members in ({"stream": True, "messages": said}, {"stream": False, "messages": said},
                    {"messages": said}, {"tools": tools}, {"messages": claimed}):
        cost, tokens, completion, flags, status = leave("delay_us=8000000", 0.3, **members)
        equal((status, completion, flags & (CLIENT_GONE | ESTIMATED)), (499, 0, CLIENT_GONE | ESTIMATED))
        if not 1000 <= tokens <= 1050:
            raise AssertionError(f"{tokens} tokens for 4000 bytes of text")
        equal(cost, tokens * NUSD["demo/only-a"][0])
    # Enough for its own estimate, and nothing is left behind.
    wait_until(lambda: not [r for r in seen() if r["outcome"] == "running"], 15, "provider idle")
    rig.settled()
    equal(rig.violations(), [])


@case
def the_books_say_the_same_everywhere():
    key = rig.new_key()
    c = Client(key=key["key"])
    for _ in range(10):
        c.chat("tokens=10,prompt=10")
    c.close()
    wait_until(lambda: len(usage_of(key)) == 10, 10, "10 records")
    cost = 10 * (10 * 500 + 10 * 1500)
    equal(spent(key), cost)
    mine = rig.control("GET", "/v1/key", key=key["key"])
    equal(mine.status, 200)
    got = (mine.json().get("data") or mine.json())["usage"]
    equal(round(float(got) * 1e9), cost, "GET /v1/key usage")
    credits = rig.control("GET", "/v1/credits").json()
    credits = credits.get("data") or credits
    if not 0 < float(credits["total_usage"]) <= float(credits["total_credits"]):
        raise AssertionError(credits)


@case
def generation_has_numbers_and_no_content():
    a = rig.chat("tokens=10,prompt=10")
    ident = a.header("x-request-id")
    generation = wait_until(
        lambda: (lambda r: r if r.status == 200 else None)(
            rig.control("GET", f"/v1/generation?id={a.json()['id']}")), 10, "generation")
    data = generation.json().get("data") or generation.json()
    equal(int(data["tokens_prompt"]), 10)
    equal(int(data["tokens_completion"]), 10)
    content = rig.control("GET", f"/v1/generation/content?id={a.json()['id']}")
    equal(content.status, 404)
    equal(content.error()["code"], "content_not_stored")
    if not ident:
        raise AssertionError("no x-request-id")


if __name__ == "__main__":
    rig.main()
