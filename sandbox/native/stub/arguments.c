/*
 * The command's arguments, read from a pipe: bubblewrap takes 9,000 arguments
 * at most, and `*` in a large folder makes more. Each ends with a NUL, as in
 * /proc/PID/cmdline (proc(5)). None at all means that there is no command. An
 * end too early is harmless: whoever writes them gives the byte on which the
 * command starts as well.
 */
#define _GNU_SOURCE
#include "stub.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIRST_CAPACITY = 1 << 16 };

static void *check(void *memory)
{
    if (memory == NULL)
        die_errno("malloc");
    return memory;
}

static char *read_all(int fd, size_t *size)
{
    size_t capacity = FIRST_CAPACITY;
    char *text = check(malloc(capacity));
    *size = 0;
    for (;;) {
        if (*size == capacity)
            text = check(realloc(text, capacity *= 2));
        ssize_t length = read(fd, text + *size, capacity - *size);
        if (length < 0 && errno != EINTR)
            die_errno("read");
        if (length == 0)
            return text;
        if (length > 0)
            *size += (size_t)length;
    }
}

char **read_arguments(int fd)
{
    size_t size, count = 0;
    char *text = read_all(fd, &size);
    for (size_t i = 0; i < size; i++)
        count += text[i] == '\0';
    char **arguments = check(calloc(count + 1, sizeof *arguments));
    for (size_t i = 0; i < count; i++, text += strlen(text) + 1)
        arguments[i] = text;
    return arguments;
}
