#!/bin/bash
# tests/NEGATIVE.md promises a test for each way to be wrong: every row N01 to N24 is there once, names at
# least one `file:case`, the file exists and the case is in it. (That it ran: ran.sh.) Shown pages that break each
# of these first.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/checks/say.sh

problems() { # PAGE
    PYTHONPATH=tests/checks python3 -B - "$1" <<'PY'
import re, sys
import named
rows = {}
for line in open(sys.argv[1]):
    m = re.match(r"\| (N\d\d) \|", line)
    if m and m.group(1) in rows:
        print(f"{m.group(1)} is there twice")
    if m:
        rows[m.group(1)] = line
for n in range(1, 25):
    if f"N{n:02d}" not in rows:
        print(f"N{n:02d} is missing")
for name, line in sorted(rows.items()):
    tests = [t for t in named.references(line) if t[1]]
    if not tests:
        print(f"{name} names no test")
    for test in tests:
        if what := named.missing(*test):
            print(f"{name}: {what}")
PY
}

say negative_list "$(problems tests/NEGATIVE.md)"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
twin() { # NAME SED WANT
    sed "$2" tests/NEGATIVE.md >"$tmp/page.md"
    if grep -qF "$3" <<<"$(problems "$tmp/page.md")"; then
        echo "ok negative_twin_$1"
    else
        echo "not ok negative_twin_$1: the seeded violation was not seen"
        bad=1
    fi
}
twin row_gone '/^| N07 /d' "N07 is missing"
twin row_twice 's/^| N08 /| N09 /' "N09 is there twice"
twin file_gone 's|tests/unit/test_query.c|tests/unit/test_nothing.c|' "N01: there is no tests/unit/test_nothing.c"
twin row_of_a_case_gone 's|/stale nonce`|/stale nonces`|' "N01: tests/unit/test_peers.c has no row stale nonces"
twin case_gone 's|:want_unknown|:want_nothing_at_all|' "N23: tests/unit/test_want.c has no case"
twin case_cut 's|:negative_half_a_binding|:negative_half|' "N03: tests/unit/test_negative.c has no case"
twin no_test '/^| N03 /s/`//g' "N03 names no test"
exit $bad
