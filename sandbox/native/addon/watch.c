/*
 * uv_poll handles: the one way in which this addon waits.
 *
 * A `struct watch` lives from watch_open until libuv has closed its handle,
 * which is later than watch_close. An environment that ends first (a worker
 * thread, process.exit) closes what is still open through its async cleanup
 * hook, so that no handle outlives its loop.
 */
#include "watch.h"

#include <errno.h>
#include <stdlib.h>

struct watch {
    napi_env env;
    napi_async_context context;
    napi_async_cleanup_hook_handle cleanup;
    uv_poll_t *handle;
    watch_event on_event; /* NULL once closed */
    void *owner;
};

static void on_poll(uv_poll_t *handle, int status, int events)
{
    struct watch *watch = uv_handle_get_data((uv_handle_t *)handle);
    napi_handle_scope scope;
    if (watch->on_event == NULL || napi_open_handle_scope(watch->env, &scope) != napi_ok)
        return;
    napi_env env = watch->env;
    watch->on_event(watch->owner, status < 0, events);
    napi_close_handle_scope(env, scope);
}

static void on_closed(uv_handle_t *handle)
{
    struct watch *watch = uv_handle_get_data(handle);
    napi_handle_scope scope;
    if (napi_open_handle_scope(watch->env, &scope) == napi_ok) {
        napi_async_destroy(watch->env, watch->context);
        napi_close_handle_scope(watch->env, scope);
    }
    napi_remove_async_cleanup_hook(watch->cleanup);
    free(watch->handle);
    free(watch);
}

static void on_environment_end(napi_async_cleanup_hook_handle hook, void *data)
{
    (void)hook; /* removed in on_closed: until then the environment waits */
    struct watch *watch = data;
    if (watch->on_event != NULL)
        watch_close(watch);
}

static napi_status create_context(napi_env env, napi_async_context *context)
{
    napi_value name;
    napi_status status = napi_create_string_utf8(env, "kns-rootless", NAPI_AUTO_LENGTH, &name);
    return status == napi_ok ? napi_async_init(env, NULL, name, context) : status;
}

struct watch *watch_open(napi_env env, int fd, watch_event on_event, void *owner)
{
    uv_loop_t *loop;
    TRY(env, napi_get_uv_event_loop(env, &loop));
    struct watch *watch = calloc(1, sizeof *watch);
    uv_poll_t *handle = calloc(1, uv_handle_size(UV_POLL_TYPE));
    int status = watch && handle ? 0 : -ENOMEM;
    if (status == 0)
        status = uv_poll_init(loop, handle, fd);
    if (status != 0) {
        free(handle);
        free(watch);
        throw_errno(env, "uv_poll_init", -status);
        return NULL;
    }
    *watch = (struct watch){.env = env, .handle = handle, .on_event = on_event, .owner = owner};
    uv_handle_set_data((uv_handle_t *)handle, watch);
    if (create_context(env, &watch->context) != napi_ok ||
        napi_add_async_cleanup_hook(env, on_environment_end, watch, &watch->cleanup) != napi_ok)
        /* Out of memory in V8, or an environment already ending: nothing sound is left to do. */
        napi_fatal_error("watch_open", NAPI_AUTO_LENGTH, "no async context", NAPI_AUTO_LENGTH);
    return watch;
}

bool watch_for(struct watch *watch, int events)
{
    int status = events != 0 ? uv_poll_start(watch->handle, events, on_poll) : uv_poll_stop(watch->handle);
    if (status != 0)
        throw_errno(watch->env, "uv_poll_start", -status);
    return status == 0;
}

void watch_unref(struct watch *watch)
{
    uv_unref((uv_handle_t *)watch->handle);
}

void watch_close(struct watch *watch)
{
    watch->on_event = NULL;
    uv_close((uv_handle_t *)watch->handle, on_closed);
}

napi_env watch_env(const struct watch *watch)
{
    return watch->env;
}

napi_async_context watch_context(const struct watch *watch)
{
    return watch->context;
}

/* The JavaScript side: an external that holds one watch and its callback. */
struct js_watch {
    struct watch *watch; /* NULL once closed */
    napi_ref callback;
    napi_ref self; /* keeps the external from being collected while the watch is open */
};

static void js_watch_event(void *owner, bool failed, int events)
{
    struct js_watch *self = owner;
    napi_env env = watch_env(self->watch);
    (void)events;
    if (failed)
        watch_for(self->watch, 0);
    call_back(env, watch_context(self->watch), self->callback, 0, NULL);
}

static void js_watch_close(napi_env env, struct js_watch *self)
{
    if (self->watch == NULL)
        return;
    watch_close(self->watch);
    self->watch = NULL;
    napi_delete_reference(env, self->callback);
    napi_delete_reference(env, self->self);
}

static void js_watch_finalize(napi_env env, void *data, void *hint)
{
    (void)env;
    (void)hint;
    free(data);
}

/* watchReadable(fd, callback): a handle for closeWatch */
static napi_value watch_readable(napi_env env, napi_callback_info info)
{
    napi_value args[2], result;
    int fd;
    if (!get_args(env, info, 2, args) || !get_int(env, args[0], &fd))
        return NULL;
    struct js_watch *self = calloc(1, sizeof *self);
    if (self == NULL) {
        throw_errno(env, "calloc", ENOMEM);
        return NULL;
    }
    TRY(env, napi_create_external(env, self, js_watch_finalize, NULL, &result));
    TRY(env, napi_create_reference(env, args[1], 1, &self->callback));
    TRY(env, napi_create_reference(env, result, 1, &self->self));
    self->watch = watch_open(env, fd, js_watch_event, self);
    if (self->watch == NULL)
        return NULL;
    return watch_for(self->watch, UV_READABLE) ? result : NULL;
}

/* closeWatch(handle) */
static napi_value close_watch(napi_env env, napi_callback_info info)
{
    napi_value args[1];
    void *self;
    if (!get_args(env, info, 1, args))
        return NULL;
    TRY(env, napi_get_value_external(env, args[0], &self));
    js_watch_close(env, self);
    return undefined(env);
}

bool watch_exports(napi_env env, napi_value exports)
{
    return define(env, exports, "watchReadable", watch_readable) &&
           define(env, exports, "closeWatch", close_watch);
}
