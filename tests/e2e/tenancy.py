#!/usr/bin/env python3
"""Who may reach what over REST: every row of the program's own route table with every role, without a credential and
with another tenant's ids, against a table of permissions that is written out here; nothing of the other tenant is in
any answer, and nothing of theirs changes. A hole that is made in the database is found by the same walk. Then people:
sign-up, invitations, sessions, cookies, passwords, throttling, the last owner, suspended accounts. A PostgreSQL and a
control plane of its own."""

import hashlib
import http.client
import json
import os
import ssl
import subprocess
import sys
import tempfile
import threading
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import log_plane  # noqa: E402
import rig  # noqa: E402
from rig import case, equal, true  # noqa: E402

# Which roles have a permission: i inference key, m management key, o operator's key; members owner, admin, developer,
# billing, viewer; the same with "op." of the operator's organisation.
MEMBERS = ["owner", "admin", "developer", "billing", "viewer"]
ROLES = ["i", "m", "o"] + MEMBERS + ["op." + r for r in MEMBERS]
MAY = {
    "self": "i m o owner admin developer billing viewer",
    "keys.read": "m o owner admin developer viewer", "keys.write": "m o owner admin developer",
    "byok.read": "m o owner admin developer viewer", "byok.write": "m o owner admin developer",
    "credits.read": "m o owner admin developer billing viewer", "credits.write": "m o owner admin billing",
    "usage.read": "m o owner admin developer billing viewer",
    "workspaces.read": "m o owner admin developer billing viewer",
    "members.read": "o owner admin viewer", "members.write": "o owner admin", "workspaces.write": "o owner admin",
    "organisation.close": "o owner", "audit.read": "m o owner admin viewer",
}
OPERATORS = {
    "accounts.read": "owner admin billing viewer", "accounts.write": "owner admin", "money.write": "owner admin billing",
    "catalog.read": "owner admin developer viewer", "catalog.write": "owner admin developer",
    "fleet.read": "owner admin developer viewer", "fleet.write": "owner admin developer", "log.write": "owner admin",
    "incidents.write": "owner admin",
}


def may(role, permission, session):
    if permission == "public":
        return True
    if session and role in ("i", "m", "o"):
        return False
    if permission in OPERATORS:
        return role == "o" or (role.startswith("op.") and role[3:] in OPERATORS[permission].split())
    return role.removeprefix("op.") in MAY[permission].split()


class Route:
    def __init__(self, line):
        self.method, self.path, self.permission, flags, query = line.split()
        flags = flags.split(",")
        self.session, self.picks, self.query = "session" in flags, "picks" in flags, query.split(",")

    def prefix(self):
        return "" if self.path.startswith("/tile/") or self.path == "/checkpoint" else "/v1"

    def fill(self, value):
        head, brace, tail = self.path.partition("{")
        return self.prefix() + head + (value + tail.partition("}")[2] if brace else "")


def routes():
    out = subprocess.run([f"{log_plane.BIN}/tr-controlplane", "--print-routes"], capture_output=True, text=True, check=True)
    return [Route(line) for line in out.stdout.splitlines()]


# --- the plane, its tenants, and callers

work = tempfile.mkdtemp(prefix="tr-tenancy-")
os.chmod(work, 0o755)
pg = tempfile.mkdtemp(prefix="tr-tenancy-pg-")
plane = None
local = threading.local()


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    def code(self):
        return self.json().get("error", {}).get("code") if self.body.startswith(b"{") else None

    def param(self):
        return self.json()["error"]["param"]

    def __repr__(self):
        return f"<{self.status} {self.body[:300]!r}>"


def call(method, path, key=None, body=None, headers=None):
    if getattr(local, "http", None) is None:
        context = ssl.create_default_context(cafile=os.path.join(plane.dir, "state/ca.pem"))
        local.http = http.client.HTTPSConnection("127.0.0.1", plane.port, context=context, timeout=20)
    h = {"Authorization": f"Bearer {key}"} if key else {}
    h.update(headers or {})
    data = None if body is None else json.dumps(body).encode()
    try:
        local.http.request(method, path, body=data, headers=h)
        r = local.http.getresponse()
        if (r.getheader("content-type") or "").startswith("text/event-stream"):
            # It does not end by itself; its first bytes are what another tenant's would be among.
            body = r.read1(65536)
            local.http.close()
            local.http = None
            return Reply(r.status, {k.lower(): v for k, v in r.getheaders()}, body)
        return Reply(r.status, {k.lower(): v for k, v in r.getheaders()}, r.read())
    except (http.client.HTTPException, OSError):
        local.http = None
        raise


def digest_of(token):
    return hashlib.sha256(token.encode()).hexdigest()


def session_of(organisation, role):
    """A user with this role and a session, put into the database: the walk needs dozens of callers, and no passwords."""
    user, token = uuid.uuid4(), "sk-tr-s1-" + "A" * 9 + uuid.uuid4().hex + "AA"
    plane.sql(f"""INSERT INTO app_user (user_id, email, name) VALUES ('{user}', '{user}@secret.example', 'name-{user}');
INSERT INTO membership (organisation_id, user_id, role) VALUES ('{organisation}', '{user}', '{role}');
SELECT session_open('{uuid.uuid4()}', '\\x{digest_of(token)}', '{user}', 3600000, 3600000)""")
    return token


class Tenant:
    """A customer with everything that one can have, each with a word of its own in it."""

    def __init__(self, operator):
        self.mark = "mark" + uuid.uuid4().hex[:12]
        a = call("POST", "/v1/accounts", operator, {"name": self.mark + " account"})
        equal(a.status, 201, a)
        self.account, management = a.json()["data"]["id"], a.json()["key"]
        self.account = str(uuid.UUID(self.account))
        a = call("POST", "/v1/keys", management, {"name": self.mark + " key"})
        equal(a.status, 201, a)
        inference, self.hash = a.json()["key"], a.json()["data"]["hash"]
        self.keys = {"i": inference, "m": management, **{r: session_of(self.account, r) for r in MEMBERS}}
        a = call("POST", "/v1/invitations", self.keys["owner"], {"email": self.mark + "@guest.example", "role": "viewer"})
        equal(a.status, 201, a)
        self.invitation = a.json()["data"]["id"]
        self.byok, self.request, boot = (str(uuid.uuid4()) for _ in range(3))
        plane.sql(f"""INSERT INTO byok_key (byok_id, account_id, provider, name, sealed, seal_id) VALUES
('{self.byok}', '{self.account}', 'openai', '{self.mark} byok', '\\x{"aa" * 60}', '\\x{"bb" * 8}')""")
        self.member, self.session = plane.sql(f"""SELECT user_id, session_id FROM session JOIN membership USING (user_id)
WHERE organisation_id = '{self.account}' AND role = 'admin'""").split("|")
        equal(call("POST", "/v1/credits/topup", operator, {"amount": 3, "account_id": self.account}).status, 200)

    def ids(self):
        return [self.account, self.hash, self.invitation, self.byok, self.member, self.session]

    def words(self):
        """What no other tenant may see."""
        users = plane.sql(f"SELECT user_id FROM membership WHERE organisation_id = '{self.account}'").split()
        return [self.mark.encode()] + [i.encode() for i in self.ids() + users] + [
            i.replace("-", "").encode() for i in self.ids() + users]

    def rows(self):
        """Everything of this tenant that a call could change."""
        of = f"= '{self.account}'"
        return plane.sql(f"""SELECT to_jsonb(x) FROM account x WHERE account_id {of} UNION ALL
SELECT to_jsonb(x) FROM organisation x WHERE organisation_id {of} UNION ALL
SELECT to_jsonb(x) FROM api_key x WHERE account_id {of} UNION ALL
SELECT to_jsonb(x) FROM byok_key x WHERE account_id {of} UNION ALL
SELECT to_jsonb(x) FROM membership x WHERE organisation_id {of} UNION ALL
SELECT to_jsonb(x) FROM invitation x WHERE organisation_id {of} UNION ALL
SELECT to_jsonb(x) FROM ledger_account x WHERE owner {of} UNION ALL
SELECT to_jsonb(s) - 'last_seen_at' FROM session s JOIN membership m USING (user_id) WHERE m.organisation_id {of}
ORDER BY 1""")


def callers():
    """Each role of the walk with its credential: the first tenant's, and the operator's."""
    return {**ours.keys, "o": operator, **{"op." + r: t for r, t in operator_sessions.items()}}


# --- the walks: each gives a list of faults

class Found(Exception):
    """A fault, for a walk that ends at the first."""


def walk(cells, look, first):
    """look(*cell), which gives faults, for every cell; several at once, each thread with a connection of its own."""
    faults, left = [], iter(cells)
    take = threading.Lock()

    def work_off():
        while not (first and faults):
            with take:
                cell = next(left, None)
            if cell is None:
                return
            try:
                faults.extend(look(*cell))
            except Exception as e:  # no answer, or none that can be read
                faults.append(f"{cell}: {e!r}")

    threads = [threading.Thread(target=work_off) for _ in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if first and faults:
        raise Found(faults)
    return faults


def walk_roles(first=False):
    """Every route with every role and without a credential. A parameter that no route takes makes sure that nothing
    is done; it is looked at only after the caller was found to be allowed."""
    who = [(None, None), *callers().items()]
    cells = [(r, role, key) for r in routes() for role, key in who]

    def look(r, role, key):
        body = {} if r.method in ("POST", "PATCH", "PUT") else None
        a = call(r.method, r.fill(str(uuid.uuid4())) + "?walk=1", key, body)
        if role is None and r.permission != "public":
            want = (401, "missing_api_key")
        elif may(role, r.permission, r.session):
            want = (400, "unknown_parameter")
        else:
            want = (403, "insufficient_role")
        if (a.status, a.code()) != want or (want[0] == 400 and a.param() != "walk"):
            return [f"{role} {r.method} {r.path}: {a}, want {want}"]
        return []

    return walk(cells, look, first), len(cells)


BODIES = [{}, {"name": "x"}, {"role": "viewer"}, {"state": "closed", "reason": "x"}]


def walk_foreign(mine, tenant, first=False):
    """The callers of one with the other tenant's ids, wherever an id can be: in the path, the query, a header."""
    words, before, cells = tenant.words(), tenant.rows(), []

    def ask(role, key, method, path, body=None, headers=None, bad=lambda a: a.status < 400, echo=""):
        cells.append((role, key, method, path, body, headers, bad, echo))

    def look(role, key, method, path, body, headers, bad, echo):
        a = call(method, path, key, body, headers)
        shown = a.body.replace(echo.encode(), b"") if echo else a.body
        what = f"{role} {method} {path} {headers or ''}: "
        # 429: it was not looked at.
        return ([f"{what}{a}"] if a.status >= 500 or a.status == 429 or bad(a) else []) + [
            f"{what}the answer has {w}" for w in words if w in shown]

    for r in routes():
        if r.permission == "public" or r.permission in OPERATORS:
            continue  # of anybody, or of operators, who see every account
        for role, key in mine.keys.items():
            if not may(role, r.permission, r.session):
                continue  # refused before anything is looked at, as the other walk shows
            write = r.method in ("POST", "PATCH", "PUT")
            if "{" in r.path:
                for value in tenant.ids():
                    # Those who may do most try every body; the others one, which every role may or may not send.
                    for body in [None] if not write else BODIES if role in ("m", "owner") else BODIES[1:2]:
                        ask(role, key, r.method, r.fill(value), body)
            if r.picks:
                none = r.fill(str(uuid.uuid4()))
                for headers, query in [({}, f"?account_id={tenant.account}"), ({}, f"?workspace_id={tenant.account}"),
                                       ({"x-trustedrouter-workspace": tenant.account}, "")]:
                    ask(role, key, r.method, none + query, {} if write else None, headers)
            if r.method == "GET" and "{" not in r.path:
                # What is ours is ours, whatever filter of theirs comes along.
                ask(role, key, r.method, r.fill(""), bad=lambda a: False)
                for name in r.query:
                    for value in tenant.ids() if name != "-" else []:
                        ask(role, key, r.method, f"{r.fill('')}?{name}={value}", bad=lambda a: False)
    for role in ("m", "owner", "admin", "developer"):
        for name in ("workspace_id", "account_id", "organization_id", "creator_user_id"):
            # creator_user_id is a note of the caller's, which is shown as it was sent.
            note = name == "creator_user_id"
            ask(role, mine.keys[role], "POST", "/v1/keys", {"name": "x", name: tenant.account},
                bad=lambda a: a.status == 201 and not note, echo=f'"creator_user_id": "{tenant.account}"' if note else "")
    faults = walk(cells, look, first)
    if tenant.rows() != before:
        faults.append("rows of the other tenant have changed")
    return faults, len(cells)


@case
def every_route_with_every_role():
    faults, cells = walk_roles()
    equal(faults, [])
    true(cells >= 45 * 14, cells)
    print(f"# {cells} cells")


@case
def nothing_of_another_tenant():
    faults, cells = walk_foreign(ours, theirs)
    equal(faults, [])
    true(cells > 1000, cells)
    print(f"# {cells} cells")
    # The twin: the same ids in their own tenant's hands are answered.
    for path in (f"/keys/{theirs.hash}", f"/byok/{theirs.byok}", f"/members/{theirs.member}",
                 f"/invitations/{theirs.invitation}", f"/workspaces/{theirs.account}", "/organisation"):
        a = call("GET", "/v1" + path, theirs.keys["owner"])
        equal(a.status, 200, path)
        true(any(w in a.body for w in theirs.words()), a)


HOLES = [
    # an inference key is taken for a management key
    ("caller_key(bytea,uuid)", "SELECT k.key_id, k.role,",
     "SELECT k.key_id, CASE k.role WHEN 'inference' THEN 'management' ELSE k.role END,"),
    # a user picks a workspace, and nobody looks whose it is
    ("caller_session(bytea,uuid,uuid)", "WHERE m.user_id = o_user AND o.closed_at IS NULL\n          AND (p_w",
     "WHERE o.closed_at IS NULL\n          AND (p_w"),
    # a member is removed from whatever organisation
    ("member_remove(uuid,uuid,text[])", "organisation_id = p_organisation AND user_id", "user_id"),
]


@case
def a_hole_is_found():
    for function, sound, holed in HOLES:
        source = plane.sql(f"SELECT pg_get_functiondef('{function}'::regprocedure)")
        true(sound in source, f"{function} has another text")
        mine, tenant = Tenant(operator), Tenant(operator)  # what goes through the hole is done
        try:
            plane.sql(source.replace(sound, holed))
            if function.startswith("caller_key"):
                walk_roles(first=True)
            else:
                walk_foreign(mine, tenant, first=True)
            raise AssertionError(f"the hole in {function} was not found")
        except Found:
            pass
        finally:
            plane.sql(source)


@case
def operators_see_every_account():
    for role, key in callers().items():
        allowed = may(role, "accounts.read", False)
        a = call("GET", f"/v1/accounts?q={theirs.mark}", key)
        equal(a.status, 200 if allowed else 403, role)
        if allowed:
            equal([x["id"] for x in a.json()["data"]], [theirs.account], role)
            for path in ("/credits", "/keys", "/activity"):
                permission = {"/credits": "credits.read", "/keys": "keys.read", "/activity": "usage.read"}[path]
                a = call("GET", f"/v1{path}?account_id={theirs.account}", key)
                equal(a.status, 200 if may(role, permission, False) else 403, f"{role} {path}")
        else:
            a = call("GET", f"/v1/credits?account_id={theirs.account}", key)
            equal(a.status, 403, f"{role}: an account that is picked must not be ignored")
    equal(call("GET", f"/v1/credits?account_id={theirs.account}", operator).json()["data"]["total_credits"], 3)
    a = call("GET", f"/v1/credits?account_id={uuid.uuid4()}", operator)
    equal((a.status, a.code(), a.param()), (404, "account_not_found", "account_id"))
    # Who may look does not thereby write.
    a = call("POST", f"/v1/keys?account_id={theirs.account}", operator_sessions["viewer"], {"name": "x"})
    equal(a.status, 403)
    for bad, param in (("limit=0", "limit"), ("limit=101", "limit"), ("state=odd", "state"), ("cursor=x", "cursor"),
                       ("q=%zz", "q"), ("offset=1", "offset")):
        a = call("GET", "/v1/accounts?" + bad, operator)
        equal((a.status, a.param()), (400, param))
    seen, cursor = [], ""
    while cursor is not None:
        page = call("GET", "/v1/accounts?limit=1" + (f"&cursor={cursor}" if cursor else ""), operator).json()
        seen += [x["id"] for x in page["data"]]
        cursor = page["next_cursor"]
    equal(len(seen), int(plane.sql("SELECT count(*) FROM account")))
    equal(len(set(seen)), len(seen))


@case
def suspended_and_closed_accounts():
    t = Tenant(operator)
    path = f"/v1/accounts/{t.account}"
    other, shut = (call("POST", "/v1/workspaces", t.keys["owner"], {"name": n, "slug": n}).json()["data"]["id"]
                   for n in ("other", "shut"))
    equal(call("PATCH", "/v1/accounts/" + shut, operator, {"state": "closed", "reason": "x"}).status, 200)
    # Its owner has several workspaces; this is about one.
    owner = {"x-trustedrouter-workspace": t.account}
    a = call("POST", "/v1/credits/transfer", t.keys["owner"], {"amount": 1, "to_workspace_id": shut}, owner)
    equal((a.status, a.code()), (404, "workspace_not_found"))
    a = call("POST", "/v1/credits/transfer", t.keys["owner"], {"amount": 1, "to_workspace_id": other}, owner)
    equal(a.status, 200, a)
    equal(call("PATCH", path, operator, {"state": "suspended"}).param(), "reason")
    a = call("PATCH", path, operator, {"state": "suspended", "reason": "unpaid"})
    equal((a.status, a.json()["data"]["state"], a.json()["data"]["state_reason"]), (200, "suspended", "unpaid"))
    for key in ("i", "m"):
        a = call("GET", "/v1/key", t.keys[key])
        equal((a.status, a.code()), (403, "account_suspended"), key)
    # Its people still see it, and change nothing.
    equal(call("GET", "/v1/keys", t.keys["owner"], None, owner).status, 200)
    for to, body in (("keys", {"name": "x"}), ("credits/transfer", {"amount": 1, "to_workspace_id": other})):
        a = call("POST", "/v1/" + to, t.keys["owner"], body, owner)
        equal((a.status, a.code()), (403, "account_suspended"), to)
    equal(call("GET", "/v1/auth/session", t.keys["owner"]).status, 200)
    equal(call("GET", f"/v1/keys?account_id={t.account}", operator).status, 200)
    equal(call("PATCH", path, operator, {"state": "active"}).json()["data"]["state"], "active")
    equal(call("GET", "/v1/key", t.keys["i"]).status, 200)
    equal(call("PATCH", path, operator, {"state": "closed", "reason": "asked for"}).status, 200)
    a = call("GET", "/v1/key", t.keys["m"])
    equal((a.status, a.code()), (403, "account_closed"))
    a = call("PATCH", path, operator, {"state": "active"})
    equal((a.status, a.code()), (409, "account_closed"))
    own = plane.sql("SELECT account_id FROM account WHERE operator")
    a = call("PATCH", f"/v1/accounts/{own}", operator, {"state": "suspended", "reason": "x"})
    equal((a.status, a.code()), (409, "operator_account"))


@case
def the_last_management_key_stays():
    t = Tenant(operator)
    one = t.keys["m"]
    a = call("POST", "/v1/keys", one, {"name": "second", "role": "management"})
    equal(a.status, 201, a)
    two, hash_two, hash_one = a.json()["key"], a.json()["data"]["hash"], digest_of(one)
    for round_ in range(10):  # each deletes the other at the same time
        start = threading.Barrier(2)
        got = {}

        def delete(name, key, target):
            start.wait()
            got[name] = call("DELETE", f"/v1/keys/{target}", key)

        pair = [threading.Thread(target=delete, args=("one", one, hash_two)),
                threading.Thread(target=delete, args=("two", two, hash_one))]
        for p in pair:
            p.start()
        for p in pair:
            p.join()
        statuses = sorted(a.status for a in got.values())
        true(statuses[0] == 200 and statuses[1] in (401, 409), f"round {round_}: {got}")
        keeper = one if got["one"].status == 200 else two
        a = call("POST", "/v1/keys", keeper, {"name": "next", "role": "management"})
        equal(a.status, 201, "there is a key that works")
        one, two = keeper, a.json()["key"]
        hash_one, hash_two = digest_of(one), digest_of(two)
    equal(call("DELETE", f"/v1/keys/{hash_two}", one).status, 200)
    for method, body in (("DELETE", None), ("PATCH", {"disabled": True}), ("PATCH", {"expires_at": "2099-01-01T00:00:00Z"})):
        a = call(method, f"/v1/keys/{hash_one}", t.keys["owner"], body)
        equal((a.status, a.code()), (409, "last_management_key"), body)
    equal(call("PATCH", f"/v1/keys/{hash_one}", t.keys["owner"], {"name": "renamed"}).status, 200)


@case
def nobody_gets_a_key_above_their_own():
    t = Tenant(operator)
    for body in ({"name": "x", "role": "management"}, {"name": "x", "role": "operator"}):
        equal(call("POST", "/v1/keys", t.keys["developer"], body).code(), "insufficient_role", body)
    path = f"/v1/keys/{digest_of(t.keys['m'])}/rotate"
    a = call("POST", path, t.keys["developer"], {})
    equal((a.status, a.code()), (403, "insufficient_role"), a)
    for method, body in (("PATCH", {"disabled": True}), ("DELETE", None)):
        a = call(method, f"/v1/keys/{digest_of(t.keys['m'])}", t.keys["developer"], body)
        equal((a.status, a.code()), (403, "insufficient_role"), a)
    equal(call("PATCH", f"/v1/keys/{t.hash}", t.keys["developer"], {"name": "y"}).status, 200)
    equal(call("POST", f"/v1/keys/{t.hash}/rotate", t.keys["developer"], {}).status // 100, 2)
    equal(call("POST", path, t.keys["admin"], {}).status // 100, 2)


# --- people

def sign_up(email, password="correct horse", **more):
    return call("POST", "/v1/auth/signup", None, {"email": email, "password": password, "token": True, **more})


def sign_in(email, password="correct horse", **more):
    return call("POST", "/v1/auth/login", None, {"email": email, "password": password, **more})


@case
def sign_up_sessions_and_cookies():
    email = uuid.uuid4().hex + "@New.example"
    for bad, param in (({"email": "nobody", "password": "correct horse"}, "email"),
                       ({"email": email, "password": "short"}, "password"),
                       ({"email": email, "password": email.upper()}, "password"),
                       ({"email": email, "password": "x" * 257}, "password"),
                       ({"email": email}, "password")):
        a = call("POST", "/v1/auth/signup", None, bad)
        equal((a.status, a.param()), (400, param), bad)
    a = sign_up(email, password='with "quotes" \\ and \u00e4', organization_name="New Ltd")
    equal(a.status, 201, a)
    true("set-cookie" not in a.headers, a.headers)
    token = a.json()["data"]["token"]
    equal(sign_up(email.lower()).code(), "email_taken")
    me = call("GET", "/v1/auth/session", token).json()["data"]
    equal((me["role"], me["user"]["email"], len(me["workspaces"])), ("owner", email, 1))
    true("organisation.close" in me["permissions"] and "accounts.read" not in me["permissions"], me)
    equal(call("GET", "/v1/organisation", token).json()["data"]["name"], "New Ltd")
    # By cookie: a write needs the other token, and a reader is no writer.
    a = sign_in(email.upper(), 'with "quotes" \\ and \u00e4')
    equal(a.status, 200, a)
    true("token" not in a.json()["data"], a)
    cookie = a.headers["set-cookie"]
    for word in ("HttpOnly", "Secure", "SameSite=Strict", "Path=/", "__Host-tr_session=sk-tr-s1-"):
        true(word in cookie, cookie)
    csrf = a.json()["data"]["csrf_token"]
    h = {"Cookie": "a=b; " + cookie.split(";")[0] + "; c=d"}
    equal(call("GET", "/v1/auth/session", None, None, h).json()["data"]["csrf_token"], csrf)
    other = call("GET", "/v1/auth/session", token).json()["data"]["csrf_token"]
    for wrong in ({}, {"x-csrf-token": ""}, {"x-csrf-token": other}, {"x-csrf-token": csrf[:-1]}):
        a = call("POST", "/v1/keys", None, {"name": "x"}, {**h, **wrong})
        equal((a.status, a.code()), (403, "invalid_csrf_token"), wrong)
    a = call("POST", "/v1/keys", None, {"name": "x"}, {**h, "x-csrf-token": csrf})
    equal((a.status, a.json()["data"]["creator_user_id"]), (201, me["user"]["id"]), a)
    a = call("POST", "/v1/keys", token, {"name": "x", "creator_user_id": "their-own"})
    equal((a.status, a.json()["data"]["creator_user_id"]), (201, "their-own"), a)
    a = call("POST", "/v1/auth/login", None, {"email": email, "password": "x"}, {"Sec-Fetch-Site": "cross-site"})
    equal((a.status, a.code()), (403, "cross_site"))
    # Sessions: seen, ended one by one and all.
    listed = call("GET", "/v1/auth/sessions", token).json()["data"]
    equal((len(listed), [s["current"] for s in listed].count(True)), (2, True))
    mine = [s["id"] for s in listed if not s["current"]][0]
    equal(call("DELETE", f"/v1/auth/sessions/{theirs.session}", token).status, 404)
    equal(call("DELETE", f"/v1/auth/sessions/{mine}", token).status, 200)
    equal(call("GET", "/v1/auth/session", None, None, h).code(), "invalid_session")
    a = call("DELETE", "/v1/auth/sessions", token)
    equal(a.status, 200)
    true("Max-Age=0" in a.headers["set-cookie"], a.headers)
    equal(call("GET", "/v1/auth/session", token).status, 401)
    # One that rests too long, and one that is too old.
    for change in ("last_seen_at = now() - interval '8 days'", "expires_at = now() - interval '1 second'"):
        token = sign_in(email, 'with "quotes" \\ and \u00e4', token=True).json()["data"]["token"]
        equal(call("GET", "/v1/auth/session", token).status, 200)
        plane.sql(f"UPDATE session SET {change} WHERE digest = '\\x{digest_of(token)}'")
        equal(call("GET", "/v1/auth/session", token).status, 401, change)
    # Nothing that signs anybody in is kept.
    dump = subprocess.run(["pg_dump", "--data-only", plane.conninfo], capture_output=True, text=True, check=True).stdout
    for secret in (token, token[9:], 'with "quotes"', "correct horse", csrf):
        true(secret not in dump, "a secret is in the database")
    true("$argon2id$" in dump, "the password's string")


def processor_ticks():
    """Of the control plane with all its threads, since it started."""
    with open(f"/proc/{plane.process.pid}/stat") as f:
        fields = f.read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


@case
def passwords_are_changed_and_guesses_throttled():
    email = uuid.uuid4().hex + "@new.example"
    token = sign_up(email).json()["data"]["token"]
    second = sign_in(email, token=True).json()["data"]["token"]
    wrong = {"current_password": "wrong horse!", "new_password": "another horse"}
    a = call("POST", "/v1/auth/password", token, wrong, {"idempotency-key": "once"})
    equal((a.status, a.code()), (403, "invalid_password"))
    # Nothing of a password is kept, whatever key comes along.
    equal(plane.sql("SELECT count(*) FROM rest_idempotency WHERE digest = sha256('once')"), "0")
    a = call("POST", "/v1/auth/password", token, {"current_password": "correct horse", "new_password": "short"})
    equal((a.status, a.param()), (400, "new_password"))
    a = call("POST", "/v1/auth/password", token, {"current_password": "correct horse", "new_password": "another horse"})
    equal(a.status, 200, a)
    equal((call("GET", "/v1/auth/session", token).status, call("GET", "/v1/auth/session", second).status), (200, 401))
    unknown = uuid.uuid4().hex + "@new.example"
    plane.sql("DELETE FROM login_throttle")
    a, b = sign_in(email), sign_in(unknown)
    equal((a.status, a.code()), (401, "invalid_login"))
    equal(a.body, b.body)  # whether somebody has the address is not told
    spent = {email: 0, unknown: 0}
    for _ in range(4):
        for who in spent:
            plane.sql("DELETE FROM login_throttle")
            before = processor_ticks()
            sign_in(who)
            spent[who] += processor_ticks() - before
    # One side that skips the hash would spend next to nothing. Processor time is the same on a busy machine.
    true(spent[email] >= 4 and spent[unknown] > spent[email] / 3, spent)
    plane.sql("DELETE FROM login_throttle")
    said = [sign_in(email, "guess number " + str(n)).status for n in range(11)]
    equal(said, [401] * 10 + [429])
    a = sign_in(email, "another horse")
    equal((a.status, a.code()), (429, "too_many_attempts"))
    true(1 <= int(a.headers["retry-after"]) <= 31, a.headers)
    equal(sign_in(unknown).status, 401)  # another address is another matter
    plane.sql("UPDATE login_throttle SET full_at = full_at - interval '31 seconds'")
    equal(sign_in(email, "another horse").status, 200)
    equal(sign_in(email, "guess again!").status, 401)  # and the count began anew
    plane.sql("DELETE FROM login_throttle")
    said = [call("POST", "/v1/invitations/accept", None, {"invitation": "sk-tr-i1-" + "A" * 43, "password": "x"}).status
            for n in range(31)]
    equal(said, [404] * 30 + [429])  # of one network address
    plane.sql("UPDATE login_throttle SET full_at = now() - interval '1 second'")
    sign_in(unknown)
    equal(plane.sql("SELECT count(*) FROM login_throttle"), "3")  # what is full again has gone


@case
def invitations_and_the_last_owner():
    plane.sql("DELETE FROM login_throttle")
    owner = sign_up(uuid.uuid4().hex + "@new.example").json()["data"]["token"]
    guest = uuid.uuid4().hex + "@guest.example"
    a = call("POST", "/v1/invitations", owner, {"email": guest, "role": "admin"})
    equal(a.status, 201, a)
    first = a.json()["invitation"]
    second = call("POST", "/v1/invitations", owner, {"email": guest, "role": "admin"}).json()["invitation"]
    accept = {"invitation": first, "password": "guest password", "token": True}
    equal(call("POST", "/v1/invitations/accept", None, accept).status, 404)  # the later one replaced it
    accept["invitation"] = second
    equal(call("POST", "/v1/invitations/accept", None, {**accept, "password": "short"}).param(), "password")
    a = call("POST", "/v1/invitations/accept", None, accept)
    equal(a.status, 200, a)
    admin = a.json()["data"]["token"]
    equal(call("POST", "/v1/invitations/accept", None, accept).status, 404)  # once
    me = call("GET", "/v1/auth/session", admin).json()["data"]
    equal((me["role"], me["user"]["email"]), ("admin", guest))
    equal(call("POST", "/v1/invitations", owner, {"email": guest.upper(), "role": "viewer"}).code(), "already_member")
    # Nobody gives or takes a role above their own.
    members = {m["role"]: m["id"] for m in call("GET", "/v1/members", owner).json()["data"]}
    for method, path, body in (("POST", "/v1/invitations", {"email": "x@y.example", "role": "owner"}),
                               ("PATCH", "/v1/members/" + members["admin"], {"role": "owner"}),
                               ("PATCH", "/v1/members/" + members["owner"], {"role": "viewer"}),
                               ("DELETE", "/v1/members/" + members["owner"], None)):
        a = call(method, path, admin, body)
        equal((a.status, a.code()), (403, "insufficient_role"), path)
    # The last owner stays one, also when two owners step down at the same time.
    for method, path, body in (("PATCH", "/v1/members/" + members["owner"], {"role": "admin"}),
                               ("DELETE", "/v1/members/" + members["owner"], None),
                               ("POST", "/v1/organisation/leave", None)):
        a = call(method, path, owner, body)
        equal((a.status, a.code()), (409, "last_owner"), path)
    equal(call("PATCH", "/v1/members/" + members["admin"], owner, {"role": "owner"}).status, 200)
    start, got = threading.Barrier(2), []

    def step_down(key):
        start.wait()
        got.append(call("POST", "/v1/organisation/leave", key).status)

    pair = [threading.Thread(target=step_down, args=(k,)) for k in (owner, admin)]
    for p in pair:
        p.start()
    for p in pair:
        p.join()
    equal(sorted(got), [200, 409])
    gone = owner if call("GET", "/v1/members", owner).status == 403 else admin
    left = call("GET", "/v1/auth/session", gone).json()["data"]
    equal((left["role"], left["workspaces"], left["workspace_id"]), ("nobody", [], None))
    stays = admin if gone is owner else owner
    # A user of another organisation accepts with the password they have.
    plane.sql("DELETE FROM login_throttle")
    other = uuid.uuid4().hex + "@new.example"
    sign_up(other)
    token = call("POST", "/v1/invitations", stays, {"email": other, "role": "billing"}).json()["invitation"]
    accept = {"invitation": token, "password": "not my password", "token": True}
    equal(call("POST", "/v1/invitations/accept", None, accept).code(), "invalid_login")
    a = call("POST", "/v1/invitations/accept", None, {**accept, "password": "correct horse"})
    both = call("GET", "/v1/auth/session", a.json()["data"]["token"]).json()["data"]
    equal(sorted(w["role"] for w in both["workspaces"]), ["billing", "owner"])
    a = call("POST", "/v1/invitations", stays, {"email": "late@x.example", "role": "viewer"})
    plane.sql(f"UPDATE invitation SET expires_at = now() WHERE invitation_id = '{a.json()['data']['id']}'")
    accept = {"invitation": a.json()["invitation"], "password": "correct horse"}
    equal(call("POST", "/v1/invitations/accept", None, accept).status, 404)


@case
def workspaces_of_an_organisation():
    plane.sql("DELETE FROM login_throttle")
    owner = sign_up(uuid.uuid4().hex + "@new.example").json()["data"]["token"]
    first = call("GET", "/v1/workspaces", owner).json()["data"][0]
    equal(call("DELETE", "/v1/workspaces/" + first["id"], owner).code(), "last_workspace")
    a = call("POST", "/v1/workspaces", owner, {"name": "Lab", "slug": "lab", "description": "experiments"})
    equal(a.status, 201, a)
    lab = a.json()["data"]
    equal((lab["name"], lab["slug"], lab["description"], lab["state"]), ("Lab", "lab", "experiments", "active"))
    equal(call("POST", "/v1/workspaces", owner, {"name": "Lab", "slug": "lab"}).code(), "slug_taken")
    for slug in ("", "Lab", "-lab", "a b", "x" * 65):
        equal(call("POST", "/v1/workspaces", owner, {"name": "Lab", "slug": slug}).param(), "slug")
    equal(call("PATCH", "/v1/workspaces/" + lab["id"], owner, {"slug": "default"}).code(), "slug_taken")
    a = call("PATCH", "/v1/workspaces/" + lab["id"], owner, {"name": "Laboratory", "description": None})
    equal((a.json()["data"]["name"], a.json()["data"]["description"]), ("Laboratory", None))
    # The same session in either, by header or by query.
    h = {"x-trustedrouter-workspace": lab["id"]}
    a = call("POST", "/v1/keys", owner, {"name": "in the lab", "role": "management"}, h)
    equal(a.status, 201, a)
    key = a.json()["key"]
    equal(call("GET", "/v1/keys", owner).json()["data"], [])
    equal(len(call("GET", "/v1/keys?workspace_id=" + lab["id"], owner).json()["data"]), 1)
    equal([w["id"] for w in call("GET", "/v1/workspaces", key).json()["data"]], [lab["id"]])
    equal(call("GET", "/v1/workspaces/" + first["id"], key).status, 404)
    equal(call("POST", "/v1/credits/topup", operator, {"amount": 1, "account_id": lab["id"]}).status, 200)
    equal(call("DELETE", "/v1/workspaces/" + lab["id"], owner).code(), "workspace_has_credit")
    a = call("POST", "/v1/workspaces", owner, {"name": "Spare", "slug": "spare"})
    equal(call("DELETE", "/v1/workspaces/" + a.json()["data"]["id"], owner).status, 200)
    equal(call("PATCH", "/v1/organisation", owner, {"name": "Renamed"}).json()["data"]["name"], "Renamed")
    equal(call("DELETE", "/v1/organisation", owner).status, 200)
    equal(call("GET", "/v1/key", key).code(), "account_closed")
    equal(call("GET", "/v1/workspaces", owner).code(), "no_organisation")
    equal(call("DELETE", "/v1/organisation", operator).code(), "operator_account")


def refused_by_head(path, body, headers):
    """The answer to a request whose body is not read: only its beginning is sent, more than small bodies have."""
    data = json.dumps(body).encode()
    context = ssl.create_default_context(cafile=os.path.join(plane.dir, "state/ca.pem"))
    http1 = http.client.HTTPSConnection("127.0.0.1", plane.port, context=context, timeout=20)
    try:
        http1.putrequest("POST", path)
        for name, value in {**headers, "Content-Length": str(len(data))}.items():
            http1.putheader(name, value)
        http1.endheaders(data[:80000])
        r = http1.getresponse()
        return r.status, json.loads(r.read())["error"]["code"]
    finally:
        http1.close()


@case
def large_bodies_by_cookie():
    """A body that only some routes take, of a page: judged by its head, whose cookie needs the other token, too."""
    token = operator_sessions["developer"]
    cookie = {"Cookie": "__Host-tr_session=" + token, "content-type": "application/json"}
    csrf = call("GET", "/v1/auth/session", None, None, cookie).json()["data"]["csrf_token"]
    large = {"text": "# " + "x" * 300000 + "\n[no such section]\n"}
    a = call("POST", "/v1/catalog/drafts", None, large, {**cookie, "x-csrf-token": csrf})
    equal((a.status, a.code()), (400, "invalid_catalog"), a)
    for wrong in ({}, {"x-csrf-token": csrf[:-1] + "x"}, {"x-csrf-token": "0" * 64}):
        equal(refused_by_head("/v1/catalog/drafts", large, {**cookie, **wrong}), (403, "invalid_csrf_token"), wrong)
    viewer = {"Cookie": "__Host-tr_session=" + ours.keys["owner"]}
    csrf = call("GET", "/v1/auth/session", None, None, viewer).json()["data"]["csrf_token"]
    equal(refused_by_head("/v1/catalog/drafts", large, {**viewer, "x-csrf-token": csrf}), (403, "insufficient_role"))
    equal(refused_by_head("/v1/catalog/drafts", large, {}), (401, "missing_api_key"))


@case
def sign_up_can_be_off():
    plane.stop()
    with open(os.path.join(plane.dir, "conf")) as f:
        text = f.read()
    with open(os.path.join(plane.dir, "conf"), "w") as f:
        f.write(text.replace("sign_up = on\n", ""))
    local.http = None
    plane.start()
    a = sign_up(uuid.uuid4().hex + "@new.example")
    equal((a.status, a.code()), (403, "sign_up_off"))


try:
    conninfo = subprocess.run([os.path.join(rig.ROOT, "tests/lib/pg"), "start", pg], capture_output=True, text=True,
                              check=True).stdout.strip().splitlines()[-1]
    plane = log_plane.Plane(work, "plane", conninfo)
    with open(os.path.join(plane.dir, "conf"), "a") as f:
        f.write("sign_up = on\n")
    operator = plane.run("--bootstrap")
    plane.start()
    house = plane.sql("SELECT organisation_id FROM organisation WHERE operator")
    operator_sessions = {r: session_of(house, r) for r in MEMBERS}
    ours, theirs = Tenant(operator), Tenant(operator)
    rig.main()
finally:
    if plane is not None:
        plane.stop()
    subprocess.run([os.path.join(rig.ROOT, "tests/lib/pg"), "stop", pg], check=False)
    subprocess.run(["rm", "-rf", work, pg], check=False)
