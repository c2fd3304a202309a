/*
 * kns-stub init: the first process that bubblewrap runs, and pid 1 of the
 * sandbox where that has pids of its own.
 *
 * It starts the command (command.c), reaps whatever is orphaned, and ends with
 * the command: the kernel then kills the rest of the pid namespace
 * (pid_namespaces(7)). Its exit status is the command's, 128+n where signal n
 * ended that.
 *
 * A command that stops is told to the host. The caller's shell waits for the
 * host alone, and a program that stops just itself (`less` at a Ctrl-Z) would
 * otherwise leave the shell waiting for one that still runs.
 *
 * What runs inside is of the same user as this process. It may not be traced,
 * nor its files be taken, since it holds an end of the control channel
 * (PR_SET_DUMPABLE, ptrace(2)); and signals don't reach it.
 */
#define _GNU_SOURCE
#include "stub.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
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
    ARG_CWD,
    ARG_PWD,
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

static void tell_stopped(int control, int signo)
{
    char text[32];
    int length = snprintf(text, sizeof text, "stopped %d", signo);
    send(control, text, (size_t)length, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static int watch_over(pid_t command, int control)
{
    int status;
    for (;;) {
        pid_t pid = waitpid(-1, &status, WUNTRACED);
        if (pid < 0 && errno != EINTR)
            return EXIT_STUB;
        if (pid != command)
            continue;
        if (!WIFSTOPPED(status))
            return exit_code(status);
        tell_stopped(control, WSTOPSIG(status));
    }
}

int init_main(int argc, char **argv)
{
    if (argc != ARG_COUNT)
        die(EXIT_STUB, "kns-stub init", "wrong number of arguments");
    struct command command = {
        .control = parse_int(argv[ARG_CONTROL]),
        .stderr_fd = parse_int(argv[ARG_STDERR]),
        .ignored_signals = strtoull(argv[ARG_IGNORED], NULL, 16),
        .open_files = argv[ARG_NOFILE],
        .directory = argv[ARG_CWD],
        .pwd = argv[ARG_PWD],
    };
    int arguments = parse_int(argv[ARG_COMMAND]);
    command.arguments = read_arguments(arguments);
    close(arguments);
    command.inherited = parse_inherited(argv[ARG_INHERITED], parse_int(argv[ARG_FIRST_INHERITED]));
    hold_signals();
    /* It was started by its open file, whose number would be its name. */
    close(parse_int(argv[ARG_PROGRAM]));
    prctl(PR_SET_NAME, "kns-init");

    pid_t self = getpid();
    pid_t child = fork();
    if (child < 0)
        die_errno("fork");
    if (child == 0) {
        /* Pids of its own die with pid 1; shared ones need to be told. */
        if (self != 1)
            prctl(PR_SET_PDEATHSIG, SIGKILL);
        run_command(&command);
    }
    /* Whoever reads what the command writes must see its end, and not wait for this process as well. */
    close_all_but(&command.control, 1);
    prctl(PR_SET_DUMPABLE, 0);
    return watch_over(child, command.control);
}
