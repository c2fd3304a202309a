/*
 * The tun device, with virtio-net headers and segmentation offload: the kernel
 * hands over and takes TCP segments of up to 64 KiB, and leaves checksums to
 * whoever needs them (Documentation/networking/tuntap.rst).
 *
 * /dev/net/tun is the host's (its mount namespace is still ours), but opened
 * from inside the network namespace: the device is made where the file was opened.
 */
#define _GNU_SOURCE
#include "link.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* UDP segmentation, Linux 6.2: both or neither. Older headers lack the names. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

enum {
    TCP_OFFLOADS = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6,
    UDP_OFFLOADS = TUN_F_USO4 | TUN_F_USO6,
};

static int set_offload(int fd, unsigned long offloads)
{
    return ioctl(fd, TUNSETOFFLOAD, offloads);
}

/*
 * Where the kernel knows no UDP segmentation it cuts up itself what a program
 * sends with UDP_SEGMENT, and each datagram arrives as one frame.
 */
static int negotiate_offload(int fd, bool wanted, struct link *link)
{
    link->offload = OFFLOAD_NONE;
    if (!wanted)
        return set_offload(fd, 0);
    link->offload = OFFLOAD_TCP_UDP;
    if (set_offload(fd, TCP_OFFLOADS | UDP_OFFLOADS) == 0)
        return 0;
    link->offload = OFFLOAD_TCP;
    return set_offload(fd, TCP_OFFLOADS);
}

int open_tun(const struct link_config *config, struct link *link, struct failure *failure)
{
    struct ifreq request;
    int header_size = VNET_HEADER_SIZE;
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return fail(failure, "open /dev/net/tun");
    memset(&request, 0, sizeof request);
    strcpy(request.ifr_name, INTERFACE);
    request.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR;
    if (ioctl(fd, TUNSETIFF, &request) < 0)
        fail(failure, "ioctl TUNSETIFF");
    else if (ioctl(fd, TUNSETVNETHDRSZ, &header_size) < 0)
        fail(failure, "ioctl TUNSETVNETHDRSZ");
    else if (negotiate_offload(fd, config->offload, link) < 0)
        fail(failure, "ioctl TUNSETOFFLOAD");
    else {
        link->fd = fd;
        return 0;
    }
    close(fd);
    return -1;
}
