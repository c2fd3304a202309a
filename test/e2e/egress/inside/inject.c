/* Sends IP packets, each given in hex as an argument, out of kns0 as they are (packet(7)). */
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { MAX_PACKET = 2048 };

int main(int argc, char **argv)
{
    struct sockaddr_ll link = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex("kns0")};
    socklen_t length = sizeof link;
    int fd = socket(AF_PACKET, SOCK_DGRAM, 0);
    /* The name of a bound socket has the interface's own address: without ARP, frames go to that. */
    if (fd < 0 || bind(fd, (struct sockaddr *)&link, sizeof link) < 0 ||
        getsockname(fd, (struct sockaddr *)&link, &length) < 0) {
        perror("packet socket");
        return 1;
    }
    for (int i = 1; i < argc; i++) {
        unsigned char packet[MAX_PACKET];
        size_t bytes = strlen(argv[i]) / 2;
        if (bytes > sizeof packet)
            return 2;
        for (size_t at = 0; at < bytes; at++)
            if (sscanf(argv[i] + 2 * at, "%2hhx", &packet[at]) != 1)
                return 2;
        link.sll_protocol = htons(packet[0] >> 4 == 6 ? ETHERTYPE_IPV6 : ETHERTYPE_IP);
        if (sendto(fd, packet, bytes, 0, (struct sockaddr *)&link, sizeof link) < 0) {
            perror("send");
            return 1;
        }
    }
    return 0;
}
