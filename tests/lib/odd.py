"""A provider's unusual answers, and what they mean: for programs that look at what becomes of them in one dialect or
another. Every answer is a replay.answer."""

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
    "finish_reason_error_after_a_delta": (stream(HEL, LO, chunk({}, "error"), FIGURES, **APART), "hello"),
}
# Before the first delta: 502 of one provider, the other one's answer where there is another.
REFUSED = {
    "cut_before_a_delta": (cut(reset=True), whole(message("hello")[:60] + " " * 99)),
    "error_before_a_delta": (stream(json.dumps({"error": OVERLOADED})), whole(json.dumps({"error": OVERLOADED}))),
}
