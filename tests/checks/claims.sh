#!/bin/bash
# The threat model's table: what keeps a claim and what attacks it are files that exist, and no claim is
# without a test or without saying who proves it. Then proves that it bites.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/checks/say.sh
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

problems() { # FILE: one line for each thing that is wrong with its table
    find . \( -path ./build -o -path ./run -o -path ./.git \) -prune -o -type f -printf '%P\n' >"$tmp/files"
    python3 - "$1" "$tmp/files" <<'PY'
import os, re, sys
files = set(open(sys.argv[2]).read().split())
folders = set()
names = {os.path.basename(f) for f in files}
for f in files:
    while f := os.path.dirname(f):
        folders.add(f)
rows = 0
for line in open(sys.argv[1]):
    cells = [c.strip() for c in line.strip().strip("|").split("|")]
    if len(cells) < 2 or not cells[0].isdigit():
        continue
    if len(cells) != 5 or not re.fullmatch(r"[HVSO]( [HVSO])*", cells[2]):
        print(f"claim {cells[0]}: not said who proves it")
        continue
    rows += 1
    tests = 0
    for column in (3, 4):
        for word in re.findall(r"`([^`]+)`", cells[column]):
            if not re.fullmatch(r"[\w./-]+", word) or not ("." in word or word in folders):
                continue  # a function, a view, a code
            known = word.rstrip("/") in files | folders or ("/" not in word and word in names) or \
                any(f.endswith("/" + word) for f in files)
            if not known:
                print(f"claim {cells[0]}: there is no {word}")
            tests += known and column == 4 and (word.startswith("tests/") or word.startswith("test_"))
    if tests == 0:
        print(f"claim {cells[0]}: no test is named")
if rows == 0:
    print("there is no table of claims")
PY
}

expect() { # NAME SED_EXPRESSION: the table so changed has a problem
    sed "$2" docs/threat-model.md >"$tmp/changed.md"
    if cmp -s docs/threat-model.md "$tmp/changed.md" || [ -z "$(problems "$tmp/changed.md")" ]; then
        echo "not ok $1: the seeded problem was not seen"
        bad=1
    else
        echo "ok $1"
    fi
}

say claims "$(problems docs/threat-model.md)"
expect claims_seeded_no_file '/^| 10 /s#tests/checks/symbols.sh#tests/checks/symbol.sh#'
expect claims_seeded_no_keeper '/revoked intermediate/s#attestation/crl.c#attestation/revoked.c#'
expect claims_seeded_no_test '/^| 10 /s#`tests/checks/symbols.sh`#belief#'
expect claims_seeded_no_prover '/^| 10 /s/ | V S | / | /'
expect claims_seeded_no_table '/^| [0-9]/d'
exit $bad
