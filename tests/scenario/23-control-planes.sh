#!/bin/bash
# Goal: two control planes over one database. The data plane moves to the other one when its own is killed
# or stops answering, serves keys that it has never seen by it, and stays there.
set -eu
cd "$(dirname "$0")/../.."
export TR_CASE_PREFIX=$(basename "$0" .sh) PYTHONPATH=tests/lib
exec python3 - "$@" <<'PY'
import json
import os
import re
import shutil
import signal
import subprocess
import time
import rig
from rig import case, equal, true, wait_until

RUN = rig.env("TR_RUN_DIR")
CONF = os.path.join(RUN, "conf/dataplane.conf")
SECOND = os.path.join(RUN, "second")
LINK, REST = rig.free_port(), rig.free_port()
with open(CONF) as f:
    GOOD = f.read()
FIRST_LINK = re.search(r"^control_port = (\d+)", GOOD, re.M).group(1)


class Second:
    """Another control plane: the same database and keys, its own files and ports."""

    def __init__(self):
        shutil.rmtree(SECOND, ignore_errors=True)
        shutil.copytree(os.path.join(RUN, "state"), SECOND)
        with open(os.path.join(RUN, "conf/controlplane.conf")) as f:
            text = f.read()
        for name, value in (("rest_port", REST), ("link_port", LINK), ("state_dir", SECOND)):
            text = re.sub(rf"^{name} = .*$", f"{name} = {value}", text, flags=re.M)
        self.conf = os.path.join(RUN, "conf/controlplane2.conf")
        with open(self.conf, "w") as f:
            f.write(text)
        self.process = None

    def start(self):
        with open(os.path.join(RUN, "log/controlplane2.log"), "a") as log:
            self.process = subprocess.Popen([os.path.join(rig.env("TR_BIN"), "tr-controlplane"), "-c", self.conf],
                                            stdout=log, stderr=log)
        wait_until(lambda: rig.Client(f"https://localhost:{REST}", rig.env("TR_CONTROL_CA"), key="")
                   .request("GET", "/health").status == 200, 20, "the second control plane")

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.process.kill()
        self.process.wait()


def accepted():
    """Which control planes accepted, in order, since the data plane started."""
    with open(os.path.join(RUN, "log/dataplane.log")) as f:
        lines = [json.loads(line) for line in f if line.startswith("{")]
    # Not "started": the link's thread may be accepted before the workers have started.
    starts = [i for i, x in enumerate(lines) if x["event"] == "self_check"]
    return [x["control_plane"] for x in lines[starts[-1]:] if x["event"] == "link_accepted"]


def cold_key_served(seconds, what):
    """A key that this data plane has not seen needs a control plane."""
    key = rig.new_key()["key"]
    began = time.monotonic()
    wait_until(lambda: rig.chat(key=key).status == 200, seconds, what)
    return time.monotonic() - began


@case
def the_other_one_takes_over():
    second = Second()
    second.start()
    keys = [rig.new_key()["key"] for _ in range(3)]
    rig.stop("dataplane")
    try:
        with open(CONF, "w") as f:
            f.write(re.sub(r"^control_host = .*$", f"control_host = 127.0.0.1:{FIRST_LINK}, 127.0.0.1:{LINK}",
                           GOOD, flags=re.M))
        rig.start("dataplane")
        equal(accepted(), [0])
        equal(rig.chat(key=keys[0]).status, 200)

        rig.kill9("controlplane")
        began = time.monotonic()
        wait_until(lambda: rig.chat(key=keys[1]).status == 200, 10, "a cold key, by the second")
        print(f"# served by the second {time.monotonic() - began:.2f} s after the first was killed")
        equal(accepted(), [0, 1])

        rig.start("controlplane")
        time.sleep(1.5)
        equal(accepted(), [0, 1])  # it stays on what works

        second.signal(signal.SIGSTOP)  # it still takes connections, and answers none
        wait_until(lambda: rig.chat(key=keys[2]).status == 200, 30, "a cold key, by the first again")
        wait_until(lambda: accepted() == [0, 1, 0], 5, "moved back")
        second.signal(signal.SIGCONT)
    finally:
        rig.stop("dataplane")
        second.kill()
        with open(CONF, "w") as f:
            f.write(GOOD)
        rig.start("controlplane")
        rig.start("dataplane")
        shutil.rmtree(SECOND, ignore_errors=True)
    cold_key_served(10, "as before")
    rig.settled()
    equal(rig.violations(), [])


rig.main()
PY
