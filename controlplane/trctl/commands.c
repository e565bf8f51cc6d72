/* The table of commands, and what is said about one. */
#include "commands.h"

#include <assert.h>
#include <string.h>

#include COMMANDS_FILE

const struct command *commands_all(size_t *n)
{
    *n = sizeof commands / sizeof commands[0];
    return commands;
}

bool command_takes(const struct command *c, const char *param)
{
    for (size_t i = 0; i < c->n_params; i++)
        if (strcmp(c->params[i].name, param) == 0)
            return true;
    return false;
}

int words_match(const char *words, int argc, char **argv)
{
    int n = 0;

    while (*words != '\0') {
        size_t len = strcspn(words, " ");

        if (n == argc || strlen(argv[n]) != len || memcmp(argv[n], words, len) != 0)
            return 0;
        n++;
        words += len + (words[len] == ' ');
    }
    return n;
}

const struct command *command_find(int argc, char **argv, int *used)
{
    const struct command *found = NULL;

    *used = 0;
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        int n = words_match(commands[i].words, argc, argv);

        if (n > *used) {
            *used = n;
            found = &commands[i];
        }
    }
    return found;
}

bool place_next(const char **at, char *out, size_t size)
{
    const char *brace = strchr(*at, '{'), *end = brace == NULL ? NULL : strchr(brace, '}');
    size_t len;

    if (end == NULL)
        return false;
    len = (size_t)(end - brace - 1);
    assert(len < size);
    memcpy(out, brace + 1, len);
    out[len] = '\0';
    *at = end + 1;
    return true;
}

void option_name(const struct param *p, char *out, size_t size)
{
    snprintf(out, size, "--%s", p->option);
    for (char *c = out; *c != '\0'; c++)
        if (*c == '_')
            *c = '-';
}

static void param_help(const struct param *p, FILE *to)
{
    static const char *const kinds[] = {
        [PARAM_TEXT] = " TEXT", [PARAM_NUMBER] = " N",  [PARAM_FLAG] = "",
        [PARAM_LIST] = " TEXT", [PARAM_JSON] = " JSON", [PARAM_SECRET] = "",
    };
    char option[80], left[160];

    option_name(p, option, sizeof option);
    snprintf(left, sizeof left, "%s%s%s", option, p->values[0] != '\0' ? " " : kinds[p->kind], p->values);
    fprintf(to, "  %-34s %s%s%s%s\n", left, p->required ? "(needed) " : "", p->help,
            p->kind == PARAM_LIST ? " May be given several times." : "",
            p->kind == PARAM_SECRET ? " Asked for; or that option with -file and a FILE." : "");
}

bool command_needs_data(const struct command *c)
{
    for (size_t i = 0; i < c->n_params; i++)
        if (c->params[i].where == IN_BODY)
            return false;
    return c->takes[0] != '\0';
}

void command_help(const struct command *c, FILE *to)
{
    const char *at = c->path;
    char place[64];

    fprintf(to, "usage: trctl %s", c->words);
    while (place_next(&at, place, sizeof place))
        fprintf(to, " %s", place);
    for (size_t i = 0; i < c->n_params; i++) /* they may be given as arguments, in this order */
        if (c->params[i].required && c->params[i].kind != PARAM_SECRET) {
            option_name(&c->params[i], place, sizeof place);
            fprintf(to, " [%s] %s", place, c->params[i].kind == PARAM_NUMBER ? "N" : "TEXT");
        }
    fprintf(to, "%s\n%s. (%s %s)\n", c->n_params != 0 ? " [OPTION]..." : "", c->help, c->method, c->path);
    for (size_t i = 0; i < c->n_params; i++)
        param_help(&c->params[i], to);
    if (c->takes[0] != '\0')
        fprintf(to, "  %-34s %sThe whole body: %s, @FILE, or - for standard input.\n", "-d, --data BODY",
                command_needs_data(c) ? "(needed) " : "",
                strcmp(c->takes, TAKES_JSON_OR_TEXT) == 0 ? "JSON or text" : "JSON");
    fprintf(to, "Options of every command: --json --profile NAME --account ID --workspace ID%s; trctl --help says more.\n",
            strcmp(c->method, "GET") == 0 ? " --all" : "");
}
