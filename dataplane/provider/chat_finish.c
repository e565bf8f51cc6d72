/* (G) Finish reasons: the words of all providers, and the one of OpenAI's that a client is told. A
 * reason that nobody knows becomes "length", never "stop": something may be missing. */
#include "chat_parts.h"

#include "content_view.h"

enum { REASON_WORD_MAX = 48 }; /* letters and digits; the longest known has 30 */

/* Words without what is no letter or digit, in lower case: "MAX_TOKENS", "max-tokens" and "maxTokens"
 * are one. */
static const struct {
    const char *word;
    enum usage_finish finish;
} reasons[] = {
    {"stop", FINISH_STOP},
    {"length", FINISH_LENGTH},
    {"toolcalls", FINISH_TOOL_CALLS},
    {"contentfilter", FINISH_CONTENT_FILTER},
    {"functioncall", FINISH_TOOL_CALLS},
    {"error", FINISH_ERROR},
    /* the model came to its end */
    {"endturn", FINISH_STOP},
    {"endofturn", FINISH_STOP},
    {"eos", FINISH_STOP},
    {"eostoken", FINISH_STOP},
    {"endoftext", FINISH_STOP},
    {"stopsequence", FINISH_STOP},
    {"stoptoken", FINISH_STOP},
    {"stopstring", FINISH_STOP},
    {"stopword", FINISH_STOP},
    {"complete", FINISH_STOP},
    {"completed", FINISH_STOP},
    {"done", FINISH_STOP},
    {"finish", FINISH_STOP},
    {"finished", FINISH_STOP},
    {"finishreasonstop", FINISH_STOP},
    /* a limit came first */
    {"maxtokens", FINISH_LENGTH},
    {"maxoutputtokens", FINISH_LENGTH},
    {"maxlength", FINISH_LENGTH},
    {"modellength", FINISH_LENGTH},
    {"modelcontextwindowexceeded", FINISH_LENGTH},
    {"contextlength", FINISH_LENGTH},
    {"contextlengthexceeded", FINISH_LENGTH},
    {"tokenlimit", FINISH_LENGTH},
    {"timelimit", FINISH_LENGTH},
    {"finishreasonmaxtokens", FINISH_LENGTH},
    /* calls */
    {"tooluse", FINISH_TOOL_CALLS},
    {"toolcall", FINISH_TOOL_CALLS},
    {"functioncalls", FINISH_TOOL_CALLS},
    /* somebody objected */
    {"contentfiltered", FINISH_CONTENT_FILTER},
    {"sensitive", FINISH_CONTENT_FILTER},
    {"safety", FINISH_CONTENT_FILTER},
    {"imagesafety", FINISH_CONTENT_FILTER},
    {"refusal", FINISH_CONTENT_FILTER},
    {"recitation", FINISH_CONTENT_FILTER},
    {"imagerecitation", FINISH_CONTENT_FILTER},
    {"blocklist", FINISH_CONTENT_FILTER},
    {"blocked", FINISH_CONTENT_FILTER},
    {"prohibitedcontent", FINISH_CONTENT_FILTER},
    {"imageprohibitedcontent", FINISH_CONTENT_FILTER},
    {"spii", FINISH_CONTENT_FILTER},
    {"language", FINISH_CONTENT_FILTER},
    {"modelarmor", FINISH_CONTENT_FILTER},
    {"guardrailintervened", FINISH_CONTENT_FILTER},
    {"guardrail", FINISH_CONTENT_FILTER},
    {"errortoxic", FINISH_CONTENT_FILTER},
    {"finishreasonsafety", FINISH_CONTENT_FILTER},
    {"finishreasonrecitation", FINISH_CONTENT_FILTER},
    /* the provider failed, or gave up */
    {"networkerror", FINISH_ERROR},
    {"servererror", FINISH_ERROR},
    {"internalerror", FINISH_ERROR},
    {"internalservererror", FINISH_ERROR},
    {"enginerror", FINISH_ERROR},
    {"engineerror", FINISH_ERROR},
    {"insufficientsystemresource", FINISH_ERROR},
    {"abort", FINISH_ERROR},
    {"aborted", FINISH_ERROR},
    {"cancel", FINISH_ERROR},
    {"cancelled", FINISH_ERROR},
    {"canceled", FINISH_ERROR},
    {"usercancel", FINISH_ERROR},
    {"interrupted", FINISH_ERROR},
    {"timeout", FINISH_ERROR},
    {"failed", FINISH_ERROR},
    {"failure", FINISH_ERROR},
    {"notfinished", FINISH_ERROR},
    {"malformedfunctioncall", FINISH_ERROR},
    {"malformedtooluse", FINISH_ERROR},
    {"malformedmodeloutput", FINISH_ERROR},
    {"malformedresponse", FINISH_ERROR},
    {"unexpectedtoolcall", FINISH_ERROR},
    {"missingthoughtsignature", FINISH_ERROR},
};

/* The word as the table has it; empty when it is none: too long, or with escapes. */
static void reason_word(struct json_value v, char out[static REASON_WORD_MAX + 1])
{
    struct view text;
    size_t n = 0;

    out[0] = '\0';
    if (!json_string_plain(v, &text))
        return;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t b = text.ptr[i];

        if (b >= 'A' && b <= 'Z')
            b = (uint8_t)(b - 'A' + 'a');
        if (!((b >= 'a' && b <= 'z') || (b >= '0' && b <= '9')))
            continue;
        if (n == REASON_WORD_MAX) {
            out[0] = '\0';
            return;
        }
        out[n++] = (char)b;
    }
    out[n] = '\0';
}

static enum usage_finish reason_read(struct json_value v)
{
    char word[REASON_WORD_MAX + 1];

    reason_word(v, word);
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        if (strcmp(word, reasons[i].word) == 0)
            return reasons[i].finish;
    }
    return FINISH_LENGTH;
}

struct view chat_finish_word(enum usage_finish finish, enum chat_called called)
{
    static const struct view words[] = {
        [FINISH_NONE] = {(const uint8_t *)"null", 4},
        [FINISH_STOP] = {(const uint8_t *)"\"stop\"", 6},
        [FINISH_LENGTH] = {(const uint8_t *)"\"length\"", 8},
        [FINISH_TOOL_CALLS] = {(const uint8_t *)"\"tool_calls\"", 12},
        [FINISH_CONTENT_FILTER] = {(const uint8_t *)"\"content_filter\"", 16},
        [FINISH_ERROR] = {(const uint8_t *)"\"error\"", 7},
    };

    if (finish == FINISH_TOOL_CALLS && called == CALLED_FUNCTION)
        return VIEW_LIT("\"function_call\"");
    return words[finish];
}

enum usage_finish chat_finish_of(struct json_value v, enum chat_called called, bool whole)
{
    struct json_value type;
    enum usage_finish finish;

    if (v.kind == JSON_OBJECT && json_get(v, "type", &type))
        v = type; /* {"type":"stop","matched":2}, as SGLang keeps it */
    if (!is_text(v)) {
        if (!whole)
            return FINISH_NONE; /* a chunk's is null until the end */
        finish = FINISH_STOP;   /* a completion is over when it arrives */
    } else
        finish = reason_read(v);
    return finish == FINISH_STOP && called != CALLED_NOTHING ? FINISH_TOOL_CALLS : finish;
}
