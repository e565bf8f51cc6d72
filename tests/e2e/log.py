#!/usr/bin/env python3
"""The transparency log end to end, on a control plane and a PostgreSQL of its own: releases go in, the
tiles come out, tr-verify and (where the Go module proxy can be reached) golang.org/x/mod/sumdb read all
of it. Then the log is forked, rewound and tampered with in every way we know, and each is caught."""

import base64
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import rig  # noqa: E402
from log_plane import BIN, Plane, mirror, release  # noqa: E402
from rig import case, equal, true  # noqa: E402

ROOT = os.path.realpath(os.path.join(os.path.dirname(os.path.realpath(__file__)), "../.."))
PG = os.path.join(ROOT, "tests/lib/pg")
ENTRIES = 260  # more than one tile

work = tempfile.mkdtemp(prefix="tr-log-")
planes = []


def plane(name, conninfo):
    p = Plane(work, name, conninfo)
    planes.append(p)
    return p


def verify(place, *args, key=None):
    r = subprocess.run([f"{BIN}/tr-verify", "log", place, "--key", key or vkey, *args], capture_output=True,
                       text=True)
    return r.returncode, r.stdout + r.stderr


def tampered(name, change):
    """A copy of the mirror, changed."""
    to = os.path.join(work, name)
    shutil.copytree(os.path.join(work, "mirror"), to)
    change(to)
    return to


# --- cases

@case
def what_ran_is_logged():
    global vkey
    one.key = one.run("--bootstrap")
    one.start()
    head = one.json("/attestation/transparency/head")
    equal(head["origin"], "example.com/tr-log")
    equal(head["tree_size"], 1)  # the policy
    vkey = head["verifier_key"]
    equal(one.run("--print-log-key"), vkey)
    first = one.json("/attestation/transparency/0")
    equal(first["statement"]["purpose"], "tr.policy.v1")
    with open(os.path.join(one.dir, "attestation.conf"), "rb") as f:
        equal(first["statement"]["policy_sha256"], hashlib.sha256(f.read()).hexdigest())
    # The same policy again is no news, a changed one is.
    one.stop()
    one.start()
    equal(one.json("/attestation/transparency/head")["tree_size"], 1)
    one.stop()
    with open(os.path.join(one.dir, "attestation.conf"), "a") as f:
        f.write(f"\n[measurement second]\nsha384 = {'ac' * 48}\n")
    one.start()
    equal(one.json("/attestation/transparency/head")["tree_size"], 2)
    equal(os.stat(os.path.join(one.dir, "state/log.key")).st_mode & 0o777, 0o600)


@case
def releases_go_in_once_and_by_operators_only():
    equal(one.call("POST", "/v1/releases", body=release(0))[0], 401)
    made = one.call("POST", "/v1/accounts", body='{"name":"customer"}', key=one.key)
    customer = json.loads(made[2])["key"]
    equal(one.release(0, key=customer)[0], 403)
    status, _, body = one.release(0)
    equal((status, json.loads(body)), (200, {"data": {"index": 2}}))
    equal(json.loads(one.release(0)[2]), {"data": {"index": 2}})
    for bad in ("", "{}", release(0) + " ", release(0).replace('"svn":1', '"svn": 1'),
                release(0).replace("tr.release.v1", "tr.boot.v1")):
        status, _, body = one.call("POST", "/v1/releases", body=bad, key=one.key)
        equal(status, 400)
        true(b"invalid_release" in body)
    for n in range(1, ENTRIES):
        equal(one.release(n)[0], 200)
    equal(one.json("/attestation/transparency/head")["tree_size"], ENTRIES + 2)


@case
def json_view():
    listed = one.json("/attestation/transparency")
    equal([e["index"] for e in listed["entries"][:2]], [ENTRIES + 1, ENTRIES])
    equal(len(listed["entries"]), 100)
    older = one.json("/attestation/transparency?before=3")
    equal([e["kind"] for e in older["entries"]], ["release", "policy", "policy"])
    entry = one.json("/attestation/transparency/2")
    raw = one.get("/attestation/transparency/2")[2].decode()
    statement = raw[raw.index('"statement":') + 12:raw.index(',"proof":')]
    equal(statement, release(0))
    leaf = hashlib.sha256(b"\0" + statement.encode()).hexdigest()
    equal(entry["leaf_hash"], leaf)
    # RFC 9162 2.1.3.2, once more
    fn, sn, r = 2, entry["tree_size"] - 1, bytes.fromhex(leaf)
    for p in map(bytes.fromhex, entry["proof"]):
        if fn & 1 or fn == sn:
            r = hashlib.sha256(b"\1" + p + r).digest()
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = hashlib.sha256(b"\1" + r + p).digest()
        fn, sn = fn >> 1, sn >> 1
    equal((sn, r.hex()), (0, entry["root_hash"]))
    equal(entry["checkpoint"].split("\n")[2], base64.b64encode(r).decode())


@case
def paths_that_are_none():
    for path in (f"/attestation/transparency/{ENTRIES + 2}", "/attestation/transparency/x",
                 "/attestation/transparency/-1", "/attestation/transparency/99999999999999999999",
                 "/attestation/transparency/0/1", "/attestation/transparencyx", "/tile/0/000.p/0",
                 "/tile/0/001", f"/tile/0/001.p/{ENTRIES}", "/tile/8/000", "/tile/entries/002", "/tile/0/0",
                 "/tile/7/x999/x999/x999/x999/x999/999", "/checkpoint/", "/tile/",
                 "/attestation/transparency/consistency?from=0",
                 f"/attestation/transparency/consistency?from={ENTRIES + 3}"):
        equal((path, one.get(path)[0]), (path, 404))
    equal(one.get("/attestation/transparency/consistency?from=x")[0], 400)
    equal(one.call("POST", "/checkpoint", body="")[0], 405)
    status, headers, _ = one.get("/checkpoint")
    equal((status, headers["content-type"], headers["access-control-allow-origin"]),
          (200, "text/plain; charset=utf-8", "*"))


@case
def tr_verify_reads_it():
    # An early head, kept; then the log grows.
    global kept
    kept = os.path.join(work, "kept")
    equal(verify(f"https://127.0.0.1:{one.port}", "--ca", f"{one.dir}/state/ca.pem", "--quiet", "--save", kept)[0], 0)
    equal(one.release(ENTRIES)[0], 200)
    size = mirror(one, os.path.join(work, "mirror"))
    equal(size, ENTRIES + 3)
    code, said = verify(os.path.join(work, "mirror"), "--from", kept)
    equal(code, 0)
    true(f"accept: example.com/tr-log, {size} entries" in said and "continues the remembered" in said, said)
    equal(said.count("tr.release.v1"), ENTRIES + 1)
    equal(said.count("tr.policy.v1"), 2)
    code, _ = verify(f"https://127.0.0.1:{one.port}", "--ca", f"{one.dir}/state/ca.pem", "--from", kept)
    equal(code, 0)
    # The log vouches for itself, so any server will do; with a CA file only one that it vouches for.
    equal(verify(f"https://127.0.0.1:{one.port}/", "--quiet")[0], 0)
    other = os.path.join(work, "other")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-subj", "/CN=other", "-keyout", other, "-out", other + ".pem"], check=True, capture_output=True)
    equal(verify(f"https://127.0.0.1:{one.port}", "--ca", other + ".pem")[0], 10)
    equal(verify("https://127.0.0.1:1")[0], 40)
    equal(verify(f"http://127.0.0.1:{one.port}")[0], 2)
    equal(verify(f"https://127.0.0.1:{one.port}/elsewhere")[0], 40)


@case
def go_sumdb_agrees():
    program = os.path.join(work, "interop")
    if shutil.which("go") is None or subprocess.run(
            ["timeout", "120", "go", "build", "-o", program, "."], cwd=os.path.join(ROOT, "tests/interop/log"),
            capture_output=True).returncode != 0:
        raise rig.Skip("Go or the module golang.org/x/mod cannot be had here")
    to = os.path.join(work, "mirror")
    with open(os.path.join(to, "proofs.json"), "w") as f:
        json.dump({"inclusion": [one.json(f"/attestation/transparency/{i}") for i in range(0, ENTRIES, 13)],
                   "consistency": [one.json(f"/attestation/transparency/consistency?from={i}")
                                   for i in (1, 2, 3, 100, 255, 256, 257, ENTRIES + 3)]}, f)
    r = subprocess.run([program, to, vkey], capture_output=True, text=True)
    equal((r.returncode, r.stdout.split(" ")[0]), (0, str(ENTRIES + 3)))
    # It can also say no.
    to = tampered("go-tampered", lambda d: flip(os.path.join(d, "tile/0/000"), 40))
    equal(subprocess.run([program, to, vkey], capture_output=True).returncode, 1)


def flip(path, at):
    with open(path, "r+b") as f:
        f.seek(at)
        b = f.read(1)
        f.seek(at)
        f.write(bytes([b[0] ^ 1]))


@case
def tampering_is_caught():
    rest = ENTRIES + 3 - 256
    for name, change, want in (
            ("statement", lambda d: flip(f"{d}/tile/entries/000", 5000), "do not lead to the root"),
            ("entry-gone", lambda d: os.remove(f"{d}/tile/entries/000"), "does not show"),
            ("entries-cut", lambda d: os.truncate(f"{d}/tile/entries/001.p/{rest}", 1000), "does not show"),
            ("tile", lambda d: flip(f"{d}/tile/0/000", 100), "tiles are not those"),
            ("top-tile", lambda d: flip(f"{d}/tile/1/000.p/1", 3), "tiles are not those"),
            ("tile-gone", lambda d: os.remove(f"{d}/tile/0/001.p/{rest}"), "tiles are not those"),
            ("signature", lambda d: flip(f"{d}/checkpoint", os.path.getsize(f"{d}/checkpoint") - 20),
             "not signed by this log's key"),
            ("size", lambda d: flip(f"{d}/checkpoint", 21), "not signed by this log's key")):
        code, said = verify(tampered(name, change), "--quiet")
        equal((name, code), (name, 10))
        true(want in said, said)
    other = vkey.rsplit("+", 1)[0].rsplit("+", 1)[0]
    equal(verify(os.path.join(work, "mirror"), key=f"{other}+00000000+AAAA")[0], 2)


@case
def a_release_is_made_signed_and_logged():
    """From files to the log without any hardware; another command line or initrd is not this release."""
    d = os.path.join(work, "release")
    os.mkdir(d)
    for name, text in (("vmlinuz", "k" * 600), ("initrd", "i" * 600), ("other", "o" * 600), ("cmdline", "console=ttyS0"),
                       ("sbom", "{}")):
        with open(f"{d}/{name}", "w") as f:
            f.write(text)
    shutil.copy(f"{ROOT}/tests/fixtures/snp/ovmf_small.bin", f"{d}/OVMF.amdsev.fd")
    tool = f"{ROOT}/deploy/release"

    def run(*args, **kw):
        return subprocess.run(args, capture_output=True, text=True, env={**os.environ, "TR_BIN": BIN}, **kw)

    def measure(initrd="initrd", cmdline="console=ttyS0", vcpus="2", kind="EPYC-v4"):
        return run(f"{BIN}/tr-verify", "measure", "--ovmf", f"{d}/OVMF.amdsev.fd", "--kernel", f"{d}/vmlinuz", "--initrd",
                   f"{d}/{initrd}", "--append", cmdline, "--vcpus", vcpus, "--vcpu-type", kind,
                   check=True).stdout.strip()

    def make(out, *more):
        return run(f"{tool}/make", "--version", "1.0", "--svn", "2", "--days", "30", "--providers",
                   f"{ROOT}/deploy/examples/providers.conf", "--catalog", f"{ROOT}/deploy/examples/catalog.conf",
                   "--policy", f"{ROOT}/deploy/examples/attestation.conf", "--digest", f"dataplane={BIN}/tr-verify",
                   "--commit", "ab" * 20, "--repo", "https://example.com/tr", "--image", d,
                   "--dataplane-conf", f"{ROOT}/deploy/examples/dataplane.conf", "--sbom", f"{d}/sbom", "--vcpu-type", "EPYC-v4",
                   "--vcpu-type", "EPYC-Milan", "--vcpus", "2", "--vcpus", "4", "--out", out, *more)

    file = f"{d}/release.json"
    equal(make(file).returncode, 0)
    key = run(f"{tool}/sign", "--new-key", f"{d}/key.pem", check=True).stdout.strip()
    run(f"{tool}/sign", f"{d}/key.pem", file, check=True)
    with open(file) as f:
        manifest = json.load(f)
    equal(len({m["measurement"] for m in manifest["measurements"]}), 4)

    def judge(*args):
        return run(f"{BIN}/tr-verify", "release", file, "--key", key, *args).returncode

    equal(judge(), 0)
    for args in ({}, {"vcpus": "4"}, {"kind": "EPYC-Milan"}):
        equal(judge("--measurement", measure(**args)), 0)
    for args in ({"initrd": "other"}, {"cmdline": "console=ttyS1"}, {"vcpus": "3"}, {"kind": "EPYC-Rome"}):
        equal(judge("--measurement", measure(**args)), 10)
    # The next one names this one.
    equal(make(f"{d}/next.json", "--previous", file).returncode, 0)
    with open(file, "rb") as f, open(f"{d}/next.json") as g:
        equal(json.load(g)["previous"], hashlib.sha256(f.read()).hexdigest())
    with open(file) as f:
        equal(one.call("POST", "/v1/releases", body=f.read(), key=one.key)[0], 200)
    # Refusals: no vCPU type, a file that is not there, a signature that is not of this file.
    true(run(f"{tool}/make", "--version", "1").returncode != 0)
    true(make(f"{d}/bad.json", "--kernel", f"{d}/nothing").returncode != 0)
    true(not os.path.exists(f"{d}/bad.json"))
    shutil.copy(f"{d}/next.json", file)
    equal(judge(), 10)


@case
def a_rewind_is_caught():
    """An old copy, perfectly signed, to somebody who has seen a newer one."""
    seen = os.path.join(work, "seen")
    equal(verify(os.path.join(work, "mirror"), "--quiet", "--save", seen)[0], 0)
    equal(one.release(ENTRIES + 1)[0], 200)
    equal(mirror(one, os.path.join(work, "newer")), ENTRIES + 5)
    equal(verify(os.path.join(work, "newer"), "--quiet", "--from", seen, "--save", seen)[0], 0)
    code, said = verify(os.path.join(work, "mirror"), "--quiet", "--from", seen)
    equal(code, 10)
    true("rewind" in said, said)


@case
def a_fork_is_caught():
    """The same key signs another history: another database under a copied state directory."""
    subprocess.run(["psql", "-XAtq", one.conninfo, "-c", "CREATE DATABASE fork"], check=True)
    two = plane("two", one.conninfo.replace("dbname=postgres", "dbname=fork"))
    two.run("--init-state")
    shutil.copy(os.path.join(one.dir, "state/log.key"), os.path.join(two.dir, "state/log.key"))
    two.key = two.run("--bootstrap")
    two.start()
    for n in range(ENTRIES + 20):
        equal(two.release(n + 1000)[0], 200)
    equal(mirror(two, os.path.join(work, "fork")), ENTRIES + 21)
    equal(verify(os.path.join(work, "fork"), "--quiet")[0], 0)  # sound in itself, and signed
    for remembered in (kept, os.path.join(work, "seen")):
        code, said = verify(os.path.join(work, "fork"), "--quiet", "--from", remembered)
        equal(code, 10)
        true("fork" in said, said)
    two.stop()


@case
def every_change_of_policy_is_logged():
    """At start and on SIGHUP: whole, in the log before it counts, and never from a broken file."""
    subprocess.run(["psql", "-XAtq", one.conninfo, "-c", "CREATE DATABASE policy"], check=True)
    p = plane("policy", one.conninfo.replace("dbname=postgres", "dbname=policy"))
    conf, log = os.path.join(p.dir, "attestation.conf"), os.path.join(p.dir, "log")
    with open(conf) as f:
        good = f.read()
    p.start()

    def reload(text, event):
        seen = open(log).read().count(f'"event":"{event}"')
        with open(conf, "w") as f:
            f.write(text)
        p.process.send_signal(signal.SIGHUP)
        for _ in range(200):
            if open(log).read().count(f'"event":"{event}"') > seen:
                line = [x for x in open(log).read().splitlines() if f'"event":"{event}"' in x][-1]
                return json.loads(line)
            time.sleep(0.05)
        raise AssertionError(f"no {event}: {open(log).read()[-500:]}")

    def head():
        return p.json("/attestation/transparency/head")["tree_size"]

    def entry(i):
        return p.json(f"/attestation/transparency/{i}")["statement"]

    equal((head(), entry(0)["trigger"], entry(0)["policy_version"]), (1, "start", "snp-2026-11"))
    dated = good.replace("version = snp-2026-11", "version = snp-test-2")
    equal(reload(dated, "policy_changed")["index"], 1)
    equal((head(), entry(1)["trigger"], entry(1)["policy_version"], entry(1)["policy_sha256"]),
          (2, "reload", "snp-test-2", hashlib.sha256(dated.encode()).hexdigest()))
    # Nothing new; broken in every way; gone: the rules stay, the log's tree too, the code is told.
    equal(reload(dated, "policy_kept")["error"], "none")
    for bad in ("", "nonsense", dated + "[measurement x]\nsha384 = 12\n", dated.replace("[chip test]", "[ship test]"),
                dated + "x" * 300000):
        true(reload(bad, "policy_kept")["error"] != "none", f"{bad[-20:]!r} was taken")
    os.rename(conf, conf + ".away")
    p.process.send_signal(signal.SIGHUP)
    for _ in range(100):
        if '"error":"io"' in open(log).read():
            break
        time.sleep(0.05)
    true('"error":"io"' in open(log).read(), "a file that is gone")
    equal(head(), 2)
    # Back to the first: that is a change too. Many signals at once are one or two reloads.
    with open(conf, "w") as f:
        f.write(good)
    for _ in range(20):
        p.process.send_signal(signal.SIGHUP)
    for _ in range(100):
        if head() == 3:
            break
        time.sleep(0.05)
    equal((head(), entry(2)["policy_sha256"], entry(2)["trigger"]), (3, entry(0)["policy_sha256"], "reload"))
    # The last one logged is in force after a restart: nothing to say.
    p.stop()
    p.start()
    equal(head(), 3)
    # An auditor reads it.
    code, said = verify(f"https://127.0.0.1:{p.port}", "--ca", f"{p.dir}/state/ca.pem", key=p.run("--print-log-key"))
    equal(code, 0)
    true("tr.policy.v1" in said and "named snp-test-2 because of reload" in said, said)
    p.stop()


@case
def a_restored_database_is_not_signed():
    """The control plane itself remembers: a database that forgot gets no entry and no checkpoint."""
    one.stop()
    one.rewind(ENTRIES)
    one.start()
    status, _, body = one.release(5000)
    equal(status, 409)
    true(b"log_rewound" in body)
    with open(os.path.join(one.dir, "log")) as f:
        true('"event":"log_rewound"' in f.read())
    # Rules that cannot be logged do not count.
    with open(os.path.join(one.dir, "attestation.conf"), "a") as f:
        f.write(f"\n[measurement third]\nsha384 = {'ad' * 48}\n")
    one.process.send_signal(signal.SIGHUP)
    for _ in range(100):
        with open(os.path.join(one.dir, "log")) as f:
            if '"event":"policy_kept","error":"conflict"' in f.read():
                break
        time.sleep(0.05)
    else:
        raise AssertionError("the rules were not kept")
    equal(one.json("/attestation/transparency/head")["tree_size"], ENTRIES)


def main():
    global one
    pg_dir = work + "-pg"
    try:
        conninfo = subprocess.run([PG, "start", pg_dir], check=True, capture_output=True, text=True).stdout.strip()
        one = plane("one", conninfo)
        return rig.run_cases() != 0
    finally:
        for p in planes:
            p.stop()
        subprocess.run([PG, "stop", pg_dir], check=False)
        shutil.rmtree(work, ignore_errors=True)


sys.exit(main())
