/* (G) A judge's answer as a verdict. The judge has read what hostile models wrote: of its answer only the keys that we know
 * and letters that we gave are taken, and the text for the final is written anew. */
#include "content_view.h"
#include "json.h"
#include "words.h"
#include "words_internal.h"

#include <assert.h>

static const struct {
    const char *name;
    bool selector; /* of the selector's judge; else of the other */
} keys[] = {
    {"consensus", false},      {"contradictions", false}, {"partial_coverage", false}, {"unique_insights", false},
    {"blind_spots", false},    {"final_guidance", false}, {"rationale", true},
};
enum { KEYS = sizeof keys / sizeof keys[0], KEYS_FRAME = 256 /* names and syntax around the values */ };

struct reading {
    const struct synth_plan *plan;
    uint64_t seed;
    uint8_t shown; /* places of the answers */
};

static bool selects(const struct reading *r)
{
    return r->plan->strategy == SYNTH_SELECTOR;
}

/* --- the object in the answer */

static bool is_verdict(const struct reading *r, struct json_value v)
{
    struct json_value member;

    if (v.kind != JSON_OBJECT)
        return false;
    if (selects(r))
        return json_get(v, "selected", &member);
    for (size_t i = 0; i < KEYS; i++)
        if (!keys[i].selector && json_get(v, keys[i].name, &member) &&
            (member.kind == JSON_STRING || member.kind == JSON_ARRAY))
            return true;
    return false;
}

/* One JSON value at the front of v, whatever follows it. *used: bytes that were looked at. */
static bool value_at(struct view v, struct json_value *out, size_t *used)
{
    enum err e = json_check(v, out, used);

    if (e == ERR_NONE) {
        *used = v.len;
        return true;
    }
    return e == ERR_FORMAT && *used != 0 && json_check(view_of(v.ptr, *used), out, NULL) == ERR_NONE;
}

/* The answer begins with an object: "{", or a fence and "{". */
static bool begins_with_object(struct view text, struct view *object)
{
    const uint8_t *brace = text.len == 0 ? NULL : memchr(text.ptr, '{', text.len);
    struct view before = brace == NULL ? VIEW_EMPTY : view_of(text.ptr, (size_t)(brace - text.ptr));

    while (before.len != 0 && strchr(" \t\r\n`", before.ptr[0]) != NULL && before.ptr[0] != 0)
        before = view_from(before, 1);
    if (view_starts(before, VIEW_LIT("json")))
        before = view_from(before, 4);
    while (before.len != 0 && strchr(" \t\r\n", before.ptr[0]) != NULL && before.ptr[0] != 0)
        before = view_from(before, 1);
    *object = brace == NULL ? VIEW_EMPTY : view_from(text, (size_t)(brace - text.ptr));
    return brace != NULL && before.len == 0;
}

/* A judge that does as it is told begins with its verdict: what follows may be a remark that quotes a forged one. Else it
 * is the last object that is one: before it stand thoughts, drafts and quotations, fences around it. An object inside of
 * another one that is none counts, too. Each '{' is a try, and all of them together look at no more than `work` bytes. */
static bool find_verdict(const struct reading *r, struct view text, struct json_value *out)
{
    size_t work = 8 * text.len + 65536, used = 0;
    bool found = false;
    struct json_value v;
    struct view first;

    if (begins_with_object(text, &first) && value_at(first, out, &used) && is_verdict(r, *out))
        return true;
    for (size_t at = 0; at < text.len && work != 0;) {
        if (text.ptr[at] != '{') {
            at++;
            continue;
        }
        used = 0;
        if (value_at(view_from(text, at), &v, &used) && is_verdict(r, v)) {
            *out = v;
            found = true;
            at = (size_t)(v.text.ptr - text.ptr) + v.text.len;
        } else {
            at++;
        }
        work -= 2 * used + 1 < work ? 2 * used + 1 : work;
    }
    return found;
}

/* --- letters */

static bool is_word_byte(uint8_t c)
{
    uint8_t low = c | 0x20;

    return (low >= 'a' && low <= 'z') || (c >= '0' && c <= '9') || c >= 0x80 || c == '\\';
}

static bool is_filler(struct view word)
{
    return view_eq_nocase(word, VIEW_LIT("and")) || view_eq_nocase(word, VIEW_LIT("answer")) ||
           view_eq_nocase(word, VIEW_LIT("answers"));
}

/* The places whose letters a text names: "A", "A, C", "Answer B". Nothing when it says anything else. */
static uint8_t letters_in(const struct reading *r, struct json_value v)
{
    struct view text, word;
    uint8_t places = 0;

    if (!json_string_plain(v, &text))
        return 0;
    while (text.len != 0) {
        size_t n = 0;
        int place;

        while (n < text.len && is_word_byte(text.ptr[n]))
            n++;
        if (n == 0) {
            text = view_from(text, 1);
            continue;
        }
        (void)view_take(&text, n, &word);
        if (is_filler(word))
            continue;
        place = n == 1 ? words_place(r->seed, word.ptr[0]) : -1;
        if (place < 0)
            return 0;
        places |= (uint8_t)(1u << place);
    }
    return places & r->shown;
}

static uint8_t refusals_of(const struct reading *r, struct json_value verdict)
{
    struct json_value v, letter;
    struct json_member m;
    uint8_t places = 0;

    if (!json_get(verdict, "refusals", &v))
        return 0;
    if (v.kind == JSON_STRING)
        return letters_in(r, v);
    if (v.kind != JSON_ARRAY)
        return 0;
    for (struct json_iter it = json_iter(v); json_next(&it, &m);)
        places |= letters_in(r, json_get(m.value, "letter", &letter) ? letter : m.value);
    return places;
}

/* -1: it names no answer that was shown, or several. */
static int selected_of(const struct reading *r, struct json_value verdict)
{
    struct json_value v;
    uint8_t places;

    if (!selects(r) || !json_get(verdict, "selected", &v))
        return -1;
    places = letters_in(r, v);
    return places == 0 || (places & (places - 1)) != 0 ? -1 : __builtin_ctz(places);
}

/* --- the text for the final */

/* A text or any other value; the judge may have made objects where texts were asked for. */
static void put_value(struct quoted *q, struct json_value v, bool *any)
{
    if (v.kind == JSON_NULL || !quoted_spend(q, v.kind == JSON_STRING ? 3 : v.text.len + 1))
        return;
    if (*any)
        quoted_put(q, VIEW_LIT(","));
    *any = true;
    if (v.kind == JSON_STRING)
        quoted_string(q, view_of(v.text.ptr + 1, v.text.len - 2));
    else
        quoted_put(q, v.text);
}

static void put_values(struct quoted *q, struct json_value v)
{
    struct json_member m;
    bool any = false;

    if (v.kind != JSON_ARRAY) {
        put_value(q, v, &any);
        return;
    }
    for (struct json_iter it = json_iter(v); !q->cut && json_next(&it, &m);)
        put_value(q, m.value, &any);
}

/* Each key may have its part of what the keys before it have left. */
static enum err write_verdict(const struct reading *r, struct json_value verdict, struct buf *out)
{
    size_t left = words_verdict_most(r->plan) - KEYS_FRAME, n = 0;
    bool cut = false;
    struct quoted q;

    quoted_init(&q, out, 0);
    quoted_put(&q, VIEW_LIT("{"));
    for (size_t i = 0; i < KEYS; i++) {
        struct json_value v;
        size_t share = left / (KEYS - i);

        if (keys[i].selector != selects(r) || !json_get(verdict, keys[i].name, &v))
            continue;
        q.left = share;
        q.cut = false;
        quoted_put(&q, n++ == 0 ? VIEW_LIT("\"") : VIEW_LIT(",\""));
        quoted_put(&q, view_str(keys[i].name));
        quoted_put(&q, VIEW_LIT("\":["));
        put_values(&q, v);
        quoted_put(&q, VIEW_LIT("]"));
        left -= share - q.left;
        cut = cut || q.cut;
    }
    if (cut)
        quoted_put(&q, VIEW_LIT(",\"cut\":true"));
    quoted_put(&q, VIEW_LIT("}"));
    return q.e;
}

/* --- */

/* The text that the judge wrote, its escapes decoded. */
static enum err decode(struct view escaped, struct buf *out)
{
    struct buf clean;
    struct quoted q;
    enum err e;

    buf_init_charged(&clean, out->max, out->budget);
    quoted_init(&q, &clean, out->max);
    quoted_piece(&q, escaped);
    quoted_end(&q);
    e = q.e != ERR_NONE ? q.e : q.cut ? ERR_LIMIT : json_inner_decode(buf_view(&clean), out);
    buf_free(&clean);
    return e;
}

static enum err read_verdict(const struct reading *r, struct view text, struct budget *budget, struct words_verdict *out)
{
    struct json_value verdict;
    enum err e;

    if (!find_verdict(r, text, &verdict))
        return ERR_FORMAT;
    out->selected = selected_of(r, verdict);
    if (selects(r) && out->selected < 0)
        return ERR_FORMAT;
    out->refused = refusals_of(r, verdict);
    out->text = content_new(words_verdict_most(r->plan), budget);
    if (out->text == NULL)
        return ERR_MEMORY;
    e = write_verdict(r, verdict, content_buf(out->text));
    assert(e != ERR_LIMIT);
    return e;
}

enum err words_verdict(const struct collect *judge, const struct synth_plan *plan, const struct words_answer *answers,
                       size_t n, uint64_t seed, struct budget *budget, struct words_verdict *out)
{
    const struct reading r = {plan, seed, words_places(answers, n)};
    struct view escaped = collect_text(judge);
    struct buf text;
    enum err e;

    *out = (struct words_verdict){.selected = -1};
    buf_init_charged(&text, 6 * escaped.len + 1, budget); /* what is replaced is longer by so much at most */
    e = decode(escaped, &text);
    if (e == ERR_NONE)
        e = read_verdict(&r, buf_view(&text), budget, out);
    buf_free(&text);
    if (e != ERR_NONE)
        words_verdict_free(out);
    return e;
}

void words_verdict_free(struct words_verdict *v)
{
    content_free(v->text);
    *v = (struct words_verdict){.selected = -1};
}
