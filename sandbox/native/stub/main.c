/* Chooses the role. */
#include "stub.h"

#include <string.h>

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "guard") == 0)
        return guard_main(argc - 2, argv + 2);
    if (argc > 1 && strcmp(argv[1], "init") == 0)
        return init_main(argc - 2, argv + 2, false);
    if (argc > 1 && strcmp(argv[1], "join") == 0)
        return join_main(argc - 2, argv + 2);
    die(EXIT_STUB, "kns-stub", "unknown role");
}
