#!/bin/bash
# Goal: whatever clients send, and however slowly they read, a data plane stays within the memory that
# docs/operations.md states for its configuration; what has no room is told to come again, and is served when
# there is room. Senders whose key is not known get no large body in at all.
set -eu
cd "$(dirname "$0")/../.."
export TR_CASE_PREFIX=$(basename "$0" .sh) PYTHONPATH=tests/lib
exec python3 - "$@" <<'PY'
import collections, json, os, re, socket, ssl, threading, time, urllib.request
from urllib.parse import urlparse
import rig
from rig import case, equal, true, wait_until

MIB = 1 << 20
TOTAL, UNKNOWN, WORKERS = 128 * MIB, 8 * MIB, 2
CONF = os.path.join(rig.env("TR_RUN_DIR"), "conf/dataplane.conf")
STATED = TOTAL * 5 // 4 + UNKNOWN * 5 // 4 + WORKERS * 64 * MIB + 100 * MIB


LIMITS = (f"workers = {WORKERS}\nbody_total_bytes = {TOTAL}\nunknown_total_bytes = {UNKNOWN}\n"
          f"unknown_per_ip_bytes = {UNKNOWN // 2}\n")


def configured(text):
    """A data plane with this configuration, whose heap is fresh."""
    rig.stop("dataplane")
    with open(CONF, "w") as f:
        f.write(text)
    rig.start("dataplane")


with open(CONF) as f:
    GOOD = f.read()
SMALL = re.sub(r"workers = .*\n", "", GOOD) + LIMITS
configured(SMALL)


def resident():
    return rig.status_kb(rig.pid("dataplane")) * 1024


def content():
    return int(re.search(rb"^tr_content_bytes (\d+)", urllib.request.urlopen(rig.env("TR_METRICS_URL")).read(), re.M).group(1))


def while_measured(threads):
    """The highest resident size until the threads are over."""
    peak = 0
    for t in threads:
        t.start()
    while any(t.is_alive() for t in threads):
        peak = max(peak, resident())
        time.sleep(0.05)
    return peak


def head_of(s):
    got = b""
    while b"\r\n\r\n" not in got:
        more = s.recv(4096)
        if not more:
            break
        got += more
    return got


def served_again():
    wait_until(lambda: content() == 0, 20, "everything given back")
    body = {"model": "demo/only-a", "messages": [{"role": "user", "content": "x" * (20 * MIB)}], "max_tokens": 1,
            "mock": {"*": "prompt=1"}}
    s = rig.send_request(body)
    true(b" 200 " in head_of(s), "a large body when there is room")
    s.close()


@case
def large_bodies():
    """Twelve bodies of 20 MiB whose provider takes its time: most find no room."""
    body = json.dumps({"model": "demo/only-a", "messages": [{"role": "user", "content": "x" * (20 * MIB)}],
                       "max_tokens": 1, "mock": {"*": "delay_us=2500000,prompt=1"}}).encode()
    heads = []

    def one(i):
        time.sleep(i * 0.15)
        s = rig.send_request(body)
        heads.append(head_of(s))
        s.close()
    peak = while_measured([threading.Thread(target=one, args=(i,)) for i in range(12)])
    codes = collections.Counter(h[9:12] for h in heads)
    print(f"# peak {peak // MIB} MiB, stated {STATED // MIB}; {dict(codes)}")
    equal(set(codes), {b"200", b"503"}, "statuses")
    for h in heads:
        equal(h[9:12] != b"503" or b"retry-after: " in h.lower(), True, "retry-after")
    true(peak < STATED, "within the stated size")
    served_again()


@case
def slow_readers():
    """Answers of 20 MiB that nobody reads."""
    body = {"model": "demo/only-a", "messages": [{"role": "user", "content": "x"}], "max_tokens": 5 * MIB,
            "mock": {"*": f"tokens={5 * MIB},prompt=1"}}
    heads, held = [], []

    def some(n):
        for _ in range(n):
            s = rig.send_request(body)
            held.append(s)
            heads.append(s.recv(600))
    peak = while_measured([threading.Thread(target=some, args=(5,)) for _ in range(2)])
    codes = collections.Counter(h[9:12] for h in heads)
    print(f"# peak {peak // MIB} MiB, stated {STATED // MIB}; {dict(codes)}; held {content() // MIB} MiB")
    equal(set(codes), {b"200", b"503"}, "statuses")
    true(peak < STATED, "within the stated size")
    true(content() > 50 * MIB, "answers that wait are counted: those of one customer")
    # What is small goes on beside them.
    equal(rig.chat(stream=True).status, 200)
    for s in held:
        s.close()
    served_again()


def upload(key, size, chunk=64 << 10):
    """A body of this size in pieces, until there is an answer: its head, and how much was sent."""
    parts = urlparse(rig.env("TR_BASE_URL"))
    s = rig.context(rig.env("TR_CA")).wrap_socket(
        socket.create_connection((parts.hostname, parts.port), timeout=20), server_hostname=parts.hostname)
    lines = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n"
    lines += f"Authorization: Bearer {key}\r\n" if key else ""
    s.sendall(lines.encode() + b"content-type: application/json\r\n\r\n")
    begin = b'{"model":"demo/only-a","max_tokens":1,"messages":[{"role":"user","content":"'
    body = begin + b"x" * (size - len(begin) - 4) + b'"}]}'
    got, sent = b"", 0
    while sent < size and not got:
        try:
            s.sendall(body[sent:sent + chunk])
            sent += chunk
            s.setblocking(False)
            got = s.recv(4096)
        except (ssl.SSLWantReadError, BlockingIOError):
            pass
        finally:
            s.setblocking(True)
    s.settimeout(20)
    got = got or head_of(s)
    s.close()
    return got


@case
def unknown_senders():
    """Twenty at once, each with 20 MiB: answered 401, and never in memory."""
    key = rig.env("TR_API_KEY")
    disabled = rig.new_key()
    equal(rig.control("DELETE", "/v1/keys/" + rig.key_ref(disabled)).status // 100, 2)
    unknown = key[:9] + key[9:-1][::-1] + key[-1]
    kinds = {"none": "", "malformed": "sk-other", "unknown": unknown, "deleted": disabled["key"]}
    configured(SMALL)
    before, heads = resident(), collections.defaultdict(list)

    def one(kind):
        heads[kind].append(upload(kinds[kind], 20 * MIB))
    peak = while_measured([threading.Thread(target=one, args=(k,)) for k in list(kinds) * 5])
    for kind in kinds:
        codes = collections.Counter(h[9:12] for h in heads[kind])
        print(f"# {kind}: {dict(codes)}")
        equal(set(codes), {b"401"}, kind)
    print(f"# {(peak - before) // MIB} MiB more")
    true(peak - before < 2 * UNKNOWN + 16 * MIB, "never in memory")


@case
def cold_key():
    """A key that is not known here yet waits for its look-up, and its large body arrives."""
    for size in (100 << 10, 5 * MIB):
        equal(upload(rig.new_key()["key"], size)[9:12], b"200", f"{size} bytes")


@case
def back():
    configured(GOOD)
    wait_until(lambda: rig.chat().status == 200, 20, "served with the usual limits")


rig.main()
PY
