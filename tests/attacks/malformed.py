"""Goal: no sequence of bytes ends the process, and what is refused is refused in JSON or by a close.
The fixed list holds what bit servers before; the rest is mutation of good requests."""
import random
from harness import MODE, finish, ok, server

random.seed(11)
GOOD = [
    b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello",
    b"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"GET /small?x=%20 HTTP/1.1\r\nHost: h\r\nAccept: */*\r\nCookie: a=b\r\n\r\n",
    b"POST /stream?n=2&ms=1 HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
]
FIXED = [
    b"", b"\r\n", b"\r\n\r\n", b"\0" * 100, b"GET", b"GET /", b"GET / HTTP/1.1", b"GET / HTTP/9.9\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET / HTTP/1.1\r\nUpgrade: h2c\r\nConnection: upgrade, http2-settings\r\n"
    b"HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n", b"GET \x00 HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\n: v\r\n\r\n",
    b"GET / HTTP/1.1\r\na b: v\r\n\r\n", b"GET / HTTP/1.1\r\n a: v\r\n\r\n", b"GET / HTTP/1.1\nHost: h\n\n",
    b"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: 18446744073709551615\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: 18446744073709551614\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000000\r\n",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"t: " + b"x" * 70000,
    b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 101 + b"\r\n", b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 100 + b"\r\n",
    b"GET /" + b"a" * 65000 + b" HTTP/1.1\r\n\r\n", b"GET /" + b"a" * 500000 + b" HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nX: " + b"\xff" * 3000 + b"\r\n\r\n", b"HEAD /small HTTP/1.0\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", b"CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n",
    b"GET http://h/small HTTP/1.1\r\nHost: h\r\n\r\n", b"GET /../../etc/passwd HTTP/1.1\r\nHost: h\r\n\r\n",
    b"GET ? HTTP/1.1\r\n\r\n", b"GET /%00%ff%zz HTTP/1.1\r\nHost: [::1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: " + b"h" * 60000 + b"\r\n\r\n",
    GOOD[0] * 200, GOOD[1] * 200, b"".join(GOOD) * 20,
]


def mutate(b):
    b = bytearray(b * random.choice((1, 1, 1, 3)))
    for _ in range(random.choice((1, 1, 2, 5, 20))):
        at = random.randrange(len(b) + 1)
        kind = random.randrange(4)
        if kind == 0 and at < len(b):
            b[at] = random.randrange(256)
        elif kind == 1:
            b[at:at] = random.choice((b"\r\n", b"\0", b"0\r\n\r\n", b"A" * 5000, b": ", b"chunked"))
        elif kind == 2:
            del b[at:at + random.randrange(1, 20)]
        else:
            b[at:at] = b[:random.randrange(200)]
    return bytes(b)


def throw(s, data, tls):
    """Send, and read until nothing has come for a while."""
    got = b""
    try:
        with s.connect(tls, timeout=0.15) as c:
            c.sendall(data)
            while len(got) < 1 << 20:
                more = c.recv(65536)
                if not more or got.count(b"HTTP/1.1 ") > 600:
                    break
                got += more
                c.settimeout(0.05)
    except OSError:
        pass
    return got


with server("malformed", REQUEST_TIMEOUT_MS=2000) as s:
    descriptors = s.descriptors()
    refused = wordless = 0
    for data in FIXED:
        for tls in (False, True):
            got = throw(s, data, tls)
            # Every refusal the parser makes is worded by the error hook, in JSON.
            refused += b" 400 " in got
            wordless += b" 400 " in got and b'{"error":400}' not in got
            if not s.alive():
                ok(False, "malformed_fixed", repr(data[:80]))
                finish()
    ok(s.alive(), "malformed_fixed", "%d requests" % (2 * len(FIXED)))
    ok(refused >= 20 and wordless == 0, "malformed_refused_in_json", "%d of %d without" % (wordless, refused))
    count = 400 if MODE == "asan" else 600
    for i in range(count):
        data = mutate(random.choice(GOOD))
        throw(s, data, i % 4 == 0)
        if not s.alive():
            ok(False, "malformed_mutated", repr(data[:200]))
            finish()
    ok(s.alive(), "malformed_mutated", "%d requests" % count)
    ok(s.settled(descriptors), "malformed_leaves_nothing")
    with s.connect() as c:
        c.sendall(GOOD[2])
        ok(c.recv(100).startswith(b"HTTP/1.1 200"), "malformed_then_good")
finish()
