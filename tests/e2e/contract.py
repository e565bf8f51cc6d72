#!/usr/bin/env python3
"""The control plane and its OpenAPI document, of one another: each route has an operation and each operation a route, with the
same permission and the same query parameters; what is not named is refused by name; and schemathesis (PyPI) asks what the
document allows and what it does not, as an operator, as a customer and as nobody: no 5xx, no answer that the document
does not have, nothing accepted that it forbids. A control plane and a database of its own: what is fuzzed may be closed,
suspended or published. TR_EXAMPLES: cases per operation (default 2)."""

import http.client
import json
import os
import re
import ssl
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import log_plane  # noqa: E402
import rig  # noqa: E402
from contract import Contract  # noqa: E402
from rig import Skip, case, equal, true  # noqa: E402

EXAMPLES = os.environ.get("TR_EXAMPLES", "2")
VENV = os.path.join(rig.ROOT, "build/e2e/contract")
work = tempfile.mkdtemp(prefix="tr-contract-")
plane = None
operator = customer = None
document = contract = routes = None


def ask(method, path, body=None, key=None):
    context = ssl.create_default_context(cafile=os.path.join(plane.dir, "state/ca.pem"))
    c = http.client.HTTPSConnection("127.0.0.1", plane.port, context=context, timeout=20)
    head = {"Authorization": "Bearer " + key} if key else {}
    try:
        c.request(method, path, body=body if body is None or isinstance(body, (str, bytes)) else json.dumps(body), headers=head)
        r = c.getresponse()
        text = r.read()
        if contract:
            equal(contract.answer_faults(method, path, r.status, r.getheader("content-type"), text), [])
        return r.status, text
    finally:
        c.close()


def json_of(*args):
    return json.loads(ask(*args)[1])


def plain(path):
    return re.sub(r"\{[^}]*\}", "{}", path)


def operations():
    for path, methods in document["paths"].items():
        for method, op in methods.items():
            yield method.upper(), path, op


# --- the route table

def read_routes():
    """What --print-routes says: method, path, permission, flags, query."""
    r = subprocess.run([os.path.join(log_plane.BIN, "tr-controlplane"), "--print-routes"], capture_output=True, text=True, check=True)
    return [line.split() for line in r.stdout.splitlines()]


@case
def every_route_is_an_operation_and_every_operation_a_route():
    equal(route_faults(routes), [])
    true(len(routes) > 20, routes)
    wrong = [r for r in routes if r[:2] != ["GET", "/key"]] + [["GET", "/nowhere", "self", "-", "-"]]
    said = route_faults(wrong)
    true(any("GET /key" in s for s in said) and any("/nowhere" in s for s in said), said)
    true(route_faults([[r[0], r[1], "public"] + r[3:] for r in routes]), "another permission is seen")


def route_faults(routes):
    """routes: method, path, permission, flags, query, as --print-routes words them: "-" is none, commas between several."""
    have = {(m, plain(p)): (op["x-permission"], {x["name"] for x in op.get("parameters", []) if x["in"] == "query"})
            for m, p, op in operations()}
    out = []
    for method, path, permission, flags, query in routes:
        found = have.pop((method, plain(path)), None)
        names = set(query.split(",")) - {"-"}
        if "picks" in flags.split(","):
            names |= {"account_id", "workspace_id"}
        if found is None:
            out.append(f"{method} {path} is not in the document")
        elif found != (permission, names):
            out.append(f"{method} {path} is {permission} {sorted(names)}, in the document {found[0]} {sorted(found[1])}")
    return out + [f"{m} {p} of the document is no route" for m, p in have]


# --- what is not named

def filled(path):
    """A path that exists as far as a stranger's object can."""
    return re.sub(r"\{(\w+)\}", lambda m: {"hash": "0" * 64, "index": "0", "n": "1", "no": "1", "tile": "0/000.p/1"}.get(
        m.group(1), "00000000-0000-4000-8000-000000000000"), path)


@case
def unknown_parameters_and_members_are_refused_by_name():
    asked = 0
    sessions = {(r[0], plain(r[1])) for r in routes if "session" in r[3].split(",")}
    for method, path, op in operations():
        base = "" if "servers" in op else "/v1"
        status, text = ask(method, base + filled(path) + "?of_the_tests=1", "{}" if method != "GET" else None, operator)
        error = json.loads(text).get("error", {})
        if (method, plain(path)) in sessions:  # where a key is refused before
            equal((status, error.get("code")), (403, "insufficient_role"), f"{method} {path}")
            continue
        equal((status, error.get("code"), error.get("param")), (400, "unknown_parameter", "of_the_tests"), f"{method} {path}")
        content = op.get("requestBody", {}).get("content", {}).get("application/json")
        if content and content["schema"].get("additionalProperties") is not None or content and "$ref" in content["schema"]:
            status, text = ask(method, base + filled(path), {"of_the_tests": 1}, operator)
            true(400 <= status < 500, f"{method} {path}: {status} {text}")
            asked += 1
    true(asked > 2, asked)


# --- schemathesis

def schemathesis():
    exe = os.path.join(VENV, "bin/schemathesis")
    wanted = os.path.join(os.path.dirname(os.path.realpath(__file__)), "contract/requirements.txt")
    with open(wanted) as f:
        text = f.read()
    ready = os.path.join(VENV, "ready")
    if not os.path.exists(ready) or open(ready).read() != text:
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
        r = subprocess.run([os.path.join(VENV, "bin/pip"), "install", "-q", "--no-deps", "-r", wanted], capture_output=True, text=True)
        if r.returncode != 0:
            raise Skip("schemathesis cannot be installed here")
        with open(ready, "w") as f:
            f.write(text)
    return exe


CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


def fuzz(key, known, checks, examples=EXAMPLES):
    """What schemathesis finds, "" when nothing."""
    config = os.path.join(work, "schemathesis.toml")
    with open(config, "w") as f:
        f.write("[parameters]\n" + "".join(f'"path.{n}" = "{v}"\n' for n, v in known.items()))
    # One worker: with several threads ast.parse() of Python 3.11 fails now and then, and they take turns anyway.
    r = subprocess.run(
        [schemathesis(), "--config-file", config, "run", os.path.join(work, "openapi.json"), "-u", f"https://127.0.0.1:{plane.port}/v1",
         "--tls-verify", os.path.join(plane.dir, "state/ca.pem"), "-H", "Authorization: Bearer " + key,
         "--phases", "examples,fuzzing", "-n", examples, "--seed", "20261130", "--checks", checks, "--no-shrink", "--continue-on-failure",
         "--warnings", "off", "-w", "1", "--exclude-path", "/tile/{tile}", "--exclude-path", "/activity/live"],
        capture_output=True, text=True, timeout=300, cwd=work, env={**os.environ, "COLUMNS": "160", "NO_COLOR": "1"})
    fuzz.tested = int((re.search(r"Tested: +(\d+)", r.stdout) or [0, 0])[1])
    fuzz.cases = int((re.search(r"(\d+) generated", r.stdout) or [0, 0])[1])
    return "" if r.returncode == 0 else r.stdout[max(0, r.stdout.find("= FAILURES"), r.stdout.find("= ERRORS")):][:8000] + r.stderr[-2000:]


def known_to(key):
    return {"hash": json_of("GET", "/v1/keys", None, key)["data"][0]["hash"]}


@case
def nobody_breaks_it_and_is_refused():
    # A word that is no key: without one schemathesis would sign up.
    equal(fuzz("nobody", {}, CHECKS, "1"), "")
    true(fuzz.tested > 20, fuzz.tested)


@case
def a_customer_breaks_nothing():
    equal(fuzz(customer, known_to(customer), CHECKS + ",negative_data_rejection", str((int(EXAMPLES) + 1) // 2)), "")
    true(fuzz.tested > 20 and fuzz.cases > 100, (fuzz.tested, fuzz.cases))


@case
def an_operator_breaks_nothing():
    equal(fuzz(operator, known_to(operator), CHECKS + ",negative_data_rejection"), "")
    true(fuzz.cases > 100, fuzz.cases)
    equal(ask("GET", "/health")[0], 200)
    equal(plane.sql("select * from ledger_violations"), "")


@case
def a_wrong_document_is_found_out():
    with open(os.path.join(work, "openapi.json")) as f:
        right = f.read()
    wrong = json.loads(right)
    wrong["paths"] = {"/credits": wrong["paths"]["/credits"]}
    wrong["components"]["schemas"]["Credits"]["properties"]["available"] = {"type": "string"}
    with open(os.path.join(work, "openapi.json"), "w") as f:
        json.dump(wrong, f)
    said = fuzz(operator, {}, CHECKS, "1")
    true("violates schema" in said, said)
    with open(os.path.join(work, "openapi.json"), "w") as f:
        f.write(right)


def main():
    global plane, operator, customer, document, contract, routes
    pg = work + "-pg"
    try:
        conninfo = subprocess.run([os.path.join(rig.ROOT, "tests/lib/pg"), "start", pg], check=True, capture_output=True,
                                  text=True).stdout.strip()
        plane = log_plane.Plane(work, "plane", conninfo)
        operator = re.search(r"sk-tr-m1-\S+", plane.run("--bootstrap"))[0]
        plane.start()
        text = ask("GET", "/openapi.json")[1]
        with open(os.path.join(work, "openapi.json"), "wb") as f:
            f.write(text)
        document = json.loads(text)
        routes = read_routes()
        customer = json_of("POST", "/v1/accounts", {"name": "of the tests"}, operator)["key"]
        json_of("POST", "/v1/keys", {"name": "one"}, customer)
        contract = Contract(document)
        return rig.run_cases() != 0
    finally:
        if plane is not None and plane.process is not None:
            plane.process.kill()
            plane.process.wait()
        subprocess.run([os.path.join(rig.ROOT, "tests/lib/pg"), "stop", pg], check=False)
        subprocess.run(["rm", "-rf", work], check=False)


sys.exit(main())
