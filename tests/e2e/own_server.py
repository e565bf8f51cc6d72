#!/usr/bin/env python3
"""deploy/dev/add-provider: a model server of one's own in the development stack, across down and up, and out
again. Brings its own stack up, because the command restarts it."""

import http.client
import http.server
import json
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import rig  # noqa: E402
from rig import case, equal, true  # noqa: E402

DEV = os.path.join(rig.ROOT, "deploy/dev")
RUN = tempfile.mkdtemp(prefix="tr-own-")
ENV = dict(os.environ, TR_RUN_DIR=RUN)
KEY = "sk-own-0123456789"


class Server(http.server.BaseHTTPRequestHandler):
    """What vLLM, Ollama and the others have in common: a list of models, and chat."""
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, value, status=200):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def refused(self):
        if self.headers["authorization"] == "Bearer " + KEY:
            return False
        self.answer({"error": {"message": "no key"}}, 401)
        return True

    def do_GET(self):
        if not self.refused():
            self.answer({"data": [{"id": "llama3.2:latest"}, {"id": "Qwen/Qwen2.5-7B", "max_model_len": 4096}]})

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if not self.refused():
            self.answer({"id": "x", "object": "chat.completion", "created": 1, "model": asked["model"],
                         "choices": [{"index": 0, "finish_reason": "stop", "message": {
                             "role": "assistant", "content": f"{asked['model']} at {self.path}"}}],
                         "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}})


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
URL = f"http://127.0.0.1:{server.server_port}"


def dev(*words, key=KEY):
    """Exit status and everything that the program said."""
    r = subprocess.run([os.path.join(DEV, words[0]), *words[1:]], env=dict(ENV, TR_PROVIDER_KEY=key),
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return r.returncode, r.stdout


def good(*words):
    status, said = dev(*words)
    equal(status, 0, said)
    return said


def stack():
    """run/env as a dict."""
    text = subprocess.run(["bash", "-c", f". {RUN}/env && env -0"], env=ENV, stdout=subprocess.PIPE, check=True).stdout
    return dict(line.split("=", 1) for line in text.decode().split("\0") if "=" in line)


def ask(model, path="/v1/chat/completions"):
    e = stack()
    port = int(e["TR_BASE_URL"].split(":")[2].split("/")[0])
    c = http.client.HTTPSConnection("localhost", port, timeout=20, context=ssl.create_default_context(cafile=e["TR_CA"]))
    try:
        headers = {"authorization": "Bearer " + e["TR_API_KEY"], "content-type": "application/json"}
        body = {"model": model, "messages": [{"role": "user", "content": "Hello"}], "provider": {"zdr": True}}
        c.request("POST" if model else "GET", path, json.dumps(body) if model else None, headers)
        r = c.getresponse()
        return r.status, json.loads(r.read())
    finally:
        c.close()


def says(model, text):
    status, body = ask(model)
    equal((status, body.get("choices", [{}])[0].get("message", {}).get("content")), (200, text), body)


@case
def what_cannot_be_added_is_refused_with_a_reason():
    for words, key, reason in (
            (("Bad_Name", URL), KEY, "is no name"),
            (("own",), KEY, "the URL is missing"),
            (("own", "ftp://127.0.0.1"), KEY, "is not a URL"),
            (("own", "http://192.0.2.1:8000"), KEY, "loopback only"),
            (("own", URL), "wrong", "answers 401; its key goes into TR_PROVIDER_KEY"),
            (("own", "http://127.0.0.1:1"), KEY, "Does the server run?"),
            (("own", URL, "nope"), KEY, "it has: Qwen/Qwen2.5-7B llama3.2:latest"),
            (("own", URL, "two words=llama3.2"), KEY, "cannot be a model's id"),
            (("demo-a", URL), KEY, "the demo provider's name"),
            (("own", "--remove"), KEY, "no provider own was added")):
        status, said = dev("add-provider", *words, key=key)
        true(status != 0 and reason in said, f"{words}: {said}")
    true(not os.path.exists(RUN + "/conf/added") or os.listdir(RUN + "/conf/added") == [], "nothing was kept")


@case
def added_before_and_while_the_stack_runs():
    said = good("add-provider", "own", URL + "/v1/", "llama3.2")
    true("make up starts the stack with it" in said, said)
    good("up")
    says("own/llama3.2", "llama3.2:latest at /v1/chat/completions")
    before = ask("", "/v1/models")[1]["data"]
    said = good("add-provider", "own2", URL + "/api", "my/model=llama3.2", "Qwen/Qwen2.5-7B")
    digests = [line.split()[1] for line in said.splitlines() if line.split()[:1] in (["before"], ["now"])]
    true(len(set(digests)) == 2 and len(digests[0]) == 96, said)
    says("own/llama3.2", "llama3.2:latest at /v1/chat/completions")
    says("my/model", "llama3.2:latest at /api/chat/completions")
    listed = {m["id"]: m for m in ask("", "/v1/models")[1]["data"]}
    equal(set(listed), {m["id"] for m in before} | {"my/model", "Qwen/Qwen2.5-7B"})
    equal(listed["Qwen/Qwen2.5-7B"]["context_length"], 4096)
    true(all(m["created"] > 0 for m in listed.values()), "created")
    status, said = dev("add-provider", "own3", URL, "my/model=llama3.2")
    true(status != 0 and "is a model of this stack already" in said, said)


@case
def stays_across_down_and_up_until_removed():
    good("down")
    good("up")
    says("my/model", "llama3.2:latest at /api/chat/completions")
    good("add-provider", "--remove", "own2")
    says("own/llama3.2", "llama3.2:latest at /v1/chat/completions")
    equal(ask("my/model")[0], 404)


@case
def up_again_says_so():
    for words in (("up",), ("up", "--foreground")):
        said = good(*words)
        true("already up" in said and stack()["TR_API_KEY"] in said, said)


try:
    rig.main()
finally:
    dev("down", "--forget")
    shutil.rmtree(RUN, ignore_errors=True)
