#!/usr/bin/env python3
"""The demo provider's other APIs, its scripts and its strict mode, by themselves: the tests of clients stand on them.
Starts one of its own; needs no stack. The clients for Node, straight against it, are the last case."""

import base64
import hashlib
import http.client
import json
import os
import struct
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../lib"))
import rig  # noqa: E402
from rig import case, equal  # noqa: E402

BIN = os.path.join(os.environ.get("TR_BIN", os.path.join(rig.ROOT, "build/release")), "mock_provider")
provider = subprocess.Popen([BIN, "--listen", "demo-a:0", "--listen", "demo-b:0"], stdout=subprocess.PIPE, text=True)
PORT = int(provider.stdout.readline().split()[1])
os.environ["TR_MOCK_URL"] = f"http://127.0.0.1:{PORT}"

CITY = {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}, "required": ["city", "days"]}
SCRIPT = ["think Both.", 'call weather {"city":"Z\u00fcrich"}', 'also traffic', "say They say {result}.", "end", "say never"]


def post(path, body):
    c = http.client.HTTPConnection("127.0.0.1", PORT, timeout=5)
    try:
        c.request("POST", path, json.dumps(body).encode())
        r = c.getresponse()
        return r.status, r.read()
    finally:
        c.close()


def good(path, body):
    status, answer = post(path, body)
    equal(status, 200, answer)
    return json.loads(answer)


def events(path, body):
    """(name or None, data) of each event."""
    status, answer = post(path, {**body, "stream": True})
    equal(status, 200, answer)
    out = []
    for event in answer.decode().split("\n\n")[:-1]:
        lines = dict(line.split(": ", 1) for line in event.split("\n"))
        out.append((lines.get("event"), lines["data"] if lines["data"] == "[DONE]" else json.loads(lines["data"])))
    return out


def plan(words, lines=SCRIPT):
    return "\n".join(["Please.", "demo-script:", "mock " + words, *lines])


def signature(text):
    return f"Sig+/{hashlib.sha256(text.encode()).hexdigest()[:40]}/+=="


# --- each API: a first request, what its answer is, and the request that follows it with the tools' results

class Chat:
    path = "/v1/chat/completions"
    tools = [{"type": "function", "function": {"name": n, "parameters": CITY}} for n in ("weather", "traffic")]

    def ask(self, text, tools=False):
        return {"model": "m", "messages": [{"role": "user", "content": text}], **({"tools": self.tools} if tools else {})}

    def parts(self, answer):
        """Reasoning with its signature, text, calls."""
        m = answer["choices"][0]["message"]
        d = (m.get("reasoning_details") or [{}])[0]
        return (m.get("reasoning_content"), d.get("signature"), m["content"],
                [(t["id"], t["function"]["name"], json.loads(t["function"]["arguments"])) for t in m.get("tool_calls", [])])

    def parts_of(self, stream):
        thought, sign, text, calls = "", None, "", []
        for _, e in stream[:-1]:
            for choice in e["choices"]:
                d = choice["delta"]
                thought += d.get("reasoning_content") or ""
                text += d.get("content") or ""
                for x in d.get("reasoning_details", []):
                    sign = x.get("signature", sign)
                for t in d.get("tool_calls", []):
                    if "id" in t:
                        calls.append([t["id"], t["function"]["name"], ""])
                    calls[t["index"]][2] += t["function"]["arguments"]
        equal(stream[-1], (None, "[DONE]"))
        return thought or None, sign, text or None, [(i, n, json.loads(a)) for i, n, a in calls]

    def after(self, ask, answer, results, keep=True):
        m = dict(answer["choices"][0]["message"])
        if not keep:
            del m["reasoning_details"]
        return {**ask, "messages": ask["messages"] + [m] + [
            {"role": "tool", "tool_call_id": t["id"], "content": r} for t, r in zip(m["tool_calls"], results)]}


class Messages:
    path = "/v1/messages?beta=true"
    tools = [{"name": n, "input_schema": CITY} for n in ("weather", "traffic")]

    def ask(self, text, tools=False):
        return {"model": "m", "max_tokens": 999, "messages": [{"role": "user", "content": text}], **({"tools": self.tools} if tools else {})}

    def parts(self, answer):
        by = {}
        for b in answer["content"]:
            by.setdefault(b["type"], []).append(b)
        thinking = by.get("thinking", [{}])[0]
        return (thinking.get("thinking"), thinking.get("signature"), by["text"][0]["text"] if "text" in by else None,
                [(b["id"], b["name"], b["input"]) for b in by.get("tool_use", [])])

    def parts_of(self, stream):
        """Also checks the grammar: named events, blocks one after the other, one delta of the message, its end."""
        blocks, open_block = [], None
        equal([n for n, _ in stream], [e["type"] for _, e in stream])
        equal([n for n, _ in stream if not n.startswith("content_block")], ["message_start", "ping", "message_delta", "message_stop"])
        for name, e in stream:
            if name == "content_block_start":
                equal((open_block, e["index"]), (None, len(blocks)))
                open_block = e["index"]
                blocks.append({**e["content_block"], "json": ""})
            elif name == "content_block_delta":
                equal(e["index"], open_block)
                for member in ("thinking", "signature", "text"):
                    blocks[-1][member] = blocks[-1].get(member, "") + e["delta"].get(member, "")
                blocks[-1]["json"] += e["delta"].get("partial_json", "")
            elif name == "content_block_stop":
                equal(e["index"], open_block)
                open_block = None
                if blocks[-1]["type"] == "tool_use":
                    blocks[-1]["input"] = json.loads(blocks[-1]["json"])
        return self.parts({"content": blocks})

    def after(self, ask, answer, results, keep=True):
        content = [b for b in answer["content"] if keep or b["type"] != "thinking"]
        uses = [b for b in content if b["type"] == "tool_use"]
        return {**ask, "messages": ask["messages"] + [
            {"role": "assistant", "content": content},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": b["id"], "content": r} for b, r in zip(uses, results)]}]}


class Responses:
    path = "/v1/responses"
    tools = [{"type": "function", "name": "weather", "parameters": CITY},
             {"type": "namespace", "name": "roads", "tools": [{"type": "function", "name": "traffic", "parameters": CITY}]},
             {"type": "web_search"}]

    def ask(self, text, tools=False):
        return {"model": "m", "input": text if not tools else [{"role": "user", "content": [{"type": "input_text", "text": text}]}],
                **({"tools": self.tools} if tools else {})}

    def parts(self, answer):
        by = {}
        for o in answer["output"]:
            by.setdefault(o["type"], []).append(o)
        reasoning = by.get("reasoning", [{}])[0]
        return ((reasoning.get("summary") or [{}])[0].get("text"), reasoning.get("encrypted_content"),
                by["message"][0]["content"][0]["text"] if "message" in by else None,
                [(o["call_id"], o["name"], json.loads(o["arguments"])) for o in by.get("function_call", [])])

    def parts_of(self, stream):
        """Also checks that each item is added, spoken in pieces and done, and that the end repeats all of them."""
        equal([n for n, _ in stream], [e["type"] for _, e in stream])
        equal([e["sequence_number"] for _, e in stream], list(range(len(stream))))
        equal([n for n, _ in stream[:2]], ["response.created", "response.in_progress"])
        done, pieces = [], ""
        for name, e in stream[2:-1]:
            if name == "response.output_item.added":
                equal(e["output_index"], len(done))
                pieces = ""
            elif name.endswith(".delta"):
                pieces += e["delta"]
            elif name == "response.output_item.done":
                item = e["item"]
                done.append(item)
                whole = item.get("arguments") or (item.get("summary") or item.get("content"))[0]["text"]
                equal(pieces, whole)
        equal(stream[-1][0], "response.completed")
        equal(stream[-1][1]["response"]["output"], done)
        return self.parts(stream[-1][1]["response"])

    def after(self, ask, answer, results, keep=True):
        output = [o for o in answer["output"] if keep or o["type"] != "reasoning"]
        calls = [o for o in output if o["type"] == "function_call"]
        return {**ask, "input": ask["input"] + output + [
            {"type": "function_call_output", "call_id": o["call_id"], "output": r} for o, r in zip(calls, results)]}


APIS = (Chat(), Messages(), Responses())


@case
def the_same_answer_in_each_api():
    for api in APIS:
        for ask, want in ((api.ask("Hello \u20ac \"x\"\n"), (None, None, "Hello \u20ac \"x\"\n", [])),
                          (api.ask(plan("", ["think Hm \u20ac.", "say Yes."])), ("Hm \u20ac.", signature("Hm \u20ac."), "Yes.", []))):
            equal(api.parts(good(api.path, ask)), want, api.path)
            equal(api.parts_of(events(api.path, ask)), want, api.path)
            for words in ("crlf", "comments"):
                equal(post(api.path, {**ask, "stream": True, "mock": {"*": words}})[0], 200, words)


@case
def a_task_in_each_api():
    """Two calls in one turn, of which one makes its arguments up and the other completes them; then the results."""
    for api in APIS:
        ask = api.ask(plan("replay"), tools=True)
        first = good(api.path, ask)
        thought, sign, text, calls = api.parts(first)
        equal((thought, sign, text), ("Both.", signature("Both."), None), api.path)
        equal([c[1:] for c in calls], [("weather", {"city": "Z\u00fcrich", "days": 7}), ("traffic", {"city": "sample", "days": 7})])
        equal(api.parts_of(events(api.path, ask)), (thought, sign, text, calls), api.path)
        second = api.after(ask, first, ["sun", "fog"])
        equal(api.parts(good(api.path, second))[2], "They say fog.", api.path)
        # Without its reasoning, and with a thought that was changed, the turn is refused; without the command it is not.
        equal(post(api.path, api.after(ask, first, ["sun", "fog"], keep=False))[0], 400, api.path)
        changed = json.loads(json.dumps(second).replace("Both.\"", "both.\""))
        equal(post(api.path, changed)[0], 400, api.path)
        careless = api.ask(plan("sign"), tools=True)
        equal(post(api.path, api.after(careless, first, ["sun", "fog"], keep=False))[0], 200, api.path)


@case
def a_task_is_one_conversation():
    """After the script the model talks again, and ids differ from turn to turn."""
    api = APIS[0]
    ask = api.ask(plan("", ["call weather", "call traffic", "say end"]), tools=True)
    ids = []
    for want in ("weather", "traffic"):
        answer = good(api.path, ask)
        call = answer["choices"][0]["message"]["tool_calls"][0]
        equal(call["function"]["name"], want)
        ids.append(call["id"])
        ask = api.after(ask, answer, ["x"])
    equal(len(set(ids)), 2)
    answer = good(api.path, ask)
    equal(answer["choices"][0]["message"]["content"], "end")
    ask["messages"] += [answer["choices"][0]["message"], {"role": "user", "content": "And now?"}]
    equal(good(api.path, ask)["choices"][0]["message"]["content"], "And now?")
    equal(good(api.path, api.ask(plan("", ["call nothing"])))["choices"][0]["message"]["content"], "no tool nothing was offered")


@case
def members_that_nobody_knows():
    for api in APIS:
        ask = api.ask("x", tools=True)
        equal(post(api.path, {**ask, "y": 1})[0], 200, "not strict")
        equal(post(api.path, {**ask, "mock": {"*": "strict"}})[0], 200, "nothing unknown")
        status, answer = post(api.path, {**ask, "y": 1, "mock": {"*": "strict"}})
        equal(status, 400)
        if b"y" not in answer:
            raise AssertionError(answer)
    for inside in ({"role": "user", "content": "x", "cache_control": {}}, {"role": "user", "content": [{"type": "text", "text": "x", "cache_control": {}}]}):
        equal(post("/v1/chat/completions", {"model": "m", "messages": [inside], "mock": {"*": "strict"}})[0], 400, inside)
    equal(post("/v1/messages", {"model": "m", "messages": [], "mock": {"*": "strict"}})[0], 400, "max_tokens")
    equal(json.loads(post("/v1/messages", {"model": "m", "max_tokens": 1, "messages": [], "thread": {"type": "create"}, "mock": {"*": "strict"}})[1])
          ["error"]["details"]["error_code"], "thread_unsupported_request")


@case
def errors_in_each_api():
    for api in APIS:
        status, answer = post(api.path, {**api.ask("x"), "mock": {"*": "fail=429,error_text=slow"}})
        equal((status, json.loads(answer)["error"]["message"]), (429, "slow"), api.path)
        last = events(api.path, {**api.ask("one two three four"), "mock": {"*": "tokens=9,error_at=3"}})[-1]
        if "error" not in (last[0] or "") and "error" not in last[1]:
            raise AssertionError(f"{api.path}: {last}")
    equal(json.loads(post("/v1/messages", {**APIS[1].ask("x"), "mock": {"*": "fail=529"}})[1])["error"]["type"], "overloaded_error")


@case
def figures_in_each_api():
    words = {"mock": {"*": "tokens=5,prompt=9,cached=3,reasoning=2"}}
    usage = good("/v1/messages", {**APIS[1].ask("x"), **words})["usage"]
    equal((usage["input_tokens"], usage["cache_read_input_tokens"], usage["output_tokens"]), (6, 3, 7))
    usage = good("/v1/responses", {**APIS[2].ask("x"), **words})["usage"]
    equal((usage["input_tokens"], usage["input_tokens_details"]["cached_tokens"], usage["output_tokens"]), (9, 3, 7))
    cut = good("/v1/messages", {**APIS[1].ask("x" * 99), "max_tokens": 4})
    equal((cut["stop_reason"], cut["content"][0]["text"]), ("max_tokens", "x" * 16))
    cut = events("/v1/responses", {**APIS[2].ask("x" * 99), "max_output_tokens": 16})[-1]
    equal((cut[0], cut[1]["response"]["incomplete_details"]["reason"]), ("response.incomplete", "max_output_tokens"))


@case
def text_without_turns():
    ask = {"model": "m", "prompt": "def f(", "suffix": ")"}
    whole = good("/v1/completions", ask)
    equal((whole["object"], whole["choices"][0]["text"], whole["choices"][0]["finish_reason"]), ("text_completion", "def f(", "stop"))
    stream = events("/v1/completions", {**ask, "stream_options": {"include_usage": True}})
    equal("".join(e["choices"][0]["text"] for _, e in stream[:-2]), "def f(")
    equal((stream[-1][1], stream[-2][1]["usage"]), ("[DONE]", whole["usage"]))
    equal(post("/v1/completions", {**ask, "messages": [], "mock": {"*": "strict"}})[0], 400)


@case
def embeddings():
    """Numbers and base64 say the same; each input has its own vector, an array of tokens is one input."""
    ask = {"model": "m", "input": ["a", "b"], "dimensions": 40}
    plain = [d["embedding"] for d in good("/v1/embeddings", ask)["data"]]
    equal([len(v) for v in plain], [40, 40])
    equal(plain[0] != plain[1], True)
    packed = [d["embedding"] for d in good("/v1/embeddings", {**ask, "encoding_format": "base64"})["data"]]
    equal([list(struct.unpack("<40f", base64.b64decode(v))) for v in packed], plain)
    equal(good("/v1/embeddings", {**ask, "encoding_format": "base64", "mock": {"*": "floats"}})["data"][0]["embedding"], plain[0])
    one = good("/v1/embeddings", {"model": "m", "input": "a"})
    equal((len(one["data"]), one["data"][0]["embedding"]), (1, plain[0][:16]))
    equal(len(good("/v1/embeddings", {"model": "m", "input": [1, 2, 3]})["data"]), 1)
    equal(len(good("/v1/embeddings", {"model": "m", "input": [[1, 2], [3]]})["data"]), 2)


@case
def tokens_counted():
    for api, path in ((APIS[1], "/v1/messages/count_tokens"), (APIS[2], "/v1/responses/input_tokens")):
        used = good(api.path, api.ask("Hello there"))["usage"]["input_tokens"]
        equal(good(path, api.ask("Hello there"))["input_tokens"], used)


@case
def unmodified_clients_take_it():
    """The client tests without a router: what fails here is the demo provider's fault, or the test's."""
    r = subprocess.run([os.path.join(HERE, "clients-node")], env={**os.environ, "TR_CLIENTS_NATIVE": "1"}, capture_output=True,
                       text=True, timeout=200)
    if r.stdout.startswith("skip"):
        raise rig.Skip(r.stdout.split(": ", 1)[1].strip())
    bad = [line for line in r.stdout.splitlines() if line.startswith("not ok")]
    if r.returncode != 0 or bad or r.stdout.count("ok ") < 50:
        raise AssertionError(f"{bad} {r.stderr[-500:]}")


try:
    rig.main()
finally:
    provider.terminate()
    provider.wait(10)
