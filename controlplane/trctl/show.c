/* Tables of JSON. */
#include "show.h"

#include <json-c/json.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS_MAX = 24, CELL_MAX = 512, WIDTH_MAX = 64 };

struct json_object *show_parse(struct view json)
{
    struct json_tokener *t = json_tokener_new();
    struct json_object *o = NULL;

    if (t != NULL && json.len <= INT_MAX)
        o = json_tokener_parse_ex(t, (const char *)json.ptr, (int)json.len);
    if (t != NULL && json_tokener_get_error(t) != json_tokener_success) {
        json_object_put(o);
        o = NULL;
    }
    if (t != NULL)
        json_tokener_free(t);
    return o;
}

void show_json(struct json_object *o, FILE *to)
{
    fprintf(to, "%s\n", json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
}

/* --- one value --- */

static void clean(char *text, bool lines)
{
    for (char *p = text; *p != '\0'; p++)
        if (!(lines && *p == '\n') && ((unsigned char)*p < ' ' || *p == 127 || ((unsigned char)p[0] == 0xc2 && (unsigned char)p[1] < 0xa0)))
            *p = '?'; /* the second: C1 controls, which some terminals obey */
}

static void cell_write(struct json_object *v, char out[static CELL_MAX])
{
    if (v == NULL)
        snprintf(out, CELL_MAX, "-");
    else if (json_object_is_type(v, json_type_string))
        snprintf(out, CELL_MAX, "%s", json_object_get_string(v));
    else
        snprintf(out, CELL_MAX, "%s", json_object_to_json_string_ext(v, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
    clean(out, false);
}

/* Characters, not bytes; wide ones count as one. */
static int width_of(const char *text)
{
    int n = 0;

    for (; *text != '\0'; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

static void padded(const char *text, int width, bool last, FILE *to)
{
    int n = width_of(text);

    fputs(text, to);
    for (; !last && n < width + 2; n++)
        fputc(' ', to);
}

/* --- tables --- */

struct columns {
    char name[COLUMNS_MAX][64];
    int width[COLUMNS_MAX];
    size_t n;
};

static void column_add(struct columns *c, const char *name, size_t len)
{
    if (c->n == COLUMNS_MAX || len >= sizeof c->name[0])
        return;
    memcpy(c->name[c->n], name, len);
    c->name[c->n][len] = '\0';
    c->width[c->n++] = (int)len;
}

static void columns_of_words(struct columns *c, const char *words)
{
    while (*words != '\0') {
        size_t len = strcspn(words, " ");

        column_add(c, words, len);
        words += len + (words[len] == ' ');
    }
}

static void columns_of_row(struct columns *c, struct json_object *row)
{
    json_object_object_foreach(row, key, v)
    {
        if (!json_object_is_type(v, json_type_object) && !json_object_is_type(v, json_type_array))
            column_add(c, key, strlen(key));
    }
}

static void cell_of(struct json_object *row, const char *name, char out[static CELL_MAX])
{
    struct json_object *v = NULL;

    json_object_object_get_ex(row, name, &v);
    cell_write(v, out);
}

static void measure(struct columns *c, struct json_object *list)
{
    char cell[CELL_MAX];

    for (size_t i = 0; i < json_object_array_length(list); i++)
        for (size_t k = 0; k < c->n; k++) {
            int w;

            cell_of(json_object_array_get_idx(list, i), c->name[k], cell);
            w = width_of(cell);
            if (w > c->width[k])
                c->width[k] = w > WIDTH_MAX && c->width[k] <= WIDTH_MAX ? WIDTH_MAX : w > WIDTH_MAX ? c->width[k] : w;
        }
}

static void list_show(struct json_object *list, const char *words, FILE *to)
{
    struct columns c = {.n = 0};
    char cell[CELL_MAX];

    if (words[0] != '\0')
        columns_of_words(&c, words);
    else if (json_object_array_length(list) > 0)
        columns_of_row(&c, json_object_array_get_idx(list, 0));
    measure(&c, list);
    for (size_t k = 0; k < c.n; k++)
        padded(c.name[k], c.width[k], k + 1 == c.n, to);
    if (c.n > 0)
        fputc('\n', to);
    else
        fputs("nothing\n", to);
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        for (size_t k = 0; k < c.n; k++) {
            cell_of(json_object_array_get_idx(list, i), c.name[k], cell);
            padded(cell, c.width[k], k + 1 == c.n, to);
        }
        fputc('\n', to);
    }
}

/* --- objects --- */

static bool is_rows(struct json_object *v)
{
    return json_object_is_type(v, json_type_array) &&
           (json_object_array_length(v) == 0 ||
            json_object_is_type(json_object_array_get_idx(v, 0), json_type_object));
}

static struct json_object *rows_of(struct json_object *o, const char **name)
{
    struct json_object *data = NULL;

    if (json_object_object_get_ex(o, "data", &data) && is_rows(data)) {
        *name = "data";
        return data;
    }
    if (data != NULL)
        return NULL;
    json_object_object_foreach(o, key, v)
    {
        if (is_rows(v)) {
            *name = key;
            return v;
        }
    }
    return NULL;
}

/* A text of several lines (a policy, a catalog, a checkpoint) stands below its name, indented. */
static void lines_show(const char *text, FILE *to)
{
    if (strchr(text, '\n') == NULL) {
        fprintf(to, "%s\n", text);
        return;
    }
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");

        fprintf(to, "\n    %.*s", (int)len, text);
        text += len + (text[len] == '\n');
    }
    fputc('\n', to);
}

/* Those of the words that a row has, separated by single spaces; none: "". */
static void words_of_row(struct json_object *row, const char *words, char out[static CELL_MAX])
{
    size_t at = 0;

    out[0] = '\0';
    while (*words != '\0') {
        size_t len = strcspn(words, " ");
        char name[64];

        snprintf(name, sizeof name, "%.*s", (int)len, words);
        if (json_object_object_get_ex(row, name, NULL) && at + len + 2 < CELL_MAX)
            at += (size_t)snprintf(out + at, CELL_MAX - at, "%s%s", at == 0 ? "" : " ", name);
        words += len + (words[len] == ' ');
    }
}

/* Lists of objects inside of an object, as tables below it. */
static void lists_show(struct json_object *o, const char *columns, FILE *to)
{
    char words[CELL_MAX];

    json_object_object_foreach(o, name, value)
    {
        if (!is_rows(value) || json_object_array_length(value) == 0)
            continue;
        words_of_row(json_object_array_get_idx(value, 0), columns, words);
        fprintf(to, "\n%s\n", name);
        list_show(value, words, to);
    }
}

/* columns: NULL: lists of objects are one cell. */
static void members_show(struct json_object *o, const char *without, const char *columns, FILE *to)
{
    char cell[CELL_MAX];
    int width = 0;

    json_object_object_foreach(o, key, v)
    {
        (void)v;
        if (width_of(key) > width)
            width = width_of(key);
    }
    json_object_object_foreach(o, name, value)
    {
        if ((without != NULL && strcmp(name, without) == 0) || (value == NULL && strcmp(name, "next_cursor") == 0))
            continue;
        if (columns != NULL && is_rows(value) && json_object_array_length(value) > 0)
            continue;
        padded(name, width, false, to);
        if (json_object_is_type(value, json_type_string)) { /* a key or a text is shown as a whole */
            char *text = strdup(json_object_get_string(value));

            if (text != NULL)
                clean(text, true);
            lines_show(text == NULL ? "?" : text, to);
            free(text);
        } else {
            cell_write(value, cell);
            fprintf(to, "%s\n", cell);
        }
    }
    if (columns != NULL)
        lists_show(o, columns, to);
}

void show_table(struct json_object *o, const char *columns, FILE *to)
{
    struct json_object *rows, *data = NULL;
    const char *name = NULL;

    if (is_rows(o)) {
        list_show(o, columns, to);
        return;
    }
    if (!json_object_is_type(o, json_type_object)) {
        show_json(o, to);
        return;
    }
    rows = rows_of(o, &name);
    if (rows != NULL) {
        list_show(rows, columns, to);
        if (json_object_object_length(o) > 1)
            members_show(o, name, NULL, to);
    } else if (json_object_object_get_ex(o, "data", &data) && json_object_is_type(data, json_type_object)) {
        members_show(data, NULL, columns[0] != '\0' ? columns : NULL, to);
        members_show(o, "data", NULL, to);
    } else {
        members_show(o, NULL, NULL, to);
    }
}

/* --- pages --- */

const char *show_cursor(struct json_object *o)
{
    struct json_object *v = NULL;

    if (!json_object_is_type(o, json_type_object) || !json_object_object_get_ex(o, "next_cursor", &v) ||
        !json_object_is_type(v, json_type_string))
        return NULL;
    return json_object_get_string(v);
}

bool show_join(struct json_object *o, struct json_object *next)
{
    struct json_object *all = NULL, *more = NULL, *cursor = NULL;

    if (!json_object_object_get_ex(o, "data", &all) || !json_object_object_get_ex(next, "data", &more) ||
        !json_object_is_type(all, json_type_array) || !json_object_is_type(more, json_type_array))
        return false;
    for (size_t i = 0; i < json_object_array_length(more); i++)
        if (json_object_array_add(all, json_object_get(json_object_array_get_idx(more, i))) != 0)
            return false;
    if (!json_object_object_get_ex(next, "next_cursor", &cursor) && !json_object_object_get_ex(o, "next_cursor", NULL))
        return true;
    return json_object_object_add(o, "next_cursor", json_object_get(cursor)) == 0;
}

size_t show_rows(struct json_object *o)
{
    struct json_object *data = NULL;

    return json_object_object_get_ex(o, "data", &data) && json_object_is_type(data, json_type_array)
               ? json_object_array_length(data)
               : 0;
}
