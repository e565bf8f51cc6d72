"""What 40-ledger-rounds.sh is made of: a control plane and a PostgreSQL that are killed and come back, workers that move
money through both, and a model that knows from their answers alone what the ledger must say.

A worker repeats what it asked until it hears an answer: every movement is idempotent. So the model is exact where the
answer says the amount, and bounded where the ledger decides (what expires, what is written off)."""

import collections
import hashlib
import http.client
import json
import os
import random
import signal
import ssl
import subprocess
import tempfile
import threading
import time
import uuid

import rig

ROOT = rig.ROOT
BIN = os.environ.get("TR_BIN") or os.path.join(ROOT, "build", os.environ.get("MODE", "release"))
PG = os.path.join(ROOT, "tests/lib/pg")
NUSD = 10 ** 9
BACK_S = 60  # so long may a server that was killed take on a busy machine


def nusd(text):
    """Exact: the API's numbers are read as text."""
    whole, _, rest = str(text).partition(".")
    sign = -1 if whole.startswith("-") else 1
    return sign * (abs(int(whole)) * NUSD + int((rest + "0" * 9)[:9]))


class Lost(Exception):
    """No answer: nobody knows whether it was done."""


class World:
    def __init__(self):
        self.work = tempfile.mkdtemp(prefix="tr-rounds-")
        self.pg = self.work + "-pg"
        self.conninfo = subprocess.run([PG, "start", self.pg], check=True, capture_output=True,
                                       text=True).stdout.strip()
        self.port, link = rig.free_port(), rig.free_port()
        self.conf = os.path.join(self.work, "controlplane.conf")
        with open(os.path.join(ROOT, "deploy/examples/attestation.conf")) as f:
            policy = f.read()
        with open(os.path.join(self.work, "attestation.conf"), "w") as f:
            f.write(policy + f"\n[measurement test]\nsha384 = {'ab' * 48}\n[chip test]\nid = {'cd' * 64}\n")
        with open(self.conf, "w") as f:
            f.write(f"""database = {self.conninfo}
sql_dir = {ROOT}/sql
state_dir = {self.work}/state
rest_port = {self.port}
link_port = {link}
providers = {ROOT}/deploy/examples/providers.conf
catalog = {ROOT}/deploy/examples/catalog.conf
attestation = {self.work}/attestation.conf
drain_ms = 1000
""")
        program = os.path.join(BIN, "tr-controlplane")
        subprocess.run([program, "-c", self.conf, "--init-state"], check=True)
        self.operator = subprocess.run([program, "-c", self.conf, "--bootstrap"], check=True, capture_output=True,
                                       text=True).stdout.strip()
        self.program, self.server = program, None
        self.tls = ssl.create_default_context(cafile=os.path.join(self.work, "state/ca.pem"))
        self.lock = threading.Lock()

    def control_start(self):
        log = open(os.path.join(self.work, "log"), "a")
        self.server = subprocess.Popen([self.program, "-c", self.conf], stdout=log, stderr=log, cwd="/")

    def control_kill(self):
        with self.lock:
            self.server.kill()
            self.server.wait()
            self.control_start()

    def control_revive(self):
        """One that found no database at its start has ended, and is started again, as systemd does."""
        with self.lock:
            if self.server.poll() is not None:
                self.control_start()

    def database_kill(self):
        subprocess.run([PG, "crash", self.pg], check=True)
        # While a process of the killed server still ends, as on a busy machine, the next one does not start.
        end = time.monotonic() + BACK_S
        while subprocess.run([PG, "again", self.pg], capture_output=True).returncode != 0:
            if time.monotonic() > end:
                raise AssertionError("the database does not start again")
            time.sleep(0.2)

    def end(self):
        if self.server is not None:
            self.server.kill()
            self.server.wait()
        subprocess.run([PG, "stop", self.pg])
        subprocess.run(["rm", "-rf", self.work])

    def sql(self, text):
        """In a session of its own, repeated until the server is there."""
        end = time.monotonic() + BACK_S
        while time.monotonic() < end:
            p = subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", self.conninfo, "-c", text],
                               capture_output=True, text=True)
            if p.returncode == 0:
                return p.stdout.strip()
            if p.returncode != 2:
                raise AssertionError(f"{text}: {p.stderr}")
            time.sleep(0.05)
        raise AssertionError("the database does not come back")


class Session:
    """One psql that answers statement by statement."""

    def __init__(self, world):
        self.world, self.p = world, None

    def ask(self, text):
        if self.p is None or self.p.poll() is not None:
            self.p = subprocess.Popen(["psql", "-XAtq", self.world.conninfo], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            self.p.stdin.write(text + ";\n\\echo ---\n")
            self.p.stdin.flush()
            lines = []
            while True:
                line = self.p.stdout.readline()
                if line == "":
                    raise OSError("psql is gone")
                if line == "---\n":
                    break
                lines.append(line.rstrip("\n"))
        except OSError:
            self.p.kill()
            self.p.wait()
            self.p = None
            raise Lost from None
        answer = "\n".join(lines)
        if any(bad in answer for bad in ("ERROR", "FATAL", "server closed", "connection")):
            if any(why in answer for why in ("shutting down", "connection", "starting up", "recovery", "lock timeout",
                                             "terminating")):
                raise Lost
            raise AssertionError(f"{text}: {answer}")
        return answer

    def sure(self, text):
        """Repeated until it is answered: for what is idempotent."""
        end = time.monotonic() + BACK_S
        while time.monotonic() < end:
            try:
                return self.ask(text)
            except Lost:
                time.sleep(0.03)
        raise AssertionError("the database does not come back")

    def end(self):
        if self.p is not None:
            self.p.kill()
            self.p.wait()


class Rest:
    """One connection to the REST API."""

    def __init__(self, world):
        self.world, self.c = world, None

    def post(self, path, body, key):
        """Status and data, for sure: repeated under its idempotency key until an answer comes."""
        end = time.monotonic() + BACK_S
        while time.monotonic() < end:
            try:
                if self.c is None:
                    self.c = http.client.HTTPSConnection("127.0.0.1", self.world.port, context=self.world.tls,
                                                         timeout=10)
                self.c.request("POST", path, body=json.dumps(dict(body, idempotency_key=key)),
                               headers={"Authorization": "Bearer " + self.world.operator,
                                        "Content-Type": "application/json"})
                r = self.c.getresponse()
                answer = json.loads(r.read(), parse_float=str, parse_int=str)
                if r.status not in (429, 503):
                    return r.status, answer.get("data")
            except (OSError, http.client.HTTPException, ValueError):
                self.c = None
                self.world.control_revive()
            time.sleep(0.03)
        raise AssertionError("the control plane does not come back")


class Model:
    """What the answers say, per account."""

    def __init__(self):
        self.lock, self.wrong = threading.Lock(), []
        self.sums = collections.defaultdict(lambda: collections.Counter())

    def add(self, account, what, amount):
        with self.lock:
            self.sums[account][what] += amount


# --- workers: each does so many steps, whatever is killed meanwhile

class Money(threading.Thread):
    """Operators: every kind of movement, some of them asked twice."""

    def __init__(self, world, model, accounts, seed, steps, ahead_s):
        super().__init__()
        self.rest, self.s, self.model, self.accounts = Rest(world), Session(world), model, accounts
        self.random, self.steps, self.failure = random.Random(seed), steps, None
        self.topups, self.seed, self.ahead_s, self.world = [], seed, ahead_s, world

    def run(self):
        try:
            for n in range(self.steps):
                self.step(f"{self.seed}-{n}")
        except BaseException as e:
            self.failure = e
        self.s.end()

    def ask(self, path, body, key):
        status, data = self.rest.post(path, body, key)
        if status == 200 and self.random.random() < 0.3:
            again, repeated = self.rest.post(path, body, key)
            if again != 200 or repeated["transfer_id"] != data["transfer_id"]:
                self.model.wrong.append(f"{path} was done twice: {data}, {again} {repeated}")
        return status, data

    def step(self, key):
        r, account = self.random, self.random.choice(self.accounts)
        kind = r.choice(["topup", "topup", "topup", "refund", "debit", "credit", "promotion", "reverse", "transfer"])
        amount = r.randrange(1, (2 if kind in ("promotion", "credit") else 6) * NUSD)
        dollars = f"{amount // NUSD}.{amount % NUSD:09d}"
        body = {"account_id": account, "amount": dollars}
        if kind == "topup":
            status, data = self.ask("/v1/credits/topup", body, key)
            self.topups.append((account, data["transfer_id"]))
            self.model.add(account, "topup", amount)
        elif kind == "refund":
            status, data = self.ask("/v1/credits/refund", dict(body, reason="asked"), key)
            self.model.add(account, "topup", -amount if status == 200 else 0)
        elif kind in ("debit", "credit"):
            status, data = self.ask("/v1/credits/adjust", dict(body, reason="wrong", direction=kind), key)
            sign = 1 if kind == "credit" else -1
            self.model.add(account, "adjustment", sign * amount if status == 200 else 0)
        elif kind == "promotion":
            end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + self.ahead_s + r.choice([2, 3600])))
            status, data = self.ask("/v1/credits/promotion", dict(body, reason="welcome", expires_at=end), key)
            self.model.add(account, "promotion", amount if status == 200 else 0)
        elif kind == "reverse" and self.topups:
            account, topup = r.choice(self.topups)
            status, data = self.ask("/v1/credits/reverse", {"account_id": account, "reason": "stolen card",
                                                            "transfer_id": int(topup)}, key)
            self.model.add(account, "topup", -nusd(data["reversed"]) if status == 200 else 0)
        elif kind == "transfer":
            self.transfer(account, amount, key)

    def transfer(self, account, amount, key):
        """By SQL: an operator's key acts on its own workspace."""
        other = self.random.choice([a for a in self.accounts if a != account])
        outcome = self.s.sure(f"SELECT outcome FROM ledger_transfer('{account}', '{other}', '{uuid.uuid4()}', {amount},"
                              f" NULL, '{key}')")
        if outcome in ("ok", "repeated"):
            self.model.add(account, "moved", -amount)
            self.model.add(other, "moved", amount)


class Plane(threading.Thread):
    """A data plane: takes leases, spends within them, ships records until they are acknowledged, gives back. Some leases
    it leaves behind, as one that dies does."""

    def __init__(self, world, model, keys, seed, steps, boot, seq):
        super().__init__()
        self.s, self.model, self.keys, self.boot, self.seq = Session(world), model, keys, boot, seq
        self.random, self.steps, self.failure = random.Random(seed), steps, None
        self.leases = {}  # id -> [key, left, records that were not shipped]

    def run(self):
        try:
            for _ in range(self.steps):
                self.step()
            for lease in list(self.leases):
                self.settle(lease)
        except BaseException as e:
            self.failure = e
        self.s.end()

    def step(self):
        r = self.random
        if not self.leases or r.random() < 0.25:
            self.open()
        elif r.random() < 0.7:
            self.spend(r.choice(list(self.leases)))
        elif r.random() < 0.5:
            self.more(r.choice(list(self.leases)))
        else:
            self.settle(r.choice(list(self.leases)), r.random() < 0.3)

    def open(self):
        key = self.random.choice(self.keys)
        lease = str(uuid.uuid4())
        try:
            got = self.s.ask(f"SELECT outcome, o_lease, o_granted FROM lease_open('\\x{key.digest}', '{self.boot}', '{lease}',"
                             f" {self.random.randrange(NUSD // 10)}, {NUSD // 5}, 600000)").split("|")
        except Lost:
            return  # perhaps granted: it expires and is reclaimed
        if got[0] == "ok":
            self.leases[lease] = [key, int(got[2]), int(got[2])]

    def more(self, lease):
        key, left, granted = self.leases[lease]
        try:
            got = self.s.ask(f"SELECT outcome, o_granted FROM lease_extend('{lease}', '{key.id}', '{self.boot}',"
                             f" {NUSD // 20}, 0, 600000, 0)").split("|")
        except Lost:
            return
        if got[0] == "ok":
            self.leases[lease] = [key, left + int(got[1]) - granted, int(got[1])]

    def spend(self, lease):
        """One to four records; shipped until they are acknowledged."""
        key, left, granted = self.leases[lease]
        records = []
        for _ in range(self.random.randrange(1, 5)):
            cost = self.random.randrange(0, left + 1) if self.random.random() < 0.2 else \
                self.random.randrange(0, left // 20 + 1)
            left -= cost
            self.seq += 1
            records.append({"seq": self.seq, "request_id": str(uuid.uuid4()), "key_id": key.id,
                            "account_id": key.account, "lease_id": lease, "cost_nusd": cost, "tokens_prompt": 10,
                            "tokens_completion": 5})
            self.model.add(key.account, "cost", cost)
        self.leases[lease] = [key, left, granted]
        rows = ", ".join(f"jsonb_populate_record(NULL::usage_record, blank_record() || '{json.dumps(x)}')"
                         for x in records)
        acked = self.s.sure(f"SELECT usage_ingest('{self.boot}', ARRAY[{rows}])")
        while int(acked) < self.seq:  # set aside while the account was locked: those are acknowledged, too
            acked = self.s.sure(f"SELECT usage_ingest('{self.boot}', ARRAY[{rows}])")

    def settle(self, lease, abandon=False):
        del self.leases[lease]
        if abandon:
            return
        for _ in range(1 + (self.random.random() < 0.2)):  # told twice, as after a lost answer
            self.s.sure(f"SELECT lease_give_back('{lease}', '{self.boot}', 0, true)")


class Rounds(threading.Thread):
    """What runs by itself, at odd moments: disputes, what is due, folding."""

    def __init__(self, world, model, accounts, seed, steps):
        super().__init__()
        self.s, self.model, self.accounts, self.seed = Session(world), model, accounts, seed
        self.random, self.steps, self.failure = random.Random(seed), steps, None

    def run(self):
        try:
            for n in range(self.steps):
                self.step(n)
        except BaseException as e:
            self.failure = e
        self.s.end()

    def step(self, n):
        r = self.random
        what = r.choice(["dispute", "due", "due", "fold", "fold"])
        if what == "dispute":
            account, amount = r.choice(self.accounts), r.randrange(1, NUSD)
            got = self.s.sure(f"SELECT outcome, taken + owed FROM ledger_take_back('{account}', {amount},"
                              f" '{self.seed}-{n}', 'dispute')").split("|")
            assert got[0] in ("ok", "repeated") and int(got[1]) == amount, got
            self.model.add(account, "topup", -amount)
        elif what == "due":
            self.s.sure("SELECT ledger_due_round(100)")
        else:
            self.s.sure("SELECT ledger_fold(8, 5)")


class Key:
    def __init__(self, account, n):
        self.account, self.id = account, str(uuid.uuid4())
        self.digest = hashlib.sha256(f"round key {n}".encode()).hexdigest()


# --- what must be so when all is quiet

def check(session, model, accounts):
    """Every violated invariant, and every figure that is not the model's."""
    wrong = session.sure("SELECT * FROM ledger_check()").splitlines() + model.wrong
    balances, returns = collections.defaultdict(dict), {}
    for line in session.sure("SELECT owner, kind, balance_nusd FROM ledger_account").splitlines():
        owner, kind, balance = line.split("|")
        balances[owner][kind] = int(balance)
    for line in session.sure("SELECT a.account_id, (SELECT coalesce(sum(returned_nusd), 0) FROM promotion p"
                             " WHERE p.account_id = a.account_id) FROM account a").splitlines():
        returns[line.split("|")[0]] = int(line.split("|")[1])
    # What a workspace paid for another's debt, or had paid: nobody asked for that.
    paid = dict.fromkeys(accounts, 0)
    for line in session.sure("SELECT t.account_id, sum(p.amount_nusd) FROM transfer t JOIN posting p USING (account_id,"
                             " transfer_id) JOIN ledger_account a ON a.owner = p.account_id AND a.ledger_account_id ="
                             " p.ledger_account_id WHERE a.kind = 'available' AND t.kind = 'move' AND t.reason IN"
                             " ('debt of another workspace', 'debt of this workspace') GROUP BY 1").splitlines():
        paid[line.split("|")[0]] = int(line.split("|")[1])
    for account in accounts:
        m, b, returned = collections.Counter(model.sums[account]), balances[account], returns[account]
        m["moved"] += paid[account]
        # Planes spent only what leases had granted, and settled before anything was reclaimed: nothing is written off.
        want = {"deposits": -m["topup"], "adjustments": -m["adjustment"], "moved": -m["moved"], "revenue": m["cost"],
                "promotions": returned - m["promotion"], "leased": 0, "writeoff": 0}
        wrong += [f"{account} {k} is {b[k]}, the model says {v}" for k, v in want.items() if b[k] != v]
        if not 0 <= returned <= m["promotion"]:
            wrong.append(f"{account} returned {returned} of promotions of {m['promotion']}")
        have = m["topup"] + m["adjustment"] + m["moved"] + m["promotion"] - returned - m["cost"] - b["owed"]
        if b["available"] != have or b["owed"] > 0 or b["available"] < 0:
            wrong.append(f"{account} has {b['available']} and owes {-b['owed']}, the model says {have}")
    return wrong
