/*
 * Into the sandbox's namespaces.
 *
 * The user namespace is asked of the network namespace (NS_GET_USERNS,
 * ioctl_ns(2)) and not of the process: bubblewrap may give its child a second
 * user namespace, but capabilities over the network come from the one that
 * owns it. All is opened by pid before anything is entered, as the host's user.
 */
#define _GNU_SOURCE
#include "netns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int open_namespace(int proc, const char *pid, const char *kind)
{
    char path[64];
    snprintf(path, sizeof path, "%.16s/ns/%s", pid, kind);
    return openat(proc, path, O_RDONLY | O_CLOEXEC);
}

int enter_network(const char *pid, struct namespaces *namespaces, struct failure *failure)
{
    int network = -1, user = -1, result = -1;
    if (strspn(pid, "0123456789") != strlen(pid))
        return fail_with(failure, "pid", EINVAL);
    namespaces->proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (namespaces->proc < 0)
        return fail(failure, "open /proc");
    network = open_namespace(namespaces->proc, pid, "net");
    namespaces->mount = open_namespace(namespaces->proc, pid, "mnt");
    if (network < 0 || namespaces->mount < 0)
        fail(failure, "open namespace");
    else if ((user = ioctl(network, NS_GET_USERNS)) < 0)
        fail(failure, "ioctl NS_GET_USERNS");
    else if (setns(user, CLONE_NEWUSER) < 0)
        fail(failure, "setns user");
    else if (setns(network, CLONE_NEWNET) < 0)
        fail(failure, "setns net");
    else
        result = 0;
    if (network >= 0)
        close(network);
    if (user >= 0)
        close(user);
    return result;
}

int enter_mounts(const struct namespaces *namespaces, struct failure *failure)
{
    return setns(namespaces->mount, CLONE_NEWNS) < 0 ? fail(failure, "setns mnt") : 0;
}
