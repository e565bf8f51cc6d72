/* A payment service as the rest of the control plane sees it: a table of functions that word requests and read what
 * comes back. What it says about an object of its own is a fact, in the same form whether it was an answer or a
 * webhook event; sql/039 says what becomes of it. Another service is one more file with such a table. */
#ifndef TR_CONTROLPLANE_PAYMENTS_RAIL_H
#define TR_CONTROLPLANE_PAYMENTS_RAIL_H

#include "buf.h"
#include "err.h"
#include "id.h"

#include <stdbool.h>

enum rail_what {
    RAIL_NOTHING, /* nothing that concerns us */
    RAIL_CHECKOUT,
    RAIL_SETUP,
    RAIL_CHARGE,
    RAIL_INVOICE,
    RAIL_CHARGED_BACK, /* how much of a charge went back in all */
    RAIL_REFUND,
    RAIL_DISPUTE,
    RAIL_METHOD,
};

/* Texts are what stood between a JSON string's quotes, raw, and borrowed from what was read; empty: absent. */
struct rail_fact {
    enum rail_what what;
    const char *state; /* of sql/039: a literal */
    struct view event;  /* the event's id; empty: this is an answer */
    struct view object, customer, parent, method;
    struct view account, payment, refund; /* ids of ours, as we gave them along; 32 hex digits */
    int64_t total_nusd, tax_nusd;
    bool has_total, usd;
    struct view code, url, pdf;
    struct view brand, last4;
    int64_t exp_month, exp_year; /* 0: absent */
};

/* As the JSON that payment_fact() takes. */
must_check enum err rail_fact_json(const struct rail_fact *f, struct buf *out);

/* A request to the service. key: of the service's idempotency; empty for reading. */
enum { RAIL_PATH_MAX = 400, RAIL_FORM_MAX = 8 << 10, RAIL_KEY_MAX = 64 };
struct rail_request {
    bool post;
    char path[RAIL_PATH_MAX]; /* behind the base */
    char key[RAIL_KEY_MAX];
    struct buf form; /* application/x-www-form-urlencoded */
};

/* What is to be paid or stored; ids are ours. */
struct rail_order {
    struct id account, payment;
    int64_t amount_nusd; /* whole cents */
    const char *customer, *method, *object; /* the service's; an empty text: none */
    struct view success_url, cancel_url;    /* checked */
    bool save_method; /* of a checkout: its card may be charged later */
    struct id refund;
    int64_t since_s;  /* look up: not older than this, unix seconds */
};

/* How an answer ended: the object is in the body; the service refuses for a reason it names, for good (code); or
 * nobody knows, and the same request has to be made again. */
enum rail_verdict { RAIL_OBJECT, RAIL_REFUSED, RAIL_UNKNOWN };
struct rail_answer {
    enum rail_verdict verdict;
    struct view code;  /* of a refusal; borrowed from the body */
    bool replayed_error; /* the service repeats an error that it met while it worked: ask what it has */
};

enum rail_ask {
    RAIL_ASK_CUSTOMER,
    RAIL_ASK_CHECKOUT,
    RAIL_ASK_SETUP,
    RAIL_ASK_CHARGE,
    RAIL_ASK_REFUND,
    RAIL_ASK_INVOICE,          /* a draft */
    RAIL_ASK_INVOICE_ITEM,     /* object: the invoice */
    RAIL_ASK_INVOICE_FINALIZE, /* object: the invoice */
    RAIL_ASK_DETACH,           /* object: the method */
    RAIL_READ_CHECKOUT,        /* object: the session */
    RAIL_READ_CHARGE,
    RAIL_READ_INVOICE,
    RAIL_FIND_CHARGE,  /* a list of the customer's charges since since_s */
    RAIL_FIND_REFUND,  /* of the charge that is object */
    RAIL_FIND_INVOICE, /* a list of the customer's invoices since since_s */
};

struct rail {
    const char *name;
    const char *version;  /* a header line of every request */
    const char *replayed; /* the header line of an answer that was given before */
    /* Words a request; out->form is empty and initialised. ERR_LIMIT: something is too long. */
    enum err (*word)(enum rail_ask ask, const struct rail_order *o, bool taxes, bool invoices,
                     struct rail_request *out);
    /* Reads an answer: *f is set for RAIL_OBJECT, and for RAIL_REFUSED when the refusal names the object (what is not
     * RAIL_NOTHING then). body is valid JSON or not. */
    void (*read)(unsigned status, bool replayed, struct view body, struct rail_answer *a, struct rail_fact *f);
    /* In the answer to RAIL_FIND_*: the object with this payment's or refund's id. False: the list has none. *more:
     * it has further pages, so nothing is known. ERR_FORMAT: no such list. */
    enum err (*find)(struct view body, const struct rail_order *o, struct rail_fact *f, bool *found, bool *more);
    /* An event whose signature is right. ERR_FORMAT. */
    enum err (*event)(struct view body, struct rail_fact *f);
};

extern const struct rail rail_stripe;

#endif
