"""Goal: a reader that stalls costs a bounded amount of memory, and is cut off in time; one that is
only slow is not."""
import time
from harness import MODE, finish, ok, request, server, skip

with server("reader", WRITE_STALL_MS=3000) as s:
    base, descriptors = s.rss_kib(), s.descriptors()
    stalled = [s.connect(tls, rcvbuf=65536) for tls in (False, True) for _ in range(10)]
    for c in stalled:
        c.sendall(request("/flood?n=100000", b"x"))
    time.sleep(1.5)
    grown = s.rss_kib() - base
    if MODE == "asan":
        skip("reader_memory_bounded", "a sanitizer keeps what is freed")
    else:
        ok(grown < 20 * 256, "reader_memory_bounded", "%d KiB for 20 stalled readers" % grown)
    slow = s.connect(rcvbuf=65536)
    slow.sendall(request("/flood?n=100000", b"x"))
    got = 0
    for _ in range(50):
        got += len(slow.recv(65536))
        time.sleep(0.1)
    ok(got > 100000, "reader_slow_is_served", "%d bytes in 5 s" % got)
    ok(s.stats()["stalls"] == 20, "reader_stalled_are_cut", "%d" % s.stats()["stalls"])
    slow.close()
    for c in stalled:
        c.close()
    ok(s.settled(descriptors), "reader_descriptors_return")
finish()
