#!/usr/bin/env python3
"""trctl against a running stack: signing in, keys from make to delete, tables and JSON, exit statuses, a customer's provider
key sealed and used, tr-verify by the profile, lost answers repeated without doing anything twice, completion; its profile is
nobody else's to read. And the document: every operation of both planes has a command."""

import http.server
import json
import os
import re
import ssl
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import own_keys  # noqa: E402
import rig  # noqa: E402
from rig import case, equal, true  # noqa: E402

BIN = rig.env("TR_BIN")
home = tempfile.mkdtemp(prefix="tr-trctl-")
CONFIG = os.path.join(home, "trustedrouter/config")


def run(*args, text="", code=0, profile=None):
    """trctl's output; its exit status is checked."""
    r = subprocess.run([os.path.join(BIN, "trctl"), *args], input=text, capture_output=True, text=True, errors="replace", timeout=60,
                       env={"PATH": BIN + ":" + os.environ["PATH"], "HOME": home, "XDG_CONFIG_HOME": home,
                            **({"TRCTL_PROFILE": profile} if profile else {})})
    equal(r.returncode, code, f"trctl {' '.join(args)}: {r.stdout[-500:]} {r.stderr[-500:]}")
    run.said = r.stderr
    return r.stdout


def data(*args, **more):
    return json.loads(run(*args, "--json", **more))["data"]


@case
def login_keeps_a_key_for_its_owner_only():
    run("whoami", code=1)
    true("trctl login" in run.said, run.said)
    run("login", rig.env("TR_CONTROL_URL"), "--base-url", rig.env("TR_BASE_URL"), "--ca", rig.env("TR_CA"), "--key",
        text=rig.env("TR_MANAGEMENT_KEY") + "\n")
    equal(os.stat(CONFIG).st_mode & 0o777, 0o600)
    equal(data("whoami")["role"], "operator")
    run("login", rig.env("TR_CONTROL_URL"), "--profile", "other", "--ca", rig.env("TR_CA"), "--key", text="sk-tr-m1-wrong\n", code=11)
    run("whoami", "--profile", "other", code=1)
    run("login", "http://127.0.0.1:1", "--profile", "other", "--key", text="x\n", code=2)
    os.chmod(CONFIG, 0o640)
    run("whoami", code=1)
    true("chmod 600" in run.said, run.said)
    os.chmod(CONFIG, 0o600)
    true(re.search(r"^\* default +https://", run("profiles"), re.M))


@case
def keys_from_make_to_delete():
    made = json.loads(run("keys", "create", "of trctl", "--limit", "2.5", "--limit-reset", "daily", "--json"))
    true(made["key"].startswith("sk-tr-v1-"))
    name = made["data"]["hash"]
    table = run("keys", "list", "--all")  # other tests have made more than a page of keys
    true(re.search(rf"^{name} +of trctl .* 2\.5 +daily", table, re.M), table)
    equal(data("keys", "update", name, "--no-limit", "--name", "renamed")["limit"], None)
    equal(data("keys", "show", name)["name"], "renamed")
    run("keys", "update", name, "--limit-reset", "hourly", code=2)
    run("keys", "create", code=2)
    run("keys", "create", "x", "--limit", "-1", code=10)
    true("limit: " in run.said and "request" in run.said, run.said)
    equal(json.loads(run("keys", "delete", name, "--json")), {"deleted": True})
    run("keys", "show", name, code=12)
    run("keys", "show", "x", "y", code=2)
    run("nothing", code=2)


@case
def money_and_the_way_out():
    before = data("credits")["available"]
    equal(data("credits", "topup", "5")["available"], before + 5)
    again = [data("credits", "topup", "7", "--idempotency-key", "k-" + rig.fresh()) for _ in range(2)]
    equal(len({a["transfer_id"] for a in again}), 2)
    name = "k-" + rig.fresh()
    twice = [data("credits", "topup", "7", "--idempotency-key", name)["transfer_id"] for _ in range(2)]
    equal(twice[0], twice[1])
    equal(json.loads(run("api", "GET", "/credits"))["data"], data("credits"))
    equal(json.loads(run("api", "POST", "/keys", "--data", "-", text='{"name": "by api"}'))["data"]["name"], "by api")
    run("api", "FETCH", "/credits", code=2)
    run("api", "GET", "credits", code=2)


@case
def a_provider_key_is_sealed_here():
    secret = "sk-own-" + rig.fresh()
    customer = json.loads(run("accounts", "create", "of trctl", "--json"))["key"]
    run("login", rig.env("TR_CONTROL_URL"), "--profile", "customer", "--base-url", rig.env("TR_BASE_URL"), "--ca", rig.env("TR_CA"),
        "--key", text=customer + "\n")
    key = json.loads(run("keys", "create", "k", "--json", profile="customer"))["key"]
    made = json.loads(run("byok", "add", "demo-a", "--name", "mine", "--json", "--profile", "customer", text=secret + "\n"))["data"]
    true(re.search(rf"^{made['id']} +demo-a +mine ", run("byok", "list", profile="customer"), re.M))
    run("byok", "add", "demo-a", text="has a space\n", code=1)
    run("byok", "add", "nobody", text=secret + "\n", code=10)
    rig.mock_reset()
    rig.wait_until(lambda: own_keys.used(key, "Bearer " + secret), 10, "the provider was asked with it")
    run("byok", "delete", made["id"], profile="customer")


@case
def it_runs_tr_verify():
    said = run("verify", "--json", code=rig_exit())
    true(json.loads(said)["checks"], said)


def rig_exit():
    """What tr-verify itself says of this stack: a simulated processor's certificates are not AMD's."""
    url = rig.env("TR_BASE_URL").removesuffix("/v1")
    return subprocess.run([os.path.join(BIN, "tr-verify"), "gateway", url, "--ca", rig.env("TR_CA"), "--json"],
                          capture_output=True).returncode


@case
def the_public_log():
    run("log", "tile", "0/000.p/1")
    true(re.search(r"^0 +policy ", run("log", "list"), re.M))
    true(run("log", "checkpoint").startswith("localhost/log\n"))
    run("log", "show", "999999", code=12)


# --- a server that loses answers

class Lossy(http.server.BaseHTTPRequestHandler):
    script, seen = [], []

    def answer(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        Lossy.seen.append((self.command, self.path, self.headers.get("idempotency-key"), body))
        what = Lossy.script.pop(0)
        if what == "lost":
            self.connection.close()
            return
        self.send_response(what)
        text = b'{"data": {"id": 1}}' if what < 400 else b'{"error": {"message": "Not\\u001b now.", "code": "busy"}}'
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PATCH = do_DELETE = answer

    def log_message(self, *args):
        pass


def lossy(*script):
    Lossy.script, Lossy.seen = list(script), []
    return Lossy.seen


@case
def lost_answers_are_asked_for_again_where_that_is_safe():
    cert, key = os.path.join(home, "cert.pem"), os.path.join(home, "key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", cert, "-days", "2"], check=True, capture_output=True)
    server = http.server.HTTPServer(("127.0.0.1", 0), Lossy)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"https://localhost:{server.server_address[1]}"
    lossy(200)
    run("login", url, "--profile", "lossy", "--ca", cert, "--key", text="sk-tr-m1-x\n")

    seen = lossy("lost", 503, 200)
    run("credits", profile="lossy")
    equal(len(seen), 3)
    seen = lossy("lost", 503, 429, 200)
    run("keys", "create", "x", profile="lossy")
    equal([s[:2] for s in seen], [("POST", "/v1/keys")] * 4)
    true(len({s[2] for s in seen}) == 1 and len(seen[0][2]) >= 16, "one name for all tries")
    seen = lossy(503, 503, 503, 503, 200)
    run("keys", "create", "x", profile="lossy", code=20)
    equal(len(seen), 4)
    true("Not? now." in run.said, run.said)
    for fault, code in (("lost", 40), (503, 20)):
        seen = lossy(fault, 200)
        run("keys", "update", "ab", "--disabled", profile="lossy", code=code)
        equal(len(seen), 1, "a change is not repeated")
    seen = lossy(429, 200)
    run("keys", "delete", "ab", profile="lossy")
    equal(len(seen), 2, "nothing was done")
    seen = lossy(400)
    run("credits", profile="lossy", code=10)
    equal(len(seen), 1)
    server.shutdown()
    server.server_close()
    run("credits", profile="lossy", code=40)
    run("logout", "--profile", "lossy")
    run("credits", profile="lossy", code=1)


@case
def no_secret_is_an_argument():
    for line in run("commands").splitlines():
        words = re.split(r"  +", line)[0].split()
        help_text = run(*words, "--help")
        if "-file and a FILE" in help_text:
            option = re.search(r"^  (--\S+) .*-file and a FILE", help_text, re.M).group(1)
            run(*words, option + "=x", code=2)
    run("byok", "add", "demo-a", "--key", "x", code=2)


@case
def completion_offers_words_options_and_values():
    offered = lambda *words: run("complete", *words).split()
    true({"keys", "login", "credits", "byok"} <= set(offered()))
    true({"create", "list", "delete"} <= set(offered("keys")))
    true({"--name", "--limit-reset", "--json"} <= set(offered("keys", "create")))
    equal(offered("keys", "create", "--limit-reset"), ["none", "daily", "weekly", "monthly"])
    true("--key-file" in offered("byok", "add"))


@case
def every_operation_has_a_command():
    have = {tuple(line.split()[-2:]) for line in run("commands").splitlines()}
    for plane, url in (("control plane", rig.env("TR_CONTROL_URL")), ("data plane", rig.env("TR_BASE_URL").removesuffix("/v1"))):
        c = rig.Client(url, rig.env("TR_CA"), "")
        document = c.request("GET", "/openapi.json").json()
        c.close()
        want = {(m.upper(), path) for path, methods in document["paths"].items() for m in methods}
        true(len(want) > 20, plane)
        equal(want - have, set(), plane)


try:
    rig.main()
finally:
    subprocess.run(["rm", "-rf", home], check=False)
