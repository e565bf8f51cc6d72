/* The messages of the link between the planes. PROTOCOL.md has each as a byte table; message.c
 * writes and reads them. Every frame: u32 payload length, u8 type, u8 version (1), u16 zero,
 * payload; big-endian. A reader takes from a view, compares with what is left, and rejects trailing
 * bytes.
 *
 * D = data plane, C = control plane. Before ACCEPT only CHALLENGE, EVIDENCE, ACCEPT and REFUSE are
 * legal; anything else closes the connection. */
#ifndef TR_PROTO_MESSAGE_H
#define TR_PROTO_MESSAGE_H

#include "buf.h"
#include "err.h"
#include "id.h"
#include "bounds.h"
#include "key_rules.h"
#include "secret.h"
#include "trouble.h"
#include "usage.h"
#include "view.h"
#include "gates.h"
#include "price.h"

#include <stdbool.h>

enum { FRAME_HEADER_BYTES = 8, FRAME_VERSION = 1 };

enum message_type {
    MSG_CHALLENGE = 1,     /* C->D */
    MSG_EVIDENCE = 2,      /* D->C */
    MSG_ACCEPT = 3,        /* C->D */
    MSG_REFUSE = 4,        /* C->D, then close */
    MSG_KEY_LOOKUP = 5,    /* D->C */
    MSG_GRANT = 6,         /* C->D */
    MSG_NO_KEY = 7,        /* C->D */
    MSG_LEASE_MORE = 8,    /* D->C */
    MSG_LEASE = 9,         /* C->D, answers LEASE_MORE */
    MSG_LEASE_RETURN = 10, /* D->C */
    MSG_REVOKE = 11,       /* C->D push */
    MSG_CATALOG = 12,      /* C->D push */
    MSG_SECRET = 13,       /* C->D push */
    MSG_USAGE = 14,        /* D->C */
    MSG_USAGE_ACK = 15,    /* C->D */
    MSG_CERT = 16,         /* C->D push after ACCEPT and before expiry */
    MSG_PING = 17,         /* D->C */
    MSG_PONG = 18,         /* C->D */
    MSG_BYE = 19,          /* D->C: boot ends; unused leases may be closed */
    MSG_LOG_PROOF = 20,    /* C->D push after each ACCEPT */
    MSG_RECALL = 21,       /* C->D push */
    MSG_KEYS = 22,         /* D->C after each ACCEPT */
    MSG_USAGE_FROM = 25,   /* C->D after the first ACCEPT, and when records are missing */
    MSG_USAGE_LOST = 26,   /* D->C: records that it was asked for and no longer has */
    MSG_SETTLE_ASK = 27,   /* C->D, once a second */
    MSG_SETTLED = 28,      /* D->C, answers SETTLE_ASK */
    MSG_PLACE = 29,        /* D->C after ACCEPT, when dataplane.conf names a place */
    MSG_HEALTH = 30,       /* C->D push after ACCEPT and when it changes */
    MSG_RELAY_ASK = 32,    /* D->C: a client's question about its account */
    MSG_RELAY_ANSWER = 33, /* C->D, one piece of the answer */
    MSG_RELAY_NEXT = 34,   /* D->C: the next piece, or no more of them */
    MSG_CLAIM = 35,        /* D->C: an idempotency key, before its request runs */
    MSG_CLAIMED = 36,      /* C->D, answers CLAIM and RELEASE */
    MSG_RELEASE = 37,      /* D->C: the request of a CLAIM will not run */
    MSG_OWN_ASK = 38,      /* D->C: an account's own provider keys */
    MSG_OWN_KEYS = 39,     /* C->D, answers OWN_ASK */
    MSG_SEAL_ASK = 40,     /* C->D: another data plane's evidence: give it the sealing keys */
    MSG_SEAL_GIVE = 41,    /* D->C and C->D: sealing keys, sealed for another data plane */
    MSG_ACME_CHALLENGE = 42, /* D->C and C->D: answer a certificate authority for another data plane */
    MSG_RULED = 43,          /* C->D: GRANT or LEASE of a key that has rules or limits per minute */
    MSG_KEY_PARTS = 44,      /* C->D push: so many share a key's limits per minute now */
    MSG_RULES_KNOWN = 45,    /* D->C after each ACCEPT: it obeys rules of keys */
    MSG_USAGE_ATTEMPTS = 46, /* D->C, before the USAGE that it belongs to */
    MSG_STATE = 48,        /* D->C after each ACCEPT and when it changes: which catalog it serves, and the like */
    MSG_ORDERS = 49,       /* C->D, only to one that has sent STATE: what its operator wants of it */
    MSG_OWN_PRICED = 50,   /* C->D: OWN_KEYS of an account that pays a markup on the catalog's prices */
    MSG_USAGE_PARTS = 51,    /* D->C, before the USAGE that it belongs to */
    MSG_LAST = MSG_USAGE_PARTS,
};

/* Why evidence was refused; one per check (facts/snp.md 1.11, link rules). Names in
 * refusal_name(). 0 is "accepted". */
enum refusal {
    REFUSAL_NONE,
    REFUSAL_MALFORMED, /* the EVIDENCE frame or the identity document does not parse */
    REFUSAL_LENGTH,
    REFUSAL_VERSION,
    REFUSAL_SIG_ALGO,
    REFUSAL_SIG_FORMAT,
    REFUSAL_MBZ,
    REFUSAL_KEY_KIND,
    REFUSAL_PRODUCT,
    REFUSAL_CERT,
    REFUSAL_ROOT,
    REFUSAL_TCB_CERT,
    REFUSAL_HWID,
    REFUSAL_CHIP,
    REFUSAL_SIGNATURE,
    REFUSAL_VMPL,
    REFUSAL_DEBUG,
    REFUSAL_POLICY,
    REFUSAL_PLATFORM,
    REFUSAL_TCB_ORDER,
    REFUSAL_TCB_FLOOR,
    REFUSAL_ID_KEY,
    REFUSAL_MEASUREMENT,
    REFUSAL_GUEST_SVN,
    REFUSAL_HOST_DATA,
    REFUSAL_NONCE,    /* not the nonce of this challenge */
    REFUSAL_CHANNEL,  /* evidence of another connection (exporter differs) */
    REFUSAL_PEER_KEY, /* the client certificate's key is not the attested TLS key */
    REFUSAL_AUDIENCE,
    REFUSAL_SIMULATED, /* simulated evidence and the policy does not name the simulator */
    REFUSAL_EXPIRED,   /* no fresh evidence within the re-attestation interval */
    REFUSAL_CONFIG,    /* its measured providers.conf is not the control plane's */
    REFUSAL_MEMORY,    /* its memory is not locked, and the policy asks for that */
    REFUSAL_EVICTED,   /* an operator has shut this boot out */
    REFUSAL_COUNT
};
const char *refusal_name(enum refusal r); /* "measurement", ... */

struct msg_challenge {
    uint8_t nonce[32];
};
struct msg_evidence {
    struct view identity; /* exact bytes of the identity document D, <= 4096 */
    struct view report;   /* 1184 bytes */
    struct view vek, ask; /* DER, <= 4096 each */
};
struct msg_accept {
    struct id session;
    uint32_t reattest_after_ms;
    uint64_t unix_ms; /* the control plane's clock: leases are told in durations, not instants */
};
struct msg_refuse {
    uint16_t reason;
};
/* need_nusd: what requests need that wait for the answer. want_nusd: what the lease should hold beside
 * that, given as far as others do not need it; 0: the control plane's default for a first lease. */
struct msg_key_lookup {
    struct digest32 key_digest;
    int64_t need_nusd, want_nusd;
    bool obeys; /* not of the frame: D has said RULES_KNOWN on this connection; C fills it in */
};
/* With terms the frame is RULED. */
struct msg_grant {
    struct digest32 key_digest;
    struct id key, account, lease;
    int64_t granted_nusd;                            /* total ever granted under this lease */
    uint32_t lease_ms;                               /* the lease ends this long after receipt */
    uint32_t requests_per_minute, tokens_per_minute; /* 0: unlimited */
    uint64_t expires_ms;                             /* unix; 0: the key does not expire */
    uint64_t version; /* of the key's rules; the larger one is the later one */
    uint64_t own_version; /* of the account's own provider keys (OWN_ASK); 0: it has none */
    const struct key_terms *terms; /* borrowed; NULL: the key has no rules and no limits per minute */
};
enum no_key_reason {
    NO_KEY_UNKNOWN,
    NO_KEY_DISABLED,
    NO_KEY_EXPIRED,
    NO_KEY_CREDIT,
    NO_KEY_LIMIT,
    NO_KEY_CHANGED, /* REVOKE only: the key may be used, under other rules: ask about it again */
    NO_KEY_COUNT
};
/* most_nusd: with CREDIT and LIMIT, what the key could spend if all that is lent came back unspent. */
struct msg_no_key {
    struct digest32 key_digest;
    uint8_t reason;
    uint64_t version; /* 0: there is no such key */
    int64_t most_nusd;
};
/* Renews the lease, and asks for money as KEY_LOOKUP does; need and want 0: the time only. returned_nusd: the
 * total of LEASE_RETURN. */
struct msg_lease_more {
    struct id key, lease;
    int64_t need_nusd, want_nusd, returned_nusd;
    bool obeys; /* as in KEY_LOOKUP */
};
enum lease_status { LEASE_OK, LEASE_NO_CREDIT, LEASE_KEY_LIMIT, LEASE_GONE, LEASE_STATUS_COUNT };
/* OK: granted_nusd and lease_ms replace the lease's. NO_CREDIT, KEY_LIMIT: nothing could be added
 * although it was needed; the lease itself goes on. most_nusd then says whether waiting can help.
 * lease_ms 0: the lease is not renewed, because it holds more than the key's limit leaves: what no request
 * has reserved is to be given back. GONE: closed, or the key may not be used; look the key up again. */
struct msg_lease {
    struct id key, lease;
    int64_t granted_nusd;
    uint32_t lease_ms;
    uint8_t status;
    uint32_t requests_per_minute, tokens_per_minute; /* these three as in GRANT */
    uint64_t expires_ms;
    uint64_t version;
    int64_t most_nusd; /* what the key could spend if all that is lent came back unspent */
    uint64_t own_version;          /* as in GRANT */
    const struct key_terms *terms; /* likewise */
};
/* GRANT or LEASE with the terms of its key: one frame, so that neither is ever there without the other. The
 * decoder points the message's terms to `terms`. */
enum ruled_kind { RULED_GRANT, RULED_LEASE, RULED_KINDS };
struct msg_ruled {
    uint8_t kind; /* enum ruled_kind: which of the two it is */
    struct msg_grant grant;
    struct msg_lease lease;
    struct key_terms terms;
};
/* Another number of data planes shares the key's limits per minute. */
struct msg_key_parts {
    struct id key;
    uint16_t parts;   /* 1..LIMIT_KEY_PARTS */
    uint64_t version; /* as key_terms.parts_version */
};
struct msg_rules_known {
    uint32_t version; /* RULES_VERSION or later: the rules that RULED has */
};
enum {
    RULES_VERSION = 1,
    RULES_SYNTHS = 2, /* the same rules, and D reads orchestrations in CATALOG */
};
/* total_nusd: what was ever given back of the lease. A total may be told twice, and the next one tells what
 * was lost on the way. final: no record will follow under this lease. */
struct msg_lease_return {
    struct id lease;
    int64_t total_nusd;
    uint8_t final;
};
struct msg_revoke {
    struct digest32 key_digest;
    uint8_t reason; /* UNKNOWN, DISABLED, EXPIRED, CHANGED */
    uint64_t version;
};
/* A request of this account waits for need_nusd, which are lent: give some of what no request has reserved
 * back (keyring_recall()). */
struct msg_recall {
    struct id key, lease;
    int64_t need_nusd;
};
/* Keys that the data plane holds from an earlier connection, and under which version of their rules: C says
 * what has changed meanwhile (REVOKE). */
struct msg_keys {
    uint16_t count;   /* 1..LIMIT_KEYS_FRAME */
    struct view keys; /* count * KEYS_WIRE_BYTES: digest, u64 version */
};
enum { KEYS_WIRE_BYTES = 40 };
struct msg_secret {
    uint16_t provider_no;
    uint8_t index, total; /* of the operator's keys there: index < total <= PROVIDER_KEYS_MAX; those beyond are gone */
    struct view sealed; /* crypto_box_seal to the attested X25519 key */
};
struct msg_usage {
    uint16_t count;
    struct view records; /* count * USAGE_WIRE_BYTES */
};
/* Failed attempts of requests whose records the next USAGE has. The rows stay raw: usage_attempt_decode(). */
struct msg_usage_attempts {
    uint16_t count;
    struct view attempts; /* count * USAGE_ATTEMPT_WIRE_BYTES */
};
/* Parts of orchestrations whose records the next USAGE has. The rows stay raw: usage_part_decode(). */
struct msg_usage_parts {
    uint16_t count;
    struct view parts; /* count * USAGE_PART_WIRE_BYTES */
};
struct msg_usage_ack {
    uint64_t seq; /* every record up to and including seq is committed */
};
/* Usage goes on behind seq, which is the last that the control plane has: what it no longer has is sent
 * again. lapse: the leases of this boot were settled without it; it asks about each before it spends. */
struct msg_usage_from {
    uint64_t seq;
    uint8_t lapse; /* 0 or 1 */
};
struct msg_usage_lost {
    uint64_t lo, hi; /* 1 <= lo <= hi */
};
struct msg_settle_ask {
    uint64_t token;
};
struct msg_settled {
    uint64_t token; /* of the SETTLE_ASK */
    uint64_t seq;   /* every record made before the answer has this number or a lower one */
};
struct msg_place {
    struct view name; /* 1..LIMIT_PLACE_BYTES printable ASCII characters */
};
/* An operator's key that its provider refuses, so that the data plane uses others. */
enum key_trouble { KEY_UNAUTHORIZED, KEY_UNPAID, KEY_FORBIDDEN, KEY_RATE_LIMITED, KEY_TROUBLES }; /* 401 402 403 429 */
enum { STATE_KEYS_MAX = 32, KEY_WEIGHT_MAX = 100 };
struct msg_state {
    uint32_t catalog_version; /* that requests are served from; 0: none yet */
    bool draining;
    struct view region; /* of dataplane.conf, 0..LIMIT_PLACE_BYTES printable ASCII characters */
    uint8_t n;          /* keys set aside now; further ones are not told */
    struct key_state {
        uint16_t provider_no;
        uint8_t index;   /* as in SECRET */
        uint8_t trouble; /* enum key_trouble */
    } keys[STATE_KEYS_MAX];
};
struct msg_orders {
    bool drain;                        /* finish what runs and end, as after SIGTERM */
    uint16_t n; /* providers whose keys are not used in turn, but by weight */
    struct key_weights {
        uint16_t provider_no;
        uint8_t weight[8]; /* of its keys by index, 1..100; PROVIDER_KEYS_MAX of them */
    } weights[LIMIT_PROVIDERS];
    uint8_t keyed[LIMIT_PROVIDERS / 8]; /* bit n % 8 of byte n / 8: the operator has a key for provider n; keys of others are forgotten */
};
struct msg_cert {
    struct view leaf, ca; /* DER */
};
/* This boot's entry in the transparency log, to be stapled to evidence: the exact bytes of the
 * statement and its proof as text (c2sp.org/tlog-proof@v1) to a recent checkpoint. */
struct msg_log_proof {
    struct view statement, proof;
};
/* What is wrong with the control plane now. */
struct msg_health {
    uint8_t troubles; /* enum trouble bits; 0: nothing */
};
struct msg_ping {
    uint64_t token;
};

/* A client's question about its own account, keys or usage, which the data plane hands on (PROTOCOL.md,
 * "Relayed questions"). The key itself stays: only its digest goes. */
enum relay_method { RELAY_GET, RELAY_POST, RELAY_PATCH, RELAY_DELETE, RELAY_METHODS };
struct msg_relay_ask {
    uint64_t call; /* D's number of the question, not 0 */
    struct digest32 key_digest;
    uint8_t method;     /* enum relay_method */
    uint8_t openrouter; /* 0 or 1: it came under /api/v1, whose errors have another form */
    struct view path;   /* behind the prefix: '/' and what follows, 1..LIMIT_RELAY_PATH_BYTES */
    struct view query;  /* 0..LIMIT_RELAY_QUERY_BYTES; both are printable ASCII without space */
    struct view body;   /* 0..LIMIT_RELAY_BODY_BYTES */
};
/* A piece of the answer, which is JSON. Every piece repeats what the first one says. */
struct msg_relay_answer {
    uint64_t call;
    uint16_t status;   /* 200..599 */
    uint32_t retry_ms; /* with 429 and 503: when to ask again; 0: not said */
    uint8_t last;      /* 0: RELAY_NEXT brings more */
    struct view body;  /* 0..LIMIT_RELAY_PIECE_BYTES */
};
struct msg_relay_next {
    uint64_t call;
    uint8_t more; /* 0: the rest of the answer is not wanted */
};

/* May this request run under this idempotency key? The lease pays for it, and says as long as it is open
 * that the request may still be running. */
struct msg_claim {
    struct id request, account, lease;
    struct digest32 key; /* SHA-256 of the key's text (idempotency.h) */
};
enum claim_status {
    CLAIM_GRANTED,
    CLAIM_IN_FLIGHT, /* `first` may be running */
    CLAIM_USED,      /* `first` was answered or billed */
    CLAIM_NONE,      /* this request holds no key: its lease is not open, or it was released */
    CLAIM_STATUS_COUNT
};
struct msg_claimed {
    struct id request;
    uint8_t status;  /* enum claim_status */
    struct id first; /* the request that holds the key; this one when granted, 0 with NONE */
};
struct msg_release {
    struct id request;
};

/* Which provider keys of its own has this account? Asked when the version that came with the key's lease is
 * not the one that the data plane knows. */
struct msg_own_ask {
    struct id account;
};
enum own_key_flag {
    OWN_KEY_ALWAYS = 1,   /* at its provider the operator's key is never used instead */
    OWN_KEY_FALLBACK = 2, /* tried after the operator's keys, not before them */
};
/* keys: n entries as msg_own_key_take() reads them, in the order of preference. */
struct msg_own_keys {
    struct id account;
    uint64_t version;
    uint32_t fee_ppm; /* of the catalog's price, for a request on such a key: 0..1,000,000 */
    uint32_t markup_ppm; /* on the catalog's price, for every other request: 0..LIMIT_MARKUP_PPM. Encoded as OWN_KEYS
                            when it is 0, else as OWN_PRICED, which has it behind fee_ppm */
    uint16_t count;   /* 0..LIMIT_OWN_KEYS */
    struct view keys;
};
struct msg_own_key {
    struct id id;
    uint16_t provider_no;
    uint8_t flags;        /* enum own_key_flag bits */
    uint8_t seal_id[8];   /* of the sealing key, as the client said it */
    struct view sealed;   /* crypto_box_seal of the JSON in docs/byok.md; OWN_KEY_SEALED_MIN..LIMIT_OWN_SEALED_BYTES */
};
enum { OWN_KEY_SEALED_MIN = 49 };

/* The evidence that another data plane of this fleet gave on its link. The receiver gives its sealing keys to
 * it only when it finds that evidence good itself (trust/seal_peer.h). */
struct msg_seal_ask {
    struct digest32 leaf; /* that its REPORT_DATA is over, beside the identity document */
    struct msg_evidence evidence;
};
/* D->C: for the data plane `boot`, sealed to its hpke_x25519. C->D: from the data plane `boot`. */
struct msg_seal_give {
    struct id boot;
    struct view sealed; /* 49..LIMIT_SEAL_GIVE_BYTES */
};

/* A data plane is about to be asked by a certificate authority whether it serves `name`, and a balancer may lead
 * the authority to any of them. Signed by the receipt key of its identity document over
 * msg_acme_challenge_text(): the receiver answers for it only when it has found that document's evidence good
 * (acme/challenge_peer.h), so that nobody else's key gets a certificate, the control plane's included. */
enum acme_method { ACME_TLS_ALPN_01, ACME_HTTP_01, ACME_METHOD_COUNT };
struct msg_acme_challenge {
    struct id boot;
    uint64_t created_ms;       /* unix, by the clock of the data plane that wants it */
    uint16_t lifetime_s;       /* from then on, at most LIMIT_ACME_CHALLENGE_S; 0: it is over */
    uint8_t method;            /* enum acme_method */
    struct view name;          /* lower case; 1..LIMIT_ACME_NAME_BYTES */
    struct view authorization; /* token "." thumbprint (RFC 8555 8.1); up to LIMIT_ACME_AUTHORIZATION_BYTES */
    uint8_t signature[64];
};

/* The catalog as pushed: prices, models, endpoints, aliases; it can only name measured provider ids.
 * Decoded into arrays the caller owns. Text here is ours (operator's), never a client's. */
enum catalog_kind { /* the call that a model serves */
    KIND_CHAT,
    KIND_EMBEDDINGS,
    KIND_IMAGES,
    KIND_SPEECH,
    KIND_TRANSCRIPTION,
    KIND_MODERATION,
    KIND_RERANK,
    KIND_SYNTH, /* texts, made by several others: it has a row of struct catalog_synth and no endpoint */
    KIND_COUNT
};
enum catalog_medium {
    MEDIUM_TEXT = 1,
    MEDIUM_IMAGE = 2,
    MEDIUM_AUDIO = 4,
    MEDIUM_VIDEO = 8,
    MEDIUM_FILE = 16,
};
enum catalog_known { KNOWN_NOT, KNOWN_NO, KNOWN_YES }; /* a fact that nobody may have stated */
enum { CATALOG_ALIAS_MODELS = 8, CATALOG_FALLBACKS = 4 };
struct catalog_model {
    uint32_t no;
    char id[LIMIT_MODEL_ID_BYTES + 1]; /* "author/slug" */
    char name[LIMIT_MODEL_ID_BYTES + 1];
    char description[LIMIT_DESCRIPTION_BYTES + 1];
    uint32_t context_length, max_output; /* tokens; 0: not known, which a chat model's context is not */
    uint64_t created;                    /* unix seconds */
    uint32_t knowledge_day, facts_day;   /* days since 1970-01-01: what it was trained until, and when its facts
                                            and prices were looked up; 0: not known */
    uint16_t capabilities;               /* enum catalog_capability bits */
    uint8_t kind;                        /* enum catalog_kind */
    uint8_t inputs, outputs;             /* enum catalog_medium bits; 0: not known */
    uint8_t open_weights;                /* enum catalog_known */
    struct model_gates gates;
    /* Numbers of the models that may answer instead, best first, where the request or its key allows another model. */
    uint32_t fallback[CATALOG_FALLBACKS];
    uint8_t n_fallbacks;
};
enum catalog_capability {
    CAP_TOOLS = 1,
    CAP_IMAGES = 2,
    CAP_JSON_SCHEMA = 4,
    CAP_REASONING = 8,
    CAP_EMBEDDINGS = 16, /* makes embeddings, and nothing else */
};
enum catalog_quantization { /* OpenRouter's words */
    QUANTIZATION_UNKNOWN,
    QUANTIZATION_INT4,
    QUANTIZATION_INT8,
    QUANTIZATION_FP4,
    QUANTIZATION_MXFP4,
    QUANTIZATION_NVFP4,
    QUANTIZATION_FP6,
    QUANTIZATION_FP8,
    QUANTIZATION_MXFP8,
    QUANTIZATION_FP16,
    QUANTIZATION_BF16,
    QUANTIZATION_FP32,
    QUANTIZATION_COUNT
};
struct catalog_endpoint {
    uint32_t no, model_no;
    uint16_t provider_no; /* index in the measured providers.conf */
    uint16_t weight;      /* 0: disabled */
    char upstream_model[LIMIT_MODEL_ID_BYTES + 1];
    char source[LIMIT_SOURCE_BYTES + 1]; /* where its price comes from; may be empty */
    uint32_t source_day;                 /* days since 1970-01-01; 0: not known */
    uint32_t retires_day;                /* the provider has said that it ends then; 0: it has not */
    struct price price;
    uint32_t price_version;
    uint32_t context_length, max_output; /* tokens; 0: the model's */
    uint16_t lacks;        /* enum catalog_capability bits that the model has and this endpoint has not */
    uint8_t quantization;  /* enum catalog_quantization */
    /* The measured row says what a provider may keep. This can only narrow it: an endpoint that is said to keep
     * prompts is none without retention, whatever its row says. */
    bool retains_data;
    /* The operator has no key for its provider: weight is 0, and requests on a customer's own key may still use it. */
    bool own_only;
};
/* A name that stands for models and constraints: "trustedrouter/eu", "~kimi/latest". */
enum alias_want {
    ALIAS_NO_RETENTION = 1, /* as provider.zdr */
    ALIAS_CONFIDENTIAL = 2, /* only providers that run inside attested hardware */
    ALIAS_EU = 4,           /* region and jurisdiction in the EU, on a data plane in the EU */
    ALIAS_US = 8,
    ALIAS_FREE = 16,        /* only endpoints that cost nothing */
};
enum alias_sort { /* the values of enum route_sort */
    ALIAS_SORT_BALANCE,
    ALIAS_SORT_PRICE,
    ALIAS_SORT_LATENCY,
    ALIAS_SORT_THROUGHPUT,
    ALIAS_SORT_COUNT
};
struct catalog_alias {
    char id[LIMIT_MODEL_ID_BYTES + 1];
    uint32_t model[CATALOG_ALIAS_MODELS]; /* numbers, in order of preference */
    uint8_t n_models;
    uint8_t wants; /* enum alias_want bits */
    uint8_t sort;  /* enum alias_sort: what is not said otherwise */
    bool listed;   /* GET /v1/models shows it */
};
/* Which models answer, judge and write together under one id. They are named as clients name models, by id or alias. */
enum { CATALOG_SYNTH_MODELS = 8, CATALOG_SYNTHS = 64 };
enum synth_preset { SYNTH_PRESET_NONE, SYNTH_PRESET_QUALITY, SYNTH_PRESET_BUDGET, SYNTH_PRESET_FRONTIER, SYNTH_PRESET_COUNT };
struct catalog_synth {
    uint32_t model_no; /* of a model of KIND_SYNTH: its id, number, name and description */
    uint8_t preset;    /* enum synth_preset: the row that a request's "preset" means, with the same `code`; at most one each */
    bool code;         /* prompts for work on programs */
    bool generic;      /* trustedrouter/synth: what its panel is, the request's preset says (else quality) */
    uint32_t panel_tokens, judge_tokens, final_tokens; /* limits of output unless the request says otherwise; not 0 */
    uint8_t n_panel, n_judges, n_finals;               /* each at least 1 */
    char panel[CATALOG_SYNTH_MODELS][LIMIT_MODEL_ID_BYTES + 1];
    char judges[CATALOG_SYNTH_MODELS][LIMIT_MODEL_ID_BYTES + 1];
    char finals[CATALOG_SYNTH_MODELS][LIMIT_MODEL_ID_BYTES + 1];
};
struct catalog {
    uint32_t version;
    struct digest32 digest; /* SHA-256 of catalog_pack()'s bytes; filled by decode */
    struct catalog_model *models;
    size_t n_models;
    struct catalog_endpoint *endpoints;
    size_t n_endpoints;
    struct catalog_alias *aliases;
    size_t n_aliases;
    struct catalog_synth *synths;
    size_t n_synths;
};
void catalog_free(struct catalog *c); /* empties *c; an empty catalog is fine */
/* What the catalog's texts may be, for programs that accept them from an operator: ids are 1..128
 * printable ASCII characters without space, quote and backslash; names 0..128, other texts 0..max printable ones. */
bool catalog_id_ok(struct view v);
bool catalog_name_ok(struct view v);
bool catalog_text_ok(struct view v, size_t max);
/* The rules of the whole: numbers of models and of endpoints are unique and not 0; ids are unique, those of
 * aliases too; every model that an endpoint, a fallback or an alias names is present. Each model of KIND_SYNTH has one row
 * of struct catalog_synth, no endpoint and no fallback, is none, is named by no other orchestration, and an alias of it
 * names nothing else. ERR_FORMAT, ERR_MEMORY. */
must_check enum err catalog_check(const struct catalog *c);

/* A place's name: 1..LIMIT_PLACE_BYTES printable ASCII characters without space. */
bool place_name_ok(struct view v);

/* Encoders append one whole frame (header included) to out. */
#define MESSAGE_CODECS(X)                                                                          \
    X(challenge)                                                                                   \
    X(evidence) X(accept) X(refuse) X(key_lookup) X(grant) X(no_key) X(lease_more) X(lease)        \
        X(lease_return) X(revoke) X(recall) X(keys) X(secret) X(usage) X(usage_attempts) X(usage_parts) X(usage_ack) X(cert) X(ping)             \
            X(log_proof) X(usage_from) X(usage_lost) X(settle_ask) X(settled) X(place) X(health) \
            X(relay_ask) X(relay_answer) X(relay_next) X(claim) X(claimed) X(release) X(own_ask) \
            X(own_keys) X(seal_ask) X(seal_give) X(acme_challenge) X(ruled) X(key_parts) X(rules_known) \
            X(state) X(orders)
#define MESSAGE_DECLARE(m)                                                                         \
    must_check enum err msg_##m##_encode(const struct msg_##m *m, struct buf *out);                \
    must_check enum err msg_##m##_decode(struct view payload, struct msg_##m *out);
MESSAGE_CODECS(MESSAGE_DECLARE)
#undef MESSAGE_DECLARE
/* Append what the signature of an ACME_CHALLENGE is over. The errors of encoding. */
must_check enum err msg_acme_challenge_text(const struct msg_acme_challenge *m, struct buf *out);
/* One entry of KEYS, from the front of m->keys (consumed), or at its end. */
must_check enum err msg_keys_take(struct msg_keys *m, struct digest32 *digest, uint64_t *version);
must_check enum err msg_keys_put(struct buf *keys, const struct digest32 *digest, uint64_t version);
/* One entry of OWN_KEYS, likewise. */
must_check enum err msg_own_key_take(struct msg_own_keys *m, struct msg_own_key *out);
must_check enum err msg_own_key_put(struct buf *keys, const struct msg_own_key *k);
/* The payload of OWN_PRICED. */
must_check enum err msg_own_priced_decode(struct view payload, struct msg_own_keys *out);
must_check enum err msg_pong_encode(const struct msg_ping *m, struct buf *out);
must_check enum err msg_bye_encode(struct buf *out);
/* The catalog as bytes, at most LIMIT_CATALOG_BYTES: pack appends them to out, decode reads them, allocates and
 * gives *out to the caller (catalog_free). Both refuse what catalog_check() refuses. */
must_check enum err catalog_pack(const struct catalog *c, struct buf *out);
must_check enum err catalog_decode(struct view bytes, struct catalog *out);
/* These bytes as CATALOG frames, one behind the other: appended to out, which CATALOG_FRAMES_MAX holds. */
must_check enum err catalog_encode(const struct catalog *c, struct buf *out);
enum { CATALOG_PART_HEAD_BYTES = 4 + 2 + 2,
       CATALOG_FRAMES_MAX = LIMIT_CATALOG_BYTES +
                            LIMIT_CATALOG_PARTS * (FRAME_HEADER_BYTES + CATALOG_PART_HEAD_BYTES) };
/* The frames put together again. Zeroed is empty; catalog_parts_drop() empties it, when a connection ends. */
struct catalog_parts {
    struct buf bytes;
    uint32_t version;
    uint16_t next, parts; /* parts 0: none has come */
};
/* Take the payload of one frame. *whole: it was the last one, and *out is given to the caller as by
 * catalog_decode(). Anything but the next part of the same catalog is ERR_FORMAT: close the connection. */
must_check enum err catalog_parts_take(struct catalog_parts *p, struct view payload, struct catalog *out,
                                       bool *whole);
void catalog_parts_drop(struct catalog_parts *p);

/* Take one complete frame from the front of *in (consumed). ERR_SHORT: need more bytes, nothing
 * consumed. ERR_VERSION, ERR_LIMIT, ERR_FORMAT: close the connection. */
struct frame {
    enum message_type type;
    struct view payload;
};
must_check enum err frame_take(struct view *in, struct frame *out);

#endif
