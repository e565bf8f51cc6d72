"""Faults of a whole stack, each with a beginning and an end, and what a service manager does after a crash: it
starts again what has ended. For stacks of a scenario's own; the database's files may be on a small file system."""

import glob
import os
import shutil
import signal
import subprocess
import time

import rig
from rig import wait_until

PROCESSES = ("postgres", "mock", "controlplane", "dataplane")


def alive(name):
    try:
        pid = rig.pid(name)
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except (OSError, ValueError, IndexError):
        return False


def children(pid):
    return [int(x) for x in subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True,
                                           text=True).stdout.split()]


def send(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


class Killed:
    """kill -9. It stays away until the fault ends."""

    def __init__(self, process):
        self.process, self.name = process, "killed " + process

    def begin(self):
        if alive(self.process):
            rig.kill9(self.process)

    def end(self):
        pass  # revive() starts it


class Paused:
    """The database stands still, with all its connections open: what a stalled disk or a frozen guest looks like."""
    name, process = "paused database", None

    def begin(self):
        self.stopped = []
        if alive("postgres"):
            postmaster = rig.pid("postgres")
            send(postmaster, signal.SIGSTOP)  # first, so that it makes no more of them
            self.stopped = [postmaster, *children(postmaster)]
            for pid in self.stopped[1:]:
                send(pid, signal.SIGSTOP)

    def end(self):
        for pid in reversed(self.stopped):
            send(pid, signal.SIGCONT)


class Full:
    """The file system of the database has no byte left, neither for tables nor, where wal is set, for its log."""
    process = None

    def __init__(self, directory, wal):
        self.path, self.wal = os.path.join(directory, "filler"), wal
        self.name = "full disk, WAL too" if wal else "full disk"

    def begin(self):
        with open(self.path, "wb", buffering=0) as f:
            try:
                while True:
                    f.write(bytes(1 << 16))
            except OSError:
                pass
        for _ in range(8 if self.wal else 0):  # the segments that were kept for later are used up
            subprocess.run(["psql", "-XAtq", rig.env("TR_DATABASE_URL"), "-c", "select pg_switch_wal()"],
                           capture_output=True, timeout=20, env=dict(os.environ, PGCONNECT_TIMEOUT="2",
                                                                     PGOPTIONS="-c statement_timeout=2000"))

    def end(self):
        os.unlink(self.path)


def revive(away=()):
    """Start whatever has ended, but for what is meant to be away."""
    for name in PROCESSES:
        if name not in away and not alive(name):
            rig.start_only(name)


def serving(key):
    """Every part answers: an inference that is paid for, and the database behind REST."""
    return rig.chat(key=key, model="demo/only-a", max_tokens=5).status == 200 and \
        rig.control("GET", "/v1/credits").status == 200 and rig.health()["ready"]


def back(key, seconds):
    """Service returns by itself, within so many seconds; how long it took."""
    began = time.monotonic()

    def look():
        revive()
        return serving(key)
    wait_until(look, seconds, "served again", step=0.2)
    return time.monotonic() - began


class Copy:
    """A copy of the database's files, as a backup or a failover that lost the last commits would have them."""

    def __init__(self):
        with open(os.path.join(rig.env("TR_RUN_DIR"), "pg.data")) as f:
            self.data = f.read().strip()
        self.kept = os.path.join(rig.env("TR_RUN_DIR"), "pg-copy")

    def take(self):
        rig.stop("postgres")
        subprocess.run(["cp", "-a", self.data, self.kept], check=True)
        rig.start("postgres")

    def put_back(self):
        rig.stop("postgres")
        for path in glob.glob(os.path.join(self.data, "*")):  # the directory may be a mount point
            shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)
        subprocess.run(["cp", "-a", self.kept + "/.", self.data], check=True)
        rig.start("postgres")
