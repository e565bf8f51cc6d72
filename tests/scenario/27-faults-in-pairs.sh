#!/bin/bash
# Goal: every process killed (-9), the database paused, its disk full, in turn and in pairs, under load: the books
# balance, nothing is booked twice or without an answer, nothing that was booked is lost, nothing is written off, no
# client is told a reason that is not so, health says that something is wrong, leases of the dead go back in time,
# and service returns by itself. (A database that forgets: 28.)
#
# On a stack of its own, whose database lives on a small file system. Moments and pairs are chosen at random; the
# seed is printed, TR_SEED=N repeats it. Without leave to mount, a full disk is skipped.
set -eu
cd "$(dirname "$0")/../.."
export TR_CASE_PREFIX=$(basename "$0" .sh) PYTHONPATH=tests/lib
TR_RUN_DIR=$(mktemp -d /tmp/tr-pairs-XXXXXX)
export TR_RUN_DIR TR_LEASE_MS=15000 TR_RECLAIM_GRACE_MS=3000 TR_DEMO_FIRST_BYTE_MS=3000 TR_DEMO_IDLE_MS=3000
clean_up() {
    deploy/dev/down >/dev/null 2>&1 || true
    umount "$TR_RUN_DIR/pg" 2>/dev/null || true
    deploy/dev/down --forget >/dev/null 2>&1 || true
}
trap clean_up EXIT
chmod 755 "$TR_RUN_DIR"
mkdir "$TR_RUN_DIR/pg"
mount -t tmpfs -o size=256m,mode=755 tmpfs "$TR_RUN_DIR/pg" 2>/dev/null || echo "# no leave to mount a small file system"
deploy/dev/up >"$TR_RUN_DIR/up.txt" 2>&1 || { cat "$TR_RUN_DIR/up.txt"; exit 1; }
. "$TR_RUN_DIR/env"
python3 - "$@" <<'PY'
import collections, itertools, os, random, time
import faults, rig
from rig import Skip, case, equal, fresh, true, wait_until

SEED = int(os.environ.get("TR_SEED") or random.randrange(1 << 32))
RNG = random.Random(SEED)
PAIRS_SECONDS = 45    # so long pairs are tried
BACK_SECONDS = 40     # service is back so soon after the last fault of a pair has ended
SHIPPED_SECONDS = 2.5 # of calm before a data plane dies, and its records are booked
NOTICED_SECONDS = 0.5 # a client may notice so late that its answer was over before the kill
RECLAIM_SECONDS = 45  # beside the lease's own time; scenario 03 says the same
DISK = os.path.join(rig.env("TR_RUN_DIR"), "pg")
MOUNTED = os.path.ismount(DISK)
print(f"# TR_SEED={SEED}")

# Small segments of log, or they alone would fill the disk.
for setting in ("max_wal_size = '64MB'", "min_wal_size = '32MB'"):
    rig.sql(f"alter system set {setting}")
rig.sql("select pg_reload_conf()")


def all_faults():
    killed = [faults.Killed(name) for name in faults.PROCESSES]
    full = [faults.Full(DISK, wal) for wal in (False, True)] if MOUNTED else []
    return [*killed, faults.Paused(), *full]


class Trouble:
    """Load on one key while faults come and go, and the times by which to judge what was lost."""

    def __init__(self):
        self.key, self.tag = rig.new_key(), fresh("pair")
        self.calm = []   # [from, to] in which everything worked
        self.kills = []  # when data planes died
        self.booked = set()
        self.longest = 0
        self.written_off = written_off()
        self.probe_keys = rig.new_key()
        self.load = rig.Load(self.key["key"], self.tag, workers=3)

    def __enter__(self):
        faults.back(self.probe_keys["key"], BACK_SECONDS)
        self.load.start()
        self.calm.append([time.monotonic(), None])
        time.sleep(1)
        return self

    def suffer(self, *them):
        """These faults, each beginning while the one before lasts and ending at a moment of its own."""
        self.booked |= set(rig.booked_ids(self.key))
        self.calm[-1][1] = time.monotonic()
        for f in them:
            f.begin()
            if f.process == "dataplane":
                self.kills.append(time.monotonic())
            time.sleep(RNG.uniform(0.1, 1.5))
        left = list(them)
        RNG.shuffle(left)
        while left:
            left.pop().end()
            time.sleep(RNG.uniform(0, 0.5))
            if left:
                faults.revive(away={f.process for f in left})
        took = faults.back(self.probe_keys["key"], BACK_SECONDS)
        self.longest = max(self.longest, took)
        self.calm.append([time.monotonic(), None])
        print(f"# {' + '.join(f.name for f in them)}: back after {took:.1f} s", flush=True)
        equal(rig.violations(), [], "after " + " + ".join(f.name for f in them))

    def __exit__(self, kind, *_):
        self.load.stop()
        if kind is None:
            self.judge()

    def could_be_lost(self, ended):
        """Did a data plane die before it had a calm time to ship what had ended by then?"""
        for k in self.kills:
            if k + NOTICED_SECONDS >= ended and not any(min(to or k, k) - max(at, ended) > SHIPPED_SECONDS for at, to in self.calm):
                return True
        return False

    def judge(self):
        load = self.load
        print(f"# {len(load.complete)} complete, {len(load.failed)} failed; longest way back {self.longest:.1f} s")
        true(len(load.complete) > 100, "there was load")
        wait_until(lambda: not [r for r in rig.seen() if r["outcome"] == "running"], 15, "provider idle")
        rig.settled(40)
        equal(rig.violations(), [])
        booked = rig.booked_ids(self.key)
        equal(self.booked - set(booked), set(), "booked once, and lost")
        equal({n for n in booked.values()}, {1}, "how often an answer is booked")
        lost = [i for i, a in load.complete.items() if a.header("x-request-id") not in booked]
        early = [i for i in lost if not self.could_be_lost(load.ended[i])]
        equal(early[:3], [], f"not booked, of {len(lost)} that are not, although no data plane died with them")
        others = len(booked) - (len(load.complete) - len(lost))
        true(others <= len(load.failed), f"{others} booked that nobody asked for")
        statuses = collections.Counter(getattr(a, "status", None) for a in load.failed.values())
        equal(set(statuses) - {None, 200, 502, 503, 504}, set(), f"reasons that are not so: {statuses}")
        true(not any(a.clean for a in load.failed.values() if getattr(a, "status", None) == 200 and b"[DONE]" in a.body),
             "a stream that failed and looks complete")
        equal(written_off(), self.written_off, "written off")


def written_off():
    return int(rig.sql("select balance_nusd from ledger_account where kind = 'writeoff'")[0][0])


@case
def in_turn():
    with Trouble() as trouble:
        for f in all_faults():
            trouble.suffer(f)
            time.sleep(RNG.uniform(0.5, 1.5))


@case
def in_pairs():
    pairs = [(a, b) for a, b in itertools.permutations(all_faults(), 2) if not isinstance(a, faults.Full)
             or not isinstance(b, faults.Full)]  # one disk is not filled twice
    RNG.shuffle(pairs)
    tried, end = 0, time.monotonic() + PAIRS_SECONDS
    with Trouble() as trouble:
        while pairs and time.monotonic() < end:
            trouble.suffer(*pairs.pop())
            tried += 1
            time.sleep(RNG.uniform(0.2, 1))
    true(tried >= 5, f"only {tried} pairs were tried")


@case
def a_full_disk():
    if not MOUNTED:
        raise Skip("a small file system cannot be mounted here, so no disk was full")
    true(os.statvfs(DISK).f_bavail * os.statvfs(DISK).f_frsize > 32 << 20, "the disk has space again")
    full = faults.Full(DISK, True)
    full.begin()
    equal(os.statvfs(DISK).f_bavail, 0)
    full.end()
    faults.back(rig.new_key()["key"], BACK_SECONDS)


@case
def leases_of_the_dead_come_back():
    """No account's money stays out of reach for longer than that after the last data plane died."""
    def held():
        return int(rig.sql("select count(*) from lease where state = 'open' and boot_id <> "
                           "(select boot_id from boot order by first_seen desc limit 1)")[0][0])
    wait_until(lambda: held() == 0, rig.lease_seconds() + RECLAIM_SECONDS, "every lease of a dead boot is closed", step=1)
    equal(rig.violations(), [])


def troubles():
    """What the health pages of both planes say is not right; a page that does not answer says enough."""
    said = []
    for name, ask in (("data plane", rig.health), ("control plane", control_health)):
        try:
            h = ask()
            said += [f"{name}: {h}"] if h.get("status") != "ok" else []
        except (OSError, rig.http.client.HTTPException, ValueError) as e:
            said.append(f"{name}: {e!r}")
    return said


def control_health():
    c = rig.Client(rig.env("TR_CONTROL_URL"), rig.env("TR_CONTROL_CA"), "", timeout=3)
    try:
        return c.request("GET", "/health").json()
    finally:
        c.close()


def health_says(fault, seconds=12):
    """Within so many seconds of a fault, and nothing more when it is over."""
    key = rig.new_key()["key"]
    faults.back(key, BACK_SECONDS)
    wait_until(lambda: not troubles(), 15, "healthy before")
    fault.begin()
    try:
        load = rig.Load(key, fresh("health"), workers=1)
        load.start()
        print(f"# {fault.name}: {wait_until(troubles, seconds, 'said by a health page', step=0.2)}")
    finally:
        fault.end()
        load.stop()
    faults.back(key, BACK_SECONDS)
    wait_until(lambda: not troubles(), 15, "healthy again")


@case
def health_of_a_dead_control_plane():
    health_says(faults.Killed("controlplane"))


@case
def health_of_a_dead_database():
    health_says(faults.Killed("postgres"))


@case
def health_of_a_paused_database():
    health_says(faults.Paused())


@case
def health_of_a_full_disk():
    if not MOUNTED:
        raise Skip("a small file system cannot be mounted here, so no disk was full")
    health_says(faults.Full(DISK, True))


rig.main()
PY
