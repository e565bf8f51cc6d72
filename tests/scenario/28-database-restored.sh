#!/bin/bash
# Goal: the database is replaced by an older copy of itself, as every restore and every failover that loses its last
# commits does. What was booked since the copy is gone from it; what happens afterwards is booked and acknowledged, in
# bounded time and without anybody's help; what the data plane still has is booked again, once; operators are told.
# And a database that stands still for longer than leases live: nothing is written off while the data plane lives.
#
# On a stack of its own.
set -eu
cd "$(dirname "$0")/../.."
export TR_CASE_PREFIX=$(basename "$0" .sh) PYTHONPATH=tests/lib
TR_RUN_DIR=$(mktemp -d /tmp/tr-restored-XXXXXX)
export TR_RUN_DIR TR_LEASE_MS=15000 TR_RECLAIM_GRACE_MS=3000 TR_DEMO_FIRST_BYTE_MS=3000 TR_DEMO_IDLE_MS=3000
trap 'deploy/dev/down --forget >/dev/null 2>&1 || true' EXIT
chmod 755 "$TR_RUN_DIR"
deploy/dev/up >"$TR_RUN_DIR/up.txt" 2>&1 || { cat "$TR_RUN_DIR/up.txt"; exit 1; }
. "$TR_RUN_DIR/env"
python3 - "$@" <<'PY'
import os, signal, threading, time
import faults, rig
from rig import case, equal, fresh, true, wait_until

BEFORE, LOST, AFTER = 20, 3, 200
BOOKED_SECONDS = 20   # so soon after the restore everything new is in the ledger


def written_off():
    return int(rig.sql("select balance_nusd from ledger_account where kind = 'writeoff'")[0][0])


def ask(key, n):
    """So many answers; their request ids."""
    c = rig.Client(key=key["key"])
    out = []
    for _ in range(n):
        a = c.chat("tokens=3,prompt=10", model="demo/only-a", max_tokens=20)
        equal(a.status, 200, repr(a))
        out.append(a.header("x-request-id"))
    c.close()
    return out


def another_data_plane():
    """Each case begins with one that has nothing to ship, whatever came before."""
    rig.kill9("dataplane")
    rig.start("dataplane")


def all_booked(key, ids, seconds):
    def look():
        return not set(ids) - set(rig.booked_ids(key))
    wait_until(look, seconds, f"{len(ids)} answers booked", step=0.3)


@case
def what_follows_a_restore_is_booked():
    another_data_plane()
    key = rig.new_key()
    all_booked(key, ask(key, BEFORE), 10)
    copy = faults.Copy()
    copy.take()
    wait_until(lambda: faults.serving(key["key"]), 30, "served after the copy")
    lost = ask(key, LOST)
    all_booked(key, lost, 10)  # acknowledged: the data plane may think that it is rid of them
    copy.put_back()
    equal(set(rig.booked_ids(key)) & set(lost), set(), "the copy is older than these")
    wait_until(lambda: faults.serving(key["key"]), 40, "served after the restore")
    after = ask(key, AFTER)
    all_booked(key, after, BOOKED_SECONDS)
    equal(rig.violations(), [])
    equal({n for n in rig.booked_ids(key).values()}, {1}, "how often an answer is booked")
    # It asks no patience of anybody: the data plane ends at once and loses nothing of what followed.
    rig.stop("dataplane")
    rig.start("dataplane")
    equal(set(after) - set(rig.booked_ids(key)), set(), "lost when the data plane ended")
    wait_until(lambda: faults.serving(key["key"]), 30, "served by the next data plane")


@case
def what_was_acknowledged_is_asked_for_again():
    """The data plane keeps records for a while after their acknowledgement, for just this."""
    another_data_plane()
    key = rig.new_key()
    ask(key, 1)
    copy = faults.Copy()
    copy.take()
    wait_until(lambda: faults.serving(key["key"]), 30, "served after the copy")
    lost = ask(key, LOST)
    all_booked(key, lost, 10)
    copy.put_back()
    wait_until(lambda: faults.serving(key["key"]), 40, "served after the restore")
    ask(key, 1)
    all_booked(key, lost, BOOKED_SECONDS)
    equal({n for n in rig.booked_ids(key).values()}, {1}, "how often an answer is booked")
    equal(rig.violations(), [])


@case
def a_backlog_is_booked_before_money_is_reclaimed():
    """An account with $0.11; one key spends while the database stands still for twice a lease, another asks
    when it goes on, and the data plane is slow to ship what the first one has spent."""
    another_data_plane()
    _, keys = rig.new_account(0.11, 2)
    before = written_off()
    most = {"model": "demo/only-a", "max_tokens": 65536}  # reserves $0.10, so its lease is about all there is
    first = rig.chat("tokens=10,prompt=10", key=keys[0]["key"], **most)
    equal(first.status, 200, repr(first))
    all_booked(keys[0], [first.header("x-request-id")], 10)
    paused, served = faults.Paused(), []
    other = threading.Thread(target=lambda: [rig.chat(key=keys[1]["key"], **most) for _ in range(3)])
    paused.begin()
    try:
        end = time.monotonic() + 2 * rig.lease_seconds()
        while time.monotonic() < end - 1:
            a = rig.chat("tokens=3000,prompt=10", key=keys[0]["key"], model="demo/only-a", max_tokens=3000)
            served += [a.header("x-request-id")] if a.status == 200 else []
            time.sleep(0.2)
        other.start()  # it waits for the database first of all
        time.sleep(1)
    finally:
        os.kill(rig.pid("dataplane"), signal.SIGSTOP)
        paused.end()
        time.sleep(2)
        os.kill(rig.pid("dataplane"), signal.SIGCONT)
    other.join(60)
    true(len(served) > 5, f"{len(served)} served from the lease")
    all_booked(keys[0], served, 30)
    time.sleep(rig.lease_seconds() / 2)  # reclaiming has had its turn
    equal(written_off() - before, 0, f"written off, of {len(served)} answers that were on their way")
    equal(rig.violations(), [])


rig.main()
PY
