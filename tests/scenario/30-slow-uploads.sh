#!/bin/bash
# Goal: a body is taken as long as it comes, at slowest_bytes_per_s on average, and answered; one that stalls behind a
# burst, one that trickles, one that takes longer than upload_ms, and a request head that trickles get 408 or the end.
set -eu
cd "$(dirname "$0")/../.."
export TR_CASE_PREFIX=$(basename "$0" .sh) PYTHONPATH=tests/lib
exec python3 - "$@" <<'PY'
import json, os, re, socket, ssl, threading, time
from urllib.parse import urlparse
import rig
from rig import case, true

CONF = os.path.join(rig.env("TR_RUN_DIR"), "conf/dataplane.conf")
STALL, MOST = 3, 9  # seconds
with open(CONF) as f:
    GOOD = f.read()


def configured(text):
    rig.stop("dataplane")
    with open(CONF, "w") as f:
        f.write(text)
    rig.start("dataplane")


def attempt(size, first, piece):
    """(the answer's beginning, how long it took) of a body of this size whose first bytes come at once (None: not even
    the head's) and the others piece by piece, four a second."""
    body = json.dumps({"model": "demo/only-a", "max_tokens": 5, "user": "x" * size,
                       "messages": [{"role": "user", "content": "hello"}]}).encode()
    head = (b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" %
            (rig.env("TR_API_KEY").encode(), len(body)))
    parts = urlparse(rig.env("TR_BASE_URL"))
    s = socket.create_connection((parts.hostname, parts.port), timeout=30)
    s = rig.context(rig.env("TR_CA")).wrap_socket(s, server_hostname=parts.hostname)
    began, data = time.monotonic(), head + body
    at = len(head) + first if first is not None else 1
    try:
        s.sendall(data[:at])
        s.settimeout(0.25)
        while at < len(data):
            try:
                return s.recv(4096), time.monotonic() - began
            except TimeoutError:
                s.sendall(data[at:at + piece])
                at += piece
        s.settimeout(30)
        return s.recv(4096), time.monotonic() - began
    except OSError:
        return b"", time.monotonic() - began
    finally:
        s.close()


@case
def slow_uploads():
    cases = {  # what: its shape, the answer, seconds at least and at most
        "64 kB/s for twice a stall": ((400000, 0, 16000), b"HTTP/1.1 200 ", 2 * STALL - 0.5, 20),
        "a burst, then silence": ((400000, 300000, 0), b"HTTP/1.1 408 ", STALL - 0.5, STALL + 3),
        "a burst, then a trickle": ((400000, 300000, 1), b"HTTP/1.1 408 ", STALL - 0.5, STALL + 3),
        "fast enough, for longer than any may take": ((3000000, 0, 16000), b"HTTP/1.1 408 ", MOST - 0.5, MOST + 3),
        "a head that trickles": ((100, None, 1), b"HTTP/1.1 408 ", STALL - 0.5, STALL + 3),
    }
    got = {}
    configured(GOOD + f"request_timeout_ms = {STALL}000\nupload_ms = {MOST}000\n")
    try:
        threads = [threading.Thread(target=lambda w=what, c=c: got.update({w: attempt(*c[0])})) for what, c in cases.items()]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    finally:
        configured(GOOD)
    for what, (_, want, least, most) in cases.items():
        answer, took = got[what]
        true(answer.startswith(want), f"{what}: {answer[:200]!r}")
        true(least <= took <= most, f"{what}: {took:.1f} s")


rig.main()
PY
