/* Arguments, errors and callbacks, as every file of the addon needs them. */
#include "addon.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void throw_last_error(napi_env env)
{
    bool pending = false;
    const napi_extended_error_info *info = NULL;
    napi_get_last_error_info(env, &info);
    const char *message = info && info->error_message ? info->error_message : "Node-API call failed";
    if (napi_is_exception_pending(env, &pending) == napi_ok && !pending)
        napi_throw_error(env, "ERR_NAPI", message);
}

/* The names of those errno values that a caller tells apart; others go by number. */
static const char *errno_name(int error)
{
    switch (error) {
    case EACCES: return "EACCES";
    case EAFNOSUPPORT: return "EAFNOSUPPORT";
    case EBADF: return "EBADF";
    case ECONNREFUSED: return "ECONNREFUSED";
    case ECONNRESET: return "ECONNRESET";
    case EINVAL: return "EINVAL";
    case EMFILE: return "EMFILE";
    case EMSGSIZE: return "EMSGSIZE";
    case ENFILE: return "ENFILE";
    case ENOMEM: return "ENOMEM";
    case ENOSYS: return "ENOSYS";
    case EPERM: return "EPERM";
    case EPIPE: return "EPIPE";
    case ESRCH: return "ESRCH";
    default: return "EUNKNOWN";
    }
}

void throw_errno(napi_env env, const char *syscall_name, int error)
{
    char text[160];
    napi_value code, message, exception, number, name;
    snprintf(text, sizeof text, "%s: %s", syscall_name, strerror(error));
    if (napi_create_string_utf8(env, errno_name(error), NAPI_AUTO_LENGTH, &code) != napi_ok ||
        napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &message) != napi_ok ||
        napi_create_error(env, code, message, &exception) != napi_ok ||
        napi_create_int32(env, error, &number) != napi_ok ||
        napi_create_string_utf8(env, syscall_name, NAPI_AUTO_LENGTH, &name) != napi_ok ||
        napi_set_named_property(env, exception, "errno", number) != napi_ok ||
        napi_set_named_property(env, exception, "syscall", name) != napi_ok ||
        napi_throw(env, exception) != napi_ok)
        throw_last_error(env);
}

napi_value undefined(napi_env env)
{
    napi_value value = NULL;
    napi_get_undefined(env, &value);
    return value;
}

bool get_args(napi_env env, napi_callback_info info, size_t wanted, napi_value *args)
{
    size_t count = wanted;
    if (napi_get_cb_info(env, info, &count, args, NULL, NULL) == napi_ok && count >= wanted)
        return true;
    napi_throw_type_error(env, "ERR_INVALID_ARG", "too few arguments");
    return false;
}

bool get_int(napi_env env, napi_value value, int *out)
{
    if (napi_get_value_int32(env, value, out) == napi_ok)
        return true;
    napi_throw_type_error(env, "ERR_INVALID_ARG", "a number was expected");
    return false;
}

static bool get_typed(napi_env env, napi_value value, napi_typedarray_type wanted, void **data,
                      size_t *length)
{
    napi_typedarray_type type;
    if (napi_get_typedarray_info(env, value, &type, length, data, NULL, NULL) == napi_ok &&
        type == wanted)
        return true;
    napi_throw_type_error(env, "ERR_INVALID_ARG", "another typed array was expected");
    return false;
}

bool get_bytes(napi_env env, napi_value value, uint8_t **data, size_t *length)
{
    return get_typed(env, value, napi_uint8_array, (void **)data, length);
}

bool get_int32s(napi_env env, napi_value value, int32_t **data, size_t *length)
{
    return get_typed(env, value, napi_int32_array, (void **)data, length);
}

bool define(napi_env env, napi_value exports, const char *name, napi_callback function)
{
    napi_value value;
    return napi_create_function(env, name, NAPI_AUTO_LENGTH, function, NULL, &value) == napi_ok &&
           napi_set_named_property(env, exports, name, value) == napi_ok;
}

/*
 * Calls a JavaScript function from the event loop. What it throws becomes an
 * uncaught exception, as with any callback of Node's own.
 */
void call_back(napi_env env, napi_async_context context, napi_ref function, size_t argc,
               const napi_value *argv)
{
    napi_value callee, global, exception;
    bool pending = false;
    if (napi_get_reference_value(env, function, &callee) != napi_ok || callee == NULL ||
        napi_get_global(env, &global) != napi_ok)
        return;
    napi_make_callback(env, context, global, callee, argc, argv, NULL);
    if (napi_is_exception_pending(env, &pending) == napi_ok && pending &&
        napi_get_and_clear_last_exception(env, &exception) == napi_ok)
        napi_fatal_exception(env, exception);
}
