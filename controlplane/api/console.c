/* GET /console: what the console's pages must know of this service before anybody has signed in. And
 * /.well-known/security.txt (RFC 9116). */
#include "handlers.h"

#include "identity.h"
#include "note.h"
#include "policy.h"
#include "rules.h"
#include "site.h"
#include "time_text.h"
#include "translog.h"
#include "version.h"

#include <time.h>

enum { CONSOLE_MAX = 16 << 10, SECURITY_TXT_DAYS = 90 };

static enum err append_text(struct buf *out, const char *name, const char *text)
{
    enum err e = buf_appendf(out, ",\"%s\":", name);

    if (e != ERR_NONE)
        return e;
    return text[0] == '\0' ? buf_append(out, VIEW_LIT("null")) : buf_append_json_string(out, view_str(text));
}

/* The words of a list by spaces, as strings. */
static enum err append_words(struct buf *out, const char *name, const char *words)
{
    enum err e = buf_appendf(out, ",\"%s\":[", name);
    const char *separator = "";

    while (e == ERR_NONE && *(words += strspn(words, " ")) != '\0') {
        size_t n = strcspn(words, " ");

        e = buf_append(out, view_str(separator));
        if (e == ERR_NONE)
            e = buf_append_json_string(out, view_of(words, n));
        words += n;
        separator = ",";
    }
    return e == ERR_NONE ? buf_append_byte(out, ']') : e;
}

static enum err append_providers(struct buf *out, const struct identity *all)
{
    enum err e = buf_append(out, VIEW_LIT(",\"oidc\":["));

    for (size_t i = 0; i < identity_count(all) && e == ERR_NONE; i++) {
        e = buf_appendf(out, "%s{\"id\":\"%s\",\"name\":", i == 0 ? "" : ",", identity_id(all, i));
        if (e == ERR_NONE)
            e = buf_append_json_string(out, view_str(identity_name(all, i)));
        if (e == ERR_NONE)
            e = buf_append_byte(out, '}');
    }
    return e == ERR_NONE ? buf_append_byte(out, ']') : e;
}

/* By which ways a user may sign in here; each is on where its handler works. */
static enum err append_sign_in(struct buf *out, const struct call *c)
{
    const struct api_config *config = call_config(c);
    const struct site *site = call_site(c);
    enum err e = buf_appendf(out, ",\"sign_in\":{\"password\":true,\"sign_up\":%s,\"recovery_mail\":%s",
                             config->sign_up ? "true" : "false", config->mailer != NULL ? "true" : "false");

    if (e == ERR_NONE)
        e = buf_appendf(out, ",\"wallet\":%s,\"passkeys\":%s", site != NULL ? "true" : "false",
                        site != NULL && site_has_name(site) ? "true" : "false");
    if (e == ERR_NONE)
        e = append_providers(out, config->identity);
    return e == ERR_NONE ? buf_append_byte(out, '}') : e;
}

static enum err append_log_key(struct buf *out, const struct call *c)
{
    enum err e = buf_append(out, VIEW_LIT(",\"log_key\":\""));

    if (e == ERR_NONE)
        e = note_key_text(translog_key(call_log(c)), out);
    return e == ERR_NONE ? buf_append_byte(out, '"') : e;
}

static enum err write_console(struct buf *out, const struct call *c)
{
    const struct api_config *config = call_config(c);
    enum err e = buf_append(out, VIEW_LIT("{\"data\":{\"version\":\"" TR_VERSION "\""));

    if (e == ERR_NONE)
        e = append_text(out, "name", config->console_name);
    if (e == ERR_NONE)
        e = append_words(out, "data_planes", config->console_dataplanes);
    if (e == ERR_NONE)
        e = append_sign_in(out, c);
    if (e == ERR_NONE)
        e = append_log_key(out, c);
    if (e == ERR_NONE)
        e = append_text(out, "release_key", config->release_key);
    if (e == ERR_NONE)
        e = append_text(out, "security_contact", config->security_contact);
    if (e == ERR_NONE)
        e = buf_appendf(out, ",\"payments\":%s,\"simulated\":%s}}", call_payments(c) != NULL ? "true" : "false",
                        rules_policy(call_rules(c))->allow_simulated ? "true" : "false");
    return e;
}

void handle_console(struct call *c)
{
    struct buf out;

    buf_init(&out, CONSOLE_MAX);
    if (write_console(&out, c) == ERR_NONE)
        call_reply_public(c, VIEW_LIT("application/json"), false, buf_view(&out));
    else
        call_fail(c, 500, "internal_error", "Out of memory.", NULL);
    buf_free(&out);
}

void handle_security_txt(struct call *c)
{
    char expires[TIME_TEXT_BYTES];
    struct buf out;
    uint64_t today = (uint64_t)time(NULL) / 86400 * 86400; /* the same bytes all day: caches keep them */

    if (call_config(c)->security_contact[0] == '\0') {
        call_fail(c, 404, "not_found", "No security contact is configured here.", NULL);
        return;
    }
    buf_init(&out, 1024);
    time_format(today + SECURITY_TXT_DAYS * UINT64_C(86400), expires);
    if (buf_appendf(&out, "Contact: %s\nExpires: %s\nPreferred-Languages: en\n", call_config(c)->security_contact,
                    expires) == ERR_NONE)
        call_reply_public(c, VIEW_LIT("text/plain; charset=utf-8"), false, buf_view(&out));
    else
        call_fail(c, 500, "internal_error", "Out of memory.", NULL);
    buf_free(&out);
}
