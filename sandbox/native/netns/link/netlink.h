/* Requests of rtnetlink(7), built in place and answered one by one. */
#ifndef KNS_NETLINK_H
#define KNS_NETLINK_H

#include <linux/rtnetlink.h>
#include <stddef.h>
#include <stdint.h>

enum { REQUEST_SIZE = 512 };

struct request {
    union {
        struct nlmsghdr header;
        char bytes[REQUEST_SIZE];
    };
};

/* A socket in the network namespace that this process is in, or -1. */
int open_netlink(void);

/* Starts a request; returns its fixed part, zeroed. */
void *begin_request(struct request *request, uint16_t type, uint16_t flags, size_t body_size);

/* All requests here are far smaller than REQUEST_SIZE. */
struct rtattr *add_attribute(struct request *request, uint16_t type, const void *data, size_t size);

/* What was added since `nest` lies within it. */
void end_nest(struct request *request, struct rtattr *nest);

/* Sends, and returns the errno of the kernel's acknowledgement. */
int transact(int netlink, struct request *request);

#endif
