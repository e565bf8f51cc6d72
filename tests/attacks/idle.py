"""Goal: an idle stream costs little: input buffers are given back while an answer runs."""
import time
from harness import MODE, finish, ok, request, server, skip

if MODE == "asan":
    skip("idle_stream", "a sanitizer keeps what is freed")
    finish()
COUNT = 1000
with server("idle") as s:
    for tls, limit in ((False, 12.0), (True, 24.0)):
        held = [s.connect(tls) for _ in range(20)]  # what the first connections cost once
        for c in held:
            c.sendall(request("/stream?n=2&ms=600000", b"x" * 3000))
            assert c.recv(1000)
        base = s.rss_kib()
        for _ in range(COUNT):
            c = s.connect(tls)
            c.sendall(request("/stream?n=2&ms=600000", b"x" * 3000))
            assert c.recv(1000)
            held.append(c)
        each = (s.rss_kib() - base) / COUNT
        # They are streams that run, each of them, or their weight would say nothing.
        running = s.stats()["running"]
        ok(running == len(held), "idle_running_%s" % ("tls" if tls else "plain"), "%d of %d" % (running, len(held)))
        ok(each <= limit, "idle_stream_%s" % ("tls" if tls else "plain"), "%.1f KiB each" % each)
        for c in held:
            c.close()
        s.await_stat("running", 0, 5)
        time.sleep(0.5)
finish()
