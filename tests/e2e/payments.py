#!/usr/bin/env python3
"""Payments as customers, operators and the payment service meet them: a control plane and a database of its own, a
service that remembers (tests/lib/stripe_fake.py), signed events with rejected twins, and stripe-mock, which checks the
shape of every request against Stripe's own document (tests/lib/stripe-mock installs it; skipped when it cannot be had)."""

import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import rig  # noqa: E402
import stripe_fake  # noqa: E402
from payment_plane import PaymentPlane  # noqa: E402
from rig import case, equal, free_port, true, wait_until  # noqa: E402

plane = PaymentPlane()
plane.start()
URLS = {"success_url": "https://console.example/done?x=1", "cancel_url": "http://127.0.0.1:9000/"}


def checkout(amount=10, **more):
    made = plane.api("POST", "/payments/checkout", {"amount": amount, **URLS, **more}, want=201)
    return made, plane.fake.objects[made["checkout_session"]]


def trail(beginning):
    """What the audit trail has of the customer, newest first."""
    return [e["action"] for e in plane.api("GET", "/audit")["data"] if e["action"].startswith(beginning)]


def payment(ident):
    return plane.api("GET", f"/payments/{ident}")


@case
def checkout_is_booked_once():
    plane.customer()
    made, session = checkout(12.5, save_payment_method=True)
    equal((made["status"], made["type"], made["amount"], made["url"]), ("open", "checkout", 12.5, session["url"]))
    equal(plane.available(), 0)
    form = next(r for r in reversed(plane.fake.requests) if r[1] == "/v1/checkout/sessions")
    equal((form[2]["line_items[0][price_data][unit_amount]"], form[2]["success_url"], form[3].startswith("tr-checkout-")),
          ("1250", URLS["success_url"], True))
    plane.fake.pay(session["id"], tax=237)
    body = stripe_fake.event("checkout.session.completed", session)
    for _ in range(3):
        plane.send(body, stripe_fake.signature(body))
    plane.event("checkout.session.completed", session)
    got = payment(made["id"])
    equal((got["status"], got["total"], got["tax"], got["credits"], plane.available()), ("paid", 14.87, 2.37, 12.5, 12.5))
    plane.sound()


@case
def lost_events_are_made_up_for():
    """No webhook comes: the session is asked about."""
    plane.customer()
    made, session = checkout(10)
    plane.fake.pay(session["id"])
    plane.due()
    wait_until(lambda: payment(made["id"])["status"] == "paid", 10, "the session is asked about")
    equal(plane.available(), 10)
    plane.sound()


@case
def expired_checkout():
    plane.customer()
    made, session = checkout(10)
    session["status"] = "expired"
    plane.event("checkout.session.expired", session)
    equal((payment(made["id"])["status"], plane.available()), ("expired", 0))


@case
def signatures():
    plane.customer()
    made, session = checkout(10)
    plane.fake.pay(session["id"])
    body = stripe_fake.event("checkout.session.completed", session)
    good = stripe_fake.signature(body)
    for signature, code in ((None, "missing_signature"), ("", "missing_signature"), ("t=1", "invalid_event"),
                            (stripe_fake.signature(body, "whsec_other"), "invalid_signature"),
                            (stripe_fake.signature(body + " "), "invalid_signature"),
                            (stripe_fake.signature(body, at=time.time() - 400), "signature_too_old"),
                            (stripe_fake.signature(body, at=time.time() + 400), "signature_too_old")):
        got = plane.send(body, signature, 400)
        true(got in (code, "invalid_event"), (signature, got))
    plane.send("{}", stripe_fake.signature("{}"), 400)
    plane.send("nothing", stripe_fake.signature("nothing"), 400)
    equal(plane.available(), 0)
    # An event that is none of ours, and one of a kind that nobody asked for.
    plane.event("payment_intent.succeeded", {"id": "pi_x", "object": "payment_intent", "status": "succeeded",
                                             "amount_received": 5000, "currency": "usd"})
    plane.event("product.created", {"id": "prod_1", "object": "product"})
    equal(plane.available(), 0)
    plane.send(body, good + ",v1=" + "0" * 64 + ",v0=00")
    equal((plane.available(), payment(made["id"])["status"]), (10, "paid"))
    other = stripe_fake.event("checkout.session.completed", session)
    plane.send(other, stripe_fake.signature(other, "whsec_next"))  # the secret that comes next
    plane.sound()


@case
def refused_requests():
    plane.customer()
    for body, param in (({"amount": 10, **URLS, "success_url": "https://evil.example/"}, "success_url"),
                        ({"amount": 10, **URLS, "success_url": "https://console.example@evil.example/"}, "success_url"),
                        ({"amount": 10, **URLS, "success_url": "https://console.example.evil.example/"}, "success_url"),
                        ({"amount": 10, **URLS, "cancel_url": "http://console.example/"}, "cancel_url"),
                        ({"amount": 10, **URLS, "cancel_url": "javascript:alert(1)"}, "cancel_url"),
                        ({"amount": 0.5, **URLS}, "amount"), ({"amount": 10.001, **URLS}, "amount"),
                        ({"amount": 100001, **URLS}, "amount"), (URLS, "amount"),
                        ({"amount": 10, **URLS, "currency": "eur"}, None)):
        got = plane.api("POST", "/payments/checkout", body, want=400)
        equal(got["error"]["param"], param, body)
    for body, param in (({"threshold": 0, "amount": 20, "monthly_ceiling": 100}, "threshold"),
                        ({"threshold": 5, "amount": 20.005, "monthly_ceiling": 100}, "amount"),
                        ({"threshold": 5, "amount": 20, "monthly_ceiling": 10}, "monthly_ceiling")):
        equal(plane.api("PUT", "/payments/auto-topup", body, want=400)["error"]["param"], param)
    equal(plane.error("PUT", "/payments/auto-topup", {"threshold": 5, "amount": 20, "monthly_ceiling": 100}, 409),
          "no_payment_method")
    equal(plane.error("GET", "/payments/auto-topup", None, 404), "not_found")
    for path in ("/payments/" + "0" * 32, "/payments/x"):
        equal(plane.error("GET", path, None, 404), "not_found")
    equal(plane.error("DELETE", "/payments/methods/pm_1", None, 404), "not_found")
    equal(plane.error("GET", "/payments?kind=auto", None, 400), "unknown_parameter")


@case
def another_accounts_payment_is_not_there():
    plane.customer()
    made, _ = checkout(10)
    plane.with_card("pm_mine")
    mine, key = plane.account, plane.key
    plane.customer()
    equal(plane.error("GET", f"/payments/{made['id']}", None, 404), "not_found")
    equal(plane.api("GET", "/payments")["data"], [])
    equal(plane.api("GET", "/payments/methods")["data"], [])
    equal(plane.error("DELETE", "/payments/methods/pm_mine", None, 404), "not_found")
    equal(plane.error("GET", f"/payments?account_id={mine}", None, 403), "insufficient_role")
    equal(plane.error("POST", f"/payments/{made['id']}/refund", {"account_id": mine}, 403), "insufficient_role")
    equal(plane.error("PUT", "/payments/credit-line", {"account_id": mine, "ceiling": 5}, 403), "insufficient_role")
    equal([p["id"] for p in plane.api("GET", f"/payments?account_id={mine}", key=plane.operator)["data"]], [made["id"]])
    equal([m["id"] for m in plane.api("GET", "/payments/methods", key=key)["data"]], ["pm_mine"])


@case
def cards():
    plane.customer()
    plane.with_card("pm_a")
    got = plane.api("GET", "/payments/methods")["data"]
    equal([(m["id"], m["brand"], m["last4"], m["exp_year"]) for m in got], [("pm_a", "visa", "4242", 2034)])
    equal(plane.sql(f"SELECT kind, state FROM payment WHERE account_id = '{plane.account}'"), "setup|saved")
    equal(plane.api("DELETE", "/payments/methods/pm_a"), {"deleted": True})
    equal(plane.fake.requests[-1][1], "/v1/payment_methods/pm_a/detach")
    equal(plane.api("GET", "/payments/methods")["data"], [])


@case
def pages():
    plane.customer()
    made = [checkout(n)[0]["id"] for n in (1, 2, 3, 4, 5)]
    got, cursor = [], ""
    while cursor is not None:
        page = plane.api("GET", "/payments?limit=2" + cursor)
        true(len(page["data"]) <= 2)
        got += [p["id"] for p in page["data"]]
        cursor = page["next_cursor"] and "&cursor=" + page["next_cursor"]
    equal(got, made[::-1])


@case
def refunds_and_disputes():
    plane.customer()
    made, session = checkout(20)
    intent = plane.fake.pay(session["id"])
    refund = {"account_id": plane.account, "amount": 5, "reason": "asked for"}
    path = f"/payments/{made['id']}/refund"
    equal(plane.error("POST", path, refund, 409, plane.operator), "not_paid")
    plane.event("checkout.session.completed", session)
    equal(plane.error("POST", path, refund | {"amount": 21}, 400, plane.operator), "invalid_parameter")
    equal(plane.error("POST", path, refund | {"amount": 0.001}, 400, plane.operator), "invalid_parameter")
    got = plane.api("POST", path, refund, plane.operator, 201)
    equal([(r["amount"], r["status"], r["reason"]) for r in got["refunds"]], [(5, "succeeded", "asked for")])
    equal((got["credits_taken_back"], plane.available()), (5, 15))
    charge = {"id": "ch_1", "object": "charge", "payment_intent": intent["id"], "metadata": intent["metadata"]}
    plane.event("charge.refunded", charge | {"amount_refunded": 500})
    equal(plane.available(), 15)
    plane.event("charge.refunded", charge | {"amount_refunded": 800})  # three more, made at the service itself
    equal(plane.available(), 12)
    # The rest is disputed: lost first, as it may come.
    dispute = {"id": "dp_1", "object": "dispute", "amount": 1200, "payment_intent": intent["id"]}
    plane.event("charge.dispute.created", dispute | {"status": "needs_response"})
    equal(plane.available(), 0)
    plane.event("charge.dispute.closed", dispute | {"status": "won"})
    equal(plane.available(), 12)
    plane.event("charge.dispute.created", dispute | {"status": "needs_response"})
    equal(plane.available(), 12)
    equal([(d["id"], d["status"]) for d in payment(made["id"])["disputes"]], [("dp_1", "won")])
    equal(plane.sql("SELECT * FROM ledger_violations"), "")


@case
def refused_refund_gives_the_credits_again():
    plane.customer()
    made, session = checkout(20)
    intent = plane.fake.pay(session["id"])
    plane.event("checkout.session.completed", session)
    del plane.fake.objects[intent["id"]]
    equal(plane.error("POST", f"/payments/{made['id']}/refund", {"account_id": plane.account}, 402, plane.operator),
          "refund_refused")
    equal((plane.available(), payment(made["id"])["refunds"][0]["status"]), (20, "failed"))
    plane.fake.objects[intent["id"]] = intent
    plane.sound()


@case
def line_of_credit():
    plane.customer()
    account = {"account_id": plane.account}
    equal(plane.error("PUT", "/payments/credit-line", account | {"ceiling": 100}, 409, plane.operator),
          "no_payment_method")
    plane.with_card()
    plane.api("PUT", "/payments/credit-line", account | {"ceiling": 100}, plane.operator)
    equal(plane.available(), 100)
    plane.sql(f"SELECT ledger_change('{plane.account}', 'adjustment', -30::bigint * 1000000000, 'used', 'x');"
              f"UPDATE credit_line SET invoice_at = now() WHERE account_id = '{plane.account}'; SELECT invoice_claim(8, 500000000)")
    equal(plane.api("GET", "/payments/credit-line")["used"], 30)
    wait_until(lambda: plane.api("GET", "/invoices")["data"][0]["status"] == "open", 10, "the invoice is made")
    invoice = plane.api("GET", "/invoices")["data"][0]
    o = plane.fake.objects[invoice["invoice"]]
    equal((invoice["amount"], o["total"], o["method"], invoice["url"], invoice["invoice_pdf"]),
          (30, 3000, "pm_ok", o["hosted_invoice_url"], o["invoice_pdf"]))
    o.update(status="paid", amount_paid=3000)
    plane.event("invoice.paid", o)
    equal((plane.available(), plane.api("GET", "/payments/credit-line")["used"]), (100, 0))
    equal(trail("credit_line."), ["credit_line.update", "credit_line.insert"])  # made, then its ceiling; no invoice
    equal(plane.sql("SELECT * FROM ledger_violations"), "")


@case
def credits_for_customers_who_come_from_elsewhere():
    plane.customer()
    asked = plane.api("POST", "/credits/migration-requests", {"evidence": "invoice 17 of another router", "amount": 50},
                      want=201)
    equal(plane.error("POST", "/credits/migration-requests", {"evidence": "again", "amount": 50}, 409), "request_pending")
    equal(plane.error("POST", "/credits/migration-requests", {"evidence": "x" * 257, "amount": 50}, 400),
          "invalid_parameter")
    equal(plane.error("GET", "/migration-requests", None, 403), "insufficient_role")
    true(asked["id"] in [r["id"] for r in plane.api("GET", "/migration-requests", key=plane.operator)["data"]])
    path = f"/migration-requests/{asked['id']}"
    decision = {"account_id": plane.account, "decision": "approve", "amount": 25, "expires_at": "2090-01-01T00:00:00Z"}
    equal(plane.error("POST", path, decision, 403), "insufficient_role")
    equal(plane.error("POST", path, decision | {"expires_at": "2020-01-01T00:00:00Z"}, 400, plane.operator),
          "invalid_parameter")
    got = plane.api("POST", path, decision, plane.operator)
    equal((got["status"], got["granted"], plane.available()), ("approved", 25, 25))
    plane.api("POST", path, decision, plane.operator)
    equal(plane.error("POST", path, {"account_id": plane.account, "decision": "decline"}, 409, plane.operator),
          "already_decided")
    equal(plane.available(), 25)
    equal(plane.api("GET", "/credits/migration-requests")["data"][0]["status"], "approved")
    equal(trail("credit_request."), ["credit_request.update", "credit_request.insert"])


@case
def nothing_secret_is_logged_or_stored():
    dump = subprocess.run(["pg_dump", plane.conninfo], capture_output=True, text=True, check=True).stdout
    log = open(os.path.join(plane.dir, "log")).read()
    true("evt_" in dump and "payment_job" in log)
    for secret in (stripe_fake.KEY, stripe_fake.SECRET, "whsec_next"):
        true(secret not in dump and secret not in log, "a secret")


@case
def wrong_configuration_is_refused():
    conf = open(os.path.join(plane.dir, "conf")).read()
    for old, new, says in ((f"stripe_base = {plane.fake.base}", "stripe_base = http://api.example", "stripe_base"),
                           (f"stripe_webhook_secret_file = {plane.dir}/secret", "", "needed together"),
                           ("payment_origins = ", "payment_origins = console.example ", "payment_origins"),
                           (f"stripe_key_file = {plane.dir}/key", "stripe_key_file = /nonexistent", "stripe_key_file")):
        true(old in conf)
        path = os.path.join(plane.dir, "other.conf")
        with open(path, "w") as f:
            f.write(conf.replace(old, new, 1))
        r = subprocess.run([os.path.join(os.environ.get("TR_BIN") or os.path.join(rig.ROOT, "build/release"),
                                         "tr-controlplane"), "-c", path], capture_output=True, text=True, timeout=20)
        true(r.returncode == 1 and says in r.stderr, (says, r.stderr[-300:]))


@case
def shapes():
    """Every request that is made here fits Stripe's document, as far as stripe-mock checks it."""
    program = subprocess.run([os.path.join(rig.ROOT, "tests/lib/stripe-mock")], capture_output=True, text=True)
    if program.returncode != 0:
        raise rig.Skip("stripe-mock cannot be had: " + program.stderr.strip()[-120:])
    port = free_port()
    mock = subprocess.Popen([program.stdout.strip(), "-http-addr", f"127.0.0.1:{port}"], stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)
    import urllib.request

    def up():
        r = urllib.request.Request(f"http://127.0.0.1:{port}/v1/customers", headers={"Authorization": "Bearer sk_test_1"})
        return urllib.request.urlopen(r, timeout=2).status == 200
    try:
        wait_until(up, 10, "stripe-mock answers")
        refused = 0
        for method, path, form, key, _ in plane.fake.requests:
            import urllib.parse
            data = urllib.parse.urlencode(form)
            r = urllib.request.Request(f"http://127.0.0.1:{port}{path}" + ("?" + data if method == "GET" else ""),
                                       data.encode() if method == "POST" else None,
                                       {"Authorization": "Bearer sk_test_1", "Stripe-Version": "2024-06-20"}, method=method)
            try:
                urllib.request.urlopen(r, timeout=5).read()
            except urllib.error.HTTPError as e:
                refused += 1
                print(f"# {method} {path} {form}: {e.code} {e.read()[:300]}")
        print(f"# {len(plane.fake.requests)} requests of {len({r[1].split('/')[2] for r in plane.fake.requests})} kinds")
        equal(refused, 0)
        # The twin: a member that Stripe does not know is refused.
        r = urllib.request.Request(f"http://127.0.0.1:{port}/v1/refunds", b"no_such_member=1",
                                   {"Authorization": "Bearer sk_test_1"}, method="POST")
        try:
            urllib.request.urlopen(r, timeout=5)
            raise AssertionError("stripe-mock takes everything")
        except urllib.error.HTTPError as e:
            equal(e.code, 400)
        # And its answers are read: what a checkout gives is a session of Stripe's own example.
        other = PaymentPlane(f"http://127.0.0.1:{port}", plane.conninfo, plane.operator)
        other.key = plane.key
        try:
            with open(os.path.join(other.dir, "key"), "w") as f:
                f.write("sk_test_1\n")
            other.start()
            made = other.api("POST", "/payments/checkout", {"amount": 10, **URLS}, want=201)
            equal((made["type"], made["checkout_session"][:3]), ("checkout", "cs_"))
        finally:
            other.close()
    finally:
        mock.kill()
        mock.wait()


try:
    failed = rig.run_cases()
finally:
    plane.close()
sys.exit(1 if failed else 0)
