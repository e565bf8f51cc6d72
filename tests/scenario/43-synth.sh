#!/bin/bash
# Goal: an orchestration leaves nothing behind but numbers. Canaries travel in its prompt, its synthesis prompt, in what each member of the
# panel, the judge and the final say, in a refusal, in an error's text and in the arguments of calls; through every strategy, whole and as
# a stream, through failures, fallbacks, a straggler that is dropped and clients that leave in each phase. Afterwards each is looked for in every log,
# the database (its dump and its files), /tmp, /metrics and the memory of both planes: none is there; a seeded one is found, and one
# of an orchestration that waits for its judge is seen in memory.
# Then the data plane is killed (-9) while the panel, the judge and the final are at work, and the control plane and PostgreSQL in the middle of one:
# nothing is booked twice, nothing is below zero, and what was reserved can be spent again. Its own stack.
#
# Only root may look into the planes' memory: see 99-canary.sh.
set -eu
cd "$(dirname "$0")/../.."
if [ "$(id -u)" != 0 ] && sudo -n true 2>/dev/null; then
    exec sudo -n --preserve-env="$(env | sed -n 's/^\(TR_[A-Z_]*\)=.*/\1/p' | paste -sd,)" "$0" "$@"
fi
export TR_CASE_PREFIX=$(basename "$0" .sh) PYTHONPATH=tests/lib
exec python3 - "$@" <<'PY'
import json, os, threading, time, urllib.request
import dialects, panel, rig
from leaks import in_bytes, in_dump, in_memory, in_tree
from panel import FINALS, JUDGES, PANEL, STRATEGIES, Account, request, tell, tool
from rig import case, equal, true, wait_until

BORN = time.time()
RUN = panel.up()
MEMORY = os.access(f"/proc/{rig.pid('dataplane')}/mem", os.R_OK)
APIS = [api for api in dialects.ALL if api.name != "completions"]


def canary(kind):
    return f"CANARY{kind}{os.urandom(9).hex()}"


SAID = {m: canary("SAID" + m[5:].upper()) for m in (*PANEL, *FINALS)}
PROMPT, SYSTEM, SYNTHESIS, VERDICT, REFUSAL, ERROR, CALL = (canary(k) for k in (
    "PROMPT", "SYSTEM", "SYNTHESIS", "VERDICT", "REFUSAL", "ERROR", "CALL"))
NEEDLES = {**{"what " + m + " said": t for m, t in SAID.items()}, "prompt": PROMPT, "system text": SYSTEM, "synthesis prompt": SYNTHESIS,
           "verdict": VERDICT, "refusal": REFUSAL, "error text": ERROR, "arguments of a call": CALL}


def well():
    panel.all_well()
    for model, text in SAID.items():
        tell(model, f"nocalls,chunk=99,say={text} is what I say. {text}")
    for model in JUDGES:
        tell(model, panel.verdict(final_guidance=[VERDICT], selected="A"))


# --- the traffic

ACCOUNT = Account(500)


def ask(api, stream, headers=None, **parameters):
    """The answer's bytes; empty when the connection broke."""
    body = api.ask(PROMPT, stream, "trustedrouter/synth", limit=60)
    body["tools"] = tool(synthesis_prompt=SYNTHESIS, **parameters)
    if api.name == "messages":
        body["system"] = SYSTEM
    elif api.name == "responses":
        body["instructions"] = SYSTEM
    else:
        body["messages"].insert(0, {"role": "system", "content": SYSTEM})
    try:
        return dialects.send(api, body, ACCOUNT.key["key"], headers).body
    except (OSError, rig.http.client.HTTPException):
        return b""


def leave(api, phase_models, stream):
    """A client that leaves while these models are at work."""
    body = {**api.ask(PROMPT, stream, "trustedrouter/synth", limit=60), "tools": tool(synthesis_prompt=SYNTHESIS)}
    s = dialects.connect(api, body, ACCOUNT.key["key"])
    wait_until(lambda: panel.running(*phase_models), 5, "it is at work", step=0.01)
    s.close()
    wait_until(lambda: not panel.running(), 5, "dropped", step=0.01)


def faults():
    """What goes wrong, by model."""
    yield {"test/p1": f"fail=500,error_text={ERROR}", "up-spare": f"fail=500,error_text={ERROR}"}
    yield {m: f"fail=503,error_text={ERROR}" for m in (*PANEL, "up-spare")}
    yield {"test/p2": f"say=I'm sorry but I can't help with {REFUSAL}.", "test/p3": f"refusal,text={REFUSAL}"}
    yield {"test/p3": f"error_at=2,error_text={ERROR},text={SAID['test/p3'] * 4}"}
    yield {"test/j1": f"say=No JSON but {VERDICT}"}
    yield {m: f"fail=500,error_text={ERROR}" for m in JUDGES}
    yield {"test/f1": f"fail=500,error_text={ERROR}"}
    yield {"test/f1": f"say=I'm sorry but I can't help with {REFUSAL}."}
    yield {m: f"fail=429,error_text={ERROR}" for m in FINALS}
    yield {"test/f1": f"error_at=3,error_text={ERROR},text={SAID['test/f1'] * 4}"}
    yield {"test/p1": "rst_at=2,text=" + SAID["test/p1"] * 4, "test/f1": "cut_at=2,text=" + SAID["test/f1"] * 4}


def send_all():
    for strategy in STRATEGIES:
        well()
        for api in APIS:
            for stream in (False, True):
                body = ask(api, stream, selection_strategy=strategy)
                true(any(t.encode() in body for t in SAID.values()), (strategy, api.name, body[:500]))
    for words in faults():
        well()
        for model, w in words.items():
            tell(model, w)
        for stream in (False, True):
            for api in APIS[:1] + APIS[2:]:
                ask(api, stream)
                ask(api, stream, selection_strategy="selector", events=api.name == "chat", event_text=api.name == "chat")
    well()
    tell("test/p3", "delay_us=3000000,first_us=3000000,text=" + SAID["test/p3"])
    for api in APIS:
        ask(api, True, quorum=2)
        ask(api, False, selection_strategy="first_success")
    for models in (PANEL, JUDGES[:1], FINALS[:1]):
        well()
        for model in models:
            tell(model, "delay_us=3000000,first_us=3000000,text=late")
        for api in APIS:
            for stream in (False, True):
                leave(api, models, stream)
    well()
    schema = {"type": "object", "properties": {CALL: {"type": "string"}}, "required": [CALL]}
    function = [{"type": "function", "function": {"name": "f", "parameters": schema}}]
    for model in (*PANEL, *FINALS):
        tell(model, "")
    for stream in (False, True):
        a = ACCOUNT.ask({"model": "trustedrouter/synth", "stream": stream, "messages": [{"role": "user", "content": PROMPT}],
                         "tools": tool() + function})[1]
        true(CALL.encode() in a.body.replace(b'"}}]},"logprobs":null,"finish_reason":null}]', b"") or stream, a)


# --- what is left

def everywhere(needles):
    rig.sql("checkpoint")
    with urllib.request.urlopen(rig.env("TR_METRICS_URL"), timeout=5) as f:
        found = in_bytes(f.read(), needles, "/metrics")
    return found + in_tree(RUN, needles) + in_tree("/tmp", needles, (), BORN - 1) + in_dump(needles)


def none_left(left):
    for line in sorted(set(left)):
        print(f"# {line}: {left.count(line)} times")
    equal(left, [], "canaries left behind")


@case
def a_seeded_leak_is_found():
    needle = {"seed": canary("SEED")}
    path = os.path.join(RUN, "log/seeded.log")
    with open(path, "w") as f:
        f.write("x" * (9 << 20) + needle["seed"])
    equal(len(in_tree(RUN, needle)), 1, "in a log")
    os.unlink(path)


@case
def what_runs_is_seen_in_memory():
    """While the judge is at work, what the panel said is there."""
    if not MEMORY:
        raise rig.Skip("only root may look into the planes' memory")
    well()
    tell("test/j1", "delay_us=3000000,first_us=3000000,text=late")
    t = threading.Thread(target=ask, args=(APIS[0], False))
    t.start()
    wait_until(lambda: panel.running("test/j1"), 5, "the judge is at work", step=0.01)
    found = in_memory(rig.pid("dataplane"), NEEDLES)
    t.join()
    for what in ("prompt", "what test/p1 said", "what test/p2 said"):
        true(any(line.startswith(what + " in") for line in found), (what, found))


@case
def no_canary_is_left():
    send_all()
    rig.settled()
    time.sleep(3)
    none_left(everywhere(NEEDLES))
    if not MEMORY:
        raise rig.Skip("only root may look into the planes' memory")
    left = []
    for name in ("dataplane", "controlplane", "postgres"):
        left += in_memory(rig.pid(name), NEEDLES)
    none_left(left)
    equal(rig.violations(), [])


@case
def traffic_really_happened():
    rows = rig.usage_rows(ACCOUNT.key)
    true(len(rows) > 60, f"{len(rows)} records")
    prompt = json.dumps(panel.asked("test/j2") or panel.asked("test/j1"))
    true(PROMPT in prompt, prompt[:500])


# --- killed

def late(models):
    well()
    for model in models:
        tell(model, "nocalls,delay_us=4000000,first_us=4000000,text=late")


def open_leases(account):
    return int(rig.sql("select count(*) from lease join api_key using (key_id) where state = 'open'"
                       f" and name = '{account.key['name']}'")[0][0])


def books(account, what):
    """Booked at most once, nothing below zero, and what is left can be spent."""
    bills = account.bills()
    true(len(bills) <= 1 and all(b >= 0 for b in bills), (what, bills))
    equal(account.left(), panel.nusd(account.usd) - sum(bills), what)
    wait_until(lambda: account.can_spend(int(account.left() * 0.9)), 30, f"{what}: what was held can be spent", step=0.5)
    equal(rig.violations(), [], what)


def in_flight(account, models):
    """A request that waits for these models, in the background, and what came of it."""
    got = []

    def run():
        try:
            got.append(account.ask(request())[1])
        except (OSError, rig.http.client.HTTPException) as e:
            got.append(e)
    t = threading.Thread(target=run)
    t.start()
    wait_until(lambda: len(panel.running(*models)) == len(models), 5, "at work", step=0.01)
    return t, got


@case
def the_data_plane_is_killed_in_each_phase():
    """Its client's connection breaks; its successor at the same place gives back what it held."""
    for phase, models in (("panel", PANEL), ("judge", JUDGES[:1]), ("final", FINALS[:1])):
        late(models)
        account = Account(1.5)
        t, got = in_flight(account, models)
        equal(account.bills(), [], phase)
        rig.kill9("dataplane")
        t.join(20)
        true(not isinstance(got[0], rig.Answer) or not got[0].clean, (phase, got))
        wait_until(lambda: not panel.running(), 5, "the providers are told")
        rig.start("dataplane")
        wait_until(lambda: rig.health()["ready"], 30, "ready")
        wait_until(lambda: open_leases(account) == 0, 60, "the lease is given back", step=0.2)
        equal(account.bills(), [], f"{phase}: nothing was answered, nothing is booked")
        well()
        books(account, phase)


@case
def the_control_plane_and_postgresql_are_killed_in_the_middle():
    """The orchestration goes on and is answered; its record is booked once, when there is somebody to book it."""
    for name, phase, models in (("controlplane", "panel", PANEL), ("controlplane", "judge", JUDGES[:1]), ("postgres", "final", FINALS[:1])):
        late(models)
        if phase == "judge":
            tell("test/j1", "delay_us=2500000,first_us=2500000," + panel.verdict())
        account = Account(1.5)
        t, got = in_flight(account, models)
        rig.kill9(name)
        time.sleep(0.5)
        rig.start(name)
        t.join(20)
        true(isinstance(got[0], rig.Answer) and (got[0].status, got[0].clean) == (200, True), (name, phase, got))
        wait_until(lambda: rig.control("GET", "/v1/credits").status == 200, 30, "REST is back")
        bills = wait_until(account.bills, 30, "it is booked")
        equal(bills, [panel.nusd(got[0].json()["trustedrouter"]["synth"]["cost"])], (name, phase))
        well()
        books(account, (name, phase))


rig.main()
PY
