/* A private PostgreSQL for one test program: started on first use, ended with the program however
 * it ends (a watcher of its own waits for our end of a pipe to close). Run from the repository's
 * root. */
#ifndef TR_TESTS_LIB_PG_H
#define TR_TESTS_LIB_PG_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char pg_dir_[64], pg_url_[256];

static inline void pg_script(const char *verb)
{
    char command[256];

    snprintf(command, sizeof command, "tests/lib/pg %s %s >/dev/null", verb, pg_dir_);
    if (system(command) != 0) {
        printf("not ok pg %s\n", verb);
        exit(1);
    }
}

static inline void pg_watch(void)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0) /* or the server would hold our end open for ever */
        exit(1);
    if (fork() == 0) {
        char byte;

        setsid(); /* so that whoever kills the test's group leaves us to clean up */
        close(ends[1]);
        while (read(ends[0], &byte, 1) > 0)
            ;
        execl("tests/lib/pg", "pg", "stop", pg_dir_, (char *)NULL);
        _exit(1);
    }
    close(ends[0]); /* ends[1] stays open for our whole life */
}

/* conninfo of the running server. */
static inline const char *pg_url(void)
{
    if (pg_url_[0] == '\0') {
        snprintf(pg_dir_, sizeof pg_dir_, "/tmp/tr-test-pg.%d", (int)getpid());
        pg_watch();
        pg_script("start");
        snprintf(pg_url_, sizeof pg_url_, "host=%s port=5432 dbname=postgres user=trustedrouter",
                 pg_dir_);
    }
    return pg_url_;
}

/* Run SQL, give its output (psql -At), errors included: static, until the next call. */
static inline const char *pg_sql(const char *sql)
{
    static char out[65536];
    char path[96];
    FILE *f;
    size_t n;
    char command[512];

    pg_url();
    snprintf(path, sizeof path, "%s.sql", pg_dir_);
    f = fopen(path, "w");
    if (f == NULL || fputs(sql, f) < 0 || fclose(f) != 0)
        exit(1);
    snprintf(command, sizeof command, "psql -XAtq -v ON_ERROR_STOP=1 '%s' -f %s 2>&1", pg_url_,
             path);
    f = popen(command, "r");
    n = fread(out, 1, sizeof out - 1, f);
    out[n] = '\0';
    pclose(f);
    unlink(path);
    while (n > 0 && out[n - 1] == '\n')
        out[--n] = '\0';
    return out;
}

static inline long long pg_number(const char *sql)
{
    return atoll(pg_sql(sql));
}

#endif
