#!/usr/bin/env python3
"""What a key may be used for: each rule with a request that it allows and one that it forbids, before any provider is
asked, in every dialect; changes that are obeyed within a second; what the API refuses to take as a rule; a key that gets
another text, and whose old one is good for a while, for the same budget."""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import rig  # noqa: E402
from rig import case, control, equal, fresh, sql, true, wait_until  # noqa: E402

RULES = ("allowed_models", "allowed_providers", "allowed_ips", "min_privacy", "region")


def tell(key, path, body):
    c = rig.Client(key=key["key"])
    try:
        return c.request("POST", path, body)
    finally:
        c.close()


def chat(key, model="demo/echo", tag=None, **members):
    return rig.chat(f"tokens=2,id={tag or fresh('rule-')}", key=key["key"], model=model, **members)


def patch(key, **members):
    a = control("PATCH", "/v1/keys/" + rig.key_ref(key), members)
    equal(a.status, 200, repr(a))
    return a.json()["data"]


def refused(answer, code, status=403):
    equal((answer.status, answer.error()["code"]), (status, code), repr(answer))


@case
def rules_are_shown_as_they_were_given():
    given = {"allowed_models": ["demo/echo", "openai/*"], "allowed_providers": ["demo-a"],
             "allowed_ips": ["127.0.0.0/8", "2001:db8::/32"], "min_privacy": "zdr", "region": "us",
             "include_byok_in_limit": True, "creator_user_id": "user_1", "limit": 5, "limit_reset": "weekly"}
    key = rig.new_key(**given)
    for name, value in given.items():
        equal(key[name], value, name)
    got = control("GET", "/v1/keys/" + key["hash"]).json()["data"]
    equal({n: got[n] for n in given}, given)
    offset, page, listed = 0, True, []
    while page:  # other tests have made more than a page of keys
        page = control("GET", f"/v1/keys?offset={offset}").json()["data"]
        offset += len(page)
        listed += [k for k in page if k["hash"] == key["hash"]]
    equal(listed, [got])
    equal(patch(key, allowed_models=None, allowed_ips=[], region=None)["allowed_ips"], [])
    got = control("GET", "/v1/keys/" + key["hash"]).json()["data"]
    equal((got["allowed_models"], got["region"], got["allowed_providers"]), (None, None, ["demo-a"]))
    plain = rig.new_key()
    equal([plain[n] for n in RULES], [None] * 5)
    equal((plain["include_byok_in_limit"], plain["creator_user_id"], plain["last_used_at"]), (False, None, None))


@case
def what_is_no_rule_is_refused_by_name():
    key = rig.new_key()
    bad = [("allowed_models", v) for v in ("demo/echo", ["demo"], ["*"], ["demo/e*"], [7], ["demo/\\u0065cho"],
                                           ["a/b"] * 65, {})]
    bad += [("allowed_providers", v) for v in (["nobody"], [""], ["Demo-A"], "demo-a")]
    bad += [("allowed_ips", v) for v in (["192.0.2.1/24"], ["localhost"], ["192.0.2.0/33"], ["::1"] * 33, [None])]
    bad += [("min_privacy", v) for v in ("most", True, "")] + [("region", v) for v in ("cn", "EU", 1)]
    bad += [("include_byok_in_limit", "yes")]
    for name, value in bad:
        for a in (control("PATCH", "/v1/keys/" + key["hash"], {name: value}),
                  control("POST", "/v1/keys", {"name": "bad", name: value})):
            equal((a.status, a.error()["param"]), (400, name), f"{value!r}: {a!r}")
    equal([control("GET", "/v1/keys/" + key["hash"]).json()["data"][n] for n in RULES], [None] * 5)


@case
def each_rule_is_obeyed_before_anybody_is_asked():
    for rules, model, code in (
            ({"allowed_models": ["demo/echo"]}, "demo/echo", None),
            ({"allowed_models": ["demo/*"]}, "demo/echo", None),
            ({"allowed_models": ["demo/dear", "open/*"]}, "demo/echo", "model_not_allowed"),
            ({"allowed_models": []}, "demo/echo", "model_not_allowed"),
            ({"allowed_providers": ["demo-b"]}, "demo/echo", None),
            ({"allowed_providers": ["demo-b"]}, "demo/only-a", "provider_not_allowed"),
            ({"allowed_ips": ["127.0.0.0/8", "::1/128"]}, "demo/echo", None),
            ({"allowed_ips": ["192.0.2.0/24"]}, "demo/echo", "ip_not_allowed"),
            ({"min_privacy": "zdr"}, "demo/echo", None),
            ({"min_privacy": "confidential"}, "demo/echo", "no_eligible_provider"),
            ({"region": "eu"}, "demo/echo", "region_not_allowed"),
            ({"region": "us"}, "demo/echo", "no_eligible_provider")):
        key, tags = rig.new_key(**rules), [fresh("rule-") for _ in range(2)]
        for tag in tags:  # cold, then warm
            a = chat(key, model, tag)
            if code is None:
                equal(a.status, 200, f"{rules}: {a!r}")
                equal(len(rig.seen(tag)), 1)
            else:
                refused(a, code, 503 if code == "no_eligible_provider" else 403)
                equal(rig.seen(tag), [])
    key = rig.new_key(allowed_providers=["demo-b"])
    tags = [fresh("only-b-") for _ in range(6)]
    for tag in tags:
        equal(chat(key, tag=tag).status, 200)
    rig.settled()
    equal(sql(f"select distinct e.provider from usage u join api_key k using (key_id) join endpoint e using (endpoint_no)"
              f" where k.name = '{key['name']}'"), [["demo-b"]])


@case
def addresses_are_looked_at_by_the_rest_api_too():
    def by_data_plane(k, path):
        c = rig.Client(key=k["key"])
        try:
            return c.request("GET", path)
        finally:
            c.close()

    away = rig.new_key(role="management", allowed_ips=["192.0.2.0/24", "2001:db8::/32"])
    here = rig.new_key(role="management", allowed_ips=["192.0.2.0/24", "127.0.0.0/8", "::1"])
    refused(control("GET", "/v1/keys", None, away["key"]), "ip_not_allowed")
    equal(control("GET", "/v1/keys", None, here["key"]).status, 200)
    for k in (away, here):  # a data plane does not say who its client is
        refused(by_data_plane(k, "/keys"), "ip_not_allowed")
    refused(control("GET", "/v1/key", None, rig.new_key(allowed_ips=[])["key"]), "ip_not_allowed")


@case
def in_every_dialect_and_for_other_calls():
    key = rig.new_key(allowed_models=["open/*"])
    for path, body in (("/chat/completions", {"model": "demo/echo", "messages": [{"role": "user", "content": "x"}]}),
                       ("/completions", {"model": "demo/echo", "prompt": "x"}),
                       ("/responses", {"model": "demo/echo", "input": "x", "store": False}),
                       ("/messages", {"model": "demo/echo", "max_tokens": 5,
                                      "messages": [{"role": "user", "content": "x"}]}),
                       ("/messages/count_tokens", {"model": "demo/echo", "messages": [{"role": "user", "content": "x"}]}),
                       ("/embeddings", {"model": "demo/embed", "input": "x"})):
        a = tell(key, path, body)
        equal(a.status, 403, f"{path}: {a!r}")
        true(b"permission_error" in a.body or b"not_allowed" in a.body, f"{path}: {a!r}")


@case
def a_change_is_obeyed_within_a_second():
    key = rig.new_key()
    equal(chat(key).status, 200)
    for rules, code in (({"allowed_models": ["demo/dear"]}, "model_not_allowed"), ({"allowed_models": None}, None),
                        ({"allowed_ips": ["192.0.2.0/24"]}, "ip_not_allowed"), ({"allowed_ips": None}, None)):
        patch(key, **rules)
        began = time.monotonic()
        wait_until(lambda: chat(key).status == (403 if code else 200), 5, str(rules), step=0.01)
        took = time.monotonic() - began
        true(took < 1, f"{rules} took {took:.2f} s")
        for _ in range(5):
            a = chat(key)
            refused(a, code) if code else equal(a.status, 200, repr(a))


@case
def another_text_for_the_same_key():
    manager, (key,) = rig.new_account(10, 1)
    equal(chat(key).status, 200)
    first = control("PATCH", "/v1/keys/" + key["hash"], {"limit": 1, "allowed_models": ["demo/echo"]}, manager).json()
    equal(first["data"]["previous_key_expires_at"], None)
    a = control("POST", f"/v1/keys/{key['hash']}/rotate", {"overlap_seconds": 3}, manager)
    began = time.monotonic()
    equal(a.status, 201, repr(a))
    fresh_key = {"key": a.json()["key"], **a.json()["data"]}
    true(fresh_key["key"] != key["key"] and fresh_key["hash"] != key["hash"])
    equal([fresh_key[n] for n in ("name", "limit", "allowed_models")], [key["name"], 1, ["demo/echo"]])
    true(fresh_key["previous_key_expires_at"] and fresh_key["rotated_at"])
    for k in (key, fresh_key):
        equal(chat(k).status, 200)
        refused(chat(k, "demo/dear"), "model_not_allowed")
    equal(control("GET", "/v1/key", None, key["key"]).json()["data"]["hash"], fresh_key["hash"])
    rig.settled()
    equal(len(rig.usage_rows(key)), 3)  # all of the same key
    true(control("GET", "/v1/keys/" + fresh_key["hash"], None, manager).json()["data"]["last_used_at"])
    wait_until(lambda: chat(key).status == 401, 5, "the old text ends", step=0.05)
    true(2 < time.monotonic() - began < 4.5, f"after {time.monotonic() - began:.2f} s")
    equal(control("GET", "/v1/key", None, key["key"]).status, 401)
    equal(control("GET", "/v1/keys/" + key["hash"], None, manager).status, 404)
    equal(chat(fresh_key).status, 200)


@case
def a_rotation_without_overlap_and_of_the_callers_own_key():
    manager, (key,) = rig.new_account(10, 1)
    equal(chat(key).status, 200)
    a = control("POST", f"/v1/keys/{key['hash']}/rotate", {"overlap_seconds": 0}, manager)
    equal(a.status, 201, repr(a))
    wait_until(lambda: chat(key).status == 401, 1, "the old text is refused", step=0.01)
    equal(chat({"key": a.json()["key"]}).status, 200)
    own = control("GET", "/v1/key", None, manager).json()["data"]["hash"]
    a = control("POST", f"/v1/keys/{own}/rotate", {}, manager)
    equal(a.status, 201, repr(a))
    true(a.json()["key"].startswith(manager[:9]), "a management key stays one")
    for k in (manager, a.json()["key"]):
        equal(control("GET", "/v1/keys", None, k).status, 200)
    for path, body in ((f"/v1/keys/{'0' * 64}/rotate", {}), ("/v1/keys/none/rotate", {})):
        equal(control("POST", path, body, manager).status, 404)
    for body in ({"overlap_seconds": -1}, {"overlap_seconds": 2592001}, {"overlap": 5}):
        refused_body = control("POST", f"/v1/keys/{rig.key_ref(a.json()['data'])}/rotate", body, a.json()["key"])
        equal(refused_body.status, 400, repr(refused_body))
    other, _ = rig.new_account(1, 0)
    equal(control("POST", f"/v1/keys/{rig.key_ref(a.json()['data'])}/rotate", {}, other).status, 404)


rig.main()
