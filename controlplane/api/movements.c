/* Movements of credits: top-ups, refunds, adjustments, promotions, reversals, transfers between workspaces. Each is one
 * SQL function (sql/033), idempotent by its idempotency key: it says its outcome and what there is to answer. */
#include "handlers.h"
#include "money.h"

/* One movement: more is a typing error, and thousands of them still fit an int64. */
#define MOVEMENT_MAX_NUSD (INT64_C(1000000) * NUSD_PER_USD)

enum { REASON_MAX = 256 };

/* --- answers --- */

static const struct {
    struct view outcome;
    int status;
    const char *code, *message, *param;
} refusals[] = {
    {VIEW_LIT("unknown"), 404, "account_not_found", "There is no such account.", "account_id"},
    {VIEW_LIT("conflict"), 409, "idempotency_conflict",
     "This idempotency key was used for another movement.", "idempotency_key"},
    {VIEW_LIT("insufficient"), 402, "insufficient_credits",
     "So much cannot be taken: credits that are lent to running requests or promotional stay.", "amount"},
    {VIEW_LIT("expired"), 400, "invalid_parameter", "This time has passed.", "expires_at"},
    {VIEW_LIT("not_topup"), 404, "transfer_not_found", "There is no such top-up.", "transfer_id"},
    {VIEW_LIT("done"), 409, "already_reversed", "All of this top-up was reversed before.", "transfer_id"},
    {VIEW_LIT("unpaid"), 409, "not_paid",
     "So much was never paid: an adjustment takes credits that are not paid money.", "amount"},
    {VIEW_LIT("payment"), 409, "of_a_payment",
     "These credits were bought by a payment, which gives them back itself: POST /v1/payments/{id}/refund.", NULL},
    {VIEW_LIT("foreign"), 404, "workspace_not_found",
     "Your organisation has no such workspace.", "to_workspace_id"},
    {VIEW_LIT("suspended"), 403, "account_suspended", "One of the two workspaces is suspended.", NULL},
    {VIEW_LIT("closed"), 403, "account_closed", "The workspace is closed.", NULL},
    {VIEW_LIT("same"), 400, "invalid_parameter", "This must be another workspace.", "to_workspace_id"},
};

/* The outcome, and the answer's data as JSON. */
static void movement_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;
    struct view outcome;

    if (e != ERR_NONE) {
        call_fail_db(c, e);
        return;
    }
    outcome = db_get_text(r, 0, 0);
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++)
        if (view_eq(outcome, refusals[i].outcome)) {
            call_fail(c, refusals[i].status, refusals[i].code, refusals[i].message, refusals[i].param);
            return;
        }
    call_reply_data(c, 200, db_get_text(r, 0, 1));
}

/* --- what they have in common --- */

/* A member that the movement does not have has no name. */
enum { AMOUNT, ACCOUNT, IDEMPOTENCY, REASON, OWN, FIELDS };
#define FIELD_AMOUNT {"amount", FIELD_USD, true, false, 0, NULL}
#define FIELD_ACCOUNT {"account_id", FIELD_ID, false, true, 0, NULL}
#define FIELD_IDEMPOTENCY {"idempotency_key", FIELD_TEXT, false, false, 255, NULL}
#define FIELD_REASON(required) {"reason", FIELD_TEXT, required, false, REASON_MAX, NULL}

/* From the header or from the body; if from both, the same. false: neither way acceptable. */
static bool take_idempotency(struct call *c, const struct value *v, struct view *out)
{
    struct view header;

    *out = view_str(v->text);
    if (!c->origin->header(c, VIEW_LIT("idempotency-key"), &header))
        return true;
    if (header.len == 0 || header.len > 255 || (out->len > 0 && !view_eq(*out, header)))
        return false;
    for (size_t i = 0; i < header.len; i++)
        if (header.ptr[i] <= ' ' || header.ptr[i] > '~')
            return false;
    *out = header;
    return true;
}

struct movement {
    struct value v[FIELDS];
    struct id account;
    struct db_param idempotency, reason; /* borrowed from the body and from v */
};

/* The body by its fields; the account is the one that the call acts on unless an operator names another. false: the
 * call has been answered. */
static bool movement_read(struct call *c, const struct field fields[static FIELDS], struct movement *m)
{
    struct view key;

    if (!call_body(c, fields, FIELDS, m->v))
        return false;
    for (size_t i = 0; i < FIELDS; i++)
        if (fields[i].name[0] == '\0' && m->v[i].state != VALUE_ABSENT) {
            call_fail(c, 400, "unknown_parameter", "The body has a member that is not known here.", NULL);
            return false;
        }
    if (fields[AMOUNT].required && (m->v[AMOUNT].number <= 0 || m->v[AMOUNT].number > MOVEMENT_MAX_NUSD)) {
        call_fail(c, 400, "invalid_parameter", "This must be more than 0 and at most 1000000.", "amount");
        return false;
    }
    if (!take_idempotency(c, &m->v[IDEMPOTENCY], &key)) {
        call_fail(c, 400, "invalid_parameter",
                  "This must be 1 to 255 visible characters, and one key, not two.", "idempotency_key");
        return false;
    }
    m->idempotency = key.len > 0 ? db_bytes(key) : db_null();
    m->reason = m->v[REASON].state == VALUE_SET ? db_bytes(view_str(m->v[REASON].text)) : db_null();
    m->account = m->v[ACCOUNT].state == VALUE_SET ? m->v[ACCOUNT].id : c->account;
    return true;
}

#define NO_FIELD {"", FIELD_BOOL, false, false, 0, NULL}

/* --- each --- */

void handle_topup(struct call *c)
{
    static const struct field fields[FIELDS] = {FIELD_AMOUNT, FIELD_ACCOUNT, FIELD_IDEMPOTENCY, NO_FIELD,
                                                NO_FIELD};
    struct movement m;

    if (!movement_read(c, fields, &m))
        return;
    const struct db_param p[] = {db_id(&m.account), db_i64(m.v[AMOUNT].number), m.idempotency};
    db_query(call_db(c), STMT_TOPUP, p, 3, 0, movement_cb, c);
}

void handle_refund(struct call *c)
{
    static const struct field fields[FIELDS] = {FIELD_AMOUNT, FIELD_ACCOUNT, FIELD_IDEMPOTENCY,
                                                FIELD_REASON(false), NO_FIELD};
    struct movement m;

    if (!movement_read(c, fields, &m))
        return;
    const struct db_param p[] = {db_id(&m.account), db_bytes(VIEW_LIT("refund")), db_i64(-m.v[AMOUNT].number),
                                 m.reason, m.idempotency};
    db_query(call_db(c), STMT_LEDGER_CHANGE, p, 5, 0, movement_cb, c);
}

void handle_adjust(struct call *c)
{
    static const char *const ways[] = {"credit", "debit", NULL};
    static const struct field fields[FIELDS] = {
        FIELD_AMOUNT, FIELD_ACCOUNT, FIELD_IDEMPOTENCY, FIELD_REASON(true),
        {"direction", FIELD_NAME, true, false, 0, ways}};
    struct movement m;

    if (!movement_read(c, fields, &m))
        return;
    const int64_t change = m.v[OWN].number == 0 ? m.v[AMOUNT].number : -m.v[AMOUNT].number;
    const struct db_param p[] = {db_id(&m.account), db_bytes(VIEW_LIT("adjustment")), db_i64(change), m.reason,
                                 m.idempotency};
    db_query(call_db(c), STMT_LEDGER_CHANGE, p, 5, 0, movement_cb, c);
}

void handle_promotion(struct call *c)
{
    static const struct field fields[FIELDS] = {FIELD_AMOUNT, FIELD_ACCOUNT, FIELD_IDEMPOTENCY,
                                                FIELD_REASON(true),
                                                {"expires_at", FIELD_FUTURE, true, false, 0, NULL}};
    const struct id promotion = id_new();
    struct movement m;

    if (!movement_read(c, fields, &m))
        return;
    const struct db_param p[] = {db_id(&m.account), db_id(&promotion), db_i64(m.v[AMOUNT].number),
                                 db_i64(m.v[OWN].number), m.reason, m.idempotency};
    db_query(call_db(c), STMT_PROMOTE, p, 6, 0, movement_cb, c);
}

void handle_reverse(struct call *c)
{
    static const struct field fields[FIELDS] = {NO_FIELD, FIELD_ACCOUNT, FIELD_IDEMPOTENCY, FIELD_REASON(true),
                                                {"transfer_id", FIELD_COUNT, true, false, INT64_MAX, NULL}};
    struct movement m;

    if (!movement_read(c, fields, &m))
        return;
    const struct db_param p[] = {db_id(&m.account), db_i64(m.v[OWN].number), m.reason, m.idempotency};
    db_query(call_db(c), STMT_REVERSE, p, 4, 0, movement_cb, c);
}

void handle_transfer(struct call *c)
{
    static const struct field fields[FIELDS] = {FIELD_AMOUNT, NO_FIELD, FIELD_IDEMPOTENCY, FIELD_REASON(false),
                                                {"to_workspace_id", FIELD_ID, true, false, 0, NULL}};
    const struct id both = id_new();
    struct movement m;

    if (!movement_read(c, fields, &m))
        return;
    const struct db_param p[] = {db_id(&c->account), db_id(&m.v[OWN].id), db_id(&both),
                                 db_i64(m.v[AMOUNT].number), m.reason, m.idempotency};
    db_query(call_db(c), STMT_LEDGER_TRANSFER, p, 6, 0, movement_cb, c);
}
