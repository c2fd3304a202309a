/* What the host wants of the interface, as words of one line. */
#define _GNU_SOURCE
#include "link.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

enum { IPV6_BITS = 128 };

/* "ADDRESS/LENGTH" and a gateway of the same family. */
static bool parse_address(int family, char *prefix, const char *gateway, struct link_address *address)
{
    char *length = strchr(prefix, '/');
    if (length == NULL || gateway == NULL)
        return false;
    *length++ = '\0';
    address->family = family;
    address->prefix_length = atoi(length);
    return address->prefix_length <= IPV6_BITS && inet_pton(family, prefix, address->local) == 1 &&
           inet_pton(family, gateway, address->gateway) == 1;
}

bool parse_link(char *words, struct link_config *config)
{
    memset(config, 0, sizeof *config);
    config->kind = strsep(&words, " ");
    const char *offload = strsep(&words, " "), *mtu = strsep(&words, " ");
    char *ipv4 = strsep(&words, " ");
    if (ipv4 == NULL || !parse_address(AF_INET, ipv4, strsep(&words, " "), &config->ipv4))
        return false;
    config->offload = strcmp(offload, "offload") == 0;
    config->mtu = (uint32_t)atoi(mtu);
    char *ipv6 = strsep(&words, " ");
    return ipv6 == NULL || parse_address(AF_INET6, ipv6, strsep(&words, " "), &config->ipv6);
}
