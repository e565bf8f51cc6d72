#!/bin/bash
# Goal: docs/upgrade.md, done. Two releases of the data plane run side by side on one control plane, each signed, logged and
# accepted by its measurement; the old one is drained under load: its streams finish, its leases go back, no request is
# lost with a client that tries the other address. Its measurement withdrawn, it is refused. Then the way back. Every
# answer is booked once, with the figures that the client saw. (A request that arrives on a kept connection in the very moment
# in which the drain closes it may be charged for its prompt, as that of a client that disconnects: counted, and few.)
set -eu
cd "$(dirname "$0")/../.."
export TR_CASE_PREFIX=$(basename "$0" .sh) PYTHONPATH=tests/lib
exec python3 - "$@" <<'PY'
import collections, glob, http.client, json, os, re, shutil, signal, subprocess, threading, time, urllib.error, urllib.request
import rig
from rig import case, equal, fresh, true, wait_until

RUN, BIN, ROOT = rig.env("TR_RUN_DIR"), rig.env("TR_BIN"), rig.ROOT
POLICY = os.path.join(RUN, "conf/attestation.conf")
with open(POLICY) as f:
    OLD_ONLY = f.read()
PORT, METRICS = rig.free_port(), rig.free_port()
OLD, NEW = rig.env("TR_BASE_URL"), f"https://localhost:{PORT}/v1"
TAG = fresh("upgrade")
KEY = rig.new_key()


class Later:
    """The data plane of a later release: another program, so another measurement."""

    def __init__(self):
        self.program = os.path.join(RUN, "tr-dataplane-later")
        shutil.copy(os.path.join(BIN, "tr-dataplane-sim"), self.program)
        with open(self.program, "ab") as f:
            f.write(b"a later release")
        with open(os.path.join(RUN, "conf/dataplane.conf")) as f:
            text = f.read()
        for name, value in (("listen_port", PORT), ("metrics_port", METRICS), ("place", "later")):
            text = re.sub(rf"(?m)^{name} = .*$", f"{name} = {value}", text)
        self.conf = os.path.join(RUN, "conf/dataplane-later.conf")
        with open(self.conf, "w") as f:
            f.write(text + "listen_unproven_ms = 1000\n")
        self.measurement = subprocess.run([self.program, "-c", self.conf, "--print-measurement"], check=True,
                                          capture_output=True, text=True).stdout.strip()
        self.process = None

    def start(self):
        with open(os.path.join(RUN, "log/dataplane-later.log"), "a") as log:
            self.process = subprocess.Popen([self.program, "-c", self.conf], stdout=log, stderr=log)

    def drain(self):
        self.process.terminate()
        equal(self.process.wait(30), 0, "it ended by itself")

    def end(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


later = Later()


def health(metrics):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{metrics}/health", timeout=5) as f:
            return json.load(f)
    except urllib.error.HTTPError as e:
        return json.load(e)


def health_later():
    return health(METRICS)


def policy(text):
    """Other rules for the running control plane, in force when this returns."""
    log = os.path.join(RUN, "log/controlplane.log")
    with open(log) as f:
        f.seek(0, os.SEEK_END)
        with open(POLICY + ".new", "w") as new:
            new.write(text)
        os.replace(POLICY + ".new", POLICY)
        os.kill(rig.pid("controlplane"), signal.SIGHUP)
        said = []
        wait_until(lambda: said.append(f.read()) or '"event":"policy_changed"' in "".join(said), 5, "the policy is in force")


def both():
    return OLD_ONLY + f"\n[measurement later]\nsha384 = {later.measurement}\n"


def later_only():
    return re.sub(r"(?m)^sha384 = [0-9a-f]{96}$", f"sha384 = {later.measurement}", OLD_ONLY)


def release():
    """The manifest of the later release, signed with the key of this stack's releases, logged."""
    path = os.path.join(RUN, "conf/release-later.json")
    conf = os.path.join(RUN, "conf")
    subprocess.run([os.path.join(ROOT, "deploy/release/make"), "--version", "0.2", "--svn", "2", "--days", "90", "--providers",
                    f"{conf}/providers.conf", "--catalog", f"{conf}/catalog.conf", "--policy", POLICY, "--digest",
                    f"dataplane={later.program}", "--commit", "0" * 40, "--previous", rig.env("TR_RELEASE"),
                    "--simulated", later.measurement, "--out", path], check=True, stdout=subprocess.DEVNULL)
    subprocess.run([os.path.join(ROOT, "deploy/release/sign"), f"{conf}/release-key.pem", path], check=True,
                   stdout=subprocess.DEVNULL)
    for end in ("", ".minisig"):
        shutil.copy(path + end, os.path.join(rig.env("TR_RELEASES"), f"{TAG}.json{end}"))
    with open(path, "rb") as f:
        a = rig.control("POST", "/v1/releases", f.read())
    true(a.status in (200, 201), repr(a))


class Traffic(threading.Thread):
    """Clients that know both addresses: a request whose connection breaks before an answer, or that is told 503, is sent
    to the other one, as a balancer would."""

    def __init__(self):
        super().__init__(daemon=True)
        self.stopping, self.lock = threading.Event(), threading.Lock()
        self.answers, self.lost, self.again = [], [], 0
        self.by = collections.Counter()

    def run(self):
        rig.parallel(6, self.work)

    def stop(self):
        self.stopping.set()
        self.join(60)

    def work(self, w):
        clients, i = {}, w
        while not self.stopping.is_set():
            i += 1
            try:
                a, host = self.ask(clients, [OLD, NEW][i % 2:] + [OLD, NEW][:i % 2], i % 3 == 0, f"{TAG}-{w}-{i}")
                with self.lock:
                    self.by[host] += 1
                    (self.answers if a.status == 200 and a.clean else self.lost).append(a)
            except OSError as e:
                with self.lock:
                    self.lost.append(e)
            time.sleep(0.01)

    def ask(self, clients, hosts, stream, ident):
        last = None
        for host in hosts * 2:
            c = clients.setdefault(host, rig.Client(host, key=KEY["key"], timeout=20))
            try:
                members = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
                last = c.chat(f"tokens={len(ident) % 7 + 3},cadence_us={20000 * stream},id={ident}", **members)
                if last.status != 503:
                    return last, host
            except (OSError, http.client.HTTPException) as e:
                last = e
                c.close()
            with self.lock:
                self.again += 1
        if isinstance(last, rig.Answer):
            return last, host
        raise OSError(f"nobody answered: {last!r}")


def usage(a):
    if a.body.startswith(b"{"):
        u = a.json()["usage"]
    else:
        u = [e for e in (json.loads(e).get("usage") for e in a.events() if e != "[DONE]") if e][-1]
    return u["prompt_tokens"], u["completion_tokens"]


def total(pairs):
    pairs = list(pairs)
    return sum(p for p, _ in pairs), sum(c for _, c in pairs), len(pairs)


def leased(place):
    """What data planes at this place hold, and the last of them."""
    return [(int(n), boot) for n, boot in rig.sql(
        "select count(*) filter (where l.closed_at is null), b.boot_id from boot b left join lease l using (boot_id) "
        f"where b.place = '{place}' group by b.boot_id, b.first_seen order by b.first_seen desc limit 1")][0]


def long_stream(host, ident):
    """A stream of five seconds, and how it ends, when asked."""
    out = {}

    def run():
        c = rig.Client(host, key=KEY["key"], timeout=30)
        out["answer"] = c.chat(f"tokens=50,cadence_us=100000,id={ident}", stream=True,
                               stream_options={"include_usage": True})
    t = threading.Thread(target=run, daemon=True)
    t.start()
    wait_until(lambda: rig.seen(ident), 5, "the stream runs")
    return t, out


def drained(host, stop, traffic, place):
    """One release ends under load; its stream does not."""
    stream, out = long_stream(host, fresh(TAG + "-long"))
    true(leased(place)[0] > 0, "it holds leases")
    lost, began = len(traffic.lost), time.monotonic()
    stop()
    print(f"# drained in {time.monotonic() - began:.1f} s, {traffic.again} requests were sent again")
    stream.join(1)
    a = out["answer"]
    equal((a.status, a.clean, a.events()[-1]), (200, True, "[DONE]"))
    traffic.answers.append(a)
    equal(len(traffic.lost), lost, repr(traffic.lost[lost:lost + 3]))
    ended = time.monotonic()
    wait_until(lambda: leased(place)[0] == 0, 5, "its leases are back", 0.1)
    print(f"# its leases were back {time.monotonic() - ended:.1f} s after it ended")


traffic = Traffic()


@case
def both_releases_serve():
    """Manifest, log, policy, start: in this order, with traffic on the old release all the while."""
    traffic.start()
    time.sleep(1)
    release()
    later.start()
    wait_until(lambda: health_later().get("refusal") == "measurement", 10, "refused before the policy names it")
    policy(both())
    wait_until(lambda: health_later().get("ready"), 15, "accepted")
    before = traffic.by[NEW]
    wait_until(lambda: traffic.by[NEW] > before + 20, 10, "traffic on the new release")
    true(rig.health()["ready"], "the old one serves on")


@case
def the_old_one_is_drained():
    drained(OLD, lambda: rig.stop("dataplane"), traffic, "dev")
    before = traffic.by[NEW]
    wait_until(lambda: traffic.by[NEW] > before + 20, 10, "the new release serves alone")


@case
def withdrawn_it_is_refused():
    policy(later_only())
    rig.start_only("dataplane")
    wait_until(lambda: rig.health().get("refusal") == "measurement", 10, "refused")
    true(health_later()["ready"], "the new one is not")


@case
def and_back():
    """Rollback: the old measurement in force again, the old release comes by itself, the new one is drained and withdrawn."""
    policy(both())
    wait_until(lambda: rig.health()["ready"], 30, "the old release is accepted again")
    before = traffic.by[OLD]
    wait_until(lambda: traffic.by[OLD] > before + 20, 15, "and serves")
    drained(NEW, later.drain, traffic, "later")
    policy(OLD_ONLY)
    later.start()
    wait_until(lambda: health_later().get("refusal") == "measurement", 10, "the withdrawn one is refused")
    later.end()


@case
def nothing_lost_nothing_twice():
    traffic.stop()
    rig.settled()
    print(f"# {len(traffic.answers)} answers ({dict(traffic.by)}), {traffic.again} sent again, {len(traffic.lost)} lost")
    true(len(traffic.answers) > 200, "enough traffic to tell")
    equal(traffic.lost, [])
    booked, answered = rig.booked_ids(KEY), {a.header("x-request-id") for a in traffic.answers}
    equal([i for i in answered if booked[i] != 1], [], "answers that are not booked once")
    rows = rig.usage_rows(KEY)
    equal(len(booked), len(answered), "booked, and nobody's answer")
    equal(total((r["prompt"], r["completion"]) for r in rows if r["status"] == 200), total(usage(a) for a in traffic.answers))
    equal(rig.violations(), [])


@case
def the_log_names_both():
    r = subprocess.run([f"{BIN}/tr-verify", "log", rig.env("TR_CONTROL_URL"), "--key", rig.env("TR_LOG_KEY"), "--ca",
                        rig.env("TR_CONTROL_CA"), "--releases", rig.env("TR_RELEASES"), "--release-key",
                        rig.env("TR_RELEASE_KEY")], capture_output=True, text=True)
    equal(r.returncode, 0, r.stdout[-400:] + r.stderr)
    true(later.measurement[:16] in r.stdout, "the later release's boot")


try:
    failed = rig.run_cases()
finally:
    traffic.stopping.set()
    later.end()
    with open(POLICY) as f:
        changed = f.read() != OLD_ONLY
    if changed:
        policy(OLD_ONLY)
    rig.start("dataplane")
raise SystemExit(1 if failed else 0)
PY
