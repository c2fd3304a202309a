/*
 * The near end of the measurements, run in the sandbox: `growth-guest ADDRESS
 * PORT`, where `growth-server` listens. It takes a command a line, and answers
 * each with a line of JSON; times are in microseconds.
 *
 *     open N                idle connections, all at once; they stay
 *     close                 all of them
 *     rr SECONDS            questions and answers, one after the other
 *     crr N CLIENTS         the same with a connection for each, so many at once
 *     up SECONDS, down SECONDS
 *                           a bulk transfer
 *     dns SECONDS SERVER NAME
 *                           a question for the name, now and then
 *     mix SECONDS up|down [SERVER NAME]
 *                           a bulk transfer, and beside it rr, and dns where asked for
 *
 * Each measurement of a mix is a process of its own: what one waits for is the
 * network, not its neighbour.
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
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_CONNECTIONS = 19000, MOST_CLIENTS = 64, MOST_TIMES = 1 << 20, EVENTS = 64, LINE = 512 };

/* Nothing here takes longer, unless it has failed. */
enum { PATIENCE_S = 60 };

static struct sockaddr_in server;
static int idle[MOST_CONNECTIONS];
static int idle_count;
static char buffer[CHUNK];

static struct {
    float values[MOST_TIMES];
    int count;
} times;

static int by_value(const void *left, const void *right)
{
    float a = *(const float *)left, b = *(const float *)right;
    return (a > b) - (a < b);
}

static void add_time(double us)
{
    if (times.count < MOST_TIMES)
        times.values[times.count++] = (float)us;
}

static float percentile(double share)
{
    return times.count == 0 ? 0 : times.values[(int)(share * (times.count - 1))];
}

static int print_times(char *text, size_t size)
{
    qsort(times.values, (size_t)times.count, sizeof times.values[0], by_value);
    return snprintf(text, size, "{\"count\":%d,\"p50\":%.1f,\"p99\":%.1f,\"max\":%.1f}", times.count, percentile(0.5),
                    percentile(0.99), percentile(1));
}

static void answer_times(void)
{
    char text[LINE];
    print_times(text, sizeof text);
    puts(text);
}

static int start_connect(int service, int flags)
{
    const int on = 1;
    struct sockaddr_in to = server;
    to.sin_port = htons((uint16_t)(ntohs(server.sin_port) + service));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    if (fd < 0)
        fail("socket");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS)
        fail("connect");
    return fd;
}

static void await(int epoll, int fd, int operation, uint32_t events, uint32_t tag)
{
    struct epoll_event event = {.events = events, .data.u32 = tag};
    if (epoll_ctl(epoll, operation, fd, &event) < 0)
        fail("epoll_ctl");
}

static bool failed(int fd)
{
    int error = 0;
    socklen_t size = sizeof error;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0 || error != 0;
}

static void open_idle(int count)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC), waiting = count, failures = 0, first = idle_count;
    double start = now_us();
    for (int i = 0; i < count; i++) {
        idle[idle_count] = start_connect(ECHO + idle_count % ECHO_PORTS, SOCK_NONBLOCK);
        await(epoll, idle[idle_count], EPOLL_CTL_ADD, EPOLLOUT | EPOLLONESHOT, (uint32_t)idle_count);
        idle_count++;
    }
    while (waiting > 0) {
        struct epoll_event events[EVENTS];
        int ready = epoll_wait(epoll, events, EVENTS, PATIENCE_S * 1000);
        if (ready <= 0)
            break;
        for (int i = 0; i < ready; i++)
            failures += failed(idle[events[i].data.u32]);
        waiting -= ready;
    }
    printf("{\"us\":%.0f,\"failed\":%d,\"open\":%d}\n", now_us() - start, failures + waiting, first + count);
    close(epoll);
}

static void close_idle(void)
{
    while (idle_count > 0)
        close(idle[--idle_count]);
    puts("{}");
}

/* 64 bytes there and back. */
static void exchange(int fd)
{
    static const char question[MESSAGE];
    char answer[MESSAGE];
    if (write(fd, question, sizeof question) != sizeof question ||
        recv(fd, answer, sizeof answer, MSG_WAITALL) != sizeof answer)
        fail("exchange");
}

static void ask_and_answer(double until)
{
    int fd = start_connect(ECHO, 0);
    times.count = 0;
    for (double start = now_us(), end; start < until; start = end) {
        exchange(fd);
        end = now_us();
        add_time(end - start);
    }
    close(fd);
}

/* A client's connection goes from connect to write to read to close, and is followed by the next. */
static void connect_ask_close(int count, int clients)
{
    struct {
        int fd;
        int received;
        double start;
    } client[MOST_CLIENTS];
    int epoll = epoll_create1(EPOLL_CLOEXEC), started = 0, done = 0, failures = 0;
    double start = now_us();
    times.count = 0;
    for (; started < clients && started < count; started++) {
        client[started].fd = start_connect(ECHO + started % ECHO_PORTS, SOCK_NONBLOCK);
        client[started].start = start;
        await(epoll, client[started].fd, EPOLL_CTL_ADD, EPOLLOUT, (uint32_t)started);
    }
    while (done < count) {
        struct epoll_event events[EVENTS];
        int ready = epoll_wait(epoll, events, EVENTS, PATIENCE_S * 1000);
        if (ready <= 0)
            fail("crr");
        for (int i = 0; i < ready; i++) {
            uint32_t at = events[i].data.u32;
            int fd = client[at].fd;
            if (events[i].events & EPOLLOUT) {
                client[at].received = 0;
                if (write(fd, buffer, MESSAGE) == MESSAGE) {
                    await(epoll, fd, EPOLL_CTL_MOD, EPOLLIN, at);
                    continue;
                }
                failures++;
            } else {
                ssize_t length = read(fd, buffer, MESSAGE);
                if (length > 0 && (client[at].received += (int)length) < MESSAGE)
                    continue;
                failures += length <= 0;
            }
            close(fd);
            done++;
            add_time(now_us() - client[at].start);
            if (started < count) {
                client[at].start = now_us();
                client[at].fd = start_connect(ECHO + started++ % ECHO_PORTS, SOCK_NONBLOCK);
                await(epoll, client[at].fd, EPOLL_CTL_ADD, EPOLLOUT, at);
            }
        }
    }
    double seconds = (now_us() - start) / 1e6;
    char text[LINE];
    print_times(text, sizeof text);
    printf("{\"rate\":%.0f,\"failed\":%d,\"times\":%s}\n", count / seconds, failures, text);
    close(epoll);
}

/* @returns Gbit/s */
static double bulk(bool up, double until)
{
    /* Nobody waits for what is on the way when the time is up. */
    const struct linger linger = {.l_onoff = 1};
    double moved = 0, start = now_us();
    int fd = start_connect(up ? SINK : SOURCE, 0);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    while (now_us() < until) {
        ssize_t length = up ? write(fd, buffer, CHUNK) : read(fd, buffer, CHUNK);
        if (length <= 0)
            fail("bulk");
        moved += (double)length;
    }
    close(fd);
    return moved * 8 / (now_us() - start) / 1e3;
}

/* An A query (RFC 1035 4.1) with the counter as its id. */
static size_t dns_query(uint8_t *query, const char *name, uint16_t id)
{
    const uint8_t head[12] = {(uint8_t)(id >> 8), (uint8_t)id, 1, 0, 0, 1};
    memcpy(query, head, sizeof head);
    size_t at = sizeof head;
    while (*name != '\0') {
        size_t length = strcspn(name, ".");
        query[at++] = (uint8_t)length;
        memcpy(query + at, name, length);
        at += length;
        name += length + (name[length] == '.');
    }
    memcpy(query + at, (const uint8_t[]){0, 0, 1, 0, 1}, 5);
    return at + 5;
}

static void ask_names(double until, const char *address, const char *name)
{
    uint8_t query[LINE], reply[LINE];
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(53)};
    const struct timeval patience = {.tv_sec = 5};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (inet_pton(AF_INET, address, &to.sin_addr) != 1 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) < 0)
        fail("dns");
    times.count = 0;
    for (uint16_t id = 0; now_us() < until; id++) {
        size_t length = dns_query(query, name, id);
        double start = now_us();
        if (send(fd, query, length, 0) < 0 || recv(fd, reply, sizeof reply, 0) < 12)
            fail("dns");
        /* NOERROR, and an answer (RFC 1035 4.1.1). */
        if ((reply[3] & 15) != 0 || reply[7] == 0) {
            errno = ENOENT;
            fail(name);
        }
        add_time(now_us() - start);
        /* A resolver is asked now and then, not in a loop. */
        usleep(2000);
    }
    close(fd);
}

/* Questions to the server or, with one given, to a DNS server. @returns where their times can be read */
static int in_child(double until, const char *dns_server, const char *name)
{
    int ends[2];
    pid_t pid;
    if (pipe(ends) < 0 || (pid = fork()) < 0)
        fail("fork");
    if (pid > 0) {
        close(ends[1]);
        return ends[0];
    }
    char text[LINE];
    if (dns_server == NULL)
        ask_and_answer(until);
    else
        ask_names(until, dns_server, name);
    int length = print_times(text, sizeof text);
    _exit(write(ends[1], text, (size_t)length) != length);
}

/* The times of a child, or those of nothing. */
static void receive(int end, char *text, size_t size)
{
    ssize_t length = end < 0 ? 0 : read(end, text, size - 1);
    if (length < 0)
        fail("read");
    snprintf(text + length, size - (size_t)length, "%s", length == 0 ? "null" : "");
    if (end >= 0)
        close(end);
}

static void mix(double seconds, bool up, const char *dns_server, const char *name)
{
    int status;
    char rr_text[LINE], dns_text[LINE];
    double until = now_us() + seconds * 1e6;
    int rr = in_child(until, NULL, NULL), dns = dns_server == NULL ? -1 : in_child(until, dns_server, name);
    double gbits = bulk(up, until);
    receive(rr, rr_text, sizeof rr_text);
    receive(dns, dns_text, sizeof dns_text);
    while (wait(&status) > 0)
        if (status != 0)
            exit(1);
    printf("{\"gbits\":%.2f,\"rr\":%s,\"dns\":%s}\n", gbits, rr_text, dns_text);
}

static void obey(const char *line)
{
    char word[16], direction[8], dns_server[64], name[256];
    int count, clients;
    double amount;
    if (sscanf(line, "open %d", &count) == 1 && idle_count + count <= MOST_CONNECTIONS)
        open_idle(count);
    else if (sscanf(line, "rr %lf", &amount) == 1)
        ask_and_answer(now_us() + amount * 1e6), answer_times();
    else if (sscanf(line, "crr %d %d", &count, &clients) == 2 && clients <= MOST_CLIENTS)
        connect_ask_close(count, clients);
    else if (sscanf(line, "up %lf", &amount) == 1)
        printf("{\"gbits\":%.2f}\n", bulk(true, now_us() + amount * 1e6));
    else if (sscanf(line, "down %lf", &amount) == 1)
        printf("{\"gbits\":%.2f}\n", bulk(false, now_us() + amount * 1e6));
    else if (sscanf(line, "dns %lf %63s %255s", &amount, dns_server, name) == 3)
        ask_names(now_us() + amount * 1e6, dns_server, name), answer_times();
    else if ((count = sscanf(line, "mix %lf %7s %63s %255s", &amount, direction, dns_server, name)) == 4 || count == 2)
        mix(amount, strcmp(direction, "up") == 0, count == 4 ? dns_server : NULL, name);
    else if (sscanf(line, "%15s", word) == 1 && strcmp(word, "close") == 0)
        close_idle();
    else {
        fprintf(stderr, "growth-guest: what is %s", line);
        exit(2);
    }
}

int main(int argc, char **argv)
{
    char line[LINE];
    if (argc != 3 || inet_pton(AF_INET, argv[1], &server.sin_addr) != 1) {
        fprintf(stderr, "usage: growth-guest ADDRESS PORT\n");
        return 2;
    }
    server.sin_family = AF_INET;
    server.sin_port = htons((uint16_t)atoi(argv[2]));
    raise_descriptor_limit();
    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IOLBF, 0);
    puts("{\"ready\":true}");
    while (fgets(line, sizeof line, stdin) != NULL)
        obey(line);
    return 0;
}
