/*
 * No privilege, for this process and all it starts: what bubblewrap does to a
 * command that it starts itself. Who joins a user namespace as its owner has
 * every capability there, and setns(2) brings neither an empty bounding set nor
 * no_new_privs.
 */
#define _GNU_SOURCE
#include "stub.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const int network_capabilities[] = {CAP_NET_ADMIN, CAP_NET_RAW};

enum { NETWORK_COUNT = sizeof network_capabilities / sizeof network_capabilities[0] };

static bool is_of_network(int capability)
{
    for (int i = 0; i < NETWORK_COUNT; i++) {
        if (network_capabilities[i] == capability)
            return true;
    }
    return false;
}

/* Up to the last capability that the kernel knows. */
static void empty_bounding_set(bool keep_network)
{
    for (int capability = 0; prctl(PR_CAPBSET_READ, capability) >= 0; capability++) {
        if (!(keep_network && is_of_network(capability)) && prctl(PR_CAPBSET_DROP, capability) < 0)
            die_errno("prctl(PR_CAPBSET_DROP)");
    }
}

void drop_ambient(void)
{
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
        die_errno("prctl(PR_CAP_AMBIENT_CLEAR_ALL)");
}

void drop_privileges(bool keep_network)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {0};
    empty_bounding_set(keep_network);
    for (int i = 0; keep_network && i < NETWORK_COUNT; i++)
        sets[0].effective |= 1U << network_capabilities[i];
    sets[0].permitted = sets[0].inheritable = sets[0].effective;
    if (syscall(SYS_capset, &header, sets) < 0)
        die_errno("capset");
    drop_ambient();
    /* Ambient, they stay with a command that is not root. */
    for (int i = 0; keep_network && i < NETWORK_COUNT; i++) {
        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, network_capabilities[i], 0, 0) < 0)
            die_errno("prctl(PR_CAP_AMBIENT_RAISE)");
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        die_errno("prctl(PR_SET_NO_NEW_PRIVS)");
}
