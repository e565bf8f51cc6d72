/* dataplane.conf: how one data plane is set up. What is measured (providers.conf) is a file of its
 * own; nothing here can change where prompts go. */
#ifndef TR_DATAPLANE_CONFIG_H
#define TR_DATAPLANE_CONFIG_H

#include "bounds.h"
#include "buf.h"
#include "err.h"
#include "https.h"
#include "names.h"
#include "providers.h"
#include "secret.h"
#include "targets.h"

enum {
    CONFIG_WORKERS_MAX = 64,
    CONFIG_PATH_MAX = 512,
    CONFIG_FILE_MAX = 256 << 10, /* bytes of a .conf */
};

struct config {
    /* the public listener */
    char listen_host[64];
    uint64_t listen_port; /* 0: any; see the log line "listening" */
    char cert_names[256]; /* of the self-signed certificate until the link brings a signed one */
    /* the private one: /metrics and /health, plain text, loopback only */
    char metrics_host[64];
    uint64_t metrics_port; /* 0: no such listener */
    uint64_t workers;      /* 0: one per core */
    /* the link */
    char control_host[1024]; /* host[:port], ... */
    uint64_t control_port;   /* of those that name none */
    struct targets control;  /* the two, read */
    struct digest32 control_spki; /* SHA-256 of the control plane's public key */
    /* the place where this data plane runs, and only one at a time; empty: none (PROTOCOL.md, PLACE) */
    char place[LIMIT_PLACE_BYTES + 1];
    char region[32];       /* where this data plane runs, in a provider's words ("eu-central-1"); empty: not said */
    char eu_base_url[160]; /* of a data plane in the EU, for clients that ask one elsewhere for an alias of the EU */
    /* a publicly trusted certificate (docs/certificates.md) */
    char acme_directory[512]; /* URL of the authority's directory; empty: the control plane's CA alone */
    char acme_contact[128];   /* an e-mail address for the authority; empty: none */
    bool acme_agree_terms;    /* the operator has read and accepts the authority's terms */
    char acme_challenge[16];  /* tls-alpn-01, http-01 or both; read into the two that follow */
    bool acme_tls_alpn, acme_http;
    uint64_t acme_http_port; /* where HTTP-01 is answered; the authority asks port 80 */
    char acme_ca[CONFIG_PATH_MAX]; /* who may vouch for the authority's own server: PEM */
    uint64_t acme_retry_s;         /* after a first failure, about */
    uint64_t acme_orders_per_hour;
    struct https_url acme_at;      /* host and port of acme_directory; host empty without it */
    struct acme_names acme_names;  /* cert_names, with acme_directory */
    char audience[128];
    char providers[CONFIG_PATH_MAX];    /* path of the measured providers.conf */
    char platform_dir[CONFIG_PATH_MAX]; /* the simulator's machine */
    /* what our own first report must chain to before we listen: PEM. Empty: AMD's roots, or the
     * simulator's machine's. Whom others trust is theirs to say. */
    char platform_root[CONFIG_PATH_MAX];
    bool allow_unlocked_memory; /* production: start although memory cannot be locked */
    /* the release manifest, with .minisig beside it, and the minisign key that signed it: together,
     * or neither */
    char release[CONFIG_PATH_MAX], release_key[128];
    /* limits */
    uint64_t body_total_bytes; /* bodies, their copies and answers in memory, of all workers */
    /* requests whose key is not known yet: of all workers, and of one address per worker (0: no limit) */
    uint64_t unknown_total_bytes, unknown_per_ip_bytes;
    uint64_t connections_max;  /* per worker */
    uint64_t connections_per_ip;
    uint64_t request_timeout_ms;
    uint64_t write_stall_ms;
    uint64_t slowest_bytes_per_s, upload_ms; /* web.h */
    uint64_t sweep_ms;
    uint64_t keys_max;
    /* requests for evidence, of all workers together and per address; 0: no limit */
    uint64_t evidence_per_s, evidence_burst;
    uint64_t evidence_per_ip_per_s, evidence_per_ip_burst;
    uint64_t receipts_max; /* answers whose receipts can be asked for, over all workers */
    /* what is reserved, in tokens: for the output of a stream without the client's limit at first; for an
     * image; for audio, a file or a video by URL or id */
    uint64_t output_default_tokens;
    uint64_t image_tokens, reference_tokens;
    uint64_t audit_ppm;  /* of a million served answers, how many are audit samples */
    uint64_t audit_keep; /* samples that can be asked for */
    /* how long the public listener waits for the first acceptance and the certificate and catalog that
     * come with it; afterwards, and after a refusal, it listens with a certificate of its own */
    uint64_t listen_unproven_ms;
    uint64_t drain_ms; /* how long running answers may take after SIGTERM */
};

/* Read and check a configuration file, and, if host_path is not NULL, what the host of a guest adds to it: control_host
 * and place, nothing else. ERR_CONFIG, ERR_IO; why gets one sentence that names the
 * field, never its value. */
must_check enum err config_load(const char *path, const char *host_path, struct config *out, struct buf *why);
/* The same from text; file_name is for the sentence. */
must_check enum err config_parse(struct view text, const char *file_name, struct config *out,
                                 struct buf *why);
must_check enum err config_parse_hosted(struct view text, const char *file_name, struct view host,
                                        const char *host_name, struct config *out, struct buf *why);
/* The measured configuration. simulated: plain-text providers on loopback are allowed. text gets
 * the file's bytes, which the simulator measures. */
must_check enum err config_load_providers(const struct config *c, bool simulated,
                                          struct providers *out, struct buf *text,
                                          struct buf *why);

#endif
