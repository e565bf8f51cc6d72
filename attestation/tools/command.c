#include "command.h"

#include "conf.h"

#include <stdarg.h>
#include <stdio.h>

void complain(const char *fmt, ...)
{
    va_list ap;

    fputs("tr-verify: ", stderr);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
}

static const struct option_value *option_find(const char *arg, const struct option_value *options,
                                              size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(arg, options[i].name) == 0)
            return &options[i];
    }
    return NULL;
}

bool options_parse(int argc, char **argv, const struct option_value *options, size_t n)
{
    for (int i = 1; i < argc; i++) {
        const struct option_value *o = option_find(argv[i], options, n);

        if (o == NULL) {
            complain("%s: unknown option %s", argv[0], argv[i]);
            return false;
        }
        if ((o->flag != NULL && *o->flag) || (o->value != NULL && *o->value != NULL)) {
            complain("%s: %s is given twice", argv[0], o->name);
            return false;
        }
        if (o->flag != NULL) {
            *o->flag = true;
            continue;
        }
        if (i + 1 == argc) {
            complain("%s: %s needs a value", argv[0], o->name);
            return false;
        }
        *o->value = argv[++i];
    }
    return true;
}

bool file_argument(int argc, char **argv, const char *what, const char **out)
{
    if (argc < 2 || argv[1][0] == '-') {
        complain("%s needs a %s", argv[0], what);
        return false;
    }
    *out = argv[1];
    argv[1] = argv[0];
    return true;
}

bool file_load(const char *path, size_t max, struct buf *out)
{
    enum err e;

    buf_init(out, max);
    e = conf_read_file(path, max, out);
    if (e == ERR_LIMIT)
        complain("%s is larger than %zu bytes", path, max);
    else if (e != ERR_NONE)
        complain("cannot read %s", path);
    return e == ERR_NONE;
}
