#include "statement.h"

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
