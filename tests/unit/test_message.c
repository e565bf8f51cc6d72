/* Every message of the link: encode then decode gives the same fields, and what is a byte short, a
 * byte long, reserved or out of range is refused. Layouts themselves are pinned by a few literal
 * frames, so that both ends cannot drift together. */
#include "check.h"

#include "message.h"

#include <stdlib.h>

static struct buf out;

static struct view payload(void)
{
    return view_from(buf_view(&out), FRAME_HEADER_BYTES);
}

/* The frame is whole, and its payload is refused when it is one byte shorter or longer. */
#define CHECK_MESSAGE(m, TYPE, ...)                                                                \
    do {                                                                                           \
        struct msg_##m in_ = {__VA_ARGS__}, back_;                                                 \
        struct view all_;                                                                          \
        struct frame f_;                                                                           \
        struct buf again_;                                                                         \
        buf_reset(&out);                                                                           \
        CHECK_INT(msg_##m##_encode(&in_, &out), ERR_NONE);                                         \
        all_ = buf_view(&out);                                                                     \
        CHECK_INT(frame_take(&all_, &f_), ERR_NONE);                                               \
        CHECK_INT(f_.type, TYPE);                                                                  \
        CHECK_INT(all_.len, 0);                                                                    \
        CHECK_INT(msg_##m##_decode(f_.payload, &back_), ERR_NONE);                                 \
        buf_init(&again_, 1 << 21);                                                                \
        CHECK_INT(msg_##m##_encode(&back_, &again_), ERR_NONE);                                    \
        CHECK(view_eq(buf_view(&again_), buf_view(&out)));                                         \
        buf_free(&again_);                                                                         \
        CHECK(msg_##m##_decode(view_of(f_.payload.ptr, f_.payload.len - 1), &back_) != ERR_NONE);  \
        CHECK_INT(buf_append_byte(&out, 0), ERR_NONE);                                             \
        CHECK(msg_##m##_decode(payload(), &back_) != ERR_NONE);                                    \
    } while (0)

/* The encoder refuses and leaves the buffer as it was. */
#define CHECK_REFUSED(m, ...)                                                                      \
    do {                                                                                           \
        struct msg_##m in_ = {__VA_ARGS__};                                                        \
        buf_reset(&out);                                                                           \
        CHECK_INT(buf_append_byte(&out, 'x'), ERR_NONE);                                           \
        CHECK(msg_##m##_encode(&in_, &out) != ERR_NONE);                                           \
        CHECK_INT(out.len, 1);                                                                     \
    } while (0)

static const uint8_t some[4200] = {1, 2, 3};
static const uint8_t many[(LIMIT_USAGE_ATTEMPTS + 1) * USAGE_ATTEMPT_WIRE_BYTES];
static const uint8_t many_parts[(LIMIT_USAGE_PARTS + 1) * USAGE_PART_WIRE_BYTES];

static const struct msg_evidence evidence = {
    .identity = VIEW_LIT("{}"), .report = {some, 1184}, .vek = {some, 700}, .ask = {some, 1}};

/* Two keys behind each other; as many as it says, and no other bytes. */
static void run_own_round_trips(void)
{
    const struct msg_own_key first = {.id = {{1}}, .provider_no = 255, .flags = OWN_KEY_ALWAYS,
                                      .seal_id = {9}, .sealed = view_of(some, OWN_KEY_SEALED_MIN)},
                             second = {.id = {{2}}, .flags = OWN_KEY_FALLBACK,
                                       .sealed = view_of(some, LIMIT_OWN_SEALED_BYTES)};
    struct msg_own_key k = first;
    struct msg_own_keys m;
    struct buf keys;

    buf_init(&keys, 4096);
    CHECK_INT(msg_own_key_put(&keys, &first), ERR_NONE);
    CHECK_INT(msg_own_key_put(&keys, &second), ERR_NONE);
    CHECK_MESSAGE(own_ask, MSG_OWN_ASK, .account = {{1}});
    CHECK_MESSAGE(own_keys, MSG_OWN_KEYS, .account = {{1}}, .version = 7, .fee_ppm = 1000000, .count = 2,
                  .keys = buf_view(&keys));
    CHECK_MESSAGE(own_keys, MSG_OWN_KEYS, .version = 1);
    m = (struct msg_own_keys){.count = 2, .keys = buf_view(&keys)};
    CHECK_INT(msg_own_key_take(&m, &k), ERR_NONE);
    CHECK(id_eq(&k.id, &first.id) && k.provider_no == 255 && k.flags == OWN_KEY_ALWAYS && k.seal_id[0] == 9 &&
          k.sealed.len == OWN_KEY_SEALED_MIN);
    CHECK_INT(msg_own_key_take(&m, &k), ERR_NONE);
    CHECK(id_eq(&k.id, &second.id) && k.sealed.len == LIMIT_OWN_SEALED_BYTES && m.keys.len == 0);
    CHECK_REFUSED(own_keys, .count = 1, .keys = buf_view(&keys)); /* bytes behind the last */
    CHECK_REFUSED(own_keys, .count = 3, .keys = buf_view(&keys));
    CHECK_REFUSED(own_keys, .count = 2, .fee_ppm = 1000001, .keys = buf_view(&keys));
    CHECK_REFUSED(own_keys, .markup_ppm = LIMIT_MARKUP_PPM + 1);
    for (uint32_t markup = 0; markup < 2; markup++) { /* with one it is another frame, and each has one form */
        const struct msg_own_keys priced = {.version = 7, .fee_ppm = 5, .markup_ppm = markup * LIMIT_MARKUP_PPM,
                                            .count = 2, .keys = buf_view(&keys)};
        struct view all;
        struct frame f;

        buf_reset(&out);
        CHECK_INT(msg_own_keys_encode(&priced, &out), ERR_NONE);
        all = buf_view(&out);
        CHECK_INT(frame_take(&all, &f), ERR_NONE);
        CHECK_INT(f.type, markup ? MSG_OWN_PRICED : MSG_OWN_KEYS);
        CHECK((msg_own_priced_decode(f.payload, &m) == ERR_NONE) == (markup == 1));
        CHECK((msg_own_keys_decode(f.payload, &m) == ERR_NONE) == (markup == 0));
        if (markup == 1) {
            CHECK_INT(msg_own_priced_decode(f.payload, &m), ERR_NONE);
            CHECK_INT(m.markup_ppm, LIMIT_MARKUP_PPM);
            CHECK_INT(m.fee_ppm, 5);
            CHECK_INT(m.count, 2);
        }
    }
    k = first;
    k.flags = 4;
    CHECK_INT(msg_own_key_put(&keys, &k), ERR_RANGE);
    k = first;
    k.sealed.len = OWN_KEY_SEALED_MIN - 1;
    CHECK_INT(msg_own_key_put(&keys, &k), ERR_RANGE);
    k.sealed.len = LIMIT_OWN_SEALED_BYTES + 1;
    CHECK_INT(msg_own_key_put(&keys, &k), ERR_RANGE);
    k = first;
    k.provider_no = LIMIT_PROVIDERS;
    CHECK_INT(msg_own_key_put(&keys, &k), ERR_RANGE);
    buf_free(&keys);
    CHECK_MESSAGE(seal_ask, MSG_SEAL_ASK, .leaf = {{1}}, .evidence = evidence);
    CHECK_MESSAGE(seal_give, MSG_SEAL_GIVE, .boot = {{1}}, .sealed = view_of(some, LIMIT_SEAL_GIVE_BYTES));
    CHECK_REFUSED(seal_give, .boot = {{1}}, .sealed = view_of(some, LIMIT_SEAL_GIVE_BYTES + 1));
    CHECK_REFUSED(seal_give, .boot = {{1}}, .sealed = view_of(some, 48));
}

static void run_rules(void)
{
    const struct msg_grant grant = {.key_digest = {{1}}, .key = {{2}}, .account = {{3}}, .lease = {{4}},
                                    .granted_nusd = 5, .lease_ms = 6, .version = 7};
    const struct msg_lease lease = {.key = {{2}}, .lease = {{4}}, .granted_nusd = 5, .status = LEASE_KEY_LIMIT};
    struct key_terms most = {.parts = LIMIT_KEY_PARTS,
                             .parts_version = 9,
                             .rules = {.set = KEY_RULES_ALL, .privacy = KEY_PRIVACY_CONFIDENTIAL,
                                       .region = KEY_REGION_US, .n_models = LIMIT_RULE_MODELS,
                                       .n_ranges = LIMIT_RULE_RANGES}},
                     bad;
    const struct key_terms least = {.parts = 1};

    for (unsigned i = 0; i < LIMIT_RULE_MODELS; i++)
        most.rules.models[i] = i << 20;
    for (unsigned i = 0; i < LIMIT_RULE_RANGES; i++)
        most.rules.ranges[i] = (struct ip_range){{0x20, (uint8_t)i}, 16};
    provider_set_add(&most.rules.providers, LIMIT_PROVIDERS - 1);
    CHECK_MESSAGE(ruled, MSG_RULED, .kind = RULED_GRANT, .grant = grant, .terms = most);
    CHECK_MESSAGE(ruled, MSG_RULED, .kind = RULED_LEASE, .lease = lease, .terms = most);
    CHECK_MESSAGE(ruled, MSG_RULED, .kind = RULED_LEASE, .lease = lease, .terms = least);
    CHECK_REFUSED(ruled, .kind = RULED_KINDS, .terms = least);
    CHECK_REFUSED(ruled, .kind = RULED_GRANT, .grant = grant); /* no parts */
    bad = most;
    bad.rules.n_models = LIMIT_RULE_MODELS + 1;
    CHECK_REFUSED(ruled, .kind = RULED_GRANT, .grant = grant, .terms = bad);
    bad = most;
    bad.rules.set = KEY_RULE_MODELS; /* and there are ranges */
    CHECK_REFUSED(ruled, .kind = RULED_GRANT, .grant = grant, .terms = bad);
    bad = most;
    bad.rules.ranges[3].bits = 4; /* 2003::/4 */
    CHECK_REFUSED(ruled, .kind = RULED_GRANT, .grant = grant, .terms = bad);
    bad = most;
    bad.rules.privacy = KEY_PRIVACIES;
    CHECK_REFUSED(ruled, .kind = RULED_GRANT, .grant = grant, .terms = bad);
    bad = most;
    bad.parts = LIMIT_KEY_PARTS + 1;
    CHECK_REFUSED(ruled, .kind = RULED_GRANT, .grant = grant, .terms = bad);
    CHECK_MESSAGE(key_parts, MSG_KEY_PARTS, .key = {{1}}, .parts = 2, .version = 3);
    CHECK_REFUSED(key_parts, .key = {{1}}, .version = 3);
    CHECK_MESSAGE(rules_known, MSG_RULES_KNOWN, .version = RULES_VERSION);
}

static void run_acme_challenge(void)
{
    const struct view name = VIEW_LIT("api.example.com"), key = VIEW_LIT("tok-en_1.thumb");
    const struct view bad_names[] = {VIEW_LIT("Api.example.com"), VIEW_LIT("a b"), VIEW_LIT("*.a"), VIEW_EMPTY};
    const struct view bad_keys[] = {VIEW_LIT("token"), VIEW_LIT("a.b.c"), VIEW_LIT(".abc"), VIEW_LIT("abc."),
                                    VIEW_LIT("a/b.c"), VIEW_LIT("a.")};
    struct msg_acme_challenge m = {.boot = {{1}}, .name = name, .authorization = key}, other = m;
    struct buf text, again;

    CHECK_MESSAGE(acme_challenge, MSG_ACME_CHALLENGE, .boot = {{1}}, .created_ms = 5, .name = name,
                  .lifetime_s = LIMIT_ACME_CHALLENGE_S, .method = ACME_HTTP_01, .authorization = key,
                  .signature = {7});
    CHECK_REFUSED(acme_challenge, .name = name, .authorization = key, .lifetime_s = LIMIT_ACME_CHALLENGE_S + 1);
    CHECK_REFUSED(acme_challenge, .name = name, .authorization = key, .method = ACME_METHOD_COUNT);
    for (size_t i = 0; i < sizeof bad_names / sizeof bad_names[0]; i++)
        CHECK_REFUSED(acme_challenge, .name = bad_names[i], .authorization = key);
    for (size_t i = 0; i < sizeof bad_keys / sizeof bad_keys[0]; i++)
        CHECK_REFUSED(acme_challenge, .name = name, .authorization = bad_keys[i]);
    /* What is signed: every field but the signature. */
    buf_init(&text, 1024);
    buf_init(&again, 1024);
    other.signature[0] = 1;
    CHECK_INT(msg_acme_challenge_text(&m, &text), ERR_NONE);
    CHECK_INT(msg_acme_challenge_text(&other, &again), ERR_NONE);
    CHECK_BYTES(text.ptr, text.len, again.ptr, again.len);
    CHECK(view_starts(buf_view(&text), VIEW_LIT("tr-acme-challenge/v1\0\1")));
    for (int i = 0; i < 5; i++) {
        other = m;
        *(i == 0 ? &other.boot.b[15] : i == 1 ? (uint8_t *)&other.created_ms : i == 2 ? (uint8_t *)&other.lifetime_s
          : i == 3 ? &other.method : (uint8_t *)&(uint8_t){0}) ^= 1;
        if (i == 4)
            other.authorization.len--;
        buf_reset(&again);
        CHECK_INT(msg_acme_challenge_text(&other, &again), ERR_NONE);
        CHECK(!view_eq(buf_view(&text), buf_view(&again)));
    }
    buf_free(&text);
    buf_free(&again);
}

static void run_round_trips(void)
{
    CHECK_MESSAGE(challenge, MSG_CHALLENGE, .nonce = {9, 8, 7});
    CHECK_MESSAGE(evidence, MSG_EVIDENCE, .identity = VIEW_LIT("{}"), .report = view_of(some, 1184),
                  .vek = view_of(some, 4096), .ask = VIEW_EMPTY);
    CHECK_MESSAGE(accept, MSG_ACCEPT, .session = {{1}}, .reattest_after_ms = 600000, .unix_ms = 5);
    CHECK_MESSAGE(refuse, MSG_REFUSE, .reason = REFUSAL_EXPIRED);
    CHECK_MESSAGE(key_lookup, MSG_KEY_LOOKUP, .key_digest = {{1}}, .need_nusd = 5,
                  .want_nusd = INT64_MAX);
    CHECK_MESSAGE(grant, MSG_GRANT, .key_digest = {{1}}, .key = {{2}}, .account = {{3}},
                  .lease = {{4}}, .granted_nusd = 250000000, .lease_ms = 60000,
                  .requests_per_minute = 60, .tokens_per_minute = 1000, .expires_ms = 9,
                  .version = 10, .own_version = 11);
    CHECK_MESSAGE(no_key, MSG_NO_KEY, .key_digest = {{1}}, .reason = NO_KEY_LIMIT, .version = 1,
                  .most_nusd = 2);
    CHECK_MESSAGE(lease_more, MSG_LEASE_MORE, .key = {{1}}, .lease = {{2}}, .need_nusd = 3,
                  .want_nusd = 1, .returned_nusd = 9);
    CHECK_MESSAGE(lease, MSG_LEASE, .key = {{1}}, .lease = {{2}}, .granted_nusd = 3, .lease_ms = 4,
                  .status = LEASE_GONE, .requests_per_minute = 5, .tokens_per_minute = 6,
                  .expires_ms = 7, .version = 8, .most_nusd = 9, .own_version = UINT64_MAX);
    CHECK_MESSAGE(lease_return, MSG_LEASE_RETURN, .lease = {{1}}, .total_nusd = 0, .final = 1);
    CHECK_MESSAGE(revoke, MSG_REVOKE, .key_digest = {{1}}, .reason = NO_KEY_DISABLED, .version = 3);
    CHECK_MESSAGE(revoke, MSG_REVOKE, .reason = NO_KEY_CHANGED);
    CHECK_MESSAGE(recall, MSG_RECALL, .key = {{1}}, .lease = {{2}}, .need_nusd = 3);
    CHECK_MESSAGE(keys, MSG_KEYS, .count = 2, .keys = view_of(some, 2 * KEYS_WIRE_BYTES));
    CHECK_MESSAGE(secret, MSG_SECRET, .provider_no = 63, .index = 7, .total = 8, .sealed = view_of(some, 49));
    CHECK_MESSAGE(usage, MSG_USAGE, .count = 2, .records = view_of(some, 2 * USAGE_WIRE_BYTES));
    CHECK_MESSAGE(usage_attempts, MSG_USAGE_ATTEMPTS, .count = LIMIT_USAGE_ATTEMPTS,
                  .attempts = view_of(many, LIMIT_USAGE_ATTEMPTS * USAGE_ATTEMPT_WIRE_BYTES));
    CHECK_REFUSED(usage_attempts, .count = 0);
    CHECK_REFUSED(usage_attempts, .count = LIMIT_USAGE_ATTEMPTS + 1,
                  .attempts = view_of(many, (LIMIT_USAGE_ATTEMPTS + 1) * USAGE_ATTEMPT_WIRE_BYTES));
    CHECK_MESSAGE(usage_parts, MSG_USAGE_PARTS, .count = LIMIT_USAGE_PARTS,
                  .parts = view_of(many_parts, LIMIT_USAGE_PARTS * USAGE_PART_WIRE_BYTES));
    CHECK_REFUSED(usage_parts, .count = 0);
    CHECK_REFUSED(usage_parts, .count = 1, .parts = view_of(many_parts, USAGE_PART_WIRE_BYTES - 1));
    CHECK_REFUSED(usage_parts, .count = LIMIT_USAGE_PARTS + 1,
                  .parts = view_of(many_parts, (LIMIT_USAGE_PARTS + 1) * USAGE_PART_WIRE_BYTES));
    CHECK_MESSAGE(usage_ack, MSG_USAGE_ACK, .seq = UINT64_MAX);
    CHECK_MESSAGE(cert, MSG_CERT, .leaf = view_of(some, 1), .ca = view_of(some, 4096));
    CHECK_MESSAGE(ping, MSG_PING, .token = 42);
    CHECK_MESSAGE(health, MSG_HEALTH, .troubles = TROUBLE_ALL);
    CHECK_MESSAGE(health, MSG_HEALTH, .troubles = 0);
    CHECK_MESSAGE(log_proof, MSG_LOG_PROOF, .statement = VIEW_LIT("{}"),
                  .proof = view_of(some, 4200));
    CHECK_MESSAGE(usage_from, MSG_USAGE_FROM, .seq = INT64_MAX, .lapse = 1);
    CHECK_MESSAGE(usage_lost, MSG_USAGE_LOST, .lo = 1, .hi = 1);
    CHECK_MESSAGE(settle_ask, MSG_SETTLE_ASK, .token = UINT64_MAX);
    CHECK_MESSAGE(settled, MSG_SETTLED, .token = UINT64_MAX, .seq = 0);
    CHECK_MESSAGE(place, MSG_PLACE, .name = VIEW_LIT("rack-7/slot~1"));
    CHECK_MESSAGE(relay_ask, MSG_RELAY_ASK, .call = 1, .key_digest = {{1}}, .method = RELAY_DELETE,
                  .openrouter = 1, .path = VIEW_LIT("/keys/ab~"), .query = VIEW_LIT("offset=1"),
                  .body = view_of(some, 4200));
    CHECK_MESSAGE(relay_ask, MSG_RELAY_ASK, .call = UINT64_MAX, .path = VIEW_LIT("/"));
    CHECK_MESSAGE(relay_answer, MSG_RELAY_ANSWER, .call = 1, .status = 200, .retry_ms = 1000,
                  .last = 1, .body = view_of(some, 4200));
    CHECK_MESSAGE(relay_answer, MSG_RELAY_ANSWER, .call = 1, .status = 599);
    CHECK_MESSAGE(relay_next, MSG_RELAY_NEXT, .call = 1, .more = 1);
    CHECK_MESSAGE(claim, MSG_CLAIM, .request = {{1}}, .account = {{2}}, .lease = {{3}},
                  .key = {{4}});
    CHECK_MESSAGE(claimed, MSG_CLAIMED, .request = {{1}}, .status = CLAIM_GRANTED, .first = {{1}});
    CHECK_MESSAGE(claimed, MSG_CLAIMED, .request = {{1}}, .status = CLAIM_USED, .first = {{2}});
    CHECK_MESSAGE(claimed, MSG_CLAIMED, .request = {{1}}, .status = CLAIM_NONE);
    CHECK_MESSAGE(release, MSG_RELEASE, .request = {{1}});
    CHECK_MESSAGE(state, MSG_STATE, .catalog_version = UINT32_MAX, .draining = true, .region = VIEW_LIT("eu-1"), .n = 2,
                  .keys = {{255, 7, KEY_RATE_LIMITED}, {0, 0, KEY_UNAUTHORIZED}});
    CHECK_MESSAGE(state, MSG_STATE, .catalog_version = 0);
    CHECK_MESSAGE(orders, MSG_ORDERS, .drain = true, .keyed = {1, [31] = 128}, .n = 1,
                  .weights = {{255, {1, 100, 1, 1, 1, 1, 1, 7}}});
    CHECK_REFUSED(orders, .n = 1, .weights = {{1, {0, 1, 1, 1, 1, 1, 1, 1}}});
    CHECK_REFUSED(orders, .n = 1, .weights = {{256, {1, 1, 1, 1, 1, 1, 1, 1}}});
    CHECK_REFUSED(orders, .n = LIMIT_PROVIDERS + 1);
    CHECK_REFUSED(state, .region = VIEW_LIT("a b"));
    CHECK_REFUSED(state, .n = STATE_KEYS_MAX + 1);
    CHECK_REFUSED(state, .n = 1, .keys = {{256, 0, 0}});
    CHECK_REFUSED(state, .n = 1, .keys = {{0, 8, 0}});
    CHECK_REFUSED(state, .n = 1, .keys = {{0, 0, KEY_TROUBLES}});
    run_own_round_trips();
}

static void run_encoder_refuses(void)
{
    CHECK_REFUSED(evidence, .identity = view_of(some, 4097), .report = view_of(some, 1184));
    CHECK_REFUSED(evidence, .identity = VIEW_EMPTY, .report = view_of(some, 1184));
    CHECK_REFUSED(accept, .reattest_after_ms = 0);
    CHECK_REFUSED(accept, .reattest_after_ms = LIMIT_REATTEST_MS + 1);
    CHECK_REFUSED(refuse, .reason = REFUSAL_NONE);
    CHECK_REFUSED(refuse, .reason = REFUSAL_COUNT);
    CHECK_REFUSED(key_lookup, .want_nusd = -1);
    CHECK_REFUSED(grant, .granted_nusd = -1);
    CHECK_REFUSED(key_lookup, .need_nusd = -1);
    CHECK_REFUSED(no_key, .reason = NO_KEY_COUNT);
    CHECK_REFUSED(no_key, .reason = NO_KEY_CHANGED); /* no answer, only a push */
    CHECK_REFUSED(no_key, .most_nusd = -1);
    CHECK_REFUSED(lease, .status = LEASE_STATUS_COUNT);
    CHECK_REFUSED(lease_return, .final = 2);
    CHECK_REFUSED(lease_return, .total_nusd = INT64_MIN);
    CHECK_REFUSED(revoke, .reason = NO_KEY_COUNT);
    CHECK_REFUSED(health, .troubles = TROUBLE_ALL + 1);
    CHECK_REFUSED(revoke, .reason = NO_KEY_CREDIT); /* no push, only an answer */
    CHECK_REFUSED(revoke, .reason = NO_KEY_LIMIT);
    CHECK_REFUSED(keys, .count = 0);
    CHECK_REFUSED(keys, .count = 2, .keys = view_of(some, 2 * KEYS_WIRE_BYTES - 1));
    CHECK_REFUSED(keys, .count = LIMIT_KEYS_FRAME + 1);
    CHECK_REFUSED(secret, .provider_no = LIMIT_PROVIDERS, .sealed = view_of(some, 49));
    CHECK_REFUSED(secret, .provider_no = 0, .sealed = view_of(some, 48));
    CHECK_REFUSED(usage, .count = 0);
    CHECK_REFUSED(usage, .count = 2, .records = view_of(some, 2 * USAGE_WIRE_BYTES - 1));
    CHECK_REFUSED(usage, .count = LIMIT_USAGE_BATCH + 1);
    CHECK_REFUSED(cert, .leaf = VIEW_EMPTY, .ca = view_of(some, 1));
    CHECK_REFUSED(log_proof, .statement = VIEW_EMPTY, .proof = view_of(some, 1));
    CHECK_REFUSED(log_proof, .statement = view_of(some, 4097), .proof = view_of(some, 1));
    CHECK_REFUSED(log_proof, .statement = view_of(some, 1), .proof = VIEW_EMPTY);
    CHECK_REFUSED(usage_from, .seq = (uint64_t)INT64_MAX + 1);
    CHECK_REFUSED(usage_from, .seq = 1, .lapse = 2);
    CHECK_REFUSED(usage_lost, .lo = 0, .hi = 1);
    CHECK_REFUSED(usage_lost, .lo = 2, .hi = 1);
    CHECK_REFUSED(usage_lost, .lo = 1, .hi = (uint64_t)INT64_MAX + 1);
    CHECK_REFUSED(settled, .seq = (uint64_t)INT64_MAX + 1);
    CHECK_REFUSED(place, .name = VIEW_EMPTY);
    CHECK_REFUSED(place, .name = VIEW_LIT("rack 7"));
    CHECK_REFUSED(place, .name = VIEW_LIT("rack\xc3"));
    CHECK_REFUSED(relay_ask, .call = 0, .path = VIEW_LIT("/key"));
    CHECK_REFUSED(relay_ask, .call = 1, .path = VIEW_EMPTY);
    CHECK_REFUSED(relay_ask, .call = 1, .path = VIEW_LIT("key"));
    CHECK_REFUSED(relay_ask, .call = 1, .path = VIEW_LIT("/key s"));
    CHECK_REFUSED(relay_ask, .call = 1, .path = VIEW_LIT("/key"), .query = VIEW_LIT("a=\n"));
    CHECK_REFUSED(relay_ask, .call = 1, .path = VIEW_LIT("/key"), .method = RELAY_METHODS);
    CHECK_REFUSED(relay_ask, .call = 1, .path = VIEW_LIT("/key"), .openrouter = 2);
    CHECK_REFUSED(relay_answer, .call = 0, .status = 200);
    CHECK_REFUSED(relay_answer, .call = 1, .status = 199);
    CHECK_REFUSED(relay_answer, .call = 1, .status = 600);
    CHECK_REFUSED(relay_answer, .call = 1, .status = 200, .last = 2);
    CHECK_REFUSED(relay_next, .call = 0, .more = 1);
    CHECK_REFUSED(relay_next, .call = 1, .more = 2);
    CHECK_REFUSED(claimed, .request = {{1}}, .status = CLAIM_GRANTED, .first = {{2}});
    CHECK_REFUSED(claimed, .request = {{1}}, .status = CLAIM_IN_FLIGHT);
    CHECK_REFUSED(claimed, .request = {{1}}, .status = CLAIM_NONE, .first = {{2}});
    CHECK_REFUSED(claimed, .request = {{1}}, .status = CLAIM_STATUS_COUNT, .first = {{1}});
}

/* What may not be longer than its bound. */
static void run_relay_bounds(void)
{
    static const uint8_t long_body[LIMIT_RELAY_BODY_BYTES + 1];
    static char long_path[LIMIT_RELAY_PATH_BYTES + 2];

    memset(long_path, '/', sizeof long_path - 1);
    CHECK_MESSAGE(relay_ask, MSG_RELAY_ASK, .call = 1,
                  .path = view_of(long_path, LIMIT_RELAY_PATH_BYTES),
                  .body = view_of(long_body, LIMIT_RELAY_BODY_BYTES));
    CHECK_REFUSED(relay_ask, .call = 1, .path = view_of(long_path, LIMIT_RELAY_PATH_BYTES + 1));
    CHECK_REFUSED(relay_ask, .call = 1, .path = VIEW_LIT("/"),
                  .body = view_of(long_body, LIMIT_RELAY_BODY_BYTES + 1));
    CHECK_REFUSED(relay_answer, .call = 1, .status = 200,
                  .body = view_of(long_body, LIMIT_RELAY_PIECE_BYTES + 1));
}

/* One byte of a good payload is replaced; the decoder must answer `want`. */
static void run_decoder_refuses(void)
{
    struct msg_lease lease = {.status = 0};
    struct msg_refuse refuse = {.reason = 1};
    struct msg_usage usage = {1, view_of(some, USAGE_WIRE_BYTES)};
    struct msg_lease_return ret = {.final = 0};
    struct msg_key_lookup lookup = {.want_nusd = 0};
    struct msg_revoke revoke = {.reason = NO_KEY_DISABLED};
    struct msg_keys keys = {1, view_of(some, KEYS_WIRE_BYTES)};
    struct msg_accept accept = {.reattest_after_ms = 1};
    struct msg_usage_from from = {.seq = 1};
    struct msg_usage_lost lost = {.lo = 1, .hi = 2};
    struct msg_settled settled = {.seq = 1};
    struct msg_place place = {.name = VIEW_LIT("here")};

#define WITH(m, value, at, byte, want)                                                             \
    do {                                                                                           \
        struct msg_##m back_;                                                                      \
        buf_reset(&out);                                                                           \
        CHECK_INT(msg_##m##_encode(&(value), &out), ERR_NONE);                                     \
        CHECK_INT(msg_##m##_decode(payload(), &back_), ERR_NONE);                                  \
        out.ptr[FRAME_HEADER_BYTES + (at)] = (byte);                                               \
        CHECK_INT(msg_##m##_decode(payload(), &back_), want);                                      \
    } while (0)
    WITH(lease, lease, 44, LEASE_STATUS_COUNT, ERR_RANGE);
    WITH(lease, lease, 32, 0x80, ERR_RANGE); /* negative amount */
    WITH(refuse, refuse, 1, 0, ERR_RANGE);
    WITH(refuse, refuse, 1, REFUSAL_COUNT, ERR_RANGE);
    WITH(usage, usage, 3, 1, ERR_FORMAT); /* reserved */
    WITH(usage, usage, 1, 2, ERR_FORMAT); /* two announced, one there */
    WITH(usage, usage, 1, 0, ERR_RANGE);
    WITH(lease_return, ret, 24, 2, ERR_RANGE);
    WITH(key_lookup, lookup, 32, 0xff, ERR_RANGE);
    WITH(key_lookup, lookup, 40, 0xff, ERR_RANGE);
    WITH(revoke, revoke, 32, NO_KEY_CREDIT, ERR_RANGE);
    WITH(keys, keys, 1, 2, ERR_FORMAT); /* two announced, one there */
    WITH(keys, keys, 3, 1, ERR_FORMAT);
    WITH(accept, accept, 19, 0, ERR_RANGE);
    WITH(usage_from, from, 8, 2, ERR_RANGE);
    WITH(usage_from, from, 0, 0x80, ERR_RANGE);
    WITH(usage_lost, lost, 7, 3, ERR_RANGE); /* 3 to 2 */
    WITH(usage_lost, lost, 7, 0, ERR_RANGE);
    WITH(settled, settled, 8, 0x80, ERR_RANGE);
    WITH(place, place, 2, ' ', ERR_FORMAT);
#undef WITH
}

static void run_literal_frames(void)
{
    struct msg_ping ping = {0x0102030405060708};
    struct msg_usage_ack ack = {258};
    struct msg_refuse refuse = {REFUSAL_DEBUG};

    buf_reset(&out);
    CHECK_INT(msg_ping_encode(&ping, &out), ERR_NONE);
    CHECK_BYTES(out.ptr, out.len, "\0\0\0\10\21\1\0\0\1\2\3\4\5\6\7\10", 16);
    buf_reset(&out);
    CHECK_INT(msg_pong_encode(&ping, &out), ERR_NONE);
    CHECK_BYTES(out.ptr, out.len, "\0\0\0\10\22\1\0\0\1\2\3\4\5\6\7\10", 16);
    buf_reset(&out);
    CHECK_INT(msg_usage_ack_encode(&ack, &out), ERR_NONE);
    CHECK_BYTES(out.ptr, out.len, "\0\0\0\10\17\1\0\0\0\0\0\0\0\0\1\2", 16);
    buf_reset(&out);
    CHECK_INT(msg_refuse_encode(&refuse, &out), ERR_NONE);
    CHECK_BYTES(out.ptr, out.len, "\0\0\0\2\4\1\0\0\0\20", 10);
    buf_reset(&out);
    CHECK_INT(msg_bye_encode(&out), ERR_NONE);
    CHECK_BYTES(out.ptr, out.len, "\0\0\0\0\23\1\0\0", 8);
}

static void run_frames(void)
{
    static const struct {
        const char *bytes;
        size_t len;
        enum err want;
    } cases[] = {
        {"", 0, ERR_SHORT},
        {"\0\0\0\0\23\1\0", 7, ERR_SHORT},
        {"\0\0\0\0\23\1\0\0", 8, ERR_NONE},
        {"\0\0\0\1\23\1\0\0", 8, ERR_SHORT},
        {"\0\0\0\0\0\1\0\0", 8, ERR_VERSION},  /* type 0 */
        {"\0\0\0\0\62\1\0\0", 8, ERR_NONE},    /* type 50, the last */
        {"\0\0\0\0\64\1\0\0", 8, ERR_VERSION}, /* type 52 */
        {"\0\0\0\0\23\2\0\0", 8, ERR_VERSION}, /* version 2 */
        {"\0\0\0\0\23\1\0\1", 8, ERR_FORMAT},  /* reserved */
        {"\0\20\0\1\23\1\0\0", 8, ERR_LIMIT},  /* 2^20 + 1 */
        {"\0\20\0\0\23\1\0\0", 8, ERR_SHORT},  /* 2^20 exactly */
        {"\377\377\377\377\23\1\0\0", 8, ERR_LIMIT},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct view in = view_of(cases[i].bytes, cases[i].len);
        struct frame f;

        CHECK_INT(frame_take(&in, &f), cases[i].want);
        CHECK_INT(in.len, cases[i].want == ERR_NONE ? 0 : cases[i].len);
    }
}

/* Two frames, delivered at every possible split, come out whole and in order. */
static void run_frames_split(void)
{
    struct msg_ping ping = {1};
    struct msg_usage_ack ack = {2};

    buf_reset(&out);
    CHECK_INT(msg_ping_encode(&ping, &out), ERR_NONE);
    CHECK_INT(msg_usage_ack_encode(&ack, &out), ERR_NONE);
    for (size_t cut = 0; cut <= out.len; cut++) {
        struct view in = view_of(out.ptr, cut);
        struct frame f;
        unsigned got = 0;

        while (frame_take(&in, &f) == ERR_NONE)
            CHECK_INT(f.type, got++ == 0 ? MSG_PING : MSG_USAGE_ACK);
        CHECK_INT(got, cut / 16);
    }
}

/* --- the catalog */

static struct catalog_model models[4];
static struct catalog_endpoint endpoints[3];
static struct catalog_alias aliases[2];
static struct catalog_synth synths[2];
static struct catalog catalog;

/* Every member has a value of its own somewhere, so that a codec that mixes two of them up shows. */
static void catalog_reset(void)
{
    models[0] = (struct catalog_model){
        .no = 1, .id = "demo/one", .name = "Demo One", .description = "A model that says \"one\".",
        .context_length = 1000, .max_output = 100, .created = 1700000000, .knowledge_day = 19000,
        .facts_day = 20700, .capabilities = CAP_TOOLS | CAP_EMBEDDINGS, .kind = KIND_RERANK,
        .inputs = MEDIUM_TEXT | MEDIUM_FILE, .outputs = MEDIUM_AUDIO, .open_weights = KNOWN_YES,
        .gates = {.bits = MODEL_GATES_ALL, .efforts = 0x55, .budget_min = 128, .budget_max = 32768},
        .fallback = {2}, .n_fallbacks = 1};
    models[1] = (struct catalog_model){.no = 2, .id = "demo/two", .context_length = 2000, .max_output = 200,
                                       .created = 1700000001};
    endpoints[0] = (struct catalog_endpoint){
        .no = 10, .model_no = 1, .provider_no = 0, .weight = 1, .upstream_model = "one-a",
        .source = "a list, of a day", .source_day = 20701, .retires_day = 20900, .price_version = 5, .context_length = 900,
        .max_output = 90, .lacks = CAP_TOOLS, .quantization = QUANTIZATION_FP8, .retains_data = true,
        .price = {.n_tiers = 2,
                  .tier = {{200000, 0, 0, 31, 32, 33, 34}, {0, 990, 30, 41, 42, 43, 44}}}};
    int64_t n = 1;
#define NUMBER(class, as) endpoints[0].price.class##_pusd = n++;
    PRICE_CLASSES(NUMBER)
#undef NUMBER
#define NUMBER(unit, what) endpoints[0].price.unit##_nusd = n++;
    PRICE_UNITS(NUMBER)
#undef NUMBER
    endpoints[1] = (struct catalog_endpoint){.no = 11, .model_no = 1, .provider_no = 1,
                                             .upstream_model = "one-b", .price_version = 1};
    endpoints[2] = (struct catalog_endpoint){.no = 12, .model_no = 2, .provider_no = LIMIT_PROVIDERS - 1,
                                             .weight = 65535, .upstream_model = "two",
                                             .price.prompt_pusd = INT64_MAX, .price_version = 1};
    aliases[0] = (struct catalog_alias){.id = "~demo/latest", .model = {2, 1}, .n_models = 2,
                                        .wants = ALIAS_EU | ALIAS_NO_RETENTION,
                                        .sort = ALIAS_SORT_THROUGHPUT, .listed = true};
    models[2] = (struct catalog_model){.no = 3, .id = "demo/three", .kind = KIND_SYNTH};
    models[3] = (struct catalog_model){.no = 4, .id = "demo/four", .kind = KIND_SYNTH};
    aliases[1] = (struct catalog_alias){.id = "demo/four-latest", .model = {4}, .n_models = 1};
    synths[0] = (struct catalog_synth){
        .model_no = 4, .preset = SYNTH_PRESET_FRONTIER, .code = true, .panel_tokens = 101, .judge_tokens = 102,
        .final_tokens = 103, .n_panel = 3, .panel = {"demo/one", "~demo/latest", "demo/gone"}, .n_judges = 2,
        .judges = {"demo/two", "demo/one"}, .n_finals = 1, .finals = {"demo/last"}};
    synths[1] = (struct catalog_synth){
        .model_no = 3, .preset = SYNTH_PRESET_FRONTIER, .generic = true, .panel_tokens = 1, .judge_tokens = 1,
        .final_tokens = UINT32_MAX, .n_panel = 1, .panel = {"demo/one"}, .n_judges = 1, .judges = {"demo/one"},
        .n_finals = 8, .finals = {"f/1", "f/2", "f/3", "f/4", "f/5", "f/6", "f/7", "f/8"}};
    catalog = (struct catalog){.version = 7, .models = models, .n_models = 4, .endpoints = endpoints,
                               .n_endpoints = 3, .aliases = aliases, .n_aliases = 2, .synths = synths, .n_synths = 2};
    buf_reset(&out);
}

static void run_catalog_round_trip(void)
{
    struct catalog back;
    struct digest32 want;
    struct buf again;

    catalog_reset();
    CHECK_INT(catalog_pack(&catalog, &out), ERR_NONE);
    CHECK_INT(catalog_decode(buf_view(&out), &back), ERR_NONE);
    CHECK_INT(back.version, 7);
    CHECK_INT(back.n_models, 4);
    CHECK_INT(back.n_endpoints, 3);
    CHECK_INT(back.n_aliases, 2);
    CHECK_INT(back.n_synths, 2);
    /* What came back is written as the same bytes, and stands in its own members. */
    buf_init(&again, LIMIT_CATALOG_BYTES);
    CHECK_INT(catalog_pack(&back, &again), ERR_NONE);
    CHECK(view_eq(buf_view(&again), buf_view(&out)));
    buf_free(&again);
    CHECK(strcmp(back.models[0].description, models[0].description) == 0 && back.models[1].name[0] == '\0');
    CHECK(back.models[0].knowledge_day == 19000 && back.models[0].facts_day == 20700);
    CHECK(back.models[0].gates.budget_min == 128 && back.models[0].gates.budget_max == 32768);
    CHECK(strcmp(back.endpoints[0].source, "a list, of a day") == 0 && back.endpoints[0].retains_data);
    CHECK(back.endpoints[0].source_day == 20701 && back.endpoints[0].retires_day == 20900);
#define SAME(class, as) CHECK_INT(back.endpoints[0].price.class##_pusd, endpoints[0].price.class##_pusd);
    PRICE_CLASSES(SAME)
#undef SAME
    CHECK(back.endpoints[0].price.tier[1].from_minute == 990 && back.endpoints[0].price.tier[1].until_minute == 30);
    CHECK_INT(back.endpoints[2].price.prompt_pusd, INT64_MAX);
    CHECK(back.aliases[0].model[0] == 2 && back.aliases[0].sort == ALIAS_SORT_THROUGHPUT && back.aliases[0].listed);
    CHECK(back.synths[0].model_no == 4 && back.synths[0].preset == SYNTH_PRESET_FRONTIER && back.synths[0].code &&
          !back.synths[0].generic && !back.synths[1].code && back.synths[1].generic);
    CHECK(back.synths[0].panel_tokens == 101 && back.synths[0].judge_tokens == 102 &&
          back.synths[0].final_tokens == 103 && back.synths[1].final_tokens == UINT32_MAX);
    CHECK(back.synths[0].n_panel == 3 && strcmp(back.synths[0].panel[1], "~demo/latest") == 0 &&
          back.synths[0].n_judges == 2 && strcmp(back.synths[0].judges[1], "demo/one") == 0 &&
          back.synths[1].n_finals == 8 && strcmp(back.synths[1].finals[7], "f/8") == 0);
    digest_sha256(buf_view(&out), &want);
    CHECK(memcmp(&want, &back.digest, 32) == 0);
    catalog_free(&back);
    CHECK(back.models == NULL && back.synths == NULL);
    catalog_free(&back);
    /* trailing, short */
    CHECK_INT(catalog_decode(view_of(out.ptr, out.len - 1), &back), ERR_FORMAT);
    CHECK_INT(buf_append_byte(&out, 0), ERR_NONE);
    CHECK_INT(catalog_decode(buf_view(&out), &back), ERR_FORMAT);
    /* one without orchestrations is what it was before there were any: it ends with its aliases */
    catalog_reset();
    catalog.n_models = 2;
    catalog.n_aliases = 1;
    catalog.n_synths = 0;
    CHECK_INT(catalog_pack(&catalog, &out), ERR_NONE);
    CHECK(out.ptr[out.len - 5] == 2 && out.ptr[out.len - 1] == 1); /* the alias's models */
    CHECK_INT(catalog_decode(buf_view(&out), &back), ERR_NONE);
    CHECK(back.n_synths == 0 && back.synths == NULL);
    catalog_free(&back);
    CHECK_INT(buf_append(&out, view_of("\0\0", 2)), ERR_NONE); /* no list of none */
    CHECK_INT(catalog_decode(buf_view(&out), &back), ERR_LIMIT);
    CHECK_INT(catalog_decode(view_of(out.ptr, out.len - 1), &back), ERR_FORMAT);
    /* empty is legal */
    catalog = (struct catalog){.version = 1};
    buf_reset(&out);
    CHECK_INT(catalog_pack(&catalog, &out), ERR_NONE);
    CHECK_INT(catalog_decode(buf_view(&out), &back), ERR_NONE);
    CHECK_INT(back.n_models, 0);
    catalog_free(&back);
}

/* Any byte may be any other one: a count that is too large is refused before it is the bound of a loop, and
 * what is taken is written as the same bytes. */
static void run_catalog_any_byte(void)
{
    static const uint8_t others[] = {0, 1, 0x7f, 0xff};
    struct catalog back;
    struct buf again;
    size_t n;

    catalog_reset();
    CHECK_INT(catalog_pack(&catalog, &out), ERR_NONE);
    n = out.len;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < sizeof others; k++) {
            uint8_t was = out.ptr[i];

            out.ptr[i] = others[k];
            if (catalog_decode(buf_view(&out), &back) == ERR_NONE) {
                buf_init(&again, LIMIT_CATALOG_BYTES);
                CHECK_INT(catalog_pack(&back, &again), ERR_NONE);
                CHECK(view_eq(buf_view(&again), buf_view(&out)));
                buf_free(&again);
                catalog_free(&back);
            }
            out.ptr[i] = was;
        }
}

static void run_catalog_refuses(void)
{
#define REFUSE(change, want)                                                                       \
    do {                                                                                           \
        catalog_reset();                                                                           \
        change;                                                                                    \
        CHECK_INT(catalog_encode(&catalog, &out), want);                                           \
        CHECK_INT(out.len, 0);                                                                     \
    } while (0)
    REFUSE(models[1].no = 1, ERR_FORMAT);
    REFUSE(models[1].no = 0, ERR_FORMAT);
    REFUSE(strcpy(models[1].id, "demo/one"), ERR_FORMAT);
    REFUSE(strcpy(models[1].id, "demo two"), ERR_FORMAT);
    REFUSE(models[1].id[0] = '\0', ERR_FORMAT);
    REFUSE(models[1].name[0] = '\n', ERR_FORMAT);
    REFUSE(models[1].description[0] = '\x80', ERR_FORMAT);
    REFUSE(memset(models[1].id, 'a', sizeof models[1].id), ERR_FORMAT);
    REFUSE(models[1].capabilities = 32, ERR_RANGE);
    REFUSE(models[1].kind = KIND_COUNT, ERR_RANGE);
    REFUSE(models[1].inputs = 32, ERR_RANGE);
    REFUSE(models[1].outputs = 32, ERR_RANGE);
    REFUSE(models[1].open_weights = 3, ERR_RANGE);
    REFUSE(models[1].gates.bits = (uint32_t)MODEL_GATES_ALL + 1, ERR_RANGE);
    REFUSE(models[1].gates.efforts = 128, ERR_RANGE);
    REFUSE(models[0].gates.budget_min = 32769, ERR_RANGE);
    REFUSE(models[0].fallback[0] = 3, ERR_FORMAT);
    REFUSE(models[0].fallback[0] = 1, ERR_FORMAT);
    REFUSE(models[0].n_fallbacks = CATALOG_FALLBACKS + 1, ERR_FORMAT);
    REFUSE(endpoints[2].no = 10, ERR_FORMAT);
    REFUSE(endpoints[2].no = 0, ERR_FORMAT);
    REFUSE(endpoints[2].model_no = 3, ERR_FORMAT);
    REFUSE(endpoints[2].provider_no = LIMIT_PROVIDERS, ERR_RANGE);
    REFUSE(endpoints[2].price.cached_pusd = -1, ERR_RANGE);
    REFUSE(endpoints[2].price.query_nusd = -1, ERR_RANGE);
    REFUSE(endpoints[0].price.tier[1].cache_write_pusd = -1, ERR_RANGE);
    REFUSE(endpoints[0].price.tier[1].from_minute = 1440, ERR_RANGE);
    REFUSE(endpoints[0].price.tier[1].until_minute = 1441, ERR_RANGE);
    REFUSE(endpoints[0].price.n_tiers = PRICE_TIERS_MAX + 1, ERR_RANGE);
    REFUSE(endpoints[0].lacks = 32, ERR_RANGE);
    REFUSE(endpoints[0].quantization = QUANTIZATION_COUNT, ERR_RANGE);
    REFUSE(endpoints[0].source[0] = '\t', ERR_FORMAT);
    REFUSE(strcpy(aliases[0].id, "demo/two"), ERR_FORMAT);
    REFUSE(aliases[0].model[1] = 3, ERR_FORMAT);
    REFUSE(aliases[0].n_models = 0, ERR_RANGE);
    REFUSE(aliases[0].n_models = CATALOG_ALIAS_MODELS + 1, ERR_FORMAT);
    REFUSE(aliases[0].wants = 32, ERR_RANGE);
    REFUSE(aliases[0].sort = ALIAS_SORT_COUNT, ERR_RANGE);
    REFUSE(synths[0].model_no = 3, ERR_FORMAT); /* two rows of one, none of the other */
    REFUSE(synths[0].model_no = 2, ERR_FORMAT); /* no model of that kind */
    REFUSE(synths[0].model_no = 9, ERR_FORMAT);
    REFUSE(catalog.n_synths = 1, ERR_FORMAT);
    REFUSE(models[3].kind = KIND_CHAT, ERR_FORMAT);
    REFUSE(endpoints[1].model_no = 4, ERR_FORMAT);
    REFUSE((models[3].n_fallbacks = 1, models[3].fallback[0] = 1), ERR_FORMAT);
    REFUSE(models[0].fallback[0] = 4, ERR_FORMAT);
    REFUSE((aliases[1].n_models = 2, aliases[1].model[1] = 1), ERR_FORMAT);
    REFUSE(synths[0].code = false, ERR_FORMAT); /* the same preset twice */
    REFUSE(synths[0].preset = SYNTH_PRESET_COUNT, ERR_FORMAT);
    REFUSE(strcpy(synths[0].panel[2], "demo/three"), ERR_FORMAT);
    REFUSE(strcpy(synths[1].panel[0], "demo/three"), ERR_FORMAT); /* itself */
    REFUSE(strcpy(synths[0].judges[0], "demo/four-latest"), ERR_FORMAT);
    REFUSE(strcpy(synths[0].finals[0], "demo/four-latest"), ERR_FORMAT);
    REFUSE(strcpy(synths[0].panel[2], "demo gone"), ERR_FORMAT);
    REFUSE(synths[0].panel[2][0] = '\0', ERR_FORMAT);
    REFUSE(memset(synths[0].panel[2], 'a', sizeof synths[0].panel[2]), ERR_FORMAT);
    REFUSE(synths[0].n_panel = 0, ERR_FORMAT);
    REFUSE(synths[0].n_judges = CATALOG_SYNTH_MODELS + 1, ERR_FORMAT);
    REFUSE(synths[0].n_finals = 0, ERR_FORMAT);
    REFUSE(synths[0].panel_tokens = 0, ERR_RANGE);
    REFUSE(synths[0].judge_tokens = 0, ERR_RANGE);
    REFUSE(synths[0].final_tokens = 0, ERR_RANGE);
    REFUSE(catalog.n_synths = CATALOG_SYNTHS + 1, ERR_LIMIT);
    REFUSE(catalog.n_models = LIMIT_MODELS + 1, ERR_LIMIT);
    REFUSE(catalog.n_endpoints = LIMIT_ENDPOINTS + 1, ERR_LIMIT);
    REFUSE(catalog.n_aliases = LIMIT_ALIASES + 1, ERR_LIMIT);
#undef REFUSE
}

/* What the encoder never writes, the decoder must still refuse: patch the bytes. */
static void run_catalog_decoder_refuses(void)
{
    struct catalog back;
    size_t n;

    catalog_reset();
    catalog.n_models = 2;
    catalog.n_aliases = 0;
    catalog.n_synths = 0;
    CHECK_INT(catalog_pack(&catalog, &out), ERR_NONE);
    n = out.len;
#define PATCH(at, value, want)                                                                     \
    do {                                                                                           \
        uint8_t was_ = out.ptr[at];                                                                \
                                                                                                   \
        out.ptr[at] = value;                                                                       \
        CHECK_INT(catalog_decode(buf_view(&out), &back), want);                                    \
        out.ptr[at] = was_;                                                                        \
    } while (0)
    PATCH(13, 2, ERR_FORMAT);        /* the first model's number becomes the second's */
    PATCH(15, 0, ERR_FORMAT);        /* NUL in an id */
    PATCH(n - 1, 2, ERR_RANGE);      /* neither true nor false */
    PATCH(n - 2, QUANTIZATION_COUNT, ERR_RANGE);
    PATCH(n - 4, 0x80, ERR_RANGE);   /* a capability that nobody knows */
    PATCH(n - 17, 5, ERR_RANGE);     /* more tiers than there may be */
    PATCH(n - 25, 0x80, ERR_RANGE);  /* the last price becomes negative */
    PATCH(4, 4, ERR_LIMIT);          /* 1026 models announced */
    PATCH(8, 3, ERR_LIMIT);          /* 768 aliases */
#undef PATCH
    CHECK_INT(catalog_decode(buf_view(&out), &back), ERR_NONE);
    catalog_free(&back);
}

static void full_synth(struct catalog_synth *s, uint32_t model_no)
{
    *s = (struct catalog_synth){.model_no = model_no, .panel_tokens = 1, .judge_tokens = 1, .final_tokens = 1,
                                .n_panel = CATALOG_SYNTH_MODELS, .n_judges = CATALOG_SYNTH_MODELS,
                                .n_finals = CATALOG_SYNTH_MODELS};
    for (unsigned i = 0; i < CATALOG_SYNTH_MODELS; i++) {
        memset(s->panel[i], 'p', LIMIT_MODEL_ID_BYTES);
        memset(s->judges[i], 'j', LIMIT_MODEL_ID_BYTES);
        memset(s->finals[i], 'f', LIMIT_MODEL_ID_BYTES);
    }
}

/* The largest legal catalog; the caller frees it. */
static struct catalog full_catalog(void)
{
    const uint32_t plain = LIMIT_MODELS - CATALOG_SYNTHS; /* the last models are made of others */
    struct catalog c = {.version = 9, .n_models = LIMIT_MODELS, .n_endpoints = LIMIT_ENDPOINTS,
                        .n_aliases = LIMIT_ALIASES, .n_synths = CATALOG_SYNTHS};

    c.models = calloc(c.n_models, sizeof *c.models);
    c.endpoints = calloc(c.n_endpoints, sizeof *c.endpoints);
    c.aliases = calloc(c.n_aliases, sizeof *c.aliases);
    c.synths = calloc(c.n_synths, sizeof *c.synths);
    for (uint32_t i = 0; i < c.n_synths; i++)
        full_synth(&c.synths[i], LIMIT_MODELS - i);
    for (uint32_t i = 0; i < c.n_models; i++) {
        struct catalog_model *m = &c.models[i];

        m->no = i + 1;
        memset(m->id, 'm', LIMIT_MODEL_ID_BYTES);
        memset(m->name, 'n', LIMIT_MODEL_ID_BYTES);
        memset(m->description, 'd', LIMIT_DESCRIPTION_BYTES);
        m->kind = i < plain ? KIND_CHAT : KIND_SYNTH;
        m->n_fallbacks = i < plain ? CATALOG_FALLBACKS : 0;
        for (uint32_t f = 0; f < m->n_fallbacks; f++)
            m->fallback[f] = (i + 1 + f) % plain + 1;
        snprintf(m->id + LIMIT_MODEL_ID_BYTES - 4, 5, "%04u", (unsigned)i % 10000);
    }
    for (uint32_t i = 0; i < c.n_endpoints; i++) {
        c.endpoints[i].no = i + 1;
        c.endpoints[i].model_no = i % plain + 1;
        c.endpoints[i].price.n_tiers = PRICE_TIERS_MAX;
        memset(c.endpoints[i].upstream_model, 'u', LIMIT_MODEL_ID_BYTES);
        memset(c.endpoints[i].source, 's', LIMIT_SOURCE_BYTES);
    }
    for (uint32_t i = 0; i < c.n_aliases; i++) {
        memset(c.aliases[i].id, 'a', LIMIT_MODEL_ID_BYTES);
        snprintf(c.aliases[i].id + LIMIT_MODEL_ID_BYTES - 4, 5, "%04u", (unsigned)i % 10000);
        c.aliases[i].n_models = CATALOG_ALIAS_MODELS;
        for (uint32_t k = 0; k < CATALOG_ALIAS_MODELS; k++)
            c.aliases[i].model[k] = k + 1;
    }
    return c;
}

/* Feed frames from `from` on; the verdict of the last one that was taken. */
static enum err parts_feed(struct view frames, struct catalog_parts *p, struct catalog *back, bool *whole)
{
    enum err e = ERR_NONE;
    struct frame f;

    while (e == ERR_NONE && frame_take(&frames, &f) == ERR_NONE) {
        CHECK_INT(f.type, MSG_CATALOG);
        e = catalog_parts_take(p, f.payload, back, whole);
    }
    return e;
}

static void run_catalog_full_fits(void)
{
    struct catalog full = full_catalog(), back;
    struct catalog_parts parts = {0};
    struct buf frames;
    bool whole = false;

    buf_init(&frames, CATALOG_FRAMES_MAX);
    CHECK_INT(catalog_encode(&full, &frames), ERR_NONE);
    CHECK(frames.len > LIMIT_FRAME_BYTES); /* else the parts are not tried */
    CHECK_INT(parts_feed(buf_view(&frames), &parts, &back, &whole), ERR_NONE);
    CHECK(whole);
    CHECK_INT(parts.parts, 0); /* ready for the next */
    CHECK_INT(back.n_endpoints, LIMIT_ENDPOINTS);
    CHECK_INT(back.n_aliases, LIMIT_ALIASES);
    CHECK_INT(back.n_synths, CATALOG_SYNTHS);
    buf_reset(&out);
    CHECK_INT(catalog_pack(&back, &out), ERR_NONE);
    CHECK(out.len > LIMIT_FRAME_BYTES && out.len <= LIMIT_CATALOG_BYTES);
    catalog_free(&back);
    catalog_free(&full);
    buf_free(&frames);
}

/* Parts that are not the next of the same catalog. The head of a part: version, number, how many. */
static void run_catalog_parts_refuse(void)
{
    static const struct {
        size_t at;
        uint8_t value;
        size_t part;
    } cases[] = {
        {3, 8, 1},  /* of another version */
        {5, 2, 1},  /* one was left out */
        {5, 0, 1},  /* the first again */
        {7, 3, 1},  /* of another number of parts */
        {7, 0, 0},  /* of none */
        {7, LIMIT_CATALOG_PARTS + 1, 0},
        {5, 1, 0},  /* begins in the middle */
        {3, 8, 0},  /* all of a version that the bytes do not say: at the end */
    };
    struct catalog full = full_catalog(), back;
    struct buf frames, wrong;

    buf_init(&frames, CATALOG_FRAMES_MAX);
    buf_init(&wrong, CATALOG_FRAMES_MAX);
    CHECK_INT(catalog_encode(&full, &frames), ERR_NONE);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct catalog_parts parts = {0};
        struct view rest = buf_view(&frames);
        struct frame f;
        bool whole = false, last = i + 1 == sizeof cases / sizeof cases[0];

        buf_reset(&wrong);
        CHECK_INT(buf_append(&wrong, buf_view(&frames)), ERR_NONE);
        for (size_t k = 0; frame_take(&rest, &f) == ERR_NONE; k++)
            if (k == cases[i].part || last)
                wrong.ptr[(size_t)(f.payload.ptr - frames.ptr) + cases[i].at] = cases[i].value;
        CHECK_INT(parts_feed(buf_view(&wrong), &parts, &back, &whole), ERR_FORMAT);
        CHECK(!whole);
        CHECK(parts.bytes.ptr == NULL); /* nothing is kept of it */
        CHECK_INT(parts_feed(buf_view(&frames), &parts, &back, &whole), ERR_NONE);
        CHECK(whole);
        catalog_free(&back);
    }
    buf_free(&wrong);
    buf_free(&frames);
    catalog_free(&full);
}

static void run_refusal_names(void)
{
    for (int i = 0; i < REFUSAL_COUNT; i++)
        for (int j = 0; j < i; j++)
            CHECK(strcmp(refusal_name((enum refusal)i), refusal_name((enum refusal)j)) != 0);
    CHECK(strcmp(refusal_name(REFUSAL_MEASUREMENT), "measurement") == 0);
    CHECK(strcmp(refusal_name(REFUSAL_COUNT), "unknown") == 0);
}

static const struct check_case cases[] = {
    {"message_round_trips", run_round_trips},
    {"message_rules", run_rules},
    {"message_acme_challenge", run_acme_challenge},
    {"message_encoder_refuses", run_encoder_refuses},
    {"message_relay_bounds", run_relay_bounds},
    {"message_decoder_refuses", run_decoder_refuses},
    {"message_literal_frames", run_literal_frames},
    {"message_frames", run_frames},
    {"message_frames_split", run_frames_split},
    {"message_catalog_round_trip", run_catalog_round_trip},
    {"message_catalog_any_byte", run_catalog_any_byte},
    {"message_catalog_refuses", run_catalog_refuses},
    {"message_catalog_decoder_refuses", run_catalog_decoder_refuses},
    {"message_catalog_full_fits", run_catalog_full_fits},
    {"message_catalog_parts_refuse", run_catalog_parts_refuse},
    {"message_refusal_names", run_refusal_names},
};

int main(int argc, char **argv)
{
    if (secret_init() != ERR_NONE)
        return 1;
    buf_init(&out, 4 << 20);
    return check_main(cases, sizeof cases / sizeof cases[0], argc, argv);
}
