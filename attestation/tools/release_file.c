/* Reading a release manifest, its detached signature and the public key from files. */
#include "release_file.h"

#include "clock.h"

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
    out->has_key = key != NULL;
    if (key != NULL && !release_key_load(key, &out->key))
        return false;
    if (signature == NULL) {
        if ((size_t)snprintf(beside, sizeof beside, "%s.minisig", path) >= sizeof beside) {
            complain("%s is too long a name", path);
            return false;
        }
        signature = beside;
    }
    if (!file_load(path, MANIFEST_MAX, &out->text) ||
        (key != NULL && !file_load(signature, MINISIGN_SIGNATURE_MAX, &out->signature)))
        return false;
    if (out->text.len == 0)
        complain("%s is empty", path);
    return out->text.len != 0;
}

static enum exit_code signature_check(bool json, const struct release_file *f)
{
    enum err e = minisign_check(buf_view(&f->text), buf_view(&f->signature), &f->key, NULL);

    if (e == ERR_NONE)
        return EXIT_ACCEPT;
    if (e == ERR_AUTH)
        return refusal_print(json, EXIT_REJECT, "SIGNATURE", "not signed by this key");
    return refusal_print(json, EXIT_MALFORMED, "SIGNATURE",
                         "this is no signature in minisign's form");
}

enum exit_code release_file_check(bool json, const struct release_file *f, struct manifest *out)
{
    uint64_t now_s = clock_unix_ms() / 1000;
    enum exit_code code = f->has_key ? signature_check(json, f) : EXIT_ACCEPT;
    enum err e;

    if (code != EXIT_ACCEPT)
        return code;
    e = manifest_parse(buf_view(&f->text), out);
    if (e != ERR_NONE)
        return refusal_print(json, e == ERR_VERSION ? EXIT_UNSUPPORTED : EXIT_MALFORMED, "DOCUMENT",
                             "this is no release manifest in canonical JSON (%s)", err_name(e));
    if (now_s < out->not_before_s || now_s >= out->not_after_s)
        return refusal_print(json, EXIT_REJECT, "VALIDITY", "this release is %s",
                             now_s < out->not_before_s ? "not valid yet" : "expired");
    return EXIT_ACCEPT;
}

void release_file_free(struct release_file *f)
{
    buf_free(&f->text);
    buf_free(&f->signature);
}
