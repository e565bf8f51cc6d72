#!/bin/bash
# Goal: nothing of a conversation is anywhere but in the data plane's memory while it lasts. Distinct
# canaries travel in the prompt, system text, tool arguments, image data, API key, provider key, the
# provider's error text, thoughts, the model's output, names of apps and idempotency keys, in each API that a
# client can speak, through answers, streams, errors, fallbacks, aborts and big bodies; so do the salts and hashes of
# its receipts, which are for the key's owner. All the while every byte of the link is written down in clear, by a library
# that the control plane is started with (tests/lib/link_tap.c). A few seconds after the last response each is searched for in every log, the
# database (its dump and its files), the bytes of the link, /tmp, the run directory, /metrics and the data plane's memory: none is there.
# Seeded leaks prove that each search finds one.
#
# Two places are where a canary belongs: the operator's file of provider keys, and the memory of the data
# plane for the provider key it is using. They are left out, and nothing else is.
#
# The data plane's memory is its own: only root may look. As another user this runs itself through sudo
# when that asks for no password, and leaves the memory out, saying so, when it does.
set -eu
cd "$(dirname "$0")/../.."
if [ "$(id -u)" != 0 ] && sudo -n true 2>/dev/null; then
    exec sudo -n --preserve-env="$(env | sed -n 's/^\(TR_[A-Z_]*\)=.*/\1/p' | paste -sd,)" "$0" "$@"
fi
export TR_CASE_PREFIX=$(basename "$0" .sh) PYTHONPATH=tests/lib
exec python3 - "$@" <<'PY'
import base64, hashlib, json, os, subprocess, sys, tempfile, time, urllib.request
import dialects, replay, rig
from leaks import in_bytes, in_dump, in_file, in_memory, in_tree
from rig import case, equal, fresh, wait_until

RUN = rig.env("TR_RUN_DIR")


def canary(kind):
    return f"CANARY{kind}{os.urandom(9).hex()}"


PROMPT, SYSTEM, TOOL, OUTPUT, ERROR, THOUGHT = (canary(k) for k in ("PROMPT", "SYSTEM", "TOOLARG", "OUTPUT", "ERRTEXT", "THOUGHT"))
TITLE, AGAIN = canary("TITLE"), canary("AGAIN")  # of an app, and an idempotency key
PICTURE = base64.b64encode(canary("IMAGE").encode() * 3).decode()
KEY = rig.new_key()
with open(os.path.join(RUN, "conf/provider-keys.conf")) as f:
    PROVIDER_KEY = dict(line.strip().split(" = ") for line in f if " = " in line)["demo-a"]
CONTENT = {"prompt": PROMPT, "system text": SYSTEM, "tool arguments": TOOL, "image data": PICTURE,
           "model output": OUTPUT, "provider error text": ERROR, "API key": KEY["key"], "thoughts": THOUGHT,
           "name of an app": TITLE, "idempotency key": AGAIN}
EVERYTHING = dict(CONTENT, **{"provider key": PROVIDER_KEY})
BORN = time.time()


# --- searches

MEMORY = os.access(f"/proc/{rig.pid('dataplane')}/mem", os.R_OK)


def in_metrics(needles):
    with urllib.request.urlopen(rig.env("TR_METRICS_URL"), timeout=5) as f:
        return in_bytes(f.read(), needles, "/metrics")


SKIP = (os.path.join(RUN, "conf/provider-keys.conf"),)


def everywhere(needles=None):
    files = needles or EVERYTHING
    # Before looking at the database's files, write everything out.
    rig.sql("checkpoint")
    return (in_tree(RUN, files, SKIP) + in_tree("/tmp", files, SKIP, BORN - 1) + in_dump(files) +
            in_metrics(files))


# --- the link, in clear

class Tap:
    """A control plane whose link is written down; afterwards one without."""

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(dir="/var/tmp")
        self.path = os.path.join(self.folder.name, "link")
        library = os.path.join(self.folder.name, "tap.so")
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library, "tests/lib/link_tap.c"], check=True)
        self.again({"LD_PRELOAD": library, "TR_LINK_TAP": self.path})
        return self

    def again(self, env):
        rig.stop("controlplane")
        before = dict(os.environ)
        os.environ.update(env)
        try:
            rig.start("controlplane")
        finally:
            os.environ.clear()
            os.environ.update(before)
        wait_until(lambda: rig.health()["link"] == "connected", 30, "the link is back")

    def __exit__(self, *_):
        self.again({})
        self.folder.cleanup()


# --- the traffic

def send_all():
    messages = [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": [
            {"type": "text", "text": PROMPT},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64," + PICTURE}}]},
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": json.dumps({"a": TOOL})}}]},
        {"role": "tool", "tool_call_id": "call_1", "content": TOOL}]
    user = {"user": PROMPT}

    def ask(mock, **members):
        c = rig.Client(key=KEY["key"], timeout=60)
        try:
            a = c.chat(mock, messages=messages, **{**user, **members})
            return a.body
        except (OSError, rig.http.client.HTTPException):
            return b""
        finally:
            c.close()
    say = f"text={OUTPUT * 3},chunk=40"
    both = {"model": "demo/echo"}
    a = {"model": "demo/only-a"}
    equal(OUTPUT.encode() in ask(say, **both), True, "the output arrives")
    equal(OUTPUT.encode() in ask(say, stream=True, **both), True, "the streamed output arrives")
    equal(ERROR.encode() in ask(f"fail=400,error_text={ERROR}", **a), True, "the error's text arrives")
    ask(f"fail=500,error_text={ERROR}", **a)
    ask(f"fail=429,error_text={ERROR}", **both)
    ask(f"fail=body,error_text={ERROR}", **a)
    ask(f"fail=first,error_text={ERROR}", stream=True, **a)
    ask(f"{say},error_at=2,error_text={ERROR}", stream=True, **a)
    for fault in ("close_at=2", "rst_at=2", "cut_at=2", "split=300", "step=50", "azure", "fail=truncjson",
                  "fail=badjson", "fail=rst"):
        ask(f"{say},{fault}", stream=fault[:4] != "fail", **a)
    ask({"demo-a": f"fail=500,error_text={ERROR}", "demo-b": say}, provider={"order": ["demo-a", "demo-b"]},
        **both)
    ask(say, n="bad", **a)
    ask(say, stream="bad", **a)
    ask(say, tools=[{"type": "function", "function": {"name": "f", "description": PROMPT}}], stream=True, **a)
    # A key of nobody, and a body that is no JSON, both with the prompt inside.
    for key, body in ((KEY["key"] + "x", None), (KEY["key"], ('{"messages": "' + PROMPT).encode())):
        c = rig.Client(key=key)
        c.request("POST", "/chat/completions", body or {"model": "demo/echo", "messages": messages})
        c.close()
    # Big bodies: other buffers, other paths.
    for size in (20_000, 300_000, 3_000_000):
        c = rig.Client(key=KEY["key"], timeout=60)
        big = [{"role": "user", "content": PROMPT * (size // len(PROMPT))}]
        c.chat(f"text={OUTPUT * 200}", messages=big)
        c.chat(f"text={OUTPUT * 200},chunk=100", messages=big, stream=True)
        c.close()
    # Clients that leave: mid-stream, and before the first byte.
    s, _ = rig.open_stream({"model": "demo/only-a", "stream": True, "messages": messages,
                            "mock": {"*": f"{say},cadence_us=50000"}}, key=KEY["key"])
    s.close()


def send_responses():
    """The same in OpenAI's Responses, whose answers are kept until their last event."""
    def ask(words, *lines, **members):
        script = "\n".join(["demo-script:", "mock " + words, *lines])
        c = rig.Client(key=KEY["key"], timeout=60)
        try:
            return c.request("POST", "/responses", {
                "model": "demo/only-a", "instructions": SYSTEM, "user": PROMPT, "input": [
                    {"role": "user", "content": [
                        {"type": "input_text", "text": PROMPT},
                        {"type": "input_image", "image_url": "data:image/png;base64," + PICTURE}]},
                    {"type": "reasoning", "summary": [{"type": "summary_text", "text": OUTPUT}]},
                    {"type": "function_call", "call_id": "c", "name": "f", "arguments": json.dumps({"a": TOOL})},
                    {"type": "function_call_output", "call_id": "c", "output": TOOL},
                    {"role": "user", "content": script}], **members}).body
        except (OSError, rig.http.client.HTTPException):
            return b""
        finally:
            c.close()
    said = "say " + OUTPUT * 3
    tools = [{"type": "namespace", "name": "n", "tools": [{"type": "function", "name": "f", "description": PROMPT}]}]
    for stream in (False, True):
        equal(OUTPUT.encode() in ask("tokens=1", said, stream=stream, tools=tools), True, "the output arrives")
        equal(ERROR.encode() in ask(f"fail=400,error_text={ERROR}", "say x", stream=stream), True, "the error's text arrives")
        ask(f"error_at=2,error_text={ERROR}", said, stream=stream)
        ask("cut_at=2", said, stream=stream)
        ask("rst_at=2", said, stream=stream)
    ask("tokens=1", said, previous_response_id=PROMPT)
    ask("tokens=1", said, **{PROMPT: 1})
    c = rig.Client(key=KEY["key"])
    c.request("POST", "/responses/input_tokens", {"model": "demo/only-a", "input": PROMPT})
    c.close()


def send_messages():
    """The same in Anthropic's Messages, with thoughts that come back sealed."""
    picture = {"type": "base64", "media_type": "image/png", "data": PICTURE}

    def ask(words, *lines, path="/messages", **members):
        script = "\n".join(["demo-script:", "mock " + words, *lines])
        c = rig.Client(key=KEY["key"], timeout=60)
        try:
            return c.request("POST", path, {
                "model": "demo/only-a", "max_tokens": 2000, "system": SYSTEM, "metadata": {"user_id": PROMPT}, "messages": [
                    {"role": "user", "content": [
                        {"type": "text", "text": PROMPT}, {"type": "image", "source": picture},
                        {"type": "document", "title": PROMPT, "source": {"type": "text", "media_type": "text/plain", "data": PROMPT}}]},
                    {"role": "assistant", "content": [
                        {"type": "thinking", "thinking": OUTPUT, "signature": "EuQC"}, {"type": "redacted_thinking", "data": OUTPUT},
                        {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": TOOL}}]},
                    {"role": "user", "content": [
                        {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": TOOL}]},
                        {"type": "text", "text": script}]}],
                "tools": [{"name": "f", "description": PROMPT, "input_schema": {"type": "object"}}], **members}).body
        except (OSError, rig.http.client.HTTPException):
            return b""
        finally:
            c.close()
    said = ("think " + OUTPUT, "text " + OUTPUT, "call f " + json.dumps({"a": TOOL}))
    for stream in (False, True):
        for thinking in ({"type": "adaptive"}, {"type": "adaptive", "display": "omitted"}):
            body = ask("chunk=100,args=500", *said, stream=stream, thinking=thinking)
            equal((OUTPUT.encode() in body, TOOL.encode() in body), (True, True), "the output arrives")
        equal(ERROR.encode() in ask(f"fail=400,error_text={ERROR}", "say x", stream=stream), True, "the error's text arrives")
        for fault in (f"error_at=2,error_text={ERROR}", "cut_at=2", "rst_at=2", "step=7"):
            ask(fault, *said, stream=stream)
    ask("tokens=1", *said, **{PROMPT: 1})
    ask("tokens=1", *said, tools=[{"type": PROMPT, "name": PROMPT}])
    ask("tokens=1", *said, path="/messages/count_tokens")


HEADERS = {"X-Title": TITLE, "X-OpenRouter-Title": TITLE, "X-OpenRouter-Categories": TITLE, "HTTP-Referer": "https://example.com/" + TITLE,
           "anthropic-beta": TITLE, "OpenAI-Organization": TITLE, "X-OpenRouter-Metadata": "enabled", "User-Agent": TITLE}


def send_everywhere():
    """The same in each dialect: answers, turns with thoughts and tools, each place in which a provider can fail, and
    headers with names of apps and keys of repeated requests."""
    for api in dialects.ALL:
        def ask(words, stream, headers=None, **members):
            script = "\n".join([PROMPT, "demo-script:", "mock chunk=10," + words, "say " + OUTPUT * 3])
            request = {**api.ask(script, stream, "demo/only-a"), **members}
            try:
                return dialects.send(api, request, KEY["key"], {**HEADERS, **(headers or {})}).body
            except (OSError, rig.http.client.HTTPException):
                return b""

        def fails(words, stream):
            """Behind three that are good, so that a breaker that has opened before closes and no other one opens."""
            for _ in range(3):
                wait_until(lambda: OUTPUT.encode() in ask("tokens=1", stream), 30, f"{api.name}: the output arrives", step=0.5)
            ask(words, stream)
        for stream in (False, True):
            for fault in (*(f"fail={status}" for status in (400, 404, 500, 529)), "fail=429,retry_after_ms=1", "fail=body", "fail=first", "error_at=2"):
                fails(f"{fault},error_text={ERROR}", stream)
            for fault in ("cut_at=2", "rst_at=2", "close_at=2", "fail=truncjson"):
                fails(fault, stream)
            again = {"Idempotency-Key": AGAIN + api.name + str(stream)}
            for _ in range(2):
                ask("tokens=1", stream, headers=again)
            ask("tokens=1", stream, headers={"Idempotency-Key": AGAIN + " " * 2 + "x" * 300})
            ask("tokens=1", stream, **{PROMPT: PROMPT})
            ask("tokens=1", stream, temperature=PROMPT)
            if api.replays:
                send_turns(api, stream)
        s = dialects.connect(api, api.ask("\n".join([PROMPT, "demo-script:", "mock cadence_us=50000", "say " + OUTPUT * 3]), True, "demo/only-a"),
                             KEY["key"])
        s.recv(4096)
        s.close()
    c = rig.Client(key=KEY["key"])
    messages = [{"role": "user", "content": PROMPT}]
    counted = c.request("POST", "/messages/count_tokens", {"model": "demo/only-a", "system": SYSTEM, "messages": messages}, HEADERS)
    equal(counted.status, 200, counted)
    c.close()


def send_turns(api, stream):
    """Thoughts, a call with its arguments and a result, twice."""
    script = "\n".join([PROMPT, "demo-script:", "mock replay,chunk=99", "think " + THOUGHT, "call f " + json.dumps({"city": TOOL}),
                        "say " + OUTPUT])
    request = api.ask(script, stream, "demo/only-a", tools=("f",), thinks=True)
    answer = dialects.send(api, request, KEY["key"], HEADERS)
    equal((answer.status, THOUGHT.encode() in answer.body), (200, True), f"{api.name}: the thought arrives: {answer!r}")
    said = api.read(answer)
    answer = dialects.send(api, api.follow(request, said.turn, [(said.calls[0][0], TOOL)]), KEY["key"], HEADERS)
    equal(answer.status, 200, f"{api.name}: {answer!r}")
    equal(api.read(answer).text, OUTPUT, api.name)


def a_key_that_providers_refuse():
    """A provider's 401 quotes our key: neither it nor the status reaches a client of any dialect."""
    told = json.dumps({"error": {"message": f"Incorrect API key provided: {PROVIDER_KEY} {ERROR}", "code": "invalid_api_key"}})
    with replay.Provider({"demo-a": replay.answer(replay.whole(told, "401 Unauthorized"))}):
        for api in dialects.ALL:
            for stream in (False, True):
                a = dialects.send(api, api.ask(PROMPT, stream, "demo/only-a"), KEY["key"], HEADERS)
                equal((a.status in (502, 503), ERROR.encode() in a.body, PROVIDER_KEY.encode() in a.body), (True, False, False),
                      f"{api.name}: {a!r}")


def secrets_of_receipts():
    """What a receipt tells its owner and nobody else: an answer's, a refusal's, one that came as a trailer."""
    found = {}
    for n, (body, headers) in enumerate((
            ({"model": "demo/echo", "messages": [{"role": "user", "content": PROMPT}]}, {}),
            ({"messages": PROMPT}, {}),
            ({"model": "demo/echo", "messages": [{"role": "user", "content": PROMPT}], "stream": True},
             {"TE": "trailers"}))):
        c = rig.Client(key=KEY["key"])
        name = c.request("POST", "/chat/completions", body, headers).header("x-receipt-id")
        for path in ("/aci/receipts/", "/signature/"):
            receipt = c.request("GET", path + name).json()
        c.close()
        for e in receipt["receipt"]["event_log"]:
            if "body_hash" in e:
                found[f"{e['type']} hash {n}"] = e["body_hash"][len("sha256:"):]
            for side in ("request", "response") if e["type"] == "commitment" else ():
                found[f"{side} salt {n}"] = e[side]["salt"]
    equal(len(found), 3 * 2 + 2 * 3 + 2, "salts and hashes")
    return found


@case
def seeded_leaks_are_found():
    """Each search sees a leak of its own kind, planted with needles of their own."""
    needle = {"seed": canary("SEED")}
    path = os.path.join(RUN, "log/seeded.log")
    with open(path, "w") as f:
        f.write("x" * (9 << 20) + needle["seed"])
    equal(len(in_tree(RUN, needle, SKIP)), 1, "in a log")
    os.unlink(path)
    with tempfile.NamedTemporaryFile(dir="/tmp") as f:
        f.write(needle["seed"].encode())
        f.flush()
        equal(len(in_tree("/tmp", needle, SKIP, BORN - 1)), 1, "in /tmp")
    row = {"seed": canary("SEED")}
    rig.sql(f"create table seeded (t text); insert into seeded values ('{row['seed']}')")
    equal(len(in_dump(row)), 1, "in the dump")
    rig.sql("checkpoint")
    if not in_tree(RUN, row, SKIP):
        raise AssertionError("not found in the database's files")
    rig.sql("drop table seeded")


@case
def a_seeded_leak_in_memory_is_found():
    if not MEMORY:
        raise rig.Skip("only root may look into the data plane's memory")
    # A request that is still waiting for its provider is there, and must be seen.
    live = {"seed": canary("SEED")}
    c = rig.Client()
    body = json.dumps({"model": "demo/only-a", "messages": [{"role": "user", "content": live["seed"]}],
                       "mock": {"*": "delay_us=3000000"}}).encode()
    c.http.request("POST", c.prefix + "/chat/completions", body,
                   {"Authorization": "Bearer " + c.key, "Content-Type": "application/json"})
    time.sleep(1)
    found = in_memory(rig.pid("dataplane"), live)
    equal(c.http.getresponse().status, 200)
    c.close()
    if not found:
        raise AssertionError("a prompt in flight was not found in memory")


PRIVATE = {}  # what receipts told their owner


def none_left(left):
    for line in sorted(set(left)):
        print(f"# {line}: {left.count(line)} times")
    equal(left, [], "canaries left behind")


@case
def no_canary_is_left():
    with Tap() as tap:
        send_all()
        send_responses()
        send_messages()
        send_everywhere()
        a_key_that_providers_refuse()
        PRIVATE.update(secrets_of_receipts())
        rig.settled()
        # What crosses the link is there: catalog names, and the digest of the key.
        known = {"model": "demo/only-a", "model of the other provider": "demo/echo"}
        equal(len(in_file(tap.path, known)), 2, "names that the link carries are found in it")
        with open(tap.path, "rb") as f:
            rig.true(hashlib.sha256(KEY["key"].encode()).digest() in f.read(), "the key's digest is in it")
        none_left(in_file(tap.path, dict(EVERYTHING, **PRIVATE)))
    time.sleep(4)
    none_left(everywhere(dict(EVERYTHING, **PRIVATE)))


@case
def no_canary_is_left_in_memory():
    if not MEMORY:
        raise rig.Skip("only root may look into the processes' memory")
    if not PRIVATE:
        raise AssertionError("this case searches for what no_canary_is_left has sent: run both")
    needles = dict(CONTENT, **PRIVATE)
    left = in_memory(rig.pid("dataplane"), needles)
    for name in ("controlplane", "postgres"):
        left += in_memory(rig.pid(name), {k: v for k, v in needles.items() if k != "API key"})
    none_left(left)


@case
def traffic_really_happened():
    rows = rig.usage_rows(KEY)
    if len(rows) < 15:
        raise AssertionError(f"{len(rows)} records")
    head = rig.last_head("demo-a")
    if PROVIDER_KEY not in head:
        raise AssertionError("the provider never got its key")
    if PROMPT.encode() not in rig.last_body("demo-a"):
        raise AssertionError("the provider never got the prompt")


rig.main()
PY
