#!/bin/bash
# No SQL text is made while the program runs: libpq gets texts from the table of statements, literals and the files of
# sql/ only; nothing else can reach it; a row of the table is made of literals; and what SQL itself executes as text
# is made by format() with quoted names and values.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/checks/say.sh
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

calls_elsewhere() { # DIR: calls that take SQL, outside db.c; conninfo.c includes libpq's header and calls none of them
    grep -rnE '\bPQ(exec|execParams|prepare|sendQuery|sendQueryParams|sendPrepare)\b|#include.*libpq-fe\.h' "$1" --include='*.[ch]' \
        --include='*.inc' | grep -vE "^$1/db/(db\.c:|conninfo\.c:[0-9]+:#include <postgresql/libpq-fe\.h>\$)"
}

texts_given() { # FILE: the SQL argument of each call in it that is none of the known ones
    python3 - "$1" <<'P'
import re, sys
text = open(sys.argv[1]).read()
known = {"PQsendQueryParams": ["first[i]"], "PQsendPrepare": ["stmt_sql(s)"], "PQexecParams": ["stmt_sql(stmt)"],
         "PQexec": ["sql"]}
position = {"PQsendPrepare": 2, "PQprepare": 2}
for m in re.finditer(r"\bPQ(exec|execParams|prepare|sendQuery|sendQueryParams|sendPrepare)\(", text):
    depth, parts, word = 1, [], ""
    for c in text[m.end():]:
        depth += (c == "(") - (c == ")")
        if depth == 0:
            break
        if c == "," and depth == 1:
            parts.append(word.strip())
            word = ""
        else:
            word += c
    parts.append(word.strip())
    name = m.group(0)[:-1]
    argument = " ".join(parts[position.get(name, 1)].split())
    if argument not in known.get(name, []) and not re.fullmatch(r'("[^"]*"\s*)+', argument):
        print(f"{name} is given {argument}")
P
}

runners() { # DIR: session_run() takes a text: a literal, or what migrate.c has read from sql/
    grep -rnE '\bsession_run\(' "$1" --include='*.c' | grep -vE '/db/db\.c:|session_run\([a-z&.>-]+, "[^"]*"(,|$)' |
        grep -vE '/db/migrate\.c:[0-9]+:.*session_run\(s, \(const char \*\)[a-z>.-]+ptr'
}

executed() { # FILES: EXECUTE of a text that is glued together, or formatted with a bare %s
    python3 - "$@" <<'P'
import re, sys
for path in sys.argv[1:]:
    text = re.sub(r"--[^\n]*", "", open(path).read())
    for m in re.finditer(r"\bEXECUTE\s+(?!FUNCTION|PROCEDURE)([^;]*);", text):
        if "||" in m.group(1) or re.search(r"%(\d+\$)?s", m.group(1)) or not re.match(r"('|\$|format\()", m.group(1)):
            print(f"{path}: EXECUTE {m.group(1)[:60]}")
P
}

# --- seeded faults first
mkdir -p "$tmp/c/db" "$tmp/c/api"
printf 'PQexec(pg, sql);\n' >"$tmp/c/api/a.c"
say sql_bound_sees_a_call_elsewhere "$([ -n "$(calls_elsewhere "$tmp/c")" ] || echo not seen)"
rm "$tmp/c/api/a.c"
printf '#include <postgresql/libpq-fe.h>\nPQconninfoParse(text, 0);\n' >"$tmp/c/db/conninfo.c"
say sql_bound_takes_the_reader_of_addresses "$(calls_elsewhere "$tmp/c")"
printf 'PQexec(pg, sql);\n' >>"$tmp/c/db/conninfo.c"
say sql_bound_sees_a_call_in_it "$([ -n "$(calls_elsewhere "$tmp/c")" ] || echo not seen)"
printf 'snprintf(text, sizeof text, "SELECT %%s", name);\nPQexecParams(pg, text, 0);\nPQsendPrepare(pg, n, made(s), 0);\n' >"$tmp/c/db/db.c"
say sql_bound_sees_a_made_text "$([ "$(texts_given "$tmp/c/db/db.c" | wc -l)" = 2 ] || echo not seen)"
printf 'session_run(s, text, why);\n' >"$tmp/c/api/a.c"
say sql_bound_sees_a_run_text "$([ -n "$(runners "$tmp/c")" ] || echo not seen)"
printf "EXECUTE 'DROP TABLE ' || name;\nEXECUTE format('DROP TABLE %%s', name);\nEXECUTE text;\n" >"$tmp/a.sql"
say sql_bound_sees_glued_sql "$([ "$(executed "$tmp/a.sql" | wc -l)" = 3 ] || echo not seen)"
printf "EXECUTE format('DROP TABLE %%I', name);\nEXECUTE 'SELECT \$1' USING n;\n CREATE TRIGGER x EXECUTE FUNCTION f();\n" >"$tmp/a.sql"
say sql_bound_takes_quoted_sql "$(executed "$tmp/a.sql")"
# --- ours
say sql_bound_calls "$(calls_elsewhere controlplane)"
say sql_bound_texts "$(texts_given controlplane/db/db.c)"
say sql_bound_runs "$(runners controlplane)"
say sql_bound_executes "$(executed sql/*.sql)"
# The table is static and const, so the compiler takes nothing but literals for its rows; and it has no other entry.
say sql_bound_table "$(grep -q '^static const struct {$' controlplane/db/stmt.c && grep -q '^} table\[STMT_COUNT\] = {$' \
    controlplane/db/stmt.c || echo 'controlplane/db/stmt.c: the table is not const')"
exit $bad
