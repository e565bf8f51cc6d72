#!/usr/bin/env python3
"""The audit sampler as an owner, a stranger and a liar see it. What tr-verify accepts is recomputed here
from docs/audit.md alone, with hashlib, hmac and the openssl command, so the page is the specification. The
data plane is restarted with other rates; at the end it runs as it did."""

import atexit
import contextlib
import hashlib
import hmac
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import dialects  # noqa: E402
import rig  # noqa: E402
from rig import Client, case, equal, fresh, wait_until  # noqa: E402

CONF = os.path.join(rig.env("TR_RUN_DIR"), "conf/dataplane.conf")
ORIGIN = rig.env("TR_BASE_URL").removesuffix("/v1")
VERIFY = os.path.join(rig.env("TR_BIN"), "tr-verify")
ALL = 1000000
work = tempfile.mkdtemp(prefix="tr-audit-")
atexit.register(shutil.rmtree, work, True)
with open(CONF) as f:
    GOOD = f.read()


# --- a data plane with another rate

def restart(text):
    rig.stop("dataplane")
    with open(CONF, "w") as f:
        f.write(text)
    rig.start("dataplane")
    wait_until(lambda: rig.chat("tokens=1").status == 200, 30, "served again")


@contextlib.contextmanager
def sampling(ppm, keep=8192):
    rest = "".join(line for line in GOOD.splitlines(True) if not re.match(r"audit_(ppm|keep)\b", line))
    try:
        restart(rest + f"audit_ppm = {ppm}\naudit_keep = {keep}\n")
        if ppm == ALL:
            until(1)  # the answer that showed that it serves
        yield
    finally:
        restart(GOOD)


# --- asking

def get(path, key=""):
    c = Client(ORIGIN, key=key)
    try:
        return c.request("GET", path)
    finally:
        c.close()


def head():
    a = get("/attestation/audit/head")
    equal(a.status, 200)
    return a.body


def samples(key, query=""):
    a = get("/v1/audit/samples" + query, key)
    equal(a.status, 200, a.body[:200])
    return a.body


def until(count):
    """Chained a moment after the answer."""
    wait_until(lambda: json.loads(head())["count"] >= count, 10, f"{count} samples")


def receipt_key():
    return get("/attestation/verifying-key").json()["public_key"]


class Answer:
    """One answer as a client that keeps the raw bytes of both directions; of chat, or of another API."""

    def __init__(self, key, api=dialects.ALL[0], **members):
        body = api.ask(fresh("secret "))
        body.update(members)
        self.request = json.dumps(body).encode()
        a = dialects.send(api, self.request, key)
        self.status, self.response, self.id = a.status, a.body, a.header("x-request-id")


# --- checking, with tr-verify and without

def put(name, content):
    path = os.path.join(work, name)
    with open(path, "wb") as f:
        f.write(content)
    return path


def verify(document, *args, key=None):
    r = subprocess.run([VERIFY, "audit", put("document.json", document), "--key", key or receipt_key(),
                        *args], capture_output=True, text=True, timeout=30)
    return r.returncode, r.stdout + r.stderr


def accepted(document, *args):
    code, text = verify(document, *args)
    equal(code, 0, text)
    return text


def refused(code, word, document, *args, key=None):
    got, text = verify(document, *args, key=key)
    equal(got, code, text)
    if word not in text:
        raise AssertionError(f"{word} is not in: {text}")


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def signed(document, key):
    """RFC 8410's prefix makes a public key file of the 32 bytes."""
    body = {k: v for k, v in document.items() if k != "signature"}
    r = subprocess.run(
        ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER",
         "-inkey", put("key.der", bytes.fromhex("302a300506032b6570032100" + key)), "-rawin",
         "-in", put("text", canonical(body)), "-sigfile",
         put("signature", bytes.fromhex(document["signature"]))], capture_output=True, timeout=30)
    return r.returncode == 0


def recomputed(text, key):
    """docs/audit.md, once more. Gives what it shows of the owner's samples."""
    d = json.loads(text)
    equal(canonical(d), text)
    h, w = d["head"], d["window"]
    equal((signed(h, key), signed(w, key)), (True, True), "signatures")
    equal((w["boot"], h["purpose"], w["purpose"], d["purpose"]),
          (h["boot"], "tr.audit.head.v1", "tr.audit.window.v1", "tr.audit.samples.v1"))
    chain = bytes.fromhex(w["before"])
    if w["from"] == 0:
        equal(chain, sha(b"tr.audit.genesis.v1\0", bytes.fromhex(h["boot"]), bytes.fromhex(key),
                         bytes.fromhex(h["pick_anchor"])), "genesis")
    leaves = [bytes.fromhex(x) for x in d["leaves"]]
    equal(len(leaves), w["to"] - w["from"])
    for leaf in leaves:
        chain = sha(b"tr.audit.link.v1\0", chain, leaf)
    equal(chain.hex(), w["after"])
    if w["to"] == h["count"]:
        equal(w["after"], h["head"])
    for o in d["samples"]:
        s = o["sample"]
        equal(sha(canonical(s)), leaves[s["seq"] - w["from"]])
        for side in ("request", "response"):
            equal(hmac.new(bytes.fromhex(o[side + "_salt"]),
                           f"tr.commitment.{side}.v1".encode() + b"\0" + bytes.fromhex(o[side + "_sha256"]),
                           hashlib.sha256).hexdigest(), s[side + "_commitment"])
    return d


# --- the cases

@case
def the_owner_opens_every_answer():
    mine, other = rig.new_key()["key"], rig.new_key()["key"]
    with sampling(ALL):
        key, before = receipt_key(), head()
        equal(json.loads(before)["rate_ppm"], ALL)
        equal(signed(json.loads(before), key), True)
        began = json.loads(before)["count"]
        answers = [Answer(mine), Answer(mine, stream=True), Answer(mine, max_tokens=5),
                   Answer(mine, stream=True, stream_options={"include_usage": True})]
        equal([a.status for a in answers], [200] * 4)
        until(began + 4)
        text = samples(mine)
        d = recomputed(text, key)
        equal(len(d["samples"]), 4)
        earlier = put("earlier.json", before)
        opened = {o["sample"]["request_id"]: o for o in d["samples"]}  # two workers: in no order
        for a in answers:
            o = opened[a.id]
            equal((o["sample"]["status"], o["sample"]["complete"]), (200, True))
            equal((o["request_sha256"], o["response_sha256"]),
                  (sha(a.request).hex(), sha(a.response).hex()))
            accepted(text, "--request", put("q", a.request), "--response", put("r", a.response),
                     "--head", earlier)

        # Altered afterwards: another answer, another answer's answer, another document.
        q, r = put("q", answers[0].request), put("r", answers[0].response + b" ")
        refused(10, "BODY", text, "--request", q, "--response", r)
        refused(10, "BODY", text, "--request", q, "--response", put("r", answers[1].response))
        refused(10, "SIGNATURE", text, key="ab" * 32)
        at = text.index(b'"count":') + 8
        refused(10, "SIGNATURE", text[:at] + b"9" + text[at:])
        refused(30, "neither", text + b"\n")
        status = text.index(b'"status":200')
        refused(10, "SAMPLE", text[:status] + b'"status":500' + text[status + 12:])

        # Somebody else: no salt, no digest, no id of it, in no window.
        for query in ("", "?from=0", f"?from={began}&limit=1024"):
            theirs = samples(other, query)
            equal(recomputed(theirs, key)["samples"], [])
            refused(20, "EMPTY", theirs)  # a sound chain, and nothing in it that was audited
            for o in d["samples"]:
                for secret in ("request_salt", "response_salt", "request_sha256", "response_sha256"):
                    equal(o[secret].encode() in theirs, False, secret)
                equal(o["sample"]["request_id"].encode() in theirs, False)
        equal(samples("sk-tr-v1-" + "A" * 43)[-400:].count(b"salt"), 0)  # a key that does not exist
        equal(get("/v1/audit/samples").status, 401)
        equal(get("/v1/audit/samples", "sk-proj-x").status, 401)
        for query in ("?from=-1", "?limit=0", "?limit=1025", "?owner=x", "?from=1&from=1", "?from=999999"):
            equal(get("/v1/audit/samples" + query, mine).status, 400, query)
        kept = put("kept.json", head())
        kept_key = key

    # A restart ends the chain: the remembered head is of another boot, signed by another key.
    refused(10, "SIGNATURE", head(), "--head", kept)
    equal(verify(open(kept, "rb").read(), key=kept_key)[0], 0)


@case
def answers_of_every_api_are_opened():
    mine = rig.new_key()["key"]
    with sampling(ALL):
        began = json.loads(head())["count"]
        answers = [Answer(mine, api, stream=stream) for api in dialects.ALL for stream in (False, True)]
        equal([a.status for a in answers], [200] * len(answers))
        until(began + len(answers))
        text = samples(mine)
        d = recomputed(text, receipt_key())
        equal({o["sample"]["request_id"]: (o["request_sha256"], o["response_sha256"], o["sample"]["complete"]) for o in d["samples"]},
              {a.id: (sha(a.request).hex(), sha(a.response).hex(), True) for a in answers})
        for a in answers:
            accepted(text, "--request", put("q", a.request), "--response", put("r", a.response))


@case
def every_answer_is_in_its_receipt():
    """The salts are those of the receipt, so an answer whose sample is gone can still be opened."""
    mine = rig.new_key()["key"]
    with sampling(ALL):
        began = json.loads(head())["count"]
        a = Answer(mine)
        until(began + 1)
        o = json.loads(samples(mine))["samples"][0]
        receipt = get(f"/v1/aci/receipts/rcpt-{a.id}", mine)
        equal(receipt.status, 200)
        for part in ("request_salt", "response_salt"):
            equal(o[part].encode() in receipt.body, True, part)
        for part in ("request_commitment", "response_commitment"):
            equal(o["sample"][part].encode() in receipt.body, True, part)


@case
def only_what_was_served():
    mine = rig.new_key()["key"]
    with sampling(ALL):
        began = json.loads(head())["count"]
        equal(Answer(mine, model="demo/none").status, 404)
        equal(Answer(mine, messages=[]).status, 400)
        broke = rig.new_key(limit=0.0000001)["key"]  # not one token
        equal(Answer(broke).status, 402)
        good = Answer(mine)
        until(began + 1)
        d = json.loads(samples(mine))
        equal([o["sample"]["request_id"] for o in d["samples"]], [good.id])
        equal(d["head"]["count"], began + 1)


@case
def an_unpredictable_share():
    mine = rig.new_key()["key"]
    with sampling(200000):
        answers = {a.id: a for a in (Answer(mine, max_tokens=1) for _ in range(200))}
        time.sleep(0.5)
        d = recomputed(samples(mine), receipt_key())
        equal(d["head"]["rate_ppm"], 200000)
        if not 5 <= len(d["samples"]) <= 80:  # 40 +- 5.7
            raise AssertionError(f"{len(d['samples'])} of 200 were sampled at 20 %")
        for o in d["samples"]:
            equal(o["response_sha256"], sha(answers[o["sample"]["request_id"]].response).hex())
        equal(d["head"]["revealed_epochs"], 0)  # nobody can tell yet which will be
        equal(d["head"]["revealed"], d["head"]["pick_anchor"])


@case
def what_makes_way_stays_counted():
    mine = rig.new_key()["key"]
    with sampling(ALL, keep=4):
        began = json.loads(head())["count"]
        Answer(mine)
        until(began + 1)
        early = put("early.json", head())
        for _ in range(6):
            Answer(mine)
        until(began + 7)
        d = recomputed(samples(mine, "?from=0"), receipt_key())
        equal((d["head"]["count"], d["head"]["first_kept"], d["window"]["from"], len(d["samples"])),
              (began + 7, began + 3, began + 3, 4))
        late = put("late.json", samples(mine))
        accepted(open(late, "rb").read())
        refused(20, "APART", open(late, "rb").read(), "--head", early)  # honest: it cannot be told any more
        Answer(mine)
        until(began + 8)
        accepted(samples(mine), "--head", late)


@case
def off_is_off():
    mine = rig.new_key()["key"]
    with sampling(0):
        for _ in range(20):
            equal(Answer(mine, max_tokens=1).status, 200)
        time.sleep(0.5)
        text = head()
        refused(20, "EMPTY", text)
        refused(20, "EMPTY", samples(mine))
        equal((json.loads(text)["count"], json.loads(text)["rate_ppm"]), (0, 0))
        equal(json.loads(samples(mine))["samples"], [])


rig.main()
