/* The receive ring of a packet socket, for device.c. */
#ifndef KNS_RING_H
#define KNS_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ring {
    uint8_t *memory; /* as mapRing() returned it; NULL where there is none */
    uint32_t next;   /* the slot that the kernel fills next */
    uint32_t taken;  /* how many before it are ours */
};

/* Frames that have come, in order: where in the memory each begins, and its length. */
size_t ring_take(struct ring *ring, int32_t *offsets, int32_t *lengths, size_t most);

/* All that was taken is the kernel's to fill again. */
void ring_give_back(struct ring *ring);

/* Whether memory of this size holds the ring. */
bool ring_fits(size_t size);

#endif
