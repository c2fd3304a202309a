/* Locks on open files that end with whoever holds them: flock(2). Nothing here waits. */
#define _GNU_SOURCE
#include "addon.h"

#include <errno.h>
#include <sys/file.h>

/* lockFile(fd): false when somebody else has it */
static napi_value lock_file(napi_env env, napi_callback_info info)
{
    napi_value args[1], result;
    int fd, locked;
    if (!get_args(env, info, 1, args) || !get_int(env, args[0], &fd))
        return NULL;
    do
        locked = flock(fd, LOCK_EX | LOCK_NB);
    while (locked < 0 && errno == EINTR);
    if (locked < 0 && errno != EWOULDBLOCK) {
        throw_errno(env, "flock", errno);
        return NULL;
    }
    TRY(env, napi_get_boolean(env, locked == 0, &result));
    return result;
}

bool lock_exports(napi_env env, napi_value exports)
{
    return define(env, exports, "lockFile", lock_file);
}
