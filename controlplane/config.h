/* controlplane.conf: what an operator writes. Every error is one sentence that
 * names the file and the field, never a value. */
#ifndef TR_CONTROLPLANE_CONFIG_H
#define TR_CONTROLPLANE_CONFIG_H

#include "buf.h"
#include "err.h"
#include "message.h"
#include "providers.h"

enum {
    CONTROLPLANE_PATH_MAX = 512,
    CONTROLPLANE_FILE_MAX = 1 << 20, /* bytes of a .conf */
};

/* [provider ID]: where the operator's key for it comes from. */
struct provider_source {
    char id[32];
    char key_env[64]; /* name of an environment variable */
};

/* [sign_in ID]: where users may sign in besides here. */
enum sign_in_kind { SIGN_IN_OIDC, SIGN_IN_GITHUB };
enum { SIGN_IN_MAX = 8 };
struct sign_in_source {
    char id[32];   /* in addresses: small letters, digits, "-" and "_" */
    char name[64]; /* for people; empty: the id */
    int kind;      /* enum sign_in_kind */
    char issuer[256]; /* as its tokens name it */
    char client_id[256], client_secret_file[CONTROLPLANE_PATH_MAX];
    char ca[CONTROLPLANE_PATH_MAX]; /* instead of the system's certificate authorities */
};

struct controlplane_config {
    char database[1024]; /* libpq conninfo or URI */
    uint64_t database_connections;
    char sql_dir[CONTROLPLANE_PATH_MAX];
    char state_dir[CONTROLPLANE_PATH_MAX]; /* CA, link and REST keys; made at first start */
    char rest_host[64], rest_names[256];
    char metrics_host[64]; /* the private listener: plain text, loopback only */
    uint64_t metrics_port; /* 0: no such listener */
    char log_origin[128]; /* the transparency log's name, in every checkpoint */
    uint64_t rest_port;
    char link_host[64], dataplane_names[256];
    uint64_t link_port;
    char providers[CONTROLPLANE_PATH_MAX], catalog[CONTROLPLANE_PATH_MAX];
    char attestation[CONTROLPLANE_PATH_MAX];
    char master_key_file[CONTROLPLANE_PATH_MAX], master_key_command[CONTROLPLANE_PATH_MAX]; /* vault.h; at most one */
    char provider_keys[CONTROLPLANE_PATH_MAX]; /* optional file of "ID = KEY" lines, mode 0600 */
    /* how often the pages that need no key may be asked for, in all and per address; 0: no limit */
    uint64_t pages_per_s, pages_burst, pages_per_ip_per_s, pages_per_ip_burst;
    bool sign_up; /* anybody may become a customer by POST /auth/signup */
    char console_origin[270]; /* "https://HOST[:PORT]" of the console, as browsers see it; empty: no wallets, no passkeys */
    struct sign_in_source sign_in[SIGN_IN_MAX];
    size_t n_sign_in;
    /* messages for recovery; none without mail_url */
    char mail_url[256], mail_from[256], mail_user[256];
    char mail_password_file[CONTROLPLANE_PATH_MAX], mail_ca[CONTROLPLANE_PATH_MAX];
    /* how often one credential may call the REST API; per_s 0: no limit */
    uint64_t rest_per_key_per_s, rest_per_key_burst;
    /* the console: none without a directory */
    char console_dir[CONTROLPLANE_PATH_MAX];
    char console_evidence[CONTROLPLANE_PATH_MAX]; /* what its pages judge data planes by; empty: they judge by the built-in policy */
    char console_name[64];
    char console_dataplanes[1024]; /* where its pages may ask models: origins, by spaces */
    char release_key[128];         /* by which releases are signed, as minisign writes it; empty: not told */
    char security_contact[256];    /* mailto: or https:; empty: no security.txt */
    char cors_origins[1024]; /* pages that may call it from browsers: origins, by spaces; never * */
    /* payments: none without a key file */
    char stripe_key_file[CONTROLPLANE_PATH_MAX], stripe_webhook_secret_file[CONTROLPLANE_PATH_MAX];
    char stripe_base[256];                  /* where the service's API is */
    char stripe_ca[CONTROLPLANE_PATH_MAX];  /* instead of the system's certificate authorities */
    char payment_origins[1024];             /* where a checkout may lead back to: origins, by spaces */
    bool stripe_taxes, stripe_invoices;
    uint64_t payment_event_days; /* how long the ids of webhook events are kept */
    uint64_t idempotency_hours; /* how long an idempotency key is remembered */
    uint64_t lease_ms, reclaim_grace_ms, reattest_ms, drain_ms;
    uint64_t byok_fee_percent; /* of the catalog's price, for requests on customers' own provider keys */
    int64_t lease_default_nusd;
    struct provider_source sources[LIMIT_PROVIDERS];
    size_t n_sources;
};

must_check enum err controlplane_config_load(const char *path, struct controlplane_config *out,
                                             struct buf *why);
must_check enum err controlplane_config_parse(struct view text, const char *file_name,
                                              struct controlplane_config *out, struct buf *why);

#endif
