#!/bin/bash
# Goal: a data plane whose keyring holds 16 keys serves 60: keys are forgotten and looked up again all the
# time, with their leases running, ended and on their way back. Nobody is refused, nothing is spent twice,
# and every answer is billed once.
set -eu
cd "$(dirname "$0")/../.."
export TR_CASE_PREFIX=$(basename "$0" .sh) PYTHONPATH=tests/lib
exec python3 - "$@" <<'PY'
import collections, os, random, threading, time
import rig
from rig import case, equal, fresh, parallel, wait_until

CONF = os.path.join(rig.env("TR_RUN_DIR"), "conf/dataplane.conf")
KEYS, SLOTS, CLIENTS = 60, 16, 8


def written_off():
    return int(rig.sql("select balance_nusd from ledger_total where kind = 'writeoff'")[0][0])


def spend(keys, tag, seconds):
    """Every client asks with another key each time; the counts of statuses and what was served whom."""
    codes, served, lock = collections.Counter(), collections.Counter(), threading.Lock()
    end = time.monotonic() + seconds

    def client(w):
        rng = random.Random(w)
        i = 0
        while time.monotonic() < end:
            i += 1
            k = rng.randrange(len(keys))
            a = rig.chat(f"tokens={rng.randint(1, 30)},id={tag}-{k}-{w}-{i}", key=keys[k]["key"],
                         model="demo/only-a", max_tokens=200, stream=i % 3 == 0)
            with lock:
                codes[a.status] += 1
                served[k] += a.status == 200
    parallel(CLIENTS, client)
    return codes, served


@case
def more_keys_than_places():
    with open(CONF) as f:
        good = f.read()
    before = written_off()
    keys = [rig.new_key(limit=0.05) for _ in range(KEYS)]
    tag = fresh("full")
    try:
        rig.stop("dataplane")
        with open(CONF, "w") as f:
            f.write(good + f"keys_max = {SLOTS}\n")
        rig.start("dataplane")
        # Longer than a lease lives, so that some end while they are forgotten.
        codes, served = spend(keys, tag, min(rig.lease_seconds() * 1.5, 40))
        print(f"# {sum(codes.values())} requests {dict(codes)}, {len(served)} of {KEYS} keys")
        equal(set(codes), {200}, "statuses")
        equal(len(served), KEYS)
        wait_until(lambda: not [r for r in rig.seen() if r["outcome"] == "running"], 15, "provider idle")
        rig.settled()
        records = rig.seen()
        for i, key in enumerate(keys):
            rig.same_as_provider(key, f"{tag}-{i}-", records)
        equal(written_off(), before, "written off")
        equal(rig.violations(), [])
        leases = int(rig.sql("select count(*) from lease l join api_key k using (key_id) where k.name in ("
                             + ",".join(f"'{k['name']}'" for k in keys) + ")")[0][0])
        print(f"# {leases} leases for {KEYS} keys")
        if leases <= KEYS:
            raise AssertionError(f"{leases} leases: no key was forgotten")
    finally:
        rig.stop("dataplane")
        with open(CONF, "w") as f:
            f.write(good)
        rig.start("dataplane")
    wait_until(lambda: rig.chat().status == 200, 20, "served with the usual keyring")


rig.main()
PY
