/*
 * Signals with their origin. Node reports a signal's number only; siginfo_t
 * tells a Ctrl-C of the terminal, which the whole foreground group got already
 * (si_code SI_KERNEL), from a kill(2) meant for this process alone.
 *
 * The handler writes one record to a pipe, which is async-signal-safe
 * (signal-safety(7)) and atomic up to PIPE_BUF; JavaScript reads the pipe on
 * the event loop. A full pipe drops the record: 64 KiB of unread signals tell
 * nothing that the first of them did not.
 *
 * Dispositions belong to the process: one intake at a time, and the dispositions
 * found are put back when it ends.
 */
#define _GNU_SOURCE
#include "addon.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum { MAX_SIGNALS = 32 };

static int pipe_ends[2] = {-1, -1};
static struct {
    int signo;
    struct sigaction before;
} taken[MAX_SIGNALS];
static size_t taken_count;

static void on_signal(int signo, siginfo_t *info, void *context)
{
    (void)context;
    int saved = errno;
    int32_t record[3] = {signo, info->si_code, info->si_code > 0 ? 0 : (int32_t)info->si_pid};
    ssize_t written = write(pipe_ends[1], record, sizeof record);
    (void)written;
    errno = saved;
}

static void give_back(void)
{
    while (taken_count > 0) {
        taken_count--;
        sigaction(taken[taken_count].signo, &taken[taken_count].before, NULL);
    }
    for (int i = 0; i < 2; i++) {
        if (pipe_ends[i] >= 0)
            close(pipe_ends[i]);
        pipe_ends[i] = -1;
    }
}

static bool take(int signo)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_signal;
    action.sa_flags = SA_SIGINFO | SA_RESTART;
    sigfillset(&action.sa_mask);
    if (sigaction(signo, &action, &taken[taken_count].before) < 0)
        return false;
    taken[taken_count++].signo = signo;
    return true;
}

/* takeSignals(signos): the readable end of a pipe of records { signo, code, pid }, each an int32 */
static napi_value take_signals(napi_env env, napi_callback_info info)
{
    napi_value args[1], element, result;
    uint32_t count;
    int signo;
    if (!get_args(env, info, 1, args))
        return NULL;
    TRY(env, napi_get_array_length(env, args[0], &count));
    if (pipe_ends[0] >= 0 || count > MAX_SIGNALS) {
        napi_throw_error(env, "ERR_BUSY", "signals are taken once a process");
        return NULL;
    }
    if (pipe2(pipe_ends, O_CLOEXEC | O_NONBLOCK) < 0) {
        throw_errno(env, "pipe2", errno);
        return NULL;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (napi_get_element(env, args[0], i, &element) == napi_ok && get_int(env, element, &signo) &&
            take(signo))
            continue;
        int error = errno;
        give_back();
        throw_errno(env, "sigaction", error);
        return NULL;
    }
    TRY(env, napi_create_int32(env, pipe_ends[0], &result));
    return result;
}

/* giveBackSignals(): closes the pipe */
static napi_value give_back_signals(napi_env env, napi_callback_info info)
{
    (void)info;
    give_back();
    return undefined(env);
}

bool signals_exports(napi_env env, napi_value exports)
{
    return define(env, exports, "takeSignals", take_signals) &&
           define(env, exports, "giveBackSignals", give_back_signals);
}
