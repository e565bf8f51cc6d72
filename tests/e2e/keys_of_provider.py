#!/usr/bin/env python3
"""An operator with several keys at one provider: they are used in turn; one that the provider refuses, or whose account is
out of money or over its rate, is set aside and the same request goes out with the next; only when all are refused has the
provider failed. The log and the metrics tell of it by the key's place, and nothing tells a key. Brings its own stack up."""

import http.server
import json
import os
import sys
import threading
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import own_stack  # noqa: E402

KEYS = ["sk-first-0a1b2c3d4e", "sk-second-5f6a7b8c9d", "sk-third-0e1f2a3b4c"]


class Server(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    refuse = {}  # key: (status, headers)
    asked = []   # (key, body)

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        key = self.headers["authorization"].removeprefix("Bearer ")
        Server.asked.append((key, body))
        status, more = Server.refuse.get(key, (200, {}))
        stream = json.loads(body).get("stream")
        if status != 200:
            kind, answer = "application/json", json.dumps({"error": {
                "message": "max_tokens is wrong" if status == 400 else f"Incorrect API key provided: {key}"}}).encode()
        elif stream:
            chunk = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [
                {"index": 0, "delta": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}}
            kind, answer = "text/event-stream", f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n".encode()
        else:
            kind, answer = "application/json", json.dumps({
                "id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [
                    {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hi"}}],
                "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}}).encode()
        self.send_response(status)
        for name, value in {"content-type": kind, "content-length": str(len(answer)), **more}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
URL = f"http://127.0.0.1:{server.server_port}/v1"
RUN = own_stack.up(*((("k" + name, URL, f"k/{name}=m", "--no-check"), " ".join(KEYS))
                     for name in ("turns", "bad", "poor", "rate", "all")),
                   (("kone", URL, "k/one=m", "--no-check"), KEYS[0]))

import rig  # noqa: E402
from rig import case, equal, true  # noqa: E402


def ask(model, n=1, status=200, **members):
    """The keys that the provider saw."""
    Server.asked.clear()
    for _ in range(n):
        a = rig.chat(model="k/" + model, **members)
        equal(a.status, status, a)
        for key in KEYS:
            true(key not in a.body.decode() and key[3:] not in str(a.headers), a)
    return [KEYS.index(key) for key, _ in Server.asked]


def metric(name, provider):
    text = urllib.request.urlopen(rig.env("TR_METRICS_URL"), timeout=10).read().decode()
    return [int(line.split()[-1]) for line in text.splitlines() if line.startswith(f'tr_{name}{{provider="{provider}"}}')]


@case
def keys_have_turns():
    Server.refuse = {}
    for stream in (False, True):
        seen = ask("turns", 6, stream=stream)
        equal(sorted(seen), [0, 0, 1, 1, 2, 2], seen)
    equal((metric("provider_keys", "kturns"), metric("provider_keys_aside", "kturns")), ([3], [0]))


@case
def a_refused_key_is_set_aside():
    """By status: refused, out of money, over its rate. No request fails, and the refused key is asked once."""
    for model, status, more in (("bad", 401, {}), ("poor", 402, {}), ("rate", 429, {"retry-after": "30"})):
        for stream in (False, True):
            Server.refuse = {KEYS[1]: (status, more)}
            seen = ask(model, 6, stream=stream)
            equal((seen.count(1), len(seen)), (0 if stream else 1, 6 if stream else 7), (model, seen))
            if not stream:
                at = seen.index(1)
                equal(Server.asked[at][1], Server.asked[at + 1][1], "the same request with the next key")
        equal((metric("provider_keys_aside", "k" + model), metric("provider_key_refusals_total", "k" + model)), ([1], [1]), model)


@case
def all_refused_is_a_failure_of_the_provider():
    Server.refuse = {key: (401, {}) for key in KEYS}
    equal(sorted(ask("all", 1, 502)), [0, 1, 2])
    equal(len(ask("all", 1, 502)), 1, "set aside, one of them is tried all the same")
    Server.refuse = {}
    equal(len(ask("all", 1)), 1, "and is good again")


@case
def one_key_is_asked_once():
    Server.refuse = {KEYS[0]: (401, {})}
    equal(ask("one", 2, 502), [0, 0])


@case
def a_request_that_is_wrong_is_sent_once():
    Server.refuse = {key: (400, {}) for key in KEYS}
    equal(len(ask("turns", 1, 400)), 1)
    Server.refuse = {}


@case
def nothing_tells_a_key():
    found = []
    for folder, _, files in os.walk(os.path.join(RUN, "log")):
        for name in files:
            text = open(os.path.join(folder, name), errors="replace").read()
            true(not any(key in text for key in KEYS), name)
            found += [json.loads(line) for line in text.splitlines() if '"provider_key_refused"' in line]
    true({(r["key"], r["status"]) for r in found} >= {(1, 401), (1, 402), (1, 429)}, found)


if __name__ == "__main__":
    rig.main()
