#include "statement.h"

#include "json.h"

static const char *hex32(const struct digest32 *d, char out[static 65])
{
    hex_encode(d->b, sizeof d->b, out);
    return out;
}

/* null, or the release's leaf and version. */
static enum err release_append(const struct boot_statement *s, struct buf *out)
{
    char leaf[65];
    enum err e;

    if (!s->has_release)
        return buf_append(out, VIEW_LIT("null"));
    e = buf_appendf(out, "{\"leaf\":\"%s\",\"version\":", hex32(&s->release_leaf, leaf));
    if (e == ERR_NONE)
        e = buf_append_json_string(out, s->version);
    return e == ERR_NONE ? buf_append_byte(out, '}') : e;
}

enum err statement_boot(const struct boot_statement *s, struct buf *out)
{
    const struct identity *i = s->identity;
    char boot[ID_TEXT_LEN + 1], config[65], identity[65], measurement[97], policy[65], receipt[65],
        spki[65];
    enum err e;

    id_text(&i->boot, boot);
    hex_encode(s->measurement, sizeof s->measurement, measurement);
    hex_encode(i->receipt_ed25519, sizeof i->receipt_ed25519, receipt);
    e = buf_appendf(out,
                    "{\"boot\":\"%s\",\"config_sha256\":\"%s\",\"identity_sha256\":\"%s\","
                    "\"logged_at\":%llu,\"measurement\":\"%s\",\"policy_sha256\":\"%s\","
                    "\"purpose\":\"tr.boot.v1\",\"receipt_ed25519\":\"%s\",\"release\":",
                    boot, hex32(&i->config_sha256, config), hex32(&s->identity_sha256, identity),
                    (unsigned long long)s->logged_at_s, measurement,
                    hex32(&s->policy_sha256, policy), receipt);
    if (e == ERR_NONE)
        e = release_append(s, out);
    if (e == ERR_NONE)
        e = buf_appendf(out, ",\"simulated\":%s,\"tls_spki_sha256\":\"%s\"}",
                        i->simulated ? "true" : "false", hex32(&i->tls_spki_sha256, spki));
    return e;
}

void statement_boot_subject(const struct boot_statement *s, struct digest32 *out)
{
    digest_sha256_2(view_of(s->identity_sha256.b, 32), view_of(s->policy_sha256.b, 32), out);
}

enum err statement_policy(const struct policy_statement *s, struct buf *out)
{
    char policy[65], providers[65];
    enum err e = buf_appendf(
        out, "{\"logged_at\":%llu,\"policy_sha256\":\"%s\",\"policy_version\":",
        (unsigned long long)s->logged_at_s, hex32(&s->policy_sha256, policy));

    if (e == ERR_NONE)
        e = buf_append_json_string(out, s->version);
    if (e == ERR_NONE)
        e = buf_appendf(
            out, ",\"providers_sha256\":\"%s\",\"purpose\":\"tr.policy.v1\",\"trigger\":\"%s\"}",
            hex32(&s->providers_sha256, providers), s->trigger);
    return e;
}

/* --- read back --- */

static bool digest_member(struct json_value object, const char *name, struct digest32 *out)
{
    struct json_value v;
    struct view text;

    return json_only(object, name, &v) == ERR_NONE && json_string_plain(v, &text) &&
           hex_decode(text, out->b, sizeof out->b) == ERR_NONE;
}

/* The digest of the two digests that are called so. */
static bool subject_of(struct json_value object, const char *first, const char *second,
                       struct statement_facts *out)
{
    struct digest32 a, b;
    struct json_value at;

    if (!digest_member(object, first, &a) || !digest_member(object, second, &b) ||
        json_only(object, "logged_at", &at) != ERR_NONE ||
        json_u64(at, &out->logged_at_s) != ERR_NONE)
        return false;
    digest_sha256_2(view_of(a.b, sizeof a.b), view_of(b.b, sizeof b.b), &out->subject);
    return true;
}

enum err statement_facts(struct view statement, struct statement_facts *out)
{
    struct json_value root, purpose;
    bool good;

    *out = (struct statement_facts){.logged_at_s = 0};
    if (json_check(statement, &root, NULL) != ERR_NONE || root.kind != JSON_OBJECT ||
        json_only(root, "purpose", &purpose) != ERR_NONE)
        return ERR_FORMAT;
    if (json_string_is(purpose, "tr.boot.v1")) {
        out->kind = TRANSLOG_BOOT;
        good = subject_of(root, "identity_sha256", "policy_sha256", out);
    } else if (json_string_is(purpose, "tr.policy.v1")) {
        out->kind = TRANSLOG_POLICY;
        good = subject_of(root, "policy_sha256", "providers_sha256", out);
    } else {
        out->kind = TRANSLOG_RELEASE;
        good = json_string_is(purpose, "tr.release.v1");
        digest_sha256(statement, &out->subject);
    }
    return good ? ERR_NONE : ERR_FORMAT;
}
