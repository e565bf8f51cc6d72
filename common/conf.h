/* Configuration files: one small INI dialect for every .conf of the project.
 *   # comment            key = value            [section name]
 * Values run to the end of the line, trimmed. A field table says what is allowed; an unknown key,
 * a duplicate key or a value of the wrong type is an error that names file, line and field, never
 * the value. */
#ifndef TR_COMMON_CONF_H
#define TR_COMMON_CONF_H

#include "buf.h"
#include "err.h"
#include "view.h"

enum conf_type {
    CONF_TEXT,  /* char[size], NUL-terminated, at most size-1 bytes */
    CONF_LINES, /* the same for a key that may stand there several times: each value and a newline; begins empty */
    CONF_U64,   /* uint64_t, within [min, max]; max 0: no upper bound */
    CONF_BOOL,  /* bool: on/off/true/false/yes/no */
    CONF_HEX,   /* exactly `size` bytes from hex digits */
    CONF_NUSD,  /* int64_t nano-USD from decimal dollars */
    CONF_PRICE, /* int64_t pico-USD per token from decimal dollars per million tokens */
    CONF_NAME,  /* int from names[] (NULL-terminated table): the index */
};

struct conf_field {
    const char *name;
    enum conf_type type;
    size_t offset; /* offsetof() in the struct being filled */
    size_t size;   /* bytes there (CONF_TEXT, CONF_HEX) */
    uint64_t min, max;
    const char *const *names;
    bool required;
};

/* Called for each section as it opens (kind "provider", name "demo-a" for "[provider demo-a]"; the
 * part before the first section has kind "" and is always opened first). kind and name are borrowed
 * for the call. Returns the field table (at most 256 fields) and where to write. NULL fields: an
 * unknown or repeated section, an error; for kind "" only if a key stands there. A required field
 * must be present, and not empty, in every section of its table. */
struct conf_target {
    const struct conf_field *fields;
    size_t n_fields;
    void *base;
};
typedef struct conf_target conf_section_fn(void *cookie, struct view kind, struct view name);

/* Parse text. On failure returns ERR_CONFIG and writes one sentence to why (ours, printable). */
must_check enum err conf_parse(struct view text, const char *file_name, conf_section_fn *section,
                               void *cookie, struct buf *why);
/* For what is found wrong after parsing: the line of this key in a section ("sign_in google"; "": before the first one),
 * or 0 when it is not there. */
unsigned conf_line(struct view text, const char *section, struct view key);
/* Read a whole file, at most max bytes. ERR_IO, ERR_LIMIT. */
must_check enum err conf_read_file(const char *path, size_t max, struct buf *out);

#endif
