"""The network outside of the guests: this namespace's loopback, where slirp's traffic arrives. A name server that answers
what a case wants, and servers that record what reaches them. Standard library only."""

import fcntl
import os
import socket
import ssl
import struct
import subprocess
import tempfile
import threading

ELSEWHERE, ALSO = "203.0.113.9", "203.0.113.10"  # addresses of the namespace's loopback that no configuration names
METADATA = "169.254.169.254"
NAMES = None  # the name server of all guests, when there is one


def interface(name, address):
    """Give an interface an address of one host and switch it on."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for request, value in ((0x8916, address), (0x891c, "255.255.255.255")):  # SIOCSIFADDR, SIOCSIFNETMASK
            fcntl.ioctl(s, request, struct.pack("16sHH4s8x", name.encode(), socket.AF_INET, 0, socket.inet_aton(value)))
        flags = struct.pack("16sH14x", name.encode(), 0x1 | 0x40)  # IFF_UP, IFF_RUNNING
        fcntl.ioctl(s, 0x8914, flags)  # SIOCSIFFLAGS


class Names:
    """A name server; on 127.0.0.1 it is the one that slirp asks for the guests. answers: {name: address or None for no answer at all};
    asked: what was asked for."""

    def __init__(self, answers, address="127.0.0.1"):
        self.answers, self.asked = dict(answers), []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, 53))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            query, peer = self.socket.recvfrom(4096)
            reply = self._answer(query)
            if reply:
                self.socket.sendto(reply, peer)

    def _answer(self, query):
        at, labels = 12, []
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode("ascii", "replace").lower())
            at += 1 + query[at]
        question = query[12:at + 5]
        name, kind = ".".join(labels), struct.unpack_from(">H", query, at + 1)[0]
        self.asked.append(name)
        if name not in self.answers:
            return query[:2] + b"\x81\x83\0\x01\0\0\0\0\0\0" + question  # no such name
        address = self.answers[name]
        if address is None:
            return None
        if kind != 1:
            return query[:2] + b"\x81\x80\0\x01\0\0\0\0\0\0" + question  # no address of that kind
        record = b"\xc0\x0c\0\x01\0\x01\0\0\0\x05\0\x04" + socket.inet_aton(address)  # 5 s
        return query[:2] + b"\x81\x80\0\x01\0\x01\0\0\0\0" + question + record


def certificate(directory, name):
    """A self-signed certificate for a host name: (certificate, key)."""
    files = [os.path.join(directory, f"{name}.{end}") for end in ("pem", "key")]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name},IP:10.0.2.2", "-out", files[0], "-keyout",
                    files[1]], check=True, capture_output=True)
    return files


class Thief:
    """A server at an address and port: with a certificate it offers TLS and keeps what it could read; without one it keeps
    the bytes as they come."""

    def __init__(self, address, port, name=None):
        self.got, self.connections = b"", 0
        self.tls = None
        if name:
            with tempfile.TemporaryDirectory() as d:
                self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                self.tls.load_cert_chain(*certificate(d, name))
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((address, port))
        self.socket.listen(16)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                s, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._take, args=(s,), daemon=True).start()

    def _take(self, s):
        s.settimeout(20)
        try:
            if self.tls:
                s = self.tls.wrap_socket(s, server_side=True)
            while part := s.recv(65536):
                self.got += part
        except (OSError, ssl.SSLError):
            pass
        finally:
            s.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.shutdown(socket.SHUT_RDWR)  # wakes accept
        self.socket.close()
