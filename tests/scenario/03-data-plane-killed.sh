#!/bin/bash
# Goal: the data plane is killed (-9) while requests run. A new boot proves itself and serves; what the
# old one had acknowledged stays booked once; its leases go back to the customer when they end; nothing
# is charged that the provider did not count.
set -eu
cd "$(dirname "$0")/../.."
export TR_CASE_PREFIX=$(basename "$0" .sh) PYTHONPATH=tests/lib
exec python3 - "$@" <<'PY'
import random, time
import rig
from rig import case, equal, fresh, seen, sql, wait_until

ROUNDS = 3


@case
def data_plane_killed_under_load():
    key, tag = rig.new_key(), fresh("d")
    load = rig.Load(key["key"], tag)
    load.start()
    time.sleep(1)
    for i in range(ROUNDS):
        time.sleep(random.uniform(0.05, 1.5))
        rig.kill9("dataplane")
        rig.start("dataplane")
        wait_until(lambda: rig.chat(key=key["key"]).status == 200, 20, "serving again")
    load.stop()
    print(f"# {len(load.complete)} complete, {len(load.failed)} failed")
    rig.settled()
    equal(rig.violations(), [])
    billed = rig.usage_rows(key)
    sent = [r for r in seen() if r["id"].startswith(tag) and r["status"] == 200]
    if len(billed) > len(sent) + ROUNDS:
        raise AssertionError(f"{len(billed)} billed, {len(sent)} answered")
    # At most what was in flight or not yet shipped at each kill may be missing, never the rest.
    if len(billed) < len(load.complete) * 0.6:
        raise AssertionError(f"only {len(billed)} of {len(load.complete)} billed")


@case
def leases_of_the_dead_come_back():
    def held():
        return int(sql("select count(*) from lease l join boot b using (boot_id) where state = 'open' "
                       "and boot_id <> (select boot_id from boot order by first_seen desc limit 1)")[0][0])
    wait_until(lambda: held() == 0, rig.lease_seconds() + 45, "every lease of a dead boot is closed", step=1)
    equal(rig.violations(), [])


rig.main()
PY
