/* Two releases of the control plane over one database, while it is updated: what the former one sends (tests/former) is
 * still understood after all migrations, and its inserts give every column that must be given. */
#include "check.h"
#include "db.h"
#include "lib/pg.h"
#include "secret.h"

enum { NAMES_MAX = 200, NAME_MAX_ = 120 };

struct names {
    size_t n;
    char name[NAMES_MAX][NAME_MAX_];
};

static void add_name(struct names *out, const char *text, size_t len)
{
    CHECK(out->n < NAMES_MAX && len < NAME_MAX_);
    if (out->n < NAMES_MAX && len < NAME_MAX_)
        snprintf(out->name[out->n++], NAME_MAX_, "%.*s", (int)len, text);
}

static bool is_accepted(const char *name)
{
    FILE *f = fopen("tests/former/accepted.txt", "r");
    char line[400];
    bool found = false;

    CHECK(f != NULL);
    while (f != NULL && !found && fgets(line, sizeof line, f) != NULL)
        found = strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ' ' &&
                strlen(line) > strlen(name) + 10; /* and a reason */
    if (f != NULL)
        fclose(f);
    return found;
}

/* The statement of a line of statements.sql. */
static void name_of_line(long number, struct names *out)
{
    FILE *f = fopen("tests/former/statements.sql", "r");
    static char line[1 << 16];
    char *end;

    CHECK(f != NULL);
    while (f != NULL && number > 0 && fgets(line, sizeof line, f) != NULL)
        number--;
    if (f != NULL)
        fclose(f);
    CHECK_INT(number, 0);
    CHECK_INT(strncmp(line, "PREPARE ", 8), 0);
    end = strchr(line + 8, ' ');
    if (end != NULL)
        add_name(out, line + 8, (size_t)(end - line - 8));
}

/* psql names the line of each error. How many statements there are. */
static unsigned broken_statements(struct names *out)
{
    char command[600], line[4000], *at;
    unsigned statements = 0;
    FILE *f;

    snprintf(command, sizeof command, "psql -XAtq '%s' -f tests/former/statements.sql 2>&1", pg_url());
    f = popen(command, "r");
    CHECK(f != NULL);
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        if ((at = strstr(line, "statements.sql:")) == NULL || strstr(line, "ERROR:") == NULL)
            continue;
        name_of_line(strtol(at + strlen("statements.sql:"), NULL, 10), out);
        if (!is_accepted(out->name[out->n - 1]))
            printf("# %s", strstr(line, "ERROR:"));
    }
    if (f != NULL)
        pclose(f);
    f = fopen("tests/former/statements.sql", "r");
    for (int c; f != NULL && (c = fgetc(f)) != EOF;)
        statements += c == '\n';
    if (f != NULL)
        fclose(f);
    return statements;
}

/* Columns of the former release's tables that its inserts do not name and that nothing fills in. */
static void columns_it_does_not_give(struct names *out)
{
    const char *at = pg_sql(
        "CREATE TEMP TABLE former (name text);\n"
        "\\copy former from 'tests/former/columns.txt'\n"
        "SELECT c.table_name || '.' || c.column_name FROM information_schema.columns c"
        " WHERE c.table_schema = 'public' AND c.is_nullable = 'NO' AND c.column_default IS NULL"
        " AND c.is_identity = 'NO' AND c.is_generated = 'NEVER'"
        " AND EXISTS (SELECT 1 FROM former f WHERE f.name LIKE c.table_name || '.%')"
        " AND c.table_name || '.' || c.column_name NOT IN (SELECT name FROM former) ORDER BY 1");

    CHECK(strstr(at, "ERROR") == NULL);
    for (size_t len; (len = strcspn(at, "\n")) > 0; at += len + (at[len] == '\n'))
        add_name(out, at, len);
}

static unsigned not_accepted(const struct names *names)
{
    unsigned n = 0;

    for (size_t i = 0; i < names->n; i++) {
        if (is_accepted(names->name[i]))
            continue;
        printf("# not for the former release any more: %s\n", names->name[i]);
        n++;
    }
    return n;
}

static void migrated(void)
{
    struct buf why;

    CHECK_INT(secret_init(), ERR_NONE);
    buf_init(&why, 1000);
    CHECK_INT(db_migrate(pg_url(), "sql", &why), ERR_NONE);
    buf_free(&why);
}

static void its_statements_are_understood(void)
{
    static struct names broken;
    unsigned n = broken_statements(&broken);

    printf("# %u statements\n", n);
    CHECK(n >= 40);
    CHECK_INT(not_accepted(&broken), 0);
}

static void its_rows_are_whole(void)
{
    static struct names missing;

    columns_it_does_not_give(&missing);
    CHECK_INT(not_accepted(&missing), 0);
}

/* Both checks, on migrations as they must not be. */
static void what_takes_something_away_is_seen(void)
{
    static struct names broken, missing, before;

    columns_it_does_not_give(&before);
    pg_sql("ALTER TABLE api_key DROP COLUMN label CASCADE; ALTER TABLE boot ADD odd integer NOT NULL;"
           " DROP FUNCTION boot_unlink(uuid, uuid)");
    broken_statements(&broken);
    columns_it_does_not_give(&missing);
    CHECK(not_accepted(&broken) >= 2);
    CHECK_INT(missing.n, before.n + 1);
}

static const struct check_case cases[] = {
    {"former_migrated", migrated},
    {"former_its_statements_are_understood", its_statements_are_understood},
    {"former_its_rows_are_whole", its_rows_are_whole},
    {"former_what_takes_something_away_is_seen", what_takes_something_away_is_seen},
};

/* --write DIR: the tree as it is becomes the former release. */
static int write_tree(const char *dir)
{
    char path[300], command[700];
    FILE *f;

    migrated();
    snprintf(path, sizeof path, "%s/statements.sql", dir);
    if ((f = fopen(path, "w")) == NULL)
        return 1;
    for (enum stmt s = 0; s < STMT_COUNT; s++)
        if (stmt_pooled(s))
            fprintf(f, "PREPARE %s AS %s;\n", stmt_name(s), stmt_sql(s));
    if (fclose(f) != 0)
        return 1;
    snprintf(command, sizeof command,
             "psql -XAtq '%s' -c \"SELECT table_name || '.' || column_name FROM information_schema.columns"
             " WHERE table_schema = 'public' ORDER BY 1\" >%s/columns.txt && : >%s/accepted.txt",
             pg_url(), dir, dir);
    return system(command) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--write") == 0)
        return write_tree(argv[2]);
    return check_main(cases, sizeof cases / sizeof cases[0], argc, argv);
}
