/*
 * Datagrams to somebody who echoes them, each byte compared.
 *
 *     datagrams ADDRESS PORT SIZE ROUNDS RUN
 *
 * Each round sends RUN datagrams of SIZE bytes, by one call with UDP_SEGMENT
 * (udp(7)) if there is more than one, and waits for their echoes, in any order.
 * Byte j of datagram i is (i + j) mod 251; i stands in its first four bytes.
 * What goes wrong is told on stderr, and the exit code is 1.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
enum { PERIOD = 251, LARGEST = 65536, WAIT_SECONDS = 10 };

static void fill(unsigned char *datagram, uint32_t index, size_t size)
{
    uint32_t name = htonl(index);
    for (size_t j = 0; j < size; j++)
        datagram[j] = (unsigned char)((index + j) % PERIOD);
    memcpy(datagram, &name, sizeof name);
}

static int dial(const char *address, int port)
{
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    const struct timeval wait = {.tv_sec = WAIT_SECONDS};
    int is_six = inet_pton(AF_INET6, address, &six.sin6_addr) == 1;
    if (!is_six && inet_pton(AF_INET, address, &four.sin_addr) != 1)
        return -1;
    int fd = socket(is_six ? AF_INET6 : AF_INET, SOCK_DGRAM, 0);
    const struct sockaddr *to = is_six ? (struct sockaddr *)&six : (struct sockaddr *)&four;
    if (fd < 0 || connect(fd, to, is_six ? sizeof six : sizeof four) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) < 0)
        return -1;
    return fd;
}

static int fail(const char *what, long detail)
{
    fprintf(stderr, "%s: %ld\n", what, detail);
    return 1;
}

int main(int argc, char **argv)
{
    static unsigned char out[LARGEST], in[LARGEST], wanted[LARGEST];
    if (argc != 6)
        return fail("arguments", argc);
    size_t size = (size_t)atoi(argv[3]);
    uint32_t rounds = (uint32_t)atoi(argv[4]), run = (uint32_t)atoi(argv[5]);
    int fd = dial(argv[1], atoi(argv[2])), segment = (int)size;
    if (fd < 0 || size < 4 || size * run > sizeof out)
        return fail("set-up", fd);
    if (run > 1 && setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof segment) < 0)
        return fail("UDP_SEGMENT", segment);
    for (uint32_t round = 0; round < rounds; round++) {
        uint32_t first = round * run;
        uint64_t seen = 0;
        for (uint32_t i = 0; i < run; i++)
            fill(out + i * size, first + i, size);
        if (send(fd, out, size * run, 0) != (ssize_t)(size * run))
            return fail("send in round", round);
        for (uint32_t i = 0; i < run; i++) {
            uint32_t name;
            if (recv(fd, in, sizeof in, 0) != (ssize_t)size)
                return fail("no whole echo in round", round);
            memcpy(&name, in, sizeof name);
            uint32_t index = ntohl(name);
            if (index - first >= run || (seen & 1ULL << (index - first)))
                return fail("an echo of another round, or a second one", index);
            seen |= 1ULL << (index - first);
            fill(wanted, index, size);
            if (memcmp(in, wanted, size) != 0)
                return fail("wrong bytes in", index);
        }
    }
    return 0;
}
