/* Challenges and nonces, and whether wallets and passkeys can sign in here at all. */
#include "ceremony.h"

#include <sodium.h>

const struct site *ceremony_site(struct call *c)
{
    const struct site *site = call_site(c);

    if (site == NULL)
        call_fail(c, 403, "no_console", "The operator has not said under which address the console is.", NULL);
    return site;
}

const struct site *ceremony_passkey_site(struct call *c)
{
    const struct site *site = ceremony_site(c);

    if (site == NULL || site_has_name(site))
        return site;
    call_fail(c, 403, "no_console", "Browsers keep passkeys for names: the console's address has none.", NULL);
    return NULL;
}

void ceremony_challenge(char text[static CHALLENGE_TEXT + 1])
{
    struct secret32 random;

    _Static_assert(sizeof random.b == CHALLENGE_BYTES && (CHALLENGE_BYTES * 8 + 5) / 6 == CHALLENGE_TEXT, "six bits each");
    secret_random(random.b, sizeof random.b);
    sodium_bin2base64(text, CHALLENGE_TEXT + 1, random.b, sizeof random.b, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

void ceremony_keep(struct call *c, const char *kind, struct view text, db_cb *cb)
{
    struct digest32 digest;

    digest_sha256(text, &digest);
    const struct db_param p[] = {
        db_bytes(view_of(digest.b, sizeof digest.b)), db_bytes(view_str(kind)), db_null(), db_null(), sign_in_address(c),
        db_i64(CHALLENGE_S * INT64_C(1000)),
    };
    db_query(call_db(c), STMT_CHALLENGE_MAKE, p, sizeof p / sizeof p[0], 0, cb, c);
}

void ceremony_fail(struct call *c, const char *code, const char *message, const char *param)
{
    call_fail(c, id_is_zero(&c->user) ? 401 : 403, code, message, param);
}

bool ceremony_refused(struct call *c, struct view outcome)
{
    if (view_eq(outcome, VIEW_LIT("stale")))
        call_fail(c, 403, "sign_in_again", "Sign in again first: this session is older than 15 minutes.", NULL);
    else if (view_eq(outcome, VIEW_LIT("taken")))
        call_fail(c, 409, "already_used", "Another user, or you, has this already.", NULL);
    else if (view_eq(outcome, VIEW_LIT("limit")))
        call_fail(c, 409, "too_many_sign_ins", "You have 32 ways to sign in: remove those that you do not use.", NULL);
    else
        return false;
    return true;
}
