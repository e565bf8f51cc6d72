#!/usr/bin/env python3
"""Signing in at providers of identities, against a certified issuer (npm oidc-provider), an issuer that lies in every way
that a token can, and a service with GitHub's part of OAuth: who is let in, whose identity becomes whose, and what another
browser, another site or another session gets. A PostgreSQL and a control plane of its own."""

import hashlib
import os
import subprocess
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import log_plane  # noqa: E402
import rig  # noqa: E402
from rig import case, equal, true  # noqa: E402
from sign_in_plane import Browser, SignInPlane  # noqa: E402

LISTED = "https://pages.example"  # by the operator
plane = SignInPlane(f"cors_origins = {LISTED}")
PASSWORD = "correct horse battery"


def fresh_person(tag):
    name = rig.fresh(tag)
    plane.control(plane.real, sub=name, email=f"{name}@idp.example", name=f"Name {name}")
    return name, f"{name}@idp.example"


def password_user(email):
    b = Browser(plane)
    a = b.api("POST", "/auth/signup", {"email": email, "password": PASSWORD})
    equal(a.status, 201, a)
    return b, a.json()["data"]["csrf_token"]


def adding(browser):
    """The query with which a page of ours adds an identity to this browser's user."""
    return "?link=true&csrf=" + browser.session()["csrf_token"]


def users():
    return int(plane.sql("SELECT count(*) FROM app_user"))


def error_of(where):
    u = urllib.parse.urlsplit(where)
    return u.path, urllib.parse.parse_qs(u.query).get("error", [None])[0]


# --- the certified issuer

@case
def one_sign_up_and_many_sign_ins():
    name, email = fresh_person("ada")
    b = Browser(plane)
    equal(plane.sign_in(b, "rs", "?return_to=/app/keys%3Fnew%3D1"), "/app/keys?new=1")
    me = b.session()
    equal((me["user"]["email"], me["user"]["name"], me["role"], len(me["workspaces"])), (email, f"Name {name}", "owner", 1))
    known = b.api("GET", "/auth/identities").json()["data"]
    equal([(i["kind"], i["provider"], i["label"]) for i in known], [("oidc", "rs", email)])
    before, token = users(), b.cookie()
    equal(plane.sign_in(b, "rs"), "/app")
    true(b.cookie() != token, "a new session every time")
    again = Browser(plane)
    equal(plane.sign_in(again, "rs"), "/app")
    equal((users(), again.session()["user"]["id"]), (before, me["user"]["id"]))
    # Another client of the same issuer, and another algorithm: the issuer's user is the same one.
    for way in ("es", "ed"):
        other = Browser(plane)
        equal(plane.sign_in(other, way), "/app")
        equal(other.session()["user"]["id"], me["user"]["id"])
    equal(users(), before)


@case
def what_is_asked_of_an_issuer():
    b = Browser(plane)
    at = urllib.parse.urlsplit(plane.begin(b, "rs"))
    q = {k: v[0] for k, v in urllib.parse.parse_qs(at.query, strict_parsing=True).items()}
    equal((q["response_type"], q["client_id"], q["scope"], q["code_challenge_method"]), ("code", "rs", "openid email profile", "S256"))
    equal(q["redirect_uri"], f"{plane.origin}/v1/auth/oidc/rs/callback")
    equal([len(q[n]) for n in ("state", "nonce", "code_challenge")], [43] * 3)
    second = urllib.parse.parse_qs(urllib.parse.urlsplit(plane.begin(Browser(plane), "rs")).query)
    for name in ("state", "nonce", "code_challenge"):
        true(second[name][0] != q[name], name)
    c = b.jar[plane.origin]["__Host-tr_sign_in"]
    true(c["httponly"] and c["secure"] and c["samesite"] == "Lax" and c["max-age"] == "600", c.OutputString())
    # Neither the state nor what the browser keeps is in the database.
    dump = plane.sql("SELECT * FROM sign_in_state")
    true(q["state"] not in dump and c.value not in dump and q["nonce"] not in dump)
    a = b.api("GET", "/console")
    ways = {w["id"]: w["name"] for w in a.json()["data"]["sign_in"]["oidc"]}
    equal((ways["rs"], ways["gh"], a.json()["data"]["sign_in"]["recovery_mail"]), ("rs", "GitHub of the test", False))
    equal(b.api("GET", "/auth/oidc/nowhere").code(), "not_found")


@case
def the_session_cookie_after_the_way_back():
    fresh_person("eve")
    b = Browser(plane)
    a, _ = b.go(f"{plane.origin}/v1/auth/oidc/rs", stop=lambda u: u == plane.origin + "/app")
    cookies = [v for k, v in a.headers if k.lower() == "set-cookie"]
    mine = next(c for c in cookies if c.startswith("__Host-tr_session="))
    for part in ("HttpOnly", "Secure", "SameSite=Strict", "Path=/"):
        true(part in mine, mine)
    true(any(c.startswith("__Host-tr_sign_in=;") and "Max-Age=0" in c for c in cookies), cookies)
    equal((a.header("cache-control"), a.header("x-frame-options"), a.header("referrer-policy")),
          ("no-store", "DENY", "no-referrer"))
    true("frame-ancestors 'none'" in a.header("content-security-policy"))


# --- who becomes whom

@case
def an_address_merges_nobody():
    _, email = fresh_person("mallory")
    victim, csrf = password_user(email.upper())
    b = Browser(plane)
    equal(error_of(plane.sign_in(b, "rs", "?return_to=/app/chat")), ("/login", "email_taken"))
    equal((b.session(), b.cookie()), (None, None))
    equal(len(victim.api("GET", "/auth/identities").json()["data"]), 1)
    # Its user signs in first, and adds it.
    equal(plane.sign_in(victim, "rs", adding(victim)), "/app/settings")
    kinds = [i["kind"] for i in victim.api("GET", "/auth/identities").json()["data"]]
    equal(kinds, ["password", "oidc"])
    equal(plane.sign_in(b, "rs"), "/app")
    equal(b.session()["user"]["id"], victim.session()["user"]["id"])
    # An identity belongs to one user.
    other, _ = password_user(rig.fresh("other") + "@b.example")
    equal(error_of(plane.sign_in(other, "rs", adding(other))), ("/app/settings", "identity_taken"))
    # It is taken away again, and the last way to sign in stays.
    for i in victim.api("GET", "/auth/identities").json()["data"]:
        a = victim.api("DELETE", f"/auth/identities/{i['id']}", csrf=csrf)
        equal((a.status, None if a.status == 200 else a.code()), (200, None) if i["kind"] == "password" else (409, "last_sign_in"), a)
    equal(other.api("DELETE", f"/auth/identities/{i['id']}", csrf=other.session()["csrf_token"]).status, 404)


@case
def a_user_has_32_ways_at_most():
    fresh_person("many")
    b, _ = password_user(rig.fresh("many") + "@b.example")
    user = b.session()["user"]["id"]
    plane.sql(f"INSERT INTO user_identity (user_id, kind, subject) SELECT '{user}', 'wallet', 'of {user} ' || n FROM generate_series(1, 31) n")
    equal(error_of(plane.sign_in(b, "rs", adding(b))), ("/app/settings", "too_many_sign_ins"))
    plane.sql(f"DELETE FROM user_identity WHERE subject = 'of {user} 1'")
    equal(plane.sign_in(b, "rs", adding(b)), "/app/settings")
    equal(len(b.api("GET", "/auth/identities").json()["data"]), 32)


@case
def adding_needs_a_fresh_session_of_ones_own():
    fresh_person("late")
    b, _ = password_user(rig.fresh("late") + "@b.example")
    equal(Browser(plane).api("GET", "/auth/oidc/rs?link=true").status, 401)
    a = b.request("GET", f"{plane.origin}/v1/auth/oidc/rs?link=true", cross_site=True)
    equal(a.status, 401, a)  # another site's link: the session's cookie does not come along
    equal(b.api("GET", "/auth/oidc/rs?link=true", **{"sec-fetch-site": "cross-site"}).code(), "cross_site")
    equal(b.request("GET", f"{plane.origin}/v1/auth/oidc/rs?link=true", headers={"authorization": "Bearer " + plane.operator}).status, 403)
    # A link that somebody else wrote, and that the user follows in a page of ours, in a message, or from an address bar.
    other, theirs = password_user(rig.fresh("other") + "@b.example")
    for csrf in ("", "&csrf=", "&csrf=" + theirs, "&csrf=" + "0" * 64, "&csrf=x"):
        for headers in ({}, {"sec-fetch-site": "same-origin"}, {"sec-fetch-site": "none"}):
            equal(b.api("GET", "/auth/oidc/rs?link=true" + csrf, **headers).code(), "invalid_csrf_token", csrf)
    token = {"authorization": "Bearer " + b.cookie()}  # a program, which no page can make do this
    equal(Browser(plane).request("GET", f"{plane.origin}/v1/auth/oidc/rs?link=true", headers=token).status, 302)
    plane.sql("UPDATE session SET created_at = now() - interval '16 minutes'")
    equal(error_of(plane.sign_in(b, "rs", adding(b))), ("/app/settings", "sign_in_again"))
    plane.sql("UPDATE session SET created_at = now()")
    # The session ends while the user is at the provider.
    where = plane.begin(b, "rs", adding(b))
    plane.sql("DELETE FROM session")
    _, url = b.go(where, stop=lambda u: "/app" in u)
    equal(error_of(url[len(plane.origin):]), ("/app/settings", "session_ended"))


@case
def removing_needs_a_fresh_session():
    """Somebody who finds a page open takes no way to sign in away, by either route."""
    b, csrf = password_user(rig.fresh("open") + "@b.example")
    user = b.session()["user"]["id"]
    plane.sql(f"INSERT INTO user_identity (user_id, kind, subject) VALUES ('{user}', 'wallet', 'w {user}'), ('{user}', 'passkey', 'p {user}')")
    plane.sql(f"INSERT INTO user_passkey SELECT identity_id, 'laptop', -7, '\\x{'01' * 64}', 0, false FROM user_identity WHERE subject = 'p {user}'")
    ways = {i["kind"]: i["id"] for i in b.api("GET", "/auth/identities").json()["data"]}
    paths = {kind: f"/auth/identities/{i}" for kind, i in ways.items()} | {"the passkey's own": f"/auth/passkeys/{ways['passkey']}"}
    plane.sql(f"UPDATE session SET created_at = now() - interval '16 minutes' WHERE user_id = '{user}'")
    for kind, path in paths.items():
        equal((b.api("DELETE", path, csrf=csrf).code()), "sign_in_again", kind)
    equal(b.api("DELETE", f"/auth/passkeys/{ways['wallet']}", csrf=csrf).code(), "not_found")
    equal({i["kind"] for i in b.api("GET", "/auth/identities").json()["data"]}, {"password", "wallet", "passkey"})
    plane.sql(f"UPDATE session SET created_at = now() - interval '14 minutes' WHERE user_id = '{user}'")
    for kind in ("the passkey's own", "wallet"):
        equal(b.api("DELETE", paths[kind], csrf=csrf).status, 200, kind)
    equal(b.api("DELETE", paths["password"], csrf=csrf).code(), "last_sign_in")


@case
def unverified_addresses_are_nobodys():
    for claims in ({"email_verified": False}, {"email_verified": None}, {"email_verified": "true"}, {"email": "not an address"}):
        name = rig.fresh("un")
        plane.control(plane.real, **{"sub": name, "email": f"{name}@idp.example", **claims})
        equal(error_of(plane.sign_in(Browser(plane), "rs")), ("/login", "email_unverified"), claims)


@case
def invitations():
    owner, csrf = password_user(rig.fresh("boss") + "@b.example")
    _, email = fresh_person("guest")

    def invite(address, role="developer"):
        a = owner.api("POST", "/invitations", {"email": address, "role": role}, csrf)
        equal(a.status, 201, a)
        return a.json()["invitation"]

    def accept(invitation):
        b = Browser(plane)
        a = b.api("POST", "/auth/oidc/rs", {"invitation": invitation, "return_to": "/app/members"})
        equal(a.status, 200, a)
        _, url = b.go(a.json()["data"]["url"], stop=lambda u: u.startswith(plane.origin) and "/v1/" not in u)
        return b, url[len(plane.origin):]

    wrong = invite("somebody.else@idp.example")
    equal(error_of(accept(wrong)[1]), ("/login", "invitation"))
    token = invite(email.upper())
    b, where = accept(token)
    equal((where, b.session()["role"]), ("/app/members", "developer"))
    equal(b.session()["workspaces"][0]["id"], owner.session()["workspaces"][0]["id"])
    equal(error_of(accept(token)[1]), ("/login", "invitation"))  # once
    a = b.api("POST", "/auth/oidc/rs", {"invitation": "sk-tr-i1-short"})
    equal((a.status, a.code()), (404, "not_found"))
    equal(b.api("POST", "/auth/oidc/rs", {}, **{"sec-fetch-site": "cross-site"}).code(), "cross_site")
    # A user whom the identity is known of joins, too.
    owner2, csrf2 = password_user(rig.fresh("boss") + "@b.example")
    a = owner2.api("POST", "/invitations", {"email": email, "role": "viewer"}, csrf2)
    b, where = accept(a.json()["invitation"])
    equal((where, len(b.session()["workspaces"])), ("/app/members", 2))


# --- where one is led

@case
def nobody_is_led_elsewhere():
    b = Browser(plane)
    for bad in ("//evil.example", "/%5Cevil.example", "/\\evil.example", "https:evil", "https://evil.example", "%2F%2Fevil.example",
                "/%2Fevil.example", "/%252Fevil.example", "/%255cevil.example", "/%09/evil.example", "/%0d%0aset-cookie:x", "javascript:alert(1)", "evil.example",
                "", "/x%00", "/app//evil.example", "/v1/auth/oidc/rs", "/api/v1/x", "/" + "a" * 600, "/%C3%A4"):
        a = b.request("GET", f"{plane.origin}/v1/auth/oidc/rs?return_to={bad}")
        if bad == "":
            equal(a.status, 302)
            continue
        equal((a.status, a.code(), a.json()["error"]["param"]), (400, "invalid_parameter", "return_to"), bad)
    for bad in ("//evil.example", "/\\evil.example", "https://evil.example"):
        equal(b.api("POST", "/auth/oidc/rs", {"return_to": bad}).status, 400, bad)
    equal(b.api("GET", "/auth/oidc/rs?link=maybe").status, 400)
    equal(b.api("GET", "/auth/oidc/rs?return_to=/a&return_to=//evil.example").code(), "repeated_parameter")
    for good in ("/", "/app/keys?a=%2F%2Fb", "/models/a%2Db"):
        equal(b.request("GET", f"{plane.origin}/v1/auth/oidc/rs?return_to={urllib.parse.quote(good)}").status, 302, good)


# --- the state

def callback_of(browser, way="odd"):
    """The address of ours that the provider sends this browser to; it is not opened."""
    return browser.go(f"{plane.origin}/v1/auth/oidc/{way}", stop=lambda u: "/callback?" in u)[1]


def open_callback(browser, url):
    a = browser.request("GET", url, cross_site=True)
    equal(a.status, 302, a)
    return a.header("location")


@case
def a_state_is_of_one_browser_one_provider_and_one_use():
    plane.control(plane.odd)
    mine, theirs = Browser(plane), Browser(plane)
    url, their_url = callback_of(mine), callback_of(theirs)
    # Another browser with my address, and mine with theirs: a forged sign-in.
    equal(error_of(open_callback(theirs, url)), ("/login", "state"))
    equal(theirs.session(), None)
    nobody = Browser(plane)
    equal(error_of(open_callback(nobody, url)), ("/login", "state"))
    plane.control(plane.odd)
    # My browser begins anew: the failure above took only the cookie of the browser that had no such state.
    equal(error_of(open_callback(mine, their_url)), ("/login", "state"))
    mine, theirs = Browser(plane), Browser(plane)
    url, their_url = callback_of(mine), callback_of(theirs)
    swapped = url.split("state=")[0] + "state=" + their_url.split("state=")[1]
    kept = dict(mine.jar[plane.origin])
    equal(error_of(open_callback(mine, swapped)), ("/login", "state"))
    mine.jar[plane.origin] = kept
    # At another provider's address.
    kept = dict(mine.jar[plane.origin])
    equal(error_of(open_callback(mine, url.replace("/oidc/odd/", "/oidc/rs/"))), ("/login", "state"))
    mine.jar[plane.origin] = dict(kept)
    # Their code with my state: PKCE, and the nonce.
    code, state = (urllib.parse.parse_qs(urllib.parse.urlsplit(u).query)[n][0] for u, n in ((their_url, "code"), (url, "state")))
    equal(error_of(open_callback(mine, f"{plane.origin}/v1/auth/oidc/odd/callback?code={code}&state={state}")), ("/login", "provider_refused"))
    mine.jar[plane.origin] = dict(kept)
    equal(error_of(open_callback(mine, url)), ("/login", "state"))  # used
    equal(mine.session(), None)
    # And one that is not disturbed.
    good = Browser(plane)
    url = callback_of(good)
    kept = dict(good.jar[plane.origin])
    equal(open_callback(good, url), "/app")
    true(good.session())
    good.jar[plane.origin].update(kept)
    equal(error_of(open_callback(good, url)), ("/login", "state"))  # the code is replayed, cookie and all
    late = Browser(plane)
    url = callback_of(late)
    plane.sql("UPDATE sign_in_state SET expires_at = now() - interval '1 second'")
    equal(error_of(open_callback(late, url)), ("/login", "state"))


@case
def callbacks_that_are_none():
    b = Browser(plane)
    for query in ("", "?code=x", "?state=", "?state=" + "A" * 43, "?code=x&state=" + "A" * 42, "?code=x&state=" + "A" * 5000,
                  "?error=access_denied&state=" + "B" * 43, "?code=%00&state=" + "A" * 43):
        plane.begin(b, "odd")
        equal(error_of(open_callback(b, f"{plane.origin}/v1/auth/oidc/odd/callback{query}")), ("/login", "state"), query)
    # The user says no at the provider: back to where the browser was going.
    where = plane.begin(b, "gh", "?return_to=/app/chat")
    plane.control(plane.github, denied=True)
    _, url = b.go(where, stop=lambda u: "/login?" in u)
    equal(urllib.parse.parse_qs(urllib.parse.urlsplit(url).query), {"error": ["denied"], "return_to": ["/app/chat"]})
    plane.control(plane.github)


@case
def pages_of_other_origins_sign_nobody_in():
    login = {"email": "nobody@b.example", "password": PASSWORD}
    ways = [("POST", "/auth/login", login), ("POST", "/auth/signup", {}), ("POST", "/auth/oidc/rs", {}), ("POST", "/invitations/accept", {}),
            ("POST", "/auth/recover/code", {}), ("POST", "/auth/wallet", {}), ("GET", "/auth/oidc/rs?link=true", None)]
    theirs = ({"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"sec-fetch-site": "same-site", "origin": "https://www.example"},
              {"sec-fetch-site": "cross-site", "origin": LISTED}, {"sec-fetch-site": "new-word"}, {"origin": "https://evil.example"},
              {"origin": "null"}, {"origin": plane.origin + ".evil.example"}, {"origin": plane.origin.replace("https", "http")})
    ours = ({}, {"sec-fetch-site": "same-origin"}, {"sec-fetch-site": "none"}, {"sec-fetch-site": "same-origin", "origin": plane.origin},
            {"origin": plane.origin}, {"origin": "https://another.example", "host": "another.example"}, {"origin": LISTED},
            {"sec-fetch-site": "same-site", "origin": LISTED})
    for method, path, body in ways:
        for headers in theirs:
            a = Browser(plane).api(method, path, body, **headers)
            equal((a.status, a.code()), (403, "cross_site"), (path, headers))
        for headers in ours:
            a = Browser(plane).api(method, path, body, **headers)
            true(b"cross_site" not in a.body, (path, headers, a))


@case
def a_planted_session_stays_the_planters():
    """Session fixation: the cookie that the browser has before is never the one that it has after signing in."""
    attacker, _ = password_user(rig.fresh("attacker") + "@b.example")
    fresh_person("prey")
    for way in ("rs", None):
        prey = Browser(plane)
        prey.jar[plane.origin] = {"__Host-tr_session": attacker.jar[plane.origin]["__Host-tr_session"]}
        planted = prey.cookie()
        if way:
            equal(plane.sign_in(prey, way), "/app")
        else:
            equal(prey.api("POST", "/auth/signup", {"email": rig.fresh("prey") + "@b.example", "password": PASSWORD}).status, 201)
        true(prey.cookie() != planted)
        true(prey.session()["user"]["id"] != attacker.session()["user"]["id"])
    # And a cookie that nobody made signs nobody in.
    prey = Browser(plane)
    prey.jar[plane.origin] = {"__Host-tr_session": attacker.jar[plane.origin]["__Host-tr_session"]}
    prey.jar[plane.origin]["__Host-tr_session"].set("__Host-tr_session", "sk-tr-s1-" + "A" * 43, "sk-tr-s1-" + "A" * 43)
    equal(prey.api("GET", "/auth/session").code(), "invalid_session")
    # Nor one whose name a neighbour's host, or whoever answers for it without TLS, can set for this one.
    a = Browser(plane).api("GET", "/auth/session", cookie=f"tr_session={attacker.cookie()}")
    equal((a.status, a.code()), (401, "missing_api_key"))


# --- tokens that lie

LIES = {
    "another nonce": {"nonce": "A" * 43},
    "no nonce": {"without": ["nonce"]},
    "another audience": {"claims": {"aud": "rs"}},
    "an audience among others without azp": {"claims": {"aud": ["odd", "rs"]}},
    "another azp": {"claims": {"aud": ["odd", "rs"], "azp": "rs"}},
    "azp of another with our audience": {"claims": {"azp": "rs"}},
    "no audience": {"without": ["aud"]},
    "an empty list of audiences": {"claims": {"aud": []}},
    "another issuer": {"claims": {"iss": "https://evil.example"}},
    "an issuer with a slash more": {"claims": {"iss": "ODD/"}},
    "no issuer": {"without": ["iss"]},
    "expired": {"at": {"exp": -120, "iat": -400}},
    "no expiry": {"without": ["exp"]},
    "an expiry that is a text": {"claims": {"exp": "4102444800"}},
    "of the future": {"at": {"iat": 300, "exp": 900}},
    "old": {"at": {"iat": -1200, "exp": 900}},
    "no time": {"without": ["iat"]},
    "alg none": {"alg": "none"},
    "alg None": {"alg": "none", "header": {"alg": "None"}},
    "HS256 with the public key as JSON": {"alg": "HS256"},
    "HS256 with the public key as PEM": {"alg": "HS256", "secret": "pem"},
    "RS256 said of another algorithm's key": {"alg": "RS256", "kid": "odd-ES256"},
    "ES256 said of an RSA key": {"alg": "ES256", "kid": "odd-RS256"},
    "an algorithm that is not taken": {"header": {"alg": "RS512"}},
    "another key": {"key": "other"},
    "a short RSA key": {"key": "weak", "kid": "weak"},
    "claims changed afterwards": {"tamper": True},
    "critical extensions": {"header": {"crit": ["b64"], "b64": False}},
    "ES256 in DER": {"alg": "ES256", "der": True},
    "an embedded key": {"key": "other", "header": {"jwk": {"kty": "oct", "k": "AAAA"}, "kid": "mine"}},
    "the subject twice": {"twice": '"sub":"somebody-else"'},
    "no subject": {"without": ["sub"]},
    "an empty subject": {"claims": {"sub": ""}},
    "a subject that is a number": {"claims": {"sub": 1}},
    "a subject of 256 letters": {"claims": {"sub": "s" * 256}},
    "no token": {"token": ""},
    "two parts": {"token": "e30.e30"},
    "not base64": {"token": "!.!.!"},
    "a token of 20000 letters": {"token": "e30." + "A" * 20000 + ".AAAA"},
    "somebody else's userinfo": {"without": ["email"], "userinfo": {"sub": "odd-2"}},
    "a redirect of another issuer": {"back": {"iss": "https://evil.example"}},
}


@case
def tokens_that_lie():
    before = users()
    for what, odd in LIES.items():
        if odd.get("claims", {}).get("iss") == "ODD/":
            odd = {"claims": {"iss": plane.odd + "/"}}
        plane.control(plane.odd, **odd)
        b = Browser(plane)
        equal(error_of(plane.sign_in(b, "odd")), ("/login", "provider_refused"), what)
        equal((b.session(), b.cookie()), (None, None), what)
    equal(users(), before)
    # The twins: the same in right.
    for what, odd in {"plain": {}, "the issuer named in the redirect": {"back": {"iss": plane.odd}},
                      "several audiences with azp": {"claims": {"aud": ["odd", "rs"], "azp": "odd"}},
                      "a list of one": {"claims": {"aud": ["odd"]}}, "ES256": {"alg": "ES256"}, "EdDSA": {"alg": "EdDSA"},
                      "a little late": {"at": {"exp": -30, "iat": -330}}, "no kid, one key for it": {"kid": None},
                      "the address at userinfo": {"without": ["email", "email_verified"]}}.items():
        plane.control(plane.odd, **odd)
        b = Browser(plane)
        equal(plane.sign_in(b, "odd"), "/app", what)
        true(b.session(), what)
    # What a browser sends along with the code, and is not looked at.
    plane.control(plane.odd, back={"session_state": "x", "scope": "openid", "authuser": "0", "hd": "example.com", "prompt": "none"})
    equal(plane.sign_in(Browser(plane), "odd"), "/app")


@case
def a_new_key_is_fetched_once():
    age = "a key that is not known is fetched when the last fetch is some seconds old"
    plane.stop()
    plane.start()  # nothing is known of the issuer
    plane.control(plane.odd)
    equal(plane.sign_in(Browser(plane), "odd"), "/app")
    equal(plane.sign_in(Browser(plane), "odd"), "/app")
    equal(plane.control(plane.odd, key="other", kid="other")["jwks"], 1)  # cached
    # Not known, and not published: no fetch within ten seconds of the last.
    for _ in range(3):
        equal(error_of(plane.sign_in(Browser(plane), "odd")), ("/login", "provider_refused"))
    equal(plane.control(plane.odd, key="other", kid="other", published=True)["jwks"], 0, age)
    time.sleep(10.2)
    equal(plane.sign_in(Browser(plane), "odd"), "/app", age)
    equal(plane.sign_in(Browser(plane), "odd"), "/app")
    equal(plane.control(plane.odd, kid=None)["jwks"], 1)
    equal(error_of(plane.sign_in(Browser(plane), "odd")), ("/login", "provider_refused"), "which of two keys?")
    plane.control(plane.odd)


# --- issuers that do not answer

@case
def issuers_that_do_not_answer():
    slow = []

    def wait():
        b = Browser(plane)
        slow.append(error_of(plane.sign_in(b, "odd")))

    plane.stop()
    plane.start()
    # A code is exchanged with an issuer that says nothing; meanwhile everybody else signs in and reads pages.
    plane.control(plane.odd, slow="/token")
    waiting = [threading.Thread(target=wait) for _ in range(40)]  # more than the public pages' places
    for t in waiting:
        t.start()
    fresh_person("quick")
    equal(plane.sign_in(Browser(plane), "rs"), "/app")
    for _ in range(40):
        equal(Browser(plane).api("GET", "/console").status, 200)
    for t in waiting:
        t.join()
    equal(set(slow), {("/login", "provider_unavailable")})
    equal(error_of(plane.sign_in(Browser(plane), "down")), ("/login", "provider_unavailable"))
    equal(Browser(plane).api("POST", "/auth/oidc/down", {}).code(), "provider_unavailable")
    known = "/.well-known/openid-configuration"
    for what in ("huge", "fails", "garbage", "redirects"):
        for path in (known, "/token", "/jwks"):
            plane.stop()
            plane.start()
            plane.control(plane.odd, **{what: path})
            path_of, error = error_of(plane.sign_in(Browser(plane), "odd"))
            true(path_of == "/login" and error in ("provider_unavailable", "provider_refused"), (what, path, error))
    for wrong in ({"issuer": "https://evil.example"}, {"token_endpoint": "http://evil.example/token"}, {"token_endpoint": None},
                  {"jwks_uri": "file:///etc/passwd"}, {"authorization_endpoint": "javascript:alert(1)"},
                  {"authorization_endpoint": "https://a@evil.example/"}, {"userinfo_endpoint": 5}):
        plane.stop()
        plane.start()
        plane.control(plane.odd, discovery=wrong)
        true(error_of(plane.sign_in(Browser(plane), "odd"))[1] in ("provider_unavailable", "provider_refused"), wrong)
    plane.control(plane.odd)
    equal(plane.sign_in(Browser(plane), "odd"), "/app")


# --- GitHub

@case
def github():
    plane.control(plane.github)
    b = Browser(plane)
    equal(plane.sign_in(b, "gh"), "/app")
    me = b.session()
    equal((me["user"]["email"], me["user"]["name"]), ("octocat@github.example", "The Octocat"))
    # A login and an address may change; the number is the user.
    plane.control(plane.github, user={"login": "renamed"}, emails=[{"email": "new@github.example", "primary": True, "verified": True}])
    equal(plane.sign_in(b, "gh"), "/app")
    equal((b.session()["user"]["id"], b.api("GET", "/auth/identities").json()["data"][0]["label"]), (me["user"]["id"], "new@github.example"))
    for what, emails in (("not verified", [{"email": "x@github.example", "primary": True, "verified": False}]),
                         ("not primary", [{"email": "x@github.example", "primary": False, "verified": True}]), ("none", [])):
        plane.control(plane.github, user={"id": 99}, emails=emails)
        equal(error_of(plane.sign_in(Browser(plane), "gh")), ("/login", "email_unverified"), what)
    for wrong in ({"refused": True}, {"user": {"id": "583231"}}, {"user": {"id": 0}}, {"emails": {"email": "x"}}):
        plane.control(plane.github, **wrong)
        equal(error_of(plane.sign_in(Browser(plane), "gh")), ("/login", "provider_refused"), wrong)


# --- bounds and traces

@case
def starts_are_throttled_and_bounded():
    plane.stop()
    with open(os.path.join(plane.dir, "conf")) as f:
        text = f.read()
    with open(os.path.join(plane.dir, "conf"), "w") as f:
        f.write(text.replace("pages_per_ip_per_s = 0", "pages_per_ip_per_s = 1000"))
    plane.start()
    b = Browser(plane)
    got = [b.request("GET", f"{plane.origin}/v1/auth/oidc/odd").header("location") for _ in range(33)]
    equal([error_of(w)[1] for w in got[30:]], ["too_many_attempts"] * 3)
    a = b.api("POST", "/auth/oidc/odd", {})
    equal((a.status, a.code(), a.header("retry-after") in ("1", "2")), (429, "too_many_attempts", True))
    # States that have ended go as new ones come.
    plane.sql("UPDATE sign_in_state SET expires_at = now() - interval '1 second'; DELETE FROM login_throttle")
    left = int(plane.sql("SELECT count(*) FROM sign_in_state"))
    plane.begin(b, "odd")
    equal(int(plane.sql("SELECT count(*) FROM sign_in_state")), left - 8 + 1)


@case
def nothing_secret_is_kept_or_logged():
    plane.control(plane.odd)
    b = Browser(plane)
    url = callback_of(b)
    secrets = [urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)[n][0] for n in ("code", "state")]
    secrets.append(b.jar[plane.origin]["__Host-tr_sign_in"].value)
    equal(open_callback(b, url), "/app")
    secrets += [b.cookie(), "odd-access", "client-secret", "github-secret", "odd@idp.example"]
    with open(os.path.join(plane.dir, "log")) as f:
        log = f.read()
    dump = plane.sql("SELECT jsonb_agg(s) FROM session s") + plane.sql("SELECT coalesce(jsonb_agg(s)::text, '') FROM sign_in_state s")
    trail = plane.sql("SELECT string_agg(line, '') FROM audit_entry")
    for s in secrets:
        true(s not in log and s not in dump and s not in trail, s)
    true("user_identity.insert" in trail and '"actor": "nobody"' in trail, "who made it is in the trail")
    digest = hashlib.sha256(b.cookie().encode()).hexdigest()
    true(digest in dump)


@case
def without_sign_up_nobody_is_made():
    plane.stop()
    with open(os.path.join(plane.dir, "conf")) as f:
        text = f.read()
    with open(os.path.join(plane.dir, "conf"), "w") as f:
        f.write(text.replace("sign_up = on", "sign_up = off").replace("pages_per_ip_per_s = 1000", "pages_per_ip_per_s = 0"))
    plane.start()
    fresh_person("stranger")
    before = users()
    equal(error_of(plane.sign_in(Browser(plane), "rs")), ("/login", "sign_up_off"))
    equal(users(), before)
    equal(plane.sign_in(Browser(plane), "odd"), "/app")  # who is a user signs in


@case
def wrong_configuration_is_refused():
    plane.stop()
    with open(os.path.join(plane.dir, "conf")) as f:
        text = f.read()
    path = os.path.join(plane.dir, "wrong")
    for old, new, says in (("issuer = " + plane.odd, "issuer = http://issuer.example", "issuer"),
                           ("issuer = " + plane.odd, "issuer = https://u@issuer.example", "issuer"),
                           ("[sign_in odd]", "[sign_in rs]", "section"), ("[sign_in odd]", "[sign_in a/b]", "section"),
                           (f"console_origin = {plane.origin}\n", "", "console_origin"),
                           (f"console_origin = {plane.origin}\n", f"console_origin = {plane.origin}/\n", "console_origin"),
                           ("kind = github", "kind = saml", "kind")):
        true(old in text, old)
        with open(path, "w") as f:
            f.write(text.replace(old, new, 1))
        r = subprocess.run([os.path.join(log_plane.BIN, "tr-controlplane"), "-c", path, "--check-config"],
                               capture_output=True, text=True)
        true(r.returncode != 0 and says in r.stderr and "evil" not in r.stderr, (new, r.stderr))
    os.chmod(os.path.join(plane.dir, "secret"), 0o644)
    for words in ((), ("--check-config",)):  # before a restart is the time to know it
        code, _, err = plane.command(*words)
        true(code != 0 and "client_secret_file" in err and "client-secret" not in err, (words, err))
    os.chmod(os.path.join(plane.dir, "secret"), 0o600)
    with open(path, "w") as f:
        f.write(text.replace(f"ca = {plane.ca}\n", "ca = /nonexistent\n", 1))
    r = subprocess.run([os.path.join(log_plane.BIN, "tr-controlplane"), "-c", path, "--check-config"], capture_output=True, text=True)
    true(r.returncode != 0 and "[sign_in " in r.stderr and "ca: cannot be read" in r.stderr, r.stderr)


try:
    plane.start()
    plane.start_issuers()
    failed = rig.run_cases()
finally:
    plane.close()
sys.exit(1 if failed else 0)
