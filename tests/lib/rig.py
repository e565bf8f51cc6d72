"""What the end-to-end tests and scenarios share: the stack's addresses from the environment, a plain
HTTP/1.1 client whose bytes are exactly those a test wrote, the demo provider's side door, SQL, and
cases that print "ok NAME" or "not ok NAME". Standard library only."""

import http.client
import json
import os
import random
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import traceback
import urllib.error
import urllib.request
from urllib.parse import urlparse

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))
sys.path.insert(1, os.path.join(ROOT, "deploy/dev"))
import ports  # noqa: E402


def env(name):
    if name not in os.environ:
        sys.exit(f"{name} is not set: start a stack (make up) and source run/env")
    return os.environ[name]


# --- cases

_cases = []


def case(fn):
    _cases.append(fn)
    return fn


class Skip(Exception):
    """Raised by a case that cannot be tried on this machine, with the reason: it counts as skipped."""


def run_cases(always=()):
    """Run the cases in the order they were written; argv[1] selects by part of the name, beside those
    that the others build upon. How many failed."""
    prefix = os.environ.get("TR_CASE_PREFIX") or os.path.splitext(os.path.basename(sys.argv[0]))[0]
    prefix = prefix.replace("-", "_")
    want = sys.argv[1] if len(sys.argv) > 1 else ""
    failed = 0
    chosen = [fn for fn in _cases if want in fn.__name__]
    if not chosen:
        sys.exit(f"no case has {want!r} in its name")
    for fn in _cases:
        if fn not in chosen and fn.__name__ not in always:
            continue
        try:
            fn()
            print(f"ok {prefix}_{fn.__name__}", flush=True)
        except Skip as why:
            print(f"skip {prefix}_{fn.__name__}: {why}", flush=True)
        except BaseException as problem:
            if isinstance(problem, KeyboardInterrupt):
                raise
            for line in traceback.format_exc().splitlines()[-14:]:
                print("# " + line)
            print(f"not ok {prefix}_{fn.__name__}", flush=True)
            failed += 1
    return failed


def skip_all_but(kept, why):
    """Every other case will be skipped, for this reason."""
    def skipped(fn):
        def skip():
            raise Skip(why)
        skip.__name__ = fn.__name__
        return skip
    _cases[:] = [fn if fn in kept else skipped(fn) for fn in _cases]


def main():
    sys.exit(1 if run_cases() else 0)


def equal(got, want, what=""):
    if got != want:
        raise AssertionError(f"{what}: got {got!r}, want {want!r}")


def true(got, what=""):
    if not got:
        raise AssertionError(f"not true: {what or got!r}")


def free_port():
    """A loopback port that nobody else of us gets while this process lives."""
    return ports.for_process()[0]


def wait_until(fn, seconds=10, what="", step=0.05):
    """The first true value of fn(). Errors while waiting count as false."""
    end = time.monotonic() + seconds
    last = None
    while time.monotonic() < end:
        try:
            last = fn()
            if last:
                return last
        except (OSError, AssertionError, http.client.HTTPException, ValueError) as e:
            last = e
        time.sleep(step)
    raise AssertionError(f"after {seconds} s still not {what or 'true'}: {last!r}")


def soon(seconds=4):
    """A moment that many seconds away, less than one of them cut off: as unix time, and as the REST API takes it. Enough
    for a slow machine to use before it what ends then."""
    at = int(time.time()) + seconds
    return at, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


# --- HTTP

def context(ca):
    if ca == INSECURE:  # a data plane that nobody has accepted has no certificate of ours
        return ssl._create_unverified_context()
    c = ssl.create_default_context(cafile=ca)
    c.minimum_version = ssl.TLSVersion.TLSv1_3
    return c


INSECURE = "insecure"


class Answer:
    def __init__(self, status, headers, body, clean=True):
        """clean: the body ended as HTTP says it must; a cut-off answer is kept, but says so."""
        self.status, self.headers, self.body, self.clean = status, headers, body, clean

    def json(self):
        return json.loads(self.body)

    def header(self, name):
        return self.headers.get(name)

    def events(self):
        """The data of each server-sent event, as text."""
        return [e[6:] for e in self.body.decode().split("\n\n") if e.startswith("data: ")]

    def text(self):
        """What the model said, from an event stream or a whole answer."""
        if self.body.startswith(b"{"):
            return self.json()["choices"][0]["message"]["content"]
        out = ""
        for e in self.events():
            if e != "[DONE]":
                for c in json.loads(e).get("choices") or []:
                    out += c["delta"].get("content") or ""
        return out

    def error(self):
        return self.json()["error"]

    def __repr__(self):
        return f"<{self.status} {self.body[:300]!r}>"


class Client:
    """A keep-alive connection to the data plane (or, with url and ca, to the control plane)."""

    def __init__(self, url=None, ca=None, key=None, timeout=60):
        parts = urlparse(url or env("TR_BASE_URL"))
        self.prefix = parts.path.rstrip("/")
        self.key = key if key is not None else env("TR_API_KEY")
        self.http = http.client.HTTPSConnection(
            parts.hostname, parts.port, timeout=timeout, context=context(ca or env("TR_CA")))

    def close(self):
        self.http.close()

    def request(self, method, path, body=None, headers=None):
        h = {"Authorization": "Bearer " + self.key} if self.key else {}
        if body is not None:
            h["Content-Type"] = "application/json"
            if not isinstance(body, (bytes, bytearray)):
                body = json.dumps(body).encode()
        h.update(headers or {})
        h = {k: v for k, v in h.items() if v is not None}
        self.http.request(method, self.prefix + path, body=body, headers=h)
        r = self.http.getresponse()
        try:
            return Answer(r.status, r.headers, r.read())
        except http.client.IncompleteRead as e:
            self.http.close()
            return Answer(r.status, r.headers, e.partial, clean=False)

    def chat(self, mock="", model="demo/echo", name="*", headers=None, **members):
        """One chat request; mock is the demo provider's command."""
        body = {"model": model, "messages": [{"role": "user", "content": "hello"}]}
        if mock:
            body["mock"] = {name: mock} if isinstance(mock, str) else mock
        body.update(members)
        return self.request("POST", "/chat/completions", body, headers)


def chat(mock="", key=None, ca=None, **members):
    c = Client(key=key, ca=ca)
    try:
        return c.chat(mock, **members)
    finally:
        c.close()


def control(method, path, body=None, key=None):
    c = Client(env("TR_CONTROL_URL"), env("TR_CONTROL_CA"), key or env("TR_MANAGEMENT_KEY"))
    try:
        return c.request(method, path, body)
    finally:
        c.close()


def raw(payload, url=None, ca=None, timeout=30, shut=False):
    """Send bytes as they are over TLS and return everything that comes back until the end."""
    parts = urlparse(url or env("TR_BASE_URL"))
    s = socket.create_connection((parts.hostname, parts.port), timeout=timeout)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    s = context(ca or env("TR_CA")).wrap_socket(s, server_hostname=parts.hostname)
    out = b""
    try:
        s.sendall(payload)
        while True:
            part = s.recv(65536)
            if not part:
                break
            out += part
    except (OSError, ssl.SSLError):
        pass
    finally:
        s.close()
    return out


def send_request(body, key=None, timeout=60, path="/chat/completions", url=None, length=None):
    """Send a request and return the socket on which its answer will come. length: what its head says, when that is not so."""
    parts = urlparse(url or env("TR_BASE_URL"))
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    s = socket.create_connection((parts.hostname, parts.port), timeout=timeout)
    s = context(env("TR_CA")).wrap_socket(s, server_hostname=parts.hostname)
    s.sendall(b"POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n"
              b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (
                  (parts.path + path).encode(), parts.netloc.encode(), (key or env("TR_API_KEY")).encode(),
                  length or len(body)) + body)
    return s


def open_stream(body, key=None, timeout=60, url=None):
    """Start a request and return the socket as soon as the first body bytes are there."""
    s = send_request(body, key, timeout, url=url)
    got = b""
    while b"data: " not in got:
        part = s.recv(4096)
        if not part or not b"HTTP/1.1 200 ".startswith((got + part)[:13]):
            raise AssertionError(f"ended before the first event, or no stream: {got + part!r}")
        got += part
    return s, got


# --- the demo provider

def mock(path, body=None):
    r = urllib.request.Request(env("TR_MOCK_URL") + path,
                               data=body.encode() if isinstance(body, str) else body)
    with urllib.request.urlopen(r, timeout=30) as f:
        return f.read()


def mock_reset():
    mock("/mock/reset", "")
    for name in ("demo-a", "demo-b"):
        mock("/mock/set/" + name, "")


def mock_set(name, words):
    mock("/mock/set/" + name, words)


def counters(name=None):
    c = json.loads(mock("/mock/counters"))
    return c[name] if name else c


def seen(ident=None):
    """The provider's records, of one id or all."""
    return json.loads(mock("/mock/requests" + (f"?id={ident}" if ident else "")))


def last_body(name="demo-a"):
    return mock("/mock/last-request/" + name)


def last_head(name="demo-a"):
    return mock("/mock/last-headers/" + name).decode("latin-1")


def fresh(prefix="t"):
    return f"{prefix}{random.getrandbits(48):012x}"


# --- the database and the money in it

def sql(query, check=True):
    """Rows as lists of text. The database's own answer, not the control plane's."""
    r = subprocess.run(["psql", "-XAtq", "-F", "\t", "-v", "ON_ERROR_STOP=1", env("TR_DATABASE_URL"),
                        "-c", query], capture_output=True, text=True, timeout=60)
    if r.returncode != 0:
        if check:
            raise AssertionError(f"psql: {r.stderr.strip()}")
        return None
    return [line.split("\t") for line in r.stdout.splitlines()]


def violations():
    return sql("select * from ledger_violations")


def usage_count():
    return int(sql("select count(*) from usage")[0][0])


def settled(seconds=20):
    """Wait until the data plane has shipped all its records: the count stands still."""
    state = {"last": -1, "since": time.monotonic()}

    def still():
        n = usage_count()
        if n != state["last"]:
            state["last"], state["since"] = n, time.monotonic()
        return time.monotonic() - state["since"] > 1.5
    wait_until(still, seconds, "settled", step=0.25)
    return state["last"]


# --- keys

def new_key(management=None, **members):
    """A key of its own, as the control plane's answer, with the text under "key"; of the account of another
    management key where one is given."""
    body = {"name": fresh("test-")}
    body.update(members)
    a = control("POST", "/v1/keys", body, management)
    if a.status not in (200, 201):
        raise AssertionError(f"POST /v1/keys: {a!r}")
    answer = a.json()
    flat = dict(answer.get("data") or {})
    flat["key"] = answer["key"]
    return flat


def new_account(usd, n):
    """Another account with so much money, and n keys of it: its management key, and the keys as new_key gives them."""
    made = control("POST", "/v1/accounts", {"name": fresh("account-")}).json()
    topped = control("POST", "/v1/credits/topup", {"amount": usd, "idempotency_key": fresh(),
                                                   "account_id": made["data"]["id"]})
    equal(topped.status, 200, repr(topped))
    return made["key"], [new_key(made["key"]) for _ in range(n)]


def key_ref(key):
    """How the REST paths name a key."""
    return key.get("hash") or key["id"]


# --- what was billed, and what the provider counted

def usage_rows(key):
    columns = "cost_nusd tokens_prompt tokens_completion flags http_status attempts".split()
    return [dict(zip(("cost", "prompt", "completion", "flags", "status", "attempts"), map(int, row)))
            for row in sql(f"select {', '.join(columns)} from usage u join api_key k using (key_id) "
                           f"where k.name = '{key['name']}'")]


def booked_ids(key):
    """The requests of a key that the ledger has, by the x-request-id of their answers; how often each."""
    import collections
    return collections.Counter(row[0].replace("-", "") for row in sql(
        f"select request_id from usage u join api_key k using (key_id) where k.name = '{key['name']}'"))


def booked_as_answered(key, answers):
    """Each of these answers is booked once, and nothing else of this key."""
    booked, answered = booked_ids(key), {a.header("x-request-id") for a in answers}
    lost, more = answered - set(booked), set(booked) - answered
    twice = [i for i, n in booked.items() if n != 1]
    if lost or more or twice:
        raise AssertionError(f"of {len(answered)} answers {len(lost)} are not booked ({sorted(lost)[:3]}), "
                             f"{len(more)} are booked that nobody got ({sorted(more)[:3]}), {len(twice)} twice")


def same_as_provider(key, tag, records=None):
    """Every answer the provider finished for this tag is billed once, with its own figures. records: seen(), for who
    asks for many tags."""
    import collections
    provider = collections.Counter((r["prompt"], r["completion"]) for r in (seen() if records is None else records)
                                   if r["id"].startswith(tag) and r["outcome"] == "done")
    ours = collections.Counter((r["prompt"], r["completion"]) for r in usage_rows(key)
                               if not r["flags"] & (4 | 16) and (r["prompt"], r["completion"]) != (0, 0))
    if provider != ours:
        raise AssertionError(f"not billed: {provider - ours}; billed too often: {ours - provider}")


# --- processes

def health():
    """From the private listener, which answers whatever the certificate of the public one is."""
    url = env("TR_METRICS_URL").replace("/metrics", "/health")
    try:
        with urllib.request.urlopen(url, timeout=5) as f:
            return json.load(f)
    except urllib.error.HTTPError as e:
        return json.load(e)


def lease_seconds():
    """How long leases of this stack live."""
    with open(os.path.join(env("TR_RUN_DIR"), "conf/controlplane.conf")) as f:
        for line in f:
            if line.startswith("lease_ms"):
                return int(line.split("=")[1]) / 1000
    raise AssertionError("lease_ms is not configured")


def pid(name):
    with open(os.path.join(env("TR_RUN_DIR"), "pid", name)) as f:
        return int(f.read().split()[0])


def kill9(name):
    """Killed and gone: start() leaves one alone that still runs."""
    process = pid(name)
    os.kill(process, signal.SIGKILL)
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            with open(f"/proc/{process}/stat") as f:
                if f.read().rsplit(")", 1)[1].split()[0] == "Z":
                    return
        except OSError:
            return
        time.sleep(0.005)
    raise AssertionError(f"{name} does not end")


def start(name):
    subprocess.run([os.path.join(ROOT, "deploy/dev/start"), name], check=True, timeout=90,
                   stdout=subprocess.DEVNULL)


def start_only(name):
    """Start without waiting until it serves."""
    subprocess.run([os.path.join(ROOT, "deploy/dev/start"), "--no-wait", name], check=True, timeout=30,
                   stdout=subprocess.DEVNULL)


def stop(name):
    subprocess.run([os.path.join(ROOT, "deploy/dev/stop"), name], check=True, timeout=90,
                   stdout=subprocess.DEVNULL)


class Load(threading.Thread):
    """Requests in the background until stopped: streams and whole answers, each with an id of its
    own; remembers what the client saw of each. Failures are expected: that is what is tested."""

    def __init__(self, key, tag, workers=4, model="demo/echo", pause=0.01):
        super().__init__(daemon=True)
        self.key, self.tag, self.workers, self.model, self.pause = key, tag, workers, model, pause
        self.stopping = threading.Event()
        self.complete, self.failed, self.lock = {}, {}, threading.Lock()
        self.ended = {}  # when each was over, on the monotonic clock

    def run(self):
        parallel(self.workers, self.work)

    def work(self, w):
        c, i = None, 0
        while not self.stopping.is_set():
            i += 1
            ident = f"{self.tag}-{w}-{i}"
            stream = i % 2 == 0
            try:
                c = c or Client(key=self.key, timeout=20)
                a = c.chat(f"tokens={i % 20 + 1},cadence_us={2000 * stream},id={ident}", model=self.model,
                           stream=stream)
                good = a.status == 200 and a.clean and (not stream or a.events()[-1:] == ["[DONE]"])
                with self.lock:
                    (self.complete if good else self.failed)[ident] = a
                    self.ended[ident] = time.monotonic()
            except (OSError, http.client.HTTPException) as e:
                with self.lock:
                    self.failed[ident] = e
                    self.ended[ident] = time.monotonic()
                c.close()
                c = None
            time.sleep(self.pause)

    def stop(self):
        self.stopping.set()
        self.join(90)
        return self


def status_kb(process, field="VmRSS"):
    with open(f"/proc/{process}/status") as f:
        for line in f:
            if line.startswith(field + ":"):
                return int(line.split()[1])
    raise AssertionError(field)


def fds(process):
    return len(os.listdir(f"/proc/{process}/fd"))


def parallel(n, fn):
    """fn(i) in n threads; their results in order. An exception in one is raised here."""
    out, errors = [None] * n, []

    def run(i):
        try:
            out[i] = fn(i)
        except BaseException as e:
            errors.append(e)
    threads = [threading.Thread(target=run, args=(i,), daemon=True) for i in range(n)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(300)
    if errors:
        raise errors[0]
    return out
