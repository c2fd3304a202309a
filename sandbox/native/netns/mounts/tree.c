/* Detached mount trees: open_tree(2) and move_mount(2), Linux 5.2. And the flags of mounts. */
#define _GNU_SOURCE
#include "../netns.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

/* From linux/mount.h, which clashes with sys/mount.h in some versions. */
#ifndef SYS_open_tree
#define SYS_open_tree 428
#define SYS_move_mount 429
#endif
enum {
    TREE_CLONE = 1,
    TREE_CLOEXEC = O_CLOEXEC,
    TREE_RECURSIVE = 0x8000,
    FROM_EMPTY_PATH = 4,
    TO_LINK = 0x10 /* /etc may be one */
};

int clone_tree(const char *path, bool recursive)
{
    return (int)syscall(SYS_open_tree, AT_FDCWD, path,
                        TREE_CLONE | TREE_CLOEXEC | (recursive ? TREE_RECURSIVE : 0));
}

int attach_tree(int tree, const char *path)
{
    return (int)syscall(SYS_move_mount, tree, "", AT_FDCWD, path, FROM_EMPTY_PATH | TO_LINK);
}

/* statvfs(3) numbers them as mount(2) does, but for the last. */
static unsigned long flags_of(const char *path)
{
    const unsigned long same = ST_RDONLY | ST_NOSUID | ST_NODEV | ST_NOEXEC | ST_NOATIME | ST_NODIRATIME;
    struct statvfs file_system;
    if (statvfs(path, &file_system) < 0)
        return 0;
    return (file_system.f_flag & same) | (file_system.f_flag & ST_RELATIME ? MS_RELATIME : 0);
}

/*
 * What a mount of the host's had set is locked in the mount namespace of a
 * user, and has to be named again (mount_namespaces(7)).
 */
int restrict_mount(const char *path, unsigned long flags)
{
    return mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | flags_of(path) | flags, NULL);
}
