#!/usr/bin/env python3
"""Synth from one end to the other: every strategy, whole and as a stream, through everything that can happen to a panel, its judges
and the final models, and clients that leave in each phase. In each cell the money is held together: the answer's cost, the
sum of the generation's parts, the ledger, the receipt and, where nobody was cut off, the providers' own counts are one figure; the hold
is given back. Brings its own stack up (lib/panel.py); prints the table."""

import collections
import json
import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import panel  # noqa: E402
import rig  # noqa: E402
from panel import FINALS, JUDGES, PANEL, REFUSES, SAYS, STRATEGIES, Account, nusd, request, tell, tool  # noqa: E402
from rig import case, equal, parallel, true, wait_until  # noqa: E402

panel.up()
FIRST = ("first_success", "first_non_refusal")  # they drop whoever is too late
CELLS = [(strategy, stream) for strategy in STRATEGIES for stream in (False, True)]
CLIENT_GONE = 16  # proto/usage.h


class Scenario:
    """words: what each model does that does not answer well. usable: the panel's members that answer at all; good: those that do
    not refuse. judge, final: the one whose work counts; None: there is none. streamed_final: where a stream has another one,
    because what was sent cannot be taken back."""

    def __init__(self, words, usable=PANEL, good=None, judge="test/j1", final="test/f1", streamed_final=None):
        self.words, self.usable, self.good = words, usable, usable if good is None else good
        self.judge, self.final, self.streamed_final = judge, final, streamed_final or final

    def texts(self, strategy, stream):
        """What the client may be told; empty: an error."""
        said = {m: REFUSES if m in self.usable and m not in self.good else SAYS[m] for m in self.usable}
        best = {said[m] for m in (self.good or self.usable)}
        final = self.streamed_final if stream else self.final
        if strategy == "first_success":
            return set(said.values())
        if strategy in ("first_non_refusal", "selector") or final is None or not self.usable:
            return best
        return {SAYS.get(final, REFUSES)}


def all_do(models, words):
    return {m: words for m in models}


NO_JSON = "say=I would rather not say it in JSON."
SCENARIOS = {
    "all ok": Scenario({}),
    "one fails": Scenario({"test/p2": "fail=503"}, ["test/p1", "test/p3"]),
    "all fail": Scenario(all_do(PANEL, "fail=503"), [], judge=None, final=None),
    "one refuses": Scenario({"test/p1": "say=" + REFUSES}, good=["test/p2", "test/p3"]),
    "all refuse": Scenario(all_do(PANEL, "say=" + REFUSES), good=[]),
    "one is empty": Scenario({"test/p3": "tokens=0"}, ["test/p1", "test/p2"]),
    "judge: bad JSON": Scenario({"test/j1": NO_JSON}, judge="test/j2"),
    "judge: 5xx": Scenario({"test/j1": "fail=503"}, judge="test/j2"),
    "all judges fail": Scenario({"test/j1": NO_JSON, "test/j2": "fail=500"}, judge=None),
    "final: refuses": Scenario({"test/f1": "refuse,tokens=0"}, final="test/f2"),
    "final: refuses in words": Scenario({"test/f1": "say=" + REFUSES}, final="test/f2", streamed_final="what was sent"),
    "final: is empty": Scenario({"test/f1": "tokens=0"}, final="test/f2"),
    "final: 5xx": Scenario({"test/f1": "fail=503"}, final="test/f2"),
    "all finals fail": Scenario(all_do(FINALS, "fail=503"), final=None),
}


def set_up(words):
    panel.all_well()
    for model, w in words.items():
        tell(model, w)
    if "test/p1" in words:  # whichever of its providers is asked
        tell("up-spare", words.get("up-spare", words["test/p1"]))


# --- one cell

TABLE = []  # (scenario, strategy, stream, what came of it, cost, what was wrong)
HOLD = {}   # strategy -> what is reserved for it, in dollars


def hold(strategy):
    """What such a request reserves, as its refusal says."""
    if strategy not in HOLD:
        _, a = Account(0.0001).ask(request(tools=tool(selection_strategy=strategy)))
        equal(a.status, 402, a)
        HOLD[strategy] = float(re.search(r"up to \$(\d+\.\d+)", a.error()["message"]).group(1))
    return HOLD[strategy]


def generation(account, ident):
    def get():
        a = account.get("/generation?id=" + ident)
        return a.status == 200 and a.json()["data"]
    return wait_until(get, 10, "the generation")


def money(account, ident, answer=None, asked=None):
    """The bill of an account's only request, the same wherever it is told. Nano-dollars."""
    bills = wait_until(account.bills, 15, "a usage record")
    equal(len(bills), 1, "usage records")
    cost = bills[0]
    true(cost >= 0, cost)
    data = generation(account, ident)
    equal(nusd(data["total_cost"]), cost, "the generation's cost")
    equal(sum(nusd(p["total_cost"]) for p in data["parts"]), cost, f"the generation's parts: {data['parts']}")
    equal([p for p in data["parts"] if p["total_cost"] < 0], [], "parts below zero")
    equal(wait_until(lambda: (lambda left: left if left == nusd(account.usd) - cost else None)(account.left()), 10,
                     f"the ledger's balance is {cost} less"), nusd(account.usd) - cost)
    if answer is not None:
        receipt = panel.verified(account, asked, answer)
        lines = [e for e in receipt["event_log"] if e["type"] == "orchestration"]
        equal(len(lines), 1, "events of the orchestration")
        equal(sum(p.get("billing", {"cost_nusd": 0})["cost_nusd"] for p in lines[0]["lines"]), cost, "the receipt's lines")
        if answer.status == 200:
            usage, synth = panel.last_figures(answer)
            equal(nusd(usage["cost"]), cost, "the answer's cost")
            equal(nusd(synth["synth"]["cost"]), cost, "the metadata's cost")
            equal((usage["prompt_tokens"], usage["completion_tokens"]),
                  (data["native_tokens_prompt"], data["native_tokens_completion"]), "the answer's tokens")
    return cost, data


def free_again(account):
    """Nine tenths of what the ledger says is left can be reserved at once: nothing is held any more."""
    left = account.left()
    true(not account.can_spend(int(left * 1.1)), f"{left} are left, and more can be spent")
    true(account.can_spend(int(left * 0.9)), f"{left} are left, and cannot be spent")


def one_cell(name, strategy, stream):
    s = SCENARIOS[name]
    account = Account(round(1.3 * hold(strategy), 6))
    asked, a = account.ask(request(stream, tools=tool(selection_strategy=strategy)), prefix="/api/v1")
    texts = s.texts(strategy, stream)
    if texts:
        equal((a.status, a.clean), (200, True), a)
        true(a.text() in texts, f"{a.text()!r} is none of {texts}")
        if stream:
            equal(a.events()[-1], "[DONE]", a)
    else:
        true(a.status in (502, 503), a)
    cost, data = money(account, "gen-" + a.header("x-request-id"), a, asked)
    if strategy not in FIRST and name != "all fail":
        judges = [p["model"] for p in data["parts"] if p["role"] == "judge"]
        equal(judges, JUDGES if s.judge != "test/j1" else JUDGES[:1] if s.good else [], "judges; of refusals alone there is nothing to judge")
    free_again(account)
    by = next((m.split("/")[1] for m, t in SAYS.items() if a.status == 200 and t == a.text()), "refusal" if a.status == 200 else a.status)
    return by, cost, len(data["parts"])


def cells(name, chosen):
    """These cells side by side; then the providers' counts against the sum of the bills."""
    def one(i):
        try:
            return one_cell(name, *chosen[i])
        except (AssertionError, KeyError, TypeError, ValueError, OSError) as why:
            return why
    set_up(SCENARIOS[name].words)
    got = parallel(len(chosen), one)
    for (strategy, stream), result in zip(chosen, got):
        TABLE.append((name, strategy, stream, result))
    wrong = [f"{strategy}, {'stream' if stream else 'whole'}: {r}" for (strategy, stream), r in zip(chosen, got) if isinstance(r, Exception)]
    equal(wrong, [], name)
    return sum(cost for _, cost, _ in got)


def scenario(name):
    for strategy in STRATEGIES:
        hold(strategy)
    billed = cells(name, [c for c in CELLS if c[0] not in FIRST])
    wait_until(lambda: not panel.running(), 10, "the providers are idle")
    counted = panel.provider_cost([r for r in panel.records() if r["model"] != "up-plain"])
    equal(billed, counted, "the sum of the bills, and of the providers' counts")
    cells(name, [c for c in CELLS if c[0] in FIRST])
    equal(rig.violations(), [])


def every(name):
    def run():
        scenario(name)
    run.__name__ = "cell_" + "".join(c if c.isalnum() else "_" for c in name).replace("__", "_")
    case(run)


set_up({})
for scenario_name in SCENARIOS:
    every(scenario_name)


# --- providers that lie

LIES = ("usage=absurd", "usage=negative", "usage=missing", "usage=null", "usage=bare", "floats", "prompt=4000000")


@case
def figures_without_sense():
    """Whatever providers say of what was used, the bill is one figure, at most what was reserved; a final that lies and is then not
    taken takes nothing of the next one's."""
    strategy = "synthesize_non_refusals"
    for lie in LIES:
        set_up({**{m: f"nocalls,say={SAYS[m]},{lie}" for m in PANEL}, "test/j1": lie, "test/f1": "refuse,tokens=0," + lie})

        def one(i):
            account = Account(round(1.3 * hold(strategy), 6))
            asked, a = account.ask(request(bool(i), tools=tool(selection_strategy=strategy)), prefix="/api/v1")
            equal((a.status, a.text()), (200, SAYS["test/f2"]), lie)
            cost, data = money(account, "gen-" + a.header("x-request-id"), a, asked)
            true(0 < cost <= nusd(hold(strategy)), f"{lie}: {cost} of {hold(strategy)}")
            free_again(account)
            return [nusd(p["total_cost"]) for p in data["parts"] if p["role"] == "final"][-1]
        honest = sum(parallel(2, one))
        equal(honest, panel.provider_cost(panel.records("test/f2")), f"{lie}: the honest final's bills")
    equal(rig.violations(), [])


# --- clients that leave

SLOW = {"panel": (all_do(PANEL, "delay_us=8000000,first_us=8000000"), PANEL, STRATEGIES),
        "judge": ({"test/j1": "delay_us=8000000,first_us=8000000"}, JUDGES[:1], ("synthesize_non_refusals", "synthesize", "selector")),
        "final": ({"test/f1": "delay_us=8000000,first_us=8000000"}, FINALS[:1], ("synthesize_non_refusals", "synthesize")),
        "stream": ({"test/f1": "tokens=2000,cadence_us=50000,nocalls"}, FINALS[:1], ("synthesize_non_refusals", "synthesize"))}


def leaves(phase):
    words, models, strategies = SLOW[phase]
    chosen = [(s, stream) for s in strategies for stream in (False, True) if stream or phase != "stream"]
    set_up(words)
    accounts = [Account(round(1.3 * hold(s), 6)) for s, _ in chosen]
    sockets = [rig.send_request(request(stream, tools=tool(selection_strategy=s)), key=a.key["key"])
               for (s, stream), a in zip(chosen, accounts)]
    wait_until(lambda: len(panel.running(*models)) == len(models) * len(chosen), 7, f"all are at the {phase}", step=0.01)
    if phase == "stream":
        for s in sockets:
            while b"content" not in s.recv(65536):
                pass
    done = panel.provider_cost([r for r in panel.records() if r["outcome"] == "done"])
    began = time.monotonic()
    for s in sockets:
        s.close()
    wait_until(lambda: not panel.running(), 2, "nobody is asked any more", step=0.01)
    took = time.monotonic() - began
    equal({r["outcome"] for r in panel.records(*models)}, {"aborted"}, phase)
    total = 0
    for (strategy, stream), account in zip(chosen, accounts):
        row = wait_until(lambda: rig.usage_rows(account.key), 15, "a usage record")
        equal((len(row), row[0]["flags"] & CLIENT_GONE), (1, CLIENT_GONE), (phase, strategy, row))
        ident = next(iter(rig.booked_ids(account.key)))
        cost, data = money(account, "gen-" + ident)
        total += cost
        true(cost > 0, "the providers have read the prompt")
        free_again(account)
        TABLE.append((f"leaves: {phase}", strategy, stream, ("-", cost, len(data["parts"]))))
    true(total >= done, f"billed {total}, the providers have finished {done}")
    true(took < 2, took)
    equal(rig.violations(), [])


@case
def leaves_while_the_panel_answers():
    leaves("panel")


@case
def leaves_while_the_judge_answers():
    leaves("judge")


@case
def leaves_before_the_final_answers():
    leaves("final")


@case
def leaves_in_the_middle_of_the_final():
    leaves("stream")


@case
def the_table():
    """All of it, with what each cell cost."""
    print("# reserved, in millionths of a dollar: " + ", ".join(f"{s} {usd * 1e6:.0f}" for s, usd in HOLD.items()))
    rows = collections.OrderedDict()
    for name, strategy, stream, result in TABLE:
        cell = f"FAILED" if isinstance(result, Exception) else f"{result[0]} {result[1] / 1e3:.1f} ({result[2]})"
        rows.setdefault(name, {})[strategy, stream] = cell
    print("# each cell: who spoke, cost in millionths of a dollar (calls that were made); w: whole, s: stream")
    print("# " + " " * 24 + "".join(f"{s[:21]:>23}{' w' if not stream else ' s'}" for s, stream in CELLS))
    for name, cells_of in rows.items():
        print(f"# {name:<24}" + "".join(f"{cells_of.get(c, ''):>25}" for c in CELLS))
    true(len(TABLE) >= len(SCENARIOS) * len(CELLS), f"{len(TABLE)} cells")


if __name__ == "__main__":
    rig.main()
