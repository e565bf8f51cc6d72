#include "counters.h"

#include <time.h>

static const char *const outcome_names[] = {"running", "done", "aborted", "fault"};

static struct totals totals[NAMES_MAX];
static struct record records[RECORDS_MAX];
static uint64_t next_number;
/* Ids seen, as 64-bit hashes in an open table; when it is half full it forgets everything. */
static struct {
    uint64_t hash;
    unsigned count;
} seen[1 << 15];
static unsigned n_seen;

static uint64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

struct totals *counters_of(unsigned listener)
{
    return &totals[listener];
}

uint64_t counters_begin(unsigned listener, const char *id, bool stream)
{
    struct record *r = &records[next_number % RECORDS_MAX];

    *r = (struct record){.listener = (uint8_t)listener, .stream = stream, .start_us = now_us()};
    strncpy(r->id, id, sizeof r->id - 1);
    totals[listener].requests++;
    return next_number++;
}

struct record *counters_record(uint64_t number)
{
    return &records[number % RECORDS_MAX];
}

void counters_end(uint64_t number, enum outcome o)
{
    struct record *r = counters_record(number);
    struct totals *t = &totals[r->listener];

    r->outcome = (uint8_t)o;
    r->end_us = now_us();
    if (o == OUTCOME_ABORTED)
        t->aborts++;
    t->by_status[r->status]++;
    if (r->status == 200) {
        t->prompt_tokens += r->prompt;
        t->completion_tokens += r->completion;
    }
}

unsigned counters_seen(const char *id)
{
    const size_t mask = sizeof seen / sizeof seen[0] - 1;
    uint64_t h = UINT64_C(14695981039346656037);

    for (const char *p = id; *p != '\0'; p++)
        h = (h ^ (unsigned char)*p) * UINT64_C(1099511628211);
    h |= 1; /* 0 marks a free place */
    if (n_seen > mask / 2) {
        memset(seen, 0, sizeof seen);
        n_seen = 0;
    }
    size_t i = (h >> 20) & mask;
    while (seen[i].hash != 0 && seen[i].hash != h)
        i = (i + 1) & mask;
    n_seen += seen[i].hash == 0;
    seen[i].hash = h;
    return ++seen[i].count;
}

static void counters_one(struct bytes *out, const struct totals *t)
{
    const char *comma = "";

    bytes_printf(out,
                 "{\"requests\":%llu,\"aborts\":%llu,\"connections\":%llu,\"open\":%llu,"
                 "\"bytes_in\":%llu,\"bytes_out\":%llu,\"prompt_tokens\":%llu,"
                 "\"completion_tokens\":%llu,\"status\":{",
                 (unsigned long long)t->requests, (unsigned long long)t->aborts,
                 (unsigned long long)t->connections, (unsigned long long)t->open,
                 (unsigned long long)t->bytes_in, (unsigned long long)t->bytes_out,
                 (unsigned long long)t->prompt_tokens, (unsigned long long)t->completion_tokens);
    for (unsigned s = 0; s < STATUSES_MAX; s++) {
        if (t->by_status[s] == 0)
            continue;
        bytes_printf(out, "%s\"%u\":%u", comma, s, t->by_status[s]);
        comma = ",";
    }
    BYTES_LIT(out, "}}");
}

void counters_json(struct bytes *out, char names[][32], unsigned n)
{
    BYTES_LIT(out, "{");
    for (unsigned i = 0; i < n; i++) {
        bytes_printf(out, "%s\"%s\":", i == 0 ? "" : ",", names[i]);
        counters_one(out, &totals[i]);
    }
    BYTES_LIT(out, "}\n");
}

void counters_requests_json(struct bytes *out, char names[][32], struct view id)
{
    uint64_t first = next_number > RECORDS_MAX ? next_number - RECORDS_MAX : 0;
    const char *comma = "";

    BYTES_LIT(out, "[");
    for (uint64_t k = first; k < next_number; k++) {
        const struct record *r = counters_record(k);
        if (id.len != 0 && !view_eq(id, view_str(r->id)))
            continue;
        bytes_printf(out, "%s\n{\"id\":\"", comma);
        bytes_escaped(out, r->id, strlen(r->id));
        BYTES_LIT(out, "\",\"model\":\"");
        bytes_escaped(out, r->model, strlen(r->model));
        bytes_printf(out,
                     "\",\"name\":\"%s\",\"status\":%u,\"outcome\":\"%s\",\"stream\":%s,"
                     "\"start_us\":%llu,\"end_us\":%llu,\"prompt\":%u,\"completion\":%u}",
                     names[r->listener], r->status, outcome_names[r->outcome],
                     r->stream ? "true" : "false", (unsigned long long)r->start_us,
                     (unsigned long long)r->end_us, r->prompt, r->completion);
        comma = ",";
    }
    BYTES_LIT(out, "]\n");
}

void counters_reset(void)
{
    for (unsigned i = 0; i < NAMES_MAX; i++)
        totals[i] = (struct totals){.open = totals[i].open};
    memset(records, 0, sizeof records);
    memset(seen, 0, sizeof seen);
    n_seen = 0;
    next_number = 0;
}
