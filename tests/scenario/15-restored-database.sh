#!/bin/bash
# Goal: PostgreSQL is set back to an earlier copy of itself, as by a failover that loses commits or by a restore
# from a backup. What was acknowledged and is gone comes again from the data plane, everything after it is
# booked too, each answer once, also when the copy knows neither the boot nor its leases.
set -eu
cd "$(dirname "$0")/../.."
export TR_CASE_PREFIX=$(basename "$0" .sh) PYTHONPATH=tests/lib
exec python3 - "$@" <<'PY'
import os, subprocess, shutil
import rig
from rig import case, equal, fresh, sql, wait_until

RUN = rig.env("TR_RUN_DIR")
DATA = sql("show data_directory")[0][0]
COPY = os.path.join(RUN, "pg.copy")
LOG = os.path.join(RUN, "log.dump")


def copy_to(source, target):
    shutil.rmtree(target, ignore_errors=True)
    subprocess.run(["cp", "-a", source, target], check=True)


def take_copy():
    rig.stop("postgres")
    copy_to(DATA, COPY)
    rig.start("postgres")


def put_back(keep_log=False):
    """keep_log: the transparency log, which has its own rules about going back, stays as it is."""
    if keep_log:
        subprocess.run(["pg_dump", "--data-only", "-t", "log_*", "-f", LOG, rig.env("TR_DATABASE_URL")], check=True)
    rig.stop("postgres")
    copy_to(COPY, DATA)
    rig.start("postgres")
    if keep_log:
        restore = subprocess.run(
            ["psql", "-Xq", "-1", "-v", "ON_ERROR_STOP=1", rig.env("TR_DATABASE_URL"), "-c",
             "set session_replication_role = replica; truncate log_entry, log_node, log_checkpoint cascade",
             "-f", LOG], capture_output=True, text=True)
        equal((restore.returncode, restore.stderr), (0, ""), "the log is as it was")
        os.unlink(LOG)


def ask(key, tag, n):
    for i in range(n):
        equal(rig.chat(f"tokens=5,id={tag}{i}", key=key["key"]).status, 200)


def booked(key):
    return len(rig.usage_rows(key))


def everything_is_booked(key, tag, n):
    wait_until(lambda: booked(key) == n, 30, f"{n} booked, got {booked(key)}")
    rig.same_as_provider(key, tag)
    wait_until(lambda: sql("select count(*) from usage_rejected")[0][0] == rejected, 1, "nothing rejected")
    equal(sql("select count(*) from usage_gap")[0][0], "0", "nothing is lost")
    equal(rig.violations(), [])


rejected = sql("select count(*) from usage_rejected")[0][0]


@case
def a_lost_commit():
    key, tag = rig.new_key(), fresh("r")
    ask(key, tag + "a", 20)
    wait_until(lambda: booked(key) == 20, 10, "20 booked")
    take_copy()
    wait_until(lambda: rig.control("GET", "/v1/credits").status == 200, 20, "the database is back")
    ask(key, tag + "b", 3)
    wait_until(lambda: booked(key) == 23, 20, "23 booked")
    put_back()
    load = rig.Load(key["key"], tag)
    load.start()
    wait_until(lambda: len(load.complete) > 150, 60, "load runs")
    load.stop()
    everything_is_booked(key, tag, 23 + len(load.complete))
    equal([repr(a) for a in load.failed.values()][:3], [], "requests that failed, the first of them")


@case
def what_followed_survives_the_data_planes_end():
    """Nobody has to wait for the data plane to have sent everything again: it does before it ends."""
    key, tag = rig.new_key(), fresh("e")
    ask(key, tag + "a", 1)
    rig.settled()
    take_copy()
    wait_until(lambda: rig.control("GET", "/v1/credits").status == 200, 20, "the database is back")
    ask(key, tag + "b", 3)
    wait_until(lambda: booked(key) == 4, 20, "acknowledged")
    put_back()
    wait_until(lambda: rig.chat(f"tokens=5,id={tag}c", key=key["key"]).status == 200, 30, "served")
    ask(key, tag + "d", 50)
    rig.stop("dataplane")
    rig.start("dataplane")
    equal(booked(key), 55, "booked when the data plane has ended")
    everything_is_booked(key, tag, 55)


@case
def a_copy_that_does_not_know_the_boot():
    key, tag = rig.new_key(), fresh("s")
    take_copy()
    wait_until(lambda: rig.control("GET", "/v1/credits").status == 200, 20, "the database is back")
    rig.stop("dataplane")
    rig.start("dataplane")
    wait_until(lambda: rig.chat(f"tokens=5,id={tag}w", key=key["key"]).status == 200, 20, "the new boot serves")
    ask(key, tag + "a", 10)
    wait_until(lambda: booked(key) == 11, 20, "11 booked")
    boot, seen = sql("select boot_id, first_seen from boot order by first_seen desc limit 1")[0]
    put_back(keep_log=True)
    wait_until(lambda: rig.chat(f"tokens=5,id={tag}b", key=key["key"]).status == 200, 30, "served again")
    ask(key, tag + "c", 10)
    everything_is_booked(key, tag, 22)
    row = sql(f"select acked_seq, first_seen > '{seen}' from boot where boot_id = '{boot}'")[0]
    equal(row, ["22", "t"], "the boot was written down again, with all it has")
    shutil.rmtree(COPY)


rig.main()
PY
