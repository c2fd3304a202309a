/*
 * Frames of a packet socket without a system call for each, and none lost but
 * to a full ring: the kernel writes them into memory that it shares with this
 * process (PACKET_RX_RING with TPACKET_V2, packet_mmap.rst). The socket's own
 * queue holds no more than net.core.rmem_max, a handful of 64 KiB segments.
 *
 * The ring is a number of blocks, each a number of slots: a header, whose
 * tp_status says whose the slot is, and a frame. The virtio-net header stands
 * just before the Ethernet header, which tp_mac points at; tp_snaplen does not
 * count it. Slots are filled and given back in their order.
 */
#define _GNU_SOURCE
#include "ring.h"

#include "addon.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <sys/mman.h>
#include <sys/socket.h>

enum {
    VNET_HEADER_SIZE = 10,
    BLOCK_SIZE = 1 << 20,
    BLOCKS = 8,
    /* The largest packet with all headers; just so large that a block is full with them. */
    SLOT_SIZE = 69904,
    SLOTS_PER_BLOCK = BLOCK_SIZE / SLOT_SIZE,
    SLOTS = BLOCKS * SLOTS_PER_BLOCK,
    RING_SIZE = BLOCKS * BLOCK_SIZE,
};
_Static_assert(SLOT_SIZE % TPACKET_ALIGNMENT == 0, "slots are aligned");
_Static_assert(SLOT_SIZE >= 65535 + 1024, "a slot holds a frame and what stands before it");

static size_t offset_of(uint32_t slot)
{
    return slot / SLOTS_PER_BLOCK * (size_t)BLOCK_SIZE + slot % SLOTS_PER_BLOCK * (size_t)SLOT_SIZE;
}

static struct tpacket2_hdr *header_of(const struct ring *ring, uint32_t slot)
{
    return (struct tpacket2_hdr *)(ring->memory + offset_of(slot));
}

bool ring_fits(size_t size)
{
    return size >= RING_SIZE;
}

size_t ring_take(struct ring *ring, int32_t *offsets, int32_t *lengths, size_t most)
{
    size_t count = 0;
    while (count < most && ring->taken < SLOTS) {
        const struct tpacket2_hdr *header = header_of(ring, ring->next);
        if (!(__atomic_load_n(&header->tp_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER))
            break;
        offsets[count] = (int32_t)(offset_of(ring->next) + header->tp_mac - VNET_HEADER_SIZE);
        lengths[count] = (int32_t)(header->tp_snaplen + VNET_HEADER_SIZE);
        count++;
        ring->taken++;
        ring->next = (ring->next + 1) % SLOTS;
    }
    return count;
}

void ring_give_back(struct ring *ring)
{
    for (; ring->taken > 0; ring->taken--) {
        struct tpacket2_hdr *header = header_of(ring, (ring->next + SLOTS - ring->taken) % SLOTS);
        __atomic_store_n(&header->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
    }
}

static void unmap(napi_env env, void *memory, void *hint)
{
    (void)env;
    (void)hint;
    munmap(memory, RING_SIZE);
}

static void *map(int fd, const char **call)
{
    int version = TPACKET_V2;
    const struct tpacket_req request = {
        .tp_block_size = BLOCK_SIZE,
        .tp_block_nr = BLOCKS,
        .tp_frame_size = SLOT_SIZE,
        .tp_frame_nr = SLOTS,
    };
    *call = "setsockopt PACKET_VERSION";
    if (setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof version) < 0)
        return MAP_FAILED;
    *call = "setsockopt PACKET_RX_RING";
    if (setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof request) < 0)
        return MAP_FAILED;
    *call = "mmap";
    return mmap(NULL, RING_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
}

/* mapRing(fd): the memory, to be given to openDevice; it lasts for as long as something refers to it */
static napi_value map_ring(napi_env env, napi_callback_info info)
{
    napi_value args[1], buffer, result;
    int fd;
    const char *call;
    if (!get_args(env, info, 1, args) || !get_int(env, args[0], &fd))
        return NULL;
    void *memory = map(fd, &call);
    if (memory == MAP_FAILED) {
        throw_errno(env, call, errno);
        return NULL;
    }
    if (napi_create_external_arraybuffer(env, memory, RING_SIZE, unmap, NULL, &buffer) != napi_ok) {
        munmap(memory, RING_SIZE);
        throw_last_error(env);
        return NULL;
    }
    TRY(env, napi_create_typedarray(env, napi_uint8_array, RING_SIZE, buffer, 0, &result));
    return result;
}

bool ring_exports(napi_env env, napi_value exports)
{
    return define(env, exports, "mapRing", map_ring);
}
