/*
 * Sockets that listen in the sandbox's network, for the host process to serve:
 * a socket stays in the network namespace that it was made in, whoever holds
 * its fd (network_namespaces(7)).
 *
 * Ports below 1024 are free to all in this namespace, or else this process has
 * kept CAP_NET_BIND_SERVICE over it.
 */
#define _GNU_SOURCE
#include "netns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct address {
    union {
        struct sockaddr any;
        struct sockaddr_in ipv4;
        struct sockaddr_in6 ipv6;
    };
    socklen_t size;
};

static bool parse_address(const char *text, const char *port, struct address *address)
{
    memset(address, 0, sizeof *address);
    uint16_t number = htons((uint16_t)atoi(port));
    if (inet_pton(AF_INET, text, &address->ipv4.sin_addr) == 1) {
        address->ipv4.sin_family = AF_INET;
        address->ipv4.sin_port = number;
        address->size = sizeof address->ipv4;
        return true;
    }
    address->ipv6.sin6_family = AF_INET6;
    address->ipv6.sin6_port = number;
    address->size = sizeof address->ipv6;
    return inet_pton(AF_INET6, text, &address->ipv6.sin6_addr) == 1;
}

/* A listener takes over a port whose old connections linger (tcp(7)); each family is bound by itself. */
static int bind_to(int fd, int type, const struct address *address, struct failure *failure)
{
    int on = 1;
    if (type == SOCK_STREAM && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0)
        return fail(failure, "setsockopt SO_REUSEADDR");
    if (address->any.sa_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0)
        return fail(failure, "setsockopt IPV6_V6ONLY");
    if (bind(fd, &address->any, address->size) < 0)
        return fail(failure, "bind");
    if (type == SOCK_STREAM && listen(fd, SOMAXCONN) < 0)
        return fail(failure, "listen");
    return 0;
}

int open_listener(char *words, struct failure *failure)
{
    struct address address;
    const char *protocol = strsep(&words, " "), *text = strsep(&words, " "), *port = strsep(&words, " ");
    if (port == NULL || !parse_address(text, port, &address))
        return fail_with(failure, "parse listen", EINVAL);
    int type = strcmp(protocol, "udp") == 0 ? SOCK_DGRAM : SOCK_STREAM;
    int fd = socket(address.any.sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return fail(failure, "socket");
    if (bind_to(fd, type, &address, failure) == 0)
        return fd;
    close(fd);
    return -1;
}
