/*
 * A packet socket that stands for a tun: every frame of an interface, with
 * virtio-net headers, in both directions (packet(7)).
 */
#define _GNU_SOURCE
#include "link.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Linux 4.20; older headers lack the name. */
#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif
#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

static int bind_to(int fd, int index)
{
    struct sockaddr_ll address = {
        .sll_family = AF_PACKET,
        .sll_protocol = htons(ETH_P_ALL),
        .sll_ifindex = index,
    };
    return bind(fd, (struct sockaddr *)&address, sizeof address);
}

int open_packet_socket(int index, struct failure *failure)
{
    int on = 1;
    /* Protocol 0: nothing is received until it is bound to the one interface. */
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return fail(failure, "socket AF_PACKET");
    if (setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on) < 0)
        fail(failure, "setsockopt PACKET_VNET_HDR");
    else if (setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) < 0)
        fail(failure, "setsockopt PACKET_IGNORE_OUTGOING");
    else if (bind_to(fd, index) < 0)
        fail(failure, "bind AF_PACKET");
    else
        return fd;
    close(fd);
    return -1;
}

/* A run of two datagrams of a byte each, to and from nobody: all else is 0. */
struct probe {
    unsigned char virtio[VNET_HEADER_SIZE];
    unsigned char ethernet[ETH_HLEN];
    unsigned char ipv4[20];
    unsigned char udp[8];
    unsigned char payload[2];
};

/*
 * Linux 6.2 on knows runs of datagrams in virtio-net headers, and those before
 * refuse them. Sent while the other end of the pair is down, and so to nobody.
 */
bool carries_udp_segments(int packet_socket)
{
    struct probe probe = {
        .virtio = {VIRTIO_NET_HDR_F_NEEDS_CSUM, VIRTIO_NET_HDR_GSO_UDP_L4},
        .ethernet = {[12] = ETH_P_IP >> 8, [13] = ETH_P_IP & 0xff},
        .ipv4 = {[0] = 0x45, [3] = 30, [8] = 64, [9] = IPPROTO_UDP},
        .udp = {[5] = 10},
    };
    /* Header length, segment size, and where to start the checksum and put it, counted from the frame's start. */
    const uint16_t fields[] = {ETH_HLEN + 28, 1, ETH_HLEN + 20, 6};
    memcpy(probe.virtio + 2, fields, sizeof fields);
    return send(packet_socket, &probe, sizeof probe, 0) >= 0 || errno != EINVAL;
}
