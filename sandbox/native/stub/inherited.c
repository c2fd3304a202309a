/*
 * Fds of the caller's that the command asked for (`--fd`), under the numbers
 * that they had there.
 *
 * On the way through bubblewrap those numbers may be ours, so they travel in a
 * row behind our own, and are moved here, last of all. One's number may be
 * another's place, so first all step aside.
 */
#define _GNU_SOURCE
#include "stub.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The first number that sd_listen_fds(3) looks at. */
enum { LISTEN_FDS_START = 3 };

/* "3,7": the numbers that the fds `first`, `first` + 1, … shall have; "-" for none. */
struct inherited parse_inherited(const char *numbers, int first)
{
    struct inherited inherited = {.first = first, .count = 0};
    if (strcmp(numbers, "-") == 0)
        return inherited;
    char *copy = strdup(numbers), *rest = copy;
    for (char *number = strtok_r(copy, ",", &rest); number; number = strtok_r(NULL, ",", &rest)) {
        if (inherited.count == MAX_INHERITED)
            die(EXIT_STUB, "kns-stub init", "too many files to inherit");
        inherited.numbers[inherited.count++] = parse_int(number);
    }
    free(copy);
    return inherited;
}

/* A service that was started by a socket is asked whether it is the process that is meant. */
static void answer_to_listen_pid(const struct inherited *inherited)
{
    char pid[16];
    for (int i = 0; i < inherited->count; i++) {
        if (inherited->numbers[i] != LISTEN_FDS_START || getenv("LISTEN_PID") == NULL)
            continue;
        snprintf(pid, sizeof pid, "%d", (int)getpid());
        setenv("LISTEN_PID", pid, 1);
    }
}

void place_inherited(const struct inherited *inherited)
{
    int aside[MAX_INHERITED], above = inherited->first + inherited->count;
    for (int i = 0; i < inherited->count; i++) {
        if (inherited->numbers[i] >= above)
            above = inherited->numbers[i] + 1;
    }
    for (int i = 0; i < inherited->count; i++) {
        aside[i] = fcntl(inherited->first + i, F_DUPFD_CLOEXEC, above);
        if (aside[i] < 0)
            die_errno("dup");
        close(inherited->first + i);
    }
    for (int i = 0; i < inherited->count; i++) {
        if (dup2(aside[i], inherited->numbers[i]) < 0)
            die_errno("dup2");
    }
    answer_to_listen_pid(inherited);
}
