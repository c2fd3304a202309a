/*
 * The command, read from a pipe: its working directory, its PWD, and its
 * arguments. bubblewrap takes 9,000 arguments at most, and `*` in a large folder
 * makes more; and Node passes arguments on as text, which a name need not be.
 * Each word ends with a NUL, as in /proc/PID/cmdline (proc(5)). No argument at
 * all means that there is no command. An end too early is harmless: whoever
 * writes them gives the byte on which the command starts as well.
 */
#define _GNU_SOURCE
#include "stub.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIRST_CAPACITY = 1 << 16 };

/* In front of the arguments. */
enum { WORD_DIRECTORY, WORD_PWD, WORD_FIRST_ARGUMENT };

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

void read_command(int fd, struct command *command)
{
    size_t size, count = 0;
    char *text = read_all(fd, &size);
    for (size_t i = 0; i < size; i++)
        count += text[i] == '\0';
    if (count < WORD_FIRST_ARGUMENT)
        die(EXIT_STUB, "kns-stub init", "no command came");
    char **words = check(calloc(count + 1, sizeof *words));
    for (size_t i = 0; i < count; i++, text += strlen(text) + 1)
        words[i] = text;
    command->directory = words[WORD_DIRECTORY];
    command->pwd = words[WORD_PWD];
    command->arguments = words + WORD_FIRST_ARGUMENT;
}
