/*
 * kns-stub: the small programs on either side of bubblewrap.
 *
 *   host ── kns-stub guard ── bwrap ── bwrap (pid 1 inside) ── kns-stub command ── execs the command
 *
 * guard.c ends everything when the host is gone; command.c holds the command
 * back until it may start, and terminal.c keeps it from typing into its caller's
 * shell. Guard and command speak to the host over one SOCK_SEQPACKET.
 */
#ifndef KNS_STUB_H
#define KNS_STUB_H

/* The exit status of a failure of ours; 126 and 127 are the command's, as shells have them. */
enum { EXIT_STUB = 125, EXIT_CANNOT_EXECUTE = 126, EXIT_NOT_FOUND = 127 };

int guard_main(int argc, char **argv);
int command_main(int argc, char **argv);

/* arguments.c: read to the end, and terminated by NULL */
char **read_arguments(int fd);

/* terminal.c: for this process and all it starts; no_new_privs must be set */
void protect_terminal(void);

/* die.c */
_Noreturn void die(int status, const char *what, const char *why);
_Noreturn void die_errno(const char *call);
int parse_int(const char *text);

#endif
