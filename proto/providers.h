/* providers.conf: where prompts may go. Part of the measured configuration of a data plane; the
 * control plane reads the same file to turn provider ids into numbers. A provider's number is its
 * position in the file, from 0. */
#ifndef TR_PROTO_PROVIDERS_H
#define TR_PROTO_PROVIDERS_H

#include "buf.h"
#include "bounds.h"
#include "secret.h"

#include <stdbool.h>

/* What a provider speaks, one row each in dataplane/provider/adapter.c. */
enum provider_dialect {
    DIALECT_OPENAI,    /* OpenAI's chat completions, as most providers have it */
    DIALECT_RESPONSES, /* OpenAI's Responses */
    DIALECT_ANTHROPIC, /* Anthropic's Messages */
    DIALECT_GEMINI,    /* Google's generateContent */
    DIALECT_COUNT
};
/* The header that carries its key. */
enum provider_auth { AUTH_BEARER, AUTH_API_KEY, AUTH_X_API_KEY, AUTH_GOOG_API_KEY, AUTH_NONE };
enum provider_quirk {
    QUIRK_NO_STREAM_OPTIONS = 1 << 0,     /* rejects stream_options */
    QUIRK_MAX_TOKENS = 1 << 1,            /* only knows max_tokens */
    QUIRK_MAX_COMPLETION_TOKENS = 1 << 2, /* only knows max_completion_tokens */
    QUIRK_REASONING_EXCLUDED = 1 << 3,    /* reasoning tokens are not inside completion_tokens */
    QUIRK_NO_STORE = 1 << 4, /* rejects the field "store"; otherwise store:false is forced */
    QUIRK_DEVELOPER_AS_SYSTEM = 1 << 5, /* does not know the role "developer" */
    QUIRK_OPENAI = 1 << 6,   /* OpenAI's own API: knows all of its members and refuses others */
    QUIRK_STRICT = 1 << 7,   /* refuses members that not every OpenAI-compatible API has */
    QUIRK_THINKING = 1 << 8, /* thinking is switched by "thinking": {"type": "enabled"} */
    QUIRK_NO_REASONING_EFFORT = 1 << 9, /* rejects reasoning_effort */
    QUIRK_REASONING_CONTENT = 1 << 10, /* wants earlier thoughts back, as reasoning_content */
    QUIRK_FILLS_MIDDLE = 1 << 11, /* serves /completions, which writes what stands before a suffix */
    QUIRK_SHORT_TOOL_IDS = 1 << 12, /* ids of calls are nine letters and digits; refuses others */
    QUIRK_ENABLE_THINKING = 1 << 13, /* thinking is switched by "enable_thinking" and "thinking_budget" */
};
enum {
    PROVIDER_MEMBERS_MAX = 16, /* named in one row; a provider that needs more has another API */
    PROVIDER_MEMBER_BYTES = 40,
    PROVIDER_RENAMES_MAX = 4, /* one provider has one today */
};
/* Each lower case, digits, _. */
struct provider_members {
    char name[PROVIDER_MEMBERS_MAX][PROVIDER_MEMBER_BYTES + 1];
    size_t n;
};
struct provider {
    uint16_t no;
    char id[32]; /* "demo-a": lower case, digits, dash */
    char name[64];
    char host[256];
    uint16_t port;
    bool tls;       /* off is accepted only for loopback hosts, and only in simulated builds */
    char path[128]; /* prefix before "/chat/completions": "/v1"; "{model}" in it stands for the endpoint's
                       name of the model */
    char query[64]; /* behind each path, without the question mark: "api-version=2024-10-21"; or empty */
    char ca[256];   /* CA bundle file; empty: the system's */
    enum provider_dialect dialect;
    enum provider_auth auth;
    unsigned quirks;
    /* Request members this provider may be sent beside the router's own list: by naming one, the
     * operator says that it costs nothing there, or that the model's price covers it. */
    char members[PROVIDER_MEMBERS_MAX][PROVIDER_MEMBER_BYTES + 1]; /* lower case, digits, _ */
    size_t n_members;
    bool hosted_tools; /* it may run tools itself (web search): the model's price covers them */
    /* What is done to a finished request body, at its top level. */
    struct provider_members drop; /* members that it refuses or fixes itself: left out */
    struct provider_rename {
        char from[PROVIDER_MEMBER_BYTES + 1], to[PROVIDER_MEMBER_BYTES + 1];
    } rename[PROVIDER_RENAMES_MAX];
    size_t n_renames;
    char force[256]; /* a JSON object whose members replace those of the request; or empty: none. For the switches
                        with which a provider is told to keep nothing */
    char region[16], jurisdiction[16];
    /* Data policy. What is not known is the worst of it. */
    bool retains_data; /* the provider may keep prompts */
    bool trains;       /* and train models with them */
    bool confidential; /* it serves inside of attested hardware */
    /* Deadlines. Of a stream: first_byte_ms, idle_ms (no byte at all), total_ms (no content: fetch_progressed()); of an
     * answer in one piece: whole_ms, because its first byte comes when it is complete. */
    uint32_t connect_ms, tls_ms, first_byte_ms, idle_ms, total_ms, whole_ms;
    uint32_t hidden_tokens_per_s; /* what it may write while nothing is seen, for estimates */
};
struct providers {
    struct provider list[LIMIT_PROVIDERS];
    size_t n;
    struct digest32 digest; /* SHA-256 of the file's bytes */
};
/* May anything of a prompt stay there? What trains models keeps it in them. */
static inline bool provider_keeps(const struct provider *p)
{
    return p->retains_data || p->trains;
}
/* A set of provider numbers. */
struct provider_set {
    uint64_t word[LIMIT_PROVIDERS / 64];
};
static inline void provider_set_add(struct provider_set *s, uint16_t no)
{
    s->word[no / 64] |= UINT64_C(1) << no % 64;
}
static inline bool provider_set_has(const struct provider_set *s, uint16_t no)
{
    return (s->word[no / 64] >> no % 64 & 1) != 0;
}
/* ERR_CONFIG with one sentence in why. */
must_check enum err providers_parse(struct view text, struct providers *out, struct buf *why);
const struct provider *providers_find(const struct providers *p, const char *id);

#endif
