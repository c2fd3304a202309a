/* Chooses the role. */
#include "stub.h"

#include <string.h>
#include <unistd.h>

/* kns-stub plain PROGRAM [ARGUMENT…]: as the guard runs bubblewrap, for who wants to know what comes of that. */
static _Noreturn void become_plain(char **argv)
{
    drop_ambient();
    execv(argv[0], argv);
    die_errno(argv[0]);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "guard") == 0)
        return guard_main(argc - 2, argv + 2);
    if (argc > 1 && strcmp(argv[1], "init") == 0)
        return init_main(argc - 2, argv + 2, false);
    if (argc > 1 && strcmp(argv[1], "join") == 0)
        return join_main(argc - 2, argv + 2);
    if (argc > 2 && strcmp(argv[1], "plain") == 0)
        become_plain(argv + 2);
    die(EXIT_STUB, "kns-stub", "unknown role");
}
