#!/usr/bin/env python3
"""Images, speech, transcripts, moderations and ranks as bytes: what the provider is sent, what the client gets, what
it pays in images, seconds, characters, queries or tokens; receipts, fallback, a client that leaves; what is refused."""

import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import rig  # noqa: E402
from rig import case, equal, fresh, seen, sql, true, wait_until  # noqa: E402

ESTIMATED, CLAMPED, CLIENT_GONE, FALLBACK = 4, 8, 16, 32  # proto/usage.h
IMAGE, SECOND, CHARACTER, QUERY = 2, 3, 4, 5  # proto/price.h
WAV = (b"RIFF\xff\xff\xff\x00WAVEfmt \x10\0\0\0\x01\0\x01\0\x80>\0\0\0}\0\0\x02\0\x10\0data\xff\xff\xff\0")
BOUNDARY = "----formdata-of-a-test"
SECRET = "canary-modal-9d41"


def ask(path, body, key=None, prefix="/v1", headers=None):
    c = rig.Client(rig.env("TR_BASE_URL").replace("/v1", prefix), key=key and key["key"])
    try:
        return c.request("POST", path, body, headers)
    finally:
        c.close()


def json_call(path, mock="", key=None, prefix="/v1", **members):
    if mock:
        members["mock"] = {"*": mock}
    return ask(path, members, key, prefix)


def form_body(fields, files, boundary=BOUNDARY):
    out = b""
    for name, value in fields:
        out += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode() + str(value).encode() + b"\r\n"
    for name, filename, kind, data in files:
        out += (f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"\r\n'
                f"Content-Type: {kind}\r\n\r\n").encode() + data + b"\r\n"
    return out + f"--{boundary}--\r\n".encode()


def form_call(path, fields, files, mock="", key=None, prefix="/v1", boundary=BOUNDARY, named=None):
    if mock:
        fields = [*fields, ("mock", json.dumps({"*": mock}))]
    return ask(path, form_body(fields, files, boundary), key, prefix,
               {"Content-Type": f"multipart/form-data; boundary={named or boundary}"})


def good(a):
    equal(a.status, 200, a)
    return a


def audio(seconds):
    return [("file", "speech.wav", "audio/wav", WAV + b"s" * (seconds * 32000 - len(WAV)))]


PICTURE = [("image", "a.png", "image/png", b"\x89PNG\r\n\x1a\n picture")]


def rows(key):
    return [tuple(map(int, r)) for r in sql(
        "select cost_nusd, tokens_prompt, tokens_completion, units, unit_kind, flags, http_status from usage u "
        f"join api_key k using (key_id) where k.name = '{key['name']}' order by received_ms")]


def paid(key, n=1):
    return wait_until(lambda: len(rows(key)) >= n and rows(key), 10, "a usage record")[-1]


@case
def images_by_the_image():
    key = rig.new_key()
    a = good(json_call("/images/generations", key=key, model="demo/image", prompt="a cat", n=3, size="1024x1024",
                       response_format="b64_json", user="end-user", session_id="s"))
    equal(len(a.json()["data"]), 3)
    true("POST /v1/images/generations HTTP/1.1" in rig.last_head(), rig.last_head())
    equal(json.loads(rig.last_body()), {"model": "up-image", "prompt": "a cat", "n": 3, "size": "1024x1024",
                                        "response_format": "b64_json"})
    equal(paid(key), (3 * 40_000_000, 0, 0, 3, IMAGE, 0, 200))


@case
def images_by_the_token():
    key = rig.new_key()
    a = good(json_call("/images/generations", "prompt=100", key=key, model="demo/image-tokens", prompt="a cat", n=2,
                       size="1536x1024", quality="high"))
    equal(a.json()["usage"]["output_tokens"], 544)
    equal(paid(key), (100 * 5000 + 544 * 40000, 100, 544, 2, IMAGE, 0, 200))
    good(json_call("/images/generations", "usage=missing,prompt=100", key=key, model="demo/image-tokens", prompt="a cat"))
    cost, prompt, completion, units, _, flags, _ = paid(key, 2)
    true(flags & ESTIMATED and completion > 0 and cost >= completion * 40000 and (units, prompt) == (1, 2), rows(key))


@case
def a_size_that_the_price_does_not_cover():
    """The twin of the two above: where an image has a price, another size and quality are refused by name."""
    for member, value in (("size", "1792x1024"), ("quality", "hd")):
        a = json_call("/images/generations", model="demo/image", prompt="x", **{member: value})
        equal((a.status, a.error()["param"], a.error()["code"]), (400, member, "unsupported_parameter"), a)
        good(json_call("/images/generations", model="demo/image-tokens", prompt="x", **{member: value}))


@case
def images_edited():
    key = rig.new_key()
    files = [("image[]", "a.png", "image/png", b"\x89PNG\r\n\x1a\nA"), ("image[]", "b.png", "image/png", b"\r\n--\r\n"),
             ("mask", "m.png", "image/png", b"M")]
    a = good(form_call("/images/edits", [("prompt", SECRET), ("model", "demo/image-tokens"), ("n", 2), ("user", "u")],
                       files, key=key))
    equal(len(a.json()["data"]), 2)
    equal(rig.last_body(), form_body([("model", "up-image-tokens"), ("prompt", SECRET), ("n", 2)], files))
    true(f'content-type: multipart/form-data; boundary="{BOUNDARY}"' in rig.last_head(), rig.last_head())
    equal(paid(key)[2:], (544, 2, IMAGE, 0, 200))


@case
def speech():
    key = rig.new_key()
    a = good(json_call("/audio/speech", key=key, model="demo/speech", input="hello \u20ac", voice="alloy"))
    equal((a.header("content-type"), a.body[:4], len(a.body)), ("audio/mpeg", b"\xff\xfb\x90\x00", 3204))
    equal(paid(key), (7 * 15_000, 0, 0, 7, CHARACTER, 0, 200))
    a = good(json_call("/audio/speech", prefix="/api/v1", model="demo/speech", input="x", voice="v", response_format="wav"))
    equal((a.header("content-type"), a.body[:4]), ("audio/wav", b"RIFF"))
    good(json_call("/audio/speech", key=key, model="demo/speech-tokens", input="x" * 100, voice="v"))
    cost, prompt, completion, units, kind, flags, _ = paid(key, 2)
    equal((prompt, completion, units, kind, flags, cost), (25, 151, 100, CHARACTER, ESTIMATED, 25 * 600 + 151 * 12000))


@case
def transcripts():
    key = rig.new_key()
    file = audio(5)
    a = good(form_call("/audio/transcriptions", [("model", "demo/transcribe"), ("language", "en")], file, key=key))
    equal(a.json()["text"], "You sent 160000 bytes.")
    equal(rig.last_body(), form_body([("model", "up-transcribe"), ("language", "en")], file))
    equal(paid(key), (5 * 100_000, 0, 0, 5, SECOND, 0, 200))
    for n, (form, begins, kind, flags) in enumerate((("verbose_json", b'{"text"', "application/json", 0),
                                                     ("text", b"You sent", "text/plain; charset=utf-8", ESTIMATED),
                                                     ("srt", b"1\n00:00", "text/plain; charset=utf-8", ESTIMATED),
                                                     ("vtt", b"WEBVTT", "text/vtt; charset=utf-8", ESTIMATED))):
        a = good(form_call("/audio/transcriptions", [("model", "demo/transcribe"), ("response_format", form)], file, key=key))
        true(a.body.startswith(begins) and a.header("content-type") == kind, (a, a.header("content-type")))
        # where the answer says no length, the header of the file does: a second that has begun is one
        equal(paid(key, n + 2)[3:], (6 if flags else 5, SECOND, flags, 200), form)
    good(form_call("/audio/translations", [("model", "demo/transcribe")], file, key=key))
    true("POST /v1/audio/translations " in rig.last_head())


@case
def transcripts_by_the_token():
    key = rig.new_key()
    a = good(form_call("/audio/transcriptions", [("model", "demo/transcribe-tokens")], audio(5), key=key))
    equal(a.json()["usage"]["input_token_details"]["audio_tokens"], 50)
    cost, prompt, completion, units, kind, flags, _ = paid(key)
    equal((prompt, completion, kind, flags, cost), (50, 7, SECOND, 0, 50 * 6000 + 7 * 10000))


@case
def moderations_and_ranks():
    key = rig.new_key()
    a = good(json_call("/moderations", key=key, model="demo/moderate", input=["a", "b"]))
    equal(len(a.json()["results"]), 2)
    equal(json.loads(rig.last_body()), {"model": "up-moderate", "input": ["a", "b"]})
    equal(paid(key)[0], 100_000)
    a = good(json_call("/rerank", key=key, model="demo/rank", query="q", documents=["a"] * 101, top_n=2))
    equal(len(a.json()["results"]), 101)
    equal(paid(key, 2)[0], 2 * 2_000_000)
    equal(paid(key, 2)[3:], (2, QUERY, 0, 200))


@case
def openrouter_reads_cost():
    a = good(json_call("/rerank", prefix="/api/v1", model="demo/rank", query="q", documents=["a"])).json()
    equal(a["usage"]["cost"], 0.002)
    a = good(json_call("/images/generations", prefix="/api/v1", model="demo/image-tokens", prompt="x")).json()
    true(a["usage"]["cost"] > 0 and a["usage"]["output_tokens"] == 272, a["usage"])
    true("cost" not in good(json_call("/images/generations", model="demo/image-tokens", prompt="x")).json()["usage"])


@case
def receipts():
    for a, path in ((json_call("/audio/speech", model="demo/speech", input="x", voice="v"), "/v1/audio/speech"),
                    (form_call("/images/edits", [("model", "demo/image"), ("prompt", "x")], PICTURE), "/v1/images/edits")):
        good(a)
        c = rig.Client()
        r = c.request("GET", "/aci/receipts/" + a.header("x-receipt-id"))
        c.close()
        equal(r.status, 200, r)
        said = r.body.decode()
        true(path in said and str(len(a.body)) in said, said)


@case
def fallback_and_failure():
    key = rig.new_key()
    a = ask("/images/generations", {"model": "demo/image", "prompt": "x", "mock": {"demo-a": "fail=503"}}, key)
    equal((good(a).header("x-tr-provider"), a.header("x-tr-fallback-from")), ("demo-b", "demo-a"))
    equal(paid(key)[:5], (40_000_000, 0, 0, 1, IMAGE))
    for n, words in enumerate(("fail=500", "badjson", "body")):
        a = json_call("/images/generations", words, key=key, model="demo/image", prompt="x")
        true(a.status >= 400 and "error" in a.json(), a)
        equal(paid(key, n + 2)[:3], (0, 0, 0), words)
    a = json_call("/audio/speech", "body", key=key, model="demo/speech", input="x", voice="v")
    true(a.status >= 400 and a.header("content-type") == "application/json", a)


@case
def a_client_that_leaves():
    """It pays what the provider was asked for: both images."""
    key, ident = rig.new_key(), fresh()
    s = rig.send_request({"model": "demo/image", "prompt": "x", "n": 2, "mock": {"*": f"delay_us=1500000,id={ident}"}},
                         key["key"], path="/images/generations")
    wait_until(lambda: seen(ident), 10, "the provider's request")
    s.close()
    cost, _, _, units, kind, flags, status = paid(key)
    equal((cost, units, kind, flags & CLIENT_GONE, status), (80_000_000, 2, IMAGE, CLIENT_GONE, 499))


@case
def money_before_it_is_asked():
    """A key that cannot pay all ten images asks nobody; nine it can."""
    key = rig.new_key(limit=0.37)
    before = rig.counters("demo-a")["requests"]
    a = json_call("/images/generations", key=key, model="demo/image", prompt="x", n=10)
    equal((a.status, rig.counters("demo-a")["requests"]), (402, before), a)
    good(json_call("/images/generations", key=key, model="demo/image", prompt="x", n=9))


@case
def the_wrong_model():
    for path, body in (("/images/generations", {"prompt": "x"}), ("/audio/speech", {"input": "x", "voice": "v"}),
                       ("/moderations", {"input": "x"}), ("/rerank", {"query": "q", "documents": ["a"]})):
        for model, sentence in (("demo/echo", "This model"), ("demo/no-such", None)):
            a = ask(path, {"model": model, **body})
            equal((a.status, a.error()["code"]), (404, "model_not_found"), a)
            true(sentence is None or sentence in a.error()["message"], a)
    equal(form_call("/audio/transcriptions", [("model", "demo/echo")], audio(1)).status, 404)
    a = rig.chat(model="demo/image")
    true(a.status == 404 and "/v1/images/generations" in a.error()["message"], a)


@case
def what_is_refused():
    for path, body, param in (
            ("/images/generations", {"model": "demo/image", "prompt": "x", "n": 11}, "n"),
            ("/images/generations", {"model": "demo/image", "prompt": "x", "stream": True}, "stream"),
            ("/images/generations", {"model": "demo/image", "prompt": "x", "partial_images": 2}, "partial_images"),
            ("/images/generations", {"model": "demo/image"}, "prompt"),
            ("/audio/speech", {"model": "demo/speech", "input": "x", "voice": "v", "stream_format": "sse"}, "stream_format"),
            ("/rerank", {"model": "demo/rank", "query": "q"}, "documents")):
        a = ask(path, body)
        equal((a.status, a.error()["param"]), (400, param), a)
    a = ask("/audio/transcriptions", {"model": "demo/transcribe"})
    equal(a.status, 415, a)
    a = form_call("/audio/transcriptions", [("model", "demo/transcribe")], audio(1), named="another")
    equal(a.status, 415, a)
    a = ask("/images/generations", form_body([("model", "demo/image"), ("prompt", "x")], []), None, "/v1",
            {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"})
    equal(a.status, 415, a)


@case
def a_form_has_one_meaning():
    """A field that only a careless reader sees is not sent to a provider."""
    inside = f'\n--{BOUNDARY}\nContent-Disposition: form-data; name="n"\n\n10\n'.encode()
    before = rig.counters("demo-a")["requests"]
    for data in (inside, b"\r\n" + inside[1:], b"x--" + BOUNDARY.encode()):
        a = form_call("/images/edits", [("model", "demo/image"), ("prompt", "x")], [("image", "a.png", "image/png", data)])
        equal((a.status, rig.counters("demo-a")["requests"]), (400, before), a)
    good(form_call("/images/edits", [("model", "demo/image"), ("prompt", "x")], PICTURE))


@case
def an_answer_split_anywhere():
    whole = good(json_call("/audio/speech", model="demo/speech", input="x", voice="v")).body
    for words in ("split=1", "split=60", "step=97", "frame=eof", "frame=eof,step=500"):
        equal(good(json_call("/audio/speech", words, model="demo/speech", input="x", voice="v")).body, whole, words)


@case
def a_large_form():
    """24 MiB of audio pass through, byte by byte the same."""
    file = [("file", "long.mp3", "audio/mpeg", os.urandom(24 << 20))]
    a = good(form_call("/audio/transcriptions", [("model", "demo/transcribe")], file))
    equal(rig.last_body(), form_body([("model", "up-transcribe")], file))
    equal(a.json()["text"], f"You sent {24 << 20} bytes.")


@case
def at_once():
    def one(i):
        text = f"text {i}" * (i % 7 + 1)
        good(json_call("/audio/speech", "delay_us=20000", model="demo/speech", input=text, voice="v"))
    rig.parallel(16, one)


@case
def nothing_is_logged():
    good(json_call("/audio/speech", model="demo/speech", input=SECRET, voice="v"))
    good(form_call("/images/edits", [("model", "demo/image"), ("prompt", SECRET)], [("image", SECRET + ".png", "image/png", b"x")]))
    log = os.path.join(os.environ.get("TR_RUN_DIR") or os.path.join(os.path.dirname(__file__), "../../run"), "log")
    for name in os.listdir(log):
        with open(os.path.join(log, name), "rb") as f:
            true(SECRET.encode() not in f.read(), name)


@case
def books_balance():
    rig.settled()
    equal(rig.violations(), [])


rig.main()
