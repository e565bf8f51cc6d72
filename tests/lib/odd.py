"""A provider's unusual answers, and what they mean: for programs that look at what becomes of them in one dialect or
another. Every answer is a replay.answer."""

import gzip
import json

import replay

BASE = {"id": "c", "created": 1, "model": "m"}
USAGE = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}


def chunk(delta=None, finish=None, name="delta", **members):
    return json.dumps({**BASE, "object": "chat.completion.chunk", "choices": [
        {"index": 0, name: delta or {}, "finish_reason": finish}], **members})


def message(content, finish="stop", name="message", **members):
    return json.dumps({**BASE, "object": "chat.completion", "usage": USAGE, "choices": [
        {"index": 0, name: {"role": "assistant", "content": content, **members}, "finish_reason": finish}]})


def call(index, text, ident=None, name=None):
    return {"tool_calls": [{"index": index, "function": {"arguments": text, **({"name": name} if name else {})},
                            **({"id": ident, "type": "function"} if ident else {})}]}


FIGURES = json.dumps({**BASE, "object": "chat.completion.chunk", "choices": [], "usage": USAGE})
ROLE = chunk({"role": "assistant", "content": ""})
HEL, LO, STOP = chunk({"content": "hel"}), chunk({"content": "lo"}), chunk({}, "stop")
CALL = chunk(call(0, '{"x":1}', "call_a", "add"))
CALLS = [{"id": "call_a", "type": "function", "function": {"name": "add", "arguments": '{"x":1}'}}]
STUB = {"name": "", "arguments": ""}


def stream(*events, done=True, **how):
    return replay.answer(replay.stream(ROLE, *events, done=done), **how)


def cut(*events, **how):
    """A stream of which neither [DONE] nor the last chunk comes."""
    return replay.answer(replay.stream(ROLE, *events, done=False)[:-5], **how)


def whole(body, **how):
    return replay.answer(replay.whole(body), **how)


# --- kind -> what the provider answers to a stream and to a request for a whole answer, and what has to come out:
# the text (or the call), and the finish reason

TEXT, ADD = ("hello", []), ("", [["call_a", "add", '{"x":1}']])
COMPLETE = {
    "plain": (stream(HEL, LO, STOP, FIGURES), whole(message("hello")), TEXT, "stop"),
    "drifting_indexes": (stream(chunk(call(0, "", "call_a", "add")), chunk(call(1, '{"x"')), chunk(call(2, ":1}")),
                                chunk({}, "tool_calls"), FIGURES), None, ADD, "tool_calls"),
    "stub_of_a_function_call": (stream(chunk(call(0, "", "call_a", "add"), ""), chunk(call(0, '{"x":1}'), ""),
                                       chunk({"function_call": STUB}, "tool_calls"), FIGURES),
                                whole(message(None, "tool_calls", tool_calls=CALLS, function_call=STUB)), ADD,
                                "tool_calls"),
    "stop_beside_calls": (stream(CALL, STOP, FIGURES), whole(message(None, "stop", tool_calls=CALLS)), ADD, "tool_calls"),
    "message_for_delta": (stream(chunk({"role": "assistant", "content": "hel"}, name="message"),
                                 chunk({"content": "lo"}, name="message"), chunk({}, "stop", name="message"), FIGURES),
                          whole(message("hello", name="delta")), TEXT, "stop"),
    "usage_beside_content": (stream(chunk({"content": "hel"}, usage=USAGE), chunk({"content": "lo"}, usage=USAGE),
                                    chunk({}, "stop", usage=USAGE)), None, TEXT, "stop"),
    "usage_beside_calls": (stream(chunk(call(0, "", "call_a", "add"), usage=USAGE), chunk(call(0, '{"x"'), usage=USAGE),
                                  chunk(call(0, ":1}"), "tool_calls", usage=USAGE)), None, ADD, "tool_calls"),
    "unknown_finish_reason": (stream(HEL, LO, chunk({}, "nobody_knows_this"), FIGURES),
                              whole(message("hello", "nobody_knows_this")), TEXT, "length"),
    "finish_reason_in_capitals": (stream(HEL, LO, chunk({}, "MAX_TOKENS"), FIGURES), whole(message("hello", "MAX_TOKENS")),
                                  TEXT, "length"),
    "finish_reason_safety": (stream(HEL, LO, chunk({}, "SAFETY"), FIGURES), whole(message("hello", "SAFETY")),
                             TEXT, "content_filter"),
    "kept_open_with_heartbeats": (cut(HEL, LO, STOP, FIGURES, hold=30, ping=1), None, TEXT, "stop"),
    "call_kept_open_with_heartbeats": (cut(CALL, chunk({}, "tool_calls"), FIGURES, hold=30, ping=1), None, ADD,
                                       "tool_calls"),
    "reset_after_the_finish": (cut(HEL, LO, STOP, FIGURES, reset=True), None, TEXT, "stop"),
    "call_reset_after_the_finish": (cut(CALL, STOP, FIGURES, reset=True), None, ADD, "tool_calls"),
    "no_done": (stream(HEL, LO, STOP, FIGURES, done=False), None, TEXT, "stop"),
    "sse_for_a_whole_answer": (None, stream(HEL, LO, STOP, FIGURES), TEXT, "stop"),
    "sse_for_a_whole_call": (None, stream(chunk(call(0, "", "call_a", "add")), chunk(call(0, '{"x":1}')), STOP, FIGURES),
                             ADD, "tool_calls"),
    "json_for_a_stream": (whole(message("hello")), None, TEXT, "stop"),
    "json_call_for_a_stream": (whole(message(None, "tool_calls", tool_calls=CALLS)), None, ADD, "tool_calls"),
}


# --- what clients choke on when it comes from a server directly: rows of a measured table, framing first

def events(*lines, end="\n\n", field="data: ", done="[DONE]", kind="text/event-stream", before="", after=""):
    """A stream in one body, written in another way."""
    body = before + "".join(field + e + end for e in (ROLE, *lines, done)) + after
    return replay.answer(replay.whole(body, kind=kind))


BEFORE = set(COMPLETE)
ALL_OF_IT = (HEL, LO, STOP, FIGURES)


def without(text, *members):
    return json.dumps({k: v for k, v in json.loads(text).items() if k not in members})


def with_delta(delta, finish="absent"):
    choice = {"index": 0, "delta": delta, **({} if finish == "absent" else {"finish_reason": finish})}
    return json.dumps({**BASE, "object": "chat.completion.chunk", "choices": [choice]})


def unlabelled(body):
    return replay.answer(replay.whole(body).replace(b"Content-Type: application/json\r\n", b""))


def gzipped(*lines):
    body = gzip.compress("".join(f"data: {e}\n\n" for e in (ROLE, *lines, "[DONE]")).encode())
    return replay.answer(replay.whole(body, kind="text/event-stream\r\nContent-Encoding: gzip"))


def tool(**members):
    return with_delta({"tool_calls": [members]}, None)


def adds(*deltas):
    """A stream of one call."""
    return stream(*deltas, chunk({}, "tool_calls"), FIGURES)


NAMED = {"name": "add", "arguments": '{"x"'}
REST = {"arguments": ":1}"}
COMPLETE.update({kind: (answer, None, TEXT, "stop") for kind, answer in {
    "data_without_space": events(*ALL_OF_IT, field="data:"),
    "crlf": events(*ALL_OF_IT, end="\r\n\r\n"),
    "carriage_returns": events(*ALL_OF_IT, end="\r\r"),
    "no_content_type": unlabelled("".join(f"data: {e}\n\n" for e in (ROLE, *ALL_OF_IT, "[DONE]"))),
    "byte_order_mark": events(*ALL_OF_IT, before="\ufeff"),
    "data_in_several_lines": events(*(e.replace('"choices"', '\ndata: "choices"') for e in ALL_OF_IT)),
    "comments": events(*ALL_OF_IT, end="\n\n: comment\n\n"),
    "charset": events(*ALL_OF_IT, kind="text/event-stream; charset=utf-8"),
    "labelled_as_json": events(*ALL_OF_IT, kind="application/json"),
    "ping_without_data": events(*ALL_OF_IT, end="\n\nevent: ping\n\n"),
    "ping_with_an_object": events(*ALL_OF_IT, end="\n\nevent: ping\ndata: {}\n\n"),
    "empty_data": events(*ALL_OF_IT, end="\n\ndata:\n\n"),
    "done_with_a_space": events(*ALL_OF_IT, done="[DONE] "),
    "bytes_after_done": events(*ALL_OF_IT, after=f"data: {HEL}\n\n"),
    "gzip": gzipped(*ALL_OF_IT),
    "figures_without_choices": stream(HEL, LO, STOP, without(FIGURES, "choices")),
    "figures_with_null_choices": stream(HEL, LO, STOP, FIGURES.replace("[]", "null")),
    "figures_twice": stream(HEL, LO, chunk({}, "stop", usage=USAGE), chunk({}, "stop", usage=USAGE)),
    "null_figures": stream(*(chunk({"content": t}, usage=None) for t in ("hel", "lo")), STOP, FIGURES),
    "null_errors": stream(*(chunk({"content": t}, error=None) for t in ("hel", "lo")), STOP, FIGURES),
    "null_delta": stream(HEL, LO, with_delta(None, "stop"), FIGURES),
    "no_role": replay.answer(replay.stream(*ALL_OF_IT)),
    "no_finish_reason_until_the_end": stream(*(with_delta({"content": t}) for t in ("hel", "lo")), STOP, FIGURES),
    "content_as_parts": stream(*(chunk({"content": [{"type": "text", "text": t}]}) for t in ("hel", "lo")), STOP, FIGURES),
}.items()})
COMPLETE.update({kind: (answer, None, ADD, "tool_calls") for kind, answer in {
    "call_without_index": adds(tool(id="call_a", type="function", function={"name": "add", "arguments": '{"x":1}'})),
    "call_without_type": adds(tool(index=0, id="call_a", function=NAMED), tool(index=0, function=REST)),
    "call_with_null_names": adds(tool(index=0, id="call_a", type="function", function=NAMED),
                                 tool(index=0, id=None, type=None, function={"name": None, **REST})),
    "call_with_empty_names": adds(tool(index=0, id="call_a", type="function", function=NAMED),
                                  tool(index=0, id="", type="function", function={"name": "", **REST})),
    "call_with_repeated_names": adds(tool(index=0, id="call_a", type="function", function=NAMED),
                                     tool(index=0, id="call_a", type="function", function={"name": "add", **REST})),
    "call_with_a_gap": adds(tool(index=1, id="call_a", type="function", function=NAMED), tool(index=1, function=REST)),
    "arguments_as_an_object": adds(tool(index=0, id="call_a", type="function", function={"name": "add", "arguments": {"x": 1}})
                                   .replace('{"x": 1}', '{"x":1}')),
}.items()})
COMPLETE["plain_text_label"] = (None, replay.answer(replay.whole(message("hello"), kind="text/plain")), TEXT, "stop")
COMPLETE["no_label"] = (None, unlabelled(message("hello")), TEXT, "stop")
COMPLETE["white_space_first"] = (None, replay.answer(replay.whole(" \n \n" + message("hello"))), TEXT, "stop")
CHOKED = tuple(kind for kind in COMPLETE if kind not in BEFORE)
# Behind a delta: the text that came before the failure. Every client has to throw.
OVERLOADED = {"message": "overloaded", "code": 502}
OPEN = chunk(call(0, '{"x":', "call_a", "add"))
APART = {"gap": 0.05}  # the delta has left before the failure comes
BROKEN = {
    "cut_before_the_finish": (cut(HEL, LO, reset=True, **APART), "hello"),
    "ended_before_the_finish": (stream(HEL, LO, done=False, **APART), "hello"),
    "cut_in_the_arguments": (cut(OPEN, reset=True, **APART), ""),
    "done_in_the_arguments": (stream(OPEN, FIGURES, **APART), ""),
    "error_event_after_a_delta": (stream(HEL, LO, json.dumps({"error": OVERLOADED}), **APART), "hello"),
    "error_text_after_a_delta": (stream(HEL, LO, json.dumps({"error": "overloaded"}), **APART), "hello"),
    "error_event_in_the_arguments": (stream(OPEN, json.dumps({"error": OVERLOADED}), **APART), ""),
    "error_beside_choices_after_a_delta": (stream(HEL, LO, chunk({"content": ""}, "error", error=OVERLOADED), **APART), "hello"),
    "event_named_error_after_a_delta": (replay.answer(replay.whole(
        f"data: {ROLE}\n\ndata: {HEL}\n\ndata: {LO}\n\nevent: error\ndata: {json.dumps(OVERLOADED)}\n\n",
        kind="text/event-stream"), **APART), "hello"),
    "half_an_event": (replay.answer(replay.whole(f"data: {ROLE}\n\ndata: {HEL}\n\ndata: {LO}\n\ndata: {STOP[:40]}",
                                                 kind="text/event-stream"), **APART), "hello"),
    "finish_reason_error_after_a_delta": (stream(HEL, LO, chunk({}, "error"), FIGURES, **APART), "hello"),
}
# Before the first delta: 502 of one provider, the other one's answer where there is another.
REFUSED = {
    "cut_before_a_delta": (cut(reset=True), whole(message("hello")[:60] + " " * 99)),
    "error_before_a_delta": (stream(json.dumps({"error": OVERLOADED})), whole(json.dumps({"error": OVERLOADED}))),
}
