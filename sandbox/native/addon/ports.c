/*
 * Which ports of a network namespace are open, by sock_diag(7): TCP sockets
 * that listen, UDP sockets that are bound and talk to nobody in particular.
 *
 * The kernel answers from its tables of such sockets alone. /proc/net/tcp has
 * each connection as well, of a table that all namespaces share. A dump is
 * made while it is read, so that nothing here waits.
 *
 * The namespace is that of the netlink socket, wherever it is read.
 */
#define _GNU_SOURCE
#include "addon.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The kernel makes messages of 32 KiB where as much is asked for (netlink_recvmsg). */
enum { BUFFER_BYTES = 32768 };
/* Fields of a record: the inode by which fstat(2) knows the socket; an IPv4 address is the first word. */
enum { INODE, PORT, ADDRESS, RECORD_WORDS = ADDRESS + 4 };

struct dump {
    int32_t *records;
    size_t room, count;
};

/* openDiag(): the fd of a socket in this process's own namespace */
static napi_value open_diag(napi_env env, napi_callback_info info)
{
    napi_value result;
    (void)info;
    int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);
    if (fd < 0) {
        throw_errno(env, "socket", errno);
        return NULL;
    }
    TRY(env, napi_create_int32(env, fd, &result));
    return result;
}

static int ask(int fd, int family, int protocol)
{
    struct {
        struct nlmsghdr header;
        struct inet_diag_req_v2 request;
    } message = {
        .header = {.nlmsg_len = sizeof message,
                   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                   .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
        .request = {.sdiag_family = (uint8_t)family,
                    .sdiag_protocol = (uint8_t)protocol,
                    .idiag_states = 1u << (protocol == IPPROTO_TCP ? TCP_LISTEN : TCP_CLOSE)},
    };
    return send(fd, &message, sizeof message, 0) < 0 ? errno : 0;
}

static void take(struct dump *dump, const struct inet_diag_msg *socket)
{
    if (dump->count++ >= dump->room)
        return;
    int32_t *record = dump->records + (dump->count - 1) * RECORD_WORDS;
    record[INODE] = (int32_t)socket->idiag_inode;
    record[PORT] = ntohs(socket->id.idiag_sport);
    for (size_t i = 0; i < COUNT_OF(socket->id.idiag_src); i++)
        record[ADDRESS + i] = (int32_t)ntohl(socket->id.idiag_src[i]);
}

/* One message of the dump: 0 where more are to come, -1 at its end, or the errno. */
static int read_part(const uint8_t *buffer, size_t length, struct dump *dump)
{
    const struct nlmsghdr *header = (const struct nlmsghdr *)buffer;
    for (; NLMSG_OK(header, length); header = NLMSG_NEXT(header, length)) {
        if (header->nlmsg_type == NLMSG_DONE)
            return -1;
        if (header->nlmsg_type == NLMSG_ERROR)
            return -((const struct nlmsgerr *)NLMSG_DATA(header))->error;
        if (header->nlmsg_len >= NLMSG_LENGTH(sizeof(struct inet_diag_msg)))
            take(dump, NLMSG_DATA(header));
    }
    return 0;
}

static int receive(int fd, struct dump *dump)
{
    _Alignas(struct nlmsghdr) uint8_t buffer[BUFFER_BYTES];
    for (;;) {
        ssize_t length = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
        if (length < 0 && errno == EINTR)
            continue;
        if (length < 0)
            return errno;
        int end = read_part(buffer, (size_t)length, dump);
        if (end != 0)
            return end > 0 ? end : 0;
    }
}

/*
 * readPorts(fd, version, protocol, records): how many there are, by the
 * number of the IP version and of the protocol (6 or 17). Those for which
 * `records` has no room are counted and left out.
 */
static napi_value read_ports(napi_env env, napi_callback_info info)
{
    napi_value args[4], result;
    int fd, version, protocol;
    struct dump dump = {.count = 0};
    size_t words;
    if (!get_args(env, info, 4, args) || !get_int(env, args[0], &fd) || !get_int(env, args[1], &version) ||
        !get_int(env, args[2], &protocol) || !get_int32s(env, args[3], &dump.records, &words))
        return NULL;
    dump.room = words / RECORD_WORDS;
    int error = ask(fd, version == 6 ? AF_INET6 : AF_INET, protocol);
    if (error == 0)
        error = receive(fd, &dump);
    if (error != 0) {
        throw_errno(env, "sock_diag", error);
        return NULL;
    }
    TRY(env, napi_create_uint32(env, (uint32_t)dump.count, &result));
    return result;
}

bool ports_exports(napi_env env, napi_value exports)
{
    return define(env, exports, "openDiag", open_diag) && define(env, exports, "readPorts", read_ports);
}
