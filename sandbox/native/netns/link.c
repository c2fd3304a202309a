/*
 * Address, MTU, state and default route of the interface, by rtnetlink(7).
 * The loopback interface is bubblewrap's work (--unshare-net brings it up).
 */
#define _GNU_SOURCE
#include "netns.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REQUEST_SIZE = 256, ANSWER_SIZE = 1024 };

struct request {
    union {
        struct nlmsghdr header;
        char bytes[REQUEST_SIZE];
    };
};

static void *begin(struct request *request, uint16_t type, uint16_t flags, size_t body_size)
{
    memset(request, 0, sizeof *request);
    request->header.nlmsg_len = NLMSG_LENGTH(body_size);
    request->header.nlmsg_type = type;
    request->header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
    return NLMSG_DATA(&request->header);
}

/* All requests here are far smaller than REQUEST_SIZE. */
static struct rtattr *add(struct request *request, uint16_t type, const void *data, size_t size)
{
    struct rtattr *attribute = (struct rtattr *)(request->bytes + NLMSG_ALIGN(request->header.nlmsg_len));
    attribute->rta_type = type;
    attribute->rta_len = (uint16_t)RTA_LENGTH(size);
    if (size > 0)
        memcpy(RTA_DATA(attribute), data, size);
    request->header.nlmsg_len = NLMSG_ALIGN(request->header.nlmsg_len) + RTA_ALIGN(attribute->rta_len);
    return attribute;
}

static void end_nest(struct request *request, struct rtattr *nest)
{
    nest->rta_len = (uint16_t)(request->bytes + request->header.nlmsg_len - (char *)nest);
}

/* Sends, and returns the errno of the kernel's acknowledgement. */
static int transact(int netlink, struct request *request)
{
    union {
        struct nlmsghdr header;
        char bytes[ANSWER_SIZE];
    } answer;
    if (send(netlink, request->bytes, request->header.nlmsg_len, 0) < 0)
        return errno;
    ssize_t length = recv(netlink, answer.bytes, sizeof answer.bytes, 0);
    if (length < 0)
        return errno;
    if (length < (ssize_t)NLMSG_LENGTH(sizeof(struct nlmsgerr)) || answer.header.nlmsg_type != NLMSG_ERROR)
        return EPROTO;
    return -((struct nlmsgerr *)NLMSG_DATA(&answer.header))->error;
}

/*
 * No link-local address, hence no router solicitation and no other noise of
 * IPv6 on a link where nobody answers it. A kernel without IPv6 has nothing to
 * turn off.
 */
static int silence_ipv6(int netlink, int index)
{
    struct request request;
    uint8_t mode = IN6_ADDR_GEN_MODE_NONE;
    struct ifinfomsg *info = begin(&request, RTM_SETLINK, 0, sizeof *info);
    info->ifi_index = index;
    struct rtattr *families = add(&request, IFLA_AF_SPEC | NLA_F_NESTED, NULL, 0);
    struct rtattr *ipv6 = add(&request, AF_INET6 | NLA_F_NESTED, NULL, 0);
    add(&request, IFLA_INET6_ADDR_GEN_MODE, &mode, sizeof mode);
    end_nest(&request, ipv6);
    end_nest(&request, families);
    int error = transact(netlink, &request);
    return error == EAFNOSUPPORT || error == EOPNOTSUPP ? 0 : error;
}

static int bring_up(int netlink, int index, int mtu)
{
    struct request request;
    uint32_t value = (uint32_t)mtu;
    struct ifinfomsg *info = begin(&request, RTM_SETLINK, 0, sizeof *info);
    info->ifi_index = index;
    info->ifi_flags = IFF_UP;
    info->ifi_change = IFF_UP;
    add(&request, IFLA_MTU, &value, sizeof value);
    return transact(netlink, &request);
}

static int add_address(int netlink, int index, const struct link_config *config)
{
    struct request request;
    struct ifaddrmsg *info = begin(&request, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, sizeof *info);
    info->ifa_family = AF_INET;
    info->ifa_prefixlen = (uint8_t)config->prefix_length;
    info->ifa_index = (uint32_t)index;
    add(&request, IFA_LOCAL, &config->address, sizeof config->address);
    add(&request, IFA_ADDRESS, &config->address, sizeof config->address);
    return transact(netlink, &request);
}

static int add_default_route(int netlink, int index, const struct link_config *config)
{
    struct request request;
    struct rtmsg *info = begin(&request, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, sizeof *info);
    info->rtm_family = AF_INET;
    info->rtm_table = RT_TABLE_MAIN;
    info->rtm_protocol = RTPROT_STATIC;
    info->rtm_scope = RT_SCOPE_UNIVERSE;
    info->rtm_type = RTN_UNICAST;
    add(&request, RTA_GATEWAY, &config->gateway, sizeof config->gateway);
    add(&request, RTA_OIF, &index, sizeof index);
    return transact(netlink, &request);
}

int configure_link(const struct link_config *config, struct failure *failure)
{
    int error, index = (int)if_nametoindex(INTERFACE);
    if (index == 0)
        return fail(failure, "if_nametoindex");
    int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (netlink < 0)
        return fail(failure, "socket AF_NETLINK");
    int result = 0;
    if ((error = silence_ipv6(netlink, index)) != 0)
        result = fail_with(failure, "RTM_SETLINK addr_gen_mode", error);
    else if ((error = add_address(netlink, index, config)) != 0)
        result = fail_with(failure, "RTM_NEWADDR", error);
    else if ((error = bring_up(netlink, index, config->mtu)) != 0)
        result = fail_with(failure, "RTM_SETLINK up", error);
    else if ((error = add_default_route(netlink, index, config)) != 0)
        result = fail_with(failure, "RTM_NEWROUTE", error);
    close(netlink);
    return result;
}
