/* Every bound that both planes, or two rooms of one plane, share: a name, a unit, a reason. */
#ifndef TR_PROTO_BOUNDS_H
#define TR_PROTO_BOUNDS_H

enum {
    LIMIT_BODY_BYTES = 32 << 20,     /* request body; images as data URIs reach 20 MB */
    LIMIT_HEADER_BYTES = 64 << 10,   /* request head; Codex sends one 800-byte header, SDKs 2 KB */
    LIMIT_SSE_LINE_BYTES = 4 << 20,  /* one upstream SSE line; a longer one fails cleanly */
    LIMIT_RESPONSE_BYTES = 32 << 20, /* non-stream upstream body */
    LIMIT_UPSTREAM_HEAD_BYTES = 64 << 10,
    LIMIT_MEMBERS = 256,        /* top-level members of a request */
    LIMIT_MODEL_ID_BYTES = 128, /* "author/slug:variant" */
    LIMIT_DESCRIPTION_BYTES = 240,  /* of a model, in the catalog */
    LIMIT_SOURCE_BYTES = 63,        /* where a price comes from: a package and its version */
    LIMIT_PROVIDERS = 256,
    PROVIDER_KEYS_MAX = 8, /* keys of the operator at one provider, used in turn */
    LIMIT_ALIASES = 512,
    LIMIT_MODELS = 1024,
    LIMIT_ENDPOINTS = 4096,           /* (model, provider) pairs */
    LIMIT_CANDIDATES = 8,             /* endpoints tried for one request */
    LIMIT_FRAME_BYTES = 1 << 20,      /* one link frame's payload */
    LIMIT_CATALOG_BYTES = 3 << 20,    /* the whole catalog; with others' frames below the 4 MiB that may wait
                                         for a slow reader */
    LIMIT_CATALOG_PARTS = 6,          /* frames it goes in, 512 KiB each */
    LIMIT_EVIDENCE_PART_BYTES = 4096, /* identity, report, certificate: real ones are 1.2-1.7 KB */
    LIMIT_SECRET_BYTES = 4096,        /* a provider key; service-account tokens reach 2 KB */
    LIMIT_LOG_STATEMENT_BYTES = 4096, /* a boot's entry in the transparency log; 1 KB in practice */
    LIMIT_LOG_PROOF_BYTES = 16 << 10, /* and its proof: 63 hashes and a checkpoint take 4 KB */
    LIMIT_USAGE_BATCH = 256,          /* records in one USAGE frame */
    LIMIT_USAGE_ATTEMPTS = 512,       /* failed attempts in one USAGE_ATTEMPTS frame: 10 KiB */
    LIMIT_USAGE_PARTS = 6144,         /* parts in one USAGE_PARTS frame: 24 of each record of a batch, 768 KiB */
    LIMIT_PARTS_BACKLOG = 98304,      /* unacknowledged parts a data plane keeps, with 24 places for each orchestration
                                         that runs (13 MB); when full, these stop with 503 */
    LIMIT_PARTS_KEPT = 32768,         /* acknowledged ones that it keeps, as LIMIT_USAGE_KEPT (4 MB) */
    LIMIT_USAGE_BACKLOG = 65536,      /* unacknowledged records a data plane keeps (12 MiB);
                                         when full, inference stops with 503 */
    LIMIT_USAGE_KEPT = 65536,         /* acknowledged records a data plane keeps for a database that was
                                         restored (12 MiB more): a minute at 1,000 a second */
    LIMIT_PLACE_BYTES = 64,           /* the name of the place at which a data plane runs */
    LIMIT_MARKUP_PPM = 10000000,      /* millionths: an account pays at most eleven times the catalog's price */
    LIMIT_OWN_KEYS = 32,              /* provider keys of its own that one account may have */
    LIMIT_OWN_SEALED_BYTES = 1024,    /* one of them, sealed: a key of 512 bytes, two ids and names */
    LIMIT_SEAL_KEYS = 64,             /* sealing keys that a data plane holds: its own and those it was given */
    LIMIT_ACME_NAME_BYTES = 253,  /* a host name's most */
    LIMIT_ACME_AUTHORIZATION_BYTES = 255, /* a token, a dot, the 43 characters of a thumbprint */
    LIMIT_ACME_CHALLENGE_S = 600, /* authorities look within seconds, and again for a minute or so */
    LIMIT_ACME_CHALLENGES = 16,   /* of one data plane at a time: one per name of its certificate */
    LIMIT_SEAL_GIVE_BYTES = 48 + 32 * 64, /* all of them, sealed */
    LIMIT_RELAY_PATH_BYTES = 256,     /* of a question about an account: "/keys/" and 64 hex digits */
    LIMIT_RELAY_QUERY_BYTES = 2048,
    LIMIT_RELAY_BODY_BYTES = 16 << 10, /* a key's members; a JSON string of 128 characters is 768 bytes */
    LIMIT_RELAY_PIECE_BYTES = 16 << 10, /* of an answer in one frame, one per open question: 1 MiB of the 4
                                           that may wait for a slow reader */
    LIMIT_RELAY_ANSWER_BYTES = 4 << 20, /* 30 days of 300 endpoints' activity take 3 MB */
    LIMIT_RELAY_CALLS = 64,           /* questions open on one connection */
    LIMIT_RELAY_MS = 10000,           /* from a question to the last piece of its answer */
    LIMIT_KEYS = 65536,               /* keys a data plane holds at once */
    LIMIT_KEYS_FRAME = 1024,          /* keys in one KEYS frame, 40 KiB */
    LIMIT_RULE_MODELS = 64,           /* models, or authors, that one key's rules name */
    LIMIT_RULE_RANGES = 32,           /* ranges of addresses likewise */
    LIMIT_KEY_PARTS = 4096,           /* data planes that share one key's limits per minute: four times PEERS_MAX */
    LIMIT_NEGATIVE_KEYS = 4096,       /* unknown keys remembered */
    LIMIT_NEGATIVE_MS = 5000,         /* for this long */
    LIMIT_REATTEST_MS = 600000,       /* evidence is renewed at least this often */
    LIMIT_LINKLESS_MS = 35000,        /* a data plane that has heard nothing from the control plane for so
                                         long spends no lease any more */
    LIMIT_CLOCK_SKEW_MS = 5000,       /* between the planes; leases end this much earlier here */
    LIMIT_TOKENS_ABSURD = 16 << 20,   /* more tokens than any context: clamped and flagged */
};

#endif
