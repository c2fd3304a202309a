/* How both roles fail: one line, and a status of their own; and how a status is told. */
#define _GNU_SOURCE
#include "stub.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

_Noreturn void die(int status, const char *what, const char *why)
{
    fprintf(stderr, "kns-rootless: %s: %s\n", what, why);
    _exit(status);
}

_Noreturn void die_errno(const char *call)
{
    die(EXIT_STUB, call, strerror(errno));
}

int parse_int(const char *text)
{
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < 0 || value > 0x7fffffff)
        die(EXIT_STUB, text, "not a number");
    return (int)value;
}

int exit_code(int status)
{
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
