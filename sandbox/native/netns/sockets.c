/*
 * Sockets of the sandbox's network for the host process to use: neither bound
 * nor connected, so that what they are for is decided there. It connects them
 * as any other, without a word to this process.
 *
 * Several are made at once: the exchange of messages costs more than they do.
 */
#define _GNU_SOURCE
#include "netns.h"

#include <errno.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct kind {
    const char *name;
    int family, type, protocol;
};

static const struct kind kinds[] = {
    {"tcp4", AF_INET, SOCK_STREAM, IPPROTO_TCP},
    {"tcp6", AF_INET6, SOCK_STREAM, IPPROTO_TCP},
    {"udp4", AF_INET, SOCK_DGRAM, IPPROTO_UDP},
    {"udp6", AF_INET6, SOCK_DGRAM, IPPROTO_UDP},
    {"diag", AF_NETLINK, SOCK_DGRAM, NETLINK_SOCK_DIAG},
};

static const struct kind *find_kind(const char *name)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(name, kinds[i].name) == 0)
            return &kinds[i];
    return NULL;
}

/* Of the kind that the words name, as many as they say: how many were made, in `fds`; or -1. */
int open_sockets(char *words, int *fds, struct failure *failure)
{
    const char *name = strsep(&words, " ");
    const struct kind *kind = find_kind(name);
    int count = words == NULL ? 0 : atoi(words);
    if (kind == NULL || count < 1 || count > MAX_FDS)
        return fail_with(failure, "parse socket", EINVAL);
    for (int made = 0; made < count; made++) {
        fds[made] = socket(kind->family, kind->type | SOCK_CLOEXEC | SOCK_NONBLOCK, kind->protocol);
        if (fds[made] >= 0)
            continue;
        fail(failure, "socket");
        while (made > 0)
            close(fds[--made]);
        return -1;
    }
    return count;
}
