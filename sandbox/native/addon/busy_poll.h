/* What device.c tells, so that the event loop looks before it sleeps. */
#ifndef KNS_BUSY_POLL_H
#define KNS_BUSY_POLL_H

#include "addon.h"
#include "uv.h"

struct busy_poll;

enum direction { FROM_COMMAND, TO_COMMAND };

/* NULL where it can't be or is of no use: the event loop sleeps at once then, and the calls below do nothing. */
struct busy_poll *busy_poll_open(napi_env env);
/* So many bytes have come or gone, in one frame or several. */
void busy_poll_moved(struct busy_poll *busy, enum direction direction, size_t bytes);
void busy_poll_close(struct busy_poll *busy);

#endif
