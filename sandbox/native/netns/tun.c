/*
 * The tun device, with virtio-net headers and segmentation offload: the kernel
 * hands over and takes TCP segments of up to 64 KiB, and leaves checksums to
 * whoever needs them (Documentation/networking/tuntap.rst).
 *
 * /dev/net/tun is the host's (its mount namespace is still ours), but opened
 * from inside the network namespace: the device is made where the file was opened.
 */
#define _GNU_SOURCE
#include "netns.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { VNET_HEADER_SIZE = 10 }; /* struct virtio_net_hdr, without num_buffers */

/*
 * UDP segmentation (TUN_F_USO4) is not asked for: the kernel then cuts up what
 * a program sends with UDP_SEGMENT, and each datagram arrives as one frame.
 */
enum { OFFLOADS = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 };

int open_tun(struct failure *failure)
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
    else if (ioctl(fd, TUNSETOFFLOAD, (unsigned long)OFFLOADS) < 0)
        fail(failure, "ioctl TUNSETOFFLOAD");
    else
        return fd;
    close(fd);
    return -1;
}
