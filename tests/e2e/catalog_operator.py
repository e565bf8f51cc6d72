#!/usr/bin/env python3
"""A catalog as an operator meets it: a tr-controlplane and a PostgreSQL of its own. Endpoints whose provider has no key are
off, those of a provider that is not measured are left out and counted, numbers stay what they were, and the whole seed catalog is
taken. --check-catalog is tried on files that are right and wrong, and deploy/dev/enabled on environments."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import rig  # noqa: E402
from rig import case, equal, free_port, true  # noqa: E402

ROOT = os.path.realpath(os.path.join(os.path.dirname(os.path.realpath(__file__)), "../.."))
BIN = os.environ.get("TR_BIN") or os.path.join(ROOT, "build", os.environ.get("MODE", "release"))
PROGRAM = os.path.join(BIN, "tr-controlplane")
SEED = os.path.join(ROOT, "deploy/catalog/catalog.conf")
EXAMPLES = os.path.join(ROOT, "deploy/examples/providers.conf")

work = tempfile.mkdtemp(prefix="tr-catalog-")
metrics_port = free_port()
PROVIDERS = "".join(f"[provider {p}]\nhost = {p}.example\n{more}" for p, more in
                    (("with-key", ""), ("no-key", ""), ("open", "auth = none\n")))
MODEL = "[model x/y]\nname = Y\ncontext_length = 1000\nmax_output = 100\n"
PRICE = "upstream_model = y\nprompt = 1\ncompletion = 2\nsource = a list 2026-11-20\n"


def write(name, text, mode=0o600):
    path = os.path.join(work, name)
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, mode)
    return path


def configure(catalog, providers, keys):
    ports = free_port(), free_port()
    with open(os.path.join(ROOT, "deploy/examples/attestation.conf")) as f:
        policy = f.read() + f"\n[measurement test]\nsha384 = {'ab' * 48}\n[chip test]\nid = {'cd' * 64}\n"
    write("attestation.conf", policy)
    write("keys.conf", keys)
    return write("controlplane.conf", f"""database = {conninfo}
sql_dir = {ROOT}/sql
state_dir = {work}/state
rest_port = {ports[0]}
link_port = {ports[1]}
metrics_port = {metrics_port}
providers = {providers}
catalog = {catalog}
provider_keys = {work}/keys.conf
attestation = {work}/attestation.conf
drain_ms = 3000
""")


def page(path):
    with urllib.request.urlopen(f"http://127.0.0.1:{metrics_port}{path}", timeout=10) as r:
        return r.read().decode()


class Running:
    """A control plane from its start to its end; what it logged is in .log afterwards and meanwhile."""

    def __init__(self, conf):
        self.path = os.path.join(work, "log")
        self.conf = conf

    def __enter__(self):
        with open(self.path, "w") as log:
            self.process = subprocess.Popen([PROGRAM, "-c", self.conf], stdout=log, stderr=log, cwd="/")
        for _ in range(600):
            if '"event":"listening"' in self.log or self.process.poll() is not None:
                break
            time.sleep(0.05)
        true('"event":"listening"' in self.log, self.log[-2000:])
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        equal(self.process.wait(10), 0)

    @property
    def log(self):
        with open(self.path) as f:
            return f.read()

    def event(self, name):
        return json.loads(next(line for line in self.log.splitlines() if f'"event":"{name}"' in line))


def sql(text):
    out = subprocess.run(["psql", "-XAtq", "-F", " ", "-v", "ON_ERROR_STOP=1", conninfo, "-c", text], check=True,
                         capture_output=True, text=True).stdout.strip()
    return out.splitlines()


@case
def no_key_no_endpoint_and_numbers_stay():
    providers = write("providers.conf", PROVIDERS)
    catalog = write("catalog.conf", MODEL + "".join(f"[endpoint x/y@{p}]\n{PRICE}" for p in
                                                    ("with-key", "no-key", "stranger", "open")))
    weights = "SELECT provider, weight, endpoint_no FROM endpoint WHERE present ORDER BY endpoint_no"
    with Running(configure(catalog, providers, "with-key = k\n")) as c:
        equal(sql(weights), ["with-key 100 1", "no-key 100 2", "open 100 3"])
        said = c.event("catalog_read")
        equal((said["endpoints"], said["without_key"], said["unknown_provider"]), (3, 1, 1))
        true("tr_control_catalog_refused 1\n" in page("/metrics"), page("/metrics"))
        equal(json.loads(page("/health"))["catalog_refused"], 1)
    # A key comes, an endpoint goes: both keep their numbers, and the one that comes back has its own again.
    catalog = write("catalog.conf", MODEL + "".join(f"[endpoint x/y@{p}]\n{PRICE}" for p in ("no-key", "with-key")))
    with Running(configure(catalog, providers, "with-key = k\nno-key = k\n")) as c:
        equal(sql(weights), ["with-key 100 1", "no-key 100 2"])
        equal(json.loads(page("/health"))["catalog_refused"], 0)
        equal(c.event("listening")["catalog_version"], 2)


@case
def the_whole_seed_is_taken():
    keys = "".join(f"{p} = k\n" for p in re.findall(r"^\[provider ([a-z0-9-]+)\]", open(EXAMPLES).read(), re.M))
    with Running(configure(SEED, EXAMPLES, keys)) as c:
        first = c.event("listening")["catalog_version"]
        said = c.event("catalog_read")
        true(said["models"] >= 300 and said["endpoints"] >= 1000, said)
        equal((said["without_key"], said["unknown_provider"]), (0, 0))
        equal(sql("SELECT count(*) FROM endpoint WHERE present AND weight > 0"), [str(said["endpoints"])])
        equal(sql("SELECT count(*) FROM model_alias")[0], str(open(SEED).read().count("\n[alias ")))
        equal(sql("SELECT m.id, cardinality(panel) FROM model_synth JOIN model m USING (model_no) WHERE preset = 1 ORDER BY 1"),
              ["trustedrouter/prometheus-1.0 5", "trustedrouter/prometheus-code-1.0 5"])
        loaded = c.event("catalog_loaded")
        equal((loaded["endpoints"], loaded["error"]), (said["endpoints"], "none"))
        numbers = sql("SELECT id, model_no FROM model WHERE enabled ORDER BY 2")
    with Running(configure(SEED, EXAMPLES, keys)) as c:  # again: nothing is new, nobody is told
        equal(c.event("listening")["catalog_version"], first)
        equal(sql("SELECT id, model_no FROM model WHERE enabled ORDER BY 2"), numbers)


def check(catalog, providers):
    r = subprocess.run([PROGRAM, "--check-catalog", catalog, providers], capture_output=True, text=True)
    return r.returncode, r.stdout, r.stderr


@case
def check_catalog_has_a_status_and_lines():
    providers = write("providers.conf", PROVIDERS)
    right = write("right.conf", f"# one\n{MODEL}[endpoint x/y@open]\n{PRICE}")
    code, out, err = check(right, providers)
    equal((code, err), (0, ""))
    true(out.endswith("1 models, 1 endpoints, 0 aliases: 0 errors, 0 warnings\n"), out)
    wrong = write("wrong.conf", f"# one\n{MODEL}[endpoint x/y@open]\n{PRICE}cached = 1.5\n[endpoint x/y@stranger]\n{PRICE}")
    code, out, err = check(wrong, providers)
    equal(code, 1)
    true(f"{wrong}:6: error: x/y@open: cached prompt tokens cost more than others\n" in out, out)
    true(f"{wrong}:12: error: x/y@stranger: its provider is not in providers.conf\n" in out, out)
    true("has 2 errors" in err, err)
    for text, says in (("gates = no_gate\n", "gates"), ("[alias a]\nmodels = x/z\n", "models"),
                       ("max_output = 100\n", "appears twice"), (MODEL, "section")):
        code, out, err = check(write("bad.conf", MODEL + text), providers)
        true(code == 1 and says in err and "bad.conf:" in err, (text, err))
    code, out, err = check(SEED, EXAMPLES)
    equal((code, err), (0, ""))
    equal([line for line in out.splitlines() if ": error: " in line], [])


def enabled(kind, **environment):
    clean = {k: v for k, v in os.environ.items() if not re.search("KEY|TOKEN|AZURE|CLOUD", k)}
    return subprocess.run([os.path.join(ROOT, "deploy/dev/enabled"), kind], check=True, capture_output=True, text=True,
                          env={**clean, **environment}).stdout


@case
def a_key_in_the_environment_enables_its_part():
    equal([enabled(kind) for kind in ("providers", "catalog", "keys")], ["", "", ""])
    true("the demo models only" in enabled("say"))
    both = {"GROQ_API_KEY": "sk-groq", "TR_KEY_NEAR_AI_TEE": "sk-near"}
    equal(enabled("keys", **both), "groq = sk-groq\nnear-ai-tee = sk-near\n")
    equal(re.findall(r"^\[provider (.*)\]", enabled("providers", **both), re.M), ["groq", "near-ai-tee"])
    catalog = enabled("catalog", **both)
    equal(set(re.findall(r"^\[endpoint .*@(.*)\]", catalog, re.M)), {"groq", "near-ai-tee"})
    code, out, err = check(write("part.conf", catalog), write("part-providers.conf", enabled("providers", **both)))
    equal((code, err), (0, ""), out)
    # Rows that need a name of the operator's as well.
    true("azure needs AZURE_OPENAI_RESOURCE" in enabled("say", AZURE_API_KEY="k"))
    equal(enabled("providers", AZURE_API_KEY="k"), "")
    true("host = mine.openai.azure.com" in enabled("providers", AZURE_API_KEY="k", AZURE_OPENAI_RESOURCE="mine"))


def main():
    global conninfo
    pg_dir = work + "-pg"
    try:
        conninfo = subprocess.run([os.path.join(ROOT, "tests/lib/pg"), "start", pg_dir], check=True, capture_output=True,
                                  text=True).stdout.strip()
        return rig.run_cases() != 0
    finally:
        subprocess.run([os.path.join(ROOT, "tests/lib/pg"), "stop", pg_dir], check=False)
        subprocess.run(["rm", "-rf", work], check=False)


sys.exit(main())
