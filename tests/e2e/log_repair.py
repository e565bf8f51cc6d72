#!/usr/bin/env python3
"""A log whose database was restored to an earlier day is repaired with tr-controlplane --rebuild-log: from
the entries alone, from a mirror; and refused, with the reason, when what is there is not the history that
was signed. On control planes and a PostgreSQL of its own."""

import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import rig  # noqa: E402
from log_plane import BIN, Plane, mirror, release  # noqa: E402
from rig import case, equal, true, wait_until  # noqa: E402

PG = os.path.join(rig.ROOT, "tests/lib/pg")
FIRST, MORE = 20, 260  # releases before and after the backup; more than one tile
SIZE = 1 + FIRST + MORE  # and the policy of the start

work = tempfile.mkdtemp(prefix="tr-log-repair-")
planes = []


def plane(name):
    subprocess.run(["psql", "-XAtq", conninfo, "-c", f"CREATE DATABASE {name}"], check=True)
    p = Plane(work, name, conninfo.replace("dbname=postgres", f"dbname={name}"))
    planes.append(p)
    p.run("--init-state")
    return p


def grow(p, first, n):
    for i in range(first, first + n):
        equal(p.release(i)[0], 200)


def copy(name, change=None):
    """A copy of the mirror, changed."""
    to = os.path.join(work, name)
    shutil.copytree(os.path.join(work, "mirror"), to)
    if change:
        change(to)
    return to


def head_file(p):
    with open(os.path.join(p.dir, "state/log.head"), "rb") as f:
        return f.read()


def state(p):
    """Everything that a repair may change."""
    return (p.sql("SELECT count(*), max(index) FROM log_entry"),
            p.sql("SELECT count(*), md5(string_agg(level || ' ' || index || encode(hash, 'hex'), ',' ORDER BY level, "
                  "index)) FROM log_node"), p.sql("SELECT count(*), max(size) FROM log_checkpoint"), head_file(p))


def refused(p, source, word):
    """Refused with this word in its sentence, and nothing has changed."""
    before = state(p)
    code, out, err = p.command("--rebuild-log", source)
    equal((code, out), (1, ""), err)
    true(word in err, f"{word!r} in {err!r}")
    equal(state(p), before)


def repaired(p, source, entries, added):
    code, out, err = p.command("--rebuild-log", source)
    equal((code, err), (0, ""))
    root = p.sql(f"SELECT encode(log_root({entries}), 'hex')")
    equal(out, f"{entries} entries, {added} of them added, root {root}")
    equal(p.sql("SELECT * FROM log_violations"), "")


def serves(p, size, n):
    """The log takes the next entry, and an auditor who has seen the whole takes the log."""
    p.start()
    equal(p.json("/readyz")["reasons"], [])
    equal(p.json("/attestation/transparency/head")["tree_size"], size)
    equal(p.release(n)[0], 200)
    head = p.json("/attestation/transparency/head")
    equal(head["tree_size"], size + 1)
    r = subprocess.run([f"{BIN}/tr-verify", "log", f"https://127.0.0.1:{p.port}", "--ca", f"{p.dir}/state/ca.pem",
                        "--key", head["verifier_key"], "--from", os.path.join(work, "mirror/checkpoint"), "--quiet"],
                       capture_output=True, text=True)
    equal(r.returncode, 0, r.stdout + r.stderr)
    p.stop()


@case
def the_log_grows_and_is_mirrored():
    global one
    one = plane("one")
    one.key = one.run("--bootstrap")
    one.start()
    grow(one, 0, FIRST)
    mirror(one, os.path.join(work, "early"))
    grow(one, FIRST, MORE)
    equal(mirror(one, os.path.join(work, "mirror")), SIZE)
    # deploy/log-mirror makes the same copy, also on top of an older one.
    copied = os.path.join(work, "copied")
    shutil.copytree(os.path.join(work, "early"), copied)
    subprocess.run([os.path.join(rig.ROOT, "deploy/log-mirror"), f"https://127.0.0.1:{one.port}/", copied, "--cacert",
                    f"{one.dir}/state/ca.pem"], check=True, capture_output=True)
    diff = subprocess.run(["diff", "-r", os.path.join(work, "mirror"), copied], capture_output=True, text=True)
    equal(sorted(diff.stdout.splitlines()),
          [f"Only in {copied}/tile/0: 000.p", f"Only in {copied}/tile/entries: 000.p"], diff.stderr)
    one.stop()
    # Nothing is wrong: nothing is added, in either way.
    repaired(one, "entries", SIZE, 0)
    repaired(one, os.path.join(work, "mirror"), SIZE, 0)
    repaired(one, os.path.join(work, "early"), SIZE, 0)
    # A mirror may have replaced the part of a tile by the whole since it took the checkpoint.
    whole = os.path.join(work, "early/tile/entries")
    shutil.rmtree(f"{whole}/000.p")
    shutil.copy(os.path.join(work, "mirror/tile/entries/000"), f"{whole}/000")
    repaired(one, os.path.join(work, "early"), SIZE, 0)


@case
def from_the_entries_alone():
    """Entries that were found on a replica are put back by hand; the rest follows from them."""
    one.sql(f"CREATE TABLE kept AS SELECT * FROM log_entry WHERE index >= {FIRST}")
    before = head_file(one)
    one.rewind(FIRST)
    one.start()
    wait_until(lambda: one.json("/health")["reasons"] == ["log_rewound"], 10, "the rewind is named")
    equal(one.release(9000)[0], 409)
    one.stop()
    refused(one, "entries", f"{FIRST} entries are here, and log.head has {SIZE}")
    one.sql("INSERT INTO log_entry SELECT * FROM kept ORDER BY index")
    repaired(one, "entries", SIZE, 0)
    equal(head_file(one), before)
    serves(one, SIZE, 9001)


@case
def subtrees_that_are_wrong_or_missing():
    size = SIZE + 1
    for damage in ("DELETE FROM log_node", "DELETE FROM log_node WHERE level = 1",
                   "UPDATE log_node SET hash = sha256('x') WHERE level = 2 AND index = 3"):
        one.sql(f"BEGIN; SET LOCAL session_replication_role = replica; {damage}; COMMIT")
        true(one.sql("SELECT count(*) FROM log_violations") != "0", damage)
        repaired(one, "entries", size, 0)


@case
def from_a_mirror():
    one.rewind(FIRST)
    # It is not alone with one entry after the mirror's: that one is lost, and log.head knows it.
    refused(one, os.path.join(work, "mirror"), f"{SIZE} entries are here, and log.head has {SIZE + 1}")
    # An operator who accepts the loss of what nobody has seen says so by taking log.head away.
    os.rename(os.path.join(one.dir, "state/log.head"), os.path.join(work, "log.head"))
    refused_without_head(one, os.path.join(work, "nowhere"), "no checkpoint that can be read")
    repaired(one, os.path.join(work, "mirror"), SIZE, SIZE - FIRST)
    with open(os.path.join(work, "mirror/checkpoint"), "rb") as f:
        equal(head_file(one), f.read())
    equal(one.sql("SELECT string_agg(DISTINCT kind, ' ' ORDER BY kind) FROM log_entry"), "policy release")
    # Subjects are as the program itself would have written them: the same release is not logged twice.
    one.start()
    equal(one.call("POST", "/v1/releases", body=release(FIRST + 5), key=one.key)[0], 200)
    equal(one.json("/attestation/transparency/head")["tree_size"], SIZE)
    one.stop()
    serves(one, SIZE, 9002)


def refused_without_head(p, source, word):
    code, out, err = p.command("--rebuild-log", source)
    equal((code, out), (1, ""), err)
    true(word in err, f"{word!r} in {err!r}")


@case
def into_an_empty_database():
    """The database is gone and was not backed up: the log, which is public, comes back as a whole."""
    two = plane("two")
    for name in ("log.key", "log.head"):
        shutil.copy(os.path.join(one.dir, "state", name), os.path.join(two.dir, "state", name))
    shutil.copy(os.path.join(work, "mirror/checkpoint"), os.path.join(two.dir, "state/log.head"))
    repaired(two, os.path.join(work, "mirror"), SIZE, SIZE)
    two.key = two.run("--bootstrap")
    serves(two, SIZE, 9003)


@case
def a_mirror_that_forks_is_refused():
    # The same key under another database: another history, sound in itself.
    fork = plane("fork")
    shutil.copy(os.path.join(one.dir, "state/log.key"), os.path.join(fork.dir, "state/log.key"))
    fork.key = fork.run("--bootstrap")
    fork.start()
    grow(fork, 5000, SIZE + 40)
    true(mirror(fork, os.path.join(work, "fork")) > SIZE + 1)
    fork.stop()
    refused(one, os.path.join(work, "fork"), "is another one in the mirror: the histories fork")
    # Where the database has nothing to compare with, log.head tells.
    three = plane("three")
    for name in ("log.key", "log.head"):
        shutil.copy(os.path.join(one.dir, "state", name), os.path.join(three.dir, "state", name))
    three.run("--bootstrap")
    refused(three, os.path.join(work, "fork"), "do not lead to the root of log.head: the histories fork")
    # And an older mirror of the right history does not have all of it.
    refused(three, os.path.join(work, "early"), "entries are here, and log.head has")


@case
def a_mirror_that_was_tampered_with_is_refused():
    one.rewind(FIRST)
    shutil.copy(os.path.join(work, "mirror/checkpoint"), os.path.join(one.dir, "state/log.head"))
    rest = SIZE - 256

    def flip(path, at):
        with open(path, "r+b") as f:
            f.seek(at)
            b = f.read(1)
            f.seek(at)
            f.write(bytes([b[0] ^ 1]))

    def say(old, new):
        """Other words of the same length in the last statement that has them."""
        def change(d):
            with open(f"{d}/tile/entries/000", "rb") as f:
                text = f.read()
            at = text.rindex(old)
            with open(f"{d}/tile/entries/000", "wb") as f:
                f.write(text[:at] + new + text[at + len(old):])
        return change

    for name, change, word in (
            ("statement", say(b'"version":"0.0.250"', b'"version":"0.0.251"'), "do not lead to the root"),
            ("kind", say(b"tr.release.v1", b"tr.release.v9"), "entry 255 is no statement that this program knows"),
            ("no-json", say(b'"svn":1', b'"svn";1'), "entry 255 is no statement that this program knows"),
            ("stored", lambda d: flip(f"{d}/tile/entries/000", 40), "entry 0 is another one"),
            ("gone", lambda d: os.remove(f"{d}/tile/entries/001.p/{rest}"), "entry 256 cannot be read"),
            ("cut", lambda d: os.truncate(f"{d}/tile/entries/001.p/{rest}", 900), "cannot be read"),
            ("signature", lambda d: flip(f"{d}/checkpoint", os.path.getsize(f"{d}/checkpoint") - 20), "not signed"),
            ("size", lambda d: flip(f"{d}/checkpoint", 21), "not signed"),
            ("no-checkpoint", lambda d: os.remove(f"{d}/checkpoint"), "no checkpoint")):
        refused(one, copy(name, change), word)
    # A mirror whose last tile has grown since its checkpoint was taken is a good one.
    repaired(one, os.path.join(work, "mirror"), SIZE, SIZE - FIRST)


@case
def commands_are_refused():
    for args in (("--rebuild-log",), ("--rebuild-log", "a", "b"), ("--rebuild-log-x", "entries")):
        code, out, err = one.command(*args)
        true(code != 0 and out == "" and err.startswith("usage:"), (args, err))
    # No key: a new one would vouch for nothing, and none is made.
    os.rename(os.path.join(one.dir, "state/log.key"), os.path.join(work, "log.key"))
    code, _, err = one.command("--rebuild-log", "entries")
    true(code == 1 and "log key" in err, err)
    true(not os.path.exists(os.path.join(one.dir, "state/log.key")))
    os.rename(os.path.join(work, "log.key"), os.path.join(one.dir, "state/log.key"))
    repaired(one, "entries", SIZE, 0)


def main():
    global conninfo
    pg_dir = work + "-pg"
    try:
        conninfo = subprocess.run([PG, "start", pg_dir], check=True, capture_output=True, text=True).stdout.strip()
        return rig.run_cases(always=("the_log_grows_and_is_mirrored",)) != 0
    finally:
        for p in planes:
            p.stop()
        subprocess.run([PG, "stop", pg_dir], check=False)
        shutil.rmtree(work, ignore_errors=True)


sys.exit(main())
