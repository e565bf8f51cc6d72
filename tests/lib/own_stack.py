"""A stack of the test's own, for tests that add providers to it: brought up in a directory of its own by deploy/dev, its
addresses put into this process's environment, and forgotten at the end. Standard library only."""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))
DEV = os.path.join(ROOT, "deploy/dev")


def _run(run, *words, key=None):
    env = dict(os.environ, TR_RUN_DIR=run, **({"TR_PROVIDER_KEY": key} if key else {}))
    r = subprocess.run([os.path.join(DEV, words[0]), *words[1:]], env=env, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, text=True)
    if r.returncode != 0:
        sys.exit(f"{' '.join(words)}: {r.stdout}")
    return r.stdout


def _environment(run):
    text = subprocess.run(["bash", "-c", f". {run}/env && env -0"], stdout=subprocess.PIPE, check=True).stdout
    os.environ.update(line.split("=", 1) for line in text.decode().split("\0")
                      if line.startswith("TR_") and "=" in line)


def up(*added, options=(), files=None):
    """added: (words of add-provider, its key or keys). options: of deploy/dev/up. files: name -> text, as add-provider would have written them
    into conf/added. DEMO_A in either is the demo provider's port. Returns the directory. Everything is gone when the process ends."""
    run = tempfile.mkdtemp(prefix="tr-own-")

    def forget():
        subprocess.run([os.path.join(DEV, "down"), "--forget"], env=dict(os.environ, TR_RUN_DIR=run),
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(run, ignore_errors=True)

    atexit.register(forget)
    # Ports are chosen before the providers are added: theirs may be the demo provider's own.
    subprocess.run([sys.executable, os.path.join(DEV, "ports.py"), os.path.join(run, "ports"), "demo_a", "demo_b", "rest",
                    "link", "api", "metrics", "control_metrics"], check=True, stdout=subprocess.DEVNULL)
    ports = dict(line.replace("=", " ").split()[:2] for line in open(os.path.join(run, "ports")) if line.strip())
    for words, key in added:
        _run(run, "add-provider", *(w.replace("DEMO_A", ports["demo_a"]) for w in words), key=key)
    for name, text in (files or {}).items():
        os.makedirs(os.path.join(run, "conf/added"), exist_ok=True)
        with open(os.path.join(run, "conf/added", name), "w") as f:
            f.write(text.replace("DEMO_A", ports["demo_a"]))
    _run(run, "up", *options)
    _environment(run)
    return run
