"""Reads jobs from stdin, has the client of each read its answer through the data plane, and prints what the client made
of it, as ../../e2e/python/strict.py does with chat: anthropic and openai's Responses and completions. For
../../e2e/strict_dialects.py."""

import concurrent.futures
import json
import sys
import time

import anthropic
import kit
import openai

messages = anthropic.Anthropic(base_url=kit.HOST, api_key=kit.KEY, max_retries=0, timeout=20)
api = openai.OpenAI(base_url=kit.BASE, api_key=kit.KEY, max_retries=0, timeout=20)
PARAMETERS = {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"], "additionalProperties": False}


def compact(value):
    return json.dumps(value, separators=(",", ":"))


def to_messages(job):
    return {"model": job["model"], "max_tokens": 1024, "messages": [{"role": "user", "content": job["say"]}],
            "tools": [{"name": "add", "input_schema": PARAMETERS}]}


def from_message(m, out):
    out["text"] = "".join(b.text for b in m.content if b.type == "text")
    out["calls"] = [[b.id, b.name, compact(b.input)] for b in m.content if b.type == "tool_use"]
    out["finish"] = m.stop_reason
    out["usage"] = [m.usage.input_tokens, m.usage.output_tokens]


def messages_stream(job, out):
    with messages.messages.stream(**to_messages(job)) as s:
        for text in s.text_stream:
            out["text"] += text
        from_message(s.get_final_message(), out)


def messages_create(job, out):
    from_message(messages.messages.create(**to_messages(job)), out)


def to_responses(job):
    return {"model": job["model"], "input": job["say"], "store": False,
            "tools": [{"type": "function", "name": "add", "strict": True, "parameters": PARAMETERS}]}


def from_response(r, out):
    out["text"] = r.output_text
    out["calls"] = [[i.call_id, i.name, i.arguments] for i in r.output if i.type == "function_call"]
    out["finish"] = r.status if r.incomplete_details is None else r.incomplete_details.reason
    out["usage"] = [r.usage.input_tokens, r.usage.output_tokens]


def responses_stream(job, out):
    with api.responses.stream(**to_responses(job)) as s:
        for e in s:
            if e.type == "response.output_text.delta":
                out["text"] += e.delta
            if e.type == "response.incomplete":  # the helper knows no end but response.completed, of OpenAI's either
                return from_response(e.response, out)
        from_response(s.get_final_response(), out)


def responses_create(job, out):
    from_response(api.responses.create(**to_responses(job)), out)


def completions_stream(job, out):
    for c in api.completions.create(model=job["model"], prompt=job["say"], stream=True, stream_options={"include_usage": True}):
        for choice in c.choices:
            out["text"] += choice.text
            out["finish"] = choice.finish_reason or out["finish"]
        if c.usage:
            out["usage"] = [c.usage.prompt_tokens, c.usage.completion_tokens]


def completions_create(job, out):
    c = api.completions.create(model=job["model"], prompt=job["say"])
    out.update(text=c.choices[0].text, finish=c.choices[0].finish_reason, usage=[c.usage.prompt_tokens, c.usage.completion_tokens])


def work(job):
    out = {"id": job["id"], "text": "", "calls": [], "finish": None, "usage": None, "error": None}
    began = time.monotonic()
    try:
        globals()[job["client"].removeprefix("python_")](job, out)
    except Exception as e:  # whatever the client throws is the result; strict_dialects.py says what is right
        out["error"] = {"name": type(e).__name__, "message": str(e), "status": getattr(e, "status_code", None)}
    out["seconds"] = time.monotonic() - began
    return out


with concurrent.futures.ThreadPoolExecutor(4) as pool:
    print(json.dumps(list(pool.map(work, json.load(sys.stdin)))))
