#!/usr/bin/env python3
"""The data plane's public evidence as strangers see it: tr-verify against the running gateway and its refused
twins, and each format recomputed here from its specification alone (hashlib, json and the openssl command):
facts about ACI from docs/aci-sev-snp-extension.md, about the native document from docs/verify.md. The data plane is
restarted with a release and with low limits; at the end it runs as it did."""

import base64
import hashlib
import json
import os
import re
import secrets
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from urllib.parse import urlparse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import rig  # noqa: E402
from rig import Client, case, equal, wait_until  # noqa: E402

RUN = rig.env("TR_RUN_DIR")
CONF = os.path.join(RUN, "conf/dataplane.conf")
ORIGIN = rig.env("TR_BASE_URL").removesuffix("/v1")
VERIFY = os.path.join(rig.env("TR_BIN"), "tr-verify")
work = tempfile.mkdtemp(prefix="tr-attestation-")
with open(CONF) as f:
    GOOD = f.read()


def true(got, what=""):
    if not got:
        raise AssertionError(what or f"not true: {got!r}")


def path(name, text=None):
    p = os.path.join(work, name)
    if text is not None:
        with open(p, "wb" if isinstance(text, bytes) else "w") as out:
            out.write(text)
    return p


def restart(text):
    rig.stop("dataplane")
    with open(CONF, "w") as out:
        out.write(text)
    rig.start("dataplane")
    wait_until(lambda: rig.chat("tokens=1").status == 200, 30, "served again")


def nonce():
    return secrets.token_hex(32)


def polite(fn):
    """Again when told to wait: these tests are one address."""
    for _ in range(20):
        a = fn()
        if a.status != 429:
            return a
        time.sleep(int(a.header("retry-after-ms")) / 1000 + 0.01)
    raise AssertionError("still 429")


def get(target, client=None, method="GET", body=None, key=""):
    c = client or Client(ORIGIN, key=key)
    try:
        return polite(lambda: c.request(method, target, body))
    finally:
        if client is None:
            c.close()


POLICY = path("policy.conf", """audience = localhost
products = genoa
guest_allow = smt
[floor genoa]
snp = 27
""")


def gateway(url=ORIGIN, release=None, **options):
    """tr-verify gateway's exit status and verdict."""
    args = [VERIFY, "gateway", url, "--policy", options.pop("policy", POLICY), "--release",
            release or rig.env("TR_RELEASE"), "--release-key", options.pop("key", rig.env("TR_RELEASE_KEY")), "--json"]
    if options.pop("roots", True):
        args += ["--roots", os.path.join(RUN, "platform")]
    for name, value in options.items():
        args += ["--" + name.replace("_", "-"), value]
    for _ in range(20):
        r = subprocess.run(args, capture_output=True, text=True, timeout=30)
        if "answered 429" not in r.stderr:
            break
        time.sleep(0.2)
    return r.returncode, json.loads(r.stdout) if r.stdout else {"code": None, "stderr": r.stderr}


def checks(verdict, code):
    return [c["ok"] for c in verdict["checks"] if c["code"] == code]


# --- tr-verify

@case
def the_gateway_is_accepted():
    code, v = gateway(log_key=rig.env("TR_LOG_KEY"), ca=rig.env("TR_CA"))
    equal((code, v["code"]), (0, "ACCEPT"))
    for name in ("BINDING", "TLS_KEY", "RELEASE_SIG", "RELEASE", "PROVIDERS", "LOG_PROOF", "RELEASE_LEAF", "NONCE",
                 "REPORT_DATA", "AUDIENCE", "PROGRAM"):
        equal(checks(v, name), [True], name)
    equal(v["simulated"], True)


@case
def a_recorded_answer_is_judged_offline():
    code, v = gateway(save=path("bundle.json"))
    equal((code, v["code"]), (0, "ACCEPT"))
    r = subprocess.run([VERIFY, "bundle", path("bundle.json"), "--roots", os.path.join(RUN, "platform"), "--policy",
                        POLICY, "--release", rig.env("TR_RELEASE"), "--release-key", rig.env("TR_RELEASE_KEY"),
                        "--json"], capture_output=True, text=True, timeout=30)
    equal((r.returncode, json.loads(r.stdout)["code"]), (0, "ACCEPT"))
    r = subprocess.run([VERIFY, "bundle", path("bundle.json"), "--roots", os.path.join(RUN, "platform"), "--policy",
                        POLICY, "--json"], capture_output=True, text=True, timeout=30)
    equal((r.returncode, json.loads(r.stdout)["code"]), (10, "PROGRAM"))  # nothing says which program


def signed(file):
    subprocess.run([os.path.join(rig.ROOT, "deploy/release/sign"), f"{RUN}/conf/release-key.pem", file], check=True)
    return file


@case
def a_manifest_counts_when_it_is_signed():
    """As it is published, but signed by somebody else, or changed, or unsigned, or of too low a version."""
    mine = path("mine.json")
    shutil.copy(rig.env("TR_RELEASE"), mine)
    r = subprocess.run([VERIFY, "gateway", ORIGIN, "--release", mine, "--policy", POLICY], capture_output=True, text=True)
    equal(r.returncode, 2)  # no key, no answer
    equal(gateway(release=mine)[0], 2)  # no signature beside it
    equal(gateway(release=signed(mine))[0], 0)
    other = path("other-key.pem")
    key = subprocess.run([os.path.join(rig.ROOT, "deploy/release/sign"), "--new-key", other], check=True,
                         capture_output=True, text=True).stdout.strip()
    code, v = gateway(release=mine, key=key)
    equal((code, v["code"]), (10, "RELEASE_SIG"))
    code, v = gateway(release=mine, min_svn="2")
    equal((code, v["code"]), (10, "RELEASE_SVN"))
    with open(mine) as f:
        text = f.read()
    path("mine.json", text.replace('"svn":1', '"svn":2'))
    code, v = gateway(release=mine, min_svn="2")
    equal((code, v["code"]), (10, "RELEASE_SIG"))
    elsewhere = json.loads(text)
    elsewhere["providers_sha256"] = "ab" * 32
    path("mine.json", json.dumps(elsewhere, sort_keys=True, separators=(",", ":")))
    code, v = gateway(release=signed(mine), log_key=rig.env("TR_LOG_KEY"))
    equal((code, v["code"]), (10, "PROVIDERS"))
    equal(checks(v, "RELEASE_LEAF"), [False])  # nor is it the one that the log has


@case
def the_public_log_is_the_stapled_one():
    code, v = gateway(log_key=rig.env("TR_LOG_KEY"), log=rig.env("TR_CONTROL_URL"))
    equal((code, v["code"], checks(v, "LOG")), (0, "ACCEPT", [True]))
    code, v = gateway(log_key=rig.env("TR_LOG_KEY"), log="https://127.0.0.1:1")
    equal((code, v["code"], v["verdict"]), (40, "LOG", "unreachable"))


@case
def every_boot_is_of_a_signed_release():
    def log(*args):
        r = subprocess.run([VERIFY, "log", rig.env("TR_CONTROL_URL"), "--key", rig.env("TR_LOG_KEY"), "--json", *args],
                           capture_output=True, text=True, timeout=60)
        return r.returncode, json.loads(r.stdout)["code"] if r.stdout else None
    equal(log(), (0, "ACCEPT"))
    equal(log("--releases", rig.env("TR_RELEASES"), "--release-key", rig.env("TR_RELEASE_KEY")), (0, "ACCEPT"))
    os.mkdir(path("none"))
    equal(log("--releases", path("none"), "--release-key", rig.env("TR_RELEASE_KEY")), (10, "RELEASE_SIG"))
    equal(log("--releases", path("none")), (2, None))


@case
def unreachable_is_no_verdict():
    code, v = gateway("https://127.0.0.1:1")
    equal((code, v["code"], v["verdict"]), (40, "GATEWAY", "unreachable"))
    with Relay(lambda _: b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n") as r:
        equal(gateway(r.url)[0], 40)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                    "/CN=other", "-keyout", path("ca.key"), "-out", path("ca.pem")], check=True, capture_output=True)
    code, v = gateway(ca=path("ca.pem"))
    equal((code, v["code"], v["verdict"]), (10, "CA", "reject"))


@case
def the_parts_are_for_other_tools():
    """--extract: openssl judges the report's signature, and the 64 bytes are where they belong."""
    equal(gateway(extract=path("parts"))[0], 0)

    def part(name):
        with open(path("parts/" + name), "rb") as f:
            return f.read()
    report = part("report.bin")
    equal((len(report), report[0x50:0x90]), (1184, part("report_data.bin")))
    chain_check(report, [part("vek.der"), part("ask.der")])
    equal(json.loads(part("statement.json"))["purpose"], "tr.boot.v1")
    true(part("proof.txt").startswith(b"c2sp.org/tlog-proof@v1\n"))
    equal(json.loads(part("identity.json"))["audience"], "localhost")


@case
def other_measurement_root_log_or_audience_is_refused():
    other = path("other.json")
    subprocess.run([os.path.join(rig.ROOT, "deploy/release/make"), "--version", "9", "--svn", "1", "--days", "9",
                    "--providers", f"{RUN}/conf/providers.conf", "--catalog", f"{RUN}/conf/catalog.conf", "--policy",
                    f"{RUN}/conf/attestation.conf", "--digest", f"dataplane={VERIFY}", "--commit", "0" * 40,
                    "--simulated", "ab" * 48, "--out", other], check=True, capture_output=True,
                   env={**os.environ, "TR_BIN": rig.env("TR_BIN")})
    equal([x if i == 0 else x["code"] for i, x in enumerate(gateway(release=signed(other)))], [10, "RELEASE"])
    code, v = gateway(roots=False)
    equal((code, v["code"]), (10, "CERT_ROOT"))
    key = rig.env("TR_LOG_KEY")
    code, v = gateway(log_key=other_log_key(key))
    equal((code, v["code"]), (10, "LOG_PROOF"))
    with open(POLICY) as f:
        strange = path("strange.conf", f.read().replace("localhost", "api.example.com"))
    code, v = gateway(policy=strange)
    equal((code, v["code"]), (10, "AUDIENCE"))
    with open(POLICY) as f:
        silent = path("silent.conf", f.read().replace("audience = localhost\n", ""))
    equal(gateway(policy=silent)[0], 0)  # the URL's host
    code, v = gateway(policy=silent, audience="api.example.com")
    equal((code, v["code"]), (10, "AUDIENCE"))


def other_log_key(key):
    """The same name with a key of somebody else's (C2SP note verifier key)."""
    name, public = key.split("+")[0], b"\x01" + secrets.token_bytes(32)
    ident = hashlib.sha256(name.encode() + b"\n" + public).digest()[:4].hex()
    return f"{name}+{ident}+{base64.b64encode(public).decode()}"


# --- people in the middle

class Relay:
    """TLS of its own towards the client; what it answers comes from fn(request bytes)."""

    def __init__(self, fn):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-days", "2", "-subj", "/CN=localhost", "-keyout", path("relay.key"), "-out",
                        path("relay.pem")], check=True, capture_output=True)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(path("relay.pem"), path("relay.key"))
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://localhost:{self.listener.getsockname()[1]}"
        self.fn = fn
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                s = self.context.wrap_socket(self.listener.accept()[0], server_side=True)
                s.sendall(self.fn(s.recv(65536)))
                s.close()
            except (OSError, ssl.SSLError):
                return

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()


def http(body):
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


@case
def a_relay_is_refused():
    """It asks the real gateway the client's own question; the answer is about another connection and key. (With
    the gateway's own private key: tests/unit/test_attest.c.)"""
    def forward(request):
        target = request.split(b" ")[1].decode()
        return http(get(target).body)
    with Relay(forward) as r:
        code, v = gateway(r.url)
    equal((code, v["code"]), (10, "REPORT_DATA"))
    equal((checks(v, "TLS_KEY"), checks(v, "NONCE")), ([False], [True]))


@case
def an_old_answer_is_refused():
    old = get(f"/attestation?nonce={nonce()}").body
    with Relay(lambda _: http(old)) as r:
        code, v = gateway(r.url)
    equal((code, checks(v, "NONCE"), checks(v, "REPORT_DATA")), (10, [False], [False]))


# --- the native document, recomputed

def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def root(leaf, index, size, proof):
    """RFC 9162 2.1.3.2: where a leaf and its path lead."""
    fn, sn, r = index, size - 1, leaf
    for p in proof:
        true(sn != 0, "the path is too long")
        if fn & 1 or fn == sn:
            r = sha256(b"\1", p, r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = sha256(b"\1", r, p)
        fn, sn = fn >> 1, sn >> 1
    equal(sn, 0, "the path is too short")
    return r


def report_data(document, exporter=bytes(32)):
    d = json.loads(document)
    identity = base64.b64decode(d["identity"])
    leaf = sha256(b"\0", b"tr-nonce/v1\0", b"\1", bytes.fromhex(d["nonce"]), exporter)
    r = root(leaf, d["batch"]["index"], d["batch"]["size"], [bytes.fromhex(h) for h in d["batch"]["path"]])
    want = hashlib.sha512(b"tr-evidence/v1\0" + sha256(identity) + r).digest()
    report = base64.b64decode(d["report"])
    equal(len(report), 1184)
    return report[0x50:0x90], want


@case
def the_document_is_what_it_says():
    """Without the exporter (Python cannot see it) everything can be recomputed; with it, all but one hash."""
    n = nonce()
    a = get(f"/attestation?nonce={n}&binding=none")
    d = a.json()
    equal((d["format"], d["nonce"], d["binding"]), ("tr-attestation/v1", n, "none"))
    got, want = report_data(a.body)
    equal(got, want)
    identity = json.loads(base64.b64decode(d["identity"]))
    equal(identity["tls_spki_sha256"], spki())
    equal(json.dumps(identity, sort_keys=True, separators=(",", ":")).encode(), base64.b64decode(d["identity"]))
    bound = get(f"/attestation?nonce={n}&binding=tls-exporter")
    equal(bound.json()["binding"], "tls-exporter")
    got, unbound = report_data(bound.body)
    true(got != unbound, "bound to nothing")
    statement = json.loads(base64.b64decode(d["release"]["leaf"]))
    equal((statement["purpose"], statement["boot"]), ("tr.boot.v1", identity["boot"]))


def certificate():
    parts = urlparse(ORIGIN)
    s = rig.context(rig.env("TR_CA")).wrap_socket(socket.create_connection((parts.hostname, parts.port)),
                                                  server_hostname=parts.hostname)
    der = s.getpeercert(True)
    s.close()
    return der


def spki():
    """Of the connection's certificate, by openssl."""
    pem = subprocess.run(["openssl", "x509", "-inform", "DER", "-pubkey", "-noout"], input=certificate(),
                         capture_output=True, check=True).stdout
    return hashlib.sha256(base64.b64decode(b"".join(pem.splitlines()[1:-1]))).hexdigest()


@case
def many_questions_on_one_connection():
    c = Client(ORIGIN, key="")
    seen = set()
    for i in range(8):
        n = nonce()
        if i % 2:
            a = get(f"/attestation?nonce={n}&binding=none", c)
        else:
            a = get("/attestation/quote", c, "POST", {"nonce": n, "binding": "none"})
        equal((a.status, a.json()["nonce"]), (200, n))
        equal(*report_data(a.body))
        seen.add(a.json()["report"])
    equal(len(seen), 8)
    equal(c.request("GET", "/health").status, 200)
    c.close()


@case
def many_at_once_share_reports():
    before = metrics()

    def one(_):
        c = Client(ORIGIN, key="")
        try:
            out = []
            for _ in range(3):
                n = nonce()
                a = polite(lambda: c.request("GET", f"/attestation?nonce={n}&binding=none"))
                equal((a.status, a.json()["nonce"]), (200, n))
                equal(*report_data(a.body))
                out.append(a.json()["batch"]["size"])
            return out
        finally:
            c.close()
    sizes = [s for part in rig.parallel(12, one) for s in part]
    after = metrics()
    asked = after["tr_quote_asks_total"] - before["tr_quote_asks_total"]
    made = after["tr_quote_reports_total"] - before["tr_quote_reports_total"]
    equal(asked, 36)
    true(made < asked and max(sizes) > 1, f"{asked} asks in {made} reports")
    print(f"# {asked} asks in {made} reports, batches up to {max(sizes)}")


def metrics():
    import urllib.request
    with urllib.request.urlopen(rig.env("TR_METRICS_URL"), timeout=10) as f:
        lines = f.read().decode().splitlines()
    return {x.split(" ")[0]: int(x.split(" ")[1]) for x in lines if re.fullmatch(r"tr_quote\w+ \d+", x)}


# --- ACI

def jcs(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def aci_check(a, n):
    """What aci/1 asks of a verifier, for keys and binding; the hardware's signature by openssl."""
    r = a.json()
    equal(r["api_version"], "aci/1")
    digest = "sha256:" + hashlib.sha256(jcs(r["attestation"]["workload_keyset"])).hexdigest()
    equal(r["workload_keyset_digest"], digest)
    equal(a.header("x-aci-keyset-digest"), digest)
    statement = '{"keyset_digest":"%s","nonce":%s,"purpose":"aci.report_data.v1"}' % (digest, f'"{n}"' if n else "null")
    hashed = hashlib.sha256(statement.encode()).digest()
    equal(r["attestation"]["report_data"], hashed.hex())
    evidence = r["attestation"]["evidence"]
    report = base64.b64decode(evidence["report_b64"])
    equal(report[0x50:0x90], hashed + bytes(32))
    keyset = r["attestation"]["workload_keyset"]
    equal(sorted(keyset), ["e2ee_public_keys", "not_after", "receipt_signing_keys", "subject", "tls_public_keys"])
    equal([k["spki_sha256"] for k in keyset["tls_public_keys"]], [spki()])
    true(keyset["not_after"] > time.time(), "the keyset has expired")
    chain_check(report, [base64.b64decode(c) for c in evidence["cert_chain"]])
    return r


def openssl(*args, **more):
    return subprocess.run(["openssl", *args], capture_output=True, **more)


def chain_check(report, chain):
    """ARK -> ASK -> VCEK -> report, by the openssl command; the root is the simulated machine's."""
    vcek = path("vcek.pem", openssl("x509", "-inform", "DER", input=chain[0], check=True).stdout)
    ask = path("ask.pem", openssl("x509", "-inform", "DER", input=chain[1], check=True).stdout)
    ark = os.path.join(RUN, "platform/ark.pem")
    r = openssl("verify", "-partial_chain", "-CAfile", ark, "-untrusted", ask, vcek)
    equal(r.returncode, 0, r.stderr)
    public = path("vcek.pub", openssl("x509", "-in", vcek, "-pubkey", "-noout", check=True).stdout)

    def der(n):
        b = n.to_bytes(49, "big").lstrip(b"\0")
        b = b"\0" + b if b[0] & 0x80 else b
        return b"\2" + bytes([len(b)]) + b
    numbers = der(int.from_bytes(report[0x2a0:0x2e8], "little")) + der(int.from_bytes(report[0x2e8:0x330], "little"))
    signature = path("signature", b"\x30" + bytes([len(numbers)]) + numbers)
    r = openssl("dgst", "-sha384", "-verify", public, "-signature", signature, path("signed", report[:0x2a0]))
    equal(r.returncode, 0, r.stdout)


@case
def aci_attestation():
    n = nonce()
    aci_check(get(f"/v1/aci/attestation?nonce={n}"), n)
    aci_check(get("/v1/aci/attestation"), None)
    r = aci_check(get(f"/api/v1/aci/attestation?nonce={n}"), n)
    evidence = r["attestation"]["evidence"]
    equal((evidence["format"], evidence["simulated"]), ("tr.aci.sev_snp.v1", True))
    statement = json.loads(base64.b64decode(evidence["tlog_statement_b64"]))
    keyset = r["attestation"]["workload_keyset"]
    equal(statement["receipt_ed25519"], keyset["receipt_signing_keys"][0]["public_key"])
    equal(statement["tls_spki_sha256"], keyset["tls_public_keys"][0]["spki_sha256"])
    true(evidence["tlog_proof"].startswith("c2sp.org/tlog-proof@v1\n"))
    equal(r["service_capabilities"], {"supported_e2ee_versions": [], "serving": "aggregator"})
    equal(r["attestation"]["source_provenance"]["repo_url"], None)  # no release is configured here
    for bad in ("", "null", "ab", nonce().upper(), nonce() + "0", nonce()[:-1], "g" * 64):
        a = get(f"/v1/aci/attestation?nonce={bad}")
        equal((a.status, a.error()["type"]), (400, "invalid_request_error"), bad)


@case
def the_receipt_key_is_in_the_keyset():
    key = get("/attestation/verifying-key").json()
    r = get("/v1/aci/attestation").json()
    listed = r["attestation"]["workload_keyset"]["receipt_signing_keys"]
    equal(listed, [{"algo": "ed25519", "key_id": key["key_id"], "public_key": key["public_key"]}])
    equal(base64.b64decode(key["public_key_base64"]).hex(), key["public_key"])
    equal(key["workload_keyset_digest"], r["workload_keyset_digest"])


@case
def near_style_report():
    n = nonce()
    a = get(f"/v1/attestation/report?nonce={n}&signing_algo=ed25519&model=demo/echo&include_tls_fingerprint=true")
    g = a.json()["gateway_attestation"]
    equal((g["signing_algo"], g["request_nonce"], g["tee_type"]), ("ed25519", n, "sev_snp"))
    key = get("/attestation/verifying-key").json()["public_key"]
    equal((g["signing_address"], g["tls_spki_sha256"]), (key, spki()))
    report = base64.b64decode(g["report_b64"])
    want = sha256(b"tr-near-report/v1\0", bytes.fromhex(key), bytes.fromhex(spki())) + bytes.fromhex(n)
    equal((report[0x50:0x90], g["report_data"]), (want, want.hex()))
    chain_check(report, [base64.b64decode(c) for c in g["cert_chain"]])
    equal(get("/v1/attestation/report?signing_algo=ecdsa").status, 400)


@case
def the_page_works():
    """docs/verify.md, "Against make up", as it stands."""
    with open(os.path.join(rig.ROOT, "docs/verify.md")) as page:
        block = re.search(r"### Against `make up`.*?```sh\n(.*?)```", page.read(), re.S).group(1)
    true(". run/env" in block and "build/release" in block)
    block = block.replace("run/", RUN + "/").replace("build/release", rig.env("TR_BIN"))
    time.sleep(1)  # within the limit
    r = subprocess.run(["bash", "-euo", "pipefail", "-c", block], cwd=rig.ROOT, capture_output=True, text=True,
                       timeout=60)
    equal(r.returncode, 0, r.stderr)
    for part in ("accept (SIMULATED", '"format":"tr-attestation/v1"', "ACI: the report is over", '"gateway_attestation"',
                 '"key_id":"receipt-', '"chat.completion"'):
        true(part in r.stdout, f"no {part} in {r.stdout[-2000:]}")


# --- on every kind of answer

@case
def every_answer_names_the_keyset():
    digest = get("/attestation/verifying-key").json()["workload_keyset_digest"]
    key = rig.env("TR_API_KEY")
    small = b'{"model":"demo/echo","messages":[{"role":"user","content":"x"}]}'
    kinds = {
        "200": lambda c: c.request("GET", "/v1/models"),
        "204 preflight": lambda c: c.request("OPTIONS", "/v1/chat/completions"),
        "400 nonce": lambda c: c.request("GET", "/attestation?nonce=1"),
        "400 json": lambda c: c.request("POST", "/v1/chat/completions", b"{", {"Authorization": "Bearer " + key}),
        "401": lambda c: c.request("POST", "/v1/chat/completions", small),
        "404": lambda c: c.request("GET", "/nothing"),
        "405": lambda c: c.request("DELETE", "/health"),
        "413": lambda c: c.request("POST", "/v1/chat/completions", b" " * (33 << 20)),
        "431": lambda c: c.request("GET", "/health", None, {"X-Long": "x" * 70000}),
        "200 answer": lambda c: c.request("POST", "/v1/chat/completions", small, {"Authorization": "Bearer " + key}),
        "200 stream": lambda c: c.request("POST", "/v1/chat/completions", small[:-1] + b',"stream":true}',
                                          {"Authorization": "Bearer " + key}),
        "502 provider": lambda c: c.request("POST", "/v1/chat/completions",
                                            b'{"model":"demo/only-a","messages":[{"role":"user","content":"x"}],'
                                            b'"mock":{"*":"fail=500"}}', {"Authorization": "Bearer " + key}),
    }
    for what, ask in kinds.items():
        c = Client(ORIGIN, key="")
        try:
            a = ask(c)
        finally:
            c.close()
        equal(a.status, int(what.split()[0]), what)
        equal((a.header("x-aci-version"), a.header("x-aci-keyset-digest")), ("aci/1", digest), what)
        true("x-aci-keyset-digest" in a.header("access-control-expose-headers"), what)
    head = rig.raw(b"NOT HTTP\r\n\r\n", ORIGIN).decode().lower()
    true("x-aci-keyset-digest: " + digest in head, head)


# --- with a release, and with low limits

@case
def with_a_release_the_evidence_carries_it():
    """Its own name, source and digests, as in the manifest that the operator published."""
    with open(rig.env("TR_RELEASE"), "rb") as f:
        manifest = f.read()
    m = json.loads(manifest)
    try:
        restart(GOOD + f"release = {rig.env('TR_RELEASE')}\nrelease_key = {rig.env('TR_RELEASE_KEY')}\n")
        n = nonce()
        r = aci_check(get(f"/v1/aci/attestation?nonce={n}"), n)
        source = r["attestation"]["source_provenance"]
        equal((source["repo_url"], source["repo_commit"]), (m["source"]["repo"], m["source"]["commit"]))
        evidence = r["attestation"]["evidence"]
        equal(base64.b64decode(evidence["release_b64"]), manifest)
        equal(evidence["policy_digest"], "sha256:" + m["policy_sha256"])
        equal(evidence["measured_cmdline"], m["cmdline"])
        report = base64.b64decode(evidence["report_b64"])
        true(report[0x90:0xc0].hex() in [x["measurement"] for x in m["measurements"]])
        equal(gateway()[1]["code"], "ACCEPT")
    finally:
        restart(GOOD)


@case
def too_many_questions():
    try:
        restart(GOOD + "evidence_per_ip_per_s = 2\nevidence_per_ip_burst = 5\n")
        c = Client(ORIGIN, key="")
        targets = [f"/attestation?nonce={nonce()}", "/v1/aci/attestation", "/v1/attestation/report",
                   "/attestation/verifying-key", "/attestation/audit/head"]
        time.sleep(3)  # whatever the start asked
        statuses = [c.request("GET", t).status for t in targets]
        equal(statuses, [200] * 5)
        for t in targets:  # one limit for all of them; on a busy machine another token may have come meanwhile
            a = next((a for a in (c.request("GET", t) for _ in range(20)) if a.status != 200), None)
            equal((a and a.status, a and a.error()["code"]), (429, "rate_limit_exceeded"), t)
            true(0 < int(a.header("retry-after-ms")) <= 500 and a.header("retry-after") == "1")
        equal([c.request("GET", t).status for t in ("/health", "/v1/models")], [200, 200])  # and for nothing else
        equal(rig.chat("tokens=1").status, 200)
        time.sleep(int(a.header("retry-after-ms")) / 1000 + 0.02)
        equal(c.request("GET", targets[0]).status, 200)
        c.close()
    finally:
        restart(GOOD)


if __name__ == "__main__":
    try:
        rig.main()
    finally:
        shutil.rmtree(work)
