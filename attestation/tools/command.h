/* What tr-verify's subcommands share: the table entry, the exit codes, reading files, options. */
#ifndef TR_ATTESTATION_TOOLS_COMMAND_H
#define TR_ATTESTATION_TOOLS_COMMAND_H

#include "buf.h"
#include "err.h"
#include "view.h"

#include <stdbool.h>

/* Exit codes, the same for every subcommand (and for other attestation verifiers' conformance tests). */
enum exit_code {
    EXIT_ACCEPT = 0,
    EXIT_INTERNAL = 1,
    EXIT_USAGE = 2,
    EXIT_REJECT = 10,
    EXIT_UNSUPPORTED = 20,
    EXIT_MALFORMED = 30,
};

struct command {
    const char *name, *usage; /* usage: the arguments, one line */
    enum exit_code (*run)(int argc, char **argv); /* argv[0] is the subcommand's name */
};
extern const struct command command_report, command_bundle, command_gateway, command_measure,
    command_receipt, command_policy;
extern const struct command command_log, command_release, command_audit;

/* One "--name VALUE" or (value NULL) "--name". */
struct option_value {
    const char *name;
    const char **value; /* set to the argument */
    bool *flag;         /* or: set to true */
};
/* Everything in argv must be in the table, once. Prints the reason to stderr and returns false. */
bool options_parse(int argc, char **argv, const struct option_value *options, size_t n);

/* The FILE (or what else `what` says) that stands first: *out is set and argv[1] becomes the
 * subcommand's name, so that options_parse(argc - 1, argv + 1, ...) can follow. */
bool file_argument(int argc, char **argv, const char *what, const char **out);

/* Reads path into *out (max bytes). On failure prints one sentence naming the file. */
bool file_load(const char *path, size_t max, struct buf *out);
/* "tr-verify: " and one sentence on stderr. */
void complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
