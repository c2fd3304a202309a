/*
 * The native addon: system calls that Node does not offer, and nothing else.
 *
 * One concern a file, each with a `<name>_exports` that adds its functions to
 * the module: socket.c, process.c, lock.c, watch.c, busy_poll.c, device.c, ring.c,
 * datagram.c, stream.c, ports.c, signals.c. All fds are close-on-exec. A failed call throws an
 * Error shaped like Node's own system errors ({ code, errno, syscall }); the
 * hot paths of device.c, datagram.c and stream.c return values.
 *
 * Built against Node-API 8 (Node 20 has 9), so one binary serves every Node
 * from 20 on. libuv's header is not asked for: the few functions used are
 * declared in uv.h, and its handles stay opaque.
 */
#ifndef KNS_ADDON_H
#define KNS_ADDON_H

#define NAPI_VERSION 8
#include <node_api.h>
#include <stdbool.h>
#include <stdint.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Returns NULL from the calling function when a Node-API call fails; the exception is then pending. */
#define TRY(env, call)                                                                             \
    do {                                                                                           \
        if ((call) != napi_ok) {                                                                   \
            throw_last_error(env);                                                                 \
            return NULL;                                                                           \
        }                                                                                          \
    } while (0)

/* util.c */
void throw_last_error(napi_env env);
void throw_errno(napi_env env, const char *syscall_name, int error);
napi_value undefined(napi_env env);
bool get_args(napi_env env, napi_callback_info info, size_t wanted, napi_value *args);
bool get_int(napi_env env, napi_value value, int *out);
bool get_bytes(napi_env env, napi_value value, uint8_t **data, size_t *length);
bool get_int32s(napi_env env, napi_value value, int32_t **data, size_t *length);
bool define(napi_env env, napi_value exports, const char *name, napi_callback function);
void call_back(napi_env env, napi_async_context context, napi_ref function, size_t argc,
               const napi_value *argv);

/* One a file; false when an exception is pending. */
bool socket_exports(napi_env env, napi_value exports);
bool process_exports(napi_env env, napi_value exports);
bool lock_exports(napi_env env, napi_value exports);
bool watch_exports(napi_env env, napi_value exports);
bool device_exports(napi_env env, napi_value exports);
bool ring_exports(napi_env env, napi_value exports);
bool signals_exports(napi_env env, napi_value exports);
bool datagram_exports(napi_env env, napi_value exports);
bool stream_exports(napi_env env, napi_value exports);
bool ports_exports(napi_env env, napi_value exports);

#endif
