#!/bin/bash
# Who includes whom: common <- proto <- attestation <- {dataplane, controlplane}, the folders of the data plane among
# themselves (layers.py has the table), and nothing includes tests. Then proves that it bites, on a tree with seeded
# violations built by the same Makefile.
#   layers.sh BUILD_DIRECTORY
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${1:?usage: layers.sh BUILD_DIRECTORY}

# Prints "FILE includes HEADER" for each violation below the tree $1 whose objects are in $1/$2.
violations() {
    (cd "$1" && python3 "$root/tests/checks/layers.py" violations "$2")
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

seed() { # NAME FILE INCLUDE [REPORT]: must compile and be reported
    echo "#include \"$3\"" >"$tmp/$2"
    if ! make -s -C "$tmp" -f "$root/Makefile" B=b "b/${2%.c}.o" >"$tmp/out" 2>&1; then
        sed 's/^/# /' "$tmp/out"
        echo "not ok layers_seeded_$1: it did not compile, so nothing was proved"
        bad=1
    elif violations "$tmp" b | grep -q "^$2 ${4-includes }"; then
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
# The folders of the data plane: every pair, each way. One file per pair, one build for all.
header_of() { # FOLDER: its header's name
    echo "h_$(basename "$1").h"
}
pairs() { python3 "$root/tests/checks/layers.py" pairs "$1"; }
objects() { # PREFIX: of the pairs on stdin
    while read -r a b; do echo "b/$a/$1_$(basename "$b").o"; done
}
for folder in $(pairs no | tr ' ' '\n' | sort -u); do
    mkdir -p "$tmp/$folder"
    echo "enum { SEEN_$(basename "$folder") = 1 };" >"$tmp/$folder/$(header_of "$folder")"
done
write() { # PREFIX HOW: a source for each pair on stdin, which includes the other's header plainly or by its path
    while read -r a b; do
        case $2 in
        plain) echo "#include \"$(header_of "$b")\"" ;;
        path) echo "#include \"../../$b/$(header_of "$b")\"" ;;
        esac >"$tmp/$a/$1_$(basename "$b").c"
    done
}
pairs no | write seed path
pairs no | write refused plain
pairs yes | write good plain
make -s -k -j2 -C "$tmp" -f "$root/Makefile" B=b $(pairs no | objects seed) $(pairs no | objects refused) \
    $(pairs yes | objects good) >"$tmp/out" 2>&1
found=$(violations "$tmp" b)
wrong=
while read -r a b; do
    b=$(basename "$b")
    grep -q "^$a/seed_$b.c includes " <<<"$found" || wrong+="$a includes $b and is not reported"$'\n'
    [ ! -e "$tmp/b/$a/refused_$b.o" ] || wrong+="$a finds a header of $b"$'\n'
done < <(pairs no)
while read -r a b; do
    b=$(basename "$b")
    [ -e "$tmp/b/$a/good_$b.o" ] || wrong+="$a does not find a header of $b"$'\n'
    ! grep -q "^$a/good_$b.c " <<<"$found" || wrong+="$a may include $b and is reported"$'\n'
done < <(pairs yes)
[ "$(pairs no | wc -l)" -gt 40 ] && [ "$(pairs yes | wc -l)" -gt 20 ] || wrong+="there are too few rules"$'\n'
if [ -z "$wrong" ]; then
    echo "ok layers_folders"
else
    sed 's/^/# /' <<<"$wrong"
    echo "not ok layers_folders"
    bad=1
fi
rm -rf "${tmp:?}/b"
mkdir "$tmp/dataplane/new"
seed folder_without_a_rule dataplane/new/bad.c c.h 'is in a folder without a rule'
# What make writes: one source may include one file of it.
write_generated() {
    mkdir -p "$tmp/b/openapi" "$tmp/controlplane/trctl"
    for name in commands.inc other.inc; do echo 'enum { GENERATED = 1 };' >"$tmp/b/openapi/$name"; done
}
write_generated
seed generated_for_another controlplane/db/bad.c ../../b/openapi/commands.inc
write_generated
seed generated_without_a_rule controlplane/trctl/commands.c ../../b/openapi/other.inc
write_generated
echo '#include "../../b/openapi/commands.inc"' >"$tmp/controlplane/trctl/commands.c"
make -s -C "$tmp" -f "$root/Makefile" B=b b/controlplane/trctl/commands.o && [ -z "$(violations "$tmp" b)" ] &&
    echo "ok layers_generated_allowed" || { echo "not ok layers_generated_allowed"; bad=1; }
rm -rf "${tmp:?}/b" "$tmp/controlplane/trctl"
# The twin: what is allowed is not reported.
echo '#include "c.h"' >"$tmp/proto/good.c"
make -s -C "$tmp" -f "$root/Makefile" B=b b/proto/good.o && [ -z "$(violations "$tmp" b)" ] &&
    echo "ok layers_allowed" || { echo "not ok layers_allowed"; bad=1; }
exit $bad
