#!/usr/bin/env python3
"""README.md's first hour: its blocks as they stand, in their order, in one shell and in a copy of the checkout. A
block that does not work as pasted, or leaves something in the checkout, fails. Brings its own stack up; needs the
package registries, as ./prepare does."""

import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import rig  # noqa: E402
from rig import Skip, case, equal, true  # noqa: E402

COPY = tempfile.mkdtemp(prefix="tr-readme-")
LIMIT_SECONDS = 150  # for one block

# What the output of each block has in it.
WANT = {
    "A first answer.": ("TrustedRouter is up", '"content":"Hello"', "data: [DONE]"),
    "The console.": ("<title>TrustedRouter", '"csrf_token":'),
    "Python.": ("Hello from Python",),
    "Node.": ("Hello from Node",),
    "Your own model server": ("ollama is added", "measured", "the model llama3.2:latest"),
    "A second key, with a limit": ("sk-tr-v1-", '"limit": 5,'),
    "A verified gateway": ("accept", "this TLS connection ends inside that guest"),
    "A verified receipt.": ("accept",),
    "Several models at once.": ('"model":"trustedrouter/synth"', "Hello", '"judge":"used"'),
    "Shutting down.": ("stopped: dataplane controlplane mock postgres",),
}


class Ollama(http.server.BaseHTTPRequestHandler):
    """As much of it as the README's block asks for, at its usual port."""

    def log_message(self, *_):
        pass

    def answer(self, value):
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer({"data": [{"id": "llama3.2:latest"}]})

    def do_POST(self):
        model = json.loads(self.rfile.read(int(self.headers["content-length"])))["model"]
        self.answer({"id": "x", "object": "chat.completion", "created": 1, "model": model,
                     "choices": [{"index": 0, "finish_reason": "stop",
                                  "message": {"role": "assistant", "content": "the model " + model}}],
                     "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}})


def blocks():
    """[(title, text)]: the title is the bold beginning of the paragraph before."""
    found, title = [], None
    part = re.compile(r"^\*\*(.+?)\*\*|^```sh\n(.*?)^```$", re.M | re.S)
    for m in part.finditer(open(os.path.join(rig.ROOT, "README.md")).read()):
        if m.group(1):
            title = m.group(1)
        else:
            found.append((title, m.group(2)))
    return found


def copy_checkout():
    names = subprocess.run(["git", "ls-files", "-z"], cwd=rig.ROOT, stdout=subprocess.PIPE, check=True).stdout
    files = [n for n in names.decode().split("\0") if n and os.path.exists(os.path.join(rig.ROOT, n))]
    tar = subprocess.Popen(["tar", "c", *files, "build/release"], cwd=rig.ROOT, stdout=subprocess.PIPE)
    subprocess.run(["tar", "x"], cwd=COPY, stdin=tar.stdout, check=True)
    equal(tar.wait(), 0, "tar")


def left():
    """Every file of the copy outside of run, build, and what the console is built with."""
    inside = re.compile(re.escape(COPY) + "/(run|build|controlplane/web/node_modules)(/|$)")
    return sorted(os.path.join(d, f) for d, _, files in os.walk(COPY) if not inside.match(d) for f in files)


class Shell:
    """One bash that runs block after block."""

    def __init__(self):
        kept = {k: v for k, v in os.environ.items() if not re.match(r"(TR_|MAKE|MFLAGS|MODE$)", k)}
        self.bash = subprocess.Popen(["bash"], cwd=COPY, env=kept, text=True, stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def run(self, text):
        """Everything the block wrote; AssertionError when a command of it failed."""
        timer = threading.Timer(LIMIT_SECONDS, self.bash.kill)
        timer.start()
        self.bash.stdin.write("trap 'failed=1' ERR; failed=\n" + text + "\necho; echo \"@@ ${failed:-0}\"\n")
        self.bash.stdin.flush()
        said = []
        for line in self.bash.stdout:
            if line.startswith("@@ "):
                break
            said.append(line)
        timer.cancel()
        said = "".join(said)
        true(line == "@@ 0\n", f"the block failed or took over {LIMIT_SECONDS} s:\n{said}")
        return said


shell = None


def add_case(number, title, text):
    def one():
        if "11434" in text and server is None:
            raise Skip("port 11434 is taken: an Ollama of this machine's own")
        began = time.monotonic()
        said = shell.run(text)
        print(f"# {title} {time.monotonic() - began:.1f} s")
        for want in WANT[title]:
            true(want in said, f"{want!r} is not in:\n{said}")
    one.__name__ = f"block_{number}_" + re.sub(r"\W+", "_", title.lower()).strip("_")
    case(one)


@case
def the_blocks_are_those_that_are_known():
    equal([title for title, _ in blocks()], list(WANT))


for i, block in enumerate(blocks()):
    if block[0] in WANT:
        add_case(i + 1, *block)


@case
def nothing_is_left_in_the_checkout():
    equal(left(), before)


try:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 11434), Ollama)
    threading.Thread(target=server.serve_forever, daemon=True).start()
except OSError:
    server = None
try:
    copy_checkout()
    before = left()
    shell = Shell()
    rig.main()
finally:
    if shell is not None:
        shell.bash.kill()
        shell.bash.wait()
    subprocess.run([os.path.join(COPY, "deploy/dev/down"), "--forget"], stdout=subprocess.DEVNULL,
                   env={k: v for k, v in os.environ.items() if not k.startswith("TR_")})
    shutil.rmtree(COPY, ignore_errors=True)
