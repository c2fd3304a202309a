/* What the two ends of a measurement share: ports, sizes, time, and how a failure is told. */
#ifndef GROWTH_COMMON_H
#define GROWTH_COMMON_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

/*
 * Ports, counted from the one that both are told. Whoever closes first keeps a
 * pair of ports for a minute: short connections take turns among several.
 */
enum { SINK = 0, SOURCE = 1, ECHO = 2, ECHO_PORTS = 8, PORTS = ECHO + ECHO_PORTS };

/* Of one question and one answer. */
enum { MESSAGE = 64 };

/* Of one read or write of a bulk transfer. */
enum { CHUNK = 128 << 10 };

static inline void fail(const char *what)
{
    perror(what);
    exit(1);
}

static inline double now_us(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1e6 + time.tv_nsec / 1e3;
}

/* Ten thousand connections need as many descriptors. */
static inline void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        fail("getrlimit");
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        fail("setrlimit");
}

#endif
