"""The APIs that a client can speak, each as the same few steps: a request with a prompt, tools and a limit; what an
answer says, whole or as a stream; the turn that follows it. For tests that hold one behaviour in all of them."""

import json
import socket

import rig

PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False}


class Said:
    """What a client reads in an answer. end: stop, tool_calls, length, failed, or None: it never ended. tokens: those
    of the prompt, of them cached, those of the answer, of them reasoning where the API says so."""

    def __init__(self):
        self.text, self.calls, self.end, self.tokens, self.reason, self.turn = "", [], None, None, None, None

    def fail(self):
        """An error event; one behind an end is not the same."""
        self.end = "failed" if self.end is None else self.end + ", then failed"

    def __repr__(self):
        return repr(vars(self))


def events_of(answer):
    """The data of each event as JSON. [DONE] is left out."""
    found = []
    for block in answer.body.decode().split("\n\n"):
        for line in block.split("\n"):
            if line.startswith("data: ") and line != "data: [DONE]":
                found.append(json.loads(line[6:]))
    return found


class Chat:
    name, path, prefix, replays = "chat", "/chat/completions", "/v1", True

    def ask(self, words, stream=False, model="demo/echo", limit=None, tools=(), thinks=False):
        return {"model": model, "messages": [{"role": "user", "content": words}],
                **({"stream": True, "stream_options": {"include_usage": True}} if stream else {}),
                **({"max_tokens": limit} if limit else {}), **({"reasoning": {"effort": "low"}} if thinks else {}),
                **({"tools": [{"type": "function", "function": {"name": n, "parameters": PARAMETERS}} for n in tools]}
                   if tools else {})}

    def figures(self, u):
        return (u["prompt_tokens"], (u.get("prompt_tokens_details") or {}).get("cached_tokens", 0), u["completion_tokens"])

    def read(self, answer):
        if not answer.body.startswith(b"{"):
            return self.read_stream(events_of(answer))
        said, body = Said(), answer.json()
        choice = body["choices"][0]
        said.turn, said.end, said.tokens = choice["message"], choice["finish_reason"], self.figures(body["usage"])
        return self.finish(said)

    def read_stream(self, events):
        said, turn, calls, thoughts = Said(), {"role": "assistant", "content": ""}, {}, {}
        for e in events:
            if e.get("usage"):
                said.tokens = self.figures(e["usage"])
            if "error" in e:
                said.fail()
            said.reason = e.get("x_tr_end_reason") or said.reason
            for c in e.get("choices") or []:
                turn["content"] += c["delta"].get("content") or ""
                for t in c["delta"].get("tool_calls") or []:
                    got = calls.setdefault(t["index"], {"id": t.get("id"), "type": "function",
                                                        "function": {"name": t["function"].get("name"), "arguments": ""}})
                    got["function"]["arguments"] += t["function"].get("arguments") or ""
                for d in c["delta"].get("reasoning_details") or []:
                    got = thoughts.setdefault(d.get("index", 0), {})
                    for k, v in d.items():
                        got[k] = got[k] + v if k in ("text", "summary", "signature", "data") and k in got else v
                if said.end is None:
                    said.end = c["finish_reason"]
        turn.update({"tool_calls": list(calls.values())} if calls else {})
        turn.update({"reasoning_details": list(thoughts.values())} if thoughts else {})
        said.turn = turn
        return self.finish(said)

    def finish(self, said):
        said.text = said.turn["content"] or ""
        said.calls = [(t["id"], t["function"]["name"], json.loads(t["function"]["arguments"] or "{}"))
                      for t in said.turn.get("tool_calls") or []] if said.end == "tool_calls" else []
        return said

    def forget(self, turn):
        """The turn without its reasoning."""
        return {k: v for k, v in turn.items() if k not in ("reasoning", "reasoning_content", "reasoning_details")}

    def follow(self, request, turn, results):
        """The next request: results are (call id, text) in the order in which the client gives them."""
        return {**request, "messages": request["messages"] + [turn] + [
            {"role": "tool", "tool_call_id": i, "content": r} for i, r in results]}


class OpenRouter(Chat):
    name, prefix = "openrouter", "/api/v1"


class Completions(Chat):
    name, path, replays = "completions", "/completions", False

    def ask(self, words, stream=False, model="demo/echo", limit=None, tools=(), thinks=False):
        rig.true(not tools and not thinks, "text without turns has neither")
        return {"model": model, "prompt": words, **({"max_tokens": limit} if limit else {}),
                **({"stream": True, "stream_options": {"include_usage": True}} if stream else {})}

    def read(self, answer):
        said = Said()
        for e in [answer.json()] if answer.body.startswith(b"{") else events_of(answer):
            if e.get("usage"):
                said.tokens = self.figures(e["usage"])
            if "error" in e:
                said.fail()
            said.reason = e.get("x_tr_end_reason") or said.reason
            for c in e.get("choices") or []:
                said.text += c["text"]
                if said.end is None:
                    said.end = c["finish_reason"]
        return said


class Messages:
    name, path, prefix, replays = "messages", "/messages", "/v1", True
    ENDS = {"end_turn": "stop", "tool_use": "tool_calls", "max_tokens": "length"}

    def ask(self, words, stream=False, model="demo/echo", limit=None, tools=(), thinks=False):
        return {"model": model, "max_tokens": limit or 1024, "messages": [{"role": "user", "content": words}],
                **({"stream": True} if stream else {}), **({"thinking": {"type": "adaptive"}} if thinks else {}),
                **({"tools": [{"name": n, "input_schema": PARAMETERS} for n in tools]} if tools else {})}

    def figures(self, u):
        cached = u.get("cache_read_input_tokens") or 0
        return (u["input_tokens"] + cached + (u.get("cache_creation_input_tokens") or 0), cached, u["output_tokens"])

    def read(self, answer):
        said = Said()
        if answer.body.startswith(b"{"):
            m = answer.json()
        else:
            m = self.gather(events_of(answer), said)
        said.turn = {"role": "assistant", "content": m["content"]}
        said.text = "".join(b["text"] for b in m["content"] if b["type"] == "text")
        said.calls = [(b["id"], b["name"], b["input"]) for b in m["content"] if b["type"] == "tool_use"]
        if m["stop_reason"] is not None:
            said.tokens = self.figures(m["usage"])
            said.end = self.ENDS[m["stop_reason"]] + (", then " + said.end if said.end else "")
        if said.end != "tool_calls":
            said.calls = []
        return said

    def gather(self, events, said):
        m = {"content": [], "stop_reason": None, "usage": {}}
        for e in events:
            if e["type"] == "message_start":
                m = e["message"]
            elif e["type"] == "content_block_start":
                m["content"].append({**e["content_block"], "json": ""})
            elif e["type"] == "content_block_delta":
                d, b = e["delta"], m["content"][e["index"]]
                for kind, member in (("text_delta", "text"), ("thinking_delta", "thinking"), ("signature_delta", "signature")):
                    if d["type"] == kind:
                        b[member] += d[member]
                b["json"] += d.get("partial_json", "")
            elif e["type"] == "message_delta":
                m.update(e["delta"])
                m["usage"].update(e["usage"])
            elif e["type"] == "error":
                said.fail()
        for b in m["content"]:
            text = b.pop("json", "")
            if b["type"] == "tool_use" and said.end is None:
                b["input"] = json.loads(text or "{}")
        return m

    def forget(self, turn):
        return {**turn, "content": [b for b in turn["content"] if "thinking" not in b["type"]]}

    def follow(self, request, turn, results):
        return {**request, "messages": request["messages"] + [turn, {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": i, "content": r} for i, r in results]}]}


class Responses:
    name, path, prefix, replays = "responses", "/responses", "/v1", True

    def ask(self, words, stream=False, model="demo/echo", limit=None, tools=(), thinks=False):
        return {"model": model, "input": [{"role": "user", "content": words}], "store": False,
                **({"stream": True} if stream else {}), **({"max_output_tokens": limit} if limit else {}),
                **({"reasoning": {"effort": "low", "summary": "auto"}, "include": ["reasoning.encrypted_content"]}
                   if thinks else {}),
                **({"tools": [{"type": "function", "name": n, "parameters": PARAMETERS, "strict": True} for n in tools]}
                   if tools else {})}

    def figures(self, u):
        return u["input_tokens"], u["input_tokens_details"]["cached_tokens"], u["output_tokens"]

    def read(self, answer):
        said = Said()
        if answer.body.startswith(b"{"):
            r = answer.json()
        else:
            events = events_of(answer)
            r = events[-1].get("response") or {"status": None, "output": [], "usage": None}
            text = "".join(e["delta"] for e in events if e["type"] == "response.output_text.delta")
            whole = "".join(p["text"] for i in r["output"] if i["type"] == "message" for p in i["content"])
            rig.equal(text, whole, "the deltas are the text")
        said.turn = r["output"]
        said.text = "".join(p["text"] for i in r["output"] if i["type"] == "message" for p in i["content"])
        said.calls = [(i["call_id"], i["name"], json.loads(i["arguments"])) for i in r["output"]
                      if i["type"] == "function_call" and i["status"] == "completed"]
        said.tokens = self.figures(r["usage"]) if r["usage"] else None
        details = r.get("incomplete_details") or {}
        said.reason = details.get("x_tr_end_reason")
        said.end = {"completed": "tool_calls" if said.calls else "stop", "failed": "failed", None: None}.get(
            r["status"], {"max_output_tokens": "length"}.get(details.get("reason"), r["status"]))
        return said

    def forget(self, turn):
        return [i for i in turn if i["type"] != "reasoning"]

    def follow(self, request, turn, results):
        return {**request, "input": request["input"] + turn + [
            {"type": "function_call_output", "call_id": i, "output": r} for i, r in results]}


ALL = (Chat(), OpenRouter(), Messages(), Responses(), Completions())


def base(api):
    return rig.env("TR_BASE_URL").removesuffix("/v1") + api.prefix


def send(api, body, key=None, headers=None):
    c = rig.Client(base(api), key=key)
    try:
        return c.request("POST", api.path, body, headers)
    finally:
        c.close()


def connect(api, body, key, headers=""):
    """A socket on which the request's answer comes, byte by byte."""
    parts = rig.urlparse(base(api))
    body = json.dumps(body).encode()
    s = socket.create_connection((parts.hostname, parts.port), timeout=60)
    s = rig.context(rig.env("TR_CA")).wrap_socket(s, server_hostname=parts.hostname)
    s.sendall(f"POST {parts.path}{api.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {key}\r\n{headers}"
              f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
    return s
