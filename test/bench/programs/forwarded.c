/*
 * What a forwarded connection is worth, seen by the one who uses it.
 *
 *     forwarded down HOST PORT BYTES       asks for them, reads them: MB/s
 *     forwarded up HOST PORT BYTES         sends them to a pod that answers when it has them: MB/s
 *     forwarded connect HOST PORT N WIDE   opens N connections, WIDE at a time: per second
 *     forwarded rtt HOST PORT N            one byte there and back, N times: microseconds, p50 and p99
 *
 * One line of JSON. A forwarder may accept a connection before there is one to
 * the pod, and take bytes before the pod has them: so a connection counts when a
 * byte has come back on it, and bytes when the pod has told their number.
 */
#define _GNU_SOURCE
#include <netdb.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK = 256 << 10, MOST_WIDE = 256, WAIT_S = 20 };

static struct addrinfo *peer;
static char chunk[CHUNK];

static void fail(const char *call)
{
    perror(call);
    exit(1);
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static int dial(void)
{
    const struct timeval wait = {.tv_sec = WAIT_S};
    int on = 1, fd = socket(peer->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) != 0)
        fail("socket");
    if (connect(fd, peer->ai_addr, peer->ai_addrlen) != 0)
        fail("connect");
    return fd;
}

static void send_all(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);
        if (sent < 0)
            fail("send");
        bytes += sent;
        length -= (size_t)sent;
    }
}

static void exchange_byte(int fd)
{
    char byte = 'x';
    send_all(fd, &byte, 1);
    if (recv(fd, &byte, 1, 0) != 1)
        fail("recv");
}

static void down(long long bytes)
{
    char question[32];
    int fd = dial();
    double start = now();
    send_all(fd, question, (size_t)snprintf(question, sizeof question, "%lld\n", bytes));
    for (long long left = bytes; left > 0;) {
        ssize_t got = recv(fd, chunk, sizeof chunk, 0);
        if (got <= 0)
            fail("recv");
        left -= got;
    }
    printf("{\"MBps\": %.1f}\n", (double)bytes / 1e6 / (now() - start));
}

/*
 * By HTTP: the pod knows from the head how much is to come. A forwarded FIN
 * would end the connection with the runtimes there are, answer or not.
 */
static void up(long long bytes)
{
    char text[512];
    int fd = dial();
    double start = now();
    int length = snprintf(text, sizeof text,
                          "POST /sink HTTP/1.1\r\nHost: pod\r\nConnection: close\r\nContent-Length: %lld\r\n\r\n",
                          bytes);
    send_all(fd, text, (size_t)length);
    for (long long left = bytes; left > 0;) {
        size_t piece = left < CHUNK ? (size_t)left : CHUNK;
        send_all(fd, chunk, piece);
        left -= (long long)piece;
    }
    ssize_t got = recv(fd, text, sizeof text - 1, 0);
    double seconds = now() - start;
    if (got <= 0)
        fail("recv");
    text[got] = 0;
    if (strncmp(text, "HTTP/1.1 200", 12) != 0) {
        fprintf(stderr, "forwarded: the pod says %s\n", text);
        exit(1);
    }
    printf("{\"MBps\": %.1f}\n", (double)bytes / 1e6 / seconds);
}

static void *open_many(void *count)
{
    for (long left = *(long *)count; left > 0; left--) {
        int fd = dial();
        exchange_byte(fd);
        close(fd);
    }
    return NULL;
}

static void connect_many(long number, int wide)
{
    pthread_t threads[MOST_WIDE];
    long each = number / wide;
    double start = now();
    for (int i = 0; i < wide; i++)
        if (pthread_create(&threads[i], NULL, open_many, &each) != 0)
            fail("pthread_create");
    for (int i = 0; i < wide; i++)
        pthread_join(threads[i], NULL);
    printf("{\"perSecond\": %.1f}\n", (double)(each * wide) / (now() - start));
}

static int ascending(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static void round_trips(long number)
{
    double *times = calloc((size_t)number, sizeof *times);
    int fd = dial();
    if (times == NULL)
        fail("calloc");
    exchange_byte(fd);
    for (long i = 0; i < number; i++) {
        double start = now();
        exchange_byte(fd);
        times[i] = (now() - start) * 1e6;
    }
    qsort(times, (size_t)number, sizeof *times, ascending);
    printf("{\"p50\": %.1f, \"p99\": %.1f}\n", times[number / 2], times[number * 99 / 100]);
}

int main(int argc, char **argv)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    bool wide = argc == 6 && strcmp(argv[1], "connect") == 0;
    if (argc != 5 && !wide) {
        fprintf(stderr, "usage: forwarded down|up|connect|rtt HOST PORT NUMBER [WIDE]\n");
        return 2;
    }
    if (getaddrinfo(argv[2], argv[3], &hints, &peer) != 0)
        fail("getaddrinfo");
    long long number = atoll(argv[4]);
    int width = wide ? atoi(argv[5]) : 1;
    if (number < 1 || width < 1 || width > MOST_WIDE)
        return 2;
    if (wide)
        connect_many((long)number, width);
    else if (strcmp(argv[1], "down") == 0)
        down(number);
    else if (strcmp(argv[1], "up") == 0)
        up(number);
    else
        round_trips((long)number);
    return 0;
}
