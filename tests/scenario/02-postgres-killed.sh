#!/bin/bash
# Goal: PostgreSQL is killed (-9) while requests run. No request fails: the key is warm and its lease outlives each
# outage. The control plane reconnects by itself, nothing that was acknowledged is lost, nothing is booked twice, and
# the books balance.
set -eu
cd "$(dirname "$0")/../.."
export TR_CASE_PREFIX=$(basename "$0" .sh) PYTHONPATH=tests/lib
exec python3 - "$@" <<'PY'
import random, time
import rig
from rig import case, equal, fresh, wait_until

ROUNDS = 3


@case
def postgres_killed_under_load():
    key, tag = rig.new_key(), fresh("p")
    load = rig.Load(key["key"], tag)
    load.start()
    time.sleep(1)
    for i in range(ROUNDS):
        time.sleep(random.uniform(0.05, 1.5))
        rig.kill9("postgres")
        time.sleep(random.uniform(0, 1.0))
        rig.start("postgres")
        wait_until(lambda: rig.control("GET", "/v1/credits").status == 200, 20, "REST is back")
    load.stop()
    print(f"# {len(load.complete)} complete, {len(load.failed)} failed")
    equal([repr(a) for a in load.failed.values()][:3], [], "requests that failed, the first of them")
    rig.settled()
    equal(rig.violations(), [])
    rig.booked_as_answered(key, load.complete.values())
    rig.same_as_provider(key, tag)


rig.main()
PY
