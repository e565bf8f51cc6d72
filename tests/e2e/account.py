#!/usr/bin/env python3
"""What clients ask about their own account on the host that they know: the data plane hands it on over the attested
link. Each answer is the control plane's own, in the shape of OpenRouter's specification (account_shapes.json: the
names, types and required members of openrouter_core.openapi.json, without its list of providers' names), in both
dialects of errors; keys of both kinds; no key's text beyond the data plane; an outage is a 503 at once."""

import hashlib
import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import rig  # noqa: E402
from rig import case, equal, fresh, parallel, sql, true, wait_until  # noqa: E402

with open(os.path.join(os.path.dirname(os.path.realpath(__file__)), "account_shapes.json")) as f:
    SHAPES = json.load(f)
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}


def is_type(value, name):
    if name in ("number", "integer"):
        return isinstance(value, int if name == "integer" else (int, float)) and not isinstance(value, bool)
    return isinstance(value, TYPES[name])


def fits(value, shape, at):
    names = shape.get("type", [])
    names = [names] if isinstance(names, str) else names
    if names:
        true(any(is_type(value, n) for n in names), f"{at}: {value!r} is none of {names}")
    if "enum" in shape:
        true(value in shape["enum"], f"{at}: {value!r} is none of {shape['enum']}")
    if isinstance(value, dict):
        for name in shape.get("required", []):
            true(name in value, f"{at} has no {name}")
        for name, part in shape.get("properties", {}).items():
            if name in value:
                fits(value[name], part, f"{at}.{name}")
    if isinstance(value, list):
        for i, part in enumerate(value):
            fits(part, shape.get("items", {}), f"{at}[{i}]")


def ask(method, path, body=None, key=None, prefix="/v1", url=None, ca=None, headers=None):
    c = rig.Client(url or rig.env("TR_BASE_URL").rsplit("/v1", 1)[0] + prefix, ca, key or rig.env("TR_MANAGEMENT_KEY"))
    try:
        return c.request(method, path, body, headers)
    finally:
        c.close()


def checked(shape, method, path, body=None, key=None, prefix="/v1"):
    a = ask(method, path, body, key, prefix)
    equal(a.status, int(shape.split()[-1]), repr(a))
    true(a.header("x-request-id") and a.header("cache-control") == "no-store")
    fits(a.json(), SHAPES[shape], path)
    return a.json()


def told(a, status, code, openrouter):
    equal(a.status, status, repr(a))
    e = a.error()
    if openrouter:
        equal(e["code"], status)
        true(isinstance(e["metadata"]["error_type"], str), e)
    else:
        equal(e["code"], code)


@case
def everything_has_its_shape():
    manager, (key,) = rig.new_account(10, 1)
    a = rig.chat("tokens=3,prompt=40,cached=30", key=key["key"])
    equal(a.status, 200)
    gen = a.header("x-generation-id")
    wait_until(lambda: ask("GET", "/generation?id=" + gen, key=key["key"]).status == 200, 10, "booked")
    for prefix in ("/v1", "/api/v1"):
        self = checked("GET /key 200", "GET", "/key", key=key["key"], prefix=prefix)["data"]
        equal((self["hash"], self["limit"], self["budgets"], self["effective_budget"]), (key["hash"], None, [], None))
        equal((self["allowed_data_regions"], self["organization_id"]), ([], None))
        equal(self["free_model_daily_requests"], {"limit": 0, "remaining": 0, "used": 0})
        checked("GET /key 200", "GET", "/key", key=manager, prefix=prefix)
        listed = checked("GET /keys 200", "GET", "/keys", key=manager, prefix=prefix)["data"]
        equal([k["external_user"] for k in listed], [None, None])
        checked("GET /credits 200", "GET", "/credits", key=manager, prefix=prefix)
        rows = checked("GET /activity 200", "GET", "/activity", key=manager, prefix=prefix)["data"]
        equal(sum(r["requests"] for r in rows), 1)
        equal([r["cached_tokens"] for r in rows], [30])
        day = rows[0]["date"]
        equal(checked("GET /activity 200", "GET", "/activity?date=" + day, key=manager, prefix=prefix)["data"], rows)
        one = checked("GET /generation 200", "GET", "/generation?id=" + gen, key=key["key"], prefix=prefix)["data"]
        equal(one["id"], gen)
        for path in ("/key", "/keys", "/credits", "/activity", "/generation?id=" + gen):  # the same as at the other host
            there = ask("GET", path, key=manager, url=rig.env("TR_CONTROL_URL") + prefix, ca=rig.env("TR_CONTROL_CA"))
            equal(ask("GET", path, key=manager, prefix=prefix).json(), there.json())


@case
def a_budget_is_the_keys_limit():
    manager, _ = rig.new_account(10, 0)
    for reset, days in (("daily", 1), ("weekly", 7), ("monthly", 31), (None, None)):
        key = rig.new_key(manager, limit=2.5, limit_reset=reset)
        data = checked("GET /key 200", "GET", "/key", key=key["key"])["data"]
        budget = data["effective_budget"]
        equal(data["budgets"], [budget])
        equal((budget["scope"], budget["limit_usd"], budget["spend_usd"], budget["remaining_usd"]),
              ("key_limit", 2.5, 0, 2.5))
        equal(budget["reset_interval"], reset)
        if reset is None:
            equal(budget["resets_at"], None)
        else:
            ends = time.mktime(time.strptime(budget["resets_at"][:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone
            true(0 < ends - time.time() <= days * 86400, budget["resets_at"])


@case
def keys_are_made_changed_and_deleted_here():
    manager, _ = rig.new_account(10, 0)
    for prefix in ("/v1", "/api/v1"):
        made = checked("POST /keys 201", "POST", "/keys", {"name": fresh(), "limit": 1}, manager, prefix)
        key, path = made["key"], "/keys/" + made["data"]["hash"]
        equal(hashlib.sha256(key.encode()).hexdigest(), made["data"]["hash"])
        equal(rig.chat("tokens=2", key=key).status, 200)
        equal(checked("GET /keys/{hash} 200", "GET", path, None, manager, prefix)["data"]["limit"], 1)
        equal(checked("PATCH /keys/{hash} 200", "PATCH", path, {"disabled": True}, manager, prefix)["data"]["disabled"], True)
        wait_until(lambda: rig.chat("tokens=2", key=key).status == 401, 5, "disabled")
        checked("DELETE /keys/{hash} 200", "DELETE", path, None, manager, prefix)
        equal(ask("GET", path, key=manager, prefix=prefix).status, 404)
    equal(ask("HEAD", "/keys", key=manager).status, 200)


@case
def a_key_is_rotated_here():
    manager, (key,) = rig.new_account(10, 1)
    for prefix in ("/v1", "/api/v1"):
        a = ask("POST", f"/keys/{key['hash']}/rotate", {"overlap_seconds": 0}, manager, prefix)
        equal(a.status, 201, repr(a))
        former, key = key, {"key": a.json()["key"], "hash": a.json()["data"]["hash"]}
        equal(hashlib.sha256(key["key"].encode()).hexdigest(), key["hash"])
        equal(rig.chat("tokens=2", key=key["key"]).status, 200)
        wait_until(lambda: rig.chat("tokens=2", key=former["key"]).status == 401, 5, "the former text is refused")


@case
def refusals_in_both_dialects():
    manager, (key,) = rig.new_account(1, 1)
    unknown = rig.env("TR_API_KEY")[:-4] + "AAAA"
    cases = [
        ("GET", "/keys", None, key["key"], 403, "insufficient_role"),
        ("GET", "/key", None, unknown, 401, "invalid_api_key"),
        ("GET", "/key", None, "sk-other", 401, "invalid_api_key"),
        ("POST", "/keys", {"nam": "x"}, manager, 400, None),
        ("POST", "/keys", {"name": "x" * 17000}, manager, 413, "request_too_large"),
        ("DELETE", "/keys/" + "0" * 64, None, manager, 404, "not_found"),
        ("GET", "/keys/a/b", None, manager, 404, "not_found"),
        ("POST", f"/keys/{key['hash']}/rotate", {}, key["key"], 403, "insufficient_role"),
        ("POST", "/keys/" + key["hash"], {}, manager, 405, "method_not_allowed"),
        ("GET", "/credits/transfers", None, manager, 404, "unknown_path"),
        ("GET", "/statements", None, manager, 404, "unknown_path"),
        ("GET", "/generation?id=x", None, key["key"], 404, "not_found"),
        ("GET", "/generation/content?id=x", None, key["key"], 404, "content_not_stored"),
        ("GET", "/activity?date=x", None, manager, 400, "invalid_parameter"),
        ("GET", "/keys?x=" + "y" * 2100, None, manager, 400, None),
        ("PUT", "/key", None, manager, 405, "method_not_allowed"),
        ("POST", "/credits/topup", {"amount": 1}, rig.env("TR_MANAGEMENT_KEY"), 404, "unknown_path"),
    ]
    for method, path, body, who, status, code in cases:
        for prefix in ("/v1", "/api/v1"):
            a = ask(method, path, body, who, prefix)
            equal(a.status, status, f"{method} {path}: {a!r}")
            if code is not None or prefix == "/api/v1":
                told(a, status, code, prefix == "/api/v1")
            if status == 401:
                equal(a.header("www-authenticate"), "Bearer")
    equal(ask("POST", "/key", key=manager).header("allow"), "GET, HEAD, OPTIONS")
    equal(ask("PUT", "/keys", key=manager).header("allow"), "GET, HEAD, POST, OPTIONS")
    a = ask("GET", "/key", key="x", headers={"Authorization": None})
    told(a, 401, "missing_api_key", False)


@case
def large_answers_come_whole():
    """A hundred keys of long names: some 73 KB, in five pieces; twenty clients at once."""
    manager, _ = rig.new_account(1, 0)
    name = sql("select account_id from account order by created_at desc limit 1")[0][0]
    sql("insert into api_key (key_id, account_id, digest, name, label, role) select gen_random_uuid(), "
        f"'{name}', sha256(g::text::bytea || '{name}'::bytea), repeat(chr(8364), 42) || g, 'sk..', 'inference' "
        "from generate_series(1, 200) g")
    there = ask("GET", "/keys", key=manager, url=rig.env("TR_CONTROL_URL") + "/v1", ca=rig.env("TR_CONTROL_CA"))
    true(len(there.body) > 4 * 16384, len(there.body))
    for a in parallel(20, lambda _: ask("GET", "/keys", key=manager)):
        equal(a.status, 200)
        equal(a.body, there.body)


@case
def no_key_goes_beyond_the_data_plane():
    """Neither the keys that asked nor the one that was made are in the database or in a log."""
    manager, (key,) = rig.new_account(1, 1)
    made = ask("POST", "/keys", {"name": fresh()}, manager).json()["key"]
    equal(ask("GET", "/key", key=key["key"]).status, 200)
    equal(ask("GET", "/generation?id=" + key["key"], key=key["key"]).status, 404)  # it is asked for, and is none
    equal(ask("GET", "/key?canary=" + key["key"], key=key["key"]).status, 400)  # no such parameter
    dump = json.dumps(sql("select row_to_json(k) from api_key k"))
    for name in os.listdir(os.path.join(rig.env("TR_RUN_DIR"), "log")):
        with open(os.path.join(rig.env("TR_RUN_DIR"), "log", name), errors="replace") as f:
            text = f.read()
        for secret in (manager, key["key"], made):
            if name not in ("up.log",):
                true(secret not in text and secret not in dump, f"a key is in {name}")


@case
def an_outage_is_told_at_once():
    manager, (key,) = rig.new_account(1, 1)
    rig.stop("controlplane")
    try:
        time.sleep(1.2)  # a question waits a second for a lost link
        for prefix in ("/v1", "/api/v1"):
            began = time.monotonic()
            a = ask("GET", "/key", key=key["key"], prefix=prefix)
            told(a, 503, "control_plane_unavailable", prefix == "/api/v1")
            true(time.monotonic() - began < 5 and a.header("retry-after"), repr(a))
    finally:
        rig.start("controlplane")
    wait_until(lambda: ask("GET", "/key", key=key["key"]).status == 200, 20, "again")


@case
def too_many_questions_are_429():
    """A client may ask a hundred times at once, and then twenty times a second."""
    manager, _ = rig.new_account(1, 0)
    time.sleep(5)  # so that what other cases have asked is forgotten
    c = rig.Client(key=manager)
    statuses = []
    for _ in range(400):
        a = c.request("GET", "/credits")
        statuses.append(a.status)
        if a.status == 429:
            true(int(a.header("retry-after-ms")) > 0 and int(a.header("retry-after")) >= 1, repr(a))
            equal(a.error()["code"], "rate_limit_exceeded")
            break
    c.close()
    equal(statuses[-1], 429, f"{len(statuses)} questions")
    true(len(statuses) > 100, len(statuses))


rig.main()
