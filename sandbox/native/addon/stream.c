/*
 * TCP sockets of the host's, any number of them behind one watch.
 *
 * Node's own `net.Socket` is a stream, a handle and a request object for each
 * connect, write and end: for short connections that is most of what they cost.
 * Here a connection is an fd. It is added once to an epoll instance of ours,
 * edge-triggered, and the event loop watches that instance. A wake-up calls
 * JavaScript once, with what has happened to whom. All else is a system call a
 * function, whose caller keeps the state.
 *
 * A connection to this machine, or to a namespace on it, is there when connect(2)
 * returns: the kernel has carried all three segments itself. It is not waited
 * for then, and that it can be written to is no event until it could not.
 *
 * By epoll(7), who is told of an edge reads or writes until EAGAIN, or until a
 * stream gives or takes less than was asked for.
 *
 * Urgent data (RFC 6093) is read as any other, in its place. A read ends before
 * it, though more has come: who is told of it reads on, as of an end.
 */
#define _GNU_SOURCE
#include "watch.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_EVENTS = 64, EVENT_WORDS = 2, IPV4_BYTES = 4, IPV6_BYTES = 16 };
/* The second word of an event; the first is the number that the socket was opened by. */
enum { READABLE = 1, WRITABLE = 2, ENDED = 4 };
/* tcp(7), in seconds: sooner than NATs and firewalls forget a silent connection, which the kernel's two hours are not. */
enum { KEEPALIVE_IDLE = 60, KEEPALIVE_INTERVAL = 15 };

struct streams {
    struct watch *watch; /* NULL once closed */
    int epoll;
    int32_t *events;
    size_t most;
    napi_ref self, events_ref, on_events;
};

static int32_t flags_of(uint32_t events)
{
    return ((events & EPOLLIN) ? READABLE : 0) | ((events & EPOLLOUT) ? WRITABLE : 0) |
           ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI)) ? ENDED : 0);
}

/* What is left over keeps the instance readable, for the next turn of the event loop. */
static void on_event(void *owner, bool failed, int events)
{
    struct streams *streams = owner;
    struct epoll_event happened[MAX_EVENTS];
    napi_env env = watch_env(streams->watch);
    napi_value argument;
    (void)failed;
    (void)events;
    int count = epoll_wait(streams->epoll, happened, (int)streams->most, 0);
    if (count <= 0)
        return;
    for (int i = 0; i < count; i++) {
        streams->events[i * EVENT_WORDS] = (int32_t)happened[i].data.u32;
        streams->events[i * EVENT_WORDS + 1] = flags_of(happened[i].events);
    }
    if (napi_create_int32(env, count, &argument) == napi_ok)
        call_back(env, watch_context(streams->watch), streams->on_events, 1, &argument);
}

static void finalize(napi_env env, void *data, void *hint)
{
    (void)env;
    (void)hint;
    free(data);
}

/* openStreams(events, onEvents): a handle, which keeps the process alive. `events` has two words for each of those told at once. */
static napi_value open_streams(napi_env env, napi_callback_info info)
{
    napi_value args[2], result;
    size_t words;
    if (!get_args(env, info, 2, args))
        return NULL;
    struct streams *streams = calloc(1, sizeof *streams);
    if (streams == NULL) {
        throw_errno(env, "calloc", ENOMEM);
        return NULL;
    }
    TRY(env, napi_create_external(env, streams, finalize, NULL, &result));
    if (!get_int32s(env, args[0], &streams->events, &words))
        return NULL;
    streams->most = words / EVENT_WORDS < MAX_EVENTS ? words / EVENT_WORDS : MAX_EVENTS;
    if (streams->most == 0) {
        napi_throw_range_error(env, "ERR_INVALID_ARG", "the table is too short");
        return NULL;
    }
    streams->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (streams->epoll < 0) {
        throw_errno(env, "epoll_create1", errno);
        return NULL;
    }
    streams->watch = watch_open(env, streams->epoll, on_event, streams);
    if (streams->watch == NULL) {
        close(streams->epoll);
        return NULL;
    }
    TRY(env, napi_create_reference(env, args[0], 1, &streams->events_ref));
    TRY(env, napi_create_reference(env, args[1], 1, &streams->on_events));
    TRY(env, napi_create_reference(env, result, 1, &streams->self));
    return watch_for(streams->watch, UV_READABLE) ? result : NULL;
}

/* closeStreams(handle): idempotent; the sockets are their owners' to close */
static napi_value close_streams(napi_env env, napi_callback_info info)
{
    napi_value args[1];
    void *data;
    if (!get_args(env, info, 1, args))
        return NULL;
    TRY(env, napi_get_value_external(env, args[0], &data));
    struct streams *streams = data;
    if (streams->watch == NULL)
        return undefined(env);
    watch_close(streams->watch);
    streams->watch = NULL;
    close(streams->epoll);
    napi_delete_reference(env, streams->events_ref);
    napi_delete_reference(env, streams->on_events);
    napi_delete_reference(env, streams->self);
    return undefined(env);
}

static socklen_t peer_of(struct sockaddr_storage *peer, const uint8_t *address, size_t length, int port)
{
    memset(peer, 0, sizeof *peer);
    if (length == IPV6_BYTES) {
        struct sockaddr_in6 *six = (struct sockaddr_in6 *)peer;
        *six = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
        memcpy(&six->sin6_addr, address, IPV6_BYTES);
        return sizeof *six;
    }
    struct sockaddr_in *four = (struct sockaddr_in *)peer;
    *four = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    memcpy(&four->sin_addr, address, IPV4_BYTES);
    return sizeof *four;
}

/* Whether the connection is there, and nothing has come of it but that. */
static bool is_established(int fd)
{
    struct pollfd now = {.fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP};
    return poll(&now, 1, 0) == 1 && now.revents == POLLOUT;
}

static bool epoll_edges(const struct streams *streams, int operation, int fd, int id, uint32_t events)
{
    struct epoll_event wanted = {
        .events = events | EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLET,
        .data.u32 = (uint32_t)id,
    };
    return epoll_ctl(streams->epoll, operation, fd, &wanted) == 0;
}

static bool set_option(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof value) == 0;
}

/* What every socket has before it connects. */
static bool set_options(int fd)
{
    return set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1) && set_option(fd, SOL_SOCKET, SO_OOBINLINE, 1) &&
           set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1) &&
           set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE) &&
           set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL);
}

/* A socket on its way to the peer, or there already, told of by `id`; or the errno, negative. */
static int start_connecting(const struct streams *streams, int id, const struct sockaddr_storage *peer,
                            socklen_t size, bool *established)
{
    int error;
    int fd = socket(peer->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    if (set_options(fd) &&
        (connect(fd, (const struct sockaddr *)peer, size) == 0 || errno == EINPROGRESS)) {
        *established = is_established(fd);
        /* Added last: an edge is what happens from now on, and what is so already. */
        if (epoll_edges(streams, EPOLL_CTL_ADD, fd, id, *established ? 0 : EPOLLOUT))
            return fd;
    }
    error = errno;
    close(fd);
    return -error;
}

/*
 * connectStream(handle, id, address, port, outcome): the fd, or the errno as a negative number. outcome[0] is 1 where
 * the connection is there already; else the first event tells the outcome.
 */
static napi_value connect_stream(napi_env env, napi_callback_info info)
{
    napi_value args[5], result;
    void *data;
    uint8_t *address;
    int32_t *outcome;
    size_t length, words;
    int id, port;
    bool established = false;
    struct sockaddr_storage peer;
    if (!get_args(env, info, 5, args) || !get_int(env, args[1], &id) ||
        !get_bytes(env, args[2], &address, &length) || !get_int(env, args[3], &port) ||
        !get_int32s(env, args[4], &outcome, &words))
        return NULL;
    TRY(env, napi_get_value_external(env, args[0], &data));
    struct streams *streams = data;
    if (streams->watch == NULL || (length != IPV4_BYTES && length != IPV6_BYTES) || words == 0) {
        napi_throw_range_error(env, "ERR_INVALID_ARG", "an open handle and an address of 4 or 16 bytes");
        return NULL;
    }
    socklen_t size = peer_of(&peer, address, length, port);
    int fd = start_connecting(streams, id, &peer, size, &established);
    outcome[0] = established;
    TRY(env, napi_create_int32(env, fd, &result));
    return result;
}

/* awaitWritable(handle, id, fd): from now on it is an event that the socket can be written to again; at once if it can */
static napi_value await_writable(napi_env env, napi_callback_info info)
{
    napi_value args[3];
    void *data;
    int id, fd;
    if (!get_args(env, info, 3, args) || !get_int(env, args[1], &id) || !get_int(env, args[2], &fd))
        return NULL;
    TRY(env, napi_get_value_external(env, args[0], &data));
    struct streams *streams = data;
    if (streams->watch != NULL && !epoll_edges(streams, EPOLL_CTL_MOD, fd, id, EPOLLOUT)) {
        throw_errno(env, "epoll_ctl", errno);
        return NULL;
    }
    return undefined(env);
}

/* streamError(fd): what became of the connection, as SO_ERROR has it: 0 or an errno */
static napi_value stream_error(napi_env env, napi_callback_info info)
{
    napi_value args[1], result;
    int fd, error = 0;
    socklen_t size = sizeof error;
    if (!get_args(env, info, 1, args) || !get_int(env, args[0], &fd))
        return NULL;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
        error = errno;
    TRY(env, napi_create_int32(env, error, &result));
    return result;
}

/* inlineUrgent(fd): urgent data is read in its place, where it would be lost (tcp(7), SO_OOBINLINE) */
static napi_value inline_urgent(napi_env env, napi_callback_info info)
{
    napi_value args[1];
    int fd;
    if (!get_args(env, info, 1, args) || !get_int(env, args[0], &fd))
        return NULL;
    set_option(fd, SOL_SOCKET, SO_OOBINLINE, 1);
    return undefined(env);
}

/* streamUnsent(fd): bytes that the peer's kernel has not acknowledged (tcp(7), SIOCOUTQ); 0 of what is no connection */
static napi_value stream_unsent(napi_env env, napi_callback_info info)
{
    napi_value args[1], result;
    int fd, bytes = 0;
    if (!get_args(env, info, 1, args) || !get_int(env, args[0], &fd))
        return NULL;
    if (ioctl(fd, SIOCOUTQ, &bytes) < 0)
        bytes = 0;
    TRY(env, napi_create_int32(env, bytes, &result));
    return result;
}

/* The arguments (fd, bytes, offset): where in the buffer, and how much of it is left from there. */
static bool get_range(napi_env env, napi_callback_info info, int *fd, uint8_t **start, size_t *length)
{
    napi_value args[3];
    uint8_t *data;
    size_t size;
    int offset;
    if (!get_args(env, info, 3, args) || !get_int(env, args[0], fd) || !get_bytes(env, args[1], &data, &size) ||
        !get_int(env, args[2], &offset))
        return false;
    if (offset < 0 || (size_t)offset > size) {
        napi_throw_range_error(env, "ERR_OUT_OF_RANGE", "the offset lies outside the buffer");
        return false;
    }
    *start = data + offset;
    *length = size - (size_t)offset;
    return true;
}

static napi_value count_or_errno(napi_env env, ssize_t count, int error)
{
    napi_value result;
    TRY(env, napi_create_int32(env, count < 0 ? -error : (int32_t)count, &result));
    return result;
}

/* readStream(fd, buffer, offset): bytes read to there, 0 at the end, or the errno as a negative number */
static napi_value read_stream(napi_env env, napi_callback_info info)
{
    int fd;
    uint8_t *start;
    size_t length;
    ssize_t count;
    if (!get_range(env, info, &fd, &start, &length))
        return NULL;
    do
        count = recv(fd, start, length, MSG_DONTWAIT);
    while (count < 0 && errno == EINTR);
    return count_or_errno(env, count, errno);
}

/* writeStream(fd, bytes, offset): how many from there were taken, or the errno as a negative number */
static napi_value write_stream(napi_env env, napi_callback_info info)
{
    int fd;
    uint8_t *start;
    size_t length;
    ssize_t count;
    if (!get_range(env, info, &fd, &start, &length))
        return NULL;
    do
        count = send(fd, start, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (count < 0 && errno == EINTR);
    return count_or_errno(env, count, errno);
}

/* finishStream(fd): a FIN behind all that was written. A connection that is over needs none. */
static napi_value finish_stream(napi_env env, napi_callback_info info)
{
    napi_value args[1];
    int fd;
    if (!get_args(env, info, 1, args) || !get_int(env, args[0], &fd))
        return NULL;
    shutdown(fd, SHUT_WR);
    return undefined(env);
}

/* closeStream(fd, reset): by RST where so asked (socket(7), SO_LINGER) */
static napi_value close_stream(napi_env env, napi_callback_info info)
{
    napi_value args[2];
    int fd;
    bool reset;
    if (!get_args(env, info, 2, args) || !get_int(env, args[0], &fd))
        return NULL;
    TRY(env, napi_get_value_bool(env, args[1], &reset));
    struct linger at_once = {.l_onoff = 1};
    if (reset)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fd);
    return undefined(env);
}

bool stream_exports(napi_env env, napi_value exports)
{
    return define(env, exports, "openStreams", open_streams) &&
           define(env, exports, "closeStreams", close_streams) &&
           define(env, exports, "connectStream", connect_stream) &&
           define(env, exports, "awaitWritable", await_writable) &&
           define(env, exports, "streamError", stream_error) &&
           define(env, exports, "inlineUrgent", inline_urgent) &&
           define(env, exports, "streamUnsent", stream_unsent) &&
           define(env, exports, "readStream", read_stream) &&
           define(env, exports, "writeStream", write_stream) &&
           define(env, exports, "finishStream", finish_stream) &&
           define(env, exports, "closeStream", close_stream);
}
