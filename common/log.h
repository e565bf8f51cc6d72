/* The typed log: one line per event, fields that are integers, booleans, ids of ours or names
 * from static tables. There is no way to hand it text: no char *, no view, no content.
 * Line format (stderr): {"t":<unix ms>,"event":"request_done","latency_ms":12,...}\n, one write. */
#ifndef TR_COMMON_LOG_H
#define TR_COMMON_LOG_H

#include "id.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct static_name {
    const char *text;
}; /* only NAME("literal") and the *_name_of functions over static tables make one */
#define NAME(lit) ((struct static_name){"" lit ""})

enum log_kind { LOG_UNSIGNED, LOG_SIGNED, LOG_BOOL, LOG_NAME, LOG_ID };
struct log_field {
    const char *key;
    enum log_kind kind;
    union {
        uint64_t u;
        int64_t i;
        const char *name;
        struct id id;
    } v;
};

struct log_field log_u(const char *key, uint64_t v);
struct log_field log_i(const char *key, int64_t v);
struct log_field log_b(const char *key, bool v);
struct log_field log_n(const char *key, struct static_name v);
struct log_field log_id(const char *key, struct id v);

#define KV(key, v)                                                                                 \
    _Generic((v),                                                                                  \
        bool: log_b,                                                                               \
        uint8_t: log_u,                                                                            \
        uint16_t: log_u,                                                                           \
        uint32_t: log_u,                                                                           \
        uint64_t: log_u,                                                                           \
        int32_t: log_i,                                                                            \
        int64_t: log_i,                                                                            \
        struct id: log_id,                                                                         \
        struct static_name: log_n)("" key "", (v))

#define LOG(event, ...)                                                                            \
    do {                                                                                           \
        const struct log_field log_fields_[] = {__VA_ARGS__};                                      \
        log_write(NAME(event), log_fields_, sizeof log_fields_ / sizeof log_fields_[0]);           \
    } while (0)

void log_write(struct static_name event, const struct log_field *fields, size_t n);

/* From now on the lines of this thread are gathered and leave several in one write of whole lines, in
 * their order: when the next one does not fit (4 KiB), or at log_flush(). `first` is called with the
 * first line of each batch: whoever gathers owes a log_flush() within LOG_DELAY_MS of it, and ends
 * with log_gather_end(). Lines that stderr refuses are counted as ever. What a process killed by
 * SIGKILL or by the system call filter had gathered in that time is lost. */
enum { LOG_DELAY_MS = 20 };
void log_gather(void (*first)(void *cookie), void *cookie);
void log_flush(void);
void log_gather_end(void);
/* Before _exit(), or from a signal handler: writes what every thread has gathered. */
void log_last_words(void);
/* A crash or a failed assertion of any thread writes the last words first. */
void log_catch_fatal(void);

/* The name of an error, as a loggable value. */
struct static_name log_err(int e);

#endif
