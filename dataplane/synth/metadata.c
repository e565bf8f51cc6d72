/* (G) What a client is told of an orchestration: names of the catalog and of the measured providers, words of ours, numbers.
 * No text of a model, and none of the client's. */
#include "catalog_store.h"
#include "content_view.h"
#include "money.h"
#include "run_internal.h"

/* --- one part */

static enum err put_name(struct buf *out, const char *key, const char *name)
{
    enum err e = buf_appendf(out, "\"%s\":", key);

    if (e != ERR_NONE)
        return e;
    return name == NULL ? buf_append(out, VIEW_LIT("null")) : buf_append_json_string(out, view_str(name));
}

static enum err put_money(struct buf *out, const char *key, int64_t nusd)
{
    char text[MONEY_TEXT_MAX];

    money_text_usd(nusd, text);
    return buf_appendf(out, "\"%s\":%s", key, text);
}

/* Who was asked last; what was never asked has the model that it would have asked. */
static const struct route_model *model_of(const struct synth *s, const struct part_line *line)
{
    const struct member *m = line->role == PART_PANEL   ? s->panel[line->place]
                             : line->role == PART_JUDGE ? s->judge[line->place]
                                                        : NULL;

    if (line->model_no != 0)
        return snapshot_number(s->task.whole->catalog, line->model_no);
    return m != NULL && m->request.want.n_models != 0 ? m->request.want.models[0] : NULL;
}

static const char *provider_of(const struct route_model *model, uint32_t endpoint_no)
{
    for (size_t i = 0; model != NULL && i < model->n_endpoints; i++)
        if (model->endpoints[i].info->no == endpoint_no)
            return model->endpoints[i].provider->name;
    return NULL;
}

/* answered, refused, empty, dropped (nobody needed it any more), failed (error says how); a judge's is unusable when
 * it is no verdict. */
static const char *outcome_of(const struct synth *s, const struct part_line *line)
{
    const struct member *m = line->role == PART_PANEL   ? s->panel[line->place]
                             : line->role == PART_JUDGE ? s->judge[line->place]
                                                        : NULL;

    if (m != NULL && m->dropped)
        return "dropped";
    if (line->outcome != ERR_NONE)
        return "failed";
    if (line->refused)
        return "refused";
    if (m == NULL)
        return line->chosen ? "answered" : "empty";
    return m->empty ? "empty" : m->unusable ? "unusable" : "answered";
}

static enum err put_figures(struct buf *out, const struct part_line *line)
{
    const char *finish = usage_finish_name((enum usage_finish)line->finish);
    enum err e = put_name(out, "finish_reason", finish[0] == '\0' ? NULL : finish);

    if (e == ERR_NONE)
        e = buf_appendf(out, ",\"attempts\":%u,\"prompt_tokens\":%u,\"completion_tokens\":%u,\"reasoning_tokens\":%u,",
                        (unsigned)line->attempts, (unsigned)line->usage.prompt, (unsigned)line->usage.completion,
                        (unsigned)line->usage.reasoning);
    if (e == ERR_NONE)
        e = put_money(out, "cost", line->cost_nusd);
    if (e == ERR_NONE)
        e = buf_appendf(out, ",\"began_ms\":%u,\"first_byte_ms\":%u,\"elapsed_ms\":%u}", (unsigned)line->began_ms,
                        (unsigned)line->first_byte_ms, (unsigned)line->total_ms);
    return e;
}

static enum err put_part(const struct synth *s, const struct part_line *line, struct buf *out)
{
    const struct route_model *model = model_of(s, line);
    const char *outcome = outcome_of(s, line);
    char id[ID_TEXT_LEN + 1];
    enum err e;

    id_text(&line->id, id);
    e = buf_appendf(out, "{\"id\":\"gen-%s\",", id);
    if (e == ERR_NONE)
        e = put_name(out, "model", model == NULL ? NULL : model->info->id);
    if (e == ERR_NONE)
        e = buf_append_byte(out, ',');
    if (e == ERR_NONE)
        e = put_name(out, "provider", provider_of(model, line->endpoint_no));
    if (e == ERR_NONE)
        e = line->endpoint_no == 0 ? buf_append(out, VIEW_LIT(",\"endpoint\":null"))
                                   : buf_appendf(out, ",\"endpoint\":%u", (unsigned)line->endpoint_no);
    if (e == ERR_NONE)
        e = buf_appendf(out, ",\"outcome\":\"%s\",", outcome);
    if (e == ERR_NONE)
        e = put_name(out, "error", line->outcome == ERR_NONE ? NULL : err_name((enum err)line->outcome));
    if (e == ERR_NONE)
        e = buf_appendf(out, ",\"refused\":%s,\"chosen\":%s,", line->refused ? "true" : "false",
                        line->chosen ? "true" : "false");
    return e == ERR_NONE ? put_figures(out, line) : e;
}

/* The parts of one role, in the order of their places; finals in the order in which they were asked. */
static enum err put_role(const struct synth *s, enum part_role role, const char *key, struct buf *out)
{
    const struct parts *p = s->task.whole->parts;
    enum err e = buf_appendf(out, ",\"%s\":[", key);
    bool any = false;

    for (uint8_t place = 0; e == ERR_NONE && place < (role == PART_FINAL ? 1 : SYNTH_LIST_MAX); place++)
        for (size_t i = 0; e == ERR_NONE && i < p->n; i++) {
            if (p->line[i].role != role || (role != PART_FINAL && p->line[i].place != place))
                continue;
            if (any)
                e = buf_append_byte(out, ',');
            if (e == ERR_NONE)
                e = put_part(s, &p->line[i], out);
            any = true;
        }
    return e == ERR_NONE ? buf_append_byte(out, ']') : e;
}

/* --- all of it */

enum err synth_metadata(const struct synth *s, struct buf *out)
{
    static const char *const judged[] = {
        [JUDGED_NONE] = "none", [JUDGED_USED] = "used", [JUDGED_SKIPPED] = "skipped", [JUDGED_FAILED] = "failed"};
    const struct synth_plan *plan = s->task.plan;
    const struct route_model *model = snapshot_number(s->task.whole->catalog, plan->row->model_no);
    enum err e = buf_append(out, VIEW_LIT("{"));

    if (e == ERR_NONE)
        e = put_name(out, "model", model == NULL ? NULL : model->info->id);
    if (e == ERR_NONE)
        e = buf_append_byte(out, ',');
    if (e == ERR_NONE)
        e = put_name(out, "preset", synth_preset_name((enum synth_preset)plan->preset));
    if (e == ERR_NONE)
        e = buf_appendf(out, ",\"strategy\":\"%s\",\"judge\":\"%s\",\"quorum_hit\":%s,\"deadline_hit\":%s",
                        synth_strategy_name(plan->strategy), judged[s->judged], s->cut_quorum ? "true" : "false",
                        s->cut_late ? "true" : "false");
    if (e == ERR_NONE)
        e = put_role(s, PART_PANEL, "panel", out);
    if (e == ERR_NONE)
        e = put_role(s, PART_JUDGE, "judges", out);
    if (e == ERR_NONE)
        e = put_role(s, PART_FINAL, "finals", out);
    if (e == ERR_NONE)
        e = buf_append_byte(out, ',');
    if (e == ERR_NONE)
        e = put_money(out, "cost", s->task.whole->parts->cost_nusd);
    return e == ERR_NONE ? buf_append_byte(out, '}') : e;
}
