/*
 * Addresses, MTU, state and default routes of the interface.
 * The loopback interface is bubblewrap's work (--unshare-net brings it up).
 *
 * Nobody on the other side answers what a kernel asks its link for, so IPv6 is
 * told to ask nothing: no link-local address (and hence no router
 * solicitation), no duplicate address detection, no router advertisement
 * believed. Neighbours are not asked for either, since the interface has no
 * ARP (IFF_NOARP).
 */
#define _GNU_SOURCE
#include "link.h"
#include "netlink.h"

#include <errno.h>
#include <linux/if_link.h>
#include <unistd.h>

/* A kernel without IPv6 has nothing to silence. */
int silence_ipv6(int netlink, int index)
{
    struct request request;
    uint8_t mode = IN6_ADDR_GEN_MODE_NONE;
    struct ifinfomsg *info = begin_request(&request, RTM_SETLINK, 0, sizeof *info);
    info->ifi_index = index;
    struct rtattr *families = add_attribute(&request, IFLA_AF_SPEC | NLA_F_NESTED, NULL, 0);
    struct rtattr *ipv6 = add_attribute(&request, AF_INET6 | NLA_F_NESTED, NULL, 0);
    add_attribute(&request, IFLA_INET6_ADDR_GEN_MODE, &mode, sizeof mode);
    end_nest(&request, ipv6);
    end_nest(&request, families);
    int error = transact(netlink, &request);
    return error == EAFNOSUPPORT || error == EOPNOTSUPP ? 0 : error;
}

/*
 * Where /proc/sys is read-only this stays undone, and does no harm: it takes a
 * router advertisement to do any, and there is none but what the host sends.
 */
static void distrust_routers(const struct namespaces *namespaces)
{
    write_sysctl(namespaces, "net/ipv6/conf/" INTERFACE "/accept_ra", "0");
    write_sysctl(namespaces, "net/ipv6/conf/" INTERFACE "/autoconf", "0");
}

/*
 * Packets that may wait for this process: a SYN that finds no room is lost, and
 * sent again after a second. It is no more memory than the senders' buffers
 * allow. A tun's own default is 500; a veth pair has the ring in its place.
 */
enum { QUEUE_PACKETS = 16384 };

/* Without ARP, which a tun has not in any case. */
int bring_up(int netlink, int index, uint32_t mtu)
{
    struct request request;
    uint32_t queue = QUEUE_PACKETS;
    struct ifinfomsg *info = begin_request(&request, RTM_SETLINK, 0, sizeof *info);
    info->ifi_index = index;
    info->ifi_flags = info->ifi_change = IFF_UP | IFF_NOARP;
    add_attribute(&request, IFLA_MTU, &mtu, sizeof mtu);
    add_attribute(&request, IFLA_TXQLEN, &queue, sizeof queue);
    return transact(netlink, &request);
}

static size_t address_size(const struct link_address *address)
{
    return address->family == AF_INET ? sizeof(struct in_addr) : sizeof(struct in6_addr);
}

static int add_address(int netlink, int index, const struct link_address *address)
{
    struct request request;
    struct ifaddrmsg *info = begin_request(&request, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, sizeof *info);
    info->ifa_family = (uint8_t)address->family;
    info->ifa_prefixlen = (uint8_t)address->prefix_length;
    info->ifa_flags = address->family == AF_INET6 ? IFA_F_NODAD : 0;
    info->ifa_index = (uint32_t)index;
    add_attribute(&request, IFA_LOCAL, address->local, address_size(address));
    add_attribute(&request, IFA_ADDRESS, address->local, address_size(address));
    return transact(netlink, &request);
}

static int add_default_route(int netlink, int index, const struct link_address *address)
{
    struct request request;
    struct rtmsg *info = begin_request(&request, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, sizeof *info);
    info->rtm_family = (uint8_t)address->family;
    info->rtm_table = RT_TABLE_MAIN;
    info->rtm_protocol = RTPROT_STATIC;
    info->rtm_scope = RT_SCOPE_UNIVERSE;
    info->rtm_type = RTN_UNICAST;
    add_attribute(&request, RTA_GATEWAY, address->gateway, address_size(address));
    add_attribute(&request, RTA_OIF, &index, sizeof index);
    return transact(netlink, &request);
}

/* A kernel may have IPv6 disabled, or lack it: IPv4 does without. */
static int add_ipv6(int netlink, int index, const struct link_config *config)
{
    if (config->ipv6.family == AF_UNSPEC)
        return 0;
    int error = add_address(netlink, index, &config->ipv6);
    return error != 0 ? error : add_default_route(netlink, index, &config->ipv6);
}

int configure_link(const struct link_config *config, const struct namespaces *namespaces,
                   int *ipv6_error, struct failure *failure)
{
    int error, index = (int)if_nametoindex(INTERFACE);
    if (index == 0)
        return fail(failure, "if_nametoindex");
    int netlink = open_netlink();
    if (netlink < 0)
        return fail(failure, "socket AF_NETLINK");
    int result = 0;
    distrust_routers(namespaces);
    if ((error = silence_ipv6(netlink, index)) != 0)
        result = fail_with(failure, "RTM_SETLINK addr_gen_mode", error);
    else if ((error = bring_up(netlink, index, config->mtu)) != 0)
        result = fail_with(failure, "RTM_SETLINK up", error);
    else if ((error = add_address(netlink, index, &config->ipv4)) != 0)
        result = fail_with(failure, "RTM_NEWADDR", error);
    else if ((error = add_default_route(netlink, index, &config->ipv4)) != 0)
        result = fail_with(failure, "RTM_NEWROUTE", error);
    else
        *ipv6_error = add_ipv6(netlink, index, config);
    close(netlink);
    return result;
}
