/*
 * An interface's offload features, by name (ethtool(8) -k shows them): what is
 * turned off the kernel does itself, before the frame leaves.
 */
#define _GNU_SOURCE
#include "link.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Those that go beyond OFFLOAD_TCP come last. */
static const char *const features[] = {
    "tx-checksum-ip-generic",
    "tx-tcp-segmentation",
    "tx-tcp-ecn-segmentation",
    "tx-tcp6-segmentation",
    "tx-udp-segmentation",
};
enum { FEATURES = sizeof features / sizeof features[0], BEYOND_TCP = FEATURES - 1 };

enum { MAX_FEATURES = 256, BITS = 32, BLOCKS = MAX_FEATURES / BITS };

struct names {
    union {
        struct ethtool_gstrings head;
        char room[sizeof(struct ethtool_gstrings) + MAX_FEATURES * ETH_GSTRING_LEN];
    };
};

struct change {
    union {
        struct ethtool_sfeatures head;
        char room[sizeof(struct ethtool_sfeatures) + BLOCKS * sizeof(struct ethtool_set_features_block)];
    };
};

static int ethtool(int fd, const char *interface, void *command)
{
    struct ifreq request;
    memset(&request, 0, sizeof request);
    strncpy(request.ifr_name, interface, sizeof request.ifr_name - 1);
    request.ifr_data = command;
    return ioctl(fd, SIOCETHTOOL, &request);
}

/* How many features this kernel has names for, or -1. */
static int count_features(int fd, const char *interface)
{
    struct {
        struct ethtool_sset_info head;
        uint32_t count;
    } query = {.head = {.cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1ULL << ETH_SS_FEATURES}};
    if (ethtool(fd, interface, &query) < 0)
        return -1;
    return query.count < MAX_FEATURES ? (int)query.count : MAX_FEATURES;
}

static void turn_off(struct change *change, const struct names *names, const char *feature)
{
    for (uint32_t i = 0; i < names->head.len; i++) {
        if (strncmp((const char *)names->head.data + i * ETH_GSTRING_LEN, feature, ETH_GSTRING_LEN) == 0)
            change->head.features[i / BITS].valid |= 1U << (i % BITS);
    }
}

int limit_features(const char *interface, enum offload offload, struct failure *failure)
{
    struct names names = {.head = {.cmd = ETHTOOL_GSTRINGS, .string_set = ETH_SS_FEATURES}};
    struct change change;
    memset(&change, 0, sizeof change);
    if (offload == OFFLOAD_TCP_UDP)
        return 0;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return fail(failure, "socket AF_UNIX");
    int count = count_features(fd, interface), result = -1;
    names.head.len = (uint32_t)count;
    if (count < 0 || ethtool(fd, interface, &names) < 0) {
        fail(failure, "ioctl ETHTOOL_GSTRINGS");
    } else {
        change.head.cmd = ETHTOOL_SFEATURES;
        change.head.size = (names.head.len + BITS - 1) / BITS;
        for (size_t i = offload == OFFLOAD_NONE ? 0 : BEYOND_TCP; i < FEATURES; i++)
            turn_off(&change, &names, features[i]);
        result = ethtool(fd, interface, &change) < 0 ? fail(failure, "ioctl ETHTOOL_SFEATURES") : 0;
    }
    close(fd);
    return result;
}
