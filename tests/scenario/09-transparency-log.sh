#!/bin/bash
# Goal: whatever runs is in the transparency log, and the log of the whole stack holds: each boot of a data
# plane is a new entry that names its measurement and its release, the boot gets its proof, a restart of
# the control plane adds nothing, and an auditor who kept a checkpoint sees one history through all of it.
# (How a log that forks or rewinds is caught: tests/e2e/log.py.)
set -eu
cd "$(dirname "$0")/../.."
export TR_CASE_PREFIX=$(basename "$0" .sh) PYTHONPATH=tests/lib
exec python3 - "$@" <<'PY'
import json, os, subprocess, tempfile, urllib.request
import rig
from rig import case, equal, wait_until

KEPT = os.path.join(tempfile.mkdtemp(prefix="tr-log-"), "checkpoint")
BIN, RUN = rig.env("TR_BIN"), rig.env("TR_RUN_DIR")


def log(path):
    with urllib.request.urlopen(rig.env("TR_CONTROL_URL") + "/attestation/transparency" + path, timeout=10,
                                context=rig.context(rig.env("TR_CONTROL_CA"))) as f:
        return json.load(f)


def verify(*args):
    r = subprocess.run([f"{BIN}/tr-verify", "log", rig.env("TR_CONTROL_URL"), "--key", rig.env("TR_LOG_KEY"),
                        "--ca", rig.env("TR_CONTROL_CA"), *args], capture_output=True, text=True)
    equal(r.returncode, 0, r.stdout + r.stderr)
    return r.stdout


def proofs():
    with open(f"{RUN}/log/dataplane.log") as f:
        return sum('"event":"log_proof"' in line and '"outcome":"none"' in line for line in f)


@case
def a_boot_is_an_entry_with_measurement_and_release():
    verify("--quiet", "--save", KEPT)
    before, told = log("/head")["tree_size"], proofs()
    rig.stop("dataplane")
    rig.start("dataplane")
    size = log("/head")["tree_size"]
    equal(size, before + 1)
    entry = log(f"/{size - 1}")["statement"]
    measurement = subprocess.run([f"{BIN}/tr-dataplane-sim", "-c", f"{RUN}/conf/dataplane.conf",
                                  "--print-measurement"], capture_output=True, text=True, check=True).stdout.strip()
    with open(rig.env("TR_RELEASE")) as f:
        release = json.load(f)
    equal((entry["purpose"], entry["measurement"], entry["simulated"], entry["config_sha256"]),
          ("tr.boot.v1", measurement, True, release["providers_sha256"]))
    equal(entry["release"]["version"], release["version"])
    equal(rig.sql("select boot_id from boot order by last_seen desc, first_seen desc limit 1")[0][0].replace("-", ""),
          entry["boot"])
    wait_until(lambda: proofs() > told, 10, "the boot has its proof")


@case
def the_control_plane_comes_back_to_the_same_log():
    before = log("/head")
    rig.stop("controlplane")
    rig.start("controlplane")
    wait_until(lambda: rig.health()["ready"], 30, "accepted again")
    after = log("/head")
    equal((after["tree_size"], after["root_hash"]), (before["tree_size"], before["root_hash"]))


@case
def one_history():
    said = verify("--from", KEPT, "--save", KEPT)
    if "continues the remembered checkpoint" not in said:
        raise AssertionError(said)
    equal(rig.sql("select * from log_violations"), [])


rig.main()
PY
