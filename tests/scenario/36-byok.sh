#!/bin/bash
# Goal: a customer's own provider key opens in every data plane of the fleet and nowhere else. What was sealed to one
# data plane opens in another, and still after the first was killed (-9) and came back; when the last of the fleet has
# ended the customer is told to seal again. Revoked, the plain key leaves the data plane's memory; it is at no time
# in a log, the database (its dump and its files), /tmp, /metrics, a core, or the control plane's memory.
#
# Only root may look into the planes' memory: see 99-canary.sh.
set -eu
cd "$(dirname "$0")/../.."
if [ "$(id -u)" != 0 ] && sudo -n true 2>/dev/null; then
    exec sudo -n --preserve-env="$(env | sed -n 's/^\(TR_[A-Z_]*\)=.*/\1/p' | paste -sd,)" "$0" "$@"
fi
export TR_CASE_PREFIX=$(basename "$0" .sh) PYTHONPATH=tests/lib
exec python3 - "$@" <<'PY'
import glob, os, re, signal, subprocess, time, urllib.request
import rig
from leaks import in_bytes, in_dump, in_memory, in_tree
from own_keys import account_key, ask, bearer, ctl, document, put, seal, sealing, used
from rig import case, equal, fresh, true, wait_until

RUN = rig.env("TR_RUN_DIR")
PORT, METRICS = rig.free_port(), rig.free_port()
FIRST, SECOND = rig.env("TR_BASE_URL"), f"https://localhost:{PORT}/v1"
BORN = time.time()
SECRETS = {}  # every plain key of this scenario, by what it was for


def secret(what):
    SECRETS[what] = fresh("sk-CANARYOWN-") + os.urandom(8).hex()
    return SECRETS[what]


class Second:
    """Another data plane of the same stack."""

    def __init__(self):
        with open(os.path.join(RUN, "conf/dataplane.conf")) as f:
            text = f.read()
        for name, value in (("listen_port", PORT), ("metrics_port", METRICS), ("place", "second")):
            text = re.sub(rf"(?m)^{name} = .*$", f"{name} = {value}", text)
        self.conf = os.path.join(RUN, "conf/dataplane2.conf")
        with open(self.conf, "w") as f:
            f.write(text)

    def start(self):
        with open(os.path.join(RUN, "log/dataplane2.log"), "a") as log:
            self.process = subprocess.Popen([os.path.join(rig.env("TR_BIN"), "tr-dataplane-sim"), "-c", self.conf],
                                            stdout=log, stderr=log)
        wait_until(lambda: ask(rig.env("TR_API_KEY"), base=SECOND).status == 200, 30, "the second data plane")

    def kill(self):
        self.process.kill()
        self.process.wait()


def killed_and_started(name):
    """Killed (-9), gone, and started again: start leaves one alone that still runs."""
    pid = rig.pid(name)
    rig.kill9(name)
    wait_until(lambda: not os.path.exists(f"/proc/{pid}"), 10, f"{name} is gone", 0.01)
    rig.start(name)


def code(a):
    return a.json().get("error", {}).get("code")


def leaks(needles):
    rig.sql("checkpoint")
    with urllib.request.urlopen(rig.env("TR_METRICS_URL"), timeout=5) as f:
        found = in_bytes(f.read(), needles, "/metrics")
    return found + in_tree(RUN, needles) + in_tree("/tmp", needles, (), BORN - 1) + in_dump(needles)


second = Second()
management, key, account = account_key(10)
kept = {}


@case
def opens_in_both():
    """Sealed to the first data plane, used by one that starts later; and the other way round."""
    kept["first"] = secret("sealed to the first")
    kept["id"] = put(management, account, "demo-a", kept["first"], base=FIRST, always_use=True)
    wait_until(lambda: used(key, "Bearer " + kept["first"], base=FIRST), 3)
    second.start()
    true(sealing(FIRST)["id"] != sealing(SECOND)["id"], "each boot has its own")
    wait_until(lambda: used(key, "Bearer " + kept["first"], base=SECOND), 5, "the second opens it")
    later = secret("sealed to the second")
    ctl("DELETE", "/byok/" + put(management, account, "demo-b", later, base=SECOND), None, management)
    m2, key2, account2 = account_key()
    put(m2, account2, "demo-a", later, base=SECOND)
    wait_until(lambda: used(key2, "Bearer " + later, base=FIRST), 5, "the first opens what was sealed to the second")


@case
def killed_and_back():
    """The first is killed (-9) and comes back with a new sealing key, and with the old one from the second."""
    before = sealing(FIRST)["id"]
    killed_and_started("dataplane")
    true(sealing(FIRST)["id"] != before)
    wait_until(lambda: used(key, "Bearer " + kept["first"], base=FIRST), 5, "sealed to the boot that was killed")


@case
def control_plane_restarts():
    """The control plane forgets nothing of it, and both data planes exchange keys again."""
    killed_and_started("controlplane")
    for base in (FIRST, SECOND):
        wait_until(lambda: used(key, "Bearer " + kept["first"], base=base), 20, base)


@case
def the_last_one_ends():
    """No data plane is left that holds the key: the customer is told what to do, and that helps. A key that is not
    always to be used is passed over meanwhile."""
    second.kill()
    killed_and_started("dataplane")
    a = wait_until(lambda: (lambda x: x if x.status == 403 else None)(ask(key)), 20, "told")
    equal(code(a), "byok_sealing_key_changed", repr(a))
    true(kept["id"].replace("-", "") in a.json()["error"]["message"] and
         "/v1/byok/sealing-key" in a.json()["error"]["message"], repr(a))
    ctl("PATCH", "/byok/" + kept["id"], {"always_use": False}, management)
    wait_until(lambda: ask(key).status == 200, 3, "the operator's key")
    true("CANARYOWN" not in bearer())
    again = secret("sealed again")
    to = sealing()
    a = ctl("PATCH", "/byok/" + kept["id"], {"sealing_key_id": to["id"], "always_use": True,
                                             "sealed_key": seal(document(account, "demo-a", again), to["public_key"])},
            management)
    equal(a.status, 200, repr(a))
    wait_until(lambda: used(key, "Bearer " + again), 3, "sealed again")
    kept["again"] = again


@case
def in_use_it_is_in_memory_and_then_it_is_not():
    """The search sees the key while it is held. A second after its owner has deleted it no request is served with
    it, and the memory of the data plane has it no more; that of the control plane never had it."""
    held = {"held": kept["again"]}
    planes = {name: rig.pid(name) for name in ("dataplane", "controlplane")}
    readable = all(os.access(f"/proc/{p}/mem", os.R_OK) for p in planes.values())
    if readable:
        true(in_memory(planes["dataplane"], held), "held while it is used")
        equal(in_memory(planes["controlplane"], SECRETS), [])
    began = time.monotonic()
    ctl("DELETE", "/byok/" + kept["id"], None, management)
    wait_until(lambda: ask(key).status == 200 and "CANARYOWN" not in bearer(), 1.5, "not used any more")
    true(time.monotonic() - began < 1.5)
    if not readable:
        raise rig.Skip("only root may look into the planes' memory")
    wait_until(lambda: in_memory(planes["dataplane"], held) == [], 6, "gone from memory", 0.5)
    equal(in_memory(planes["controlplane"], SECRETS), [])


@case
def no_core():
    """A data plane that crashes while it holds a key leaves no core."""
    held = secret("held at a crash")
    put(management, account, "demo-a", held)
    wait_until(lambda: used(key, "Bearer " + held), 3)
    pid = rig.pid("dataplane")
    with open(f"/proc/{pid}/limits") as f:
        limit = re.search(r"Max core file size +(\S+) +(\S+)", f.read()).groups()
    equal(limit, ("0", "0"))
    os.kill(pid, signal.SIGABRT)
    wait_until(lambda: not os.path.exists(f"/proc/{pid}"), 10, "gone")
    equal(glob.glob(os.path.join(rig.ROOT, "core*")) + glob.glob(os.path.join(RUN, "core*")), [])
    rig.start("dataplane")


@case
def nowhere():
    """A leak that is seeded is found; none of the plain keys is."""
    path = os.path.join(RUN, "log/seeded.log")
    with open(path, "w") as f:
        f.write(SECRETS["sealed again"])
    true(in_tree(RUN, SECRETS), "a seeded leak is found")
    os.unlink(path)
    rig.settled()
    equal(leaks(SECRETS), [])
    equal(rig.violations(), [])


if __name__ == "__main__":
    rig.main()
PY
