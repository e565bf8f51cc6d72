#!/bin/bash
# tests/FAILURES.md names for each of the 28 failure modes that users of routers complain about the tests that hold it,
# or says why it cannot occur here ("cannot occur: ..."). Shown pages that lack one first. (That they ran: ran.sh.)
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/checks/say.sh
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

problems() { # PAGE COUNT
    PYTHONPATH=tests/checks python3 -B - "$@" <<'PY'
import sys
import named
rows = named.rows_of(sys.argv[1], 3)
want = [str(n) for n in range(1, int(sys.argv[2]) + 1)]
if (got := [cells[0] for _, cells, _ in rows]) != want:
    print(f"the rows are {', '.join(got)}")
for line, cells, whole in rows:
    tests = named.references(cells[-1])
    if not whole or not (tests or cells[-1].startswith("cannot occur: ")):
        print(f"line {line}: not a number, a failure mode and its tests or why it cannot occur")
    for test in tests:
        if what := named.missing(*test):
            print(f"line {line}: {what}")
PY
}

twin() { # NAME SED WANT: the page so changed is complained about in these words
    sed "$2" "$tmp/good.md" >"$tmp/page.md"
    if grep -qF "$3" <<<"$(problems "$tmp/page.md" 2)"; then
        echo "ok failures_twin_$1"
    else
        echo "not ok failures_twin_$1: the seeded problem was not seen"
        bad=1
    fi
}

cat >"$tmp/good.md" <<'PAGE'
| # | failure mode | tests |
|---|---|---|
| 1 | one | `tests/unit/test_query.c:query_nonces` |
| 2 | two | cannot occur: no such thing is sent |
PAGE
say failures_good_page_passes "$(problems "$tmp/good.md" 2)"
twin missing '/^| 2 /d' "the rows are 1"
twin no_test 's/`.*`//' "line 3: not a number"
twin no_reason 's/cannot occur: .*|/|/' "line 4: not a number"
twin no_case 's/query_nonces/query_nonce/' "line 3: tests/unit/test_query.c has no case query_nonce"
say failures "$(problems tests/FAILURES.md 28)"
exit $bad
