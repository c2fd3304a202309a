/*
 * Settings of the sandbox's own namespaces. /proc/sys/net and /proc/sys/user
 * show the namespace of who looks, whichever /proc they are looked up in, and
 * let whoever holds CAP_NET_ADMIN, CAP_SYS_RESOURCE over it write. In containers
 * /proc/sys is often read-only.
 */
#define _GNU_SOURCE
#include "netns.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int write_sysctl(const struct namespaces *namespaces, const char *name, const char *value)
{
    char path[96];
    snprintf(path, sizeof path, "sys/%s", name);
    int fd = openat(namespaces->proc, path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    int error = write(fd, value, strlen(value)) < 0 ? errno : 0;
    close(fd);
    return error;
}
