#!/bin/bash
# Goal: a record that the database refuses, and an account whose row somebody holds, stop no other record. Both kinds
# are kept whole and booked later, once.
set -eu
cd "$(dirname "$0")/../.."
export TR_CASE_PREFIX=$(basename "$0" .sh) PYTHONPATH=tests/lib
exec python3 - "$@" <<'PY'
import os, subprocess, time
import rig
from rig import case, equal, fresh, sql, true, wait_until


def log_lines(event):
    with open(os.path.join(rig.env("TR_RUN_DIR"), "log/controlplane.log")) as f:
        return sum(f'"event":"{event}"' in line for line in f)


def booked(key):
    return len(rig.usage_rows(key))


@case
def a_refused_record():
    key, tag, logged = rig.new_key(), fresh("q"), log_lines("usage_set_aside")
    sql("alter table usage add constraint unlucky check (tokens_completion <> 1313) not valid")
    try:
        load = rig.Load(key["key"], tag)
        load.start()
        time.sleep(1)
        bad = rig.new_key()
        equal(rig.chat("tokens=1313", key=bad["key"], max_tokens=1313).status, 200)
        time.sleep(2)
        load.stop()
        wait_until(lambda: booked(key) == len(load.complete), 20, "everything else is booked")
        equal(sql("select reason, record->>'tokens_completion' from usage_aside"), [["refused", "1313"]])
        equal(log_lines("usage_set_aside"), logged + 1, "told to the operator")
        equal(booked(bad), 0)
        equal(rig.violations(), [])
    finally:
        sql("alter table usage drop constraint unlucky")
    equal(sql("select usage_rebook('refused', 100)"), [["1"]])
    equal(sql("select count(*) from usage_aside")[0][0], "0")
    equal([r["completion"] for r in rig.usage_rows(bad)], [1313])
    equal(rig.violations(), [])


@case
def an_account_that_is_held():
    ident, key, other = sql("select gen_random_uuid()")[0][0], rig.new_key(), rig.new_key()
    sql(f"insert into account (account_id, name) values ('{ident}', '{fresh()}')")
    equal(sql(f"select outcome from ledger_topup('{ident}', 1000000000, null)")[0], ["ok"])
    sql(f"update api_key set account_id = '{ident}' where name = '{other['name']}'")
    for k in key, other:
        equal(rig.chat("tokens=5", key=k["key"]).status, 200)
    rig.settled()
    holder = subprocess.Popen(["psql", "-XAtq", rig.env("TR_DATABASE_URL"), "-c",
                               f"begin; select 1 from account where account_id = '{ident}' for update;"
                               " select pg_sleep(6)"], stdout=subprocess.DEVNULL)
    time.sleep(0.5)
    for _ in range(3):
        equal(rig.chat("tokens=5", key=other["key"]).status, 200)
    for _ in range(20):
        equal(rig.chat("tokens=5", key=key["key"]).status, 200)
    wait_until(lambda: booked(key) == 21, 4, "the other account's records are booked")
    equal(booked(other), 1, "booked while the account is held")
    equal(holder.poll(), None, "the account is still held")
    holder.wait(20)
    wait_until(lambda: booked(other) == 4, 10, "booked afterwards")
    true(sql("select count(*) from usage_aside")[0][0] == "0", "nothing is aside")
    equal(rig.violations(), [])


rig.main()
PY
