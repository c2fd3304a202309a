/*
 * Processes and their groups: signals by a pidfd, which no reuse of pids can
 * misdirect (pidfd_send_signal(2)), and the foreground of a terminal (tcsetpgrp(3)).
 */
#define _GNU_SOURCE
#include "addon.h"

#include <errno.h>
#include <signal.h>
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

/*
 * setForeground(terminal, group): false where there is no such group or terminal any more.
 * Who does this from the background is stopped by SIGTTOU, unless it blocks that. sigprocmask(2) is of the calling
 * thread on Linux; pthread_sigmask(3) is the same call, and a symbol of glibc 2.32.
 */
static napi_value set_foreground_js(napi_env env, napi_callback_info info)
{
    napi_value args[2], result;
    int terminal, group;
    sigset_t output, before;
    if (!get_args(env, info, 2, args) || !get_int(env, args[0], &terminal) || !get_int(env, args[1], &group))
        return NULL;
    sigemptyset(&output);
    sigaddset(&output, SIGTTOU);
    sigprocmask(SIG_BLOCK, &output, &before);
    bool set = tcsetpgrp(terminal, group) == 0;
    sigprocmask(SIG_SETMASK, &before, NULL);
    TRY(env, napi_get_boolean(env, set, &result));
    return result;
}

/* ignoreSignal(signo): for which Node has no way; what it starts has the default again */
static napi_value ignore_signal_js(napi_env env, napi_callback_info info)
{
    napi_value args[1];
    int signo;
    if (!get_args(env, info, 1, args) || !get_int(env, args[0], &signo))
        return NULL;
    if (signal(signo, SIG_IGN) == SIG_ERR) {
        throw_errno(env, "signal", errno);
        return NULL;
    }
    return undefined(env);
}

bool process_exports(napi_env env, napi_value exports)
{
    return define(env, exports, "pidfdSendSignal", pidfd_send_signal_js) &&
           define(env, exports, "setForeground", set_foreground_js) &&
           define(env, exports, "ignoreSignal", ignore_signal_js);
}
