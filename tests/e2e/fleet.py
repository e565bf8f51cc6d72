#!/usr/bin/env python3
"""Data planes and the rules that judge them, by REST: a second control plane over the same database and a data plane of a
later release on it. A policy counts on both when it is in the log; the data plane is listed, shut out, let in again and
drained through the control plane that it is not connected to. The second control plane has no key for a provider: only a
customer's own key gets there. Then what anybody may know: status and incidents."""

import json
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import rig  # noqa: E402
from own_keys import account_key, ask, bearer, put, used  # noqa: E402
from rig import case, control, equal, fresh, sql, true, wait_until  # noqa: E402

RUN, BIN = rig.env("TR_RUN_DIR"), rig.env("TR_BIN")
LINK, REST, PORT = rig.free_port(), rig.free_port(), rig.free_port()
SECOND_URL, LATER_URL = f"https://localhost:{REST}", f"https://localhost:{PORT}/v1"
POLICY = open(os.path.join(RUN, "conf/attestation.conf")).read()
processes = []
world = {}
MASTER = os.path.join(RUN, "conf/fleet-master.key")
OLD_MASTER, NEW_MASTER = "1f" * 32, "2e" * 32


def send(method, path, body=None, status=200):
    a = control(method, "/v1" + path, body)
    equal(a.status, status, (path, a.body[:500]))
    return a.json()


def copy_conf(name, to, lines):
    with open(os.path.join(RUN, "conf", name)) as f:
        text = f.read()
    for key, value in lines.items():
        text = re.sub(rf"(?m)^{key} = .*$", f"{key} = {value}", text)
    path = os.path.join(RUN, "conf", to)
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, 0o600)
    return path


def run(program, conf, log):
    with open(os.path.join(RUN, "log", log), "a") as f:
        processes.append(subprocess.Popen([program, "-c", conf], stdout=f, stderr=f))
    return processes[-1]


def second_control_plane():
    state = os.path.join(RUN, "fleet-state")
    shutil.rmtree(state, ignore_errors=True)
    shutil.copytree(os.path.join(RUN, "state"), state)
    keys = os.path.join(RUN, "conf/fleet-keys.conf")
    with open(keys, "w") as f:
        f.write("demo-b = mock-provider-key-b\n")
    os.chmod(keys, 0o600)
    conf = copy_conf("controlplane.conf", "fleet-control.conf", {
        "rest_port": REST, "link_port": LINK, "metrics_port": 0, "state_dir": state, "provider_keys": keys})
    with open(conf, "a") as f:
        f.write(f"master_key_file = {MASTER}\n")
    master(OLD_MASTER)
    world["conf2"] = conf
    start_second()


def master(*keys):
    with open(MASTER, "w") as f:
        f.write("# the first is in use\n" + "".join(k + "\n" for k in keys))
    os.chmod(MASTER, 0o600)


def start_second():
    world["second"] = run(os.path.join(BIN, "tr-controlplane"), world["conf2"], "fleet-control.log")
    wait_until(lambda: rig.Client(SECOND_URL, rig.env("TR_CONTROL_CA"), key="").request("GET", "/health").status == 200, 20)


def later():
    """A data plane of another release, so of another measurement, at the second control plane."""
    program = os.path.join(RUN, "tr-dataplane-fleet")
    shutil.copy(os.path.join(BIN, "tr-dataplane-sim"), program)
    with open(program, "ab") as f:
        f.write(b"fleet")
    conf = copy_conf("dataplane.conf", "fleet-dataplane.conf", {
        "listen_port": PORT, "metrics_port": 0, "place": "fleet", "control_port": LINK, "region": "fleet-1"})
    measurement = subprocess.run([program, "-c", conf, "--print-measurement"], check=True, capture_output=True,
                                 text=True).stdout.strip()
    return program, conf, measurement


def listed(measurement):
    for d in send("GET", "/dataplanes")["data"]:
        if d["measurement"] == measurement:
            return d
    return None


@case
def a_policy_counts_everywhere_when_it_is_logged():
    second_control_plane()
    world["program"], world["conf"], world["measurement"] = later()
    before = send("GET", "/policy")["data"]
    equal(before["allow_simulated"], True)
    process = run(world["program"], world["conf"], "fleet-dataplane.log")
    wait_until(lambda: '"link_refused","reason":"measurement"' in open(os.path.join(RUN, "log/fleet-dataplane.log")).read(),
               20, "it is refused")
    for wrong in ("audience = a\n", POLICY + "\nunknown = 1\n", POLICY.replace("allow_simulated = on", "allow_simulated = off"), ""):
        equal(send("POST", "/policy", {"text": wrong}, 400)["error"]["code"], "invalid_policy")
    for wrong in ({}, {"text": 1}, {"text": POLICY, "note": "a\nb"}, []):
        send("POST", "/policy", wrong, 400)
    equal(send("GET", "/policy")["data"]["version"], before["version"])
    text = POLICY + f"\n[measurement fleet]\nsha384 = {world['measurement']}\n"
    made = send("POST", "/policy", {"text": text, "note": "a later release"})["data"]
    equal((made["state"], made["origin"], made["note"], made["version"]),
          ("in_force", "rest", "a later release", before["version"] + 1))
    logged = send("GET", f"/attestation/transparency/{made['log_index']}")["statement"]
    equal((logged["trigger"], logged["policy_sha256"]), ("rest", made["sha256"]))
    equal(send("POST", "/policy", {"text": text})["data"]["version"], made["version"], "the same again is no other")
    # Another operator has read the version before, so his text has nothing of this one.
    stale = send("POST", f"/policy?base={before['version']}", {"text": POLICY + "\n# mine\n"}, 409)["error"]
    equal((stale["code"], stale["param"]), ("policy_moved", "base"))
    equal(send("GET", "/policy")["data"]["version"], made["version"])
    equal(send("POST", "/policy?base=0", {"text": text}, 400)["error"]["param"], "base")
    equal(send("POST", f"/policy?base={made['version']}", {"text": text})["data"]["version"], made["version"])
    wait_until(lambda: (listed(world["measurement"]) or {}).get("verdict") == "accepted", 20, "the other control plane knows it")
    d = wait_until(lambda: (lambda x: x if x["region"] and x["place"] and x["policy_sha256"] else None)(
        listed(world["measurement"])), 10)
    equal((d["connected"], d["place"], d["region"], d["simulated"], d["policy_sha256"]),
          (True, "fleet", "fleet-1", True, made["sha256"]))
    wait_until(lambda: listed(world["measurement"])["catalog_version"] == send("GET", "/catalog?model=x")["data"]["version"], 10)
    equal([p["state"] for p in send("GET", "/policy/versions")["data"]][:3], ["failed", "in_force", "retired"])
    true(process.poll() is None)
    world["process"], world["boot"] = process, d["boot"]
    for method, path in (("POST", "/policy"), ("GET", "/policy"), ("GET", "/dataplanes"),
                         ("POST", f"/dataplanes/{d['boot']}/evict")):
        equal(control(method, "/v1" + path, {} if method == "POST" else None, rig.env("TR_API_KEY")).status, 403)


@case
def own_keys_reach_a_provider_without_an_operators_key():
    management, key, account = account_key()
    paid = rig.new_key()["key"]
    shown = rig.Client(LATER_URL, key="").request("GET", "/models").body.decode()
    true('"demo/only-a"' not in shown and '"demo/echo"' in shown, "what nobody without an own key can use is not listed")
    wait_until(lambda: rig.Client(LATER_URL, key=paid).chat(model="demo/echo").status == 200, 10)
    a = rig.Client(LATER_URL, key=paid).chat(model="demo/only-a")
    true(a.status != 200 or a.json()["model"] != "demo/only-a", a)
    secret = fresh("sk-own-")
    put(management, account, "demo-a", secret, base=LATER_URL)
    wait_until(lambda: ask(key, base=LATER_URL).status == 200, 5, "served with the customer's key")
    true(used(key, "Bearer " + secret, base=LATER_URL))
    equal(ask(key, base=LATER_URL).status, 200)


def second(method, path, body=None, status=200):
    c = rig.Client(SECOND_URL, rig.env("TR_CONTROL_CA"), rig.env("TR_MANAGEMENT_KEY"))
    a = c.request(method, "/v1" + path, body)
    c.close()
    equal(a.status, status, (path, a.body[:500]))
    return a.json()


@case
def provider_keys_by_rest():
    """A key comes by REST, sealed in the database, and is served with at once; two share by weight; one that its provider
    refuses is set aside and shown; another master key; the last one goes."""
    equal(send("POST", "/provider-keys", {"provider": "demo-a", "key": "k"}, 409)["error"]["code"], "no_master_key")
    one, two, paid = fresh("sk-one-"), fresh("sk-two-"), rig.new_key()["key"]
    for wrong in ({"provider": "nobody", "key": "k"}, {"provider": "demo-a", "key": "a b"}, {"provider": "demo-a", "key": ""},
                  {"provider": "demo-a", "key": "k", "weight": 0}, {"provider": "demo-a", "key": "k", "weight": 101},
                  {"provider": "demo-a"}):
        second("POST", "/provider-keys", wrong, 400)
    a = second("POST", "/provider-keys", {"provider": "demo-a", "key": one, "label": "first", "weight": 1})["data"]
    equal((a["provider"], a["label"], a["weight"], a["disabled"], a["set_aside"]), ("demo-a", "first", 1, False, []))
    wait_until(lambda: used(paid, "Bearer " + one, base=LATER_URL), 10, "served with the key that came by REST")
    wait_until(lambda: '"demo/only-a"' in rig.Client(LATER_URL, key="").request("GET", "/models").body.decode(), 5, "listed")
    equal(second("POST", "/provider-keys", {"provider": "demo-a", "key": one}, 409)["error"]["param"], "key")
    b = second("POST", "/provider-keys", {"provider": "demo-a", "key": two, "weight": 3})["data"]
    equal(second("PATCH", f"/provider-keys/{b['id']}", {"label": "second"})["data"]["label"], "second")

    def shares():
        said = []
        for _ in range(8):
            equal(ask(paid, base=LATER_URL).status, 200)
            said.append(bearer())
        return said.count("Bearer " + one), said.count("Bearer " + two)

    wait_until(lambda: shares() == (2, 6), 10, "one in four")
    # One is refused by its provider: the request goes on with the other, and everybody sees why.
    ident = fresh("refused")
    equal(ask(paid, f"id={ident},times=1,fail=403", base=LATER_URL).status, 200)
    wait_until(lambda: [x["reason"] for k in send("GET", "/provider-keys?provider=demo-a")["data"] for x in k["set_aside"]]
               == ["forbidden"], 10, "shown, by the other control plane, too")
    text = json.dumps(send("GET", "/provider-keys"))
    dump = subprocess.run(["pg_dump", rig.env("TR_DATABASE_URL"), "-a", "-t", "provider_key"], capture_output=True).stdout
    for secret in (one, two):
        true(secret not in text and secret.encode() not in dump and secret.encode().hex().encode() not in dump)
        for log in ("fleet-control.log", "fleet-dataplane.log"):
            true(secret not in open(os.path.join(RUN, "log", log)).read())
    # Another master key: the former one opens, the new one seals; then the former one is not needed any more.
    ids = {k["master_key_id"] for k in send("GET", "/provider-keys")["data"]}
    equal(second("POST", "/provider-keys/rewrap")["data"], {"rewrapped": 0, "unreadable": 0})
    for keys, rewrapped in ((NEW_MASTER, OLD_MASTER), 2), ((NEW_MASTER,), 0):
        world["second"].terminate()
        world["second"].wait(15)
        master(*keys)
        start_second()
        equal(second("POST", "/provider-keys/rewrap")["data"], {"rewrapped": rewrapped, "unreadable": 0})
    true(ids.isdisjoint(k["master_key_id"] for k in send("GET", "/provider-keys")["data"]))
    wait_until(lambda: ask(paid, base=LATER_URL).status == 200, 20)
    true(bearer() in ("Bearer " + one, "Bearer " + two))
    # Bytes that were exchanged in the database open no more.
    sql(f"update provider_key set sealed = (select sealed from provider_key where key_id = '{b['id']}'), fingerprint = 'x2345678'"
        f" where key_id = '{a['id']}'")
    wait_until(lambda: '"event":"provider_key_left_out"' in open(os.path.join(RUN, "log/fleet-control.log")).read(), 10)
    equal(second("PATCH", f"/provider-keys/{a['id']}", {"disabled": True})["data"]["disabled"], True)
    for k in (a, b):
        equal(second("DELETE", f"/provider-keys/{k['id']}"), {"deleted": True})
    second("DELETE", f"/provider-keys/{a['id']}", None, 404)
    wait_until(lambda: '"demo/only-a"' not in rig.Client(LATER_URL, key="").request("GET", "/models").body.decode(), 10,
               "without a key it is for own keys only again")


@case
def evicted_resumed_drained():
    boot, path = world["boot"], f"/dataplanes/{world['boot']}"
    equal(send("POST", path + "/evict", {}, 400)["error"]["param"], "reason")
    send("POST", f"/dataplanes/{'0' * 32}/evict", {"reason": "x"}, 404)
    send("GET", "/dataplanes/x/history", None, 404)
    send("POST", path + "/evict", {"reason": "it looks odd"})
    wait_until(lambda: not listed(world["measurement"])["connected"], 10, "shut out, by the other control plane")
    d = listed(world["measurement"])
    equal((d["verdict"], d["reason"]), ("evicted", "it looks odd"))
    log = os.path.join(RUN, "log/fleet-dataplane.log")
    wait_until(lambda: open(log).read().count('"link_refused","reason":"evicted"') >= 2, 10, "it comes again, and is refused")
    equal(rig.Client(LATER_URL).chat().status, 503)
    send("POST", path + "/resume")
    wait_until(lambda: listed(world["measurement"])["verdict"] == "accepted", 10)
    wait_until(lambda: rig.Client(LATER_URL).chat().status == 200, 10, "serves again")
    # Shut out, and another policy: it stays out until it is resumed.
    send("POST", path + "/evict", {"reason": "once more"})
    wait_until(lambda: not listed(world["measurement"])["connected"], 10)
    send("POST", "/policy", {"text": POLICY + f"\n# again\n[measurement fleet]\nsha384 = {world['measurement']}\n"})
    true(not listed(world["measurement"])["connected"], "no policy ends it")
    send("POST", path + "/resume")
    wait_until(lambda: listed(world["measurement"])["connected"], 10, "resumed")
    send("POST", path + "/drain", {"reason": "an upgrade"})
    equal(world["process"].wait(20), 0, "it ended by itself")
    wait_until(lambda: not listed(world["measurement"])["connected"], 10)
    true(listed(world["measurement"])["draining"], "it has said so")
    events = [e["event"] for e in send("GET", path + "/history")["data"]]
    equal(events[-1], "accepted")
    for e in ("evict", "resume", "refused", "closed", "drain"):
        true(e in events, (e, events))
    page = send("GET", path + "/history?limit=2")
    equal(len(page["data"]), 2)
    equal(send("GET", path + f"/history?limit=2&cursor={page['next_cursor']}")["data"][0]["event"], events[2])


@case
def the_file_counts_again_when_it_is_another():
    now = send("POST", "/policy", {"text": POLICY})["data"]
    rig.stop("controlplane")
    rig.start("controlplane")
    equal(send("GET", "/policy")["data"]["version"], now["version"], "the same file: what operators have put in force stays")
    wait_until(lambda: rig.chat().status == 200, 20)


def public(path):
    a = rig.Client(rig.env("TR_CONTROL_URL"), rig.env("TR_CONTROL_CA"), key="").request("GET", path)
    equal(a.status, 200, a)
    return a.json()


@case
def what_anybody_may_know():
    made = send("POST", "/incidents", {"title": "Slow answers", "impact": "minor", "message": "We are looking at it.",
                                      "providers": "demo-a demo-b"})["data"]
    equal((made["state"], made["providers"], made["resolved_at"]), ("investigating", ["demo-a", "demo-b"], None))
    path = f"/incidents/{made['id']}"
    after = send("PATCH", path, {"state": "resolved", "message": "It is over."})["data"]
    equal((after["state"], [u["message"] for u in after["updates"]]), ("resolved", ["It is over.", "We are looking at it."]))
    true(after["resolved_at"] is not None)
    equal(public("/v1" + path)["data"]["id"], made["id"])
    true(made["id"] in [i["id"] for i in public("/v1/incidents")["data"]])
    for body in ({"title": "x", "impact": "huge", "message": "x"}, {"title": "x", "message": "x"},
                 {"title": "a\nb", "impact": "none", "message": "x"}):
        send("POST", "/incidents", body, 400)
    send("PATCH", "/incidents/" + "0" * 32, {"state": "resolved"}, 404)
    equal(control("POST", "/v1/incidents", {}, rig.env("TR_API_KEY")).status, 403)
    status = wait_until(lambda: (lambda s: s if any(i["id"] == made["id"] for i in s["incidents"]) else None)(public("/status.json")), 10)
    equal(status["attestation"]["simulated_allowed"], True)
    equal([r["id"] for r in status["regions"] if r["id"] == "local"], ["local"])
    equal(sorted(p["id"] for p in status["providers"] if p["id"].startswith("demo-")), ["demo-a", "demo-b"])
    requests, accounts = map(int, sql("select coalesce(sum(requests), 0), (select count(distinct a) from status_minute, unnest(accounts) a)"
                                      " from status_minute")[0])
    if requests < 100 or accounts < 5:  # of a stack that other tests have not used before
        equal(status["service"]["status"], "unknown", "few requests are no figure")
    else:
        true(status["service"]["status"] in ("unknown", "operational", "degraded", "outage"), repr(status["service"]))
    true("usage records" in status["method"]["source"])
    text = json.dumps(status)
    for secret in (row[0] for row in sql("select account_id from account")):
        true(secret not in text, "no account is named")


if __name__ == "__main__":
    try:
        failed = rig.run_cases(always=("a_policy_counts_everywhere_when_it_is_logged",))
    finally:
        for p in processes:
            if p.poll() is None:
                p.terminate()
                try:
                    p.wait(15)
                except subprocess.TimeoutExpired:
                    p.kill()
        if sql("select 1 from policy_version where state = 'in_force' and origin = 'rest'"):
            control("POST", "/v1/policy", {"text": POLICY})
    sys.exit(1 if failed else 0)
