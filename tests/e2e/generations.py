#!/usr/bin/env python3
"""Lists of requests: newest first and each once over the pages, by every filter, as CSV that a spreadsheet does not run; the
failed attempts, the model that was asked for first and the parts of each; other accounts see none of it. Needs a
stack."""

import csv
import io
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import rig  # noqa: E402
from contract import Contract  # noqa: E402
from rig import case, equal, sql, true, wait_until  # noqa: E402

CONTRACT = Contract(rig.control("GET", "/openapi.json").json())


def ask(path, key=None, status=200):
    a = rig.control("GET", "/v1" + path, key=key)
    equal(a.status, status, path + " " + repr(a))
    equal(CONTRACT.answer_faults("GET", "/v1" + path, a.status, a.header("content-type"), a.body), [])
    return a


def rows(management, query=""):
    return ask("/generations" + query, management).json()["data"]


def booked(management, n):
    return wait_until(lambda: (r := rows(management, "?limit=200")) and len(r) == n and r, 20, f"{n} records")


@case
def pages_and_filters():
    management, keys = rig.new_account(5, 2)
    sent = []
    for i in range(9):
        a = rig.chat("tokens=3", key=keys[i % 2]["key"], model="demo/dear" if i % 3 == 2 else "demo/echo", stream=i == 0)
        equal(a.status, 200, a)
        sent.append(a.header("x-generation-id"))
    every = booked(management, 9)
    equal([r["id"] for r in every], sent[::-1])
    equal([r["streamed"] for r in every], [False] * 8 + [True])
    true(all(r["outcome"] == "ok" and r["http_status"] == 200 and r["error"] is None and r["total_cost"] > 0
             and r["tokens_completion"] == 3 and r["total_ms"] >= r["latency"] and r["attempts"] == 1
             and r["failed_attempts"] == [] and r["parts"] is None and r["finish_reason"] == "stop"
             and r["receipt_id"] == r["id"].replace("gen-", "rcpt-") for r in every), every)
    # Page by page, while another arrives: it shifts nothing.
    seen, cursor = [], ""
    while cursor is not None:
        page = ask("/generations?limit=2" + (f"&cursor={cursor}" if cursor else ""), management).json()
        if not seen:
            equal(rig.chat("tokens=3", key=keys[0]["key"]).status, 200)
            booked(management, 10)
        seen += [r["id"] for r in page["data"]]
        cursor = page["next_cursor"]
    equal(seen, sent[::-1])
    dear = [r["id"] for r in every if r["model"] == "demo/dear"]
    equal(len(dear), 3)
    equal([r["id"] for r in rows(management, "?model=demo/dear")], dear)
    equal([r["id"] for r in rows(management, "?model=demo%2Fdear&status=ok&api_key_hash=" + rig.key_ref(keys[0]))],
          [r["id"] for r in every if r["model"] == "demo/dear" and r["api_key_name"] == keys[0]["name"]])
    providers = {r["provider_name"] for r in every}
    for p in providers:
        equal(len(rows(management, "?provider=" + p)) >= 3, True)
    at = every[4]["created_at"]
    equal([r["id"] for r in rows(management, f"?to={at}")], sent[:4][::-1])
    equal([r["id"] for r in rows(management, f"?from={at.replace(':', '%3A')}")][1:], sent[4:][::-1])
    day = at[:10]
    equal(len(rows(management, f"?from={day}&to={day}")), 10)
    for none in ("model=demo/none", "provider=nobody", "status=error", "status=cancelled", "status=429", "to=2020-01-01",
                 "api_key_hash=" + "0" * 64):
        equal(ask("/generations?" + none, management).json(), {"data": [], "next_cursor": None}, none)
    for wrong in ("limit=201", "limit=0", "status=fine", "status=600", "api_key_hash=x", "model=", "model=%zz", "from=now",
                  "from=2026-02-01&to=2026-01-01", "cursor=00", "key=x"):
        ask("/generations?" + wrong, management, 400)
    # A cursor is of one list.
    cursor = ask("/generations?limit=2", management).json()["next_cursor"]
    ask("/generations?cursor=" + cursor, management)
    ask("/generations.csv?cursor=" + cursor, management, 400)


@case
def attempts_errors_and_the_model_asked_first():
    management, keys = rig.new_account(1, 1)
    a = rig.chat({"demo-a": "fail=500", "demo-b": "tokens=1"}, key=keys[0]["key"], provider={"order": ["demo-a", "demo-b"]})
    equal((a.status, a.header("x-tr-fallback-from")), (200, "demo-a"))
    one = booked(management, 1)[0]
    equal([(t["attempt"], t["provider_name"], t["model"], t["status"]) for t in one["failed_attempts"]],
          [(1, "demo-a", "demo/echo", 500)])
    true(one["failed_attempts"][0]["error"] and (one["attempts"], one["provider_name"], one["outcome"]) == (2, "demo-b", "ok"))
    # Everybody fails: an error, by its outcome and by its status.
    a = rig.chat({"demo-a": "fail=400", "demo-b": "fail=400"}, key=keys[0]["key"], models=["demo/only-a", "demo/echo"],
                 provider={"order": ["demo-a", "demo-b"]})
    true(a.status >= 400, a)
    rig.mock_reset()
    failed = [r for r in booked(management, 2) if r["outcome"] == "error"]
    equal([r["http_status"] for r in failed], [a.status])
    true(failed[0]["error"] and failed[0]["failed_attempts"] and failed[0]["total_cost"] == 0, failed)
    equal([r["id"] for r in rows(management, "?status=error")], [failed[0]["id"]])
    equal([r["id"] for r in rows(management, f"?status={a.status}")], [failed[0]["id"]])
    equal([r["id"] for r in rows(management, "?status=ok")], [one["id"]])
    # A model that fails before another one answers.
    a = rig.chat({"demo-a": "fail=500", "demo-b": "tokens=1"}, key=keys[0]["key"], model="demo/only-a",
                 models=["demo/only-a", "demo/echo"], provider={"order": ["demo-a", "demo-b"]})
    equal(a.status, 200, a)
    rig.mock_reset()
    last = booked(management, 3)[0]
    equal((last["first_model"], last["model"]), ("demo/only-a", "demo/echo"))
    equal([t["model"] for t in last["failed_attempts"]][:1], ["demo/only-a"])
    told = ask("/generation?id=" + last["id"], management).json()["data"]
    equal({m: told[m] for m in ("first_model", "outcome", "error", "receipt_id", "api_key_hash", "api_key_name")},
          {m: last[m] for m in ("first_model", "outcome", "error", "receipt_id", "api_key_hash", "api_key_name")})


@case
def csv_of_requests():
    management, keys = rig.new_account(5, 1)
    sql(f"update api_key set name = '=cmd|''x''!A1,\"' where digest = decode('{rig.key_ref(keys[0])}', 'hex')")
    for _ in range(3):
        equal(rig.chat("tokens=7", key=keys[0]["key"]).status, 200)
    listed = booked(management, 3)
    a = ask("/generations.csv", management)
    true(a.header("content-type").startswith("text/csv") and "generations.csv" in a.header("content-disposition"))
    equal(a.header("x-next-cursor"), None)
    lines = list(csv.DictReader(io.StringIO(a.body.decode())))
    equal([(r["id"], r["created_at"], float(r["cost_usd"]), int(r["completion_tokens"]), r["streamed"]) for r in lines],
          [(r["id"], r["created_at"], r["total_cost"], r["tokens_completion"], "false") for r in listed])
    # Every column, by the member of the list that it is.
    same = {"model": "model", "first_model": "first_model", "provider": "provider_name", "key_hash": "api_key_hash", "outcome": "outcome",
            "http_status": "http_status", "finish_reason": "finish_reason", "prompt_tokens": "tokens_prompt",
            "completion_tokens": "tokens_completion", "cached_tokens": "native_tokens_cached",
            "reasoning_tokens": "native_tokens_reasoning", "first_byte_ms": "latency", "total_ms": "total_ms", "attempts": "attempts"}
    equal([{c: r[c] for c in same} for r in lines], [{c: str(r[m]) for c, m in same.items()} for r in listed])
    true(listed[0]["tokens_prompt"] != listed[0]["tokens_completion"], "columns that can be told apart")
    equal({r["key_name"] for r in lines}, {"'=cmd|'x'!A1,\""})
    equal(ask("/generations.csv?model=demo/none", management).body.count(b"\n"), 1)
    ask("/generations.csv?cursor=1", management, 400)
    ask("/generations.csv?limit=5", management, 400)


@case
def only_ones_own():
    management, keys = rig.new_account(1, 1)
    other, _ = rig.new_account(1, 1)
    equal(rig.chat("tokens=2", key=keys[0]["key"]).status, 200)
    booked(management, 1)
    equal(rows(other), [])
    equal(rows(other, "?api_key_hash=" + rig.key_ref(keys[0])), [])
    ask("/generations", keys[0]["key"], 403)
    ask("/generations.csv", keys[0]["key"], 403)
    account = sql(f"select account_id from api_key where digest = decode('{rig.key_ref(keys[0])}', 'hex')")[0][0]
    ask("/generations?account_id=" + account, other, 403)
    equal(len(rows(None, "?account_id=" + account)), 1)


rig.main()
