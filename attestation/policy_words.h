/* How a policy spells sets of bits, versions and pins. All give false on what is not spelled so. */
#ifndef TR_ATTESTATION_POLICY_WORDS_H
#define TR_ATTESTATION_POLICY_WORDS_H

#include "policy.h"

enum policy_words_list {
    POLICY_WORDS_GUEST,         /* guest_allow: permissions of a launch */
    POLICY_WORDS_GUEST_REQUIRE, /* guest_require */
    POLICY_WORDS_PLATFORM,
    POLICY_WORDS_PRODUCT, /* bit of enum snp_product */
    POLICY_WORDS_VERSION, /* bit v: report version v */
    POLICY_WORDS_COUNT,
};

/* Words of the list, separated by spaces or commas; none is fine. */
bool policy_words(const char *text, enum policy_words_list list, uint64_t *out);
/* The list's i-th word and its bit; NULL behind the last. */
const char *policy_words_at(enum policy_words_list list, size_t i, uint64_t *bit);
/* At least one. */
bool policy_words_some(const char *text, enum policy_words_list list, uint32_t *out);
/* "1.55.40" (n is 3) or "1.55" (2), each a byte, most significant first. Empty: 0, none is asked.
 */
bool policy_words_numbers(const char *text, int n, uint32_t *out);
/* Exactly n bytes in hex, or nothing: not asked. */
bool policy_words_pin(const char *text, size_t n, struct policy_pin *out);
/* 16 hex digits, or nothing: 0. */
bool policy_words_mask(const char *text, uint64_t *out);

#endif
