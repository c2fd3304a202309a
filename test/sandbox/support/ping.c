/* One echo to an address and its answer, by a ping socket, for which no privilege is needed (icmp(7)). */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

enum { ICMPV6_ECHO_REQUEST = 128, ICMPV6_ECHO_REPLY = 129 };

int main(int argc, char **argv)
{
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    struct sockaddr_in four = {.sin_family = AF_INET};
    const struct timeval wait = {.tv_sec = 10};
    struct icmphdr echo = {.un.echo.sequence = htons(1)}, answer;
    if (argc != 2)
        return 2;
    int is_six = inet_pton(AF_INET6, argv[1], &six.sin6_addr) == 1;
    if (!is_six && inet_pton(AF_INET, argv[1], &four.sin_addr) != 1)
        return 2;
    int fd = is_six ? socket(AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6) : socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
    const struct sockaddr *to = is_six ? (struct sockaddr *)&six : (struct sockaddr *)&four;
    echo.type = is_six ? ICMPV6_ECHO_REQUEST : ICMP_ECHO;
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) < 0 ||
        sendto(fd, &echo, sizeof echo, 0, to, is_six ? sizeof six : sizeof four) != sizeof echo ||
        recv(fd, &answer, sizeof answer, 0) != sizeof answer)
        return 1;
    return answer.type == (is_six ? ICMPV6_ECHO_REPLY : ICMP_ECHOREPLY) ? 0 : 1;
}
