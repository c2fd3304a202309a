/* Lines of /proc/PID/mountinfo: proc(5). Escapes don't occur in the paths that are looked for, below /sys and /proc. */
#ifndef KNS_MOUNTINFO_H
#define KNS_MOUNTINFO_H

#include "../netns.h"

#include <stdio.h>
#include <string.h>

enum { MAX_PATH = 256 };

/* The fifth field of a line */
static inline bool mount_point(const char *line, char path[MAX_PATH])
{
    return sscanf(line, "%*s %*s %*s %*s %255s", path) == 1;
}

static inline bool is_below(const char *path, const char *parent)
{
    size_t length = strlen(parent);
    return strncmp(path, parent, length) == 0 && path[length] == '/';
}

#endif
