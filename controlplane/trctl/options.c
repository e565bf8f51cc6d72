/* Command line -> path, query and body. */
#include "options.h"

#include "secret_input.h"

#include <assert.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void complain(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    fputs("trctl: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
}

void request_init(struct request *r)
{
    buf_init(&r->target, TARGET_MAX);
    buf_init(&r->body, BODY_MAX);
    r->has_body = false;
    r->type = NULL;
}

void request_free(struct request *r)
{
    buf_free(&r->target);
    buf_free(&r->body);
}

/* --- options --- */

/* Is argv[*i] this option? *value then is what follows "=" or, if it needs one, the next argument. -1: it has none. */
static int option_is(const char *option, bool needs, int argc, char **argv, int *i, const char **value)
{
    size_t n = strlen(option);

    *value = NULL;
    if (strncmp(argv[*i], option, n) != 0 || (argv[*i][n] != '\0' && argv[*i][n] != '='))
        return 0;
    if (argv[*i][n] == '=') {
        *value = argv[*i] + n + 1;
    } else if (needs) {
        if (*i + 1 >= argc) {
            complain("%s needs a value", option);
            return -1;
        }
        *value = argv[++*i];
    }
    return 1;
}

int common_take(struct common *common, int argc, char **argv, int *i)
{
    const struct {
        const char *option;
        const char **value;
        bool *flag;
    } table[] = {
        {"--profile", &common->profile, NULL},
        {"--workspace", &common->workspace, NULL},
        {"--account", &common->account, NULL},
        {"--idempotency-key", &common->idempotency_key, NULL},
        {"--data", &common->data, NULL},
        {"-d", &common->data, NULL},
        {"--json", NULL, &common->json},
        {"--all", NULL, &common->all},
        {"--help", NULL, &common->help},
        {"-h", NULL, &common->help},
    };

    for (size_t k = 0; k < sizeof table / sizeof table[0]; k++) {
        const char *option = argv[*i], *value;
        int is = option_is(table[k].option, table[k].value != NULL, argc, argv, i, &value);

        if (is <= 0) {
            if (is < 0)
                return -1;
            continue;
        }
        if ((table[k].value != NULL && *table[k].value != NULL) || (table[k].flag != NULL && value != NULL)) {
            complain(table[k].flag != NULL ? "%s takes no value" : "%s is given twice", option);
            return -1;
        }
        if (table[k].value != NULL)
            *table[k].value = value;
        else
            *table[k].flag = true;
        return 1;
    }
    return 0;
}

/* --- values --- */

struct given {
    bool is, null;
    struct buf json; /* the value as JSON; of a list its elements, with commas */
    struct buf text; /* the value as text, NUL-terminated, for a query */
};
struct reading {
    const struct command *command;
    const char *places[PLACES_MAX];
    size_t n_places;
    struct given given[PARAMS_MAX];
};

static bool json_of(const char *text, enum json_type *type)
{
    enum json_tokener_error e;
    struct json_object *o = json_tokener_parse_verbose(text, &e);

    if (o != NULL)
        *type = json_object_get_type(o);
    else
        *type = json_type_null;
    json_object_put(o);
    return e == json_tokener_success;
}

static bool is_number(const char *text)
{
    enum json_type type;

    return text[strspn(text, "+-.0123456789eE")] == '\0' && json_of(text, &type) &&
           (type == json_type_int || type == json_type_double);
}

static bool among(const char *values, const char *text)
{
    size_t n = strlen(text);

    if (values[0] == '\0')
        return true;
    for (const char *p = values; n != 0 && strchr(text, '|') == NULL && (p = strstr(p, text)) != NULL; p++)
        if ((p == values || p[-1] == '|') && (p[n] == '|' || p[n] == '\0'))
            return true;
    return false;
}

/* NULL: it is one; or what it must be. */
static const char *value_fault(const struct param *p, const char *text)
{
    enum json_type type;

    switch (p->kind) {
    case PARAM_NUMBER:
        return is_number(text) ? NULL : "a number";
    case PARAM_FLAG:
        return strcmp(text, "true") == 0 || strcmp(text, "false") == 0 ? NULL : "true or false";
    case PARAM_JSON:
        return json_of(text, &type) ? NULL : "JSON";
    case PARAM_TEXT:
    case PARAM_LIST:
        return among(p->values, text) ? NULL : p->values;
    case PARAM_SECRET:
        return NULL;
    }
    return NULL;
}

static bool value_take(const struct param *p, const char *text, struct given *g)
{
    const char *fault = value_fault(p, text);
    bool plain = p->kind == PARAM_NUMBER || p->kind == PARAM_FLAG || p->kind == PARAM_JSON;
    enum err e = ERR_NONE;
    char option[80];

    option_name(p, option, sizeof option);
    if (fault != NULL) {
        complain("%s must be %s", option, fault);
        return false;
    }
    if (g->is && p->kind != PARAM_LIST) {
        complain("%s is given twice", option);
        return false;
    }
    if (g->is)
        e = buf_append_byte(&g->json, ',');
    if (e == ERR_NONE)
        e = plain ? buf_append(&g->json, view_str(text)) : buf_append_json_string(&g->json, view_str(text));
    if (e == ERR_NONE && g->is)
        e = buf_append_byte(&g->text, ',');
    if (e == ERR_NONE)
        e = buf_append(&g->text, view_str(text));
    g->is = true;
    if (e != ERR_NONE)
        complain("%s is too long", option);
    return e == ERR_NONE;
}

static bool secret_take(const struct param *p, const char *file, struct given *g)
{
    struct buf text;
    bool ok;

    buf_init(&text, SECRET_INPUT_MAX + 1);
    ok = secret_input(p->name, file, &text) && buf_append_byte(&text, '\0') == ERR_NONE &&
         value_take(p, (const char *)text.ptr, g);
    buf_free(&text);
    return ok;
}

/* --no-NAME: null. */
static int null_take(const struct param *p, const char *arg, struct given *g)
{
    char option[80];

    option_name(p, option, sizeof option);
    if (p->where != IN_BODY || strncmp(arg, "--no-", 5) != 0 || strcmp(arg + 5, option + 2) != 0)
        return 0;
    if (g->is || buf_append(&g->json, VIEW_LIT("null")) != ERR_NONE) {
        complain("%s is given twice", option);
        return -1;
    }
    g->is = g->null = true;
    return 1;
}

/* argv[*i] as an option of one parameter: 1, 0 or -1, as common_take(). */
static int param_take(const struct param *p, int argc, char **argv, int *i, struct given *g)
{
    char option[80], file[96];
    const char *value;
    int is = null_take(p, argv[*i], g);

    if (is != 0)
        return is;
    option_name(p, option, sizeof option);
    snprintf(file, sizeof file, "%s-file", option);
    if (p->kind == PARAM_SECRET && (is = option_is(file, true, argc, argv, i, &value)) != 0)
        return is < 0 || !secret_take(p, value, g) ? -1 : 1;
    is = option_is(option, p->kind != PARAM_FLAG && p->kind != PARAM_SECRET, argc, argv, i, &value);
    if (is <= 0)
        return is;
    if (p->kind == PARAM_SECRET) {
        if (value != NULL) {
            complain("%s is not given as an argument, which others can see: it is asked for", option);
            return -1;
        }
        return secret_take(p, NULL, g) ? 1 : -1;
    }
    return value_take(p, value == NULL ? "true" : value, g) ? 1 : -1;
}

/* An argument without a name: first those of the path, then what is needed, in order. */
static bool operand_take(struct reading *r, const char *text)
{
    const struct command *c = r->command;
    const char *at = c->path;
    char place[64];
    size_t places = 0;

    while (place_next(&at, place, sizeof place))
        places++;
    assert(places <= PLACES_MAX);
    if (r->n_places < places) {
        r->places[r->n_places++] = text;
        return true;
    }
    for (size_t i = 0; i < c->n_params; i++)
        if (c->params[i].required && !r->given[i].is && c->params[i].kind != PARAM_SECRET)
            return value_take(&c->params[i], text, &r->given[i]);
    complain("%s is one argument too many; see trctl %s --help", text, c->words);
    return false;
}

static bool argument_take(struct reading *r, struct common *common, int argc, char **argv, int *i)
{
    const struct command *c = r->command;
    int taken = 0;

    if (argv[*i][0] != '-' || argv[*i][1] == '\0')
        return operand_take(r, argv[*i]);
    for (size_t k = 0; k < c->n_params && taken == 0; k++)
        taken = param_take(&c->params[k], argc, argv, i, &r->given[k]);
    if (taken == 0)
        taken = common_take(common, argc, argv, i);
    if (taken == 0)
        complain("%s is no option of trctl %s; see --help", argv[*i], c->words);
    return taken > 0;
}

/* --- the request --- */

enum err url_append(struct buf *out, const char *text)
{
    enum err e = ERR_NONE;

    for (const char *p = text; *p != '\0' && e == ERR_NONE; p++)
        if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~", *p) != NULL)
            e = buf_append_byte(out, (uint8_t)*p);
        else
            e = buf_appendf(out, "%%%02X", (unsigned)(uint8_t)*p);
    return e;
}

/* A tile and a model have slashes of their own. */
static enum err place_append(struct buf *out, const char *place, const char *text)
{
    enum err e = ERR_NONE;

    if (strcmp(place, "tile") != 0 && strcmp(place, "catalog_id") != 0)
        return url_append(out, text);
    for (const char *p = text; *p != '\0' && e == ERR_NONE; p++) {
        char one[2] = {*p, '\0'};

        e = *p == '/' ? buf_append_byte(out, '/') : url_append(out, one);
    }
    return e;
}

static bool path_write(const struct reading *r, struct buf *out)
{
    const char *from = r->command->path, *at = from;
    char place[64];
    size_t n = 0;
    enum err e = ERR_NONE;

    while (e == ERR_NONE && place_next(&at, place, sizeof place)) {
        const char *brace = strchr(from, '{');

        if (n == r->n_places) {
            complain("trctl %s needs the argument %s", r->command->words, place);
            return false;
        }
        e = buf_append(out, view_of(from, (size_t)(brace - from)));
        if (e == ERR_NONE)
            e = place_append(out, place, r->places[n++]);
        from = at;
    }
    return e == ERR_NONE && buf_append(out, view_str(from)) == ERR_NONE;
}

static bool query_write(const struct reading *r, const struct common *common, struct buf *out)
{
    const struct command *c = r->command;
    char mark = '?';
    enum err e = ERR_NONE;

    for (size_t i = 0; i < c->n_params && e == ERR_NONE; i++) {
        const struct given *g = &r->given[i];

        if (c->params[i].where != IN_QUERY || !g->is)
            continue;
        e = buf_appendf(out, "%c%s=", mark, c->params[i].name);
        if (e == ERR_NONE)
            e = url_append(out, (const char *)g->text.ptr);
        mark = '&';
    }
    if (e == ERR_NONE && common->account != NULL) {
        e = buf_appendf(out, "%caccount_id=", mark);
        if (e == ERR_NONE)
            e = url_append(out, common->account);
    }
    return e == ERR_NONE && buf_append_byte(out, '\0') == ERR_NONE;
}

static bool members_write(const struct reading *r, struct request *out)
{
    const struct command *c = r->command;
    enum err e = buf_append_byte(&out->body, '{');
    bool first = true;

    for (size_t i = 0; i < c->n_params && e == ERR_NONE; i++) {
        const struct param *p = &c->params[i];
        const struct given *g = &r->given[i];
        bool list = p->kind == PARAM_LIST && !g->null;

        if (p->where != IN_BODY || !g->is)
            continue;
        e = buf_appendf(&out->body, "%s\"%s\":%s", first ? "" : ",", p->name, list ? "[" : "");
        if (e == ERR_NONE)
            e = buf_append(&out->body, buf_view(&g->json));
        if (e == ERR_NONE && list)
            e = buf_append_byte(&out->body, ']');
        first = false;
    }
    if (e == ERR_NONE)
        e = buf_append_byte(&out->body, '}');
    out->has_body = true;
    return e == ERR_NONE;
}

bool data_read(const char *what, struct buf *out)
{
    const char *path = what[0] == '@' ? what + 1 : strcmp(what, "-") == 0 ? "/dev/stdin" : NULL;

    if (path == NULL)
        return buf_append(out, view_str(what)) == ERR_NONE;
    if (input_read(path, out))
        return true;
    complain("cannot read %s, or it is larger than %d bytes", path, BODY_MAX);
    return false;
}

static bool body_write(const struct reading *r, const struct common *common, struct request *out)
{
    const struct command *c = r->command;

    for (size_t i = 0; i < c->n_params; i++)
        if (common->data != NULL && c->params[i].where == IN_BODY && r->given[i].is) {
            complain("--data is the whole body: no other option says a part of it");
            return false;
        }
    if (common->data == NULL && command_needs_data(c)) {
        complain("trctl %s needs --data: the body, as JSON, @FILE, or - for standard input", c->words);
        return false;
    }
    if (common->data == NULL)
        return c->takes[0] == '\0' || strncmp(c->takes, "application/json", 16) != 0 || members_write(r, out);
    if (c->takes[0] == '\0') {
        complain("trctl %s sends no body", c->words);
        return false;
    }
    out->has_body = true;
    if (!data_read(common->data, &out->body))
        return false;
    if (strcmp(c->takes, TAKES_JSON_OR_TEXT) == 0) /* what is JSON there is an object */
        out->type = view_starts(view_trim(buf_view(&out->body)), VIEW_LIT("{")) ? "application/json" : "text/plain";
    return true;
}

/* What is needed and was not given; secrets are asked for. */
static bool needed_are_there(struct reading *r, const struct common *common)
{
    const struct command *c = r->command;
    char option[80];

    for (size_t i = 0; i < c->n_params; i++) {
        const struct param *p = &c->params[i];

        if (!p->required || r->given[i].is || (p->where == IN_BODY && common->data != NULL))
            continue;
        option_name(p, option, sizeof option);
        if (p->kind != PARAM_SECRET) {
            complain("trctl %s needs %s", c->words, option);
            return false;
        }
        if (!secret_take(p, NULL, &r->given[i]))
            return false;
    }
    return true;
}

static bool texts_end(struct reading *r)
{
    for (size_t i = 0; i < r->command->n_params; i++)
        if (r->given[i].is && buf_append_byte(&r->given[i].text, '\0') != ERR_NONE)
            return false;
    return true;
}

bool options_read(const struct command *c, int argc, char **argv, struct common *common, struct request *out)
{
    struct reading r = {.command = c};
    bool ok = true;

    assert(c->n_params <= PARAMS_MAX);
    for (size_t i = 0; i < c->n_params; i++) {
        buf_init(&r.given[i].json, BODY_MAX);
        buf_init(&r.given[i].text, BODY_MAX);
    }
    for (int i = 0; i < argc && ok; i++)
        ok = argument_take(&r, common, argc, argv, &i);
    if (ok && !common->help)
        ok = needed_are_there(&r, common) && texts_end(&r) && path_write(&r, &out->target) &&
             query_write(&r, common, &out->target) && body_write(&r, common, out);
    for (size_t i = 0; i < c->n_params; i++) {
        buf_free(&r.given[i].json);
        buf_free(&r.given[i].text);
    }
    return ok;
}
