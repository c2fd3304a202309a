/*
 * A sysfs of the sandbox's own network namespace: /sys/class/net of the host's
 * shows the host's interfaces, whoever looks. What was mounted below the old
 * /sys (control groups, tracing, bpf) is carried over.
 *
 * The kernel refuses a fresh sysfs where parts of the visible one are covered
 * (mount_too_revealing in fs/namespace.c), as in most containers. Then an
 * empty directory covers /sys/class/net: nothing rather than the wrong thing.
 */
#define _GNU_SOURCE
#include "mountinfo.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#define SYS "/sys"

enum { MAX_SUBMOUNTS = 32 };

struct submount {
    char path[MAX_PATH];
    int tree;
};

/* Copies the topmost mounts below /sys, each with all below it. mountinfo lists parents first. */
static size_t copy_submounts(int proc, struct submount *submounts)
{
    char line[2 * PATH_MAX], path[MAX_PATH];
    size_t count = 0;
    int fd = openat(proc, "self/mountinfo", O_RDONLY | O_CLOEXEC);
    FILE *mounts = fd < 0 ? NULL : fdopen(fd, "r");
    while (mounts && count < MAX_SUBMOUNTS && fgets(line, sizeof line, mounts)) {
        bool covered = !mount_point(line, path) || !is_below(path, SYS);
        for (size_t i = 0; !covered && i < count; i++)
            covered = strcmp(path, submounts[i].path) == 0 || is_below(path, submounts[i].path);
        if (covered)
            continue;
        int tree = clone_tree(path, true);
        if (tree < 0)
            continue;
        strcpy(submounts[count].path, path);
        submounts[count++].tree = tree;
    }
    if (mounts)
        fclose(mounts);
    return count;
}

/* A sysfs that the namespace sees read-only may be mounted anew only read-only. */
static int mount_fresh(void)
{
    const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    if (mount("sysfs", SYS, "sysfs", flags, NULL) == 0)
        return 0;
    return mount("sysfs", SYS, "sysfs", flags | MS_RDONLY, NULL);
}

int mount_sys(const struct namespaces *namespaces)
{
    struct submount submounts[MAX_SUBMOUNTS];
    size_t count = copy_submounts(namespaces->proc, submounts);
    int error = mount_fresh() < 0 ? errno : 0;
    for (size_t i = 0; i < count; i++) {
        if (error == 0)
            attach_tree(submounts[i].tree, submounts[i].path);
        close(submounts[i].tree);
    }
    if (error != 0 && mount("kns-sys", SYS "/class/net", "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV,
                            "mode=0555,size=4k") < 0)
        return errno;
    return error;
}
