/* What was given on the command line, made into a request of a command. */
#ifndef TR_CONTROLPLANE_TRCTL_OPTIONS_H
#define TR_CONTROLPLANE_TRCTL_OPTIONS_H

#include "buf.h"
#include "commands.h"

enum { BODY_MAX = 8 << 20, TARGET_MAX = 16 << 10 };

/* Options that every command takes. Borrowed from argv. */
struct common {
    const char *profile, *workspace, *account, *idempotency_key, *data;
    bool json, all, help;
};

/* A request, as far as the command line says it. */
struct request {
    struct buf target; /* path and query, after the prefix; NUL-terminated */
    struct buf body;   /* wiped when it is freed */
    bool has_body;
    const char *type; /* of the body; NULL: what the command takes */
};
void request_init(struct request *r);
void request_free(struct request *r);

/* Reads argv (behind the command's words) by the command's parameters. A needed secret that is not given is asked
 * for. Says on stderr what is wrong and returns false. r: initialised, the caller's in any case. With common->help
 * nothing is read and needed. */
must_check bool options_read(const struct command *c, int argc, char **argv, struct common *common,
                             struct request *r);

/* One of the common options at argv[*i]: 1 taken (*i moved over its value), 0 it is none of them, -1 said why not. */
int common_take(struct common *common, int argc, char **argv, int *i);
/* The value of --data: JSON, @FILE or "-". False after saying why. */
must_check bool data_read(const char *what, struct buf *out);
/* Appends a segment or a value, percent-encoded. */
must_check enum err url_append(struct buf *out, const char *text);
/* "trctl: " and one sentence on stderr. */
void complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
