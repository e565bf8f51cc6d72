"""The unmodified openai package: Responses, and reasoning that is replayed by chat."""

import base64
import json

import kit
from kit import BASE, CALLS, CITY, KEY, MODEL, NATIVE, ONLY_A, SAID, TEN, WANTED, plan
from rig import case, equal, fresh

import openai
from pydantic import BaseModel


def client(**options):
    options.setdefault("max_retries", 0)
    return openai.OpenAI(base_url=BASE, api_key=options.pop("api_key", KEY), **options)


class Plan(BaseModel):
    title: str
    weights: list[float]


FLAT = [{"type": "function", "name": n, "strict": True, "parameters": CITY} for n in ("weather", "traffic")]
NESTED = [{"type": "function", "function": {"name": n, "strict": True, "parameters": CITY}}
          for n in ("weather", "traffic")]


@case
def responses_text():
    ident = fresh()
    r = client().responses.create(model=MODEL, input=plan(f"id={ident}", "say Hello \u20ac"), instructions="Be brief.")
    equal((r.output_text, r.status, r.model), ("Hello \u20ac", "completed", MODEL))
    record = kit.records(ident)[-1]
    equal((r.usage.input_tokens, r.usage.output_tokens), (record["prompt"], record["completion"]))


@case
def responses_stream():
    ident = fresh()
    types, text = [], ""
    for e in client().responses.create(model=MODEL, input=plan(f"id={ident}", "think Hm.", "say " + TEN), stream=True):
        types.append(e.type)
        equal(e.sequence_number, len(types) - 1)
        if e.type == "response.output_text.delta":
            text += e.delta
    equal((text, types[0], types[-1]), (TEN, "response.created", "response.completed"))
    equal([o.type for o in e.response.output], ["reasoning", "message"])
    equal(e.response.usage.output_tokens, kit.records(ident)[-1]["completion"])


def responses_loop(stream):
    ident = fresh()
    items = [{"role": "user", "content": plan(f"replay,id={ident}", *CALLS)}]

    def ask():
        request = dict(model=MODEL, input=items, tools=FLAT, store=False, include=["reasoning.encrypted_content"],
                       reasoning={"effort": "low", "summary": "auto"})
        if not stream:
            return client().responses.create(**request)
        with client().responses.stream(**request) as s:
            return s.get_final_response()
    first = ask()
    equal([o.type for o in first.output], ["reasoning", "function_call", "function_call"])
    equal(first.output[0].summary[0].text, "I need both.")
    equal([(o.name, json.loads(o.arguments)) for o in first.output[1:]], WANTED)
    items.extend(o.model_dump(exclude_none=True, exclude={"parsed_arguments"}) for o in first.output)
    items.extend({"type": "function_call_output", "call_id": o.call_id, "output": kit.result_of(o.name)}
                 for o in first.output[1:])
    equal(ask().output_text, SAID)
    equal(kit.statuses(ident), [200, 200])


@case
def responses_loop_with_reasoning():
    responses_loop(False)


@case
def responses_loop_with_reasoning_streamed():
    responses_loop(True)


@case
def responses_structured_output():
    r = client().responses.parse(model=MODEL, input="plan", text_format=Plan)
    equal(r.output_parsed, Plan(title="sample", weights=[7.5]))


@case
def responses_errors():
    for status, kind in ((400, openai.BadRequestError), (429, openai.RateLimitError), (500, openai.InternalServerError)):
        kit.raises(kind, lambda: client().responses.create(model=ONLY_A, input=plan(f"fail={status}", "say x")), status)
    if NATIVE:
        return
    kit.raises(openai.AuthenticationError, lambda: client(api_key=kit.BAD_KEY).responses.create(model=MODEL, input="x"))
    kit.raises(openai.NotFoundError, lambda: client().responses.create(model="demo/nothing", input="x"))


@case
def responses_error_inside_a_stream():
    def read():
        return [e.type for e in client().responses.create(
            model=ONLY_A, input=plan("cadence_us=20000,error_at=4", "say " + TEN), stream=True)]
    try:
        last = read()[-1]
    except openai.APIError:
        return
    if last not in ("error", "response.failed"):
        raise AssertionError(f"the stream ended with {last}")


@case
def responses_retries():
    ident = fresh()
    r = client(max_retries=2).responses.create(
        model=ONLY_A, input=plan(f"id={ident},fail=429,retry_after_ms=50,times=2", "say after all"))
    equal((r.output_text, kit.statuses(ident)), ("after all", [429, 429, 200]))


@case
def responses_abort_closes_upstream():
    ident = fresh()
    s = client().responses.create(model=ONLY_A, input=plan(f"id={ident},cadence_us=10000", "say " + "word " * 500), stream=True)
    for e in s:
        if e.type == "response.output_text.delta":
            break
    s.close()
    kit.aborted_soon(ident, kit.now())


@case
def chat_loop_with_reasoning():
    ident = fresh()
    messages = [{"role": "user", "content": plan(f"replay,id={ident}", *CALLS)}]
    m = client().chat.completions.create(model=MODEL, messages=messages, tools=NESTED).choices[0].message
    equal([(t.function.name, json.loads(t.function.arguments)) for t in m.tool_calls], WANTED)
    messages += [m.model_dump(exclude_none=True)] + [
        {"role": "tool", "tool_call_id": t.id, "content": kit.result_of(t.function.name)} for t in m.tool_calls]
    equal(client().chat.completions.create(model=MODEL, messages=messages, tools=NESTED).choices[0].message.content, SAID)
    equal(kit.statuses(ident), [200, 200])


@case
def embeddings():
    """The package asks for base64 unless it is told otherwise, and decodes it."""
    ask = dict(model=kit.EMBEDDER, input=["a", "b"], dimensions=24)
    packed, plain, numbers = (client().embeddings.create(**ask, **more) for more in (
        {}, {"encoding_format": "float"}, {"extra_body": {"mock": {"*": "floats"}}}))
    vectors = [d.embedding for d in packed.data]
    equal(([len(v) for v in vectors], [d.index for d in packed.data]), ([24, 24], [0, 1]))
    equal([d.embedding for d in plain.data], vectors)
    equal([d.embedding for d in numbers.data], vectors)
    equal((packed.model, packed.usage.prompt_tokens > 0), (kit.EMBEDDER, True))
    equal(client().embeddings.create(model=kit.EMBEDDER, input="b", dimensions=24).data[0].embedding, vectors[1])


@case
def images():
    made = client().images.generate(model="demo/image", prompt="a cat", n=2, size="1024x1024", response_format="b64_json")
    equal([base64.b64decode(d.b64_json)[1:4] for d in made.data], [b"PNG", b"PNG"])
    picture = ("a.png", base64.b64decode(kit.PNG), "image/png")
    edited = client().images.edit(model="demo/image-tokens", image=[picture, picture], mask=picture, prompt="x",
                                  quality="high")
    equal((len(edited.data), edited.usage.output_tokens), (1, 272))
    if not NATIVE:
        kit.raises(openai.NotFoundError, lambda: client().images.generate(model=MODEL, prompt="a cat"))


@case
def speech_and_its_transcript():
    wav = client().audio.speech.create(model="demo/speech", voice="alloy", input="hello", response_format="wav").read()
    equal(wav[:4], b"RIFF")
    with client().audio.speech.with_streaming_response.create(model="demo/speech", voice="alloy", input="hello") as r:
        equal(b"".join(r.iter_bytes())[:2], b"\xff\xfb")

    def ask(**more):
        return client().audio.transcriptions.create(model="demo/transcribe", file=("a.wav", wav), **more)
    said = f"You sent {len(wav)} bytes."
    equal(ask().text, said)
    equal(ask(response_format="text"), said + "\n")
    equal(ask(response_format="verbose_json", timestamp_granularities=["word", "segment"]).duration > 0, True)
    equal(client().audio.translations.create(model="demo/transcribe", file=("a.wav", wav)).text, said)


@case
def moderations():
    r = client().moderations.create(model="demo/moderate", input=["a", "b"])
    equal([x.flagged for x in r.results], [False, False])


if __name__ == "__main__":
    kit.main()
