#!/bin/bash
# Goal: the control plane is killed (-9) again and again while requests run. Warm keys go on working;
# after each restart the link, the leases and the usage records recover by themselves; in the end
# every answer is billed exactly once, with the provider's own figures, and the books balance.
set -eu
cd "$(dirname "$0")/../.."
export TR_CASE_PREFIX=$(basename "$0" .sh) PYTHONPATH=tests/lib
exec python3 - "$@" <<'PY'
import random, time
import rig
from rig import case, equal, fresh, seen, sql, wait_until

ROUNDS = 4


@case
def control_plane_killed_under_load():
    key, tag = rig.new_key(), fresh("k")
    load = rig.Load(key["key"], tag)
    load.start()
    time.sleep(1)
    for i in range(ROUNDS):
        time.sleep(random.uniform(0.05, 1.5))
        rig.kill9("controlplane")
        time.sleep(random.uniform(0, 1.5))
        rig.start("controlplane")
        wait_until(lambda: rig.health()["ready"], 20, "the link is back")
    load.stop()
    print(f"# {len(load.complete)} complete, {len(load.failed)} failed")
    # The key was warm all the time and each outage far shorter than a lease.
    equal([repr(a) for a in load.failed.values()][:3], [], "requests that failed, the first of them")
    rig.settled()
    equal(rig.violations(), [])
    rig.booked_as_answered(key, load.complete.values())
    rig.same_as_provider(key, tag)


@case
def a_cold_key_waits_for_the_control_plane():
    key = rig.new_key()
    rig.kill9("controlplane")
    a = rig.chat(key=key["key"])
    equal((a.status, a.error()["code"]), (503, "control_plane_unavailable"), "while it is down")
    rig.start("controlplane")
    wait_until(lambda: rig.chat(key=key["key"]).status == 200, 20, "served")


rig.main()
PY
