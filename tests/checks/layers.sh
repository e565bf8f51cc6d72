#!/bin/bash
# Who includes whom: common <- proto <- attestation <- {dataplane, controlplane}; nothing includes
# tests. Reads the compiler's own .d files, so a "../" or an absolute path cannot hide. Then proves
# that it bites, on a tree with seeded violations built by the same Makefile.
#   layers.sh BUILD_DIRECTORY
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${1:?usage: layers.sh BUILD_DIRECTORY}

# Prints "FILE includes HEADER" for each violation below the tree $1 whose objects are in $1/$2.
violations() {
    (cd "$1" && python3 - "$2" <<'PY'
import os, sys
SEES = {"common": ["common"], "proto": ["common", "proto"],
        "attestation": ["common", "proto", "attestation"],
        "dataplane": ["common", "proto", "attestation", "dataplane"],
        "controlplane": ["common", "proto", "attestation", "controlplane"]}
seen = 0
for folder, _, names in os.walk(sys.argv[1]):
    for name in names:
        if not name.endswith(".d"):
            continue
        text = open(os.path.join(folder, name)).read().replace("\\\n", " ")
        paths = [os.path.relpath(os.path.realpath(p)) for p in text.split("\n")[0].split(":", 1)[1].split()]
        layer = paths[0].split("/")[0]
        if layer not in SEES:
            continue
        seen += 1
        for path in paths[1:]:
            top = path.split("/")[0]
            inside = not path.startswith("..")
            if inside and top not in SEES[layer]:
                print(f"{paths[0]} includes {path}")
if seen == 0:
    print("no .d file of any layer was found")
PY
    )
}

bad=0
found=$(violations "$root" "$build")
if [ -z "$found" ]; then
    echo "ok layers"
else
    echo "$found" | sed 's/^/# /'
    echo "not ok layers"
    bad=1
fi

# The same check, on a tree that breaks each rule once.
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mkdir -p "$tmp"/{common,proto,attestation,dataplane/core,controlplane/db,tests}
for h in common/c.h proto/p.h attestation/a.h dataplane/core/d.h controlplane/db/k.h tests/t.h; do
    echo "enum { SEEN_$(basename "$h" .h) = 1 };" >"$tmp/$h"
done

seed() { # NAME FILE INCLUDE: must compile and be reported
    echo "#include \"$3\"" >"$tmp/$2"
    if ! make -s -C "$tmp" -f "$root/Makefile" B=b "b/${2%.c}.o" >"$tmp/out" 2>&1; then
        sed 's/^/# /' "$tmp/out"
        echo "not ok layers_seeded_$1: it did not compile, so nothing was proved"
        bad=1
    elif violations "$tmp" b | grep -q "^$2 includes "; then
        echo "ok layers_seeded_$1"
    else
        echo "not ok layers_seeded_$1: not reported"
        bad=1
    fi
    rm -rf "${tmp:?}/b" "${tmp:?}/$2"
}
refused() { # NAME FILE INCLUDE: -iquote alone must make it fail to compile
    echo "#include \"$3\"" >"$tmp/$2"
    if make -s -C "$tmp" -f "$root/Makefile" B=b "b/${2%.c}.o" >/dev/null 2>&1; then
        echo "not ok layers_refused_$1: it compiled"
        bad=1
    else
        echo "ok layers_refused_$1"
    fi
    rm -rf "${tmp:?}/b" "${tmp:?}/$2"
}
seed common_sees_proto common/bad.c ../proto/p.h
seed proto_sees_attestation proto/bad.c ../attestation/a.h
seed dataplane_sees_controlplane dataplane/core/bad.c ../../controlplane/db/k.h
seed controlplane_sees_dataplane controlplane/db/bad.c ../../dataplane/core/d.h
seed dataplane_sees_tests dataplane/bad.c ../tests/t.h
seed absolute_path attestation/bad.c "$tmp/dataplane/core/d.h"
refused common_sees_proto common/bad.c p.h
refused proto_sees_dataplane proto/bad.c d.h
refused controlplane_sees_dataplane controlplane/db/bad.c d.h
# The twin: what is allowed is not reported.
echo '#include "c.h"' >"$tmp/proto/good.c"
make -s -C "$tmp" -f "$root/Makefile" B=b b/proto/good.o && [ -z "$(violations "$tmp" b)" ] &&
    echo "ok layers_allowed" || { echo "not ok layers_allowed"; bad=1; }
exit $bad
