/*
 * Exchanges of 64 bytes, counted: netperf's TCP_RR, TCP_CRR and UDP_RR, for
 * systems that have no package of it.
 *
 *     exchange serve ADDRESS                          until it is ended
 *     exchange rr|crr|udp ADDRESS SECONDS CLIENTS     one line of JSON
 *
 * rr asks again and again on one connection, crr opens one for each question
 * and closes it first, udp asks by datagrams. Each client is a thread. Who
 * closes first keeps the port for a minute (TIME-WAIT), so that connections
 * take turns among PORTS ports of the server's.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    SIZE = 64,
    FIRST_PORT = 5300,
    PORTS = 16,
    MOST_SAMPLES = 1 << 20, /* of one client; later ones are counted and no longer kept */
    MOST_CLIENTS = 64,
    WAIT_US = 500000, /* for an answer; then it counts as lost */
};

static void fail(const char *call)
{
    perror(call);
    exit(1);
}

static struct sockaddr_in address_of(const char *text, int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    if (inet_pton(AF_INET, text, &address.sin_addr) != 1) {
        fprintf(stderr, "exchange: %s is no IPv4 address\n", text);
        exit(2);
    }
    return address;
}

static void no_delay(int fd)
{
    int on = 1;
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0)
        fail("setsockopt TCP_NODELAY");
}

/* The server: one thread; what kind of socket an fd is, is kept beside it. */

enum kind { LISTENER, DATAGRAMS, CONNECTION };

static void watch_fd(int epoll, int fd, enum kind kind)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = (uint64_t)kind << 32 | (uint32_t)fd};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        fail("epoll_ctl");
}

static void open_server(int epoll, const char *address, int port)
{
    struct sockaddr_in name = address_of(address, port);
    int on = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    int datagrams = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&name, sizeof name) != 0 || listen(listener, 4096) != 0 ||
        bind(datagrams, (struct sockaddr *)&name, sizeof name) != 0)
        fail("bind");
    watch_fd(epoll, listener, LISTENER);
    watch_fd(epoll, datagrams, DATAGRAMS);
}

static void take_connections(int epoll, int listener)
{
    for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0;) {
        no_delay(fd);
        watch_fd(epoll, fd, CONNECTION);
    }
}

static void answer_datagrams(int fd)
{
    char bytes[SIZE];
    struct sockaddr_in peer;
    socklen_t size = sizeof peer;
    ssize_t length = recvfrom(fd, bytes, sizeof bytes, 0, (struct sockaddr *)&peer, &size);
    if (length >= 0)
        sendto(fd, bytes, (size_t)length, 0, (struct sockaddr *)&peer, size);
}

static void answer_connection(int fd)
{
    char bytes[SIZE];
    ssize_t length = read(fd, bytes, sizeof bytes);
    if (length < 0 && errno == EAGAIN)
        return;
    if (length <= 0 || write(fd, bytes, (size_t)length) < 0)
        close(fd);
}

static void serve(const char *address)
{
    int epoll = epoll_create1(0);
    for (int i = 0; i < PORTS; i++)
        open_server(epoll, address, FIRST_PORT + i);
    puts("ready");
    fflush(stdout);
    for (;;) {
        struct epoll_event events[64];
        int count = epoll_wait(epoll, events, 64, -1);
        for (int i = 0; i < count; i++) {
            int fd = (int)(uint32_t)events[i].data.u64;
            switch ((enum kind)(events[i].data.u64 >> 32)) {
            case LISTENER:
                take_connections(epoll, fd);
                break;
            case DATAGRAMS:
                answer_datagrams(fd);
                break;
            case CONNECTION:
                answer_connection(fd);
                break;
            }
        }
    }
}

/* Clients. */

struct client {
    pthread_t thread;
    const char *address;
    bool datagrams, fresh, open;
    int number, fd;
    double seconds;
    float *samples; /* microseconds */
    size_t count, lost;
};

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void open_client(struct client *client, size_t turn)
{
    int port = FIRST_PORT + (int)((turn + (size_t)client->number) % PORTS);
    struct sockaddr_in name = address_of(client->address, port);
    struct timeval wait = {.tv_usec = WAIT_US}; /* for connect(2) as well */
    client->fd = socket(AF_INET, client->datagrams ? SOCK_DGRAM : SOCK_STREAM, 0);
    if (client->fd < 0)
        fail("socket");
    setsockopt(client->fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
    setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    if (!client->datagrams)
        no_delay(client->fd);
    client->open = connect(client->fd, (struct sockaddr *)&name, sizeof name) == 0;
}

/* false where it is not answered */
static bool ask(const struct client *client)
{
    char bytes[SIZE] = {0};
    if (!client->open || write(client->fd, bytes, SIZE) != SIZE)
        return false;
    for (ssize_t had = 0, length; had < SIZE; had += length) {
        length = read(client->fd, bytes, (size_t)(SIZE - had));
        if (length <= 0)
            return false;
    }
    return true;
}

static void *run_client(void *data)
{
    struct client *client = data;
    double end = now() + client->seconds;
    if (!client->fresh)
        open_client(client, 0);
    for (double begin = now(); begin < end;) {
        if (client->fresh)
            open_client(client, client->count + client->lost);
        bool answered = ask(client);
        if (client->fresh)
            close(client->fd);
        double done = now();
        if (!answered)
            client->lost++;
        else if (client->count++ < MOST_SAMPLES)
            client->samples[client->count - 1] = (float)((done - begin) * 1e6);
        begin = done;
        if (!answered && !client->fresh && !client->datagrams)
            break; /* what comes after a gap in a stream answers nothing */
    }
    return NULL;
}

static int by_size(const void *a, const void *b)
{
    float one = *(const float *)a, other = *(const float *)b;
    return (one > other) - (one < other);
}

static void report(struct client *clients, int number, double seconds)
{
    size_t total = 0, lost = 0, kept = 0;
    for (int i = 0; i < number; i++)
        kept += clients[i].count < MOST_SAMPLES ? clients[i].count : MOST_SAMPLES;
    float *all = malloc((kept + 1) * sizeof *all);
    if (all == NULL)
        fail("malloc");
    kept = 0;
    for (int i = 0; i < number; i++) {
        size_t count = clients[i].count < MOST_SAMPLES ? clients[i].count : MOST_SAMPLES;
        memcpy(all + kept, clients[i].samples, count * sizeof *all);
        kept += count;
        total += clients[i].count;
        lost += clients[i].lost;
    }
    qsort(all, kept, sizeof *all, by_size);
    printf("{\"rate\": %.1f, \"p50\": %.1f, \"p99\": %.1f, \"lost\": %zu}\n", (double)total / seconds,
           kept ? all[kept / 2] : 0, kept ? all[kept * 99 / 100] : 0, lost);
}

static void run_clients(const char *mode, const char *address, double seconds, int number)
{
    struct client clients[MOST_CLIENTS];
    double start = now();
    for (int i = 0; i < number; i++) {
        clients[i] = (struct client){.address = address,
                                     .datagrams = strcmp(mode, "udp") == 0,
                                     .fresh = strcmp(mode, "crr") == 0,
                                     .number = i,
                                     .seconds = seconds,
                                     .samples = malloc(MOST_SAMPLES * sizeof(float))};
        if (clients[i].samples == NULL || pthread_create(&clients[i].thread, NULL, run_client, &clients[i]) != 0)
            fail("pthread_create");
    }
    for (int i = 0; i < number; i++)
        pthread_join(clients[i].thread, NULL);
    report(clients, number, now() - start);
}

int main(int count, char **arguments)
{
    if (count == 3 && strcmp(arguments[1], "serve") == 0) {
        serve(arguments[2]);
    } else if (count == 5) {
        int number = atoi(arguments[4]);
        if (number < 1 || number > MOST_CLIENTS)
            number = 1;
        run_clients(arguments[1], arguments[2], atof(arguments[3]), number);
    } else {
        fprintf(stderr, "usage: exchange serve ADDRESS | rr|crr|udp ADDRESS SECONDS CLIENTS\n");
        return 2;
    }
    return 0;
}
