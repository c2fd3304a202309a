/*
 * What this process may still do once the sandbox stands: it waits there for
 * hours, and needs next to nothing for its last kind of request.
 */
#define _GNU_SOURCE
#include "netns.h"

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

int drop_capabilities(bool keep_low_ports, struct failure *failure)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {0};
    if (keep_low_ports)
        sets[0].effective = sets[0].permitted = 1U << CAP_NET_BIND_SERVICE;
    return syscall(SYS_capset, &header, sets) < 0 ? fail(failure, "capset") : 0;
}
