/* What a judge says, whatever it is: no verdict, or one JSON object of the keys that we know within its bound, with letters
 * of answers that were shown. The first byte says the strategy and which answers there are, the second is the seed; what
 * follows is the judge's text, plain or (by the first bit) as it stands between a string's quotes. */
#include "content_view.h"
#include "json.h"
#include "message.h"
#include "words.h"

#include <stdlib.h>

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void say(struct collect *c, struct view text)
{
    const struct event e = {.kind = EVENT_TEXT, .text = text};

    collect_init(c, NULL, 1 << 20);
    must(collect_take(c, &e) == ERR_NONE);
}

static void check_keys(struct json_value root)
{
    static const char *const keys[] = {"consensus",   "contradictions", "partial_coverage", "unique_insights",
                                       "blind_spots", "final_guidance", "rationale",        "cut"};
    struct json_iter it = json_iter(root);
    struct json_member m;

    while (json_next(&it, &m)) {
        bool known = false;

        for (size_t i = 0; i < 8; i++)
            known = known || json_key_is(m.key, keys[i]);
        must(known && (m.value.kind == JSON_ARRAY || m.value.kind == JSON_TRUE));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct catalog_synth row = {0};
    struct synth_plan plan = {.panel_tokens = 1 << 16, .judge_tokens = 1 << 16, .row = &row};
    struct collect answer, judge;
    struct words_answer answers[4];
    struct words_verdict v;
    struct json_value root;
    struct buf escaped;
    uint8_t places = 0;
    size_t n = 0;
    enum err e;

    if (size < 2)
        return 0;
    plan.strategy = data[0] & 2 ? SYNTH_SELECTOR : SYNTH_NON_REFUSALS;
    say(&answer, VIEW_LIT("x"));
    for (uint8_t k = 0; k < 4; k++)
        if (data[0] >> (4 + k) & 1) {
            answers[n++] = (struct words_answer){&answer, (uint8_t)(2 * k), false};
            places |= (uint8_t)(1 << 2 * k);
        }
    buf_init(&escaped, 8 * size + 16);
    must(buf_append_json_string(&escaped, view_of(data + 2, size - 2)) == ERR_NONE);
    say(&judge, data[0] & 1 ? view_of(data + 2, size - 2) : view_of(escaped.ptr + 1, escaped.len - 2));
    e = words_verdict(&judge, &plan, answers, n, data[1], NULL, &v);
    must(e == ERR_NONE || e == ERR_FORMAT);
    if (e == ERR_NONE) {
        must(content_len(v.text) <= WORDS_VERDICT_MAX);
        e = json_check(content_bytes(v.text), &root, NULL);
        must(e == ERR_NONE && root.kind == JSON_OBJECT);
        check_keys(root);
        must((v.refused & ~places) == 0);
        must(plan.strategy == SYNTH_SELECTOR ? v.selected >= 0 && (places >> v.selected & 1) : v.selected == -1);
    }
    words_verdict_free(&v);
    collect_free(&judge);
    collect_free(&answer);
    buf_free(&escaped);
    return 0;
}
