"""What the Python client tests share: where the router is, scripts for the demo provider
(tests/mock_provider/script.h) that travel in the prompt, so that no client has to be changed."""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../../lib"))
import rig  # noqa: E402

NATIVE = os.environ.get("TR_CLIENTS_NATIVE") == "1"  # straight to the demo provider, without a router
BASE = rig.env("TR_MOCK_URL") + "/v1" if NATIVE else rig.env("TR_BASE_URL")
HOST = BASE.removesuffix("/v1")
KEY = os.environ.get("TR_API_KEY", "none")
BAD_KEY = "sk-tr-v1-" + "y" * 43
MODEL, ONLY_A, EMBEDDER = "demo/echo", "demo/only-a", "demo/embed"
PNG = ("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"],
        "additionalProperties": False}
CALLS = ["think I need both.", 'call weather {"city":"Z\u00fcrich"}', 'also traffic {"city":"K\u00f6ln"}',
         "say The tools say {result}."]
SAID = "The tools say fog in K\u00f6ln."
WANTED = [("weather", {"city": "Z\u00fcrich"}), ("traffic", {"city": "K\u00f6ln"})]
TEN = "one two three four five six seven eight nine ten"


def plan(words, *lines):
    return "\n".join(["Do this.", "demo-script:", "mock " + words, *lines])


def result_of(name):
    return "sun" if name == "weather" else "fog in K\u00f6ln"


def records(ident):
    return rig.wait_until(lambda: (lambda r: r if r and all(x["outcome"] != "running" for x in r) else None)(
        rig.seen(ident)), 5)


def statuses(ident):
    return [r["status"] for r in records(ident)]


def raises(kind, fn, what=""):
    try:
        got = fn()
    except kind as e:
        return e
    raise AssertionError(f"{what}: no {kind}: {got!r}")


def aborted_soon(ident, closed):
    record = records(ident)[-1]
    rig.equal(record["outcome"], "aborted")
    if record["end_us"] / 1e6 - closed > 1:
        raise AssertionError(f"closed {record['end_us'] / 1e6 - closed} s later")


def now():
    return time.time()


def main():
    """Run this file's cases while the provider refuses what the real API would not know."""
    for name in ("demo-a", "demo-b"):
        rig.mock_set(name, "strict")
    try:
        failed = rig.run_cases()
    finally:
        for name in ("demo-a", "demo-b"):
            rig.mock_set(name, "")
    sys.exit(1 if failed else 0)
