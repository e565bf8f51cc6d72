#!/bin/bash
# Goal: an automatic top-up charges once and books what it charged, wherever the control plane is killed: before the
# payment service works, between its work and its answer, before and after the answer, with two control planes, and
# when the service has forgotten the idempotency key. Refunds likewise.
set -eu
cd "$(dirname "$0")/../.."
export TR_CASE_PREFIX=$(basename "$0" .sh) PYTHONPATH=tests/lib
exec python3 - "$@" <<'PY'
import rig
from payment_plane import PaymentPlane, equal, true, wait_until
from rig import case

plane = PaymentPlane()
CHARGE, REFUND = "/v1/payment_intents", "/v1/refunds"
TOPUP = {"threshold": 5, "amount": 20, "monthly_ceiling": 1000}


def fresh(method="pm_ok"):
    """A new customer with a card and nothing else; the database's side of the charge is checked by sound()."""
    if plane.process is None or plane.process.poll() is not None:
        plane.start()
    plane.customer()
    plane.with_card(method)


def states(kind="auto"):
    return plane.sql(f"SELECT string_agg(state, ',' ORDER BY created_at) FROM payment"
                     f" WHERE kind = '{kind}' AND account_id = '{plane.account}'")


def charges():
    mine = plane.account.replace("-", "")
    return [o for o in plane.fake.charges() if o["metadata"]["tr_account"] == mine and "amount" in o]


def booked_once(amount=20):
    wait_until(lambda: states() == "paid", 10, "the charge is booked")
    equal((len(charges()), plane.available()), (1, amount))
    plane.sound()


def killed(hold, before=lambda: None):
    """The control plane dies while the service has its request at this point; another start takes it up."""
    h = plane.fake.hold(CHARGE, hold)
    plane.api("PUT", "/payments/auto-topup", TOPUP)
    true(h.reached.wait(10), "the charge is asked for")
    plane.kill()
    before()
    plane.fake.release(h)
    plane.due()
    plane.start()


@case
def nothing_dies():
    plane.start()
    fresh()
    plane.api("PUT", "/payments/auto-topup", TOPUP)
    booked_once()


@case
def killed_before_the_claim_commits():
    fresh()
    plane.api("PUT", "/payments/auto-topup", TOPUP | {"enabled": False})
    plane.kill()
    plane.sql(f"UPDATE auto_topup SET state = 'on' WHERE account_id = '{plane.account}'")
    plane.start()
    booked_once()


@case
def killed_after_the_claim_before_the_request():
    fresh()
    plane.api("PUT", "/payments/auto-topup", TOPUP | {"enabled": False})
    plane.kill()
    plane.sql(f"UPDATE auto_topup SET state = 'on' WHERE account_id = '{plane.account}';"
              "SELECT auto_topup_claim(10); SELECT FROM payment_due(10)")
    equal(states(), "claimed")
    plane.due()
    plane.start()
    booked_once()


@case
def killed_before_the_service_works():
    fresh()
    killed("before")
    booked_once()


@case
def killed_between_work_and_answer():
    fresh()
    killed("after")
    booked_once()


@case
def killed_and_the_key_is_forgotten():
    """More than a day passes: the charge is looked for, not made again."""
    fresh()
    made = len(plane.fake.requests)

    def a_day_passes():
        plane.fake.forget = True
        plane.sql(f"UPDATE payment SET created_at = created_at - interval '30 hours' WHERE kind = 'auto'"
                  f" AND account_id = '{plane.account}'")
    killed("after", a_day_passes)
    booked_once()
    plane.fake.forget = False
    equal([r[0] for r in plane.fake.requests[made:] if r[1] == CHARGE], ["POST", "GET"])


@case
def killed_and_nothing_was_made():
    """The same, but the service never got to it: the claim ends, and another charge is made."""
    fresh()
    plane.api("PUT", "/payments/auto-topup", TOPUP | {"enabled": False})
    plane.kill()
    plane.sql(f"UPDATE auto_topup SET state = 'on' WHERE account_id = '{plane.account}';"
              f"SELECT auto_topup_claim(10); UPDATE payment SET created_at = created_at - interval '30 hours'"
              f" WHERE kind = 'auto' AND account_id = '{plane.account}'")
    plane.start()
    wait_until(lambda: states() == "failed", 10, "the claim has ended")
    equal(len(charges()), 0)
    plane.sql("UPDATE auto_topup SET next_at = now()")
    wait_until(lambda: states() == "failed,paid", 10, "the next charge is booked")
    equal((len(charges()), plane.available()), (1, 20))
    plane.sound()


@case
def error_after_the_work():
    """The service worked, answered an error, and repeats it: what it made is found."""
    fresh()
    plane.fake.fail(CHARGE, 500, work=True)
    plane.api("PUT", "/payments/auto-topup", TOPUP)
    wait_until(lambda: len(charges()) == 1 and states() == "claimed", 10, "the charge is made")
    plane.due()
    booked_once()


@case
def two_control_planes():
    """Both work on one database; one is killed while its charge runs, the other takes it up while it still does."""
    fresh()
    other = PaymentPlane(plane.fake.base, plane.conninfo, plane.operator)
    try:
        other.start()
        h = plane.fake.hold(CHARGE, "after")
        plane.api("PUT", "/payments/auto-topup", TOPUP)
        true(h.reached.wait(10), "the charge is asked for")
        plane.due()  # the other one asks, too: the service says 409, or repeats
        wait_until(lambda: sum(r[1] == CHARGE and r[0] == "POST" and r[2]["metadata[tr_account]"] ==
                               plane.account.replace("-", "") for r in plane.fake.requests) >= 2, 10, "asked twice")
        plane.kill()
        plane.fake.release(h)
        plane.due()
        plane.key, key = None, plane.key
        wait_until(lambda: states() == "paid", 10, "the other one books")
        plane.key = key
    finally:
        other.close()
    plane.start()
    booked_once()


@case
def webhook_comes_first():
    """The event is here before the answer; the answer comes to nobody."""
    fresh()
    h = plane.fake.hold(CHARGE, "after")
    plane.api("PUT", "/payments/auto-topup", TOPUP)
    true(h.reached.wait(10), "the charge is asked for")
    plane.event("payment_intent.succeeded", charges()[0])
    equal(states(), "paid")
    plane.kill()
    plane.fake.release(h)
    plane.start()
    plane.event("payment_intent.succeeded", charges()[0])
    booked_once()


@case
def failing_card_is_switched_off():
    fresh("pm_decline")
    plane.api("PUT", "/payments/auto-topup", TOPUP)
    for n in (1, 2, 3):
        wait_until(lambda n=n: plane.api("GET", "/payments/auto-topup")["failures"] == n, 10, f"failure {n}")
        plane.sql("UPDATE auto_topup SET next_at = now()")
    now = plane.api("GET", "/payments/auto-topup")
    equal((now["enabled"], now["reason"], states()), (False, "card_declined", "failed,failed,failed"))
    equal(plane.available(), 0)
    plane.sound()


@case
def killed_in_a_refund():
    """Between the service's work and its answer: refunded once, taken back once."""
    fresh()
    plane.api("PUT", "/payments/auto-topup", TOPUP)
    booked_once()
    plane.api("DELETE", "/payments/auto-topup")
    payment = plane.api("GET", "/payments")["data"][0]["id"]
    h = plane.fake.hold(REFUND, "after")

    def refund():
        try:
            plane.api("POST", f"/payments/{payment}/refund", {"account_id": plane.account, "amount": 5}, plane.operator)
        except (OSError, AssertionError):
            pass  # the control plane is killed
    import threading
    t = threading.Thread(target=refund)
    t.start()
    true(h.reached.wait(10), "the refund is asked for")
    plane.kill()
    plane.fake.release(h)
    t.join()
    plane.due()
    plane.start()
    wait_until(lambda: plane.api("GET", f"/payments/{payment}")["refunds"][0]["status"] == "succeeded", 10, "refunded")
    equal((plane.available(), len([r for r in plane.fake.of("refund")])), (15, 1))
    plane.event("charge.refunded", {"id": "ch_1", "object": "charge", "amount_refunded": 500,
                                    "payment_intent": charges()[0]["id"], "metadata": charges()[0]["metadata"]})
    equal(plane.available(), 15)
    equal(plane.sql("SELECT * FROM ledger_violations"), "")


try:
    failed = rig.run_cases()
finally:
    plane.close()
raise SystemExit(1 if failed else 0)
PY
