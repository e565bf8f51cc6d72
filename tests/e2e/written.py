#!/usr/bin/env python3
"""What is written for recorded answers of providers validates against the writer definitions: everything in
Anthropic's shape (closed, every member), in Responses' (OpenAI's document) and in that of completions, streamed, whole
and as an error; under /api/v1, chat too, against OpenRouter's document; and what recorded requests of those clients become is a chat request by OpenAI's document. The unit
test recorded_dialects writes it down, and says itself that it means the right thing. Needs no stack, but jsonschema
and referencing (tests/clients/prepare) and ../shared/specs ($TR_SPECS): without those it is skipped."""

import collections
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.realpath(__file__))
PYTHON = os.path.join(HERE, "../../build/clients/python/bin/python")
if "TR_WRITTEN_PYTHON" not in os.environ:
    prepared = subprocess.run([os.path.join(HERE, "../clients/prepare"), "python"], stdout=subprocess.DEVNULL)
    python = PYTHON if prepared.returncode == 0 else sys.executable
    os.execve(python, [python, *sys.argv], {**os.environ, "TR_WRITTEN_PYTHON": "1"})

sys.path.insert(0, os.path.join(HERE, "../lib"))
import openapi  # noqa: E402
import rig  # noqa: E402
from rig import case, equal, true  # noqa: E402

UNIT = os.path.join(os.environ.get("TR_BIN", os.path.join(rig.ROOT, "build/release")), "unit/test_recorded_dialects")
# OpenRouter's definitions of a body under this status, of those that recordings come to.
OPENROUTER_ERRORS = {400: "BadRequestResponse", 429: "TooManyRequestsResponse", 502: "BadGatewayResponse"}
# And of an answer, whole and as one event of a stream.
OPENROUTER = {"api/chat": ("ChatResult", "ChatStreamingResponse"), "api/messages": ("MessagesResult", "MessagesStreamingResponse"),
              "api/responses": ("OpenResponsesResult", "ResponsesStreamingResponse")}
DIALECTS = ("api/chat", "messages", "responses", "api/messages", "api/responses", "completions")


class Anthropic:
    """The closed definitions of the Messages API."""

    def __init__(self):
        import jsonschema
        with open(os.path.join(openapi.directory(), "anthropic_messages.schema.json")) as f:
            schema = json.load(f)
        self.validators = {name: jsonschema.Draft202012Validator({**schema, "not": {"type": "null"}, "$ref": f"#/$defs/{name}"})
                           for name in ("MessageFull", "StreamEventFull", "ErrorResponse")}

    def check(self, value, name):
        for problem in self.validators[name].iter_errors(value):
            raise AssertionError(f"{name}: {problem.json_path}: {problem.message[:300]}")


def as_functions(value):
    """An answer of chat with calls of tools whose input is free text, which OpenRouter's definition does not have, as calls of
    functions, which it has: everything else of it is checked."""
    if isinstance(value, list):
        return [as_functions(v) for v in value]
    if not isinstance(value, dict):
        return value
    if "custom" in value and "function" not in value:
        custom = value["custom"]
        call = {"arguments": custom["input"], **({"name": custom["name"]} if "name" in custom else {})}
        return {**{k: v for k, v in value.items() if k != "custom"}, **({"type": "function"} if "type" in value else {}),
                "function": call}
    return {k: as_functions(v) for k, v in value.items()}


def has_custom_calls(response):
    """Of Responses; Open Responses does not define them, OpenAI does."""
    return any(item["type"] == "custom_tool_call" for item in response["output"])


class Checker:
    def __init__(self):
        self.anthropic = Anthropic()
        self.openai = openapi.Document("openai_core.openapi.json")
        self.openresponses = openapi.Document("openresponses_2026-04-24.openapi.json")
        self.openrouter = openapi.Document("openrouter_core.openapi.json")
        self.events = self.openai.events()

    def all(self, value, dialect, what):
        if dialect == "api/chat":
            value = as_functions(value)
        if dialect in OPENROUTER and what == "whole":
            self.openrouter.check(value, OPENROUTER[dialect][0])
        elif dialect in OPENROUTER and what == "stream":
            event = {} if dialect == "api/chat" else {"event": value["type"]}
            self.openrouter.check({"data": value, **event}, OPENROUTER[dialect][1])
        getattr(self, dialect.removeprefix("api/"))(value, what, dialect in OPENROUTER)

    def chat(self, value, what, _):
        if what == "error":
            self.openrouter_error(value)

    def messages(self, value, what, openrouter):
        if openrouter and "usage" in value:  # what OpenRouter's definition has beside Anthropic's
            value = {**value, "usage": {k: v for k, v in value["usage"].items() if k not in ("cost", "cost_details", "is_byok")}}
        name = {"stream": "StreamEventFull", "whole": "MessageFull", "error": "ErrorResponse"}[what]
        self.anthropic.check(value, "ErrorResponse" if value["type"] == "error" else name)

    def openrouter_error(self, value):
        self.openrouter.check(value, OPENROUTER_ERRORS[value["error"]["code"]])
        true(value["error"]["metadata"]["error_type"], "a type of error")

    def openai_error(self, value):
        self.openai.check(value["error"], "Error")

    def responses(self, value, what, openrouter):
        if what == "error":
            return self.openrouter_error(value) if openrouter else self.openai_error(value)
        if what == "stream":
            self.openai.check(value, self.events[value["type"]])
        response = value if what == "whole" else value.get("response")
        if response is not None:
            self.openai.check(response, "Response")
            if not has_custom_calls(response):
                self.openresponses.check(response, "ResponseResource")

    def completions(self, value, what, _):
        if what == "error" or "error" in value:
            return self.openai_error(value)
        if what == "stream":  # the document has no definition of a chunk: an answer whose choices may be unfinished, or none
            value = {**value, "choices": [{**c, "finish_reason": c["finish_reason"] or "stop"} for c in value["choices"]]}
        self.openai.check(value, "CreateCompletionResponse")

    def chat_request(self, value):
        self.openai.check(value, "CreateChatCompletionRequest")
        unknown = set(value) - self.openai.members("CreateChatCompletionRequest")
        equal(unknown, set(), "members that the definition does not have, which it would let pass")


def data_of(stream):
    """The payloads of a stream, without signs of life."""
    for block in stream.split("\n\n"):
        for line in block.split("\n"):
            if line.startswith("data: ") and line != "data: [DONE]":
                yield json.loads(line[6:])


def validate(line):
    """(dialect, what, how many values, the first problem)"""
    entry = json.loads(line)
    dialect, what, n = entry["dialect"], entry["what"], 0
    try:
        if what == "request":
            values, check = [json.loads(entry["body"])], checker.chat_request
        else:
            values = data_of(entry["body"]) if what == "stream" else [json.loads(entry["body"])]
            check = lambda value: checker.all(value, dialect, what)  # noqa: E731
        for value in values:
            check(value)
            n += 1
        true(n, "something is written")
    except Exception as problem:  # a validator's too, which cannot travel to the parent
        return dialect, what, n, f"{entry['recording'].split('providers/')[-1]}: {dialect} {what}: {problem!r}"
    return dialect, what, n, None


WRITTEN = []


def written():
    """What the unit test wrote for the dialects that are rendered."""
    if not WRITTEN:
        with tempfile.NamedTemporaryFile("r") as f:
            ran = subprocess.run([UNIT], env={**os.environ, "TR_WRITTEN": f.name}, cwd=rig.ROOT, stdout=subprocess.PIPE, check=False)
            equal(ran.returncode, 0, ran.stdout[-2000:])
            WRITTEN.extend(line for line in f if json.loads(line)["dialect"] in DIALECTS)
    return WRITTEN


def all_valid(kinds):
    if openapi.directory() is None:
        raise rig.Skip("the specifications are not on this machine")
    global checker
    try:
        checker = Checker()
    except ImportError as problem:
        raise rig.Skip(f"no validator: {problem}") from problem
    lines = [line for line in written() if json.loads(line)["what"] in kinds]
    with multiprocessing.get_context("fork").Pool(2) as pool:
        results = pool.map(validate, lines, chunksize=20)
    documents, values = collections.Counter(), collections.Counter()
    for dialect, what, n, _ in results:
        documents[dialect, what] += 1
        values[dialect, what] += n
    for dialect, what in sorted(documents):
        print(f"#| {dialect} {what}: {documents[dialect, what]} documents, {values[dialect, what]} values validated")
    problems = [r[3] for r in results if r[3]]
    for problem in problems[:20]:
        print("#", problem)
    equal(len(problems), 0)
    return documents


@case
def answers_are_valid():
    found = all_valid({"stream", "whole", "error"})
    for dialect in DIALECTS:
        for what in ("stream", "whole", "error"):
            true(found[dialect, what], f"{dialect} {what}")


@case
def rendered_requests_are_valid():
    if not os.path.isdir(os.environ.get("TR_FIXTURES", os.path.join(rig.ROOT, "../shared/fixtures"))):
        raise rig.Skip("the recordings are not here")
    found = all_valid({"request"})
    true(found["messages", "request"] and found["responses", "request"], "both dialects' requests")


rig.main()
