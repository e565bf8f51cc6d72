#!/usr/bin/env python3
"""Who may do and see what, on both planes of a running stack: every route of the control plane with every
kind of key, what one inference key learns about another, keys that no longer work, methods that a path
does not take, and the values that names, times and amounts of a key may have."""

import os
import sys
import time
from decimal import Decimal
import json

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import rig  # noqa: E402
from rig import case, equal, true, wait_until  # noqa: E402


def account():
    """A customer of its own: its management key."""
    a = rig.control("POST", "/v1/accounts", {"name": rig.fresh("account-")})
    equal(a.status, 201)
    management = a.json()["key"]
    a = rig.control("POST", "/v1/credits/topup", {"amount": 5, "account_id": a.json()["data"]["id"]})
    equal(a.status, 200)
    return management


def key_of(management, **members):
    a = rig.control("POST", "/v1/keys", {"name": rig.fresh("k-"), **members}, key=management)
    equal(a.status, 201)
    return a.json()["key"], a.json()["data"]["hash"]


def generation(ident, key):
    return rig.control("GET", f"/v1/generation?id={ident}", key=key)


# --- what a key sees

@case
def an_inference_key_sees_its_own_generations_only():
    ours, theirs = account(), account()
    (one, _), (two, _), (other, _) = key_of(ours), key_of(ours), key_of(theirs)
    ids = {}
    for key in (one, two, other):
        a = rig.chat(key=key)
        equal(a.status, 200)
        ids[key] = a.header("x-request-id")
    for key, management in ((one, ours), (two, ours), (other, theirs)):
        wait_until(lambda: generation(ids[key], management).status == 200, 10, "booked")
    for reader in (one, two, other):
        for owner in (one, two, other):
            for form in (ids[owner], "gen-" + ids[owner]):
                a = generation(form, reader)
                equal(a.status, 200 if reader == owner else 404, f"{reader[-4:]} reads {owner[-4:]}")
                if reader != owner:
                    equal(a.error()["code"], "not_found")
    # A management key sees its account, and nothing else.
    equal([generation(ids[k], ours).status for k in (one, two, other)], [200, 200, 404])
    equal([generation(ids[k], theirs).status for k in (one, two, other)], [404, 404, 200])
    equal(generation(ids[one], rig.env("TR_MANAGEMENT_KEY")).status, 404)


@case
def every_route_with_every_kind_of_key():
    management = account()
    inference, digest = key_of(management)
    _, other = key_of(management)
    foreign = key_of(account())[1]
    # What an inference key gets: its own record, and nothing that names another key.
    table = [("GET", "/v1/key", 200), ("GET", "/v1/keys", 403), ("POST", "/v1/keys", 403),
             ("GET", "/v1/credits", 403), ("GET", "/v1/activity", 403), ("POST", "/v1/credits/topup", 403),
             ("POST", "/v1/accounts", 403), ("POST", "/v1/releases", 403),
             ("GET", "/v1/generation/content?id=" + "0" * 32, 404), ("GET", "/v1/generation", 400)]
    table += [(m, "/v1/keys/" + h, 403) for m in ("GET", "PATCH", "DELETE") for h in (digest, other, foreign)]
    table += [("GET", f"/v1/activity?api_key_hash={h}", 403) for h in (digest, other, foreign)]
    for method, path, want in table:
        a = rig.control(method, path, {"name": "x", "amount": 1} if method != "GET" else None, key=inference)
        equal(a.status, want, f"{method} {path}")
        if want == 403:
            equal(a.error()["code"], "insufficient_role", path)
    equal(rig.control("GET", "/v1/key", key=inference).json()["data"]["is_management_key"], False)
    # A management key gets nothing of another account.
    for method in ("GET", "PATCH", "DELETE"):
        body = {"name": "x"} if method == "PATCH" else None
        equal(rig.control(method, "/v1/keys/" + foreign, body, key=management).status, 404, method)
    a = rig.control("GET", f"/v1/activity?api_key_hash={foreign}", key=management)
    equal((a.status, a.json()["data"]), (200, []))
    equal(rig.control("GET", "/v1/keys/" + other, key=management).status, 200)


# --- accounts that do not work

@case
def a_suspended_account_stops_within_a_second():
    a = rig.control("POST", "/v1/accounts", {"name": rig.fresh("account-")})
    path, management = "/v1/accounts/" + a.json()["data"]["id"], a.json()["key"]
    equal(rig.control("POST", "/v1/credits/topup", {"amount": 5, "account_id": path[13:]}).status, 200)
    key, _ = key_of(management)
    equal(rig.chat(key=key).status, 200)
    for state, want in (("suspended", 401), ("active", 200), ("closed", 401)):
        equal(rig.control("PATCH", path, {"state": state, "reason": "a test"}).status, 200)
        wait_until(lambda: rig.chat(key=key).status == want, 1, f"{state}: {want}", step=0.02)
    true("disabled" in rig.chat(key=key).error()["message"], "why")
    a = rig.control("GET", "/v1/credits", key=management)
    equal((a.status, a.error()["code"]), (403, "account_closed"))


# --- keys that do not work

@case
def a_management_key_is_told_what_it_is():
    management = account()
    operator = rig.env("TR_MANAGEMENT_KEY")
    for key in (management, operator):
        for headers in ({}, {"Authorization": None, "X-Api-Key": key}):
            c = rig.Client(key=key)
            a = c.chat(headers=headers)
            c.close()
            equal(a.status, 401)
            equal((a.error()["code"], a.error()["type"]), ("management_key", "authentication_error"))
            true("management key" in a.error()["message"], a)
            true("Bearer" in a.header("www-authenticate"), a)
    c = rig.Client(key=management)
    equal(c.request("GET", "/aci/receipts/" + "0" * 32).error()["code"], "management_key")
    equal(c.request("GET", "/audit/samples").error()["code"], "management_key")
    c.close()
    # The twins: a key that nobody has, and no key.
    a = rig.chat(key="sk-tr-v1-" + "A" * 43)
    equal((a.status, a.error()["code"]), (401, "invalid_api_key"))
    a = rig.chat(key=management + "A")
    equal((a.status, a.error()["code"]), (401, "invalid_api_key"))


@case
def disabled_expired_and_deleted_keys_are_401_on_both_planes():
    management = account()

    def refused(key, word, control_code):
        a = wait_until(lambda: (lambda x: x if x.status != 200 else None)(rig.chat(key=key)), 5, "refused")
        equal((a.status, a.error()["code"], a.error()["type"]), (401, "invalid_api_key", "authentication_error"))
        true(word in a.error()["message"], a)
        true("Bearer" in (a.header("www-authenticate") or ""), "www-authenticate")
        a = rig.control("GET", "/v1/key", key=key)
        equal((a.status, a.error()["code"]), (401, control_code))

    for warm in (True, False):
        key, digest = key_of(management)
        if warm:
            equal(rig.chat(key=key).status, 200)
        equal(rig.control("PATCH", "/v1/keys/" + digest, {"disabled": True}, key=management).status, 200)
        refused(key, "disabled", "key_disabled")
        equal(rig.control("PATCH", "/v1/keys/" + digest, {"disabled": False}, key=management).status, 200)
        wait_until(lambda: rig.chat(key=key).status == 200, 10, "enabled again")
        equal(rig.control("DELETE", "/v1/keys/" + digest, key=management).status, 200)
        refused(key, "not known", "invalid_api_key")
    for warm in (True, False):
        at, end = rig.soon()
        key, _ = key_of(management, expires_at=end)
        if warm:
            status = rig.chat(key=key).status
            true(status == 200 or status == 401 and time.time() >= at, status)
        time.sleep(max(0, at + 0.2 - time.time()))
        refused(key, "expired", "key_expired")


# --- methods

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "FROB")


def control_paths():
    key = "/keys/" + "0" * 64
    versioned = {"/key": "GET", "/keys": "GET POST", key: "GET PATCH DELETE", "/credits": "GET",
                 "/credits/topup": "POST", "/accounts": "GET POST", "/activity": "GET", "/generation": "GET",
                 "/generation/content": "GET", "/releases": "POST", "/health": "GET"}
    paths = {prefix + p: m for p, m in versioned.items() for prefix in ("/v1", "/api/v1")}
    for p in ("/health", "/healthz", "/readyz", "/checkpoint", "/tile/0/000.p/1", "/attestation/transparency",
              "/attestation/transparency/head", "/attestation/transparency/consistency",
              "/attestation/transparency/0"):
        paths[p] = "GET"
    return paths


def allowed(a):
    return {m.strip() for m in (a.header("allow") or "").split(",")}


@case
def the_control_plane_names_the_methods_of_a_path():
    c = rig.Client(rig.env("TR_CONTROL_URL"), rig.env("TR_CONTROL_CA"), "")
    for path, methods in control_paths().items():
        want = set(methods.split()) | ({"HEAD"} if "GET" in methods.split() else set())
        for method in METHODS:
            a = c.request(method, path)
            if method in want:
                true(a.status not in (404, 405) or "transparency" in path or "tile" in path, f"{method} {path}: {a!r}")
                true(a.header("allow") is None, f"{method} {path}: allow")
            else:
                equal((a.status, allowed(a)), (405, want), f"{method} {path}")
                true(method == "HEAD" or a.error()["code"] in ("method_not_allowed", 405), a)
        if "HEAD" in want:
            equal(c.request("HEAD", path).body, b"", path)
    for path in ("/nothing", "/v1", "/v1/", "/v1/nothing", "/v2/keys", "/keys", "/v1/keys/", "/v1/keys/a/b", "/tile/",
                 "/healthz/", "/v1/health/x"):
        for method in ("GET", "POST", "DELETE"):
            a = c.request(method, path)
            equal((a.status, a.header("allow")), (404, None), f"{method} {path}")
    c.close()


@case
def the_data_plane_names_the_methods_of_a_path():
    c = rig.Client()
    base = c.prefix
    paths = {"/attestation": "GET", "/attestation/quote": "POST", "/attestation/verifying-key": "GET",
             "/attestation/audit/head": "GET", "/health": "GET"}
    for prefix in ("/v1", "/api/v1"):
        for p, m in {"/chat/completions": "POST", "/models": "GET", "/models/demo/echo": "GET",
                     "/aci/receipts/x": "GET", "/signature/x": "GET", "/audit/samples": "GET",
                     "/aci/attestation": "GET", "/attestation/report": "GET"}.items():
            paths[prefix + p] = m
    c.prefix = ""
    for path, method in paths.items():
        want = {method, "OPTIONS"} | ({"HEAD"} if method == "GET" else set())
        for other in METHODS:
            if other in want:
                continue
            a = c.request(other, path)
            equal((a.status, allowed(a)), (405, want), f"{other} {path}")
            code = 405 if path.startswith("/api/") else "method_not_allowed"
            true(other == "HEAD" or a.error()["code"] == code, a)
    for path in ("/", base, base + "/nothing", "/v2/models", "/metrics"):
        a = c.request("GET", path)
        equal((a.status, a.header("allow")), (404, None), path)
    c.close()


# --- values

def made(**members):
    """The answer to a new key with these members; a name of its own unless there is one."""
    raw = members.pop("raw", None)
    body = raw if raw is not None else {"name": rig.fresh("v-"), **members}
    return rig.control("POST", "/v1/keys", body)


def refused_for(a, param, word):
    equal((a.status, a.error()["code"], a.error()["param"]), (400, "invalid_parameter", param))
    true(word in a.error()["message"], f"{word!r} in {a!r}")


@case
def names_are_visible_and_in_order():
    _, digest = key_of(rig.env("TR_MANAGEMENT_KEY"))
    for name, word in (("", "visible"), (" ", "visible"), ("\u00a0\u3000", "visible"), ("\u200b", "visible"),
                       ("\u2800", "visible"), ("a\nb", "control"), ("a\u0000b", "control"), ("a\u0085", "control"),
                       ("\u009b1m", "control"), ("a\u2028b", "control"), ("a\u202eb", "direction"),
                       ("a\u202a", "direction"), ("\u2066a\u2069", "direction"), ("a\u200e", "direction"),
                       ("a\u200f", "direction"), ("a\u061c", "direction"), ("x" * 129, "long")):
        refused_for(made(name=name), "name", word)
        refused_for(rig.control("PATCH", "/v1/keys/" + digest, {"name": name}), "name", word)
        refused_for(rig.control("POST", "/v1/accounts", {"name": name}), "name", word)
    for raw in (b'{"name":"a\xff"}', b'{"name":"\xed\xa0\x80"}', b'{"name":"\xc0\xaf"}'):
        a = made(raw=raw)
        equal((a.status, a.error()["code"]), (400, "invalid_json"))
    equal(made(raw=b'{"name":"\\ud800"}').status, 400)
    for name in ("a", "two words", "caf\u00e9 \U0001f469\u200d\U0001f4bb", "\u05de\u05e4\u05ea\u05d7", "x" * 128):
        a = made(name=name)
        equal((a.status, a.json()["data"]["name"]), (201, name))


@case
def keys_end_between_now_and_2100():
    for when, word in (("2020-01-01T00:00:00Z", "passed"), ("1970-01-01T00:00:00Z", "passed"),
                       ("2101-01-01T00:00:00Z", "2100"), ("2999-01-01T00:00:00Z", "2100"),
                       ("9999-12-31T23:59:59Z", "2100"), ("9999-12-31T23:59:59-23:59", "2100"),
                       ("2100-12-31T23:59:59-01:00", "2100"), ("12026-01-01T00:00:00Z", "RFC 3339"),
                       ("1969-12-31T23:59:59Z", "RFC 3339"), ("2027-02-30T00:00:00Z", "RFC 3339"), (5, "RFC 3339")):
        refused_for(made(expires_at=when), "expires_at", word)
    for when, kept in (("2100-12-31T23:59:59Z", "2100-12-31T23:59:59.000Z"),
                       ("2101-01-01T00:30:00+01:00", "2100-12-31T23:30:00.000Z")):
        a = made(expires_at=when)
        equal((a.status, a.json()["data"]["expires_at"]), (201, kept))


@case
def numbers_in_any_spelling():
    for text, want in ((b"1e-05", "0.00001"), (b"1E2", "100"), (b"5e-1", "0.5"), (b"1.5e+1", "15"), (b"1e-9", "1E-9"),
                       (b"10e-10", "1E-9"), (b"12500e-3", "12.5"), (b"0.10000000000000000", "0.1"), (b"0e-30", "0"),
                       (b'"1e-05"', "0.00001"), (b"2", "2")):
        a = made(raw=b'{"name":"n","limit":' + text + b"}")
        equal(a.status, 201, text)
        data = json.loads(a.body, parse_float=Decimal)["data"]
        equal(Decimal(data["limit"]), Decimal(want), text)
    for text, word in ((b"1e-10", "finer"), (b"0.0000000001", "finer"), (b"15e-10", "finer"), (b'"1e-10"', "finer"),
                       (b"1e11", "large"), (b"1e999999999999999999999", "large"), (b"-1e-5", "sign"),
                       (b'"1e"', "dollars"), (b'"0x1"', "dollars"), (b"true", "dollars")):
        refused_for(made(raw=b'{"name":"n","limit":' + text + b"}"), "limit", word)
    for text, want in ((b"60", 60), (b"60.0", 60), (b"6e1", 60), (b"0.6E+2", 60), (b"6000e-2", 60)):
        a = made(raw=b'{"name":"n","requests_per_minute":' + text + b"}")
        equal((a.status, a.json()["data"]["requests_per_minute"]), (201, want), text)
    for text, word in ((b"1.5", "whole"), (b"1e-1", "whole"), (b"1e10", "large"), (b"-1", "sign"), (b'"60"', "whole")):
        refused_for(made(raw=b'{"name":"n","requests_per_minute":' + text + b"}"), "requests_per_minute", word)
    a = rig.control("POST", "/v1/credits/topup", b'{"amount":1e-05,"idempotency_key":"%s"}' % rig.fresh().encode())
    equal((a.status, Decimal(json.loads(a.body, parse_float=Decimal)["data"]["amount"])), (200, Decimal("0.00001")))


rig.main()
