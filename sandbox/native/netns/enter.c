/*
 * Into the sandbox's namespaces.
 *
 * The user namespace is asked of the network namespace (NS_GET_USERNS,
 * ioctl_ns(2)) and not of the process: bubblewrap may give its child a second
 * user namespace, but capabilities over the network come from the one that
 * owns it. All is opened by pid before anything is entered, as the host's user:
 * once the sandbox's first process has closed itself to tracers, nobody may.
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

static int enter(struct namespaces *namespaces, struct failure *failure)
{
    namespaces->user = ioctl(namespaces->network, NS_GET_USERNS);
    if (namespaces->user < 0)
        return fail(failure, "ioctl NS_GET_USERNS");
    if (setns(namespaces->user, CLONE_NEWUSER) < 0)
        return fail(failure, "setns user");
    if (setns(namespaces->network, CLONE_NEWNET) < 0)
        return fail(failure, "setns net");
    return 0;
}

int enter_network(const char *pid, struct namespaces *namespaces, struct failure *failure)
{
    if (namespaces->network >= 0)
        return 0;
    if (strspn(pid, "0123456789") != strlen(pid))
        return fail_with(failure, "pid", EINVAL);
    namespaces->proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (namespaces->proc < 0)
        return fail(failure, "open /proc");
    namespaces->mount = open_namespace(namespaces->proc, pid, "mnt");
    namespaces->ipc = open_namespace(namespaces->proc, pid, "ipc");
    namespaces->pid = open_namespace(namespaces->proc, pid, "pid");
    namespaces->network = open_namespace(namespaces->proc, pid, "net");
    if (namespaces->network < 0 || namespaces->mount < 0 || namespaces->ipc < 0 || namespaces->pid < 0)
        return fail(failure, "open namespace");
    return enter(namespaces, failure);
}

int enter_mounts(const struct namespaces *namespaces, struct failure *failure)
{
    return setns(namespaces->mount, CLONE_NEWNS) < 0 ? fail(failure, "setns mnt") : 0;
}

int copy_namespace(const struct namespaces *namespaces, const char *kind, struct failure *failure)
{
    const struct {
        const char *kind;
        int fd;
    } known[] = {{"user", namespaces->user},   {"net", namespaces->network}, {"ipc", namespaces->ipc},
                 {"mnt", namespaces->mount}, {"pid", namespaces->pid}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(kind, known[i].kind) != 0)
            continue;
        int copy = fcntl(known[i].fd, F_DUPFD_CLOEXEC, 0);
        return copy < 0 ? fail(failure, "dup namespace") : copy;
    }
    return fail_with(failure, "namespace", EINVAL);
}
