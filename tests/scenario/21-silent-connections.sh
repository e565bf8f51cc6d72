#!/bin/bash
# Goal: somebody opens connections faster than there are places, to the link port, the REST port and the
# public port, leaves them silent or stops in the middle of a handshake, and asks for public pages as fast as
# it can. Meanwhile a data plane that starts is accepted, operators manage and clients are served.
set -eu
cd "$(dirname "$0")/../.."
export TR_CASE_PREFIX=$(basename "$0" .sh) PYTHONPATH=tests/lib
exec python3 - "$@" <<'PY'
import collections, contextlib, os, socket, ssl, subprocess, tempfile, threading, time
from urllib.parse import urlparse
import rig
from rig import case, equal, wait_until


def link_port():
    with open(os.path.join(rig.env("TR_RUN_DIR"), "conf/controlplane.conf")) as f:
        return int([l for l in f if l.startswith("link_port")][0].split("=")[1])


def port_of(name):
    return urlparse(rig.env(name)).port


def own_certificate():
    """A TLS context of somebody with a certificate, as the link asks for; any will do."""
    d = tempfile.mkdtemp()
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-subj", "/CN=nobody", "-keyout", d + "/k", "-out", d + "/c"], check=True,
                   stderr=subprocess.DEVNULL)
    c = ssl._create_unverified_context()
    c.load_cert_chain(d + "/c", d + "/k")
    return c


class Flood(threading.Thread):
    """Holds up to `hold` connections and opens new ones for those that were closed, in a loop."""

    def __init__(self, port, hold, begin=lambda s: s):
        super().__init__(daemon=True)
        self.port, self.hold, self.begin, self.over, self.opened = port, hold, begin, threading.Event(), 0

    def alive(self, s):
        try:
            s.setblocking(False)
            return s.recv(1) != b""
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except OSError:
            return False

    def run(self):
        held = []
        while not self.over.is_set():
            kept = []
            for s in held:
                kept.append(s) if self.alive(s) else s.close()
            held = kept
            while len(held) < self.hold and not self.over.is_set():
                try:
                    held.append(self.begin(socket.create_connection(("127.0.0.1", self.port), 2)))
                    self.opened += 1
                except OSError:
                    break
            time.sleep(0.02)
        for s in held:
            s.close()


@contextlib.contextmanager
def flood(*floods):
    for f in floods:
        f.start()
    wait_until(lambda: all(f.opened >= f.hold for f in floods), 30, "all places held")
    try:
        yield
    finally:
        for f in floods:
            f.over.set()
        for f in floods:
            f.join()
    print("# opened", [f.opened for f in floods])


def speaks(s):
    s.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01")  # the beginning of a ClientHello, and no more
    return s


def restarted():
    """A new data plane, while the flood lasts. Without one it takes half a second; when all places are
    held, nobody gets in before the first of them times out, after 10 s."""
    rig.stop("dataplane")
    rig.start_only("dataplane")
    start = time.monotonic()
    wait_until(lambda: rig.health()["ready"], 6, "ready during the flood")
    equal(rig.chat().status, 200)
    print(f"# ready after {time.monotonic() - start:.1f} s")


@case
def link_silent():
    with flood(Flood(link_port(), 1040)):
        restarted()


@case
def link_half_handshakes():
    with flood(Flood(link_port(), 1040, speaks)):
        restarted()


@case
def link_whole_handshakes():
    """The dearest for both sides: TLS with a certificate, and no evidence."""
    c = own_certificate()
    with flood(Flood(link_port(), 1040, lambda s: c.wrap_socket(s))):
        restarted()


@case
def rest_silent():
    with flood(Flood(port_of("TR_CONTROL_URL"), 1100), Flood(port_of("TR_CONTROL_URL"), 300, speaks)):
        for _ in range(20):
            equal(rig.control("GET", "/v1/credits").status, 200)
        restarted()


@case
def public_pages():
    """Pages of the log from eight threads: they get their share, operators and the link lose nothing."""
    over, statuses = threading.Event(), collections.Counter()

    def reader():
        c = rig.Client(rig.env("TR_CONTROL_URL"), rig.env("TR_CONTROL_CA"), key="")
        while not over.is_set():
            a = c.request("GET", "/attestation/transparency")
            statuses[a.status] += 1
            if a.status == 429:
                equal(a.header("retry-after") is not None, True, "retry-after")
    threads = [threading.Thread(target=reader) for _ in range(8)]
    for t in threads:
        t.start()
    try:
        wait_until(lambda: statuses[429] > 100, 40, "limited")
        times = []
        for _ in range(20):
            start = time.monotonic()
            equal(rig.control("GET", "/v1/credits").status, 200)
            times.append(time.monotonic() - start)
        equal(rig.chat().status, 200)
    finally:
        over.set()
        for t in threads:
            t.join()
    print(f"# pages {dict(statuses)}; management {sorted(times)[10] * 1000:.0f} ms")
    equal(set(statuses), {200, 429})


@case
def unknown_keys():
    """Keys that nobody knows, each a look-up: they are limited, known ones are not."""
    statuses, key, end = collections.Counter(), rig.env("TR_MANAGEMENT_KEY"), time.monotonic() + 30

    def guess(worker):
        c, n = rig.Client(rig.env("TR_CONTROL_URL"), rig.env("TR_CONTROL_CA"), key=""), 0
        while statuses[429] <= 20 and time.monotonic() < end:
            n += 1
            other = key[:-4] + "%x%03x" % (worker, n % 4096)
            statuses[c.request("GET", "/v1/credits", headers={"Authorization": "Bearer " + other}).status] += 1
        c.close()
    equal(rig.control("GET", "/v1/credits").status, 200)
    rig.parallel(8, guess)
    print("#", dict(statuses))
    equal(set(statuses), {401, 429})
    equal(rig.control("GET", "/v1/credits").status, 200)


@case
def api_silent():
    """The data plane's own port, whose places are fewer here."""
    conf = os.path.join(rig.env("TR_RUN_DIR"), "conf/dataplane.conf")
    with open(conf) as f:
        good = f.read()
    try:
        rig.stop("dataplane")
        with open(conf, "w") as f:
            f.write(good + "connections_max = 500\n")
        rig.start("dataplane")
        running, text = rig.open_stream({"model": "demo/echo", "stream": True, "messages": [{"role": "user", "content": "x"}],
                                   "mock": {"*": "tokens=40,cadence_us=200000"}})
        with flood(Flood(port_of("TR_BASE_URL"), 1400), Flood(port_of("TR_BASE_URL"), 300, speaks)):
            for _ in range(20):
                equal(rig.chat().status, 200)
            equal(rig.health()["ready"], True)
        while b"[DONE]" not in text:
            more = running.recv(65536)
            if not more:
                raise AssertionError("the running stream was broken off")
            text += more
        running.close()
    finally:
        rig.stop("dataplane")
        with open(conf, "w") as f:
            f.write(good)
        rig.start("dataplane")
    wait_until(lambda: rig.chat().status == 200, 20, "served again")


rig.main()
PY
