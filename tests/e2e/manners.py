#!/usr/bin/env python3
"""How the REST API behaves whatever it is asked: Idempotency-Key on every POST, at two control planes and across a
control plane that is killed at the worst moments; ETags; security headers; CORS; a rate for each credential; cursors;
the audit trail, whose chain is recomputed here from the exported lines."""

import hashlib
import http.client
import json
import os
import random
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import rig  # noqa: E402
from log_plane import Plane  # noqa: E402
from rig import ROOT, case, equal, true, wait_until  # noqa: E402

PG = os.path.join(ROOT, "tests/lib/pg")
ORIGIN = "https://console.example.com"
work = tempfile.mkdtemp(prefix="tr-manners-")
conninfo = None
planes = []
one = two = None
CUSTOMER = OTHER = None


def plane(name, state_of=None, **conf):
    p = Plane(work, name, conninfo)
    with open(os.path.join(p.dir, "conf"), "a") as f:
        f.write(f"cors_origins = http://localhost:3000 {ORIGIN}\n")
        f.writelines(f"{k} = {v}\n" for k, v in conf.items())
    if state_of is not None:
        shutil.copytree(os.path.join(state_of.dir, "state"), os.path.join(p.dir, "state"))
    planes.append(p)
    return p


def ask(p, method, path, body=None, key=None, **headers):
    """Status, headers, body as bytes."""
    context = ssl.create_default_context(cafile=os.path.join(p.dir, "state/ca.pem"))
    c = http.client.HTTPSConnection("127.0.0.1", p.port, context=context, timeout=20)
    h = {name.replace("_", "-"): value for name, value in headers.items()}
    h["Authorization"] = f"Bearer {key or CUSTOMER}"
    try:
        c.request(method, path, body=json.dumps(body) if isinstance(body, dict) else body, headers=h)
        r = c.getresponse()
        return r.status, {k.lower(): v for k, v in r.getheaders()}, r.read()
    finally:
        c.close()


def post(p, name, once, key=None, path="/v1/keys"):
    status, head, body = ask(p, "POST", path, {"name": name}, key, idempotency_key=once)
    return status, head.get("idempotent-replayed"), json.loads(body)


def code(answer):
    return answer["error"]["code"]


def named(name):
    """How many keys there are of this name."""
    return int(one.sql(f"SELECT count(*) FROM api_key WHERE name = '{name}'"))


@case
def two_control_planes():
    global one, two, CUSTOMER, OTHER
    one = plane("one")
    one.run("--init-state")
    two = plane("two", one)
    one.start()
    two.start()
    one.key = one.run("--bootstrap")
    CUSTOMER, OTHER = (json.loads(ask(one, "POST", "/v1/accounts", {"name": n}, one.key)[2])["key"]
                       for n in ("customer", "other"))


# --- idempotency keys

@case
def repeated_post_reads_the_first_answer():
    status, replayed, first = post(one, "a", "order-1")
    equal((status, replayed), (201, None))
    for p in (one, two, one):
        equal(post(p, "a", "order-1"), (201, "true", first))
    equal(named("a"), 1)
    # The key that it shows once is nowhere in the database.
    dump = subprocess.run(["pg_dump", conninfo], check=True, capture_output=True).stdout
    secret = first["key"].encode()
    true(secret not in dump and secret.hex().encode() not in dump)
    equal(one.sql("SELECT count(*) FROM rest_idempotency WHERE state = 'answered' AND octet_length(answer) > 200"), "1")


@case
def another_request_with_the_key_is_refused():
    equal((post(one, "a", "order-1")[0]), 201)
    for path, body in (("/v1/keys", {"name": "b"}), ("/api/v1/keys", {"name": "a"}), ("/v1/keys", {"name": "a ", "limit": 1})):
        status, _, answer = ask(one, "POST", path, body, idempotency_key="order-1")
        equal(status, 409)
        error = json.loads(answer)["error"]
        equal(error.get("metadata", {}).get("error_type", error["code"]), "idempotency_key_reused")
    equal(named("b"), 0)
    # The key is its caller's: another one's is another.
    equal(post(two, "a", "order-1", OTHER)[:2], (201, None))
    equal(named("a"), 2)
    # Both sent the same bytes, and the database cannot tell: what it has of a request is keyed by the credential.
    equal(one.sql("SELECT count(*), count(DISTINCT request) FROM rest_idempotency"
                  " WHERE digest = sha256('order-1')"), "2|2")


@case
def keys_have_a_form():
    for bad in ("x" * 256, "two words", "caf\xe9", ""):
        status, _, answer = ask(one, "POST", "/v1/keys", {"name": "form"}, idempotency_key=bad)
        equal((status, json.loads(answer)["error"]["param"]), (400, "idempotency-key"), bad)
    equal(named("form"), 0)
    equal(post(one, "form", "x" * 255)[0], 201)
    # What is not a POST is repeated as often as it is sent.
    for _ in range(2):
        equal(ask(one, "GET", "/v1/keys", idempotency_key="g")[1].get("idempotent-replayed"), None)


@case
def what_was_asked_cannot_be_guessed_from_the_database():
    """A body may have a password in it. The digest of one request under two keys is two, so the key is part of it."""
    ours = one.sql("SELECT count(*), count(DISTINCT request) FROM rest_idempotency")
    for once in ("guess-1", "guess-2"):
        equal(post(one, "guessed", once)[0], 201)
    rows, requests = one.sql("SELECT count(*), count(DISTINCT request) FROM rest_idempotency").split("|")
    equal((int(rows), int(requests)), tuple(int(n) + 2 for n in ours.split("|")))


@case
def refusals_that_wrote_nothing_are_not_kept():
    for _ in range(2):
        status, head, answer = ask(one, "POST", "/v1/keys", {"nam": "refused"}, idempotency_key="refused")
        equal((status, head.get("idempotent-replayed")), (400, None))
    equal(post(one, "refused", "refused")[0], 201)


@case
def topups_keep_their_own_meaning():
    def topup(amount):
        status, head, body = ask(one, "POST", "/v1/credits/topup", {"amount": amount}, one.key, idempotency_key="t1")
        true("idempotent-replayed" not in head)
        return status, json.loads(body)

    first, again = topup(5), topup(5)
    equal((first[1]["data"]["repeated"], again[1]["data"]["repeated"]), (False, True))
    equal(first[1]["data"]["transfer_id"], again[1]["data"]["transfer_id"])
    status, answer = topup(6)
    equal((status, code(answer)), (409, "idempotency_conflict"))


@case
def of_many_at_once_one_is_carried_out():
    answers = []
    threads = [threading.Thread(target=lambda p=p: answers.append(post(p, "many", "many")))
               for p in (one, two) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    equal(named("many"), 1)
    equal(sorted(a[:2] for a in answers if a[0] == 201 and a[1] is None), [(201, None)])
    equal({a[2]["key"] for a in answers if a[0] == 201}, {post(one, "many", "many")[2]["key"]})
    equal({code(a[2]) for a in answers if a[0] != 201} - {"idempotency_in_progress"}, set())


class Held:
    """A lock in the database, until released or the case is over: every statement that needs it waits."""

    def __init__(self, statement):
        self.psql = subprocess.Popen(["psql", "-XAtq", conninfo], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.psql.stdin.write(f"BEGIN; {statement}; SELECT 1;\n")
        self.psql.stdin.flush()
        equal(self.psql.stdout.readline().strip(), "1")

    def release(self):
        self.psql.stdin.close()
        self.psql.wait(10)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if not self.psql.stdin.closed:
            self.release()


def send_and_kill(name, once, waits_for):
    """A request to `one`, which is killed while a statement like waits_for waits in the database."""
    def send():
        try:
            post(one, name, once)
        except (OSError, http.client.HTTPException):
            pass

    t = threading.Thread(target=send)
    t.start()
    wait_until(lambda: two.sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query"
                               f" LIKE '%{waits_for}%' AND pid <> pg_backend_pid()") != "0")
    one.process.kill()
    one.process.wait()
    t.join()


def a_minute_later():
    two.sql("UPDATE rest_idempotency SET claimed_at = claimed_at - interval '1 minute'")


@case
def killed_before_it_wrote():
    """The statement of the dead control plane waits in the database, and would be carried out when it may."""
    with Held("LOCK TABLE api_key IN SHARE MODE") as held:
        send_and_kill("before", "before", "SELECT key_create")
        equal(code(post(two, "before", "before")[2]), "idempotency_in_progress")
        a_minute_later()
        answers = []
        t = threading.Thread(target=lambda: answers.append(post(two, "before", "before")))
        t.start()
        wait_until(lambda: two.sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") == "2")
        held.release()
        t.join()
    equal(answers[0][:2], (201, None))
    equal(named("before"), 1)
    one.start()
    equal(post(one, "before", "before"), (201, "true", answers[0][2]))


@case
def killed_before_it_answered():
    """It wrote, and nobody knows what it would have answered: it is not done again."""
    with Held("LOCK TABLE key_total IN ACCESS EXCLUSIVE MODE"):  # which only the answer is read from
        send_and_kill("after", "after", "SELECT key_object")
    equal(named("after"), 1)
    equal(code(post(two, "after", "after")[2]), "idempotency_in_progress")
    a_minute_later()
    status, _, answer = post(two, "after", "after")
    equal((status, code(answer)), (409, "idempotency_answer_lost"))
    equal(named("after"), 1)
    one.start()


@case
def killed_at_any_moment():
    random.seed(7)
    outcomes = {}
    for i in range(8):
        name = f"kill{i}"

        def send():
            try:
                post(one, name, name)
            except (OSError, http.client.HTTPException, ValueError):
                pass

        t = threading.Thread(target=send)
        t.start()
        time.sleep(random.uniform(0.002, 0.03))
        one.process.kill()
        one.process.wait()
        t.join()
        a_minute_later()
        status, replayed, answer = post(two, name, name)
        what = ("carried out", "replayed")[replayed is not None] if status == 201 else code(answer)
        outcomes[what] = outcomes.get(what, 0) + 1
        true(what in ("carried out", "replayed", "idempotency_answer_lost"), answer)
        equal(named(name), 1, what)
        one.start()
    print("#", outcomes)


# --- headers

@case
def gets_have_an_etag():
    status, head, body = ask(one, "GET", "/v1/keys")
    tag = head["etag"]
    true(status == 200 and tag == f'"{hashlib.sha256(body).hexdigest()[:32]}"')
    for listed in (tag, f'"x", {tag}', f"W/{tag}", "*"):
        status, head, body = ask(one, "GET", "/v1/keys", if_none_match=listed)
        equal((status, body, head["etag"]), (304, b"", tag))
    equal(ask(two, "GET", "/v1/keys", if_none_match=tag)[0], 304)
    for other in ('"x"', tag[:-2] + '"', ""):
        equal(ask(one, "GET", "/v1/keys", if_none_match=other)[0], 200)
    equal(ask(one, "HEAD", "/v1/keys")[1]["etag"], tag)
    post(one, "one more", "etag")
    status, head, _ = ask(one, "GET", "/v1/keys", if_none_match=tag)
    true(status == 200 and head["etag"] != tag)
    true("etag" not in ask(one, "POST", "/v1/keys", {"name": "no tag"})[1])
    equal(ask(one, "GET", "/v1/keys", key="x" * 40)[0], 401)
    # The log's pages, for anyone.
    head = ask(one, "GET", "/checkpoint")[1]
    equal(ask(one, "GET", "/checkpoint", if_none_match=head["etag"])[0], 304)


ALWAYS = ("strict-transport-security", "x-content-type-options", "x-frame-options", "referrer-policy")


@case
def every_answer_has_the_security_headers():
    for method, path, want in (("GET", "/v1/keys", 200), ("GET", "/nowhere", 404), ("PUT", "/v1/keys", 405),
                               ("POST", "/v1/keys", 400), ("GET", "/health", 200), ("GET", "/checkpoint", 200)):
        status, head, _ = ask(one, method, path, "{" if method == "POST" else None)
        equal((status, [h for h in ALWAYS if h not in head]), (want, []), path)
        if path != "/checkpoint":
            true("default-src 'none'" in head["content-security-policy"], path)
    equal(ask(one, "GET", "/v1/keys")[1]["cache-control"], "no-store")
    # An answer of the web server itself.
    context = ssl.create_default_context(cafile=os.path.join(one.dir, "state/ca.pem"))
    with context.wrap_socket(socket.create_connection(("127.0.0.1", one.port)), server_hostname="127.0.0.1") as s:
        s.sendall(b"nonsense\r\n\r\n")
        head = s.recv(4096).lower()
    true(head.startswith(b"http/1.1 400") and all(h.encode() in head for h in ALWAYS), head)


@case
def only_listed_pages_may_call():
    for origin in (ORIGIN, "http://localhost:3000"):
        head = ask(one, "GET", "/v1/keys", origin=origin)[1]
        equal((head["access-control-allow-origin"], head["access-control-allow-credentials"], head["vary"]),
              (origin, "true", "origin"))
        status, head, body = ask(one, "OPTIONS", "/v1/keys", origin=origin, access_control_request_method="POST")
        equal((status, head["access-control-allow-origin"], body), (204, origin, b""))
        true("idempotency-key" in head["access-control-allow-headers"] and "PATCH" in head["access-control-allow-methods"])
    for origin in ("https://evil.example.com", "https://console.example.com.evil.example", "null", ORIGIN + ":444", "*", ""):
        head = ask(one, "GET", "/v1/keys", origin=origin)[1]
        true("access-control-allow-origin" not in head, origin)
        status, head, _ = ask(one, "OPTIONS", "/v1/keys", origin=origin, access_control_request_method="POST")
        equal((status, "access-control-allow-origin" in head), (403, False), origin)
    head = ask(one, "GET", "/checkpoint", origin=ORIGIN)[1]
    equal((head["access-control-allow-origin"], "access-control-allow-credentials" in head), ("*", False))
    equal(ask(one, "OPTIONS", "/v1/keys")[0], 405)


@case
def origins_are_checked_at_start():
    for bad in ("*", "https://*.example.com", "https://example.com/", "http://example.com", "example.com", "https://"):
        p = Plane(work, f"bad{hash(bad)}", conninfo)
        with open(os.path.join(p.dir, "conf"), "a") as f:
            f.write(f"cors_origins = https://a.example.com {bad}\n")
        code_, _, err = p.command("--check-config")
        true(code_ != 0 and "cors_origins" in err, (bad, err))


@case
def a_credential_has_a_rate():
    slow = plane("slow", one, rest_per_key_per_s=1, rest_per_key_burst=5)
    slow.start()
    left, last = [], None
    for _ in range(7):
        last = ask(slow, "GET", "/v1/key")
        left.append((last[0], last[1]["x-ratelimit-limit"], last[1]["x-ratelimit-remaining"]))
    equal(left[:5], [(200, "5", str(n)) for n in (4, 3, 2, 1, 0)])
    equal((last[0], json.loads(last[2])["error"]["code"], last[1]["retry-after"]), (429, "rate_limit_exceeded", "1"))
    equal(ask(slow, "GET", "/v1/key", key=OTHER)[0], 200)  # another one's
    wait_until(lambda: ask(slow, "GET", "/v1/key")[0] == 200, 5)
    true("x-ratelimit-limit" not in ask(slow, "GET", "/health")[1])
    slow.stop()


# --- the audit trail

def page(path, key=None):
    status, _, body = ask(one, "GET", path, key=key)
    equal(status, 200, path)
    return json.loads(body)


@case
def the_trail_says_who_did_what():
    status, head, body = ask(one, "POST", "/v1/keys", {"name": "traced"})
    made = json.loads(body)["data"]["hash"]
    request = head["x-request-id"]
    ask(one, "PATCH", f"/v1/keys/{made}", {"name": "traced twice"})
    ask(one, "DELETE", f"/v1/keys/{made}")
    me = one.sql(f"SELECT key_id FROM api_key WHERE digest = sha256('{CUSTOMER}')").replace("-", "")
    last = page("/v1/audit?limit=3")["data"]
    equal([e["action"] for e in last], ["api_key.update", "api_key.update", "api_key.insert"])
    equal([e["target"]["digest"] for e in last], [made] * 3)
    equal([e["actor"] for e in last], [f"key:{me}"] * 3)
    equal((last[2]["request"], last[2]["after"]["name"], last[2]["before"]), (request, "traced", None))
    equal((last[1]["before"]["name"], last[1]["after"]["name"]), ("traced", "traced twice"))
    equal((last[0]["before"]["deleted_at"], last[0]["after"]["disabled"]), (None, True))
    equal(len({e["request"] for e in last}), 3)


@case
def pages_show_every_entry_once():
    want = int(one.sql(f"SELECT count(*) FROM audit_entry e JOIN api_key k USING (account_id) WHERE e.scope = 'workspace' AND k.digest = sha256('{CUSTOMER}')"))
    seen, cursor = [], ""
    while cursor is not None:
        answer = page(f"/v1/audit?limit=7{cursor}")
        if not seen:
            post(two, "while reading", f"r{time.time()}")  # moves nothing
        seen += [e["seq"] for e in answer["data"]]
        cursor = answer["next_cursor"] and f"&cursor={answer['next_cursor']}"
    equal(seen, list(range(want, 0, -1)))
    good = page("/v1/audit?limit=1")["next_cursor"]
    for bad in ("x", good[:-1], good[:-2] + "zz", "00" + good[2:], good + "00", ""):
        equal(ask(one, "GET", f"/v1/audit?cursor={bad}")[0], 400, bad)
    equal(ask(one, "GET", f"/v1/audit/export?cursor={good}")[0], 400)  # of another list
    for bad in ("0", "101", "-1", "x"):
        equal(ask(one, "GET", f"/v1/audit?limit={bad}")[0], 400, bad)
    equal(page("/v1/audit?until=2001-01-01T00:00:00Z")["data"], [])
    equal(page("/v1/audit?from=2001-01-01T00:00:00Z&limit=1")["data"][0]["seq"], want + 1)
    equal(ask(one, "GET", "/v1/audit?from=yesterday")[0], 400)


@case
def the_export_is_the_chain():
    status, head, body = ask(one, "GET", "/v1/audit/export")
    equal((status, head["content-type"], "x-next-cursor" in head), (200, "application/x-ndjson", False))
    before = "0" * 64
    for n, line in enumerate(body.splitlines(), 1):
        entry = json.loads(line)
        equal((entry["seq"], entry["prev_hash"]), (n, before))
        before = hashlib.sha256(line).hexdigest()
    said = page("/v1/audit/verify")["data"]
    equal(said, {"scope": "workspace", "entries": n, "head_hash": before, "whole": True, "first_bad": None, "noted": None})
    equal(page(f"/v1/audit/verify?seq={n}&hash={before}")["data"]["noted"], True)
    equal(page(f"/v1/audit/verify?seq={n}&hash={'0' * 64}")["data"]["noted"], False)
    equal(ask(one, "GET", "/v1/audit/verify?seq=1")[0], 400)
    # Somebody with all rights in the database changes the past.
    change = "BEGIN; SET LOCAL session_replication_role = replica; UPDATE audit_entry SET line = replace(line, '{0}', '{1}')," \
             " hash = sha256(convert_to(replace(line, '{0}', '{1}'), 'UTF8')) WHERE line LIKE '%{0}%'; COMMIT"
    one.sql(change.format("traced twice", "never saw it"))
    said = page("/v1/audit/verify")["data"]
    true(not said["whole"] and said["first_bad"] > 1, said)
    one.sql(change.format("never saw it", "traced twice"))
    true(page("/v1/audit/verify")["data"]["whole"])


@case
def the_trail_is_its_accounts():
    mine = {e["workspace_id"] for e in page("/v1/audit")["data"]}
    others = {e["workspace_id"] for e in page("/v1/audit", OTHER)["data"]}
    true(len(mine) == len(others) == 1 and mine != others)
    good = page("/v1/audit?limit=1")["next_cursor"]  # another tenant's cursor shows nothing of it
    true(mine.isdisjoint(e["workspace_id"] for e in page(f"/v1/audit?cursor={good}", OTHER)["data"]))
    inference = post(one, "inference", "inference")[2]["key"]
    for path in ("/v1/audit", "/v1/audit/export", "/v1/audit/verify"):
        equal(ask(one, "GET", path, key=inference)[0], 403, path)
        equal(ask(one, "GET", path + "?scope=operator")[0], 403, path)
        equal(ask(one, "GET", path + "?scope=operator", key=one.key)[0], 200, path)
        equal(ask(one, "GET", path + "?scope=everything")[0], 400, path)


def main():
    global conninfo
    pg_dir = work + "-pg"
    try:
        conninfo = subprocess.run([PG, "start", pg_dir], check=True, capture_output=True, text=True).stdout.strip()
        return rig.run_cases(always=("two_control_planes",)) != 0
    finally:
        for p in planes:
            p.stop()
        subprocess.run([PG, "stop", pg_dir], check=False)
        shutil.rmtree(work, ignore_errors=True)


sys.exit(main())
