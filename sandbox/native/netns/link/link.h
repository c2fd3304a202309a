/*
 * The link: the interface kns0 of the sandbox, and the fd by which the host
 * process drives it. Two kinds, by what the system offers: tun.c and veth.c.
 */
#ifndef KNS_LINK_H
#define KNS_LINK_H

#include "../netns.h"

#include <net/if.h>
#include <netinet/in.h>

#define INTERFACE "kns0"

enum { VNET_HEADER_SIZE = 10 }; /* struct virtio_net_hdr, without num_buffers */

/* One family's part: the interface's own address, and where all else is. */
struct link_address {
    int family; /* AF_UNSPEC where the family is not asked for */
    int prefix_length;
    unsigned char local[sizeof(struct in6_addr)];
    unsigned char gateway[sizeof(struct in6_addr)];
};

/* What the two sides of a link leave to each other, each including those before it. */
enum offload {
    OFFLOAD_NONE,    /* packets are complete, and no larger than the MTU */
    OFFLOAD_TCP,     /* checksums are open, and TCP segments as large as IP packets may be */
    OFFLOAD_TCP_UDP, /* as well as runs of datagrams */
};

struct link_config {
    const char *kind; /* "tun" or "veth" */
    bool offload;
    uint32_t mtu;
    struct link_address ipv4;
    struct link_address ipv6;
};

struct link {
    int fd;
    enum offload offload;
};

/* config.c: "KIND OFFLOAD MTU ADDRESS/LENGTH GATEWAY [ADDRESS/LENGTH GATEWAY]" */
bool parse_link(char *words, struct link_config *config);

/* tun.c, veth.c: makes the interface in this network namespace */
int open_tun(const struct link_config *config, struct link *link, struct failure *failure);
int open_veth(const struct link_config *config, const struct namespaces *namespaces, struct link *link,
              struct failure *failure);

/* packet.c: a packet socket on an interface that is up, and what it can carry */
int open_packet_socket(int index, struct failure *failure);
bool carries_udp_segments(int packet_socket);

/* features.c: turns off what an interface's driver would leave undone beyond `offload` */
int limit_features(const char *interface, enum offload offload, struct failure *failure);

/* link.c: addresses, MTU, up, default routes; *ipv6_error is 0, or why IPv6 is not to be had */
int configure_link(const struct link_config *config, const struct namespaces *namespaces,
                   int *ipv6_error, struct failure *failure);

/* link.c, for any interface: these return the errno, or 0 */
int silence_ipv6(int netlink, int index);
int bring_up(int netlink, int index, uint32_t mtu);

#endif
