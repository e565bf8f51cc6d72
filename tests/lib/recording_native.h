/* What a recorded answer of Anthropic's Messages or OpenAI's Responses says, read by readers of their own on json-c. Included
 * once, by recording.h. */
#ifndef TR_TESTS_RECORDING_NATIVE_H
#define TR_TESTS_RECORDING_NATIVE_H

/* --- Messages */

static void native_messages_usage(struct recording *r, json_c_object *u)
{
    static const char *const names[] = {"input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"};

    if (!json_object_is_type(u, json_type_object))
        return;
    for (size_t i = 0; i < 3; i++)
        most(&r->input[i], jc(u, names[i]));
    r->m.figures = true;
    r->m.prompt = r->input[0] + r->input[1] + r->input[2];
    r->m.cached = r->input[1];
    most(&r->m.completion, jc(u, "output_tokens"));
    most(&r->m.thought, jc(jc(u, "output_tokens_details"), "thinking_tokens"));
    r->total = r->m.prompt + r->m.completion;
}

static void native_block(struct recording *r, json_c_object *b)
{
    json_c_object *input = jc(b, "input");

    jc_add(&r->m.text, jc_is(jc(b, "type"), "text") ? jc(b, "text") : NULL);
    jc_add(&r->m.reasoning, jc_is(jc(b, "type"), "thinking") ? jc(b, "thinking") : NULL);
    if (!jc_is(jc(b, "type"), "tool_use"))
        return;
    CHECK(r->m.n_calls < MEANT_CALLS);
    jc_add(&r->m.call[r->m.n_calls].id, jc(b, "id"));
    jc_add(&r->m.call[r->m.n_calls].name, jc(b, "name"));
    if (json_object_is_type(input, json_type_object) && json_object_object_length(input) != 0)
        meant_add(&r->m.call[r->m.n_calls].input, json_object_to_json_string(input), strlen(json_object_to_json_string(input)));
    r->m.n_calls++;
}

static void native_stop(struct recording *r, json_c_object *word)
{
    static const struct {
        const char *word;
        enum meant_finish finish;
    } words[] = {{"end_turn", MEANT_STOP},    {"stop_sequence", MEANT_STOP}, {"pause_turn", MEANT_STOP},
                 {"max_tokens", MEANT_LENGTH}, {"model_context_window_exceeded", MEANT_LENGTH},
                 {"tool_use", MEANT_CALL},    {"refusal", MEANT_FILTER}};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (jc_is(word, words[i].word))
            r->m.finish = words[i].finish;
}

static void native_messages_event(struct recording *r, json_c_object *o)
{
    json_c_object *d = jc(o, "delta"), *type = jc(o, "type");

    if (jc_is(type, "message_start"))
        native_messages_usage(r, jc(jc(o, "message"), "usage"));
    if (jc_is(type, "content_block_start")) {
        r->in_call = jc_is(jc(jc(o, "content_block"), "type"), "tool_use");
        native_block(r, jc(o, "content_block"));
    }
    if (jc_is(type, "content_block_delta")) {
        jc_add(&r->m.text, jc_is(jc(d, "type"), "text_delta") ? jc(d, "text") : NULL);
        jc_add(&r->m.reasoning, jc(d, "thinking"));
        if (r->in_call && r->m.n_calls != 0)
            jc_add(&r->m.call[r->m.n_calls - 1].input, jc(d, "partial_json"));
    }
    if (jc_is(type, "message_delta")) {
        native_stop(r, jc(d, "stop_reason"));
        native_messages_usage(r, jc(o, "usage"));
    }
    if (jc_is(type, "message_stop"))
        r->finished = r->done = true;
    r->error = r->error || jc_is(type, "error");
}

static void native_messages_whole(struct recording *r, json_c_object *o)
{
    json_c_object *blocks = jc(o, "content");

    for (size_t i = 0; i < jc_count(blocks); i++)
        native_block(r, jc_at(blocks, i));
    native_stop(r, jc(o, "stop_reason"));
    native_messages_usage(r, jc(o, "usage"));
    r->finished = r->m.finish != MEANT_NONE;
    r->error = r->error || jc_is(jc(o, "type"), "error");
}

/* --- Responses: of a stream the end has all of it; until then there is the text so far */

/* Parts of a summary are paragraphs, and so are messages. */
static void native_paragraph(struct meant_words *w)
{
    if (w->n != 0)
        meant_add(w, "\n\n", 2);
}

static void native_item(struct recording *r, json_c_object *item)
{
    json_c_object *parts = jc(item, "content"), *summary = jc(item, "summary"), *type = jc(item, "type");
    size_t before = r->m.reasoning.n;

    if (jc_is(type, "message"))
        native_paragraph(&r->m.text);
    for (size_t i = 0; jc_is(type, "message") && i < jc_count(parts); i++) {
        jc_add(&r->m.text, jc(jc_at(parts, i), "text"));
        jc_add(&r->m.refusal, jc(jc_at(parts, i), "refusal"));
    }
    if (jc_is(type, "reasoning")) {
        for (size_t i = 0; i < jc_count(summary); i++)
            native_paragraph(&r->m.reasoning), jc_add(&r->m.reasoning, jc(jc_at(summary, i), "text"));
        for (size_t i = 0; r->m.reasoning.n == before && i < jc_count(parts); i++)
            jc_add(&r->m.reasoning, jc(jc_at(parts, i), "text"));
    }
    if (!jc_is(type, "function_call") && !jc_is(type, "custom_tool_call"))
        return;
    CHECK(r->m.n_calls < MEANT_CALLS);
    jc_add(&r->m.call[r->m.n_calls].id, jc(item, "call_id"));
    jc_add(&r->m.call[r->m.n_calls].name, jc(item, "name"));
    jc_add(&r->m.call[r->m.n_calls].input, jc(item, "input"));
    jc_add(&r->m.call[r->m.n_calls++].input, jc(item, "arguments"));
}

static void native_response(struct recording *r, json_c_object *o)
{
    json_c_object *u = jc(o, "usage"), *output = jc(o, "output"), *why = jc(jc(o, "incomplete_details"), "reason");

    r->m.text.n = r->m.refusal.n = 0;
    for (size_t i = 0; i < jc_count(output); i++)
        native_item(r, jc_at(output, i));
    if (jc_is(jc(o, "status"), "completed"))
        r->m.finish = MEANT_STOP;
    else if (jc_is(jc(o, "status"), "incomplete"))
        r->m.finish = jc_is(why, "content_filter") ? MEANT_FILTER : MEANT_LENGTH;
    r->finished = r->m.finish != MEANT_NONE;
    r->error = r->error || jc_is(jc(o, "status"), "failed") || json_object_is_type(jc(o, "error"), json_type_object);
    if (u == NULL)
        return;
    r->m.figures = true;
    r->m.prompt = json_object_get_int64(jc(u, "input_tokens"));
    r->m.completion = json_object_get_int64(jc(u, "output_tokens"));
    r->m.cached = json_object_get_int64(jc(jc(u, "input_tokens_details"), "cached_tokens"));
    r->m.thought = json_object_get_int64(jc(jc(u, "output_tokens_details"), "reasoning_tokens"));
    r->total = json_object_get_int64(jc(u, "total_tokens"));
}

static void native_response_event(struct recording *r, json_c_object *o)
{
    json_c_object *type = jc(o, "type"), *item = jc(o, "item");

    if (jc_is(type, "response.output_item.done") && jc_is(jc(item, "type"), "message")) {
        r->m.text.n = r->settled;
        native_item(r, item);
        r->settled = r->m.text.n;
    }
    if (jc_is(type, "response.output_text.done")) { /* of an item's only part */
        r->m.text.n = r->settled;
        native_paragraph(&r->m.text);
        jc_add(&r->m.text, jc(o, "text"));
    }
    if (jc_is(type, "response.output_text.delta")) {
        if (r->message != json_object_get_int64(jc(o, "output_index")))
            native_paragraph(&r->m.text);
        r->message = json_object_get_int64(jc(o, "output_index"));
        jc_add(&r->m.text, jc(o, "delta"));
    }
    if (jc_is(type, "response.completed") || jc_is(type, "response.incomplete")) {
        native_response(r, jc(o, "response"));
        r->done = true; /* one recording has several answers, one behind the other */
    }
    r->error = r->error || jc_is(type, "error") || jc_is(type, "response.failed");
}

#endif
