#!/usr/bin/env python3
"""Customers' own provider keys: sealed by the lines of docs/byok.md as they stand (PyNaCl, and libsodium in C), used
first, paid for with the fee alone, refused to every other account and provider; what the customer is told when the
provider refuses theirs; changes within a second; two data planes that open what was sealed to either; a restart."""

import base64
import json
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import replay  # noqa: E402
import rig  # noqa: E402
from own_keys import (account_key, ask, at_data_plane, bearer, ctl, document, post, put, python, seal,  # noqa: E402
                      sealing, used)
from rig import case, equal, fresh, true, wait_until  # noqa: E402

with open(os.path.join(rig.ROOT, "docs/byok.md")) as f:
    PAGE = f.read()
PYTHON = re.search(r"```python\n(.*?)```", PAGE, re.S).group(1)
C = re.search(r"```c\n(.*?)```", PAGE, re.S).group(1)


def paste(management, provider, key):
    """The page's Python, as it stands: hands a key in and prints its id."""
    env = dict(os.environ, PROVIDER=provider, PROVIDER_KEY=key, TR_MANAGEMENT_KEY=management)
    r = subprocess.run([python(), "-c", PYTHON], env=env, capture_output=True, text=True, timeout=60)
    equal(r.stdout.split()[:1], ["201"], r.stdout + r.stderr)
    return r.stdout.split()[1]


def own_keys_of(key):
    return at_data_plane("GET", "/key", key=key).json()["data"]


@case
def pasted_lines():
    """The page's Python seals a key, and the very next requests run on it, without any credit."""
    management, key, account = account_key()
    a = ask(key)
    equal((a.status, a.json()["error"]["code"]), (402, "insufficient_credits"), repr(a))
    secret = fresh("sk-own-")
    ident = paste(management, "demo-a", secret)
    wait_until(lambda: used(key, "Bearer " + secret), 3, "served with the customer's key")
    a = at_data_plane("POST", "/chat/completions", {"model": "demo/only-a", "messages": [
        {"role": "user", "content": "Hello"}]}, key, "/api/v1")
    equal((a.status, a.json()["usage"]["is_byok"], a.json()["usage"]["cost"]), (200, True, 0), repr(a))
    listed = ctl("GET", "/byok", None, management).json()
    equal((listed["total_count"], listed["data"][0]["id"], listed["data"][0]["label"]), (1, ident, "sealed"))
    true(secret not in json.dumps(listed))
    rig.settled()
    shown = own_keys_of(key)
    true(shown["byok_usage"] > 0 and shown["byok_usage_daily"] > 0, shown)
    equal(shown["usage"], 0)
    generation = at_data_plane("GET", "/generation?id=" + a.json()["id"], key=key).json()["data"]
    equal((generation["is_byok"], generation["total_cost"]), (True, 0))
    true(generation["upstream_inference_cost"] > 0, generation)
    activity = at_data_plane("GET", "/activity", key=management).json()["data"]
    true(activity[0]["byok_usage_inference"] > 0 and activity[0]["usage"] == 0, activity)
    equal(rig.violations(), [])


@case
def pasted_c():
    """The page's C makes what opens."""
    management, key, account = account_key()
    where = os.path.join(rig.ROOT, "build/e2e", fresh("byokc"))
    os.makedirs(os.path.dirname(where), exist_ok=True)
    subprocess.run(["cc", "-x", "c", "-Wall", "-Werror", "-o", where, "-", "-lsodium"], input=C.encode(), check=True)
    secret = fresh("sk-c-")
    key_now = sealing()
    sealed = subprocess.run([where, key_now["public_key"]], input=document(account, "demo-a", secret).encode(),
                            capture_output=True, check=True).stdout.decode().strip()
    os.remove(where)
    a = post(management, {"provider": "demo-a", "sealed_key": sealed, "sealing_key_id": key_now["id"]},
             at_data_plane)
    equal(a.status, 201, repr(a))
    wait_until(lambda: used(key, "Bearer " + secret), 3, "served with the customer's key")


@case
def attested():
    """The sealing key is the one that the report covers: tr-verify shows it."""
    r = subprocess.run([os.path.join(rig.env("TR_BIN"), "tr-verify"), "gateway",
                        rig.env("TR_BASE_URL").rsplit("/v1", 1)[0], "--json", "--policy",
                        os.path.join(rig.env("TR_RUN_DIR"), "conf/attestation.conf")],
                       capture_output=True, text=True, timeout=60)
    equal(json.loads(r.stdout)["identity"]["seal_x25519"], sealing()["public_key"], r.stderr)


@case
def nobody_elses():
    """A sealed key is of no use in another account or at another provider, and says so; nor is one that is
    damaged, cut or sealed to another key."""
    mine, my_key, my_account = account_key()
    theirs, their_key, their_account = account_key()
    secret = fresh("sk-mine-")
    good = document(my_account, "demo-a", secret)
    sealed, key_id = seal(good), sealing()["id"]
    raw = base64.b64decode(sealed)
    flipped = base64.b64encode(raw[:60] + bytes([raw[60] ^ 1]) + raw[61:]).decode()
    other = seal(good, "09" + "00" * 31)
    cases = [(theirs, their_key, "demo-a", sealed, "replayed in another account"),
             (mine, my_key, "demo-a", seal(document(my_account, "demo-b", secret)), "for another provider"),
             (mine, my_key, "demo-a", flipped, "a flipped bit"),
             (mine, my_key, "demo-a", base64.b64encode(raw[:-1]).decode(), "a byte short"),
             (mine, my_key, "demo-a", other, "sealed to another key"),
             (mine, my_key, "demo-a", seal("{}"), "no document"),
             (mine, my_key, "demo-a", seal(document(my_account, "demo-a", "a b")), "no key"),
             (mine, my_key, "demo-a", seal(document(my_account, "demo-a", secret, more=1)), "another member")]
    rig.mock_reset()
    for management, key, provider, bytes_, what in cases:
        a = post(management, {"provider": provider, "sealed_key": bytes_, "sealing_key_id": key_id,
                              "always_use": True})
        equal(a.status, 201, what)
        wait_until(lambda: ask(key).json().get("error", {}).get("code") == "byok_key_unreadable", 3, what)
        a2 = ask(key)
        equal(a2.status, 403, what)
        true(a.json()["data"]["id"].replace("-", "") in a2.json()["error"]["message"], repr(a2))
        equal(ctl("DELETE", "/byok/" + a.json()["data"]["id"], None, management).status, 200)
    true(secret not in rig.last_head("demo-a"), "nothing of it reached a provider")


@case
def refused_bodies():
    """A plain key is refused by the data plane before it leaves it, and by the control plane; each bad member by its
    name; another account's ids do not exist."""
    management, key, account = account_key()
    body = {"provider": "demo-a", "sealing_key_id": sealing()["id"], "sealed_key": seal("x")}
    plain = fresh("sk-plain-")
    for where in (at_data_plane, ctl):
        a = post(management, {"provider": "demo-a", "key": plain}, where)
        equal((a.status, a.json()["error"]["code"], a.json()["error"]["param"]), (400, "unsealed_key", "key"))
        equal("was not handed on" in a.json()["error"]["message"], where == at_data_plane, "who has seen it")
    a = post(management, {"provider": "demo-a", "api_key": plain}, at_data_plane)
    equal((a.status, a.json()["error"]["code"]), (400, "unknown_parameter"))
    true("was not handed on" in a.json()["error"]["message"], repr(a))
    for change, param in (({"sealed_key": "!"}, "sealed_key"), ({"sealed_key": "QUJD"}, "sealed_key"),
                          ({"sealing_key_id": "12"}, "sealing_key_id"), ({"provider": "nobody"}, "provider"),
                          ({"is_fallback": True, "always_use": True}, "always_use"),
                          ({"sealing_key_id": None}, "sealing_key_id"), ({"sort_order": -1}, "sort_order")):
        a = post(management, {k: v for k, v in {**body, **change}.items() if v is not None})
        equal((a.status, a.json()["error"]["param"]), (400, param), repr(a))
    equal(at_data_plane("GET", "/byok", key=key).status, 403)
    made = post(management, body).json()["data"]["id"]
    other = account_key()[0]
    for method in ("GET", "PATCH", "DELETE"):
        a = ctl(method, "/byok/" + made, {} if method == "PATCH" else None, other)
        equal(a.status, 404, method)
    a = ctl("PATCH", "/byok/" + made, {"name": "n", "disabled": True, "sort_order": 7}, management)
    equal([a.json()["data"][k] for k in ("name", "disabled", "sort_order")], ["n", True, 7], repr(a))
    equal(ctl("DELETE", "/byok/" + made, None, management).json(), {"deleted": True})
    equal(ctl("GET", "/byok/" + made, None, management).status, 404)


@case
def at_most_32():
    management, key, account = account_key()
    body = {"provider": "demo-a", "sealing_key_id": sealing()["id"], "sealed_key": seal("x"), "disabled": True}
    statuses = [post(management, body).status for _ in range(33)]
    equal(statuses, [201] * 32 + [409])


@case
def order_and_fallback():
    """Own first; then the operator's; a fallback key last; always_use never the operator's."""
    management, key, account = account_key(10)
    first, second = fresh("sk-one-"), fresh("sk-two-")
    one = put(management, account, "demo-a", first, sort_order=1)
    two = put(management, account, "demo-a", second, sort_order=2)
    wait_until(lambda: used(key, "Bearer " + first), 3)
    asked = fresh("ff")
    a = ask(key, f"fail=401,times=1,id={asked}")
    equal((a.status, bearer(), a.header("x-tr-fallback-from")), (200, "Bearer " + second, "demo-a"))
    asked = fresh("ff")
    a = ask(key, f"fail=401,times=2,id={asked}")
    equal(a.status, 200, repr(a))
    operators = bearer()
    true(operators not in ("Bearer " + first, "Bearer " + second), "the operator's key")
    ctl("PATCH", "/byok/" + one, {"is_fallback": True}, management)
    ctl("PATCH", "/byok/" + two, {"disabled": True}, management)
    wait_until(lambda: used(key, operators), 3, "the operator's first")
    a = ask(key, f"fail=500,times=1,id={fresh('ff')}")
    equal((a.status, bearer()), (200, "Bearer " + first), "then the fallback key")
    ctl("PATCH", "/byok/" + one, {"is_fallback": False, "always_use": True}, management)
    wait_until(lambda: used(key, "Bearer " + first), 3)
    asked = fresh("ff")
    a = ask(key, f"fail=401,times=9,id={asked}")
    equal((a.status, a.json()["error"]["code"]), (403, "byok_key_refused"), repr(a))
    true(one.replace("-", "") in a.json()["error"]["message"] and "401" in a.json()["error"]["message"], repr(a))
    equal(len(rig.seen(asked)), 1, "the operator's key was not used")
    # Of two providers the one with the own key is asked first, whatever the order says.
    a = ask(key, model="demo/echo", provider={"order": ["demo-b", "demo-a"]})
    equal((a.status, a.header("x-tr-provider"), bearer()), (200, "demo-a", "Bearer " + first))
    a = ask(key, model="demo/echo", provider={"ignore": ["demo-a"]})
    equal((a.status, a.header("x-tr-provider")), (200, "demo-b"), "a constraint holds for own keys")
    ctl("DELETE", "/byok/" + one, None, management)
    wait_until(lambda: used(key, operators), 3, "the operator's again")


@case
def nobody_blamed():
    """A key that the provider refuses puts no other customer's requests off that endpoint."""
    management, key, account = account_key(10)
    put(management, account, "demo-a", fresh("sk-bad-"), always_use=True)
    wait_until(lambda: "sk-bad-" in (ask(key), bearer())[1], 3)
    for _ in range(12):
        equal(ask(key, f"fail=401,times=9,id={fresh('nb')}").json()["error"]["code"], "byok_key_refused")
    for _ in range(4):
        a = rig.chat("", model="demo/echo")
        equal((a.status, a.header("x-tr-provider")), (200, "demo-a"))


@case
def quoted_key():
    """A provider's sentence that quotes the customer's key is not told."""
    management, key, account = account_key()
    secret = "sk-quoted-Zx8Kq2Lm9Pw4"
    put(management, account, "demo-a", secret, always_use=True)
    wait_until(lambda: used(key, "Bearer " + secret), 3)
    for said, told in ((f"This is odd: {secret}", False), ("ends in *2Lm9Pw4x", True),
                       ("ends in *Kq2Lm9Pw4", False), ("The prompt is odd.", True)):
        body = json.dumps({"error": {"message": said, "code": "odd"}})
        with replay.Provider({"demo-a": replay.answer(replay.whole(body, "400 Bad Request"))}):
            a = ask(key)
        equal((a.status, said in a.body.decode()), (400, told), f"{said}: {a!r}")


@case
def warm_within_a_second():
    """A key in use hears of a change, and of a revocation, within a second."""
    management, key, account = account_key(10)
    secret = fresh("sk-warm-")
    equal(ask(key).status, 200)
    operators = bearer()
    ident = put(management, account, "demo-a", secret)
    wait_until(lambda: used(key, "Bearer " + secret), 1.5, "the new key")
    began = time.monotonic()
    ctl("DELETE", "/byok/" + ident, None, management)
    wait_until(lambda: used(key, operators), 1.5, "without it")
    true(time.monotonic() - began < 1.5)
    equal(rig.violations(), [])


@case
def other_apis():
    """The same under the other dialects, and in a stream."""
    management, key, account = account_key()
    secret = fresh("sk-dialects-")
    put(management, account, "demo-a", secret)
    wait_until(lambda: used(key, "Bearer " + secret), 3)
    for path, body in (("/responses", {"model": "demo/only-a", "input": "hi"}),
                       ("/messages", {"model": "demo/only-a", "max_tokens": 50, "messages": [
                           {"role": "user", "content": "hi"}]}),
                       ("/embeddings", {"model": "demo/embed", "input": "hi"}),
                       ("/chat/completions", {"model": "demo/only-a", "stream": True, "messages": [
                           {"role": "user", "content": "hi"}]})):
        a = at_data_plane("POST", path, body, key, "/api/v1")
        equal((a.status, bearer()), (200, "Bearer " + secret), f"{path}: {a!r}")
    true(b'"is_byok":true' in a.body, repr(a))


@case
def receipt():
    """The receipt of a request on an own key names the fee, and tr-verify adds it up."""
    management, key, account = account_key()
    put(management, account, "demo-a", fresh("sk-receipt-"))
    wait_until(lambda: ask(key).status == 200, 3)
    a = ask(key)
    got = at_data_plane("GET", "/aci/receipts/" + a.header("x-receipt-id"), key=key)
    true(b'"own_key_fee_ppm":0' in got.body, repr(got))
    path = os.path.join(rig.env("TR_RUN_DIR"), fresh("receipt"))
    with open(path, "wb") as f:
        f.write(got.body)
    with open(path + ".body", "wb") as f:
        f.write(a.body)
    public = json.loads(rig.Client(rig.env("TR_BASE_URL").rsplit("/v1", 1)[0], None, "").request(
        "GET", "/attestation/verifying-key").body)["public_key"]
    r = subprocess.run([os.path.join(rig.env("TR_BIN"), "tr-verify"), "receipt", path, "--response", path + ".body",
                        "--key", public], capture_output=True, text=True)
    os.remove(path)
    os.remove(path + ".body")
    equal(r.returncode, 0, r.stdout + r.stderr)


if __name__ == "__main__":
    rig.main()
