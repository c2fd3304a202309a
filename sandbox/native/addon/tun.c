/*
 * The data path: frames between a tun device and JavaScript.
 *
 * In: when the fd is readable, up to `slots` frames are read into one arena
 * that lives as long as the device (frame i at i * slotSize, its length in
 * lengths[i]), and JavaScript is called once for the whole batch. The slots
 * are overwritten at the next wake-up. One batch a turn of the event loop:
 * other fds get their turn even under a flood, and the fd stays readable.
 *
 * Out: one writev(2) gathers the header and the payload where they lie. The
 * header and the piece tables are the same buffers for every frame, so their
 * addresses are asked for once (bindFrame) and not at each write.
 *
 * The tun device goes with its network namespace: read then fails with
 * EBADFD, or poll with EPOLLERR. That is reported once, as the end.
 */
#define _GNU_SOURCE
#include "watch.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

enum { MAX_PIECES = 16 }; /* MAX_FRAME_PIECES of stack/device.ts */

struct tun {
    struct watch *watch; /* NULL once closed */
    int fd;
    bool reading;
    bool writable_wanted;

    uint8_t *arena;
    int32_t *lengths;
    size_t slots;
    size_t slot_size;

    uint8_t *head;
    size_t head_size;
    int32_t *piece_offsets;
    int32_t *piece_lengths;

    napi_ref self; /* and all that the pointers above point into, kept from collection */
    napi_ref arena_ref, lengths_ref, head_ref, offsets_ref, piece_lengths_ref;
    napi_ref on_batch, on_writable, on_end;
};

static bool wait_for_events(struct tun *tun)
{
    return watch_for(tun->watch,
                     (tun->reading ? UV_READABLE : 0) | (tun->writable_wanted ? UV_WRITABLE : 0));
}

static void report_end(napi_env env, struct tun *tun)
{
    tun->reading = false;
    tun->writable_wanted = false;
    wait_for_events(tun);
    call_back(env, watch_context(tun->watch), tun->on_end, 0, NULL);
}

static void read_batch(napi_env env, struct tun *tun)
{
    size_t count = 0;
    bool ended = false;
    while (count < tun->slots) {
        ssize_t length = read(tun->fd, tun->arena + count * tun->slot_size, tun->slot_size);
        if (length >= 0) {
            tun->lengths[count++] = (int32_t)length;
        } else if (errno != EINTR) {
            ended = errno != EAGAIN;
            break;
        }
    }
    if (count > 0) {
        napi_value argument;
        if (napi_create_uint32(env, (uint32_t)count, &argument) == napi_ok)
            call_back(env, watch_context(tun->watch), tun->on_batch, 1, &argument);
    }
    if (ended && tun->watch != NULL)
        report_end(env, tun);
}

static void on_event(void *owner, bool failed, int events)
{
    struct tun *tun = owner;
    napi_env env = watch_env(tun->watch);
    if (failed) {
        report_end(env, tun);
        return;
    }
    if ((events & UV_WRITABLE) && tun->writable_wanted) {
        tun->writable_wanted = false;
        wait_for_events(tun);
        call_back(env, watch_context(tun->watch), tun->on_writable, 0, NULL);
    }
    /* Each callback may have closed the device. */
    if (tun->watch != NULL && (events & UV_READABLE) && tun->reading)
        read_batch(env, tun);
}

static void finalize(napi_env env, void *data, void *hint)
{
    (void)env;
    (void)hint;
    free(data);
}

static struct tun *get_tun(napi_env env, napi_value value)
{
    void *tun;
    TRY(env, napi_get_value_external(env, value, &tun));
    if (((struct tun *)tun)->watch == NULL) {
        napi_throw_error(env, "ERR_CLOSED", "the device is closed");
        return NULL;
    }
    return tun;
}

/*
 * openTun(fd, arena, slotSize, lengths, onBatch, onWritable, onEnd): a handle.
 * The fd, already non-blocking, belongs to the handle from now on.
 */
static napi_value open_tun(napi_env env, napi_callback_info info)
{
    napi_value args[7], result;
    int slot_size;
    size_t arena_size, slots;
    if (!get_args(env, info, 7, args))
        return NULL;
    struct tun *tun = calloc(1, sizeof *tun);
    if (tun == NULL) {
        throw_errno(env, "calloc", ENOMEM);
        return NULL;
    }
    TRY(env, napi_create_external(env, tun, finalize, NULL, &result));
    if (!get_int(env, args[0], &tun->fd) || !get_bytes(env, args[1], &tun->arena, &arena_size) ||
        !get_int(env, args[2], &slot_size) || !get_int32s(env, args[3], &tun->lengths, &slots))
        return NULL;
    if (slot_size <= 0 || slots == 0 || arena_size / (size_t)slot_size < slots) {
        napi_throw_range_error(env, "ERR_INVALID_ARG", "the arena is smaller than its slots");
        return NULL;
    }
    tun->slot_size = (size_t)slot_size;
    tun->slots = slots;
    TRY(env, napi_create_reference(env, args[1], 1, &tun->arena_ref));
    TRY(env, napi_create_reference(env, args[3], 1, &tun->lengths_ref));
    TRY(env, napi_create_reference(env, args[4], 1, &tun->on_batch));
    TRY(env, napi_create_reference(env, args[5], 1, &tun->on_writable));
    TRY(env, napi_create_reference(env, args[6], 1, &tun->on_end));
    TRY(env, napi_create_reference(env, result, 1, &tun->self));
    tun->watch = watch_open(env, tun->fd, on_event, tun);
    return tun->watch == NULL ? NULL : result;
}

/* startTun(handle): frames that came before are in the device's own queue, and come now */
static napi_value start_tun(napi_env env, napi_callback_info info)
{
    napi_value args[1];
    struct tun *tun;
    if (!get_args(env, info, 1, args) || (tun = get_tun(env, args[0])) == NULL)
        return NULL;
    tun->reading = true;
    return wait_for_events(tun) ? undefined(env) : NULL;
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
    struct tun *tun;
    size_t offsets, lengths;
    if (!get_args(env, info, 4, args) || (tun = get_tun(env, args[0])) == NULL ||
        !get_bytes(env, args[1], &tun->head, &tun->head_size) ||
        !get_int32s(env, args[2], &tun->piece_offsets, &offsets) ||
        !get_int32s(env, args[3], &tun->piece_lengths, &lengths))
        return NULL;
    if (offsets < MAX_PIECES || lengths < MAX_PIECES) {
        tun->head_size = 0;
        napi_throw_range_error(env, "ERR_INVALID_ARG", "the tables are too short");
        return NULL;
    }
    release(env, &tun->head_ref);
    release(env, &tun->offsets_ref);
    release(env, &tun->piece_lengths_ref);
    TRY(env, napi_create_reference(env, args[1], 1, &tun->head_ref));
    TRY(env, napi_create_reference(env, args[2], 1, &tun->offsets_ref));
    TRY(env, napi_create_reference(env, args[3], 1, &tun->piece_lengths_ref));
    return undefined(env);
}

/* Adds the pieces to the vector; false where one lies outside its buffer. */
static bool gather(napi_env env, const struct tun *tun, napi_value pieces, int count, struct iovec *vector)
{
    for (int i = 0; i < count; i++) {
        napi_value piece;
        uint8_t *data;
        size_t size;
        if (napi_get_element(env, pieces, (uint32_t)i, &piece) != napi_ok ||
            !get_bytes(env, piece, &data, &size))
            return false;
        int32_t offset = tun->piece_offsets[i], length = tun->piece_lengths[i];
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
    struct tun *tun;
    int head_length, count;
    struct iovec vector[1 + MAX_PIECES];
    if (!get_args(env, info, 4, args) || (tun = get_tun(env, args[0])) == NULL ||
        !get_int(env, args[1], &head_length) || !get_int(env, args[3], &count))
        return NULL;
    if (head_length < 0 || (size_t)head_length > tun->head_size || count < 0 || count > MAX_PIECES) {
        napi_throw_range_error(env, "ERR_OUT_OF_RANGE", "the frame is larger than its tables");
        return NULL;
    }
    vector[0] = (struct iovec){.iov_base = tun->head, .iov_len = (size_t)head_length};
    if (!gather(env, tun, args[2], count, vector + 1))
        return NULL;

    ssize_t written;
    do
        written = writev(tun->fd, vector, 1 + count);
    while (written < 0 && errno == EINTR);
    int error = written < 0 ? errno : 0;
    if (error == EAGAIN && !tun->writable_wanted) {
        tun->writable_wanted = true;
        if (!wait_for_events(tun))
            return NULL;
    }
    TRY(env, napi_create_int32(env, error, &result));
    return result;
}

/* closeTun(handle): idempotent; closes the fd too */
static napi_value close_tun(napi_env env, napi_callback_info info)
{
    napi_value args[1];
    void *data;
    if (!get_args(env, info, 1, args))
        return NULL;
    TRY(env, napi_get_value_external(env, args[0], &data));
    struct tun *tun = data;
    if (tun->watch == NULL)
        return undefined(env);
    watch_close(tun->watch);
    tun->watch = NULL;
    close(tun->fd);
    napi_ref *references[] = {&tun->arena_ref,         &tun->lengths_ref, &tun->head_ref,
                              &tun->offsets_ref,       &tun->on_batch,    &tun->on_writable,
                              &tun->piece_lengths_ref, &tun->on_end,      &tun->self};
    for (size_t i = 0; i < COUNT_OF(references); i++)
        release(env, references[i]);
    return undefined(env);
}

bool tun_exports(napi_env env, napi_value exports)
{
    return define(env, exports, "openTun", open_tun) && define(env, exports, "startTun", start_tun) &&
           define(env, exports, "bindFrame", bind_frame) &&
           define(env, exports, "writeFrame", write_frame) &&
           define(env, exports, "closeTun", close_tun);
}
