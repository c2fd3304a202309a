/* Signals to a process by its pidfd, which no reuse of pids can misdirect: pidfd_send_signal(2). */
#define _GNU_SOURCE
#include "addon.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424 /* the same on every architecture */
#endif

/* pidfdSendSignal(pidfd, signo): false when the process is gone */
static napi_value pidfd_send_signal_js(napi_env env, napi_callback_info info)
{
    napi_value args[2], result;
    int pidfd, signo;
    if (!get_args(env, info, 2, args) || !get_int(env, args[0], &pidfd) ||
        !get_int(env, args[1], &signo))
        return NULL;
    bool sent = syscall(SYS_pidfd_send_signal, pidfd, signo, NULL, 0) == 0;
    if (!sent && errno != ESRCH) {
        throw_errno(env, "pidfd_send_signal", errno);
        return NULL;
    }
    TRY(env, napi_get_boolean(env, sent, &result));
    return result;
}

bool process_exports(napi_env env, napi_value exports)
{
    return define(env, exports, "pidfdSendSignal", pidfd_send_signal_js);
}
