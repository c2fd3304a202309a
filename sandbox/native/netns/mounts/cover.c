/*
 * Hides a socket, a pipe or a device by its own path: /dev/null, mounted over it
 * where no device may be opened. bubblewrap does so too, but before 0.5 only over
 * regular files and directories.
 */
#define _GNU_SOURCE
#include "../netns.h"

#include <sys/mount.h>

#define NO_FILE "/dev/null"

int cover_file(const char *path, struct failure *failure)
{
    if (mount(NO_FILE, path, NULL, MS_BIND, NULL) < 0)
        return fail(failure, "mount over a socket");
    if (restrict_mount(path, MS_RDONLY | MS_NODEV) < 0)
        return fail(failure, "remount over a socket");
    return 0;
}
