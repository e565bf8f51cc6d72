#!/usr/bin/env python3
"""How providers are reached and judged: a name with an address that never answers, a name server that
hangs, a tenant whose requests fail, and the list of models. Restarts the data plane with a getaddrinfo of
our own (LD_PRELOAD) for the first two. Needs a stack."""

import os
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../lib"))
import rig
from rig import case, equal, true, wait_until

MUTE = "127.0.0.9"

# "localhost" (demo-b) has an address whose SYNs are never answered, and its own; while the file HANG is
# there, looking it up takes for ever.
RESOLVER = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **out)
{
    static int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    struct addrinfo *mute = NULL, *own = NULL, *end;
    int r;

    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    if (node == NULL || strcmp(node, "localhost") != 0)
        return real(node, service, hints, out);
    while (access(HANG, F_OK) == 0)
        usleep(10000);
    r = real(MUTE, service, hints, &mute);
    if (r == 0)
        r = real("127.0.0.1", service, hints, &own);
    if (r != 0)
        return r;
    for (end = mute; end->ai_next != NULL; end = end->ai_next)
        ;
    end->ai_next = own;
    *out = mute;
    return 0;
}
"""


def demo_b_port():
    with open(os.path.join(rig.env("TR_RUN_DIR"), "ports")) as f:
        return int(dict(line.strip().split("=") for line in f)["demo_b"])


class Mute:
    """Listens with a full queue: the kernel drops every further SYN."""

    def __enter__(self):
        port = demo_b_port()
        self.sockets = [socket.socket()]
        self.sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sockets[0].bind((MUTE, port))
        self.sockets[0].listen(0)
        for _ in range(4):
            s = socket.socket()
            s.setblocking(False)
            try:
                s.connect((MUTE, port))
            except BlockingIOError:
                pass
            self.sockets.append(s)
        probe = socket.socket()
        probe.settimeout(1)
        try:
            probe.connect((MUTE, port))
            raise AssertionError(f"{MUTE} answers")
        except TimeoutError:
            pass
        finally:
            probe.close()
        return self

    def __exit__(self, *_):
        for s in self.sockets:
            s.close()


class Resolver:
    """The data plane, with this getaddrinfo."""

    def __enter__(self):
        self.dir = tempfile.TemporaryDirectory()
        self.hang = os.path.join(self.dir.name, "hang")
        source, library = (os.path.join(self.dir.name, n) for n in ("resolver.c", "resolver.so"))
        with open(source, "w") as f:
            f.write(RESOLVER)
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", f'-DHANG="{self.hang}"', f'-DMUTE="{MUTE}"',
                        "-o", library, source, "-ldl"], check=True)
        rig.stop("dataplane")
        os.environ["LD_PRELOAD"] = library
        try:
            rig.start("dataplane")
        finally:
            del os.environ["LD_PRELOAD"]
        return self

    def hangs(self, on):
        if on:
            open(self.hang, "w").close()
        else:
            os.unlink(self.hang)

    def __exit__(self, *_):
        rig.stop("dataplane")
        rig.start("dataplane")
        self.dir.cleanup()


def ask_b():
    """One request to demo-b over a connection of its own; how long it took."""
    began = time.monotonic()
    a = rig.chat("connclose", provider={"only": ["demo-b"]})
    equal(a.status, 200, a)
    return time.monotonic() - began


@case
def an_address_that_never_answers():
    with Mute(), Resolver() as r:
        # Each worker's loop looks names up for itself, and the kernel chooses who gets a connection: ask until each has met
        # the silent address, which takes it 250 ms.
        took = [ask_b() for _ in range(8)]
        while sum(t > 0.2 for t in took) < len(os.sched_getaffinity(0)) and len(took) < 200:
            took.append(ask_b())
        print("# " + " ".join(f"{t:.2f}" for t in took))
        true(all(t < 1.5 for t in took), took)  # 250 ms and a little, never the connect deadline of 5 s
        r.hangs(True)  # addresses that are known serve on (test_dial says what happens when they are old)
        true(ask_b() < 1.5)
        r.hangs(False)


@case
def a_name_server_that_hangs():
    """demo-b cannot be looked up at all: its requests go to demo-a, and nobody else's wait."""
    with Resolver() as r:
        r.hangs(True)

        def ask(i):
            began = time.monotonic()
            a = rig.chat(provider={"order": ["demo-b", "demo-a"]} if i < 8 else {"only": ["demo-a"]})
            return a.status, time.monotonic() - began
        answers = rig.parallel(16, ask)
        r.hangs(False)
        equal([a[0] for a in answers], [200] * 16)
        true(all(t < 1.5 for _, t in answers[8:]), answers)


# --- one tenant and the others

def tenant(name):
    """A customer's account of its own, and a key."""
    account = rig.control("POST", "/v1/accounts", {"name": rig.fresh(name)})
    true(account.status in (200, 201), account)
    management = account.json()["key"]
    ident = account.json()["data"]["id"] if "data" in account.json() else account.json()["id"]
    top = rig.control("POST", "/v1/credits/topup", {"account_id": ident, "amount": 10,
                                                    "idempotency_key": rig.fresh("i")})
    equal(top.status, 200, top)
    key = rig.control("POST", "/v1/keys", {"name": rig.fresh("k")}, management)
    true(key.status in (200, 201), key)
    return key.json()["key"]


def served_by(key, mock=""):
    a = rig.chat({"demo-a": mock} if mock else "", key=key)
    equal(a.status, 200, a)
    return a.header("x-tr-provider")


@case
def one_tenant_cannot_close_a_provider():
    rig.stop("dataplane")  # no breaker remembers anything
    rig.start("dataplane")
    one, two = tenant("one"), tenant("two")
    equal(served_by(one), "demo-a")
    for _ in range(10):
        equal(served_by(one, "fail=badjson"), "demo-b")
    equal(served_by(one), "demo-b")  # to this tenant it is closed
    equal([served_by(two) for _ in range(8)], ["demo-a"] * 8)
    time.sleep(5.2)
    equal(served_by(one), "demo-a")  # the first request after 5 s is the probe, and it is enough
    equal([served_by(one) for _ in range(4)], ["demo-a"] * 4)


@case
def everybodys_failures_close_it_to_everybody():
    rig.stop("dataplane")
    rig.start("dataplane")
    keys = [tenant("t") for _ in range(3)]
    for key in keys[:2]:
        for _ in range(3):
            served_by(key, "fail=badjson")
    equal(served_by(keys[2]), "demo-b")
    time.sleep(5.2)
    equal(served_by(keys[2]), "demo-a")
    equal([served_by(key) for key in keys], ["demo-a"] * 3)


# --- GET /v1/models

@case
def models_have_a_tag():
    c = rig.Client()
    first = c.request("GET", "/models")
    equal(first.status, 200)
    tag = first.header("etag")
    true(tag and tag.startswith('"'), tag)
    same = c.request("GET", "/models", headers={"If-None-Match": f'"other", {tag}'})
    equal((same.status, same.body, same.header("etag")), (304, b"", tag))
    equal(c.request("GET", "/models", headers={"If-None-Match": '"other"'}).body, first.body)
    c.close()


rig.main()
