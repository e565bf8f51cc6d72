#!/bin/bash
# Goal: the data plane is killed (-9) while requests run. A new boot proves itself and serves; what the
# old one had acknowledged stays booked once, which is every answer but those of its last moment; its leases go back
# to the customer when they end; nothing is charged that the provider did not count.
set -eu
cd "$(dirname "$0")/../.."
export TR_CASE_PREFIX=$(basename "$0" .sh) PYTHONPATH=tests/lib
exec python3 - "$@" <<'PY'
import collections, random, time
import rig
from rig import case, equal, fresh, seen, sql, wait_until

ROUNDS = 3
# Records wait at most 20 ms to be shipped, then for PostgreSQL; so long before a kill everything is booked.
UNSHIPPED_S = 1.0
NOTICED_S = 0.5 # a client may notice so late that its answer was over before the kill


@case
def data_plane_killed_under_load():
    key, tag = rig.new_key(), fresh("d")
    probes = {"served": 0}

    def probe():
        probes["served"] += rig.chat(key=key["key"]).status == 200
        return probes["served"] > len(kills) - 1
    load = rig.Load(key["key"], tag)
    load.start()
    kills = []
    for i in range(ROUNDS):
        time.sleep(UNSHIPPED_S + random.uniform(0.5, 2))
        rig.kill9("dataplane")
        kills.append(time.monotonic())
        rig.start("dataplane")
        wait_until(probe, 20, "serving again")
    load.stop()
    print(f"# {len(load.complete)} complete, {len(load.failed)} failed")
    rig.settled()
    equal(rig.violations(), [])
    booked = rig.booked_ids(key)
    equal({n for n in booked.values()}, {1}, "how often an answer is booked")
    lost = {ident for ident, a in load.complete.items() if a.header("x-request-id") not in booked}
    early = {i for i in lost if not any(-NOTICED_S <= k - load.ended[i] < UNSHIPPED_S for k in kills)}
    print(f"# {len(lost)} records died with a data plane")
    equal(len(early), 0, f"lost although their answers were over {UNSHIPPED_S} s before any kill")
    # What is booked without a client that has the whole answer is a request that failed, or the probe after a kill.
    others = len(booked) - (len(load.complete) - len(lost))
    if others > len(load.failed) + probes["served"]:
        raise AssertionError(f"{others} booked beside the complete ones, {len(load.failed)} failed")
    # No figures but the provider's: an answer to its end has those that it counted.
    counted = collections.Counter((r["prompt"], r["completion"]) for r in seen() if r["status"] == 200)
    billed = collections.Counter((r["prompt"], r["completion"]) for r in rig.usage_rows(key)
                                 if not r["flags"] & (4 | 16) and r["status"] == 200)
    equal(billed - counted, collections.Counter(), "charged and not counted")


@case
def leases_of_the_dead_come_back():
    def held():
        return int(sql("select count(*) from lease l join boot b using (boot_id) where state = 'open' "
                       "and boot_id <> (select boot_id from boot order by first_seen desc limit 1)")[0][0])
    wait_until(lambda: held() == 0, rig.lease_seconds() + 45, "every lease of a dead boot is closed", step=1)
    equal(rig.violations(), [])


rig.main()
PY
