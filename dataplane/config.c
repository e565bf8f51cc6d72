#include "config.h"

#include "message.h"

#include "audit.h"
#include "conf.h"
#include "rate.h"
#include "schedule.h"
#include "wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define TEXT(field, needed)                                                                        \
    {                                                                                              \
        .name = #field, .type = CONF_TEXT, .offset = offsetof(struct config, field),               \
        .size = sizeof(((struct config *)0)->field), .required = (needed)                          \
    }
#define NUMBER(field, least, most, needed)                                                         \
    {                                                                                              \
        .name = #field, .type = CONF_U64, .offset = offsetof(struct config, field),                \
        .size = sizeof(uint64_t), .min = (least), .max = (most), .required = (needed)              \
    }

static const struct conf_field fields[] = {
    TEXT(listen_host, false),
    NUMBER(listen_port, 0, 65535, true),
    TEXT(cert_names, false),
    TEXT(metrics_host, false),
    NUMBER(metrics_port, 0, 65535, false),
    NUMBER(workers, 0, CONFIG_WORKERS_MAX, false),
    TEXT(control_host, false), /* or the host says it: check() */
    NUMBER(control_port, 1, 65535, true),
    {.name = "control_spki", .type = CONF_HEX, .offset = offsetof(struct config, control_spki),
     .size = sizeof(struct digest32), .required = true},
    TEXT(place, false),
    TEXT(region, false),
    TEXT(eu_base_url, false),
    TEXT(acme_directory, false),
    TEXT(acme_contact, false),
    {.name = "acme_agree_terms", .type = CONF_BOOL, .offset = offsetof(struct config, acme_agree_terms),
     .size = sizeof(bool)},
    TEXT(acme_challenge, false),
    NUMBER(acme_http_port, 1, 65535, false),
    TEXT(acme_ca, false),
    NUMBER(acme_retry_s, 1, 86400, false),
    NUMBER(acme_orders_per_hour, 1, SCHEDULE_ORDERS_MAX, false),
    TEXT(audience, true),
    TEXT(providers, true),
    TEXT(platform_dir, false),
    TEXT(platform_root, false),
    {.name = "allow_unlocked_memory", .type = CONF_BOOL,
     .offset = offsetof(struct config, allow_unlocked_memory), .size = sizeof(bool)},
    TEXT(release, false),
    TEXT(release_key, false),
    NUMBER(unknown_total_bytes, 1 << 20, UINT64_C(1) << 40, false),
    NUMBER(unknown_per_ip_bytes, 0, UINT64_C(1) << 40, false),
    NUMBER(body_total_bytes, LIMIT_BODY_BYTES, UINT64_C(1) << 40, false),
    NUMBER(connections_max, 1, 1000000, false),
    NUMBER(connections_per_ip, 0, 1000000, false),
    NUMBER(request_timeout_ms, 1000, 3600000, false),
    NUMBER(write_stall_ms, 1000, 3600000, false),
    NUMBER(slowest_bytes_per_s, 1, 1000000, false),
    NUMBER(upload_ms, 1000, 86400000, false),
    NUMBER(sweep_ms, 50, 10000, false),
    NUMBER(keys_max, 16, LIMIT_KEYS, false),
    NUMBER(evidence_per_s, 0, RATE_PER_S_MAX, false),
    NUMBER(evidence_burst, 1, RATE_BURST_MAX, false),
    NUMBER(evidence_per_ip_per_s, 0, RATE_PER_S_MAX, false),
    NUMBER(evidence_per_ip_burst, 1, RATE_BURST_MAX, false),
    NUMBER(receipts_max, 64, 16 << 20, false),
    NUMBER(output_default_tokens, 256, LIMIT_TOKENS_ABSURD, false),
    NUMBER(image_tokens, 1, LIMIT_TOKENS_ABSURD, false),
    NUMBER(reference_tokens, 1, LIMIT_TOKENS_ABSURD, false),
    NUMBER(audit_ppm, 0, AUDIT_PPM, false),
    NUMBER(audit_keep, 1, AUDIT_KEEP_MAX, false),
    NUMBER(listen_unproven_ms, 0, 3600000, false),
    NUMBER(drain_ms, 0, 3600000, false),
};

/* What the host of a guest may say, in a file of its own that is not measured (--host). Whatever decides where
 * prompts go, who is believed and what is proved is not among it. */
static const struct conf_field host_fields[] = {
    TEXT(control_host, true),
    TEXT(place, false),
};

static const struct config defaults = {
    .listen_host = "127.0.0.1",
    .cert_names = "localhost,127.0.0.1",
    .metrics_host = "127.0.0.1",
    .acme_challenge = "tls-alpn-01",
    .acme_http_port = 80,
    .acme_ca = "/etc/ssl/certs/ca-certificates.crt",
    .acme_retry_s = 60,
    .acme_orders_per_hour = 5, /* an authority counts 300 in 3 hours, of one account */
    .unknown_total_bytes = 64 << 20,
    .unknown_per_ip_bytes = 8 << 20, /* 64 small bodies that arrive at the same time */
    .body_total_bytes = 512 << 20, /* sixteen of the largest bodies, or any number of usual ones */
    .connections_max = 16384,
    .connections_per_ip = 0, /* usually one balancer is the only peer */
    .request_timeout_ms = 60000,
    .write_stall_ms = 60000,
    .slowest_bytes_per_s = 300,
    .upload_ms = 1800000, /* the largest body at 18 KB/s */
    .sweep_ms = 500, /* a client that left is noticed within this time */
    .keys_max = 16384,
    /* A page of clients that all verify at once, and some; what needs a report of its own is bounded
     * by the queue before the processor as well. */
    .evidence_per_s = 200,
    .evidence_burst = 400,
    .evidence_per_ip_per_s = 20,
    .evidence_per_ip_burst = 40,
    .receipts_max = 65536, /* 1.3 KB each, once they are used */
    .output_default_tokens = 4096, /* longer than nine answers in ten */
    .image_tokens = 16384,         /* the most that a Qwen-VL makes of one */
    .reference_tokens = 65536,     /* an hour of speech, or 20 pages */
    .audit_ppm = 50000, /* 5 % */
    .audit_keep = 8192, /* 3 MB when full */
    .listen_unproven_ms = 10000,
    .drain_ms = 10000,
};

static struct conf_target config_section(void *cookie, struct view kind, struct view name)
{
    (void)name;
    if (kind.len != 0)
        return (struct conf_target){NULL, 0, NULL};
    return (struct conf_target){fields, sizeof fields / sizeof fields[0], cookie};
}

static struct conf_target host_section(void *cookie, struct view kind, struct view name)
{
    (void)name;
    if (kind.len != 0)
        return (struct conf_target){NULL, 0, NULL};
    return (struct conf_target){host_fields, sizeof host_fields / sizeof host_fields[0], cookie};
}

/* One sentence; when even that cannot be written, the error alone has to do. */
static enum err config_bad(struct buf *why, const char *file_name, const char *what)
{
    buf_reset(why);
    if (buf_appendf(why, "%s: %s", file_name, what) != ERR_NONE)
        buf_reset(why);
    return ERR_CONFIG;
}

/* One '@' between characters that need no escape anywhere. */
static bool is_address(const char *text)
{
    static const char bytes[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_+";
    size_t n = strspn(text, bytes), m = text[n] == '@' ? strspn(text + n + 1, bytes) : 0;

    return n != 0 && m != 0 && text[n + 1 + m] == '\0';
}

static enum err config_acme(struct config *out, const char *file_name, struct buf *why)
{
    const char *way = out->acme_challenge, *target;
    bool both = strcmp(way, "both") == 0;

    out->acme_tls_alpn = both || strcmp(way, "tls-alpn-01") == 0;
    out->acme_http = both || strcmp(way, "http-01") == 0;
    if (!out->acme_tls_alpn && !out->acme_http)
        return config_bad(why, file_name, "acme_challenge is tls-alpn-01, http-01 or both");
    if (out->acme_directory[0] == '\0')
        return ERR_NONE;
    if (!https_url_split(out->acme_directory, &out->acme_at, &target) ||
        !acme_url_ok(out->acme_directory, out->acme_directory))
        return config_bad(why, file_name, "acme_directory is an https:// URL");
    if (!out->acme_agree_terms)
        return config_bad(why, file_name,
                          "acme_agree_terms = on is needed with acme_directory: read the authority's terms first");
    if (out->acme_contact[0] != '\0' && !is_address(out->acme_contact))
        return config_bad(why, file_name, "acme_contact is an e-mail address");
    if (acme_names_parse(out->cert_names, &out->acme_names) != ERR_NONE)
        return config_bad(why, file_name,
                          "cert_names takes up to 16 host names with acme_directory, no addresses and no wildcards");
    return ERR_NONE;
}

static enum err check(const char *file_name, struct config *out, struct buf *why)
{
    if (out->control_host[0] == '\0')
        return config_bad(why, file_name, "control_host is missing");
    if (out->metrics_port != 0 && strncmp(out->metrics_host, "127.", 4) != 0 &&
        strcmp(out->metrics_host, "::1") != 0)
        return config_bad(why, file_name,
                          "metrics_host must be a loopback address: that listener is plain text");
    if (targets_parse(out->control_host, (uint16_t)out->control_port, &out->control) != ERR_NONE)
        return config_bad(why, file_name, "control_host takes up to 8 hosts, each with or without :port");
    if (out->place[0] != '\0' && !place_name_ok(view_str(out->place)))
        return config_bad(why, file_name, "place must be printable ASCII without spaces");
    if ((out->region[0] != '\0' && !place_name_ok(view_str(out->region))) ||
        (out->eu_base_url[0] != '\0' && !catalog_id_ok(view_str(out->eu_base_url))))
        return config_bad(why, file_name,
                          "region and eu_base_url (at most 128 characters) must be printable ASCII without spaces");
    if ((out->release[0] == '\0') != (out->release_key[0] == '\0'))
        return config_bad(why, file_name, "release and release_key go together");
    return config_acme(out, file_name, why);
}

enum err config_parse(struct view text, const char *file_name, struct config *out, struct buf *why)
{
    enum err e;

    *out = defaults;
    e = conf_parse(text, file_name, config_section, out, why);
    return e == ERR_NONE ? check(file_name, out, why) : e;
}

enum err config_parse_hosted(struct view text, const char *file_name, struct view host, const char *host_name,
                             struct config *out, struct buf *why)
{
    enum err e;

    *out = defaults;
    e = conf_parse(text, file_name, config_section, out, why);
    if (e == ERR_NONE && (out->control_host[0] != '\0' || out->place[0] != '\0'))
        e = config_bad(why, file_name, "control_host and place are the host's to say with --host: they may not stand here");
    if (e == ERR_NONE)
        e = conf_parse(host, host_name, host_section, out, why);
    if (e == ERR_NONE)
        e = check(file_name, out, why);
    for (unsigned i = 0; e == ERR_NONE && i < out->control.n; i++)
        if (out->control.list[i].port != out->control_port)
            e = config_bad(why, host_name, "control_host may not name another port than the measured control_port");
    return e;
}

static enum err read_file(const char *path, struct buf *text, struct buf *why)
{
    enum err e = conf_read_file(path, CONFIG_FILE_MAX, text);

    if (e != ERR_NONE)
        (void)!config_bad(why, path, "cannot be read");
    return e;
}

enum err config_load(const char *path, const char *host_path, struct config *out, struct buf *why)
{
    struct buf text, host;
    enum err e;

    buf_init(&text, CONFIG_FILE_MAX);
    buf_init(&host, CONFIG_FILE_MAX);
    e = read_file(path, &text, why);
    if (e == ERR_NONE && host_path != NULL)
        e = read_file(host_path, &host, why);
    if (e == ERR_NONE)
        e = host_path == NULL ? config_parse(buf_view(&text), path, out, why)
                              : config_parse_hosted(buf_view(&text), path, buf_view(&host), host_path, out, why);
    buf_free(&text);
    buf_free(&host);
    return e;
}

enum err config_load_providers(const struct config *c, bool simulated, struct providers *out,
                               struct buf *text, struct buf *why)
{
    enum err e = conf_read_file(c->providers, CONFIG_FILE_MAX, text);

    if (e != ERR_NONE) {
        (void)!config_bad(why, "providers", "the file it names cannot be read");
        return e;
    }
    e = providers_parse(buf_view(text), out, why);
    if (e != ERR_NONE)
        return e;
    for (size_t i = 0; i < out->n && !simulated; i++)
        if (!out->list[i].tls)
            return config_bad(why, "providers",
                              "tls may be off in a simulated data plane only");
    return ERR_NONE;
}
