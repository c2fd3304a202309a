/* Detached mount trees: open_tree(2) and move_mount(2), Linux 5.2. */
#define _GNU_SOURCE
#include "../netns.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* From linux/mount.h, which clashes with sys/mount.h in some versions. */
#ifndef SYS_open_tree
#define SYS_open_tree 428
#define SYS_move_mount 429
#endif
enum { TREE_CLONE = 1, TREE_CLOEXEC = O_CLOEXEC, TREE_RECURSIVE = 0x8000, FROM_EMPTY_PATH = 4 };

int clone_tree(const char *path, bool recursive)
{
    return (int)syscall(SYS_open_tree, AT_FDCWD, path,
                        TREE_CLONE | TREE_CLOEXEC | (recursive ? TREE_RECURSIVE : 0));
}

int attach_tree(int tree, const char *path)
{
    return (int)syscall(SYS_move_mount, tree, "", AT_FDCWD, path, FROM_EMPTY_PATH);
}
