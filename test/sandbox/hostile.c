/*
 * Tries what a program that means harm would, and prints one line for each:
 * what it was, and "done" or the error.
 *
 *   hostile HOST-PID ABSTRACT-NAME LOOPBACK-PORT [nested]
 *
 * With "nested", all of it as root of a user namespace of its own.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/bpf.h>
#include <linux/if_packet.h>
#include <linux/nsfs.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

static void tell(const char *what, long result)
{
    if (result >= 0)
        printf("%s: done\n", what);
    else
        printf("%s: %s\n", what, strerrorname_np(errno));
    fflush(stdout);
}

static long open_file(const char *path, int flags)
{
    return open(path, flags | O_CLOEXEC);
}

static long enter(const char *path)
{
    long fd = open_file(path, O_RDONLY);
    return fd < 0 ? fd : setns((int)fd, 0);
}

static long take_fd(int pid)
{
    long pidfd = syscall(SYS_pidfd_open, pid, 0);
    if (pidfd < 0)
        return pidfd;
    for (int fd = 0; fd < 64; fd++) {
        if (syscall(SYS_pidfd_getfd, pidfd, fd, 0) >= 0)
            return 0;
        if (errno != EBADF)
            return -1;
    }
    return -1;
}

static long read_memory(int pid)
{
    char byte;
    struct iovec local = {.iov_base = &byte, .iov_len = 1}, remote = {.iov_base = &byte, .iov_len = 1};
    return process_vm_readv(pid, &local, 1, &remote, 1, 0);
}

/* Whether it succeeds on any process but the first and this one; ESRCH where there is none. */
static long on_others(long (*attempt)(int pid))
{
    DIR *proc = opendir("/proc");
    struct dirent *entry;
    long result = -1;
    int error = ESRCH;
    while (proc && result < 0 && (entry = readdir(proc)) != NULL) {
        int pid = atoi(entry->d_name);
        if (pid <= 1 || pid == getpid())
            continue;
        result = attempt(pid);
        error = errno;
    }
    if (proc)
        closedir(proc);
    errno = error;
    return result;
}

static long trace(int pid)
{
    return ptrace(PTRACE_SEIZE, pid, NULL, NULL);
}

static long open_of(int pid, const char *name, int flags)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    return open_file(path, flags);
}

static long open_memory(int pid)
{
    return open_of(pid, "mem", O_RDWR);
}

static long open_program(int pid)
{
    return open_of(pid, "exe", O_RDONLY);
}

static long open_root(int pid)
{
    return open_of(pid, "root", O_RDONLY | O_DIRECTORY);
}

static long open_files(int pid)
{
    return open_of(pid, "fd", O_RDONLY | O_DIRECTORY);
}

/* The next one up, from which the rest of the host could be entered: ioctl_ns(2) */
static long open_parent_namespace(void)
{
    long fd = open_file("/proc/self/ns/user", O_RDONLY);
    return fd < 0 ? fd : ioctl((int)fd, NS_GET_PARENT);
}

/* What is beneath the mounts of the sandbox: a copy of / without them */
static long uncover(void)
{
    return syscall(SYS_open_tree, AT_FDCWD, "/", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
}

static long make_writable(const char *path)
{
    return mount(NULL, path, NULL, MS_REMOUNT | MS_BIND, NULL);
}

/* One that somebody has left open to this program */
static long find_open_file(void)
{
    for (int fd = STDERR_FILENO + 1; fd < 4096; fd++) {
        if (fcntl(fd, F_GETFD) >= 0)
            return fd;
    }
    return -1;
}

/* Root may list the numbers, and no more. */
static long reopen_file(int pid)
{
    char name[16];
    long result = -1;
    for (int fd = 0; fd < 64 && result < 0; fd++) {
        snprintf(name, sizeof name, "fd/%d", fd);
        result = open_of(pid, name, O_RDONLY);
    }
    return result;
}

static long make_tun(const char *name)
{
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    long fd = open_file("/dev/net/tun", O_RDWR);
    strcpy(request.ifr_name, name);
    return fd < 0 ? fd : ioctl((int)fd, TUNSETIFF, &request);
}

static long take_interface_down(void)
{
    struct ifreq request = {.ifr_name = "kns0"};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    return fd < 0 ? fd : ioctl(fd, SIOCSIFFLAGS, &request);
}

static long connect_abstract(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(name);
    memcpy(address.sun_path + 1, name, length);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    return connect(fd, (void *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length));
}

static long connect_loopback(const char *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return connect(socket(AF_INET, SOCK_STREAM, 0), (void *)&address, sizeof address);
}

static void write_map(const char *path, unsigned int id)
{
    char text[32];
    int fd = open(path, O_WRONLY), length = snprintf(text, sizeof text, "0 %u 1", id);
    if (fd < 0 || write(fd, text, (size_t)length) < 0)
        perror(path);
    close(fd);
}

static void nest(void)
{
    unsigned int uid = getuid(), gid = getgid();
    tell("nested user namespace", unshare(CLONE_NEWUSER | CLONE_NEWNS));
    int fd = open("/proc/self/setgroups", O_WRONLY);
    if (fd >= 0 && write(fd, "deny", 4) < 0)
        perror("setgroups");
    close(fd);
    write_map("/proc/self/uid_map", uid);
    write_map("/proc/self/gid_map", gid);
}

int main(int argc, char **argv)
{
    int host = atoi(argv[1]);
    bool nested = argc > 4;
    tell("open file", find_open_file());
    if (nested)
        nest();
    else
        tell("mount", mount("none", "/mnt", "tmpfs", 0, NULL));
    tell("unmount /proc", umount2("/proc", MNT_DETACH));
    tell("unmount /etc", umount2("/etc", MNT_DETACH));
    tell("unmount /sys", umount2("/sys", MNT_DETACH));
    tell("/ bare of mounts", mount("/", "/mnt", NULL, MS_BIND, NULL));
    tell("tree of / bare of mounts", uncover());
    tell("/etc writable", make_writable("/etc"));
    tell("/sys writable", make_writable("/sys"));
    tell("own cgroup namespace", unshare(CLONE_NEWCGROUP));
    tell("parent user namespace", open_parent_namespace());
    if (!nested) {
        tell("own network namespace", unshare(CLONE_NEWNET));
        tell("chroot", chroot("/tmp"));
        tell("ptrace 1", ptrace(PTRACE_ATTACH, 1, NULL, NULL));
    }
    tell("enter network of 1", enter("/proc/1/ns/net"));
    tell("enter user namespace of 1", enter("/proc/1/ns/user"));
    tell("memory of 1", read_memory(1));
    tell("open memory of 1", open_file("/proc/1/mem", O_RDWR));
    tell("root of 1", open_file("/proc/1/root/", O_RDONLY));
    tell("directory of 1", open_file("/proc/1/cwd/", O_RDONLY));
    tell("program of 1", open_file("/proc/1/exe", O_RDONLY));
    tell("memory map of 1", open_file("/proc/1/maps", O_RDONLY));
    tell("environment of 1", open_file("/proc/1/environ", O_RDONLY));
    tell("a file of 1", reopen_file(1));
    tell("take a file of 1", take_fd(1));
    tell("trace another", on_others(trace));
    tell("memory of another", on_others(read_memory));
    tell("open memory of another", on_others(open_memory));
    tell("program of another", on_others(open_program));
    tell("root of another", on_others(open_root));
    tell("files of another", on_others(open_files));
    tell("take a file of another", on_others(take_fd));
    tell("kill the host", kill(host, 0));
    tell("trace the host", ptrace(PTRACE_ATTACH, host, NULL, NULL));
    tell("raw socket", socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
    tell("packet socket", socket(AF_PACKET, SOCK_RAW, 0));
    tell("take kns0", make_tun("kns0"));
    tell("make a tun", make_tun("evil0"));
    tell("kns0 down", take_interface_down());
    tell("host name", sethostname("evil", 4));
    tell("sysctl", open_file("/proc/sys/kernel/core_pattern", O_WRONLY));
    tell("sysctl of the network", open_file("/proc/sys/net/ipv4/ip_forward", O_WRONLY));
    tell("limit of namespaces", open_file("/proc/sys/user/max_user_namespaces", O_WRONLY));
    tell("sysrq", open_file("/proc/sysrq-trigger", O_WRONLY));
    tell("privileges by exec", prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
    union bpf_attr map = {.map_type = BPF_MAP_TYPE_LPM_TRIE, .key_size = 8, .value_size = 8,
                          .max_entries = 1, .map_flags = BPF_F_NO_PREALLOC};
    tell("bpf", syscall(SYS_bpf, BPF_MAP_CREATE, &map, sizeof map));
    tell("abstract socket of the host", connect_abstract(argv[2]));
    tell("loopback of the host", connect_loopback(argv[3]));
    return 0;
}
