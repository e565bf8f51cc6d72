#!/usr/bin/env python3
"""What answers say of a key's limits per minute: to every dialect in its own words, on whole answers, streams and errors,
with figures of this key alone, and nothing to a key without limits. Needs a stack."""

import calendar
import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import rig  # noqa: E402
from rig import Client, case, equal, true, wait_until  # noqa: E402

TALK = [{"role": "user", "content": "hello"}]
ASKS = {"/chat/completions": {"messages": TALK}, "/completions": {"prompt": "hello"}, "/responses": {"input": "hello"},
        "/messages": {"messages": TALK, "max_tokens": 50}}
DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+)ms)?$")


def ask(key, path, **members):
    headers = {"anthropic-version": "2023-06-01"} if path.startswith("/messages") else {}
    c = Client(key=key["key"])
    try:
        return c.request("POST", path, {"model": "demo/echo", **ASKS.get(path, {}), **members}, headers)
    finally:
        c.close()


def seconds(text):
    """Until the reset, from OpenAI's duration or Anthropic's point in time."""
    if text.endswith("Z"):
        return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ")) - time.time()
    m = DURATION.match(text)
    true(m and text, text)
    h, minutes, s, ms = (float(x or 0) for x in m.groups())
    return h * 3600 + minutes * 60 + s + ms / 1000


def told(a, path):
    """{"requests": (limit, remaining, seconds), ...} as the dialect says it; each name is exposed to browsers."""
    anthropic = path.startswith("/messages")
    out = {}
    for what in ("requests", "tokens"):
        form = f"anthropic-ratelimit-{what}-%s" if anthropic else f"x-ratelimit-%s-{what}"
        parts = [a.header(form % part) for part in ("limit", "remaining", "reset")]
        if parts != [None, None, None]:
            out[what] = int(parts[0]), int(parts[1]), seconds(parts[2])
    names = [n.lower() for n in a.headers.keys() if "ratelimit" in n.lower()]
    exposed = ", ".join(a.headers.get_all("access-control-expose-headers")).split(", ")
    for n in names:
        true(n in exposed and n.startswith("anthropic-" if anthropic else "x-"), (n, exposed))
    equal(len([n for n in names if not n.endswith("unified-status")]), 3 * len(out), names)
    return out


@case
def every_dialect_whole_and_streamed():
    for path in ASKS:
        key = rig.new_key(requests_per_minute=60, tokens_per_minute=100000)
        before = 100000
        for n, stream in enumerate((False, True, False)):
            a = ask(key, path, stream=stream)
            equal(a.status, 200, repr(a))
            now = told(a, path)
            equal(now["requests"][0], 60)
            true(60 - n - 1 <= now["requests"][1] <= 60, now)  # some may have come back meanwhile
            equal(now["tokens"][0], 100000)
            true(now["tokens"][1] <= 100000 and (stream or now["tokens"][1] < 100000 or n == 0), now)
            true(-1 <= now["requests"][2] <= n + 2.1, now)
            before = min(before, now["tokens"][1])
        true(before < 100000, "an answer's tokens count")


@case
def without_limits_not_a_word():
    key = rig.new_key()
    for path in ASKS:
        for stream in (False, True):
            a = ask(key, path, stream=stream)
            equal(a.status, 200, repr(a))
            equal(told(a, path), {})
        a = ask(key, path, model="no/such")
        true(a.status in (400, 404), repr(a))
        equal(told(a, path), {})


@case
def one_limit_of_the_two():
    for limit, name in (("requests_per_minute", "requests"), ("tokens_per_minute", "tokens")):
        key = rig.new_key(**{limit: 1000})
        for path in ASKS:
            equal(list(told(ask(key, path), path)), [name])


@case
def used_up():
    """The 429 says that nothing is left and when there will be; Claude Code reads a word of its own."""
    for path in ASKS:
        key = rig.new_key(requests_per_minute=1)
        a = ask(key, path)
        equal(a.status, 200, repr(a))
        equal(told(a, path)["requests"][:2], (1, 0))
        for stream in (False, True):
            a = ask(key, path, stream=stream)
            equal(a.status, 429, repr(a))
            limit, left, reset = told(a, path)["requests"]
            equal((limit, left), (1, 0))
            wait = int(a.header("retry-after"))
            true(50 <= wait <= 60 and abs(reset - wait) <= 3, (reset, wait))
            equal(a.header("anthropic-ratelimit-unified-status"), "rejected" if path == "/messages" else None)
    key = rig.new_key(tokens_per_minute=10)
    equal(ask(key, "/chat/completions", mock={"*": "tokens=30,prompt=20"}).status, 200)
    a = ask(key, "/messages")
    equal(a.status, 429, repr(a))
    limit, left, reset = told(a, "/messages")["tokens"]
    equal((limit, left), (10, 0))
    true(200 < reset <= 301, reset)  # 50 tokens at 10 a minute


@case
def errors_tell_it_too():
    key = rig.new_key(requests_per_minute=100)
    for path in ASKS:
        equal(ask(key, path).status, 200)
        a = ask(key, path, model="no/such")
        true(a.status in (400, 404), repr(a))
        equal(told(a, path)["requests"][0], 100)
    a = ask(key, "/messages/count_tokens", messages=TALK)
    equal(a.status, 200, repr(a))
    equal(told(a, "/messages/count_tokens")["requests"][0], 100)


@case
def only_the_keys_own_figures():
    """Another key of the account, and one of another account, see what they have used themselves."""
    one, other = rig.new_key(requests_per_minute=6), rig.new_key(requests_per_minute=6)
    _, (stranger,) = rig.new_account(5, 1)
    for _ in range(3):
        equal(ask(one, "/chat/completions").status, 200)
    equal(told(ask(other, "/chat/completions"), "/chat/completions")["requests"][:2], (6, 5))
    equal(told(ask(stranger, "/chat/completions"), "/chat/completions"), {})
    true(told(ask(one, "/chat/completions"), "/chat/completions")["requests"][1] in (2, 3), "its own")


@case
def a_change_is_told():
    key = rig.new_key(requests_per_minute=60)
    path = "/chat/completions"
    equal(told(ask(key, path), path)["requests"][0], 60)

    def limit():
        return told(ask(key, path), path).get("requests", (None,))[0]
    equal(rig.control("PATCH", "/v1/keys/" + rig.key_ref(key), {"requests_per_minute": 600}).status, 200)
    wait_until(lambda: limit() == 600, 3, "raised")
    equal(rig.control("PATCH", "/v1/keys/" + rig.key_ref(key), {"requests_per_minute": 0}).status, 200)
    wait_until(lambda: limit() is None, 3, "lifted")


rig.main()
