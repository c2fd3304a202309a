/*
 * The directory by which others find a host that was killed (src/named): the
 * host removes it itself, unless it can't any more.
 *
 * It was locked by the host (flock(2)), and who has the lock alone removes it: a
 * new owner of the name may be there already. The kernel closes a dying
 * process's files one by one, so the lock may be held for a moment yet.
 */
#define _GNU_SOURCE
#include "stub.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_ATTEMPTS = 50, INTERVAL_MS = 10 };

static bool lock(int directory)
{
    for (int attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
        if (flock(directory, LOCK_EX | LOCK_NB) == 0)
            return true;
        poll(NULL, 0, INTERVAL_MS);
    }
    return false;
}

/* Whether the path leads to this directory still. */
static bool leads_to(const char *path, int directory)
{
    struct stat there, ours;
    return lstat(path, &there) == 0 && fstat(directory, &ours) == 0 && there.st_ino == ours.st_ino &&
           there.st_dev == ours.st_dev;
}

void remove_entry(const char *path)
{
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (directory < 0)
        return;
    if (lock(directory) && leads_to(path, directory)) {
        unlinkat(directory, "control", 0);
        rmdir(path);
        /* The last one takes the directory of all along. */
        char *parent = strdup(path), *slash = parent ? strrchr(parent, '/') : NULL;
        if (slash != NULL) {
            *slash = '\0';
            rmdir(parent);
        }
    }
    close(directory);
}
