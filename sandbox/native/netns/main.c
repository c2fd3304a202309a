/* The conversation with the host; what each request does lies in the other files. */
#define _GNU_SOURCE
#include "link/link.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* The longest request names a path. */
enum { MAX_MESSAGE = 256, MAX_REQUEST = 4096 };

struct session {
    int control;
    struct namespaces namespaces;
};

static void answer(int control, const char *text, const int *fds, size_t count)
{
    struct iovec iov = {.iov_base = (char *)text, .iov_len = strlen(text)};
    union {
        char buffer[CMSG_SPACE(MAX_FDS * sizeof(int))];
        struct cmsghdr alignment;
    } ancillary;
    struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
    if (count > 0) {
        memset(&ancillary, 0, sizeof ancillary);
        message.msg_control = ancillary.buffer;
        message.msg_controllen = CMSG_SPACE(count * sizeof *fds);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(count * sizeof *fds);
        memcpy(CMSG_DATA(header), fds, count * sizeof *fds);
    }
    /* A host that is gone needs no answer, and the next recv ends this process. */
    sendmsg(control, &message, MSG_NOSIGNAL);
}

static void answer_failure(int control, const struct failure *failure)
{
    char text[MAX_MESSAGE];
    snprintf(text, sizeof text, "error %d %s", failure->error, failure->call);
    answer(control, text, NULL, 0);
}

static void note(char *text, const char *name, int error)
{
    size_t length = strlen(text);
    if (error != 0)
        snprintf(text + length, MAX_MESSAGE - length, " %s:%d", name, error);
}

static int open_link(const struct link_config *config, const struct namespaces *namespaces,
                     struct link *link, struct failure *failure)
{
    if (strcmp(config->kind, "veth") == 0)
        return open_veth(config, namespaces, link, failure);
    return open_tun(config, link, failure);
}

/* The fd of the interface, and what it offers and goes without; or -1. */
static int make_link(struct session *session, char *words, char *text, struct failure *failure)
{
    static const char *const offloads[] = {"none", "tcp", "tcp+udp"};
    struct namespaces *namespaces = &session->namespaces;
    struct link_config config;
    struct link link;
    int ipv6_error = 0;
    const char *pid = strsep(&words, " ");
    if (words == NULL || !parse_link(words, &config))
        return fail_with(failure, "parse link", EINVAL);
    if (enter_network(pid, namespaces, failure) < 0 ||
        open_link(&config, namespaces, &link, failure) < 0)
        return -1;
    if (configure_link(&config, namespaces, &ipv6_error, failure) < 0) {
        close(link.fd);
        return -1;
    }
    snprintf(text, MAX_MESSAGE, "ok offload=%s", offloads[link.offload]);
    note(text, "ipv6", ipv6_error);
    return link.fd;
}

/* "ok" and the fd, which is the host's from then on; or the failure. */
static void answer_fd(int control, const char *text, int fd, const struct failure *failure)
{
    if (fd < 0) {
        answer_failure(control, failure);
        return;
    }
    answer(control, text, &fd, 1);
    close(fd);
}

static void serve_link(struct session *session, char *words)
{
    struct failure failure;
    char text[MAX_MESSAGE];
    int link = make_link(session, words, text, &failure);
    answer_fd(session->control, text, link, &failure);
}

static void serve_namespace(struct session *session, const char *kind)
{
    struct failure failure;
    int namespace = copy_namespace(&session->namespaces, kind, &failure);
    answer_fd(session->control, "ok", namespace, &failure);
}

static void serve_listen(struct session *session, char *words)
{
    struct failure failure;
    int listener = open_listener(words, &failure);
    answer_fd(session->control, "ok", listener, &failure);
}

static void serve_socket(struct session *session, char *words)
{
    struct failure failure;
    int fds[MAX_FDS];
    int count = open_sockets(words, fds, &failure);
    if (count < 0) {
        answer_failure(session->control, &failure);
        return;
    }
    answer(session->control, "ok", fds, (size_t)count);
    while (count > 0)
        close(fds[--count]);
}

/* What is laid over a path before /etc and /sys are. */
static void serve_over(struct session *session, const char *path,
                       int (*lay)(const char *path, struct failure *failure))
{
    struct failure failure;
    if (enter_mounts(&session->namespaces, &failure) < 0 || lay(path, &failure) < 0)
        answer_failure(session->control, &failure);
    else
        answer(session->control, "ok", NULL, 0);
}

/*
 * With one of its own the command could mount the control groups anew, and write
 * those of its caller's other processes (cgroup_namespaces(7)). A kernel without
 * them has no such setting.
 */
static int deny_cgroup_namespaces(const struct namespaces *namespaces)
{
    int error = write_sysctl(namespaces, "user/max_cgroup_namespaces", "0");
    return error == ENOENT ? 0 : error;
}

/*
 * Comes after bubblewrap has finished: its mounts are made, and its id maps
 * written, without which a group id can't be told to the kernel.
 */
static int make_files(struct session *session, bool deny_namespaces, char *notes, struct failure *failure)
{
    char groups[32];
    /* ping(8) without CAP_NET_RAW: icmp(7). The range is of group ids in our user namespace. */
    snprintf(groups, sizeof groups, "%u %u", getegid(), getegid());
    note(notes, "ping_group_range", write_sysctl(&session->namespaces, "net/ipv4/ping_group_range", groups));
    int ports_error = write_sysctl(&session->namespaces, "net/ipv4/ip_unprivileged_port_start", "0");
    note(notes, "ip_unprivileged_port_start", ports_error);
    note(notes, "max_cgroup_namespaces", deny_cgroup_namespaces(&session->namespaces));
    if (enter_mounts(&session->namespaces, failure) < 0)
        return -1;
    int directory = mount_etc(failure);
    if (directory < 0)
        return -1;
    note(notes, "sysfs", mount_sys(&session->namespaces));
    note(notes, "sysfs_read_only", protect_sys(&session->namespaces));
    note(notes, "sysctl_read_only", protect_sysctl(&session->namespaces));
    int denial_error = deny_namespaces ? write_sysctl(&session->namespaces, "user/max_user_namespaces", "0") : 0;
    if (denial_error != 0) {
        close(directory);
        return fail_with(failure, "write user.max_user_namespaces", denial_error);
    }
    if (drop_capabilities(ports_error != 0, failure) == 0)
        return directory;
    close(directory);
    return -1;
}

static void serve_files(struct session *session, const char *words)
{
    struct failure failure;
    char text[MAX_MESSAGE] = "ok";
    bool deny_namespaces = strcmp(words, " deny-namespaces") == 0;
    int directory = make_files(session, deny_namespaces, text, &failure);
    answer_fd(session->control, text, directory, &failure);
}

int main(int argc, char **argv)
{
    struct session session = {.namespaces = {.proc = -1, .network = -1, .user = -1, .mount = -1, .ipc = -1, .pid = -1}};
    char request[MAX_REQUEST];
    if (argc != 2) {
        fputs("usage: kns-netns CONTROL\n", stderr);
        return 2;
    }
    session.control = atoi(argv[1]);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* Out of reach of the terminal's keys, and of kill(2) to the host's process group. */
    setsid();
    umask(0);
    close_inherited(session.control);
    for (;;) {
        ssize_t length = recv(session.control, request, sizeof request - 1, 0);
        if (length < 0 && errno == EINTR)
            continue;
        if (length <= 0)
            return 0;
        request[length] = '\0';
        if (strncmp(request, "link ", 5) == 0)
            serve_link(&session, request + 5);
        else if (strncmp(request, "cover ", 6) == 0)
            serve_over(&session, request + 6, cover_file);
        else if (strncmp(request, "copy ", 5) == 0)
            serve_over(&session, request + 5, copy_file);
        else if (strncmp(request, "files", 5) == 0)
            serve_files(&session, request + 5);
        else if (strncmp(request, "listen ", 7) == 0)
            serve_listen(&session, request + 7);
        else if (strncmp(request, "socket ", 7) == 0)
            serve_socket(&session, request + 7);
        else if (strncmp(request, "namespace ", 10) == 0)
            serve_namespace(&session, request + 10);
    }
}
