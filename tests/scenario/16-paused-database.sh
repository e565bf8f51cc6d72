#!/bin/bash
# Goal: PostgreSQL stands still for longer than leases live, while a key spends and another key of the same
# small account waits. When it goes on, and the data plane is slow to ship what was spent, that is booked before
# anything is taken back: nothing is written off.
set -eu
cd "$(dirname "$0")/../.."
export TR_CASE_PREFIX=$(basename "$0" .sh) PYTHONPATH=tests/lib
exec python3 - "$@" <<'PY'
import collections, os, signal, threading, time
import rig
from rig import case, equal, fresh, sql, true, wait_until


def account(usd):
    """Another account with so much money; two of its keys."""
    ident, keys = sql("select gen_random_uuid()")[0][0], [rig.new_key(), rig.new_key()]
    sql(f"insert into account (account_id, name) values ('{ident}', '{fresh()}')")
    equal(sql(f"select outcome from ledger_topup('{ident}', {int(usd * 1e9)}, null)")[0], ["ok"])
    for k in keys:
        sql(f"update api_key set account_id = '{ident}' where name = '{k['name']}'")
    return ident, keys


def postmaster_and_children():
    first = rig.pid("postgres")
    with open(f"/proc/{first}/task/{first}/children") as f:
        return [first] + list(map(int, f.read().split()))


@case
def the_backlog_comes_first():
    ident, (one, two) = account(0.11)
    # Without max_tokens the request reserves, and the lease takes, nearly all there is.
    equal(rig.chat("tokens=5", key=one["key"]).status, 200)
    stopped, spent, asked, over = postmaster_and_children(), [], [], threading.Event()

    def second_key():
        while not over.is_set():
            asked.append(rig.chat("tokens=15000", key=two["key"], max_tokens=15000).status)
            time.sleep(0.05)

    until = time.monotonic() + rig.lease_seconds() + 12
    for p in stopped:
        os.kill(p, signal.SIGSTOP)
    try:
        while time.monotonic() < until:
            spent.append(rig.chat("tokens=5000", key=one["key"], max_tokens=5000).status)
            time.sleep(0.2)
        second = threading.Thread(target=second_key, daemon=True)
        second.start()
        time.sleep(0.5)
    finally:
        os.kill(rig.pid("dataplane"), signal.SIGSTOP)
        for p in reversed(stopped):
            os.kill(p, signal.SIGCONT)
        time.sleep(2)
        os.kill(rig.pid("dataplane"), signal.SIGCONT)
    time.sleep(12)
    over.set()
    second.join(60)
    true(spent.count(200) > 2, f"key 1 spent while the database stood still: {spent}")
    rig.settled(30)
    row = sql(f"select coalesce(sum(written_off_nusd), 0), count(*), sum(cost_nusd) from usage"
              f" where account_id = '{ident}'")[0]
    print(f"# key 1: {spent.count(200)} of {len(spent)}; key 2: {collections.Counter(asked)}; "
          f"written off {row[0]} of {row[2]} nUSD, {row[1]} records")
    equal(row[0], "0", "written off")
    equal(rig.violations(), [])


@case
def service_returns():
    key = rig.new_key()
    wait_until(lambda: rig.chat("tokens=5", key=key["key"]).status == 200, 20, "served")


rig.main()
PY
