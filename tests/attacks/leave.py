"""Goal: a client that leaves is noticed within a second, however it leaves and whatever it waits
for. h2o does not read while a request runs and would notice at the next write, or never."""
import time
from harness import finish, ok, request, reset, server

with server("leave") as s:
    gone, worst = 0, 0
    for path in ("/hold", "/stream?n=0&ms=60000"):
        for tls in (False, True):
            for how in ("fin", "rst"):
                c = s.connect(tls)
                c.sendall(request(path, b"x" * 100))
                time.sleep(0.1)
                if how == "rst":
                    reset(c)
                else:
                    c.close()
                gone += 1
                took = s.await_stat("gone", gone, 3)
                worst = max(worst, took or 99)
                ok(took is not None and took < 1.0, "leave_%s_%s_%s" % (
                    path.split("?")[0][1:], "tls" if tls else "plain", how),
                   "%.0f ms" % ((took or 99) * 1000))
    c = s.connect(tls=True)  # the polite way: close_notify, then FIN a little later
    c.sendall(request("/hold", b""))
    time.sleep(0.1)
    c.settimeout(0.2)
    try:
        c.unwrap()
    except OSError:
        pass
    c.close()
    took = s.await_stat("gone", gone + 1, 3)
    ok(took is not None and took < 1.0, "leave_close_notify", "%.0f ms" % ((took or 99) * 1000))
finish()
