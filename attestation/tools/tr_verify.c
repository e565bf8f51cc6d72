/* tr-verify: the auditor's tool. Needs nothing but this program and the files it is given; it uses
 * the network when it is given a URL, and never else. */
#include "command.h"
#include "https.h"
#include "secret.h"
#include "version.h"

#include <signal.h>
#include <stdio.h>

static const struct command *const commands[] = {
    &command_gateway, &command_report, &command_bundle,  &command_measure, &command_receipt,
    &command_audit,   &command_policy, &command_release, &command_image,   &command_log,
};
enum { N_COMMANDS = sizeof commands / sizeof commands[0] };

static void usage(FILE *to)
{
    for (size_t i = 0; i < N_COMMANDS; i++)
        fprintf(to, "%s tr-verify %s %s\n", i == 0 ? "usage:" : "      ", commands[i]->name,
                commands[i]->usage);
    fprintf(to,
            "exit: 0 accepted, 10 rejected, 20 unsupported, 30 malformed, 40 unreachable, 2 usage, "
            "1 internal\n");
}

static bool is_help(const char *arg)
{
    return strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0 || strcmp(arg, "help") == 0;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        usage(stderr);
        return EXIT_USAGE;
    }
    if (is_help(argv[1])) {
        usage(stdout);
        return EXIT_ACCEPT;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("tr-verify %s\n", TR_VERSION);
        return EXIT_ACCEPT;
    }
    https_complain_to(complain);
    signal(SIGPIPE, SIG_IGN); /* a server that closes early is unreachable, not our end */
    if (secret_init() != ERR_NONE) {
        complain("the cryptographic libraries do not start");
        return EXIT_INTERNAL;
    }
    for (size_t i = 0; i < N_COMMANDS; i++) {
        if (strcmp(argv[1], commands[i]->name) != 0)
            continue;
        if (argc == 3 && argv[2][0] == '-' && is_help(argv[2])) {
            printf("usage: tr-verify %s %s\n", commands[i]->name, commands[i]->usage);
            return EXIT_ACCEPT;
        }
        return (int)commands[i]->run(argc - 1, argv + 1);
    }
    complain("there is no command %s", argv[1]);
    usage(stderr);
    return EXIT_USAGE;
}
