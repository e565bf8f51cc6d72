"""A stack of a test's own with models for a panel, each at a provider of its own, so that what happens to one says nothing of another:
what they say is told to the demo provider (rig.mock_model), what they cost is known here to the nano-dollar. And what a request
for Synth must have come to: one bill, the same in the answer, the generation, the ledger and the receipt."""

import json
import os
import subprocess
import tempfile

import own_stack
import rig
from rig import equal, true, wait_until

# Model -> dollars per million tokens of prompt and of answer: sums of different calls differ.
PRICES = {
    "test/p1": (1.1, 2.3), "test/p2": (1.3, 2.9), "test/p3": (1.7, 3.1), "test/j1": (0.7, 1.9), "test/j2": (0.9, 2.1),
    "test/f1": (3.7, 7.9), "test/f2": (4.1, 8.3), "test/kept": (0.3, 0.5), "test/plain": (0.2, 1000.0),  # dear: so that a short answer can reserve much
}
PANEL, JUDGES, FINALS = ["test/p1", "test/p2", "test/p3"], ["test/j1", "test/j2"], ["test/f1", "test/f2"]
SAYS = {"test/p1": "The first of the panel says blue.", "test/p2": "The second of the panel says green.",
        "test/p3": "The third of the panel says red.", "test/f1": "The first final says it is blue.",
        "test/f2": "The second final says it is blue.", "test/kept": "The one who keeps prompts says grey.",
        "test/plain": "Nothing of a panel."}
VERDICT = {"consensus": ["a colour"], "contradictions": ["which colour"], "partial_coverage": [], "unique_insights": [],
           "blind_spots": [], "final_guidance": ["Say blue."]}
STRATEGIES = ("synthesize_non_refusals", "synthesize", "first_success", "first_non_refusal", "selector")
REFUSES = "I'm sorry, but I can't help with that request."
LIMIT = 64  # tokens of each call's answer, unless a test says otherwise


def upstream(model):
    return "up-" + model.split("/")[1]


def provider(name, retains="off"):
    return (f"\n[provider {name}]\nname = {name}\nhost = 127.0.0.1\nport = DEMO_A\ntls = off\npath = /v1\nauth = none\n"
            f"retains_data = {retains}\ntrains = off\nfirst_byte_ms = 20000\nidle_ms = 20000\ntotal_ms = 60000\n")


def files():
    """What deploy/dev/up adds to its own catalog and providers."""
    providers = catalog = keys = ""
    for model, (prompt, completion) in PRICES.items():
        name = model.split("/")[1]
        providers += provider(name, "on" if name == "kept" else "off")
        keys += f"{name} = none\n"
        catalog += (f"\n[model {model}]\nname = {name}\ncontext_length = 200000\nmax_output = 4096\ncreated = 1704067200\n"
                    f"capabilities = tools images json_schema reasoning\n\n[endpoint {model}@{name}]\n"
                    f"upstream_model = {upstream(model)}\nprompt = {prompt}\ncompletion = {completion}\n")
    providers += provider("spare")
    keys += "spare = none\n"
    catalog += (f"\n[endpoint test/p1@spare]\nupstream_model = up-spare\nprompt = {PRICES['test/p1'][0]}\n"
                f"completion = {PRICES['test/p1'][1]}\nweight = 1\n")
    catalog += "\n[alias test/discreet]\nmodels = test/f1\nwants = no_retention\n\n[alias test/discreet-p1]\nmodels = test/p1\nwants = no_retention\n"
    catalog = catalog.replace("upstream_model = up-p1\n", "upstream_model = up-p1\nweight = 60000\n")
    return {"panel.provider": providers, "panel.catalog": catalog, "panel.key": keys}


def up():
    os.environ.setdefault("TR_DEMO_CREDIT", "1000")
    return own_stack.up(files=files())


# --- what the models do

def tell(model, words):
    rig.mock("/mock/model/" + (model if model.startswith("up-") else upstream(model)), words)


def verdict(**more):
    """A verdict of our own; a judge that is told nothing writes one that selects the first answer (mock_provider/shown.c)."""
    return "say=" + json.dumps({**VERDICT, **more})


def all_well():
    """Every model answers at once, each with a text of its own; judges with a verdict of the demo provider's."""
    rig.mock_reset()
    for model, text in SAYS.items():
        tell(model, "nocalls,say=" + text)
    tell("up-spare", "nocalls,say=" + SAYS["test/p1"])


def asked(model):
    """The last request that a model got, as JSON; None: nobody has asked it."""
    body = rig.mock("/mock/model/" + (model if model.startswith("up-") else upstream(model)))
    return json.loads(body) if body else None


def records(*models):
    """The demo provider's records of these models, or of all of the panel's."""
    names = {upstream(m) for m in models} or {upstream(m) for m in PRICES} | {"up-spare"}
    return [r for r in rig.seen() if r["model"] in names]


def running(*models):
    return [r for r in records(*models) if r["outcome"] == "running"]


# --- asking

def tool(**parameters):
    return [{"type": "trustedrouter:synth", "parameters": {
        "analysis_models": PANEL, "judge_models": JUDGES, "final_models": FINALS, "max_completion_tokens": LIMIT, **parameters}}]


class Account:
    """An account of its own with a key: nobody else moves its money."""

    def __init__(self, usd=1.0, **rules):
        made = rig.control("POST", "/v1/accounts", {"name": rig.fresh("synth-")}).json()
        self.management, self.id, self.usd = made["key"], made["data"]["id"], usd
        topped = rig.control("POST", "/v1/credits/topup", {"amount": usd, "idempotency_key": rig.fresh(), "account_id": self.id})
        equal(topped.status, 200, repr(topped))
        self.key = rig.new_key(self.management, **rules)

    def ask(self, body, path="/chat/completions", prefix="/v1", headers=None):
        """The bytes of the request, and the answer."""
        body = json.dumps(body).encode()
        c = rig.Client(rig.env("TR_BASE_URL").removesuffix("/v1") + prefix, key=self.key["key"])
        try:
            return body, c.request("POST", path, body, headers)
        finally:
            c.close()

    def get(self, path):
        c = rig.Client(key=self.key["key"])
        try:
            return c.request("GET", path)
        finally:
            c.close()

    def bills(self):
        """Cost of each usage record, in nano-dollars."""
        return [r["cost"] for r in rig.usage_rows(self.key)]

    def left(self):
        """What the account can still spend, in nano-dollars, by the ledger."""
        a = rig.control("GET", "/v1/credits", None, self.management).json()["data"]
        return round((a["total_credits"] - a["total_usage"]) * 1e9)

    def can_spend(self, nusd):
        """Is so much free at once? Asked of the data plane, with a request that reserves it and costs next to nothing."""
        prompt, completion = (round(p * 1000) for p in PRICES["test/plain"])
        tokens = min(4096, (nusd - 200 * prompt) // completion)
        true(tokens > 0, nusd)
        _, a = self.ask({"model": "test/plain", "max_tokens": tokens, "messages": [{"role": "user", "content": "?"}]})
        return a.status == 200


def request(stream=False, words="Which colour?", **members):
    return {"model": "trustedrouter/synth", "messages": [{"role": "user", "content": words}], "tools": tool(),
            **({"stream": True, "stream_options": {"include_usage": True}} if stream else {}), **members}


# --- what an answer says

def events(answer):
    return [json.loads(e) for e in answer.events() if e != "[DONE]"]


def last_figures(answer):
    """usage and the member trustedrouter, of a whole answer or of a stream's last chunk with figures."""
    if answer.body.startswith(b"{"):
        return answer.json().get("usage"), answer.json().get("trustedrouter")
    usage = synth = None
    for e in events(answer):
        usage, synth = e.get("usage") or usage, e.get("trustedrouter") or synth
    return usage, synth


def nusd(usd):
    return round(usd * 1e9)


def provider_cost(found):
    """What the provider would have on its invoice for these records, in nano-dollars."""
    model_of = {upstream(m): m for m in PRICES} | {"up-spare": "test/p1"}
    return sum(r["prompt"] * round(PRICES[model_of[r["model"]]][0] * 1000) + r["completion"] * round(PRICES[model_of[r["model"]]][1] * 1000)
               for r in found if r["status"] == 200)


# --- receipts

DIR = tempfile.mkdtemp(prefix="tr-synth-")


def verifying_key():
    if not hasattr(verifying_key, "text"):
        c = rig.Client(rig.env("TR_BASE_URL").removesuffix("/v1"))
        verifying_key.text = c.request("GET", "/attestation/verifying-key").json()["public_key"]
        c.close()
    return verifying_key.text


def verified(account, request_bytes, answer):
    """The receipt of an answer, which tr-verify accepts with these bytes and with no others."""
    receipt = account.get("/aci/receipts/" + answer.header("x-receipt-id"))
    equal(receipt.status, 200, repr(receipt))
    with tempfile.TemporaryDirectory(dir=DIR) as d:
        def judge(reply):
            paths = []
            for name, data in (("receipt", receipt.body), ("request", request_bytes), ("response", reply)):
                paths.append(os.path.join(d, name))
                with open(paths[-1], "wb") as f:
                    f.write(data)
            return subprocess.run([rig.env("TR_BIN") + "/tr-verify", "receipt", paths[0], "--request", paths[1], "--response",
                                   paths[2], "--key", verifying_key()], capture_output=True, text=True, timeout=60)
        good = judge(answer.body)
        equal(good.returncode, 0, good.stdout + good.stderr)
        true(judge(answer.body + b" ").returncode != 0, "other bytes are refused")
    return receipt.json()
