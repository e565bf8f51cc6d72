#!/usr/bin/env python3
"""Where a prompt goes, and why, through the whole stack: names of models, constraints and the refusals that list what they
removed, fallback to another provider and another model, what is told of it in headers, metadata and /v1/status, and a
decision that tr-verify makes again from its receipt."""
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import rig  # noqa: E402
from rig import Client, case, chat, equal, fresh, seen, true  # noqa: E402

IN_ORDER = {"order": ["demo-a", "demo-b"]}
OPENROUTER = rig.env("TR_BASE_URL").replace("/v1", "/api/v1")


def refused(status=503, **members):
    a = chat("tokens=1", **members)
    equal(a.status, status, a)
    return a.json()["error"]


def served(**members):
    a = chat("tokens=1", **members)
    equal(a.status, 200, a)
    return a


def put(path, body, headers=(), base=None):
    c = Client() if base is None else Client(base)
    try:
        return c.request("POST", path, body, headers=dict(headers))
    finally:
        c.close()


# --- names

@case
def a_model_by_all_its_names():
    for name, model in (("demo/echo", "demo/echo"), ("echo", "demo/echo"), ("demo/echo:nitro", "demo/echo"),
                        ("echo:exacto", "demo/echo"), ("demo/echo-2025-04-14", "demo/echo"),
                        ("trustedrouter/auto", "demo/echo"), ("~demo/latest", "demo/only-a"),
                        ("trustedrouter/zdr", "demo/echo")):
        a = served(model=name)
        equal((a.json()["model"], a.header("x-tr-model")), (model, model), name)
    for name in ("demo/echo:free", "demo/echo:online", "demo/nothing", "nothing", "trustedrouter/none"):
        equal(refused(404, model=name)["code"], "model_not_found", name)
    true("web search" in refused(404, model="demo/echo:online")["message"])


@case
def ids_that_nobody_knows_are_skipped_and_told():
    for stream in (False, True):
        a = served(model="no/such", models=["no/other:free", "demo/dear", "demo/echo"], stream=stream)
        equal((a.header("x-tr-model"), a.header("x-tr-skipped-models")), ("demo/dear", "no/such,no/other:free"))
    equal(served(model="demo/echo").header("x-tr-skipped-models"), None)


@case
def the_eu_is_served_in_the_eu():
    got = refused(400, model="trustedrouter/eu")
    equal(got["code"], "wrong_region")
    true("https://eu.router.example/v1" in got["message"], got)


# --- constraints

@case
def a_refusal_lists_what_each_constraint_removed():
    got = refused(provider={"ignore": ["demo-a"], "min_privacy": "confidential"})
    equal(got["code"], "no_eligible_provider")
    equal(got["metadata"]["removed"],
          [{"model": "demo/echo", "provider": "Demo A", "constraint": "ignore"},
           {"model": "demo/echo", "provider": "Demo B, over TLS", "constraint": "min_privacy"}])
    true("demo/echo at Demo A (ignore), demo/echo at Demo B, over TLS (min_privacy)." in got["message"], got)
    for constraint, provider in (("only", {"only": ["demo-a/fp8"]}), ("max_price", {"max_price": {"prompt": "0.4"}}),
                                 ("jurisdiction", {"jurisdiction": "eu"}), ("quantizations", {"quantizations": ["fp8"]}),
                                 ("order", {"order": ["nobody"], "allow_fallbacks": False})):
        equal([r["constraint"] for r in refused(provider=provider)["metadata"]["removed"]], [constraint] * 2)
    for alias, constraint in (("free", "free"), ("us", "jurisdiction"), ("e2e", "min_privacy")):
        equal([r["constraint"] for r in refused(model="trustedrouter/" + alias)["metadata"]["removed"]], [constraint] * 2)


@case
def every_dialect_tells_it():
    provider = {"only": ["nobody"]}
    messages = [{"role": "user", "content": "hi"}]
    for path, body in (("/messages", {"max_tokens": 9, "messages": messages}), ("/responses", {"input": "hi"}),
                       ("/completions", {"prompt": "hi"}), ("/chat/completions", {"messages": messages}),
                       ("/embeddings", {"input": "hi"})):
        model = "demo/embed" if path == "/embeddings" else "demo/echo"
        a = put(path, {"model": model, "provider": provider, **body})
        equal(a.status, 503 if path != "/messages" else a.status, a)
        true(a.status >= 500 and "(only)" in a.json()["error"]["message"], a)


@case
def variants_by_quantization():
    a = served(model="demo/dear", provider={"quantizations": ["fp8"]})
    equal(a.header("x-tr-provider"), "demo-a")
    a = served(model="demo/dear", provider={"ignore": ["demo-a/fp8"]})
    equal(a.header("x-tr-provider"), "demo-b")
    a = served(model="demo/dear", provider={"only": ["demo-a/fp8", "demo-b/fp8"]})
    equal(a.header("x-tr-provider"), "demo-a")


@case
def across_the_models():
    models = ["demo/dear", "demo/echo"]
    equal(served(model=None, models=models, provider={"sort": "price"}).header("x-tr-model"), "demo/dear")
    equal(served(model=None, models=models, provider={"sort": {"by": "price", "partition": "none"}}).header("x-tr-model"), "demo/echo")


# --- fallback

@case
def the_headers_tell_of_a_fallback():
    for stream in (False, True):
        a = chat({"demo-a": "fail=500", "demo-b": "tokens=1"}, provider=IN_ORDER, stream=stream)
        equal(a.status, 200)
        for word in ("x-tr", "x-saferouter"):
            equal((a.header(word + "-fallback-from"), a.header(word + "-fallback-to")), ("demo-a", "demo-b"))
        a = chat({"demo-a": "fail=500", "demo-b": "tokens=1"}, model=None, models=["demo/only-a", "demo/dear"], stream=stream,
                 provider={"ignore": ["demo-a/fp8"]})
        equal((a.status, a.header("x-tr-model")), (200, "demo/dear"))
        equal((a.header("x-saferouter-fallback-from"), a.header("x-saferouter-fallback-to")), ("demo/only-a", "demo/dear"))
        equal((a.header("x-tr-fallback-from"), a.header("x-tr-fallback-to")), ("demo-a", "demo-b"))
    rig.mock_reset()


@case
def another_model_only_where_it_is_allowed():
    ask = dict(model="demo/only-a")
    mock = {"demo-a": "fail=500", "demo-b": "tokens=1"}
    away = {"ignore": ["demo-a/fp8"]}
    true(chat(mock, provider=away, **ask).status >= 500)
    a = chat(mock, provider={**away, "model_fallbacks": True}, **ask)
    equal((a.status, a.header("x-tr-model"), a.header("x-saferouter-fallback-from")), (200, "demo/dear", "demo/only-a"))
    equal(a.json()["model"], "demo/dear")
    a = chat(mock, headers={"X-TR-Model-Fallbacks": "allow"}, provider=away, **ask)
    equal((a.status, a.header("x-tr-model")), (200, "demo/dear"))
    true(chat(mock, headers={"X-TR-Model-Fallbacks": "allow"}, provider={**away, "allow_fallbacks": False}, **ask).status >= 500)
    rig.mock_reset()


@case
def each_try_has_its_record():
    a = chat({"demo-a": "fail=500", "demo-b": "tokens=1"}, headers={"X-OpenRouter-Metadata": "enabled"}, provider=IN_ORDER)
    got = a.json()["openrouter_metadata"]
    equal(got["region"], "local")
    equal([(t["provider"], t["model"], t["status"], t["error"], t["reason"]) for t in got["attempts"]],
          [("Demo A", "demo/echo", 500, "provider_status", "order"), ("Demo B, over TLS", "demo/echo", 200, None, "order")])
    true(all(type(t["latency_ms"]) is int for t in got["attempts"]), got)
    rig.mock_reset()


# --- what is published

@case
def the_status_page_tells_outcomes():
    for _ in range(6):
        served(model="demo/echo", provider={"only": ["demo-a"]}, stream=True)
    c = Client()
    rig.wait_until(lambda: any(m["id"] == "demo/echo" for m in c.request("GET", "/status").json()["models"]), 15, "figures")
    c.close()
    c = Client()
    a = c.request("GET", "/status", headers={"Authorization": ""})
    equal((a.status, a.header("cache-control")), (200, "public, max-age=10"))
    page = a.json()
    equal((page["object"], page["region"], page["refreshed_every_s"]), ("status", "local", 10))
    true("nothing is probed" in page["method"], page["method"])
    echo = next(m for m in page["models"] if m["id"] == "demo/echo")
    mine = next(e for e in echo["endpoints"] if e["provider"] == "demo-a")
    equal(sorted(mine["uptime"]), ["1d", "30m", "5m"])
    true(mine["uptime"]["5m"]["samples"] >= 6 and mine["uptime"]["1d"]["percent"] > 0, mine)
    true({p["id"] for p in page["providers"]} >= {"demo-a", "demo-b"}, page["providers"])
    equal(page["regions"][0]["region"], None)
    true(page["all"]["endpoints"] >= 7 and page["all"]["models"] >= 4, page["all"])
    listed = c.request("GET", "/models/demo/echo/endpoints").json()["data"]["endpoints"]
    a = next(e for e in listed if e["tag"] == "demo-a")
    true(a["uptime_last_5m"] > 0 and a["uptime_last_1d"] > 0 and a["status"] <= 0, a)
    b = c.request("GET", "/status")
    equal(b.json()["generated_at"], page["generated_at"], "one page for all")
    c.close()


# --- the decision again

def verify(receipt, catalog, providers, key):
    got = subprocess.run([os.path.join(rig.env("TR_BIN"), "tr-verify"), "receipt", receipt, "--key", key,
                          "--catalog", catalog, "--providers", providers], capture_output=True, text=True, timeout=20)
    return got.returncode, got.stdout + got.stderr


@case
def a_recorded_decision_is_made_again():
    host = Client(rig.env("TR_BASE_URL")[:-len("/v1")])
    key = host.request("GET", "/attestation/verifying-key").json()["public_key"]
    c = Client()
    with tempfile.TemporaryDirectory() as at:
        def keep(name, data):
            path = os.path.join(at, name)
            with open(path, "wb") as f:
                f.write(data)
            return path

        a = host.request("GET", "/attestation/catalog")
        equal((a.status, a.header("content-type")), (200, "application/octet-stream"))
        catalog = keep("catalog", a.body)
        providers = os.path.join(rig.env("TR_RUN_DIR"), "conf/providers.conf")
        for members in ({}, {"model": "trustedrouter/auto", "provider": {"zdr": True, "sort": "throughput"}},
                        {"model": None, "models": ["demo/dear", "demo/echo"], "provider": {"ignore": ["demo-a"], "max_price": {"prompt": 200}}},
                        {"model": "demo/dear", "provider": {"order": ["demo-b"], "quantizations": ["fp8", "unknown"]}}):
            a = served(**members)
            receipt = c.request("GET", "/aci/receipts/" + a.header("x-receipt-id")).body
            code, said = verify(keep("receipt", receipt), catalog, providers, key)
            equal(code, 0, said)
            true("give the receipt's candidates" in said and "sort " in said, said)
        true("order demo-b" in said and "quantization fp8 allowed" in said, said)
        # another catalog, another providers.conf, no catalog: each is told
        equal(verify(os.path.join(at, "receipt"), keep("other", a.body), providers, key)[0] != 0, True)
        text = open(providers).read()
        code, said = verify(os.path.join(at, "receipt"), catalog,
                            keep("providers", text.replace("[provider demo-a]", "[provider demo-z]").encode()), key)
        equal((code, "another providers.conf" in said), (10, True), said)
        # a request that was refused before a decision has none
        a = chat("tokens=1", provider={"only": ["nobody"]})
        receipt = c.request("GET", "/aci/receipts/" + a.header("x-receipt-id")).body
        code, said = verify(keep("receipt", receipt), catalog, providers, key)
        equal((code, "has no decision" in said), (10, True), said)
    c.close()
    host.close()


if __name__ == "__main__":
    rig.main()
