/* Loads the guest's egress fence into the network namespace that it runs in, for tests:
 *   fence_load [egress=PORT | listen=PORT | resolver=ADDRESS | dhcp]...
 * Prints the name of the error and exits 0 when it is "none". Refuses a namespace that is in use for something
 * else: it would cut the machine off from the network. */
#include "fence.h"

#include <ifaddrs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Has this network namespace an IPv4 address on an interface that run did not make? */
static bool in_use(void)
{
    struct ifaddrs *list = NULL;
    bool found = getifaddrs(&list) != 0;

    for (struct ifaddrs *i = list; i != NULL; i = i->ifa_next)
        found = found || (i->ifa_addr != NULL && i->ifa_addr->sa_family == AF_INET &&
                          strcmp(i->ifa_name, "lo") != 0 && strcmp(i->ifa_name, "guest0") != 0);
    freeifaddrs(list);
    return found;
}

static enum err add(struct fence_plan *plan, const char *word)
{
    if (strncmp(word, "egress=", 7) == 0)
        return fence_add_egress(plan, (uint16_t)strtoul(word + 7, NULL, 10));
    if (strncmp(word, "listen=", 7) == 0)
        return fence_add_listen(plan, (uint16_t)strtoul(word + 7, NULL, 10));
    if (strncmp(word, "resolver=", 9) == 0)
        return fence_add_resolver(plan, word + 9);
    plan->dhcp = strcmp(word, "dhcp") == 0;
    return plan->dhcp ? ERR_NONE : ERR_FORMAT;
}

int main(int argc, char **argv)
{
    struct fence_plan plan = {0};
    enum err e = ERR_NONE;

    if (in_use()) {
        fputs("fence_load: this network namespace is in use\n", stderr);
        return 2;
    }
    for (int i = 1; i < argc && e == ERR_NONE; i++)
        e = add(&plan, argv[i]);
    if (e == ERR_NONE)
        e = fence_load(&plan);
    puts(err_name(e));
    return e == ERR_NONE ? 0 : 1;
}
