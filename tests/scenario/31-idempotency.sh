#!/bin/bash
# Goal: of equal requests with one Idempotency-Key one runs, at however many data planes they arrive. A data plane
# that is killed (-9) while such a request runs keeps the key until it is settled: then a retry runs, at another data
# plane too, and nothing is billed twice. A restart of either plane forgets nothing.
set -eu
cd "$(dirname "$0")/../.."
export TR_CASE_PREFIX=$(basename "$0" .sh) PYTHONPATH=tests/lib
exec python3 - "$@" <<'PY'
import os, re, subprocess, threading, time
import rig
from rig import case, equal, fresh, parallel, true, wait_until

RUN = rig.env("TR_RUN_DIR")
PORT, METRICS = rig.free_port(), rig.free_port()
SECOND = f"https://localhost:{PORT}/v1"
HOSTS = [rig.env("TR_BASE_URL"), SECOND]


class Second:
    """Another data plane of the same stack, at a place of its own."""

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
        wait_until(lambda: chat(None, host=SECOND).status == 200, 30, "the second data plane")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.terminate()
        self.process.wait(30)


def chat(idem, mock="tokens=3", key=None, host=None, timeout=60, **members):
    c = rig.Client(host, key=key["key"] if key else None, timeout=timeout)
    body = {"model": "demo/echo", "messages": [{"role": "user", "content": "hello"}],
            "mock": {"*": f"{mock},id={idem or 'none'}"}}
    body.update(members)
    try:
        return c.request("POST", "/chat/completions", body, {"Idempotency-Key": idem} if idem else {})
    finally:
        c.close()


def ran(idem):
    return len(rig.seen(idem))


second = Second()


@case
def one_of_twenty_runs_at_two_data_planes():
    key = rig.new_key()
    chat(None, key=key, host=HOSTS[0])
    chat(None, key=key, host=HOSTS[1])
    for mock in ("tokens=5,cadence_us=20000", "tokens=1", "fail=500,times=1,tokens=1"):
        idem = fresh("race-")
        answers = parallel(20, lambda i: chat(idem, mock, key, HOSTS[i % 2], stream=i % 4 < 2))
        good = [a for a in answers if a.status == 200]
        equal(len(good), 1, sorted(a.status for a in answers))
        equal({a.status for a in answers if a is not good[0]}, {409})
        rig.settled()
        for host in HOSTS:
            again = chat(idem, key=key, host=host)
            equal((again.status, again.error()["code"]), (409, "idempotency_key_used"))
            equal(again.header("x-tr-first-generation-id"), good[0].header("x-generation-id"))
        equal(rig.booked_ids(key)[good[0].header("x-request-id")], 1)
    equal(len(rig.usage_rows(key)), 5)
    equal(rig.violations(), [])


@case
def a_killed_data_plane_keeps_the_key_until_it_is_settled():
    key = rig.new_key()
    idem = fresh("killed-")

    def lost():
        try:
            chat(idem, "tokens=2000,cadence_us=20000", key, SECOND, stream=True)
        except OSError:
            pass

    t = threading.Thread(target=lost)
    t.start()
    wait_until(lambda: ran(idem) == 1, 10, "it runs")
    second.kill()
    killed = time.monotonic()
    t.join()
    a = chat(idem, key=key)
    equal((a.status, a.error()["code"]), (409, "idempotency_key_in_flight"), repr(a))
    equal(ran(idem), 1)
    second.start()  # at the same place: the former one has ended
    a = wait_until(lambda: (lambda b: b if b.status == 200 else None)(chat(idem, key=key)), 30, "a retry runs", step=0.3)
    print(f"# the key was free {time.monotonic() - killed:.1f} s after the kill")
    rig.settled()
    again = chat(idem, key=key, host=SECOND)
    equal((again.status, again.error()["code"]), (409, "idempotency_key_used"), repr(again))
    equal(ran(idem), 2)
    equal([r["cost"] > 0 for r in rig.usage_rows(key)], [True])
    equal(rig.violations(), [])


@case
def a_restart_forgets_nothing():
    key = rig.new_key()
    idem = fresh("restart-")
    first = chat(idem, key=key)
    equal(first.status, 200)
    rig.settled()
    for name in ("dataplane", "controlplane"):
        rig.stop(name)
        rig.start(name)
        a = wait_until(lambda: (lambda b: b if b.status != 503 else None)(chat(idem, key=key)), 30, "served")
        equal((a.status, a.error()["code"]), (409, "idempotency_key_used"), repr(a))
        equal(a.header("x-tr-first-generation-id"), first.header("x-generation-id"))
    equal(ran(idem), 1)


second.start()
code = 1
try:
    code = 1 if rig.run_cases() else 0
finally:
    second.stop()
raise SystemExit(code)
PY
