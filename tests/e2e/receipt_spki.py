#!/usr/bin/env python3
"""A receipt names the key of the provider's certificate and the measured providers.conf: compared here with the
certificate that the demo provider shows and with the file, by openssl and by tr-verify."""

import hashlib
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import rig  # noqa: E402
from rig import Client, case, equal, true  # noqa: E402

ACCEPT, REJECT = 0, 10
CONF = rig.env("TR_RUN_DIR") + "/conf"
DIR = tempfile.mkdtemp(prefix="tr-receipt-spki-")


def asked(method, path, body=None, url=None):
    c = Client(url=url)
    try:
        return c.request(method, path, body)
    finally:
        c.close()


def receipt_by(provider, **more):
    """The receipt of an answer of this provider."""
    a = asked("POST", "/chat/completions", json.dumps({
        "model": "demo/echo", "messages": [{"role": "user", "content": "hello"}],
        "provider": {"only": [provider], "allow_fallbacks": False}, **more}).encode())
    equal(a.status, 200, repr(a))
    got = asked("GET", "/aci/receipts/" + a.header("x-receipt-id"))
    equal(got.status, 200, repr(got))
    return got.body


def event(receipt, kind):
    return next(e for e in json.loads(receipt)["event_log"] if e["type"] == kind)


def tr_verify(receipt, *options):
    path = os.path.join(DIR, "receipt")
    with open(path, "wb") as f:
        f.write(receipt)
    key = asked("GET", "/attestation/verifying-key", url=rig.env("TR_BASE_URL")[:-len("/v1")]).json()["public_key"]
    r = subprocess.run([rig.env("TR_BIN") + "/tr-verify", "receipt", path, "--key", key, *options],
                       capture_output=True, text=True, timeout=60)
    return r.returncode, r.stdout + r.stderr


def spki_of(certificate):
    """SHA-256 of the certificate's SubjectPublicKeyInfo, by openssl."""
    pem = subprocess.run(["openssl", "x509", "-in", certificate, "-noout", "-pubkey"], check=True, capture_output=True)
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=pem.stdout, check=True,
                         capture_output=True)
    return hashlib.sha256(der.stdout).hexdigest()


@case
def the_key_of_the_providers_certificate():
    want = spki_of(f"{CONF}/mock.pem")
    for stream in (False, True, False):  # new connections, pooled ones
        upstream = event(receipt_by("demo-b", stream=stream), "upstream.verified")
        equal((upstream["tls_verified"], upstream.get("tls_spki")), (True, "sha256:" + want))
        equal(upstream["url_origin"].split(":")[0], "https")


@case
def a_provider_in_plain_text_has_none():
    upstream = event(receipt_by("demo-a"), "upstream.verified")
    equal((upstream["tls_verified"], "tls_spki" in upstream), (False, False))


@case
def the_providers_conf_that_was_measured():
    with open(f"{CONF}/providers.conf", "rb") as f:
        want = hashlib.sha256(f.read()).hexdigest()
    equal(event(receipt_by("demo-a"), "platform")["providers_digest"], "sha256:" + want)


@case
def tr_verify_compares():
    receipt, plain = receipt_by("demo-b"), receipt_by("demo-a")
    spki = spki_of(f"{CONF}/mock.pem")
    conf = f"{CONF}/providers.conf"
    other = os.path.join(DIR, "providers.conf")
    with open(conf) as f, open(other, "w") as g:
        g.write(f.read() + "\n")
    code, said = tr_verify(receipt, "--provider-spki", spki, "--providers", conf)
    equal(code, ACCEPT, said)
    true("sha256:" + spki in said and "providers.conf sha256:" in said, said)
    for options, why in (
            (["--provider-spki", spki_of(f"{CONF}/mock-ca.pem")], "another key"),
            (["--providers", other], "another providers.conf")):
        code, said = tr_verify(receipt, *options)
        equal((code, why in said), (REJECT, True), said)
    code, said = tr_verify(plain, "--provider-spki", spki)
    equal((code, "names no key" in said), (REJECT, True), said)
    equal(tr_verify(receipt, "--provider-spki", "00")[0] in (ACCEPT, REJECT), False)


rig.main()
