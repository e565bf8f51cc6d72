/* /policy: which evidence is accepted. A policy is the text of attestation.conf, read by the same parser. */
#include "handlers.h"

#include "name.h"
#include "operator.h"
#include "rules.h"

void handle_policy(struct call *c)
{
    const struct db_param p[] = {db_i64(0)};

    db_query(call_db(c), STMT_POLICY_SHOW, p, 1, 0, operator_object_cb, c);
}

void handle_policy_version(struct call *c)
{
    uint64_t n;

    if (operator_number(c, &n)) {
        const struct db_param p[] = {db_i64(n == 0 ? -1 : (int64_t)n)};

        db_query(call_db(c), STMT_POLICY_SHOW, p, 1, 0, operator_object_cb, c);
    }
}

void handle_policy_versions(struct call *c)
{
    struct db_param p[2];

    if (operator_page(c, &p[0], &p[1]))
        db_query(call_db(c), STMT_POLICY_VERSIONS, p, 2, 0, operator_list_cb, c);
}

/* --- another one */

static void proposed_cb(void *cookie, enum err e, int64_t version)
{
    struct call *c = cookie;

    if (e == ERR_VERSION)
        call_fail(c, 409, "policy_moved",
                  "Another policy has come into force since; make this change again, on top of it.", "base");
    else if (e == ERR_CONFLICT)
        call_fail(c, 409, "policy_not_logged",
                  "Another policy is being logged, or the transparency log takes no entry; nothing has changed.", NULL);
    else if (e != ERR_NONE)
        call_fail(c, 503, "policy_not_logged", "The policy could not be logged, so it does not count.", NULL);
    else {
        const struct db_param p[] = {db_i64(version)};

        db_query(call_db(c), STMT_POLICY_SHOW, p, 1, 0, operator_object_cb, c);
    }
}

static void propose(struct call *c, struct view text, struct view note, int64_t base)
{
    char author[OPERATOR_AUTHOR_MAX], sentence[512];
    const struct rules_proposal proposal = {text, operator_author(c, author), note, base};
    struct buf why;
    enum err e;

    buf_init(&why, sizeof sentence - 1);
    e = rules_propose(call_rules(c), &proposal, proposed_cb, c, &why);
    memcpy(sentence, why.len == 0 ? (const uint8_t *)"" : why.ptr, why.len);
    sentence[why.len] = '\0';
    if (e == ERR_CONFIG)
        call_fail(c, 400, "invalid_policy", why.len != 0 ? sentence : "This is no policy.", "text");
    else if (e == ERR_OVERLOAD)
        call_fail(c, 409, "policy_not_logged", "A change of the policy is under way; try again.", NULL);
    else if (e != ERR_NONE)
        call_fail(c, 400, "invalid_policy", "The policy cannot be read.", "text");
    buf_free(&why);
}

/* {"text":...,"note":...}, or the text alone. */
void handle_policy_create(struct call *c)
{
    struct json_value root, v;
    struct view type, body = buf_view(&c->body);
    struct buf text, note;
    int64_t base;
    bool json = c->origin->header(c, VIEW_LIT("content-type"), &type) && view_starts(type, VIEW_LIT("application/json"));

    if (!operator_base(c, &base))
        return;
    buf_init(&text, POLICY_FILE_MAX);
    buf_init(&note, OPERATOR_NOTE_MAX);
    if (!json)
        propose(c, body, VIEW_EMPTY, base);
    else if (json_check(body, &root, NULL) != ERR_NONE || json_only(root, "text", &v) != ERR_NONE ||
             v.kind != JSON_STRING || json_string_decode(v, &text) != ERR_NONE)
        call_fail(c, 400, "invalid_parameter", "This must be the text of attestation.conf.", "text");
    else if (json_only(root, "note", &v) == ERR_NONE &&
             (v.kind != JSON_STRING || json_string_decode(v, &note) != ERR_NONE || name_fault(buf_view(&note)) != NULL))
        call_fail(c, 400, "invalid_parameter", "This must be at most 256 characters of text.", "note");
    else
        propose(c, buf_view(&text), buf_view(&note), base);
    buf_free(&text);
    buf_free(&note);
}
