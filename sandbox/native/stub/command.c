/*
 * The process that becomes the command, a child of init.c.
 *
 * It tells the host that the sandbox stands and hands over a pidfd of itself,
 * which is the command's once it has exec'ed. Then it waits for exactly one
 * byte. Anything else, the end of the host above all, ends it: a command must
 * never start without its network. Signals are held back until then: one that
 * was meant for the command meets it, or the stub in its place, and is not lost.
 * The byte says in which process group the command starts (sandbox/process/job.ts).
 *
 * What others changed on the way is put back: the terminal's end of stderr
 * (bubblewrap's complaints went to a pipe), PWD, signal dispositions, the soft
 * limit of open files, and the working directory, which is entered anew
 * because it may lie in /etc, where mounts were made since. Files that were
 * asked for come to their places last of all.
 */
#define _GNU_SOURCE
#include "stub.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* In the host's process group; leading one of its own; and with that in the terminal's foreground. */
enum { GO = 'G', GO_LEADING = 'L', GO_FOREGROUND = 'F' };

static char wait_for_go(int control)
{
    char bytes[2];
    ssize_t length;
    do
        length = recv(control, bytes, sizeof bytes, 0);
    while (length < 0 && errno == EINTR);
    if (length != 1 || (bytes[0] != GO && bytes[0] != GO_LEADING && bytes[0] != GO_FOREGROUND))
        _exit(EXIT_STUB);
    return bytes[0];
}

/* Signals are held back still, so SIGTTOU does not stop who takes the terminal from the background (tcsetpgrp(3)). */
static void lead_group(bool in_foreground)
{
    setpgid(0, 0);
    if (in_foreground)
        tcsetpgrp(STDIN_FILENO, getpgrp());
}

/*
 * `mask` has bit n-1 for signal n, as SigIgn of proc(5). The two signals that
 * libc keeps are left out by it. A signal that came meanwhile is delivered here.
 */
static void restore_signals(uint64_t mask)
{
    sigset_t none;
    for (int signo = 1; signo < NSIG; signo++) {
        struct sigaction action = {.sa_handler = mask >> (signo - 1) & 1 ? SIG_IGN : SIG_DFL};
        sigaction(signo, &action, NULL);
    }
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void restore_nofile(const char *soft)
{
    struct rlimit limit;
    if (strcmp(soft, "-") == 0 || getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    rlim_t wanted = strcmp(soft, "unlimited") == 0 ? RLIM_INFINITY : strtoull(soft, NULL, 10);
    limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static void restore_pwd(const char *pwd)
{
    if (pwd[0] == '=')
        setenv("PWD", pwd + 1, 1);
    else
        unsetenv("PWD");
}

/*
 * Whether any directory of PATH holds the name; an empty entry is the working
 * directory (execvp(3)). execvp reports EACCES for a directory that may not
 * even be searched, such as root's own in an inherited PATH.
 */
static bool is_in_path(const char *name)
{
    char file[PATH_MAX];
    const char *path = getenv("PATH");
    while (path != NULL) {
        int length = (int)strcspn(path, ":");
        int written = snprintf(file, sizeof file, "%.*s%s%s", length, path, length > 0 ? "/" : "", name);
        if (written > 0 && (size_t)written < sizeof file && access(file, F_OK) == 0)
            return true;
        path = path[length] == ':' ? path + length + 1 : NULL;
    }
    return false;
}

/* The caller's may be hidden from the command, or not be in the sandbox that it joins. */
static void enter_directory(const char *path)
{
    char why[128];
    if (chdir(path) == 0)
        return;
    snprintf(why, sizeof why, "%s: start from a directory that the sandbox has (cd /)", strerror(errno));
    die(EXIT_CANNOT_EXECUTE, path, why);
}

void run_command(const struct command *command)
{
    char **arguments = command->arguments;
    send_ready(command->control);
    char go = wait_for_go(command->control);

    close(command->control);
    dup2(command->stderr_fd, STDERR_FILENO);
    close(command->stderr_fd);
    if (go != GO)
        lead_group(go == GO_FOREGROUND);
    restore_signals(command->ignored_signals);
    restore_pwd(command->pwd);
    protect_terminal();
    enter_directory(command->directory);
    place_inherited(&command->inherited);
    restore_nofile(command->open_files);

    execvp(arguments[0], arguments);
    int error = errno;
    if (strchr(arguments[0], '/') == NULL && !is_in_path(arguments[0]))
        die(EXIT_NOT_FOUND, arguments[0], "command not found");
    die(error == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_EXECUTE, arguments[0], strerror(error));
}
