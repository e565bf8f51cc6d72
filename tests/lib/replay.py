"""A provider of the stack that answers with recorded bytes: the HTTP answer of a file or of a string, byte
for byte, with the timing that the test asks for. It takes the place of the demo provider while it is open.

    with replay.Provider({"demo-a": replay.answer(open("upstream.raw", "rb").read(), gap=1)}) as p:
        a = rig.chat(model="demo/only-a")
        p.bodies("demo-a")                    # what the data plane sent

demo-a is plain HTTP, demo-b is TLS, as in the stack. A provider without an answer refuses connections.
"""
import os
import re
import socket
import ssl
import struct
import threading
import time

import rig


class answer:
    """One answer. before: seconds before the first byte; gap: before each event; hold: the connection stays
    open for so long behind the last byte, with a comment each ping seconds (0: none); reset: ends with RST."""

    def __init__(self, raw, before=0, gap=0, hold=0, ping=0, reset=False):
        self.head, mark, self.body = raw.partition(b"\r\n\r\n")
        if not mark:
            raise AssertionError("the recorded answer has no end of its head")
        self.before, self.gap, self.hold, self.ping, self.reset = before, gap, hold, ping, reset
        self.chunked = b"transfer-encoding: chunked" in self.head.lower()

    def pieces(self):
        """The body cut behind each event (and the chunk that carries it) when events have a gap."""
        if not self.gap:
            return [self.body]
        return re.split(rb"(?<=\n\n\r\n)" if self.chunked else rb"(?<=\n\n)", self.body)

    def whole(self):
        """Another request may follow on the connection."""
        return not self.reset and (self.body.endswith(b"0\r\n\r\n") or
                                   b"content-length:" in self.head.lower())

    def send(self, s):
        time.sleep(self.before)
        s.sendall(self.head + b"\r\n\r\n")
        for piece in self.pieces():
            time.sleep(self.gap)
            s.sendall(piece)
        end = time.monotonic() + self.hold
        while time.monotonic() < end:
            time.sleep(max(0, min(self.ping or self.hold, end - time.monotonic())))
            if self.ping:
                s.sendall(b"8\r\n: ping\n\n\r\n" if self.chunked else b": ping\n\n")
        if self.reset:
            time.sleep(0.2)  # what was sent is read before the reset discards it
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def whole(body, status="200 OK", kind="application/json"):
    """The bytes of a whole answer with this body."""
    body = body if isinstance(body, bytes) else body.encode()
    return (f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n").encode() + body


def stream(*events, done=True):
    """The bytes of a chunked event stream; an event is the text behind "data: "."""
    out = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    for e in list(events) + (["[DONE]"] if done else []):
        e = b"data: " + (e if isinstance(e, bytes) else e.encode()) + b"\n\n"
        out += b"%x\r\n%s\r\n" % (len(e), e)
    return out + b"0\r\n\r\n"


class Provider:
    """answers: provider id -> answer, or a list of which each request takes the next (the last one stays), or a
    function that gets the request's body and returns the answer (for many requests at once)."""

    PORTS = {"demo-a": "demo_a", "demo-b": "demo_b"}

    def __init__(self, answers):
        self.answers = {name: list(a) if isinstance(a, list) else [a] for name, a in answers.items()}
        self.received = {name: [] for name in answers}
        self.lock, self.listeners, self.open = threading.Lock(), [], set()

    def set(self, name, what):
        """Answer with this from now on."""
        with self.lock:
            self.answers[name] = list(what) if isinstance(what, list) else [what]

    def bodies(self, name="demo-a"):
        """The bodies of the requests so far."""
        with self.lock:
            return [body for _, body in self.received[name]]

    def heads(self, name="demo-a"):
        with self.lock:
            return [head for head, _ in self.received[name]]

    def __enter__(self):
        with open(os.path.join(rig.env("TR_RUN_DIR"), "ports")) as f:
            ports = dict(line.strip().split("=") for line in f)
        rig.stop("mock")
        try:
            for name in self.answers:
                self.listeners.append(socket.create_server(("127.0.0.1", int(ports[self.PORTS[name]])),
                                                           backlog=128))
                threading.Thread(target=self.accept, args=(self.listeners[-1], name), daemon=True).start()
        except OSError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for s in self.listeners:
            s.shutdown(socket.SHUT_RDWR)  # wakes accept()
            s.close()
        with self.lock:
            left, self.open = self.open, set()
        for s in left:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        rig.start("mock")

    def accept(self, listener, name):
        while True:
            try:
                s = listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.serve, args=(s, name), daemon=True).start()

    def serve(self, s, name):
        with self.lock:
            self.open.add(s)
        try:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if name == "demo-b":
                s = self.tls(s)
            while True:
                request = read_request(s)
                if request is None:
                    break
                with self.lock:
                    self.received[name].append(request)
                    queue = self.answers[name]
                    a = queue.pop(0) if len(queue) > 1 else queue[0]
                    a = a(request[1]) if callable(a) else a
                a.send(s)
                if not a.whole():
                    break
        except OSError:
            pass
        finally:
            with self.lock:
                self.open.discard(s)
            s.close()

    def tls(self, s):
        conf = os.path.join(rig.env("TR_RUN_DIR"), "conf")
        c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        c.load_cert_chain(os.path.join(conf, "mock.pem"), os.path.join(conf, "mock.key"))
        plain, s = s, c.wrap_socket(s, server_side=True)
        with self.lock:
            self.open.discard(plain)
            self.open.add(s)
        return s


def read_request(s):
    """Head and body of the next request; None when the connection ends."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = s.recv(65536)
        if not more:
            return None
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    length = int(length.group(1)) if length else 0
    while len(body) < length:
        more = s.recv(65536)
        if not more:
            return None
        body += more
    return head, body
