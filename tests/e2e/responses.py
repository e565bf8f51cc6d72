#!/usr/bin/env python3
"""A client of OpenAI's Responses before models that speak chat: every event and body against the definitions of
OpenAI and of Open Responses, the recorded streams of all OpenAI-compatible providers, tools and thoughts over two
turns byte for byte, what Codex sends, refusals by name, failures inside of a stream. The libraries have their own
programs (clients-node, clients-python, agents.py). Needs a stack."""

import concurrent.futures
import functools
import glob
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
PYTHON = os.path.join(HERE, "../../build/clients/python/bin/python")
if os.path.realpath(sys.prefix) != os.path.realpath(os.path.join(HERE, "../../build/clients/python")):
    why = subprocess.run([os.path.join(HERE, "../clients/prepare"), "python"], capture_output=True, text=True)
    if why.returncode != 0:
        print(f"skip responses: {why.stdout.strip() or why.stderr.strip()}")
        sys.exit(0)
    os.execv(PYTHON, [PYTHON, "-W", "ignore", os.path.realpath(__file__), *sys.argv[1:]])

sys.path.insert(0, os.path.join(HERE, "../lib"))
import odd  # noqa: E402
import openapi  # noqa: E402
import replay  # noqa: E402
import rig  # noqa: E402
from rig import Client, case, equal, fresh, true  # noqa: E402

ONE = "demo/only-a"
USAGE = {"prompt_tokens": 1140, "completion_tokens": 60, "total_tokens": 1200,
         "prompt_tokens_details": {"cached_tokens": 1000, "cache_write_tokens": 100},
         "completion_tokens_details": {"reasoning_tokens": 20}}


def send(body, path="/responses", headers=None, url=None, key=None):
    c = Client(url=url, key=key)
    try:
        return c.request("POST", path, body, headers)
    finally:
        c.close()


def ask(words="hello", **members):
    return {"model": ONE, "input": words, **members}


# --- what an answer must be

SPECS = {}


def specs():
    if openapi.directory() is None:
        raise rig.Skip("the specifications are not on this machine")
    if not SPECS:
        SPECS["openai"] = openapi.Document("openai_core.openapi.json")
        SPECS["open"] = openapi.Document("openresponses_2026-04-24.openapi.json")
        SPECS["openai events"], SPECS["open events"] = SPECS["openai"].events(), SPECS["open"].events()
    return SPECS


def check_body(body):
    s = specs()
    s["openai"].check(body, "Response")
    if all(i["type"] in ("message", "reasoning", "function_call") for i in body["output"]) and \
            body["text"]["format"]["type"] != "json_schema" and \
            all(t["type"] == "function" for t in body["tools"]):  # that document has no others
        s["open"].check(body, "ResponseResource")


def events_of(answer):
    """The events of a stream: named, numbered, valid, in an order that the SDKs enforce; the last response."""
    s, events, blocks = specs(), [], answer.body.decode().split("\n\n")
    equal(blocks.pop(), "", "the stream ends with a blank line")
    done = blocks and blocks[-1] == "data: [DONE]"
    for block in blocks[:-1] if done else blocks:
        if block.startswith(":"):
            continue
        name, data = block.split("\n")
        e = json.loads(data.removeprefix("data: "))
        equal(name, "event: " + e["type"])
        equal(e["sequence_number"], len(events))
        s["openai"].check(e, s["openai events"][e["type"]])
        if e["type"] in s["open events"] and "response" not in e:
            if e.get("item", {}).get("type") not in ("custom_tool_call", "image_generation_call"):
                s["open"].check(e, s["open events"][e["type"]])
        if "response" in e:
            check_body(e["response"])
        events.append(e)
    check_order(events)
    return events, done


def check_order(events):
    equal([e["type"] for e in events[:2]], ["response.created", "response.in_progress"])
    open_items, texts, n = {}, {}, 0
    for e in events[2:]:
        at, kind = e.get("output_index"), e["type"]
        if kind == "response.output_item.added":
            equal(at, n, "items are numbered as they come")
            open_items[at], n = e["item"]["id"], n + 1
        elif at is not None:
            true(at in open_items, f"{kind} of an item that is not open")
        if "item_id" in e:
            equal(e["item_id"], open_items[at])
        if kind.endswith(".delta"):
            texts[at] = texts.get(at, "") + e["delta"]
        if kind == "response.output_item.done":
            item = e["item"]
            whole = {"message": lambda: "".join(p.get("text", p.get("refusal")) for p in item["content"]),
                     "reasoning": lambda: "".join(p["text"] for p in item["summary"]),
                     "function_call": lambda: item["arguments"], "custom_tool_call": lambda: item["input"],
                     "image_generation_call": lambda: ""}[item["type"]]()
            equal(texts.get(at, ""), whole, "the deltas are the text")
            del open_items[at]
    if events[-1]["type"] != "response.failed":
        equal(open_items, {}, "every item ends")
        done = [e["item"] for e in events if e["type"] == "response.output_item.done"]
        done.sort(key=lambda i: int(i["id"].rsplit("_", 1)[1]))
        equal(events[-1]["response"]["output"], done, "the last event has all items")


def streamed(body, **how):
    a = send({**body, "stream": True}, **how)
    equal(a.status, 200, a)
    events, done = events_of(a)
    true(done, "[DONE]")
    return events


def text_of(response):
    return "".join(p.get("text", "") for i in response["output"] if i["type"] == "message" for p in i["content"])


# --- the demo provider's plain answers

@case
def text_whole_and_streamed():
    a = send(ask("Grüezi"))
    equal(a.status, 200, a)
    check_body(a.json())
    equal(text_of(a.json()), "Grüezi")
    equal(a.json()["store"], False)
    true(a.header("x-receipt-id"))
    last = streamed(ask("Grüezi"))[-1]
    equal((last["type"], text_of(last["response"])), ("response.completed", "Grüezi"))
    true(last["response"]["usage"]["output_tokens"] > 0)


@case
def a_limit_makes_an_incomplete_answer():
    r = streamed(ask("one two three four five six seven eight", max_output_tokens=2))[-1]
    equal(r["type"], "response.incomplete")
    equal(r["response"]["incomplete_details"], {"reason": "max_output_tokens"})
    equal(r["response"]["output"][-1]["status"], "incomplete")
    equal(r["response"]["max_output_tokens"], 2)


@case
def the_receipt_names_the_endpoint():
    a = send(ask("x"))
    c = Client()
    try:
        r = c.request("GET", "/aci/receipts/" + a.header("x-receipt-id"))
    finally:
        c.close()
    equal(r.status, 200, r)
    true('"/v1/responses"' in r.body.decode(), r)


@case
def tokens_are_counted():
    a = send(ask("12345678" * 100), path="/responses/input_tokens")
    equal(a.status, 200, a)
    specs()["openai"].check(a.json(), "TokenCountsResource")
    equal(a.json()["input_tokens"], 200)


# --- scripted providers: what the model says, and what it was asked

def chunk(delta, finish=None, **more):
    return json.dumps({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", **more,
                       "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}, ensure_ascii=False)


FIGURES = json.dumps({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [],
                      "usage": USAGE})


def call(index, ident=None, name=None, arguments=""):
    f = {"arguments": arguments, **({"name": name} if name else {})}
    return chunk({"tool_calls": [{"index": index, "function": f, **({"id": ident, "type": "function"} if ident else {})}]})


THOUGHT = {"type": "reasoning.text", "format": "anthropic-claude-v1", "index": 0}
E2 = [chunk({"role": "assistant", "content": ""}),
      chunk({"reasoning": "Two tools.", "reasoning_details": [{**THOUGHT, "text": "Two tools."}]}),
      chunk({"reasoning_details": [{**THOUGHT, "signature": "c2ln+/=="}]}), chunk({"content": "One moment. "}),
      call(0, "toolu_1", "weather"), call(0, arguments='{"city":'), call(0, arguments='"Zürich"}'),
      call(1, "toolu_2", "now"), call(1, arguments="{}"), chunk({}, "tool_calls"), FIGURES]
STREAM = [chunk({"role": "assistant", "content": "sunny, "}), chunk({"content": "12:00"}), chunk({}, "stop"), FIGURES]
TOOLS = [{"type": "function", "name": "weather", "description": "Weather of a city", "strict": True,
          "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"],
                         "additionalProperties": False}},
         {"type": "function", "name": "now", "parameters": {"type": "object", "properties": {}}, "strict": False}]
USER = {"role": "user", "content": "Weather, and the time?"}


def played(*events):
    return replay.answer(replay.stream(*events))


@case
def tools_and_thoughts_over_two_turns():
    with replay.Provider({"demo-a": [played(*E2), played(*STREAM)]}) as p:
        r = streamed({"model": ONE, "input": [USER], "tools": TOOLS, "parallel_tool_calls": True})[-1]["response"]
        equal([i["type"] for i in r["output"]], ["reasoning", "message", "function_call", "function_call"])
        equal(r["usage"], {"input_tokens": 1140, "output_tokens": 60, "total_tokens": 1200,
                           "input_tokens_details": {"cached_tokens": 1000, "cache_write_tokens": 100},
                           "output_tokens_details": {"reasoning_tokens": 20}})
        equal([(i["call_id"], i["name"], i["arguments"]) for i in r["output"][2:]],
              [("toolu_1", "weather", '{"city":"Zürich"}'), ("toolu_2", "now", "{}")])
        outputs = [{"type": "function_call_output", "call_id": c, "output": o}
                   for c, o in (("toolu_1", "sunny"), ("toolu_2", "12:00"))]
        r = streamed({"model": ONE, "input": [USER] + r["output"] + outputs, "tools": TOOLS})[-1]["response"]
        equal(text_of(r), "sunny, 12:00")
        first, second = (json.loads(b) for b in p.bodies())
    equal(first["messages"], [USER])
    equal(first["tools"][0], {"type": "function", "function": {k: v for k, v in TOOLS[0].items() if k != "type"}})
    equal(first["parallel_tool_calls"], True)
    turn = second["messages"][1]
    equal([m["role"] for m in second["messages"]], ["user", "assistant", "tool", "tool"])
    equal(turn["reasoning_details"], [{**THOUGHT, "text": "Two tools.", "signature": "c2ln+/=="}], "as it came")
    equal([(c["id"], c["function"]["name"], json.loads(c["function"]["arguments"])) for c in turn["tool_calls"]],
          [("toolu_1", "weather", {"city": "Zürich"}), ("toolu_2", "now", {})])
    equal([(m["tool_call_id"], m["content"]) for m in second["messages"][2:]],
          [("toolu_1", "sunny"), ("toolu_2", "12:00")])


@case
def the_worked_request():
    """Q4 of translate.md is asked as Q1."""
    q4 = {"model": ONE, "store": False, "include": ["reasoning.encrypted_content"], "max_output_tokens": 2048,
          "temperature": 0.5, "parallel_tool_calls": False, "tool_choice": "auto", "tools": TOOLS, "input": [
              {"role": "system", "content": "Be brief."},
              {"role": "user", "content": [{"type": "input_text", "text": "Weather in the picture, and the time?"},
                                           {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo=",
                                            "detail": "auto"}]},
              {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": '{"city":"Zürich"}'},
              {"type": "function_call", "call_id": "c2", "name": "now", "arguments": "{}"},
              {"type": "function_call_output", "call_id": "c1", "output": "sunny"},
              {"type": "function_call_output", "call_id": "c2", "output": "12:00"},
              {"role": "user", "content": "Go on."}]}
    with replay.Provider({"demo-a": played(*STREAM)}) as p:
        equal(send({**q4, "stream": True}).status, 200)
        got = json.loads(p.bodies()[0])
    m = got["messages"]
    equal([x["role"] for x in m], ["system", "user", "assistant", "tool", "tool", "user"])
    equal((m[0]["content"], m[5]["content"]), ("Be brief.", "Go on."))
    equal(m[1]["content"][1], {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo=",
                                                                  "detail": "auto"}})
    equal([c["id"] for c in m[2]["tool_calls"]], ["c1", "c2"])
    equal((got["temperature"], got["parallel_tool_calls"], got["tool_choice"]), (0.5, False, "auto"))
    equal(got.get("max_completion_tokens", got.get("max_tokens")), 2048)
    equal([t["function"]["name"] for t in got["tools"]], ["weather", "now"])
    equal(got["store"], False)


@case
def what_codex_sends():
    body = {"model": ONE, "stream": True, "tool_choice": "auto", "parallel_tool_calls": True,
            "reasoning": {"summary": "auto"}, "store": False, "include": ["reasoning.encrypted_content"],
            "prompt_cache_key": "k", "client_metadata": {"a": "b"}, "input": [
                {"type": "message", "id": "m1", "role": "developer", "content": [{"type": "input_text", "text": "rules"}]},
                {"type": "message", "id": "m2", "role": "user", "content": [{"type": "input_text", "text": "do it"}]}],
            "tools": [TOOLS[0], {"type": "namespace", "name": "mail", "description": "d", "tools": [
                {"type": "function", "name": "send", "parameters": {"type": "object", "properties": {}}}]},
                {"type": "web_search", "external_web_access": True}]}
    said = [call(0, "c1", "mail__send"), call(0, arguments="{}"), chunk({}, "tool_calls"), FIGURES]
    with replay.Provider({"demo-a": played(*said)}) as p:
        last = streamed(body)[-1]["response"]
        got = json.loads(p.bodies()[0])
    equal([t["function"]["name"] for t in got["tools"]], ["weather", "mail__send"])
    true("client_metadata" not in got and "include" not in got and "external_web_access" not in json.dumps(got))
    equal({k: last["output"][0][k] for k in ("type", "namespace", "name", "call_id")},
          {"type": "function_call", "namespace": "mail", "name": "send", "call_id": "c1"})
    equal([t["type"] for t in last["tools"]], ["function", "namespace"], "told without what was left out")


@case
def custom_tools_where_there_are_none():
    """A provider without custom tools gets a function with one text; the client does not see that."""
    tool = {"type": "custom", "name": "apply_patch", "description": "d",
            "format": {"type": "grammar", "syntax": "lark", "definition": "start: /x+/"}}
    patch = "*** Begin\n\"Zürich\" \\ {\n*** End"
    said = [call(0, "c1", "apply_patch"), *(call(0, arguments=c) for c in json.dumps({"input": patch})),
            chunk({}, "tool_calls"), FIGURES]
    with replay.Provider({"demo-a": [played(*said), played(*STREAM)]}) as p:
        r = streamed({"model": ONE, "input": [USER], "tools": [tool],
                      "tool_choice": {"type": "custom", "name": "apply_patch"}})[-1]["response"]
        equal({k: v for k, v in r["output"][0].items() if k != "id"},
              {"type": "custom_tool_call", "call_id": "c1", "name": "apply_patch", "input": patch, "status": "completed"})
        output = {"type": "custom_tool_call_output", "call_id": "c1", "output": "done"}
        streamed({"model": ONE, "input": [USER, *r["output"], output], "tools": [tool]})
        first, second = (json.loads(b) for b in p.bodies())
    f = first["tools"][0]["function"]
    equal((f["name"], f["description"], f["parameters"]["required"]), ("apply_patch", "d", ["input"]))
    equal(first["tool_choice"], {"type": "function", "function": {"name": "apply_patch"}})
    equal(json.loads(second["messages"][1]["tool_calls"][0]["function"]["arguments"]), {"input": patch})
    equal(second["messages"][2], {"role": "tool", "tool_call_id": "c1", "content": "done"})


@case
def calls_that_interleave_and_an_image():
    said = [call(0, "a", "f"), call(1, "b", "g"), call(1, arguments='{"y":'), call(0, arguments='{"x":'),
            call(1, arguments="2}"), call(0, arguments="1}"),
            chunk({"images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}]}),
            chunk({}, "tool_calls"), FIGURES]
    with replay.Provider({"demo-a": played(*said)}):
        out = streamed(ask())[-1]["response"]["output"]
    equal([(i["call_id"], i["name"], i["arguments"]) for i in out[:2]], [("a", "f", '{"x":1}'), ("b", "g", '{"y":2}')])
    equal((out[2]["type"], out[2]["result"]), ("image_generation_call", "iVBORw0KGgo="))


@case
def a_form_for_the_answer():
    form = {"type": "json_schema", "name": "city", "strict": True,
            "schema": {"type": "object", "properties": {"n": {"type": "string"}}, "required": ["n"],
                       "additionalProperties": False}}
    with replay.Provider({"demo-a": played(*STREAM)}) as p:
        equal(send(ask(text={"format": form, "verbosity": "low"}, stream=True, reasoning={"effort": "low"})).status, 200)
        got = json.loads(p.bodies()[0])
    equal(got["response_format"], {"type": "json_schema", "json_schema": {k: form[k] for k in ("name", "strict", "schema")}})
    equal((got["verbosity"], got["reasoning_effort"]), ("low", "low"))


@case
def figures_and_citations_of_a_text():
    token = {"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []}
    events = [json.dumps({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [
        {"index": 0, "delta": {"content": "a"}, "logprobs": {"content": [token]}, "finish_reason": None}]}),
        chunk({"annotations": [{"type": "url_citation", "url_citation": {
            "url": "https://x.example/", "title": "t", "start_index": 0, "end_index": 1}}]}), chunk({}, "stop"), FIGURES]
    with replay.Provider({"demo-a": played(*events)}):
        got = streamed(ask(include=["message.output_text.logprobs"], top_logprobs=2))
    equal(next(e for e in got if e["type"].endswith("text.delta"))["logprobs"], [token])
    part = got[-1]["response"]["output"][0]["content"][0]
    equal(part["logprobs"], [token])
    equal(part["annotations"], [{"type": "url_citation", "url": "https://x.example/", "title": "t", "start_index": 0,
                                 "end_index": 1}])


# --- recordings: every stream of an OpenAI-compatible provider, through the translation

def recorded():
    root = os.path.join(os.environ.get("TR_FIXTURES") or os.path.join(rig.ROOT, "../shared/fixtures"), "providers")
    if not os.path.isdir(root):
        root = os.path.join(rig.ROOT, "tests/fixtures/providers")
    for path in sorted(glob.glob(root + "/*/*.resp.sse")):
        with open(path, "rb") as f:
            body = f.read()
        chunks, failed = [], False
        for line in body.decode(errors="replace").replace("\r\n", "\n").split("\n"):
            try:
                v = json.loads(line.removeprefix("data:").strip()) if line.startswith("data:") else None
            except ValueError:
                continue
            failed = failed or isinstance(v, dict) and "error" in v
            if isinstance(v, dict) and isinstance(v.get("choices"), list):
                chunks.append(v)
        if chunks and not failed:  # failures are the unit tests' business
            yield path, body, chunks


def said(chunks):
    text = ""
    for c in chunks:
        for choice in c["choices"]:
            content = (choice.get("delta") or {}).get("content")
            if choice.get("index", 0) == 0 and isinstance(content, str):
                text += content
    return text


@case
def recorded_streams_are_valid_responses():
    specs()
    jobs = {fresh("job"): r for r in recorded()}
    true(jobs, "there are recordings")

    def provider(body):
        for name, (_, sse, _) in jobs.items():
            if name.encode() in body:
                head = f"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: {len(sse)}\r\n\r\n"
                return replay.answer(head.encode() + sse)
        raise AssertionError("no job")

    def play(name):
        path, _, chunks = jobs[name]
        a = send({**ask(name), "stream": True})
        if a.status != 200:
            return f"{path}: {a!r}"
        try:
            events, _ = events_of(a)
        except AssertionError as e:
            return f"{path}: {e}"
        last = events[-1]
        if last["type"] == "response.failed" and not any(
                choice.get("finish_reason") for c in chunks for choice in c["choices"]):
            return ("failed", path)  # its provider never ends well
        want = said(chunks)
        if want and text_of(last["response"]).replace("\n\n", "") != want.replace("\n\n", ""):
            return f"{path}: text is {text_of(last['response'])[:200]!r}, want {want[:200]!r}"
        return None

    with replay.Provider({"demo-a": provider}):
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            results = list(pool.map(play, jobs))
    failed = [r[1] for r in results if isinstance(r, tuple)]
    wrong = [r for r in results if isinstance(r, str)]
    print(f"# {len(jobs)} recorded streams, {len(failed)} that their provider did not end well")
    for path in failed:
        print("# did not end well:", path.split("providers/")[1])
    equal(wrong, [])


# --- a provider's unusual answers (lib/odd.py): what is complete means the same here, what is not ends as a failure

FINISHED = {"stop": ("completed", None), "tool_calls": ("completed", None),
            "length": ("incomplete", "max_output_tokens"), "content_filter": ("incomplete", "content_filter")}


def odd_jobs():
    for kind, (stream, whole, want, finish) in odd.COMPLETE.items():
        for model in (ONE, "demo/echo"):
            if stream:
                yield kind, model, True, (want, finish)
            if whole:
                yield kind, model, False, (want, finish)
    for kind, (_, text) in odd.BROKEN.items():
        yield kind, ONE, True, (text, None)
    for kind in odd.REFUSED:
        for model in (ONE, "demo/echo"):
            for stream in (True, False):
                yield kind, model, stream, (odd.TEXT, "stop") if model == "demo/echo" else None


def odd_answer(provider, body):
    asked = json.loads(body)
    kind = asked["messages"][-1]["content"]
    if kind in odd.BROKEN:
        return odd.BROKEN[kind][0]
    row = (odd.COMPLETE[kind] if kind in odd.COMPLETE else
           odd.REFUSED[kind] if provider == "demo-a" else odd.COMPLETE["plain"])
    return row[0 if asked.get("stream") else 1]


def odd_result(kind, model, stream, want):
    a = send({"model": model, "input": kind, "stream": stream})
    if want is None:
        true(a.status in (502, 503), a)
        return
    equal(a.status, 200, a)
    if stream:
        events, done = events_of(a)
        r = events[-1]["response"]
        equal(done, want[1] is not None)
    else:
        r = a.json()
        check_body(r)
    if want[1] is None:
        equal((r["status"], text_of(r)), ("failed", want[0]))
        return
    calls = [[i["call_id"], i["name"], i["arguments"]] for i in r["output"] if i["type"] == "function_call"]
    equal((text_of(r), calls), want[0])
    status, reason = FINISHED[want[1]]
    equal((r["status"], (r["incomplete_details"] or {}).get("reason")), (status, reason))
    equal((r["usage"]["input_tokens"], r["usage"]["output_tokens"]), (100, 20))


@case
def unusual_answers_mean_the_same():
    def play(job):
        try:
            # two that are good before each one that is not: no breaker opens
            for _ in range(2 if job[0] not in odd.COMPLETE else 0):
                equal(send({"model": ONE, "input": "plain", "stream": True}).status, 200)
            odd_result(*job)
        except AssertionError as e:
            return f"{job[:3]}: {str(e)[:400]}"
        return None

    with replay.Provider({p: functools.partial(odd_answer, p) for p in ("demo-a", "demo-b")}):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            wrong = [r for r in pool.map(play, odd_jobs()) if r]
    equal(wrong, [])


# --- refusals and failures

@case
def refusals_name_the_member():
    for more, param in (({"previous_response_id": "resp_1"}, "previous_response_id"), ({"conversation": "c"}, "conversation"),
                        ({"background": True}, "background"), ({"prompt": {"id": "p"}}, "prompt"),
                        ({"input": [{"type": "item_reference", "id": "x"}]}, "input"), ({"temperature": "x"}, "temperature"),
                        ({"tools": [{"type": "file_search"}]}, "tools"), ({"tool_choice": {"type": "web_search"}}, "tool_choice"),
                        ({"no_such_member": 1}, "no_such_member"), ({"models": "x"}, "models"),
                        ({"provider": {"unheard_of": 1}}, "unheard_of")):
        a = send({**ask(), **more})
        equal(a.status, 400, more)
        equal(sorted(a.error()), ["code", "message", "param", "type"])
        equal(a.error()["param"], param, a.error())


@case
def errors_of_all_kinds():
    equal(send(ask(), key="sk-tr-v1-" + "A" * 43).status, 401)
    equal(send({**ask(), "model": "no/such"}).error()["code"], "model_not_found")
    equal(send(b'{"model":').error()["code"], "invalid_json")
    with replay.Provider({"demo-a": replay.answer(replay.whole('{"error":{"message":"slow down"}}', "429 Too Many Requests"))}):
        a = send({**ask(), "stream": True})
    equal(a.status, 429)
    true(a.header("retry-after"))
    a = send({**ask(), "temperature": "x"}, url=rig.env("TR_BASE_URL").replace("/v1", "/api/v1"))
    equal((a.status, a.error()["code"]), (400, 400), "OpenRouter's form under /api/v1")


@case
def a_failure_inside_of_a_stream():
    broken = [chunk({"content": "hel"}), chunk({"content": "lo"}), json.dumps({"error": {"message": "overloaded", "code": 502}})]
    with replay.Provider({"demo-a": replay.answer(replay.stream(*broken, done=False), gap=0.05)}):
        a = send({**ask(), "stream": True})
    equal((a.status, a.clean), (200, True))
    events, done = events_of(a)
    equal(done, False)
    equal([e["type"] for e in events[-2:]], ["error", "response.failed"])
    true(events[-2]["message"] and events[-2]["error"]["message"] == events[-2]["message"])
    r = events[-1]["response"]
    equal((r["status"], r["error"]["code"], text_of(r)), ("failed", "server_error", "hello"))


@case
def openrouters_path_serves_it_too():
    a = send(ask("hi"), url=rig.env("TR_BASE_URL").replace("/v1", "/api/v1"))
    equal((a.status, text_of(a.json())), (200, "hi"))
    true(a.json()["provider"] and a.json()["usage"]["cost"] > 0)
    check_body(a.json())
    true("openrouter_metadata" not in a.json())
    for stream in (False, True):
        a = send({**ask("hi"), "stream": stream}, headers={"X-OpenRouter-Metadata": "enabled"})
        r = events_of(a)[0][-1]["response"] if stream else a.json()
        equal(r["openrouter_metadata"]["requested"], ONE)


rig.main()
