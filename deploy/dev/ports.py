#!/usr/bin/env python3
"""Loopback ports for a stack or a test, such that two that start at once never get the same one.

    ports.py FILE NAME...     writes NAME=PORT lines; ports that FILE already names are kept when they still can be

A port is reserved by a file of its name in /tmp/tr-ports-UID, made under one lock, and is taken only when it can
also be bound. A reservation says who holds it and ends with its holder: "file PATH" while that file names the port,
"process PID START" while that process lives. Ports come from below the kernel's range for outgoing connections:
one from within it can be taken by any client's connection between a crash and the restart."""

import fcntl
import os
import random
import socket
import sys

SPAN = 12000  # ports below the kernel's range; a machine's stacks and tests use a few hundred


def folder():
    path = f"/tmp/tr-ports-{os.getuid()}"
    os.makedirs(path, mode=0o700, exist_ok=True)
    if os.stat(path, follow_symlinks=False).st_uid != os.getuid():
        sys.exit(f"{path} belongs to another user")
    return path


def start_time(pid):
    """Field 22 of its stat: a pid that is used again has another. None: no such process."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[19]
    except OSError:
        return None


def in_file(path):
    """The ports that such a file of ours names, by their names."""
    try:
        with open(path) as f:
            pairs = [line.strip().split("=") for line in f if "=" in line]
        return {name: int(port) for name, port in pairs}
    except (OSError, ValueError):
        return {}


def holder(reservation, port):
    """Who holds the port still, as the reservation says it; None when nobody does."""
    try:
        with open(reservation) as f:
            words = f.read().strip().split(" ", 1)
    except OSError:
        return None
    if len(words) == 2 and words[0] == "file" and port in in_file(words[1]).values():
        return " ".join(words)
    if len(words) == 2 and words[0] == "process":
        pid, _, started = words[1].partition(" ")
        if started and start_time(pid) == started:
            return " ".join(words)
    return None


def can_be_bound(port):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def candidates():
    with open("/proc/sys/net/ipv4/ip_local_port_range") as f:
        low = int(f.read().split()[0])
    first = max(low - SPAN, 1024)
    ports = list(range(first, low)) or list(range(20000, 20000 + SPAN))
    random.shuffle(ports)
    return ports


def reserve(n, owner, wanted=(), write=lambda ports: None):
    """n ports for this owner, the wanted ones first. write(ports) is called before the lock is let go: a
    reservation by a file counts only when the file names the port."""
    path, out = folder(), []
    with open(os.path.join(path, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = [p for p in wanted if p]
        for port in [*wanted, *candidates()]:
            if len(out) == n:
                break
            reservation = os.path.join(path, str(port))
            if port in out or holder(reservation, port) not in (None, owner) or not can_be_bound(port):
                continue
            if holder(reservation, port) == owner and port not in wanted:
                continue  # ours already, for something else
            with open(reservation, "w") as f:
                f.write(owner + "\n")
            out.append(port)
        if len(out) < n:
            sys.exit(f"only {len(out)} of {n} loopback ports could be had")
        write(out)
    return out


def for_process(n=1):
    """Ports that are this process's until it ends."""
    return reserve(n, f"process {os.getpid()} {start_time(os.getpid())}")


def for_file(path, names):
    path = os.path.realpath(path)
    old = in_file(path)

    def write(ports):
        with open(path + ".new", "w") as f:
            f.writelines(f"{name}={port}\n" for name, port in zip(names, in_order(ports)))
        os.replace(path + ".new", path)

    def in_order(ports):
        """Each kept port to the name that had it, the new ones to the others."""
        fresh = [p for p in ports if p not in old.values()]
        return [old[name] if old.get(name) in ports else fresh.pop() for name in names]
    reserve(len(names), "file " + path, [old.get(name, 0) for name in names], write)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("usage: ports.py FILE NAME...")
    for_file(sys.argv[1], sys.argv[2:])
