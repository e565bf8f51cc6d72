#!/bin/bash
# Every test that a page names (NEGATIVE.md, CASES.md, FAILURES.md, the threat model's table) has run and passed: a name alone
# proves nothing. A test that this machine skipped is a skip here too. RESULTS is what tests/run collected in
# $TR_RESULTS during one whole `make test`. Shown results that lack a test first.
#   ran.sh RESULTS
set -u
results=$(realpath "${1:?usage: ran.sh RESULTS}")
cd "$(dirname "$0")/../.." || exit 1
. tests/checks/say.sh
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

judge() { # PAGE RESULTS: a line "problem ..." or "skip ..." for each named test that did not pass
    PYTHONPATH=tests/checks python3 -B - "$@" <<'PY'
import re, sys
import named
page, results = sys.argv[1], named.results_read(sys.argv[2])
rows = named.rows_of(page, 0)
tests = []
for line, cells, _ in rows:
    # The threat model's claims name their tests last; elsewhere a row's tests are wherever they stand.
    for test in named.references(cells[-1] if "threat-model" in page else " ".join(cells[1:2] if "CASES" in page else cells[1:])):
        tests.append((re.sub(r"[^\w]+", "_", cells[0])[:40].strip("_"), test))
for row, (path, case, _) in tests:
    text = path + (":" + case if case else "")
    if path == "tests/checks/ran.sh":
        continue  # it is running
    how = named.outcome(results, path, case)
    if how == "skip":
        print(f"skip {row}: {text} was skipped")
    elif how != "ok":
        print(f"problem {row}: {text} {'failed' if how else 'did not run'}")
if not tests:
    print("problem: the page names no test")
PY
}

page() { # NAME PAGE RESULTS
    local got
    got=$(judge "$2" "$3")
    sed -n "s/^skip /skip ran_$1_/p" <<<"$got"
    say "ran_$1" "$(sed -n 's/^problem //p' <<<"$got")"
}
twin() { # NAME SED WANT: of the seeded page's results, so changed, is said this
    sed "$2" "$tmp/results" >"$tmp/changed"
    if grep -qxF "$3" <<<"$(judge "$tmp/CASES.md" "$tmp/changed")"; then
        echo "ok ran_twin_$1"
    else
        echo "not ok ran_twin_$1: it was not said"
        bad=1
    fi
}

cat >"$tmp/CASES.md" <<'PAGE'
| point or case | test | how it was seen to fail |
|---|---|---|
| one | `tests/unit/test_query.c:query_nonces` `tests/fuzz/fuzz_json.c` | seed |
| two | `tests/scenario/06-revoked-key.sh:deleted` `tests/attacks/upload.py:upload_20_mib` | seed |
PAGE
printf '%s\t%s\t%s\n' ok build/asan/unit/test_query query_nonces ok tests/fuzz/run-all fuzz_json \
    ok tests/scenario/06-revoked-key.sh 06_revoked_key_deleted ok tests/attacks/run attack_upload_20_mib >"$tmp/results"
say ran_seeded_results_pass "$(judge "$tmp/CASES.md" "$tmp/results")"
twin no_unit /query_nonces/d "problem one: tests/unit/test_query.c:query_nonces did not run"
twin other_name 's/query_nonces/query_nonces_too/' "problem one: tests/unit/test_query.c:query_nonces did not run"
twin other_program 's/06-revoked-key.sh/05-x.sh/' "problem two: tests/scenario/06-revoked-key.sh:deleted did not run"
twin no_fuzzer /fuzz_json/d "problem one: tests/fuzz/fuzz_json.c did not run"
twin failed '/deleted/s/^ok/not_ok/' "problem two: tests/scenario/06-revoked-key.sh:deleted failed"
twin skipped '/20_mib/s/^ok/skip/' "skip two: tests/attacks/upload.py:upload_20_mib was skipped"
twin nothing d "problem two: tests/attacks/upload.py:upload_20_mib did not run"

page negative tests/NEGATIVE.md "$results"
page cases tests/CASES.md "$results"
page failures tests/FAILURES.md "$results"
page threat_model docs/threat-model.md "$results"
exit $bad
