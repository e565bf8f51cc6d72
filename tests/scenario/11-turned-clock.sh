#!/bin/bash
# Goal: a data plane whose unix time is turned serves nobody from that moment on, says why, gives new
# evidence by itself and serves again; what it had leased is asked about before it is spent, and the books
# balance. Forward by a minute, and back.
set -eu
cd "$(dirname "$0")/../.."
export TR_CASE_PREFIX=$(basename "$0" .sh) PYTHONPATH=tests/lib
exec python3 - "$@" <<'PY'
import mmap, os, struct, subprocess, tempfile
import rig
from rig import case, equal, wait_until


def log_count(event):
    with open(os.path.join(rig.env("TR_RUN_DIR"), "log/dataplane.log")) as f:
        return sum(f'"event":"{event}"' in line for line in f)


@case
def turned_forward_and_back():
    work = tempfile.mkdtemp(prefix="turned-clock-")
    shim, by = work + "/shim.so", work + "/by"
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", shim, "tests/lib/turned_clock.c"], check=True)
    with open(by, "wb") as f:
        f.write(struct.pack("q", 0))
    key = rig.new_key()
    try:
        rig.stop("dataplane")
        os.environ.update(LD_PRELOAD=shim, TURNED_CLOCK=by)
        try:
            rig.start("dataplane")
        finally:
            del os.environ["LD_PRELOAD"], os.environ["TURNED_CLOCK"]
        with open(by, "r+b") as f:
            offset = mmap.mmap(f.fileno(), 8)
        served = 0
        c = rig.Client(key=key["key"])
        for turn in (3, 60, 0):  # 3 s is within what clocks may differ by
            equal(c.chat().status, 200)
            equal(rig.health()["trust"], "accepted")
            jumps = log_count("clock_jumped")
            offset[:] = struct.pack("q", turn * 10**9)
            a = c.chat()
            served += 1
            if turn == 3:
                equal((a.status, log_count("clock_jumped")), (200, jumps))
                served += 1
                continue
            equal((a.status, a.error()["code"]), (503, "attestation_unavailable"))
            if "clock_jumped" not in a.error()["message"]:
                raise AssertionError(a.body)
            wait_until(lambda: c.chat().status == 200, 10, f"served again, turned by {turn} s")
            served += 1
            equal(rig.health()["trust"], "accepted")
            equal(log_count("clock_jumped"), jumps + 1)
        c.close()
        rig.settled()
        equal(len(rig.usage_rows(key)), served, "answers billed")
        equal(rig.violations(), [])
    finally:
        rig.stop("dataplane")
        rig.start("dataplane")
    wait_until(lambda: rig.chat().status == 200, 20, "served by the right time")


rig.main()
PY
