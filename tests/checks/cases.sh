#!/bin/bash
# tests/CASES.md says for each point of an issue and each case of a review which test holds it and how that test
# was seen to fail: every row has these three, and the tests it names are there. (That they ran: ran.sh.) Shown
# pages that break each of these first.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/checks/say.sh
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

problems() { # PAGE
    PYTHONPATH=tests/checks python3 -B - "$1" <<'PY'
import sys
import named
rows = named.rows_of(sys.argv[1], 3)
for line, cells, whole in rows:
    if not whole or not all(cells):
        print(f"line {line}: not a point, its test and how that was seen to fail")
        continue
    tests = named.references(cells[1])
    if not tests:
        print(f"line {line}: {cells[0]} names no test")
    for test in tests:
        if what := named.missing(*test):
            print(f"line {line}: {what}")
if not rows:
    print("there is no table of cases")
PY
}

twin() { # NAME SED WANT: the page so changed is complained about in these words
    sed "$2" "$tmp/good.md" >"$tmp/page.md"
    if grep -qF "$3" <<<"$(problems "$tmp/page.md")"; then
        echo "ok cases_twin_$1"
    else
        echo "not ok cases_twin_$1: the seeded problem was not seen"
        bad=1
    fi
}

cat >"$tmp/good.md" <<'PAGE'
| point or case | test | how it was seen to fail |
|---|---|---|
| one \| only | `tests/unit/test_bill.c` and `tests/unit/test_query.c:query_nonces` | seed: upper case taken |
| two | `tests/e2e/stack_ports.py:stacks_at_once_never_collide` | seed: no lock |
| three | `tests/scenario/06-revoked-key.sh:deleted` | seed: no NOTIFY |
PAGE
say cases_good_page_passes "$(problems "$tmp/good.md")"
twin no_test '/^| two /s/`//g' "line 4: two names no test"
twin no_file 's/test_bill/test_nothing/' "line 3: there is no tests/unit/test_nothing.c"
twin no_case 's/stacks_at_once/stacks_never/' "line 4: tests/e2e/stack_ports.py has no case stacks_never_never_collide"
twin no_c_case 's/query_nonces/query_nonce/' "line 3: tests/unit/test_query.c has no case query_nonce"
twin no_scenario_case 's/:deleted/:delete/' "line 5: tests/scenario/06-revoked-key.sh has no case delete"
twin not_seen_to_fail 's/seed: no lock//' "line 4: not a point, its test and how"
twin no_column '/^| two /s/ | seed.*/ |/' "line 4: not a point, its test and how"
twin no_table '/^|/d' "there is no table of cases"
say cases "$(problems tests/CASES.md)"
exit $bad
