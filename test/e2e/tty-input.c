/*
 * Tries every way to put a character into the input of the terminal on stdin,
 * and prints what each came to: "injected", or the error.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void tell(const char *way, long result, int error)
{
    if (result >= 0)
        printf("%s: injected\n", way);
    else if (error == EPERM)
        printf("%s: EPERM\n", way);
    else
        printf("%s: E%d\n", way, error);
}

static void attempt(const char *way, long number, unsigned long request, const void *argument)
{
    long result = syscall(number, STDIN_FILENO, request, argument);
    tell(way, result, errno);
}

#if defined(__x86_64__)
/* In a child, since a kernel without the 32-bit calls ends whoever tries. */
static void attempt_32_bit(const char *argument)
{
    fflush(stdout);
    if (fork() == 0) {
        long result;
        __asm__ volatile("int $0x80"
                         : "=a"(result)
                         : "a"(54L), "b"((long)STDIN_FILENO), "c"((long)TIOCSTI), "d"((long)argument)
                         : "memory", "r8", "r9", "r10", "r11");
        tell("32-bit", result, (int)-result);
        fflush(stdout);
        _exit(0);
    }
    int status;
    wait(&status);
    if (WIFSIGNALED(status))
        puts("32-bit: none");
}
#endif

int main(void)
{
    /* Where a 32-bit pointer reaches. */
    char *character = mmap((void *)0x100000, 4096, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    strcpy(character, "x");
    attempt("plain", SYS_ioctl, TIOCSTI, character);
    attempt("upper half set", SYS_ioctl, TIOCSTI | 0x5eedUL << 32, character);
    attempt("TIOCLINUX", SYS_ioctl, TIOCLINUX, character);
#if defined(__x86_64__)
    attempt("x32", 0x40000000 | 514, TIOCSTI, character);
    attempt("x32, native number", 0x40000000 | SYS_ioctl, TIOCSTI, character);
    attempt_32_bit(character);
#endif
    struct winsize size;
    puts(ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0 ? "window size: known" : "window size: unknown");
    return 0;
}
