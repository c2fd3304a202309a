/*
 * Runs a command and tells what it took: one line of JSON on stderr.
 *
 *     timed COMMAND [ARGUMENT…]
 *
 * Processor time is that of the command and of all that was waited for below it.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double milliseconds(long seconds, long fraction, long per_millisecond)
{
    return (double)seconds * 1e3 + (double)fraction / (double)per_millisecond;
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return milliseconds(time.tv_sec, time.tv_nsec, 1000000);
}

int main(int argc, char **argv)
{
    struct rusage used;
    int status;
    if (argc < 2)
        return 2;
    double start = now();
    pid_t child = vfork();
    if (child == 0) {
        execvp(argv[1], argv + 1);
        _exit(127);
    }
    if (child < 0 || wait4(child, &status, 0, &used) < 0) {
        perror("timed");
        return 1;
    }
    double wall = now() - start;
    double cpu = milliseconds(used.ru_utime.tv_sec, used.ru_utime.tv_usec, 1000) +
                 milliseconds(used.ru_stime.tv_sec, used.ru_stime.tv_usec, 1000);
    fprintf(stderr, "{\"wall\": %.2f, \"cpu\": %.2f}\n", wall, cpu);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
