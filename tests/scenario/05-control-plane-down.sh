#!/bin/bash
# Goal: with the control plane down, a warm key works until its lease ends, then the answer is 503
# control_plane_unavailable, never 401; and service returns by itself when the control plane does.
set -eu
cd "$(dirname "$0")/../.."
export TR_CASE_PREFIX=$(basename "$0" .sh) PYTHONPATH=tests/lib
exec python3 - "$@" <<'PY'
import time
import rig
from rig import case, equal, wait_until


CLOCK_SKEW_S = 5  # LIMIT_CLOCK_SKEW_MS


@case
def warm_until_the_lease_ends():
    key = rig.new_key()
    equal(rig.chat(key=key["key"]).status, 200)
    rig.kill9("controlplane")
    began, codes = time.monotonic(), []
    try:
        limit = rig.lease_seconds() + 10
        while time.monotonic() - began < limit:
            a = rig.chat(key=key["key"])
            codes.append((round(time.monotonic() - began, 1), a.status))
            if a.status != 200:
                break
            time.sleep(0.25)
        equal((a.status, a.error()["code"]), (503, "control_plane_unavailable"))
        if not a.header("retry-after"):
            raise AssertionError("no retry-after")
        warm = codes[-1][0]
        print(f"# served for {warm} s without a control plane; leases last {rig.lease_seconds()} s")
        # It ends CLOCK_SKEW_S earlier here, and began when the first answer had been paid.
        if not rig.lease_seconds() - CLOCK_SKEW_S - 1 < warm < rig.lease_seconds():
            raise AssertionError(codes)
    finally:
        rig.start("controlplane")
    wait_until(lambda: rig.chat(key=key["key"]).status == 200, 20, "served again")
    rig.settled()
    equal(rig.violations(), [])


rig.main()
PY
