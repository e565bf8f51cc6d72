#!/bin/bash
# Goal: a data plane whose evidence the control plane does not accept serves nobody: every inference is
# 503 attestation_unavailable, the reason is named, and no key, lease or catalog reaches it. Each policy
# below breaks one thing; with the right policy service returns.
set -eu
cd "$(dirname "$0")/../.."
export TR_CASE_PREFIX=$(basename "$0" .sh) PYTHONPATH=tests/lib
exec python3 - "$@" <<'PY'
import os, re, shutil, signal, subprocess, tempfile, time
import rig
from rig import case, equal, wait_until

CONF = os.path.join(rig.env("TR_RUN_DIR"), "conf/attestation.conf")
with open(CONF) as f:
    GOOD = f.read()


def with_policy(text):
    """At start a file counts that has not counted before: the comment makes it one."""
    rig.stop("controlplane")
    with open(CONF, "w") as f:
        f.write(f"{text}# {time.time_ns()}\n")
    rig.start("controlplane")


def is_refused(reason, seconds):
    h = wait_until(lambda: (lambda h: h if h.get("refusal") == reason else None)(rig.health()), seconds,
                   f"refused for {reason}")
    equal(h["ready"], False)
    a = rig.chat(ca=rig.INSECURE)
    equal((a.status, a.error()["code"]), (503, "attestation_unavailable"))


def reloaded(text):
    """Other rules for a running control plane: written whole, then SIGHUP."""
    with open(CONF + ".new", "w") as f:
        f.write(text)
    os.replace(CONF + ".new", CONF)
    os.kill(rig.pid("controlplane"), signal.SIGHUP)


def refused(change, reason):
    """The policy of a running control plane changes, and changes back: a data plane that was served by it is refused
    within a second or two, and accepted again."""
    try:
        reloaded(change(GOOD))
        is_refused(reason, 10)
    finally:
        reloaded(GOOD)
    wait_until(lambda: rig.chat().status == 200, 20, "served with the right policy")


def replace(pattern, by):
    def change(text):
        new = re.sub(pattern, by, text, flags=re.M)
        if new == text:
            raise AssertionError(f"{pattern} is not in the policy")
        return new
    return change


OTHER_MEASUREMENT = replace(r"^(sha384\s*=\s*)[0-9a-f]{96}", r"\g<1>" + "ab" * 48)


@case
def wrong_measurement():
    """Both start with the policy that refuses, and again with the right one."""
    try:
        with_policy(OTHER_MEASUREMENT(GOOD))
        rig.stop("dataplane")
        rig.start_only("dataplane")
        is_refused("measurement", 20)
    finally:
        rig.stop("dataplane")
        with_policy(GOOD)
        rig.start("dataplane")
    wait_until(lambda: rig.chat().status == 200, 20, "served with the right policy")


@case
def a_measurement_withdrawn_by_reload():
    """No restart: within a second or two nothing is inferred, and with the rules back it is served again. A
    broken file changes nothing."""
    reloaded("nonsense")
    time.sleep(1.5)
    equal(rig.chat().status, 200)
    refused(OTHER_MEASUREMENT, "measurement")


@case
def tcb_below_the_floor():
    refused(replace(r"^(microcode\s*=\s*)\d+", r"\g<1>255"), "tcb_floor")


@case
def a_chip_that_is_not_ours():
    refused(lambda text: text + "\n[chip another]\nid = " + "5a" * 64 + "\n", "chip")


@case
def edited_providers_are_another_measurement():
    """The measured configuration: one byte more in providers.conf, and the data plane is not ours."""
    path = os.path.join(rig.env("TR_RUN_DIR"), "conf/providers.conf")
    with open(path) as f:
        good = f.read()
    try:
        rig.stop("dataplane")
        with open(path, "w") as f:
            f.write(good + "# one more line\n")
        rig.start_only("dataplane")
        wait_until(lambda: rig.health().get("refusal") == "measurement", 20, "refused")
        equal(rig.chat(ca=rig.INSECURE).error()["code"], "attestation_unavailable")
    finally:
        rig.stop("dataplane")
        with open(path, "w") as f:
            f.write(good)
        rig.start("dataplane")


@case
def the_program_for_hardware_refuses_without_it():
    """tr-dataplane never falls back to a simulation: no device, no service."""
    if os.path.exists("/dev/sev-guest") or os.path.exists("/sys/kernel/config/tsm/report"):
        raise rig.Skip("this machine has the device: nothing to refuse")
    r = subprocess.run([os.path.join(rig.env("TR_BIN"), "tr-dataplane"), "-c",
                        os.path.join(rig.env("TR_RUN_DIR"), "conf/dataplane.conf")],
                       capture_output=True, timeout=20)
    if r.returncode == 0:
        raise AssertionError("it started")


@case
def another_audience():
    refused(replace(r"^(audience\s*=\s*).*$", r"\g<1>somebody.else"), "audience")


@case
def unknown_root():
    """Another simulated machine's root: the chain is well formed and not ours."""
    equal(platform.wait(60), 0, "the other machine is made")
    refused(replace(r"^(file\s*=\s*).*$", r"\g<1>" + other + "/p/ark.pem"), "root")


# Its keys take seconds to find, which the other cases need not wait for.
other = tempfile.mkdtemp(prefix="other-platform-")
platform = subprocess.Popen([os.path.join(rig.env("TR_BIN"), "tr-dataplane-sim"), "--make-platform", other + "/p"],
                            stdout=subprocess.DEVNULL)
try:
    failed = rig.run_cases()
finally:
    platform.kill()
    platform.wait()
    shutil.rmtree(other)
raise SystemExit(failed != 0)
PY
