/*
 * The part of libuv's stable ABI that watch.c and busy_poll.c use. Node exports these symbols
 * but need not have its headers installed.
 */
#ifndef KNS_UV_H
#define KNS_UV_H

#include <stddef.h>

typedef struct uv_loop_s uv_loop_t;
typedef struct uv_handle_s uv_handle_t;
typedef struct uv_poll_s uv_poll_t;
typedef struct uv_prepare_s uv_prepare_t;
typedef void (*uv_poll_cb)(uv_poll_t *handle, int status, int events);
typedef void (*uv_prepare_cb)(uv_prepare_t *handle);
typedef void (*uv_close_cb)(uv_handle_t *handle);

/* uv_handle_type and uv_poll_event, as of libuv 1.0 */
enum { UV_POLL_TYPE = 8, UV_PREPARE_TYPE = 9 };
enum { UV_READABLE = 1, UV_WRITABLE = 2 };

size_t uv_handle_size(int type);
void *uv_handle_get_data(const uv_handle_t *handle);
void uv_handle_set_data(uv_handle_t *handle, void *data);
int uv_poll_init(uv_loop_t *loop, uv_poll_t *handle, int fd);
int uv_poll_start(uv_poll_t *handle, int events, uv_poll_cb callback);
int uv_poll_stop(uv_poll_t *handle);
int uv_prepare_init(uv_loop_t *loop, uv_prepare_t *handle);
int uv_prepare_start(uv_prepare_t *handle, uv_prepare_cb callback);
int uv_backend_fd(const uv_loop_t *loop);
int uv_backend_timeout(const uv_loop_t *loop);
void uv_close(uv_handle_t *handle, uv_close_cb callback);
void uv_unref(uv_handle_t *handle);

#endif
