#!/usr/bin/env python3
"""Unmodified coding agents against a running stack: each makes a file with one tool and looks at it with another, as the
script in its prompt has the demo provider say (tests/mock_provider/script.h). The provider refuses members that the real
API does not know, and calls that come back without the reasoning before them.

TR_CLIENTS_NATIVE=1: straight against TR_MOCK_URL, without a router."""

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../lib"))
import rig  # noqa: E402
from rig import case, equal, fresh  # noqa: E402

NATIVE = os.environ.get("TR_CLIENTS_NATIVE") == "1"
BASE = rig.env("TR_MOCK_URL") + "/v1" if NATIVE else rig.env("TR_BASE_URL")
HOST = BASE.removesuffix("/v1")
KEY = os.environ.get("TR_API_KEY", "none")
CA = os.environ.get("TR_CA", "")
MODULES = os.path.join(rig.ROOT, "build/clients/agents/node_modules")
CODEX = MODULES + "/@openai/codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex"
CLAUDE = MODULES + "/@anthropic-ai/claude-code-linux-x64/claude"
OPENCODE = MODULES + "/opencode-linux-x64/bin/opencode"
MODEL = "demo/echo"


def install():
    r = subprocess.run([os.path.join(HERE, "../clients/prepare"), "agents"], stdout=subprocess.PIPE, text=True)
    return "" if r.returncode == 0 else r.stdout.strip()


WHY_NOT = install()


class Place:
    """An empty project and an empty home directory."""

    def __enter__(self):
        if WHY_NOT:
            raise rig.Skip(WHY_NOT)
        self.top = tempfile.mkdtemp(prefix="tr-agent-")
        self.project, self.home = self.top + "/project", self.top + "/home"
        os.mkdir(self.project)
        os.mkdir(self.home)
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.top, ignore_errors=True)

    def run(self, command, prompt, **env):
        """stdout of the agent, whose prompt comes from stdin; nothing of our own environment is seen."""
        r = subprocess.run(command, input=prompt, capture_output=True, text=True, cwd=self.project, timeout=150,
                           env={"PATH": os.environ["PATH"], "HOME": self.home, **env})
        if r.returncode != 0:
            raise AssertionError(f"exit status {r.returncode}: {r.stdout[-1500:]}\n{r.stderr[-1500:]}")
        return r.stdout

    def picture(self):
        path = self.project + "/picture.png"
        with open(path, "wb") as f:
            f.write(base64.b64decode(PNG))
        return path

    def made(self):
        with open(self.project + "/made.txt") as f:
            return f.read()


def plan(ident, words, *lines):
    return "\n".join(["Make a file and look at it.", "demo-script:", f"mock strict,{words}id={ident}", *lines])


def finished(ident, out, place):
    """The file is there, the agent's last words hold what the second tool said of it, each turn was asked for once."""
    equal(place.made(), "made by a tool")
    if "14 bytes: made by a tool" not in out:
        raise AssertionError(f"not what the tool said: {out[-1500:]}")
    equal([r["status"] for r in rig.wait_until(lambda: rig.seen(ident), 5)], [200, 200, 200])


LOOK = 'echo "$(wc -c < made.txt) bytes: $(cat made.txt)"'


CHILD = "Do.\ndemo-script:\nmock strict,id=%s\nsay I am the child."
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def run_codex(place, prompt):
    provider = (f'model_providers.tr={{name="tr",base_url={json.dumps(BASE)},env_key="KEY",wire_api="responses",'
                'request_max_retries=0,stream_max_retries=0}')
    return place.run([CODEX, "exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", "-m", MODEL,
                      "-c", "model_provider=tr", "-c", provider, "-"], prompt, KEY=KEY, CODEX_HOME=place.home, SSL_CERT_FILE=CA)


@case
def codex():
    ident = fresh()
    with Place() as p:
        out = run_codex(p, plan(ident, "replay,", "think First the file.",
                                "call exec_command " + json.dumps({"cmd": "printf 'made by a tool' > made.txt"}),
                                "think Then a look.", "call exec_command " + json.dumps({"cmd": LOOK}), "say It says: {result}"))
        finished(ident, out, p)


@case
def codex_uses_more():
    """A picture as the result of a tool, a report that answers no call, a tool of a namespace, two calls at once."""
    ident, child = fresh(), fresh()
    spawn = "spawn_agent" if NATIVE else "multi_agent_v1__spawn_agent"  # providers have no namespaces
    with Place() as p:
        out = run_codex(p, plan(
            ident, "replay,", "call view_image " + json.dumps({"path": p.picture()}),
            'call create_goal {"objective":"to be done"}', f"call {spawn} " + json.dumps({"message": CHILD % child}),
            "call exec_command " + json.dumps({"cmd": "sleep 1; echo one"}), "also exec_command " + json.dumps({"cmd": "echo t''wo"}),
            "say It says: {result}"))
        if "two" not in out.split("It says: ", 1)[-1] or PNG.encode() not in rig.last_body():
            raise AssertionError(out[-1500:])
        equal([r["status"] for r in rig.seen(ident)], [200] * 5)
        equal([r["status"] for r in rig.seen(child)], [200])


def run_claude(place, prompt, *options):
    out = place.run([CLAUDE, "-p", "--output-format", "json", "--allowedTools", "Agent,Bash,Read,ToolSearch,Write", "--permission-mode",
                     "acceptEdits", *options], prompt,
                    ANTHROPIC_BASE_URL=HOST, ANTHROPIC_AUTH_TOKEN=KEY, ANTHROPIC_MODEL=MODEL, ANTHROPIC_SMALL_FAST_MODEL=MODEL,
                    NODE_EXTRA_CA_CERTS=CA, CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="1", DISABLE_AUTOUPDATER="1", IS_SANDBOX="1")
    return json.loads(out)["result"]


@case
def claude_code():
    ident = fresh()
    with Place() as p:
        out = run_claude(p, plan(ident, "replay,", "think First the file.",
                                 "call Write " + json.dumps({"file_path": p.project + "/made.txt", "content": "made by a tool"}),
                                 "think Then a look.", "call Bash " + json.dumps({"command": LOOK, "description": "look"}),
                                 "say It says: {result}"))
        finished(ident, out, p)


@case
def claude_code_uses_more():
    """A picture as the result of a tool, tools that are loaded later, an agent of its own, two calls of which one fails, and
    the same conversation in another process."""
    ident, child = fresh(), fresh()
    with Place() as p:
        out = run_claude(p, plan(
            ident, "replay,", "call Read " + json.dumps({"file_path": p.picture()}),
            'call ToolSearch {"query":"select:WebFetch","max_results":1}',
            "call Agent " + json.dumps({"description": "child", "prompt": CHILD % child, "subagent_type": "general-purpose"}),
            'call Bash {"command":"echo one","description":"good"}', 'also Bash {"command":"echo two; false","description":"bad"}',
            "say It says: {result}"))
        if not out.startswith("It says: ") or "two" not in out or PNG.encode() not in rig.last_body():
            raise AssertionError(out)
        equal({r["status"] for r in rig.seen(ident)}, {200})
        equal([r["status"] for r in rig.seen(child)], [200])
        equal(run_claude(p, "And now?", "-c"), "And now?")


@case
def opencode():
    ident = fresh()
    model = {"name": "echo", "tool_call": True, "limit": {"context": 100000, "output": 8000}}
    config = {"autoupdate": False, "share": "disabled", "permission": {"*": "allow"}, "provider": {"tr": {
        "npm": "@ai-sdk/openai-compatible", "name": "tr", "options": {"baseURL": BASE, "apiKey": KEY}, "models": {MODEL: model}}}}
    with Place() as p:
        out = p.run(
            [OPENCODE, "run", "-m", "tr/" + MODEL],
            plan(ident, "",
                 "call write " + json.dumps({"filePath": p.project + "/made.txt", "content": "made by a tool"}),
                 "call bash " + json.dumps({"command": LOOK, "description": "look"}), "say It says: {result}"),
            OPENCODE_CONFIG_CONTENT=json.dumps(config), NODE_EXTRA_CA_CERTS=CA, OPENCODE_DISABLE_AUTOUPDATE="1",
            OPENCODE_DISABLE_MODELS_FETCH="1", OPENCODE_DISABLE_LSP_DOWNLOAD="1", OPENCODE_DISABLE_DEFAULT_PLUGINS="1")
        equal(p.made(), "made by a tool")
        if "14 bytes: made by a tool" not in out:
            raise AssertionError(f"not what the tool said: {out[-1500:]}")
        # One more request asks for a title, with the prompt in it and without tools.
        equal({r["status"] for r in rig.seen(ident)}, {200})


rig.main()
