/* /auth/wallet, /auth/wallets: signing in with a message that a wallet signs (EIP-4361), and adding a wallet to a user. */
#include "ceremony.h"
#include "clock.h"
#include "time_text.h"
#include "wallet.h"

#include <stdlib.h>

/* --- a nonce, and what is to be signed with it */

/* What is remembered while the nonce is kept; c->own. */
struct asked {
    char nonce[NONCE_TEXT + 1];
    char address[WALLET_ADDRESS_TEXT + 1]; /* empty: not said */
};

static enum err word_nonce(const struct site *site, const struct asked *asked, struct buf *out)
{
    char now[TIME_TEXT_BYTES], end[TIME_TEXT_BYTES];
    uint64_t now_s = clock_unix_ms() / 1000;
    enum err e;

    time_format(now_s, now);
    time_format(now_s + CHALLENGE_S, end);
    /* The site's texts are letters, digits and punctuation without quotes: JSON as they stand. */
    e = buf_appendf(out, "{\"nonce\":\"%s\",\"version\":\"1\",\"issued_at\":\"%s\",\"expiration_time\":\"%s\"", asked->nonce, now, end);
    if (e == ERR_NONE && asked->address[0] != '\0')
        e = buf_appendf(out, ",\"address\":\"%s\"", asked->address);
    if (e == ERR_NONE)
        e = buf_appendf(out, ",\"domain\":\"%.*s\",\"uri\":\"%.*s\"", (int)site->domain.len, (const char *)site->domain.ptr,
                        (int)site->origin.len, (const char *)site->origin.ptr);
    for (enum wallet_purpose p = WALLET_SIGN_IN; p < WALLET_PURPOSES && e == ERR_NONE; p++)
        e = buf_appendf(out, ",\"%s\":\"%.*s\"", p == WALLET_SIGN_IN ? "statement" : "add_statement",
                        (int)wallet_statement(p).len, (const char *)wallet_statement(p).ptr);
    return e == ERR_NONE ? buf_append_byte(out, '}') : e;
}

static void nonce_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;
    struct buf out;

    if (e != ERR_NONE) {
        call_fail_db(c, e);
        return;
    }
    if (sign_in_throttled(c, r))
        return;
    buf_init(&out, 2048);
    if (word_nonce(call_site(c), c->own, &out) == ERR_NONE)
        call_reply_data(c, 200, buf_view(&out));
    else
        call_fail(c, 500, "internal_error", "Out of memory.", NULL);
    buf_free(&out);
}

static const struct field nonce_fields[] = {{"address", FIELD_PLAIN, false, true, WALLET_ADDRESS_TEXT, NULL}};

/* Wallets tell their address in small letters, and the message has it in the capitals of EIP-55. false: the call has been
 * answered. */
static bool take_address(struct call *c, char out[static WALLET_ADDRESS_TEXT + 1])
{
    uint8_t address[WALLET_ADDRESS_BYTES];
    struct value v = {0};

    out[0] = '\0';
    if (c->body.len != 0 && !call_body(c, nonce_fields, 1, &v))
        return false;
    if (v.state != VALUE_SET)
        return true;
    if (view_starts(v.plain, VIEW_LIT("0x")) && hex_decode(view_from(v.plain, 2), address, sizeof address) == ERR_NONE) {
        wallet_address_text(address, out);
        return true;
    }
    call_fail(c, 400, "invalid_parameter", "This must be an address: 0x and 40 hex digits.", "address");
    return false;
}

void handle_wallet_nonce(struct call *c)
{
    uint8_t random[NONCE_TEXT / 2];
    char address[WALLET_ADDRESS_TEXT + 1];
    struct asked *asked;

    if (sign_in_forged(c) || ceremony_site(c) == NULL || !take_address(c, address))
        return;
    c->own = asked = calloc(1, c->own_len = sizeof *asked);
    if (asked == NULL) {
        call_fail(c, 500, "internal_error", "Out of memory.", NULL);
        return;
    }
    secret_random(random, sizeof random);
    hex_encode(random, sizeof random, asked->nonce);
    memcpy(asked->address, address, sizeof address);
    ceremony_keep(c, "wallet", view_str(asked->nonce), nonce_cb);
}

/* --- what came back signed */

/* A message of ours that this address has signed; its nonce's digest and its address in the capitals of EIP-55. */
struct proof {
    struct digest32 nonce;
    char address[WALLET_ADDRESS_TEXT + 1];
};

static const char *signature_fault(struct view hex, struct view text, const uint8_t address[static WALLET_ADDRESS_BYTES])
{
    uint8_t signature[WALLET_SIGNATURE_BYTES];

    if (!view_starts(hex, VIEW_LIT("0x")) || hex_decode(view_from(hex, 2), signature, sizeof signature) != ERR_NONE)
        return "This must be 65 bytes in hex, as personal_sign gives them. Wallets that are contracts are not supported.";
    return wallet_verify(text, signature, address) == ERR_NONE
               ? NULL
               : "The address has not signed this message. Wallets that are contracts are not supported.";
}

/* true: it is a proof. false: the call has been answered. */
static bool prove(struct call *c, enum wallet_purpose purpose, const struct value *message, struct view signature,
                  struct proof *out)
{
    const char *fault = "This is not a message as EIP-4361 has it, of version 1, with the address in the capitals of EIP-55.";
    const char *param = "message";
    struct wallet_message m;
    struct buf text;

    buf_init(&text, WALLET_MESSAGE_MAX);
    if (json_string_decode(message->list, &text) == ERR_NONE && wallet_message_parse(buf_view(&text), &m) == ERR_NONE)
        fault = wallet_message_fault(&m, call_site(c), purpose, clock_unix_ms() / 1000);
    if (fault == NULL) {
        param = "signature";
        fault = signature_fault(signature, buf_view(&text), m.address);
    }
    if (fault == NULL) {
        digest_sha256(m.nonce, &out->nonce);
        wallet_address_text(m.address, out->address);
    }
    buf_free(&text);
    if (fault != NULL)
        call_fail(c, 400, "invalid_parameter", fault, param);
    return fault == NULL;
}

static void fail_nonce(struct call *c)
{
    ceremony_fail(c, "invalid_nonce", "The nonce was not given out here, was used, or is older than ten minutes.", "message");
}

/* --- signing in */

enum { MESSAGE, SIGNATURE, EMAIL, TITLE, TOKEN, SIGN_IN_FIELDS, ADD_FIELDS = EMAIL };
static const struct field fields[SIGN_IN_FIELDS] = {
    [MESSAGE] = {"message", FIELD_LINES, true, false, 2 * WALLET_MESSAGE_MAX, NULL},
    [SIGNATURE] = {"signature", FIELD_PLAIN, true, false, 4096, NULL},
    [EMAIL] = {"email", FIELD_TEXT, false, true, EMAIL_MAX, NULL},
    [TITLE] = {"name", FIELD_TEXT, false, true, 128, NULL},
    [TOKEN] = {"token", FIELD_BOOL, false, false, 0, NULL},
};

static void signed_in_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;
    struct sign_in *s = c->own;
    struct view outcome;

    if (e != ERR_NONE) {
        call_fail_db(c, e);
        return;
    }
    if (sign_in_throttled(c, r))
        return;
    outcome = db_get_text(r, 0, 1);
    if (view_eq(outcome, VIEW_LIT("nonce"))) {
        fail_nonce(c);
    } else if (view_eq(outcome, VIEW_LIT("unknown"))) {
        call_fail(c, 404, "wallet_unknown", "No user has this wallet. Sign in otherwise and add it, or send an e-mail address to sign up.",
                  NULL);
    } else if (view_eq(outcome, VIEW_LIT("sign_up_off"))) {
        call_fail(c, 403, "sign_up_off", "New customers are invited here.", NULL);
    } else if (view_eq(outcome, VIEW_LIT("email_taken"))) {
        call_fail(c, 409, "email_taken", "A user has this e-mail address.", "email");
    } else {
        s->user = db_get_id(r, 0, 2);
        session_reply(c, 200);
    }
}

static struct db_param text_or_null(const struct value *v)
{
    return v->state == VALUE_SET ? db_bytes(view_str(v->text)) : db_null();
}

static void sign_in(struct call *c, const struct value *v, const struct proof *proof)
{
    struct id user = id_new(), organisation = id_new(), account = id_new();
    struct sign_in *s = sign_in_new(c);

    if (s == NULL)
        return;
    s->token = v[TOKEN].number != 0;
    session_make(c);
    const struct db_param p[] = {
        db_bytes(view_of(proof->nonce.b, sizeof proof->nonce.b)),
        db_bytes(view_str(proof->address)),
        sign_in_address(c),
        text_or_null(&v[EMAIL]),
        text_or_null(&v[TITLE]),
        db_bool(call_config(c)->sign_up),
        db_id(&user),
        db_id(&organisation),
        db_id(&account),
        db_id(&c->made_id),
        db_bytes(view_of(c->made.digest, sizeof c->made.digest)),
        db_i64(SESSION_S * INT64_C(1000)),
        db_i64(SESSION_IDLE_S * INT64_C(1000)),
    };
    db_query(call_db(c), STMT_WALLET_SIGN_IN, p, sizeof p / sizeof p[0], 0, signed_in_cb, c);
}

void handle_wallet(struct call *c)
{
    struct value v[SIGN_IN_FIELDS];
    struct proof proof;
    const char *fault;

    if (sign_in_forged(c) || ceremony_site(c) == NULL || !call_body(c, fields, SIGN_IN_FIELDS, v))
        return;
    fault = v[EMAIL].state == VALUE_SET ? email_fault(view_str(v[EMAIL].text)) : NULL;
    if (fault != NULL)
        call_fail(c, 400, "invalid_parameter", fault, "email");
    else if (prove(c, WALLET_SIGN_IN, &v[MESSAGE], v[SIGNATURE].plain, &proof))
        sign_in(c, v, &proof);
}

/* --- adding one */

static void added_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    if (e != ERR_NONE)
        call_fail_db(c, e);
    else if (view_eq(db_get_text(r, 0, 0), VIEW_LIT("nonce")))
        fail_nonce(c);
    else if (!ceremony_refused(c, db_get_text(r, 0, 0)))
        call_reply_data(c, 201, db_get_text(r, 0, 1));
}

void handle_wallet_add(struct call *c)
{
    struct value v[ADD_FIELDS];
    struct proof proof;

    if (ceremony_site(c) == NULL || !call_body(c, fields, ADD_FIELDS, v) ||
        !prove(c, WALLET_ADD, &v[MESSAGE], v[SIGNATURE].plain, &proof))
        return;
    const struct db_param p[] = {db_bytes(view_of(proof.nonce.b, sizeof proof.nonce.b)), db_bytes(view_str(proof.address)),
                                 db_id(&c->user), db_id(&c->session)};
    db_query(call_db(c), STMT_WALLET_ADD, p, sizeof p / sizeof p[0], 0, added_cb, c);
}
