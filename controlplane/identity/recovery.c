#include "recovery.h"
#include "key_text.h"
#include "log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGE_MAX = 4 << 10, ORIGIN_MAX = 256, SERVICE_MAX = 64 };

/* --- messages --- */

struct recovery_mail {
    struct mailer *mailer;
    char origin[ORIGIN_MAX], name[SERVICE_MAX];
    char token[KEY_TEXT_LEN + 1];
    bool notice; /* that it was done, and not the link */
};

/* The token stands behind "#": browsers send that part to nobody, and no log has it. */
static enum err word(const struct recovery_mail *m, struct buf *out)
{
    return buf_appendf(out,
                       "Somebody asked to set a new password for the account that this address has at\n"
                       "%s (%s).\n\n"
                       "To choose one, open this page within %d minutes:\n\n"
                       "%s/recover#%s\n\n"
                       "All sessions of the account end when you do. The link works once.\n\n"
                       "If it was not you, there is nothing to do: the password stays as it is.\n",
                       m->name, m->origin, RECOVERY_LINK_S / 60, m->origin, m->token);
}

/* Numbers only: the names of keys are the words of the person who made them. */
static enum err word_notice(const struct recovery_mail *m, int64_t keys, struct buf *out)
{
    return buf_appendf(out,
                       "A new password was set for the account that this address has at\n"
                       "%s (%s), by a link or by a recovery code.\n"
                       "All sessions of before have ended.\n\n"
                       "API keys go on working. In the last 30 days %lld of those that work were\n"
                       "made, rotated or enabled in your name. Look through them here, and disable\n"
                       "those that you do not know; look through the ways to sign in, too:\n\n"
                       "%s/app/settings?recovered=true\n\n"
                       "If it was not you who set the password, set another one at once:\n\n"
                       "%s/recover\n",
                       m->name, m->origin, (long long)keys, m->origin, m->origin);
}

static void made_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct recovery_mail *m = cookie;
    char to[256], subject[SERVICE_MAX + 32];
    struct view address = e == ERR_NONE && db_rows(r) != 0 && !db_is_null(r, 0, 0) ? db_get_text(r, 0, 0) : VIEW_EMPTY;
    struct buf body;

    buf_init(&body, MESSAGE_MAX);
    if (address.len > 0 && address.len < sizeof to) {
        memcpy(to, address.ptr, address.len);
        to[address.len] = '\0';
        snprintf(subject, sizeof subject, m->notice ? "%s: your password was set" : "%s: a new password", m->name);
        e = m->notice ? word_notice(m, db_get_i64(r, 0, 1), &body) : word(m, &body);
        if (e == ERR_NONE)
            e = mail_send(m->mailer, to, subject, buf_view(&body));
    }
    if (e != ERR_NONE)
        LOG("recovery_mail", KV("reason", log_err((int)e)));
    buf_free(&body);
    secret_wipe(m, sizeof *m);
    free(m);
}

static struct recovery_mail *mail_new(struct mailer *mailer, const char *origin, const char *name)
{
    struct recovery_mail *m = calloc(1, sizeof *m);

    if (m == NULL)
        return NULL;
    m->mailer = mailer;
    snprintf(m->origin, sizeof m->origin, "%s", origin);
    snprintf(m->name, sizeof m->name, "%s", name);
    return m;
}

void recovery_notice_start(struct mailer *mailer, struct db *db, const char *origin, const char *name, const struct id *user)
{
    struct recovery_mail *m = mail_new(mailer, origin, name);
    const struct db_param p[] = {db_id(user)};

    if (m == NULL)
        return;
    m->notice = true;
    db_query(db, STMT_RECOVERY_NOTICE, p, 1, 0, made_cb, m);
}

void recovery_mail_start(struct mailer *mailer, struct db *db, const char *origin, const char *name, const char *email)
{
    struct recovery_mail *m = mail_new(mailer, origin, name);
    struct digest32 digest;

    if (m == NULL)
        return;
    key_text_new(KEY_RECOVERY_PREFIX, m->token);
    digest_sha256(view_str(m->token), &digest);
    const struct db_param p[] = {db_bytes(view_str(email)), db_bytes(view_of(digest.b, sizeof digest.b)),
                                 db_i64(RECOVERY_LINK_S * INT64_C(1000))};
    db_query(db, STMT_RECOVERY_TOKEN_MAKE, p, 3, 0, made_cb, m);
}

/* --- codes --- */

/* Digits and letters without those that look like others (Crockford's base 32). */
static const char letters[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

void recovery_code_new(char out[static RECOVERY_CODE_TEXT + 1])
{
    uint8_t random[RECOVERY_CODE_LETTERS];
    size_t at = 0;

    secret_random(random, sizeof random);
    for (size_t i = 0; i < sizeof random; i++) {
        if (i > 0 && i % 5 == 0)
            out[at++] = '-';
        out[at++] = letters[random[i] & 31];
    }
    out[at] = '\0';
    secret_wipe(random, sizeof random);
}

enum err recovery_code_digest(struct view code, struct digest32 *out)
{
    char plain[RECOVERY_CODE_LETTERS + 1];
    size_t n = 0;
    enum err e = ERR_NONE;

    for (size_t i = 0; i < code.len && e == ERR_NONE; i++) {
        char c = (char)(code.ptr[i] >= 'a' && code.ptr[i] <= 'z' ? code.ptr[i] - 32 : code.ptr[i]);

        if (c == '-' || c == ' ')
            continue;
        c = c == 'O' ? '0' : c == 'I' || c == 'L' ? '1' : c;
        if (c == '\0' || strchr(letters, c) == NULL || n == RECOVERY_CODE_LETTERS)
            e = ERR_FORMAT;
        else
            plain[n++] = c;
    }
    if (e == ERR_NONE && n != RECOVERY_CODE_LETTERS)
        e = ERR_FORMAT;
    if (e == ERR_NONE)
        digest_sha256_2(VIEW_LIT("tr-recovery-code/v1"), view_of(plain, n), out);
    secret_wipe(plain, sizeof plain);
    return e;
}
