#!/usr/bin/env python3
"""What is shown of usage: /analytics by every group and range, with percentiles; /activity over ranges; CSV that a
spreadsheet does not run; every attempt of a request; retention and what it removed; other accounts see none of it."""

import csv
import http.client
import io
import json
import os
import sys
from urllib.parse import urlparse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import rig  # noqa: E402
from rig import case, equal, sql, true, wait_until  # noqa: E402


def ask(path, key=None, method="GET", body=None, status=200):
    a = rig.control(method, "/v1" + path, body, key=key)
    equal(a.status, status, path + " " + repr(a))
    return a


def rolled():
    rig.settled()
    wait_until(lambda: sql("select count(*) from usage_batch where not rolled")[0][0] == "0", 10, "rolled up")


def account_with_usage():
    """A management key, its keys, and 6 requests: 4 of demo/echo, 2 of demo/dear."""
    management, keys = rig.new_account(5, 2)
    for i in range(6):
        equal(rig.chat("tokens=5", key=keys[i % 2]["key"], model="demo/dear" if i % 3 == 2 else "demo/echo").status, 200)
    rolled()
    return management, keys


@case
def analytics_by_group_and_range():
    management, keys = account_with_usage()
    rows = ask("/analytics?group_by=model", management).json()["data"]
    equal([(r["model"], r["requests"], r["errors"]) for r in rows], [("demo/echo", 4, 0), ("demo/dear", 2, 0)])
    true(all(r["total_ms"]["p90"] <= r["total_ms"]["p95"] <= r["total_ms"]["p99"] for r in rows), rows)
    true(all(0 < r["first_byte_ms"]["p50"] <= r["first_byte_ms"]["p99"] <= r["total_ms"]["p99"] * 1.13 for r in rows
             if r["first_byte_ms"]["p50"]), rows)
    for by, groups in (("provider", 1), ("key", 2), ("region", 1), ("day", 1), ("hour", 1), ("key,model", 4), ("", 1)):
        rows = ask(f"/analytics?group_by={by}", management).json()["data"]
        true(len(rows) >= groups, (by, rows))
        equal(sum(r["requests"] for r in rows), 6, by)
        equal(sum(r["prompt_tokens"] for r in rows) > 0, True)
    by_key = ask("/analytics?group_by=key", management).json()["data"]
    equal(sorted(r["key_name"] for r in by_key), sorted(k["name"] for k in keys))
    for only, want in (("model=demo/echo", 4), ("model=demo%2Fdear", 2), ("model=demo/none", 0), ("provider=nobody", 0),
                       ("api_key_hash=" + rig.key_ref(keys[0]), 3), ("api_key_hash=" + "0" * 64, 0),
                       ("model=demo/echo&api_key_hash=" + rig.key_ref(keys[0]), 2)):
        for by in ("model", "hour"):
            found = ask(f"/analytics?group_by={by}&{only}", management).json()["data"]
            equal(sum(r["requests"] for r in found), want, only)
    hours = ask("/analytics?group_by=hour", management).json()["data"]
    day = hours[0]["hour"][:10]
    equal(sum(r["requests"] for r in ask(f"/analytics?from={day}&to={day}", management).json()["data"]), 6)
    at = hours[0]["hour"].replace(":", "%3A")
    equal(sum(r["requests"] for r in ask(f"/analytics?from={at}", management).json()["data"]), 6)
    equal(ask("/analytics?from=2026-01-01&to=2026-01-02", management).json()["data"], [])
    for query in ("model=", "api_key_hash=x", "group_by=user", "from=yesterday", "from=2026-02-01&to=2026-01-01", "from=2020-01-01",
                  "group_by=hour&from=2026-01-01&to=2026-03-01", "by=model"):
        ask("/analytics?" + query, management, status=400)
    ask("/analytics", keys[0]["key"], status=403)
    other, _ = rig.new_account(1, 1)
    equal(ask("/analytics", other).json()["data"], [])


@case
def activity_over_a_range_and_as_csv():
    management, keys = account_with_usage()
    sql(f"update api_key set name = '=cmd|''x''!A1,\"' where digest = decode('{rig.key_ref(keys[0])}', 'hex')")
    today = ask("/activity", management).json()["data"][0]["date"]
    equal(sum(r["requests"] for r in ask(f"/activity?from={today}&to={today}", management).json()["data"]), 6)
    equal(ask("/activity?from=2026-01-01&to=2026-01-31", management).json()["data"], [])
    a = ask("/activity.csv", management)
    true(a.header("content-type").startswith("text/csv") and "activity.csv" in a.header("content-disposition"))
    rows = list(csv.DictReader(io.StringIO(a.body.decode())))
    equal(sum(int(r["requests"]) for r in rows), 6)
    true({r["key_name"] for r in rows} >= {"'=cmd|'x'!A1,\""}, rows)
    equal(list(csv.DictReader(io.StringIO(ask("/activity.csv?cursor=10000", management).body.decode()))), [])
    ask("/activity.csv?cursor=-1", management, status=400)


@case
def every_attempt_of_a_request():
    management, keys = rig.new_account(1, 1)
    a = rig.chat({"demo-a": "fail=500", "demo-b": "tokens=1"}, key=keys[0]["key"],
                 provider={"order": ["demo-a", "demo-b"]})
    equal((a.status, a.header("x-tr-fallback-from")), (200, "demo-a"))
    ident = a.header("x-generation-id")
    wait_until(lambda: rig.control("GET", "/v1/generation?id=" + ident, key=management).status == 200, 10, "booked")
    told = ask("/generation?id=" + ident, management).json()["data"]
    attempts = told["provider_responses"]
    equal([(x["provider_name"], x["status"]) for x in attempts], [("demo-a", 500), ("demo-b", 200)])
    true(attempts[0]["error"] and attempts[0]["latency"] >= 0, attempts)
    equal((told["attempts"], told["provider_name"]), (2, "demo-b"))
    rig.mock_reset()


class Feed:
    def __init__(self, key, status=200):
        url = urlparse(rig.env("TR_CONTROL_URL"))
        self.c = http.client.HTTPSConnection(url.hostname, url.port, timeout=20,
                                             context=rig.context(rig.env("TR_CONTROL_CA")))
        self.c.request("GET", "/v1/activity/live", headers={"authorization": "Bearer " + key})
        self.r = self.c.getresponse()
        equal(self.r.status, status)

    def event(self):
        """The next event's data; lines that begin with a colon are no events."""
        for line in self.r:
            if line.startswith(b"data: "):
                return json.loads(line[6:])
        raise AssertionError("the feed has ended")


@case
def a_live_feed_of_its_account():
    management, keys = rig.new_account(5, 1)
    other, others = rig.new_account(5, 1)
    feed, seen = Feed(management), 0
    true(feed.r.getheader("content-type").startswith("text/event-stream"))
    equal(rig.chat("tokens=5", key=others[0]["key"]).status, 200)
    for i in range(3):
        equal(rig.chat("tokens=5", key=keys[0]["key"]).status, 200)
    while seen < 3:
        event = feed.event()
        seen += event["requests"]
        equal((event["errors"], event["models"][0]["model"]), (0, "demo/echo"))
        true(event["usage"] > 0 and event["completion_tokens"] > 0, event)
    equal(seen, 3)
    more = [Feed(management) for _ in range(3)]
    Feed(management, status=429)
    feed.c.close()
    wait_until(lambda: Feed(management), 5, "a place is free again")
    Feed(keys[0]["key"], status=403)
    for f in more:
        f.c.close()


@case
def retention_is_the_accounts_own():
    management, keys = account_with_usage()
    equal(ask("/retention", management).json(), {"retention_days": 90, "data": [], "next_cursor": None})
    account = sql(f"select account_id from api_key where name = '{keys[0]['name']}'")[0][0]
    theirs = "/retention?account_id=" + account
    for days in (0, 731, "x"):
        ask(theirs, None, "PATCH", {"retention_days": days}, 400)
    for key in (management, keys[0]["key"]):
        ask("/retention", key, "PATCH", {"retention_days": 1}, 403)
    equal(ask(theirs, None, "PATCH", {"retention_days": 7}).json()["data"]["retention_days"], 7)
    equal(ask("/retention", management).json()["retention_days"], 7)


rig.main()
