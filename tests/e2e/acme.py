#!/usr/bin/env python3
"""A publicly trusted certificate: data planes that ask Debian's `pebble` (an ACME authority for tests) for one under their
own key, by TLS-ALPN-01 and HTTP-01, alone and as two behind one name; renewal, and each way in which it does not come about.
Brings its own stack up, a DNS server and a balancer of its own. Skips when pebble is not installed."""

import hashlib
import http.client
import itertools
import json
import os
import re
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import own_stack  # noqa: E402
import rig  # noqa: E402
from rig import Skip, case, equal, free_port, true, wait_until  # noqa: E402

NAME, UNREACHABLE, BLOCKED = "gw.acme.test", "nowhere.acme.test", "blocked.acme.test"
WORK = tempfile.mkdtemp(prefix="tr-acme-")
PROCESSES = []


# --- what stands around the data planes

class Dns(threading.Thread):
    """Every name is 127.0.0.1, but the unreachable one: 127.0.0.9, where nothing listens. No AAAA, no CAA."""

    def __init__(self):
        super().__init__(daemon=True)
        self.s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.s.bind(("127.0.0.1", 0))
        self.port = self.s.getsockname()[1]
        self.start()

    def run(self):
        while True:
            q, at = self.s.recvfrom(4096)
            end = q.index(b"\0", 12) + 1
            kind = struct.unpack(">H", q[end:end + 2])[0]
            name = q[12:end]
            answer = b""
            if kind == 1:
                last = 9 if b"nowhere" in name else 1
                answer = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 0, 4) + bytes((127, 0, 0, last))
            head = q[:2] + struct.pack(">HHHHH", 0x8180, 1, 1 if answer else 0, 0, 0)
            self.s.sendto(head + q[12:end + 4] + answer, at)


class Balancer(threading.Thread):
    """TCP, round robin over what listens."""

    def __init__(self):
        super().__init__(daemon=True)
        self.s = socket.create_server(("127.0.0.1", 0))
        self.port = self.s.getsockname()[1]
        self.behind, self.turn = [], itertools.count()
        self.start()

    def run(self):
        while True:
            c, _ = self.s.accept()
            threading.Thread(target=self.serve, args=(c,), daemon=True).start()

    def serve(self, c):
        ports = list(self.behind)
        n = next(self.turn)
        for i in range(len(ports)):
            try:
                d = socket.create_connection(("127.0.0.1", ports[(n + i) % len(ports)]), 5)
            except OSError:
                continue
            d.settimeout(None)
            for a, b in ((c, d), (d, c)):
                threading.Thread(target=self.pump, args=(a, b), daemon=True).start()
            return
        c.close()

    @staticmethod
    def pump(a, b):
        try:
            while data := a.recv(65536):
                b.sendall(data)
        except OSError:
            pass
        try:
            b.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def openssl(*words):
    subprocess.run(["openssl", *words], check=True, cwd=WORK, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def make_server_certificate():
    """Of pebble's own HTTPS listener: a CA that vouches for it, and one that does not."""
    for ca in ("ca", "other"):
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                "-subj", f"/CN=server {ca}", "-keyout", f"{ca}.key", "-out", f"{ca}.pem")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost",
            "-keyout", "server.key", "-out", "server.csr")
    with open(os.path.join(WORK, "ext"), "w") as f:
        f.write("subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
            "-extfile", "ext", "-out", "server.pem")


def path(name):
    return os.path.join(WORK, name)


class Pebble:
    """An authority with a root of its own, which it makes anew each time."""

    def __init__(self, validity_s=0, nonce_reject=5, port=None):
        self.port, self.management = port or free_port(), free_port()
        self.config = {"listenAddress": f"127.0.0.1:{self.port}", "managementListenAddress": f"127.0.0.1:{self.management}",
                       "certificate": path("server.pem"), "privateKey": path("server.key"),
                       "httpPort": HTTP.port, "tlsPort": TLS.port, "externalAccountBindingRequired": False,
                       "domainBlocklist": [BLOCKED]}
        if validity_s:
            self.config["certificateValidityPeriod"] = validity_s
        self.file = path(f"pebble-{self.port}.json")
        with open(self.file, "w") as f:
            json.dump({"pebble": self.config}, f)
        env = dict(os.environ, PEBBLE_VA_NOSLEEP="1", PEBBLE_WFE_NONCEREJECT=str(nonce_reject))
        with open(path("pebble.log"), "a") as log:
            self.process = subprocess.Popen(["pebble", "-config", self.file, "-dnsserver", f"127.0.0.1:{DNS.port}"],
                                            env=env, stdout=log, stderr=log)
        PROCESSES.append(self.process)
        self.directory = f"https://localhost:{self.port}/dir"
        self.root = path(f"root-{self.port}.pem")
        tls = ssl.create_default_context(cafile=path("ca.pem"))

        def roots():
            with urllib.request.urlopen(f"https://127.0.0.1:{self.management}/roots/0", context=tls, timeout=5) as r:
                return r.read()

        text = wait_until(lambda: attempt(roots), 20, "pebble")
        with open(self.root, "wb") as f:
            f.write(text)

    def stop(self):
        self.process.kill()
        self.process.wait()


def attempt(fn):
    try:
        return fn()
    except (OSError, http.client.HTTPException):
        return None


class Plane:
    """A data plane of the same stack, with ACME."""
    count = itertools.count(1)

    def __init__(self, pebble, **fields):
        self.n = next(self.count)
        self.port, self.metrics, self.http = free_port(), free_port(), free_port()
        values = {"listen_port": self.port, "metrics_port": self.metrics, "place": f"acme-{self.n}", "cert_names": NAME,
                  "acme_directory": pebble.directory, "acme_ca": path("ca.pem"), "acme_agree_terms": "on",
                  "acme_contact": "ops@example.com", "acme_http_port": self.http, "acme_retry_s": 1,
                  "acme_orders_per_hour": 50, "workers": 1, **fields}
        with open(os.path.join(RUN, "conf/dataplane.conf")) as f:
            text = f.read()
        for name, value in values.items():
            text = re.sub(rf"(?m)^{name} = .*\n", "", text) + f"{name} = {value}\n"
        self.conf, self.log = path(f"plane-{self.n}.conf"), path(f"plane-{self.n}.log")
        with open(self.conf, "w") as f:
            f.write(text)
        with open(self.log, "a") as log:
            self.process = subprocess.Popen([os.path.join(rig.env("TR_BIN"), "tr-dataplane-sim"), "-c", self.conf],
                                            stdout=log, stderr=log)
        PROCESSES.append(self.process)

    def stop(self):
        self.process.terminate()
        equal(self.process.wait(30), 0, "ended well")

    def health(self):
        def get():
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics}/health", timeout=5) as f:
                    return json.load(f)
            except urllib.error.HTTPError as e:
                return json.load(e)
        return attempt(get) or {}

    def certificate(self):
        return self.health().get("certificate", {})

    def wait(self, source="public", acme="good", seconds=60):
        return wait_until(lambda: (lambda c: c if (c.get("source"), c.get("acme")) == (source, acme) else None)(
            self.certificate()), seconds, f"certificate {source}, acme {acme}: {self.certificate()}")

    def events(self, name):
        with open(self.log) as f:
            lines = [line for line in f if line.startswith("{")]
        return [e for e in map(json.loads, lines) if e["event"] == name]


def connect(port, root, name=NAME, alpn=None, timeout=10):
    """TLS with a client that trusts this root alone."""
    tls = ssl.create_default_context(cafile=root) if root else ssl._create_unverified_context()
    if alpn:
        tls.set_alpn_protocols(alpn)
    return tls.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout), server_hostname=name)


def leaf(port, root, name=NAME):
    with connect(port, root, name) as s:
        return s.getpeercert(binary_form=True)


def spki_sha256(der):
    pem = ssl.DER_cert_to_PEM_cert(der).encode()
    key = subprocess.run(["openssl", "x509", "-pubkey", "-noout"], input=pem, stdout=subprocess.PIPE, check=True).stdout
    raw = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=key, stdout=subprocess.PIPE,
                         check=True).stdout
    return hashlib.sha256(raw).hexdigest()


class Https(http.client.HTTPSConnection):
    """By a name that no resolver knows."""

    def connect(self):
        self.sock = connect(self.port, self.ca)


def ask(port, root, method, target, body=None):
    c = Https("127.0.0.1", port, timeout=20)
    c.ca = root
    head = {"Authorization": "Bearer " + rig.env("TR_API_KEY"), "Content-Type": "application/json"}
    c.request(method, target, body=json.dumps(body) if body else None, headers=head)
    r = c.getresponse()
    got = r.status, r.read()
    c.close()
    return got


def serves(port, root):
    """A chat answer and evidence over a connection that the public root alone vouches for; the evidence is of its key."""
    status, body = ask(port, root, "POST", "/v1/chat/completions",
                       {"model": "demo/echo", "messages": [{"role": "user", "content": "by a public certificate"}]})
    equal(status, 200, body)
    true("by a public certificate" in json.loads(body)["choices"][0]["message"]["content"])
    key = spki_sha256(leaf(port, root))
    r = subprocess.run([os.path.join(rig.env("TR_BIN"), "tr-verify"), "gateway", f"https://127.0.0.1:{port}", "--policy",
                        RUN + "/conf/attestation.conf", "--log-key", rig.env("TR_LOG_KEY"), "--json"],
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    equal(r.returncode, 0, r.stdout)
    return key


if not shutil.which("pebble"):
    case(lambda: (_ for _ in ()).throw(Skip("pebble is not installed")))
    rig.main()
    sys.exit(0)

make_server_certificate()
DNS, TLS, HTTP = Dns(), Balancer(), Balancer()
RUN = own_stack.up()


def behind(*planes):
    TLS.behind[:] = [p.port for p in planes]
    HTTP.behind[:] = [p.http for p in planes]


def alone(pebble, **fields):
    p = Plane(pebble, **fields)
    behind(p)
    return p


# --- cases

@case
def tls_alpn_and_nothing_else_before():
    """The port is open for the authority alone until the certificate is there; every third nonce is refused."""
    pebble = Pebble(nonce_reject=33)
    p = alone(pebble)
    seen, stop = [], threading.Event()

    def visitor():
        while not stop.is_set():
            try:
                seen.append(leaf(p.port, None))
            except OSError:
                pass
            time.sleep(0.01)

    t = threading.Thread(target=visitor, daemon=True)
    t.start()
    p.wait()
    key = wait_until(lambda: attempt(lambda: serves(p.port, pebble.root)), 20, "served")
    stop.set()
    t.join(10)
    equal(len(set(seen)), 1, "certificates that clients were shown")
    equal(spki_sha256(seen[0]), key)
    equal(p.health()["reasons"], [])
    with urllib.request.urlopen(f"http://127.0.0.1:{p.metrics}/metrics", timeout=5) as f:
        true("tr_certificate_public 1\n" in f.read().decode())
    # Without a challenge a validation is refused; other clients never get acme-tls/1.
    for protocols, good in ((["acme-tls/1"], False), (["acme-tls/1", "http/1.1"], True), (["h2"], False)):
        try:
            with connect(p.port, None, alpn=protocols) as s:
                equal(s.selected_alpn_protocol(), "http/1.1" if good else None)
                true(good, protocols)
        except ssl.SSLError as e:
            true(not good, f"{protocols}: {e}")
    try:
        leaf(p.port, path("other.pem"))
        true(False, "another root vouched for it")
    except ssl.SSLCertVerificationError:
        pass
    p.stop()
    pebble.stop()


@case
def http_01():
    pebble = Pebble()
    p = alone(pebble, acme_challenge="http-01")
    p.wait()
    wait_until(lambda: attempt(lambda: serves(p.port, pebble.root)), 20, "served")
    for target, method, status in (("/.well-known/acme-challenge/x", "GET", 404), ("/", "GET", 404),
                                   ("/v1/models", "GET", 404), ("/", "POST", 405)):
        c = http.client.HTTPConnection("127.0.0.1", p.http, timeout=5)
        c.request(method, target)
        equal(c.getresponse().status, status, target)
        c.close()
    try:
        leaf(p.port, None)
        connect(p.port, None, alpn=["acme-tls/1"])
        true(False, "acme-tls/1 without TLS-ALPN-01")
    except ssl.SSLError:
        pass
    p.stop()
    pebble.stop()


def two_behind_one_name(way):
    pebble = Pebble()
    a, b = Plane(pebble, acme_challenge=way), Plane(pebble, acme_challenge=way)
    behind(a, b)
    for p in (a, b):
        p.wait(seconds=90)
    keys = {wait_until(lambda: attempt(lambda: serves(p.port, pebble.root)), 20, "served") for p in (a, b)}
    equal(len(keys), 2, "each has its own key")
    heard = [e for p in (a, b) for e in p.events("acme_challenge")]
    true(any(e["verdict"] == "good" and e["open"] for e in heard), heard)
    equal({e["verdict"] for e in heard}, {"good"})
    # One more joins while the others serve, and each is asked in turn.
    c = Plane(pebble, acme_challenge=way)
    behind(a, b, c)
    c.wait(seconds=60)
    for p in (a, b, c):
        p.stop()
    pebble.stop()


@case
def two_by_tls_alpn():
    two_behind_one_name("tls-alpn-01")


@case
def two_by_http_01():
    two_behind_one_name("http-01")


@case
def renewed_and_then_not():
    """Renewed at two thirds of its life under the same key; when the authority is gone the certificate stays until it is
    over, and then the control plane's is shown, and said so; a new authority, without our account, gives one again."""
    pebble = Pebble(validity_s=18)
    p = alone(pebble)
    p.wait()
    first = wait_until(lambda: attempt(lambda: leaf(p.port, pebble.root)), 20)
    second = wait_until(lambda: (lambda x: x if x and x != first else None)(attempt(lambda: leaf(p.port, pebble.root))), 40,
                        "renewed", 0.2)
    equal(spki_sha256(first), spki_sha256(second))
    pebble.stop()
    c = p.wait(acme="failed", seconds=40)
    equal((c["acme_step"], c["acme_error"]), ("directory", "connect"))
    equal(leaf(p.port, pebble.root), second, "the old one is kept while it is valid")
    true("certificate" in p.health()["reasons"])
    p.wait(source="control_plane", acme="failed", seconds=40)
    true(leaf(p.port, None) != second)
    true(p.events("acme_certificate_over"))
    again = Pebble(port=pebble.port)
    p.wait(seconds=90)
    true(leaf(p.port, again.root))
    p.stop()
    again.stop()


def fails(pebble, step, problem, error, **fields):
    """No certificate: the control plane's is shown, and /health and the log say why."""
    p = alone(pebble, **fields)
    c = p.wait(source="control_plane", acme="failed", seconds=60)
    equal((c["acme_step"], c["acme_problem"], c["acme_error"]), (step, problem, error))
    wait_until(lambda: attempt(lambda: leaf(p.port, None)), 20, "open to clients all the same")
    e = p.events("acme_failed")[0]
    equal((e["step"], e["problem"], e["shown"]), (step, problem, "control_plane"))
    p.stop()


@case
def refused():
    pebble = Pebble()
    fails(pebble, "validation", "unauthorized", "provider_body", cert_names=UNREACHABLE)  # as pebble words it
    fails(pebble, "order", "rejectedIdentifier", "provider_status", cert_names=BLOCKED)
    fails(pebble, "directory", "none", "auth", acme_ca=path("other.pem"))
    pebble.stop()


@case
def terms_and_names_are_checked():
    pebble = type("P", (), {"directory": "https://ca.example/dir"})
    for fields, why in (({"acme_agree_terms": "off"}, "acme_agree_terms"), ({"cert_names": "127.0.0.1"}, "cert_names"),
                        ({"acme_directory": "http://ca.example/dir"}, "acme_directory"),
                        ({"acme_contact": "a\"b@c"}, "acme_contact"), ({"acme_challenge": "dns-01"}, "acme_challenge")):
        p = Plane(pebble, **fields)
        true(p.process.wait(20) != 0, fields)
        with open(p.log) as f:
            true(why in f.read(), why)


try:
    rig.main()
finally:
    for process in PROCESSES:
        process.kill()
    if os.environ.get("TR_KEEP") is None:
        shutil.rmtree(WORK, ignore_errors=True)
    else:
        print("#", WORK)
