/*
 * Keeps the command from typing into its caller's terminal.
 *
 * The command has the terminal that the caller's shell reads from, and TIOCSTI
 * (ioctl_tty(2)) puts characters into its input as if they had been typed: they
 * would run outside, after the sandbox has ended. TIOCLINUX can paste on the
 * console to the same end. A seccomp(2) filter refuses both with EPERM, to the
 * command and all it starts. Everything else is allowed: job control stays.
 *
 * The kernel takes the request as an unsigned int and drops the upper half of
 * the register, so only the lower half is compared. Other calling conventions
 * of the same processor have other numbers for ioctl, and are checked as well.
 *
 * A kernel without seccomp (an emulator of user programs, mostly) runs the
 * command without the filter: it hardens the sandbox, and is not its wall.
 */
#define _GNU_SOURCE
#include "stub.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SECCOMP_FILTER_FLAG_SPEC_ALLOW
#define SECCOMP_FILTER_FLAG_SPEC_ALLOW (1UL << 2)
#endif

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
enum { LOWER_HALF = 0 };
#else
enum { LOWER_HALF = 4 };
#endif

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (field))
/* Skips instructions where the value just loaded is another. */
#define UNLESS(value, skipped) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, (skipped))
#define IF(value, skipped) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), (skipped), 0)
#define RETURN(action) BPF_STMT(BPF_RET | BPF_K, (action))

/* Both requests refused for one number of ioctl; 7 instructions, and nothing returned for other calls. */
#define REFUSE(mask, number)                                                                       \
    LOAD(offsetof(struct seccomp_data, nr)), BPF_STMT(BPF_ALU | BPF_AND | BPF_K, (mask)),          \
        UNLESS((number), 4), LOAD(offsetof(struct seccomp_data, args[1]) + LOWER_HALF),            \
        IF(TIOCSTI, 1), UNLESS(TIOCLINUX, 1), RETURN(SECCOMP_RET_ERRNO | EPERM)

/* The same for one calling convention of several. */
#define REFUSE_IN(convention, mask, number)                                                        \
    LOAD(offsetof(struct seccomp_data, arch)), UNLESS((convention), 7), REFUSE((mask), (number))

static struct sock_filter instructions[] = {
#if defined(__x86_64__)
    /* x32 is marked by bit 30, and has an ioctl of its own; older kernels take either number with and without. */
    REFUSE_IN(AUDIT_ARCH_X86_64, ~0x40000000U, 16),
    REFUSE_IN(AUDIT_ARCH_X86_64, ~0x40000000U, 514),
    REFUSE_IN(AUDIT_ARCH_I386, ~0U, 54),
#elif defined(__aarch64__)
    REFUSE_IN(AUDIT_ARCH_AARCH64, ~0U, 29),
    REFUSE_IN(AUDIT_ARCH_ARM, ~0U, 54),
#else
    REFUSE(~0U, __NR_ioctl),
#endif
    RETURN(SECCOMP_RET_ALLOW),
};

void protect_terminal(void)
{
    const struct sock_fprog program = {.len = sizeof instructions / sizeof instructions[0],
                                       .filter = instructions};
    /* Without the flag, kernels before 5.16 would slow every branch of the command down against Spectre. */
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program) < 0 &&
        errno != EINVAL && errno != ENOSYS)
        die_errno("seccomp");
}
