/* trctl: the REST API of TrustedRouter on the command line. */
#include "own.h"

#include "secret.h"
#include "version.h"

#include <curl/curl.h>
#include <signal.h>
#include <string.h>

static void usage(FILE *to)
{
    size_t n_commands, n_own;
    const struct command *commands = commands_all(&n_commands);
    const struct own *own = own_all(&n_own);

    fprintf(to, "usage: trctl COMMAND [ARGUMENT]... [OPTION]...\n");
    for (size_t i = 0; i < n_own; i++)
        fprintf(to, "  %-34s %s\n", own[i].words, own[i].help);
    for (size_t i = 0; i < n_commands; i++)
        fprintf(to, "  %-34s %s\n", commands[i].words, commands[i].help);
    fprintf(to, "options of every command, behind it:\n"
                "  %-34s %s\n  %-34s %s\n  %-34s %s\n  %-34s %s\n  %-34s %s\n",
            "--json", "Print what the server said, in place of a table", "--all", "Fetch all pages of a list",
            "--profile NAME", "Ask as this profile; TRCTL_PROFILE names another default", "--account ID",
            "Operators: act on this workspace", "--workspace ID", "Act on this workspace of a session's user");
    fprintf(to, "trctl COMMAND --help says more; trctl --version.\n"
                "exit: 0 done, 1 failed here, 2 usage, 10 refused, 11 denied, 12 not found, 13 too many, 20 server, "
                "40 unreachable\n");
}

static enum trctl_exit run_command(const struct command *c, int argc, char **argv)
{
    struct common common = {0};
    struct request r;
    struct question q = {.method = c->method, .plane = c->plane, .bare = c->bare, .type = c->takes};
    enum trctl_exit x = TRCTL_USAGE;

    request_init(&r);
    if (options_read(c, argc, argv, &common, &r)) {
        if (common.help) {
            command_help(c, stdout);
            x = TRCTL_DONE;
        } else {
            q.target = (const char *)r.target.ptr;
            if (r.type != NULL)
                q.type = r.type;
            if (strcmp(c->path, "/openapi.json") == 0) /* a document, no list */
                common.json = true;
            q.body = r.has_body ? &r.body : NULL;
            q.passes_over = command_takes(c, "offset");
            x = own_ask(&common, &q, c->columns);
        }
    }
    request_free(&r);
    return x;
}

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* A beginning of commands, "keys": those are listed. */
static bool group_listed(int argc, char **argv)
{
    size_t n;
    const struct command *all = commands_all(&n);
    bool some = false;

    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(argv[0]);

        if (argc > 1 && !is_help(argv[1]))
            continue;
        if (strncmp(all[i].words, argv[0], len) == 0 && all[i].words[len] == ' ') {
            printf("  %-34s %s\n", all[i].words, all[i].help);
            some = true;
        }
    }
    return some;
}

static enum trctl_exit run(int argc, char **argv)
{
    int used_own, used;
    const struct own *o = own_find(argc, argv, &used_own);
    const struct command *c = command_find(argc, argv, &used);

    if (o != NULL && used_own >= used) {
        if (argc == used_own + 1 && is_help(argv[used_own])) {
            printf("usage: trctl %s %s\n%s.\n", o->words, o->usage, o->help);
            return TRCTL_DONE;
        }
        return o->run(argc - used_own, argv + used_own);
    }
    if (c != NULL)
        return run_command(c, argc - used, argv + used);
    if (group_listed(argc, argv))
        return TRCTL_DONE;
    complain(argv[0][0] == '-' ? "%s: the command comes first, its options behind it; see trctl --help"
                               : "there is no command %s; trctl --help lists them",
             argv[0]);
    return TRCTL_USAGE;
}

int main(int argc, char **argv)
{
    enum trctl_exit x;

    if (argc < 2) {
        usage(stderr);
        return TRCTL_USAGE;
    }
    if (is_help(argv[1])) {
        usage(stdout);
        return TRCTL_DONE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("trctl %s\n", TR_VERSION);
        return TRCTL_DONE;
    }
    signal(SIGPIPE, SIG_IGN); /* what cannot be written is said, and is our exit status */
    if (secret_init() != ERR_NONE || curl_global_init(CURL_GLOBAL_DEFAULT) != 0) {
        complain("the libraries do not start");
        return TRCTL_FAILED;
    }
    x = run(argc - 1, argv + 1);
    curl_global_cleanup();
    if (fflush(stdout) != 0 && x == TRCTL_DONE)
        x = TRCTL_FAILED;
    return (int)x;
}
