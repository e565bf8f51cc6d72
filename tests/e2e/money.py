#!/usr/bin/env python3
"""Money: what the ledger says is what the provider counted, to the nano-dollar; nothing is ever spent
that was not there; an empty key is refused before anything is sent."""

import collections
import json
import os
import random
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import rig  # noqa: E402
from rig import Client, case, equal, fresh, parallel, seen, sql, true, wait_until  # noqa: E402

# Prompt, completion and cached prompt, per token: demo/echo and demo/only-a cost $0.50, $1.50 and $0.05 per million.
NUSD = {"demo/echo": (500, 1500, 50), "demo/only-a": (500, 1500, 50), "demo/dear": (100000, 300000, 10000)}
CACHED = 40  # of the prompt's 100 tokens, where some are
CLIENT_GONE, ESTIMATED = 16, 4  # proto/usage.h


def usage_of(key):
    return sql("select cost_nusd, tokens_prompt, tokens_completion, flags, http_status, attempts "
               f"from usage u join api_key k using (key_id) where k.name = '{key['name']}'")


def spent(key):
    return int(sql("select coalesce(sum(cost_nusd), 0) from usage u join api_key k using (key_id) "
                   f"where k.name = '{key['name']}'")[0][0])


def cost_of(model, prompt, completion, cached=0):
    price = NUSD[model]
    return (prompt - cached) * price[0] + cached * price[2] + completion * price[1]


# --- many requests of every kind, each with what its bill must be

class Sent:
    """One request: what its client knows of it. delivered: tokens of text that the client has read."""

    def __init__(self, kind, ident, model, request_id, body_bytes, delivered):
        self.kind, self.ident, self.model, self.request_id = kind, ident, model, request_id
        self.body_bytes, self.delivered = body_bytes, delivered


def tokens_in(text):
    """A token of the demo provider is a word of 4 bytes."""
    return len(text) // 4


def events_with_text(stream):
    """Each is one token here; the first event has a role and no text."""
    return len(re.findall(rb'"content":"[^"]', stream))


def abort(key, ident, model, tokens):
    """A client that leaves when it has read so many tokens."""
    body = json.dumps({"model": model, "stream": True, "max_tokens": 2000,
                       "messages": [{"role": "user", "content": "hello"}],
                       "mock": {"*": f"tokens=2000,cadence_us=3000,id={ident}"}}).encode()
    s, got = rig.open_stream(body, key=key["key"])
    while events_with_text(got) < tokens:
        part = s.recv(65536)
        if not part:
            raise AssertionError(f"the stream ended: {got[-300:]!r}")
        got += part
    s.close()
    request_id = re.search(rb"\r\nx-request-id: (\w+)\r\n", got).group(1).decode()
    return Sent("abort", ident, model, request_id, len(body), events_with_text(got))


class Mix:
    """Requests of every kind from one client, at random but the same each time."""

    PLAN = (["ok"] * 30 + ["stream"] * 30 + ["bad"] * 5 + ["fail"] * 8 + ["fallback"] * 12 +
            ["abort"] * 6 + ["cut"] * 5 + ["cached"] * 4)

    def __init__(self, key, tag, seed):
        self.key, self.tag, self.rng, self.client = key, f"{tag}-{seed}", random.Random(seed), Client(key=key["key"])

    def one(self, i):
        kind, tokens = self.rng.choice(self.PLAN), self.rng.randint(3, 40)
        ident, model = f"{self.tag}-{i}", self.rng.choice(["demo/echo", "demo/only-a", "demo/dear"])
        if kind == "abort":
            return abort(self.key, ident, "demo/only-a", tokens)
        status, words, model, members = getattr(self, kind)(tokens, model, ident)
        # Without a limit a request reserves the model's longest answer: $20 of the dear one.
        members.setdefault("max_tokens", 100)
        a = self.client.chat(words, model=model, **members)
        equal(a.status, status, f"{kind} {words}")
        return Sent(kind, ident, model, a.header("x-request-id"), 1000,
                    tokens_in(a.text()) if kind == "cut" else None)

    def ok(self, tokens, model, ident):
        return 200, f"tokens={tokens},reasoning={tokens % 5},id={ident}", model, {}

    def stream(self, tokens, model, ident):
        return 200, f"tokens={tokens},id={ident}", model, {"stream": True}

    def cached(self, tokens, model, ident):
        return 200, f"tokens={tokens},prompt=100,cached={CACHED},id={ident}", "demo/echo", {}

    def bad(self, tokens, model, ident):
        return 400, f"id={ident}", model, {"messages": []}

    def fail(self, tokens, model, ident):
        said, status = self.rng.choice([(400, 400), (500, 502), (429, 429)])
        return status, f"fail={said},id={ident}", "demo/only-a", {}

    def fallback(self, tokens, model, ident):
        words = {"demo-a": f"fail=500,id={ident}", "demo-b": f"tokens={tokens},id={ident}"}
        return 200, words, "demo/echo", {"provider": {"order": ["demo-a", "demo-b"]},
                                         "stream": self.rng.random() < 0.5}

    def cut(self, tokens, model, ident):
        return 200, f"tokens={tokens},close_at=3,id={ident}", "demo/echo", {"stream": True}


def check_bill(sent, row, provider):
    """One request's record against the documented rule for its kind. provider: its record of the 200."""
    cost, prompt, completion, flags = row
    guessed = flags & (CLIENT_GONE | ESTIMATED)
    if sent.kind in ("bad", "fail"):
        equal((cost, prompt, completion), (0, 0, 0))
        return
    if sent.kind in ("ok", "stream", "cached", "fallback"):
        equal((prompt, completion, guessed), (provider["prompt"], provider["completion"], 0))
        equal(cost, cost_of(sent.model, prompt, completion, CACHED if sent.kind == "cached" else 0))
        return
    # No figures came: a token for each 4 bytes of text, of the prompt at most what the whole body could be.
    if not provider["prompt"] <= prompt <= sent.body_bytes // 4:
        raise AssertionError(f"{prompt} prompt tokens, the provider counted {provider['prompt']}")
    equal(cost, cost_of(sent.model, prompt, completion))
    if sent.kind == "cut":
        equal((completion, guessed), (sent.delivered, ESTIMATED), "tokens that were delivered")
        return
    # The client read so many; those on their way when it left, the provider has sent too. Nothing else.
    equal(guessed, CLIENT_GONE | ESTIMATED)
    if not sent.delivered <= completion <= provider["completion"]:
        raise AssertionError(f"billed {completion} tokens: the client read {sent.delivered}, the provider sent "
                             f"{provider['completion']}")


@case
def a_thousand_mixed_requests():
    """Successes, streams, client errors, provider errors, fallbacks, aborts, truncations: 8 clients; each
    request's bill, by its id."""
    key, tag = rig.new_key(), fresh("m")

    def worker(w):
        mix = Mix(key, tag, w)
        sent = [mix.one(i) for i in range(125)]
        mix.client.close()
        return sent

    sent = [x for part in parallel(8, worker) for x in part]
    wait_until(lambda: not [r for r in seen() if r["outcome"] == "running"], 15, "provider idle")
    rig.settled()
    equal(rig.violations(), [])
    answered = {r["id"]: r for r in seen() if r["id"].startswith(tag) and r["status"] == 200}
    rows = {r[0].replace("-", ""): tuple(map(int, r[1:])) for r in sql(
        "select request_id, cost_nusd, tokens_prompt, tokens_completion, flags from usage u "
        f"join api_key k using (key_id) where k.name = '{key['name']}'")}
    kinds, wrong = collections.Counter(x.kind for x in sent), []
    for x in sent:
        row = rows.pop(x.request_id, None)
        if row is None and x.kind == "bad":
            continue  # refused before anything was reserved
        try:
            true(row, "not booked")
            check_bill(x, row, answered.get(x.ident))
        except AssertionError as problem:
            wrong.append(f"{x.kind} {x.ident}: {problem}")
    equal((wrong[:10], len(wrong), rows), ([], 0, {}), "bills that are wrong, and bills of nothing")
    equal((len(sent), set(kinds)), (1000, set(Mix.PLAN)))
    print(f"# {dict(kinds)}; {sum(x.delivered or 0 for x in sent if x.kind == 'abort')} tokens read by those who left")


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
    """100 parallel requests on a key with $0.01, each worth $0.001505: six fit, whatever the order. In the crowd
    some are refused because of what others reserve; what they leave can be spent afterwards."""
    key = rig.new_key(limit=0.01)
    crowd, after = collections.Counter(), []

    def ask(i=0):
        c = Client(key=key["key"])
        status = c.chat("tokens=1000,prompt=10,delay_us=50000", max_tokens=1000).status
        c.close()
        return status
    crowd.update(parallel(100, ask))
    rig.settled()
    # Some are served; those whose credit others have reserved are told to come back, others that it is spent.
    equal(set(crowd) - {402, 429}, {200}, "statuses in the crowd")
    while len(after) < 8 and after[-1:] != [402]:
        after.append(ask())
    rig.settled()
    print(f"# {dict(crowd)}, then {after}; spent {spent(key)} of 10000000 nUSD")
    equal(crowd[200] + after.count(200), 6, "requests that fit")
    equal(after[-1], 402, "when all is spent")
    equal(spent(key), 6 * cost_of("demo/echo", 10, 1000))
    equal(rig.violations(), [])


@case
def many_limits_are_never_overspent():
    """The same with ten keys of one account, each with a limit into which one request fits."""
    keys = [rig.new_key(limit=0.002) for _ in range(10)]

    def ask(i):
        c = Client(key=keys[i % 10]["key"])
        status = c.chat("tokens=1000,prompt=10", max_tokens=1000).status
        c.close()
        return status
    codes = collections.Counter(parallel(40, ask))
    rig.settled()
    equal(codes, {200: 10, 402: 30})
    equal([spent(key) for key in keys], [cost_of("demo/echo", 10, 1000)] * 10)
    equal(rig.violations(), [])


@case
def an_account_is_never_overspent():
    """Ten keys without limits on an account with $0.01: all of them together get six requests, not one more, and
    the account ends with what is too little for a seventh."""
    management, keys = rig.new_account(0.01, 10)
    codes = collections.Counter()

    def ask(i):
        c = Client(key=keys[i % 10]["key"])
        a = c.chat("tokens=1000,prompt=10", max_tokens=1000)
        c.close()
        return a.status
    codes.update(parallel(60, ask))
    equal(set(codes) - {200, 402, 429}, set(), "statuses in the crowd")
    # What the leases of nine keys hold goes back when they end; then the tenth can spend it.
    end = time.monotonic() + rig.lease_seconds() + 15
    while codes[200] < 6 and time.monotonic() < end:
        codes[ask(0)] += 1
        time.sleep(0.2)
    codes.update(ask(i) for i in range(10))
    rig.settled()
    print(f"# {dict(codes)}")
    equal(codes[200], 6, "requests that fit")
    equal(sum(spent(key) for key in keys), 6 * cost_of("demo/echo", 10, 1000))
    credits = rig.control("GET", "/v1/credits", key=management).json()["data"]
    equal((round(credits["total_credits"] * 1e9), round(credits["total_usage"] * 1e9)),
          (10_000_000, 6 * cost_of("demo/echo", 10, 1000)))
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
    key, ident = rig.new_key(), fresh()
    c = Client(key=key["key"])
    faults = {"fail=500": 502, "fail=429": 429, "fail=html502": 502, "fail=body": 400, "fail=rst": 502, "fail=400": 400}
    for fault, status in faults.items():
        for stream in (False, True):
            equal(c.chat(f"{fault},id={ident}", model="demo/only-a", stream=stream).status, status, fault)
    equal(c.chat(f"fail=first,id={ident}", model="demo/only-a", stream=True).status, 502)
    equal(len(seen(ident)) >= 2 * len(faults) + 1, True, "the provider was asked each time")
    wait_until(lambda: len(usage_of(key)) == 2 * len(faults) + 1, 15, "a record of each")
    equal({(int(r[0]), int(r[1]), int(r[2])) for r in usage_of(key)}, {(0, 0, 0)})
    c.close()


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
    account = f"(select account_id from api_key where name = '{key['name']}')"
    used, paid = sql(f"select (select sum(cost_nusd) from usage where account_id = {account}), "
                     "(select sum(amount_nusd) from posting join transfer using (transfer_id) where amount_nusd > 0 "
                     f"and kind = 'topup' and posting.account_id = {account})")[0]
    equal((round(credits["total_usage"] * 1e9), round(credits["total_credits"] * 1e9)), (int(used), int(paid)))


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
