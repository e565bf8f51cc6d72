#!/bin/bash
# Goal: two control planes over one database, a data plane at each. What one of them is told, the other's data plane obeys
# within a second; limits per minute are shared over both; when one is killed (-9) under load, nothing is lost and nothing
# is there twice, warm requests notice nothing, and a client of the REST API has to try some of its calls once more.
set -eu
cd "$(dirname "$0")/../.."
export TR_CASE_PREFIX=$(basename "$0" .sh) PYTHONPATH=tests/lib
exec python3 - "$@" <<'PY'
import http.client, os, re, shutil, subprocess, threading, time
import rig
from rig import case, equal, fresh, sql, true, wait_until

RUN = rig.env("TR_RUN_DIR")
CONF = os.path.join(RUN, "conf/dataplane.conf")
STATE = os.path.join(RUN, "second")
LINK, REST, PORT, METRICS = (rig.free_port() for _ in range(4))
with open(CONF) as f:
    GOOD = f.read()
FIRST_LINK = re.search(r"^control_port = (\d+)", GOOD, re.M).group(1)
CONTROLS = [rig.env("TR_CONTROL_URL"), f"https://localhost:{REST}"]
PLANES = [rig.env("TR_BASE_URL"), f"https://localhost:{PORT}/v1"]
running = []


def edited(text, **values):
    for name, value in values.items():
        text, n = re.subn(rf"(?m)^{name} = .*$", f"{name} = {value}", text)
        equal(n, 1, name)
    return text


def run(program, name, text):
    conf = os.path.join(RUN, f"conf/{name}.conf")
    with open(conf, "w") as f:
        f.write(text)
    with open(os.path.join(RUN, f"log/{name}.log"), "a") as log:
        running.append(subprocess.Popen([os.path.join(rig.env("TR_BIN"), program), "-c", conf], stdout=log, stderr=log))


def begin():
    """The second control plane, the stack's data plane at the first, another one at the second."""
    shutil.rmtree(STATE, ignore_errors=True)
    shutil.copytree(os.path.join(RUN, "state"), STATE)
    with open(os.path.join(RUN, "conf/controlplane.conf")) as f:
        run("tr-controlplane", "controlplane2", edited(f.read(), rest_port=REST, link_port=LINK, state_dir=STATE))
    wait_until(lambda: ask(1, "GET", "/health").status == 200, 20, "the second control plane")
    rig.stop("dataplane")
    with open(CONF, "w") as f:
        f.write(edited(GOOD, control_host=f"127.0.0.1:{FIRST_LINK}, 127.0.0.1:{LINK}"))
    rig.start("dataplane")
    run("tr-dataplane-sim", "dataplane2",
        edited(GOOD, control_host=f"127.0.0.1:{LINK}, 127.0.0.1:{FIRST_LINK}", listen_port=PORT, metrics_port=METRICS,
               place="second"))
    wait_until(lambda: served(1, rig.new_key()).status == 200, 30, "the second data plane")


def end():
    for process in reversed(running):
        process.terminate()
    for process in running:
        process.wait(30)
    with open(CONF, "w") as f:
        f.write(GOOD)
    rig.stop("dataplane")
    rig.start("dataplane")
    shutil.rmtree(STATE, ignore_errors=True)


def ask(which, method, path, body=None, headers=None):
    c = rig.Client(CONTROLS[which], rig.env("TR_CONTROL_CA"), rig.env("TR_MANAGEMENT_KEY"), timeout=5)
    try:
        return c.request(method, path, body, headers)
    finally:
        c.close()


def served(which, key, **members):
    try:
        c = rig.Client(PLANES[which], key=key["key"])
        body = {"model": "demo/echo", "messages": [{"role": "user", "content": "hello"}], "mock": {"*": "tokens=2"}}
        return c.request("POST", "/chat/completions", dict(body, **members))
    except (OSError, http.client.HTTPException) as e:
        return rig.Answer(0, {}, repr(e).encode())


@case
def what_one_is_told_all_data_planes_obey():
    for teller in (0, 1):
        for change, status in (({"disabled": True}, 401), ({"allowed_models": ["demo/dear"]}, 403)):
            key = rig.new_key()
            for plane in (0, 1):
                equal(served(plane, key).status, 200)
            equal(ask(teller, "PATCH", "/v1/keys/" + key["hash"], change).status, 200)
            began = time.monotonic()
            for plane in (0, 1):
                wait_until(lambda: served(plane, key).status == status, 5, f"{change} at {plane}", step=0.01)
            took = time.monotonic() - began
            true(took < 1, f"{change} by {teller} took {took:.2f} s")


@case
def a_limit_per_minute_is_shared():
    key = rig.new_key(requests_per_minute=30)
    began = time.monotonic()
    counts, limits = [0, 0], [0, 0]
    for plane in (0, 1):  # both have a lease, and have heard of each other
        counts[plane] += served(plane, key).status == 200
    wait_until(lambda: [int(p) for p, in sql(f"select parts from key_share join api_key using (key_id) where name = "
                                             f"'{key['name']}'")] == [2], 5, "two parts")
    time.sleep(0.3)
    for plane in (0, 1):
        for _ in range(40):
            a = served(plane, key)
            true(a.status in (200, 429), repr(a))
            counts[plane] += a.status == 200
            limits[plane] = int(a.header("x-ratelimit-limit-requests"))
    minutes = (time.monotonic() - began) / 60
    print(f"# {counts} requests of 30 a minute passed in {60 * minutes:.1f} s, limits told: {limits}")
    equal(sum(limits), 30)
    true(min(counts) >= 1 and sum(counts) <= 30 * (minutes + 1) + 2, counts)


class Rest(threading.Thread):
    """Calls one after the other, at both control planes in turn; one that fails is tried once more at the other, with the
    same Idempotency-Key."""

    def __init__(self, account):
        super().__init__(daemon=True)
        self.account, self.stopping = account, threading.Event()
        self.done, self.again, self.wrong = 0, 0, []

    def call(self, n, method, path, body, headers):
        for turn in range(6):
            try:
                a = ask((n + turn) % 2, method, path, body, headers)
                if a.status < 500:
                    return a
            except (OSError, http.client.HTTPException):
                pass
            self.again += 1
        return rig.Answer(0, {}, b"tried six times")

    def run(self):
        n = 0
        while not self.stopping.is_set():
            n += 1
            ident = fresh("pay-")
            a = self.call(n, "POST", "/v1/credits/topup",
                          {"amount": "0.01", "idempotency_key": ident, "account_id": self.account},
                          {"Idempotency-Key": ident})
            b = self.call(n, "GET", "/v1/credits", None, {})
            self.done += a.status == 200
            if a.status != 200 or b.status != 200:
                self.wrong.append((a, b))
            time.sleep(0.02)


@case
def one_of_them_is_killed_under_load():
    made = ask(0, "POST", "/v1/accounts", {"name": fresh("paid-")}).json()
    keys = [rig.new_key() for _ in range(2)]
    warm = [served(plane, key) for plane, key in enumerate(keys)]
    equal([a.status for a in warm], [200, 200])
    loads = [rig.Load(keys[0]["key"], fresh("load-"), workers=3)]
    rest = [Rest(made["data"]["id"]) for _ in range(3)]
    second = {"answers": [], "failed": []}
    stopping = threading.Event()

    def at_the_second():
        while not stopping.is_set():
            a = served(1, keys[1])
            second["answers" if a.status == 200 else "failed"].append(a)

    other = threading.Thread(target=at_the_second, daemon=True)
    for t in (*loads, *rest, other):
        t.start()
    time.sleep(1.5)
    rig.kill9("controlplane")
    time.sleep(4)
    for r in rest:
        r.stopping.set()
    for r in rest:
        r.join(60)
    stopping.set()
    other.join(60)
    for load in loads:
        load.stop()
    rig.start("controlplane")
    print(f"# {sum(r.done for r in rest)} top-ups, {sum(r.again for r in rest)} tried again; "
          f"{len(loads[0].complete)} and {len(second['answers'])} requests served")
    equal([w for r in rest for w in r.wrong], [])
    true(sum(r.again for r in rest) > 0, "nobody noticed that one was killed: it was not asked")
    equal((loads[0].failed, second["failed"]), ({}, []))  # warm requests need neither of them
    rig.settled()
    booked = sql("select count(*), coalesce(sum(amount_nusd), 0) from transfer t join posting p using (transfer_id) join "
                 f"ledger_account a using (ledger_account_id) where t.account_id = '{made['data']['id']}' and "
                 "a.kind = 'available'")[0]
    equal([int(x) for x in booked], [sum(r.done for r in rest), 10_000_000 * sum(r.done for r in rest)])
    rig.booked_as_answered(keys[1], [warm[1], *second["answers"]])
    rig.booked_as_answered(keys[0], [warm[0], *loads[0].complete.values()])
    equal(rig.violations(), [])


try:
    begin()
    failed = rig.run_cases()
finally:
    end()
raise SystemExit(failed != 0)
PY
