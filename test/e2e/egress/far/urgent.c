/*
 * urgent PORT: a server whose every answer has urgent data in the middle, as a
 * telnet server's has where output is to be thrown away (RFC 854, "Synch"). It
 * answers a first byte, and leaves it to the client to close.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void answer(int client)
{
    char byte;
    if (read(client, &byte, 1) == 1) {
        send(client, "before", 6, 0);
        send(client, "!", 1, MSG_OOB);
        send(client, "after", 5, 0);
        while (read(client, &byte, 1) > 0)
            ;
    }
    close(client);
}

int main(int argc, char **argv)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[argc - 1]))};
    int server = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(server, (struct sockaddr *)&here, sizeof here) < 0 || listen(server, 16) < 0) {
        perror("urgent");
        return 1;
    }
    printf("ready\n");
    fflush(stdout);
    for (;;)
        answer(accept(server, NULL, NULL));
}
