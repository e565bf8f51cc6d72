#!/usr/bin/env python3
"""An account whose password is lost: messages through a real SMTP server (PyPI aiosmtpd) over TLS and by STARTTLS, and codes
that were written down. A PostgreSQL and a control plane of its own."""

import email
import os
import re
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import rig  # noqa: E402
from rig import case, equal, true, wait_until  # noqa: E402
from sign_in_plane import Browser, SignInPlane  # noqa: E402

plane = SignInPlane(mail="smtps")
PASSWORD, ANOTHER = "correct horse battery", "another horse entirely"


def new_user(tag="user"):
    address = f"{rig.fresh(tag)}@b.example"
    b = Browser(plane)
    a = b.api("POST", "/auth/signup", {"email": address, "password": PASSWORD})
    equal(a.status, 201, a)
    return address, b, a.json()["data"]["csrf_token"]


def login(address, password, b=None):
    return (b or Browser(plane)).api("POST", "/auth/login", {"email": address, "password": password})


def ask(address):
    a = Browser(plane).api("POST", "/auth/recover", {"email": address})
    equal(a.status, 202, a)
    return a


def link_for(address, n=1):
    """The token of the n-th message to this address."""
    def mine():
        return [t for m, t in plane.messages() if m["to"] == [address]]
    wait_until(lambda: len(mine()) >= n, 10, "the message comes")
    text = email.message_from_string(mine()[n - 1]).get_payload()
    return re.search(re.escape(plane.origin) + r"/recover#(sk-tr-r1-[\w-]{43})\r?\n", text).group(1)


def wait_for_messages(address, n):
    def mine():
        return [(m, t) for m, t in plane.messages() if m["to"] == [address]]
    wait_until(lambda: len(mine()) >= n, 10, "the messages come")
    return mine()


def finish(token, password=ANOTHER, b=None):
    return (b or Browser(plane)).api("POST", "/auth/recover/finish", {"token": token, "password": password})


@case
def a_message_and_a_new_password():
    address, old, _ = new_user()
    elsewhere = Browser(plane)
    equal(login(address, PASSWORD, elsewhere).status, 200)
    ask(address.upper())
    token = link_for(address)
    m, text = next((m, t) for m, t in plane.messages() if m["to"] == [address])
    equal((m["from"], m["tls"], m["login"]), ("noreply@console.example", True, "router"))
    head = email.message_from_string(text)
    equal((head["From"], head["To"], head["Auto-Submitted"], head["Subject"]),
          ("noreply@console.example", address, "auto-generated", "TrustedRouter: a new password"))
    true(head["Date"] and head["Message-ID"].endswith("@console.example>"), text)
    true("?" not in re.search(r"https://\S+", head.get_payload().split("minutes:")[1]).group(0), "nothing in a query")
    # The new password has the rules of every other one, and the link outlives a refusal.
    equal(finish(token, "short").json()["error"]["param"], "password")
    equal(finish(token, address).json()["error"]["param"], "password")
    b = Browser(plane)
    a = finish(token, b=b)
    equal(a.status, 200, a)
    equal(b.session()["user"]["email"], address)
    equal((old.session(), elsewhere.session()), (None, None))  # every other session has ended
    equal((login(address, PASSWORD).status, login(address, ANOTHER).status), (401, 200))
    equal(finish(token).code(), "not_found")  # once
    true(token not in plane.sql("SELECT coalesce(jsonb_agg(t)::text, '') FROM recovery_token t"))


@case
def what_others_may_have_prepared_ends_with_the_old_password():
    """Codes of whoever had the account before, and a passkey that is being added when its session ends."""
    address, old, csrf = new_user()
    codes = codes_of(old, csrf)
    me = old.session()
    user, session = me["user"]["id"], me["session"]["id"]
    plane.sql(f"INSERT INTO sign_in_challenge VALUES ('\\x{'ab' * 32}', 'passkey_add', '{user}', '{session}', now() + interval '9 minutes')")
    ask(address)
    b = Browser(plane)
    equal(finish(link_for(address), b=b).status, 200)
    equal(b.api("GET", "/auth/recovery-codes").json()["data"]["remaining"], 0)
    equal(use(address, codes[0]).code(), "invalid_code")
    added = plane.sql(f"SELECT outcome FROM passkey_add('\\x{'ab' * 32}', '{user}', '{session}', 'AAAA', 'late', -7, '\\x{'01' * 64}', 0, false)")
    equal((added.strip(), len(b.api("GET", "/auth/identities").json()["data"])), ("challenge", 1))


def with_key(key, method, path, body=None):
    return Browser(plane).api(method, path, body, authorization="Bearer " + key)


def made_key(a):
    equal(a.status, 201, a)
    return a.json()["key"], a.json()["data"]["hash"]


@case
def keys_of_a_stolen_session_are_taken_back():
    """A person with the session of somebody else makes keys in every way that there is; the user finds all of them and no other."""
    address, thief, csrf = new_user("owner")
    me = thief.session()
    workspace, user = me["workspace_id"], me["user"]["id"]
    make = {}
    make["own"] = made_key(thief.api("POST", "/keys", {"name": "own"}, csrf))
    make["named"] = made_key(thief.api("POST", "/keys", {"name": "named", "creator_user_id": None}, csrf))
    make["manages"] = made_key(thief.api("POST", "/keys", {"name": "manages", "role": "management"}, csrf))
    make["by a key"] = made_key(with_key(make["manages"][0], "POST", "/keys", {"name": "by a key"}))
    at = f"?account_id={workspace}"
    for name in ("theirs", "turned", "woken"):
        make[name] = made_key(with_key(plane.operator, "POST", "/keys" + at, {"name": name, "creator_user_id": user}))
    equal(with_key(plane.operator, "PATCH", f"/keys/{make['woken'][1]}{at}", {"disabled": True}).status, 200)
    equal(thief.api("PATCH", f"/keys/{make['woken'][1]}", {"disabled": False}, csrf).status, 200)
    make["turned"] = made_key(thief.api("POST", f"/keys/{make['turned'][1]}/rotate", {}, csrf))
    made_key(thief.api("POST", "/keys", {"name": "over", "expires_at": "2099-01-01T00:00:00Z"}, csrf))
    plane.sql(f"UPDATE api_key SET expires_at = now() WHERE name = 'over' AND account_id = '{workspace}'")
    code = thief.api("POST", "/auth/keys/code", {"callback_url": "https://evil.example/"}, csrf).json()["data"]["id"]
    ask(address)
    b = Browser(plane)
    csrf = finish(link_for(address), b=b).json()["data"]["csrf_token"]
    equal(Browser(plane).api("POST", "/auth/keys", {"code": code}).code(), "invalid_code")  # nothing is left to be fetched
    listed = {k["name"]: (k["what"], k["via"]) for k in b.api("GET", "/auth/recent-keys").json()["data"]}
    equal(listed, {"own": ("made", None), "named": ("made", None), "manages": ("made", None), "by a key": ("made", "manages"),
                   "turned": ("rotated", None), "woken": ("enabled", None)})
    link_for_notice = [email.message_from_string(t) for m, t in wait_for_messages(address, 2)][1]
    equal(link_for_notice["Subject"], "TrustedRouter: your password was set")
    true("days 6 of those" in link_for_notice.get_payload() and "sk-tr" not in link_for_notice.get_payload(), link_for_notice)
    # Nobody else sees or stops them: another user, a key, a page without the session's token; and a developer no management key.
    _, other, theirs = new_user()
    equal(other.api("GET", "/auth/recent-keys").json()["data"], [])
    equal(other.api("POST", "/auth/recent-keys/disable", {"hash": make["own"][1]}, theirs).code(), "not_found")
    equal(b.api("POST", "/auth/recent-keys/disable", {"hash": None}).code(), "invalid_csrf_token")
    for wrong in ({}, {"hash": "x"}, {"hash": make["own"][1][:62]}):
        equal(b.api("POST", "/auth/recent-keys/disable", wrong, csrf).status, 400, wrong)
    for role, seen in (("developer", {"own", "named", "by a key", "turned", "woken"}), ("viewer", set()), ("owner", set(listed))):
        plane.sql(f"UPDATE membership SET role = '{role}' WHERE user_id = '{user}'")
        equal({k["name"] for k in b.api("GET", "/auth/recent-keys").json()["data"]}, seen, role)
    # One, then all. The last key that manages the workspace stays one, with a text that nobody has.
    equal(b.api("POST", "/auth/recent-keys/disable", {"hash": make["own"][1]}, csrf).json()["data"], {"disabled": 1, "replaced": 0})
    equal(b.api("POST", "/auth/recent-keys/disable", {"hash": make["own"][1]}, csrf).code(), "not_found")
    equal(b.api("POST", "/auth/recent-keys/disable", {"hash": None}, csrf).json()["data"], {"disabled": 4, "replaced": 1})
    works = {name for name, (key, _) in make.items() if with_key(key, "GET", "/key").status == 200}
    equal(works, {"theirs"})
    equal(b.api("GET", "/auth/recent-keys").json()["data"], [])
    equal(b.api("POST", "/auth/recent-keys/disable", {"hash": None}, csrf).json()["data"], {"disabled": 0, "replaced": 0})
    kept = next(k for k in b.api("GET", "/keys").json()["data"] if k["name"] == "manages")
    again = made_key(b.api("POST", f"/keys/{kept['hash']}/rotate", {}, csrf))
    equal((with_key(again[0], "GET", "/key").status, kept["label"]), (200, "(replaced)"))


@case
def ending_all_sessions_ends_codes():
    address, b, csrf = new_user()
    codes = [b.api("POST", "/auth/keys/code", {"callback_url": "https://p.example/"}, csrf).json()["data"]["id"] for _ in range(3)]
    equal(Browser(plane).api("POST", "/auth/keys", {"code": codes[0]}).status, 200)
    a = b.api("POST", "/auth/password", {"current_password": PASSWORD, "new_password": ANOTHER}, csrf)
    equal(a.status, 200, a)
    equal(Browser(plane).api("POST", "/auth/keys", {"code": codes[1]}).code(), "invalid_code")
    code = b.api("POST", "/auth/keys/code", {"callback_url": "https://p.example/"}, csrf).json()["data"]["id"]
    equal(b.api("DELETE", "/auth/sessions", csrf=csrf).status, 200)
    equal(Browser(plane).api("POST", "/auth/keys", {"code": code}).code(), "invalid_code")


@case
def a_first_password_and_a_name():
    address, b, csrf = new_user()
    for body, name in (({"name": "Ada"}, "Ada"), ({"name": None}, None)):
        a = b.api("PATCH", "/auth/user", body, csrf)
        equal((a.status, a.json()["data"]["name"] if a.status == 200 else a), (200, name))
        equal(b.session()["user"]["name"], name)
    for wrong in ({}, {"name": ""}, {"name": "a\nb"}, {"name": "x" * 129}, {"name": "Ada", "email": "x@b.example"}):
        equal(b.api("PATCH", "/auth/user", wrong, csrf).status, 400, wrong)
    equal(b.api("PATCH", "/auth/user", {"name": "Eve"}).code(), "invalid_csrf_token")
    equal(b.api("POST", "/auth/password", {"new_password": ANOTHER}, csrf).code(), "invalid_password")  # there is one
    plane.sql(f"UPDATE user_identity SET kind = 'oidc', subject = 'first {address}', secret = NULL WHERE user_id = '{b.session()['user']['id']}'")
    elsewhere = Browser(plane)
    plane.sql("UPDATE session SET created_at = now() - interval '16 minutes'")
    equal(b.api("POST", "/auth/password", {"new_password": ANOTHER}, csrf).code(), "sign_in_again")
    plane.sql("UPDATE session SET created_at = now()")
    equal(b.api("POST", "/auth/password", {"new_password": ANOTHER}, csrf).status, 200)
    equal((login(address, ANOTHER, elsewhere).status, [i["kind"] for i in b.api("GET", "/auth/identities").json()["data"]]), (200, ["oidc", "password"]))
    equal(b.api("POST", "/auth/password", {"new_password": PASSWORD}, csrf).code(), "invalid_password")  # once


@case
def links_end():
    address, b, csrf = new_user()
    ask(address)
    first = link_for(address)
    ask(address)
    second = link_for(address, 2)
    equal(finish(first).code(), "not_found")  # the newest only
    plane.sql("UPDATE recovery_token SET expires_at = expires_at - interval '30 minutes'")
    equal(finish(second).code(), "not_found")
    ask(address)
    third = link_for(address, 3)
    a = b.api("POST", "/auth/password", {"current_password": PASSWORD, "new_password": ANOTHER}, csrf)
    equal(a.status, 200, a)
    equal(finish(third).code(), "not_found")  # a link that was sent before the password was changed
    for wrong in ("", "sk-tr-r1-" + "A" * 43, "sk-tr-s1-" + "A" * 43, b.cookie(), "x" * 60):
        a = finish(wrong)
        true((a.status, a.code()) in ((404, "not_found"), (400, "invalid_parameter")), (wrong, a))


@case
def nobody_learns_who_is_a_user():
    """The same answer, and the same time: medians, and an order that changes."""
    address, _, _ = new_user()
    took = {True: [], False: []}
    answers = set()
    for n in range(40):
        known = n % 2 == 0
        at = time.monotonic()
        a = ask(address if known else f"{rig.fresh('nobody')}@b.example")
        took[known].append(time.monotonic() - at)
        answers.add((a.status, a.body, tuple(sorted(k for k, _ in a.headers if k != "x-request-id"))))
    equal(len(answers), 1, answers)
    known, unknown = (statistics.median(took[k]) for k in (True, False))
    true(abs(known - unknown) < max(0.5 * max(known, unknown), 0.005), (known, unknown))
    print(f"# median {known * 1000:.1f} ms known, {unknown * 1000:.1f} ms unknown")
    # Three messages at once to one address, whatever is asked.
    link_for(address, 3)
    time.sleep(0.3)
    equal(len([1 for m, _ in plane.messages() if m["to"] == [address]]), 3)
    codes = [Browser(plane).api("POST", "/auth/recover/code", {"email": e, "code": "0" * 20, "password": ANOTHER}) for e in
             (address, f"{rig.fresh('nobody')}@b.example")]
    equal(len({(a.status, a.body) for a in codes}), 1)


@case
def refused_requests():
    for body, param in (({}, "email"), ({"email": "no address"}, "email"), ({"email": "a@b.example\r\nbcc: c@d.example"}, "email"),
                        ({"email": "a@b.example", "x": 1}, None)):
        a = Browser(plane).api("POST", "/auth/recover", body)
        equal((a.status, a.json()["error"]["param"]), (400, param), body)
    for path in ("/auth/recover", "/auth/recover/finish", "/auth/recover/code"):
        equal(Browser(plane).api("POST", path, {}, **{"sec-fetch-site": "cross-site"}).code(), "cross_site", path)


# --- codes

def codes_of(b, csrf, password=PASSWORD):
    a = b.api("POST", "/auth/recovery-codes", {"current_password": password}, csrf)
    equal(a.status, 201, a)
    return a.json()["data"]["codes"]


def use(address, code, password=ANOTHER, b=None):
    return (b or Browser(plane)).api("POST", "/auth/recover/code", {"email": address, "code": code, "password": password})


@case
def ten_codes_each_once():
    address, b, csrf = new_user()
    equal(b.api("GET", "/auth/recovery-codes").json()["data"], {"remaining": 0, "created_at": None})
    codes = codes_of(b, csrf)
    equal((len(codes), len(set(codes)), all(re.fullmatch(r"([0-9A-HJKMNP-TV-Z]{5}-){3}[0-9A-HJKMNP-TV-Z]{5}", c) for c in codes)), (10, 10, True), codes)
    dump = plane.sql("SELECT jsonb_agg(c) FROM recovery_code c") + plane.sql("SELECT string_agg(line, '') FROM audit_entry")
    true(not any(c in dump or c.replace("-", "") in dump for c in codes))
    elsewhere = Browser(plane)
    a = use(address, codes[3], b=elsewhere)
    equal(a.status, 200, a)
    equal((elsewhere.session()["user"]["email"], b.session()), (address, None))
    equal((login(address, PASSWORD).status, login(address, ANOTHER).status), (401, 200))
    equal(use(address, codes[3]).code(), "invalid_code")  # once
    equal(elsewhere.api("GET", "/auth/recovery-codes").json()["data"]["remaining"], 9)
    # As people write them down: small letters, spaces, O for 0, l for 1.
    written = codes[4].lower().replace("-", " ").replace("0", "o").replace("1", "l")
    equal(use(address, written).status, 200)
    # Another user's code, and codes that are none.
    other, ob, ocsrf = new_user()
    theirs = codes_of(ob, ocsrf)
    equal(use(address, theirs[0]).code(), "invalid_code")
    equal(use(other, theirs[0]).status, 200)
    for bad in ("", "0" * 19, "0" * 21, "U" * 20, "é" * 20, "\\" * 20):
        a = use(address, bad)
        equal((a.status, a.json()["error"]["param"]), (400, "code"), (bad, a))


@case
def new_codes_replace_the_old_ones():
    address, b, csrf = new_user()
    old = codes_of(b, csrf)
    new = codes_of(b, csrf)
    equal(use(address, old[0]).code(), "invalid_code")
    equal(use(address, new[0]).status, 200)


@case
def codes_need_the_password():
    _, b, csrf = new_user()
    equal(b.api("POST", "/auth/recovery-codes", {"current_password": PASSWORD}).code(), "invalid_csrf_token")
    for body in ({}, {"current_password": "wrong"}, {"current_password": None}):
        equal(b.api("POST", "/auth/recovery-codes", body, csrf).code(), "invalid_password", body)
    equal(b.api("GET", "/auth/recovery-codes").json()["data"]["remaining"], 0)
    equal(Browser(plane).api("POST", "/auth/recovery-codes", {}).status, 401)
    # A user who has no password has to have signed in just now.
    address, b, csrf = new_user()
    plane.sql(f"UPDATE user_identity SET kind = 'oidc', subject = 'x y', secret = NULL WHERE user_id = (SELECT user_id FROM app_user WHERE email = '{address}')")
    equal(b.api("POST", "/auth/recovery-codes", {}, csrf).status, 201)
    plane.sql("UPDATE session SET created_at = now() - interval '16 minutes'")
    equal(b.api("POST", "/auth/recovery-codes", {}, csrf).code(), "sign_in_again")
    # And gets one by a link.
    ask(address)
    equal(finish(link_for(address)).status, 200)
    equal(login(address, ANOTHER).status, 200)


# --- bounds, other servers, traces

def restart(old, new):
    plane.stop()
    with open(os.path.join(plane.dir, "conf")) as f:
        text = f.read()
    true(old in text, old)
    with open(os.path.join(plane.dir, "conf"), "w") as f:
        f.write(text.replace(old, new))
    plane.start()


@case
def tries_are_counted():
    restart("pages_per_ip_per_s = 0", "pages_per_ip_per_s = 1000")
    address, b, csrf = new_user()
    got = [use(address, "0" * 20).code() for _ in range(11)]
    equal(got, ["invalid_code"] * 9 + ["too_many_attempts"] * 2)  # signing up was the first of ten
    got = [Browser(plane).api("POST", "/auth/recover", {"email": "x@b.example"}).status for _ in range(11)]
    equal(got, [202] * 10 + [429])
    plane.sql("DELETE FROM login_throttle")
    got = [finish("sk-tr-r1-" + "A" * 43).code() for _ in range(31)]
    equal(set(got[:30]), {"not_found"})
    equal(got[30], "too_many_attempts")
    plane.sql("DELETE FROM login_throttle")
    got = [b.api("POST", "/auth/recovery-codes", {"current_password": "wrong"}, csrf).code() for _ in range(11)]
    equal(got, ["invalid_password"] * 10 + ["too_many_attempts"])
    restart("pages_per_ip_per_s = 1000", "pages_per_ip_per_s = 0")


@case
def starttls_and_servers_that_refuse():
    plane.mail_server.kill()
    plane.mail_server.wait()
    address, _, _ = new_user()
    ask(address)  # nobody listens: the answer is the same
    plane.mail_kind = "starttls"
    restart(f"mail_url = smtps://127.0.0.1:{plane.mail_port}", f"mail_url = smtp://127.0.0.1:{plane.mail_port}")
    plane.start_mail()
    ask(address)
    token = link_for(address)
    equal([(m["tls"], m["login"]) for m, _ in plane.messages() if m["to"] == [address]], [(True, "router")])
    equal(finish(token).status, 200)
    bounces, _, _ = new_user("bounce")
    ask(bounces)
    wait_until(lambda: '"sent":0' in open(os.path.join(plane.dir, "log")).read(), 10, "a refusal is logged")
    # A certificate that nobody vouches for: nothing is sent.
    restart(f"mail_ca = {plane.ca}\n", "")
    before = len(plane.messages())
    address, _, _ = new_user()
    log = os.path.join(plane.dir, "log")
    lines = open(log).read().count('"sent":0')
    ask(address)
    wait_until(lambda: open(log).read().count('"sent":0') > lines, 10, "it is refused")
    equal(len(plane.messages()), before)


@case
def nothing_secret_is_logged():
    with open(os.path.join(plane.dir, "log")) as f:
        log = f.read()
    for word in ("sk-tr-r1-", "b.example", "mail password", PASSWORD, ANOTHER):
        true(word not in log, word)
    for _, text in plane.messages():
        true(all(token not in log for token in re.findall(r"sk-tr-r1-\S+", text)))


@case
def without_mail():
    plane.stop()
    with open(os.path.join(plane.dir, "conf")) as f:
        text = f.read()
    with open(os.path.join(plane.dir, "conf"), "w") as f:
        f.write("".join(line for line in text.splitlines(True) if not line.startswith("mail_")))
    plane.start()
    a = Browser(plane).api("POST", "/auth/recover", {"email": "x@b.example"})
    equal((a.status, a.code()), (403, "recovery_mail_off"))
    equal(Browser(plane).api("GET", "/console").json()["data"]["sign_in"]["recovery_mail"], False)


try:
    plane.start()
    plane.start_mail()
    failed = rig.run_cases()
finally:
    plane.close()
sys.exit(1 if failed else 0)
