#!/bin/bash
# Goal: docs/threat-model.md, "Whom a client talks to". The holder of the control plane's CA key certifies a relay for
# the data plane's name: a client that trusts only ca.pem gives it the prompt, and one that verifies the connection,
# or pins the key that evidence named, does not.
set -eu
cd "$(dirname "$0")/../.."
export TR_CASE_PREFIX=$(basename "$0" .sh) PYTHONPATH=tests/lib
exec python3 - "$@" <<'PY'
import json, os, socket, ssl, subprocess, tempfile, threading
import rig
from rig import Client, case, equal

RUN, WORK = rig.env("TR_RUN_DIR"), tempfile.mkdtemp(prefix="tr-relay-")
ORIGIN = rig.env("TR_BASE_URL").removesuffix("/v1")
PROMPT = "a secret for the relay"
seen = []


def run(*args):
    return subprocess.run(args, capture_output=True, text=True, timeout=60)


def certify():
    """A key of the relay's own, certified for the data plane's name with the control plane's CA."""
    with open(f"{WORK}/ext", "w") as f:
        f.write("subjectAltName=DNS:localhost\n")
    for args in (["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost",
                  "-keyout", f"{WORK}/key", "-out", f"{WORK}/csr"],
                 ["x509", "-req", "-in", f"{WORK}/csr", "-CA", f"{RUN}/state/ca.pem", "-CAkey", f"{RUN}/state/ca.key",
                  "-set_serial", "77", "-days", "1", "-extfile", f"{WORK}/ext", "-out", f"{WORK}/pem"]):
        r = run("openssl", *args)
        equal(r.returncode, 0, r.stderr)


def relayed(s):
    """One request, handed on to the real data plane."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = s.recv(65536)
        if part == b"":
            return
        data += part
    head, body = data.split(b"\r\n\r\n", 1)
    fields = dict(x.lower().split(b": ", 1) for x in head.split(b"\r\n")[1:])
    while len(body) < int(fields.get(b"content-length", b"0")):
        body += s.recv(65536)
    method, target = head.split(b" ")[:2]
    seen.append(body)
    c = Client(ORIGIN, key=rig.env("TR_API_KEY") if body else "")
    a = c.request(method.decode(), target.decode(), body or None)
    c.close()
    s.sendall(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % (a.status, len(a.body)) + a.body)


def serve(listener, context):
    while True:
        try:
            with context.wrap_socket(listener.accept()[0], server_side=True) as s:
                relayed(s)
        except ssl.SSLError:
            continue  # a client that did not like the key
        except OSError:
            return


certify()
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(f"{WORK}/pem", f"{WORK}/key")
listener = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=serve, args=(listener, context), daemon=True).start()
RELAY = f"https://localhost:{listener.getsockname()[1]}"
BODY = json.dumps({"model": "demo/echo", "messages": [{"role": "user", "content": PROMPT}]})


def curl(*more):
    return run("curl", "-sS", "--cacert", rig.env("TR_CA"), f"{RELAY}/v1/chat/completions", "-H",
               "content-type: application/json", "-d", BODY, *more)


def verify(url):
    r = run(os.path.join(rig.env("TR_BIN"), "tr-verify"), "gateway", url, "--ca", rig.env("TR_CA"), "--policy",
            f"{RUN}/conf/attestation.conf", "--release", rig.env("TR_RELEASE"), "--release-key",
            rig.env("TR_RELEASE_KEY"), "--json")
    return r.returncode, json.loads(r.stdout)


@case
def the_ca_alone_does_not_tell_a_relay():
    r = curl()
    equal((r.returncode, json.loads(r.stdout)["object"]), (0, "chat.completion"), r.stderr)
    equal(any(PROMPT.encode() in body for body in seen), True)


@case
def who_verifies_the_connection_is_not_relayed():
    code, v = verify(RELAY)
    equal((code, v["code"]), (10, "REPORT_DATA"))
    equal([c["ok"] for c in v["checks"] if c["code"] in ("NONCE", "TLS_KEY")], [True, False])
    equal(verify(ORIGIN)[0], 0)


@case
def nor_is_who_pinned_a_verified_key():
    import base64
    pin = base64.b64encode(bytes.fromhex(verify(ORIGIN)[1]["identity"]["tls_spki_sha256"])).decode()
    del seen[:]
    equal((curl("--pinnedpubkey", f"sha256//{pin}").returncode, seen), (90, []))


rig.main()
PY
