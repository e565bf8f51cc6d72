"""Goal: no descriptor is lost to clients that reset. libh2o 2.2.5 on libuv >= 1.42 loses one for
almost every client that resets right after its TLS handshake: it writes close_notify, libuv refuses
at once, nobody looks."""
import socket
from harness import finish, ok, request, reset, server

with server("reset") as s:
    base = s.descriptors()
    for _ in range(200):
        reset(s.connect(tls=True))
    ok(s.settled(base), "reset_after_handshake", "%d -> %d" % (base, s.descriptors()))
    for _ in range(100):
        c = s.connect(tls=True)
        c.sendall(b"GET /small HTTP/1.1\r\nHost: localhost\r\n\r\n")
        c.recv(100)
        reset(c)
    ok(s.settled(base), "reset_after_answer", "%d -> %d" % (base, s.descriptors()))
    for path in ("/hold", "/stream?n=0&ms=20", "/flood?n=100"):
        for tls in (False, True):
            for _ in range(30):
                c = s.connect(tls)
                c.sendall(request(path, b"x" * 2000))
                reset(c)
    ok(s.settled(base), "reset_during_request", "%d -> %d" % (base, s.descriptors()))
    for _ in range(100):
        c = s.connect()
        c.sendall(b"\x16\x03\x01\x02\x00\x01")  # plain port, TLS bytes
        reset(c)
        c = socket.create_connection(("127.0.0.1", s.tls))
        c.sendall(b"\x16\x03\x01\x02\x00\x01\x00")  # half a ClientHello
        reset(c)
    ok(s.settled(base), "reset_in_handshake", "%d -> %d" % (base, s.descriptors()))
    ok(s.stats()["running"] == 0, "reset_ends_every_request")
finish()
