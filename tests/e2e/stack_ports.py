#!/usr/bin/env python3
"""Stacks and tests that start at once never get the same port, keep theirs over a restart, and give it back
when they are gone. Needs no stack."""

import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import rig  # noqa: E402
from rig import case, equal, ports  # noqa: E402

SCRIPT = os.path.join(rig.ROOT, "deploy/dev/ports.py")
NAMES = "demo_a demo_b rest link api metrics".split()
STACKS = 60


def choose(*files):
    """The ports of these stacks, chosen by as many processes at once."""
    started = [subprocess.Popen([sys.executable, SCRIPT, f, *NAMES]) for f in files]
    equal([p.wait(60) for p in started], [0] * len(files))
    return [ports.in_file(f) for f in files]


@case
def stacks_at_once_never_collide():
    with tempfile.TemporaryDirectory() as work:
        got = choose(*[os.path.join(work, f"ports-{i}") for i in range(STACKS)])
        equal({tuple(g) for g in got}, {tuple(NAMES)})
        every = [p for g in got for p in g.values()]
        equal(len(every) - len(set(every)), 0, f"ports given twice, of {len(every)}")
        with open("/proc/sys/net/ipv4/ip_local_port_range") as f:
            low = int(f.read().split()[0])
        equal([p for p in every if p >= low], [], "where outgoing connections are given theirs")


@case
def a_stack_keeps_its_ports():
    with tempfile.TemporaryDirectory() as work:
        one, two = os.path.join(work, "one"), os.path.join(work, "two")
        first = choose(one)[0]
        with rig.socket.socket() as s:  # somebody took one while the stack was down
            s.bind(("127.0.0.1", first["rest"]))
            s.listen()
            second = choose(one)[0]
        equal({n: p for n, p in second.items() if n != "rest"}, {n: p for n, p in first.items() if n != "rest"})
        equal(second["rest"] == first["rest"], False, "the port that is taken")
        # Another stack that names the same ports, as a copy of the directory would, gets others.
        with open(two, "w") as f:
            f.writelines(f"{n}={p}\n" for n, p in second.items())
        equal(set(choose(two)[0].values()) & set(second.values()), set())


@case
def what_is_over_is_given_back():
    with tempfile.TemporaryDirectory() as work:
        mine = os.path.join(work, "ports")
        port = choose(mine)[0]["api"]
        reservation = os.path.join(ports.folder(), str(port))
        equal(ports.holder(reservation, port), "file " + os.path.realpath(mine))
        os.unlink(mine)
        equal(ports.holder(reservation, port), None)
    code = f"import sys; sys.path.insert(0, {os.path.dirname(SCRIPT)!r}); import ports; print(*ports.for_process(3))"
    got = [int(x) for x in subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                                          check=True).stdout.split()]
    equal(len(set(got)), 3)
    equal([ports.holder(os.path.join(ports.folder(), str(p)), p) for p in got], [None] * 3)
    mine = ports.for_process(2)
    equal([ports.holder(os.path.join(ports.folder(), str(p)), p) is None for p in mine], [False] * 2)


if __name__ == "__main__":
    rig.main()
