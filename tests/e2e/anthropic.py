#!/usr/bin/env python3
"""A provider of Anthropic's dialect behind every API of a client, through both planes over TLS: tool loops in which signed
thoughts come back (the demo provider refuses them changed), results in another order, images, documents, cache marks, a
refusal, the limit, errors. A stand-in for the API checks its headers and, with jsonschema and ../shared/specs, each request
against the closed definition. Brings its own stack up."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HERE = os.path.dirname(os.path.realpath(__file__))
PYTHON = os.path.join(HERE, "../../build/clients/python/bin/python")
if "TR_ANTHROPIC_PYTHON" not in os.environ:
    prepared = subprocess.run([os.path.join(HERE, "../clients/prepare"), "python"], stdout=subprocess.DEVNULL)
    python = PYTHON if prepared.returncode == 0 else sys.executable
    os.execve(python, [python, *sys.argv], {**os.environ, "TR_ANTHROPIC_PYTHON": "1"})

sys.path.insert(0, os.path.join(HERE, "../lib"))
import openapi  # noqa: E402
import rig  # noqa: E402
from dialects import ALL, send  # noqa: E402
from rig import case, equal, fresh, true  # noqa: E402

RUN = tempfile.mkdtemp(prefix="tr-anthropic-")
BIN = os.environ.get("TR_BIN", os.path.join(rig.ROOT, "build/release"))
TALKS = tuple(api for api in ALL if api.replays)
KEY = "sk-ant-0123456789"


class Api(BaseHTTPRequestHandler):
    """Anthropic's Messages, as far as a test scripts it: `answers` says what the next requests get."""
    protocol_version = "HTTP/1.1"
    answers, requests, wrong = [], [], []
    validator = None

    def log_message(self, *_):
        pass

    def check(self, body):
        if self.path != "/v1/messages" or self.headers["x-api-key"] != KEY or self.headers["authorization"] is not None:
            Api.wrong.append(f"path or key: {self.path} {dict(self.headers)}")
        if self.headers["anthropic-version"] != "2023-06-01":
            Api.wrong.append(f"version: {self.headers['anthropic-version']}")
        if Api.validator is not None:
            Api.wrong += [f"{p.json_path}: {p.message[:200]}" for p in Api.validator.iter_errors(body)]

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.check(body)
        Api.requests.append(body)
        status, answer = Api.answers.pop(0) if Api.answers else (200, MESSAGE())
        if status == 200 and body.get("stream"):
            answer = stream_of(answer).encode()
        else:
            answer = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-type", "text/event-stream" if body.get("stream") and status == 200 else "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


def MESSAGE(*blocks, stop="end_turn", **more):
    return {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "content": list(blocks) or [{"type": "text", "text": "ok"}],
            "stop_reason": stop, "stop_sequence": None, "usage": {"input_tokens": 40, "cache_creation_input_tokens": 100,
                                                                  "cache_read_input_tokens": 1000, "output_tokens": 60}, **more}


def stream_of(message):
    """The events that the API would say this message with."""
    def event(kind, **members):
        return f"event: {kind}\ndata: {json.dumps({'type': kind, **members})}\n\n"

    out = event("message_start", message={**message, "content": [], "stop_reason": None, "usage": {**message["usage"], "output_tokens": 1}})
    for i, block in enumerate(message["content"]):
        deltas = {"text": [("text_delta", "text")], "thinking": [("thinking_delta", "thinking"), ("signature_delta", "signature")]}.get(block["type"], [])
        start = {**block, **{member: "" for _, member in deltas}, **({"input": {}} if block["type"] == "tool_use" else {})}
        out += event("content_block_start", index=i, content_block=start) + event("ping")
        for kind, member in deltas:
            out += event("content_block_delta", index=i, delta={"type": kind, member: block[member]})
        if block["type"] == "tool_use" and block["input"]:
            out += event("content_block_delta", index=i, delta={"type": "input_json_delta", "partial_json": json.dumps(block["input"])})
        out += event("content_block_stop", index=i)
    delta = {k: message[k] for k in ("stop_reason", "stop_sequence", "stop_details") if k in message}
    return out + event("message_delta", delta=delta, usage=message["usage"]) + event("message_stop")


def row(name, port, models):
    """What deploy/dev/up adds: a provider of this dialect and its models."""
    added = os.path.join(RUN, "conf/added")
    os.makedirs(added, exist_ok=True)
    texts = {"provider": f"\n[provider {name}]\nname = {name}\nhost = 127.0.0.1\nport = {port}\ntls = off\npath = /v1\n"
                         "dialect = anthropic\nauth = x-api-key\nretains_data = off\n",
             "catalog": "".join(f"\n[model {m}]\nname = {m}\ncontext_length = 200000\nmax_output = 64000\ncreated = 1\n"
                                f"capabilities = tools images json_schema reasoning\n\n[endpoint {m}@{name}]\n"
                                f"upstream_model = claude-up\nprompt = 3\ncompletion = 15\n" for m in models),
             "key": f"{name} = {KEY}\n"}
    for kind, text in texts.items():
        with open(os.path.join(added, f"{name}.{kind}"), "w") as f:
            f.write(text)


def dev(word, *more):
    r = subprocess.run([os.path.join(rig.ROOT, "deploy/dev", word), *more], env=dict(os.environ, TR_RUN_DIR=RUN),
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    equal(r.returncode, 0, r.stdout)


def both():
    for api in TALKS:
        for stream in (False, True):
            yield api, stream, f"{api.name}, {'stream' if stream else 'whole'}"


SCRIPT = ["think I need both.", 'call weather {"city":"Bern"}', 'also now {"city":"Rom"}', "say It says {result}."]


@case
def signed_thoughts_in_a_tool_loop():
    """The demo provider's Messages refuse a call that comes back without its signed thought."""
    for api, stream, what in both():
        words = "\n".join(["demo-script:", f"mock strict,replay,id={fresh()}", *SCRIPT])
        request = api.ask(words, stream, "claude/tools", tools=("weather", "now"), thinks=True)
        a = send(api, request)
        equal(a.status, 200, (what, a))
        said = api.read(a)
        equal([c[1:] for c in said.calls], [("weather", {"city": "Bern"}), ("now", {"city": "Rom"})], (what, a))
        results = [(said.calls[1][0], "noon"), (said.calls[0][0], "sun")]  # in another order than the calls
        a = send(api, api.follow(request, said.turn, results))
        equal(a.status, 200, (what, a))
        equal(api.read(a).text, "It says noon.", (what, a))  # the call's order: the last result is now's
        equal(send(api, api.follow(request, api.forget(said.turn), results)).status, 400, what)


@case
def thoughts_come_back_byte_for_byte():
    thought = [{"type": "thinking", "thinking": "Grü\"ezi\n", "signature": "s+/=="}, {"type": "redacted_thinking", "data": "e+/="},
               {"type": "thinking", "thinking": "", "signature": "t+/="}]
    call = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Zürich"}}
    for api, stream, what in both():
        Api.answers[:] = [(200, MESSAGE(*thought, call, stop="tool_use"))]
        request = api.ask("hi", stream, "claude/double", tools=("weather",), thinks=True)
        said = api.read(send(api, request))
        equal([c[1:] for c in said.calls], [("weather", {"city": "Zürich"})], what)
        equal(said.tokens[:2], (1140, 1000), what)
        equal(send(api, api.follow(request, said.turn, [(said.calls[0][0], "sun")])).status, 200, what)
        turn = Api.requests[-1]["messages"][1]["content"]
        equal([b for b in turn if b["type"] == "tool_use"], [call], what)
        equal(turn[:3], thought, what)


PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


@case
def images_documents_and_marks():
    mark = {"type": "ephemeral"}
    chat = {"model": "claude/double", "messages": [
        {"role": "system", "content": [{"type": "text", "text": "Be brief.", "cache_control": mark}]},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64," + PNG}},
                                     {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0xLjQ="}},
                                     {"type": "text", "text": "what?", "cache_control": mark}]}]}
    messages = {"model": "claude/double", "max_tokens": 1000, "system": [{"type": "text", "text": "Be brief.", "cache_control": mark}],
                "messages": [{"role": "user", "content": [
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
                    {"type": "document", "title": "a.pdf", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0xLjQ="}},
                    {"type": "text", "text": "what?", "cache_control": mark}]}]}
    apis = {api.name: api for api in ALL}
    for name, body in (("chat", chat), ("openrouter", chat), ("messages", messages)):
        a = send(apis[name], body)
        equal(a.status, 200, (name, a))
        equal(apis[name].read(a).text, "ok", name)
        got = Api.requests[-1]
        equal(got["system"], messages["system"], name)
        equal(got["messages"], messages["messages"], name)
        equal(got["max_tokens"], 1000 if name == "messages" else 64000, name)


@case
def refusal_limit_and_stop_sequence():
    explained = {"type": "refusal", "category": "bio", "explanation": "I cannot."}
    for api, stream, what in both():
        Api.answers[:] = [(200, {**MESSAGE(stop="refusal", stop_details=explained), "content": []})]
        a = send(api, api.ask("hi", stream, "claude/double"))
        true("I cannot." in a.body.decode(), (what, a))
        true('"content_filter"' in a.body.decode() or '"refusal"' in a.body.decode(), (what, a))
        Api.answers[:] = [(200, MESSAGE(stop="max_tokens"))]
        equal(api.read(send(api, api.ask("hi", stream, "claude/double"))).end, "length", what)
    Api.answers[:] = [(200, MESSAGE(stop="stop_sequence", stop_sequence="END"))]
    messages = next(api for api in ALL if api.name == "messages")
    m = send(messages, {**messages.ask("hi", False, "claude/double"), "stop_sequences": ["END"]}).json()
    equal((m["stop_reason"], m["stop_sequence"]), ("stop_sequence", "END"))
    equal(Api.requests[-1]["stop_sequences"], ["END"])


@case
def errors_by_the_table():
    def told(kind, message):
        return {"type": "error", "error": {"type": kind, "message": message}}

    for status, body, want, code in (
            (400, told("invalid_request_error", "prompt is too long: 300000 tokens > 200000 maximum"), 400, "context_length_exceeded"),
            (400, told("invalid_request_error", "messages.0: bad"), 400, None),
            (401, told("authentication_error", "invalid x-api-key " + KEY), 502, "provider_credentials"),
            (429, told("rate_limit_error", "slow down"), 429, None),
            (529, told("overloaded_error", "Overloaded"), 503, "provider_overloaded"),
            (500, told("api_error", "x"), 502, "provider_error")):
        for stream in (False, True):
            Api.answers[:] = [(status, body)] * 4
            a = rig.chat(model="claude/double", messages=[{"role": "user", "content": "hi"}], stream=stream)
            equal(a.status, want, (status, a))
            true(KEY not in a.body.decode(), "the key")
            if code is not None:
                equal(a.json()["error"]["code"], code, a)
    Api.answers[:] = []


@case
def what_cannot_be_said_is_refused_by_name():
    for members, param in (({"n": 2}, "n"), ({"logprobs": True}, "logprobs"),
                           ({"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "QQ==", "format": "wav"}}]}]}, "input_audio"),
                           ({"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "file-1"}}]}]}, "messages")):
        before = len(Api.requests)
        a = rig.chat(**{"model": "claude/double", "messages": [{"role": "user", "content": "hi"}], **members})
        equal((a.status, a.json()["error"]["param"]), (400, param), a)
        equal(len(Api.requests), before, "nothing was sent")


@case
def every_request_was_right():
    true(len(Api.requests) > 20, len(Api.requests))
    equal(Api.wrong, [])
    if Api.validator is None:
        raise rig.Skip("headers only: jsonschema and ../shared/specs are not here")


def load_schema():
    try:
        import jsonschema
        with open(os.path.join(openapi.directory(), "anthropic_messages.schema.json")) as f:
            schema = json.load(f)
        Api.validator = jsonschema.Draft202012Validator({**schema, "not": {"type": "null"}, "$ref": "#/$defs/MessagesRequest_2023_06_01"})
    except (ImportError, TypeError, FileNotFoundError):
        pass  # the last case says so


load_schema()
server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
threading.Thread(target=server.serve_forever, daemon=True).start()
mock = subprocess.Popen([os.path.join(BIN, "mock_provider"), "--plain", "--listen", "claude-demo:127.0.0.1:0"], stdout=subprocess.PIPE, text=True)
try:
    row("claude", server.server_port, ["claude/double"])
    row("claude-demo", int(mock.stdout.readline().split()[1]), ["claude/tools"])
    dev("up")
    text = subprocess.run(["bash", "-c", f". {RUN}/env && env -0"], stdout=subprocess.PIPE, check=True).stdout.decode()
    os.environ.update(line.split("=", 1) for line in text.split("\0") if line.startswith("TR_"))
    rig.main()
finally:
    mock.terminate()
    dev("down", "--forget")
    shutil.rmtree(RUN, ignore_errors=True)
