/*
 * The far end of the measurements: `growth-server ADDRESS PORT`.
 *
 *     PORT          takes what comes
 *     PORT + 1      sends for as long as it is taken
 *     PORT + 2 ...  say back what they hear
 *
 * Each is a process of its own, so that none waits for another. It says
 * "ready" once all listen, and ends with its standard input.
 */
#define _GNU_SOURCE
#include "growth-common.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS = 64, BACKLOG = 4096 };

static char buffer[CHUNK];

static int listen_at(const char *address, int port)
{
    const int on = 1;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (inet_pton(AF_INET, address, &at.sin_addr) != 1)
        fail(address);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, BACKLOG) < 0)
        fail("listen");
    return fd;
}

/* One event of a connection. @returns false when it is over */
static bool serve_one(int fd, int service)
{
    if (service == SOURCE)
        return write(fd, buffer, sizeof buffer) > 0 || errno == EAGAIN;
    ssize_t length = read(fd, buffer, sizeof buffer);
    if (length <= 0)
        return length < 0 && errno == EAGAIN;
    return service == SINK || write(fd, buffer, (size_t)length) == length;
}

static void accept_all(int listener, int epoll, int service)
{
    const int on = 1;
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct epoll_event event = {.events = service == SOURCE ? EPOLLOUT : EPOLLIN, .data.fd = fd};
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
            fail("epoll_ctl");
    }
}

static void serve(int listener, int service)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event events[EVENTS] = {{.events = EPOLLIN, .data.fd = listener}};
    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, events) < 0)
        fail("epoll");
    for (;;) {
        int count = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            if (fd == listener)
                accept_all(listener, epoll, service);
            else if (!serve_one(fd, service))
                close(fd);
        }
    }
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: growth-server ADDRESS PORT\n");
        return 2;
    }
    raise_descriptor_limit();
    signal(SIGPIPE, SIG_IGN);
    for (int service = 0; service < PORTS; service++) {
        int listener = listen_at(argv[1], atoi(argv[2]) + service);
        pid_t pid = fork();
        if (pid < 0)
            fail("fork");
        if (pid == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            serve(listener, service);
        }
        close(listener);
    }
    printf("ready\n");
    fflush(stdout);
    while (read(STDIN_FILENO, buffer, sizeof buffer) > 0) {
    }
    return 0;
}
