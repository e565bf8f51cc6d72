"""What node/strict.mjs does, with openai for Python: jobs from stdin, results to stdout. For ../strict.py."""

import concurrent.futures
import json
import os
import ssl
import sys
import time

import openai

api = openai.OpenAI(base_url=os.environ["TR_BASE_URL"], api_key=os.environ["TR_API_KEY"], max_retries=0, timeout=20,
                    http_client=openai.DefaultHttpxClient(
                        verify=ssl.create_default_context(cafile=os.environ["TR_CA"])))
TOOLS = [{"type": "function", "function": {"name": "add", "parameters": {
    "type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}}}]


def request(job):
    return {"model": job["model"], "messages": [{"role": "user", "content": job["say"]}], "tools": TOOLS}


def from_completion(c, out):
    m = c.choices[0].message
    out["text"] = m.content or ""
    out["calls"] = [[t.id, t.function.name, t.function.arguments] for t in m.tool_calls or []]
    out["finish"] = c.choices[0].finish_reason
    out["usage"] = [c.usage.prompt_tokens, c.usage.completion_tokens]


def python_stream(job, out):
    """The helper. It refuses what was cut off or filtered by classes of its own, which tell the finish reason."""
    try:
        with api.chat.completions.stream(**request(job), stream_options={"include_usage": True}) as s:
            for e in s:
                if e.type == "content.delta":
                    out["text"] += e.delta
            from_completion(s.get_final_completion(), out)
    except openai.LengthFinishReasonError as e:
        from_completion(e.completion, out)
    except openai.ContentFilterFinishReasonError:
        out["finish"], out["usage"] = "content_filter", None


def python_events(job, out):
    """Without the figures: what stands beside them has to come all the same."""
    calls = {}
    for c in api.chat.completions.create(**request(job), stream=True):
        for choice in c.choices:
            out["text"] += choice.delta.content or ""
            out["finish"] = choice.finish_reason or out["finish"]
            for t in choice.delta.tool_calls or []:
                got = calls.setdefault(t.index, [None, "", ""])
                got[0] = got[0] or t.id
                got[1] += t.function.name or ""
                got[2] += t.function.arguments or ""
    out["calls"] = list(calls.values())


def python_create(job, out):
    from_completion(api.chat.completions.create(**request(job)), out)


def work(job):
    out = {"id": job["id"], "text": "", "calls": [], "finish": None, "usage": None, "error": None}
    began = time.monotonic()
    try:
        globals()[job["client"]](job, out)
    except Exception as e:  # whatever the client throws is the result; strict.py says which one is right
        out["error"] = {"name": type(e).__name__, "message": str(e), "status": getattr(e, "status_code", None)}
    out["seconds"] = time.monotonic() - began
    return out


with concurrent.futures.ThreadPoolExecutor(4) as pool:
    print(json.dumps(list(pool.map(work, json.load(sys.stdin)))))
