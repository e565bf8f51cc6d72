#include "config.h"
#include "conf.h"
#include "cors.h"
#include "email.h"
#include "minisign.h"
#include "outcall.h"
#include "payments.h"
#include "rate.h"
#include "site.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AT(field) offsetof(struct controlplane_config, field)
#define SIZE(field) sizeof(((struct controlplane_config *)0)->field)
#define TEXT(field, must)                                                                          \
    {                                                                                              \
#field, CONF_TEXT, AT(field), SIZE(field), 0, 0, NULL, must                                \
    }
#define NUMBER(field, low, high)                                                                   \
    {                                                                                              \
#field, CONF_U64, AT(field), SIZE(field), low, high, NULL, false                           \
    }

static const struct conf_field main_fields[] = {
    TEXT(database, true),
    NUMBER(database_connections, 1, 32),
    TEXT(sql_dir, false),
    TEXT(state_dir, true),
    TEXT(rest_host, false),
    TEXT(log_origin, false),
    TEXT(rest_names, false),
    NUMBER(rest_port, 0, 65535),
    TEXT(metrics_host, false),
    NUMBER(metrics_port, 0, 65535),
    NUMBER(pages_per_s, 0, RATE_PER_S_MAX),
    NUMBER(pages_burst, 1, RATE_BURST_MAX),
    NUMBER(pages_per_ip_per_s, 0, RATE_PER_S_MAX),
    NUMBER(pages_per_ip_burst, 1, RATE_BURST_MAX),
    NUMBER(rest_per_key_per_s, 0, RATE_PER_S_MAX),
    NUMBER(rest_per_key_burst, 1, RATE_BURST_MAX),
    TEXT(cors_origins, false),
    TEXT(console_dir, false),
    TEXT(console_evidence, false),
    TEXT(console_name, false),
    TEXT(console_dataplanes, false),
    TEXT(release_key, false),
    TEXT(security_contact, false),
    TEXT(console_origin, false),
    TEXT(mail_url, false),
    TEXT(mail_from, false),
    TEXT(mail_user, false),
    TEXT(mail_password_file, false),
    TEXT(mail_ca, false),
    TEXT(link_host, false),
    NUMBER(link_port, 0, 65535),
    TEXT(dataplane_names, false),
    TEXT(providers, true),
    TEXT(catalog, true),
    TEXT(attestation, true),
    TEXT(provider_keys, false),
    TEXT(stripe_key_file, false),
    TEXT(stripe_webhook_secret_file, false),
    TEXT(stripe_base, false),
    TEXT(stripe_ca, false),
    TEXT(payment_origins, false),
    {"stripe_taxes", CONF_BOOL, AT(stripe_taxes), 0, 0, 0, NULL, false},
    {"stripe_invoices", CONF_BOOL, AT(stripe_invoices), 0, 0, 0, NULL, false},
    NUMBER(payment_event_days, 30, 730),
    TEXT(master_key_file, false),
    TEXT(master_key_command, false),
    NUMBER(lease_ms, 2 * LIMIT_CLOCK_SKEW_MS, 3600000),
    NUMBER(reclaim_grace_ms, 0, 3600000),
    NUMBER(idempotency_hours, 1, 720),
    NUMBER(reattest_ms, 1000, LIMIT_REATTEST_MS),
    NUMBER(drain_ms, 0, 600000),
    NUMBER(byok_fee_percent, 0, 100),
    {"sign_up", CONF_BOOL, AT(sign_up), SIZE(sign_up), 0, 0, NULL, false},
    {"lease_default_usd", CONF_NUSD, AT(lease_default_nusd), SIZE(lease_default_nusd), 0, 0, NULL,
     false},
};

static const struct conf_field source_fields[] = {
    {"key_env", CONF_TEXT, offsetof(struct provider_source, key_env),
     sizeof(((struct provider_source *)0)->key_env), 0, 0, NULL, true},
};

static const char *const sign_in_kinds[] = {[SIGN_IN_OIDC] = "oidc", [SIGN_IN_GITHUB] = "github", NULL};
#define SIGN_IN(field, must)                                                                       \
    {                                                                                              \
#field, CONF_TEXT, offsetof(struct sign_in_source, field),                                 \
            sizeof(((struct sign_in_source *)0)->field), 0, 0, NULL, must                          \
    }
static const struct conf_field sign_in_fields[] = {
    SIGN_IN(name, false),
    {"kind", CONF_NAME, offsetof(struct sign_in_source, kind), sizeof(int), 0, 0, sign_in_kinds, false},
    SIGN_IN(issuer, true),
    SIGN_IN(client_id, true),
    SIGN_IN(client_secret_file, true),
    SIGN_IN(ca, false),
};

static const struct controlplane_config defaults = {
    .database_connections = 8,
    .sql_dir = "sql",
    .rest_host = "127.0.0.1",
    .rest_names = "localhost,127.0.0.1",
    .log_origin = "localhost/log",
    .rest_port = 8444,
    .metrics_host = "127.0.0.1",
    .pages_per_s = 500,
    .pages_burst = 2000,
    .pages_per_ip_per_s = 100,
    .pages_per_ip_burst = 1000,
    .rest_per_key_per_s = 500,
    .rest_per_key_burst = 1000,
    .console_name = "TrustedRouter",
    .link_host = "127.0.0.1",
    .link_port = 8445,
    .dataplane_names = "localhost,127.0.0.1",
    .lease_ms = 75000,
    .reclaim_grace_ms = 30000,
    .stripe_base = "https://api.stripe.com",
    .payment_event_days = 60, /* the service can send an event again for 30 */
    .idempotency_hours = 24,
    .reattest_ms = 300000,
    .drain_ms = 10000,
    .lease_default_nusd = 250000000,
};

/* It is a part of addresses. */
static bool sign_in_id_valid(struct view id)
{
    for (size_t i = 0; i < id.len; i++) {
        uint8_t c = id.ptr[i];

        if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_')
            return false;
    }
    return id.len > 0 && id.len < sizeof((struct sign_in_source *)0)->id;
}

static struct conf_target sign_in_section(struct controlplane_config *c, struct view id)
{
    struct sign_in_source *s = &c->sign_in[c->n_sign_in];

    if (!sign_in_id_valid(id) || c->n_sign_in == SIGN_IN_MAX)
        return (struct conf_target){0};
    for (size_t i = 0; i < c->n_sign_in; i++)
        if (view_eq(id, view_str(c->sign_in[i].id)))
            return (struct conf_target){0};
    c->n_sign_in++;
    memcpy(s->id, id.ptr, id.len);
    return (struct conf_target){sign_in_fields, sizeof sign_in_fields / sizeof sign_in_fields[0], s};
}

static struct conf_target section_cb(void *cookie, struct view kind, struct view name)
{
    struct controlplane_config *c = cookie;
    struct provider_source *s;

    if (kind.len == 0)
        return (struct conf_target){main_fields, sizeof main_fields / sizeof main_fields[0], c};
    if (view_eq(kind, VIEW_LIT("sign_in")))
        return sign_in_section(c, name);
    if (!view_eq(kind, VIEW_LIT("provider")) || name.len == 0 || name.len >= sizeof s->id ||
        c->n_sources == LIMIT_PROVIDERS)
        return (struct conf_target){0};
    for (size_t i = 0; i < c->n_sources; i++)
        if (view_eq(name, view_str(c->sources[i].id)))
            return (struct conf_target){0};
    s = &c->sources[c->n_sources++];
    memcpy(s->id, name.ptr, name.len);
    return (struct conf_target){source_fields, 1, s};
}

/* The line of the first word of the sentence that is a key of the file: sentences begin with what they are about, and a key
 * that is missing is followed by the one that needs it. 0: none is. */
static unsigned line_of(struct view text, const char *what)
{
    unsigned line = 0;

    while (line == 0 && *(what += strspn(what, " ,:")) != '\0') {
        size_t n = strcspn(what, " ,:");

        line = conf_line(text, "", view_of(what, n));
        what += n;
    }
    return line;
}

static enum err refuse(struct buf *why, const char *file_name, unsigned line, const char *what)
{
    enum err e = line != 0 ? buf_appendf(why, "%s:%u: %s", file_name, line, what)
                           : buf_appendf(why, "%s: %s", file_name, what);

    return e == ERR_NONE ? ERR_CONFIG : ERR_MEMORY;
}

static const char *payments_fault(const struct controlplane_config *c)
{
    if ((c->stripe_key_file[0] == '\0') != (c->stripe_webhook_secret_file[0] == '\0'))
        return "stripe_key_file and stripe_webhook_secret_file are needed together";
    if (!outcall_base_valid(c->stripe_base))
        return "stripe_base must be an https address without a path; http is taken to 127.0.0.1 only";
    return payments_origins_valid(c->payment_origins)
               ? NULL
               : "payment_origins must be a list of https://HOST or https://HOST:PORT, by spaces";
}

static bool contact_valid(const char *contact)
{
    for (const char *c = contact; *c != '\0'; c++)
        if (*c <= ' ' || *c > '~')
            return false;
    return contact[0] == '\0' || strncmp(contact, "mailto:", 7) == 0 || strncmp(contact, "https://", 8) == 0;
}

static const char *console_fault(const struct controlplane_config *c)
{
    struct minisign_key key;

    if (!cors_origins_valid(c->console_dataplanes))
        return "console_dataplanes must be a list of https://HOST or https://HOST:PORT, by spaces";
    if (c->release_key[0] != '\0' && minisign_key_parse(view_str(c->release_key), &key) != ERR_NONE)
        return "release_key must be the public key of a minisign key pair";
    return contact_valid(c->security_contact) ? NULL : "security_contact must be mailto:ADDRESS or https://ADDRESS";
}

/* The first [sign_in] whose issuer is no address; NULL: all are. */
static const struct sign_in_source *wrong_issuer(const struct controlplane_config *c)
{
    for (size_t i = 0; i < c->n_sign_in; i++) {
        const char *issuer = c->sign_in[i].issuer;

        if (!outcall_url_valid(view_str(issuer)) || strpbrk(issuer, "?#") != NULL ||
            (c->sign_in[i].kind == SIGN_IN_GITHUB && !outcall_base_valid(issuer)))
            return &c->sign_in[i];
    }
    return NULL;
}

static enum err check_issuers(struct view text, const char *file_name, const struct controlplane_config *c, struct buf *why)
{
    const struct sign_in_source *wrong = wrong_issuer(c);
    char section[sizeof wrong->id + sizeof "sign_in "];

    if (wrong == NULL)
        return ERR_NONE;
    snprintf(section, sizeof section, "sign_in %s", wrong->id);
    return refuse(why, file_name, conf_line(text, section, VIEW_LIT("issuer")),
                  "issuer of [sign_in] must be an https address; http is taken to 127.0.0.1 only");
}

/* Browsers come back to the console, and messages lead to it. */
static const char *sign_in_fault(const struct controlplane_config *c)
{
    if (c->mail_url[0] != '\0' && !outcall_mail_url_valid(c->mail_url))
        return "mail_url must be smtps://HOST:PORT or smtp://HOST:PORT";
    if (c->mail_url[0] != '\0' && email_fault(view_str(c->mail_from)) != NULL)
        return "mail_from must be an e-mail address, with mail_url";
    if ((c->mail_user[0] == '\0') != (c->mail_password_file[0] == '\0'))
        return "mail_user and mail_password_file are needed together";
    if ((c->n_sign_in > 0 || c->mail_url[0] != '\0') &&
        (c->console_origin[0] == '\0' || !outcall_base_valid(c->console_origin)))
        return "console_origin must be https://HOST or https://HOST:PORT, with [sign_in] or mail_url";
    return NULL;
}

static bool console_origin_valid(const char *origin)
{
    struct site site;

    return origin[0] == '\0' || site_parse(origin, &site) == ERR_NONE;
}

/* What one field says of another, or a value that is no address. NULL: nothing is wrong. */
static const char *fault(const struct controlplane_config *c)
{
    const char *what = NULL;

    if (c->lease_default_nusd == 0)
        return "lease_default_usd must be more than 0";
    if (!cors_origins_valid(c->cors_origins))
        return "cors_origins must be a list of https://HOST or https://HOST:PORT, by spaces";
    if (!console_origin_valid(c->console_origin))
        return "console_origin must be https://HOST or https://HOST:PORT, in lower case";
    what = payments_fault(c);
    if (what == NULL)
        what = console_fault(c);
    if (what == NULL)
        what = sign_in_fault(c);
    if (what == NULL && c->metrics_port != 0 && strncmp(c->metrics_host, "127.", 4) != 0)
        what = "metrics_host must be a loopback address: that listener is plain text";
    return what;
}

enum err controlplane_config_parse(struct view text, const char *file_name,
                                   struct controlplane_config *out, struct buf *why)
{
    const char *what;
    enum err e;

    *out = defaults;
    e = conf_parse(text, file_name, section_cb, out, why);
    if (e == ERR_NONE)
        e = check_issuers(text, file_name, out, why);
    if (e == ERR_NONE && (what = fault(out)) != NULL)
        e = refuse(why, file_name, line_of(text, what), what);
    return e;
}

enum err controlplane_config_load(const char *path, struct controlplane_config *out,
                                  struct buf *why)
{
    struct buf text;
    enum err e;

    buf_init(&text, CONTROLPLANE_FILE_MAX);
    e = conf_read_file(path, CONTROLPLANE_FILE_MAX, &text);
    if (e == ERR_NONE)
        e = controlplane_config_parse(buf_view(&text), path, out, why);
    else if (buf_appendf(why, "%s cannot be read", path) != ERR_NONE)
        e = ERR_MEMORY;
    buf_free(&text);
    return e;
}
