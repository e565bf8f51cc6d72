#!/usr/bin/env python3
"""Signing in with a wallet: messages that the unmodified libraries siwe and ethers make, and their refused twins. A
PostgreSQL and a control plane of its own."""

import http.client
import json
import os
import ssl
import subprocess
import sys
import tempfile
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import log_plane  # noqa: E402
import rig  # noqa: E402
from rig import case, equal, true  # noqa: E402

CLIENTS = os.path.join(rig.ROOT, "build/clients/wallet")
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
work = tempfile.mkdtemp(prefix="tr-wallet-")
os.chmod(work, 0o755)
pg = tempfile.mkdtemp(prefix="tr-wallet-pg-")
plane = signer = None


class Reply:
    def __init__(self, response):
        self.status, self.headers = response.status, {k.lower(): v for k, v in response.getheaders()}
        self.body = json.loads(response.read())
        self.data, self.error = self.body.get("data"), self.body.get("error", {})

    def code(self):
        return self.status, self.error.get("code")

    def __repr__(self):
        return f"<{self.status} {self.body}>"


def call(method, path, body=None, key=None, headers=None):
    context = ssl.create_default_context(cafile=os.path.join(plane.dir, "state/ca.pem"))
    c = http.client.HTTPSConnection("127.0.0.1", plane.port, context=context, timeout=20)
    h = {**({"Authorization": f"Bearer {key}"} if key else {}), **(headers or {})}
    c.request(method, "/v1" + path, body=None if body is None else json.dumps(body), headers=h)
    answer = Reply(c.getresponse())
    c.close()
    return answer


def client(**ask):
    signer.stdin.write(json.dumps(ask) + "\n")
    signer.stdin.flush()
    return json.loads(signer.stdout.readline())


def nonce():
    a = call("POST", "/auth/wallet/nonce")
    equal(a.status, 200, a)
    return a.data


def message(wallet, said, which="statement", **other):
    """The message that siwe writes of what the service said; other members instead."""
    fields = {"domain": said["domain"], "address": wallet["address"], "uri": said["uri"], "version": said["version"],
              "chainId": 1, "nonce": said["nonce"], "statement": said[which], "issuedAt": said["issued_at"],
              "expirationTime": said["expiration_time"]}
    return client(do="message", fields=fields, other=other)["message"]


def signed(wallet, text):
    return {"message": text, "signature": client(do="sign", key=wallet["key"], message=text)["signature"]}


def sign_in(wallet, **more):
    return call("POST", "/auth/wallet", {**signed(wallet, message(wallet, nonce())), "token": True, **more})


def calm():
    plane.sql("DELETE FROM login_throttle")


@case
def a_wallet_makes_a_user_and_signs_in():
    calm()
    wallet, email = client(do="wallet"), uuid.uuid4().hex + "@wallet.example"
    equal(sign_in(wallet).code(), (404, "wallet_unknown"))
    equal(sign_in(wallet, email="nobody").error["param"], "email")
    first = sign_in(wallet, email=email, name="Ada")
    equal(first.status, 200, first)
    me = call("GET", "/auth/session", key=first.data["token"]).data
    equal((me["user"]["email"], me["role"], len(me["workspaces"])), (email, "owner", 1))
    again = sign_in(wallet)
    equal((again.status, again.data["user_id"]), (200, first.data["user_id"]))
    equal(sign_in(client(do="wallet"), email=email.upper()).code(), (409, "email_taken"))
    # By cookie, and not from another site's page.
    body = signed(wallet, message(wallet, nonce()))
    equal(call("POST", "/auth/wallet", body, headers={"Sec-Fetch-Site": "cross-site"}).code(), (403, "cross_site"))
    a = call("POST", "/auth/wallet", body)
    true(a.status == 200 and "token" not in a.data and "HttpOnly" in a.headers["set-cookie"], a)
    # It is the only way in, so it stays; the password of nobody signs in.
    equal(call("POST", "/auth/login", {"email": email, "password": "correct horse"}).code(), (401, "invalid_login"))


@case
def what_is_not_for_us_is_refused():
    calm()
    wallet, email = client(do="wallet"), uuid.uuid4().hex + "@wallet.example"
    equal(sign_in(wallet, email=email).status, 200)
    twins = {
        "another domain": {"domain": "evil.example"}, "our domain without its port": {"domain": "localhost"},
        "another scheme": {"scheme": "http"}, "another URI": {"uri": "https://evil.example/login"},
        "a URI that begins as ours": {"uri": nonce()["uri"] + ".evil.example/"},
        "another statement": {"statement": "Pay me."}, "no statement": {"statement": None},
        "resources": {"resources": ["https://evil.example/everything"]},
        "has expired": {"expirationTime": "2026-01-01T00:00:00Z"}, "not valid yet": {"notBefore": "2099-01-01T00:00:00Z"},
        "issued in the future": {"issuedAt": "2099-01-01T00:00:00Z"},
    }
    for name, other in twins.items():
        a = call("POST", "/auth/wallet", signed(wallet, message(wallet, nonce(), **other)))
        equal((a.status, a.error.get("param")), (400, "message"), name)
    for name, other in {"an invented nonce": {"nonce": "Invented1234"}}.items():
        equal(call("POST", "/auth/wallet", signed(wallet, message(wallet, nonce(), **other))).code(), (401, "invalid_nonce"), name)
    good = message(wallet, nonce(), requestId="abc", notBefore="2026-01-01T00:00:00Z", uri=nonce()["uri"] + "/login")
    equal(call("POST", "/auth/wallet", signed(wallet, good)).status, 200)
    said = nonce()
    text = message(wallet, said)
    forms = {
        "small letters": text.replace(wallet["address"], wallet["address"].lower()),
        "version 2": text.replace("Version: 1", "Version: 2"), "a byte behind": text + "\n", "a byte in front": " " + text,
        "a line twice": text + "\nExpiration Time: " + said["expiration_time"], "no nonce": text.replace(f"\nNonce: {said['nonce']}", ""),
        "chain id in hex": text.replace("Chain ID: 1", "Chain ID: 0x1"), "carriage returns": text.replace("\n", "\r\n"),
    }
    for name, form in forms.items():
        a = call("POST", "/auth/wallet", signed(wallet, form))
        equal((a.status, a.error.get("param")), (400, "message"), name)
    equal(call("POST", "/auth/wallet", signed(wallet, text)).status, 200)


@case
def a_nonce_is_good_once_and_for_ten_minutes():
    calm()
    wallet, email = client(do="wallet"), uuid.uuid4().hex + "@wallet.example"
    body = signed(wallet, message(wallet, nonce()))
    equal(call("POST", "/auth/wallet", {**body, "email": email}).status, 200)
    equal(call("POST", "/auth/wallet", body).code(), (401, "invalid_nonce"))
    body = signed(wallet, message(wallet, nonce(), expirationTime=None))
    plane.sql("UPDATE sign_in_challenge SET expires_at = expires_at - interval '599 seconds'")
    equal(call("POST", "/auth/wallet", body).status, 200)
    body = signed(wallet, message(wallet, nonce(), expirationTime=None))
    plane.sql("UPDATE sign_in_challenge SET expires_at = expires_at - interval '600 seconds'")
    equal(call("POST", "/auth/wallet", body).code(), (401, "invalid_nonce"))
    for _ in range(8):  # each takes some of those that have ended along
        nonce()
    equal(plane.sql("SELECT count(*) FROM sign_in_challenge WHERE expires_at <= now()"), "0")
    # Of one network address 30 at once.
    calm()
    said = [call("POST", "/auth/wallet/nonce").status for _ in range(31)]
    equal(said, [200] * 30 + [429])
    dump = subprocess.run(["pg_dump", "--data-only", plane.conninfo], capture_output=True, text=True, check=True).stdout
    calm()
    true(nonce()["nonce"] not in dump, "a nonce is in the database")


@case
def only_the_address_itself_has_signed():
    calm()
    wallet, other, email = client(do="wallet"), client(do="wallet"), uuid.uuid4().hex + "@wallet.example"
    equal(sign_in(wallet, email=email).status, 200)
    text = message(wallet, nonce())
    good = signed(wallet, text)["signature"]
    r, s, v = good[2:66], int(good[66:130], 16), int(good[130:], 16)
    twins = {
        "another wallet's": signed(other, text)["signature"], "of another message": signed(wallet, text + " ")["signature"],
        "high s": f"0x{r}{ORDER - s:064x}{v ^ 27 ^ 28:02x}", "the other v": f"0x{r}{s:064x}{v ^ 27 ^ 28:02x}",
        "v of 29": f"0x{r}{s:064x}1d", "a byte behind": good + "00", "a byte less": good[:-2], "without 0x": good[2:],
        "nothing": "0x" + "00" * 65, "a contract's": "0x" + "ab" * 200, "no hex": "0x" + "zz" * 65,
    }
    for name, signature in twins.items():
        a = call("POST", "/auth/wallet", {"message": text, "signature": signature})
        equal((a.status, a.error.get("param")), (400, "signature"), name)
        true(name != "a contract's" or "contracts are not supported" in a.error["message"], a)
    # The nonce is still good, and v may be 0 or 1.
    a = call("POST", "/auth/wallet", {"message": text, "signature": f"0x{r}{s:064x}{v - 27:02x}"})
    equal(a.status, 200, a)


@case
def a_user_adds_a_wallet():
    calm()
    email = uuid.uuid4().hex + "@wallet.example"
    token = call("POST", "/auth/signup", {"email": email, "password": "correct horse", "token": True}).data["token"]
    wallet = client(do="wallet")
    # What signs in adds nothing, and the other way round.
    a = call("POST", "/auth/wallets", signed(wallet, message(wallet, nonce())), token)
    equal((a.status, a.error.get("param")), (400, "message"))
    adding = signed(wallet, message(wallet, nonce(), "add_statement"))
    equal(call("POST", "/auth/wallet", adding).error.get("param"), "message")
    equal(call("POST", "/auth/wallets", adding).status, 401)
    a = call("POST", "/auth/wallets", adding, token)
    equal((a.status, a.data["address"]), (201, wallet["address"]), a)
    equal(call("POST", "/auth/wallets", adding, token).code(), (403, "invalid_nonce"))
    mine = sign_in(wallet)
    equal(call("GET", "/auth/session", key=mine.data["token"]).data["user"]["email"], email)
    other = call("POST", "/auth/signup", {"email": "x" + email, "password": "correct horse", "token": True}).data["token"]
    again = signed(wallet, message(wallet, nonce(), "add_statement"))
    equal(call("POST", "/auth/wallets", again, other).code(), (409, "already_used"))
    # A page that somebody left open adds nothing.
    plane.sql("UPDATE session SET created_at = created_at - interval '16 minutes'")
    second = client(do="wallet")
    late = signed(second, message(second, nonce(), "add_statement"))
    equal(call("POST", "/auth/wallets", late, token).code(), (403, "sign_in_again"))
    entry = json.loads(plane.sql(f"SELECT line FROM audit_entry WHERE action = 'user_identity.insert' AND line LIKE '%{wallet['address']}%'"))
    equal(entry["actor"], "user:" + mine.data["user_id"])


@case
def without_an_address_of_the_console_there_are_none():
    plane.stop()
    path = os.path.join(plane.dir, "conf")
    with open(path) as f:
        text = f.read()
    with open(path, "w") as f:
        f.write(text.replace("console_origin", "# console_origin"))
    plane.start()
    equal(call("POST", "/auth/wallet/nonce").code(), (403, "no_console"))
    equal(call("POST", "/auth/passkey/options").code(), (403, "no_console"))
    plane.stop()
    for origin in ("http://localhost", "https://localhost/", "https://Localhost"):
        with open(path, "w") as f:
            f.write(text + f"\nconsole_origin = {origin}\n" if "console_origin" not in text else
                    text.replace(f"console_origin = https://localhost:{plane.port}", f"console_origin = {origin}"))
        status, _, said = plane.command("--check-config")
        true(status != 0 and "console_origin must be" in said, said)


try:
    subprocess.run([os.path.join(rig.ROOT, "tests/clients/prepare"), "wallet"], check=True)
    signer = subprocess.Popen(["node", os.path.join(rig.ROOT, "tests/clients/wallet/sign.mjs"), CLIENTS], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True)
    conninfo = subprocess.run([os.path.join(rig.ROOT, "tests/lib/pg"), "start", pg], capture_output=True, text=True,
                              check=True).stdout.strip().splitlines()[-1]
    plane = log_plane.Plane(work, "plane", conninfo)
    with open(os.path.join(plane.dir, "conf"), "a") as f:
        f.write(f"sign_up = on\nconsole_origin = https://localhost:{plane.port}\n")
    plane.run("--bootstrap")
    plane.start()
    rig.main()
finally:
    if signer is not None:
        signer.stdin.close()
    if plane is not None:
        plane.stop()
    subprocess.run([os.path.join(rig.ROOT, "tests/lib/pg"), "stop", pg], check=False)
    subprocess.run(["rm", "-rf", work, pg], check=False)
