#!/bin/bash
# Goal: the primary PostgreSQL is lost under load and its standby promoted (streaming replication, two real clusters).
# Synchronous: service returns by itself, everything that was acknowledged is there once, the books balance, the log
# goes on from every checkpoint that was seen. The lost primary comes back as if nothing had been: nobody writes
# into its log. Asynchronous: what had not reached the standby is gone, and said to be; usage comes again, the log
# is repaired from a mirror, and an auditor sees one history.
#
# On a stack of its own, whose database moves.
set -eu
cd "$(dirname "$0")/../.."
export TR_CASE_PREFIX=$(basename "$0" .sh) PYTHONPATH=tests/lib
exec python3 - "$@" <<'PY'
import atexit, glob, json, os, re, shutil, subprocess, tempfile, threading, time
import own_stack, rig
from rig import case, equal, fresh, sql, true, wait_until

RUN = own_stack.up()
PG_BIN = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1]
AS_USER = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
SOCKETS = [re.search(r"host=([^&]+)", rig.env("TR_DATABASE_URL")).group(1)]
FIRST = sql("show data_directory")[0][0]
BASE = tempfile.mkdtemp(prefix="tr-standby-", dir="/var/tmp")
if os.getuid() == 0:
    shutil.chown(BASE, "postgres")
SOCKETS.append(BASE)
CONF = os.path.join(RUN, "conf/controlplane.conf")
seen = {}  # what is known from case to case


def url(socket, more=""):
    return f"postgresql:///tr?host={socket}&user=tr{more}"


class Cluster:
    """A copy of another cluster, which follows it until it is promoted."""

    def __init__(self, name, of, socket, also=""):
        self.data, self.socket = os.path.join(BASE, name), socket
        # Not synchronised: processes are killed here, the machine is not.
        self.run("pg_basebackup", "-N", "-D", self.data, "-R", "-X", "stream", "--checkpoint=fast", "-d",
                 f"host={of} user=tr application_name={name}{also}")

    def run(self, program, *args):
        r = subprocess.run([*AS_USER, os.path.join(PG_BIN, program), *args], cwd="/", capture_output=True, text=True)
        equal(r.returncode, 0, f"{program}: {r.stdout}{r.stderr}")

    def start(self):
        self.run("pg_ctl", "-D", self.data, "-w", "-s", "-l", os.path.join(BASE, "log"), "-o",
                 f"-k {self.socket} -c listen_addresses= -c max_connections=60 -c logging_collector=off", "start")

    def stop(self, how="fast"):
        subprocess.run([*AS_USER, os.path.join(PG_BIN, "pg_ctl"), "-D", self.data, "-w", "-s", "-m", how, "stop"],
                       cwd="/", check=False, stderr=subprocess.DEVNULL)

    def kill9(self):
        with open(os.path.join(self.data, "postmaster.pid")) as f:
            os.kill(int(f.readline()), 9)
        wait_until(lambda: subprocess.run(["psql", "-XAtqc", "select 1", url(self.socket)],
                                          capture_output=True).returncode != 0)

    def promote(self):
        self.run("pg_ctl", "-D", self.data, "-w", "-s", "promote")


clusters = []


@atexit.register
def clean_up():
    for c in clusters:
        c.stop("immediate")
    shutil.rmtree(BASE, ignore_errors=True)


def reasons():
    return set(rig.control("GET", "/readyz").json()["reasons"])


def back(seconds, what):
    began = time.monotonic()
    wait_until(lambda: rig.control("GET", "/v1/credits").status == 200, seconds, what)
    return time.monotonic() - began


class TopUps(threading.Thread):
    """Top-ups one after another, each until it is answered, by its own idempotency key."""

    def __init__(self):
        super().__init__(daemon=True)
        self.stopping, self.acknowledged = threading.Event(), {}

    def run(self):
        while not self.stopping.is_set():
            name = f"fail-{fresh()}"
            while name not in self.acknowledged and not self.stopping.is_set():
                a = once(name)
                if a is not None:
                    self.acknowledged[name] = a["transfer_id"]
                time.sleep(0.02)


def once(name):
    try:
        a = rig.control("POST", "/v1/credits/topup", {"amount": "0.01", "idempotency_key": name})
    except OSError:
        return None
    return a.json()["data"] if a.status == 200 else None


def verify(*more):
    return subprocess.run([os.path.join(rig.env("TR_BIN"), "tr-verify"), "log", rig.env("TR_CONTROL_URL"), "--ca",
                           rig.env("TR_CONTROL_CA"), "--key", rig.env("TR_LOG_KEY"), "--quiet", *more],
                          capture_output=True, text=True)


def mirror(to):
    r = subprocess.run([os.path.join(rig.ROOT, "deploy/log-mirror"), rig.env("TR_CONTROL_URL"), to, "--cacert",
                        rig.env("TR_CONTROL_CA")], capture_output=True, text=True)
    equal((r.returncode, r.stderr), (0, ""))
    return int(r.stdout.split()[0])


def sound():
    equal(rig.violations(), [])
    equal(sql("select * from log_violations"), [])
    equal(sql("select count(*) from usage_rejected")[0][0], "0")
    equal(sql("select a.account_id from (select distinct account_id, scope from audit_head) a,"
              " audit_verify(a.account_id, a.scope) v where v.o_bad is not null"), [], "the audit trail")


def use_two_hosts():
    with open(CONF) as f:
        text = f.read()
    with open(CONF, "w") as f:
        f.write(text.replace(f"host={SOCKETS[0]}&", f"host={SOCKETS[0]},{SOCKETS[1]}&"))
    rig.stop("controlplane")
    rig.start("controlplane")
    os.environ["TR_DATABASE_URL"] = url(",".join(SOCKETS), "&target_session_attrs=read-write")
    wait_until(lambda: rig.health()["status"] == "ok", 30, "all is well")


@case
def a_synchronous_standby_loses_nothing():
    standby = Cluster("second", SOCKETS[0], SOCKETS[1])
    clusters.append(standby)
    standby.start()
    sql("alter system set synchronous_standby_names = 'second'")
    sql("select pg_reload_conf()")
    wait_until(lambda: sql("select sync_state from pg_stat_replication") == [["sync"]], 10, "synchronous")
    use_two_hosts()

    key, tag = rig.new_key(), fresh("sync")
    seen["mirror"] = tempfile.mkdtemp(prefix="tr-mirror-")
    atexit.register(shutil.rmtree, seen["mirror"], True)
    mirror(seen["mirror"])
    load, topups = rig.Load(key["key"], tag), TopUps()
    load.start()
    topups.start()
    wait_until(lambda: len(load.complete) > 100 and len(topups.acknowledged) > 10, 30, "load runs")

    rig.kill9("postgres")
    time.sleep(1)  # until whoever watches it is sure
    before = len(topups.acknowledged)
    standby.promote()
    print(f"# REST answers {back(30, 'REST is back'):.2f} s after the promotion")
    wait_until(lambda: len(topups.acknowledged) > before + 5, 20, "money moves")
    n = len(load.complete)
    wait_until(lambda: len(load.complete) > n + 50, 20, "served")
    topups.stopping.set()
    topups.join(30)
    load.stop()

    for name, transfer in topups.acknowledged.items():
        a = once(name)
        equal((a["repeated"], a["transfer_id"]), (True, transfer), "an acknowledged top-up")
    there = [row[0] for row in sql("select idempotency from transfer where idempotency like 'fail-%'")]
    equal(len(there), len(set(there)), "each once")
    more = set(there) - set(topups.acknowledged)
    true(set(topups.acknowledged) <= set(there) and len(more) <= 1, more)  # the last one's answer may have been lost
    rig.settled()
    rig.same_as_provider(key, tag)
    failed = {repr(a) for a in load.failed.values()}
    equal(failed, set(), "requests of a key in use that failed")
    sound()
    wait_until(lambda: rig.health()["status"] == "ok", 30, "all is well")
    r = verify("--from", os.path.join(seen["mirror"], "checkpoint"))
    equal(r.returncode, 0, r.stdout + r.stderr)
    true("continues the remembered checkpoint" in r.stdout, r.stdout)


@case
def nobody_writes_into_the_log_of_the_lost_primary():
    rig.stop("dataplane")  # one more boot, which only the promoted one has
    rig.start("dataplane")
    size = int(sql("select log_size()")[0][0])
    # The operator's mistake: it is started as the primary that it was. As long as it waits for its standby, it
    # takes no writes at all; so somebody has also told it not to.
    with open(os.path.join(FIRST, "postgresql.auto.conf")) as f:
        settings = f.read()
    with open(os.path.join(FIRST, "postgresql.auto.conf"), "w") as f:
        f.write("".join(x for x in settings.splitlines(True) if not x.startswith("synchronous_standby_names")))
    rig.start("postgres")
    old = url(SOCKETS[0])
    rig.stop("controlplane")
    rig.start_only("controlplane")
    wait_until(lambda: "log_rewound" in reasons(), 20, "the rewind is named")
    stale = subprocess.run(["psql", "-XAtqc", "select log_size()", old], capture_output=True, text=True).stdout.strip()
    true(int(stale) < size, (stale, size))
    time.sleep(1)
    equal(subprocess.run(["psql", "-XAtqc", "select log_size()", old], capture_output=True, text=True).stdout.strip(), stale)
    rig.stop("postgres")
    wait_until(lambda: reasons() == set(), 30, "the promoted one is found")
    wait_until(lambda: rig.chat().status == 200, 30, "served")
    equal(int(sql("select log_size()")[0][0]), size)
    sound()


@case
def an_asynchronous_standby_loses_what_it_had_not_got():
    standby = Cluster("third", SOCKETS[1], SOCKETS[0])
    standby.start()
    wait_until(lambda: sql("select state from pg_stat_replication") == [["streaming"]], 10, "streaming")
    key, tag = rig.new_key(), fresh("async")
    equal(rig.chat(f"tokens=5,id={tag}a", key=key["key"]).status, 200)
    rig.settled()
    time.sleep(0.5)
    standby.stop()
    name = f"lost-{fresh()}"
    equal(once(name)["repeated"], False)
    for i in range(5):
        equal(rig.chat(f"tokens=5,id={tag}b{i}", key=key["key"]).status, 200)
    rig.stop("dataplane")
    rig.start("dataplane")
    size = mirror(seen["mirror"])
    rig.settled()
    clusters[0].kill9()
    standby.start()
    clusters.append(standby)
    standby.promote()
    back(30, "REST is back")

    true(int(sql("select log_size()")[0][0]) < size)
    wait_until(lambda: "log_rewound" in reasons(), 20, "the rewind is named")
    equal(once(name)["repeated"], False, "the top-up that was acknowledged is gone; repeated, it is done")
    equal(once(name)["repeated"], True)
    conf = os.path.join(RUN, "conf/controlplane.conf")
    r = subprocess.run([os.path.join(rig.env("TR_BIN"), "tr-controlplane"), "-c", conf, "--rebuild-log", seen["mirror"]],
                       capture_output=True, text=True)
    equal(r.returncode, 0, r.stderr)
    wait_until(lambda: reasons() == set(), 30, "the log is well")
    wait_until(lambda: rig.chat(f"tokens=5,id={tag}c", key=key["key"]).status == 200, 30, "served")
    r = verify("--from", os.path.join(seen["mirror"], "checkpoint"))
    equal(r.returncode, 0, r.stdout + r.stderr)
    rig.stop("dataplane")
    rig.start("dataplane")
    rig.settled()
    print(f"# of 7 answers {len(rig.usage_rows(key))} are booked: the others were acknowledged to a data plane that has ended")
    true(len(rig.usage_rows(key)) in (2, 7))
    sound()


rig.main()
PY
