"""Goal: ten thousand abandoned streams leave no descriptor, no request and no memory behind."""
import socket
from harness import MODE, finish, ok, request, reset, server, skip

COUNT = 10000 if MODE == "release" else 1500

with server("abandon") as s:
    def abandon(n):
        for i in range(n):
            c = s.connect(tls=i % 8 == 0)
            c.sendall(request("/stream?n=0&ms=5" if i % 2 else "/hold", b"x" * 500))
            if i % 2 and i % 3:
                c.recv(1000)
            if i % 5 == 0:
                c.shutdown(socket.SHUT_WR)
            if i % 3:
                c.close()
            else:
                reset(c)

    abandon(COUNT // 5)
    s.await_stat("running", 0, 5)
    descriptors, memory = s.descriptors(), s.rss_kib()
    abandon(COUNT - COUNT // 5)
    ok(s.await_stat("running", 0, 5) is not None, "abandon_no_request_left")
    ok(s.settled(descriptors), "abandon_no_descriptor_left",
       "%d -> %d" % (descriptors, s.descriptors()))
    if MODE == "asan":
        skip("abandon_no_memory_left", "a sanitizer keeps what is freed")
    else:
        ok(s.rss_kib() < memory + 2048, "abandon_no_memory_left", "%d -> %d KiB" % (memory, s.rss_kib()))
finish()
