/* The module's entry: each concern adds its own functions. */
#include "addon.h"

NAPI_MODULE_INIT()
{
    bool complete = socket_exports(env, exports) && process_exports(env, exports) &&
                    lock_exports(env, exports) &&
                    watch_exports(env, exports) && device_exports(env, exports) && ring_exports(env, exports) &&
                    signals_exports(env, exports) && datagram_exports(env, exports) &&
                    stream_exports(env, exports) &&
                    ports_exports(env, exports);
    if (!complete)
        throw_last_error(env);
    return exports;
}
