"""Models as unmodified Python SDKs read them. Run by tests/e2e/catalog.py."""

import os
import ssl
import sys
import traceback

import anthropic
import openai

BASE = os.environ["TR_BASE_URL"]
HOST = BASE.removesuffix("/v1")
KEY = os.environ["TR_API_KEY"]
MODEL = "demo/echo"
MESSAGES = [{"role": "user", "content": "Hello"}]
TLS = ssl.create_default_context(cafile=os.environ["TR_CA"])


def http():
    return openai.DefaultHttpxClient(verify=TLS)


def openai_models():
    client = openai.OpenAI(base_url=BASE, api_key=KEY, http_client=http(), max_retries=0)
    assert MODEL in [m.id for m in client.models.list()]
    assert client.models.retrieve(MODEL).owned_by == "demo"
    try:
        client.files.create(file=b"x" * 300000, purpose="assistants")
    except openai.NotFoundError as e:
        assert e.code == "not_stored", e
    else:
        raise AssertionError("stored")


def azure():
    for place in ({"azure_endpoint": HOST}, {"base_url": BASE}, {"azure_endpoint": HOST, "azure_deployment": MODEL}):
        client = openai.AzureOpenAI(api_key=KEY, api_version="2024-10-21", http_client=http(), max_retries=0, **place)
        answer = client.chat.completions.create(model=MODEL, messages=MESSAGES)
        assert answer.choices[0].message.content == "Hello", (place, answer)
        chunks = client.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True)
        assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "Hello", place
    client = openai.AzureOpenAI(api_key="x", api_version="1", azure_endpoint=HOST, http_client=http(), max_retries=0)
    try:
        client.chat.completions.create(model=MODEL, messages=MESSAGES)
    except openai.AuthenticationError:
        pass
    else:
        raise AssertionError("let in")


def anthropic_models():
    client = anthropic.Anthropic(base_url=HOST, api_key=KEY, max_retries=0,
                                 http_client=anthropic.DefaultHttpxClient(verify=TLS))
    models = list(client.models.list(limit=1))
    assert len(models) > 1
    echo = next(m for m in models if m.id == MODEL)
    assert echo.type == "model" and echo.created_at.year >= 2024, echo
    assert client.models.retrieve(MODEL) == echo
    try:
        client.models.retrieve("no/such")
    except anthropic.NotFoundError:
        pass
    else:
        raise AssertionError("found")


failed = False
for run in (openai_models, azure, anthropic_models):
    try:
        run()
        print("ok " + run.__name__)
    except Exception:
        print("".join("# " + line + "\n" for line in traceback.format_exc().splitlines()[-8:]))
        print("not ok " + run.__name__)
        failed = True
sys.exit(failed)
