"""Goal: uploads of every record size arrive. libh2o 2.2.5 takes a read that exactly fills its buffer
for an error: records of 8170 or 16362 bytes failed every time. And a slow upload is not cut while it
is within its time, and told so (408) when it is not."""
import random
import time
from harness import answer, finish, ok, request, server

random.seed(7)


def upload(s, size, pieces):
    """Does a body of this size arrive when written (one TLS record each) in these pieces?"""
    with s.connect(tls=True) as c:
        body = random.randbytes(size)
        c.sendall(b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % size)
        at = 0
        while at < size:
            n = pieces()
            c.sendall(body[at:at + n])
            at += n
            time.sleep(0.0002)
        return answer(c).endswith(b"\r\n\r\n" + body)


with server("upload", REQUEST_TIMEOUT_MS=1500) as s:
    sizes = [*range(8166, 8175), 4074, *range(16358, 16367)]
    refused = []
    for total in sizes:
        with s.connect(tls=True) as c:
            head = b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: %05d\r\n\r\n"
            body = b"a" * (total - len(head % 0))
            time.sleep(0.01)
            try:
                c.sendall(head % len(body) + body)
                whole = answer(c).endswith(b"\r\n\r\n" + body)
            except OSError:
                whole = False
            if not whole:
                refused.append(total)
    ok(not refused, "upload_exact_sizes", "%d of %d did not arrive: %s" % (len(refused), len(sizes), refused))
    rounds = 40
    for name, pieces in (("8170", lambda: 8170), ("16362", lambda: 16362),
                         ("random", lambda: random.randint(1, 16384))):
        bad = sum(not upload(s, 200000, pieces) for _ in range(rounds))
        ok(bad == 0, "upload_" + name, "%d of %d failed" % (bad, rounds))
    with s.connect(tls=True) as c:  # slow, but in time
        c.sendall(request("/echo", b"x" * 10)[:-10])
        for _ in range(10):
            time.sleep(0.1)
            c.sendall(b"x")
        ok(b" 200 " in answer(c), "upload_slow_within_time")
    with s.connect(tls=True) as c:
        c.sendall(request("/echo", b"x" * 10)[:-10])
        start = time.time()
        got = answer(c)
        took = time.time() - start
        ok(b" 408 " in got and 1 < took < 3, "upload_too_slow_is_told", "%.1f s" % took)
    big = 20 << 20  # h2o would write a body of more than 16 MiB to /tmp
    ok(upload(s, big, lambda: 1 << 20), "upload_20_mib")
finish()
