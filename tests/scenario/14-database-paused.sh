#!/bin/bash
# Goal: PostgreSQL stands still for 30 s. A key in use is served all the while at its rate, its usage is booked
# afterwards, and a key nobody has asked about gets 503, not 401 or 402.
set -eu
cd "$(dirname "$0")/../.."
export TR_CASE_PREFIX=$(basename "$0" .sh) PYTHONPATH=tests/lib
exec python3 - "$@" <<'PY'
import collections, os, signal, time
import rig
from rig import case, equal, fresh, sql, true, wait_until

CONF = os.path.join(rig.env("TR_RUN_DIR"), "conf/controlplane.conf")
LEASE_MS = 45000


def database_processes():
    """The server and its children."""
    top = rig.pid("postgres")
    out = [top]
    for p in os.listdir("/proc"):
        if p.isdigit():
            try:
                with open(f"/proc/{p}/stat") as f:
                    if int(f.read().rsplit(")", 1)[1].split()[1]) == top:
                        out.append(int(p))
            except OSError:
                pass
    return out


def signal_all(processes, what):
    for p in processes:
        try:
            os.kill(p, what)
        except ProcessLookupError:
            pass


def renewed(key):
    """Does the key's lease end later than it did when it was opened?"""
    return sql(f"select 1 from lease l join api_key k using (key_id) where k.name = '{key['name']}' and l.state = 'open' "
               f"and l.expires_at > l.opened_at + interval '{LEASE_MS + 1000} ms'") != []


def failure(ident, load, began):
    """What a request failed with, and when: seconds after the database was stopped."""
    a = load.failed[ident]
    what = a.error()["code"] if hasattr(a, "status") and a.status != 200 else type(a).__name__
    return f"{what} after {load.ended[ident] - began:.0f} s"


@case
def a_warm_key_outlives_half_a_minute():
    with open(CONF) as f:
        good = f.read()
    try:
        with open(CONF, "w") as f:  # the default is longer
            f.write("\n".join(f"lease_ms = {LEASE_MS}" if line.startswith("lease_ms") else line
                              for line in good.splitlines()) + "\n")
        rig.stop("controlplane")
        rig.start("controlplane")
        wait_until(lambda: rig.chat().status == 200, 20, "served")
        key, cold = rig.new_key(), rig.new_key()
        load = rig.Load(key["key"], fresh("pause"), workers=4, pause=0.02)
        load.start()
        wait_until(lambda: renewed(key), 30, "the lease is renewed")
        time.sleep(1)  # until the data plane has heard of it
        processes = database_processes()
        signal_all(processes, signal.SIGSTOP)
        began = time.monotonic()
        try:
            a = rig.chat(key=cold["key"])
            equal((a.status, a.error()["code"]), (503, "control_plane_unavailable"), repr(a))
            time.sleep(30 - (time.monotonic() - began))
        finally:
            signal_all(processes, signal.SIGCONT)
        load.stop()
        bad = collections.Counter(failure(i, load, began) for i in load.failed)
        print(f"# {len(load.complete)} served, failed: {dict(bad)}")
        equal(dict(bad), {}, "failed")
        wait_until(lambda: rig.chat(key=cold["key"]).status == 200, 20, "a cold key is served again")
        rig.settled(30)
        rig.same_as_provider(key, load.tag)
        equal(rig.violations(), [])
    finally:
        with open(CONF, "w") as f:
            f.write(good)
        rig.stop("controlplane")
        rig.start("controlplane")
    wait_until(lambda: rig.chat().status == 200, 20, "served with the usual leases")


rig.main()
PY
