"""The unmodified anthropic package."""

import json

import kit
from kit import CALLS, CITY, HOST, KEY, MODEL, NATIVE, ONLY_A, PNG, SAID, TEN, WANTED, plan
from rig import case, equal, fresh, last_body, true

import anthropic

TOOLS = [{"name": n, "description": n, "input_schema": CITY} for n in ("weather", "traffic")]
THINKING = {"type": "adaptive"}


def client(**options):
    options.setdefault("max_retries", 0)
    return anthropic.Anthropic(base_url=HOST, api_key=options.pop("api_key", KEY), **options)


def request(content, **more):
    return {"model": MODEL, "max_tokens": 1024, "messages": [{"role": "user", "content": content}], **more}


@case
def text():
    ident = fresh()
    r = client().messages.create(**request(plan(f"id={ident}", "say Hello \u20ac"), system="Be brief."))
    equal((r.content[0].text, r.stop_reason, r.model), ("Hello \u20ac", "end_turn", MODEL))
    record = kit.records(ident)[-1]
    equal((r.usage.input_tokens, r.usage.output_tokens), (record["prompt"], record["completion"]))


@case
def stream():
    ident = fresh()
    with client().messages.stream(**request(plan(f"id={ident}", "think Hm.", "say " + TEN), thinking=THINKING)) as s:
        equal("".join(s.text_stream), TEN)
        final = s.get_final_message()
    equal([b.type for b in final.content], ["thinking", "text"])
    equal(final.usage.output_tokens, kit.records(ident)[-1]["completion"])


def loop(streamed):
    ident = fresh()
    ask = request(plan(f"replay,id={ident}", *CALLS), tools=TOOLS, thinking=THINKING)

    def get():
        if not streamed:
            return client().messages.create(**ask)
        with client().messages.stream(**ask) as s:
            return s.get_final_message()
    first = get()
    equal([b.type for b in first.content], ["thinking", "tool_use", "tool_use"])
    equal([(b.name, b.input) for b in first.content[1:]], WANTED)
    ask["messages"] += [
        {"role": "assistant", "content": first.content},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": b.id, "content": kit.result_of(b.name)}
                                     for b in first.content[1:]]}]
    equal([b.text for b in get().content if b.type == "text"], [SAID])
    equal(kit.statuses(ident), [200, 200])


@case
def loop_with_thinking():
    loop(False)


@case
def loop_with_thinking_streamed():
    loop(True)


@case
def tool_runner():
    """It offers to leave the conversation with the server, and goes on without that when it is told that there is no
    such thing here."""
    @anthropic.beta_tool
    def weather(city: str) -> str:
        """The weather of a city.

        Args:
            city: its name
        """
        return "sun in " + city

    ident = fresh()
    runner = client().beta.messages.tool_runner(
        **request(plan(f"replay,id={ident}", 'call weather {"city":"Bern"}', "say It says {result}."), thinking=THINKING),
        tools=[weather])
    equal([b.text for b in runner.until_done().content if b.type == "text"], ["It says sun in Bern."])
    equal(kit.statuses(ident)[-2:], [200, 200])


@case
def structured_output():
    schema = {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"], "additionalProperties": False}
    r = client().messages.create(**request("plan", output_config={"format": {"type": "json_schema", "schema": schema}}))
    equal(json.loads(r.content[0].text), {"title": "sample"})


@case
def image():
    client().messages.create(**request([{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
                                        {"type": "text", "text": "What?"}], model=ONLY_A))
    true(PNG.encode() in last_body(), "the picture")


@case
def errors():
    for status, kind in ((400, anthropic.BadRequestError), (429, anthropic.RateLimitError), (529, anthropic.InternalServerError)):
        kit.raises(kind, lambda: client().messages.create(**request(plan(f"fail={status}", "say x"), model=ONLY_A)), status)
    if NATIVE:
        return
    kit.raises(anthropic.AuthenticationError, lambda: client(api_key=kit.BAD_KEY).messages.create(**request("x")))
    kit.raises(anthropic.NotFoundError, lambda: client().messages.create(**request("x", model="demo/nothing")))


@case
def error_inside_a_stream():
    def read():
        with client().messages.stream(**request(plan("cadence_us=20000,error_at=4", "say " + TEN), model=ONLY_A)) as s:
            return s.get_final_message()
    kit.raises(anthropic.APIError, read)


@case
def retries():
    ident = fresh()
    r = client(max_retries=2).messages.create(
        **request(plan(f"id={ident},fail=529,retry_after_ms=50,times=2", "say after all"), model=ONLY_A))
    equal((r.content[0].text, kit.statuses(ident)), ("after all", [529, 529, 200]))


@case
def abort_closes_upstream():
    ident = fresh()
    with client().messages.stream(**request(plan(f"id={ident},cadence_us=10000", "say " + "word " * 500), model=ONLY_A)) as s:
        next(iter(s.text_stream))
    kit.aborted_soon(ident, kit.now())


if __name__ == "__main__":
    kit.main()
