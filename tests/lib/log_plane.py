"""A control plane with a database of its own for tests of the transparency log: it logs releases, its log can
be copied as a mirror would, and its database can be taken back to an earlier day."""

import hashlib
import http.client
import json
import os
import signal
import ssl
import subprocess
import sys
import time

from rig import ROOT, equal, free_port, true

BIN = os.environ.get("TR_BIN") or os.path.join(ROOT, "build", os.environ.get("MODE", "release"))
REWIND = """BEGIN; SET LOCAL session_replication_role = replica;
DELETE FROM log_checkpoint WHERE size > %(size)d;
DELETE FROM log_node n WHERE (n.index + 1) << n.level > %(size)d;
DELETE FROM log_entry WHERE index >= %(size)d; COMMIT"""


class Plane:
    """A control plane with its own directory and database."""

    def __init__(self, work, name, conninfo):
        self.dir = os.path.join(work, name)
        self.conninfo = conninfo
        self.port = free_port()
        self.process = None
        os.mkdir(self.dir)
        with open(os.path.join(ROOT, "deploy/examples/attestation.conf")) as f:
            policy = f.read()
        policy += f"\n[measurement test]\nsha384 = {'ab' * 48}\n[chip test]\nid = {'cd' * 64}\n"
        with open(os.path.join(self.dir, "attestation.conf"), "w") as f:
            f.write(policy)
        with open(os.path.join(self.dir, "conf"), "w") as f:
            f.write(f"""database = {conninfo}
sql_dir = {ROOT}/sql
state_dir = {self.dir}/state
rest_port = {self.port}
link_port = {free_port()}
log_origin = example.com/tr-log
providers = {ROOT}/deploy/examples/providers.conf
catalog = {ROOT}/deploy/examples/catalog.conf
attestation = {self.dir}/attestation.conf
""")

    def command(self, *args):
        """Exit status, standard output, and standard error without log lines, of one command."""
        r = subprocess.run([f"{BIN}/tr-controlplane", "-c", f"{self.dir}/conf", *args], capture_output=True, text=True)
        said = [line for line in r.stderr.splitlines() if not line.startswith('{"t":')]
        return r.returncode, r.stdout.strip(), "\n".join(said)

    def run(self, *args):
        code, out, err = self.command(*args)
        equal((code, err), (0, ""), args)
        return out

    def sql(self, text):
        r = subprocess.run(["psql", "-XAtq", self.conninfo, "-v", "ON_ERROR_STOP=1", "-c", text], capture_output=True,
                           text=True)
        equal((r.returncode, r.stderr), (0, ""), text)
        return r.stdout.strip()

    def rewind(self, size):
        """The log as a backup of the day when it had so many entries would bring it back."""
        self.sql(REWIND % {"size": size})

    def start(self):
        log = open(os.path.join(self.dir, "log"), "a")
        self.process = subprocess.Popen([f"{BIN}/tr-controlplane", "-c", f"{self.dir}/conf"], stdout=log,
                                        stderr=log)
        for _ in range(200):
            try:
                if self.get("/health")[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.05)
        sys.stdout.write(open(os.path.join(self.dir, "log")).read())
        raise SystemExit("not ok the control plane starts")

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(20)

    def connect(self):
        context = ssl.create_default_context(cafile=os.path.join(self.dir, "state/ca.pem"))
        return http.client.HTTPSConnection("127.0.0.1", self.port, context=context, timeout=10)

    def call(self, method, path, body=None, key=None):
        c = self.connect()
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        c.request(method, path, body=body, headers=headers)
        r = c.getresponse()
        out = r.status, dict((k.lower(), v) for k, v in r.getheaders()), r.read()
        c.close()
        return out

    def get(self, path):
        return self.call("GET", path)

    def json(self, path):
        status, _, body = self.get(path)
        equal(status, 200)
        return json.loads(body)

    def release(self, n, key=None):
        return self.call("POST", "/v1/releases", body=release(n), key=key or self.key)


def release(n):
    """A manifest as deploy/release/make writes it, in canonical JSON."""
    return json.dumps({
        "catalog_sha256": "11" * 32, "cmdline": "", "digests": {"dataplane": hashlib.sha256(b"%d" % n).hexdigest()},
        "image_sha256": None,
        "measurements": [{"cpu": "EPYC-v4", "features": 1, "measurement": hashlib.sha384(b"%d" % n).hexdigest(),
                          "vcpus": 2}],
        "min_svn": 1, "not_after": 4102444800, "not_before": 1700000000, "policy_sha256": "22" * 32, "previous": None,
        "providers_sha256": "33" * 32, "purpose": "tr.release.v1", "sbom_sha256": None, "simulated": True,
        "source": {"commit": "ab" * 20, "repo": "https://example.com/tr"}, "svn": 1, "version": f"0.0.{n}",
    }, sort_keys=True, separators=(",", ":"))


def group(n):
    text = f"{n % 1000:03d}"
    while n >= 1000:
        n //= 1000
        text = f"x{n % 1000:03d}/{text}"
    return text


def mirror(plane, to):
    """Copy a log as a static file server would have it."""
    def save(path):
        status, headers, body = plane.get("/" + path)
        equal(status, 200)
        full = os.path.join(to, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "wb") as f:
            f.write(body)
        return headers, body

    _, note = save("checkpoint")
    size = int(note.split(b"\n")[1])
    level, n = 0, size
    while n > 0:
        for i in range((n + 255) // 256):
            width = min(256, n - 256 * i)
            suffix = "" if width == 256 else f".p/{width}"
            headers, _ = save(f"tile/{level}/{group(i)}{suffix}")
            true("immutable" in headers["cache-control"])
            if level == 0:
                save(f"tile/entries/{group(i)}{suffix}")
        level, n = level + 1, n // 256
    return size
