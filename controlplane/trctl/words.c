/* What the table says about itself: the shells' completion, the manual page. */
#include "own.h"

#include "version.h"

#include <string.h>

/* --- completion: the words that may follow, one on a line --- */

/* The word of `words` that follows the ones of argv, if those are its beginning. */
static void next_word(const char *words, int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        size_t len = strcspn(words, " ");

        if (strlen(argv[i]) != len || memcmp(argv[i], words, len) != 0)
            return;
        words += len;
        if (*words == '\0')
            return;
        words++;
    }
    printf("%.*s\n", (int)strcspn(words, " "), words);
}

static void options_of(const struct command *c)
{
    char option[80];

    for (size_t i = 0; i < c->n_params; i++) {
        option_name(&c->params[i], option, sizeof option);
        puts(option);
        if (c->params[i].kind == PARAM_SECRET)
            printf("%s-file\n", option);
    }
    puts("--json\n--profile\n--workspace\n--account\n--help");
    if (strcmp(c->method, "GET") == 0)
        puts("--all");
    if (c->takes[0] != '\0')
        puts("--data");
}

/* "[--name TEXT]": the options of a command of trctl's own stand in its usage. */
static void options_in(const char *usage)
{
    for (const char *p = usage; (p = strstr(p, "--")) != NULL;) {
        size_t len = strspn(p, "-abcdefghijklmnopqrstuvwxyz");

        printf("%.*s\n", (int)len, p);
        p += len;
    }
}

/* The values of the option that is the last word, if it has some. */
static bool values_of(const struct command *c, const char *option)
{
    char name[80];

    for (size_t i = 0; i < c->n_params; i++) {
        option_name(&c->params[i], name, sizeof name);
        if (strcmp(option, name) != 0 || c->params[i].values[0] == '\0')
            continue;
        for (const char *p = c->params[i].values; *p != '\0';) {
            size_t len = strcspn(p, "|");

            printf("%.*s\n", (int)len, p);
            p += len + (p[len] == '|');
        }
        return true;
    }
    return false;
}

enum trctl_exit own_complete(int argc, char **argv)
{
    size_t n_commands, n_own;
    const struct command *commands = commands_all(&n_commands);
    const struct own *own = own_all(&n_own);
    int used, used_own;
    const struct command *c = command_find(argc, argv, &used);
    const struct own *o = own_find(argc, argv, &used_own);

    for (size_t i = 0; i < n_commands; i++)
        next_word(commands[i].words, argc, argv);
    for (size_t i = 0; i < n_own; i++)
        next_word(own[i].words, argc, argv);
    if (o != NULL && used_own >= used)
        options_in(o->usage);
    else if (c != NULL && (argc == used || !values_of(c, argv[argc - 1])))
        options_of(c);
    return TRCTL_DONE;
}

/* --- the manual page, for man(1) --- */

/* A '-' that is one, and no line that troff takes for a request. */
static void roff(const char *text)
{
    if (*text == '.' || *text == '\'')
        fputs("\\&", stdout);
    for (; *text != '\0'; text++)
        switch (*text) {
        case '-':
            fputs("\\-", stdout);
            break;
        case '\\':
            fputs("\\e", stdout);
            break;
        default:
            putchar(*text);
        }
}

static void section(const char *title)
{
    printf(".SH %s\n", title);
}

static void tag(const char *term, const char *text)
{
    fputs(".TP\n.B ", stdout);
    roff(term);
    putchar('\n');
    roff(text);
    putchar('\n');
}

static void command_page(const struct command *c)
{
    const char *at = c->path;
    char place[64], option[80];

    fputs(".SS ", stdout);
    roff(c->words);
    while (place_next(&at, place, sizeof place))
        printf(" \\fI%s\\fR", place);
    putchar('\n');
    roff(c->help);
    printf(". (%s ", c->method);
    roff(c->path);
    puts(")");
    for (size_t i = 0; i < c->n_params; i++) {
        const struct param *p = &c->params[i];
        char text[400];

        option_name(p, option, sizeof option);
        snprintf(text, sizeof text, "%s%s%s%s", p->required ? "Needed. " : "", p->help, p->values[0] != '\0' ? " " : "",
                 p->values[0] != '\0' ? p->values : p->help[0] == '\0' ? p->name : "");
        tag(option, text);
    }
}

static void own_page(const struct own *o)
{
    fputs(".SS ", stdout);
    roff(o->words);
    putchar(' ');
    roff(o->usage);
    putchar('\n');
    roff(o->help);
    puts(".");
}

static void options_page(void)
{
    section("OPTIONS OF EVERY COMMAND");
    tag("--json", "Print what the server said, in place of a table.");
    tag("--profile NAME", "Ask as this profile; TRCTL_PROFILE names another default.");
    tag("--workspace ID", "Act on this workspace of a session's user.");
    tag("--account ID", "Operators: act on this workspace.");
    tag("--data BODY, -d BODY", "The whole body of the request: JSON, @FILE, or - for standard input.");
    tag("--all", "Fetch all pages of a list.");
    tag("--no-NAME", "Send null for a member of the body, as in --no-limit.");
    tag("--idempotency-key KEY", "Name the request; every POST has a random one otherwise.");
    tag("--help", "Say what the command takes.");
}

static void exits_page(void)
{
    section("EXIT STATUS");
    tag("0", "Done.");
    tag("1", "Something failed here: a file, an answer that cannot be read.");
    tag("2", "The command line is wrong.");
    tag("10", "The server refused the request.");
    tag("11", "The caller is not known, or may not do that.");
    tag("12", "There is no such thing.");
    tag("13", "Too many requests, still after four tries.");
    tag("20", "The server failed, still after four tries.");
    tag("40", "No answer came.");
    puts(".PP\n.B trctl verify\nhas those of\n.BR tr\\-verify (1).");
}

enum trctl_exit own_manual(int argc, char **argv)
{
    size_t n_commands, n_own;
    const struct command *commands = commands_all(&n_commands);
    const struct own *own = own_all(&n_own);

    if (argc != 0) {
        complain("%s is one argument too many", argv[0]);
        return TRCTL_USAGE;
    }
    puts(".\\\" Made by trctl manual.\n.TH TRCTL 1 \"@DAY@\" \"TrustedRouter " TR_VERSION "\" \"User Commands\"");
    puts(".SH NAME\ntrctl \\- keys, money, usage and operations of TrustedRouter\n.SH SYNOPSIS\n.B trctl\n"
         "\\fICOMMAND\\fR [\\fIARGUMENT\\fR]... [\\fIOPTION\\fR]...\n.SH DESCRIPTION\n"
         "Each operation of the REST API (its \\fI/openapi.json\\fR) is a command; its options stand behind it, in any order.\n"
         "What answers with a list prints a table. A secret is asked for, or read from a file that an option ending in\n"
         ".B \\-file\nnames, and is never an argument.\n.PP\n"
         "Every POST carries an Idempotency\\-Key, so that it may be repeated. Lost answers, 429 and 503 are tried four times,\n"
         "with growing pauses, where repeating does nothing twice.");
    section("COMMANDS OF TRCTL");
    for (size_t i = 0; i < n_own; i++)
        own_page(&own[i]);
    options_page();
    section("COMMANDS OF THE API");
    for (size_t i = 0; i < n_commands; i++)
        command_page(&commands[i]);
    exits_page();
    puts(".SH FILES\n.TP\n.I ~/.config/trustedrouter/config\nProfiles, with their keys; readable by their owner only.\n"
         ".I XDG_CONFIG_HOME\nsays where else.\n.SH SEE ALSO\n.BR tr\\-verify (1)");
    return TRCTL_DONE;
}
