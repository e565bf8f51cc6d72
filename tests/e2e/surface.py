#!/usr/bin/env python3
"""The data plane and its OpenAPI document, of one another: each operation of the document is there, what it answers is in the
document (a member that is not is a fault), its examples are taken, and what relayed pages answer fits, too; what is relayed
is the same for both planes."""

import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import rig  # noqa: E402
from contract import Contract  # noqa: E402
from rig import case, equal, true  # noqa: E402

BASE = rig.env("TR_BASE_URL").removesuffix("/v1")
contract = None
receipt = None


def ask(method, path, body=None, key="", headers=None):
    c = rig.Client(BASE, key=key or "")
    try:
        a = c.request(method, path, body, headers)
    finally:
        c.close()
    equal(contract.answer_faults(method, path, a.status, a.header("content-type"), a.body), [], path)
    return a


@case
def the_document_is_served():
    global contract
    c = rig.Client(BASE, key="")
    a = c.request("GET", "/openapi.json")
    c.close()
    equal((a.status, a.json()["openapi"]), (200, "3.1.0"))
    true("public" in a.header("cache-control"), a.header("cache-control"))
    contract = Contract(a.json())
    true(len(contract.operations) > 40, len(contract.operations))


@case
def examples_of_inference_are_taken():
    global receipt
    key = rig.env("TR_API_KEY")
    asked = 0
    for _, _, method, path, op in contract.operations:
        example = op.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example")
        if op["x-permission"] != "inference" or example is None:
            continue
        a = ask(method, "/v1" + path, example, key)
        equal(a.status, 200, f"{path}: {a!r}")
        if path == "/chat/completions":
            receipt = a.header("x-receipt-id")
            stream = ask(method, "/v1" + path, {**example, "stream": True}, key)
            equal((stream.status, stream.events()[-1]), (200, "[DONE]"))
        asked += 1
    true(asked >= 5, asked)


@case
def synth_is_as_the_document_says():
    """An answer that several models made has the members of the document and no others, and each of its parameters is known to the
    router: null is taken, text where there is none is refused by the parameter's name. What it does not have is refused."""
    key = rig.env("TR_API_KEY")
    body = {"model": "trustedrouter/synth", "messages": [{"role": "user", "content": "Hello"}]}
    for strategy in ("synthesize_non_refusals", "first_success", "selector"):
        a = ask("POST", "/v1/chat/completions", {**body, "plugins": [{"id": "synth", "selection_strategy": strategy}]}, key)
        equal((a.status, a.json()["trustedrouter"]["synth"]["strategy"]), (200, strategy), a)
    schemas = contract.document["components"]["schemas"]
    parameters = schemas["SynthParameters"]["properties"]
    true(len(parameters) == 19, sorted(parameters))
    for name in [*parameters, "panel_prompt"]:
        tool = {"type": "trustedrouter:synth", "parameters": {name: {}}}
        a = ask("POST", "/v1/chat/completions", {**body, "tools": [tool]}, key)
        known = a.error()["code"] != "unsupported_parameter"
        equal((a.status, a.error()["param"], known), (400, "tools[0].parameters." + name, name in parameters), a)
    nothing = {name: None for name in parameters if "Another name" not in parameters[name].get("description", "")}
    a = ask("POST", "/v1/chat/completions", {**body, "tools": [{"type": "trustedrouter:synth", "parameters": nothing}]}, key)
    equal(a.status, 200, a)


@case
def every_page_answers_as_the_document_says():
    key, manager = rig.env("TR_API_KEY"), rig.env("TR_MANAGEMENT_KEY")
    values = {"author": "demo", "slug": "echo", "receipt": receipt}
    tried = set()
    for _, _, method, path, op in contract.operations:
        if method != "GET" or "{hash}" in path or "{id}" in path or "{month}" in path:
            continue
        at = path
        for name, value in values.items():
            at = at.replace("{%s}" % name, value)
        need = [p for p in op.get("parameters", []) if p["in"] == "query" and p["required"]]
        query = "?nonce=" + "0" * 64 if any(p["name"] == "nonce" for p in need) else "?id=gen-" + "0" * 32 if need else ""
        who = {"public": "", "receipt": key}.get(op["x-permission"], manager)
        if path in ("/models/user", "/audit/samples"):
            who = key
        a = ask(method, ("" if "servers" in op else "/v1") + at + query, None, who)
        true(a.status in (200, 404) and (a.status == 200 or path.startswith("/generation")), f"{path}: {a!r}")
        tried.add(path)
    true(len(tried) > 25, sorted(tried))


@case
def refusals_fit_in_each_dialect():
    for prefix in ("/v1", "/api/v1"):
        for path in ("/chat/completions", "/messages", "/responses", "/embeddings"):
            equal(ask("POST", prefix + path, {"model": "none/such"}, rig.env("TR_API_KEY")).status // 100, 4)
            equal(ask("POST", prefix + path, b"{}", rig.env("TR_API_KEY"), {"Content-Type": "application/x-www-form-urlencoded"}).status, 415)
            equal(ask("POST", prefix + path, {"model": "demo/echo"}, "").status, 401)
        equal(ask("GET", prefix + "/keys", None, rig.env("TR_API_KEY")).status, 403)


@case
def what_is_relayed_is_in_both_tables():
    """The control plane's flag, the data plane's document and its table of endpoints name the same calls."""
    r = subprocess.run([os.path.join(rig.env("TR_BIN"), "tr-controlplane"), "--print-routes"], capture_output=True, text=True, check=True)
    flagged = {(r[0], r[1]) for r in map(str.split, r.stdout.splitlines()) if "relayed" in r[3].split(",")}
    here = {(method, path) for _, _, method, path, op in contract.operations
            if op["x-permission"] not in ("public", "inference", "receipt") and path not in ("/models/user", "/audit/samples")}
    equal(sorted(here), sorted(flagged))
    for method, path in flagged:
        equal(ask(method, "/v1" + path.replace("{hash}", "0" * 64).replace("{id}", "0" * 32)).status, 401, f"{method} {path}")


@case
def a_wrong_answer_is_seen():
    a = ask("GET", "/v1/providers")
    true(contract.answer_faults("GET", "/v1/providers", 200, "application/json", a.body.replace(b'"slug"', b'"slugs"')))
    true(contract.answer_faults("GET", "/v1/providers", 418, "application/json", a.body))
    true(contract.answer_faults("GET", "/v1/nowhere", 200, "application/json", b"{}"))


rig.main()
