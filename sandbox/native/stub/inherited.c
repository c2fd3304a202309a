/*
 * Fds of the caller's that the command asked for (`--fd`), under the numbers
 * that they had there.
 *
 * On the way through bubblewrap those numbers may be ours, so they travel in a
 * row behind our own, and are moved here, last of all. One's number may be
 * another's place, so first all step aside, to numbers that nobody wants: there
 * may be none above these (RLIMIT_NOFILE, getrlimit(2)). Whatever else is open is closed.
 */
#define _GNU_SOURCE
#include "stub.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The first number that sd_listen_fds(3) looks at. */
enum { LISTEN_FDS_START = 3 };

enum { STANDARD_FDS = 3 };

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

/*
 * Whoever started us may have leaked some: Node closes those that it knows of,
 * and stops looking at the first gap.
 */
void close_all_but(const int *kept, int count)
{
    DIR *open_files = opendir("/proc/self/fd");
    struct dirent *entry;
    while (open_files && (entry = readdir(open_files)) != NULL) {
        int fd = atoi(entry->d_name);
        bool keep = entry->d_name[0] == '.' || fd == dirfd(open_files);
        for (int i = 0; i < count && !keep; i++)
            keep = fd == kept[i];
        if (!keep)
            close(fd);
    }
    if (open_files)
        closedir(open_files);
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

static bool is_wanted(const struct inherited *inherited, int number)
{
    for (int i = 0; i < inherited->count; i++) {
        if (inherited->numbers[i] == number)
            return true;
    }
    return false;
}

/* The least number that is free and that nobody wants. */
static int step_aside(const struct inherited *inherited, int fd)
{
    int aside = STDERR_FILENO;
    for (;;) {
        aside = fcntl(fd, F_DUPFD_CLOEXEC, aside + 1);
        if (aside < 0)
            die_errno("dup");
        if (!is_wanted(inherited, aside))
            break;
        close(aside);
    }
    close(fd);
    return aside;
}

void place_inherited(const struct inherited *inherited)
{
    int kept[STANDARD_FDS + MAX_INHERITED] = {0, 1, 2};
    int aside[MAX_INHERITED];
    for (int i = 0; i < inherited->count; i++)
        aside[i] = step_aside(inherited, inherited->first + i);
    for (int i = 0; i < inherited->count; i++) {
        if (dup2(aside[i], inherited->numbers[i]) < 0)
            die_errno("dup2");
        kept[STANDARD_FDS + i] = inherited->numbers[i];
    }
    close_all_but(kept, STANDARD_FDS + inherited->count);
    answer_to_listen_pid(inherited);
}
