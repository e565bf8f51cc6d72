#!/bin/bash
# Goal: whoever trusts the control plane's CA and connects while the data plane restarts is refused or served,
# but never shown a certificate that the CA has not signed. One that is not accepted says why.
set -eu
cd "$(dirname "$0")/../.."
export TR_CASE_PREFIX=$(basename "$0" .sh) PYTHONPATH=tests/lib
exec python3 - "$@" <<'PY'
import collections
import http.client
import os
import re
import ssl
import threading
import time
import rig
from rig import case, equal, true, wait_until

CONF = os.path.join(rig.env("TR_RUN_DIR"), "conf/dataplane.conf")
with open(CONF) as f:
    GOOD = f.read()


def visitor(seen, stop):
    while not stop.is_set():
        c = rig.Client(key="", timeout=10)
        try:
            seen[c.request("GET", "/models").status] += 1
        except ssl.SSLCertVerificationError:
            seen["certificate"] += 1
        except ConnectionRefusedError:
            seen["refused"] += 1
            time.sleep(0.002)
        except (OSError, http.client.HTTPException):
            seen["cut"] += 1  # it was killed at that moment
        finally:
            c.close()


@case
def restarts_show_no_foreign_certificate():
    seen, stop = collections.Counter(), threading.Event()
    threads = [threading.Thread(target=visitor, args=(seen, stop), daemon=True) for _ in range(4)]
    for t in threads:
        t.start()
    try:
        for i in range(10):
            (rig.kill9 if i % 2 else rig.stop)("dataplane")
            rig.start("dataplane")
    finally:
        stop.set()
        for t in threads:
            t.join(20)
    print(f"# {dict(seen)}")
    equal(seen["certificate"], 0, "certificate errors")
    true(seen["refused"] > 0 and seen[200] > 0, seen)
    equal(seen[503], 0, "opened before it could serve")


@case
def nobody_accepts_it():
    """Without a control plane there is no certificate to wait for: after the time that is set, /health and
    the 503 say why, under a certificate of its own."""
    rig.stop("dataplane")
    rig.stop("controlplane")
    try:
        with open(CONF, "w") as f:
            f.write(GOOD + "listen_unproven_ms = 3000\n")
        began = time.monotonic()
        rig.start_only("dataplane")
        wait_until(lambda: rig.health()["trust"] == "never_attested", 10, "its private /health")
        early = None
        while early is None or isinstance(early, ConnectionRefusedError):
            try:
                early = rig.chat(ca=rig.INSECURE)
            except OSError as e:
                early = e
            time.sleep(0.02)
        true(time.monotonic() - began >= 2.9, "opened too early")
        equal((early.status, early.error()["code"]), (503, "attestation_unavailable"))
        rig.start("controlplane")
        wait_until(lambda: rig.chat().status == 200, 20, "served, with the CA's certificate")
    finally:
        with open(CONF, "w") as f:
            f.write(GOOD)
        rig.start("controlplane")
        rig.stop("dataplane")
        rig.start("dataplane")


rig.main()
PY
