#!/usr/bin/env python3
"""Credits over the REST API, against a tr-controlplane and a PostgreSQL of its own: every movement with its refused twin
and its repetition, lists in pages, statements in three formats whose figures are added up here, the ledger's check."""

import csv
import html.parser
import http.client
import io
import json
import os
import subprocess
import sys
import time
import uuid
from decimal import Decimal

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import ledger_rounds  # noqa: E402
import rig  # noqa: E402
from rig import case, equal, true, wait_until  # noqa: E402

world = ledger_rounds.World()
MONTH = time.strftime("%Y-%m", time.gmtime())
customer = {}


def raw(method, path, body=None, key=None, headers=None):
    c = http.client.HTTPSConnection("127.0.0.1", world.port, context=world.tls, timeout=10)
    try:
        c.request(method, path, body=None if body is None else json.dumps(body),
                  headers={"Authorization": "Bearer " + (key or world.operator), "Content-Type": "application/json",
                           **(headers or {})})
        r = c.getresponse()
        return r.status, {k.lower(): v for k, v in r.getheaders()}, r.read()
    finally:
        c.close()


def call(method, path, body=None, key=None, headers=None):
    status, _, text = raw(method, path, body, key, headers)
    return status, json.loads(text, parse_float=Decimal)


def done(path, body, headers=None, key=None):
    status, answer = call("POST", path, body, key, headers)
    equal(status, 200, answer)
    return answer["data"]


def refused(status, code, path, body, param=None, key=None, method="POST"):
    got, answer = call(method, path, body, key)
    equal((got, answer["error"]["code"], answer["error"]["param"]), (status, code, param))


def of(**members):
    return {"account_id": customer["id"], **members}


@case
def a_customer():
    status, answer = call("POST", "/v1/accounts", {"name": "customer"})
    equal(status, 201)
    customer.update(id=answer["data"]["id"], key=answer["key"])
    other = str(uuid.uuid4())
    world.sql(f"INSERT INTO account (account_id, organisation_id, name) SELECT '{other}', organisation_id, 'second'"
              f" FROM account WHERE account_id = '{customer['id']}'")
    customer["other"] = other
    got = done("/v1/credits/topup", of(amount="20", idempotency_key="t1"))
    customer["topup"] = int(got["transfer_id"])
    equal((got["available"], got["repeated"]), (20, False))


@case
def refunds():
    got = done("/v1/credits/refund", of(amount=2.5, reason="asked"), {"Idempotency-Key": "r1"})
    equal((got["amount"], got["available"], got["repeated"]), (Decimal("-2.5"), Decimal("17.5"), False))
    got = done("/v1/credits/refund", of(amount=2.5, reason="asked"), {"Idempotency-Key": "r1"})
    equal((got["available"], got["repeated"]), (Decimal("17.5"), True))
    refused(402, "insufficient_credits", "/v1/credits/refund", of(amount=18), "amount")
    refused(409, "idempotency_conflict", "/v1/credits/refund", of(amount=3, idempotency_key="r1"), "idempotency_key")
    refused(404, "account_not_found", "/v1/credits/refund", {"amount": 1, "account_id": str(uuid.uuid4())}, "account_id")
    refused(400, "invalid_parameter", "/v1/credits/refund", of(amount=0), "amount")
    refused(400, "unknown_parameter", "/v1/credits/refund", of(amount=1, direction="debit"))
    refused(403, "insufficient_role", "/v1/credits/refund", of(amount=1), key=customer["key"])


@case
def adjustments():
    equal(done("/v1/credits/adjust", of(amount="0.5", direction="debit", reason="wrong"))["available"], 17)
    equal(done("/v1/credits/adjust", of(amount=1, direction="credit", reason="sorry"))["available"], 18)
    refused(400, "missing_parameter", "/v1/credits/adjust", of(amount=1, direction="debit"), "reason")
    refused(402, "insufficient_credits", "/v1/credits/adjust", of(amount=19, direction="debit", reason="x"), "amount")


@case
def promotions_expire():
    _, end = rig.soon()
    got = done("/v1/credits/promotion", of(amount=5, reason="welcome", expires_at=end))
    equal(got["available"], 23)
    refused(400, "invalid_parameter", "/v1/credits/promotion",
            of(amount=5, reason="welcome", expires_at="2020-01-01T00:00:00Z"), "expires_at")
    refused(402, "insufficient_credits", "/v1/credits/refund", of(amount=19), "amount")  # it is not refunded
    credits = call("GET", "/v1/credits", key=customer["key"])[1]["data"]
    equal((credits["total_credits"], credits["total_usage"], credits["available"], credits["promotional"]),
          (23, 0, 23, 5))
    equal([(p["id"], p["remaining"], p["reason"]) for p in credits["promotions"]], [(got["promotion_id"], 5, "welcome")])
    credits = wait_until(lambda: [c for c in [call("GET", "/v1/credits", key=customer["key"])[1]["data"]]
                                  if c["available"] == 18], 15, "expired")[0]
    equal((credits["promotional"], credits["promotions"], credits["owed"]), (0, [], 0))


@case
def reversals():
    done("/v1/credits/transfer", {"amount": 3, "to_workspace_id": customer["other"]}, key=customer["key"])
    got = done("/v1/credits/reverse", of(transfer_id=customer["topup"], reason="stolen card"))
    equal((got["reversed"], got["not_reversed"], got["available"]), (15, 5, 0))
    refused(402, "insufficient_credits", "/v1/credits/reverse", of(transfer_id=customer["topup"], reason="x"), "amount")
    refused(404, "transfer_not_found", "/v1/credits/reverse", of(transfer_id=999999, reason="x"), "transfer_id")
    done("/v1/credits/topup", of(amount=9))
    equal(done("/v1/credits/reverse", of(transfer_id=customer["topup"], reason="x"))["reversed"], 5)
    refused(409, "already_reversed", "/v1/credits/reverse", of(transfer_id=customer["topup"], reason="x"), "transfer_id")


@case
def transfers():
    move = {"amount": "1.25", "to_workspace_id": customer["other"], "reason": "for the test team"}
    got = done("/v1/credits/transfer", move, {"Idempotency-Key": "m1"}, customer["key"])
    equal((got["available"], got["to_workspace_id"]), (Decimal("2.75"), customer["other"]))
    true(done("/v1/credits/transfer", move, {"Idempotency-Key": "m1"}, customer["key"])["repeated"])
    refused(404, "workspace_not_found", "/v1/credits/transfer", dict(move, to_workspace_id=str(uuid.uuid4())),
            "to_workspace_id", customer["key"])
    stranger = call("POST", "/v1/accounts", {"name": "stranger"})[1]["data"]["id"]
    refused(404, "workspace_not_found", "/v1/credits/transfer", dict(move, to_workspace_id=stranger), "to_workspace_id",
            customer["key"])
    refused(402, "insufficient_credits", "/v1/credits/transfer", dict(move, amount=3), "amount", customer["key"])
    equal(world.sql(f"SELECT usd(ledger_balance('{customer['other']}', 'available'))"), "4.25")


@case
def movements_in_pages():
    whole = call("GET", "/v1/credits/transfers", key=customer["key"])[1]
    equal(whole["next_cursor"], None)
    equal([m["kind"] for m in whole["data"]],
          ["move", "reversal", "topup", "reversal", "move", "expiry", "promotion", "adjustment", "adjustment", "refund",
           "topup"])
    equal(sum(m["amount"] for m in whole["data"]), Decimal("2.75"))
    equal(whole["data"][0]["other_workspace_id"], customer["other"])
    pages, cursor = [], ""
    while cursor is not None:
        page = call("GET", "/v1/credits/transfers?limit=4" + cursor, key=customer["key"])[1]
        pages.append(page["data"])
        cursor = page["next_cursor"] and "&cursor=" + page["next_cursor"]
    equal([len(p) for p in pages], [4, 4, 3])
    equal([m for p in pages for m in p], whole["data"])
    only = call("GET", "/v1/credits/transfers?kind=refund", key=customer["key"])[1]["data"]
    equal([m["amount"] for m in only], [Decimal("-2.5")])
    refused(400, "invalid_parameter", "/v1/credits/transfers?kind=lease", None, "kind", customer["key"], "GET")
    refused(400, "invalid_parameter", "/v1/credits/transfers?limit=0", None, "limit", customer["key"], "GET")
    refused(400, "unknown_parameter", "/v1/credits/transfers?lmit=1", None, "lmit", customer["key"], "GET")


class Table(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.rows, self.inside, self.tags = [], False, set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag == "tr":
            self.rows.append([])
        if tag == "td":
            self.inside = True
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        self.inside = self.inside and tag != "td"

    def handle_data(self, data):
        if self.inside:
            self.rows[-1][-1] += data


@case
def statements_add_up():
    """Opening, every movement and closing, the same in each format; text of people stays text."""
    done("/v1/credits/adjust", of(amount=1, direction="credit", reason='=1+1,"<script>&'))
    statement = call("GET", f"/v1/statements/{MONTH}", key=customer["key"])[1]["data"]
    equal((statement["opening_balance"], statement["closing_balance"]), (0, Decimal("3.75")))
    equal(statement["opening_balance"] + sum(m["amount"] for m in statement["movements"]) +
          sum(u["amount"] for u in statement["usage"]), statement["closing_balance"])
    status, head, text = raw("GET", f"/v1/statements/{MONTH}?format=csv", key=customer["key"])
    equal((status, head["content-type"]), (200, "text/csv; charset=utf-8"))
    lines = list(csv.DictReader(io.StringIO(text.decode())))
    equal(sum(Decimal(r["amount_usd"]) for r in lines[:-1]), Decimal(lines[-1]["amount_usd"]))
    equal([Decimal(r["amount_usd"]) for r in lines[1:-1]], [m["amount"] for m in statement["movements"]])
    equal(lines[-2]["detail"], '\'=1+1,"<script>&')
    status, head, text = raw("GET", f"/v1/statements/{MONTH}?format=html", key=customer["key"])
    equal((status, head["content-type"]), (200, "text/html; charset=utf-8"))
    table = Table()
    table.feed(text.decode())
    true("script" not in table.tags and b"http" not in text, "no script, nothing from elsewhere")
    rows = [r for r in table.rows if r]
    equal([Decimal(r[7]) for r in rows], [Decimal(r["amount_usd"]) for r in lines])
    equal(rows[-2][3], '=1+1,"<script>&')
    months = call("GET", "/v1/statements", key=customer["key"])[1]["data"]
    equal([(m["month"], m["closing_balance"]) for m in months], [(MONTH, Decimal("3.75"))])
    for bad in ("2999-01", "2026-13", "2026-1", "x", "2026-01-01"):
        refused(404, "statement_not_found", f"/v1/statements/{bad}", None, None, customer["key"], "GET")
    refused(400, "invalid_parameter", f"/v1/statements/{MONTH}?format=pdf", None, "format", customer["key"], "GET")


@case
def the_ledger_is_checked():
    run = [world.program, "-c", world.conf, "--check-ledger"]
    p = subprocess.run(run, capture_output=True, text=True)
    equal((p.returncode, p.stdout), (0, "the ledger is sound\n"), p.stderr)
    world.sql("UPDATE ledger_account SET balance_nusd = balance_nusd + 1 WHERE kind = 'available'"
              f" AND owner = '{customer['id']}'")
    p = subprocess.run(run, capture_output=True, text=True)
    true(p.returncode != 0 and "balance is not the sum of postings\t" in p.stdout, p)
    wait_until(lambda: "ledger_violations" in call("GET", "/v1/health")[1]["reasons"], 12, "health says it")
    world.sql("UPDATE ledger_account SET balance_nusd = balance_nusd - 1 WHERE kind = 'available'"
              f" AND owner = '{customer['id']}'")
    equal(subprocess.run(run, capture_output=True, text=True).returncode, 0)
    wait_until(lambda: "ledger_violations" not in call("GET", "/v1/health")[1]["reasons"], 12, "health is well again")


try:
    world.control_start()
    wait_until(lambda: call("GET", "/v1/health")[0] == 200, 20, "it starts")
    failed = rig.run_cases(("a_customer",))
finally:
    world.end()
sys.exit(1 if failed else 0)
