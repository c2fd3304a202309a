/**
 * Work that would hold packets up is cut into slices. What nobody waits for rests between two: the processors are
 * others' then, such as those who send and receive the packets.
 */

/** How long one slice may take. */
export const SLICE_MS = 1;
/** Between two slices of work that nobody waits for. */
export const REST_MS = 3;
