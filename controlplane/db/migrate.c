/* db_migrate: bring the schema to what sql/ says; other instances may try the same at the same time. */
#include "db.h"
#include "conf.h"
#include "db_conn.h"
#include "log.h"
#include "secret.h"

#include <ctype.h>
#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    SQL_FILE_MAX = 1 << 20,
    LOCK_TRIES = 40, /* of two seconds, with pauses: two minutes in all */
    LOCK_PAUSE_US = 1000000,
};

/* "NNN_name.sql" */
static int is_migration(const struct dirent *d)
{
    size_t n = strlen(d->d_name);

    return n > 8 && isdigit((unsigned char)d->d_name[0]) && isdigit((unsigned char)d->d_name[1]) &&
           isdigit((unsigned char)d->d_name[2]) && d->d_name[3] == '_' &&
           strcmp(d->d_name + n - 4, ".sql") == 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* Numbers start at 1 and have no gap and no twin: a lost file must not pass unnoticed. */
static enum err check_numbers(struct dirent **files, size_t n, struct buf *why)
{
    for (size_t i = 0; i < n; i++)
        if ((size_t)strtoul(files[i]->d_name, NULL, 10) != i + 1)
            return buf_appendf(why, "migration %03zu is missing or there twice", i + 1) == ERR_NONE
                       ? ERR_CONFIG
                       : ERR_MEMORY;
    if (n == 0)
        return buf_appendf(why, "there are no migrations in sql_dir") == ERR_NONE ? ERR_CONFIG
                                                                                  : ERR_MEMORY;
    return ERR_NONE;
}

static enum err refuse(struct buf *why, const char *file, const char *what)
{
    return buf_appendf(why, "migration %s %s", file, what) == ERR_NONE ? ERR_CONFIG : ERR_MEMORY;
}

/* ERR_NONE: applied before, unchanged. ERR_NOT_FOUND: new. */
static enum err lookup(const struct db_result *done, const char *file,
                       const struct digest32 *digest, struct buf *why)
{
    for (size_t i = 0; i < db_rows(done); i++) {
        if (!view_eq(db_get_text(done, i, 0), view_str(file)))
            continue;
        if (view_eq(db_get_text(done, i, 1), view_of(digest->b, sizeof digest->b)))
            return ERR_NONE;
        return refuse(why, file, "was changed after it was applied");
    }
    return ERR_NOT_FOUND;
}

/* One file, one transaction: all of it and its entry, or nothing. ERR_OVERLOAD: nothing, because others hold a lock. */
static enum err apply_once(struct session *s, const char *file, struct view sql,
                      const struct digest32 *digest, struct buf *why)
{
    const struct db_param done[] = {db_bytes(view_str(file)),
                                    db_bytes(view_of(digest->b, sizeof digest->b))};
    struct buf text;
    enum err e;

    buf_init(&text, SQL_FILE_MAX + 512);
    /* A trigger that waits for the commit would keep later statements of the file from altering its table. */
    e = buf_append(&text, VIEW_LIT("BEGIN;\n"
                                   "SET LOCAL lock_timeout = '2s';\n"
                                   "SELECT set_config('tr.actor', 'migration', true);\n"
                                   "DO $$ BEGIN IF EXISTS (SELECT FROM pg_constraint WHERE conname ="
                                   " 'audit') THEN SET CONSTRAINTS audit IMMEDIATE; END IF; END $$;\n"));
    if (e == ERR_NONE)
        e = buf_append(&text, sql);
    if (e == ERR_NONE)
        e = buf_append_byte(&text, '\0');
    if (e == ERR_NONE)
        e = session_run(s, (const char *)text.ptr, why);
    if (e == ERR_NONE)
        e = session_query(s, STMT_MIGRATE_DONE, done, 2, NULL, why);
    if (e == ERR_NONE)
        e = session_run(s, "COMMIT", why);
    buf_free(&text);
    return e;
}

/* A statement that waits for a table makes everybody wait who comes after it, so it does not wait long behind a
 * backup or a report, but lets the others pass and comes again. */
static enum err apply(struct session *s, const char *file, struct view sql,
                      const struct digest32 *digest, struct buf *why)
{
    enum err e = apply_once(s, file, sql, digest, why);

    for (unsigned i = 1; e == ERR_OVERLOAD && i < LOCK_TRIES; i++) {
        LOG("db_migration_waits", KV("number", (uint64_t)strtoul(file, NULL, 10)), KV("tries", i));
        e = session_run(s, "ROLLBACK", why);
        usleep(LOCK_PAUSE_US);
        if (e == ERR_NONE)
            e = apply_once(s, file, sql, digest, why);
    }
    if (e == ERR_OVERLOAD)
        e = buf_appendf(why, "a table is locked by another transaction") == ERR_NONE ? ERR_DB : ERR_MEMORY;
    return e;
}

static enum err migrate_file(struct session *s, const char *dir, const char *file,
                             const struct db_result *done, struct buf *why)
{
    char path[PATH_MAX];
    struct digest32 digest;
    struct buf sql;
    enum err e;

    buf_init(&sql, SQL_FILE_MAX);
    if ((size_t)snprintf(path, sizeof path, "%s/%s", dir, file) >= sizeof path)
        e = refuse(why, file, "has too long a path");
    else if (conf_read_file(path, SQL_FILE_MAX, &sql) != ERR_NONE)
        e = refuse(why, file, "cannot be read");
    else {
        digest_sha256(buf_view(&sql), &digest);
        e = lookup(done, file, &digest, why);
    }
    if (e == ERR_NOT_FOUND) {
        e = apply(s, file, buf_view(&sql), &digest, why);
        if (e == ERR_NONE)
            LOG("db_migrated", KV("number", (uint64_t)strtoul(file, NULL, 10)));
        else if (buf_appendf(why, " (in %s)", file) != ERR_NONE)
            e = ERR_MEMORY;
    }
    buf_free(&sql);
    return e;
}

enum err db_migrate(const char *url, const char *dir, struct buf *why)
{
    struct session *s = NULL;
    struct db_result *done = NULL;
    struct dirent **files = NULL;
    int n = scandir(dir, &files, is_migration, by_name);
    enum err e;

    if (n < 0)
        return buf_appendf(why, "sql_dir cannot be read") == ERR_NONE ? ERR_CONFIG : ERR_MEMORY;
    e = check_numbers(files, (size_t)n, why);
    if (e == ERR_NONE)
        e = session_open(url, &s, why);
    /* The lock is the session's: it ends with the connection, however we leave. */
    if (e == ERR_NONE)
        e = session_query(s, STMT_MIGRATE_LOCK, NULL, 0, NULL, why);
    if (e == ERR_NONE)
        e = session_query(s, STMT_MIGRATE_TABLE, NULL, 0, NULL, why);
    if (e == ERR_NONE)
        e = session_query(s, STMT_MIGRATE_LIST, NULL, 0, &done, why);
    if (e == ERR_NONE && db_rows(done) > (size_t)n)
        e = refuse(why, "in the database", "is newer than this program");
    for (int i = 0; e == ERR_NONE && i < n; i++)
        e = migrate_file(s, dir, files[i]->d_name, done, why);

    result_free(done);
    if (s != NULL)
        session_close(s);
    for (int i = 0; i < n; i++)
        free(files[i]);
    free(files);
    return e;
}
