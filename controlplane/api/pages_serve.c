/* The answer to a request for a page: from memory, lent to the connection, so that a client that does not read holds
 * nothing of ours. */
#include "pages_internal.h"

#include "call.h"

#include <assert.h>
#include <stdio.h>

enum { ANSWER_HEADERS = 10 };

struct answer {
    struct web_header h[ANSWER_HEADERS];
    size_t n;
};

static void add(struct answer *a, struct view name, struct view value)
{
    assert(a->n < ANSWER_HEADERS);
    a->h[a->n++] = (struct web_header){name, value};
}

static void add_policies(struct answer *a, const struct pages *p, const struct page *page)
{
    if (!page->file->code) {
        add(a, VIEW_LIT("content-security-policy"), VIEW_LIT("default-src 'none'; frame-ancestors 'none'"));
        return;
    }
    add(a, VIEW_LIT("content-security-policy"), buf_view(page->everywhere ? &p->csp_everywhere : &p->csp));
    add(a, VIEW_LIT("cross-origin-opener-policy"), VIEW_LIT("same-origin"));
    add(a, VIEW_LIT("permissions-policy"),
        VIEW_LIT("camera=(), geolocation=(), microphone=(), payment=(), usb=(), publickey-credentials-get=(self), "
                 "publickey-credentials-create=(self)"));
}

/* What the log says of these requests. */
static const struct route console_file = {.name = {"console_file"}};

static void serve_file(const struct pages *p, const struct page *page, struct call *c)
{
    static const struct view codings[PAGE_CODINGS] = {[PAGE_GZIP] = VIEW_LIT("gzip"), [PAGE_BROTLI] = VIEW_LIT("br")};
    const struct page_file *f = page->file;
    struct view accept = VIEW_EMPTY;
    struct answer a = {.n = 0};
    enum page_coding coding;

    c->route = &console_file;
    (void)c->origin->header(c, VIEW_LIT("accept-encoding"), &accept);
    coding = pages_coding(f, accept);
    add(&a, VIEW_LIT("content-type"), view_str(f->type));
    add(&a, VIEW_LIT("cross-origin-resource-policy"), VIEW_LIT("same-origin"));
    add_policies(&a, p, page);
    if (coding != PAGE_PLAIN)
        add(&a, VIEW_LIT("content-encoding"), codings[coding]);
    if (f->body[PAGE_GZIP].ptr != NULL || f->body[PAGE_BROTLI].ptr != NULL)
        add(&a, VIEW_LIT("vary"), VIEW_LIT("accept-encoding"));
    if (page->missing) {
        add(&a, VIEW_LIT("cache-control"), VIEW_LIT("no-store"));
        call_reply_lent(c, 404, a.h, a.n, NULL, f->body[coding]);
        return;
    }
    add(&a, VIEW_LIT("cache-control"),
        f->immutable ? VIEW_LIT("public, max-age=31536000, immutable") : VIEW_LIT("no-cache"));
    call_reply_lent(c, 200, a.h, a.n, f->etag[coding], f->body[coding]);
}

static bool is_of_api(struct view path)
{
    return view_starts(path, VIEW_LIT("/v1/")) || view_starts(path, VIEW_LIT("/api/"));
}

bool pages_serve(const struct pages *p, struct call *c)
{
    bool reads = view_eq(c->method, VIEW_LIT("GET")) || view_eq(c->method, VIEW_LIT("HEAD"));
    struct page page = pages_find(p, c->path);
    struct view accept;

    if (page.moved != NULL && reads) {
        const struct web_header h[] = {{VIEW_LIT("location"), view_str(page.moved)}};

        call_reply_lent(c, 308, h, 1, NULL, VIEW_EMPTY);
        return true;
    }
    if (page.file != NULL && !reads) {
        snprintf(c->allow, sizeof c->allow, "GET, HEAD");
        return false; /* 405 */
    }
    if (page.file == NULL && reads && p->missing != NULL && !is_of_api(c->path) &&
        c->origin->header(c, VIEW_LIT("accept"), &accept) && pages_for_people(accept))
        page = (struct page){.file = p->missing, .missing = true};
    if (page.file == NULL)
        return false;
    serve_file(p, &page, c);
    return true;
}
