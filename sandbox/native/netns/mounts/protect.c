/*
 * What no command may write, though its caller may: /sys, and as root /proc/sys.
 *
 * The control groups that a user has been given hold the user's other processes,
 * which could be frozen or killed by them (cgroups(7)). And root may write what
 * is root's without any capability, in a user namespace too: a program of its own
 * as kernel.core_pattern would then run with all of them. Settings of the network
 * are those of the sandbox, and stay as they are.
 */
#define _GNU_SOURCE
#include "mountinfo.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define SYSCTL "/proc/sys"

/* The mounts at a path and below. Where several lie at one path, each is met by it. */
static int make_read_only(const struct namespaces *namespaces, const char *root)
{
    char line[2 * PATH_MAX], path[MAX_PATH];
    int error = 0, fd = openat(namespaces->proc, "self/mountinfo", O_RDONLY | O_CLOEXEC);
    FILE *mounts = fd < 0 ? NULL : fdopen(fd, "r");
    if (mounts == NULL)
        return errno;
    while (fgets(line, sizeof line, mounts)) {
        bool concerned = mount_point(line, path) && (strcmp(path, root) == 0 || is_below(path, root));
        if (concerned && restrict_mount(path, MS_RDONLY) < 0)
            error = errno;
    }
    fclose(mounts);
    return error;
}

int protect_sys(const struct namespaces *namespaces)
{
    return make_read_only(namespaces, "/sys");
}

/* Whoever they are called here, root's files are root's alone. */
static bool is_root_outside(void)
{
    struct stat settings;
    return stat(SYSCTL, &settings) == 0 && settings.st_uid == geteuid();
}

int protect_sysctl(const struct namespaces *namespaces)
{
    if (!is_root_outside())
        return 0;
    int network = clone_tree(SYSCTL "/net", true);
    int error = mount(SYSCTL, SYSCTL, NULL, MS_BIND | MS_REC, NULL) < 0 ? errno : make_read_only(namespaces, SYSCTL);
    if (network >= 0) {
        if (error == 0 && attach_tree(network, SYSCTL "/net") < 0)
            error = errno;
        close(network);
    }
    return error;
}
