#!/usr/bin/env python3
"""Connections that end or begin in unusual ways: a client that closes its side and reads on, one that is gone, and one
whose TLS cannot be served."""

import json
import os
import re
import socket
import ssl
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../lib"))
import rig  # noqa: E402
from rig import case, equal, fresh, seen, true  # noqa: E402

HELLO = [{"role": "user", "content": "hello"}]


def connect():
    parts = rig.urlparse(rig.env("TR_BASE_URL"))
    s = socket.create_connection((parts.hostname, parts.port), timeout=60)
    return rig.context(rig.env("TR_CA")).wrap_socket(s, server_hostname=parts.hostname)


def request(mock, **members):
    body = json.dumps({"model": "demo/only-a", "messages": HELLO, "mock": {"*": mock}} | members).encode()
    return (b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" %
            (rig.env("TR_API_KEY").encode(), len(body))) + body


def rest_of(s):
    out = b""
    try:
        while part := s.recv(65536):
            out += part
    except (ssl.SSLError, OSError):
        pass
    return out


@case
def a_half_close_is_no_departure():
    for mock, members, want in (
            ("delay_us=2500000", {}, b'"content":"the cat'),
            ("delay_us=1500000", {"stream": True}, b"data: [DONE]\n\n"),
            ("tokens=9,cadence_us=300000", {"stream": True}, b"data: [DONE]\n\n")):
        s = connect()
        s.sendall(request(mock, **members))
        socket.socket.shutdown(s, socket.SHUT_WR)  # TCP's FIN alone: ssl's own shutdown() forgets TLS
        out = rest_of(s)
        true(out.startswith(b"HTTP/1.1 200 ") and want in out, f"{mock} {members}: {out[:200]!r} ... {out[-200:]!r}")
        s.close()


@case
def a_client_that_is_gone_is_noticed():
    for members in ({}, {"stream": True}):
        ident = fresh()
        s = connect()
        s.sendall(request(f"delay_us=20000000,id={ident}", **members))
        rig.wait_until(lambda: seen(ident), 5, "at the provider")
        s.close()
        began = time.monotonic()
        rig.wait_until(lambda: seen(ident)[0]["outcome"] == "aborted", 5, "cancelled")
        true(time.monotonic() - began < 3, f"{members}: after {time.monotonic() - began:.1f} s")


def alert(*words):
    """The number of the alert that ends a handshake; None: it succeeds."""
    parts = rig.urlparse(rig.env("TR_BASE_URL"))
    run = subprocess.run(["openssl", "s_client", "-connect", parts.netloc, *words], stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=20)
    found = re.search(r"SSL alert number (\d+)", run.stdout)
    true(found or "TLSv1.3, Cipher is" in run.stdout, f"{words}: neither served nor told why: {run.stdout[:500]}")
    return int(found.group(1)) if found else None


@case
def a_tls_refusal_says_why():
    equal(alert("-tls1_2"), 70, "protocol_version")
    equal(alert("-tls1_3", "-alpn", "h2"), 120, "no_application_protocol")
    equal(alert("-tls1_3", "-ciphersuites", "TLS_AES_128_CCM_SHA256"), 40, "handshake_failure")
    equal(alert("-tls1_3", "-alpn", "h2,http/1.1"), None)


rig.main()
