/* Reading a release manifest, its detached signature and the public key from files. */
#include "release_file.h"

#include "command.h"
#include "manifest.h"

#include <stdio.h>

enum { RELEASE_PATH_BYTES = 4096 };

bool release_key_load(const char *text, struct minisign_key *out)
{
    struct buf file;
    bool ok;

    if (minisign_key_parse(view_str(text), out) == ERR_NONE)
        return true;
    if (!file_load(text, MINISIGN_KEY_MAX, &file))
        return false;
    ok = minisign_key_parse(buf_view(&file), out) == ERR_NONE;
    buf_free(&file);
    if (!ok)
        complain("%s is no minisign key", text);
    return ok;
}

bool release_file_load(const char *path, const char *signature, const char *key,
                       struct release_file *out)
{
    char beside[RELEASE_PATH_BYTES];

    buf_init(&out->text, MANIFEST_MAX);
    buf_init(&out->signature, MINISIGN_SIGNATURE_MAX);
    if (!release_key_load(key, &out->key))
        return false;
    if (signature == NULL) {
        if ((size_t)snprintf(beside, sizeof beside, "%s.minisig", path) >= sizeof beside) {
            complain("%s is too long a name", path);
            return false;
        }
        signature = beside;
    }
    if (!file_load(path, MANIFEST_MAX, &out->text) ||
        !file_load(signature, MINISIGN_SIGNATURE_MAX, &out->signature))
        return false;
    if (out->text.len == 0)
        complain("%s is empty", path);
    return out->text.len != 0;
}

void release_file_free(struct release_file *f)
{
    buf_free(&f->text);
    buf_free(&f->signature);
}
