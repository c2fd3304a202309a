/*
 * Looks for events for some microseconds before the event loop goes to sleep.
 *
 * The next packet of an exchange comes sooner than an idle processor wakes up,
 * which on a virtual machine takes some 20 to 40 microseconds each time. The
 * kernel does the same for its own sockets (SO_BUSY_POLL, socket(7)), and KVM for
 * a processor that has halted (halt_poll_ns).
 *
 * It is only worth it for who is being answered. So one looks where the turn that
 * ends has moved frames, and few bytes: during a transfer the sender and the
 * receiver have more use for the processor. And as long as it pays off: the last
 * time it was not long until a frame, be it that one looked or that one slept. A
 * server that answers at once says nothing of when it is asked again, so after
 * frames from the command that is known apart from after frames to it.
 *
 * What is looked at is the loop's own epoll instance, whose events stay there for
 * the loop to find.
 */
#define _GNU_SOURCE
#include "busy_poll.h"

#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

enum {
    LONGEST_US = 50,
    /* From going to sleep to the frame, with the time that it takes to wake up. */
    WORTH_US = 2 * LONGEST_US,
    /* Of a turn of the event loop; those of an exchange are far below, those of a transfer far above. */
    MOST_BYTES = 16 << 10,
};

struct busy_poll {
    uv_prepare_t *handle;
    uv_loop_t *loop;
    napi_async_cleanup_hook_handle cleanup;
    bool closing;
    size_t moved_bytes; /* in this turn of the event loop */
    enum direction last;
    /* When the wait after `last` began that has not been judged yet, in microseconds; 0 where there is none. */
    int64_t waiting_since;
    bool pays_off[2]; /* by what the wait is after */
};

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

void busy_poll_moved(struct busy_poll *busy, enum direction direction, size_t bytes)
{
    if (busy == NULL)
        return;
    if (busy->waiting_since != 0)
        busy->pays_off[busy->last] = now_us() - busy->waiting_since < WORTH_US;
    busy->waiting_since = 0;
    busy->moved_bytes += bytes;
    busy->last = direction;
}

static void on_prepare(uv_prepare_t *handle)
{
    struct busy_poll *busy = uv_handle_get_data((uv_handle_t *)handle);
    size_t moved = busy->moved_bytes;
    busy->moved_bytes = 0;
    if (moved == 0 || moved > MOST_BYTES || uv_backend_timeout(busy->loop) == 0)
        return;
    struct pollfd events = {.fd = uv_backend_fd(busy->loop), .events = POLLIN};
    int64_t start = now_us();
    busy->waiting_since = start;
    while (busy->pays_off[busy->last] && poll(&events, 1, 0) == 0 && now_us() - start < LONGEST_US)
        ;
}

/* With one processor nobody could send anything meanwhile. */
static bool has_company(void)
{
    cpu_set_t allowed;
    return sched_getaffinity(0, sizeof allowed, &allowed) < 0 || CPU_COUNT(&allowed) > 1;
}

static void on_closed(uv_handle_t *handle)
{
    struct busy_poll *busy = uv_handle_get_data(handle);
    napi_remove_async_cleanup_hook(busy->cleanup);
    free(busy->handle);
    free(busy);
}

void busy_poll_close(struct busy_poll *busy)
{
    if (busy == NULL || busy->closing)
        return;
    busy->closing = true;
    uv_close((uv_handle_t *)busy->handle, on_closed);
}

static void on_environment_end(napi_async_cleanup_hook_handle hook, void *busy)
{
    (void)hook; /* removed in on_closed: until then the environment waits */
    busy_poll_close(busy);
}

struct busy_poll *busy_poll_open(napi_env env)
{
    uv_loop_t *loop;
    if (napi_get_uv_event_loop(env, &loop) != napi_ok || !has_company())
        return NULL;
    struct busy_poll *busy = calloc(1, sizeof *busy);
    uv_prepare_t *handle = calloc(1, uv_handle_size(UV_PREPARE_TYPE));
    if (busy == NULL || handle == NULL || uv_prepare_init(loop, handle) != 0) {
        free(handle);
        free(busy);
        return NULL;
    }
    *busy = (struct busy_poll){.handle = handle, .loop = loop};
    uv_handle_set_data((uv_handle_t *)handle, busy);
    uv_prepare_start(handle, on_prepare);
    uv_unref((uv_handle_t *)handle);
    if (napi_add_async_cleanup_hook(env, on_environment_end, busy, &busy->cleanup) != napi_ok)
        /* Out of memory in V8, or an environment already ending: nothing sound is left to do. */
        napi_fatal_error("busy_poll_open", NAPI_AUTO_LENGTH, "no cleanup hook", NAPI_AUTO_LENGTH);
    return busy;
}
