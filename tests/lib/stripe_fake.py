"""A payment service for tests: as much of Stripe as the control plane uses, with a memory. Idempotency keys are kept as
the real one keeps them: an answer is repeated, another request under the key is refused, one that still runs answers 409. A
test holds requests at a point (before the work, or between the work and the answer) to kill the caller there.
Standard library only."""

import hashlib
import hmac
import http.server
import itertools
import json
import threading
import time
import urllib.parse

SECRET = "whsec_fake"
KEY = "sk_test_fake"


class Hold:
    """Requests of one path wait here until they are let go."""

    def __init__(self, path, when):
        self.path, self.when = path, when
        self.reached, self.go = threading.Event(), threading.Event()


class Fake:
    def __init__(self):
        self.lock = threading.RLock()
        self.objects, self.keys, self.running = {}, {}, set()
        self.requests, self.holds, self.broken = [], [], {}
        self.numbers = itertools.count(1)
        self.forget = False  # idempotency keys, as after a day
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                fake.serve(self, "")

            def do_POST(self):
                fake.serve(self, self.rfile.read(int(self.headers.get("content-length", 0))).decode())

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.base = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    # --- what a test does

    def hold(self, path, when):
        h = Hold(path, when)
        self.holds.append(h)
        return h

    def release(self, h):
        self.holds.remove(h)
        h.go.set()

    def fail(self, path, status, work=False):
        """The next POST there answers this error; work: after it has done what it was asked."""
        self.broken[path] = (status, work)

    def of(self, kind):
        with self.lock:
            return [o for o in self.objects.values() if o["object"] == kind]

    def charges(self):
        """Charges that took money."""
        return [o for o in self.of("payment_intent") if o["status"] == "succeeded"]

    # --- requests

    def serve(self, h, body):
        url = urllib.parse.urlparse(h.path)
        form = dict(urllib.parse.parse_qsl(body if h.command == "POST" else url.query))
        key = h.headers.get("idempotency-key")
        self.requests.append((h.command, url.path, form, key, h.headers.get("authorization")))
        self.wait(url.path, "before")
        status, answer, replayed = self.answer(h.command, url.path, form, key, h.headers.get("authorization"))
        self.wait(url.path, "after")
        out = json.dumps(answer).encode()
        try:
            h.send_response(status)
            h.send_header("content-type", "application/json")
            h.send_header("content-length", str(len(out)))
            if replayed:
                h.send_header("Idempotent-Replayed", "true")
            h.end_headers()
            h.wfile.write(out)
        except OSError:
            pass  # who asked is gone

    def wait(self, path, when):
        for h in list(self.holds):
            if h.path == path and h.when == when:
                h.reached.set()
                h.go.wait(60)

    def answer(self, method, path, form, key, authorization):
        if authorization != f"Bearer {KEY}":
            return 401, error("invalid_request_error", None), False
        if method == "GET":
            with self.lock:
                return (*self.read(path, form), False)
        with self.lock:
            if self.forget:
                self.keys.clear()
            if key in self.running:
                return 409, error("idempotency_error", "idempotency_key_in_use"), False
            if key is not None and key in self.keys:
                before, status, answer = self.keys[key]
                if before != (path, form):
                    return 400, error("idempotency_error", None), False
                return status, answer, True
            self.running.add(key)
        try:
            broken, work = self.broken.pop(path, (None, True))
            with self.lock:
                status, answer = self.work(path, form) if work else (None, None)
                if broken is not None:
                    status, answer = broken, error("api_error", None)
                if key is not None:
                    self.keys[key] = ((path, form), status, answer)
            return status, answer, False
        finally:
            self.running.discard(key)

    def read(self, path, form):
        parts = path.split("/")
        if path in ("/v1/payment_intents", "/v1/invoices", "/v1/refunds"):
            kind = {"payment_intents": "payment_intent", "invoices": "invoice", "refunds": "refund"}[parts[2]]
            data = [o for o in self.objects.values() if o["object"] == kind and
                    all(o.get(n) == form[n] for n in ("customer", "payment_intent") if n in form) and
                    o["created"] >= int(form.get("created[gte]", 0))]
            return 200, {"object": "list", "data": data, "has_more": False}
        o = self.objects.get(parts[-1])
        return (200, o) if o else (404, error("invalid_request_error", "resource_missing"))

    def make(self, prefix, kind, form, **members):
        o = {"id": f"{prefix}_{next(self.numbers)}", "object": kind, "created": int(time.time()),
             "metadata": metadata(form, "metadata"), "customer": form.get("customer"), **members}
        self.objects[o["id"]] = o
        return o

    def work(self, path, form):
        parts = path.split("/")
        if path == "/v1/customers":
            return 200, self.make("cus", "customer", form)
        if path == "/v1/checkout/sessions":
            return 200, self.session(form)
        if path == "/v1/payment_intents":
            return self.charge(form)
        if path == "/v1/refunds":
            return self.refund(form)
        if path == "/v1/invoices":
            return 200, self.make("in", "invoice", form, status="draft", total=0, amount_paid=0, currency="usd",
                                  method=form.get("default_payment_method"))
        if path == "/v1/invoiceitems":
            self.objects[form["invoice"]]["total"] += int(form["amount"])
            return 200, self.make("ii", "invoiceitem", form, amount=int(form["amount"]))
        if parts[2] == "invoices" and parts[-1] == "finalize":
            o = self.objects[parts[3]]
            o.update(status="open", hosted_invoice_url=f"https://pay.example/{o['id']}",
                     invoice_pdf=f"https://pay.example/{o['id']}.pdf")
            return 200, o
        if parts[2] == "payment_methods" and parts[-1] == "detach":
            return 200, {"id": parts[3], "object": "payment_method", "customer": None, "card": {}}
        return 404, error("invalid_request_error", "resource_missing")

    def session(self, form):
        amount = int(form.get("line_items[0][price_data][unit_amount]", 0))
        o = self.make("cs", "checkout.session", form, mode=form["mode"], status="open", payment_status="unpaid",
                      amount_total=amount, currency="usd", total_details={"amount_tax": 0}, payment_intent=None,
                      intent_metadata=metadata(form, "payment_intent_data[metadata]"))
        o["url"] = f"https://pay.example/c/{o['id']}"
        return o

    def charge(self, form):
        card = form["payment_method"]
        refused = {"pm_decline": "card_declined", "pm_auth": "authentication_required"}.get(card)
        o = self.make("pi", "payment_intent", form, amount=int(form["amount"]), currency=form["currency"],
                      status="requires_payment_method" if refused else
                      "processing" if card == "pm_slow" else "succeeded",
                      amount_received=0 if refused or card == "pm_slow" else int(form["amount"]), payment_method=card,
                      last_payment_error={"code": refused} if refused else None)
        return (402, error("card_error", refused, payment_intent=o)) if refused else (200, o)

    def refund(self, form):
        intent = self.objects.get(form["payment_intent"])
        if intent is None:
            return 400, error("invalid_request_error", "resource_missing")
        intent["refunded"] = intent.get("refunded", 0) + int(form["amount"])
        return 200, self.make("re", "refund", form, amount=int(form["amount"]), status="succeeded", currency="usd",
                              payment_intent=intent["id"])

    # --- what the customer does at a checkout

    def pay(self, session, tax=0):
        with self.lock:
            o = self.objects[session]
            intent = self.make("pi", "payment_intent", {"customer": o["customer"]}, amount=o["amount_total"] + tax,
                               amount_received=o["amount_total"] + tax, currency="usd", status="succeeded",
                               payment_method="pm_ok")
            intent["metadata"] = o["intent_metadata"]
            o.update(status="complete", payment_status="paid", payment_intent=intent["id"],
                     amount_total=o["amount_total"] + tax, total_details={"amount_tax": tax})
            return intent


def metadata(form, under):
    return {k[len(under) + 1:-1]: v for k, v in form.items() if k.startswith(under + "[")}


def error(kind, code, **more):
    return {"error": {"type": kind, "code": code, "message": "no", **more}}


# --- events

_events = itertools.count(1)


def event(kind, o, ident=None, **more):
    return json.dumps({"id": ident or f"evt_{time.time_ns()}_{next(_events)}", "object": "event", "type": kind,
                       "data": {"object": o, **more}})


def signature(body, secret=SECRET, at=None):
    t = int(time.time() if at is None else at)
    mac = hmac.new(secret.encode(), f"{t}.{body}".encode(), hashlib.sha256).hexdigest()
    return f"t={t},v1={mac}"


def card(ident, customer, **more):
    return {"id": ident, "object": "payment_method", "customer": customer,
            "card": {"brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2034}, **more}
