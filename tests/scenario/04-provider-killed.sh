#!/bin/bash
# Goal: the provider dies (-9) in the middle of streams. Clients get an error, never a clean end; what
# was delivered is billed; when it is back, so is the service.
set -eu
cd "$(dirname "$0")/../.."
export TR_CASE_PREFIX=$(basename "$0" .sh) PYTHONPATH=tests/lib
exec python3 - "$@" <<'PY'
import threading, time
import rig
from rig import case, equal, fresh, sql, wait_until


@case
def provider_killed_mid_stream():
    key = rig.new_key()
    clean = []

    def one(i):
        c = rig.Client(key=key["key"])
        try:
            a = c.chat("tokens=2000,cadence_us=5000", stream=True)
            if a.clean or b'"error"' not in a.body:
                clean.append(a)
        finally:
            c.close()
    threads = [threading.Thread(target=one, args=(i,)) for i in range(10)]
    for t in threads:
        t.start()
    time.sleep(1)
    rig.kill9("mock")
    for t in threads:
        t.join(30)
    equal(len(clean), 0, "streams that ended cleanly")
    rows = wait_until(lambda: (lambda r: r if len(r) == 10 else None)(rig.usage_rows(key)), 10, "billed")
    for row in rows:
        if not 0 < row["completion"] < 1000:
            raise AssertionError(f"billed {row}")
    a = rig.chat(key=key["key"])
    if a.status not in (502, 503, 504):
        raise AssertionError(repr(a))
    rig.start("mock")
    wait_until(lambda: rig.chat(key=key["key"]).status == 200, 40, "served again")
    equal(rig.violations(), [])


rig.main()
PY
