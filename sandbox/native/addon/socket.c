/*
 * Unix sockets that bring file descriptors: socketpair(2), one message out at a
 * time, and one in with its SCM_RIGHTS (unix(7)). SOCK_SEQPACKET keeps the
 * borders of messages and still reports the end of the peer. Nothing here
 * blocks. And who the peer of any such socket is (SO_PEERCRED).
 */
#define _GNU_SOURCE
#include "addon.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Most fds in a message that comes, and most bytes of any; the messages of this project are short lines. */
enum { MAX_FDS = 32, MAX_BYTES = 4096 };

union control {
    char buffer[CMSG_SPACE(MAX_FDS * sizeof(int))];
    struct cmsghdr alignment;
};

/* socketPair(): [ours, theirs] */
static napi_value socket_pair(napi_env env, napi_callback_info info)
{
    (void)info;
    int ends[2];
    napi_value result, end;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
        throw_errno(env, "socketpair", errno);
        return NULL;
    }
    TRY(env, napi_create_array_with_length(env, 2, &result));
    for (uint32_t i = 0; i < 2; i++) {
        TRY(env, napi_create_int32(env, ends[i], &end));
        TRY(env, napi_set_element(env, result, i, end));
    }
    return result;
}

/* sendMessage(socket, bytes): false when the socket's buffer is full */
static napi_value send_message(napi_env env, napi_callback_info info)
{
    napi_value args[2], result;
    int socket;
    uint8_t *data;
    size_t length;
    if (!get_args(env, info, 2, args) || !get_int(env, args[0], &socket) ||
        !get_bytes(env, args[1], &data, &length))
        return NULL;
    if (length > MAX_BYTES) {
        throw_errno(env, "send", EMSGSIZE);
        return NULL;
    }

    ssize_t sent;
    do
        sent = send(socket, data, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent < 0 && errno != EAGAIN) {
        throw_errno(env, "send", errno);
        return NULL;
    }
    TRY(env, napi_get_boolean(env, sent >= 0, &result));
    return result;
}

static uint32_t take_fds(struct msghdr *message, int *fds)
{
    uint32_t count = 0;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header; header = CMSG_NXTHDR(message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            continue;
        size_t bytes = header->cmsg_len - CMSG_LEN(0);
        memcpy(fds + count, CMSG_DATA(header), bytes);
        count += (uint32_t)(bytes / sizeof(int));
    }
    return count;
}

static napi_value message_object(napi_env env, const uint8_t *data, size_t length, const int *fds,
                                 uint32_t count)
{
    napi_value result, buffer, bytes, array, fd;
    void *copy;
    TRY(env, napi_create_object(env, &result));
    TRY(env, napi_create_arraybuffer(env, length, &copy, &buffer));
    if (length > 0)
        memcpy(copy, data, length);
    TRY(env, napi_create_typedarray(env, napi_uint8_array, length, buffer, 0, &bytes));
    TRY(env, napi_set_named_property(env, result, "bytes", bytes));
    TRY(env, napi_create_array_with_length(env, count, &array));
    for (uint32_t i = 0; i < count; i++) {
        TRY(env, napi_create_int32(env, fds[i], &fd));
        TRY(env, napi_set_element(env, array, i, fd));
    }
    TRY(env, napi_set_named_property(env, result, "fds", array));
    return result;
}

/*
 * receiveMessage(socket): { bytes, fds }, or null where nothing has come yet.
 * No bytes means that the peer is gone. The fds are the caller's to close.
 */
static napi_value receive_message(napi_env env, napi_callback_info info)
{
    napi_value args[1], result;
    int socket, fds[MAX_FDS];
    uint8_t data[MAX_BYTES];
    union control control;
    if (!get_args(env, info, 1, args) || !get_int(env, args[0], &socket))
        return NULL;

    struct iovec iov = {.iov_base = data, .iov_len = sizeof data};
    struct msghdr message = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = control.buffer,
                             .msg_controllen = sizeof control.buffer};
    ssize_t length;
    do
        length = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (length < 0 && errno == EINTR);
    if (length < 0 && errno == EAGAIN) {
        TRY(env, napi_get_null(env, &result));
        return result;
    }
    /* A peer that closed with our message unread: the end, as an orderly close is. */
    if (length < 0 && errno == ECONNRESET)
        return message_object(env, data, 0, NULL, 0);
    if (length < 0) {
        throw_errno(env, "recvmsg", errno);
        return NULL;
    }

    uint32_t count = take_fds(&message, fds);
    result = NULL;
    if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
        throw_errno(env, "recvmsg", EMSGSIZE);
    else
        result = message_object(env, data, (size_t)length, fds, count);
    if (result == NULL) {
        for (uint32_t i = 0; i < count; i++)
            close(fds[i]);
    }
    return result;
}

/* peerOf(socket): [pid, uid] */
static napi_value peer_of(napi_env env, napi_callback_info info)
{
    napi_value args[1], result, pid, uid;
    int socket;
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (!get_args(env, info, 1, args) || !get_int(env, args[0], &socket))
        return NULL;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) {
        throw_errno(env, "getsockopt", errno);
        return NULL;
    }
    TRY(env, napi_create_array_with_length(env, 2, &result));
    TRY(env, napi_create_int32(env, peer.pid, &pid));
    TRY(env, napi_create_uint32(env, peer.uid, &uid));
    TRY(env, napi_set_element(env, result, 0, pid));
    TRY(env, napi_set_element(env, result, 1, uid));
    return result;
}

bool socket_exports(napi_env env, napi_value exports)
{
    return define(env, exports, "socketPair", socket_pair) &&
           define(env, exports, "sendMessage", send_message) &&
           define(env, exports, "receiveMessage", receive_message) &&
           define(env, exports, "peerOf", peer_of);
}
