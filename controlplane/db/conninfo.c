/* Conninfo with several hosts, taken apart by libpq and begun with each of them in turn. */
#include "conninfo.h"
#include "buf.h"

#include <postgresql/libpq-fe.h>
#include <stdlib.h>
#include <string.h>

enum { OPTIONS_MAX = 64, LIST_MAX = 4096 };

static unsigned list_count(const char *list)
{
    unsigned n = 1;

    for (; *list != '\0'; list++)
        n += *list == ',';
    return n;
}

/* "a,b,c" from its second element on: "b,c,a". false: too long. */
static bool list_turn(const char *list, unsigned turn, char out[static LIST_MAX])
{
    const char *cut = list;

    if (strlen(list) + 1 >= LIST_MAX)
        return false;
    for (turn %= list_count(list); turn > 0; turn--)
        cut = strchr(cut, ',') + 1;
    strcpy(out, cut);
    if (cut != list) {
        strcat(out, ",");
        strncat(out, list, (size_t)(cut - list) - 1);
    }
    return true;
}

static const char *option(const PQconninfoOption *all, const char *keyword)
{
    for (; all->keyword != NULL; all++)
        if (strcmp(all->keyword, keyword) == 0)
            return all->val;
    return NULL;
}

static unsigned hosts_of(const PQconninfoOption *all)
{
    const char *hosts = option(all, "hostaddr");

    if (hosts == NULL || hosts[0] == '\0')
        hosts = option(all, "host");
    return hosts == NULL ? 1 : list_count(hosts);
}

unsigned conninfo_hosts(const char *url)
{
    PQconninfoOption *all = PQconninfoParse(url, NULL);
    unsigned n = all == NULL ? 1 : hosts_of(all);

    PQconninfoFree(all);
    return n;
}

struct pg_conn *conninfo_connect(const char *url, unsigned turn, bool later)
{
    PQconninfoOption *all = PQconninfoParse(url, NULL);
    const char *keywords[OPTIONS_MAX + 1] = {NULL}, *values[OPTIONS_MAX + 1] = {NULL};
    char turned[3][LIST_MAX]; /* host, hostaddr, port */
    unsigned n = 0, lists = 0;
    bool several;
    PGconn *c;

    if (all == NULL) /* libpq says what is wrong with it */
        return (struct pg_conn *)(later ? PQconnectStart(url) : PQconnectdb(url));
    several = hosts_of(all) > 1;
    for (const PQconninfoOption *o = all; o->keyword != NULL && n < OPTIONS_MAX - 2; o++) {
        bool is_list = strcmp(o->keyword, "host") == 0 || strcmp(o->keyword, "hostaddr") == 0 ||
                       strcmp(o->keyword, "port") == 0;

        if (o->val == NULL)
            continue;
        keywords[n] = o->keyword;
        values[n++] =
            is_list && list_turn(o->val, turn, turned[lists]) ? turned[lists++] : o->val;
    }
    if (several && option(all, "target_session_attrs") == NULL) {
        keywords[n] = "target_session_attrs";
        values[n++] = "read-write";
    }
    if (option(all, "connect_timeout") == NULL) {
        keywords[n] = "connect_timeout";
        values[n++] = "5";
    }
    c = later ? PQconnectStartParams(keywords, values, 0) : PQconnectdbParams(keywords, values, 0);
    PQconninfoFree(all);
    return (struct pg_conn *)c;
}
