/*
 * The end of all that a process has started, whatever that has become. The
 * caller is a child subreaper (prctl(2)): who lost its parent is its child.
 */
#define _GNU_SOURCE
#include "stub.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

void adopt_orphans(void)
{
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
        die_errno("prctl(PR_SET_CHILD_SUBREAPER)");
}

/* The parent's pid in /proc/PID/stat: the second field after the last ')' (proc(5)). */
static pid_t parent_of(const char *pid)
{
    char path[64], stat[512], state;
    int parent = -1;
    snprintf(path, sizeof path, "/proc/%.20s/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t length = read(fd, stat, sizeof stat - 1);
    close(fd);
    if (length <= 0)
        return -1;
    stat[length] = '\0';
    char *field = stat + length;
    while (field > stat && *field != ')')
        field--;
    return sscanf(field, ") %c %d", &state, &parent) == 2 ? parent : -1;
}

/* For kernels without CONFIG_PROC_CHILDREN. */
static void kill_children_by_scan(void)
{
    DIR *proc = opendir("/proc");
    struct dirent *entry;
    while (proc && (entry = readdir(proc)) != NULL) {
        if (isdigit((unsigned char)entry->d_name[0]) && parent_of(entry->d_name) == getpid())
            kill((pid_t)atoi(entry->d_name), SIGKILL);
    }
    if (proc)
        closedir(proc);
}

static void kill_children(void)
{
    char path[64];
    int child;
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *children = fopen(path, "re");
    if (children == NULL) {
        kill_children_by_scan();
        return;
    }
    while (fscanf(children, "%d", &child) == 1)
        kill(child, SIGKILL);
    fclose(children);
}

/* A process hands its children to the subreaper before it can be waited for, so none is missed. */
int end_everything(pid_t watched, int code)
{
    int status;
    for (;;) {
        kill_children();
        pid_t pid = waitpid(-1, &status, 0);
        if (pid < 0 && errno == ECHILD)
            return code;
        if (pid == watched)
            code = exit_code(status);
    }
}
