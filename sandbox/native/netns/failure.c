/* Which call failed, and how: what every part reports in the same way. */
#include "netns.h"

#include <errno.h>
#include <stdio.h>

int fail_with(struct failure *failure, const char *call, int error)
{
    failure->error = error;
    snprintf(failure->call, sizeof failure->call, "%s", call);
    return -1;
}

int fail(struct failure *failure, const char *call)
{
    return fail_with(failure, call, errno);
}
