/** Who the command is inside, and what it may: the namespaces, ids and capabilities that bubblewrap gives it. */

export interface PrivilegeOptions {
  /** Who the command is inside; default: the caller. Outside it stays the caller always. */
  readonly uid?: number;
  readonly gid?: number;
  /** CAP_NET_ADMIN and CAP_NET_RAW over the sandbox's own network, and nothing else. */
  readonly netAdmin?: boolean;
  /** Whether the command may make user namespaces of its own, as browsers do; default: it may. */
  readonly nestedUserNamespaces?: boolean;
  /** The host's processes are seen, and what the command leaves running stays. */
  readonly sharePid?: boolean;
}

/**
 * No capability stays, not even when root starts it: root's bubblewrap keeps
 * them all otherwise. Nobody shares the pids of init, so it is pid 1 itself
 * where they are not the host's (native/stub/init.c).
 */
export function privilegeArguments(options: PrivilegeOptions): string[] {
  const { uid, gid, netAdmin, sharePid } = options;
  return [
    '--unshare-user',
    '--unshare-net',
    '--unshare-ipc',
    ...(sharePid ? [] : ['--unshare-pid', '--as-pid-1']),
    '--cap-drop',
    'ALL',
    ...(netAdmin ? ['--cap-add', 'CAP_NET_ADMIN', '--cap-add', 'CAP_NET_RAW'] : []),
    ...(uid === undefined ? [] : ['--uid', String(uid)]),
    ...(gid === undefined ? [] : ['--gid', String(gid)]),
    '--die-with-parent',
  ];
}
