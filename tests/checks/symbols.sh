#!/bin/bash
# What is in the programs: no simulator and no demo provider in tr-dataplane, no PostgreSQL and no JSON
# DOM in any data plane, no sealed-key simulator in the control plane, and the hardening flags in all.
# Each rule is also shown a binary that breaks it.
#   symbols.sh BUILD_DIRECTORY
set -u
build=${1:?usage: symbols.sh BUILD_DIRECTORY}
. "$(dirname "$0")/say.sh"
. "$(dirname "$0")/simulator.sh"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

expect_problem() { # NAME PROBLEM
    if [ -n "$2" ]; then
        echo "ok $1"
    else
        echo "not ok $1: the seeded violation was not seen"
        bad=1
    fi
}

libraries() { # BINARY PATTERN: libraries it needs that match
    readelf -d "$1" | grep NEEDED | grep -E "$2"
}
hardening() { # BINARY: what is missing
    readelf -hW "$1" | grep -q 'Type:.*DYN' || echo "not position independent"
    readelf -lW "$1" | grep -q GNU_RELRO || echo "no RELRO"
    readelf -dW "$1" | grep -qE 'BIND_NOW|FLAGS_1.*NOW' || echo "no BIND_NOW"
    readelf -lW "$1" | grep GNU_STACK | grep -q 'RWE' && echo "executable stack"
    nm -D "$1" | grep -q '__stack_chk_fail' || echo "no stack protector"
    nm -D "$1" | grep -qE '__(memcpy|snprintf|fprintf|vsnprintf|read|memset|strncpy)_chk' || echo "no FORTIFY"
    return 0
}

say symbols_no_simulator_in_dataplane "$(simulator "$build/tr-dataplane")"
expect_problem symbols_simulator_is_seen "$(simulator "$build/tr-dataplane-sim")"
expect_problem symbols_mock_is_seen "$(simulator "$build/mock_provider")"
for p in tr-dataplane tr-dataplane-sim; do
    say "symbols_${p}_no_libpq" "$(libraries "$build/$p" 'libpq|libjson-c|libcurl')"
done
expect_problem symbols_libpq_is_seen "$(libraries "$build/tr-controlplane" 'libpq')"
for p in tr-dataplane tr-dataplane-sim tr-controlplane; do
    [ -x "$build/$p" ] || { say "hardening_$p" "no such program"; continue; }
    # A sanitizer build replaces FORTIFY and lazy binding matters less there.
    case $build in *asan*) continue ;; esac
    say "hardening_$p" "$(hardening "$build/$p")"
done

# The twin: a program built with every switch off must fail every rule.
cat >"$tmp/weak.c" <<'C'
#include <stdio.h>
int main(int argc, char **argv) { char b[64]; return snprintf(b, sizeof b, "%s", argv[argc - 1]); }
C
gcc -O2 -U_FORTIFY_SOURCE -fno-stack-protector -no-pie -Wl,-z,norelro,-z,lazy,-z,execstack \
    -o "$tmp/weak" "$tmp/weak.c" 2>/dev/null
for what in "not position" "no RELRO" "no BIND_NOW" "executable stack" "no stack protector" "no FORTIFY"; do
    expect_problem "hardening_twin_$(echo "${what// /_}" | tr A-Z a-z)" "$(hardening "$tmp/weak" | grep "$what")"
done
exit $bad
