/*
 * Tells a signal to a whole process group from one to a single process.
 *
 * kill(2) looks the same to who receives it, whether it named one process or
 * the group. The command shares the group of the host and of the guard, for the
 * caller's job control and pipelines to work; so it has got a signal to the
 * group itself, and must get one to the host alone from the host. The guard is
 * the witness: what came to the host and to the guard, from the same sender,
 * went to the group.
 *
 * The kernel signals a group in one go, with the list of processes locked for
 * reading (kernel/signal.c, __kill_pgrp_info). setpgid(2) locks it for writing
 * before it looks at anything. So the host may ask at any moment after its own
 * copy came: once the guard has passed through setpgid, it has its copy too.
 */
#define _GNU_SOURCE
#include "stub.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* The last sender of each signal that was not asked for yet. */
static struct {
    bool seen;
    uint32_t sender;
} notes[NSIG];

/* The keys of a terminal (SI_KERNEL) go to the group always, and are not asked for. */
void witness_note(const struct signalfd_siginfo *info)
{
    if (info->ssi_code > 0 || info->ssi_signo >= NSIG)
        return;
    notes[info->ssi_signo].seen = true;
    notes[info->ssi_signo].sender = info->ssi_pid;
}

void witness_wait_for_group(void)
{
    setpgid(0, getpgrp());
}

bool witness_take(int signo, uint32_t sender)
{
    if (signo <= 0 || signo >= NSIG || !notes[signo].seen || notes[signo].sender != sender)
        return false;
    notes[signo].seen = false;
    return true;
}
