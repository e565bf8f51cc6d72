/* What an API key may be used for, beside its money: models, providers, the clients' addresses, the least privacy, a
 * region; and in how many parts its limits per minute are divided among those that serve it. Names of models travel
 * as numbers: the first 8 bytes of their SHA-256, so that a rule is compared with a catalog's model without text. */
#ifndef TR_PROTO_KEY_RULES_H
#define TR_PROTO_KEY_RULES_H

#include "bounds.h"
#include "err.h"
#include "providers.h"
#include "view.h"

#include <stdbool.h>
#include <stdint.h>

/* An address range: the first `bits` bits of an IPv6 address, or of an IPv4 address that is mapped into IPv6. The
 * bits behind them are zero. */
struct ip_range {
    uint8_t address[16];
    uint8_t bits; /* 0..128; an IPv4 range has at least 96 */
};
/* "10.0.0.0/8", "2001:db8::/32", or an address without a length: that one. ERR_FORMAT: neither, or bits behind the
 * length are set, which a range that was meant otherwise has. */
must_check enum err ip_range_parse(struct view text, struct ip_range *out);
bool ip_range_has(const struct ip_range *r, const uint8_t address[static 16]);
/* Is it what ip_range_parse() makes? */
bool ip_range_ok(const struct ip_range *r);

/* What a rule on models calls a model: its id, or of all models of its author "author/" and a star. */
uint64_t model_rule_of(struct view text);
/* The same for the author of this id; 0: it names none. */
uint64_t model_rule_of_author(struct view id);
/* May this text be a rule? "author/slug" or "author/" and a star, of the characters of model ids. */
bool model_rule_ok(struct view text);

enum key_rule_list { KEY_RULE_MODELS = 1, KEY_RULE_PROVIDERS = 2, KEY_RULE_RANGES = 4, KEY_RULES_ALL = 7 };
/* What providers promise at least. */
enum key_privacy {
    KEY_PRIVACY_ANY,
    KEY_PRIVACY_NO_RETENTION, /* to keep nothing of a prompt */
    KEY_PRIVACY_CONFIDENTIAL, /* and to run inside attested hardware */
    KEY_PRIVACIES
};
enum key_region { KEY_REGION_ANY, KEY_REGION_EU, KEY_REGION_US, KEY_REGIONS };
/* By the words that provider.min_privacy takes, and data_collection's "deny". False: it is none of them. */
bool key_privacy_parse(struct view word, uint8_t *out);
bool key_region_parse(struct view word, uint8_t *out);

/* A list that is not set allows everything; one that is set and empty, nothing. */
struct key_rules {
    uint8_t set;     /* enum key_rule_list bits: which of the lists there are */
    uint8_t privacy; /* enum key_privacy */
    uint8_t region;  /* enum key_region */
    uint8_t n_models, n_ranges;
    uint64_t models[LIMIT_RULE_MODELS];
    struct ip_range ranges[LIMIT_RULE_RANGES];
    struct provider_set providers;
};
static inline bool key_rules_any(const struct key_rules *r)
{
    return r->set != 0 || r->privacy != KEY_PRIVACY_ANY || r->region != KEY_REGION_ANY;
}
/* name and author: model_rule_of() its id, model_rule_of_author(). */
bool key_rules_model(const struct key_rules *r, uint64_t name, uint64_t author);
bool key_rules_provider(const struct key_rules *r, uint16_t provider_no);
bool key_rules_address(const struct key_rules *r, const uint8_t address[static 16]);

/* Beside GRANT and LEASE, for a key that has rules or limits per minute. */
struct key_terms {
    uint16_t parts;         /* >= 1: so many share its limits per minute; each has an equal part */
    uint64_t parts_version; /* of this count; the larger one is the later one */
    struct key_rules rules;
};

#endif
