/* The word that the sandbox stands, with a pidfd of the process that says it (pidfd_open(2)). */
#define _GNU_SOURCE
#include "stub.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434 /* the same on every architecture */
#endif

void send_ready(int control)
{
    char text[] = "ready";
    struct iovec iov = {.iov_base = text, .iov_len = sizeof text - 1};
    union {
        char buffer[CMSG_SPACE(sizeof(int))];
        struct cmsghdr alignment;
    } ancillary;
    memset(&ancillary, 0, sizeof ancillary);
    struct msghdr message = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = ancillary.buffer,
                             .msg_controllen = sizeof ancillary.buffer};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    if (pidfd < 0)
        die_errno("pidfd_open");
    memcpy(CMSG_DATA(header), &pidfd, sizeof pidfd);
    if (sendmsg(control, &message, MSG_NOSIGNAL) < 0)
        die_errno("sendmsg");
    close(pidfd);
}
