#!/bin/bash
# Goal: a database that is stopped without a word (SIGSTOP of every process of it) shows within seconds in
# the health and the metrics of both planes, by name, while both go on answering; records that wait for it
# show with their number and age; everything is well again soon after it continues. A database that was
# rewound behind the log shows too, and so does usage that was set aside, that is lost, or whose account is locked.
set -eu
cd "$(dirname "$0")/../.."
export TR_CASE_PREFIX=$(basename "$0" .sh) PYTHONPATH=tests/lib
exec python3 - "$@" <<'PY'
import json, os, re, signal, subprocess, time, urllib.error, urllib.request
import rig
from rig import case, equal, true, wait_until

NOTICED = 8  # seconds: two until it counts as silent, the rest for a busy machine


def page(url):
    """Status and body of a page of a private listener, and how long it took."""
    began = time.monotonic()
    try:
        with urllib.request.urlopen(url, timeout=5) as f:
            answer = f.status, f.read().decode()
    except urllib.error.HTTPError as e:
        answer = e.code, e.read().decode()
    took = time.monotonic() - began
    true(took < 2, f"{url} took {took:.1f} s")
    return answer


def data_plane(path):
    return page(rig.env("TR_METRICS_URL").replace("/metrics", path))


def control_plane(path):
    return page(rig.env("TR_CONTROL_METRICS_URL").replace("/metrics", path))


def public(path):
    a = rig.control("GET", path)
    return a.status, a.json()


def reasons(plane):
    status, text = plane("/health")
    j = json.loads(text)
    return j["status"], set(j["reasons"])


def metric(plane, name):
    found = re.search("^" + re.escape(name) + r" (\d+)$", plane("/metrics")[1], re.M)
    true(found, f"{name} is in the metrics")
    return int(found.group(1))


def database_processes():
    """The server and its children."""
    parent = rig.pid("postgres")
    out = subprocess.run(["ps", "-o", "pid=", "--ppid", str(parent)], capture_output=True, text=True).stdout
    return [parent] + [int(p) for p in out.split()]


class Paused:
    def __enter__(self):
        self.pids = database_processes()
        for p in self.pids:
            os.kill(p, signal.SIGSTOP)

    def __exit__(self, *_):
        for p in self.pids:
            try:
                os.kill(p, signal.SIGCONT)
            except ProcessLookupError:
                pass


def all_well():
    return reasons(control_plane) == ("ok", set()) and reasons(data_plane) == ("ok", set())


@case
def a_healthy_stack_says_so():
    wait_until(all_well, 20, "well")
    for plane in (control_plane, data_plane):
        for path in ("/health", "/readyz", "/healthz"):
            equal(plane(path)[0], 200, path)
    for path in ("/health", "/readyz", "/healthz"):
        equal(public(path)[0], 200, path)
    equal([metric(control_plane, "tr_control_status"), metric(control_plane, "tr_control_ready"),
           metric(data_plane, "tr_status"), metric(data_plane, "tr_usage_backlog")], [0, 1, 0, 0])


@case
def a_paused_database_is_named_and_nothing_hangs():
    key = rig.new_key()
    equal(rig.chat(key=key["key"]).status, 200)
    rig.settled()
    with Paused():
        began = time.monotonic()
        wait_until(lambda: "database" in reasons(control_plane)[1], NOTICED, "named by the control plane")
        wait_until(lambda: "control_plane:database" in reasons(data_plane)[1], NOTICED, "named by the data plane")
        print(f"# named after {time.monotonic() - began:.1f} s")
        equal(reasons(control_plane)[0], "failing")
        for path, want in (("/health", 503), ("/readyz", 503), ("/healthz", 200)):
            equal((path, control_plane(path)[0], public(path)[0]), (path, want, want))
        equal(public("/readyz")[1]["reasons"][0], "database")
        equal([metric(control_plane, "tr_control_status"), metric(control_plane, 'tr_control_trouble{reason="database"}'),
               metric(control_plane, "tr_control_ready")], [2, 1, 0])
        true(metric(control_plane, "tr_control_database_silent_ms") >= 2000, "how long")
        equal(metric(data_plane, 'tr_control_trouble{reason="database"}'), 1)
        # The data plane serves warm keys: degraded, and ready.
        equal((reasons(data_plane)[0], data_plane("/readyz")[0], data_plane("/healthz")[0]), ("degraded", 200, 200))
        equal(rig.chat(key=key["key"]).status, 200)
        wait_until(lambda: metric(data_plane, "tr_usage_backlog") >= 1, 5, "the record waits")
        wait_until(lambda: metric(control_plane, "tr_control_usage_batches_waiting") >= 1, 5, "the batch waits")
        wait_until(lambda: "usage_waiting" in reasons(control_plane)[1], 12, "the batch is late")
        wait_until(lambda: "usage_unacked" in reasons(data_plane)[1], 15, "the record is late")
        true(metric(data_plane, "tr_usage_oldest_ms") >= 10000, "the record's age")
        true(metric(control_plane, "tr_control_usage_oldest_batch_ms") >= 5000, "the batch's age")
    wait_until(all_well, 30, "well again")
    equal([metric(data_plane, "tr_usage_backlog"), metric(data_plane, "tr_usage_oldest_ms"),
           metric(control_plane, "tr_control_usage_batches_waiting")], [0, 0, 0])
    wait_until(lambda: rig.usage_rows(key) and len(rig.usage_rows(key)) == 2, 10, "booked")
    equal(rig.violations(), [])


@case
def a_data_plane_that_connects_meanwhile_is_told():
    """What is wrong when it connects is told as well as what becomes wrong later."""
    rig.sql("insert into usage_rejected select boot_id, 999999999, 'account', now(), '{}' from boot limit 1")
    try:
        wait_until(lambda: "usage_set_aside" in reasons(control_plane)[1], 12, "set aside")
        equal((reasons(control_plane)[0], control_plane("/readyz")[0]), ("degraded", 200))
        wait_until(lambda: "control_plane:usage_set_aside" in reasons(data_plane)[1], 5, "told")
        rig.stop("dataplane")
        rig.start("dataplane")
        wait_until(lambda: "control_plane:usage_set_aside" in reasons(data_plane)[1], 10, "told the new one")
    finally:
        rig.sql("delete from usage_rejected where seq = 999999999")
    wait_until(all_well, 20, "well again")


@case
def lost_and_locked_records_are_named():
    """A gap, for a day; a record that waits for a locked account, while it does."""
    def figures():
        return [metric(control_plane, "tr_control_usage_" + x) for x in ("gaps", "lost", "lost_nusd", "locked")]

    equal(figures(), [0, 0, 0, 0])
    boot = rig.sql("select boot_id from boot limit 1")[0][0]
    gap = f"insert into usage_gap values ('{boot}', 999999990, 999999999, now() - interval '%s', 7)"
    try:
        rig.sql(gap % "25 hours")
        wait_until(lambda: figures() == [1, 10, 7, 0], 12, "counted")
        equal(reasons(control_plane), ("ok", set()), "no alarm any more")
        rig.sql(f"delete from usage_gap where boot_id = '{boot}'")
        rig.sql(gap % "1 hour")
        wait_until(lambda: "usage_lost" in reasons(control_plane)[1], 12, "named")
        equal((reasons(control_plane)[0], control_plane("/readyz")[0]), ("degraded", 200))
        wait_until(lambda: "control_plane:usage_lost" in reasons(data_plane)[1], 5, "told")
    finally:
        rig.sql(f"delete from usage_gap where boot_id = '{boot}' and seq_lo = 999999990")
    wait_until(all_well, 20, "well again")
    key = rig.new_key()
    holder = subprocess.Popen(["psql", "-XAtq", "-o", "/dev/null", rig.env("TR_DATABASE_URL")],
                              stdin=subprocess.PIPE, text=True)
    try:
        equal(rig.chat(key=key["key"]).status, 200)
        rig.settled()
        holder.stdin.write("begin; select 1 from account join api_key using (account_id) where api_key.name ="
                           f" '{key['name']}' for update of account;\n")
        holder.stdin.flush()
        wait_until(lambda: rig.sql("select count(*) from pg_stat_activity where state = 'idle in transaction'")
                   != [["0"]], 5, "locked")
        equal(rig.chat(key=key["key"]).status, 200)
        wait_until(lambda: figures()[3] == 1, 12, "counted")
        wait_until(lambda: "usage_waiting" in reasons(control_plane)[1], 12, "named")
    finally:
        holder.kill()
        holder.wait()
    wait_until(all_well, 20, "well again")
    equal(len(rig.usage_rows(key)), 2, "booked")


@case
def a_rewound_log_is_named():
    """Without anybody appending: the control plane looks by itself."""
    sql = "begin; set local session_replication_role = replica; %s; commit"
    rig.sql(sql % "delete from log_node where level = 0 and index = (select max(index) from log_entry)")
    try:
        size = int(rig.sql("select max(index) + 1 from log_entry")[0][0])
        if size % 2 == 0:  # the last leaf is on the right edge of odd trees only: take the edge itself
            rig.sql(sql % "delete from log_node where (index + 1) << level = (select max(index) + 1 from log_entry)")
        wait_until(lambda: "log_rewound" in reasons(control_plane)[1], 12, "named")
        equal((reasons(control_plane)[0], control_plane("/readyz")[0]), ("degraded", 200))
        wait_until(lambda: "control_plane:log_rewound" in reasons(data_plane)[1], 5, "told")
        equal(metric(control_plane, 'tr_control_trouble{reason="log_rewound"}'), 1)
    finally:
        rig.sql("select log_rebuild_nodes()")
    wait_until(all_well, 20, "well again")
    equal(rig.sql("select * from log_violations"), [])


rig.main()
PY
