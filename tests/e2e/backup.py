#!/usr/bin/env python3
"""Backups as docs/operations.md says to make them, brought back: a dump into an empty cluster, and a point in time from a
base backup and archived WAL. What was acknowledged before that point is there, what came after is not; the ledger
and the audit trail are whole; the transparency log knows that it is behind what was signed, and is repaired."""

import glob
import http.client
import json
import os
import shutil
import ssl
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import rig  # noqa: E402
from log_plane import Plane, mirror  # noqa: E402
from rig import ROOT, case, equal, true, wait_until  # noqa: E402

PG = os.path.join(ROOT, "tests/lib/pg")
BIN = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1]
work = tempfile.mkdtemp(prefix="tr-backup-")
pg_dir = tempfile.mkdtemp(prefix="tr-backup-pg-", dir="/var/tmp")
archive, base = pg_dir + "-archive", pg_dir + "-base"
AS = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
plane = conninfo = None
known = {}


def pg(verb):
    return subprocess.run([PG, verb, pg_dir], check=True, capture_output=True, text=True).stdout.strip()


def as_postgres(*words):
    r = subprocess.run([*AS, *words], cwd="/", capture_output=True, text=True)
    equal(r.returncode, 0, r.stdout + r.stderr)
    return r.stdout


def post(path, body):
    context = ssl.create_default_context(cafile=os.path.join(plane.dir, "state/ca.pem"))
    c = http.client.HTTPSConnection("127.0.0.1", plane.port, context=context, timeout=10)
    try:
        c.request("POST", path, body=json.dumps(body), headers={"Authorization": f"Bearer {plane.key}"})
        r = c.getresponse()
        return r.status, json.loads(r.read())
    finally:
        c.close()


def topup(name):
    status, answer = post("/v1/credits/topup", {"amount": 1, "idempotency_key": name})
    equal(status, 200)
    return answer["data"]["repeated"]


def read(path):
    status, _, body = plane.call("GET", path, key=plane.key)
    equal(status, 200)
    return json.loads(body)["data"]


def reasons():
    return set(json.loads(plane.get("/readyz")[2])["reasons"])


def sound():
    for view in ("ledger_violations", "log_violations"):
        equal(plane.sql(f"SELECT * FROM {view}"), "", view)
    equal(plane.sql("SELECT count(*) FROM (SELECT DISTINCT account_id, scope FROM audit_head) h,"
                    " audit_verify(h.account_id, h.scope) v WHERE v.o_bad IS NOT NULL"), "0")


@case
def a_service_with_backups():
    """A base backup, and every finished piece of WAL kept."""
    global plane
    os.makedirs(archive)
    if os.getuid() == 0:
        shutil.chown(archive, "postgres")
    plane = Plane(work, "one", conninfo)
    plane.sql("ALTER SYSTEM SET archive_mode = on")
    plane.sql(f"ALTER SYSTEM SET archive_command = 'test ! -f {archive}/%f && cp %p {archive}/%f'")
    pg("crash")
    pg("again")
    plane.start()
    plane.key = plane.run("--bootstrap")
    equal(topup("before the backup"), False)
    equal(plane.release(1)[0], 200)
    as_postgres(f"{BIN}/pg_basebackup", "-D", base, "-X", "none", "--checkpoint=fast", "-d", conninfo)
    equal(topup("before the point in time"), False)
    equal(plane.release(2)[0], 200)
    head = read("/v1/audit/verify?scope=workspace")
    known["before"] = (head["entries"], head["head_hash"])
    known["log"] = int(plane.sql("SELECT log_size()"))
    known["point"] = plane.sql("SELECT clock_timestamp()")
    equal(topup("after the point in time"), False)
    equal(post("/v1/keys", {"name": "after"})[0], 201)
    equal(plane.release(3)[0], 200)
    head = read("/v1/audit/verify")
    known["after"] = (head["entries"], head["head_hash"])
    plane.sql("SELECT pg_switch_wal()")
    wait_until(lambda: plane.sql("SELECT last_archived_wal >= pg_walfile_name(pg_current_wal_lsn() - 1) OR "
                                 "archived_count >= 3 FROM pg_stat_archiver") == "t", 10)


@case
def a_dump_is_the_service():
    """Into an empty cluster's database, for which a control plane is started as if nothing had been."""
    dump = work + "/dump"
    subprocess.run(["pg_dump", "-Fc", "-f", dump, conninfo], check=True)
    plane.stop()
    other = pg_dir + "-other"
    try:
        url = subprocess.run([PG, "start", other], check=True, capture_output=True, text=True).stdout.strip()
        subprocess.run(["pg_restore", "--exit-on-error", "--single-transaction", "--no-owner", "-d", url, dump], check=True)
        conf = os.path.join(plane.dir, "conf")
        with open(conf) as f:
            text = f.read()
        with open(conf, "w") as f:
            f.write(text.replace(conninfo, url))
        plane.conninfo = url
        plane.start()
        equal([topup(n) for n in ("before the backup", "before the point in time", "after the point in time")], [True] * 3)
        equal(reasons(), set())
        sound()
        equal(plane.release(4)[0], 200)  # the log goes on
        os.makedirs(work + "/mirror")
        known["mirror"] = mirror(plane, work + "/mirror")
        plane.stop()
        with open(conf, "w") as f:
            f.write(text)
        plane.conninfo = conninfo
    finally:
        subprocess.run([PG, "stop", other], check=False)


@case
def a_point_in_time_comes_back():
    pg("crash")
    shutil.rmtree(pg_dir + "/data")
    as_postgres("cp", "-a", base, pg_dir + "/data")
    settings = f"restore_command = 'cp {archive}/%f %p'\nrecovery_target_time = '{known['point']}'\n" \
               "recovery_target_action = promote\narchive_mode = off\n"
    as_postgres("sh", "-c", f"printf '%s' \"$1\" >>{pg_dir}/data/postgresql.auto.conf; touch {pg_dir}/data/recovery.signal",
                "sh", settings)
    pg("again")
    wait_until(lambda: plane.sql("SELECT pg_is_in_recovery()") == "f", 20)
    plane.start()
    equal([topup(n) for n in ("before the backup", "before the point in time")], [True] * 2)
    equal(plane.sql("SELECT count(*) FROM api_key WHERE name = 'after'"), "0")
    equal(topup("after the point in time"), False)  # gone; whoever repeats it gets it
    equal(int(plane.sql("SELECT log_size()")), known["log"])
    sound()


@case
def who_noted_the_audit_head_sees_what_is_missing():
    seq, h = known["before"]
    equal(read(f"/v1/audit/verify?seq={seq}&hash={h}")["noted"], True)
    seq, h = known["after"]
    equal(read(f"/v1/audit/verify?seq={seq}&hash={h}")["noted"], False)


@case
def the_log_is_behind_until_it_is_repaired():
    wait_until(lambda: "log_rewound" in reasons(), 10, "the rewind is named")
    status, _, body = plane.release(5)
    equal((status, json.loads(body)["error"]["code"]), (409, "log_rewound"))
    equal(int(plane.sql("SELECT log_size()")), known["log"])
    equal(plane.command("--rebuild-log", "entries")[0], 1)  # they are nowhere in this database
    out = plane.run("--rebuild-log", work + "/mirror")
    true(out.startswith(f"{known['mirror']} entries, {known['mirror'] - known['log']} of them added"), out)
    wait_until(lambda: reasons() == set(), 15, "the log is well")
    equal(plane.release(5)[0], 200)
    sound()


def main():
    global conninfo
    try:
        conninfo = pg("start")
        return rig.run_cases(always=("a_service_with_backups",)) != 0
    finally:
        if plane is not None:
            plane.stop()
        subprocess.run([PG, "stop", pg_dir], check=False)
        for path in (work, archive, base):
            shutil.rmtree(path, ignore_errors=True)


sys.exit(main())
