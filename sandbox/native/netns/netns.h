/*
 * kns-netns: prepares a sandbox from inside its namespaces.
 *
 * A process of its own, because setns(2) into a user namespace refuses a
 * process with threads, which Node has. It is started beside bubblewrap, waits
 * for requests on one SOCK_SEQPACKET, answers each with one message, and ends
 * when the host lets go of the sandbox, or ends itself. The command never gets
 * the capabilities that are used here: they come from entering the user
 * namespace as its owner (user_namespaces(7)).
 *
 *   "link PID tun|veth offload|plain MTU ADDRESS/LENGTH GATEWAY [ADDRESS/LENGTH GATEWAY]"
 *                enter the namespaces of PID, unless that was done; answer "ok"
 *                with the device's fd, and " offload=none", "=tcp" or "=tcp+udp".
 *                The first address is of IPv4, the second of IPv6
 *   "cover PATH"
 *                let nobody inside open this socket, pipe or device; answer "ok".
 *                Comes before "files"
 *   "copy PATH"
 *                lay a read-only copy of this file over it, which is the command's
 *                own; answer "ok". Comes before "files"
 *   "files [deny-namespaces]"
 *                mount /etc and /sys, let nobody inside make further cgroup
 *                namespaces, nor user namespaces if asked to, and give up all
 *                privilege; answer "ok" with a directory fd
 *   "listen PROTOCOL ADDRESS PORT"
 *                answer "ok" with a socket that is bound there, in the sandbox's
 *                network, and listens if PROTOCOL is tcp and not udp
 *   "socket KIND COUNT"
 *                answer "ok" with as many sockets in the sandbox's network, to be
 *                connected: tcp4, tcp6, udp4, udp6; or of netlink's, diag
 *   "namespace KIND"
 *                answer "ok" with an fd of the sandbox's user, net, ipc, mnt or
 *                pid namespace, for others to join it (kns-stub join)
 *
 * A failure is answered by "error ERRNO CALL". What was tried and may fail is
 * told after "ok", one " NAME:ERRNO" each.
 */
#ifndef KNS_NETNS_H
#define KNS_NETNS_H

#include <stdbool.h>
#include <stdint.h>

/* Which call failed, and how. Functions return -1 with this filled. */
struct failure {
    int error;
    char call[96];
};

/* Most fds in an answer; no more fit into a message that the host receives (addon/socket.c). */
enum { MAX_FDS = 32 };

/* The fds that outlive one request. */
struct namespaces {
    int proc;    /* the host's /proc, usable after its mount namespace is left */
    int network; /* the sandbox's network namespace; -1 before it is entered */
    int user;    /* its owner */
    int mount;   /* and the others of the sandbox's first process */
    int ipc;
    int pid;
};

/* failure.c */
int fail(struct failure *failure, const char *call);
int fail_with(struct failure *failure, const char *call, int error);

/* enter.c: once, whoever asks for it again; a failure is for good */
int enter_network(const char *pid, struct namespaces *namespaces, struct failure *failure);
int enter_mounts(const struct namespaces *namespaces, struct failure *failure);
/* A copy of an open one, by the name that /proc/PID/ns has for its kind */
int copy_namespace(const struct namespaces *namespaces, const char *kind, struct failure *failure);

/* inherited.c: what whoever started this process left open for it */
void close_inherited(int control);

/* privilege.c: all but that for ports below 1024, if that is to be kept */
int drop_capabilities(bool keep_low_ports, struct failure *failure);

/* listen.c: the words after "listen"; the fd of the socket */
int open_listener(char *words, struct failure *failure);

/* sockets.c: the words after "socket"; how many fds there are in `fds`, which has room for MAX_FDS */
int open_sockets(char *words, int *fds, struct failure *failure);

/* sysctl.c: a setting below /proc/sys; 0, or the errno */
int write_sysctl(const struct namespaces *namespaces, const char *name, const char *value);

/* mounts/etc.c: an fd of the directory where our own files lie, writable from there only */
int mount_etc(struct failure *failure);

/* mounts/sys.c: 0, or the errno of what could not be had */
int mount_sys(const struct namespaces *namespaces);

/* mounts/protect.c: 0, or the errno of what can't be made read-only */
int protect_sys(const struct namespaces *namespaces);
int protect_sysctl(const struct namespaces *namespaces);

/* mounts/cover.c */
int cover_file(const char *path, struct failure *failure);

/* mounts/copy.c */
int copy_file(const char *path, struct failure *failure);

/* mounts/tree.c: the detached copy of a mount and all below it; attaches such a copy; sets further flags of mount(2) */
int clone_tree(const char *path, bool recursive);
int attach_tree(int tree, const char *path);
int restrict_mount(const char *path, unsigned long flags);

#endif
