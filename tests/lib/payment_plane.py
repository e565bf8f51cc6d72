"""A control plane with a database and a payment service of its own, for tests of payments. Standard library only."""

import json
import os
import re
import shutil
import subprocess
import tempfile

import stripe_fake
from log_plane import Plane
from rig import ROOT, equal, free_port, true, wait_until

PG = os.path.join(ROOT, "tests/lib/pg")


class PaymentPlane(Plane):
    """start() after construction; close() at the end. others: more control planes on the same database."""

    def __init__(self, base=None, conninfo=None, operator=None):
        self.work = tempfile.mkdtemp(prefix="tr-pay-")
        os.chmod(self.work, 0o755)
        self.owns = conninfo is None
        self.fake = stripe_fake.Fake() if base is None else None
        if self.owns:
            conninfo = subprocess.run([PG, "start", os.path.join(self.work, "pg")], capture_output=True, text=True,
                                      check=True).stdout.strip()
        super().__init__(self.work, "plane", conninfo)
        self.metrics = free_port()
        for name, text in (("key", stripe_fake.KEY), ("secret", stripe_fake.SECRET + "\nwhsec_next")):
            path = os.path.join(self.dir, name)
            with open(path, "w") as f:
                f.write(text + "\n")
            os.chmod(path, 0o600)
        with open(os.path.join(self.dir, "conf"), "a") as f:
            f.write(f"""stripe_key_file = {self.dir}/key
stripe_webhook_secret_file = {self.dir}/secret
stripe_base = {base or self.fake.base}
payment_origins = https://console.example http://127.0.0.1:9000
drain_ms = 3000
""")
        if operator is None:
            code, out, err = self.command("--bootstrap")
            equal(code, 0, err)
            operator = re.search(r"sk-tr-m1-\S+", out).group(0)
        self.operator = operator

    def close(self):
        self.stop()
        if self.owns:
            subprocess.run([PG, "stop", os.path.join(self.work, "pg")], check=False, stdout=subprocess.DEVNULL)
        shutil.rmtree(self.work, ignore_errors=True)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def api(self, method, path, body=None, key=None, want=200):
        status, _, out = self.call(method, "/v1" + path, None if body is None else json.dumps(body),
                                   key or self.key)
        out = json.loads(out)
        if want is not None:
            equal(status, want, f"{method} {path}: {out}")
        return out

    def error(self, method, path, body, want, key=None):
        out = self.api(method, path, body, key, want)
        return out["error"]["code"]

    def customer(self, name="customer"):
        """A new account: its id; self.key is its management key from now on."""
        made = self.api("POST", "/accounts", {"name": name}, self.operator, 201)
        self.key = made["key"]
        self.account = made["data"]["id"]
        return self.account

    def event(self, kind, o, want=200, ident=None, **more):
        body = stripe_fake.event(kind, o, ident, **more)
        return self.send(body, stripe_fake.signature(body), want)

    def send(self, body, signature, want=200):
        import http.client
        import ssl
        context = ssl.create_default_context(cafile=os.path.join(self.dir, "state/ca.pem"))
        c = http.client.HTTPSConnection("127.0.0.1", self.port, context=context, timeout=10)
        c.request("POST", "/v1/webhooks/stripe", body=body, headers={"Stripe-Signature": signature} if signature else {})
        r = c.getresponse()
        out = json.loads(r.read())
        c.close()
        equal(r.status, want, out)
        return out.get("error", {}).get("code")

    def with_card(self, method="pm_ok"):
        """The account gets a customer at the service and a saved card, as after a checkout that stores one."""
        url = {"success_url": "https://console.example/ok", "cancel_url": "https://console.example/no"}
        session = self.api("POST", "/payments/setup", url, want=201)["checkout_session"]
        o = self.fake.objects[session]
        o["status"] = "complete"
        self.event("payment_method.attached", stripe_fake.card(method, o["customer"]))
        self.event("checkout.session.completed", o)

    def available(self):
        return float(self.api("GET", "/credits")["data"]["available"])

    def due(self):
        """Time passes: what is somebody's for a minute is due now."""
        self.sql("UPDATE payment SET check_at = now() WHERE check_at IS NOT NULL;"
                 "UPDATE payment_refund SET check_at = now() WHERE check_at IS NOT NULL")

    def sound(self):
        equal(self.sql("SELECT * FROM ledger_violations"), "")
        # What the service took is what is booked, and nothing is booked that it did not take.
        taken = sum(o["amount_received"] for o in self.fake.charges())
        booked = int(self.sql("SELECT coalesce(sum(total_nusd), 0) / 10000000 FROM payment"
                              " WHERE kind <> 'invoice'").split(".")[0])
        equal(booked, taken, "booked, taken by the service")


__all__ = ["PaymentPlane", "equal", "true", "wait_until"]
