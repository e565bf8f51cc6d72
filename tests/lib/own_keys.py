"""Provider keys of customers' own, for tests: accounts, sealing with PyNaCl, /byok, and which key reached the demo
provider."""

import base64
import json
import os
import re
import subprocess
import sys

import rig
from rig import Skip, equal, fresh

VENV = os.path.join(rig.ROOT, "build/e2e/byok")


def python():
    """A Python with PyNaCl and requests, from the package registry."""
    exe = os.path.join(VENV, "bin/python")
    if not os.path.exists(os.path.join(VENV, "ready")):
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
        r = subprocess.run([os.path.join(VENV, "bin/pip"), "install", "-q", "pynacl==1.6.2", "requests==2.34.2"],
                           capture_output=True, text=True)
        if r.returncode != 0:
            raise Skip("PyNaCl cannot be installed here")
        open(os.path.join(VENV, "ready"), "w").close()
    return exe


def ctl(method, path, body=None, key=None):
    """The control plane's own host."""
    return rig.control(method, "/v1" + path, body, key)


def account_key(usd=0):
    """A new account: its management key, its inference key and its id."""
    made = ctl("POST", "/accounts", {"name": fresh("byok")}, rig.env("TR_MANAGEMENT_KEY")).json()
    management = made["key"]
    key = ctl("POST", "/keys", {"name": "k"}, management).json()
    account = key["data"]["workspace_id"]
    if usd:
        ctl("POST", "/credits/topup", {"account_id": account, "amount": usd, "idempotency_key": fresh("top")},
                    rig.env("TR_MANAGEMENT_KEY"))
    return management, key["key"], account


def sealing(base=None):
    c = rig.Client(base, key="")
    a = c.request("GET", "/byok/sealing-key")
    c.close()
    equal(a.status, 200, repr(a))
    return a.json()


def seal(text, public=None):
    """Any text, to any sealing key."""
    code = ("import sys, base64, nacl.public as p;"
            "print(base64.b64encode(p.SealedBox(p.PublicKey(bytes.fromhex(sys.argv[1]))).encrypt("
            "sys.stdin.buffer.read())).decode())")
    r = subprocess.run([python(), "-c", code, public or sealing()["public_key"]], input=text.encode(),
                       capture_output=True, check=True)
    return r.stdout.decode().strip()


def document(account, provider, key, **more):
    return json.dumps({"v": 1, "account": account, "provider": provider, "key": key, **more})


def post(management, body, where=ctl):
    return where("POST", "/byok", body, management)


def at_data_plane(method, path, body=None, key=None, prefix="/v1", base=None):
    c = rig.Client((base or rig.env("TR_BASE_URL")).rsplit("/v1", 1)[0] + prefix, None, key)
    try:
        return c.request(method, path, body)
    finally:
        c.close()


def put(management, account, provider, key, text=None, base=None, **more):
    """Hand in what is sealed; the key's id."""
    to = sealing(base)
    a = post(management, {"provider": provider, "sealing_key_id": to["id"],
                          "sealed_key": seal(text or document(account, provider, key), to["public_key"]), **more})
    equal(a.status, 201, repr(a))
    return a.json()["data"]["id"]


def bearer(name="demo-a"):
    return re.search(r"(?i)^authorization: (.*?)\r?$", rig.last_head(name), re.M).group(1)


def ask(key, mock="", model="demo/only-a", base=None, **members):
    c = rig.Client(base, key=key)
    try:
        return c.chat(mock, model=model, **members)
    finally:
        c.close()


def used(key, want, model="demo/only-a", base=None):
    """The next request is served with this provider key."""
    a = ask(key, model=model, base=base)
    return a.status == 200 and bearer() == want
