"""Goal: after an answer, no copy of the prompt, of the client's key or of the model's words is left
in the server's memory: not while the connection stays open, not after. A prompt that is kept on
purpose proves that the search finds what is there."""
import time
from harness import MODE, answer, finish, ok, server, skip

COUNTS = (300, 4000, 20000, 300000)


def copies(s, pattern):
    """How often pattern is in any mapping of the process."""
    found = {}
    with open("/proc/%d/mem" % s.process.pid, "rb", 0) as memory:
        for line in open("/proc/%d/maps" % s.process.pid):
            span, mode = line.split()[:2]
            name = line.split()[5] if len(line.split()) > 5 else "anonymous"
            if "r" not in mode or name in ("[vvar]", "[vsyscall]", "[vdso]", "[vvar_vclock]"):
                continue
            start, end = (int(x, 16) for x in span.split("-"))
            try:
                memory.seek(start)
                n = memory.read(end - start).count(pattern)
            except OSError:
                continue
            if n:
                found[name] = found.get(name, 0) + n
    return found


def ask(c, path, body, key, chunked=False):
    head = b"POST %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n" % (path, key)
    if chunked:
        c.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
        for at in range(0, len(body), 3000):
            part = body[at:at + 3000]
            c.sendall(b"%x\r\n%s\r\n" % (len(part), part))
        c.sendall(b"0\r\n\r\n")
    else:
        c.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    return answer(c)


if MODE == "asan":
    skip("canary", "a sanitizer keeps what is freed")
    finish()
with server("canary") as s:
    number = 0
    for tls in (False, True):
        for path in (b"/echo", b"/mirror", b"/small"):
            worst = {}
            for size in COUNTS:
                for chunked in (False, True):
                    number += 1
                    pattern = b"CANARY%06dPROMPT" % number
                    key = b"sk-CANARY-%06d-KEY" % number
                    c = s.connect(tls)
                    got = ask(c, path, pattern * (size // len(pattern)), key, chunked)
                    assert b" 200 " in got[:20] and (path == b"/small" or pattern in got)
                    time.sleep(0.1)
                    for when in ("open", "closed"):
                        for what, text in (("prompt", pattern), ("key", key)):
                            left = copies(s, text)
                            if left:
                                worst["%s %d %s %s" % (what, size, when,
                                                       "chunked" if chunked else "")] = left
                        c.close()
                        time.sleep(0.05)
            ok(not worst, "canary_%s_%s" % (path[1:].decode(), "tls" if tls else "plain"),
               str(worst)[:400] if worst else "")
    # GET: no body, so the head stays in the input buffer until the answer is complete.
    with s.connect(True) as c:
        c.sendall(b"GET /small?CANARYQUERYPROMPT HTTP/1.1\r\nAuthorization: Bearer sk-CANARY-GET-KEY\r\n\r\n")
        answer(c)
        time.sleep(0.1)
        left = copies(s, b"sk-CANARY-GET-KEY"), copies(s, b"CANARYQUERYPROMPT")
        ok(left == ({}, {}), "canary_get_head", str(left))
    # Left in the middle: an upload cut short, a stream nobody reads to its end.
    for tls in (False, True):
        c = s.connect(tls)
        c.sendall(b"POST /echo HTTP/1.1\r\nContent-Length: 90000\r\n\r\n" + b"CANARYHALFPROMPT" * 3000)
        time.sleep(0.1)
        c.close()
        c = s.connect(tls, rcvbuf=8192)
        c.sendall(b"POST /mirror HTTP/1.1\r\nContent-Length: 9600000\r\n\r\n" + b"CANARYLOSTPROMPT" * 600000)
        time.sleep(0.3)
        c.close()
        time.sleep(1.2)
        left = copies(s, b"CANARYHALFPROMPT"), copies(s, b"CANARYLOSTPROMPT")
        ok(left == ({}, {}), "canary_cut_%s" % ("tls" if tls else "plain"), str(left))
    with s.connect() as c:
        ask(c, b"/leak", b"CANARYKEPTPROMPT", b"sk-x")
        time.sleep(0.1)
    ok(sum(copies(s, b"CANARYKEPTPROMPT").values()) == 1, "canary_seeded_leak_is_found")
finish()
