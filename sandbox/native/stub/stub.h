/*
 * kns-stub: the small programs on either side of bubblewrap.
 *
 *   host ── kns-stub guard ── bwrap ── kns-stub init ── execs the command
 *
 * guard.c ends everything when the host is gone, and witness.c knows which
 * signals went to the whole process group. init.c is pid 1 inside; command.c
 * holds the command back until it may start, and terminal.c keeps it from
 * typing into its caller's shell. The guard and init speak to the host over a
 * SOCK_SEQPACKET each. For a further command in a sandbox that stands, join.c
 * takes bubblewrap's place.
 */
#ifndef KNS_STUB_H
#define KNS_STUB_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* The exit status of a failure of ours; 126 and 127 are the command's, as shells have them. */
enum { EXIT_STUB = 125, EXIT_CANNOT_EXECUTE = 126, EXIT_NOT_FOUND = 127 };

/* As many as the host passes on (sandbox/process/inherited-fds.ts). */
enum { MAX_INHERITED = 64 };

/* Fds first, first + 1, … and the numbers that they shall have. */
struct inherited {
    int first;
    int count;
    int numbers[MAX_INHERITED];
};

/* What the command shall find when it starts. */
struct command {
    char **arguments;
    int control;
    int stderr_fd;
    struct inherited inherited;
    uint64_t ignored_signals; /* bit n-1 for signal n, as SigIgn of proc(5) */
    const char *open_files;   /* "-" where the caller's limit is not known */
    const char *directory;
    const char *pwd; /* "=VALUE", or "-" where the caller had none */
};

int guard_main(int argc, char **argv);
int join_main(int argc, char **argv);
/* joined: in a sandbox whose first process is another's */
int init_main(int argc, char **argv, bool joined);

/* command.c: waits for the host's word, then becomes the command */
_Noreturn void run_command(const struct command *command);

/* ready.c */
void send_ready(int control);

/* arguments.c: directory, PWD and arguments, read to the end; the last are terminated by NULL */
void read_command(int fd, struct command *command);

/* inherited.c */
struct inherited parse_inherited(const char *numbers, int first);
void place_inherited(const struct inherited *inherited);
void close_all_but(const int *kept, int count);

/* terminal.c: for this process and all it starts; no_new_privs must be set */
void protect_terminal(void);

/* witness.c: what reached this process; waits out a kill(2) of a group; whether it saw this one, once */
struct signalfd_siginfo;
void witness_note(const struct signalfd_siginfo *info);
void witness_wait_for_group(void);
bool witness_take(int signo, uint32_t sender);

/* children.c: makes orphaned descendants children; kills all children until there is none */
void adopt_orphans(void);
int end_everything(pid_t watched, int code);

/* entry.c: the directory by which a host that was killed was found */
void remove_entry(const char *path);

/*
 * privilege.c: what a user who is not root would pass on to programs (capabilities(7)), and bubblewrap takes for a
 * mistake in its installation
 */
void drop_ambient(void);
/* all but CAP_NET_ADMIN and CAP_NET_RAW, if these are to be kept */
void drop_privileges(bool keep_network);

/* die.c */
_Noreturn void die(int status, const char *what, const char *why);
_Noreturn void die_errno(const char *call);
int parse_int(const char *text);
/* Of a status of wait(2), as shells count */
int exit_code(int status);

#endif
