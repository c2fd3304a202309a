/*
 * The link without /dev/net/tun: a veth pair, whose far end lies in a second
 * network namespace of the same user namespace, and a packet socket on it.
 *
 *     sandbox's netns          second netns
 *       kns0 ───── veth ─────── far ── AF_PACKET socket ── the host process
 *
 * The socket's fd is handed out like a tun's, and reads and writes the same:
 * virtio-net headers, segments of up to 64 KiB, checksums left open
 * (PACKET_VNET_HDR, packet(7)); only that an Ethernet header stands before
 * each packet. Nothing but the socket keeps the second namespace: it goes when
 * the host closes the fd, and kns0 with it. When the sandbox's namespace goes,
 * the far end does, and the socket fails with ENETDOWN.
 *
 * Neither end has ARP (IFF_NOARP), so that nobody is asked for an address:
 * Linux then sends to its own (neighbour tables are filled so in arp_constructor
 * and ndisc_constructor). kns0 has a fixed one, the stack's `peer` in
 * stack/ip/path/link.ts, to be sent to before it has been heard.
 */
#define _GNU_SOURCE
#include "link.h"
#include "netlink.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/veth.h>
#include <sched.h>
#include <unistd.h>

#define FAR_END "far"

static const unsigned char near_address[] = {0x02, 0, 0, 0, 0, 2};
static const unsigned char far_address[] = {0x02, 0, 0, 0, 0, 1};

/* The far end in this namespace, kns0 in that of `sandbox`. */
static int create_pair(int netlink, int sandbox, uint32_t mtu)
{
    struct request request;
    begin_request(&request, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(struct ifinfomsg));
    add_attribute(&request, IFLA_IFNAME, FAR_END, sizeof FAR_END);
    add_attribute(&request, IFLA_ADDRESS, far_address, sizeof far_address);
    add_attribute(&request, IFLA_MTU, &mtu, sizeof mtu);
    struct rtattr *info = add_attribute(&request, IFLA_LINKINFO | NLA_F_NESTED, NULL, 0);
    add_attribute(&request, IFLA_INFO_KIND, "veth", sizeof "veth");
    struct rtattr *data = add_attribute(&request, IFLA_INFO_DATA | NLA_F_NESTED, NULL, 0);
    const struct ifinfomsg near = {0};
    struct rtattr *peer = add_attribute(&request, VETH_INFO_PEER | NLA_F_NESTED, &near, sizeof near);
    add_attribute(&request, IFLA_IFNAME, INTERFACE, sizeof INTERFACE);
    add_attribute(&request, IFLA_ADDRESS, near_address, sizeof near_address);
    add_attribute(&request, IFLA_MTU, &mtu, sizeof mtu);
    add_attribute(&request, IFLA_NET_NS_FD, &sandbox, sizeof sandbox);
    end_nest(&request, peer);
    end_nest(&request, data);
    end_nest(&request, info);
    return transact(netlink, &request);
}

static enum offload offload_of(const struct link_config *config, int packet_socket)
{
    if (!config->offload)
        return OFFLOAD_NONE;
    return carries_udp_segments(packet_socket) ? OFFLOAD_TCP_UDP : OFFLOAD_TCP;
}

/* In the second namespace: both ends, the far one up and silent, and the socket on it. */
static int open_far_end(const struct link_config *config, const struct namespaces *namespaces,
                        struct failure *failure)
{
    int error, netlink = open_netlink();
    if (netlink < 0)
        return fail(failure, "socket AF_NETLINK");
    int index, fd = -1;
    if ((error = create_pair(netlink, namespaces->network, config->mtu)) != 0)
        fail_with(failure, "RTM_NEWLINK veth", error);
    else if ((index = (int)if_nametoindex(FAR_END)) == 0)
        fail(failure, "if_nametoindex");
    else if ((error = silence_ipv6(netlink, index)) != 0 ||
             (error = bring_up(netlink, index, config->mtu)) != 0)
        fail_with(failure, "RTM_SETLINK veth", error);
    else
        fd = open_packet_socket(index, failure);
    close(netlink);
    return fd;
}

int open_veth(const struct link_config *config, const struct namespaces *namespaces, struct link *link,
              struct failure *failure)
{
    if (unshare(CLONE_NEWNET) < 0)
        return fail(failure, "unshare net");
    int fd = open_far_end(config, namespaces, failure);
    if (setns(namespaces->network, CLONE_NEWNET) < 0) {
        fail(failure, "setns net");
    } else if (fd >= 0) {
        *link = (struct link){.fd = fd, .offload = offload_of(config, fd)};
        if (limit_features(INTERFACE, link->offload, failure) == 0)
            return 0;
    }
    if (fd >= 0)
        close(fd);
    return -1;
}
