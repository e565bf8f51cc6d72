/* Lists in pages: ?limit=1..100&cursor= (of records 1..200), answered as {"data":[...],"next_cursor":...}. A cursor says behind which row the
 * next page begins; it is opaque to clients and worth nothing to anybody else: the rows are still those of the
 * caller's account. New rows do not shift a page, as they do with offsets.
 *
 * A list's statement is ordered by a number and, where that is not unique, an id; it reads limit + 1 rows. */
#ifndef TR_CONTROLPLANE_API_PAGE_H
#define TR_CONTROLPLANE_API_PAGE_H

#include "call.h"

enum {
    PAGE_LIMIT = 50, /* rows, when the client does not say */
    PAGE_LIMIT_MAX = 100,
    PAGE_LIMIT_RECORDS = 200, /* of lists of usage records, which pages show by the screen */
    PAGE_CURSOR_LEN = 58, /* characters */
};

struct page {
    int64_t limit;
    bool after;   /* a cursor came along: only what is behind the next two */
    int64_t at;   /* of the last row of the page before */
    struct id id;
};

/* From the query, whose route takes "limit cursor". false: the call has been answered: 400, also for a cursor of another
 * list. */
must_check bool call_page(struct call *c, struct page *out);
must_check bool call_page_of_records(struct call *c, struct page *out);
/* For binding: the number, the id; NULL without a cursor. */
struct db_param page_at(const struct page *p);
struct db_param page_id(const struct page *p);

/* rows: a JSON array. more: there is another page, behind a row with this number and id (NULL: the number is
 * unique). Ends the call. */
void call_reply_page(struct call *c, struct view rows, bool more, int64_t at, const struct id *id);
/* The cursor by itself. */
void page_cursor(const struct call *c, int64_t at, const struct id *id,
                 char out[static PAGE_CURSOR_LEN + 1]);

#endif
