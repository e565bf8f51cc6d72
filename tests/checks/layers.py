"""Who may include whom, and who does. The compiler's own .d files are read, so a "../" or an absolute path cannot hide.
    layers.py violations BUILD   prints "FILE includes HEADER" for each one; run it in the tree's root
    layers.py pairs yes|no       prints "FOLDER OTHER" for each pair of the data plane's folders where the first may
                                 (may not) include the second"""

import os
import sys

BASE = {"common", "proto", "attestation"}
# A layer sees itself and what is named here. Inside of common, proto, attestation and the control plane there are no
# rules; in the data plane each folder has its own, and a new folder needs a line here and one in the Makefile.
SEES = {
    "common": set(),
    "proto": {"common"},
    "attestation": {"common", "proto"},
    "controlplane": BASE,
    "dataplane/llm": BASE,
    "dataplane/guest": {"common"},
    "dataplane/route": BASE | {"dataplane/llm"},
    "dataplane/http": BASE | {"dataplane/llm"},
    "dataplane/trust": BASE | {"dataplane/llm"},
    "dataplane/keys": BASE | {"dataplane/llm"},
    "dataplane/acme": BASE | {"dataplane/llm", "dataplane/trust"},
    "dataplane/provider": BASE | {"dataplane/llm", "dataplane/http", "dataplane/route"},
    "dataplane/link": BASE | {"dataplane/llm", "dataplane/trust", "dataplane/keys"},
    "dataplane/core": BASE | {"dataplane/" + f for f in ("llm", "route", "trust", "keys", "link")},
    "dataplane/synth": BASE | {"dataplane/" + f for f in ("llm", "route", "http", "trust", "keys", "provider", "link",
                                                          "core")},
    "dataplane/api": BASE | {"dataplane/" + f for f in ("llm", "route", "http", "trust", "keys", "provider", "link",
                                                        "core", "synth", "acme")},
}
FOLDERS = [f for f in SEES if f.startswith("dataplane/")]
SEES["dataplane"] = BASE | set(FOLDERS)  # the files above the folders
# What make writes below BUILD and who alone includes it.
GENERATED = {"openapi/commands.inc": "controlplane/trctl/commands.c"}


def layer_of(path):
    top = path.split("/")[0]
    return os.path.dirname(path) if top == "dataplane" else top


def read(name):
    """The source and what it includes, below the current directory; None: the source is gone."""
    text = open(name).read().replace("\\\n", " ")
    paths = [os.path.relpath(os.path.realpath(p)) for p in text.split("\n")[0].split(":", 1)[1].split()]
    return paths if os.path.exists(paths[0]) else None


def violations(build):
    generated = {(os.path.relpath(os.path.join(build, g)), source) for g, source in GENERATED.items()}
    seen = 0
    for folder, _, names in os.walk(build):
        for name in names:
            paths = read(os.path.join(folder, name)) if name.endswith(".d") else None
            if paths is None or layer_of(paths[0]).split("/")[0] in ("tests", ".."):
                continue
            seen += 1
            layer = layer_of(paths[0])
            if layer not in SEES:
                print(f"{paths[0]} is in a folder without a rule")
                continue
            for path in paths[1:]:
                if not path.startswith("..") and layer_of(path) not in SEES[layer] | {layer} and \
                        (path, paths[0]) not in generated:
                    print(f"{paths[0]} includes {path}")
    if seen == 0:
        print("no .d file of any layer was found")


def circle():
    """The rules themselves have no circle: each layer's can be taken away when nothing that is left sees it."""
    left = dict(SEES)
    while left:
        free = [f for f in left if not SEES[f] & set(left) - {f}]
        if not free:
            return sorted(left)
        for f in free:
            del left[f]
    return []


def pairs(allowed):
    for a in FOLDERS:
        for b in FOLDERS + ["dataplane"]:
            if a != b and (b in SEES[a]) == allowed:
                print(a, b)


if circle():
    print("the rules have a circle:", *circle())
    sys.exit(1)
if sys.argv[1] == "violations":
    violations(sys.argv[2])
else:
    pairs(sys.argv[2] == "yes")
