/* Readiness of a file descriptor on the event loop, for the other files of the addon. */
#ifndef KNS_WATCH_H
#define KNS_WATCH_H

#include "addon.h"
#include "uv.h"

struct watch;

/* `failed` when the fd can't be waited on any more; `events` are UV_READABLE and UV_WRITABLE. */
typedef void (*watch_event)(void *owner, bool failed, int events);

/* NULL with an exception pending. The fd stays the caller's and may be closed after watch_close. */
struct watch *watch_open(napi_env env, int fd, watch_event on_event, void *owner);
/* Waits for these events from now on; 0 waits for none. */
bool watch_for(struct watch *watch, int events);
/* Does not keep the event loop alive. */
void watch_unref(struct watch *watch);
/* No event comes after this call; the memory is freed by the loop. */
void watch_close(struct watch *watch);

napi_env watch_env(const struct watch *watch);
napi_async_context watch_context(const struct watch *watch);

#endif
