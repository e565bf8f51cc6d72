#!/bin/bash
# Goal: a database that was restored behind the transparency log is repaired from an auditor's mirror while
# everything runs: the control plane refuses new data planes until then, and accepts them by itself after,
# boots and all; an auditor who has seen the log before the restore takes it after.
set -eu
cd "$(dirname "$0")/../.."
export TR_CASE_PREFIX=$(basename "$0" .sh) PYTHONPATH=tests/lib
exec python3 - "$@" <<'PY'
import json, os, shutil, subprocess, tempfile
import rig
from log_plane import REWIND
from rig import case, equal, true, wait_until

BACKUP = 2  # entries that the old backup had


def mirror(to):
    """Copy the stack's log with the program that operators and auditors use; how many entries it has."""
    r = subprocess.run([os.path.join(rig.ROOT, "deploy/log-mirror"), rig.env("TR_CONTROL_URL"), to, "--cacert",
                        rig.env("TR_CONTROL_CA")], capture_output=True, text=True)
    equal((r.returncode, r.stderr), (0, ""))
    return int(r.stdout.split()[0])


def program(name, *args):
    return subprocess.run([os.path.join(rig.env("TR_BIN"), name), *args], capture_output=True, text=True)


def rebuild(source):
    conf = os.path.join(rig.env("TR_RUN_DIR"), "conf/controlplane.conf")
    r = program("tr-controlplane", "-c", conf, "--rebuild-log", source)
    return r.returncode, r.stdout.strip(), r.stderr


def control_reasons():
    return set(rig.control("GET", "/readyz").json()["reasons"])


@case
def a_restored_database_is_repaired_from_a_mirror():
    rig.stop("dataplane")  # one more boot in the log
    rig.start("dataplane")
    to = tempfile.mkdtemp(prefix="tr-mirror-")
    try:
        equal(program("tr-verify", "log", to, "--key", rig.env("TR_LOG_KEY")).returncode != 0, True, "nothing yet")
        size = mirror(to)
        equal(mirror(to), size)  # again: nothing new
        r = program("tr-verify", "log", to, "--key", rig.env("TR_LOG_KEY"), "--quiet")
        equal(r.returncode, 0, r.stdout + r.stderr)
        true(size > BACKUP + 1, size)
        kinds = rig.sql(f"select kind, count(*) from log_entry where index >= {BACKUP} group by 1")
        true("boot" in [k for k, _ in kinds], kinds)
        before = rig.sql("select index, kind, subject, leaf, statement from log_entry order by index")

        rig.stop("dataplane")
        rig.stop("controlplane")
        rig.sql(REWIND % {"size": BACKUP})
        rig.start("controlplane")
        wait_until(lambda: "log_rewound" in control_reasons(), 10, "the rewind is named")
        rig.start_only("dataplane")
        wait_until(lambda: "attestation" in rig.health()["reasons"], 10, "no new data plane is accepted")
        equal(rig.health()["status"], "failing")

        code, out, err = rebuild("entries")
        equal((code, out), (1, ""), err)
        code, out, err = rebuild(to)
        equal(code, 0, err)
        true(out.startswith(f"{size} entries, {size - BACKUP} of them added, root "), out)
        equal(rig.sql(f"select index, kind, subject, leaf, statement from log_entry where index < {size} order by index"),
              before)
        equal(rig.sql("select * from log_violations"), [])

        # Nobody restarts anything: the control plane looks again, the data plane comes again.
        wait_until(lambda: control_reasons() == set(), 15, "the log is well")
        wait_until(lambda: rig.health()["status"] == "ok", 30, "the data plane is accepted")
        wait_until(lambda: rig.chat().status == 200, 10, "served")
        r = program("tr-verify", "log", rig.env("TR_CONTROL_URL"), "--ca", rig.env("TR_CONTROL_CA"), "--key",
                    rig.env("TR_LOG_KEY"), "--from", os.path.join(to, "checkpoint"), "--quiet")
        equal(r.returncode, 0, r.stdout + r.stderr)
        true("continues the remembered checkpoint" in r.stdout, r.stdout)
    finally:
        shutil.rmtree(to, ignore_errors=True)


rig.main()
PY
