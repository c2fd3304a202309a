/* See netlink.h. */
#define _GNU_SOURCE
#include "netlink.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

enum { ANSWER_SIZE = 1024 };

int open_netlink(void)
{
    return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
}

void *begin_request(struct request *request, uint16_t type, uint16_t flags, size_t body_size)
{
    memset(request, 0, sizeof *request);
    request->header.nlmsg_len = NLMSG_LENGTH(body_size);
    request->header.nlmsg_type = type;
    request->header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
    return NLMSG_DATA(&request->header);
}

struct rtattr *add_attribute(struct request *request, uint16_t type, const void *data, size_t size)
{
    struct rtattr *attribute = (struct rtattr *)(request->bytes + NLMSG_ALIGN(request->header.nlmsg_len));
    attribute->rta_type = type;
    attribute->rta_len = (uint16_t)RTA_LENGTH(size);
    if (size > 0)
        memcpy(RTA_DATA(attribute), data, size);
    request->header.nlmsg_len = NLMSG_ALIGN(request->header.nlmsg_len) + RTA_ALIGN(attribute->rta_len);
    return attribute;
}

void end_nest(struct request *request, struct rtattr *nest)
{
    nest->rta_len = (uint16_t)(request->bytes + request->header.nlmsg_len - (char *)nest);
}

int transact(int netlink, struct request *request)
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
