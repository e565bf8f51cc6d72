#!/usr/bin/env python3
"""Clients of chat, OpenRouter's chat, Messages and Responses with a model at a provider that speaks Google's generateContent:
two-turn tool loops with the signatures replayed, parallel results in another order, images, formats, limits, safety stops,
errors; by unmodified SDKs of OpenAI and Anthropic. The provider is a demo provider of its own, strict about members and
about signatures. Brings its own stack up. Every body that the renderer's unit test makes validates against the closed
definition (../shared/specs, $TR_SPECS; else skipped)."""

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.realpath(__file__))
PYTHON = os.path.join(HERE, "../../build/clients/python/bin/python")
if "TR_GEMINI_PYTHON" not in os.environ:
    prepared = subprocess.run([os.path.join(HERE, "../clients/prepare"), "python"], stdout=subprocess.DEVNULL)
    python = PYTHON if prepared.returncode == 0 else sys.executable
    os.execve(python, [python, *sys.argv], {**os.environ, "TR_GEMINI_PYTHON": "1"})

sys.path[:] = [p for p in sys.path if os.path.realpath(p) != HERE]  # a test there has the name of an SDK
sys.path.insert(0, os.path.join(HERE, "../lib"))
import openapi  # noqa: E402
import rig  # noqa: E402
from rig import case, equal, true  # noqa: E402

BIN = os.environ.get("TR_BIN", os.path.join(rig.ROOT, "build/release"))
RUN = tempfile.mkdtemp(prefix="tr-gemini-")
ENV = dict(os.environ, TR_RUN_DIR=RUN)
KEY = "AIza-gem-0123456789"
PLACEHOLDER = "skip_thought_signature_validator"
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()
CATALOG = """
[model gem/three]
name = three
context_length = 100000
max_output = 8192
created = 1790000000
capabilities = tools images json_schema reasoning
gates = no_penalties tools_and_format_auto thinks_adaptively thinks_by_default thinks_always signs_calls
efforts = low medium high

[endpoint gem/three@gem]
upstream_model = gemini-3/x
prompt = 1
completion = 2

[model gem/two]
name = two
context_length = 100000
max_output = 8192
created = 1790000000
capabilities = tools images json_schema reasoning
gates = no_penalties no_tools_and_format thinks_by_budget thinks_by_default
budget = 1 24576

[endpoint gem/two@gem]
upstream_model = gemini-2
prompt = 1
completion = 2
"""

mock = subprocess.Popen([os.path.join(BIN, "mock_provider"), "--plain", "--listen", "gem:127.0.0.1:0"], stdout=subprocess.PIPE, text=True)
MOCK = f"http://127.0.0.1:{mock.stdout.readline().split()[1]}"


def stack():
    """run/env as a dict, of a stack that has the provider."""
    added = os.path.join(RUN, "conf/added")
    os.makedirs(added)
    port = MOCK.rsplit(":", 1)[1]
    for kind, text in (("provider", f"\n[provider gem]\nname = Gem\nhost = 127.0.0.1\nport = {port}\ntls = off\npath = /v1beta\n"
                                    "dialect = gemini\nauth = x-goog-api-key\nretains_data = off\nfirst_byte_ms = 5000\nidle_ms = 5000\n"),
                       ("catalog", CATALOG), ("key", f"gem = {KEY}\n")):
        with open(os.path.join(added, f"gem.{kind}"), "w") as f:
            f.write(text)
    up = subprocess.run([os.path.join(rig.ROOT, "deploy/dev/up")], env=ENV, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    equal(up.returncode, 0, up.stdout)
    text = subprocess.run(["bash", "-c", f". {RUN}/env && env -0"], env=ENV, stdout=subprocess.PIPE, check=True).stdout
    return dict(line.split("=", 1) for line in text.decode().split("\0") if "=" in line)


def door(path, body=None):
    with urllib.request.urlopen(urllib.request.Request(MOCK + path, body), timeout=10) as r:
        return r.read()


def behave(words):
    door("/mock/set/gem", words.encode())


def sent():
    """The last body that the provider got."""
    return json.loads(door("/mock/last-request/gem"))


def signatures(body):
    """Of each call, in order: its name and the signature that stands on it."""
    return [(p["functionCall"]["name"], p.get("thoughtSignature")) for c in body["contents"] for p in c["parts"] if "functionCall" in p]


def results(body):
    return [(p["functionResponse"]["name"], p["functionResponse"]["response"]) for c in body["contents"] for p in c["parts"]
            if "functionResponse" in p]


E = {}


def post(path, body):
    """Status, headers and JSON, without any SDK."""
    import ssl
    base = E["TR_BASE_URL"].removesuffix("/v1")
    request = urllib.request.Request(base + path, json.dumps(body).encode(), {"authorization": "Bearer " + E["TR_API_KEY"],
                                                                             "content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=20, context=ssl.create_default_context(cafile=E["TR_CA"])) as r:
            return r.status, {k.lower(): v for k, v in r.headers.items()}, json.load(r)
    except urllib.error.HTTPError as e:
        return e.code, {k.lower(): v for k, v in e.headers.items()}, json.load(e)


def sdk(name, path=""):
    try:
        import anthropic
        import openai
    except ImportError as e:
        raise rig.Skip(f"the SDKs are not here: {e}")
    os.environ["SSL_CERT_FILE"] = E["TR_CA"]
    base = E["TR_BASE_URL"].removesuffix("/v1")
    if name == "anthropic":
        return anthropic.Anthropic(base_url=base + path, api_key=E["TR_API_KEY"], max_retries=0)
    return openai.OpenAI(base_url=base + path + "/v1", api_key=E["TR_API_KEY"], max_retries=0)


CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False}
TOOLS = [{"type": "function", "function": {"name": "weather", "description": "w", "parameters": CITY}},
         {"type": "function", "function": {"name": "now", "parameters": {"type": "object", "properties": {}}}}]


def chat_loop(path, stream, keep, want_sign):
    """One loop; keep(message) is what the client keeps of the model's turn."""
    client = sdk("openai", path)
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Weather and time?"}]
    ask = {"model": "gem/three", "tools": TOOLS, "reasoning_effort": "high", "max_completion_tokens": 4000}
    if stream:
        message = {"role": "assistant", "content": "", "tool_calls": [], "reasoning_details": []}
        finish = None
        for chunk in client.chat.completions.create(messages=messages, stream=True, **ask):
            for choice in chunk.choices:
                delta = choice.delta.model_dump(exclude_none=True)
                message["content"] += delta.get("content", "")
                message["reasoning_details"] += delta.get("reasoning_details", [])
                for call in delta.get("tool_calls", []):
                    equal(call.pop("index"), len(message["tool_calls"]), "calls arrive whole")
                    message["tool_calls"].append(call)
                finish = choice.finish_reason or finish
    else:
        answer = client.chat.completions.create(messages=messages, **ask)
        message = answer.choices[0].message.model_dump(exclude_none=True)
        finish = answer.choices[0].finish_reason
    equal(finish, "tool_calls")
    equal([c["function"]["name"] for c in message["tool_calls"]], ["weather", "now"])
    equal([d["id"] for d in message["reasoning_details"] if d["type"] == "reasoning.encrypted"], [message["tool_calls"][0]["id"]],
          "one signature, of the first call")
    true("thought_signature" in message["tool_calls"][0]["extra_content"]["google"])
    message = keep(json.loads(json.dumps(message)))
    messages.append(message)
    for call in reversed(message["tool_calls"]):
        messages.append({"role": "tool", "tool_call_id": call["id"], "content": f"result of {call['function']['name']}"})
    answer = client.chat.completions.create(messages=messages, **ask)
    equal(answer.choices[0].finish_reason, "stop")
    body = sent()
    equal([name for name, _ in signatures(body)], ["weather", "now"])
    equal((signatures(body)[0][1] or "").startswith("Sig+/"), want_sign, signatures(body))
    true(want_sign or signatures(body)[0][1] == PLACEHOLDER, signatures(body))
    equal(signatures(body)[1][1], None)
    equal(results(body), [("weather", {"output": "result of weather"}), ("now", {"output": "result of now"})])
    return answer


def without(*members):
    def keep(message):
        for call in message["tool_calls"]:
            if "extra_content" in members:
                call.pop("extra_content", None)
        return {k: v for k, v in message.items() if k not in members}
    return keep


@case
def the_stack_starts_with_the_provider():
    E.update(stack())


@case
def chat_loop_with_all_that_a_client_keeps():
    behave("strict,replay")
    for path in ("", "/api"):
        for stream in (False, True):
            chat_loop(path, stream, without(), True)
    head = door("/mock/last-headers/gem").decode()
    true(f"POST /v1beta/models/gemini-3%2Fx:generateContent HTTP/1.1" in head, head.split("\r\n")[0])
    true(f"x-goog-api-key: {KEY}" in head and "authorization" not in head.lower(), "the key's header")


@case
def chat_loop_of_a_client_that_keeps_calls_alone():
    behave("strict,replay")
    chat_loop("", True, without("reasoning_details", "reasoning", "reasoning_content"), True)


@case
def chat_loop_of_a_client_that_keeps_no_signature():
    behave("strict,replay")
    chat_loop("", False, without("reasoning_details", "extra_content"), False)


@case
def messages_loop():
    behave("strict,replay")
    client = sdk("anthropic")
    tools = [{"name": "weather", "input_schema": CITY}, {"name": "now", "input_schema": {"type": "object", "properties": {}}}]
    ask = {"model": "gem/three", "max_tokens": 4000, "tools": tools, "thinking": {"type": "enabled", "budget_tokens": 2048}}
    for stream in (False, True):
        messages = [{"role": "user", "content": [{"type": "text", "text": "Weather?"}, {"type": "image", "source": {
            "type": "base64", "media_type": "image/png", "data": PNG}}]}]
        if stream:
            with client.messages.stream(messages=messages, **ask) as s:
                answer = s.get_final_message()
        else:
            answer = client.messages.create(messages=messages, **ask)
        equal(answer.stop_reason, "tool_use")
        calls = [b for b in answer.content if b.type == "tool_use"]
        equal([c.name for c in calls], ["weather", "now"])
        equal(sent()["generationConfig"]["thinkingConfig"], {"thinkingLevel": "medium", "includeThoughts": True})
        messages += [{"role": "assistant", "content": [b.model_dump(exclude_none=True) for b in answer.content]},
                     {"role": "user", "content": [
                         {"type": "tool_result", "tool_use_id": calls[1].id, "content": "12:00", "is_error": True},
                         {"type": "tool_result", "tool_use_id": calls[0].id, "content": [
                             {"type": "text", "text": "sunny"},
                             {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}]},
                         {"type": "text", "text": "So?"}]}]
        answer = client.messages.create(messages=messages, **ask)
        equal(answer.stop_reason, "end_turn")
        body = sent()
        true((signatures(body)[0][1] or "").startswith("Sig+/"), signatures(body))
        equal(results(body), [("weather", {"output": "sunny"}), ("now", {"error": "12:00"})])
        inside = [p["functionResponse"].get("parts") for c in body["contents"] for p in c["parts"] if "functionResponse" in p]
        equal(inside, [[{"inlineData": {"mimeType": "image/png", "data": PNG}}], None])
        equal(body["contents"][0]["parts"][1], {"inlineData": {"mimeType": "image/png", "data": PNG}})


@case
def responses_loop():
    behave("strict,replay")
    client = sdk("openai")
    tools = [{"type": "function", **t["function"]} for t in TOOLS]
    ask = {"model": "gem/three", "tools": tools, "store": False, "include": ["reasoning.encrypted_content"], "reasoning": {"effort": "low"}}
    for stream in (False, True):
        items = [{"role": "user", "content": "Weather?"}]
        if stream:
            with client.responses.stream(input=items, **ask) as s:
                for _ in s:
                    pass
                answer = s.get_final_response()
        else:
            answer = client.responses.create(input=items, **ask)
        calls = [o for o in answer.output if o.type == "function_call"]
        equal([c.name for c in calls], ["weather", "now"])
        equal(sent()["generationConfig"]["thinkingConfig"]["thinkingLevel"], "low")
        items += [o.model_dump(exclude_none=True) for o in answer.output]
        for o in items:
            o.pop("parsed_arguments", None)
        items += [{"type": "function_call_output", "call_id": c.call_id, "output": f"result of {c.name}"} for c in reversed(calls)]
        answer = client.responses.create(input=items, **ask)
        equal(answer.status, "completed")
        body = sent()
        true((signatures(body)[0][1] or "").startswith("Sig+/"), signatures(body))
        equal(results(body), [("weather", {"output": "result of weather"}), ("now", {"output": "result of now"})])


@case
def what_the_model_thinks_is_told_and_signed():
    behave("strict,sign,reasoning=4,tokens=6,cached=2,prompt=9")
    status, _, body = post("/v1/chat/completions", {"model": "gem/two", "messages": [{"role": "user", "content": "x"}], "reasoning_effort": "low"})
    equal(status, 200, body)
    message = body["choices"][0]["message"]
    true(message["reasoning"] and message["content"], message)
    equal([(d["type"], "id" in d) for d in message["reasoning_details"]], [("reasoning.text", False), ("reasoning.encrypted", False)])
    equal(sent()["generationConfig"], {"thinkingConfig": {"thinkingBudget": 1024, "includeThoughts": True}})
    usage = body["usage"]
    equal((usage["prompt_tokens"], usage["prompt_tokens_details"]["cached_tokens"], usage["completion_tokens_details"]["reasoning_tokens"],
           usage["total_tokens"]), (9, 2, 4, 9 + usage["completion_tokens"]))
    messages = [{"role": "user", "content": "x"}, message, {"role": "user", "content": "y"}]
    status, _, body = post("/v1/chat/completions", {"model": "gem/two", "messages": messages})
    equal(status, 200, body)
    model = sent()["contents"][1]
    equal((model["role"], len(model["parts"])), ("model", 1))
    true(model["parts"][0]["thoughtSignature"].startswith("Sig+/"), model)


@case
def formats_and_settings():
    behave("strict")
    schema = {"type": "object", "properties": {"kind": {"const": "a"}, "n": {"type": "integer"}}, "required": ["kind", "n"],
              "additionalProperties": False}
    ask = {"model": "gem/three", "messages": [{"role": "user", "content": [{"type": "text", "text": "x"}, {
        "type": "image_url", "image_url": {"url": "data:image/png;base64," + PNG, "detail": "high"}}]}],
           "temperature": 0.5, "top_p": 0.9, "stop": ["a", "b"], "seed": 7, "frequency_penalty": 1, "user": "u",
           "response_format": {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": schema}}}
    status, _, body = post("/v1/chat/completions", ask)
    equal(status, 200, body)
    true(isinstance(json.loads(body["choices"][0]["message"]["content"]), dict), body)
    equal(sent(), {"contents": [{"role": "user", "parts": [{"text": "x"}, {"inlineData": {"mimeType": "image/png", "data": PNG},
                                                                          "mediaResolution": {"level": "MEDIA_RESOLUTION_HIGH"}}]}],
                   "generationConfig": {"temperature": 0.5, "topP": 0.9, "seed": 7, "stopSequences": ["a", "b"],
                                        "responseMimeType": "application/json", "responseJsonSchema": {
                                            **schema, "properties": {"kind": {"enum": ["a"]}, "n": {"type": "integer"}}},
                                        "thinkingConfig": {"includeThoughts": True}},
                   "store": False})
    for model, more, param in (("gem/three", {"stop": list("abcdef")}, "stop"), ("gem/two", {"tools": TOOLS}, "response_format"),
                               ("gem/three", {"tools": TOOLS, "tool_choice": "required"}, "tool_choice"),
                               ("gem/three", {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {
                                   "url": "https://x.example/picture"}}]}]}, "image_url")):
        status, _, body = post("/v1/chat/completions", {**ask, "model": model, **more})
        equal((status, body["error"].get("param")), (400, param), body)


@case
def how_answers_end():
    ask = {"model": "gem/two", "messages": [{"role": "user", "content": "x"}], "max_tokens": 3}
    behave("strict,tokens=50")
    status, _, body = post("/v1/chat/completions", ask)
    equal((status, body["choices"][0]["finish_reason"], body["usage"]["completion_tokens"]), (200, "length", 3), body)
    status, _, body = post("/v1/messages", ask)
    equal((status, body["stop_reason"]), (200, "max_tokens"), body)
    behave("strict,refuse,tokens=3")
    status, _, body = post("/v1/chat/completions", {**ask, "max_tokens": 30})
    equal((status, body["choices"][0]["finish_reason"]), (200, "content_filter"), body)
    status, _, body = post("/v1/messages", {**ask, "max_tokens": 30})
    equal((status, body["stop_reason"]), (200, "refusal"), body)
    status, _, body = post("/v1/responses", {"model": "gem/two", "input": "x"})
    equal((status, body["status"], body["incomplete_details"]), (200, "incomplete", {"reason": "content_filter"}), body)


@case
def errors():
    ask = {"model": "gem/two", "messages": [{"role": "user", "content": "x"}]}
    for words, status, retry in (("fail=400,error_text=Bad things", 400, None), ("fail=429", 429, 35),
                                 ("fail=503", 503, None), ("fail=403", 502, None),
                                 ("fail=400,error_text=API key not valid. Please pass a valid API key.", 502, None)):
        behave(words)
        got, headers, body = post("/v1/chat/completions", ask)
        equal(got, status, body)
        true("error" in body and KEY not in json.dumps(body))
        true(retry is None or int(headers["retry-after"]) in (retry - 1, retry), headers)
        behave("tokens=3")
        rig.wait_until(lambda: post("/v1/chat/completions", ask)[0] == 200, 45, "the provider is asked again", 0.5)


@case
def a_stream_without_reason_is_none():
    client = sdk("openai")
    for words in ("tokens=20,cut_at=3", "tokens=20,close_at=3", "tokens=20,error_at=3"):
        behave(words)
        finishes, thrown = [], None
        try:
            for chunk in client.chat.completions.create(model="gem/two", messages=[{"role": "user", "content": "x"}], stream=True):
                finishes += [c.finish_reason for c in chunk.choices]
        except Exception as e:  # of the SDK, or of its HTTP client
            thrown = e
        true(thrown is not None and not any(finishes), f"{words}: {finishes} {thrown!r}")
        behave("tokens=3")
        rig.wait_until(lambda: post("/v1/chat/completions", {"model": "gem/two", "messages": [{"role": "user", "content": "x"}]})[0] == 200,
                       45, "the provider is asked again", 0.5)


# --- recorded requests: written as chat, they come out as they were

def either(o, name):
    """Google's servers take both spellings of a member."""
    snake = "".join("_" + c.lower() if c.isupper() else c for c in name)
    return o.get(name, o.get(snake))


def listed(value):
    return value if isinstance(value, list) else [] if value is None else [value]


def lower(schema):
    """Types in small letters, as JSON Schema has them."""
    if isinstance(schema, list):
        return [lower(x) for x in schema]
    if not isinstance(schema, dict):
        return schema
    return {k: v.lower() if k == "type" and isinstance(v, str) else lower(v) for k, v in schema.items()}


def functions(body):
    return {f["name"]: (f.get("description"), lower(f.get("parametersJsonSchema") or f.get("parameters")))
            for t in listed(body.get("tools")) for f in listed(either(t, "functionDeclarations"))}


def as_chat(body):
    messages = [{"role": "system", "content": p["text"]} for p in (either(body, "systemInstruction") or {}).get("parts", [])]
    waiting = []
    for turn, content in enumerate(listed(body["contents"])):
        parts = listed(content["parts"])
        calls = [(f"call_{turn}_{n}", p) for n, p in enumerate(p for p in parts if either(p, "functionCall"))]
        text = "".join(p["text"] for p in parts if p.get("text"))
        if content.get("role") == "model":
            message = {"role": "assistant", "content": text or None}
            if calls:
                waiting = [i for i, _ in calls]
                message["tool_calls"] = [{"id": i, "type": "function", **(
                    {"extra_content": {"google": {"thought_signature": p["thoughtSignature"]}}} if "thoughtSignature" in p else {}),
                    "function": {"name": either(p, "functionCall")["name"], "arguments": json.dumps(either(p, "functionCall")["args"])}}
                    for i, p in calls]
            messages.append(message)
            continue
        for p in parts:
            result = either(p, "functionResponse")
            if result:
                messages.append({"role": "tool", "tool_call_id": waiting.pop(0), "content": json.dumps(result["response"])})
        blob = [either(p, "inlineData") for p in parts if either(p, "inlineData")]
        if text or blob:
            messages.append({"role": "user", "content": [{"type": "text", "text": text}] + [{"type": "image_url", "image_url": {
                "url": f"data:{either(b, 'mimeType')};base64,{b['data']}"}} for b in blob]})
    chat = {"model": "gem/two", "messages": messages}
    config = either(body, "generationConfig") or {}
    for name, ours in (("maxOutputTokens", "max_tokens"), ("temperature", "temperature"), ("topP", "top_p"), ("stopSequences", "stop")):
        if either(config, name) is not None:
            chat[ours] = either(config, name)
    if either(either(config, "thinkingConfig") or {}, "thinkingBudget") == 0:
        chat["reasoning_effort"] = "none"
    if functions(body):
        chat["tools"] = [{"type": "function", "function": {"name": k, **({"description": d} if d else {}), **({"parameters": v} if v else {})}}
                         for k, (d, v) in functions(body).items()]
    mode = either(either(either(body, "toolConfig") or {}, "functionCallingConfig") or {}, "mode")
    if mode:
        chat["tool_choice"] = {"AUTO": "auto", "ANY": "required", "NONE": "none"}[mode.upper()]
    return chat


def meaning(body):
    """What both spellings have in common: who said what, with which functions and settings."""
    said = []
    for content in listed(body["contents"]):
        parts = []
        for p in listed(content["parts"]):
            call, result, blob = (either(p, n) for n in ("functionCall", "functionResponse", "inlineData"))
            parts.append(("call", call["name"], call["args"], p.get("thoughtSignature")) if call else
                         ("result", result["name"], result["response"]) if result else
                         ("blob", either(blob, "mimeType"), blob["data"]) if blob else ("text", p.get("text")))
        said.append((content.get("role", "user"), [p for p in parts if p != ("text", "")]))
    config = either(body, "generationConfig") or {}
    mode = either(either(either(body, "toolConfig") or {}, "functionCallingConfig") or {}, "mode")
    return {"system": [p["text"] for p in (either(body, "systemInstruction") or {}).get("parts", [])], "said": said,
            "functions": functions(body), "mode": mode and mode.upper(),
            "budget": either(either(config, "thinkingConfig") or {}, "thinkingBudget"),
            **{n: either(config, n) for n in ("maxOutputTokens", "temperature", "topP", "stopSequences")}}


@case
def recorded_requests_mean_the_same():
    directory = os.path.join(os.environ.get("TR_FIXTURES", os.path.join(rig.ROOT, "../shared/fixtures")), "providers/gemini")
    names = sorted(n for n in os.listdir(directory) if n.endswith(".req.json")) if os.path.isdir(directory) else []
    if not names:
        raise rig.Skip("the recordings are not here")
    behave("tokens=3")
    asked = 0
    for name in names:
        with open(os.path.join(directory, name)) as f:
            recorded = json.load(f)
        if "contents" not in recorded or "/embed" in name:
            continue
        status, _, body = post("/v1/chat/completions", as_chat(recorded))
        equal(status, 200, f"{name}: {body}")
        equal(meaning(sent()), meaning(recorded), name)
        asked += 1
    print(f"#| {asked} recorded requests of generateContent, asked as chat, reach the provider with the same meaning")
    true(asked >= 19, asked)


@case
def every_body_is_by_the_definition():
    try:
        import jsonschema
        with open(os.path.join(openapi.directory(), "gemini_v1beta.schema.json")) as f:
            schema = json.load(f)
    except (ImportError, FileNotFoundError, TypeError) as e:
        raise rig.Skip(f"no schema or no reader of it: {e}")
    validator = jsonschema.Draft202012Validator({**schema, "not": {"type": "null"}, "$ref": "#/$defs/GenerateContentRequest"})
    true(list(validator.iter_errors({"contents": [], "x": 1})), "a wrong one is found")
    with tempfile.NamedTemporaryFile("r") as f:
        subprocess.run([os.path.join(BIN, "unit/test_gemini_render")], env={**os.environ, "TR_WRITTEN": f.name}, cwd=rig.ROOT,
                       stdout=subprocess.DEVNULL, check=True)
        bodies = [json.loads(json.loads(line)["body"]) for line in f]
    for body in bodies:
        for problem in validator.iter_errors(body):
            raise AssertionError(f"{problem.json_path}: {problem.message[:300]}: {json.dumps(body)[:300]}")
    true(len(bodies) >= 50, len(bodies))


def main():
    try:
        failed = rig.run_cases(always=("the_stack_starts_with_the_provider",))
    finally:
        subprocess.run([os.path.join(rig.ROOT, "deploy/dev/down"), "--forget"], env=ENV, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        mock.terminate()
        shutil.rmtree(RUN, ignore_errors=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
