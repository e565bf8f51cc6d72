#!/usr/bin/env python3
"""The production data plane, byte for byte the file that would run on hardware: booted in an emulated
SEV-SNP guest (tests/snp_machine), linked to a control plane whose policy names that machine's root,
serving a prompt, and refused for each reason that an operator may meet. Its own stack; nothing simulated
is linked into the program. Where FUSE cannot be mounted, the cases that need it are skipped and counted."""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import rig
from rig import case, equal, free_port, wait_until

ROOT = rig.ROOT
BIN = os.environ.get("TR_BIN") or os.path.join(ROOT, "build", os.environ.get("MODE", "release"))
PG = os.path.join(ROOT, "tests/lib/pg")
work = tempfile.mkdtemp(prefix="tr-hardware-")
machine = os.path.join(work, "machine")
processes = []


PORT = {name: free_port() for name in ("mock", "rest", "link", "api", "metrics")}


def write(name, text):
    with open(os.path.join(work, name), "w") as f:
        f.write(text)
    return os.path.join(work, name)


def read(name):
    with open(os.path.join(work, name), errors="replace") as f:
        return f.read()


def spawn(name, *args, env=None):
    with open(os.path.join(work, name + ".log"), "w") as log:
        p = subprocess.Popen(args, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=env)
    processes.append(p)
    return p


def stop(p):
    if p.poll() is None:
        p.terminate()
        try:
            p.wait(20)
        except subprocess.TimeoutExpired:
            p.kill()
            p.wait()


def openssl(*args):
    subprocess.run(["openssl", *args], check=True, capture_output=True, cwd=work)


# --- the stack

def prepare(conninfo):
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
            "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", "mock.key", "-out", "mock.pem")
    subprocess.run([f"{BIN}/snp_machine", "--make", machine], check=True)
    write("providers.conf", f"""[provider demo-b]
members = mock
name = Demo B
host = localhost
port = {PORT['mock']}
tls = on
path = /v1
ca = {work}/mock.pem
""")
    write("catalog.conf", """[model demo/echo]
name = Demo
context_length = 100000
max_output = 1000
capabilities = tools

[endpoint demo/echo@demo-b]
upstream_model = up-echo
prompt = 0.5
completion = 1.5
cached = 0.05
""")
    os.chmod(write("provider-keys.conf", "demo-b = mock-provider-key-b\n"), 0o600)
    write("control.conf", f"""database = {conninfo}
sql_dir = {ROOT}/sql
rest_host = 127.0.0.1
rest_port = {PORT['rest']}
link_host = 127.0.0.1
link_port = {PORT['link']}
state_dir = {work}/state
providers = {work}/providers.conf
provider_keys = {work}/provider-keys.conf
catalog = {work}/catalog.conf
attestation = {work}/attestation.conf
dataplane_names = localhost,127.0.0.1
reattest_ms = 2000
""")
    policy(POLICY)
    spki = control("--print-link-spki")
    write("data.conf", f"""listen_host = 127.0.0.1
listen_port = {PORT['api']}
metrics_host = 127.0.0.1
metrics_port = {PORT['metrics']}
workers = 1
control_host = 127.0.0.1
control_port = {PORT['link']}
control_spki = {spki}
platform_root = {machine}/ark.pem
providers = {work}/providers.conf
audience = localhost
cert_names = localhost,127.0.0.1
allow_unlocked_memory = on
""")


def control(*args):
    return subprocess.run([f"{BIN}/tr-controlplane", "-c", f"{work}/control.conf", *args], check=True,
                          capture_output=True, text=True).stdout.strip()


POLICY = """audience = localhost
expires = 2099-01-01T00:00:00Z
allow_unlocked_memory = on
roots = none
products = genoa
guest_require = single_socket rapl_disabled
platform_require = ecc alias_check

[floor 19-11-01]
bootloader = 7
snp = 27
microcode = 86

[root this-machine]
file = {machine}/ark.pem

[measurement this-image]
sha384 = {measurement}

[chip this-one]
id = {chip}
"""


def policy(text, **more):
    values = {"machine": machine, "measurement": "22" * 48, "chip": read("machine/chip_id"), **more}
    write("attestation.conf", re.sub(r"\{(\w+)\}", lambda m: values[m.group(1)], text))


class Control:
    def __enter__(self):
        self.p = spawn("controlplane", f"{BIN}/tr-controlplane", "-c", f"{work}/control.conf")
        wait_until(lambda: '"listening"' in read("controlplane.log"), 20, "the control plane listens")
        if '"policy_file_counted_before"' in read("controlplane.log"):  # as docs/operations.md says for an earlier file
            self.p.send_signal(signal.SIGHUP)
            wait_until(lambda: '"policy_changed"' in read("controlplane.log"), 20, "the policy is in force again")

    def __exit__(self, *_):
        stop(self.p)


class Guest:
    """tr-dataplane inside the emulated guest."""

    def __init__(self, *options, env=None):
        self.options, self.env = options, env

    def __enter__(self):
        write("machine/reports", "")
        self.p = spawn("dataplane", f"{BIN}/snp_machine", machine, *self.options, f"{BIN}/tr-dataplane", "-c",
                       f"{work}/data.conf", env=self.env)
        return self

    def __exit__(self, *_):
        stop(self.p)

    def health(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{PORT['metrics']}/health", timeout=5) as f:
                return json.load(f)
        except urllib.error.HTTPError as e:
            return json.load(e)

    def ready(self, want=True):
        return wait_until(lambda: (lambda h: h if h["ready"] == want else None)(self.health()), 20,
                          "ready" if want else "not ready any more")

    def chat(self, ca=None):
        c = rig.Client(f"https://localhost:{PORT['api']}/v1", ca or f"{work}/state/ca.pem", key=KEY)
        try:
            return c.chat(mock="tokens=3", name="demo-b")
        finally:
            c.close()

    def reports(self):
        return read("machine/reports").count("report")

    def break_devices(self):
        os.kill(int(read("machine/pid")), signal.SIGUSR1)


def rest(method, path, body, key):
    c = rig.Client(f"https://127.0.0.1:{PORT['rest']}", f"{work}/state/ca.pem", key=key)
    try:
        return c.request(method, path, body).json()
    finally:
        c.close()


def account():
    global KEY
    management = control("--bootstrap").split()[-1]
    with Control():
        rest("POST", "/v1/credits/topup", {"amount": 10, "idempotency_key": "one"}, management)
        KEY = rest("POST", "/v1/keys", {"name": "test"}, management)["key"]


# --- cases

def serves(*options):
    with Control(), Guest(*options) as g:
        h = g.ready()
        equal((h["simulated"], h["attestation"], h["refusal"]), (False, "sev-snp", None))
        a = g.chat()
        equal(a.status, 200, repr(a))
        before = g.reports()
        wait_until(lambda: g.reports() > before + 1, 20, "attested again on the same connection")
        equal(g.ready()["link"], "connected")


@case
def serves_over_configfs_tsm():
    serves()


@case
def serves_over_the_device():
    serves("--device")


@case
def its_boot_is_in_the_log_as_real():
    with Control():
        c = rig.Client(f"https://127.0.0.1:{PORT['rest']}", f"{work}/state/ca.pem", key="")
        size = c.request("GET", "/attestation/transparency/head").json()["tree_size"]
        last = c.request("GET", f"/attestation/transparency/{size - 1}").json()["statement"]
        c.close()
    equal((last["purpose"], last["simulated"], last["measurement"]), ("tr.boot.v1", False, "22" * 48))
    with open(os.path.join(work, "attestation.conf"), "rb") as f:
        equal(last["policy_sha256"], hashlib.sha256(f.read()).hexdigest())


def breaks(*options):
    """The devices die under a running data plane: inference ends when its evidence does."""
    with Control(), Guest(*options) as g:
        g.ready()
        equal(g.chat().status, 200)
        g.break_devices()
        g.ready(False)
        a = g.chat()
        equal((a.status, a.error()["code"]), (503, "attestation_unavailable"))
        line = wait_until(lambda: re.search(r'.*"report_failed".*', read("dataplane.log")), 5, "said in the log").group(0)
        if options:
            equal((json.loads(line)["error"], json.loads(line)["errno"]), ("unsupported", 25))


@case
def fails_closed_when_configfs_tsm_breaks():
    breaks()


@case
def fails_closed_when_the_device_breaks():
    breaks("--device")


def refused(text, reason, **more):
    policy(text, **more)
    try:
        with Control(), Guest() as g:
            wait_until(lambda: g.health()["refusal"] == reason, 20, f"refused for {reason}")
            equal(g.health()["ready"], False)
            a = g.chat(ca=rig.INSECURE)
            equal((a.status, a.error()["code"]), (503, "attestation_unavailable"))
    finally:
        policy(POLICY)


@case
def refused_under_amds_roots():
    """The names are AMD's, the signature is not: the compiled-in roots know the difference."""
    amd = POLICY.replace("roots = none", "roots = amd").replace("[root this-machine]\nfile = {machine}/ark.pem\n", "")
    refused(amd, "root")


@case
def refused_for_another_measurement():
    refused(POLICY, "measurement", measurement="23" * 48)


@case
def refused_for_another_chip():
    refused(POLICY, "chip", chip="5a" * 64)


@case
def refused_for_an_old_processor():
    refused(POLICY.replace("microcode = 86", "microcode = 89"), "tcb_floor")


@case
def the_environment_is_ignored():
    """A kernel hands unknown words of its command line to the first program as environment: measured, and
    ignored all the same. Here it names another OpenSSL configuration, other CAs, a proxy."""
    weak = write("openssl.cnf", """openssl_conf = a
[a]
ssl_conf = b
[b]
system_default = c
[c]
MaxProtocol = TLSv1.2
""")
    env = dict(os.environ, OPENSSL_CONF=weak, SSL_CERT_FILE=weak, SSL_CERT_DIR="/nonexistent", HTTPS_PROXY="http://127.0.0.1:1",
               RES_OPTIONS="attempts:1 timeout:1", LOCALDOMAIN="evil.example", HOSTALIASES=weak, TR_CONTROL_HOST="evil.example")
    # The twin: a program that listens to its environment is weakened by it.
    r = subprocess.run(["python3", "-c", "import ssl; print(ssl.create_default_context().maximum_version.name)"], env=env,
                       capture_output=True, text=True)
    equal(r.stdout.strip(), "TLSv1_2", r.stderr)
    with Control(), Guest(env=env) as g:
        g.ready()
        equal(g.chat().status, 200)


@case
def does_not_start_with_dead_devices():
    """A driver that answers nothing any more at boot: no service, exit status 1, one sentence."""
    code = f"kill -USR1 $(cat {machine}/pid); sleep 0.2; exec {BIN}/tr-dataplane -c {work}/data.conf"
    r = subprocess.run([f"{BIN}/snp_machine", machine, "/bin/sh", "-c", code], capture_output=True, text=True, timeout=30)
    equal(r.returncode, 1)
    equal("the SEV-SNP device gave no report" in r.stderr, True, r.stderr)


@case
def does_not_start_with_a_report_nobody_can_verify():
    """Its own first report, judged before it listens: this machine is not under AMD's roots."""
    plain = write("plain.conf", read("data.conf").replace(f"platform_root = {machine}/ark.pem\n", ""))
    r = subprocess.run([f"{BIN}/snp_machine", machine, f"{BIN}/tr-dataplane", "-c", plain], capture_output=True,
                       text=True, timeout=30)
    equal(r.returncode, 1)
    equal("our own report does not verify: CERT_ROOT" in r.stderr, True, r.stderr)


@case
def strangers_verify_it():
    """tr-verify against the production program, over both devices: accepted where its machine's root is named."""
    policy(POLICY)
    for options in ([], ["--device"]):
        with Control(), Guest(*options) as g:
            g.ready()
            for named, code, word in ((["--policy", f"{work}/attestation.conf"], 0, "ACCEPT"), ([], 10, "CERT_ROOT")):
                r = subprocess.run([f"{BIN}/tr-verify", "gateway", f"https://localhost:{PORT['api']}", "--json", *named],
                                   capture_output=True, text=True, timeout=30)
                equal((r.returncode, json.loads(r.stdout)["code"]), (code, word), r.stdout[:600])


# No right to lock memory, and none to raise the limit.
UNLOCKED = [shutil.which("setpriv"), "--bounding-set=-ipc_lock,-sys_resource", "/bin/sh", "-c",
            'ulimit -l 64 && exec "$0" -c "$1"', f"{BIN}/tr-dataplane"]


@case
def does_not_start_with_unlocked_memory():
    strict = write("strict.conf", read("data.conf").replace("allow_unlocked_memory = on\n", ""))
    r = subprocess.run([f"{BIN}/snp_machine", machine, *UNLOCKED, strict], capture_output=True, text=True, timeout=30)
    equal(r.returncode, 1, r.stderr)
    equal("memory cannot be locked" in r.stderr and "allow_unlocked_memory" in r.stderr, True, r.stderr)


class UnlockedGuest(Guest):
    def __enter__(self):
        write("machine/reports", "")
        self.p = spawn("dataplane", f"{BIN}/snp_machine", machine, *UNLOCKED, f"{work}/data.conf")
        return self


@case
def unlocked_memory_is_in_the_evidence():
    """Allowed to start, it says so everywhere; whoever does not want it refuses it."""
    strict = POLICY.replace("allow_unlocked_memory = on\n", "")
    policy(strict)
    write("strict-policy.conf", read("attestation.conf"))
    try:
        with Control(), UnlockedGuest() as g:
            wait_until(lambda: g.health()["refusal"] == "memory", 20, "refused for memory")
            equal(g.chat(ca=rig.INSECURE).error()["code"], "attestation_unavailable")
        policy(POLICY)
        with Control(), UnlockedGuest() as g:
            equal(g.ready()["memory_locked"], False)
            equal('"memory_not_locked"' in read("dataplane.log"), True)
            for name, code, word in (("attestation.conf", 0, "ACCEPT"), ("strict-policy.conf", 10, "MEMORY")):
                r = subprocess.run([f"{BIN}/tr-verify", "gateway", f"https://localhost:{PORT['api']}", "--json",
                                    "--policy", f"{work}/{name}"], capture_output=True, text=True, timeout=30)
                equal((r.returncode, json.loads(r.stdout)["code"]), (code, word), r.stdout[:600])
                equal(json.loads(r.stdout)["identity"]["unlocked_memory"], True)
    finally:
        policy(POLICY)


@case
def does_not_start_without_devices():
    if os.path.exists("/dev/sev-guest") or os.path.exists("/sys/kernel/config/tsm/report"):
        raise rig.Skip("this machine has the device")
    r = subprocess.run([f"{BIN}/tr-dataplane", "-c", f"{work}/data.conf"], capture_output=True, text=True, timeout=30)
    equal(r.returncode, 1)
    equal("no SEV-SNP guest" in r.stderr, True, r.stderr)


def can_emulate():
    r = subprocess.run([f"{BIN}/snp_machine", machine, "/bin/true"], capture_output=True, text=True)
    if r.returncode == 0:
        return True
    rig.skip_all_but([does_not_start_without_devices], r.stderr.strip())
    return False


def main():
    subprocess.run(["make", "-s", "-C", ROOT, f"MODE={os.environ.get('MODE', 'release')}",
                    os.path.relpath(BIN, ROOT) + "/snp_machine"], check=True, stdout=subprocess.DEVNULL)
    os.mkdir(machine)
    pg_dir = work + "-pg"
    try:
        conninfo = subprocess.run([PG, "start", pg_dir], check=True, capture_output=True, text=True).stdout.strip()
        prepare(conninfo)
        if can_emulate():
            spawn("mock", f"{BIN}/mock_provider", "--tls", f"{work}/mock.pem", f"{work}/mock.key", "--listen",
                  f"demo-b:{PORT['mock']}")
            account()
        rig.main()
    finally:
        for p in processes:
            stop(p)
        subprocess.run([PG, "stop", pg_dir], check=False)
        if os.environ.get("KEEP"):
            print("# kept", work)
        else:
            shutil.rmtree(work)


if __name__ == "__main__":
    main()
