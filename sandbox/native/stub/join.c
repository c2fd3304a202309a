/*
 * kns-stub join USER NET IPC MNT PID CAPABILITIES -- INIT…: another command in
 * a sandbox that stands, where kns-stub guard would start bubblewrap.
 *
 *   host ── guard ── join (waits) ── init (joined) ── the command
 *           └── outside ──────────┘  └─ the sandbox's namespaces ─┘
 *
 * The first five are fds of the namespaces; PID is "-" where the sandbox shares
 * the host's pids. CAPABILITIES is "network" with --net-admin, and "none" else.
 * What follows are the arguments of init.c.
 *
 * A process can't change its own pid namespace, only that of its children
 * (setns(2)): hence the fork. The child enters the mount namespace; the parent
 * keeps the host's /proc, by which it closes its files.
 *
 * What runs in the sandbox sees the child from its first moment, as a process
 * of the same user. So nobody may trace it, or reach the host's files by its
 * /proc/PID/exe, before it is the command: that is PR_SET_DUMPABLE, which execve(2)
 * alone sets back. For the same reason init is called here, and not executed.
 */
#define _GNU_SOURCE
#include "stub.h"

#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ARG_USER, ARG_NETWORK, ARG_IPC, ARG_MOUNT, ARG_PID, ARG_CAPABILITIES, ARG_SEPARATOR, ARG_INIT, ARG_LEAST };

static void enter(const char *fd, int kind, const char *call)
{
    int namespace = parse_int(fd);
    if (setns(namespace, kind) < 0)
        die_errno(call);
    close(namespace);
}

static int wait_for(pid_t child)
{
    int status;
    while (waitpid(child, &status, 0) != child)
        continue;
    return exit_code(status);
}

int join_main(int argc, char **argv)
{
    if (argc < ARG_LEAST)
        die(EXIT_STUB, "kns-stub join", "too few arguments");
    bool keep_network = strcmp(argv[ARG_CAPABILITIES], "network") == 0;
    prctl(PR_SET_DUMPABLE, 0);
    /* The first gives the right to enter the others (user_namespaces(7)). */
    enter(argv[ARG_USER], CLONE_NEWUSER, "setns user");
    enter(argv[ARG_NETWORK], CLONE_NEWNET, "setns net");
    enter(argv[ARG_IPC], CLONE_NEWIPC, "setns ipc");
    if (strcmp(argv[ARG_PID], "-") != 0)
        enter(argv[ARG_PID], CLONE_NEWPID, "setns pid");
    pid_t child = fork();
    if (child < 0)
        die_errno("fork");
    if (child == 0) {
        enter(argv[ARG_MOUNT], CLONE_NEWNS, "setns mnt");
        drop_privileges(keep_network);
        /* Without the two words that name the program and its role. */
        return init_main(argc - ARG_INIT - 2, argv + ARG_INIT + 2, true);
    }
    drop_privileges(false);
    close_all_but(NULL, 0);
    return wait_for(child);
}
