/*
 * The data path: frames between a device and JavaScript.
 *
 * In: when the fd is readable, frames are put into one arena that lives as long
 * as the device, and JavaScript is called once for the whole batch: frame i is
 * lengths[i] bytes at offsets[i], until the callback returns. Those of a tun
 * are read one by one into slots of the arena; the arena of a packet socket is
 * its ring, and they are there already (ring.c). One batch a turn of
 * the event loop: other fds get their turn even under a flood, and the fd
 * stays readable.
 *
 * Out: one writev(2) gathers the header and the payload where they lie. The
 * header and the piece tables are the same buffers for every frame, so their
 * addresses are asked for once (bindFrame) and not at each write.
 *
 * The interface goes with its network namespace: read then fails with
 * EBADFD, or poll with EPOLLERR. That is reported once, as the end.
 */
#define _GNU_SOURCE
#include "busy_poll.h"
#include "ring.h"
#include "watch.h"

#include <errno.h>
#include <linux/if_tun.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    MAX_PIECES = 16, /* MAX_FRAME_PIECES of stack/device.ts */
    /*
     * What a batch brings at most, but for its last frame: with the copy that the stack makes of it, as much as stays in
     * a core's own cache until it has been passed on. Of small packets there may be as many as the tables hold.
     */
    BATCH_BYTES = 448 << 10,
};

struct device {
    struct watch *watch; /* NULL once closed */
    struct busy_poll *busy;
    int fd;
    bool reading;
    bool writable_wanted;

    uint8_t *arena;
    int32_t *offsets;
    int32_t *lengths;
    size_t most; /* frames in a batch */
    size_t slot_size;
    struct ring ring;

    uint8_t *head;
    size_t head_size;
    int32_t *piece_offsets;
    int32_t *piece_lengths;

    napi_ref self; /* and all that the pointers above point into, kept from collection */
    napi_ref arena_ref, offsets_ref, lengths_ref, head_ref, piece_offsets_ref, piece_lengths_ref;
    napi_ref on_batch, on_writable, on_end;
};

static bool wait_for_events(struct device *device)
{
    return watch_for(device->watch,
                     (device->reading ? UV_READABLE : 0) | (device->writable_wanted ? UV_WRITABLE : 0));
}

static void report_end(napi_env env, struct device *device)
{
    device->reading = false;
    device->writable_wanted = false;
    wait_for_events(device);
    call_back(env, watch_context(device->watch), device->on_end, 0, NULL);
}

/* Reads frames while there are any; `ended` where there will be no more. */
static size_t read_frames(struct device *device, bool *ended)
{
    size_t count = 0, bytes = 0;
    while (count < device->most && bytes < BATCH_BYTES) {
        ssize_t length = read(device->fd, device->arena + device->offsets[count], device->slot_size);
        if (length >= 0) {
            device->lengths[count++] = (int32_t)length;
            bytes += (size_t)length;
        } else if (errno != EINTR) {
            *ended = errno != EAGAIN;
            break;
        }
    }
    return count;
}

static size_t sum(const int32_t *lengths, size_t count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += (size_t)lengths[i];
    return bytes;
}

static void read_batch(napi_env env, struct device *device)
{
    bool ended = false, is_ring = device->ring.memory != NULL;
    size_t count = is_ring ? ring_take(&device->ring, device->offsets, device->lengths, device->most)
                           : read_frames(device, &ended);
    if (count > 0) {
        napi_value argument;
        busy_poll_moved(device->busy, FROM_COMMAND, sum(device->lengths, count));
        if (napi_create_uint32(env, (uint32_t)count, &argument) == napi_ok)
            call_back(env, watch_context(device->watch), device->on_batch, 1, &argument);
    }
    /* The callback may have closed the device. */
    if (device->watch == NULL)
        return;
    if (is_ring)
        ring_give_back(&device->ring);
    if (ended)
        report_end(env, device);
}

static void on_event(void *owner, bool failed, int events)
{
    struct device *device = owner;
    napi_env env = watch_env(device->watch);
    if (failed) {
        report_end(env, device);
        return;
    }
    if ((events & UV_WRITABLE) && device->writable_wanted) {
        device->writable_wanted = false;
        wait_for_events(device);
        call_back(env, watch_context(device->watch), device->on_writable, 0, NULL);
    }
    /* Each callback may have closed the device. */
    if (device->watch != NULL && (events & UV_READABLE) && device->reading)
        read_batch(env, device);
}

static void finalize(napi_env env, void *data, void *hint)
{
    (void)env;
    (void)hint;
    free(data);
}

static struct device *get_device(napi_env env, napi_value value)
{
    void *device;
    TRY(env, napi_get_value_external(env, value, &device));
    if (((struct device *)device)->watch == NULL) {
        napi_throw_error(env, "ERR_CLOSED", "the device is closed");
        return NULL;
    }
    return device;
}

/* Where frames come to: slots of the arena, or the ring that the arena is. */
static bool lay_out(napi_env env, struct device *device, size_t arena_size)
{
    size_t slot_size = device->slot_size;
    bool fits = slot_size == 0 ? ring_fits(arena_size)
                               : device->most > 0 && arena_size / slot_size >= device->most;
    if (!fits) {
        napi_throw_range_error(env, "ERR_INVALID_ARG", "the arena is smaller than what it is to hold");
        return false;
    }
    if (slot_size == 0)
        device->ring.memory = device->arena;
    for (size_t i = 0; i < device->most; i++)
        device->offsets[i] = (int32_t)(i * slot_size);
    return true;
}

/*
 * openDevice(fd, arena, slotSize, offsets, lengths, onBatch, onWritable, onEnd):
 * a handle. The fd, already non-blocking, belongs to the handle from now on. A
 * slotSize of 0 says that the arena is from mapRing.
 */
static napi_value open_device(napi_env env, napi_callback_info info)
{
    napi_value args[8], result;
    int slot_size;
    size_t arena_size, offsets;
    if (!get_args(env, info, 8, args))
        return NULL;
    struct device *device = calloc(1, sizeof *device);
    if (device == NULL) {
        throw_errno(env, "calloc", ENOMEM);
        return NULL;
    }
    TRY(env, napi_create_external(env, device, finalize, NULL, &result));
    if (!get_int(env, args[0], &device->fd) || !get_bytes(env, args[1], &device->arena, &arena_size) ||
        !get_int(env, args[2], &slot_size) || !get_int32s(env, args[3], &device->offsets, &offsets) ||
        !get_int32s(env, args[4], &device->lengths, &device->most))
        return NULL;
    if (slot_size < 0 || offsets < device->most) {
        napi_throw_range_error(env, "ERR_INVALID_ARG", "the tables are too short");
        return NULL;
    }
    device->slot_size = (size_t)slot_size;
    if (!lay_out(env, device, arena_size))
        return NULL;
    TRY(env, napi_create_reference(env, args[1], 1, &device->arena_ref));
    TRY(env, napi_create_reference(env, args[3], 1, &device->offsets_ref));
    TRY(env, napi_create_reference(env, args[4], 1, &device->lengths_ref));
    TRY(env, napi_create_reference(env, args[5], 1, &device->on_batch));
    TRY(env, napi_create_reference(env, args[6], 1, &device->on_writable));
    TRY(env, napi_create_reference(env, args[7], 1, &device->on_end));
    TRY(env, napi_create_reference(env, result, 1, &device->self));
    device->watch = watch_open(env, device->fd, on_event, device);
    if (device->watch == NULL)
        return NULL;
    device->busy = busy_poll_open(env);
    return result;
}

/* startDevice(handle): frames that came before are in the device's own queue, and come now */
static napi_value start_device(napi_env env, napi_callback_info info)
{
    napi_value args[1];
    struct device *device;
    if (!get_args(env, info, 1, args) || (device = get_device(env, args[0])) == NULL)
        return NULL;
    device->reading = true;
    return wait_for_events(device) ? undefined(env) : NULL;
}

static void release(napi_env env, napi_ref *reference)
{
    if (*reference != NULL)
        napi_delete_reference(env, *reference);
    *reference = NULL;
}

/* bindFrame(handle, head, pieceOffsets, pieceLengths): where every later write finds its parts */
static napi_value bind_frame(napi_env env, napi_callback_info info)
{
    napi_value args[4];
    struct device *device;
    size_t offsets, lengths;
    if (!get_args(env, info, 4, args) || (device = get_device(env, args[0])) == NULL ||
        !get_bytes(env, args[1], &device->head, &device->head_size) ||
        !get_int32s(env, args[2], &device->piece_offsets, &offsets) ||
        !get_int32s(env, args[3], &device->piece_lengths, &lengths))
        return NULL;
    if (offsets < MAX_PIECES || lengths < MAX_PIECES) {
        device->head_size = 0;
        napi_throw_range_error(env, "ERR_INVALID_ARG", "the tables are too short");
        return NULL;
    }
    release(env, &device->head_ref);
    release(env, &device->piece_offsets_ref);
    release(env, &device->piece_lengths_ref);
    TRY(env, napi_create_reference(env, args[1], 1, &device->head_ref));
    TRY(env, napi_create_reference(env, args[2], 1, &device->piece_offsets_ref));
    TRY(env, napi_create_reference(env, args[3], 1, &device->piece_lengths_ref));
    return undefined(env);
}

/* Adds the pieces to the vector; false where one lies outside its buffer. */
static bool gather(napi_env env, const struct device *device, napi_value pieces, int count, struct iovec *vector)
{
    for (int i = 0; i < count; i++) {
        napi_value piece;
        uint8_t *data;
        size_t size;
        if (napi_get_element(env, pieces, (uint32_t)i, &piece) != napi_ok ||
            !get_bytes(env, piece, &data, &size))
            return false;
        int32_t offset = device->piece_offsets[i], length = device->piece_lengths[i];
        if (offset < 0 || length < 0 || (size_t)offset + (size_t)length > size) {
            napi_throw_range_error(env, "ERR_OUT_OF_RANGE", "a piece lies outside its buffer");
            return false;
        }
        vector[i] = (struct iovec){.iov_base = data + offset, .iov_len = (size_t)length};
    }
    return true;
}

/*
 * writeFrame(handle, headLength, pieces, pieceCount): 0 when taken, else the
 * errno. EAGAIN means: keep it, onWritable will be called.
 */
static napi_value write_frame(napi_env env, napi_callback_info info)
{
    napi_value args[4], result;
    struct device *device;
    int head_length, count;
    struct iovec vector[1 + MAX_PIECES];
    if (!get_args(env, info, 4, args) || (device = get_device(env, args[0])) == NULL ||
        !get_int(env, args[1], &head_length) || !get_int(env, args[3], &count))
        return NULL;
    if (head_length < 0 || (size_t)head_length > device->head_size || count < 0 || count > MAX_PIECES) {
        napi_throw_range_error(env, "ERR_OUT_OF_RANGE", "the frame is larger than its tables");
        return NULL;
    }
    vector[0] = (struct iovec){.iov_base = device->head, .iov_len = (size_t)head_length};
    if (!gather(env, device, args[2], count, vector + 1))
        return NULL;

    ssize_t written;
    do
        written = writev(device->fd, vector, 1 + count);
    while (written < 0 && errno == EINTR);
    int error = written < 0 ? errno : 0;
    if (written > 0)
        busy_poll_moved(device->busy, TO_COMMAND, (size_t)written);
    if (error == EAGAIN && !device->writable_wanted) {
        device->writable_wanted = true;
        if (!wait_for_events(device))
            return NULL;
    }
    TRY(env, napi_create_int32(env, error, &result));
    return result;
}

/*
 * closeDevice(handle, leave): idempotent; closes the fd too.
 *
 * The last to close a tun removes its interface, and close(2) lasts until every
 * processor of the host has let go of it (rcu_barrier): some 10 to 30 ms. A
 * persistent one is left to the end of its network namespace, which the kernel
 * sees to while nobody waits. Elsewhere TUNSETPERSIST is unknown, and nothing is
 * waited for.
 */
static napi_value close_device(napi_env env, napi_callback_info info)
{
    napi_value args[2];
    void *data;
    bool leave;
    if (!get_args(env, info, 2, args))
        return NULL;
    TRY(env, napi_get_value_external(env, args[0], &data));
    TRY(env, napi_get_value_bool(env, args[1], &leave));
    struct device *device = data;
    if (device->watch == NULL)
        return undefined(env);
    watch_close(device->watch);
    device->watch = NULL;
    busy_poll_close(device->busy);
    device->busy = NULL;
    if (leave)
        ioctl(device->fd, TUNSETPERSIST, 1UL);
    close(device->fd);
    napi_ref *references[] = {&device->arena_ref,         &device->offsets_ref,       &device->lengths_ref,
                              &device->head_ref,          &device->piece_offsets_ref, &device->piece_lengths_ref,
                              &device->on_batch,          &device->on_writable,       &device->on_end,
                              &device->self};
    for (size_t i = 0; i < COUNT_OF(references); i++)
        release(env, references[i]);
    return undefined(env);
}

bool device_exports(napi_env env, napi_value exports)
{
    return define(env, exports, "openDevice", open_device) && define(env, exports, "startDevice", start_device) &&
           define(env, exports, "bindFrame", bind_frame) &&
           define(env, exports, "writeFrame", write_frame) &&
           define(env, exports, "closeDevice", close_device);
}
