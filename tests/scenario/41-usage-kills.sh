#!/bin/bash
# Goal: each process is killed (-9) in turn under one load: the control plane, PostgreSQL, the data plane. What is booked
# is booked once, is rolled up once, and is in every sum that is shown; nothing that was answered is lost, but for what a
# data plane that is killed had not shipped yet (its last moment: it keeps nothing on disk).
set -eu
cd "$(dirname "$0")/../.."
export TR_CASE_PREFIX=$(basename "$0" .sh) PYTHONPATH=tests/lib
exec python3 - "$@" <<'PY'
import random, time
import rig
from rig import case, equal, fresh, sql, true, wait_until

UNSHIPPED_S = 1.0 # records wait 100 ms to be shipped, then for PostgreSQL
NOTICED_S = 0.5   # a client may notice so late that its answer was over before the kill


def key_sums(key):
    """What booking, days and hours say of a key: requests and cost."""
    of = f"join api_key using (key_id) where name = '{key['name']}'"
    return [tuple(sql(q)[0]) for q in (
        f"select count(*), coalesce(sum(cost_nusd), 0) from usage {of}",
        f"select coalesce(sum(requests), 0), coalesce(sum(cost_nusd), 0) from usage_day {of}",
        f"select coalesce(sum(requests), 0), coalesce(sum(cost_nusd), 0) from usage_hour {of}",
        f"select coalesce(sum(records), 0), coalesce(sum(cost_nusd), 0) from usage_day_kept {of}")]


@case
def each_process_killed_in_turn():
    key, tag = rig.new_key(), fresh("u")
    load = rig.Load(key["key"], tag)
    load.start()
    time.sleep(1)
    for name in ("controlplane", "postgres"):
        time.sleep(random.uniform(0.1, 0.6))
        rig.kill9(name)
        time.sleep(random.uniform(0, 0.5))
        rig.start(name)
        wait_until(lambda: rig.control("GET", "/v1/credits").status == 200, 20, "REST is back")
    time.sleep(UNSHIPPED_S + random.uniform(0, 0.3))
    rig.kill9("dataplane")
    killed = time.monotonic()
    rig.start("dataplane")
    wait_until(lambda: rig.chat(key=key["key"]).status == 200, 20, "serving again")
    time.sleep(0.5)
    load.stop()
    rig.settled()
    equal(rig.violations(), [])
    booked = rig.booked_ids(key)
    equal([i for i, n in booked.items() if n != 1], [], "booked twice")
    answered = {a.header("x-request-id"): load.ended[i] for i, a in load.complete.items()}
    lost = [at - killed for i, at in answered.items() if i not in booked]
    print(f"# {len(answered)} answers, {len(booked)} booked, {len(lost)} lost with the data plane")
    equal([at for at in lost if not -UNSHIPPED_S < at < NOTICED_S], [], "lost, seconds from the kill of the data plane")
    true(len(answered) > 50, len(answered))
    wait_until(lambda: sql("select count(*) from usage_batch where not rolled")[0][0] == "0", 10, "rolled up")
    equal(len(set(key_sums(key))), 1, f"sums of records, days, hours, partitions: {key_sums(key)}")


rig.main()
PY
