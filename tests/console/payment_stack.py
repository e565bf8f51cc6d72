#!/usr/bin/env python3
"""A control plane that takes payments, with the console and a payment service that remembers, for credits.mjs: commands come
on standard input, an answer of one line each goes to standard output. It ends with its input."""

import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import stripe_fake  # noqa: E402
from payment_plane import PaymentPlane  # noqa: E402
from rig import ROOT  # noqa: E402


def say(o):
    print(json.dumps(o), flush=True)


def configure(plane, origin):
    path = os.path.join(plane.dir, "conf")
    with open(path) as f:
        text = re.sub(r"(?m)^payment_origins = .*$", f"payment_origins = {origin}", f.read())
    with open(path, "w") as f:
        f.write(text + f"sign_up = on\nconsole_dir = {ROOT}/build/web\nconsole_dataplanes = https://localhost:1\n")


def session_of(plane, payment):
    return plane.fake.objects[plane.sql(f"SELECT checkout_ref FROM payment WHERE payment_id = '{payment}'")]


def pay(plane, payment, tax):
    """The customer pays at the service, and the service tells."""
    session = session_of(plane, payment)
    plane.fake.pay(session["id"], tax=int(tax))
    plane.event("checkout.session.completed", session)
    return {}


def store(plane, payment):
    """The customer's card is stored by this checkout without a purchase."""
    session = session_of(plane, payment)
    session["status"] = "complete"
    plane.event("payment_method.attached", stripe_fake.card("pm_ok", session["customer"]))
    plane.event("checkout.session.completed", session)
    return {}


def expire(plane, payment):
    session = session_of(plane, payment)
    session["status"] = "expired"
    plane.event("checkout.session.expired", session)
    return {}


def main():
    plane = PaymentPlane()
    try:
        origin = f"https://localhost:{plane.port}"
        configure(plane, origin)
        plane.start()
        say({"url": origin, "ca": os.path.join(plane.dir, "state/ca.pem"), "operator": plane.operator})
        commands = {"pay": pay, "store": store, "expire": expire}
        for line in sys.stdin:
            name, *words = line.split()
            say(commands[name](plane, *words))
    finally:
        plane.close()


main()
