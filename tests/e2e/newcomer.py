#!/usr/bin/env python3
"""What somebody meets in the first hour: the demo models' answers, what GET /v1/models says of them, and
errors that say what to do instead."""

import json
import os
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import rig  # noqa: E402
from rig import case, chat, equal, true  # noqa: E402

PORT = int(rig.env("TR_BASE_URL").split(":")[2].split("/")[0])
CONTROL_PORT = int(rig.env("TR_CONTROL_URL").split(":")[2])


def said(text, stream, **members):
    a = chat(stream=stream, messages=[{"role": "user", "content": text}], **members)
    equal(a.status, 200, a)
    return a.text() if stream else a.json()["choices"][0]["message"]["content"]


@case
def the_demo_repeats_the_last_user_message():
    for model in ("demo/echo", "demo/dear", "demo/only-a"):
        for stream in (False, True):
            equal(said("Guten Tag, \u20ac 5!", stream, model=model), "Guten Tag, \u20ac 5!")
    equal(said("x", False, reasoning={"effort": "low"}), "x")


@case
def the_demo_keeps_nothing():
    for preferences in ({"zdr": True}, {"data_collection": "deny"}, {"zdr": True, "data_collection": "deny"}):
        equal(said("x", False, provider=preferences), "x")


@case
def models_have_a_date_and_a_description():
    c = rig.Client()
    listed = {m["id"]: m for m in c.request("GET", "/models").json()["data"]}
    for m in listed.values():
        made = m["trustedrouter"].get("kind") == "synth"  # of other models: the catalog says what it does
        true(m["created"] > 1500000000 and m["description"].startswith("Demo: three models" if made else "Served by "), m)
        equal(c.request("GET", "/models/" + m["id"]).json(), m)
    c.close()
    equal(listed["demo/echo"]["description"], "Served by Demo A, Demo B, over TLS")
    equal(listed["demo/only-a"]["description"], "Served by Demo A")


@case
def refused_members_are_named():
    for members, name in (({"provider": {"quantizations": ["fp7"]}}, "quantizations"),
                          ({"provider": {"zdr": "yes"}}, "zdr"),
                          ({"provider": {"sort": "price", "order": "demo-a"}}, "order"),
                          ({"provider": {"jurisdiction": "mars"}}, "jurisdiction"),
                          ({"provider": {"enforce_distillable_text": True}}, "enforce_distillable_text"),
                          ({"no_such_member": 1}, "no_such_member")):
        a = chat(**members)
        equal((a.status, a.error()["param"]), (400, name), members)


def plain(port, request):
    """What a plain socket on a TLS port gets, to its end."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as s:
        s.sendall(request)
        got = b""
        while part := s.recv(65536):
            got += part
    return got


@case
def plain_http_on_a_tls_port_is_told_to_use_https():
    post = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n" + b"{" * 300000
    for port in (PORT, CONTROL_PORT):
        for request in (b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n", b"HEAD / HTTP/1.0\r\n\r\n", post):
            head, _, body = plain(port, request).partition(b"\r\n\r\n")
            true(head.startswith(b"HTTP/1.1 400 ") and b"Connection: close" in head, (port, head))
            equal(f"Content-Length: {len(body)}".encode() in head, True, head)
            true("https://" in json.loads(body)["error"]["message"], body)
        true(not plain(port, b"\x00\x01\x02 no protocol\r\n\r\n" * 9).startswith(b"HTTP/"), "what is not HTTP gets no HTTP")


rig.main()
