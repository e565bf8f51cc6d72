/* Rules of keys are what a customer wrote: whatever it is, no crash; a range that is accepted is one that the link takes,
 * and holds its own first address and none whose bits differ; a model's rule names what it says and nothing else. */
#include "key_rules.h"
#include "message.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
    if (!ok)
        abort();
}

static void try_range(struct view text)
{
    struct ip_range r;
    uint8_t address[16];

    if (ip_range_parse(text, &r) != ERR_NONE)
        return;
    require(ip_range_ok(&r) && ip_range_has(&r, r.address));
    memcpy(address, r.address, sizeof address);
    if (r.bits > 0) {
        address[(r.bits - 1) / 8] ^= (uint8_t)(0x80 >> (r.bits - 1) % 8); /* the last bit that counts */
        require(!ip_range_has(&r, address));
    }
    if (r.bits < 128) {
        memcpy(address, r.address, sizeof address);
        address[r.bits / 8] ^= (uint8_t)(0x80 >> r.bits % 8); /* the first that does not */
        require(ip_range_has(&r, address));
    }
}

static void try_model(struct view text)
{
    struct key_rules rules = {.set = KEY_RULE_MODELS, .n_models = 1};
    uint8_t word;

    (void)key_privacy_parse(text, &word);
    (void)key_region_parse(text, &word);
    if (!model_rule_ok(text))
        return;
    require(text.len <= LIMIT_MODEL_ID_BYTES && memchr(text.ptr, '/', text.len) != NULL);
    rules.models[0] = model_rule_of(text);
    if (memchr(text.ptr, '*', text.len) == NULL)
        require(key_rules_model(&rules, model_rule_of(text), model_rule_of_author(text)));
    else
        require(rules.models[0] == model_rule_of_author(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool started;

    if (!started && secret_init() != ERR_NONE)
        abort();
    started = true;
    try_range(view_of(data, size));
    try_model(view_of(data, size));
    return 0;
}
