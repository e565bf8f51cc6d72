#!/usr/bin/env python3
"""Inside the namespace that `run` makes: switch its loopback on, make its name server ours, bring a stack up whose data
plane is the booted guest, and run the suite. Standard library only."""

import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../lib")]
import network
import own_stack


def enter():
    network.interface("lo", "127.0.0.1")
    network.interface("lo:1", network.ELSEWHERE)
    network.interface("lo:2", network.METADATA)
    network.interface("lo:3", network.ALSO)
    with tempfile.NamedTemporaryFile("w", prefix="tr-resolv-") as f:
        f.write("nameserver 127.0.0.1\n")
        f.flush()
        os.chmod(f.name, 0o644)
        # The mount keeps the file when its name is gone.
        subprocess.run(["mount", "--bind", f.name, os.path.realpath("/etc/resolv.conf")], check=True)


def main():
    enter()
    work = tempfile.TemporaryDirectory(prefix="tr-image-test-")
    os.environ["TR_IMAGE_WORK"] = work.name
    pem, key = network.certificate(work.name, "provider.test")
    import rig
    port = rig.free_port()
    os.environ["TR_NAMED_PORT"] = str(port)
    own_stack.up((("named", f"https://provider.test:{port}/v1", "m", "--no-check", "--ca", pem), "key-of-named"),
                 options=("--guest",))
    network.NAMES = network.Names({"provider.test": "10.0.2.2"})
    named = subprocess.Popen([os.path.join(os.environ["TR_BIN"], "mock_provider"), "--tls", pem, key, "--listen", f"named:{port}"],
                             stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        import suite
        suite.main()
    finally:
        named.terminate()
        named.wait(10)


main()
