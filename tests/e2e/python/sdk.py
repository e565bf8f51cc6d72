"""What an application sees: the unmodified openai package for Python, pointed at the data plane by
nothing but base_url, key and CA file. The demo provider's records are the other side of each claim."""

import base64
import json
import os
import re
import ssl
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../lib"))
import rig  # noqa: E402
from rig import case, equal, fresh, seen, wait_until  # noqa: E402

import openai  # noqa: E402
from pydantic import BaseModel  # noqa: E402

MODEL = "demo/echo"
HELLO = [{"role": "user", "content": "Hello"}]
# The catalog's prices of demo/echo and demo/only-a: $0.50 and $1.50 per million tokens.
PROMPT_NUSD, COMPLETION_NUSD = 500, 1500
CLIENT_GONE = 16  # proto/usage.h


def client(**options):
    options.setdefault("max_retries", 0)
    return openai.OpenAI(
        base_url=rig.env("TR_BASE_URL"), api_key=options.pop("api_key", rig.env("TR_API_KEY")),
        http_client=openai.DefaultHttpxClient(
            verify=ssl.create_default_context(cafile=rig.env("TR_CA"))), **options)


def command(words):
    return {"mock": {"*": words}}


def one(ident):
    """The provider's only record of this id, once it is no longer running."""
    return wait_until(lambda: [r for r in seen(ident) if r["outcome"] != "running"], 5)[0]


@case
def synth_as_printed():
    """The Python call of the reference's page on Synth, word for word but for the CA file."""
    os.environ.update(TRUSTEDROUTER_API_KEY=rig.env("TR_API_KEY"))
    client = openai.OpenAI(
        api_key=os.environ["TRUSTEDROUTER_API_KEY"],
        base_url=rig.env("TR_BASE_URL"),
        http_client=openai.DefaultHttpxClient(verify=ssl.create_default_context(cafile=rig.env("TR_CA"))),
    )

    result = client.chat.completions.create(
        model="trustedrouter/synth",
        messages=[{"role": "user", "content": "Give the best answer."}],
    )

    if "Give the best answer." not in result.choices[0].message.content:  # the demo panel's models repeat it in other words
        raise AssertionError(result)
    equal(result.model, "trustedrouter/synth")
    stream = client.chat.completions.create(model="trustedrouter/synth", stream=True, stream_options={"include_usage": True},
                                            messages=[{"role": "user", "content": "Give the best answer."}])
    chunks = list(stream)
    if "Give the best answer." not in "".join(c.choices[0].delta.content or "" for c in chunks if c.choices):
        raise AssertionError(chunks)
    if chunks[-1].usage.total_tokens < 4 * len("Give the best answer.") // 4:
        raise AssertionError(chunks[-1].usage)


@case
def text():
    ident = fresh()
    r = client().chat.completions.create(model=MODEL, messages=HELLO,
                                         extra_body=command(f"tokens=12,id={ident}"))
    equal(r.object, "chat.completion")
    equal(r.model, MODEL)
    equal(r.choices[0].message.role, "assistant")
    equal(r.choices[0].message.content, "the cat sat on  a   mat and the dog ate it  all ")
    equal(r.choices[0].finish_reason, "stop")
    if not r._request_id:
        raise AssertionError("no x-request-id")
    record = one(ident)
    equal((r.usage.prompt_tokens, r.usage.completion_tokens, r.usage.total_tokens),
          (record["prompt"], 12, record["prompt"] + 12), "usage")


@case
def stream():
    ident = fresh()
    out, usage, finish, ids = "", None, [], set()
    for c in client().chat.completions.create(
            model=MODEL, messages=HELLO, stream=True, stream_options={"include_usage": True},
            extra_body=command(f"tokens=20,id={ident}")):
        ids.add(c.id)
        equal(c.model, MODEL)
        if c.usage:
            usage = c.usage
        for choice in c.choices:
            out += choice.delta.content or ""
            finish += [choice.finish_reason] if choice.finish_reason else []
    equal(len(out), 80, "text")
    equal(len(ids), 1, "one id")
    equal(finish, ["stop"])
    equal((usage.prompt_tokens, usage.completion_tokens), (one(ident)["prompt"], 20), "usage")


@case
def stream_without_usage():
    for c in client().chat.completions.create(model=MODEL, messages=HELLO, stream=True):
        equal(c.usage, None, "usage nobody asked for")
        equal(len(c.choices), 1, "a chunk without choices")


@case
def stream_helper():
    with client().chat.completions.stream(model=MODEL, messages=HELLO,
                                          extra_body=command("tokens=9,azure,usage=null")) as s:
        for _ in s:
            pass
        final = s.get_final_completion()
    equal(len(final.choices[0].message.content), 36)
    equal(final.choices[0].finish_reason, "stop")


TOOLS = [{"type": "function", "function": {
    "name": n, "parameters": {"type": "object", "properties": {
        "city": {"type": "string"}, "days": {"type": "integer"}}, "required": ["city", "days"],
        "additionalProperties": False}, "strict": True}} for n in ("weather", "traffic")]


@case
def tools_in_parallel():
    calls = {}
    for c in client().chat.completions.create(model=MODEL, messages=HELLO, tools=TOOLS, stream=True,
                                              extra_body=command("args=3")):
        for choice in c.choices:
            for t in choice.delta.tool_calls or []:
                got = calls.setdefault(t.index, {"id": t.id, "name": t.function.name, "args": "",
                                                 "pieces": 0})
                got["args"] += t.function.arguments or ""
                got["pieces"] += 1
            finish = choice.finish_reason
    equal(finish, "tool_calls")
    equal([calls[i]["name"] for i in (0, 1)], ["weather", "traffic"])
    equal(len({calls[i]["id"] for i in (0, 1)}), 2, "two ids")
    for call in calls.values():
        equal(json.loads(call["args"]), {"city": "sample", "days": 7})
        if call["pieces"] < 5:
            raise AssertionError("the arguments were not split")
    # A round trip: results go back, the model answers with text.
    m = client().chat.completions.create(model=MODEL, messages=HELLO, tools=TOOLS).choices[0].message
    equal(len(m.tool_calls), 2)
    r = client().chat.completions.create(
        model=MODEL, tools=TOOLS, messages=HELLO + [m.model_dump(exclude_none=True)] + [
            {"role": "tool", "tool_call_id": t.id, "content": "{}"} for t in m.tool_calls])
    equal(r.choices[0].finish_reason, "stop")


@case
def structured_output():
    class Step(BaseModel):
        why: str
        weight: float

    class Plan(BaseModel):
        title: str
        steps: list[Step]
        done: bool

    r = client().chat.completions.parse(model=MODEL, messages=HELLO, response_format=Plan)
    equal(r.choices[0].message.parsed,
          Plan(title="sample", steps=[Step(why="sample", weight=7.5)], done=True))


@case
def reasoning():
    out = ""
    for c in client().chat.completions.create(model=MODEL, messages=HELLO, stream=True,
                                              extra_body=command("reasoning=6,tokens=3")):
        for choice in c.choices:
            out += getattr(choice.delta, "reasoning_content", None) or \
                getattr(choice.delta, "reasoning", None) or ""
    equal(len(out), 24, "reasoning text")


@case
def image_part_untouched():
    picture = base64.b64encode(os.urandom(90000)).decode()
    messages = [{"role": "user", "content": [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64," + picture,
                                            "detail": "high"}}]}]
    client().chat.completions.create(model="demo/only-a", messages=messages)
    equal(json.loads(rig.last_body("demo-a"))["messages"], messages)
    if picture.encode() not in rig.last_body("demo-a"):
        raise AssertionError("the picture's bytes are not there")


# What the provider says, what the app is told.
def well():
    """Both providers answer and have answered well lately, whatever cases before have done to them: a breaker that is
    open or a cool-down would refuse, or pass over the one, before the fault of this case is tried."""
    for name in ("demo-a", "demo-b"):
        order = {"provider": {"order": [name, "demo-a", "demo-b"]}, **command("tokens=1")}

        def answers():
            try:
                return client().chat.completions.with_raw_response.create(
                    model=MODEL, messages=HELLO, extra_body=order).headers["x-tr-provider"] == name
            except openai.APIStatusError:
                return False
        wait_until(answers, 20, f"{name} answers")
        for _ in range(20):
            equal(answers(), True, name)


ERRORS = [(400, 400, openai.BadRequestError), (429, 429, openai.RateLimitError),
          (500, 502, openai.InternalServerError), (503, 503, openai.InternalServerError)]


@case
def error_class_per_status():
    for status, told, kind in ERRORS:
        well()
        try:
            client().chat.completions.create(model=MODEL, messages=HELLO,
                                             extra_body=command(f"fail={status}"))
        except kind as e:
            equal(e.status_code, told)
            if not e.body or not e.request_id or not e.body.get("message"):
                raise AssertionError(f"{status}: {e.body!r} {e.request_id!r}")
            continue
        raise AssertionError(f"{status} did not raise {kind.__name__}")
    for bad, kind in ((dict(api_key="sk-tr-v1-" + "x" * 43), openai.AuthenticationError),
                      (dict(api_key="nonsense"), openai.AuthenticationError)):
        try:
            client(**bad).chat.completions.create(model=MODEL, messages=HELLO)
        except kind:
            continue
        raise AssertionError("a bad key was accepted")
    try:
        client().chat.completions.create(model="demo/nothing", messages=HELLO)
    except openai.NotFoundError as e:
        equal(e.code, "model_not_found")
    else:
        raise AssertionError("an unknown model was accepted")
    try:
        client().chat.completions.create(model=MODEL, messages=[])
    except openai.BadRequestError as e:
        equal(e.param, "messages")
    else:
        raise AssertionError("no messages were accepted")


def read_until_error(words):
    """What a stream said and how it failed; a stream with pauses, or the router would see it fail before it has sent
    a byte. APIError itself is what the SDK makes of an error event; a refusal
    before the stream would be one of its subclasses."""
    text = ""
    well()
    try:
        for c in client().chat.completions.create(model=MODEL, messages=HELLO, stream=True, extra_body=command(words)):
            text += c.choices[0].delta.content or ""
    except openai.APIError as e:
        return text, e
    raise AssertionError(f"{words}: the stream looked complete: {text!r}")


@case
def error_inside_a_stream():
    text, problem = read_until_error("tokens=9,cadence_us=50000,error_at=4")
    equal((text, type(problem)), ("the cat sat ", openai.APIError))


@case
def truncated_stream_is_an_error():
    for fault in ("close_at=4", "rst_at=4", "cut_at=4"):
        text, problem = read_until_error("tokens=9,cadence_us=50000," + fault)
        equal((text, type(problem)), ("the cat sat ", openai.APIError), fault)


@case
def a_receipt_is_no_trouble():
    for headers in ({}, {"TE": "trailers"}):
        with client(default_headers=headers).chat.completions.with_streaming_response.create(
                model=MODEL, messages=HELLO, stream=True, extra_body=command("tokens=12")) as r:
            if not re.fullmatch("rcpt-[0-9a-f]{32}", r.headers.get("x-receipt-id", "")):
                raise AssertionError(r.headers)
            text = "".join(c.choices[0].delta.content or "" for c in r.parse() if c.choices)
        equal(len(text), 48)


@case
def retries_obey_our_headers():
    # Both endpoints say 429 once: the first call fails on both, the SDK's retry succeeds; it has
    # waited as long as our retry-after said.
    ident, began = fresh(), time.monotonic()
    r = client(max_retries=2).chat.completions.create(
        model=MODEL, messages=HELLO, extra_body=command(f"fail=429,retry_after=1,times=2,id={ident}"))
    equal(r.choices[0].finish_reason, "stop")
    waited = time.monotonic() - began
    equal([x["status"] for x in seen(ident)], [429, 429, 200], "tries seen by the provider")
    if not 0.9 < waited < 10:
        raise AssertionError(f"waited {waited:.2f} s for a retry-after of 1 s")
    # What cannot become better is not repeated: x-should-retry says so.
    ident = fresh()
    try:
        client(max_retries=2).chat.completions.create(model="demo/only-a", messages=HELLO,
                                                      extra_body=command(f"fail=400,id={ident}"))
    except openai.BadRequestError:
        equal(len(seen(ident)), 1, "a 400 was repeated")
    else:
        raise AssertionError("a 400 was taken for an answer")


def asked_in_order(ident, fault):
    """First the one that failed, then the other. A connection from the pool that dies at once is tried anew."""
    names = [x["name"] for x in seen(ident)]
    kept = fault in ("fail=rst", "fail=close")
    if names != ["demo-a", "demo-b"] and not (kept and names == ["demo-a", "demo-a", "demo-b"]):
        raise AssertionError(f"{fault}: asked {names}")


@case
def fallback_before_the_first_byte():
    for fault in ("fail=500", "fail=429", "fail=html502", "fail=body", "fail=rst", "fail=close",
                  "fail=badjson", "fail=truncjson"):
        well()
        ident = fresh()
        r = client().chat.completions.with_raw_response.create(
            model=MODEL, messages=HELLO, extra_body={
                "provider": {"order": ["demo-a", "demo-b"]},
                "mock": {"demo-a": f"{fault},id={ident}", "demo-b": f"id={ident}"}})
        equal(r.parse().choices[0].finish_reason, "stop", fault)
        asked_in_order(ident, fault)
    for fault in ("fail=first", "fail=503", "fail=rst"):
        well()
        ident = fresh()
        out = ""
        for c in client().chat.completions.create(
                model=MODEL, messages=HELLO, stream=True, extra_body={
                    "provider": {"order": ["demo-a", "demo-b"]},
                    "mock": {"demo-a": f"{fault},id={ident}", "demo-b": f"tokens=5,id={ident}"}}):
            out += c.choices[0].delta.content or ""
        equal(len(out), 20, fault)
        asked_in_order(ident, fault)


@case
def abort_closes_upstream_and_bills_delivered():
    ident = fresh()
    key = rig.new_key()
    s = client(api_key=key["key"]).chat.completions.create(
        model="demo/only-a", messages=HELLO, stream=True,
        extra_body=command(f"tokens=3000,cadence_us=10000,id={ident}"))
    read = 0  # tokens: one in each event that has text
    for c in s:
        read += bool(c.choices[0].delta.content)
        if read == 40:
            break
    s.close()
    closed = time.time()
    record = one(ident)
    equal(record["outcome"], "aborted")
    if record["end_us"] / 1e6 - closed > 1:
        raise AssertionError(f"the upstream was closed {record['end_us'] / 1e6 - closed:.2f} s later")
    row = wait_until(lambda: rig.sql(
        "select tokens_prompt, tokens_completion, cost_nusd, flags from usage u join api_key k using "
        f"(key_id) where k.name = '{key['name']}'"), 10, "billed")[0]
    prompt, completion, cost, flags = map(int, row)
    # Delivered: at least what the client read, at most what the provider sent.
    if not read <= completion <= record["completion"]:
        raise AssertionError(f"billed {completion} tokens; {read} were read, {record['completion']} sent")
    equal(cost, prompt * PROMPT_NUSD + completion * COMPLETION_NUSD, "cost")
    if not (prompt > 0 and flags & CLIENT_GONE):
        raise AssertionError(f"prompt {prompt}, flags {flags}")


@case
def fifty_calls_two_connections():
    api = client()
    before = rig.counters()
    for _ in range(50):
        api.chat.completions.create(model="demo/only-a", messages=HELLO)
    after = rig.counters()
    opened = sum(after[n]["connections"] - before[n]["connections"] for n in after)
    # One of the connections counted is this test's own, to read the counters.
    if opened - 1 > 2:
        raise AssertionError(f"{opened - 1} upstream connections for 50 sequential calls")
    equal(after["demo-a"]["requests"] - before["demo-a"]["requests"], 50)


@case
def models():
    ids = [m.id for m in client().models.list()]
    if MODEL not in ids:
        raise AssertionError(ids)
    equal(client().models.retrieve(MODEL).id, MODEL)


rig.main()
