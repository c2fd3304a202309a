/*
 * kns-stub guard CHANNEL AFTER PROGRAM [ARGUMENT…]: runs bubblewrap, and leaves nothing of it behind.
 *
 * bubblewrap arms PR_SET_PDEATHSIG in its child late: a host killed just after
 * the clone would leave a child that waits for ever. So the guard does not
 * die with the host but outlives it for a moment. It is a child subreaper
 * (prctl(2)): whatever bubblewrap leaves behind becomes the guard's child, is
 * killed and reaped, and only then the guard exits. Hence two promises:
 *
 *   - the host's end of CHANNEL closes (it exits, is killed, or just wants the
 *     end): every process of the sandbox ends, then the guard
 *   - the guard exits: no process of the sandbox is left; but where AFTER is
 *     "leave", those that a command with shared pids leaves running stay
 *
 * Its exit status is bubblewrap's, 128+n where a signal ended that.
 *
 * The guard and bubblewrap ignore the signals that end or stop a process by
 * default. They share the command's process group, so that job control works; a
 * Ctrl-C or `kill 0` is for the command to judge, and would otherwise end the
 * sandbox under its feet. command.c restores the dispositions. The guard counts
 * those that it got (witness.c); the host asks on CHANNEL "SIGNO SENDER", and
 * is answered "group" or "alone".
 */
#define _GNU_SOURCE
#include "stub.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static const int ignored[] = {SIGHUP,  SIGINT,    SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGPIPE,
                              SIGVTALRM, SIGPROF, SIGIO,   SIGPWR,  SIGTSTP, SIGTTIN, SIGTTOU};

/* Those that the host passes on to the command (PASSED_SIGNALS in sandbox/process/signals.ts). */
static const int witnessed[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGTERM, SIGUSR1,
                                SIGUSR2, SIGTSTP, SIGCONT, SIGWINCH};

static _Noreturn void run(char **argv, pid_t guard, const sigset_t *mask)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != guard)
        _exit(EXIT_STUB);
    sigprocmask(SIG_SETMASK, mask, NULL);
    execv(argv[0], argv);
    die_errno(argv[0]);
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
static int end_everything(pid_t bwrap, int code)
{
    int status;
    for (;;) {
        kill_children();
        pid_t pid = waitpid(-1, &status, 0);
        if (pid < 0 && errno == ECHILD)
            return code;
        if (pid == bwrap)
            code = exit_code(status);
    }
}

static void read_signals(int signals)
{
    struct signalfd_siginfo info;
    while (read(signals, &info, sizeof info) == sizeof info)
        witness_note(&info);
}

/* False when the host is gone. */
static bool answer(int channel, int signals)
{
    char question[64];
    int signo;
    unsigned int sender;
    ssize_t length = recv(channel, question, sizeof question - 1, MSG_DONTWAIT);
    if (length < 0)
        return errno == EAGAIN || errno == EINTR;
    if (length == 0)
        return false;
    question[length] = '\0';
    if (sscanf(question, "%d %u", &signo, &sender) != 2)
        return true;
    witness_wait_for_group();
    read_signals(signals);
    const char *text = witness_take(signo, sender) ? "group" : "alone";
    send(channel, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL);
    return true;
}

/* Waits for the end of bubblewrap or of the host, whichever comes first. */
static int supervise(pid_t bwrap, int channel, int signals, bool leave)
{
    struct pollfd fds[] = {{.fd = channel, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
    int status;
    for (;;) {
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            die_errno("poll");
        read_signals(signals);
        pid_t pid;
        while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
            if (pid == bwrap)
                return leave ? exit_code(status) : end_everything(bwrap, exit_code(status));
        }
        if (fds[0].revents != 0 && !answer(channel, signals))
            return end_everything(bwrap, 128 + SIGKILL);
    }
}

int guard_main(int argc, char **argv)
{
    sigset_t watched, mask;
    if (argc < 3)
        die(EXIT_STUB, "kns-stub guard", "too few arguments");
    int channel = parse_int(argv[0]);
    bool leave = strcmp(argv[1], "leave") == 0;

    for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++)
        signal(ignored[i], SIG_IGN);
    /* Stopped by a SIGSTOP the guard would not see the host's end: its death continues it. */
    prctl(PR_SET_PDEATHSIG, SIGCONT);
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
        die_errno("prctl(PR_SET_CHILD_SUBREAPER)");
    /* Blocked, a signal is kept even where it is ignored. */
    sigemptyset(&watched);
    sigaddset(&watched, SIGCHLD);
    for (size_t i = 0; i < sizeof witnessed / sizeof witnessed[0]; i++)
        sigaddset(&watched, witnessed[i]);
    sigprocmask(SIG_BLOCK, &watched, &mask);
    for (int signo = 1; signo < NSIG; signo++) {
        if (sigismember(&watched, signo) == 1)
            sigdelset(&mask, signo);
    }
    int signals = signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals < 0)
        die_errno("signalfd");
    fcntl(channel, F_SETFD, FD_CLOEXEC);

    pid_t guard = getpid();
    pid_t bwrap = fork();
    if (bwrap < 0)
        die_errno("fork");
    if (bwrap == 0)
        run(argv + 2, guard, &mask);
    /* The host sees the end of bubblewrap's own fds only if nobody else holds them. */
    int kept[] = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO, channel, signals};
    close_all_but(kept, sizeof kept / sizeof kept[0]);
    return supervise(bwrap, channel, signals, leave);
}
