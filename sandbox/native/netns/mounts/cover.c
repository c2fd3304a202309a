/*
 * Hides a socket, a pipe or a device by its own path: /dev/null, mounted over it
 * where no device may be opened. bubblewrap does so too, but before 0.5 only over
 * regular files and directories.
 *
 * What mounts of the host had set (nosuid, noexec, …) is locked in a mount
 * namespace of a user, and has to be named again (mount_namespaces(7)).
 */
#define _GNU_SOURCE
#include "../netns.h"

#include <sys/mount.h>
#include <sys/statvfs.h>

#define NO_FILE "/dev/null"

/* statvfs(3) numbers them as mount(2) does, but for the last. */
static unsigned long flags_of(const char *path)
{
    const unsigned long same = ST_NOSUID | ST_NOEXEC | ST_NOATIME | ST_NODIRATIME;
    struct statvfs file_system;
    if (statvfs(path, &file_system) < 0)
        return 0;
    return (file_system.f_flag & same) | (file_system.f_flag & ST_RELATIME ? MS_RELATIME : 0);
}

int cover_file(const char *path, struct failure *failure)
{
    if (mount(NO_FILE, path, NULL, MS_BIND, NULL) < 0)
        return fail(failure, "mount over a socket");
    const unsigned long flags = flags_of(path) | MS_RDONLY | MS_NODEV;
    if (mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | flags, NULL) < 0)
        return fail(failure, "remount over a socket");
    return 0;
}
