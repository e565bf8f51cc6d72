#!/usr/bin/env python3
"""Keys that other programs fetch after their user has agreed (OAuth PKCE): OpenRouter's unmodified SDK makes the challenge and
exchanges the code; refused twins; what the key may, and where it is seen. A PostgreSQL and a control plane of its own."""

import base64
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

CALLBACK = "https://app.example/callback?state=xyz"
work = tempfile.mkdtemp(prefix="tr-delegation-")
os.chmod(work, 0o755)
pg = tempfile.mkdtemp(prefix="tr-delegation-pg-")
plane = None


class Reply:
    def __init__(self, response):
        self.status, self.body = response.status, json.loads(response.read())
        self.data, self.error = self.body.get("data"), self.body.get("error", {})

    def code(self):
        return self.status, self.error.get("code")

    def __repr__(self):
        return f"<{self.status} {self.body}>"


def call(method, path, body=None, key=None, prefix="/v1"):
    context = ssl.create_default_context(cafile=os.path.join(plane.dir, "state/ca.pem"))
    c = http.client.HTTPSConnection("127.0.0.1", plane.port, context=context, timeout=20)
    c.request(method, prefix + path, body=None if body is None else json.dumps(body),
              headers={"Authorization": f"Bearer {key}"} if key else {})
    answer = Reply(c.getresponse())
    c.close()
    return answer


def user():
    plane.sql("DELETE FROM login_throttle")
    a = call("POST", "/auth/signup", {"email": uuid.uuid4().hex + "@new.example", "password": "correct horse", "token": True})
    equal(a.status, 201, a)
    return a.data["token"], str(uuid.UUID(a.data["user_id"]))


def s256(verifier):
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def code(token, verifier=None, method="S256", **more):
    body = {"callback_url": CALLBACK, **more}
    if verifier is not None:
        body |= {"code_challenge": s256(verifier) if method == "S256" else verifier, "code_challenge_method": method}
    a = call("POST", "/auth/keys/code", body, token)
    equal(a.status, 200, a)
    return a.data["id"]


def fetch(code_, **more):
    return call("POST", "/auth/keys", {"code": code_, **more}, prefix="/api/v1")


VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"  # RFC 7636, appendix B


@case
def a_program_fetches_a_key_with_the_users_limits():
    token, who = user()
    equal(s256(VERIFIER), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")
    made = call("POST", "/auth/keys/code", {
        "callback_url": CALLBACK, "code_challenge": s256(VERIFIER), "code_challenge_method": "S256", "limit": 12.5,
        "usage_limit_type": "weekly", "expires_at": "2099-01-01T00:00:00Z", "key_label": "My app"}, token, "/api/v1")
    equal((made.status, sorted(made.data)), (200, ["app_id", "created_at", "id"]), made)
    true(isinstance(made.data["app_id"], int) and made.data["id"].startswith("sk-tr-c1-"), made)
    a = fetch(made.data["id"], code_verifier=VERIFIER, code_challenge_method="S256")
    equal((a.status, sorted(a.body), a.body["user_id"]), (200, ["key", "user_id"], who), a)
    key = call("GET", "/key", key=a.body["key"]).data
    equal((key["limit"], key["limit_reset"], key["expires_at"][:10]), (12.5, "weekly", "2099-01-01"))
    listed = call("GET", "/keys", key=token).data
    equal([(k["name"], k["role"], k["creator_user_id"]) for k in listed], [("My app", "inference", who)])
    # Without a name it is the callback's host; without limits it has none.
    a = fetch(code(token))
    mine = [k for k in call("GET", "/keys", key=token).data if k["name"] == "app.example"]
    equal([(k["limit"], k["limit_reset"], k["expires_at"]) for k in mine], [(None, None, None)])
    # A session's text, a management key's and a code are no keys of models; the key manages nothing.
    equal(call("GET", "/keys", key=a.body["key"]).status, 403)
    entry = json.loads(plane.sql("SELECT line FROM audit_entry WHERE action = 'api_key.insert' AND line LIKE '%My app%'"))
    equal(entry["actor"], "user:" + who.replace("-", ""))


@case
def a_management_key_makes_codes_too():
    token, _ = user()
    key = call("POST", "/keys", {"name": "m", "role": "management"}, token).body["key"]
    a = fetch(code(key, VERIFIER), code_verifier=VERIFIER)
    equal((a.status, a.body["user_id"]), (200, None), a)
    waiting = code(key, VERIFIER)
    second = call("POST", "/keys", {"name": "m2", "role": "management"}, token)
    equal(call("PATCH", "/keys/" + hashlib.sha256(key.encode()).hexdigest(), {"disabled": True}, token).status, 200, second)
    equal(fetch(waiting, code_verifier=VERIFIER).status, 403)
    # An inference key, a viewer, nobody: not.
    inference = call("POST", "/keys", {"name": "i"}, token).body["key"]
    equal(call("POST", "/auth/keys/code", {"callback_url": CALLBACK}, inference).status, 403)
    equal(call("POST", "/auth/keys/code", {"callback_url": CALLBACK}).status, 401)


@case
def a_code_is_good_once_for_ten_minutes_and_for_its_challenge():
    token, who = user()
    for method in ("S256", "plain"):
        other = "plain" if method == "S256" else "S256"
        good = {"code_verifier": VERIFIER, "code_challenge_method": method}
        equal(fetch(code(token, VERIFIER, method), **good).status, 200, method)
        equal(fetch(code(token, VERIFIER, method), code_verifier=VERIFIER).status, 200, method)  # it need not say
        equal(fetch(code(token, VERIFIER, method), code_verifier=VERIFIER, code_challenge_method=None).status, 200, method)
        for wrong, want in (({**good, "code_verifier": VERIFIER[:-1] + "x"}, 403), ({"code_challenge_method": method}, 403), ({}, 403),
                            ({**good, "code_challenge_method": other}, 400), ({**good, "code_verifier": s256(VERIFIER)}, 403)):
            one = code(token, VERIFIER, method)
            equal(fetch(one, **wrong).status, want, (method, wrong))
            equal(fetch(one, **good).status, 403, "a wrong try uses it up")
    # A challenge that was stripped on the way: the program's verifier finds out.
    equal(fetch(code(token), code_verifier=VERIFIER, code_challenge_method="S256").status, 403)
    one = code(token, VERIFIER)
    equal([fetch(one, code_verifier=VERIFIER).status for _ in range(2)], [200, 403])
    one = code(token, VERIFIER)
    plane.sql("UPDATE auth_code SET expires_at = expires_at - interval '590 seconds'")
    equal(fetch(one, code_verifier=VERIFIER).status, 200)
    one = code(token, VERIFIER)
    plane.sql("UPDATE auth_code SET expires_at = expires_at - interval '600 seconds'")
    equal(fetch(one, code_verifier=VERIFIER).status, 403)
    for nothing in ("x", "sk-tr-c1-" + "A" * 43, one[:-1]):
        equal(fetch(nothing, code_verifier=VERIFIER).status, 403)
    # Ten programs with one code: one of them gets a key.
    one, got = code(token, VERIFIER), []
    race = [threading.Thread(target=lambda: got.append(fetch(one, code_verifier=VERIFIER).status)) for _ in range(10)]
    for t in race:
        t.start()
    for t in race:
        t.join()
    equal(sorted(got), [200] + [403] * 9)
    # Who has agreed may no longer make keys.
    one = code(token, VERIFIER)
    plane.sql(f"UPDATE membership SET role = 'viewer' WHERE user_id = '{who}'")
    equal(fetch(one, code_verifier=VERIFIER).status, 403)
    plane.sql(f"UPDATE membership SET role = 'developer' WHERE user_id = '{who}'")
    one = code(token, VERIFIER)
    equal(fetch(one, code_verifier=VERIFIER).status, 200)
    dump = subprocess.run(["pg_dump", "--data-only", plane.conninfo], capture_output=True, text=True, check=True).stdout
    waiting = code(token, VERIFIER)
    true(waiting not in dump and one not in dump, "a code is in the database")


@case
def where_a_program_may_be_called_back():
    token, _ = user()
    good = ["https://app.example", "https://app.example/", "https://app.example:8443/a?b=c&d=%20", "http://localhost:3000/cb",
            "http://127.0.0.1:51234/", "http://localhost", "https://xn--bcher-kva.example/"]
    bad = ["http://app.example/", "http://localhost.evil.example/", "http://127.0.0.1.evil.example/", "http://[::1]/", "http://0.0.0.0/",
           "javascript:alert(1)", "JavaScript:alert(1)", "data:text/html,x", "app://callback", "https:app.example", "https://",
           "https:///x", "https://user@app.example/", "https://app.example@evil.example/", "https://app.example/#x", "//app.example/",
           "https://app.example/ x", "https://app.example/\u00e4", "https://app.example\\@evil.example/", "https://app.example:0/",
           "https://app.example:99999/", " https://app.example/", "https://app.example/\"", "https://a.example/<b>", "", "https://-a/",
           "https://app.example/" + "x" * 2048, "http://localhost:3000@evil.example/", "blob:https://app.example/x"]
    for url in good:
        equal(call("POST", "/auth/keys/code", {"callback_url": url}, token).status, 200, url)
    for url in bad:
        a = call("POST", "/auth/keys/code", {"callback_url": url}, token)
        equal((a.status, a.error.get("param")), (400, "callback_url"), url)
    for more, param in (({"code_challenge": "short"}, "code_challenge"), ({"code_challenge": "a" * 44, "code_challenge_method": "S256"}, "code_challenge"),
                        ({"code_challenge": "a" * 44}, "code_challenge"), ({"code_challenge": "a" * 42 + "!"}, "code_challenge"),
                        ({"code_challenge": "a" * 129}, "code_challenge"), ({"code_challenge_method": "S256"}, "code_challenge"),
                        ({"code_challenge": "a" * 43, "code_challenge_method": "S512"}, "code_challenge_method"), ({"limit": -1}, "limit"),
                        ({"usage_limit_type": "yearly"}, "usage_limit_type"), ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
                        ({"key_label": "x" * 101}, "key_label"), ({"workspace_id": str(uuid.uuid4())}, "workspace_id")):
        a = call("POST", "/auth/keys/code", {"callback_url": CALLBACK, **more}, token)
        true(a.status in (400, 403) and a.error.get("param") == param, (more, a))
    plane.sql("DELETE FROM auth_code")
    said = [call("POST", "/auth/keys/code", {"callback_url": CALLBACK}, token).status for _ in range(101)]
    equal(said, [200] * 100 + [409])


SDK = """
const [url, ca, token, verifier] = process.argv.slice(2);
import { createRequire } from "node:module";
const { OpenRouter } = createRequire(process.env.CLIENTS + "/package.json")("@openrouter/sdk");
const made = new OpenRouter({ apiKey: token, serverURL: url + "/api/v1" });
const challenge = process.env.CHALLENGE;
const code = await made.oAuth.createAuthCode({ requestBody: { callbackUrl: "http://localhost:3000/cb", codeChallenge: challenge,
  codeChallengeMethod: "S256", limit: 3 } });
const key = await made.oAuth.exchangeAuthCodeForAPIKey({ requestBody: { code: code.data.id, codeVerifier: verifier, codeChallengeMethod: "S256" } });
console.log(JSON.stringify({ code, key }));
"""


@case
def openrouters_sdk_makes_a_code_and_fetches_the_key():
    token, who = user()
    clients = os.path.join(rig.ROOT, "build/clients/node")
    prepared = subprocess.run([os.path.join(rig.ROOT, "tests/clients/prepare"), "node"], capture_output=True, text=True)
    equal(prepared.returncode, 0, prepared.stdout)
    with open(os.path.join(work, "sdk.mjs"), "w") as f:
        f.write(SDK)
    ca = os.path.join(plane.dir, "state/ca.pem")
    r = subprocess.run([os.path.join(clients, "node_modules/.bin/node"), os.path.join(work, "sdk.mjs"), f"https://127.0.0.1:{plane.port}", ca, token, VERIFIER],
                       capture_output=True, text=True, env={**os.environ, "NODE_EXTRA_CA_CERTS": ca, "CLIENTS": clients,
                                                            "CHALLENGE": s256(VERIFIER)})
    equal(r.returncode, 0, r.stderr)
    said = json.loads(r.stdout)
    equal(said["key"]["userId"], who)
    equal(call("GET", "/key", key=said["key"]["key"]).data["limit"], 3)


try:
    conninfo = subprocess.run([os.path.join(rig.ROOT, "tests/lib/pg"), "start", pg], capture_output=True, text=True,
                              check=True).stdout.strip().splitlines()[-1]
    plane = log_plane.Plane(work, "plane", conninfo)
    with open(os.path.join(plane.dir, "conf"), "a") as f:
        f.write("sign_up = on\n")
    plane.run("--bootstrap")
    plane.start()
    rig.main()
finally:
    if plane is not None:
        plane.stop()
    subprocess.run([os.path.join(rig.ROOT, "tests/lib/pg"), "stop", pg], check=False)
    subprocess.run(["rm", "-rf", work, pg], check=False)
