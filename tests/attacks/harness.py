"""What every attack needs: the server, clients, and one line per finding.

The server is build/$MODE/attack_server (tests/attack_server); MODE is release or asan. Each attack
starts its own, so that what it leaves behind is its own too, and a crash is its own."""
import contextlib
import os
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time

MODE = os.environ.get("MODE", "release")
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
failed = 0


def ok(condition, name, note=""):
    global failed
    failed += not condition
    print("%s attack_%s%s" % ("ok" if condition else "not ok", name, "  # " + note if note else ""),
          flush=True)


def skip(name, why):
    """It cannot be tried in this build: it counts as skipped, not as passed."""
    print("skip attack_%s: %s" % (name, why), flush=True)


class Server:
    def __init__(self, **environment):
        self.ca = tempfile.NamedTemporaryFile(suffix=".pem")
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [os.path.join(ROOT, "build", MODE, "attack_server"), self.ca.name],
            stdout=subprocess.PIPE, stderr=self.errors,
            env=dict(os.environ, **{k: str(v) for k, v in environment.items()}))
        self.plain, self.tls = (int(p) for p in self.process.stdout.readline().split())
        self.context = ssl.create_default_context(cafile=self.ca.name)
        self.context.set_alpn_protocols(["http/1.1"])

    def connect(self, tls=False, timeout=10, rcvbuf=None):
        s = socket.socket()
        s.settimeout(timeout)
        if rcvbuf:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        s.connect(("127.0.0.1", self.tls if tls else self.plain))
        return self.context.wrap_socket(s, server_hostname="localhost") if tls else s

    def stats(self):
        with self.connect() as s:
            s.sendall(b"GET /stats HTTP/1.1\r\nHost: localhost\r\n\r\n")
            return eval(answer(s).split(b"\r\n\r\n", 1)[1])

    def await_stat(self, name, want, seconds):
        """Seconds until a counter has a value; None if it never does."""
        start = time.time()
        while time.time() - start < seconds:
            if self.stats()[name] == want:
                return time.time() - start
            time.sleep(0.02)
        return None

    def descriptors(self):
        return len(os.listdir("/proc/%d/fd" % self.process.pid))

    def rss_kib(self):
        with open("/proc/%d/status" % self.process.pid) as f:
            return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))

    def alive(self):
        return self.process.poll() is None

    def settled(self, descriptors, seconds=5):
        """Are we back to this many descriptors within the time?"""
        start = time.time()
        while self.descriptors() > descriptors and time.time() - start < seconds:
            time.sleep(0.05)
        return self.descriptors() <= descriptors

    def stop(self, name):
        """Drain it: the exit status tells of asserts, sanitizer reports and handles left open."""
        self.process.terminate()
        try:
            status = self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = "no end"
        self.errors.seek(0)
        text = self.errors.read().decode(errors="replace")
        # h2o keeps pool chunks per thread for ever; the suppression is in the environment of run.
        ok(status == 0, name + "_drains", "" if status == 0 else "%s %s" % (status, text[:600]))


@contextlib.contextmanager
def server(name, **environment):
    s = Server(**environment)
    try:
        yield s
    finally:
        s.stop(name)


def request(path, body=b"", headers=b""):
    return (b"POST %s HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: %d\r\n\r\n"
            % (path.encode(), headers, len(body)) + body)


def answer(s):
    """One whole answer with a Content-Length or chunks; what came so far when it ends early."""
    data = b""
    while True:
        head = data.find(b"\r\n\r\n")
        if head >= 0:
            lines = data[:head].lower().split(b"\r\n")
            length = [int(l[15:]) for l in lines if l.startswith(b"content-length:")]
            if length and len(data) >= head + 4 + length[0]:
                return data
            if b"transfer-encoding: chunked" in lines and data.endswith(b"\r\n0\r\n\r\n"):
                return data
        more = s.recv(65536)
        if not more:
            return data
        data += more


def reset(s):
    """Close with a RST."""
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


class RawTls:
    """A TLS client whose records are in our hands."""

    def __init__(self, server):
        self.sock = socket.create_connection(("127.0.0.1", server.tls), 10)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = server.context.wrap_bio(self.incoming, self.outgoing,
                                           server_hostname="localhost")
        while True:
            try:
                self.tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self.sock.sendall(self.outgoing.read())
                self.incoming.write(self.sock.recv(65536))
        self.sock.sendall(self.outgoing.read())

    def send(self, data):
        self.tls.write(data)
        self.sock.sendall(self.outgoing.read())

    def corrupt(self):
        self.sock.sendall(b"\x17\x03\x03\x00\x20" + b"\x00" * 32)


def finish():
    sys.exit(failed != 0)
