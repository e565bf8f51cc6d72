/* A data plane that has served a great many requests: the program itself (dataplane/main.c) with one thread more, which
 * pushes usage records into the meter as a worker does, as fast as the control plane acknowledges them. Link, evidence,
 * leases, shipping are the program's own. tests/bench/booking_link runs it against a real control plane.
 *   usage_flood SECONDS KEY_SHA256 -c dataplane.conf
 * begins once the key is known here, that is when somebody has used it. One line of JSON. */
#include "meter.h"
#include "uplink.h"

#include <stdio.h>
#include <stdlib.h>

/* What the program calls, and we stand in between: one producer more, and where the link is. */
static enum err flood_meter_new(unsigned workers, struct meter **out);
static enum err flood_uplink_start(const struct uplink_config *c, struct uplink **out);
int dataplane_main(int argc, char **argv);

#define meter_new flood_meter_new
#define uplink_start flood_uplink_start
#define main dataplane_main
#include "dataplane/main.c"
#undef main
#undef uplink_start
#undef meter_new

#include "id.h"

static struct {
    unsigned seconds, worker;
    struct digest32 key;
    struct uplink_config link;
    struct uplink *uplink;
    pthread_t thread;
} flood;

static enum err flood_meter_new(unsigned workers, struct meter **out)
{
    flood.worker = workers;
    return meter_new(workers + 1, out);
}

static void one_record(struct key *key, const struct id *lease, uint64_t n)
{
    const struct usage_record r = {.request = id_new(),
                                   .key = key_id(key),
                                   .account = key_account(key),
                                   .lease = *lease,
                                   .received_ms = clock_unix_ms(),
                                   .cost_nusd = 1000,
                                   .model_no = 1 + (uint32_t)(n % 4),
                                   .endpoint_no = 1 + (uint32_t)(n % 4),
                                   .first_model_no = 1,
                                   .first_byte_us = 200000 + (uint32_t)(n * 7919 % 300000),
                                   .total_ms = 900 + (uint32_t)(n * 104729 % 5000),
                                   .tokens_prompt = 500,
                                   .tokens_completion = 200,
                                   .http_status = 200,
                                   .flags = USAGE_STREAM,
                                   .finish = FINISH_STOP,
                                   .attempt = 1,
                                   .attempts = 1};

    meter_push(flood.link.meter, flood.worker, &r);
}

/* False: the key is not known, has no credit at present, or too many records wait. */
static bool serve_one(uint64_t n)
{
    struct key *key;
    struct id lease;
    uint32_t retry_ms;
    bool served = false;

    if (keyring_find(flood.link.keyring, &flood.key, clock_mono_ms(), &key) != ERR_NONE)
        return false;
    if (meter_reserve(flood.link.meter, flood.worker)) {
        if (key_reserve(key, 1000, clock_mono_ms(), &lease, &retry_ms) == ERR_NONE) {
            one_record(key, &lease, n);
            key_settle(key, &lease, 1000, 1000);
            served = true;
        } else {
            meter_unreserve(flood.link.meter, flood.worker);
        }
    }
    key_release(key);
    return served;
}

static void *flood_main(void *cookie)
{
    uint64_t n = 0, began, pushed_ms, acked_before;

    (void)cookie;
    while (!serve_one(n))
        usleep(10000);
    n = 1;
    acked_before = uplink_counters(flood.uplink).records_acked;
    began = clock_mono_ms();
    while (clock_mono_ms() - began < flood.seconds * UINT64_C(1000)) {
        if (serve_one(n))
            n++;
        else
            usleep(500);
    }
    pushed_ms = clock_mono_ms();
    while (uplink_counters(flood.uplink).backlog > 0 && clock_mono_ms() - pushed_ms < 60000)
        usleep(1000);
    printf("{\"records\": %llu, \"acknowledged\": %llu, \"seconds\": %.2f}\n", (unsigned long long)n,
           (unsigned long long)(uplink_counters(flood.uplink).records_acked - acked_before),
           (double)(clock_mono_ms() - began) / 1000);
    fflush(stdout);
    kill(getpid(), SIGTERM);
    return NULL;
}

static enum err flood_uplink_start(const struct uplink_config *c, struct uplink **out)
{
    enum err e = uplink_start(c, out);

    flood.link = *c;
    flood.uplink = *out;
    if (e == ERR_NONE && pthread_create(&flood.thread, NULL, flood_main, NULL) != 0)
        e = ERR_MEMORY;
    return e;
}

int main(int argc, char **argv)
{
    if (argc < 5 || hex_decode(view_str(argv[2]), flood.key.b, sizeof flood.key.b) != ERR_NONE)
        return 1;
    flood.seconds = (unsigned)atoi(argv[1]);
    argv[2] = argv[0];
    return dataplane_main(argc - 2, argv + 2);
}
