/* urgent-client PORT: says something with urgent data in the middle, and waits for the end. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct sockaddr_in there = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)atoi(argv[argc - 1])),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int server = socket(AF_INET, SOCK_STREAM, 0);
    char byte;
    if (connect(server, (struct sockaddr *)&there, sizeof there) < 0)
        return 1;
    send(server, "before", 6, 0);
    send(server, "!", 1, MSG_OOB);
    send(server, "after", 5, 0);
    shutdown(server, SHUT_WR);
    while (read(server, &byte, 1) > 0)
        ;
    return 0;
}
