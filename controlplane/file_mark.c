#include "file_mark.h"

#include "base64.h"
#include "file.h"
#include "log.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { MARK_HEX = 64 };

static enum err mark_path(const char *state_dir, const char *name, char out[static PATH_MAX])
{
    int n = snprintf(out, PATH_MAX, "%s/%s.started", state_dir, name);

    return n > 0 && n < PATH_MAX ? ERR_NONE : ERR_LIMIT;
}

bool file_mark_get(const char *state_dir, const char *name, struct digest32 *out)
{
    char path[PATH_MAX], text[MARK_HEX + 2];
    size_t len;

    return mark_path(state_dir, name, path) == ERR_NONE &&
           file_read(path, false, text, sizeof text, &len) == ERR_NONE && len == MARK_HEX &&
           hex_decode(view_of(text, len), out->b, sizeof out->b) == ERR_NONE;
}

void file_mark_set(const char *state_dir, const char *name, const struct digest32 *now)
{
    char path[PATH_MAX], hex[MARK_HEX + 1];
    enum err e = mark_path(state_dir, name, path);

    hex_encode(now->b, sizeof now->b, hex);
    if (e == ERR_NONE)
        e = file_write(path, 0600, false, view_of(hex, MARK_HEX));
    if (e != ERR_NONE)
        LOG("file_mark_not_written", KV("error", log_err((int)e)));
}
