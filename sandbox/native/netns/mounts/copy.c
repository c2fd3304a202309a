/*
 * Lays a copy of a file over it, read-only and the command's own: root's files
 * belong to nobody in a user namespace in which root has no id.
 *
 * Only a tmpfs can hold it, which has to be somewhere for as long as the copy is
 * made: over /etc, before that has its own. Nobody looks there yet.
 */
#define _GNU_SOURCE
#include "../netns.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#define MEANWHILE "/etc"
#define COPY MEANWHILE "/copy"

/* Past it, it is no file of settings. */
enum { MAX_LENGTH = 1 << 20 };

static int open_original(const char *path, struct failure *failure)
{
    struct stat stat;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return fail(failure, "open");
    if (fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode) && stat.st_size <= MAX_LENGTH)
        return fd;
    close(fd);
    return fail_with(failure, "copy", EFBIG);
}

static int write_copy(int original, struct failure *failure)
{
    ssize_t written;
    int copy = open(COPY, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
    if (copy < 0)
        return fail(failure, "create a copy");
    while ((written = sendfile(copy, original, NULL, MAX_LENGTH)) > 0)
        ;
    int error = errno;
    close(copy);
    return written < 0 ? fail_with(failure, "write a copy", error) : 0;
}

/* The mount of a copy that is nowhere yet. */
static int make_copy(int original, struct failure *failure)
{
    if (mount("kns-copy", MEANWHILE, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") < 0)
        return fail(failure, "mount for a copy");
    int tree = -1;
    if (write_copy(original, failure) == 0 && (tree = clone_tree(COPY, false)) < 0)
        fail(failure, "open_tree of a copy");
    if (umount2(MEANWHILE, MNT_DETACH) < 0) {
        fail(failure, "umount of a copy");
        if (tree >= 0)
            close(tree);
        return -1;
    }
    return tree;
}

int copy_file(const char *path, struct failure *failure)
{
    int original = open_original(path, failure);
    if (original < 0)
        return -1;
    int tree = make_copy(original, failure);
    close(original);
    if (tree < 0)
        return -1;
    int result = 0;
    if (attach_tree(tree, path) < 0)
        result = fail(failure, "move_mount of a copy");
    else if (restrict_mount(path, MS_RDONLY) < 0)
        result = fail(failure, "remount of a copy");
    close(tree);
    return result;
}
