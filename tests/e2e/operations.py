#!/usr/bin/env python3
"""docs/operations.md, "From zero to a paid request", as a new operator follows it: its blocks as they stand (but for the ports, which
are free ones, and for building), in their order, in one shell, as an ordinary user with an empty home. What is paid is what is shown."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import rig  # noqa: E402
from rig import Skip, case, equal, true  # noqa: E402

BIN = os.environ.get("TR_BIN") or os.path.join(rig.ROOT, "build/release")
HOME = tempfile.mkdtemp(prefix="tr-operations-")
SECONDS = 180
PORTS = ("15432", "18443", "18444", "18445", "19101")


def blocks():
    """The section's commands, but for those that install and build."""
    with open(os.path.join(rig.ROOT, "docs/operations.md"), encoding="utf-8") as f:
        section = f.read().split("\n## From zero to a paid request\n")[1].split("\n## ")[0]
    text = "\n".join(re.findall(r"^```sh\n(.*?)^```", section, re.M | re.S))
    for line in ("deploy/dev/install-packages run\n", "make -s\n"):
        equal(text.count(line), 1, line)
        text = text.replace(line, "")
    equal(text.count("bin=$PWD/build/release"), 1)
    text = text.replace("bin=$PWD/build/release", f"bin={BIN}")
    for port in PORTS:
        true(port in text, port)
        text = text.replace(port, str(rig.free_port()))
    return text


def user():
    """How an ordinary user is made of us."""
    if os.getuid() != 0:
        return []
    shutil.chown(HOME, "postgres")
    if subprocess.run(["runuser", "-u", "postgres", "--", "test", "-r", os.path.join(rig.ROOT, "sql/001_accounts.sql")]).returncode:
        raise Skip("an ordinary user cannot read this checkout")
    return ["runuser", "-u", "postgres", "--"]


@case
def from_zero_to_a_paid_request():
    end = '\nkill $(jobs -p) 2>/dev/null || true; wait; "$pg/pg_ctl" -D pg -m fast stop >stop.log\n'
    text = f"set -eu\ntrap '{end}' EXIT\ncd '{rig.ROOT}'\n" + blocks().replace("until curl", "for i in $(seq 200); do ! curl", 1) \
        .replace("; do sleep 0.3; done", " || break; sleep 0.3; done", 1)
    began = time.time()
    r = subprocess.run([*user(), "env", "HOME=" + HOME, "bash", "-c", text], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, text=True, timeout=SECONDS, cwd="/")
    print(f"# {time.time() - began:.0f} s")
    equal(r.returncode, 0, r.stdout[-3000:])
    true('"content":"Hello"' in r.stdout, r.stdout[-3000:])
    cost = re.search(r"^demo/echo +(\S+) +0 +1 ", r.stdout, re.M)
    true(cost and float(cost[1]) > 0, r.stdout[-2000:])
    true(re.search(rf"^total_usage +{re.escape(cost[1])}$", r.stdout, re.M), r.stdout[-2000:])
    true(re.search(rf"^20\d\d-\d\d +0 +10 +-{re.escape(cost[1])} ", r.stdout, re.M), r.stdout[-2000:])
    true(re.search(r"^[0-9a-f-]{36} +first .* accepted ", r.stdout, re.M), r.stdout[-2000:])


if __name__ == "__main__":
    failed = rig.run_cases()
    shutil.rmtree(HOME, ignore_errors=True)
    sys.exit(failed != 0)
