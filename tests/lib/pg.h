/* A private PostgreSQL for one test program: started on first use, ended with the program however
 * it ends (a watcher of its own waits for our end of a pipe to close). Run from the repository's
 * root. */
#ifndef TR_TESTS_LIB_PG_H
#define TR_TESTS_LIB_PG_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static char pg_dir_[64], pg_url_[256];

/* The psql that pg_sql() speaks with: one process for many texts, since starting it takes longer than most of them. */
static struct {
    int fd; /* its input, output and errors; 0: there is none */
    pid_t pid, of; /* of: whose it is; a child of the test's makes its own */
} pg_psql_;

static inline void pg_psql_end(void)
{
    if (pg_psql_.fd == 0)
        return;
    close(pg_psql_.fd);
    if (pg_psql_.of == getpid())
        waitpid(pg_psql_.pid, NULL, 0);
    pg_psql_.fd = 0;
}

/* Whatever happens to the server: the next text has a new session. */
static inline void pg_script(const char *verb)
{
    char command[256];

    pg_psql_end();
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

static inline void pg_psql_start(void)
{
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        exit(1);
    pg_psql_.pid = fork();
    if (pg_psql_.pid == 0) {
        for (int fd = 0; fd < 3; fd++)
            dup2(ends[1], fd);
        execlp("psql", "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", pg_url_, (char *)NULL);
        _exit(1);
    }
    close(ends[1]);
    pg_psql_.fd = ends[0];
    pg_psql_.of = getpid();
}

/* Gives psql these commands, then one that prints a mark; what was printed before the mark is the answer. Without a mark
 * psql has ended: of an error (ON_ERROR_STOP), or with the server. */
static inline void pg_psql_do(const char *commands, char *out, size_t size)
{
    static const char mark[] = "\npg_sql_is_over\n";
    size_t n = 0, m = sizeof mark - 1;
    bool over = false;
    char text[256];
    ssize_t got;

    snprintf(text, sizeof text, "%s\n\\echo\n\\echo pg_sql_is_over\n", commands);
    send(pg_psql_.fd, text, strlen(text), MSG_NOSIGNAL); /* psql is gone: so it is for read() */
    while (!over && (got = read(pg_psql_.fd, out + n, size - 1 - n)) > 0) {
        n += (size_t)got;
        over = n >= m && memcmp(out + n - m, mark, m) == 0;
    }
    if (n == size - 1) {
        printf("not ok pg_sql: more than %zu bytes\n", size);
        exit(1);
    }
    if (over)
        n -= m;
    else
        pg_psql_end();
    out[n] = '\0';
}

/* Run SQL, give its output (psql -At), errors included: static, until the next call. Each text has a session to
 * itself, as far as it can tell: nothing stays of the settings, locks, prepared statements and temporary tables. */
static inline const char *pg_sql(const char *sql)
{
    static char out[65536], rest[4096];
    char path[96], commands[160];
    size_t n;
    FILE *f;

    pg_url();
    snprintf(path, sizeof path, "%s.%d.sql", pg_dir_, (int)getpid());
    f = fopen(path, "w");
    if (f == NULL || fputs(sql, f) < 0 || fclose(f) != 0)
        exit(1);
    if (pg_psql_.fd != 0 && pg_psql_.of != getpid())
        pg_psql_end();
    if (pg_psql_.fd == 0)
        pg_psql_start();
    snprintf(commands, sizeof commands, "\\i %s", path);
    pg_psql_do(commands, out, sizeof out);
    if (pg_psql_.fd != 0)
        pg_psql_do("ROLLBACK; DISCARD ALL;", rest, sizeof rest);
    unlink(path);
    n = strlen(out);
    while (n > 0 && out[n - 1] == '\n')
        out[--n] = '\0';
    return out;
}

static inline long long pg_number(const char *sql)
{
    return atoll(pg_sql(sql));
}

#endif
