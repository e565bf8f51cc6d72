#include "command.h"

#include "conf.h"
#include "https.h"
#include "note.h"

#include <stdarg.h>
#include <stdio.h>

enum { LOG_KEY_FILE_MAX = 4096 };

void complain(const char *fmt, ...)
{
    va_list ap;

    fputs("tr-verify: ", stderr);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
}

/* arg is "--name" or "--name=VALUE"; *value is NULL, or that VALUE. */
static const struct option_value *option_find(const char *arg, const struct option_value *options,
                                              size_t n, const char **value)
{
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(options[i].name);

        if (strncmp(arg, options[i].name, len) == 0 && (arg[len] == '\0' || arg[len] == '=')) {
            *value = arg[len] == '=' ? arg + len + 1 : NULL;
            return &options[i];
        }
    }
    return NULL;
}

static bool option_take(const char *command, const struct option_value *o, const char *value)
{
    if ((o->flag != NULL && *o->flag) || (o->value != NULL && *o->value != NULL)) {
        complain("%s: %s is given twice", command, o->name);
        return false;
    }
    if (o->flag != NULL && value != NULL) {
        complain("%s: %s takes no value", command, o->name);
        return false;
    }
    if (o->value != NULL && value == NULL) {
        complain("%s: %s needs a value", command, o->name);
        return false;
    }
    if (o->flag != NULL)
        *o->flag = true;
    else
        *o->value = value;
    return true;
}

static bool operand_take(const char *command, const char *what, const char *arg,
                         const char **operand)
{
    if (what != NULL && *operand == NULL) {
        *operand = arg;
        return true;
    }
    complain("%s: %s is one argument too many", command, arg);
    return false;
}

bool options_parse(int argc, char **argv, const char *what, const char **operand,
                   const struct option_value *options, size_t n)
{
    for (int i = 1; i < argc; i++) {
        const struct option_value *o;
        const char *value;

        if (argv[i][0] != '-' || argv[i][1] == '\0') {
            if (!operand_take(argv[0], what, argv[i], operand))
                return false;
            continue;
        }
        o = option_find(argv[i], options, n, &value);
        if (o == NULL) {
            complain("%s: unknown option %s", argv[0], argv[i]);
            return false;
        }
        if (o->value != NULL && value == NULL && i + 1 < argc)
            value = argv[++i];
        if (!option_take(argv[0], o, value))
            return false;
    }
    if (what == NULL || *operand != NULL)
        return true;
    complain("%s needs a %s", argv[0], what);
    return false;
}

bool file_load(const char *path, size_t max, struct buf *out)
{
    enum err e;

    buf_init(out, max);
    e = conf_read_file(strcmp(path, "-") == 0 ? "/dev/stdin" : path, max, out);
    if (e == ERR_LIMIT)
        complain("%s is larger than %zu bytes", path, max);
    else if (e != ERR_NONE)
        complain("cannot read %s", path);
    return e == ERR_NONE;
}

bool log_key_load(const char *text, struct note_key *out)
{
    struct buf file;
    struct view v;
    bool ok;

    if (note_key_parse(view_str(text), out) == ERR_NONE)
        return true;
    if (!file_load(text, LOG_KEY_FILE_MAX, &file))
        return false;
    v = buf_view(&file);
    if (v.len != 0 && v.ptr[v.len - 1] == '\n')
        v.len--;
    ok = note_key_parse(v, out) == ERR_NONE;
    buf_free(&file);
    if (!ok)
        complain("%s is no verifier key (name+hash+key)", text);
    return ok;
}

bool timeout_parse(const char *text, unsigned *out)
{
    uint64_t n = HTTPS_TIMEOUT_S;

    if (text != NULL && (!view_u64(view_str(text), &n) || n == 0 || n > HTTPS_TIMEOUT_MAX_S)) {
        complain("--timeout: %s is not a number of seconds from 1 to %d", text,
                 HTTPS_TIMEOUT_MAX_S);
        return false;
    }
    *out = (unsigned)n;
    return true;
}

void json_string_print(const char *s)
{
    struct buf b;

    buf_init(&b, 4096);
    if (buf_append_json_string(&b, view_str(s)) == ERR_NONE)
        fwrite(b.ptr, 1, b.len, stdout);
    else
        fputs("\"\"", stdout);
    buf_free(&b);
}

enum exit_code refusal_print(bool json, enum exit_code exit, const char *code, const char *fmt, ...)
{
    const char *verdict = exit == EXIT_REJECT        ? "reject"
                          : exit == EXIT_UNSUPPORTED ? "unsupported"
                          : exit == EXIT_MALFORMED   ? "malformed"
                          : exit == EXIT_UNREACHABLE ? "unreachable"
                                                     : "internal";
    char sentence[600];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(sentence, sizeof sentence, fmt, ap);
    va_end(ap);
    if (json) {
        printf("{\"verdict\":\"%s\",\"code\":\"%s\",\"checks\":[{\"code\":\"%s\",\"ok\":false,"
               "\"detail\":",
               verdict, code, code);
        json_string_print(sentence);
        puts("}]}");
    } else if (exit == EXIT_REJECT) {
        printf("reject: %s\n", sentence);
    } else {
        complain("%s", sentence);
    }
    return exit;
}
