/*
 * kns-stub guard CHANNEL AFTER ENTRY PROGRAM [ARGUMENT…]: runs bubblewrap, and leaves nothing of it behind.
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
 * With "join", PROGRAM is not bubblewrap but kns-stub join, which runs a further
 * command in a sandbox that stands. What that leaves running stays as well, for
 * as long as the sandbox. When the host is gone, init ends the command and all
 * that it has started: the guard can't tell these from the sandbox's others,
 * and waits for it.
 *
 * A host that was killed has not removed the directory by which it was found:
 * where ENTRY names one, and is not "-", the guard does. A host that lets go by
 * itself says "bye" first.
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

enum after { AFTER_END, AFTER_LEAVE, AFTER_JOIN };

/* What a joined init may take to end its command once the host is gone. */
enum { JOINED_END_LIMIT_MS = 2000 };

static enum after parse_after(const char *text)
{
    if (strcmp(text, "join") == 0)
        return AFTER_JOIN;
    return strcmp(text, "leave") == 0 ? AFTER_LEAVE : AFTER_END;
}

static _Noreturn void run(char **argv, pid_t guard, const sigset_t *mask)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != guard)
        _exit(EXIT_STUB);
    sigprocmask(SIG_SETMASK, mask, NULL);
    drop_ambient();
    execv(argv[0], argv);
    die_errno(argv[0]);
}

static void read_signals(int signals)
{
    struct signalfd_siginfo info;
    while (read(signals, &info, sizeof info) == sizeof info)
        witness_note(&info);
}

/* False when the host is gone. */
static bool answer(int channel, int signals, bool *parted)
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
    if (strcmp(question, "bye") == 0)
        *parted = true;
    if (sscanf(question, "%d %u", &signo, &sender) != 2)
        return true;
    witness_wait_for_group();
    read_signals(signals);
    const char *text = witness_take(signo, sender) ? "group" : "alone";
    send(channel, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL);
    return true;
}

/* Waits for the end of bubblewrap or of the host, whichever comes first. */
static int supervise(pid_t bwrap, int channel, int signals, enum after after, const char *entry)
{
    struct pollfd fds[] = {{.fd = channel, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
    int status, limit_ms = -1;
    bool parted = false;
    for (;;) {
        int ready = poll(fds, 2, limit_ms);
        if (ready < 0 && errno != EINTR)
            die_errno("poll");
        if (ready == 0)
            return end_everything(bwrap, 128 + SIGKILL);
        read_signals(signals);
        pid_t pid;
        while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
            if (pid == bwrap)
                return after == AFTER_END ? end_everything(bwrap, exit_code(status)) : exit_code(status);
        }
        if (fds[0].revents == 0 || answer(channel, signals, &parted))
            continue;
        if (after != AFTER_JOIN) {
            int code = end_everything(bwrap, 128 + SIGKILL);
            if (!parted && strcmp(entry, "-") != 0)
                remove_entry(entry);
            return code;
        }
        fds[0].fd = -1;
        limit_ms = JOINED_END_LIMIT_MS;
    }
}

int guard_main(int argc, char **argv)
{
    sigset_t watched, mask;
    if (argc < 4)
        die(EXIT_STUB, "kns-stub guard", "too few arguments");
    int channel = parse_int(argv[0]);
    enum after after = parse_after(argv[1]);

    for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++)
        signal(ignored[i], SIG_IGN);
    /* Stopped by a SIGSTOP the guard would not see the host's end: its death continues it. */
    prctl(PR_SET_PDEATHSIG, SIGCONT);
    adopt_orphans();
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
        run(argv + 3, guard, &mask);
    /* The host sees the end of bubblewrap's own fds only if nobody else holds them. */
    int kept[] = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO, channel, signals};
    close_all_but(kept, sizeof kept / sizeof kept[0]);
    return supervise(bwrap, channel, signals, after, argv[2]);
}
