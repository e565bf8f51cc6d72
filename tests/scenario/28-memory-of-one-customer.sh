#!/bin/bash
# Goal: a customer that fills the memory for bodies, with uploads that never end (they cost nothing), leaves room
# for the requests of others.
set -eu
cd "$(dirname "$0")/../.."
export TR_CASE_PREFIX=$(basename "$0" .sh) PYTHONPATH=tests/lib
exec python3 - "$@" <<'PY'
import json, os, re, socket, threading
from urllib.parse import urlparse
import rig
from rig import case, equal, true, wait_until

MIB = 1 << 20
CONF = os.path.join(rig.env("TR_RUN_DIR"), "conf/dataplane.conf")


def configured(text):
    rig.stop("dataplane")
    with open(CONF, "w") as f:
        f.write(text)
    rig.start("dataplane")


def unfinished(key, mib):
    """An upload of so many MiB whose last one never comes."""
    u = urlparse(rig.env("TR_BASE_URL"))
    s = rig.context(rig.env("TR_CA")).wrap_socket(socket.create_connection((u.hostname, u.port), timeout=20),
                                                  server_hostname=u.hostname)
    try:
        s.sendall((f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key['key']}\r\n"
                   f"content-type: application/json\r\ncontent-length: {mib * MIB}\r\n\r\n").encode())
        for _ in range(mib - 1):
            s.sendall(b"x" * MIB)
    except OSError:
        pass
    return s


def with_an_image(key):
    part = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * MIB}}
    return rig.chat("tokens=2", key=key["key"], max_tokens=10, messages=[{"role": "user", "content": [part]}])


def full(key, held):
    """The answer that the customer has no more, or None: what large uploads left is filled with small ones."""
    a = with_an_image(key)
    if a.status == 503:
        return a
    held.append(unfinished(key, 3))
    return None


@case
def unfinished_uploads_leave_room():
    with open(CONF) as f:
        good = f.read()
    configured(re.sub(r"body_total_bytes = .*\n", "", good) + f"body_total_bytes = {64 * MIB}\n")
    held = []
    try:
        one, other = rig.new_account(1, 1)[1][0], rig.new_account(1, 1)[1][0]
        for key in (one, other):  # both are known
            equal(rig.chat("tokens=2", key=key["key"]).status, 200)
        rig.parallel(12, lambda i: held.append(unfinished(one, 10)))
        a = wait_until(lambda: full(one, held), 20, "the customer has filled its share")
        equal((a.status, a.error()["code"]), (503, "overloaded"), "the customer itself has no more")
        for _ in range(3):
            equal(with_an_image(other).status, 200, "another customer's image")
        equal(rig.chat("tokens=2", key=one["key"]).status, 200, "and small ones go on")
        for s in held:
            s.close()
        wait_until(lambda: with_an_image(one).status == 200, 10, "served again")
    finally:
        for s in held:
            s.close()
        configured(good)


rig.main()
PY
