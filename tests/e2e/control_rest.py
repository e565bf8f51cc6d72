#!/usr/bin/env python3
"""The control plane's REST API against a running tr-controlplane and a PostgreSQL of its own: every
route, each accepted request with a rejected twin, exact money, both error dialects, revocation told
within a second, SIGTERM. A canary: the text of no key is ever in the database or in a log."""

import hashlib
import http.client
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from decimal import Decimal

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import rig  # noqa: E402
from contract import Contract  # noqa: E402
from rig import case, equal, free_port, true  # noqa: E402

ROOT = os.path.realpath(os.path.join(os.path.dirname(os.path.realpath(__file__)), "../.."))
BIN = os.environ.get("TR_BIN") or os.path.join(ROOT, "build", os.environ.get("MODE", "release"))
PROGRAM = os.path.join(BIN, "tr-controlplane")
PG = os.path.join(ROOT, "tests/lib/pg")

work = tempfile.mkdtemp(prefix="tr-rest-")
pg_dir = work + "-pg"
conf = os.path.join(work, "controlplane.conf")
log_path = os.path.join(work, "log")
server = None
contract = None  # the program's own document, which every answer must fit
secrets = []  # every key that was ever shown
OPERATOR = None  # the bootstrap key
CUSTOMER = None  # a customer's management key


# --- the world

def write_conf():
    ports = free_port(), free_port()
    with open(os.path.join(ROOT, "deploy/examples/attestation.conf")) as f:
        policy = f.read()
    policy += f"\n[measurement test]\nsha384 = {'ab' * 48}\n[chip test]\nid = {'cd' * 64}\n"
    with open(os.path.join(work, "attestation.conf"), "w") as f:
        f.write(policy)
    with open(conf, "w") as f:
        f.write(f"""database = {conninfo}
sql_dir = {ROOT}/sql
state_dir = {work}/state
rest_port = {ports[0]}
link_port = {ports[1]}
providers = {ROOT}/deploy/examples/providers.conf
catalog = {ROOT}/deploy/examples/catalog.conf
attestation = {work}/attestation.conf
lease_ms = 10000
drain_ms = 3000
""")
    return ports[0]


def start():
    global server
    log = open(log_path, "a")
    server = subprocess.Popen([PROGRAM, "-c", conf], stdout=log, stderr=log, cwd="/")
    for _ in range(200):
        try:
            if call("GET", "/health", key=None)[0] == 200:
                return
        except OSError:
            pass
        if server.poll() is not None:
            break
        time.sleep(0.05)
    sys.stdout.write(open(log_path).read())
    raise SystemExit("not ok the control plane starts")


def stop():
    server.send_signal(signal.SIGTERM)
    return server.wait(10)


def sql(text):
    return subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", conninfo, "-c", text], check=True,
                          capture_output=True, text=True).stdout.strip()


def connect():
    context = ssl.create_default_context(cafile=os.path.join(work, "state/ca.pem"))
    return http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=10)


def raw(method, path, body=None, headers=None):
    c = connect()
    try:
        c.request(method, path, body=body, headers=headers or {})
        r = c.getresponse()
        text = r.read()
        if contract:
            equal(contract.answer_faults(method, path, r.status, r.getheader("content-type"), text), [], "not as /openapi.json has it")
        return r.status, dict(r.getheaders()), text
    finally:
        c.close()


UNSET = object()


def call(method, path, body=None, key=UNSET, headers=None):
    """Status and parsed body; numbers stay exact."""
    h = dict(headers or {})
    if key is UNSET:
        key = OPERATOR
    if key:
        h["Authorization"] = "Bearer " + key
    if body is not None and not isinstance(body, (bytes, str)):
        body = json.dumps(body)
    status, head, text = raw(method, path, body, h)
    lower = {k.lower(): v for k, v in head.items()}
    equal(lower.get("content-type"), "application/json")
    true(re.fullmatch("[0-9a-f]{32}", lower.get("x-request-id", "")), "x-request-id")
    answer = json.loads(text, parse_float=Decimal)
    if isinstance(answer, dict) and "key" in answer and isinstance(answer["key"], str):
        secrets.append(answer["key"])
    return status, answer


def refused(status, code, method, path, body=None, key=UNSET, param=None, headers=None):
    got, answer = call(method, path, body, key, headers)
    equal((got, answer["error"]["code"]), (status, code))
    equal(answer["error"]["param"], param)
    true(set(answer["error"]) == {"message", "type", "param", "code"}, answer)
    got, answer = call(method, "/api" + path, body, key, headers)
    equal((got, answer["error"]["code"]), (status, status))
    equal(answer["error"]["metadata"]["error_type"], code)


def new_key(key=UNSET, **members):
    status, answer = call("POST", "/v1/keys", {"name": "k", **members}, key)
    equal(status, 201)
    return answer


def violations():
    equal(sql("SELECT * FROM ledger_violations"), "")


# --- the program itself

@case
def subcommands():
    def run(*args):
        p = subprocess.run([PROGRAM, *args], capture_output=True, text=True)
        return p.returncode, p.stdout, p.stderr

    equal(run("-c", conf, "--check-config")[:2], (0, ""))
    code, out, _ = run("--version")
    equal(code, 0)
    true(out.startswith("tr-controlplane "))
    code, out, _ = run("-c", conf, "--print-link-spki")
    equal(code, 0)
    true(re.fullmatch("[0-9a-f]{64}\n", out), out)
    equal(run("-c", conf, "--print-link-spki")[1], out)
    der = subprocess.run(["openssl", "pkey", "-in", work + "/state/link.key", "-pubout", "-outform", "DER"],
                         capture_output=True, check=True).stdout
    equal(hashlib.sha256(der).hexdigest(), out.strip())
    for wrong in (["-c", "/nonexistent"], ["-c", conf, "--surprise"], [], ["-c", conf, "--check-config", "x"]):
        code, out, err = run(*wrong)
        true(code != 0 and out == "" and err != "", wrong)
    with open(conf + ".bad", "w") as f:
        f.write(open(conf).read() + "surprise = very-secret-value\n")
    code, _, err = run("-c", conf + ".bad", "--check-config")
    true(code == 1 and "surprise" in err and "very-secret" not in err, err)
    for name in ("ca.key", "link.key", "rest.key"):
        equal(os.stat(f"{work}/state/{name}").st_mode & 0o777, 0o600)


@case
def bootstrap_once():
    global OPERATOR
    p = subprocess.run([PROGRAM, "-c", conf, "--bootstrap"], capture_output=True, text=True)
    equal(p.returncode, 0)
    true(re.fullmatch(r"sk-tr-m1-[A-Za-z0-9_-]{43}\n", p.stdout), "one key and nothing else")
    OPERATOR = p.stdout.strip()
    secrets.append(OPERATOR)
    again = subprocess.run([PROGRAM, "-c", conf, "--bootstrap"], capture_output=True, text=True)
    true(again.returncode != 0 and again.stdout == "" and "already" in again.stderr, again.stderr)
    equal(sql("SELECT count(*) FROM account WHERE operator"), "1")


@case
def health_and_paths():
    start()
    for path in ("/health", "/v1/health", "/api/v1/health", "/readyz"):
        status, answer = call("GET", path, key=None)
        true(0 <= answer.pop("database_silent_ms") < 2000, path)
        equal((status, answer), (200, {"status": "ok", "ready": True, "reasons": [], "database": True,
                                       "usage_batches_waiting": 0, "usage_oldest_batch_ms": 0, "usage_set_aside": 0,
                                       "usage_locked": 0, "usage_lost": 0, "catalog_refused": 0}))
    equal(call("GET", "/healthz", key=None), (200, {"status": "alive"}))
    refused(404, "not_found", "GET", "/v1/nothing")
    refused(404, "not_found", "GET", "/v1/keys/a/b")
    refused(405, "method_not_allowed", "DELETE", "/v1/keys")
    refused(405, "method_not_allowed", "POST", "/v1/credits")
    for path in ("/", "/v2/keys", "/v1", "/v1keys"):
        equal(call("GET", path)[0], 404)


@case
def every_answer_is_as_the_document_says():
    """From here on raw() holds each answer against it; the last case looks that it has seen them."""
    global contract
    status, head, text = raw("GET", "/openapi.json")
    equal((status, head["content-type"]), (200, "application/json"))
    true(head["cache-control"].startswith("public"), head)
    equal(raw("GET", "/v1/openapi.json")[2], text)
    contract = Contract(json.loads(text))
    wrong = json.loads(text)
    wrong["components"]["schemas"]["KeySelf"]["properties"]["limit"] = {"type": "string"}
    answer = {"data": call("GET", "/v1/key")[1]["data"]}
    good = lambda c, a: c.answer_faults("GET", "/v1/key", 200, "application/json", json.dumps(a, default=float))
    equal(good(contract, answer), [])
    true(good(Contract(wrong), {"data": {**answer["data"], "limit": 1}}), "another type is seen")
    true(good(contract, {"data": {**answer["data"], "more": 1}}), "another member is seen")
    true(good(contract, {"data": {k: v for k, v in answer["data"].items() if k != "hash"}}), "a missing member is seen")


@case
def tls_is_1_3_by_our_ca():
    c = connect()
    c.connect()
    equal(c.sock.version(), "TLSv1.3")
    c.close()
    x = ssl.create_default_context(cafile=os.path.join(work, "state/ca.pem"))
    x.maximum_version = ssl.TLSVersion.TLSv1_2
    try:
        x.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname="127.0.0.1")
        raise AssertionError("TLS 1.2 was accepted")
    except ssl.SSLError as e:
        true("VERSION" in str(e.reason), e)
    try:
        ssl.create_default_context().wrap_socket(socket.create_connection(("127.0.0.1", port)),
                                                 server_hostname="127.0.0.1")
        raise AssertionError("a stranger's CA was good enough")
    except ssl.SSLCertVerificationError:
        pass


@case
def authentication():
    refused(401, "missing_api_key", "GET", "/v1/key", key=None)
    refused(401, "missing_api_key", "GET", "/v1/key", key=None, headers={"Authorization": "Basic abc"})
    refused(401, "invalid_api_key", "GET", "/v1/key", key="sk-wrong")
    refused(401, "invalid_api_key", "GET", "/v1/key", key=OPERATOR[:-1] + ("A" if OPERATOR[-1] != "A" else "E"))
    status, head, _ = raw("GET", "/v1/key")
    equal(status, 401)
    true("www-authenticate" in {k.lower() for k in head})
    equal(call("GET", "/v1/key", key=None, headers={"Authorization": "bearer  " + OPERATOR})[0], 200)


@case
def roles():
    global CUSTOMER
    status, answer = call("POST", "/v1/accounts", {"name": "customer"})
    equal(status, 201)
    CUSTOMER = answer["key"]
    inference = new_key(CUSTOMER)["key"]
    need_management = [("GET", "/v1/keys"), ("POST", "/v1/keys"), ("GET", "/v1/keys/" + "0" * 64),
                       ("PATCH", "/v1/keys/" + "0" * 64), ("DELETE", "/v1/keys/" + "0" * 64),
                       ("GET", "/v1/credits"), ("GET", "/v1/activity")]
    for method, path in need_management:
        refused(403, "insufficient_role", method, path, key=inference)
    for path in ("/v1/credits/topup", "/v1/accounts"):
        refused(403, "insufficient_role", "POST", path, {"amount": 1, "name": "x"}, key=inference)
        refused(403, "insufficient_role", "POST", path, {"amount": 1, "name": "x"}, key=CUSTOMER)
    for key, management in ((inference, False), (CUSTOMER, True), (OPERATOR, True)):
        equal(call("GET", "/v1/key", key=key)[1]["data"]["is_management_key"], management)
    refused(403, "insufficient_role", "POST", "/v1/keys", {"name": "x", "role": "operator"}, key=CUSTOMER,
            param="role")
    true(new_key(role="operator")["key"].startswith("sk-tr-m1-"))
    true(new_key(CUSTOMER, role="management")["key"].startswith("sk-tr-m1-"))


# --- keys

KEY_MEMBERS = {"hash", "name", "label", "disabled", "limit", "limit_remaining", "limit_reset",
               "include_byok_in_limit", "usage", "usage_daily", "usage_weekly", "usage_monthly",
               "byok_usage", "byok_usage_daily", "byok_usage_weekly", "byok_usage_monthly", "created_at",
               "updated_at", "creator_user_id", "workspace_id", "expires_at"}
SELF_MEMBERS = (KEY_MEMBERS | {"is_free_tier", "is_management_key", "is_provisioning_key", "rate_limit"}) - {
    "hash", "name", "disabled", "created_at", "updated_at", "workspace_id"}


@case
def create_and_read():
    made = new_key(name="caf\u00e9 \U0001f600", limit=12.5, limit_reset="monthly", requests_per_minute=60,
                   expires_at="2099-01-01T00:00:00+02:00")
    key, data = made["key"], made["data"]
    true(re.fullmatch(r"sk-tr-v1-[A-Za-z0-9_-]{43}", key), "form")
    equal(data["hash"], hashlib.sha256(key.encode()).hexdigest())
    true(KEY_MEMBERS <= set(data), KEY_MEMBERS - set(data))
    equal((data["name"], data["limit"], data["limit_remaining"], data["limit_reset"], data["usage"]),
          ("caf\u00e9 \U0001f600", Decimal("12.5"), Decimal("12.5"), "monthly", 0))
    equal((data["expires_at"], data["requests_per_minute"]), ("2098-12-31T22:00:00.000Z", 60))
    equal(data["label"], key[:12] + "..." + key[-3:])
    equal(call("GET", "/v1/keys/" + data["hash"]), (200, {"data": data}))
    equal(call("GET", "/api/v1/keys/" + data["hash"].upper())[1]["data"], data)
    own = call("GET", "/v1/key", key=key)[1]["data"]
    true(SELF_MEMBERS <= set(own), SELF_MEMBERS - set(own))
    equal(own["limit"], Decimal("12.5"))
    refused(404, "not_found", "GET", "/v1/keys/" + data["hash"], key=CUSTOMER)  # not theirs
    refused(404, "not_found", "GET", "/v1/keys/" + "0" * 64)
    refused(404, "not_found", "GET", "/v1/keys/zz")
    equal(new_key(limit=None, limit_reset=None)["data"]["limit"], None)


@case
def create_refuses():
    good = {"name": "x"}
    for wrong, code, param in [
            ({}, "missing_parameter", "name"), ({"name": ""}, "invalid_parameter", "name"),
            ({"name": "a\nb"}, "invalid_parameter", "name"), ({"name": "x" * 129}, "invalid_parameter", "name"),
            ({"name": 5}, "invalid_parameter", "name"), ({"name": None}, "invalid_parameter", "name"),
            ({**good, "limit": -1}, "invalid_parameter", "limit"),
            ({**good, "limit": "1e"}, "invalid_parameter", "limit"),
            ({**good, "limit": "0.0000000001"}, "invalid_parameter", "limit"),
            ({**good, "limit": 10 ** 30}, "invalid_parameter", "limit"),
            ({**good, "limit": True}, "invalid_parameter", "limit"),
            ({**good, "limit_reset": "hourly"}, "invalid_parameter", "limit_reset"),
            ({**good, "expires_at": "tomorrow"}, "invalid_parameter", "expires_at"),
            ({**good, "expires_at": "2999-02-30T00:00:00Z"}, "invalid_parameter", "expires_at"),
            ({**good, "expires_at": "2020-01-01T00:00:00Z"}, "invalid_parameter", "expires_at"),
            ({**good, "requests_per_minute": 1.5}, "invalid_parameter", "requests_per_minute"),
            ({**good, "requests_per_minute": 2 ** 31}, "invalid_parameter", "requests_per_minute"),
            ({**good, "tokens_per_minute": -1}, "invalid_parameter", "tokens_per_minute"),
            ({**good, "role": "root"}, "invalid_parameter", "role"),
            ({**good, "include_byok_in_limit": "yes"}, "invalid_parameter", "include_byok_in_limit"),
            ({**good, "disabled": True}, "unsupported_parameter", "disabled"),
            ({**good, "limt": 5}, "unknown_parameter", None)]:
        refused(400, code, "POST", "/v1/keys", wrong, param=param)
    for wrong, code, param in [(b"", "invalid_json", None), (b"[]", "invalid_json", None),
                               (b'{"name":"x"', "invalid_json", None), (b'{"name":"x"} x', "invalid_json", None),
                               (b'{"name":"\xff"}', "invalid_json", None),
                               (b'{"name":"x","name":"y"}', "duplicate_parameter", "name"),
                               (b'{"name":"x","n\\u0061me":"y"}', "duplicate_parameter", "name")]:
        refused(400, code, "POST", "/v1/keys", wrong, param=param)
    refused(403, "insufficient_role", "POST", "/v1/keys", {**good, "workspace_id": "0" * 32},
            param="workspace_id")
    # Refused when more than 64 KiB have come; a client that goes on sending may find the connection closed.
    c = connect()
    c.putrequest("POST", "/v1/keys")
    c.putheader("Authorization", "Bearer " + OPERATOR)
    c.putheader("Content-Length", "70000")
    c.endheaders()
    c.send(b"{" * 70000)
    r = c.getresponse()
    equal((r.status, json.loads(r.read())["error"]["code"]), (413, "body_too_large"))
    c.close()


@case
def list_and_pages():
    own = call("POST", "/v1/accounts", {"name": "many keys"})[1]["key"]
    sql("INSERT INTO api_key (key_id, account_id, digest, name, label, role, created_at)"
        " SELECT gen_random_uuid(), account_id, sha256(g::text::bytea), 'n' || g, 'l', 'inference',"
        " now() + g * interval '1 minute' FROM account, generate_series(1, 100) g WHERE name = 'many keys'")
    status, page = call("GET", "/v1/keys", key=own)
    equal((status, len(page["data"])), (200, 100))
    true(all(KEY_MEMBERS <= set(k) for k in page["data"]))
    rest = call("GET", "/v1/keys?offset=100", key=own)[1]["data"]
    equal(len(rest), 1)
    true(rest[0]["hash"] not in {k["hash"] for k in page["data"]})
    refused(400, "invalid_parameter", "GET", "/v1/keys?offset=-1", param="offset")
    refused(400, "invalid_parameter", "GET", "/v1/keys?offset=x", param="offset")
    off = new_key(own)
    equal(call("PATCH", "/v1/keys/" + off["data"]["hash"], {"disabled": True}, own)[0], 200)
    hashes = lambda q: {k["hash"] for k in call("GET", "/v1/keys?" + q, key=own)[1]["data"]}
    sql("DELETE FROM api_key WHERE name LIKE 'n%'")
    true(off["data"]["hash"] not in hashes(""))
    true(off["data"]["hash"] in hashes("include_disabled=true"))


@case
def patch():
    made = new_key(limit=5)
    path = "/v1/keys/" + made["data"]["hash"]
    status, answer = call("PATCH", path, {"name": "new", "limit": "7.000000001", "limit_reset": "daily"})
    equal(status, 200)
    equal((answer["data"]["name"], answer["data"]["limit"], answer["data"]["limit_reset"]),
          ("new", Decimal("7.000000001"), "daily"))
    true(answer["data"]["updated_at"])
    answer = call("PATCH", path, {"limit": None})[1]["data"]
    equal((answer["name"], answer["limit"], answer["limit_remaining"]), ("new", None, None))
    equal(call("PATCH", path, {"limit_reset": None})[1]["data"]["limit_reset"], None)
    equal(call("PATCH", path, {})[0], 200)
    refused(400, "unknown_parameter", "PATCH", path, {"role": "operator"})
    refused(400, "invalid_parameter", "PATCH", path, {"disabled": "yes"}, param="disabled")
    refused(404, "not_found", "PATCH", path, {"name": "mine"}, key=CUSTOMER)
    refused(404, "not_found", "PATCH", "/v1/keys/" + "0" * 64, {"name": "x"})
    own = hashlib.sha256(OPERATOR.encode()).hexdigest()
    refused(409, "own_key", "PATCH", "/v1/keys/" + own, {"disabled": True})
    refused(409, "own_key", "DELETE", "/v1/keys/" + own)
    # A management key of the same account has no power over an operator's.
    manager = new_key(role="management")["key"]
    refused(403, "insufficient_role", "DELETE", "/v1/keys/" + own, key=manager)
    refused(403, "insufficient_role", "PATCH", "/v1/keys/" + own, {"disabled": True}, key=manager)


@case
def disable_and_delete():
    made = new_key()
    key, path = made["key"], "/v1/keys/" + made["data"]["hash"]
    equal(call("GET", "/v1/key", key=key)[0], 200)
    equal(call("PATCH", path, {"disabled": True})[1]["data"]["disabled"], True)
    refused(401, "key_disabled", "GET", "/v1/key", key=key)
    call("PATCH", path, {"disabled": False})
    equal(call("GET", "/v1/key", key=key)[0], 200)
    sql("UPDATE api_key SET expires_at = now() WHERE digest = '\\x%s'" % made["data"]["hash"])
    refused(401, "key_expired", "GET", "/v1/key", key=key)
    refused(404, "not_found", "DELETE", path, key=CUSTOMER)
    equal(call("DELETE", path), (200, {"deleted": True}))
    refused(404, "not_found", "DELETE", path)
    refused(404, "not_found", "GET", path)
    refused(401, "invalid_api_key", "GET", "/v1/key", key=key)


@case
def revocation_is_told_within_a_second():
    made = new_key()
    psql = subprocess.Popen(["psql", "-XAtq", conninfo], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    psql.stdin.write("LISTEN tr_key;\nSELECT 'listening';\n")
    psql.stdin.flush()
    equal(psql.stdout.readline(), "listening\n")
    began = time.time()
    equal(call("DELETE", "/v1/keys/" + made["data"]["hash"])[0], 200)
    true(time.time() - began < 1, "took too long")
    psql.stdin.write("SELECT 1;\n")
    psql.stdin.close()
    out = psql.stdout.read()
    psql.wait()
    true(made["data"]["hash"] + " unknown" in out, out)


# --- money

@case
def topup_is_exact_and_once():
    account = sql("SELECT account_id FROM account WHERE name = 'customer'")
    credits = call("GET", "/v1/credits", key=CUSTOMER)[1]["data"]
    equal({n: credits[n] for n in ("total_credits", "total_usage", "available", "leased")},
          {"total_credits": 0, "total_usage": 0, "available": 0, "leased": 0})
    total = Decimal(0)
    for i, amount in enumerate(["0.1", "0.2", "0.000000001", "999999.999999999", "12"]):
        body = '{"account_id":"%s","amount":%s,"idempotency_key":"k%d"}' % (account, amount, i)
        for repeated in (False, True):
            status, answer = call("POST", "/v1/credits/topup", body)
            equal((status, answer["data"]["repeated"]), (200, repeated))
            equal(Decimal(answer["data"]["amount"]), Decimal(amount))
        total += Decimal(amount)
        equal(Decimal(answer["data"]["available"]), total)
    equal(Decimal(call("GET", "/v1/credits", key=CUSTOMER)[1]["data"]["total_credits"]), total)
    status, answer = call("POST", "/v1/credits/topup", {"account_id": account, "amount": "3.5"},
                          headers={"Idempotency-Key": "h-1"})
    equal((status, answer["data"]["repeated"]), (200, False))
    equal(call("POST", "/v1/credits/topup", {"account_id": account, "amount": "3.5"},
               headers={"Idempotency-Key": "h-1"})[1]["data"]["repeated"], True)
    refused(409, "idempotency_conflict", "POST", "/v1/credits/topup", {"account_id": account, "amount": 4},
            headers={"Idempotency-Key": "h-1"}, param="idempotency_key")
    equal(call("POST", "/v1/credits/topup", {"amount": 50})[0], 200)  # the operator's own account
    violations()


@case
def topup_refuses():
    for amount in (b"0", b"-1", b"1e-10", b"1e99", b'"$5"', b"1000000.000000001", b"null", b"[]",
                   b"123456789012345678901234567890"):
        refused(400, "invalid_parameter", "POST", "/v1/credits/topup", b'{"amount":' + amount + b"}",
                param="amount")
    refused(400, "missing_parameter", "POST", "/v1/credits/topup", {}, param="amount")
    refused(404, "account_not_found", "POST", "/v1/credits/topup", {"amount": 1, "account_id": "0" * 32},
            param="account_id")
    refused(400, "invalid_parameter", "POST", "/v1/credits/topup", {"amount": 1, "account_id": "me"},
            param="account_id")
    refused(400, "invalid_parameter", "POST", "/v1/credits/topup", {"amount": 1, "idempotency_key": "a"},
            headers={"Idempotency-Key": "b"}, param="idempotency_key")
    refused(400, "missing_parameter", "POST", "/v1/accounts", {}, param="name")
    violations()


BOOT = "00000000-0000-7000-8000-0000000000b1"
REQUEST = "0193a1b2-c3d4-7000-8000-00000000000%d"


def book(made, seq, cost):
    """What a data plane would do: a lease, then a record."""
    sql(f"INSERT INTO boot (boot_id, measurement, simulated) VALUES ('{BOOT}', decode(repeat('ab', 48), 'hex'),"
        " true) ON CONFLICT DO NOTHING")
    while True:  # busy: another transaction has the account just now, and a data plane asks again
        outcome, lease, key, account = sql(
            f"SELECT outcome, o_lease, o_key, o_account FROM lease_grant('\\x{made['data']['hash']}', '{BOOT}',"
            f" gen_random_uuid(), {cost}, 1000000, 60000, true)").split("|")
        if outcome != "busy":
            break
    equal(outcome, "ok")
    numbers = [1795000000000, 7, cost, 1, 1, 1, 1, 1, 5, 250000, 1250, 11, 22, 3, 4, 4, 200, 1, 0, 0, 1, 0, 1, 1,
               2, 5, 6, 7, 8, 3, 2, 0]
    sql(f"SELECT usage_ingest('{BOOT}', ARRAY[ROW({seq}, '{REQUEST % seq}', '{key}', '{account}', '{lease}',"
        f" {', '.join(map(str, numbers))})::usage_record])")


@case
def usage_generation_activity():
    made = new_key(CUSTOMER, limit=1)
    key, h = made["key"], made["data"]["hash"]
    equal(call("POST", "/v1/credits/topup", {"account_id": made["data"]["workspace_id"], "amount": 1})[0], 200)
    before = call("GET", "/v1/credits", key=CUSTOMER)[1]["data"]
    book(made, 1, 123456789)
    book(made, 2, 1)
    data = call("GET", "/v1/key", key=key)[1]["data"]
    equal((data["usage"], data["usage_daily"], data["limit_remaining"]),
          (Decimal("0.12345679"), Decimal("0.12345679"), Decimal("0.87654321")))
    after = call("GET", "/v1/credits", key=CUSTOMER)[1]["data"]
    equal(after["total_credits"], before["total_credits"])
    equal(Decimal(after["total_usage"]), Decimal("0.12345679"))
    equal(Decimal(after["available"]) + Decimal(after["leased"]) + Decimal(after["total_usage"]),
          Decimal(after["total_credits"]))

    ident = (REQUEST % 1).replace("-", "")
    for form in (ident, "gen-" + ident, REQUEST % 1):
        status, answer = call("GET", "/v1/generation?id=" + form, key=key)
        equal(status, 200)
    g = answer["data"]
    with open(os.path.join(ROOT, "tests/e2e/generation_members.txt")) as f:
        needed = set(f.read().split())
    true(needed <= set(g), needed - set(g))
    equal((g["id"], g["total_cost"], g["tokens_prompt"], g["tokens_completion"], g["native_tokens_cached"],
           g["native_tokens_reasoning"], g["streamed"], g["cancelled"], g["finish_reason"], g["latency"],
           g["generation_time"], g["created_at"]),
          ("gen-" + ident, Decimal("0.123456789"), 11, 22, 3, 4, True, False, "stop", 250, 1000,
           "2026-11-18T11:06:40.000Z"))
    equal([g["native_tokens_" + name] for name in ("cache_write", "cache_write_long", "audio_prompt", "audio_completion",
                                                   "image_prompt", "completion_images")], [4, 2, 5, 6, 7, 8])
    equal(call("GET", "/v1/generation?id=" + ident, key=CUSTOMER)[0], 200)  # the same account
    refused(404, "not_found", "GET", "/v1/generation?id=" + ident, param="id")  # another one
    refused(404, "not_found", "GET", "/v1/generation?id=" + "0" * 32, key=key, param="id")
    refused(404, "not_found", "GET", "/v1/generation?id=x", key=key, param="id")
    refused(400, "missing_parameter", "GET", "/v1/generation", key=key, param="id")
    refused(404, "content_not_stored", "GET", "/v1/generation/content?id=" + ident, key=key)

    status, answer = call("GET", "/v1/activity", key=CUSTOMER)
    equal((status, len(answer["data"])), (200, 1))
    row = answer["data"][0]
    equal((row["usage"], row["requests"], row["prompt_tokens"], row["completion_tokens"], row["reasoning_tokens"],
           row["cached_tokens"], row["model"], row["provider_name"]), (Decimal("0.12345679"), 2, 22, 44, 8, 6, "demo/echo", "demo-a"))
    equal([row[f"{kind}_tokens"] for kind in ("cache_write", "audio_input", "audio_output", "image_input",
                                              "image_output")], [8, 10, 12, 14, 16])
    equal(set(row), {"date", "model", "model_permaslug", "endpoint_id", "provider_name", "usage", "cached_tokens",
                     "cache_write_tokens", "audio_input_tokens", "audio_output_tokens", "image_input_tokens",
                     "image_output_tokens",
                     "byok_usage_inference", "requests", "prompt_tokens", "completion_tokens", "reasoning_tokens"})
    equal(call("GET", "/v1/activity")[1]["data"], [])  # not the operator's
    equal(len(call("GET", f"/v1/activity?date={row['date']}&api_key_hash={h}", key=CUSTOMER)[1]["data"]), 1)
    equal(call("GET", "/v1/activity?api_key_hash=" + "0" * 64, key=CUSTOMER)[1]["data"], [])
    yesterday = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 86400))
    equal(call("GET", "/v1/activity?date=" + yesterday, key=CUSTOMER)[1]["data"], [])
    for wrong in ("2020-01-01", "2999-01-01", "yesterday", "2026-02-30"):
        refused(400, "invalid_parameter", "GET", "/v1/activity?date=" + wrong, key=CUSTOMER, param="date")
    refused(400, "invalid_parameter", "GET", "/v1/activity?api_key_hash=zz", key=CUSTOMER, param="api_key_hash")
    violations()


# --- trouble

@case
def keep_alive():
    c = connect()
    for _ in range(20):
        c.request("GET", "/v1/key", headers={"Authorization": "Bearer " + OPERATOR})
        r = c.getresponse()
        r.read()
        equal(r.status, 200)
    c.close()


@case
def database_killed():
    subprocess.run([PG, "crash", pg_dir], check=True)
    status, answer = call("GET", "/v1/credits")
    equal((status, answer["error"]["code"]), (503, "database_unavailable"))
    for path in ("/health", "/readyz"):
        status, answer = call("GET", path, key=None)
        equal((status, answer["status"], answer["ready"], answer["reasons"], answer["database"]),
              (503, "failing", False, ["database"], False))
    equal(call("GET", "/healthz", key=None)[0], 200)
    subprocess.run([PG, "again", pg_dir], check=True, stdout=subprocess.DEVNULL)
    for _ in range(100):
        if call("GET", "/health", key=None)[0] == 200:
            break
        time.sleep(0.1)
    equal(call("GET", "/v1/credits")[0], 200)
    violations()


@case
def stops_and_starts_again():
    with open(work + "/state/ca.pem") as f:
        ca = f.read()
    version = sql("SELECT max(version) FROM catalog_version")
    equal(stop(), 0)
    start()
    with open(work + "/state/ca.pem") as f:
        equal(f.read(), ca)
    equal(call("GET", "/v1/credits")[0], 200)
    equal(sql("SELECT max(version) FROM catalog_version"), version)  # nothing changed in catalog.conf


@case
def sigterm_lets_a_request_finish():
    locker = subprocess.Popen(["psql", "-XAtq", conninfo], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    locker.stdin.write("BEGIN; LOCK TABLE api_key IN ACCESS EXCLUSIVE MODE;\nSELECT 'locked';\n")
    locker.stdin.flush()
    equal(locker.stdout.readline(), "locked\n")
    c = connect()
    c.request("GET", "/v1/key", headers={"Authorization": "Bearer " + OPERATOR})
    time.sleep(0.3)
    server.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    locker.stdin.write("COMMIT;\n")
    locker.stdin.close()
    equal(c.getresponse().status, 200)
    c.close()
    equal(server.wait(10), 0)
    locker.wait()


@case
def every_operation_of_money_and_keys_was_seen():
    for at in ("GET /key", "GET /keys", "POST /keys", "PATCH /keys/{hash}", "DELETE /keys/{hash}", "GET /credits", "POST /credits/topup"):
        true(tuple(at.split()) in contract.seen, at)


# --- what must not be found

@case
def no_key_is_stored_anywhere():
    equal(len(set(secrets)), len(secrets))
    true(len(secrets) > 10, len(secrets))
    dump = subprocess.run(["pg_dump", "-d", conninfo], capture_output=True, check=True).stdout
    logs = open(log_path, "rb").read() + open(pg_dir + "/log", "rb").read()
    true(b"COPY public.api_key" in dump and b"api_request" in logs, "there is something to search")
    true(hashlib.sha256(OPERATOR.encode()).hexdigest().encode() in dump, "the search finds what is there")
    for name, haystack in (("dump", dump), ("logs", logs)):
        for secret in secrets:
            for part in (secret, secret[9:], secret[12:-3]):
                if part.encode() in haystack or part.encode().hex().encode() in haystack:
                    raise AssertionError(f"a key is in the {name}")


def main():
    global conninfo, port
    try:
        conninfo = subprocess.run([PG, "start", pg_dir], check=True, capture_output=True, text=True).stdout.strip()
        port = write_conf()
        return rig.run_cases(always=("bootstrap_once", "health_and_paths", "every_answer_is_as_the_document_says", "roles")) != 0
    finally:
        if server is not None and server.poll() is None:
            server.kill()
            server.wait()
        subprocess.run([PG, "stop", pg_dir], check=False)
        subprocess.run(["rm", "-rf", work], check=False)


sys.exit(main())
