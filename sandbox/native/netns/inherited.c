/*
 * Files of the host's caller, which Node passes on where it does not know of
 * them. This process stays for as long as the sandbox, and nobody is to wait that
 * long for a lock of a script's, or the end of a pipe.
 */
#define _GNU_SOURCE
#include "netns.h"

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

void close_inherited(int control)
{
    DIR *open_files = opendir("/proc/self/fd");
    struct dirent *entry;
    while (open_files && (entry = readdir(open_files)) != NULL) {
        int fd = atoi(entry->d_name); /* of "." and "..": 0 */
        if (fd > STDERR_FILENO && fd != control && fd != dirfd(open_files))
            close(fd);
    }
    if (open_files)
        closedir(open_files);
}
