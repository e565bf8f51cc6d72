#!/bin/bash
# The schema can be spread over servers by account: every table of the migrated schema is distributed or a reference table
# in docs/operations.md, and nothing else is there; of a distributed table the primary key, every unique index and every
# foreign key to another distributed table lead with its distribution column; a table that has an account_id is distributed
# unless the document says why not. Read from pg_catalog. Then proves that it bites.
set -eu
cd "$(dirname "$0")/../.."
exec python3 - <<'PY'
import os, re, subprocess, sys, tempfile
ROOT = os.getcwd()
PG = os.path.join(ROOT, "tests/lib/pg")
BIN = os.environ.get("TR_BIN") or os.path.join(ROOT, "build", os.environ.get("MODE", "release"))
where = tempfile.mkdtemp(prefix="tr-tenant-") + "-pg"


def sql(text):
    return subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", conninfo, "-c", text], check=True,
                          capture_output=True, text=True).stdout.strip()


def rows(text):
    return [line.split("|") for line in sql(text).splitlines()]


TABLES = """SELECT c.relname, EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'account_id'
 AND NOT a.attisdropped) FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
 AND NOT c.relispartition AND c.relname <> 'schema_migration' ORDER BY 1"""
# A partition's count as those of the table that it is part of.
INDEXES = """SELECT coalesce(h.inhparent, c.oid)::regclass, i.indexrelid::regclass, i.indisprimary,
 coalesce(a.attname, '(an expression)')
 FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid LEFT JOIN pg_inherits h ON h.inhrelid = c.oid
 LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
 WHERE c.relnamespace = 'public'::regnamespace AND i.indisunique AND c.relkind IN ('r', 'p')"""
KEYS = """SELECT c.conrelid::regclass, c.confrelid::regclass, f.attname, t.attname, c.conname FROM pg_constraint c
 CROSS JOIN LATERAL unnest(c.conkey, c.confkey) AS k (f, t)
 JOIN pg_attribute f ON f.attrelid = c.conrelid AND f.attnum = k.f
 JOIN pg_attribute t ON t.attrelid = c.confrelid AND t.attnum = k.t
 WHERE c.contype = 'f' AND c.conparentid = 0 AND NOT (SELECT relispartition FROM pg_class WHERE oid = c.conrelid)"""


def document():
    """What is distributed by which column, what is a reference table, and which of those has an account all the same."""
    with open("docs/operations.md") as f:
        text = f.read()
    spread = dict(re.findall(r"create_distributed_table\('(\w+)', '(\w+)'", text))
    refs = dict(re.findall(r"create_reference_table\('(\w+)'\);(?: *-- (.*))?", text))
    return spread, refs


def problems():
    spread, refs = document()
    tables = {name: has == "t" for name, has in rows(TABLES)}
    found = [f"{t} is in the schema and not in docs/operations.md" for t in tables if t not in spread and t not in refs]
    found += [f"{t} is in docs/operations.md and not in the schema" for t in {*spread, *refs} if t not in tables]
    found += [f"{t} is in docs/operations.md twice" for t in spread if t in refs]
    found += [f"{t} has an account and is not distributed" for t in refs if tables.get(t) and "account" not in refs[t]]
    primary = set()
    for table, index, is_primary, first in rows(INDEXES):
        primary |= {table} if is_primary == "t" else set()
        if table in spread and first != spread[table]:
            found.append(f"{index} of {table} leads with {first} instead of {spread[table]}")
    found += [f"{t} has no primary key" for t in spread if t in tables and t not in primary]
    keys = {}
    for table, to, column, at, name in rows(KEYS):
        keys.setdefault((table, to, name), set()).add((column, at))
    for (table, to, name), columns in keys.items():
        if table in spread and to in spread and (spread[table], spread[to]) not in columns:
            found.append(f"{name} of {table} refers to {to} without the account")
        if table in refs and to in spread:
            found.append(f"{name} of the reference table {table} refers to {to}, which is distributed")
    return sorted(found)


def bites(name, harm, mend, says):
    sql(harm)
    got = problems()
    sql(mend)
    ok = any(says in p for p in got)
    print(("ok " if ok else "not ok ") + "tenant_schema_finds_" + name)
    return not ok


conninfo = subprocess.run([PG, "start", where], check=True, capture_output=True, text=True).stdout.strip()
failed = 0
try:
    for f in sorted(os.listdir("sql")):
        if f.endswith(".sql"):
            subprocess.run(["psql", "-XAtq1", "-v", "ON_ERROR_STOP=1", conninfo, "-f", os.path.join("sql", f)], check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    got = problems()
    for p in got:
        print("# " + p)
    print(f"{'not ok' if got else 'ok'} tenant_schema_of_{len(rows(TABLES))}_tables")
    failed += bool(got)
    failed += bites("a_primary_key", "CREATE TABLE harm (x int PRIMARY KEY, account_id uuid); ALTER TABLE promotion RENAME"
                    " TO kept; ALTER TABLE harm RENAME TO promotion", "DROP TABLE promotion; ALTER TABLE kept RENAME TO"
                    " promotion", "of promotion leads with x instead of account_id")
    failed += bites("a_unique_index", "CREATE UNIQUE INDEX harm ON lease (lease_id)", "DROP INDEX harm",
                    "harm of lease leads with lease_id")
    failed += bites("a_unique_expression", "CREATE UNIQUE INDEX harm ON transfer (lower(kind))", "DROP INDEX harm",
                    "harm of transfer leads with (an expression)")
    failed += bites("a_new_table", "CREATE TABLE harm (account_id uuid PRIMARY KEY)", "DROP TABLE harm",
                    "harm is in the schema and not in docs/operations.md")
    failed += bites("a_foreign_key", "ALTER TABLE promotion ADD harm uuid UNIQUE; ALTER TABLE lease ADD CONSTRAINT harm"
                    " FOREIGN KEY (lease_id) REFERENCES promotion (harm) NOT VALID",
                    "ALTER TABLE lease DROP CONSTRAINT harm; ALTER TABLE promotion DROP harm",
                    "harm of lease refers to promotion without the account")
    failed += bites("a_tenant_as_reference", "ALTER TABLE model ADD account_id uuid", "ALTER TABLE model DROP account_id",
                    "model has an account and is not distributed")
finally:
    subprocess.run([PG, "stop", where])
sys.exit(1 if failed else 0)
PY
