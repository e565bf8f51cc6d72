/* What tr-verify's subcommands share: the table entry, the exit codes, reading files, options. */
#ifndef TR_ATTESTATION_TOOLS_COMMAND_H
#define TR_ATTESTATION_TOOLS_COMMAND_H

#include "buf.h"
#include "err.h"
#include "view.h"

#include <stdbool.h>

/* Exit codes, the same for every subcommand (and for other attestation verifiers' conformance
 * tests). */
enum exit_code {
    EXIT_ACCEPT = 0,
    EXIT_INTERNAL = 1,
    EXIT_USAGE = 2,
    EXIT_REJECT = 10,
    EXIT_UNSUPPORTED = 20,
    EXIT_MALFORMED = 30,
    EXIT_UNREACHABLE =
        40, /* nothing to judge came: no connection, no readable answer, or not in time */
};

struct command {
    const char *name, *usage;                     /* usage: the arguments, one line */
    enum exit_code (*run)(int argc, char **argv); /* argv[0] is the subcommand's name */
};
extern const struct command command_report, command_bundle, command_gateway, command_measure,
    command_receipt, command_policy;
extern const struct command command_log, command_release, command_audit, command_image;

/* One "--name VALUE" or (value NULL) "--name". */
struct option_value {
    const char *name;
    const char **value; /* set to the argument */
    bool *flag;         /* or: set to true */
};
/* Everything in argv must be in the table, once, as "--name VALUE" or "--name=VALUE", in any order.
 * One operand, called `what` ("FILE"), may and must stand anywhere among them and becomes *operand;
 * "-" is one. what NULL: none. Prints the reason to stderr and returns false. */
bool options_parse(int argc, char **argv, const char *what, const char **operand,
                   const struct option_value *options, size_t n);

/* Reads path ("-": standard input) into *out (max bytes). On failure prints one sentence naming the
 * file. */
bool file_load(const char *path, size_t max, struct buf *out);

/* A transparency log's verifier key, or a file with it. False after a complaint. */
struct note_key;
bool log_key_load(const char *text, struct note_key *out);

/* --timeout: seconds for a whole exchange with a server; NULL: the default. False after a
 * complaint.
 */
bool timeout_parse(const char *text, unsigned *out);

/* What a subcommand without a list of checks has to say when it does not accept. For people:
 * "reject: SENTENCE" on stdout, or a complaint on stderr about what is malformed or unsupported.
 * For programs (json): {"verdict","code","checks":[{"code","ok":false,"detail"}]}. Returns exit. */
enum exit_code refusal_print(bool json, enum exit_code exit, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* s in quotes, as JSON. */
void json_string_print(const char *s);
/* "tr-verify: " and one sentence on stderr. */
void complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
