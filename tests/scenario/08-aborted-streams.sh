#!/bin/bash
# Goal: 10,000 streams whose clients leave at the first event leave nothing behind: no descriptor, no
# memory, no request the provider still works on, and each is billed for what was delivered.
set -eu
cd "$(dirname "$0")/../.."
export TR_CASE_PREFIX=$(basename "$0" .sh) PYTHONPATH=tests/lib
exec python3 - "$@" <<'PY'
import json, os, subprocess, time
import rig
from rig import case, equal, wait_until

CONNECTIONS = 16
N = int(os.environ.get("TR_ABORTS", "10000"))


def abort(n, key):
    body = os.path.join(rig.env("TR_RUN_DIR"), "abort.json")
    with open(body, "w") as f:
        json.dump({"model": "demo/only-a", "stream": True, "messages": [{"role": "user", "content": "x"}],
                   "mock": {"*": "tokens=1000,cadence_us=10000"}}, f)
    port = rig.urlparse(rig.env("TR_BASE_URL")).port
    out = subprocess.run([os.path.join(os.environ.get("TR_BIN", rig.ROOT + "/build/release"), "load"),
                          "--port", str(port), "--tls", "--key", key, "--body", body, "--abort",
                          "--requests", str(n), "--connections", str(CONNECTIONS), "--seconds", "240"],
                         capture_output=True, text=True, timeout=300)
    r = json.loads(out.stdout)
    if r["requests"] < n or r["errors"] > 0:
        raise AssertionError(r)
    return r["requests"]


def quiet(pid):
    """Nothing in flight: the provider has no open stream and the sweep has been round."""
    wait_until(lambda: not [r for r in rig.seen() if r["outcome"] == "running"], 30, "upstreams closed")
    time.sleep(3)
    return rig.fds(pid), rig.status_kb(pid)


@case
def aborted_streams_leave_nothing():
    key = rig.new_key()
    pid = rig.pid("dataplane")
    first = abort(1000, key["key"])
    fds, kb = quiet(pid)
    before = rig.counters()["demo-a"]["aborts"]
    asked = abort(N, key["key"])
    fds_after, kb_after = quiet(pid)
    print(f"# {N} aborted streams: {fds} -> {fds_after} descriptors, {kb} -> {kb_after} kB")
    if fds_after > fds + 8:
        raise AssertionError(f"descriptors grew from {fds} to {fds_after}")
    if kb_after > kb * 1.15 + 2048:
        raise AssertionError(f"memory grew from {kb} to {kb_after} kB")
    equal(rig.pid("dataplane"), pid, "the same process")
    aborts = rig.counters()["demo-a"]["aborts"] - before
    # When the load ends, those that have just begun on its other connections are cut off too.
    if not asked <= aborts <= asked + CONNECTIONS:
        raise AssertionError(f"the provider saw {aborts} aborts of {asked}")
    rig.settled(60)
    equal(rig.violations(), [])
    rows, free = map(int, rig.sql(
        "select count(*), count(*) filter (where tokens_completion < 1 or cost_nusd <= 0 or flags & 16 = 0) from usage "
        f"join api_key k using (key_id) where k.name = '{key['name']}'")[0])
    if rows - free < first + asked or rows > first + asked + 2 * CONNECTIONS:
        raise AssertionError(f"{rows} of {first + asked} billed, {free} without what was delivered")


@case
def slow_reader_is_bounded():
    """A client that stops reading holds a bounded amount of memory, and the provider is throttled."""
    pid = rig.pid("dataplane")
    kb = rig.status_kb(pid)
    s, _ = rig.open_stream({"model": "demo/only-a", "stream": True, "max_tokens": 60000,
                            "messages": [{"role": "user", "content": "x"}],
                            "mock": {"*": "tokens=60000,chunk=1"}})
    time.sleep(3)
    grown = rig.status_kb(pid) - kb
    s.close()
    print(f"# {grown} kB for a reader that takes nothing of about 14 MB")
    if grown > 6 * 1024:
        raise AssertionError(f"{grown} kB")


rig.main()
PY
