/*
 * Datagram sockets of the host: UDP, and the ping sockets that need no privilege
 * (icmp(7)).
 *
 * Node's own `dgram` hides two things that a relay of datagrams needs. A socket
 * that talks to many peers learns of their ICMP errors by IP_RECVERR alone
 * (ip(7)): the error queue says which peer, and why. And a ping socket can't be
 * had at all.
 *
 * A ping socket belongs to one identifier, which the kernel puts into each
 * message and takes the answers by; type, sequence number and data are ours.
 *
 * In: JavaScript is called when something is there, and takes it by batches
 * into an arena of slots. Record i is RECORD_WORDS int32 wide: length, port,
 * four words of address (an IPv4 address is the first), and of an error also
 * errno, ICMP type, ICMP code and the MTU. Out: one sendto(2) a datagram.
 */
#define _GNU_SOURCE
#include "watch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_BATCH = 32, RECORD_WORDS = 10, IPV4_BYTES = 4, IPV6_BYTES = 16 };
enum { KIND_UDP = 0, KIND_ECHO = 1 };
/* Or as much of it as net.core.rmem_max allows: the usual buffer holds 92 datagrams of a kilobyte. */
enum { RECEIVE_BUFFER_BYTES = 4 << 20 };
/* Fields of a record. */
enum { LENGTH, PORT, ADDRESS, ERRNO = ADDRESS + 4, ICMP_TYPE, ICMP_CODE, MTU };

union peer {
    struct sockaddr any;
    struct sockaddr_in four;
    struct sockaddr_in6 six;
};

struct datagrams {
    struct watch *watch; /* NULL once closed */
    int fd;
    int family;
    napi_ref self, on_readable;
};

/* An error in the queue ends the watch (libuv takes EPOLLERR for the end of the fd): once taken it goes on. */
static void on_event(void *owner, bool failed, int events)
{
    struct datagrams *socket = owner;
    (void)events;
    call_back(watch_env(socket->watch), watch_context(socket->watch), socket->on_readable, 0, NULL);
    if (failed && socket->watch != NULL)
        watch_for(socket->watch, UV_READABLE);
}

static void finalize(napi_env env, void *data, void *hint)
{
    (void)env;
    (void)hint;
    free(data);
}

static struct datagrams *get_socket(napi_env env, napi_value value)
{
    void *socket;
    TRY(env, napi_get_value_external(env, value, &socket));
    if (((struct datagrams *)socket)->watch == NULL) {
        napi_throw_error(env, "ERR_CLOSED", "the socket is closed");
        return NULL;
    }
    return socket;
}

/* The fd, or -1 with the exception pending. */
static int open_fd(napi_env env, int family, int kind)
{
    int on = 1, is_six = family == AF_INET6;
    int protocol = kind == KIND_UDP ? IPPROTO_UDP : is_six ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
    int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
    if (fd < 0) {
        throw_errno(env, "socket", errno);
        return -1;
    }
    /* Not both families by one socket: a mapped address would be a second spelling of an IPv4 one. */
    if ((is_six && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0) ||
        setsockopt(fd, is_six ? IPPROTO_IPV6 : IPPROTO_IP, is_six ? IPV6_RECVERR : IP_RECVERR, &on,
                   sizeof on) < 0) {
        throw_errno(env, "setsockopt", errno);
        close(fd);
        return -1;
    }
    /* What comes while JavaScript is busy elsewhere waits there, for no program reads it meanwhile. */
    int bytes = RECEIVE_BUFFER_BYTES;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    return fd;
}

/* openDatagrams(version, kind, onReadable): a handle; its local port is chosen at the first send */
static napi_value open_datagrams(napi_env env, napi_callback_info info)
{
    napi_value args[3], result;
    int version, kind;
    if (!get_args(env, info, 3, args) || !get_int(env, args[0], &version) || !get_int(env, args[1], &kind))
        return NULL;
    int family = version == 6 ? AF_INET6 : AF_INET;
    struct datagrams *socket = calloc(1, sizeof *socket);
    if (socket == NULL) {
        throw_errno(env, "calloc", ENOMEM);
        return NULL;
    }
    TRY(env, napi_create_external(env, socket, finalize, NULL, &result));
    socket->family = family;
    socket->fd = open_fd(env, family, kind);
    if (socket->fd < 0)
        return NULL;
    socket->watch = watch_open(env, socket->fd, on_event, socket);
    if (socket->watch == NULL) {
        close(socket->fd);
        return NULL;
    }
    TRY(env, napi_create_reference(env, args[2], 1, &socket->on_readable));
    TRY(env, napi_create_reference(env, result, 1, &socket->self));
    return watch_for(socket->watch, UV_READABLE) ? result : NULL;
}

static void write_peer(int32_t *record, const union peer *peer)
{
    uint32_t words[IPV6_BYTES / sizeof(uint32_t)] = {0};
    if (peer->any.sa_family == AF_INET6)
        memcpy(words, &peer->six.sin6_addr, IPV6_BYTES);
    else
        memcpy(words, &peer->four.sin_addr, IPV4_BYTES);
    for (size_t i = 0; i < COUNT_OF(words); i++)
        record[ADDRESS + i] = (int32_t)ntohl(words[i]);
    record[PORT] = ntohs(peer->any.sa_family == AF_INET6 ? peer->six.sin6_port : peer->four.sin_port);
}

/* receiveDatagrams(handle, arena, slotSize, records): how many have come; what is longer than a slot is cut */
static napi_value receive_datagrams(napi_env env, napi_callback_info info)
{
    napi_value args[4], result;
    struct datagrams *socket;
    uint8_t *arena;
    int32_t *records;
    size_t arena_size, words;
    int slot_size, count;
    if (!get_args(env, info, 4, args) || (socket = get_socket(env, args[0])) == NULL ||
        !get_bytes(env, args[1], &arena, &arena_size) || !get_int(env, args[2], &slot_size) ||
        !get_int32s(env, args[3], &records, &words))
        return NULL;
    size_t most = words / RECORD_WORDS;
    if (slot_size <= 0 || most == 0 || arena_size / (size_t)slot_size < most) {
        napi_throw_range_error(env, "ERR_INVALID_ARG", "the arena is smaller than what it is to hold");
        return NULL;
    }
    struct mmsghdr messages[MAX_BATCH];
    struct iovec slots[MAX_BATCH];
    union peer peers[MAX_BATCH];
    most = most < MAX_BATCH ? most : MAX_BATCH;
    for (size_t i = 0; i < most; i++) {
        slots[i] = (struct iovec){.iov_base = arena + i * (size_t)slot_size, .iov_len = (size_t)slot_size};
        messages[i].msg_hdr = (struct msghdr){.msg_name = &peers[i],
                                              .msg_namelen = sizeof peers[i],
                                              .msg_iov = &slots[i],
                                              .msg_iovlen = 1};
    }
    do
        count = recvmmsg(socket->fd, messages, (unsigned)most, MSG_DONTWAIT, NULL);
    while (count < 0 && errno == EINTR);
    /* EAGAIN, or an error of the queue that was told here first: it is there still. */
    if (count < 0)
        count = 0;
    for (int i = 0; i < count; i++) {
        records[i * RECORD_WORDS + LENGTH] = (int32_t)messages[i].msg_len;
        write_peer(records + i * RECORD_WORDS, &peers[i]);
    }
    TRY(env, napi_create_int32(env, count, &result));
    return result;
}

static bool is_error_report(const struct cmsghdr *header)
{
    return (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_RECVERR) ||
           (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_RECVERR);
}

/*
 * receiveError(handle, slot, record): whether there was one. The slot has the
 * start of what was sent, of a ping from its ICMP header on; an error found
 * here and not by ICMP has type and code -1.
 */
static napi_value receive_error(napi_env env, napi_callback_info info)
{
    napi_value args[3], result;
    struct datagrams *socket;
    uint8_t *slot;
    int32_t *record;
    size_t slot_size, words;
    if (!get_args(env, info, 3, args) || (socket = get_socket(env, args[0])) == NULL ||
        !get_bytes(env, args[1], &slot, &slot_size) || !get_int32s(env, args[2], &record, &words))
        return NULL;
    if (words < RECORD_WORDS) {
        napi_throw_range_error(env, "ERR_INVALID_ARG", "the record is too short");
        return NULL;
    }
    union {
        char buffer[512];
        struct cmsghdr alignment;
    } control;
    union peer peer;
    memset(&peer, 0, sizeof peer);
    struct iovec iov = {.iov_base = slot, .iov_len = slot_size};
    struct msghdr message = {.msg_name = &peer,
                             .msg_namelen = sizeof peer,
                             .msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = control.buffer,
                             .msg_controllen = sizeof control.buffer};
    ssize_t length;
    do
        length = recvmsg(socket->fd, &message, MSG_DONTWAIT | MSG_ERRQUEUE);
    while (length < 0 && errno == EINTR);
    if (length >= 0) {
        memset(record, 0, RECORD_WORDS * sizeof *record);
        record[LENGTH] = (int32_t)length;
        write_peer(record, &peer);
        for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
            if (!is_error_report(header))
                continue;
            struct sock_extended_err report;
            memcpy(&report, CMSG_DATA(header), sizeof report);
            bool is_icmp = report.ee_origin == SO_EE_ORIGIN_ICMP || report.ee_origin == SO_EE_ORIGIN_ICMP6;
            record[ERRNO] = (int32_t)report.ee_errno;
            record[ICMP_TYPE] = is_icmp ? report.ee_type : -1;
            record[ICMP_CODE] = is_icmp ? report.ee_code : -1;
            record[MTU] = (int32_t)report.ee_info;
        }
    }
    TRY(env, napi_get_boolean(env, length >= 0, &result));
    return result;
}

static ssize_t send_once(struct datagrams *socket, const union peer *peer, const uint8_t *data, size_t length)
{
    socklen_t size = socket->family == AF_INET6 ? sizeof peer->six : sizeof peer->four;
    ssize_t sent;
    do
        sent = sendto(socket->fd, data, length, MSG_DONTWAIT | MSG_NOSIGNAL, &peer->any, size);
    while (sent < 0 && errno == EINTR);
    return sent;
}

/* sendDatagram(handle, address, port, payload): 0, or the errno. The address has 4 or 16 bytes, as the socket does. */
static napi_value send_datagram(napi_env env, napi_callback_info info)
{
    napi_value args[4], result;
    struct datagrams *socket;
    uint8_t *address, *data;
    size_t address_bytes, length;
    int port;
    if (!get_args(env, info, 4, args) || (socket = get_socket(env, args[0])) == NULL ||
        !get_bytes(env, args[1], &address, &address_bytes) || !get_int(env, args[2], &port) ||
        !get_bytes(env, args[3], &data, &length))
        return NULL;
    bool is_six = socket->family == AF_INET6;
    if (address_bytes != (is_six ? IPV6_BYTES : IPV4_BYTES)) {
        napi_throw_range_error(env, "ERR_INVALID_ARG", "an address of the other family");
        return NULL;
    }
    union peer peer;
    memset(&peer, 0, sizeof peer);
    if (is_six) {
        peer.six = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
        memcpy(&peer.six.sin6_addr, address, IPV6_BYTES);
    } else {
        peer.four = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
        memcpy(&peer.four.sin_addr, address, IPV4_BYTES);
    }
    ssize_t sent = send_once(socket, &peer, data, length);
    /* An error of another peer's is told to whoever calls next, once; it is in the queue as well. */
    if (sent < 0 && errno != EAGAIN)
        sent = send_once(socket, &peer, data, length);
    TRY(env, napi_create_int32(env, sent < 0 ? errno : 0, &result));
    return result;
}

/* closeDatagrams(handle): once, and again without effect */
static napi_value close_datagrams(napi_env env, napi_callback_info info)
{
    napi_value args[1];
    void *data;
    if (!get_args(env, info, 1, args))
        return NULL;
    TRY(env, napi_get_value_external(env, args[0], &data));
    struct datagrams *socket = data;
    if (socket->watch == NULL)
        return undefined(env);
    watch_close(socket->watch);
    socket->watch = NULL;
    close(socket->fd);
    napi_delete_reference(env, socket->on_readable);
    napi_delete_reference(env, socket->self);
    return undefined(env);
}

bool datagram_exports(napi_env env, napi_value exports)
{
    return define(env, exports, "openDatagrams", open_datagrams) &&
           define(env, exports, "receiveDatagrams", receive_datagrams) &&
           define(env, exports, "receiveError", receive_error) &&
           define(env, exports, "sendDatagram", send_datagram) &&
           define(env, exports, "closeDatagrams", close_datagrams);
}
