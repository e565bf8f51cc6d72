/* What trctl can ask for: one row for each operation of the OpenAPI documents (proto/openapi), made at build time. */
#ifndef TR_CONTROLPLANE_TRCTL_COMMANDS_H
#define TR_CONTROLPLANE_TRCTL_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum param_kind {
    PARAM_TEXT,
    PARAM_NUMBER, /* written as it was given */
    PARAM_FLAG,   /* --name, --name=true, --name=false */
    PARAM_LIST,   /* of texts; may be given several times */
    PARAM_JSON,   /* one JSON value */
    PARAM_SECRET, /* from the terminal, standard input or a file, never from an argument */
};
enum param_where { IN_QUERY, IN_BODY };
enum plane { PLANE_CONTROL, PLANE_DATA };

struct param {
    const char *name;   /* as the API has it */
    const char *option; /* mostly the same: "limit_reset" is --limit-reset */
    enum param_kind kind;
    enum param_where where;
    bool required;
    const char *values; /* "daily|weekly|monthly", or "" */
    const char *help;   /* may be "" */
};

#define TAKES_JSON_OR_TEXT "application/json|text/plain"
struct command {
    const char *words;        /* "keys create" */
    const char *method, *path; /* "/keys/{hash}": what is in braces are arguments, in this order */
    const char *help;
    const char *columns; /* members shown of a list, by single spaces; "": those of its first object */
    enum plane plane;
    bool bare;         /* the path has no /v1 */
    const char *takes; /* content type of the request's body, "": none; "application/json|text/plain": either */
    const struct param *params;
    size_t n_params;
};
enum { PARAMS_MAX = 64, PLACES_MAX = 4 }; /* of one command; asserted when it is used */

const struct command *commands_all(size_t *n);
/* Has it a parameter of this name? */
bool command_takes(const struct command *c, const char *param);
/* The command whose words are the longest beginning of argv; *used: how many of argv they are. NULL: none. */
const struct command *command_find(int argc, char **argv, int *used);
/* The same of any words, "keys create"; how many of argv they are, 0: they are not its beginning. */
int words_match(const char *words, int argc, char **argv);
/* Next name in braces of a path, into out; false: no more. *at moves on. */
bool place_next(const char **at, char *out, size_t size);
/* "--limit-reset". */
void option_name(const struct param *p, char *out, size_t size);
/* Its body has no members with options of their own: it is given as a whole. */
bool command_needs_data(const struct command *c);
void command_help(const struct command *c, FILE *to);

#endif
