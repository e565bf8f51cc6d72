"""Goal: a corrupt TLS record never ends the process. libh2o 2.2.5 then writes zero buffers, which
libuv answers with an assertion."""
import time
from harness import RawTls, finish, ok, request, server

with server("corrupt") as s:
    base = s.descriptors()
    for path in ("/hold", "/stream?n=0&ms=10", "/stream?n=20&ms=20", "/flood?n=1000", "/small"):
        for delay in (0, 0.05, 0.3):
            c = RawTls(s)
            c.send(request(path, b"x" * 3000))
            time.sleep(delay)
            c.corrupt()
            time.sleep(0.05)
            c.sock.close()
            if not s.alive():
                break
        ok(s.alive(), "corrupt_during_" + path.strip("/").split("?")[0])
    c = RawTls(s)
    c.send(b"POST /echo HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf")
    c.corrupt()
    try:
        while c.sock.recv(65536):  # tickets, perhaps an alert, then the end
            pass
        ended = True
    except ConnectionResetError:
        ended = True
    except OSError:
        ended = False
    ok(ended, "corrupt_during_upload_closes")
    c.sock.close()
    for _ in range(3):
        c = RawTls(s)  # no request at all
        c.corrupt()
        c.sock.close()
    ok(s.settled(base), "corrupt_leaves_nothing", "%d -> %d" % (base, s.descriptors()))
finish()
