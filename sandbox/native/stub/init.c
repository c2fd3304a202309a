/*
 * kns-stub init: the first process that bubblewrap runs, and pid 1 of the
 * sandbox where that has pids of its own.
 *
 * It starts the command (command.c), reaps whatever is orphaned, and ends with
 * the command: the kernel then kills the rest of the pid namespace
 * (pid_namespaces(7)). Its exit status is the command's, 128+n where signal n
 * ended that.
 *
 * Without a command it stays for others to join, until the guard ends it.
 *
 * Joined (join.c) it is not the first process: then it is a child subreaper, and
 * when the host is gone it ends all that the command has started. What the
 * command leaves running when it ends by itself stays with the sandbox.
 *
 * A command that stops is told to the host. The caller's shell waits for the
 * host alone, and a program that stops just itself (`less` at a Ctrl-Z) would
 * otherwise leave the shell waiting for one that still runs. How it ended is
 * told as well: of those between, one may be stopped or killed.
 *
 * What runs inside is of the same user as this process. It may not be traced,
 * nor its files be taken, since it holds an end of the control channel
 * (PR_SET_DUMPABLE, ptrace(2)); and signals don't reach it.
 */
#define _GNU_SOURCE
#include "stub.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    ARG_PROGRAM,
    ARG_CONTROL,
    ARG_STDERR,
    ARG_COMMAND,
    ARG_FIRST_INHERITED,
    ARG_INHERITED,
    ARG_NOFILE,
    ARG_IGNORED,
    ARG_COUNT
};

/*
 * bubblewrap ignores what it should not die of, and an ignored signal is lost
 * unless it is blocked (kernel/signal.c, sig_ignored).
 */
static void hold_signals(void)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
}

/* The command was "stopped" or "killed" by a signal, or has "ended" with a code. */
static void tell(int control, const char *what, int number)
{
    char text[32];
    int length = snprintf(text, sizeof text, "%s %d", what, number);
    send(control, text, (size_t)length, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void discard(int signals)
{
    struct signalfd_siginfo info;
    while (read(signals, &info, sizeof info) == sizeof info)
        continue;
}

/*
 * To the end of the command; joined, or of the host, whose end of the channel
 * closes. A sandbox as a whole is the guard's to end: it knows why.
 */
static int watch_over(pid_t command, int control, int signals, bool joined)
{
    struct pollfd fds[] = {{.fd = joined ? control : -1}, {.fd = signals, .events = POLLIN}};
    int status;
    for (;;) {
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            return EXIT_STUB;
        discard(signals);
        pid_t pid;
        while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0) {
            if (pid != command)
                continue;
            if (!WIFSTOPPED(status)) {
                if (WIFSIGNALED(status))
                    tell(control, "killed", WTERMSIG(status));
                else
                    tell(control, "ended", exit_code(status));
                return exit_code(status);
            }
            tell(control, "stopped", WSTOPSIG(status));
        }
        if (fds[0].revents != 0)
            return end_everything(command, 128 + SIGKILL);
    }
}

static int watch_children(void)
{
    sigset_t children;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    int signals = signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals < 0)
        die_errno("signalfd");
    return signals;
}

static pid_t start_command(const struct command *command)
{
    pid_t self = getpid(), child = fork();
    if (child < 0)
        die_errno("fork");
    if (child == 0) {
        /* Pids of its own die with pid 1; others need to be told. */
        if (self != 1)
            prctl(PR_SET_PDEATHSIG, SIGKILL);
        run_command(command);
    }
    return child;
}

int init_main(int argc, char **argv, bool joined)
{
    if (argc != ARG_COUNT)
        die(EXIT_STUB, "kns-stub init", "wrong number of arguments");
    struct command command = {
        .control = parse_int(argv[ARG_CONTROL]),
        .stderr_fd = parse_int(argv[ARG_STDERR]),
        .ignored_signals = strtoull(argv[ARG_IGNORED], NULL, 16),
        .open_files = argv[ARG_NOFILE],
    };
    int words = parse_int(argv[ARG_COMMAND]);
    read_command(words, &command);
    close(words);
    command.inherited = parse_inherited(argv[ARG_INHERITED], parse_int(argv[ARG_FIRST_INHERITED]));
    hold_signals();
    /* Before there is a command that could look. The one to be gets it from the fork, and execve(2) takes it back. */
    prctl(PR_SET_DUMPABLE, 0);
    /* It was started by its open file, whose number would be its name. */
    close(parse_int(argv[ARG_PROGRAM]));
    prctl(PR_SET_NAME, "kns-init");
    if (joined)
        adopt_orphans();
    bool alone = command.arguments[0] == NULL;
    pid_t child = alone ? 0 : start_command(&command);
    int signals = watch_children();
    /* Whoever reads what the command writes must see its end, and not wait for this process as well. */
    int kept[] = {command.control, signals};
    close_all_but(kept, sizeof kept / sizeof kept[0]);
    if (alone)
        send_ready(command.control);
    return watch_over(child, command.control, signals, joined);
}
